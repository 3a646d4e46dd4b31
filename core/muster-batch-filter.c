/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Leaving entries out of an output, and saying so.
 *
 * For each stream whose last entry was left out the filter keeps the runs that are to be declared before the next entry
 * that passes. A stream with nothing to declare is not kept at all, so that an output without filters costs nothing.
 * Bytes that pass are copied in the longest pieces possible, and not at all where a whole batch passes. Owned by one
 * thread.
 */
#include "config.h"

#include "muster-batch-filter-private.h"

#include <string.h>

#include "muster-encoder-private.h"

/* Most of them belong to streams that have ended; about 150 bytes each. */
#define STREAMS_MAX 16384

/* Runs of one stream; beyond it the last ones are joined, so that a transport that refuses every other batch for a year
 * does not fill the memory. */
#define RUNS_MAX 256

/* What was left out of a stream since its last entry that passed: @runs, one after another, from @first_seq up to
 * @next_seq, which is excluded. */
typedef struct
{
  guint8 stream[MUSTER_STREAM_ID_SIZE]; /* the key */
  guint64 first_seq;
  guint64 next_seq;
  GArray *runs;      /* owned; of MusterGapRun, never of count 0; neighbours differ in reason */
  GList link;        /* in MusterBatchFilter.order */
  gboolean may_skip; /* of another process's time: what follows may come later than @next_seq */
} Pending;

struct _MusterBatchFilter
{
  gboolean keeps_gaps;
  MusterGapReason reason; /* of what the predicate leaves out */
  GHashTable *streams;    /* owned; Pending to itself; each has at least one run, or may_skip */
  GQueue order;           /* the same by time of last use, the oldest first */
};

static Pending *
pending_new (const guint8 *stream, guint64 first_seq)
{
  Pending *pending = g_new0 (Pending, 1);

  memcpy (pending->stream, stream, MUSTER_STREAM_ID_SIZE);
  pending->first_seq = pending->next_seq = first_seq;
  pending->runs = g_array_new (FALSE, FALSE, sizeof (MusterGapRun));
  pending->link.data = pending;
  return pending;
}

static void
pending_free (gpointer data)
{
  Pending *pending = data;

  g_array_unref (pending->runs);
  g_free (pending);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Pending, pending_free)

static void
pending_add (Pending *pending, guint64 count, MusterGapReason reason)
{
  MusterGapRun *last =
      pending->runs->len > 0 ? &g_array_index (pending->runs, MusterGapRun, pending->runs->len - 1) : NULL;

  if (count == 0)
    return;
  pending->next_seq += count;
  if (last != NULL && (last->reason == reason || pending->runs->len == RUNS_MAX))
    {
      if (last->reason != reason)
        last->reason = MUSTER_GAP_UNKNOWN;
      last->count += count;
    }
  else
    g_array_append_val (pending->runs, ((MusterGapRun){ count, reason }));
}

/* What formats without gaps of their own never show: what was filtered before all else. */
static void
pending_strip (Pending *pending)
{
  while (pending->runs->len > 0 && g_array_index (pending->runs, MusterGapRun, 0).reason == MUSTER_GAP_FILTERED)
    {
      pending->first_seq += g_array_index (pending->runs, MusterGapRun, 0).count;
      g_array_remove_index (pending->runs, 0);
    }
}

/* Takes what is kept for a stream out of the filter; never NULL. What does not end just before @first_seq is dropped. */
static Pending *
take_pending (MusterBatchFilter *filter, const guint8 *stream, guint64 first_seq)
{
  Pending *pending = g_hash_table_size (filter->streams) > 0 ? g_hash_table_lookup (filter->streams, stream) : NULL;

  if (pending == NULL)
    return pending_new (stream, first_seq);
  g_queue_unlink (&filter->order, &pending->link);
  g_hash_table_steal (filter->streams, pending);
  if (pending->may_skip && first_seq > pending->next_seq)
    pending_add (pending, first_seq - pending->next_seq, MUSTER_GAP_REFUSED);
  pending->may_skip = FALSE;
  if (pending->next_seq != first_seq)
    {
      g_array_set_size (pending->runs, 0);
      pending->first_seq = pending->next_seq = first_seq;
    }
  return pending;
}

static void
keep_pending (MusterBatchFilter *filter, Pending *pending)
{
  if (pending->runs->len == 0 && !pending->may_skip)
    {
      pending_free (pending);
      return;
    }
  g_queue_push_tail_link (&filter->order, &pending->link);
  g_hash_table_add (filter->streams, pending);
  if (g_hash_table_size (filter->streams) > STREAMS_MAX)
    g_hash_table_remove (filter->streams, g_queue_pop_head_link (&filter->order)->data);
}

MusterBatchFilter *
muster_batch_filter_new (gboolean keeps_gaps)
{
  MusterBatchFilter *filter = g_new0 (MusterBatchFilter, 1);

  filter->keeps_gaps = keeps_gaps;
  filter->reason = MUSTER_GAP_FILTERED;
  filter->streams = g_hash_table_new_full (muster_stream_id_hash, muster_stream_id_equal, pending_free, NULL);
  g_queue_init (&filter->order);
  return filter;
}

void
muster_batch_filter_set_reason (MusterBatchFilter *filter, MusterGapReason reason)
{
  filter->reason = reason;
}

void
muster_batch_filter_free (MusterBatchFilter *filter)
{
  g_hash_table_unref (filter->streams);
  g_free (filter);
}

/* One batch on its way through: what has been written to @out, and a piece of the input that is to follow. */
typedef struct
{
  MusterBatchFilter *filter;
  Pending *pending;
  const guint8 *piece;     /* passed and not yet in @out */
  const guint8 *piece_end; /* behind the last entry that passed */
  GByteArray *out;         /* owned; NULL until the output differs from the input */
  gboolean origin_due;     /* the labels changed since the last entry that passed */
} Passage;

static void
flush_piece (Passage *passage)
{
  if (passage->out == NULL)
    passage->out = g_byte_array_new ();
  if (passage->piece_end > passage->piece)
    g_byte_array_append (passage->out, passage->piece, (guint) (passage->piece_end - passage->piece));
  passage->piece = passage->piece_end;
}

/* Declares what was left out before @entry, under the labels of @entry, whose origin is written anew where needed. */
static void
declare (Passage *passage, const MusterEntry *entry)
{
  Pending *pending = passage->pending;
  gboolean at_start;

  flush_piece (passage);
  at_start = passage->out->len == 0;
  if (at_start && !passage->filter->keeps_gaps)
    pending_strip (pending);
  if (at_start || passage->origin_due)
    {
      MusterOrigin origin = *entry->origin;

      origin.first_seq = pending->first_seq;
      muster_encode_origin (passage->out, &origin);
    }
  for (guint i = 0; i < pending->runs->len; i++)
    muster_encode_gap (passage->out, g_array_index (pending->runs, MusterGapRun, i).count,
                       g_array_index (pending->runs, MusterGapRun, i).reason);
  g_array_set_size (pending->runs, 0);
  passage->piece = entry->bytes;
}

static void
pass_entry (Passage *passage, const MusterEntry *entry)
{
  /* With nothing left out in between there are only origins between the piece and this entry: they belong to it. */
  if (passage->pending->runs->len > 0)
    declare (passage, entry);
  passage->piece_end = entry->bytes + entry->length;
  passage->pending->first_seq = passage->pending->next_seq = entry->sequence + entry->count;
  passage->origin_due = FALSE;
}

static MusterBatch *
finish (Passage *passage, MusterBatch *batch)
{
  g_autoptr (GBytes) bytes = NULL;
  MusterBatch *result;
  gsize size;
  const guint8 *data = muster_batch_get_data (batch, &size);

  if (passage->out == NULL && passage->piece_end == data)
    return NULL;
  if (passage->out == NULL && passage->pending->runs->len == 0)
    return muster_batch_ref (batch);
  flush_piece (passage);
  bytes = g_byte_array_free_to_bytes (g_steal_pointer (&passage->out));
  result = muster_batch_new (bytes, NULL);
  /* It cannot fail for what was made of a batch; if it did, too much is better than too little. */
  return result != NULL ? result : muster_batch_ref (batch);
}

MusterBatch *
muster_batch_filter_apply (MusterBatchFilter *filter, MusterBatch *batch, MusterEntryPredicate predicate,
                           gpointer user_data, guint64 *n_filtered)
{
  const MusterOrigin *origin = muster_batch_get_origin (batch);
  Passage passage = { .filter = filter };
  MusterEntryIter iter;
  MusterEntry entry;
  MusterBatch *result;
  gsize size;
  const guint8 *data = muster_batch_get_data (batch, &size);

  passage.pending = take_pending (filter, origin->stream, origin->first_seq);
  if (predicate == NULL && passage.pending->runs->len == 0 && muster_batch_get_count (batch) > 0)
    {
      pending_free (passage.pending);
      return muster_batch_ref (batch);
    }
  passage.piece = passage.piece_end = data;
  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    if (entry.kind == MUSTER_ENTRY_ORIGIN)
      passage.origin_due = TRUE;
    else if (entry.kind == MUSTER_ENTRY_GAP || predicate == NULL || predicate (&entry, user_data))
      pass_entry (&passage, &entry);
    else
      {
        pending_add (passage.pending, entry.count, filter->reason);
        if (n_filtered != NULL)
          *n_filtered += entry.count;
      }
  result = finish (&passage, batch);
  keep_pending (filter, passage.pending);
  return result;
}

static void
add_batch (Pending *pending, MusterBatch *batch, MusterGapReason reason)
{
  MusterEntryIter iter;
  MusterEntry entry;
  gsize size;
  const guint8 *data = muster_batch_get_data (batch, &size);

  if (!muster_batch_has_kind (batch, MUSTER_ENTRY_GAP))
    {
      pending_add (pending, muster_batch_get_count (batch), reason);
      return;
    }
  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    {
      MusterGapReason own = reason;
      guint64 count;

      if (entry.kind == MUSTER_ENTRY_GAP)
        muster_entry_get_gap (&entry, &count, &own);
      pending_add (pending, entry.count, own);
    }
}

/* Takes @stream's runs out of the filter if they start at @first_seq: the leftovers of the batch that ends there. */
static Pending *
take_leftovers (MusterBatchFilter *filter, const guint8 *stream, guint64 first_seq)
{
  Pending *pending = g_hash_table_lookup (filter->streams, stream);

  return pending != NULL && pending->first_seq == first_seq ? take_pending (filter, stream, pending->next_seq) : NULL;
}

void
muster_batch_filter_skip (MusterBatchFilter *filter, MusterBatch *batch, MusterGapReason reason)
{
  const MusterOrigin *origin = muster_batch_get_origin (batch);
  g_autoptr (Pending) leftovers =
      take_leftovers (filter, origin->stream, origin->first_seq + muster_batch_get_count (batch));
  Pending *pending = take_pending (filter, origin->stream, origin->first_seq);

  add_batch (pending, batch, reason);
  for (guint i = 0; leftovers != NULL && i < leftovers->runs->len; i++)
    pending_add (pending, g_array_index (leftovers->runs, MusterGapRun, i).count,
                 g_array_index (leftovers->runs, MusterGapRun, i).reason);
  keep_pending (filter, pending);
}

void
muster_batch_filter_skip_run (MusterBatchFilter *filter, const guint8 stream[MUSTER_STREAM_ID_SIZE], guint64 first_seq,
                              guint64 count, MusterGapReason reason)
{
  Pending *pending = take_pending (filter, stream, first_seq);

  pending_add (pending, count, reason);
  keep_pending (filter, pending);
}

void
muster_batch_filter_forget (MusterBatchFilter *filter, const guint8 stream[MUSTER_STREAM_ID_SIZE])
{
  Pending *pending = g_hash_table_lookup (filter->streams, stream);

  if (pending == NULL)
    return;
  g_queue_unlink (&filter->order, &pending->link);
  g_hash_table_remove (filter->streams, pending);
}

MusterBatch *
muster_batch_filter_declare (MusterBatchFilter *filter, const MusterOrigin *labels)
{
  Pending *pending = g_hash_table_lookup (filter->streams, labels->stream);
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autoptr (GBytes) bytes = NULL;
  MusterOrigin origin = *labels;

  if (pending == NULL || pending->runs->len == 0)
    return NULL;
  origin.first_seq = pending->first_seq;
  muster_encode_origin (out, &origin);
  for (guint i = 0; i < pending->runs->len; i++)
    muster_encode_gap (out, g_array_index (pending->runs, MusterGapRun, i).count,
                       g_array_index (pending->runs, MusterGapRun, i).reason);
  muster_batch_filter_forget (filter, labels->stream);
  bytes = g_byte_array_free_to_bytes (g_steal_pointer (&out));
  return muster_batch_new (bytes, NULL);
}

void
muster_batch_filter_get_pending (MusterBatchFilter *filter, const guint8 stream[MUSTER_STREAM_ID_SIZE],
                                 MusterPendingRuns *pending)
{
  const Pending *kept = g_hash_table_size (filter->streams) > 0 ? g_hash_table_lookup (filter->streams, stream) : NULL;
  guint n;

  *pending = (MusterPendingRuns){ 0 };
  if (kept == NULL || kept->runs->len == 0)
    return;
  pending->first_seq = kept->first_seq;
  n = kept->runs->len;
  if (g_array_index (kept->runs, MusterGapRun, n - 1).reason == MUSTER_GAP_FILTERED)
    n--;
  for (guint i = 0; i < n; i++)
    {
      const MusterGapRun *run = &g_array_index (kept->runs, MusterGapRun, i);

      if (pending->n_runs < MUSTER_PENDING_RUNS_MAX)
        pending->runs[pending->n_runs++] = *run;
      else
        {
          pending->runs[pending->n_runs - 1].count += run->count;
          pending->runs[pending->n_runs - 1].reason = MUSTER_GAP_UNKNOWN;
        }
    }
}

void
muster_batch_filter_set_pending (MusterBatchFilter *filter, const guint8 stream[MUSTER_STREAM_ID_SIZE],
                                 guint64 next_seq, const MusterPendingRuns *pending, gboolean may_skip)
{
  Pending *kept;

  muster_batch_filter_forget (filter, stream);
  kept = pending_new (stream, pending->first_seq != 0 ? MIN (pending->first_seq, next_seq) : next_seq);
  for (guint i = 0; pending->first_seq != 0 && i < pending->n_runs; i++)
    pending_add (kept, MIN (pending->runs[i].count, next_seq - kept->next_seq), pending->runs[i].reason);
  pending_add (kept, next_seq - kept->next_seq, MUSTER_GAP_FILTERED);
  kept->may_skip = may_skip;
  keep_pending (filter, kept);
}
