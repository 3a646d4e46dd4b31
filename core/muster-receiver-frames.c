/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What workers say, and the answers. Nothing here trusts a worker further than its token goes: what does not fit refuses
 * that stream, and no other.
 */
#include "config.h"

#include <string.h>

#include "muster-fault-private.h"
#include "muster-receiver-parts-private.h"

/* Where numbers end: at a million in a second it is reached in 292,000 years. Beyond it sums would wrap. */
#define NUMBER_MAX ((guint64) G_MAXINT64)

/* A sender that keeps to its credit has no more than its ring unacknowledged. The smallest slot takes 32 bytes there, and
 * a batch of its own, with an origin, less than 16 times as many here. */
#define CREDIT_FACTOR 16

static const void *
payload_data (const MusterReceiverFrame *frame, gsize *size)
{
  *size = frame->payload != NULL ? zmq_msg_size (frame->payload) : 0;
  return frame->payload != NULL ? zmq_msg_data (frame->payload) : NULL;
}

static gboolean
tokens_equal (const guint8 *a, const guint8 *b)
{
  guint8 difference = 0;

  for (gsize i = 0; i < MUSTER_JOURNAL_TOKEN_SIZE; i++)
    difference |= a[i] ^ b[i];
  return difference == 0;
}

static void
reset_stranger (const MusterReceiverFrame *frame)
{
  const MusterLinkHeader header = { .type = MUSTER_LINK_RESET };

  frame->endpoint->receiver->strangers++;
  muster_receiver_endpoint_reply (frame->endpoint, frame->routing, &header, NULL, 0);
}

static void
on_hello (const MusterReceiverFrame *frame)
{
  MusterReceiver *self = frame->endpoint->receiver;
  MusterLinkHello hello;
  MusterLinkWelcome welcome = { .realtime_ns = self->base.realtime_ns, .boottime_ns = self->base.boottime_ns };
  guint8 bytes[MUSTER_LINK_WELCOME_SIZE];
  gsize size;
  const void *data = payload_data (frame, &size);
  MusterReceiverStream *stream = NULL;
  MusterLinkHeader header = { .type = MUSTER_LINK_WELCOME };

  if (muster_link_hello_decode (data, size, &hello, NULL))
    stream = g_hash_table_lookup (self->streams, hello.stream);
  if (stream == NULL || !tokens_equal (hello.token, stream->identity.token)
      || !g_str_equal (stream->identity.group, frame->endpoint->group))
    {
      reset_stranger (frame);
      return;
    }
  if (stream->refused || stream->finishing)
    return;
  muster_receiver_stream_connect (stream, frame->endpoint, frame->routing);
  if (frame->header.number > NUMBER_MAX)
    {
      muster_receiver_stream_refuse (stream, "a number that no stream reaches");
      return;
    }
  if (stream->trusting)
    muster_receiver_stream_begin_at (stream, MAX (frame->header.number, 1));
  if (frame->header.number > stream->accepted)
    muster_receiver_stream_skip_to (stream, frame->header.number);

  welcome.credit_bytes = stream->ring_size;
  header.number = stream->accepted;
  muster_link_welcome_encode (&welcome, bytes);
  muster_receiver_endpoint_reply (frame->endpoint, frame->routing, &header, bytes, sizeof bytes);
  if (stream->acknowledged > frame->header.number)
    muster_receiver_stream_send_number (stream, MUSTER_LINK_ACK, stream->acknowledged); /* it may wait for room */
  if (!stream->announced)
    muster_receiver_notes_tell_connected (self->notes, stream->identity.stream);
  stream->announced = TRUE;
}

static void
free_message (gpointer data)
{
  zmq_msg_close (data);
  g_free (data);
}

/* The message's memory goes on to the pipeline as it is. */
static GBytes *
take_payload (const MusterReceiverFrame *frame)
{
  zmq_msg_t *message = g_new (zmq_msg_t, 1);

  zmq_msg_init (message);
  zmq_msg_move (message, frame->payload);
  return g_bytes_new_with_free_func (zmq_msg_data (message), zmq_msg_size (message), free_message, message);
}

/* Whether all entries are under the worker's own name: nobody speaks, or measures, in the name of others. */
static gboolean
has_own_name (MusterReceiverStream *stream, MusterBatch *batch)
{
  const char *name = stream->identity.worker;
  gsize length = strlen (name);
  const MusterOrigin *origin = muster_batch_get_origin (batch);
  MusterEntryIter iter;
  MusterEntry entry;
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);

  if (muster_batch_get_n_origins (batch) == 1)
    return origin->worker.length == length && memcmp (origin->worker.data, name, length) == 0;
  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    if (entry.kind == MUSTER_ENTRY_ORIGIN
        && (entry.origin->worker.length != length || memcmp (entry.origin->worker.data, name, length) != 0))
      return FALSE;
  return TRUE;
}

static void
on_batch (MusterReceiverStream *stream, const MusterReceiverFrame *frame)
{
  guint64 first = frame->header.number;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (MusterBatch) batch = NULL;
  g_autoptr (GError) error = NULL;
  guint64 count, end;

  if (first > stream->accepted)
    {
      if (!stream->nacked)
        muster_receiver_stream_send_number (stream, MUSTER_LINK_NACK, stream->accepted);
      stream->nacked = TRUE;
      return;
    }
  /* Nobody keeps to that but of his own will. What is beyond is as good as lost on the way: the next POSITION tells. */
  stream->nacked = muster_receiver_stream_get_bytes_in_flight (stream) > CREDIT_FACTOR * (guint64) stream->ring_size;
  if (stream->nacked)
    return;
  if (frame->payload == NULL)
    {
      muster_receiver_stream_refuse (stream, "a batch without entries");
      return;
    }
  bytes = take_payload (frame);
  batch = muster_batch_new (bytes, &error);
  if (batch == NULL)
    {
      muster_receiver_stream_refuse (stream, error->message);
      return;
    }
  count = muster_batch_get_count (batch);
  end = first + count;
  if (muster_batch_get_first_seq (batch) != first || frame->header.count != MIN (count, G_MAXUINT32)
      || count > NUMBER_MAX || end > NUMBER_MAX
      || memcmp (muster_batch_get_origin (batch)->stream, stream->identity.stream, MUSTER_STREAM_ID_SIZE) != 0)
    {
      muster_receiver_stream_refuse (stream, "a batch is not what its header says");
      return;
    }
  if (!has_own_name (stream, batch))
    {
      muster_receiver_stream_refuse (stream, "a batch is labelled as another worker's");
      return;
    }
  if (end <= stream->accepted)
    {
      muster_receiver_stream_send_number (stream, MUSTER_LINK_ACK,
                                          stream->acknowledged); /* had it; its acknowledgement was lost */
      return;
    }
  if (first < stream->accepted)
    {
      MusterBatch *rest = muster_batch_trim (batch, stream->accepted);

      muster_batch_unref (batch);
      batch = rest;
    }
  MUSTER_FAULT ("receiver.accept");
  stream->accepted = end;
  stream->accepted_drops = frame->header.drops;
  muster_receiver_stream_push (stream, batch);
}

static void
on_message (MusterReceiverStream *stream, const MusterReceiverFrame *frame)
{
  gsize size;
  const void *data = payload_data (frame, &size);
  g_autoptr (GVariant) message = muster_link_message_decode (data, size, NULL);

  if (message != NULL)
    muster_receiver_notes_tell_message (stream->receiver->notes, stream->identity.stream, message);
}

void
muster_receiver_handle_frame (const MusterReceiverFrame *frame)
{
  MusterReceiverStream *stream;

  if (frame->header.type == MUSTER_LINK_HELLO)
    {
      on_hello (frame);
      return;
    }
  stream = g_hash_table_lookup (frame->endpoint->peers, frame->routing);
  if (stream == NULL)
    {
      reset_stranger (frame);
      return;
    }
  if (stream->finishing)
    return; /* dead: its journal has been drained already, this came late */
  switch (frame->header.type)
    {
    case MUSTER_LINK_BATCH:
      on_batch (stream, frame);
      break;
    case MUSTER_LINK_POSITION:
      if (frame->header.number > stream->accepted)
        muster_receiver_stream_send_number (stream, MUSTER_LINK_NACK, stream->accepted);
      else
        muster_receiver_stream_send_number (stream, MUSTER_LINK_ACK, stream->acknowledged);
      break;
    case MUSTER_LINK_MESSAGE:
      on_message (stream, frame);
      break;
    case MUSTER_LINK_HELLO:
    case MUSTER_LINK_WELCOME:
    case MUSTER_LINK_ACK:
    case MUSTER_LINK_NACK:
    case MUSTER_LINK_RESET:
    case MUSTER_LINK_LEVEL:
    case MUSTER_LINK_REFUSED:
    default:
      break; /* not for a receiver */
    }
}
