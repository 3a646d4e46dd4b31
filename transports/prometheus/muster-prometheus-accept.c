/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which text format a client wants. Pure functions.
 */
#include "config.h"

#include <string.h>

#include "muster-prometheus-exposition.h"

/* A header of more elements than any browser's or scraper's is looked at no further. */
#define ELEMENTS_MAX 32

const char *
muster_prometheus_format_get_content_type (MusterPrometheusFormat format)
{
  return format == MUSTER_PROMETHEUS_OPENMETRICS ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                                 : "text/plain; version=0.0.4; charset=utf-8";
}

/* The value of a parameter of an element that was split at its semicolons; NULL if it has none. */
static const char *
get_parameter (char **parts, const char *name)
{
  for (guint i = 1; parts[0] != NULL && parts[i] != NULL; i++)
    {
      char *part = g_strstrip (parts[i]);

      if (g_ascii_strncasecmp (part, name, strlen (name)) == 0 && part[strlen (name)] == '=')
        return part + strlen (name) + 1;
    }
  return NULL;
}

/* Whether a media range stands for what we write, and in which format. */
static gboolean
match (char **parts, MusterPrometheusFormat *format)
{
  const char *type = g_strstrip (parts[0]);
  const char *version = get_parameter (parts, "version");

  if (g_ascii_strcasecmp (type, "application/openmetrics-text") == 0)
    {
      *format = MUSTER_PROMETHEUS_OPENMETRICS;
      return version == NULL || g_str_has_prefix (version, "1.") || g_str_has_prefix (version, "\"1.");
    }
  *format = MUSTER_PROMETHEUS_TEXT;
  if (g_ascii_strcasecmp (type, "text/plain") == 0)
    return version == NULL || strstr (version, "0.0.4") != NULL;
  return strcmp (type, "*/*") == 0 || g_ascii_strcasecmp (type, "text/*") == 0;
}

MusterPrometheusFormat
muster_prometheus_format_negotiate (const char *accept)
{
  g_auto (GStrv) elements = g_strsplit (accept != NULL ? accept : "", ",", ELEMENTS_MAX);
  MusterPrometheusFormat best = MUSTER_PROMETHEUS_TEXT;
  double best_q = 0;

  for (guint i = 0; elements[i] != NULL; i++)
    {
      g_auto (GStrv) parts = g_strsplit (elements[i], ";", -1);
      const char *q_text = get_parameter (parts, "q");
      double q = q_text != NULL ? g_ascii_strtod (q_text, NULL) : 1;
      MusterPrometheusFormat format;

      if (parts[0] == NULL || !match (parts, &format) || !(q > best_q))
        continue;
      best = format;
      best_q = q;
    }
  return best;
}
