/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-dataset.h"
#include "muster-metrics-private.h"

/* The dataset as encoded Dataset entries (GBytes, whole entries with tag and length, in parts of at most
 * MUSTER_ENTRY_MAX). */
GPtrArray *muster_dataset_encode (MusterDataset *dataset);

/*
 * MusterAggregator: gathers the snapshots of all processes and makes each interval's dataset. Main context's thread
 * only; it sets no timers: the caller asks when the next delivery is due.
 */
typedef struct _MusterAggregator MusterAggregator;

MusterAggregator *muster_aggregator_new (void);
void muster_aggregator_free (MusterAggregator *aggregator);
/* Steady wall-clock ns for expect and unexpect; without it, the aggregator has a time base of its own. */
void muster_aggregator_set_clock (MusterAggregator *aggregator, gint64 (*clock) (gpointer user_data),
                                  gpointer user_data);
/* How many bytes one worker's snapshots may take until they are delivered; beyond it they are refused. */
void muster_aggregator_set_room (MusterAggregator *aggregator, gsize room);
/* One metrics object of the cluster; ids count up from 0 in the order of these calls. */
void muster_aggregator_add_metrics (MusterAggregator *aggregator, const MusterMetricsOptions *options);
/* A process that should report from now on, or no longer. It is expected in each interval that it saw a part of. */
void muster_aggregator_expect (MusterAggregator *aggregator, const char *worker, guint pid);
void muster_aggregator_expect_since (MusterAggregator *aggregator, const char *worker, guint pid, gint64 since_ns);
void muster_aggregator_unexpect (MusterAggregator *aggregator, const char *worker, guint pid);
/* One Snapshot entry (or part) of @worker. Bad bytes: FALSE with the error. Two processes with one worker id in one
 * interval (a restart) become one: their metrics are merged, sets and pid are the newer one's. A part that has come
 * already is not counted again. */
gboolean muster_aggregator_add (MusterAggregator *aggregator, const char *worker, guint pid, const MusterEntry *entry,
                                GError **error);
/* The same, saying of which dataset it will be. */
typedef struct
{
  guint id; /* of the metrics object */
  gint64 end_ns;
  gboolean is_late;
} MusterAggregatorPlace;

gboolean muster_aggregator_add_at (MusterAggregator *aggregator, const char *worker, guint pid,
                                   const MusterEntry *entry, MusterAggregatorPlace *place, GError **error);
/* What an earlier primary had got, and not delivered; before muster_aggregator_begin(). */
gboolean muster_aggregator_restore (MusterAggregator *aggregator, const char *worker, guint pid,
                                    const MusterEntry *entry, gboolean is_late, GError **error);
/* Whatever should have been delivered before now is late, if it comes from now on: somebody else has delivered that
 * interval, or nobody was there to do it. */
void muster_aggregator_begin (MusterAggregator *aggregator);
/* When the next dataset is due, in steady wall-clock ns (half an interval after the data's end); -1 if nothing waits.
 * A metrics object without any snapshot waits for nothing. What comes for an interval already delivered is due soon, in a
 * dataset of its own. */
gint64 muster_aggregator_get_due (MusterAggregator *aggregator);
/* Takes the datasets due at @now_ns (G_MAXINT64: all that is there), in order of their ends. */
GPtrArray *muster_aggregator_collect (MusterAggregator *aggregator, gint64 now_ns);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterAggregator, muster_aggregator_free)
