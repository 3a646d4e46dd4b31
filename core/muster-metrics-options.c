/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a metrics object is to be like, copied, and as text.
 */
#include "config.h"

#include "muster-metrics-options-private.h"

#include <math.h>
#include <string.h>

#include "muster-environment-private.h"
#include "muster-error.h"
#include "muster-param.h"
#include "muster-sketch-arena-private.h"

/* As in panopticon, what makes no sense becomes the default. */
void
muster_metrics_options_copy (MusterMetricsOptions *to, const MusterMetricsOptions *from)
{
  *to = from != NULL ? *from : (MusterMetricsOptions){ .name = NULL };
  to->name = g_strdup (to->name != NULL ? to->name : "");
  if (to->interval_us <= 0 || to->interval_us > MUSTER_METRICS_INTERVAL_MAX)
    to->interval_us = MUSTER_METRICS_INTERVAL_DEFAULT;
  if (!isfinite (to->scale_factor) || to->scale_factor <= 0)
    to->scale_factor = 1;
  if (to->max_metrics == 0)
    to->max_metrics = MUSTER_METRICS_DEFAULT_MAX;
  if (to->sketch_bytes == 0)
    to->sketch_bytes = MUSTER_SKETCH_ARENA_DEFAULT;
  to->sketch_bytes = MIN (to->sketch_bytes, MUSTER_SKETCH_ARENA_MAX);
}

void
muster_metrics_options_free (MusterMetricsOptions *options)
{
  if (options == NULL)
    return;
  g_free (options->name);
  g_free (options);
}

char *
muster_metrics_options_to_string (const MusterMetricsOptions *options)
{
  g_autofree char *interval = muster_duration_to_string (options->interval_us);
  const char *name = options->name != NULL ? options->name : "";
  char factor[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_dtostr (factor, sizeof factor, options->scale_factor);
  return g_strdup_printf ("%s%s%sinterval=%s;scale-factor=%s;persist=%s;start-time=%" G_GINT64_FORMAT ";max-metrics=%u",
                          *name != '\0' ? "name=" : "", name, *name != '\0' ? ";" : "", interval, factor,
                          options->persist ? "true" : "false", options->start_time_ns, options->max_metrics);
}

static gboolean
read_option (const char *key, const char *value, MusterMetricsOptions *options, GError **error)
{
  guint64 number;
  char *end;

  if (g_str_equal (key, "interval"))
    return muster_duration_from_string (value, &options->interval_us, error);
  if (g_str_equal (key, "name"))
    {
      g_free (options->name);
      options->name = g_strdup (value);
    }
  else if (g_str_equal (key, "persist"))
    options->persist = g_str_equal (value, "true");
  else if (g_str_equal (key, "start-time"))
    return g_ascii_string_to_signed (value, 10, G_MININT64, G_MAXINT64, &options->start_time_ns, error);
  else if (g_str_equal (key, "max-metrics"))
    {
      if (!g_ascii_string_to_unsigned (value, 10, 1, G_MAXUINT, &number, error))
        return FALSE;
      options->max_metrics = (guint) number;
    }
  else if (g_str_equal (key, "scale-factor"))
    {
      options->scale_factor = g_ascii_strtod (value, &end);
      if (*end != '\0' || !(options->scale_factor > 0))
        {
          g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "\"%s\" is no scale factor", value);
          return FALSE;
        }
    }
  return TRUE; /* what a newer primary says beyond that is not for us */
}

gboolean
muster_metrics_options_from_string (const char *text, MusterMetricsOptions *options, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text, ";", -1);

  *options = (MusterMetricsOptions){
    .name = g_strdup (""),
    .interval_us = MUSTER_METRICS_INTERVAL_DEFAULT,
    .scale_factor = 1,
    .max_metrics = MUSTER_METRICS_DEFAULT_MAX,
  };
  for (gsize i = 0; parts[i] != NULL; i++)
    {
      char *equals = strchr (parts[i], '=');

      if (equals == NULL)
        continue;
      *equals = '\0';
      if (!read_option (parts[i], equals + 1, options, error))
        {
          g_prefix_error (error, "%s: ", MUSTER_ENV_METRICS);
          return FALSE;
        }
    }
  return TRUE;
}
