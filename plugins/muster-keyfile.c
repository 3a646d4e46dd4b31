/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading a keyfile line by line: GKeyFile keeps no line numbers and stops at the first error. Takes any bytes and
 * believes none of them; nothing here touches a file (muster-keyfile-load.c does). Owned by one thread.
 */
#include "config.h"

#include <string.h>

#include "muster-keyfile-private.h"

typedef struct
{
  MusterKeyfile *keyfile;
  const char *file; /* borrowed from the keyfile */
  guint line;
  MusterKeyfileGroup *group;   /* borrowed, or nowhere; NULL before the first header */
  MusterKeyfileGroup *nowhere; /* owned: takes the keys after a header that could not be read */
  gboolean homeless;           /* a key before the first header has been reported */
} Parser;

static void
free_entry (gpointer data)
{
  MusterKeyfileEntry *entry = data;

  g_free (entry->key);
  g_free (entry->value);
  g_strfreev (entry->list);
  g_free (entry);
}

static MusterKeyfileGroup *
new_group (const char *kind, const char *name, const char *file, guint line)
{
  MusterKeyfileGroup *group = g_new0 (MusterKeyfileGroup, 1);

  group->kind = g_strdup (kind);
  group->name = g_strdup (name);
  group->label =
      kind == NULL ? NULL : g_strconcat ("[", kind, name != NULL ? " " : "", name != NULL ? name : "", "]", NULL);
  group->file = file;
  group->line = line;
  group->entries = g_ptr_array_new_with_free_func (free_entry);
  group->by_key = g_hash_table_new (g_str_hash, g_str_equal);
  return group;
}

static void
free_group (gpointer data)
{
  MusterKeyfileGroup *group = data;

  g_hash_table_unref (group->by_key);
  g_ptr_array_unref (group->entries);
  g_free (group->label);
  g_free (group->name);
  g_free (group->kind);
  g_free (group);
}

MusterKeyfile *
muster_keyfile_new (void)
{
  MusterKeyfile *keyfile = g_new0 (MusterKeyfile, 1);

  keyfile->groups = g_ptr_array_new_with_free_func (free_group);
  keyfile->problems = muster_problems_new ();
  keyfile->by_label = g_hash_table_new (g_str_hash, g_str_equal);
  keyfile->files = g_ptr_array_new_with_free_func (g_free);
  return keyfile;
}

void
muster_keyfile_free (MusterKeyfile *keyfile)
{
  g_hash_table_unref (keyfile->by_label);
  g_ptr_array_unref (keyfile->groups);
  g_ptr_array_unref (keyfile->files);
  muster_problems_free (keyfile->problems);
  g_free (keyfile);
}

MusterKeyfileGroup *
muster_keyfile_find_group (MusterKeyfile *keyfile, const char *label)
{
  return g_hash_table_lookup (keyfile->by_label, label);
}

const MusterKeyfileEntry *
muster_keyfile_group_find (const MusterKeyfileGroup *group, const char *key)
{
  return g_hash_table_lookup (group->by_key, key);
}

static const char *
label_of (const Parser *parser)
{
  return parser->group != NULL ? parser->group->label : NULL;
}

static void
strip (const char **start, const char **end)
{
  while (*start < *end && g_ascii_isspace (**start))
    (*start)++;
  while (*end > *start && g_ascii_isspace ((*end)[-1]))
    (*end)--;
}

/* White space, then `#`: the rest is a comment. */
static const char *
before_comment (const char *start, const char *end)
{
  for (const char *c = start + 1; c < end; c++)
    if (*c == '#' && (c[-1] == ' ' || c[-1] == '\t'))
      return c;
  return end;
}

/* [muster] may stand once in each file; other groups once in all of them. */
static void
begin_group (Parser *parser, const char *kind, const char *name)
{
  MusterKeyfileGroup *group = new_group (kind, name, parser->file, parser->line);
  MusterKeyfileGroup *other = muster_keyfile_find_group (parser->keyfile, group->label);

  if (other != NULL && strcmp (group->label, "[muster]") == 0 && other->file != parser->file)
    {
      free_group (group);
      other->file = parser->file;
      other->line = parser->line;
      parser->group = other;
      return;
    }
  if (other != NULL)
    {
      group->duplicate = TRUE;
      muster_problems_add (parser->keyfile->problems, parser->file, parser->line, group->label, NULL,
                           "the same group is at %s:%u already; expected each group once", other->file, other->line);
    }
  else
    g_hash_table_insert (parser->keyfile->by_label, group->label, group);
  g_ptr_array_add (parser->keyfile->groups, group);
  parser->group = group;
}

/* `[kind]` or `[kind NAME]`, the brackets included. */
static void
parse_header (Parser *parser, const char *start, const char *end)
{
  g_autofree char *kind = NULL, *name = NULL;
  const char *close = memchr (start, ']', (gsize) (end - start));
  const char *rest, *kind_end;

  parser->group = parser->nowhere;
  rest = close != NULL ? close + 1 : end;
  while (rest < end && g_ascii_isspace (*rest))
    rest++;
  if (close == NULL || (rest < end && *rest != '#'))
    {
      muster_problems_add (parser->keyfile->problems, parser->file, parser->line, NULL, NULL,
                           close == NULL ? "a group without its ']'; expected [kind NAME]"
                                         : "something follows the ']'; expected [kind NAME] alone on its line");
      return;
    }
  start++;
  strip (&start, &close);
  for (kind_end = start; kind_end < close && !g_ascii_isspace (*kind_end); kind_end++)
    ;
  kind = g_strndup (start, (gsize) (kind_end - start));
  start = kind_end;
  strip (&start, &close);
  if (start < close)
    name = g_strndup (start, (gsize) (close - start));
  if (*kind == '\0' || strchr (kind, '[') != NULL || (name != NULL && strchr (name, '[') != NULL))
    muster_problems_add (parser->keyfile->problems, parser->file, parser->line, NULL, NULL,
                         "a malformed group; expected [kind NAME], like [worker web]");
  else
    begin_group (parser, kind, name);
}

static gboolean
is_key (const char *start, const char *end)
{
  if (start == end)
    return FALSE;
  for (; start < end; start++)
    if (!g_ascii_isalnum (*start) && strchr ("-_.", *start) == NULL)
      return FALSE;
  return TRUE;
}

/* Each file may include others by itself. */
static gboolean
is_taken (const Parser *parser, const char *key, const MusterKeyfileEntry *other)
{
  return other != NULL
         && !(strcmp (key, "include") == 0 && strcmp (parser->group->label, "[muster]") == 0
              && other->file != parser->file);
}

static void
add_entry (Parser *parser, const char *key, const char *raw, gsize length)
{
  MusterKeyfileEntry *entry;
  const MusterKeyfileEntry *other = muster_keyfile_group_find (parser->group, key);
  g_autofree char *value = NULL, *problem = NULL;
  g_auto (GStrv) list = NULL;

  if (!muster_keyfile_value_parse (raw, length, &value, &list, &problem))
    muster_problems_add (parser->keyfile->problems, parser->file, parser->line, parser->group->label, key, "%s",
                         problem);
  if (parser->group == parser->nowhere)
    return;
  if (is_taken (parser, key, other))
    {
      muster_problems_add (parser->keyfile->problems, parser->file, parser->line, parser->group->label, key,
                           "the same key is at %s:%u already; expected each key once", other->file, other->line);
      return;
    }
  entry = g_new0 (MusterKeyfileEntry, 1);
  entry->key = g_strdup (key);
  entry->value = g_steal_pointer (&value); /* NULL if it could not be read: known, and reported already */
  entry->list = g_steal_pointer (&list);
  entry->file = parser->file;
  entry->line = parser->line;
  g_ptr_array_add (parser->group->entries, entry);
  g_hash_table_replace (parser->group->by_key, entry->key, entry);
}

static void
parse_entry (Parser *parser, const char *start, const char *end)
{
  const char *equals = memchr (start, '=', (gsize) (end - start));
  const char *key_end = equals != NULL ? equals : end, *value;
  g_autofree char *key = NULL;

  strip (&start, &key_end);
  if (parser->group == NULL)
    {
      if (!parser->homeless)
        muster_problems_add (parser->keyfile->problems, parser->file, parser->line, NULL, NULL,
                             "this stands before the first group; expected a group, like [muster], or a comment");
      parser->homeless = TRUE;
      return;
    }
  if (equals == NULL || !is_key (start, key_end))
    {
      muster_problems_add (parser->keyfile->problems, parser->file, parser->line, label_of (parser), NULL,
                           equals == NULL
                               ? "a line without '='; expected key=value, [kind NAME] or a # comment"
                               : "a malformed key; expected letters, digits, '-', '_' and '.' before the '='");
      return;
    }
  key = g_strndup (start, (gsize) (key_end - start));
  end = before_comment (equals, end);
  value = equals + 1;
  strip (&value, &end);
  add_entry (parser, key, value, (gsize) (end - value));
}

/* What is wrong with the bytes of a line, whatever it means; NULL if nothing is. */
static const char *
check_bytes (const char *start, const char *end)
{
  if (end - start > MUSTER_KEYFILE_LINE_MAX)
    return "the line is too long; expected at most 16 KiB";
  for (const char *c = start; c < end; c++)
    if (*c == '\0')
      return "a NUL byte; expected text";
    else if (((guchar) *c < 0x20 && *c != '\t') || *c == 0x7f)
      return "a control character; expected text (an escape like \\n is possible in values)";
  if (!g_utf8_validate (start, end - start, NULL))
    return "the line is not text in UTF-8";
  return NULL;
}

static void
parse_line (Parser *parser, const char *start, const char *end)
{
  const char *problem;

  if (end > start && end[-1] == '\r')
    end--;
  problem = check_bytes (start, end);
  if (problem != NULL)
    {
      if (start < end && *start == '[')
        parser->group = parser->nowhere;
      muster_problems_add (parser->keyfile->problems, parser->file, parser->line, label_of (parser), NULL, "%s",
                           problem);
      return;
    }
  strip (&start, &end);
  if (start == end || *start == '#' || *start == ';')
    return;
  if (*start == '[')
    parse_header (parser, start, end);
  else
    parse_entry (parser, start, end);
}

void
muster_keyfile_parse (MusterKeyfile *keyfile, const char *file, const char *data, gsize size)
{
  Parser parser = { .keyfile = keyfile };
  const char *end = size > 0 ? data + size : data;

  parser.file = g_strdup (file);
  g_ptr_array_add (keyfile->files, (gpointer) parser.file);
  if (size > MUSTER_KEYFILE_SIZE_MAX)
    {
      muster_problems_add (keyfile->problems, file, 0, NULL, NULL, "the file is too large; expected at most 1 MiB");
      return;
    }
  if (size >= 3 && memcmp (data, "\xef\xbb\xbf", 3) == 0)
    data += 3; /* a byte order mark, as some editors write it */
  parser.nowhere = new_group (NULL, NULL, parser.file, 0);
  while (data < end)
    {
      const char *newline = memchr (data, '\n', (gsize) (end - data));
      const char *line_end = newline != NULL ? newline : end;

      parser.line++;
      parse_line (&parser, data, line_end);
      data = newline != NULL ? newline + 1 : end;
    }
  free_group (parser.nowhere);
}
