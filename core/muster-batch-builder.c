/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Journal items to the bytes of a batch, for the worker's I/O thread, and in the primary for its own journal and for
 * those of the dead.
 */
#include "config.h"

#include <string.h>

#include "muster-batch-builder-private.h"
#include "muster-link-private.h"
#include "muster-wire-private.h"

/* What may stand in front of one item: two gaps and an origin. */
#define OVERHEAD (MUSTER_ENCODER_ORIGIN_MAX + 2 * MUSTER_ENCODER_GAP_MAX)

void
muster_batch_builder_init (MusterBatchBuilder *builder, const MusterOrigin *labels)
{
  *builder = (MusterBatchBuilder){ .labels = *labels };
}

void
muster_batch_builder_clear (MusterBatchBuilder *builder)
{
  g_clear_pointer (&builder->buffer, g_free);
}

static void
put_own_origin (MusterBatchBuilder *builder)
{
  builder->labels.first_seq = builder->next_place;
  builder->length =
      (gsize) (muster_encode_origin_at (builder->buffer + builder->length, &builder->labels) - builder->buffer);
  builder->own_labels = FALSE;
}

void
muster_batch_builder_begin (MusterBatchBuilder *builder, guint64 place)
{
  if (builder->buffer == NULL)
    {
      builder->capacity = MUSTER_LINK_BATCH_SIZE + MUSTER_JOURNAL_ITEM_MAX + 2 * OVERHEAD;
      builder->buffer = g_malloc (builder->capacity);
    }
  builder->length = 0;
  builder->first_place = builder->next_place = place;
  put_own_origin (builder);
}

gboolean
muster_batch_builder_is_empty (const MusterBatchBuilder *builder)
{
  return builder->buffer == NULL || builder->next_place == builder->first_place;
}

gboolean
muster_batch_builder_has_room (const MusterBatchBuilder *builder, const MusterJournalItem *item)
{
  return muster_batch_builder_is_empty (builder) || builder->length + item->length <= MUSTER_LINK_BATCH_SIZE;
}

void
muster_batch_builder_add_gap (MusterBatchBuilder *builder, guint64 count, MusterGapReason reason)
{
  if (count == 0)
    return;
  builder->length = (gsize) (muster_encode_gap_at (builder->buffer + builder->length, count, reason) - builder->buffer);
  builder->next_place += count;
}

static gboolean
slice_equal (MusterSlice a, MusterSlice b)
{
  return a.length == b.length && (a.length == 0 || memcmp (a.data, b.data, a.length) == 0);
}

/* Writes an origin with an item's labels, unless the last one has the same. */
static void
put_labels (MusterBatchBuilder *builder, const MusterOrigin *labels)
{
  MusterOrigin origin = builder->labels;
  MusterEntryIter iter;
  MusterEntry entry;
  guint8 *start = builder->buffer + builder->length;

  origin.worker = labels->worker;
  origin.pid = labels->pid;
  if (labels->host.length > 0)
    origin.host = labels->host;
  if (builder->own_labels && builder->last.pid == origin.pid && slice_equal (builder->last.worker, origin.worker)
      && slice_equal (builder->last.host, origin.host))
    return;
  origin.first_seq = builder->next_place;
  builder->length += (gsize) (muster_encode_origin_at (start, &origin) - start);
  muster_entry_iter_init (&iter, start, (gsize) (builder->buffer + builder->length - start));
  builder->own_labels = muster_entry_iter_next (&iter, &entry);
  builder->last = iter.origin;
}

/* An item may begin with an origin that has only labels: worker, pid and maybe a host. The stream, cluster and number are
 * ours to say. Returns how many bytes of the item it took. */
static gsize
put_item_origin (MusterBatchBuilder *builder, const MusterJournalItem *item)
{
  MusterEntryIter iter;
  MusterEntry entry;

  /* Tag and length of the entry, then the tag of its kind: an origin's length always fits in two bytes. */
  if (item->length < 4
      || (item->bytes[item->bytes[1] < 0x80 ? 2 : 3] != MUSTER_WIRE_TAG (MUSTER_ENTRY_ORIGIN, MUSTER_WIRE_BYTES)))
    return 0;
  muster_entry_iter_init (&iter, item->bytes, item->length);
  if (!muster_entry_iter_next (&iter, &entry) || entry.kind != MUSTER_ENTRY_ORIGIN)
    return 0;
  if (builder->one_label)
    return entry.length;
  put_labels (builder, entry.origin);
  return entry.length;
}

void
muster_batch_builder_add (MusterBatchBuilder *builder, const MusterJournalItem *item)
{
  gsize skip;

  muster_batch_builder_add_gap (builder, item->refused, MUSTER_GAP_JOURNAL_FULL);
  muster_batch_builder_add_gap (builder, item->lost, item->lost_reason);
  skip = put_item_origin (builder, item);
  if (skip == 0 && builder->own_labels)
    put_own_origin (builder);
  memcpy (builder->buffer + builder->length, item->bytes + skip, item->length - skip);
  builder->length += item->length - skip;
  builder->next_place++;
  builder->drops = item->drops;
}

void
muster_batch_builder_add_entry (MusterBatchBuilder *builder, const void *bytes, gsize length)
{
  g_return_if_fail (builder->length + length + MUSTER_ENCODER_ORIGIN_MAX <= builder->capacity);

  if (builder->own_labels)
    put_own_origin (builder);
  memcpy (builder->buffer + builder->length, bytes, length);
  builder->length += length;
  builder->next_place++;
}

guint8 *
muster_batch_builder_steal (MusterBatchBuilder *builder, gsize *length)
{
  *length = builder->length;
  return g_steal_pointer (&builder->buffer);
}

MusterBatch *
muster_batch_trim (MusterBatch *batch, guint64 from)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autoptr (GBytes) bytes = NULL;
  MusterEntryIter iter;
  MusterEntry entry;
  MusterOrigin origin;
  gboolean begun = FALSE;
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);

  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    {
      guint64 skip = entry.sequence < from ? from - entry.sequence : 0;
      MusterGapReason reason;
      guint64 count;

      if (!begun && (entry.kind == MUSTER_ENTRY_ORIGIN || skip >= entry.count))
        continue;
      if (!begun)
        {
          origin = *entry.origin;
          origin.first_seq = entry.sequence + skip;
          muster_encode_origin (out, &origin);
          begun = TRUE;
        }
      if (skip > 0 && muster_entry_get_gap (&entry, &count, &reason))
        muster_encode_gap (out, count - skip, reason);
      else
        g_byte_array_append (out, entry.bytes, (guint) entry.length);
    }
  if (!begun)
    return NULL;
  bytes = g_byte_array_free_to_bytes (g_steal_pointer (&out));
  return muster_batch_new (bytes, NULL);
}
