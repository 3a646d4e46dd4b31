/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#define MUSTER_METRICS_DEFAULT_MAX      10000u
#define MUSTER_METRICS_INTERVAL_DEFAULT (10 * G_TIME_SPAN_SECOND)
#define MUSTER_METRICS_INTERVAL_MAX     (366 * G_TIME_SPAN_DAY)

/* What a metrics object is to be like. */
typedef struct
{
  char *name;           /* owned; "" for the default one */
  gint64 interval_us;   /* default 10 s */
  gint64 start_time_ns; /* default 0 */
  double scale_factor;  /* default 1 */
  gboolean persist;
  guint max_metrics;  /* default MUSTER_METRICS_DEFAULT_MAX */
  gsize sketch_bytes; /* for the sketches of samples; default MUSTER_SKETCH_ARENA_DEFAULT */
} MusterMetricsOptions;

/* Copies (the name too), with defaults for what is 0, NULL or nonsense; @from is nullable. */
void muster_metrics_options_copy (MusterMetricsOptions *to, const MusterMetricsOptions *from);
void muster_metrics_options_free (MusterMetricsOptions *options); /* one that was allocated; nullable */

/* "interval=1s;scale-factor=1000;persist=true;start-time=0;max-metrics=10000", and, where they have one, the name before
 * it; and back. */
char *muster_metrics_options_to_string (const MusterMetricsOptions *options);
gboolean muster_metrics_options_from_string (const char *text, MusterMetricsOptions *options, GError **error);
