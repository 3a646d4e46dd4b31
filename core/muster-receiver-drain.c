/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Journals that the receiver reads by itself: those of the dead, to their end, and the primary's own as it grows.
 */
#include "config.h"

#include "muster-receiver-parts-private.h"

/* Gives the builder's batch to the pipeline, and begins the next one. */
static void
push_built (MusterReceiverStream *stream, MusterBatchBuilder *builder)
{
  gsize length;
  guint8 *bytes;
  g_autoptr (GBytes) log = NULL;
  g_autoptr (MusterBatch) batch = NULL;
  g_autoptr (GError) error = NULL;
  guint64 next = builder->next_place;

  if (muster_batch_builder_is_empty (builder))
    return;
  bytes = muster_batch_builder_steal (builder, &length);
  log = g_bytes_new_take (bytes, length);
  batch = muster_batch_new (log, &error);
  if (batch == NULL)
    {
      /* The checksum was right, so its own sender wrote this; it is no log all the same. */
      g_warning ("%s: its journal holds what is no entry: %s", stream->identity.worker, error->message);
      muster_receiver_stream_skip_to (stream, next);
    }
  else
    {
      stream->accepted = next;
      muster_receiver_stream_push (stream, batch);
    }
  muster_batch_builder_begin (builder, next);
}

static void
add_item (MusterReceiverStream *stream, MusterBatchBuilder *builder, const MusterJournalItem *item)
{
  if (!muster_batch_builder_has_room (builder, item))
    push_built (stream, builder);
  muster_batch_builder_add (builder, item);
}

static void
drain (MusterReceiverStream *stream, MusterBatchBuilder *builder)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterJournalScan) scan =
      muster_journal_scan_new (stream->fd, stream->identity.stream, stream->ring_size,
                               stream->trusting ? 0 : stream->accepted, stream->accepted_drops, &error);
  MusterJournalItem item;
  guint64 refused, lost;
  MusterGapReason reason;

  if (scan == NULL)
    {
      g_warning ("%s: %s", stream->identity.worker, error->message);
      return;
    }
  if (stream->trusting)
    {
      muster_receiver_stream_begin_at (stream, muster_journal_scan_get_next_place (scan));
      muster_batch_builder_begin (builder, stream->accepted);
    }
  while (muster_journal_scan_next (scan, &item))
    add_item (stream, builder, &item);
  muster_journal_scan_get_trailing (scan, &refused, &lost, &reason);
  muster_batch_builder_add_gap (builder, refused, MUSTER_GAP_JOURNAL_FULL);
  muster_batch_builder_add_gap (builder, lost, reason);
}

void
muster_receiver_stream_finish (MusterReceiverStream *stream, GBytes *end_record)
{
  MusterBatchBuilder builder;
  MusterOrigin labels;

  if (stream->finishing)
    return;
  stream->finishing = TRUE;
  muster_receiver_stream_get_labels (stream, &labels);
  muster_batch_builder_init (&builder, &labels);
  muster_batch_builder_begin (&builder, stream->accepted);
  if (stream->fd >= 0)
    drain (stream, &builder);
  if (end_record != NULL)
    {
      gsize size;
      const void *bytes = g_bytes_get_data (end_record, &size);

      muster_batch_builder_add_entry (&builder, bytes, size);
    }
  push_built (stream, &builder);
  muster_batch_builder_clear (&builder);
  if (stream->acknowledged == stream->accepted)
    muster_receiver_stream_acknowledge (stream, stream->accepted); /* nothing was left to wait for */
}

gboolean
muster_receiver_feed_batch (guint8 *bytes, gsize length, guint64 first, guint64 count, guint32 drops,
                            gpointer user_data)
{
  MusterReceiver *self = user_data;
  g_autoptr (GBytes) log = g_bytes_new_take (bytes, length);
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterBatch) batch = muster_batch_new (log, &error);

  if (batch == NULL)
    {
      /* Cannot come from the logger; somebody scribbled. Said where it can be heard without the journal. */
      g_printerr ("muster: the primary's own journal holds what is no entry: %s\n", error->message);
      muster_receiver_stream_skip_to (self->master, first + count);
      return TRUE;
    }
  self->master->accepted = first + count;
  muster_receiver_stream_push (self->master, batch);
  return TRUE;
}
