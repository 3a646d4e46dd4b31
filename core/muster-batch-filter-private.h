/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-batch.h"

/*
 * MusterBatchFilter: leaves entries out of one output and accounts for them.
 *
 * One filter serves one output (a transport, or one file of several). With @keeps_gaps every run of entries that was
 * left out is declared by a Gap before the next entry of that stream that passes, so that the output can be audited by
 * itself; what is left out at the end of a batch is remembered for the stream's next one. Not thread-safe.
 */
typedef struct _MusterBatchFilter MusterBatchFilter;

/* Whether the entry (never an origin) passes. Gaps of the input are passed on always, without being asked about. */
typedef gboolean (*MusterEntryPredicate) (const MusterEntry *entry, gpointer user_data);

MusterBatchFilter *muster_batch_filter_new (gboolean keeps_gaps);
void muster_batch_filter_free (MusterBatchFilter *filter);

/* Returns what passes: @batch itself (with a new reference) where nothing is left out and nothing was pending, a new
 * batch, or NULL where nothing passes. @n_filtered, if not NULL, grows by the entries left out. */
MusterBatch *muster_batch_filter_apply (MusterBatchFilter *filter, MusterBatch *batch, MusterEntryPredicate predicate,
                                        gpointer user_data, guint64 *n_filtered);

/* A whole batch was left out for another reason (REFUSED): declared like the rest. */
void muster_batch_filter_skip (MusterBatchFilter *filter, MusterBatch *batch, MusterGapReason reason);

/* A stream's life is over (its end record has passed): forget what is kept for it. */
void muster_batch_filter_forget (MusterBatchFilter *filter, const guint8 stream[MUSTER_STREAM_ID_SIZE]);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterBatchFilter, muster_batch_filter_free)
