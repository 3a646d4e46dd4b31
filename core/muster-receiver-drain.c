/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Journals that the receiver reads by itself: those of the dead, to their end, and the primary's own as it grows.
 */
#include "config.h"

#include "muster-journal-register-private.h"
#include "muster-metrics-area-private.h"
#include "muster-fault-private.h"
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

/* Whether it is what belongs into a slot: one entry that takes one number, before which an origin may stand. */
static gboolean
is_one_entry (const MusterJournalItem *item)
{
  MusterEntryIter iter;
  MusterEntry entry;
  guint n = 0;

  muster_entry_iter_init (&iter, item->bytes, item->length);
  while (muster_entry_iter_next (&iter, &entry))
    if (entry.count > 1 || (entry.count == 0 && n > 0))
      return FALSE;
    else
      n += (guint) entry.count;
  return n == 1 && !muster_entry_iter_get_error (&iter, NULL);
}

static void
add_item (MusterReceiverStream *stream, MusterBatchBuilder *builder, const MusterJournalItem *item)
{
  if (!muster_batch_builder_has_room (builder, item))
    push_built (stream, builder);
  if (is_one_entry (item))
    {
      muster_batch_builder_add (builder, item);
      return;
    }
  muster_batch_builder_add_gap (builder, item->refused, MUSTER_GAP_JOURNAL_FULL);
  muster_batch_builder_add_gap (builder, item->lost, item->lost_reason);
  muster_batch_builder_add_gap (builder, 1, MUSTER_GAP_CORRUPT);
}

/* Whether the item has the place, of which the lower half is known. */
static gboolean
is_at (const MusterJournalItem *item, guint32 place)
{
  return (guint32) item->place == place;
}

/* Whether an earlier primary had drained all of it, and part of what it had to say itself is stored as well. */
static gboolean
is_drained (MusterReceiverStream *stream)
{
  guint64 drained = muster_journal_read_drained (stream->fd, stream->identity.stream);

  if (drained == 0 || drained > stream->accepted || stream->trusting)
    return FALSE;
  if (!stream->adopted && muster_pipeline_get_highest_mark (stream->receiver->pipeline, stream->identity.stream) == 1)
    return FALSE; /* there was no earlier primary: its worker has written that */
  stream->words_stored = stream->accepted - drained;
  return TRUE;
}

static void
add_gap_below (MusterBatchBuilder *builder, guint64 count, MusterGapReason reason, guint64 limit)
{
  muster_batch_builder_add_gap (builder, MIN (count, limit - MIN (builder->next_place, limit)), reason);
}

/* What is missing behind the last entry that there is. Where the journal has lost what one transport has and another has
 * not, that is declared to the latter, so that all that is said now comes to both. And where an earlier primary's words
 * have come to one of them, they begin at the same place again. */
static void
add_end (MusterReceiverStream *stream, MusterBatchBuilder *builder, MusterJournalScan *scan)
{
  guint64 highest = muster_pipeline_get_highest_mark (stream->receiver->pipeline, stream->identity.stream);
  guint64 drained = muster_journal_read_drained (stream->fd, stream->identity.stream);
  gboolean again = drained >= builder->next_place && drained < highest;
  guint64 limit = again ? drained : G_MAXUINT64;
  guint64 refused, lost;
  MusterGapReason reason;

  muster_journal_scan_get_trailing (scan, &refused, &lost, &reason);
  add_gap_below (builder, refused, MUSTER_GAP_JOURNAL_FULL, limit);
  if (reason != MUSTER_GAP_UNKNOWN)
    add_gap_below (builder, lost, reason, limit);
  add_gap_below (builder, G_MAXUINT64, MUSTER_GAP_UNKNOWN, MIN (highest, limit));
  if (reason == MUSTER_GAP_UNKNOWN)
    add_gap_below (builder, lost, reason, limit); /* behind what anybody has */
}

/* @mark: the place of an entry that is looked for, mod 2^32; returns whether it has come, now or before. */
static gboolean
drain (MusterReceiverStream *stream, MusterBatchBuilder *builder, guint32 mark)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterJournalScan) scan =
      muster_journal_scan_new (stream->fd, stream->identity.stream, stream->ring_size,
                               stream->trusting ? 0 : stream->accepted, stream->accepted_drops, &error);
  MusterJournalItem item;
  gboolean found;

  if (scan == NULL)
    {
      g_warning ("%s: %s", stream->identity.worker, error->message);
      muster_batch_builder_add_gap (builder, 1, MUSTER_GAP_UNKNOWN); /* at least */
      return FALSE;
    }
  if (stream->trusting)
    {
      muster_receiver_stream_begin_at (stream, muster_journal_scan_get_next_place (scan));
      muster_batch_builder_begin (builder, stream->accepted);
    }
  found = (gint32) (mark - (guint32) stream->accepted) < 0;
  while (muster_journal_scan_next (scan, &item))
    {
      found |= is_at (&item, mark);
      add_item (stream, builder, &item);
    }
  add_end (stream, builder, scan);
  muster_journal_write_drained (stream->fd, stream->identity.stream, builder->next_place);
  return found;
}

static void
add_entry (MusterReceiverStream *stream, MusterBatchBuilder *builder, GBytes *entry)
{
  gsize size;
  const void *bytes = g_bytes_get_data (entry, &size);

  if (stream->words_stored > 0)
    {
      stream->words_stored--;
      return;
    }
  if (!muster_batch_builder_is_empty (builder) && builder->length + size > MUSTER_LINK_BATCH_SIZE)
    push_built (stream, builder);
  muster_batch_builder_add_entry (builder, bytes, size);
}

/* What it had measured since its last snapshot, as snapshots that it might have taken itself. */
static void
add_metrics (MusterReceiverStream *stream, MusterBatchBuilder *builder, gboolean is_staged_arrived, gint64 end_ns)
{
  const MusterMetricsDeath death = {
    .pid = stream->identity.pid,
    .start_ns = stream->identity.start_time_us * 1000,
    .end_ns = end_ns,
    .is_staged_arrived = is_staged_arrived,
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) entries =
      muster_metrics_area_recover (stream->fd, stream->ring_size, stream->identity.area_size, &death, &error);

  if (entries == NULL)
    g_warning ("%s: its last metrics are lost: %s", stream->identity.worker, error->message);
  for (guint i = 0; entries != NULL && i < entries->len; i++)
    add_entry (stream, builder, entries->pdata[i]);
}

static void
drain_file (MusterReceiverStream *stream, MusterBatchBuilder *builder, gint64 end_ns)
{
  guint32 mark = 0;
  gboolean marked = muster_metrics_area_read_mark (stream->fd, stream->ring_size, stream->identity.area_size, &mark);
  /* Behind what was drained nothing of the worker's own has come: a part that was being appended is a word of the primary
   * then, which must be counted alike by the next one. */
  gboolean found = is_drained (stream) ? (gint32) (mark - (guint32) (stream->accepted - stream->words_stored)) < 0
                                       : drain (stream, builder, mark);

  if (stream->identity.area_size > 0)
    add_metrics (stream, builder, marked && found, end_ns);
}

void
muster_receiver_stream_finish (MusterReceiverStream *stream, GBytes *end_record, gint64 end_ns)
{
  MusterBatchBuilder builder;
  MusterOrigin labels;

  if (stream->finishing)
    return;
  stream->finishing = TRUE;
  MUSTER_FAULT ("receiver.drain.before");
  muster_receiver_stream_get_labels (stream, &labels);
  muster_batch_builder_init (&builder, &labels);
  builder.one_label = !muster_journal_register_has_labels (&stream->identity);
  muster_batch_builder_begin (&builder, stream->accepted);
  if (stream->fd >= 0)
    drain_file (stream, &builder, end_ns);
  if (end_record != NULL)
    add_entry (stream, &builder, end_record);
  push_built (stream, &builder);
  MUSTER_FAULT ("receiver.drain.after");
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
