/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Paths with labels and the time in them. Immutable once made; any thread.
 */
#include "config.h"

#include <string.h>

#include "muster-file-path.h"

#define LABEL_MAX 128

typedef enum
{
  PART_LITERAL,
  PART_WORKER,
  PART_HOST,
  PART_CLUSTER,
  PART_TIME,
} PartKind;

typedef struct
{
  PartKind kind;
  char *text; /* owned; of a literal the text, of a time its strftime format; else NULL */
} Part;

struct _MusterFilePath
{
  GArray *parts; /* owned; of Part */
  gboolean has_labels;
  gboolean has_time;
};

static void
part_clear (gpointer data)
{
  g_free (((Part *) data)->text);
}

static void
add_part (MusterFilePath *path, PartKind kind, const char *text, gsize length)
{
  Part part = { kind, text != NULL ? g_strndup (text, length) : NULL };

  path->has_labels |= kind == PART_WORKER || kind == PART_HOST || kind == PART_CLUSTER;
  path->has_time |= kind == PART_TIME;
  g_array_append_val (path->parts, part);
}

/* @name is what stands between the braces. */
static gboolean
add_placeholder (MusterFilePath *path, const char *pattern, const char *name, gsize length, GError **error)
{
  g_autofree char *word = g_strndup (name, length);

  if (g_str_equal (word, "worker"))
    add_part (path, PART_WORKER, NULL, 0);
  else if (g_str_equal (word, "host"))
    add_part (path, PART_HOST, NULL, 0);
  else if (g_str_equal (word, "cluster"))
    add_part (path, PART_CLUSTER, NULL, 0);
  else if (g_str_has_prefix (word, "time:") && word[5] != '\0')
    add_part (path, PART_TIME, word + 5, length - 5);
  else
    {
      g_set_error (
          error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
          "path '%s': {%s} is not known; there are {worker}, {host}, {cluster}, {time:FORMAT} with a format of "
          "strftime(3), and {{ for a brace",
          pattern, word);
      return FALSE;
    }
  return TRUE;
}

static gboolean
parse (MusterFilePath *path, const char *pattern, GError **error)
{
  const char *in = pattern;

  while (*in != '\0')
    {
      gsize literal = strcspn (in, "{");
      const char *end;

      if (in[literal] == '{' && in[literal + 1] == '{')
        literal++;
      if (literal > 0)
        {
          add_part (path, PART_LITERAL, in, literal);
          in += literal + (in[literal] == '{' && in[literal - 1] == '{');
          continue;
        }
      end = strchr (in, '}');
      if (end == NULL)
        {
          g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "path '%s': a { is not closed by a }", pattern);
          return FALSE;
        }
      if (!add_placeholder (path, pattern, in + 1, (gsize) (end - in - 1), error))
        return FALSE;
      in = end + 1;
    }
  return TRUE;
}

MusterFilePath *
muster_file_path_new (const char *pattern, GError **error)
{
  g_autoptr (MusterFilePath) path = g_new0 (MusterFilePath, 1);

  path->parts = g_array_new (FALSE, FALSE, sizeof (Part));
  g_array_set_clear_func (path->parts, part_clear);
  if (pattern == NULL || *pattern == '\0')
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                           "path is not set: name a file, as in path=/var/log/shop/{worker}.log");
      return NULL;
    }
  if (g_str_has_suffix (pattern, "/"))
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "path '%s' is a directory: name a file in it", pattern);
      return NULL;
    }
  return parse (path, pattern, error) ? g_steal_pointer (&path) : NULL;
}

void
muster_file_path_free (MusterFilePath *path)
{
  g_array_unref (path->parts);
  g_free (path);
}

gboolean
muster_file_path_has_labels (const MusterFilePath *path)
{
  return path->has_labels;
}

gboolean
muster_file_path_has_time (const MusterFilePath *path)
{
  return path->has_time;
}

/* Labels may come from anywhere: nothing of them may lead to another directory or hide a file. */
static void
append_label (GString *out, MusterSlice label)
{
  gsize length = MIN (label.length, LABEL_MAX);

  while (length > 0 && length < label.length && ((guint8) label.data[length] & 0xc0) == 0x80)
    length--; /* not in the middle of a character */
  if (length == 0)
    g_string_append_c (out, '_');
  for (gsize i = 0; i < length; i++)
    {
      guint8 byte = (guint8) label.data[i];
      gboolean is_safe = byte >= 0x20 && byte != 0x7f && byte != '/' && (byte != '.' || i > 0);

      g_string_append_c (out, is_safe ? (char) byte : '_');
    }
}

static void
append_time (GString *out, const char *format, time_t now)
{
  char text[512];
  struct tm local;

  localtime_r (&now, &local);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  g_string_append_len (out, text, (gssize) strftime (text, sizeof text, format, &local));
#pragma GCC diagnostic pop
}

char *
muster_file_path_expand (const MusterFilePath *path, const MusterOrigin *origin, time_t now)
{
  GString *out = g_string_sized_new (128);

  for (guint i = 0; i < path->parts->len; i++)
    {
      const Part *part = &g_array_index (path->parts, Part, i);

      switch (part->kind)
        {
        case PART_LITERAL:
          g_string_append (out, part->text);
          break;
        case PART_WORKER:
          append_label (out, origin->worker);
          break;
        case PART_HOST:
          append_label (out, origin->host);
          break;
        case PART_CLUSTER:
          append_label (out, origin->cluster);
          break;
        case PART_TIME:
          append_time (out, part->text, now);
          break;
        default:
          g_assert_not_reached ();
        }
    }
  return g_string_free (out, FALSE);
}

char *
muster_file_path_stamp (const MusterFilePath *path, time_t now)
{
  GString *out = g_string_new (NULL);

  for (guint i = 0; i < path->parts->len; i++)
    {
      const Part *part = &g_array_index (path->parts, Part, i);

      if (part->kind == PART_TIME)
        {
          append_time (out, part->text, now);
          g_string_append_c (out, '\n');
        }
    }
  return g_string_free (out, FALSE);
}
