/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A living journal as a stream of batches. Owned by one thread, that of its context.
 *
 * Waking: while records come steadily the feed looks by a timer (the flush interval, less under load), and producers pay
 * nothing; after a few empty looks it sleeps without a timer, and the next producer wakes it through the journal's
 * eventfd. An entry with FLUSH, and a ring that fills by a quarter, wake it at any time.
 *
 * A slot that is not published holds up all that is behind it. That takes no time but where its thread stands still, or has
 * left the log call for good (longjmp or pthread_exit in a signal handler): then the feed looks more and more rarely, says so
 * once, and what is behind waits for the death of the process, after which the whole ring is read.
 */
#include "config.h"

#include "muster-journal-feed-private.h"
#include "muster-link-private.h"
#include "muster-wake-source-private.h"

/* Batches sent in one go before the loop gets its turn. */
#define BURST 32
/* Empty looks before it sleeps for good. */
#define EMPTY_LOOKS 3
/* Between two looks while full batches come. */
#define BUSY_INTERVAL_US 500
/* Between two looks at a slot whose producer has not come back: from one to the other, doubled each time. */
#define STUCK_INTERVAL_MIN_US G_TIME_SPAN_MILLISECOND
#define STUCK_INTERVAL_MAX_US G_TIME_SPAN_SECOND
#define STUCK_REPORT_US       (10 * G_TIME_SPAN_SECOND)

typedef struct
{
  guint64 start_position, start_place;
  guint32 start_drops;
  guint64 end_position, end_place;
} Sent;

struct _MusterJournalFeed
{
  MusterJournal *journal; /* owned */
  MusterBatchBuilder builder;
  MusterFeedFunc function;
  gpointer user_data;
  gint64 flush_interval_us;
  GSource *source; /* owned */
  gboolean enabled;
  guint64 credit;
  guint64 unacknowledged; /* bytes in the ring */
  guint empty_looks;
  gint64 stuck_since; /* 0: the slot at the head is published, or there is none */
  gint64 stuck_interval_us;
  gboolean stuck_said;
  gint64 gather_until; /* 0: nothing is waiting to be sent */

  GArray *window; /* of Sent, from `window_head` on */
  guint window_head;

  guint8 *blocked; /* owned, nullable: a batch that the function did not take */
  gsize blocked_length;
  Sent blocked_sent;
  guint32 blocked_drops;
};

static void pump (MusterJournalFeed *feed, gboolean flush);

static gboolean
feed_cb (gpointer user_data)
{
  MusterJournalFeed *feed = user_data;

  muster_journal_disarm (feed->journal);
  pump (feed, FALSE);
  return G_SOURCE_CONTINUE;
}

MusterJournalFeed *
muster_journal_feed_new (MusterJournal *journal, const MusterOrigin *labels, gint64 flush_interval_us,
                         GMainContext *context, MusterFeedFunc function, gpointer user_data)
{
  MusterJournalFeed *feed = g_new0 (MusterJournalFeed, 1);

  feed->journal = muster_journal_ref (journal);
  feed->function = function;
  feed->user_data = user_data;
  feed->flush_interval_us = flush_interval_us;
  feed->credit = muster_journal_get_ring_size (journal);
  feed->window = g_array_new (FALSE, FALSE, sizeof (Sent));
  muster_batch_builder_init (&feed->builder, labels);
  feed->source = muster_wake_source_new (context, "muster-journal-feed", feed_cb, feed);
  g_source_add_unix_fd (feed->source, muster_journal_get_event_fd (journal), G_IO_IN);
  return feed;
}

void
muster_journal_feed_free (MusterJournalFeed *feed)
{
  g_source_destroy (feed->source);
  g_source_unref (feed->source);
  muster_journal_disarm (feed->journal);
  muster_batch_builder_clear (&feed->builder);
  g_free (feed->blocked);
  g_array_unref (feed->window);
  muster_journal_unref (feed->journal);
  g_free (feed);
}

/* -- sending -------------------------------------------------------------------------------------- */

static Sent
here (MusterJournalFeed *feed)
{
  return (Sent){ .start_position = muster_journal_get_read_position (feed->journal),
                 .start_place = muster_journal_get_next_place (feed->journal),
                 .start_drops = muster_journal_get_next_drops (feed->journal) };
}

/* Reads items into a batch; FALSE if there is none (the next producer has not published yet). */
static gboolean
build (MusterJournalFeed *feed, Sent *sent)
{
  MusterJournalItem item;

  *sent = here (feed);
  if (!muster_journal_peek (feed->journal, &item))
    return FALSE;
  muster_batch_builder_begin (&feed->builder, sent->start_place);
  do
    {
      if (!muster_batch_builder_has_room (&feed->builder, &item))
        break;
      muster_batch_builder_add (&feed->builder, &item);
      muster_journal_advance (feed->journal);
    }
  while (muster_journal_peek (feed->journal, &item));
  sent->end_position = muster_journal_get_read_position (feed->journal);
  sent->end_place = muster_journal_get_next_place (feed->journal);
  return TRUE;
}

static gboolean
offer_blocked (MusterJournalFeed *feed)
{
  const Sent *sent = &feed->blocked_sent;

  if (!feed->function (feed->blocked, feed->blocked_length, sent->start_place, sent->end_place - sent->start_place,
                       feed->blocked_drops, feed->user_data))
    return FALSE;
  feed->blocked = NULL;
  g_array_append_val (feed->window, *sent);
  feed->unacknowledged += sent->end_position - sent->start_position;
  return TRUE;
}

/* Sends while a batch is full (or @flush, or its time has come); TRUE if it stopped only to let others have a turn. */
static gboolean
send_batches (MusterJournalFeed *feed, gboolean flush, guint *sent_batches)
{
  for (*sent_batches = 0; *sent_batches < BURST; (*sent_batches)++)
    {
      if (feed->blocked == NULL)
        {
          gsize pending = muster_journal_get_pending (feed->journal);

          if (pending == 0 || feed->unacknowledged >= feed->credit)
            return FALSE;
          if (pending < MUSTER_LINK_BATCH_SIZE && !flush
              && (feed->gather_until == 0 || g_get_monotonic_time () < feed->gather_until))
            return FALSE;
          if (!build (feed, &feed->blocked_sent))
            {
              if (feed->stuck_since == 0)
                feed->stuck_since = g_get_monotonic_time ();
              return FALSE;
            }
          feed->stuck_since = feed->stuck_interval_us = 0;
          feed->blocked_drops = feed->builder.drops;
          feed->blocked = muster_batch_builder_steal (&feed->builder, &feed->blocked_length);
        }
      if (!offer_blocked (feed))
        return FALSE;
      feed->gather_until = 0;
    }
  return TRUE;
}

/* How long to wait for the producer of the slot at the head. */
static gint64
next_stuck_interval (MusterJournalFeed *feed, gint64 now)
{
  if (!feed->stuck_said && now - feed->stuck_since > STUCK_REPORT_US)
    {
      /* Not by way of the journal. */
      g_printerr ("muster: a log call has not returned for %d s; what was logged after it waits\n",
                  (int) (STUCK_REPORT_US / G_TIME_SPAN_SECOND));
      feed->stuck_said = TRUE;
    }
  feed->stuck_interval_us = CLAMP (feed->stuck_interval_us * 2, STUCK_INTERVAL_MIN_US, STUCK_INTERVAL_MAX_US);
  return feed->stuck_interval_us;
}

static void
pump (MusterJournalFeed *feed, gboolean flush)
{
  guint sent = 0;
  gint64 now;

  flush |= muster_journal_take_flush (feed->journal);
  if (!feed->enabled)
    {
      g_source_set_ready_time (feed->source, -1);
      return;
    }
  if (send_batches (feed, flush, &sent))
    {
      g_source_set_ready_time (feed->source, 0);
      return;
    }
  if (feed->blocked != NULL || feed->unacknowledged >= feed->credit)
    {
      g_source_set_ready_time (feed->source, -1); /* resume() or acknowledge() goes on */
      return;
    }

  feed->empty_looks = sent > 0 || !muster_journal_is_empty (feed->journal) ? 0 : feed->empty_looks + 1;
  if (feed->empty_looks > EMPTY_LOOKS)
    {
      g_source_set_ready_time (feed->source, -1);
      if (muster_journal_arm (feed->journal, MUSTER_JOURNAL_WAKE_ON_ANY))
        return;
      feed->empty_looks = 0;
    }
  now = g_get_monotonic_time ();
  if (feed->gather_until <= now && feed->stuck_since != 0)
    feed->gather_until = now + next_stuck_interval (feed, now);
  else if (feed->gather_until <= now)
    feed->gather_until = now + (sent > 1 ? BUSY_INTERVAL_US : feed->flush_interval_us);
  g_source_set_ready_time (feed->source,
                           muster_journal_arm (feed->journal, MUSTER_JOURNAL_WAKE_ON_FLUSH) ? feed->gather_until : 0);
}

void
muster_journal_feed_set_credit (MusterJournalFeed *feed, guint64 bytes)
{
  feed->credit = bytes;
}

void
muster_journal_feed_enable (MusterJournalFeed *feed, gboolean enabled)
{
  feed->enabled = enabled;
  pump (feed, FALSE);
}

void
muster_journal_feed_resume (MusterJournalFeed *feed)
{
  pump (feed, FALSE);
}

void
muster_journal_feed_flush (MusterJournalFeed *feed)
{
  pump (feed, TRUE);
}

/* -- acknowledgements ----------------------------------------------------------------------------- */

static Sent *
oldest (MusterJournalFeed *feed)
{
  return feed->window_head < feed->window->len ? &g_array_index (feed->window, Sent, feed->window_head) : NULL;
}

void
muster_journal_feed_acknowledge (MusterJournalFeed *feed, guint64 next)
{
  guint64 position = 0;
  gboolean waited = feed->unacknowledged >= feed->credit;
  Sent *sent;

  while ((sent = oldest (feed)) != NULL && sent->end_place <= next)
    {
      position = sent->end_position;
      feed->unacknowledged -= sent->end_position - sent->start_position;
      feed->window_head++;
    }
  if (position == 0)
    return;
  if (feed->window_head == feed->window->len)
    {
      g_array_set_size (feed->window, 0);
      feed->window_head = 0;
    }
  else if (feed->window_head > 1024)
    {
      g_array_remove_range (feed->window, 0, feed->window_head);
      feed->window_head = 0;
    }
  muster_journal_acknowledge (feed->journal, position);
  if (waited)
    pump (feed, FALSE);
}

void
muster_journal_feed_rewind (MusterJournalFeed *feed, guint64 next)
{
  const Sent *target = NULL;

  if (feed->blocked != NULL)
    {
      g_clear_pointer (&feed->blocked, g_free);
      target = &feed->blocked_sent;
    }
  while (oldest (feed) != NULL)
    {
      Sent *last = &g_array_index (feed->window, Sent, feed->window->len - 1);

      if (last->end_place <= next)
        break;
      feed->blocked_sent = *last;
      target = &feed->blocked_sent;
      feed->unacknowledged -= last->end_position - last->start_position;
      g_array_set_size (feed->window, feed->window->len - 1);
    }
  if (target != NULL)
    muster_journal_rewind (feed->journal, target->start_position, target->start_place, target->start_drops);
  feed->gather_until = g_get_monotonic_time ();
  pump (feed, TRUE);
}

guint64
muster_journal_feed_get_lowest (MusterJournalFeed *feed)
{
  Sent *sent = oldest (feed);

  if (sent != NULL)
    return sent->start_place;
  return feed->blocked != NULL ? feed->blocked_sent.start_place : muster_journal_get_next_place (feed->journal);
}

guint64
muster_journal_feed_get_next (MusterJournalFeed *feed)
{
  return feed->blocked != NULL ? feed->blocked_sent.start_place : muster_journal_get_next_place (feed->journal);
}

gboolean
muster_journal_feed_has_unacknowledged (MusterJournalFeed *feed)
{
  return feed->unacknowledged > 0 || feed->blocked != NULL;
}

guint64
muster_journal_feed_get_mark (MusterJournalFeed *feed)
{
  return muster_journal_get_read_position (feed->journal) + muster_journal_get_pending (feed->journal);
}

gboolean
muster_journal_feed_is_acknowledged (MusterJournalFeed *feed, guint64 mark)
{
  const Sent *sent = oldest (feed);
  guint64 position = muster_journal_get_read_position (feed->journal);

  if (sent != NULL)
    position = sent->start_position;
  else if (feed->blocked != NULL)
    position = feed->blocked_sent.start_position;
  return position >= mark;
}

gboolean
muster_journal_feed_is_settled (MusterJournalFeed *feed)
{
  return !muster_journal_feed_has_unacknowledged (feed) && muster_journal_is_empty (feed->journal);
}
