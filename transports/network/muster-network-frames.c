/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What senders say, and the answers. What does not fit is refused. A journal belongs to the key that it came with, so nobody
 * moves another one's mark. A stream does not: who passes on what others send has theirs in its own journal, and one stream
 * may come by two ways. Its identity, 128 random bits that only those on its way see, is what keeps strangers from it.
 */
#include "config.h"

#include <string.h>

#include "muster-batch-builder-private.h"
#include "muster-network-collector-parts.h"

/* Where numbers end; beyond it sums would wrap. */
#define NUMBER_MAX ((guint64) G_MAXINT64)
/* Nobody goes beyond his credit but of his own will, or because it has become less meanwhile. */
#define CREDIT_FACTOR 2

static const void *
get_payload (const MusterNetworkFrame *frame, gsize *size)
{
  *size = frame->payload != NULL ? zmq_msg_size (frame->payload) : 0;
  return frame->payload != NULL ? zmq_msg_data (frame->payload) : NULL;
}

static void
refuse (MusterNetworkCollector *self, MusterNetworkPeer *peer, const MusterNetworkFrame *frame, const char *reason)
{
  const MusterLinkHeader header = { .type = MUSTER_LINK_REFUSED };

  muster_network_collector_say_refused (self, peer != NULL ? peer->name : frame->address, reason);
  muster_network_collector_reply (self, frame->routing, &header, reason, strlen (reason));
  if (peer == NULL || peer->routing == NULL)
    return;
  g_hash_table_remove (self->routes, peer->routing);
  g_clear_pointer (&peer->routing, g_bytes_unref);
}

static gboolean
is_allowed (MusterNetworkCollector *self, const char *user)
{
  return self->gate == NULL || muster_network_gate_look_up (self->gate, user) != NULL;
}

static void
on_hello (MusterNetworkCollector *self, const MusterNetworkFrame *frame)
{
  MusterLinkHeader header = { .type = MUSTER_LINK_WELCOME };
  MusterLinkWelcome welcome = { 0 };
  guint8 bytes[MUSTER_LINK_WELCOME_SIZE];
  MusterLinkHello hello;
  MusterNetworkPeer *peer;
  gsize size;
  const void *data = get_payload (frame, &size);

  if (!muster_link_hello_decode (data, size, &hello, NULL) || frame->header.number > NUMBER_MAX)
    {
      refuse (self, NULL, frame, "a HELLO that is none");
      return;
    }
  peer = muster_network_peer_get (self, frame->user != NULL ? frame->user : "", hello.stream, frame->header.number);
  muster_network_peer_connect (self, peer, frame);
  peer->elsewhere = (frame->header.flags & MUSTER_LINK_FLAG_ELSEWHERE) != 0;
  welcome.credit_bytes = muster_network_peer_get_credit (self);
  header.number = peer->accepted;
  header.flags = muster_network_codec_is_there () ? MUSTER_LINK_FLAG_PACKED : 0;
  muster_link_welcome_encode (&welcome, bytes);
  muster_network_collector_reply (self, frame->routing, &header, bytes, sizeof bytes);
}

/* -- batches -- */

static void
free_message (gpointer data)
{
  zmq_msg_close (data);
  g_free (data);
}

/* The message's memory goes on to the pipeline as it is, unless it is packed. */
static GBytes *
take_log (MusterNetworkCollector *self, const MusterNetworkFrame *frame, GError **error)
{
  zmq_msg_t *message;

  if (frame->header.flags & MUSTER_LINK_FLAG_PACKED)
    return muster_network_codec_unpack (self->codec, zmq_msg_data (frame->payload), zmq_msg_size (frame->payload),
                                        error);
  message = g_new (zmq_msg_t, 1);
  zmq_msg_init (message);
  zmq_msg_move (message, frame->payload);
  return g_bytes_new_with_free_func (zmq_msg_data (message), zmq_msg_size (message), free_message, message);
}

static MusterBatch *
take_batch (MusterNetworkCollector *self, const MusterNetworkFrame *frame, GError **error)
{
  g_autoptr (GBytes) log = NULL;
  g_autoptr (MusterBatch) batch = NULL;

  if (frame->payload == NULL || frame->header.count == 0)
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT, "a batch without entries");
      return NULL;
    }
  log = take_log (self, frame, error);
  batch = log != NULL ? muster_batch_new (log, error) : NULL;
  if (batch == NULL)
    return NULL;
  if (muster_batch_get_count (batch) <= NUMBER_MAX && muster_batch_get_first_seq (batch) <= NUMBER_MAX
      && muster_batch_get_first_seq (batch) + muster_batch_get_count (batch) <= NUMBER_MAX)
    return g_steal_pointer (&batch);
  g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT, "a number that no stream reaches");
  return NULL;
}

/* Where a stream stands: by what came in, else by what the transports have; 0 if nobody knows. */
static guint64
get_next (MusterNetworkCollector *self, const guint8 *stream)
{
  guint64 next = muster_network_streams_get (self->streams, stream);

  if (next == 0 && self->callbacks.get_mark (stream, &next, self->user_data) && next > 1)
    return next;
  return next > 1 ? next : 0;
}

/* What the sender's spool has lost of a stream is counted by what comes next. */
static void
declare_hole (MusterNetworkCollector *self, MusterNetworkPeer *peer, MusterBatch *batch, guint64 next)
{
  MusterOrigin origin = *muster_batch_get_origin (batch);
  guint64 count = origin.first_seq - next;
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (MusterBatch) gap = NULL;
  g_autofree char *text = NULL;

  origin.first_seq = next;
  muster_encode_origin (out, &origin);
  muster_encode_gap (out, count, peer->damaged ? MUSTER_GAP_CORRUPT : MUSTER_GAP_UNKNOWN);
  bytes = g_byte_array_free_to_bytes (g_steal_pointer (&out));
  gap = muster_batch_new (bytes, NULL);
  text =
      g_strdup_printf ("%s: %" G_GUINT64_FORMAT " entries of %.*s are missing%s", peer->name, count,
                       (int) origin.worker.length, origin.worker.data, peer->damaged ? ": its spool is damaged" : "");
  muster_network_collector_say_limited (self, self->holes, MUSTER_LEVEL_WARNING, text);
  if (gap != NULL)
    muster_network_peer_push (self, peer, gap, 0);
}

/* Hands on what is new in a batch. */
static void
push_new (MusterNetworkCollector *self, MusterNetworkPeer *peer, MusterBatch *batch, guint64 journal_next)
{
  const MusterOrigin *origin = muster_batch_get_origin (batch);
  guint64 end = origin->first_seq + muster_batch_get_count (batch);
  guint64 next = get_next (self, origin->stream);
  g_autoptr (MusterBatch) rest = NULL;

  if (next >= end)
    return;
  muster_network_streams_set (self->streams, origin->stream, end);
  if (next != 0 && origin->first_seq > next && (peer->damaged || !peer->elsewhere))
    declare_hole (self, peer, batch, next);
  rest = next > origin->first_seq ? muster_batch_trim (batch, next) : muster_batch_ref (batch);
  if (rest != NULL)
    muster_network_peer_push (self, peer, rest, journal_next);
}

static gboolean
is_over_credit (MusterNetworkCollector *self, MusterNetworkPeer *peer)
{
  guint64 done_bytes;

  g_mutex_lock (&self->lock);
  done_bytes = peer->done_bytes;
  g_mutex_unlock (&self->lock);
  return peer->pushed_bytes - done_bytes > CREDIT_FACTOR * (guint64) (8 << 20);
}

static void
on_batch (MusterNetworkCollector *self, MusterNetworkPeer *peer, const MusterNetworkFrame *frame)
{
  guint64 first = frame->header.number;
  guint64 end = first + frame->header.count;
  g_autoptr (MusterBatch) batch = NULL;
  g_autoptr (GError) error = NULL;

  if (first > NUMBER_MAX)
    {
      refuse (self, peer, frame, "a number that no journal reaches");
      return;
    }
  if (first > peer->accepted)
    {
      if (!peer->nacked)
        muster_network_peer_send_number (self, peer, MUSTER_LINK_NACK, peer->accepted);
      peer->nacked = TRUE;
      return;
    }
  peer->nacked = is_over_credit (self, peer);
  if (peer->nacked)
    return; /* as good as lost on the way: the next POSITION tells */
  if (end <= peer->accepted)
    {
      muster_network_peer_send_number (self, peer, MUSTER_LINK_ACK, peer->acknowledged);
      return;
    }
  batch = take_batch (self, frame, &error);
  if (batch == NULL)
    {
      refuse (self, peer, frame, error->message);
      return;
    }
  peer->damaged = peer->damaged || frame->header.count > 1;
  push_new (self, peer, batch, end);
  peer->accepted = end;
  muster_network_peer_acknowledge (self, peer); /* where nothing of it was new */
}

void
muster_network_collector_handle (MusterNetworkCollector *self, const MusterNetworkFrame *frame)
{
  MusterNetworkPeer *peer;

  if (!is_allowed (self, frame->user))
    return; /* its connection is being cut */
  if (frame->header.type == MUSTER_LINK_HELLO)
    {
      on_hello (self, frame);
      return;
    }
  peer = g_hash_table_lookup (self->routes, frame->routing);
  if (peer == NULL)
    {
      const MusterLinkHeader header = { .type = MUSTER_LINK_RESET };

      muster_network_collector_reply (self, frame->routing, &header, NULL, 0);
    }
  else if (frame->header.type == MUSTER_LINK_BATCH)
    on_batch (self, peer, frame);
  else if (frame->header.type == MUSTER_LINK_POSITION)
    {
      gboolean is_behind = frame->header.number > peer->accepted;

      peer->nacked = is_behind;
      muster_network_peer_send_number (self, peer, is_behind ? MUSTER_LINK_NACK : MUSTER_LINK_ACK,
                                       is_behind ? peer->accepted : peer->acknowledged);
    }
}
