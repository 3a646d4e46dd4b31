/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "muster-macros.h"
#include "muster-metric-kind.h"
#include "muster-metric.h"

G_BEGIN_DECLS

#define MUSTER_TYPE_METRICS (muster_metrics_get_type ())
MUSTER_PUBLIC
G_DECLARE_FINAL_TYPE (MusterMetrics, muster_metrics, MUSTER, METRICS, GObject)

MUSTER_PUBLIC const char *muster_metrics_get_name (MusterMetrics *self);
MUSTER_PUBLIC gint64 muster_metrics_get_interval (MusterMetrics *self);
MUSTER_PUBLIC void muster_metrics_set (MusterMetrics *self, const char *const *path, const char *id, double value);
MUSTER_PUBLIC void muster_metrics_set_text (MusterMetrics *self, const char *const *path, const char *id,
                                            const char *value);
MUSTER_PUBLIC void muster_metrics_inc (MusterMetrics *self, const char *const *path, const char *id, double n);
MUSTER_PUBLIC void muster_metrics_sample (MusterMetrics *self, const char *const *path, const char *id, double value);
MUSTER_PUBLIC void muster_metrics_timed_sample (MusterMetrics *self, const char *const *path, const char *id,
                                                gint64 elapsed_ns);
MUSTER_PUBLIC void muster_metrics_update (MusterMetrics *self, const MusterMetricKind *kind, const char *const *path,
                                          const char *id, double value);
MUSTER_PUBLIC MusterMetric *muster_metrics_lookup_kind (MusterMetrics *self, const MusterMetricKind *kind,
                                                        const char *const *path, const char *id);
MUSTER_PUBLIC MusterMetric *muster_metrics_lookup (MusterMetrics *self, MusterMetricType type, const char *const *path,
                                                   const char *id);
MUSTER_PUBLIC void muster_metrics_stop (MusterMetrics *self);

/**
 * MUSTER_PATH: (skip)
 *
 * A path on the spot: `muster_metrics_inc (metrics, MUSTER_PATH ("http", "GET"), "requests", 1)`.
 */
#define MUSTER_PATH(...) ((const char *const[]){ __VA_ARGS__, NULL })

G_END_DECLS
