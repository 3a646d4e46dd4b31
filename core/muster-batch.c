/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Entries sent together. Immutable once made, shared by reference between threads.
 */
#include "config.h"

#include "muster-batch-private.h"
#include "muster-boxed-private.h"

MUSTER_DEFINE_BOXED_TYPE (MusterBatch, muster_batch)

static gboolean
survey (MusterBatch *batch, GError **error)
{
  MusterEntryIter iter;
  MusterEntry entry;
  gsize size;
  gconstpointer data = g_bytes_get_data (batch->bytes, &size);

  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    {
      if (batch->n_origins == 0)
        {
          if (entry.kind != MUSTER_ENTRY_ORIGIN)
            {
              g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT, "a batch does not start with its origin");
              return FALSE;
            }
          batch->origin = *entry.origin;
        }
      batch->kinds |= 1u << entry.kind;
      batch->count += entry.count;
      if (entry.kind == MUSTER_ENTRY_ORIGIN)
        {
          /* One batch is one run of one stream: only the labels may change in its middle. */
          if (memcmp (entry.origin->stream, batch->origin.stream, MUSTER_STREAM_ID_SIZE) != 0
              || entry.origin->first_seq != batch->origin.first_seq + batch->count)
            {
              g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT,
                                   "an origin inside a batch breaks its sequence");
              return FALSE;
            }
          batch->n_origins++;
        }
      else if (entry.kind == MUSTER_ENTRY_RECORD)
        {
          MusterLevel level = muster_entry_peek_level (&entry);

          if (batch->n_records == 0 || level < batch->min_level)
            batch->min_level = level;
          if (batch->n_records == 0 || level > batch->max_level)
            batch->max_level = level;
          batch->n_records++;
        }
    }
  if (muster_entry_iter_get_error (&iter, error))
    return FALSE;
  if (batch->n_origins == 0)
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT, "a batch is empty");
      return FALSE;
    }
  return TRUE;
}

/**
 * muster_batch_new:
 * @log: an encoded `muster.v1.Log`: an origin, then entries of that one stream in sequence
 * @error: where to say what is wrong
 *
 * Makes a batch of encoded entries after walking them once. Inside, further origins may change the labels, never the
 * stream or the sequence.
 *
 * Returns: (transfer full) (nullable): the batch; %NULL with %MUSTER_ERROR_CORRUPT if the bytes are not one
 * Since: 0.1
 */
MusterBatch *
muster_batch_new (GBytes *log, GError **error)
{
  g_autoptr (MusterBatch) batch = g_new0 (MusterBatch, 1);

  g_atomic_ref_count_init (&batch->references);
  batch->bytes = g_bytes_ref (log);
  if (!survey (batch, error))
    return NULL;
  return g_steal_pointer (&batch);
}

/**
 * muster_batch_ref:
 * @batch: a batch
 *
 * Takes a reference. Any thread.
 *
 * Returns: (transfer full): @batch
 * Since: 0.1
 */
MusterBatch *
muster_batch_ref (MusterBatch *batch)
{
  g_atomic_ref_count_inc (&batch->references);
  return batch;
}

/**
 * muster_batch_unref:
 * @batch: (transfer full): a batch
 *
 * Gives a reference back. Any thread.
 *
 * Since: 0.1
 */
void
muster_batch_unref (MusterBatch *batch)
{
  if (!g_atomic_ref_count_dec (&batch->references))
    return;
  g_bytes_unref (batch->bytes);
  g_free (batch);
}

/**
 * muster_batch_get_bytes:
 * @batch: a batch
 *
 * The encoded entries.
 *
 * Returns: (transfer none): a `muster.v1.Log`
 * Since: 0.1
 */
GBytes *
muster_batch_get_bytes (MusterBatch *batch)
{
  return batch->bytes;
}

/**
 * muster_batch_get_data: (skip)
 * @batch: a batch
 * @size: (out): bytes
 *
 * The encoded entries, as muster_entry_iter_init() takes them.
 *
 * Returns: (transfer none): a `muster.v1.Log`, valid as long as @batch
 * Since: 0.1
 */
gconstpointer
muster_batch_get_data (MusterBatch *batch, gsize *size)
{
  return g_bytes_get_data (batch->bytes, size);
}

/**
 * muster_batch_get_origin: (skip)
 * @batch: a batch
 *
 * The origin that the batch starts with.
 *
 * Returns: (transfer none): the origin, valid as long as @batch
 * Since: 0.1
 */
const MusterOrigin *
muster_batch_get_origin (MusterBatch *batch)
{
  return &batch->origin;
}

/**
 * muster_batch_get_first_seq:
 * @batch: a batch
 *
 * Returns: the sequence number of its first entry
 * Since: 0.1
 */
guint64
muster_batch_get_first_seq (MusterBatch *batch)
{
  return batch->origin.first_seq;
}

/**
 * muster_batch_get_count:
 * @batch: a batch
 *
 * Returns: how many sequence numbers it takes, those of its gaps included
 * Since: 0.1
 */
guint64
muster_batch_get_count (MusterBatch *batch)
{
  return batch->count;
}

/**
 * muster_batch_get_n_records:
 * @batch: a batch
 *
 * Returns: how many of its entries are records
 * Since: 0.1
 */
guint
muster_batch_get_n_records (MusterBatch *batch)
{
  return batch->n_records;
}

/**
 * muster_batch_get_n_origins:
 * @batch: a batch
 *
 * Returns: how many origins it has; 1 where all entries have the same labels
 * Since: 0.1
 */
guint
muster_batch_get_n_origins (MusterBatch *batch)
{
  return batch->n_origins;
}

/**
 * muster_batch_has_kind:
 * @batch: a batch
 * @kind: a kind of entry
 *
 * Returns: whether an entry of that kind is among its entries
 * Since: 0.1
 */
gboolean
muster_batch_has_kind (MusterBatch *batch, MusterEntryKind kind)
{
  return (batch->kinds & (1u << kind)) != 0;
}

/**
 * muster_batch_get_max_level:
 * @batch: a batch
 *
 * Returns: the level of its most harmless record (the greatest number); %MUSTER_LEVEL_NONE without records
 * Since: 0.1
 */
MusterLevel
muster_batch_get_max_level (MusterBatch *batch)
{
  return batch->max_level;
}

/**
 * muster_batch_get_min_level:
 * @batch: a batch
 *
 * Returns: the level of its worst record (the smallest number); %MUSTER_LEVEL_NONE without records
 * Since: 0.1
 */
MusterLevel
muster_batch_get_min_level (MusterBatch *batch)
{
  return batch->min_level;
}
