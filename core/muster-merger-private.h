/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-batch.h"
#include "muster-dataset.h"
#include "muster-logger.h"

/*
 * MusterMerger: datasets of other machines come in any thread, and go merged, when it is time, in the thread of a main
 * context. See MusterDatasetMerge.
 */
typedef struct _MusterMerger MusterMerger;

typedef void (*MusterMergedFunc) (MusterDataset *dataset, gpointer user_data);

MusterMerger *muster_merger_new (GMainContext *context, MusterLogger *logger, MusterMergedFunc merged,
                                 gpointer user_data);
void muster_merger_free (MusterMerger *self); /* in the context's thread, when nobody adds any more */
void muster_merger_add (MusterMerger *self, MusterBatch *batch); /* any thread; what is wrong is said */
void muster_merger_finish (MusterMerger *self);                  /* all that is there, now; in the context's thread */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterMerger, muster_merger_free)
