/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The feed by itself, in a main context of the test's.
 */
#include "config.h"

#include <sys/mman.h>

#include "muster-journal-feed-private.h"
#include "muster-journal-layout-private.h"

typedef struct
{
  MusterJournal *journal;
  MusterJournalHeader *header; /* mapped once more */
  GMainContext *context;
  MusterJournalFeed *feed;
  guint64 next; /* behind the last batch that came */
  gboolean blocked;
} Fixture;

static gboolean
take_batch (guint8 *bytes, gsize length, guint64 first, guint64 count, guint32 drops, gpointer user_data)
{
  Fixture *fixture = user_data;

  if (fixture->blocked)
    return FALSE;
  g_assert_cmpuint (first, ==, fixture->next);
  fixture->next = first + count;
  g_free (bytes);
  return TRUE;
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  const MusterJournalIdentity identity = { .stream = { 1 }, .worker = "w-1" };
  const MusterOrigin labels = { .first_seq = 1 };
  g_autoptr (GError) error = NULL;
  int fd = muster_journal_create_memfd (0, &identity, &error);

  g_assert_no_error (error);
  fixture->journal = muster_journal_open (fd, &error);
  g_assert_no_error (error);
  fixture->header =
      mmap (NULL, MUSTER_JOURNAL_HEADER_SIZE + MUSTER_JOURNAL_SIZE_MIN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  g_assert_true (fixture->header != MAP_FAILED);
  fixture->context = g_main_context_new ();
  fixture->next = 1;
  fixture->feed = muster_journal_feed_new (fixture->journal, &labels, 1000, fixture->context, take_batch, fixture);
  muster_journal_feed_enable (fixture->feed, TRUE);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  muster_journal_feed_free (fixture->feed);
  g_main_context_unref (fixture->context);
  munmap (fixture->header, MUSTER_JOURNAL_HEADER_SIZE + MUSTER_JOURNAL_SIZE_MIN);
  muster_journal_unref (fixture->journal);
}

static void
append (Fixture *fixture)
{
  /* A record without content: tag and length of the entry, tag and length of its kind. */
  static const guint8 record[] = { 0x0a, 2, MUSTER_ENTRY_RECORD << 3 | 2, 0 };

  g_assert_true (muster_journal_append (fixture->journal, record, sizeof record, MUSTER_JOURNAL_PLAIN));
}

static gboolean
set_true (gpointer data)
{
  *(gboolean *) data = TRUE;
  return G_SOURCE_REMOVE;
}

/* Runs the context for so long; returns how often it woke. */
static guint
run_for (Fixture *fixture, guint ms)
{
  GSource *timer = g_timeout_source_new (ms);
  gboolean over = FALSE;
  guint n = 0;

  g_source_set_callback (timer, set_true, &over, NULL);
  g_source_attach (timer, fixture->context);
  while (!over)
    {
      g_main_context_iteration (fixture->context, TRUE);
      n++;
    }
  g_source_unref (timer);
  return n;
}

static void
wait_for (Fixture *fixture, guint64 next)
{
  gint64 deadline = g_get_monotonic_time () + 20 * G_TIME_SPAN_SECOND;

  while (fixture->next < next && g_get_monotonic_time () < deadline)
    run_for (fixture, 1);
  g_assert_cmpuint (fixture->next, ==, next);
}

/* A thread that left its log call in the middle (longjmp out of a signal handler, say), or stands still there: the feed
 * looks again more and more rarely, and goes on as soon as it can. */
static void
test_unpublished (Fixture *fixture, gconstpointer data)
{
  static const guint8 record[] = { 0x0a, 2, MUSTER_ENTRY_RECORD << 3 | 2, 0 };
  MusterJournalSlot *slot;
  guint64 word, next;

  append (fixture);
  wait_for (fixture, 2);
  word = atomic_load (&fixture->header->reserved);
  next = ((word >> 32) + 1) << 32 | (guint32) (word + muster_journal_units (sizeof record));
  g_assert_true (atomic_compare_exchange_strong (&fixture->header->reserved, &word, next));
  append (fixture);
  run_for (fixture, 300);
  g_assert_cmpuint (fixture->next, ==, 2);
  g_assert_cmpuint (run_for (fixture, 500), <, 10);

  slot = (MusterJournalSlot *) ((guint8 *) fixture->header + MUSTER_JOURNAL_HEADER_SIZE + (gsize) (guint32) word * 8);
  slot->number = 2;
  memcpy (slot + 1, record, sizeof record);
  slot->checksum = muster_journal_checksum (slot, sizeof record, muster_journal_seed (fixture->header->stream));
  atomic_store (&slot->length, (gint32) sizeof record);
  wait_for (fixture, 4);
}

/* Asleep, it wakes for nobody but a producer. */
static void
test_idle (Fixture *fixture, gconstpointer data)
{
  append (fixture);
  wait_for (fixture, 2);
  run_for (fixture, 100);
  g_assert_cmpuint (run_for (fixture, 300), ==, 1); /* the test's own timer */
  append (fixture);
  wait_for (fixture, 3);
}

/* Goes back while a batch waits that was not taken: it is built anew, from what was not acknowledged. */
static void
test_rewind_blocked (Fixture *fixture, gconstpointer data)
{
  append (fixture);
  wait_for (fixture, 2);
  append (fixture);
  wait_for (fixture, 3);
  muster_journal_feed_acknowledge (fixture->feed, 2);
  fixture->blocked = TRUE;
  append (fixture);
  append (fixture);
  run_for (fixture, 50);
  fixture->blocked = FALSE;
  fixture->next = 2;
  muster_journal_feed_rewind (fixture->feed, 1); /* which is gone: from 2 on */
  wait_for (fixture, 5);
  g_assert_cmpuint (muster_journal_feed_get_lowest (fixture->feed), ==, 2);
  muster_journal_feed_acknowledge (fixture->feed, 5);
  g_assert_true (muster_journal_feed_is_settled (fixture->feed));
}

/* What has arrived is not sent again, but may not be safe: it stays until it is acknowledged. */
static void
test_rewind_keeps (Fixture *fixture, gconstpointer data)
{
  for (guint64 i = 1; i < 4; i++)
    {
      append (fixture);
      wait_for (fixture, i + 1);
    }
  fixture->next = 3;
  muster_journal_feed_rewind (fixture->feed, 3);
  wait_for (fixture, 4);
  g_assert_cmpuint (muster_journal_feed_get_lowest (fixture->feed), ==, 1);
  g_assert_cmpuint (atomic_load (&fixture->header->acknowledged), ==, 0);
  muster_journal_feed_acknowledge (fixture->feed, 4);
  g_assert_true (muster_journal_feed_is_settled (fixture->feed));
}

/* -- a link that loses what it likes -------------------------------------------------------------- */

typedef struct
{
  MusterJournal *journal;
  GMainContext *context;
  MusterJournalFeed *feed;
  guint64 accepted, acknowledged; /* as a receiver has them */
  GArray *accepted_ends;          /* of guint64: what may be acknowledged */
  guint64 next_place;             /* of what is said next */
  guint64 records, said;
} Lossy;

/* Each record carries its place as its time. */
static void
assert_places (Lossy *lossy, MusterBatch *batch)
{
  MusterEntryIter iter;
  MusterEntry entry;
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);

  g_assert_cmpuint (muster_batch_get_first_seq (batch), ==, lossy->accepted);
  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    {
      MusterRecordView record;

      if (!muster_entry_get_record (&entry, &record))
        continue;
      g_assert_cmpuint (record.time_ns, ==, entry.sequence);
      lossy->records++;
    }
}

static gboolean
take_lossy (guint8 *bytes, gsize length, guint64 first, guint64 count, guint32 drops, gpointer user_data)
{
  Lossy *lossy = user_data;
  g_autoptr (GBytes) log = NULL;
  g_autoptr (MusterBatch) batch = NULL;
  g_autoptr (GError) error = NULL;

  if (g_test_rand_int_range (0, 4) == 0)
    return FALSE; /* no room now */
  log = g_bytes_new_take (bytes, length);
  batch = muster_batch_new (log, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (muster_batch_get_first_seq (batch), ==, first);
  g_assert_cmpuint (muster_batch_get_count (batch), ==, count);
  if (g_test_rand_int_range (0, 10) == 0 || first > lossy->accepted || first + count <= lossy->accepted)
    return TRUE; /* lost, behind something that was, or had already */
  if (first < lossy->accepted)
    {
      g_autoptr (MusterBatch) whole = g_steal_pointer (&batch);

      batch = muster_batch_trim (whole, lossy->accepted);
    }
  assert_places (lossy, batch);
  lossy->accepted += muster_batch_get_count (batch);
  g_array_append_val (lossy->accepted_ends, lossy->accepted);
  return TRUE;
}

static void
lossy_say (Lossy *lossy)
{
  static guint8 buffer[MUSTER_ENTRY_MAX];
  static char text[60000];
  gsize length = (gsize) (g_test_rand_int_range (0, 20) > 0 ? g_test_rand_int_range (0, 300)
                                                            : g_test_rand_int_range (0, sizeof text));
  const MusterRecordParts parts = { .time_ns = lossy->next_place, .message = { text, length } };
  gsize size;
  const guint8 *start;

  memset (text, 'x', sizeof text);
  start = muster_encode_record (buffer, sizeof buffer, &parts, &size);
  lossy->said += muster_journal_append (lossy->journal, start, size, MUSTER_JOURNAL_USE_RESERVE);
  lossy->next_place++; /* refused or not */
}

static void
lossy_acknowledge (Lossy *lossy)
{
  guint n = lossy->accepted_ends->len;
  guint index = n > 0 ? (guint) g_test_rand_int_range (0, (gint) n) : 0;

  if (n == 0)
    return;
  lossy->acknowledged = g_array_index (lossy->accepted_ends, guint64, index);
  g_array_remove_range (lossy->accepted_ends, 0, index + 1);
  muster_journal_feed_acknowledge (lossy->feed, lossy->acknowledged);
}

static void
lossy_reconnect (Lossy *lossy)
{
  muster_journal_feed_enable (lossy->feed, FALSE);
  g_assert_cmpuint (muster_journal_feed_get_lowest (lossy->feed), <=, lossy->accepted); /* HELLO */
  muster_journal_feed_rewind (lossy->feed, lossy->accepted);                            /* WELCOME */
  muster_journal_feed_enable (lossy->feed, TRUE);
}

/* Batches are lost, refused and asked for again, acknowledgements come late, the connection is made anew: every record is
 * taken once, under its own number. */
static void
test_lossy (void)
{
  const MusterJournalIdentity identity = { .stream = { 1 }, .worker = "w-1" };
  const MusterOrigin labels = { .stream = { 1 }, .first_seq = 1 };
  Lossy lossy = { .accepted = 1, .acknowledged = 1, .next_place = 1 };

  lossy.journal = muster_journal_open (muster_journal_create_memfd (0, &identity, NULL), NULL);
  muster_journal_set_block_timeout (lossy.journal, 0);
  lossy.context = g_main_context_new ();
  lossy.accepted_ends = g_array_new (FALSE, FALSE, sizeof (guint64));
  lossy.feed = muster_journal_feed_new (lossy.journal, &labels, 0, lossy.context, take_lossy, &lossy);
  muster_journal_feed_enable (lossy.feed, TRUE);
  for (guint i = 0; i < 30000; i++)
    {
      gint what = g_test_rand_int_range (0, 100);

      if (what < 60)
        lossy_say (&lossy);
      else if (what < 80)
        g_main_context_iteration (lossy.context, FALSE);
      else if (what < 90)
        lossy_acknowledge (&lossy);
      else if (what < 95)
        muster_journal_feed_resume (lossy.feed);
      else if (what < 99)
        muster_journal_feed_rewind (lossy.feed, lossy.accepted); /* NACK */
      else
        lossy_reconnect (&lossy);
    }
  while (lossy.records < lossy.said)
    {
      lossy_reconnect (&lossy);
      muster_journal_feed_flush (lossy.feed);
      lossy_acknowledge (&lossy);
    }
  g_assert_cmpuint (lossy.records, ==, lossy.said);
  g_assert_cmpuint (lossy.said, >, 1000);
  muster_journal_feed_free (lossy.feed);
  g_main_context_unref (lossy.context);
  muster_journal_unref (lossy.journal);
  g_array_unref (lossy.accepted_ends);
}

#define ADD(name, function) g_test_add ("/journal-feed/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("unpublished", test_unpublished);
  ADD ("idle", test_idle);
  ADD ("rewind-blocked", test_rewind_blocked);
  ADD ("rewind-keeps", test_rewind_keeps);
  g_test_add_func ("/journal-feed/lossy", test_lossy);
  return g_test_run ();
}
