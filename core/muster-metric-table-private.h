/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-metric-private.h"

/*
 * MusterMetricTable: the metrics of one process by path and id. Any thread.
 */
typedef struct _MusterMetricTable MusterMetricTable;

MusterMetricTable *muster_metric_table_new (guint max_metrics, gboolean persist);
void muster_metric_table_free (MusterMetricTable *table);

/* Finds or makes the metric, and returns it locked: muster_metric_unlock() after the update. NULL if there is no room
 * for another one, or if path and id are too long. No allocation but for a new metric. */
MusterMetric *muster_metric_table_lock (MusterMetricTable *table, const char *const *path, const char *id);

/* Ends an interval: hands every metric that has something to say to @func, metric by metric copied and reset at one
 * moment, so that each update is in exactly one interval. */
typedef void (*MusterMetricTableFunc) (const Muster__V1__Metric *message, gpointer user_data);
void muster_metric_table_drain (MusterMetricTable *table, MusterMetricTableFunc func, gpointer user_data);

guint muster_metric_table_get_size (MusterMetricTable *table);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterMetricTable, muster_metric_table_free)
