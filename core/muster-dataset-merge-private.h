/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-batch.h"
#include "muster-dataset.h"

/*
 * MusterDatasetMerge: of the datasets that other machines sent, those of one name and interval become one. It has no clock
 * and no timer: times are of any clock that only goes on. One thread at a time.
 *
 * What was merged elsewhere already (a collector before this one) is left alone: what it was made of comes too, and is merged
 * here, so nothing counts twice, and nothing goes round in circles.
 */
typedef struct _MusterDatasetMerge MusterDatasetMerge;

/* @room: how many bytes may wait; of three quarters of it the oldest are due at once, beyond it what comes is refused. @began_ns: on
 * CLOCK_REALTIME; of intervals that were over by then some may have come to somebody else, and been acknowledged, which is said in
 * what becomes of the rest. */
MusterDatasetMerge *muster_dataset_merge_new (gsize room, gint64 began_ns);
void muster_dataset_merge_free (MusterDatasetMerge *merge);

/* Takes the datasets of @batch. FALSE with @error if one cannot be used; the others are taken all the same. What came before
 * (of the same stream, with the same number) is left out. */
gboolean muster_dataset_merge_add (MusterDatasetMerge *merge, MusterBatch *batch, gint64 now_ns, GError **error);

/* When the next one is due, half an interval after its first part came (at most a minute); 0: at once; -1: nothing waits. */
gint64 muster_dataset_merge_get_due (MusterDatasetMerge *merge);

/* Takes those due at @now_ns (G_MAXINT64: all that is there), in order of their ends. */
GPtrArray *muster_dataset_merge_collect (MusterDatasetMerge *merge, gint64 now_ns);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterDatasetMerge, muster_dataset_merge_free)
