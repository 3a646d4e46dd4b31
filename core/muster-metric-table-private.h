/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-metrics-area-private.h"

/*
 * MusterMetricTable: the metrics of one process by path and id. Any thread.
 */
typedef struct _MusterMetricTable MusterMetricTable;

/* @options: borrowed; @area: (nullable) where metrics and names lie as long as there is room; borrowed. */
MusterMetricTable *muster_metric_table_new (const MusterMetricsOptions *options, MusterMetricsArea *area);
void muster_metric_table_free (MusterMetricTable *table);

/* Finds or makes the metric, and returns it locked: muster_metric_slot_commit() after the update, or muster_metric_slot_unlock().
 * None if there is no room for another one, or if path and id are too long. No allocation but for a new metric. */
typedef struct
{
  MusterMetricSlot *metric;
  const MusterMetricValue *value; /* of it, the one that counts */
} MusterMetricHold;

MusterMetricHold muster_metric_table_lock (MusterMetricTable *table, const char *const *path, const char *id);

/* Room for a text of @length bytes, for muster_metric_slot_set_text(); and back (nullable). Not by the holder of a lock. */
MusterMetricText *muster_metric_table_new_text (MusterMetricTable *table, gsize length);
void muster_metric_table_free_text (MusterMetricTable *table, MusterMetricText *text);
/* Likewise a state of a kind, for a slot's `state`. */
MusterMetricState *muster_metric_table_new_state (MusterMetricTable *table, const MusterMetricKind *kind);
void muster_metric_table_free_state (MusterMetricTable *table, MusterMetricState *state);

/* Ends an interval: hands every metric that has something to say to @add, metric by metric locked, handed over and
 * reset, so that each update is in exactly one interval. Others wait for the lock meanwhile: @add must be quick, and
 * allocates nothing. Where it has no room, and returns FALSE, @make_room is called without the lock, then @add again.
 * @begin and @end (nullable) are called before and after; one drain at a time. */
typedef struct
{
  void (*begin) (guint n_metrics, gpointer user_data); /* the metrics at 0 to @n_metrics - 1 are asked */
  gboolean (*add) (const Muster__V1__Metric *message, guint index, guint32 sequence, gpointer user_data);
  void (*make_room) (gpointer user_data);
  void (*end) (gpointer user_data);
} MusterMetricDrain;

void muster_metric_table_drain (MusterMetricTable *table, const MusterMetricDrain *drain, gpointer user_data);

MusterSketchArena *muster_metric_table_get_sketches (MusterMetricTable *table);
guint muster_metric_table_get_size (MusterMetricTable *table);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterMetricTable, muster_metric_table_free)
