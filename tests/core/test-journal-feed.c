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

#define ADD(name, function) g_test_add ("/journal-feed/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("unpublished", test_unpublished);
  ADD ("idle", test_idle);
  ADD ("rewind-blocked", test_rewind_blocked);
  return g_test_run ();
}
