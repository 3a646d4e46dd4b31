/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-batch.h"

/*
 * MusterTransportQueue: batches that wait for a transport's thread, the places of those that were dropped, and streams
 * that are to be forgotten.
 *
 * Guarded by the transport's lock. The thread takes all of it at once, so that the lock is rare: it owns the array that
 * it took, and gives it back empty for the next exchange.
 */
typedef struct
{
  MusterBatch *batch; /* owned; NULL for a run of a stream that was dropped, or, with no count, for a stream's end: */
  guint8 stream[MUSTER_STREAM_ID_SIZE];
  guint64 first_seq;
  guint64 count;
} MusterTransportItem;

typedef struct
{
  GArray *items;     /* owned; of MusterTransportItem */
  GHashTable *drops; /* owned; stream to the index + 1 of its last item, if that is a dropped run */
} MusterTransportQueue;

void muster_transport_queue_init (MusterTransportQueue *queue);
void muster_transport_queue_clear (MusterTransportQueue *queue);
void muster_transport_queue_push (MusterTransportQueue *queue, MusterBatch *batch); /* takes a reference */
void muster_transport_queue_drop (MusterTransportQueue *queue, MusterBatch *batch); /* remembers its numbers */
void muster_transport_queue_forget (MusterTransportQueue *queue, const guint8 stream[MUSTER_STREAM_ID_SIZE]);
GArray *muster_transport_queue_take (MusterTransportQueue *queue, GArray *empty); /* takes @empty, returns the items */
GArray *muster_transport_items_new (void);
