/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any frames from senders that have been let in. The input is frames one after another: a byte for the connection (of
 * four), two for the length of the payload, the header, the payload. What is handed on must be in order for each stream, and
 * what is acknowledged must have been.
 */
#include "config.h"

#include <string.h>

#include "muster-network-collector-parts.h"

#define FRAMES_MAX 64

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static MusterNetworkStreams *taken;

static void
submit_cb (MusterBatch *batch, gpointer user_data)
{
  const guint8 *stream = muster_batch_get_origin (batch)->stream;
  guint64 next = muster_network_streams_get (taken, stream);

  g_assert (next == 0 || muster_batch_get_first_seq (batch) >= next);
  muster_network_streams_set (taken, stream, muster_batch_get_first_seq (batch) + muster_batch_get_count (batch));
  muster_network_collector_done (user_data, batch);
}

static gboolean
get_mark_cb (const guint8 *id, guint64 *next, gpointer user_data)
{
  return FALSE;
}

static void
report_cb (MusterLevel level, const char *text, gpointer user_data)
{
}

/* Without sockets: what it answers goes nowhere. */
static MusterNetworkCollector *
make_collector (void)
{
  MusterNetworkCollector *self = g_new0 (MusterNetworkCollector, 1);

  self->callbacks = (MusterNetworkCollectorCallbacks){ submit_cb, get_mark_cb, report_cb };
  self->user_data = self;
  self->context = g_main_context_new ();
  self->loop = g_main_loop_new (self->context, FALSE);
  g_mutex_init (&self->lock);
  self->dirty = g_ptr_array_new ();
  self->peers = g_hash_table_new_full (muster_stream_id_hash, muster_stream_id_equal, NULL, muster_network_peer_free);
  self->routes = g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, NULL);
  g_queue_init (&self->order);
  self->streams = muster_network_streams_new (16);
  self->codec = muster_network_codec_new ();
  self->refusals = muster_network_limiter_new (1000, 4);
  self->holes = muster_network_limiter_new (1000, 4);
  self->connections = muster_network_connections_new (self->context, 1 << 20, NULL, NULL);
  return self;
}

static void
check_peers (MusterNetworkCollector *self)
{
  for (GList *link = self->order.head; link != NULL; link = link->next)
    {
      const MusterNetworkPeer *peer = link->data;

      g_assert (peer->acknowledged <= peer->accepted);
      g_assert (peer->n_done <= peer->n_pushed);
    }
}

/* Returns what is left, or NULL at the end. */
static const guint8 *
handle_one (MusterNetworkCollector *self, const guint8 *at, const guint8 *end)
{
  MusterNetworkFrame frame = { .address = "somewhere" };
  guint8 route;
  gsize length;
  zmq_msg_t payload;

  if (end - at < 3 + MUSTER_LINK_HEADER_SIZE)
    return NULL;
  route = at[0] & 3;
  length = MIN ((gsize) at[1] | (gsize) at[2] << 8, (gsize) (end - at) - 3 - MUSTER_LINK_HEADER_SIZE);
  at += 3;
  if (!muster_link_header_decode (at, MUSTER_LINK_HEADER_SIZE, &frame.header, NULL))
    return at + MUSTER_LINK_HEADER_SIZE + length;
  at += MUSTER_LINK_HEADER_SIZE;
  zmq_msg_init_size (&payload, length);
  memcpy (zmq_msg_data (&payload), at, length);
  frame.payload = length > 0 ? &payload : NULL;
  frame.routing = g_bytes_new (&route, 1);
  muster_network_collector_handle (self, &frame);
  g_bytes_unref (frame.routing);
  zmq_msg_close (&payload);
  return at + length;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  MusterNetworkCollector *self = make_collector ();
  const guint8 *at = data;

  taken = muster_network_streams_new (16);
  for (guint i = 0; i < FRAMES_MAX && at != NULL; i++)
    {
      at = handle_one (self, at, data + size);
      while (g_main_context_iteration (self->context, FALSE))
        ;
      check_peers (self);
    }
  muster_network_connections_free (self->connections);
  muster_network_collector_free (self);
  muster_network_streams_free (taken);
  return 0;
}
