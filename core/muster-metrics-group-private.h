/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-metrics-group.h"
#include "muster-metrics-private.h"

#define MUSTER_METRICS_START_TIME_MAX (G_GINT64_CONSTANT (1) << 43) /* milliseconds: in the year 2248 */

struct _MusterMetricsGroup
{
  GObject parent_instance;

  char *name; /* owned, nullable */
  gint64 interval_us;
  gint64 start_time_ms;
  double scale_factor;
  gboolean persist;
  guint max_metrics;
  MusterTransformer transformer;
};

/* Strings are borrowed. */
void muster_metrics_group_get_options (MusterMetricsGroup *self, MusterMetricsOptions *options);
