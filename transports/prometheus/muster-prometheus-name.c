/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From a metric's path and id to the name and the labels that Prometheus knows it by. No two metrics of one type get the
 * same: an id that a name cannot hold stands in a label, too. Pure functions.
 */
#include "config.h"

#include <string.h>

#include "muster-prometheus-name.h"

/* What a name ends in by its type; an id that ends in it already does not get it twice. */
static const char *const suffixes[MUSTER_PROMETHEUS_N_TYPES] = {
  [MUSTER_PROMETHEUS_COUNTER] = "_total",
  [MUSTER_PROMETHEUS_SECONDS] = "_seconds",
  [MUSTER_PROMETHEUS_INFO] = "_info",
};

/* The colon belongs to the rules of who scrapes. */
static gboolean
is_name_char (char c)
{
  return g_ascii_isalnum (c) || c == '_';
}

gboolean
muster_prometheus_is_prefix (const char *prefix)
{
  if (g_ascii_isdigit (*prefix))
    return FALSE;
  while (is_name_char (*prefix))
    prefix++;
  return *prefix == '\0';
}

/* What is not allowed in a name becomes `_`, a character of several bytes one; an empty id is `_`. */
static gboolean
append_id (GString *name, const char *id, gsize length)
{
  gboolean is_exact = length > 0;

  if (length == 0 || (name->len == 0 && g_ascii_isdigit (*id)))
    {
      g_string_append_c (name, '_');
      is_exact = FALSE;
    }
  for (const char *c = id; c < id + length; c = g_utf8_next_char (c))
    {
      is_exact &= is_name_char (*c);
      g_string_append_c (name, is_name_char (*c) ? *c : '_');
    }
  return is_exact;
}

gboolean
muster_prometheus_append_name (GString *name, const char *prefix, const char *id, MusterPrometheusType type)
{
  const char *suffix = suffixes[type];
  gboolean has_suffix = suffix != NULL && g_str_has_suffix (id, suffix) && strlen (id) > strlen (suffix);
  gboolean is_exact;

  if (*prefix != '\0')
    {
      g_string_append (name, prefix);
      g_string_append_c (name, '_');
    }
  is_exact = append_id (name, id, strlen (id) - (has_suffix ? strlen (suffix) : 0)) && !has_suffix;
  /* The others' are put there by the exposition: they belong to the sample, not to the family. */
  if (type == MUSTER_PROMETHEUS_SECONDS)
    g_string_append (name, suffix);
  return is_exact;
}

void
muster_prometheus_append_label (GString *labels, const char *name, const char *value)
{
  if (*value == '\0')
    return;
  if (labels->len > 0)
    g_string_append_c (labels, ',');
  g_string_append (labels, name);
  g_string_append (labels, "=\"");
  for (; *value != '\0'; value++)
    switch (*value)
      {
      case '\\':
      case '"':
        g_string_append_c (labels, '\\');
        g_string_append_c (labels, *value);
        break;
      case '\n':
        g_string_append (labels, "\\n");
        break;
      default:
        g_string_append_c (labels, *value);
      }
  g_string_append_c (labels, '"');
}

/* An id `(empty)` has another name, so the two cannot be taken for each other. */
void
muster_prometheus_append_id_label (GString *labels, const char *id)
{
  muster_prometheus_append_label (labels, "id", *id != '\0' ? id : "(empty)");
}

void
muster_prometheus_append_path (GString *path, const char *const *elements, gsize n)
{
  for (gsize i = 0; i < n; i++)
    {
      if (i > 0)
        g_string_append_c (path, '/');
      if (*elements[i] == '\0')
        g_string_append (path, "\\-");
      for (const char *c = elements[i]; *c != '\0'; c++)
        {
          if (*c == '/' || *c == '\\')
            g_string_append_c (path, '\\');
          g_string_append_c (path, *c);
        }
    }
}

char *
muster_prometheus_copy_slice (MusterSlice slice)
{
  g_autofree char *copy = g_strndup (slice.data != NULL ? slice.data : "", slice.length);

  return g_utf8_make_valid (copy, -1);
}
