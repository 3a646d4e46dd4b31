/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

/* What a `[metrics NAME]` group says: every key is a property. */
#define MUSTER_TYPE_METRICS_GROUP (muster_metrics_group_get_type ())
G_DECLARE_FINAL_TYPE (MusterMetricsGroup, muster_metrics_group, MUSTER, METRICS_GROUP, GObject)

struct _MusterMetricsGroup
{
  GObject parent_instance;

  char *name; /* owned */
  gint64 interval_us;
  gint64 start_time_ms;
  double scale_factor;
  gboolean persist;
  guint max_metrics;
};
