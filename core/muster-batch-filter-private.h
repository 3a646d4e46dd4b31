/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-batch.h"

/*
 * MusterBatchFilter: leaves entries out of one output and accounts for them.
 *
 * One filter serves one output (a transport, or one file of several). With @keeps_gaps every run of entries that was
 * left out is declared by a Gap before the next entry of that stream that passes, so that the output can be audited by
 * itself; what is left out at the end of a batch is remembered for the stream's next one. Without @keeps_gaps only what
 * keeps a batch one run is declared (a Gap FILTERED between two entries of one batch, which such formats leave out), and
 * what was left out for another reason than FILTERED. Not thread-safe.
 *
 * A batch that does not follow what was remembered of its stream (something is missing or comes again, and not by this
 * filter's doing) starts anew: the filter never declares what it did not leave out, so that an audit finds it.
 *
 * Private, but exported for the transports of this tree that have several outputs.
 */
typedef struct _MusterBatchFilter MusterBatchFilter;

/* Whether the entry (never an origin) passes. Gaps of the input are passed on always, without being asked about. */
typedef gboolean (*MusterEntryPredicate) (const MusterEntry *entry, gpointer user_data);

MUSTER_PUBLIC MusterBatchFilter *muster_batch_filter_new (gboolean keeps_gaps);
MUSTER_PUBLIC void muster_batch_filter_free (MusterBatchFilter *filter);
/* Why the predicate leaves entries out; FILTERED if nothing is said. */
MUSTER_PUBLIC void muster_batch_filter_set_reason (MusterBatchFilter *filter, MusterGapReason reason);

/* Returns what passes: @batch itself (with a new reference) where nothing is left out and nothing was pending, a new
 * batch, or NULL where nothing passes. Without @predicate all passes. @n_filtered, if not NULL, grows by the entries
 * left out. */
MUSTER_PUBLIC MusterBatch *muster_batch_filter_apply (MusterBatchFilter *filter, MusterBatch *batch,
                                                      MusterEntryPredicate predicate, gpointer user_data,
                                                      guint64 *n_filtered);

/* A whole batch was left out (FILTERED), or could not be written (REFUSED): declared like the rest. Its own gaps keep
 * their reasons. May be called with the batch that muster_batch_filter_apply() has just returned, too. */
MUSTER_PUBLIC void muster_batch_filter_skip (MusterBatchFilter *filter, MusterBatch *batch, MusterGapReason reason);

/* The same for a batch that is gone already: @count entries of @stream from @first_seq on. */
MUSTER_PUBLIC void muster_batch_filter_skip_run (MusterBatchFilter *filter, const guint8 stream[MUSTER_STREAM_ID_SIZE],
                                                 guint64 first_seq, guint64 count, MusterGapReason reason);

/*
 * What a filter keeps of one stream, so that an output can be continued by another process: what was left out of it and
 * has not been declared, from @first_seq on. What the runs do not cover is FILTERED, up to where the stream stands; so
 * nothing changes here while a stream is left out for no other reason. More runs than there is room for are joined,
 * with the reason UNKNOWN.
 */
#define MUSTER_PENDING_RUNS_MAX 2

typedef struct
{
  guint64 count;
  MusterGapReason reason;
} MusterGapRun;

typedef struct
{
  guint64 first_seq; /* 0: there is nothing */
  guint n_runs;
  MusterGapRun runs[MUSTER_PENDING_RUNS_MAX];
} MusterPendingRuns;

MUSTER_PUBLIC void muster_batch_filter_get_pending (MusterBatchFilter *filter,
                                                    const guint8 stream[MUSTER_STREAM_ID_SIZE],
                                                    MusterPendingRuns *pending);

/* Replaces what is kept of a stream that stands at @next_seq. With @may_skip the stream may go on later than there:
 * what is between is declared as REFUSED. */
MUSTER_PUBLIC void muster_batch_filter_set_pending (MusterBatchFilter *filter,
                                                    const guint8 stream[MUSTER_STREAM_ID_SIZE], guint64 next_seq,
                                                    const MusterPendingRuns *pending, gboolean may_skip);

/* What was left out of the stream that @labels names, as a batch of its own under these labels, for an output that will
 * not wait for an entry that passes; it is remembered no more. NULL if there is nothing. */
MUSTER_PUBLIC MusterBatch *muster_batch_filter_declare (MusterBatchFilter *filter, const MusterOrigin *labels);

/* A stream's life is over (its end record has passed): forget what is kept for it. What is kept is bounded anyway: only
 * streams whose last entry was left out are, and the longest untouched goes when they become too many. */
MUSTER_PUBLIC void muster_batch_filter_forget (MusterBatchFilter *filter, const guint8 stream[MUSTER_STREAM_ID_SIZE]);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterBatchFilter, muster_batch_filter_free)
