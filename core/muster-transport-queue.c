/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What waits for a transport's thread. Guarded by the transport's lock.
 */
#include "config.h"

#include <string.h>

#include "muster-transport-queue-private.h"

/* Dropped runs that are declared; beyond it drops are counted only. A stream has one, unless batches come between. */
#define DROPS_MAX 4096

static void
item_clear (gpointer data)
{
  MusterTransportItem *item = data;

  g_clear_pointer (&item->batch, muster_batch_unref);
}

GArray *
muster_transport_items_new (void)
{
  GArray *items = g_array_new (FALSE, FALSE, sizeof (MusterTransportItem));

  g_array_set_clear_func (items, item_clear);
  return items;
}

void
muster_transport_queue_init (MusterTransportQueue *queue)
{
  queue->items = muster_transport_items_new ();
  queue->drops = g_hash_table_new_full (muster_stream_id_hash, muster_stream_id_equal, g_free, NULL);
}

void
muster_transport_queue_clear (MusterTransportQueue *queue)
{
  g_clear_pointer (&queue->items, g_array_unref);
  g_clear_pointer (&queue->drops, g_hash_table_unref);
}

void
muster_transport_queue_push (MusterTransportQueue *queue, MusterBatch *batch)
{
  MusterTransportItem item = { .batch = muster_batch_ref (batch) };

  if (g_hash_table_size (queue->drops) > 0)
    g_hash_table_remove (queue->drops, muster_batch_get_origin (batch)->stream);
  g_array_append_val (queue->items, item);
}

void
muster_transport_queue_drop (MusterTransportQueue *queue, MusterBatch *batch)
{
  const MusterOrigin *origin = muster_batch_get_origin (batch);
  guint index = GPOINTER_TO_UINT (g_hash_table_lookup (queue->drops, origin->stream));
  MusterTransportItem item = { .first_seq = origin->first_seq, .count = muster_batch_get_count (batch) };
  MusterTransportItem *last = index > 0 ? &g_array_index (queue->items, MusterTransportItem, index - 1) : NULL;

  if (last != NULL && last->first_seq + last->count == item.first_seq)
    {
      last->count += item.count;
      return;
    }
  if (g_hash_table_size (queue->drops) >= DROPS_MAX)
    return;
  memcpy (item.stream, origin->stream, MUSTER_STREAM_ID_SIZE);
  g_array_append_val (queue->items, item);
  g_hash_table_insert (queue->drops, g_memdup2 (origin->stream, MUSTER_STREAM_ID_SIZE),
                       GUINT_TO_POINTER (queue->items->len));
}

void
muster_transport_queue_forget (MusterTransportQueue *queue, const guint8 stream[MUSTER_STREAM_ID_SIZE])
{
  MusterTransportItem item = { .batch = NULL };

  memcpy (item.stream, stream, MUSTER_STREAM_ID_SIZE);
  g_hash_table_remove (queue->drops, stream);
  g_array_append_val (queue->items, item);
}

GArray *
muster_transport_queue_take (MusterTransportQueue *queue, GArray *empty)
{
  GArray *items = queue->items;

  g_hash_table_remove_all (queue->drops);
  queue->items = empty;
  return items;
}
