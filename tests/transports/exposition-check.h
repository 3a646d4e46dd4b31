/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reads an exposition as strictly as its specifications are: what Prometheus would refuse as a whole ends the test.
 */
#pragma once

#include <string.h>

#include "muster-prometheus-exposition.h"

typedef struct
{
  GHashTable *samples;  /* owned; NAME{LABELS} -> value as text */
  GHashTable *families; /* owned; name -> type */
  char *family;         /* owned; nullable: the one in progress */
  MusterPrometheusFormat format;
} Exposition;

static inline void
exposition_free (Exposition *exposition)
{
  g_hash_table_unref (exposition->samples);
  g_hash_table_unref (exposition->families);
  g_free (exposition->family);
  g_free (exposition);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Exposition, exposition_free)

static inline const char *
skip_name (const char *text)
{
  const char *end = text + strspn (text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");

  g_assert_true (end > text && !g_ascii_isdigit (*text));
  return end;
}

/* Behind `{`; returns what is behind `}`. No label stands there twice. */
static inline const char *
skip_labels (const char *text)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (;;)
    {
      const char *end = skip_name (text);

      g_assert_true (g_hash_table_add (seen, g_strndup (text, (gsize) (end - text))));
      g_assert_true (end[0] == '=' && end[1] == '"' && end[2] != '"');
      for (text = end + 2; *text != '"'; text++)
        {
          g_assert_true (*text != '\0' && *text != '\n');
          if (*text == '\\')
            g_assert_nonnull (strchr ("\\\"n", *++text));
        }
      text++;
      if (*text == '}')
        return text + 1;
      g_assert_cmpint (*text, ==, ',');
      text++;
    }
}

/* Whether a family of @type has samples with that suffix. */
static inline gboolean
exposition_allows (const Exposition *exposition, const char *type, const char *suffix)
{
  gboolean is_plain = exposition->format == MUSTER_PROMETHEUS_TEXT;

  if (g_str_equal (type, "summary"))
    return g_str_equal (suffix, "") || g_str_equal (suffix, "_sum") || g_str_equal (suffix, "_count");
  if (g_str_equal (type, "counter"))
    return g_str_equal (suffix, is_plain ? "" : "_total");
  if (g_str_equal (type, "info"))
    return g_str_equal (suffix, "_info");
  return g_str_equal (suffix, "");
}

static inline void
exposition_add_sample (Exposition *exposition, const char *line)
{
  const char *end = skip_name (line);
  g_autofree char *name = g_strndup (line, (gsize) (end - line));
  const char *value = *end == '{' ? skip_labels (end + 1) : end;
  char *rest;

  g_assert_nonnull (exposition->family);
  if (!g_str_has_prefix (name, exposition->family)
      || !exposition_allows (exposition, g_hash_table_lookup (exposition->families, exposition->family),
                             name + strlen (exposition->family)))
    g_error ("%s is not of the family %s", line, exposition->family);
  g_assert_cmpint (*value, ==, ' ');
  g_ascii_strtod (value + 1, &rest);
  if (*rest != '\0')
    g_error ("no value: %s", line);
  if (!g_hash_table_insert (exposition->samples, g_strndup (line, (gsize) (value - line)), g_strdup (value + 1)))
    g_error ("twice: %s", line);
}

static inline void
exposition_add_type (Exposition *exposition, const char *line)
{
  const char *end = skip_name (line);
  static const char *const types[] = { "counter", "gauge", "summary", "info", NULL };
  char *name = g_strndup (line, (gsize) (end - line));

  g_assert_cmpint (*end, ==, ' ');
  g_assert_true (g_strv_contains (types, end + 1));
  g_assert_true (exposition->format != MUSTER_PROMETHEUS_TEXT || !g_str_equal (end + 1, "info"));
  g_free (exposition->family);
  exposition->family = g_strdup (name);
  if (!g_hash_table_insert (exposition->families, name, g_strdup (end + 1)))
    g_error ("a family twice: %s", line);
}

/* No family is called like a sample of another one. */
static inline void
exposition_check_clashes (Exposition *exposition)
{
  static const char *const suffixes[] = { "_total", "_sum", "_count", "_created", "_info" };
  GHashTableIter iter;
  gpointer name;
  gpointer type;

  g_hash_table_iter_init (&iter, exposition->families);
  while (g_hash_table_iter_next (&iter, &name, &type))
    for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++)
      {
        g_autofree char *sample = g_strconcat (name, suffixes[i], NULL);

        if (exposition_allows (exposition, type, suffixes[i]) && g_hash_table_contains (exposition->families, sample))
          g_error ("%s is a family and a sample", sample);
      }
}

static inline Exposition *
exposition_read (const char *text, gsize length, MusterPrometheusFormat format)
{
  Exposition *exposition = g_new0 (Exposition, 1);
  g_autofree char *copy = g_strndup (text, length);
  gboolean at_end = FALSE;

  exposition->format = format;
  exposition->samples = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  exposition->families = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_assert_true (g_utf8_validate_len (text, length, NULL));
  g_assert_cmpint (text[length - 1], ==, '\n');
  for (char *line = copy, *next; (next = strchr (line, '\n')) != NULL; line = next + 1)
    {
      *next = '\0';
      g_assert_false (at_end);
      if (g_str_equal (line, "# EOF"))
        at_end = TRUE;
      else if (g_str_has_prefix (line, "# TYPE "))
        exposition_add_type (exposition, line + 7);
      else if (!g_str_has_prefix (line, "# HELP ") && !g_str_has_prefix (line, "# UNIT "))
        exposition_add_sample (exposition, line);
    }
  g_assert_true (at_end == (format == MUSTER_PROMETHEUS_OPENMETRICS));
  exposition_check_clashes (exposition);
  return exposition;
}

/* The value of a sample, as it is printed; NULL if it is not there. */
static inline const char *
exposition_get (Exposition *exposition, const char *sample)
{
  return g_hash_table_lookup (exposition->samples, sample);
}
