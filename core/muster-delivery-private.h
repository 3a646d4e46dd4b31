/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-batch.h"
#include "muster-dataset-private.h"
#include "muster-journal-private.h"
#include "muster-logger.h"

/*
 * MusterDelivery: the cluster's metrics, from snapshots to deliveries. It owns the primary's own metrics, gathers what
 * the workers report, and gives each interval's dataset to the callback, having put it into the primary's journal. The
 * cluster's thread only.
 */
typedef struct _MusterDelivery MusterDelivery;

typedef void (*MusterDeliverFunc) (MusterDataset *dataset, gpointer user_data);
/* Called before it is encoded: the last chance to change it. */
typedef void (*MusterShapeFunc) (MusterDataset *dataset, gpointer user_data);

/* @options: of MusterMetricsOptions, one for each metrics object; copied. @directory: where what waits for its delivery
 * is kept, in case that this process is killed. */

MusterDelivery *muster_delivery_new (MusterJournal *journal, MusterLogger *logger, const MusterTimeBase *base,
                                     GMainContext *context, GPtrArray *options, const char *directory,
                                     MusterShapeFunc shape, MusterDeliverFunc deliver, gpointer user_data);
void muster_delivery_free (MusterDelivery *self);
MusterMetrics *muster_delivery_get_metrics (MusterDelivery *self, const char *name); /* nullable */
/* @since_us: from when on it has been there, wall-clock time; 0: from now on. */
void muster_delivery_expect (MusterDelivery *self, const char *worker, guint pid, gint64 since_us, gboolean expected);
/* In another thread: a batch that muster_delivery_add() will get, each once and in this order, will be acknowledged. */
void muster_delivery_keep (MusterDelivery *self, MusterBatch *batch);
void muster_delivery_add (MusterDelivery *self, MusterBatch *batch); /* takes its snapshots */
/* Any thread: a batch of another machine, whose datasets will be delivered merged with those of others. */
void muster_delivery_merge (MusterDelivery *self, MusterBatch *batch);
/* The primary's last snapshot, and all datasets that are there. */
void muster_delivery_finish (MusterDelivery *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterDelivery, muster_delivery_free)
