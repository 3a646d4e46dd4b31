/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-metric-slot-private.h"
#include "muster-metrics-private.h"

/*
 * MusterMetric, the handle. All of @metrics, which makes it and frees it at its end: @slot (NULL: there is none, and all
 * updates are refused), its memory for sketches, and where refused updates are counted.
 */
MusterMetric *muster_metric_new (MusterMetrics *metrics, MusterMetricType type, MusterMetricSlot *slot,
                                 MusterSketchArena *sketches, _Atomic guint64 *overflow);
void muster_metric_free (MusterMetric *self);

/* Sets a text of @known; of the metric at @path and @id where that is NULL. */
void muster_metrics_set_text_of (MusterMetrics *metrics, MusterMetricSlot *known, const char *const *path,
                                 const char *id, const char *value);
