/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The ring alive (order, wrap, refusals, blocking, threads, sleeping) and dead (scan, holes, damage, truncation).
 */
#include "config.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "muster-journal-layout-private.h"

#define RING MUSTER_JOURNAL_SIZE_MIN

static MusterJournalIdentity
identity (void)
{
  MusterJournalIdentity id = { .pid = 1, .start_time_us = 2, .cluster = "c", .worker = "w-1", .group = "w" };

  for (guint i = 0; i < sizeof id.stream; i++)
    id.stream[i] = (guint8) g_random_int_range (0, 256);
  return id;
}

static MusterJournal *
new_journal (gsize size)
{
  MusterJournalIdentity id = identity ();
  g_autoptr (GError) error = NULL;
  int fd = muster_journal_create_memfd (size, &id, &error);
  MusterJournal *journal;

  g_assert_no_error (error);
  journal = muster_journal_open (fd, &error);
  g_assert_no_error (error);
  muster_journal_set_block_timeout (journal, 0);
  return journal;
}

static gboolean
append_text (MusterJournal *journal, guint number, MusterJournalFlags flags)
{
  g_autofree char *text = g_strdup_printf ("item %u %0*d", number, (int) (number % 97), 0);

  return muster_journal_append (journal, (const guint8 *) text, strlen (text), flags);
}

static void
assert_text (const MusterJournalItem *item, guint number)
{
  g_autofree char *text = g_strdup_printf ("item %u %0*d", number, (int) (number % 97), 0);

  g_assert_cmpmem (item->bytes, item->length, text, strlen (text));
}

static void
test_identity (void)
{
  MusterJournalIdentity id = identity (), back;
  g_autoptr (GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp ("muster-journal-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "w-1.journal", NULL);
  gsize ring_size = 0;
  int fd = muster_journal_create_file (path, RING + 1, &id, &error);

  g_assert_no_error (error);
  g_assert_true (muster_journal_set_pid (fd, 4711, &error));
  g_assert_true (muster_journal_read_identity (fd, &back, &ring_size, &error));
  g_assert_cmpmem (back.stream, 16, id.stream, 16);
  g_assert_cmpstr (back.worker, ==, "w-1");
  g_assert_cmpuint (back.pid, ==, 4711);
  g_assert_cmpuint (ring_size, ==, 2 * RING);

  g_assert_cmpint (muster_journal_create_file (path, RING, &id, &error), ==, -1);
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_EXISTS);
  g_clear_error (&error);

  g_assert_no_errno (ftruncate (fd, 5000));
  g_assert_null (muster_journal_open (fd, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT);
  close (fd);
  unlink (path);
  rmdir (dir);
}

/* Many laps, reader in step: every item comes once, in order, and the numbers count. */
static void
test_laps (void)
{
  g_autoptr (MusterJournal) journal = new_journal (RING);
  MusterJournalItem item;
  guint written = 0, read = 0;

  while (read < 50000)
    {
      guint burst = (guint) g_random_int_range (1, 500);

      for (guint i = 0; i < burst; i++)
        g_assert_true (append_text (journal, ++written, MUSTER_JOURNAL_PLAIN));
      while (muster_journal_peek (journal, &item))
        {
          read++;
          assert_text (&item, read);
          g_assert_cmpuint (item.place, ==, read);
          g_assert_cmpuint (item.refused + item.lost, ==, 0);
          muster_journal_advance (journal);
        }
      g_assert_cmpuint (read, ==, written);
      g_assert_true (muster_journal_is_empty (journal));
      muster_journal_acknowledge (journal, muster_journal_get_read_position (journal));
    }
}

/* Full: plain entries are refused first, the reserve is kept for the others; all refusals are declared. */
static void
test_full (void)
{
  g_autoptr (MusterJournal) journal = new_journal (RING);
  MusterJournalItem item;
  guint plain = 0, reserve = 0;
  guint64 place = 0;

  while (append_text (journal, plain + 1, MUSTER_JOURNAL_PLAIN))
    plain++;
  for (guint i = 0; i < 9; i++)
    g_assert_false (append_text (journal, 96, MUSTER_JOURNAL_PLAIN)); /* the longest there is */
  while (append_text (journal, plain + reserve + 1, MUSTER_JOURNAL_USE_RESERVE))
    reserve++;
  g_assert_cmpuint (muster_journal_get_drops (journal), ==, 11);
  g_assert_cmpuint (reserve, >, plain / 20);

  for (guint i = 1; i <= plain + reserve; i++)
    {
      g_assert_true (muster_journal_peek (journal, &item));
      assert_text (&item, i);
      g_assert_cmpuint (item.refused, ==, i == plain + 1 ? 10 : 0);
      place = item.place;
      muster_journal_advance (journal);
    }
  g_assert_cmpuint (place, ==, plain + reserve + 10);
  g_assert_false (muster_journal_peek (journal, &item));
  muster_journal_acknowledge (journal, muster_journal_get_read_position (journal));

  g_assert_true (append_text (journal, 5, MUSTER_JOURNAL_PLAIN));
  g_assert_true (muster_journal_peek (journal, &item));
  g_assert_cmpuint (item.refused, ==, 1);
  g_assert_cmpuint (item.place, ==, place + 2);
}

static void
test_rewind (void)
{
  g_autoptr (MusterJournal) journal = new_journal (RING);
  MusterJournalItem item;
  guint64 position, place;
  guint32 drops;

  for (guint i = 1; i <= 10; i++)
    append_text (journal, i, MUSTER_JOURNAL_PLAIN);
  for (guint i = 1; i <= 4; i++)
    muster_journal_advance (journal);
  position = muster_journal_get_read_position (journal);
  place = muster_journal_get_next_place (journal);
  drops = muster_journal_get_next_drops (journal);
  muster_journal_acknowledge (journal, position);
  for (guint i = 5; i <= 10; i++)
    muster_journal_advance (journal);
  g_assert_false (muster_journal_peek (journal, &item));

  muster_journal_rewind (journal, position, place, drops);
  g_assert_true (muster_journal_peek (journal, &item));
  assert_text (&item, 5);
  g_assert_cmpuint (item.place, ==, 5);
}

static gpointer
drain_all (gpointer data)
{
  MusterJournal *journal = data;
  MusterJournalItem item;

  while (muster_journal_peek (journal, &item))
    muster_journal_advance (journal);
  muster_journal_acknowledge (journal, muster_journal_get_read_position (journal));
  return NULL;
}

/* A producer that waits is woken by the acknowledgement; without one it is refused after its time, then at once. */
static void
test_wait (void)
{
  g_autoptr (MusterJournal) journal = new_journal (RING);
  GThread *thread;
  gint64 start;

  while (append_text (journal, 7, MUSTER_JOURNAL_PLAIN))
    ;
  muster_journal_set_block_timeout (journal, 60 * G_TIME_SPAN_SECOND);
  thread = g_thread_new ("drain", drain_all, journal);
  g_assert_true (append_text (journal, 7, MUSTER_JOURNAL_PLAIN));
  g_thread_join (thread);

  muster_journal_set_block_timeout (journal, 0);
  while (append_text (journal, 7, MUSTER_JOURNAL_PLAIN))
    ;
  muster_journal_set_block_timeout (journal, 20 * G_TIME_SPAN_MILLISECOND);
  start = g_get_monotonic_time ();
  g_assert_false (append_text (journal, 7, MUSTER_JOURNAL_PLAIN));
  g_assert_cmpint (g_get_monotonic_time () - start, >=, 20 * G_TIME_SPAN_MILLISECOND);
  muster_journal_set_block_timeout (journal, 60 * G_TIME_SPAN_SECOND);
  g_assert_false (append_text (journal, 7, MUSTER_JOURNAL_PLAIN)); /* would hang here if it waited again */
}

typedef struct
{
  MusterJournal *journal;
  guint id;
  guint accepted;
} Producer;

#define PRODUCERS    4
#define PER_PRODUCER 30000

static gpointer
produce (gpointer data)
{
  Producer *producer = data;

  for (guint i = 1; i <= PER_PRODUCER; i++)
    {
      guint32 words[8] = { producer->id, i, i, i, i, i, i, i };

      if (muster_journal_append (producer->journal, (const guint8 *) words, 8 + i % 24, MUSTER_JOURNAL_PLAIN))
        producer->accepted++;
    }
  return NULL;
}

/* Several producers that are refused now and then: places are strictly increasing, each producer's items are in order,
 * and places + refusals add up. */
static void
test_threads (void)
{
  g_autoptr (MusterJournal) journal = new_journal (RING);
  Producer producers[PRODUCERS];
  GThread *threads[PRODUCERS];
  guint last[PRODUCERS] = { 0 }, seen[PRODUCERS] = { 0 };
  guint64 refused = 0, place = 0, total = 0, accepted = 0;
  gint64 deadline = g_get_monotonic_time () + 60 * G_TIME_SPAN_SECOND;
  MusterJournalItem item;

  for (guint i = 0; i < PRODUCERS; i++)
    {
      producers[i] = (Producer){ journal, i, 0 };
      threads[i] = g_thread_new ("producer", produce, &producers[i]);
    }
  while (total + muster_journal_get_drops (journal) < PRODUCERS * PER_PRODUCER)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      while (muster_journal_peek (journal, &item))
        {
          guint32 words[2];

          memcpy (words, item.bytes, sizeof words);
          g_assert_cmpuint (item.place, ==, place + 1 + item.refused);
          g_assert_cmpuint (item.lost, ==, 0);
          g_assert_cmpuint (words[0], <, PRODUCERS);
          g_assert_cmpuint (words[1], >, last[words[0]]);
          last[words[0]] = words[1];
          seen[words[0]]++;
          refused += item.refused;
          place = item.place;
          total++;
          muster_journal_advance (journal);
          if (total % 64 == 0)
            muster_journal_acknowledge (journal, muster_journal_get_read_position (journal));
        }
      muster_journal_acknowledge (journal, muster_journal_get_read_position (journal));
    }
  for (guint i = 0; i < PRODUCERS; i++)
    {
      g_thread_join (threads[i]);
      accepted += producers[i].accepted;
      g_assert_cmpuint (seen[i], ==, producers[i].accepted);
    }
  g_assert_cmpuint (total, ==, accepted);
  g_assert_cmpuint (refused, <=, muster_journal_get_drops (journal));
  g_test_message ("%" G_GUINT64_FORMAT " came, %" G_GUINT64_FORMAT " refused", total, refused);
}

static gboolean
is_readable (int fd)
{
  struct pollfd p = { .fd = fd, .events = POLLIN };

  return poll (&p, 1, 0) == 1;
}

static void
test_wake (void)
{
  g_autoptr (MusterJournal) journal = new_journal (RING);
  int fd = muster_journal_get_event_fd (journal);

  g_assert_true (muster_journal_arm (journal, MUSTER_JOURNAL_WAKE_ON_ANY));
  append_text (journal, 1, MUSTER_JOURNAL_PLAIN);
  g_assert_true (is_readable (fd));
  muster_journal_disarm (journal);
  g_assert_false (is_readable (fd));
  g_assert_false (muster_journal_arm (journal, MUSTER_JOURNAL_WAKE_ON_ANY)); /* there is something */

  g_assert_true (muster_journal_arm (journal, MUSTER_JOURNAL_WAKE_ON_FLUSH));
  append_text (journal, 2, MUSTER_JOURNAL_PLAIN);
  g_assert_false (is_readable (fd));
  append_text (journal, 3, MUSTER_JOURNAL_FLUSH);
  g_assert_true (is_readable (fd));
  g_assert_true (muster_journal_take_flush (journal));
  g_assert_false (muster_journal_take_flush (journal));
  muster_journal_disarm (journal);
  append_text (journal, 4, MUSTER_JOURNAL_FLUSH);
  g_assert_false (muster_journal_arm (journal, MUSTER_JOURNAL_WAKE_ON_FLUSH)); /* came while awake */
}

/* Full to the last byte, and nothing of it acknowledged: behind the last slot lies the first one. */
static void
test_full_to_the_brim (void)
{
  static const guint8 bytes[128 - sizeof (MusterJournalSlot)] = { 1 };
  g_autoptr (MusterJournal) journal = new_journal (RING);
  MusterJournalItem item;
  guint n = 0, read = 0;

  while (muster_journal_append (journal, bytes, sizeof bytes, MUSTER_JOURNAL_USE_RESERVE))
    n++;
  g_assert_cmpuint (n, ==, RING / 128);
  for (; muster_journal_peek (journal, &item) && read < 2 * n; read++)
    muster_journal_advance (journal);
  g_assert_cmpuint (read, ==, n);
  g_assert_true (muster_journal_is_empty (journal));
  muster_journal_acknowledge (journal, muster_journal_get_read_position (journal));
  g_assert_true (muster_journal_append (journal, bytes, sizeof bytes, MUSTER_JOURNAL_PLAIN));
  g_assert_true (muster_journal_peek (journal, &item));
  g_assert_cmpuint (item.place, ==, n + 2); /* one was refused */
}

/* Somebody's stray pointer has been in the header: a log call is refused, and returns. */
static void
test_scribbled_header (void)
{
  MusterJournalIdentity id = identity ();
  g_autoptr (GError) error = NULL;
  int fd = muster_journal_create_memfd (RING, &id, &error);
  MusterJournalHeader *header = mmap (NULL, MUSTER_JOURNAL_HEADER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  g_autoptr (MusterJournal) journal = muster_journal_open (fd, &error);

  g_assert_no_error (error);
  alarm (20);
  atomic_store (&header->acknowledged, G_MAXUINT64 / 3);
  g_assert_false (append_text (journal, 1, MUSTER_JOURNAL_PLAIN));
  alarm (0);
  munmap (header, MUSTER_JOURNAL_HEADER_SIZE);
}

/* Refused more often than 32 bits can tell: less is declared, but what came then is not taken for what came before. */
static void
test_refused_without_end (void)
{
  MusterJournalIdentity id = identity ();
  g_autoptr (GError) error = NULL;
  int fd = muster_journal_create_memfd (RING, &id, &error);
  MusterJournalHeader *header = mmap (NULL, MUSTER_JOURNAL_HEADER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  g_autoptr (MusterJournal) journal = muster_journal_open (fd, &error);
  g_autoptr (MusterJournalScan) scan = NULL;
  MusterJournalItem item;
  guint64 refused = 0;
  guint n = 0;

  g_assert_no_error (error);
  muster_journal_set_block_timeout (journal, 0);
  while (append_text (journal, 96, MUSTER_JOURNAL_USE_RESERVE))
    n++;
  for (guint64 more = 1; more < (guint64) 5 << 29; more += 1 << 20)
    {
      /* A million more have just been refused; each counts as long as any does. */
      if (!append_text (journal, 96, MUSTER_JOURNAL_PLAIN) && atomic_load (&header->drops) > more)
        atomic_fetch_add (&header->drops, (1 << 20) - 1);
    }
  for (guint i = 0; i < n; i++)
    {
      g_assert_true (muster_journal_peek (journal, &item));
      muster_journal_advance (journal);
    }
  muster_journal_acknowledge (journal, muster_journal_get_read_position (journal));
  g_assert_true (append_text (journal, 1, MUSTER_JOURNAL_PLAIN));
  scan = muster_journal_scan_new (fd, id.stream, RING, n + 1, 0, &error);
  g_assert_true (muster_journal_scan_next (scan, &item));
  assert_text (&item, 1);
  refused = item.refused;
  g_assert_cmpuint (refused, >=, 1 << 29);
  g_assert_cmpuint (refused, <, 1u << 31);
  munmap (header, MUSTER_JOURNAL_HEADER_SIZE);
}

static gpointer
cancelled_thread (gpointer data)
{
  pthread_cancel (pthread_self ());
  append_text (data, 1, MUSTER_JOURNAL_PLAIN);
  pthread_testcancel ();
  return NULL;
}

/* No step of an append is a cancellation point: a thread that ended between taking the reader's wish to be woken and
 * waking it would leave it asleep for ever. */
static void
test_cancelled (void)
{
  g_autoptr (MusterJournal) journal = new_journal (RING);
  pthread_t thread;

  g_assert_true (muster_journal_arm (journal, MUSTER_JOURNAL_WAKE_ON_ANY));
  g_assert_cmpint (pthread_create (&thread, NULL, cancelled_thread, journal), ==, 0);
  pthread_join (thread, NULL);
  g_assert_true (is_readable (muster_journal_get_event_fd (journal)));
}

/* -- dead ----------------------------------------------------------------------------------------- */

static MusterJournalScan *
scan_of (MusterJournal *journal, guint64 next_place, guint32 next_drops)
{
  g_autoptr (GError) error = NULL;
  MusterJournalScan *scan =
      muster_journal_scan_new (muster_journal_get_fd (journal), muster_journal_get_identity (journal)->stream,
                               muster_journal_get_ring_size (journal), next_place, next_drops, &error);

  g_assert_no_error (error);
  return scan;
}

/* After laps, with a part acknowledged and a part read: the scan finds exactly what lies behind the mark. */
static void
test_scan (void)
{
  g_autoptr (MusterJournal) journal = new_journal (RING);
  g_autoptr (MusterJournalScan) scan = NULL;
  MusterJournalItem item;
  guint64 refused, lost;
  MusterGapReason reason;

  for (guint i = 1; i <= 20000; i++)
    {
      g_assert_true (append_text (journal, i, MUSTER_JOURNAL_PLAIN));
      g_assert_true (muster_journal_peek (journal, &item));
      muster_journal_advance (journal);
      if (i <= 19500)
        muster_journal_acknowledge (journal, muster_journal_get_read_position (journal));
    }
  scan = scan_of (journal, 19701, 0);
  for (guint i = 19701; i <= 20000; i++)
    {
      g_assert_true (muster_journal_scan_next (scan, &item));
      assert_text (&item, i);
      g_assert_cmpuint (item.place, ==, i);
      g_assert_cmpuint (item.lost + item.refused, ==, 0);
    }
  g_assert_false (muster_journal_scan_next (scan, &item));
  muster_journal_scan_get_trailing (scan, &refused, &lost, &reason);
  g_assert_cmpuint (refused + lost, ==, 0);
}

static MusterJournalSlot *
slot_of (MusterJournal *journal, const MusterJournalItem *item)
{
  return (MusterJournalSlot *) (gsize) (item->bytes - sizeof (MusterJournalSlot));
}

/* A call that had not returned, a damaged entry, a refusal: each is declared with its own reason. */
static void
test_scan_holes (void)
{
  g_autoptr (MusterJournal) journal = new_journal (RING);
  g_autoptr (MusterJournalScan) scan = NULL;
  MusterJournalSlot *slots[10];
  MusterJournalItem item;
  guint64 refused, lost;
  MusterGapReason reason;
  guint32 drops_at_end;

  for (guint i = 0; i < 10; i++)
    {
      append_text (journal, 50 + i, MUSTER_JOURNAL_PLAIN);
      g_assert_true (muster_journal_peek (journal, &item));
      slots[i] = slot_of (journal, &item);
      muster_journal_advance (journal);
    }
  while (append_text (journal, 1, MUSTER_JOURNAL_PLAIN))
    ;
  drops_at_end = (guint32) muster_journal_get_drops (journal);
  g_assert_cmpuint (drops_at_end, ==, 1);

  ((guint8 *) (slots[2] + 1))[3] ^= 1;                 /* damaged */
  atomic_store (&slots[5]->length, -slots[5]->length); /* all there but for the last store: whole */
  atomic_store (&slots[7]->length, -slots[7]->length); /* a call that stopped halfway */
  ((guint8 *) (slots[7] + 1))[0] = 0;

  scan = scan_of (journal, 1, 0);
  for (guint i = 0; i < 10; i++)
    {
      if (i == 2 || i == 7)
        continue;
      g_assert_true (muster_journal_scan_next (scan, &item));
      g_assert_cmpuint (item.place, ==, i + 1);
      assert_text (&item, 50 + i);
      g_assert_cmpuint (item.refused, ==, 0);
      g_assert_cmpuint (item.lost, ==, i == 3 || i == 8 ? 1 : 0);
      if (i == 3)
        g_assert_cmpint (item.lost_reason, ==, MUSTER_GAP_CORRUPT);
      if (i == 8)
        g_assert_cmpint (item.lost_reason, ==, MUSTER_GAP_TORN);
    }
  while (muster_journal_scan_next (scan, &item))
    g_assert_cmpuint (item.lost + item.refused, ==, 0);
  muster_journal_scan_get_trailing (scan, &refused, &lost, &reason);
  g_assert_cmpuint (refused, ==, 1);
  g_assert_cmpuint (lost, ==, 0);
}

/* Rings of garbage, and every kind of truncation: no crash, nothing invented. */
static void
test_scan_garbage (void)
{
  g_autoptr (MusterJournal) journal = new_journal (RING);
  int fd = muster_journal_get_fd (journal);
  g_autofree guint8 *garbage = g_malloc (RING);
  guint32 *words = (guint32 *) garbage;
  MusterJournalItem item;
  const off_t sizes[] = { MUSTER_JOURNAL_HEADER_SIZE + RING - 1, MUSTER_JOURNAL_HEADER_SIZE, 100, 0 };

  for (gsize i = 0; i < RING / 4; i++)
    words[i] = g_random_int ();
  for (gsize i = 0; i < RING / 4; i += 2)
    if (g_random_boolean ())
      words[i] &= 0xffff; /* plausible lengths, so that checksums are tried */
  for (guint i = 0; i < 100; i++)
    append_text (journal, i, MUSTER_JOURNAL_PLAIN);
  g_assert_cmpint (pwrite (fd, garbage, RING, MUSTER_JOURNAL_HEADER_SIZE), ==, (int) RING);
  for (guint i = 0; i < G_N_ELEMENTS (sizes) + 1; i++)
    {
      g_autoptr (MusterJournalScan) scan = scan_of (journal, 1, 0);
      guint64 refused, lost;
      MusterGapReason reason;

      g_assert_false (muster_journal_scan_next (scan, &item));
      muster_journal_scan_get_trailing (scan, &refused, &lost, &reason);
      if (i < G_N_ELEMENTS (sizes))
        g_assert_no_errno (ftruncate (fd, sizes[i]));
    }
  g_assert_no_errno (ftruncate (fd, MUSTER_JOURNAL_HEADER_SIZE + RING)); /* for the unmapping side */
}

/* What is missing behind the last whole slot: calls that had not returned are not said, damage is, whatever stands before
 * it; and a file that became shorter has lost what its header counts. */
static void
test_scan_end (void)
{
  g_autoptr (MusterJournal) journal = new_journal (RING);
  MusterJournalSlot *slots[10];
  MusterJournalItem item;
  guint64 refused, lost;
  MusterGapReason reason;

  for (guint i = 0; i < 10; i++)
    {
      append_text (journal, i, MUSTER_JOURNAL_PLAIN);
      g_assert_true (muster_journal_peek (journal, &item));
      slots[i] = slot_of (journal, &item);
      muster_journal_advance (journal);
    }
  for (guint step = 0; step < 3; step++)
    {
      g_autoptr (MusterJournalScan) scan = NULL;
      guint n = 0;

      if (step == 0) /* the last but one stopped halfway, the last before it began */
        {
          atomic_store (&slots[8]->length, -slots[8]->length);
          ((guint8 *) (slots[8] + 1))[0] = 0;
          memset (slots[9], 0, sizeof *slots[9] + (gsize) slots[9]->length);
        }
      else if (step == 1) /* the last was whole, and is damaged */
        slots[9]->checksum = 1;
      else
        {
          memset (slots[8], 0, sizeof *slots[8]);
          memset (slots[9], 0, sizeof *slots[9]);
          g_assert_no_errno (ftruncate (muster_journal_get_fd (journal), MUSTER_JOURNAL_HEADER_SIZE + RING - 4096));
        }
      scan = scan_of (journal, 1, 0);
      while (muster_journal_scan_next (scan, &item))
        n++;
      g_assert_cmpuint (n, ==, 8);
      muster_journal_scan_get_trailing (scan, &refused, &lost, &reason);
      g_assert_cmpuint (refused, ==, 0);
      g_assert_cmpuint (lost, ==, step == 0 ? 0 : 2);
      g_assert_cmpint (reason, ==, step == 0 ? MUSTER_GAP_UNKNOWN : MUSTER_GAP_CORRUPT);
    }
  g_assert_no_errno (ftruncate (muster_journal_get_fd (journal), MUSTER_JOURNAL_HEADER_SIZE + RING));
}

/* All that was whole came before, and was not acknowledged: the call that had not returned is no damage. */
static void
test_scan_again (void)
{
  g_autoptr (MusterJournal) journal = new_journal (RING);
  g_autoptr (MusterJournalScan) scan = NULL;
  MusterJournalItem item;
  guint64 refused, lost;
  MusterGapReason reason;

  for (guint i = 0; i < 10; i++)
    append_text (journal, i, MUSTER_JOURNAL_PLAIN);
  for (guint i = 0; i < 10; i++)
    {
      g_assert_true (muster_journal_peek (journal, &item));
      if (i < 9)
        muster_journal_advance (journal);
    }
  atomic_store (&slot_of (journal, &item)->length, -(gint32) item.length);
  slot_of (journal, &item)->checksum = 0;
  scan = scan_of (journal, 10, 0);
  g_assert_false (muster_journal_scan_next (scan, &item));
  muster_journal_scan_get_trailing (scan, &refused, &lost, &reason);
  g_assert_cmpuint (refused + lost, ==, 0);

  append_text (journal, 11, MUSTER_JOURNAL_PLAIN);
  muster_journal_scan_free (scan);
  scan = scan_of (journal, 10, 0);
  g_assert_true (muster_journal_scan_next (scan, &item));
  g_assert_cmpuint (item.place, ==, 11);
  g_assert_cmpuint (item.lost, ==, 1);
  g_assert_cmpint (item.lost_reason, ==, MUSTER_GAP_TORN);
}

/* A header that somebody has written over invents no refusals: what it held cannot be counted. */
static void
test_scan_header (void)
{
  g_autoptr (MusterJournal) journal = new_journal (RING);
  g_autoptr (MusterJournalScan) scan = NULL;
  const guint32 wrong = 1u << 30;
  MusterJournalItem item;
  guint64 refused, lost;
  MusterGapReason reason;

  append_text (journal, 1, MUSTER_JOURNAL_PLAIN);
  g_assert_cmpint (
      pwrite (muster_journal_get_fd (journal), &wrong, sizeof wrong, G_STRUCT_OFFSET (MusterJournalHeader, drops)), ==,
      sizeof wrong);
  scan = scan_of (journal, 1, 0);
  g_assert_true (muster_journal_scan_next (scan, &item));
  muster_journal_scan_get_trailing (scan, &refused, &lost, &reason);
  g_assert_cmpuint (refused, ==, 0);
  g_assert_cmpuint (lost, ==, 1);
  g_assert_cmpint (reason, ==, MUSTER_GAP_UNKNOWN);
}

/* -- a signal handler within a log call --------------------------------------------------------------- */

static struct
{
  MusterJournal *journal;
  void *page;
  guint kept, refused;
} interrupted;

/* The call's bytes are in a page that cannot be read: this runs between the reservation and the publication. */
static void
fault_cb (int number)
{
  static const guint8 bytes[] = "from the handler";

  while (muster_journal_append (interrupted.journal, bytes, sizeof bytes, MUSTER_JOURNAL_PLAIN))
    interrupted.kept++;
  interrupted.refused++;
  mprotect (interrupted.page, 4096, PROT_READ | PROT_WRITE);
}

/* Nobody can make room behind the call that was interrupted, so the handler's call must not wait for it. */
static void
test_handler (void)
{
  g_autoptr (MusterJournal) journal = new_journal (RING);
  struct sigaction action = { .sa_handler = fault_cb }, before;
  gint64 begun = g_get_monotonic_time ();
  MusterJournalItem item;
  guint n = 0;

  muster_journal_set_block_timeout (journal, 100 * G_TIME_SPAN_SECOND);
  interrupted.journal = journal;
  interrupted.page = mmap (NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  g_assert_true (interrupted.page != MAP_FAILED);
  sigaction (SIGSEGV, &action, &before);
  g_assert_true (muster_journal_append (journal, interrupted.page, 100, MUSTER_JOURNAL_PLAIN));
  sigaction (SIGSEGV, &before, NULL);
  g_assert_cmpint (g_get_monotonic_time () - begun, <, 50 * G_TIME_SPAN_SECOND);
  g_assert_cmpuint (interrupted.refused, ==, 1);
  while (muster_journal_peek (journal, &item))
    {
      g_assert_cmpuint (item.place, ==, ++n);
      muster_journal_advance (journal);
    }
  g_assert_cmpuint (n, ==, interrupted.kept + 1);
  munmap (interrupted.page, 4096);
}

/* ThreadSanitizer keeps a shadow of all memory that is read into, whatever lies there. */
#ifdef __has_feature
#define HAS_SHADOW __has_feature (thread_sanitizer)
#else
#define HAS_SHADOW FALSE
#endif

/* A worker can make its file as long as it likes: what it has not written costs no memory here. */
static void
test_scan_sparse (void)
{
  const guint64 ring_size = (guint64) 1 << 30;
  MusterJournalIdentity id = identity ();
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterJournalScan) scan = NULL;
  g_autoptr (MusterJournal) journal = NULL;
  MusterJournalItem item;
  struct rusage before, after;
  int fd = muster_journal_create_memfd (RING, &id, &error);

  g_assert_no_error (error);
  journal = muster_journal_open (dup (fd), &error);
  g_assert_no_error (error);
  append_text (journal, 1, MUSTER_JOURNAL_PLAIN);
  g_assert_no_errno (ftruncate (fd, (off_t) (MUSTER_JOURNAL_HEADER_SIZE + ring_size)));
  getrusage (RUSAGE_SELF, &before);
  scan = muster_journal_scan_new (fd, id.stream, (gsize) ring_size, 1, 0, &error);
  g_assert_no_error (error);
  getrusage (RUSAGE_SELF, &after);
  if (!HAS_SHADOW)
    g_assert_cmpint (after.ru_maxrss - before.ru_maxrss, <, 100 * 1024);
  g_assert_true (muster_journal_scan_next (scan, &item));
  assert_text (&item, 1);
  g_assert_false (muster_journal_scan_next (scan, &item));
  close (fd);
}

/* -- against a model ------------------------------------------------------------------------------ */

typedef struct
{
  guint64 place;
  guint id;
  gsize length;
  guint64 end; /* position */
} Kept;

typedef struct
{
  int fd;
  MusterJournal *journal;
  GArray *kept; /* of Kept: not acknowledged */
  guint read;   /* of them */
  guint64 next_place, position;
  guint next_id, n_full;
} Model;

static Kept *
kept_at (Model *model, guint index)
{
  return &g_array_index (model->kept, Kept, index);
}

static guint64
model_used (Model *model)
{
  const Kept *first = model->kept->len > 0 ? kept_at (model, 0) : NULL;

  if (first == NULL)
    return 0;
  return model->position - (first->end - (guint64) muster_journal_units (first->length) * 8);
}

static void
model_append (Model *model)
{
  static const gsize squares[] = { 8, 16, 112, 1008, 4080, 16368, 65520 }; /* slots of 2^n bytes */
  static guint8 bytes[MUSTER_JOURNAL_ITEM_MAX];
  gsize room = RING - model_used (model);
  gsize length = squares[g_test_rand_int_range (0, G_N_ELEMENTS (squares))];
  MusterJournalFlags flags = g_test_rand_bit () ? MUSTER_JOURNAL_USE_RESERVE : MUSTER_JOURNAL_PLAIN;

  if (g_test_rand_int_range (0, 3) == 0)
    length = (gsize) g_test_rand_int_range (8, 300);
  else if (room >= 24 && room <= sizeof bytes && g_test_rand_bit ()) /* to the last byte */
    {
      length = room - sizeof (MusterJournalSlot);
      flags = MUSTER_JOURNAL_USE_RESERVE;
    }
  memcpy (bytes, &model->next_id, sizeof model->next_id);
  if (muster_journal_append (model->journal, bytes, length, flags))
    {
      Kept kept = { model->next_place, model->next_id, length,
                    model->position + (guint64) muster_journal_units (length) * 8 };

      model->position = kept.end;
      g_array_append_val (model->kept, kept);
      g_assert_cmpuint (model_used (model), <=, RING);
      model->n_full += model_used (model) == RING;
    }
  model->next_place++;
  model->next_id++;
}

static void
assert_kept (const MusterJournalItem *item, const Kept *kept)
{
  guint id;

  memcpy (&id, item->bytes, sizeof id);
  g_assert_cmpuint (id, ==, kept->id);
  g_assert_cmpuint (item->place, ==, kept->place);
  g_assert_cmpuint (item->length, ==, kept->length);
  g_assert_cmpuint (item->lost, ==, 0);
}

static void
model_read (Model *model)
{
  MusterJournalItem item;
  gint n = g_test_rand_int_range (1, 50);

  for (; n > 0 && muster_journal_peek (model->journal, &item); n--)
    {
      g_assert_cmpuint (model->read, <, model->kept->len);
      assert_kept (&item, kept_at (model, model->read++));
      muster_journal_advance (model->journal);
    }
  if (n > 0)
    g_assert_cmpuint (model->read, ==, model->kept->len);
}

static void
model_acknowledge (Model *model)
{
  guint n = model->read > 0 ? (guint) g_test_rand_int_range (1, (gint) model->read + 1) : 0;

  if (n == 0)
    return;
  muster_journal_acknowledge (model->journal, kept_at (model, n - 1)->end);
  g_array_remove_range (model->kept, 0, n);
  model->read -= n;
}

/* Were it dead now: from a mark anywhere in what is kept, all of it comes, and what was refused between is declared. */
static void
model_scan (Model *model)
{
  guint from = (guint) g_test_rand_int_range (0, (gint) model->kept->len + 1);
  guint64 next = from < model->kept->len ? kept_at (model, from)->place : model->next_place;
  g_autoptr (MusterJournalScan) scan = muster_journal_scan_new (
      model->fd, muster_journal_get_identity (model->journal)->stream, RING, next, MUSTER_JOURNAL_DROPS_UNKNOWN, NULL);
  MusterJournalItem item;
  guint64 refused, lost;
  MusterGapReason reason;

  for (guint i = from; i < model->kept->len; i++)
    {
      g_assert_true (muster_journal_scan_next (scan, &item));
      assert_kept (&item, kept_at (model, i));
      g_assert_cmpuint (item.refused, ==, item.place - next);
      next = item.place + 1;
    }
  g_assert_false (muster_journal_scan_next (scan, &item));
  muster_journal_scan_get_trailing (scan, &refused, &lost, &reason);
  g_assert_cmpuint (lost, ==, 0);
  if (from < model->kept->len)
    g_assert_cmpuint (refused, ==, model->next_place - next);
}

/* Everything that can be done to a ring, in any order; it is often full to the last byte. */
static void
test_model (void)
{
  MusterJournalIdentity id = identity ();
  Model model = { .next_place = 1 };

  model.fd = muster_journal_create_memfd (RING, &id, NULL);
  model.journal = muster_journal_open (dup (model.fd), NULL);
  model.kept = g_array_new (FALSE, FALSE, sizeof (Kept));
  muster_journal_set_block_timeout (model.journal, 0);
  for (guint i = 0; i < 50000; i++)
    {
      gint what = g_test_rand_int_range (0, 100);

      if (what < 55)
        model_append (&model);
      else if (what < 85)
        model_read (&model);
      else if (what < 99)
        model_acknowledge (&model);
      else if (i % 8 == 0)
        model_scan (&model);
    }
  g_assert_cmpuint (model.n_full, >, 50);
  g_array_unref (model.kept);
  muster_journal_unref (model.journal);
  close (model.fd);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/journal/identity", test_identity);
  g_test_add_func ("/journal/laps", test_laps);
  g_test_add_func ("/journal/full", test_full);
  g_test_add_func ("/journal/rewind", test_rewind);
  g_test_add_func ("/journal/wait", test_wait);
  g_test_add_func ("/journal/threads", test_threads);
  g_test_add_func ("/journal/wake", test_wake);
  g_test_add_func ("/journal/full-to-the-brim", test_full_to_the_brim);
  g_test_add_func ("/journal/scribbled-header", test_scribbled_header);
  g_test_add_func ("/journal/refused-without-end", test_refused_without_end);
  g_test_add_func ("/journal/cancelled", test_cancelled);
  g_test_add_func ("/journal/scan", test_scan);
  g_test_add_func ("/journal/scan-holes", test_scan_holes);
  g_test_add_func ("/journal/scan-garbage", test_scan_garbage);
  g_test_add_func ("/journal/scan-end", test_scan_end);
  g_test_add_func ("/journal/scan-again", test_scan_again);
  g_test_add_func ("/journal/scan-header", test_scan_header);
  g_test_add_func ("/journal/handler", test_handler);
  g_test_add_func ("/journal/scan-sparse", test_scan_sparse);
  g_test_add_func ("/journal/model", test_model);
  return g_test_run ();
}
