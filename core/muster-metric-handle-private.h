/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-metric-slot-private.h"
#include "muster-metrics-private.h"

/*
 * MusterMetric, the handle. All of @metrics, which makes it and frees it at its end: @slot (NULL: there is none, and all
 * updates are refused), its memory for sketches, and where refused updates are counted. @kind: of CUSTOM.
 */
MusterMetric *muster_metric_new (MusterMetrics *metrics, MusterMetricType type, const MusterMetricKind *kind,
                                 MusterMetricSlot *slot, MusterSketchArena *sketches, _Atomic guint64 *overflow);
void muster_metric_free (MusterMetric *self);

/* Update @known; the metric at @path and @id where that is NULL. */
void muster_metrics_update_of (MusterMetrics *metrics, MusterMetricSlot *known, const MusterMetricKind *kind,
                               const char *const *path, const char *id, double value);
void muster_metrics_set_text_of (MusterMetrics *metrics, MusterMetricSlot *known, const char *const *path,
                                 const char *id, const char *value);
