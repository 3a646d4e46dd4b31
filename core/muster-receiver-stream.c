/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A journal as the receiver sees it. Its mark goes up when a batch is accepted; transports' threads say what is done
 * through the receiver's list, and what all of them have done is acknowledged.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "muster-fault-private.h"
#include "muster-receiver-parts-private.h"

GHashTable *
muster_receiver_stream_table_new (void)
{
  return g_hash_table_new_full (muster_stream_id_hash, muster_stream_id_equal, NULL, muster_receiver_stream_free);
}

MusterReceiverStream *
muster_receiver_stream_new (MusterReceiver *self, const MusterJournalIdentity *identity, gsize ring_size, int fd,
                            guint64 next)
{
  MusterReceiverStream *stream = g_new0 (MusterReceiverStream, 1);

  stream->receiver = self;
  stream->identity = *identity;
  stream->ring_size = ring_size;
  stream->fd = fd;
  stream->accepted = stream->acknowledged = stream->done = MAX (next, 1);
  stream->accepted_drops = next == 1 ? 0 : MUSTER_JOURNAL_DROPS_UNKNOWN;
  stream->adopted = next != 1;
  stream->trusting = next == 0;
  return stream;
}

void
muster_receiver_stream_begin_at (MusterReceiverStream *stream, guint64 next)
{
  stream->accepted = stream->acknowledged = stream->done = next;
  stream->trusting = FALSE;
}

void
muster_receiver_stream_free (gpointer data)
{
  MusterReceiverStream *stream = data;

  if (stream->fd >= 0)
    close (stream->fd);
  g_clear_pointer (&stream->routing, g_bytes_unref);
  g_free (stream);
}

void
muster_receiver_stream_connect (MusterReceiverStream *stream, MusterReceiverEndpoint *endpoint, GBytes *routing)
{
  muster_receiver_stream_disconnect (stream);
  stream->endpoint = endpoint;
  stream->routing = g_bytes_ref (routing);
  stream->nacked = FALSE;
  g_hash_table_insert (endpoint->peers, g_bytes_ref (routing), stream);
}

void
muster_receiver_stream_disconnect (MusterReceiverStream *stream)
{
  if (stream->endpoint != NULL)
    g_hash_table_remove (stream->endpoint->peers, stream->routing);
  stream->endpoint = NULL;
  g_clear_pointer (&stream->routing, g_bytes_unref);
}

void
muster_receiver_stream_get_labels (MusterReceiverStream *stream, MusterOrigin *labels)
{
  const MusterJournalIdentity *identity = &stream->identity;

  *labels = (MusterOrigin){ .first_seq = 1, .pid = identity->pid };
  memcpy (labels->stream, identity->stream, sizeof labels->stream);
  labels->host = muster_slice_from_string (stream->receiver->host);
  labels->cluster = muster_slice_from_string (stream->receiver->cluster);
  labels->worker = muster_slice_from_string (identity->worker);
}

void
muster_receiver_stream_send_number (MusterReceiverStream *stream, MusterLinkType type, guint64 number)
{
  const MusterLinkHeader header = { .type = type, .number = number };

  if (stream->endpoint != NULL)
    muster_receiver_endpoint_reply (stream->endpoint, stream->routing, &header, NULL, 0);
}

void
muster_receiver_stream_refuse (MusterReceiverStream *stream, const char *reason)
{
  const MusterLinkHeader header = { .type = MUSTER_LINK_REFUSED };

  g_warning ("%s (pid %u) is refused: %s", stream->identity.worker, stream->identity.pid, reason);
  if (stream->endpoint != NULL)
    muster_receiver_endpoint_reply (stream->endpoint, stream->routing, &header, reason, strlen (reason));
  stream->refused = TRUE;
  muster_receiver_stream_disconnect (stream);
}

void
muster_receiver_stream_acknowledge (MusterReceiverStream *stream, guint64 next)
{
  MusterReceiver *self = stream->receiver;

  stream->acknowledged = next;
  if (stream == self->master)
    {
      muster_journal_feed_acknowledge (self->master_feed, next);
      return;
    }
  MUSTER_FAULT ("receiver.ack.before");
  muster_receiver_stream_send_number (stream, MUSTER_LINK_ACK, next);
  MUSTER_FAULT ("receiver.ack.after");
  if (stream->finishing && next == stream->accepted)
    {
      muster_receiver_notes_tell_finished (self->notes, stream->identity.stream);
      muster_receiver_stream_disconnect (stream);
      g_hash_table_remove (self->streams, stream->identity.stream);
    }
}

static gboolean
handle_done (gpointer data)
{
  MusterReceiver *self = data;
  g_autoptr (GPtrArray) dirty = NULL;

  g_mutex_lock (&self->done_lock);
  dirty = g_steal_pointer (&self->dirty);
  self->dirty = g_ptr_array_new ();
  self->done_woken = FALSE;
  for (guint i = 0; i < dirty->len; i++)
    {
      MusterReceiverStream *stream = dirty->pdata[i];

      stream->dirty = FALSE;
      stream->done_taken = stream->done;
      stream->done_bytes_taken = stream->done_bytes;
    }
  g_mutex_unlock (&self->done_lock);

  /* Whatever becomes done meanwhile is for the next time: a stream goes with its last batch, and is in no list then. */
  for (guint i = 0; i < dirty->len; i++)
    {
      MusterReceiverStream *stream = dirty->pdata[i];

      if (stream->done_taken > stream->acknowledged)
        muster_receiver_stream_acknowledge (stream, stream->done_taken);
    }
  return G_SOURCE_REMOVE;
}

/* In some transport's thread. Batches of one stream are done one after another, in order (muster-pipeline.c says why), so
 * behind the lock of its last one nobody but the receiver's thread knows the stream. */
static void
batch_done (MusterBatch *batch, gpointer user_data)
{
  MusterReceiverStream *stream = user_data;
  MusterReceiver *self = stream->receiver;
  guint64 next = muster_batch_get_first_seq (batch) + muster_batch_get_count (batch);
  gboolean wake;

  g_mutex_lock (&self->done_lock);
  stream->done = next;
  stream->done_bytes += g_bytes_get_size (muster_batch_get_bytes (batch));
  if (!stream->dirty)
    g_ptr_array_add (self->dirty, stream);
  stream->dirty = TRUE;
  wake = !self->done_woken;
  self->done_woken = TRUE;
  g_mutex_unlock (&self->done_lock);
  if (wake)
    {
      GSource *source = g_idle_source_new ();

      g_source_set_priority (source, G_PRIORITY_DEFAULT);
      g_source_set_callback (source, handle_done, self, NULL);
      g_source_attach (source, self->context);
      g_source_unref (source);
    }
}

guint64
muster_receiver_stream_get_bytes_in_flight (const MusterReceiverStream *stream)
{
  return stream->pushed_bytes - stream->done_bytes_taken;
}

void
muster_receiver_stream_push (MusterReceiverStream *stream, MusterBatch *batch)
{
  MusterReceiver *self = stream->receiver;

  stream->pushed_bytes += g_bytes_get_size (muster_batch_get_bytes (batch));
  muster_receiver_notes_tell_batch (self->notes, batch, stream == self->master);
  muster_pipeline_push (self->pipeline, batch, batch_done, stream);
}

/* What the sender cannot send any more, for whatever reason, is declared: nobody knows what it was. */
void
muster_receiver_stream_skip_to (MusterReceiverStream *stream, guint64 number)
{
  MusterOrigin labels;
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (MusterBatch) batch = NULL;

  muster_receiver_stream_get_labels (stream, &labels);
  labels.first_seq = stream->accepted;
  muster_encode_origin (out, &labels);
  muster_encode_gap (out, number - stream->accepted, MUSTER_GAP_UNKNOWN);
  bytes = g_byte_array_free_to_bytes (g_steal_pointer (&out));
  batch = muster_batch_new (bytes, NULL);
  stream->accepted = number;
  muster_receiver_stream_push (stream, batch);
}
