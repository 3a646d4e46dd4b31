/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A sender's ring file, alive: many producers, one reader, one process.
 *
 * The protocol of the ring (who writes, who reads, in which order, and why that suffices):
 *
 * - A producer reads `reserved` (acquire), then `drops`, then moves `reserved` on by compare-and-swap (seq_cst): number
 *   and position in one word, so the numbers are in the order of the positions. Because a refusal adds to `drops`
 *   before it returns and each successful swap is ordered after the reading of `drops` that goes with it, number + drops
 *   grows strictly from slot to slot: it is the entry's place in its stream.
 * - The slot belongs to that producer alone. It stores the length negated (a hole that may be skipped if the process
 *   dies now), then checksum, number, drops and bytes, and last the positive length with release order. The reader loads
 *   it with acquire order; it never passes a slot that is not published, so slots behind it wait.
 * - Only the reader's side acknowledges: it zeroes what was acknowledged, then stores the position with release order. A
 *   producer loads it (acquire) before it takes the room, so it finds zeroes there.
 * - Sleeping: the reader stores `wake` (seq_cst), then looks at `reserved` (or `flushes`); a producer moves `reserved`
 *   (or `flushes`; seq_cst), then loads `wake` (seq_cst). One of them sees the other.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <limits.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "muster-fault-private.h"
#include "muster-journal-layout-private.h"

struct _MusterJournal
{
  gatomicrefcount references;
  int fd;       /* owned */
  int event_fd; /* owned */
  MusterJournalHeader *header;
  guint8 *ring; /* mapped twice in a row */
  gsize ring_size;
  guint32 ring_units;
  guint32 plain_units; /* what all but the reserve may fill */
  guint64 seed;
  gint64 block_timeout_us;      /* set before producers run */
  _Atomic guint32 drops_stored; /* of the last slot, about */
  MusterJournalIdentity identity;

  /* The reader's own. */
  guint64 read_position;
  guint64 acknowledged;
  guint64 next_place;
  guint32 next_drops;
  guint32 flushes_seen;
};

/* -- the object ---------------------------------------------------------------------------------- */

static gboolean
map_ring (MusterJournal *journal, GError **error)
{
  gsize header_size = MUSTER_JOURNAL_HEADER_SIZE;
  gsize whole = header_size + 2 * journal->ring_size;
  guint8 *base = mmap (NULL, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (base != MAP_FAILED
      && mmap (base, header_size + journal->ring_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, journal->fd, 0)
             != MAP_FAILED
      && mmap (base + header_size + journal->ring_size, journal->ring_size, PROT_READ | PROT_WRITE,
               MAP_SHARED | MAP_FIXED, journal->fd, (off_t) header_size)
             != MAP_FAILED)
    {
      journal->header = (MusterJournalHeader *) base;
      journal->ring = base + header_size;
      return TRUE;
    }
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "cannot map a journal: %s", g_strerror (errno));
  if (base != MAP_FAILED)
    munmap (base, whole);
  return FALSE;
}

MusterJournal *
muster_journal_open (int fd, GError **error)
{
  MusterJournal *journal = g_new0 (MusterJournal, 1);

  g_atomic_ref_count_init (&journal->references);
  journal->fd = fd;
  journal->event_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (journal->event_fd < 0)
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "cannot make an eventfd for a journal: %s",
                 g_strerror (errno));
  if (journal->event_fd < 0 || !muster_journal_read_identity (fd, &journal->identity, &journal->ring_size, error)
      || !map_ring (journal, error))
    {
      if (journal->event_fd >= 0)
        close (journal->event_fd);
      g_free (journal);
      return NULL;
    }
  journal->ring_units = (guint32) (journal->ring_size / 8);
  journal->plain_units = journal->ring_units - journal->ring_units / 10;
  journal->seed = muster_journal_seed (journal->identity.stream);
  journal->block_timeout_us = 100 * G_TIME_SPAN_MILLISECOND;
  journal->acknowledged = atomic_load (&journal->header->acknowledged);
  journal->read_position = journal->acknowledged;
  journal->next_place = 1;
  journal->drops_stored = atomic_load (&journal->header->drops);
  return journal;
}

MusterJournal *
muster_journal_ref (MusterJournal *journal)
{
  g_atomic_ref_count_inc (&journal->references);
  return journal;
}

void
muster_journal_unref (MusterJournal *journal)
{
  if (!g_atomic_ref_count_dec (&journal->references))
    return;
  munmap (journal->header, MUSTER_JOURNAL_HEADER_SIZE + 2 * journal->ring_size);
  if (journal->event_fd >= 0)
    close (journal->event_fd);
  close (journal->fd);
  g_free (journal);
}

const MusterJournalIdentity *
muster_journal_get_identity (MusterJournal *journal)
{
  return &journal->identity;
}

gsize
muster_journal_get_ring_size (MusterJournal *journal)
{
  return journal->ring_size;
}

int
muster_journal_get_fd (MusterJournal *journal)
{
  return journal->fd;
}

void
muster_journal_set_block_timeout (MusterJournal *journal, gint64 timeout_us)
{
  journal->block_timeout_us = timeout_us;
}

/* -- producers ------------------------------------------------------------------------------------ */

static gint64
monotonic_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

/* Whether this thread is in a call that may have reserved a slot and not yet published it. A signal handler that interrupts
 * such a call must not wait for room: nothing behind that slot can be read, so it would wait for itself. It may take the
 * reserve instead. */
static __thread volatile gboolean may_hold_slot __attribute__ ((tls_model ("initial-exec")));

/* Sleeps until something is acknowledged; FALSE once @deadline_ns has passed. */
static gboolean
wait_for_room (MusterJournal *journal, guint32 acknowledgements, gint64 deadline_ns)
{
  MusterJournalHeader *header = journal->header;
  gint64 left = deadline_ns - monotonic_ns ();
  struct timespec timeout;

  if (left <= 0)
    return FALSE;
  timeout = (struct timespec){ left / 1000000000, left % 1000000000 };
  may_hold_slot = FALSE; /* nobody comes here who was called within another call */
  atomic_fetch_add (&header->waiters, 1);
  syscall (SYS_futex, &header->acknowledgements, FUTEX_WAIT, acknowledgements, &timeout, NULL, 0);
  atomic_fetch_sub (&header->waiters, 1);
  may_hold_slot = TRUE;
  return TRUE;
}

/* Places are told apart by 32 bits. A call that does nothing but be refused, before a transport that stands still, could count
 * beyond them in minutes: then nothing more is counted until there is room again. */
#define REFUSED_MAX (1u << 29)

static gboolean
refuse (MusterJournal *journal)
{
  if (atomic_load_explicit (&journal->header->drops, memory_order_relaxed)
          - atomic_load_explicit (&journal->drops_stored, memory_order_relaxed)
      >= REFUSED_MAX)
    return FALSE;
  atomic_fetch_add (&journal->header->drops, 1);
  atomic_fetch_add_explicit (&journal->header->drops_again, 1, memory_order_relaxed);
  return FALSE;
}

#define LOOKS_MAX 10000

/* Reserves room for @units; sets the slot's number and the drops before it. FALSE: no room, and refused. */
static inline gboolean
reserve (MusterJournal *journal, guint32 units, MusterJournalFlags flags, guint32 *position, guint32 *number,
         guint32 *drops)
{
  MusterJournalHeader *header = journal->header;
  guint32 limit = flags & MUSTER_JOURNAL_USE_RESERVE ? journal->ring_units : journal->plain_units;
  gint64 deadline_ns = 0;
  guint looks = 0;

  for (;;)
    {
      guint64 word = atomic_load_explicit (&header->reserved, memory_order_acquire);
      guint32 acknowledgements = atomic_load_explicit (&header->acknowledgements, memory_order_acquire);
      guint32 used;

      *drops = atomic_load_explicit (&header->drops, memory_order_acquire);
      *position = (guint32) word;
      *number = (guint32) (word >> 32) + 1;
      used = *position - (guint32) (atomic_load_explicit (&header->acknowledged, memory_order_acquire) >> 3);
      if (G_LIKELY (used <= journal->ring_units && used + units <= limit))
        {
          guint64 next = (guint64) *number << 32 | (guint32) (*position + units);

          if (atomic_compare_exchange_strong (&header->reserved, &word, next))
            return TRUE;
          continue;
        }
      if (used > journal->ring_units)
        {
          /* `acknowledged` is newer than `word`: look again. Always so, and somebody has written into the header. */
          if (++looks < LOOKS_MAX)
            continue;
          return refuse (journal);
        }

      if (flags & MUSTER_JOURNAL_NO_WAIT || journal->block_timeout_us <= 0
          || atomic_load_explicit (&header->refusing, memory_order_relaxed))
        return refuse (journal);
      if (deadline_ns == 0)
        deadline_ns = monotonic_ns () + journal->block_timeout_us * 1000;
      if (!wait_for_room (journal, acknowledgements, deadline_ns))
        {
          atomic_store_explicit (&header->refusing, 1, memory_order_relaxed);
          return refuse (journal);
        }
    }
}

static void
wake_reader (MusterJournal *journal)
{
  int saved = errno;
  guint64 one = 1;

  /* A full eventfd is readable, which is all that is wanted. By syscall(), for write() is a cancellation point: a thread
   * that ended here would take the wish with it, and the reader slept for ever. */
  syscall (SYS_write, journal->event_fd, &one, sizeof one);
  errno = saved;
}

/* A reader that gathers by a timer is woken when a quarter of the ring has filled, long before it is full. */
static inline gboolean
enters_quarter (MusterJournal *journal, guint32 position, guint32 units)
{
  guint32 quarter = journal->ring_units / 4;

  return position / quarter != (position + units) / quarter;
}

static inline gboolean
append (MusterJournal *journal, const guint8 *bytes, gsize length, MusterJournalFlags flags, _Atomic guint64 *mark)
{
  MusterJournalHeader *header = journal->header;
  MusterJournalSlot *slot;
  guint32 position, number, drops, wake;

  if (length == 0 || length > MUSTER_JOURNAL_ITEM_MAX)
    return refuse (journal);
  MUSTER_FAULT ("journal.reserve.before");
  if (!reserve (journal, muster_journal_units (length), flags, &position, &number, &drops))
    return FALSE;
  MUSTER_FAULT ("journal.reserve.after");
  if (G_UNLIKELY (drops != atomic_load_explicit (&journal->drops_stored, memory_order_relaxed)))
    atomic_store_explicit (&journal->drops_stored, drops, memory_order_relaxed);
  if (G_UNLIKELY (atomic_load_explicit (&header->refusing, memory_order_relaxed))
      && !(flags & MUSTER_JOURNAL_USE_RESERVE))
    atomic_store_explicit (&header->refusing, 0, memory_order_relaxed);

  slot = (MusterJournalSlot *) (journal->ring + ((gsize) position * 8 & (journal->ring_size - 1)));
  atomic_store_explicit (&slot->length, -(gint32) length, memory_order_relaxed);
  atomic_signal_fence (memory_order_seq_cst);
  slot->number = number;
  slot->drops = drops;
  memcpy (slot + 1, bytes, length);
  if (mark != NULL)
    atomic_store (mark, G_GUINT64_CONSTANT (1) << 32 | (guint32) (number + drops));
  atomic_signal_fence (memory_order_seq_cst); /* with the checksum the entry is there for those who come after */
  slot->checksum = muster_journal_checksum (slot, length, journal->seed);
  MUSTER_FAULT ("journal.publish.before");
  atomic_store_explicit (&slot->length, (gint32) length, memory_order_release);
  MUSTER_FAULT ("journal.publish.after");

  if (G_UNLIKELY (flags & MUSTER_JOURNAL_FLUSH))
    atomic_fetch_add (&header->flushes, 1);
  wake = atomic_load (&header->wake);
  if (G_UNLIKELY (wake != MUSTER_JOURNAL_AWAKE)
      && (wake == MUSTER_JOURNAL_WAKE_ON_ANY || flags & MUSTER_JOURNAL_FLUSH
          || enters_quarter (journal, position, muster_journal_units (length)))
      && atomic_exchange (&header->wake, MUSTER_JOURNAL_AWAKE) != MUSTER_JOURNAL_AWAKE)
    wake_reader (journal);
  return TRUE;
}

gboolean
muster_journal_has_room (MusterJournal *journal, gsize length)
{
  guint32 reserved = (guint32) atomic_load_explicit (&journal->header->reserved, memory_order_acquire);
  guint32 used =
      reserved - (guint32) (atomic_load_explicit (&journal->header->acknowledged, memory_order_acquire) >> 3);

  return used + muster_journal_units (length) <= journal->plain_units;
}

gboolean
muster_journal_append (MusterJournal *journal, const guint8 *bytes, gsize length, MusterJournalFlags flags)
{
  return muster_journal_append_marked (journal, bytes, length, flags, NULL);
}

gboolean
muster_journal_append_marked (MusterJournal *journal, const guint8 *bytes, gsize length, MusterJournalFlags flags,
                              _Atomic guint64 *mark)
{
  gboolean nested = may_hold_slot;
  gboolean appended;

  if (G_UNLIKELY (nested))
    flags |= MUSTER_JOURNAL_NO_WAIT | MUSTER_JOURNAL_USE_RESERVE;
  may_hold_slot = TRUE;
  appended = append (journal, bytes, length, flags, mark);
  may_hold_slot = nested;
  return appended;
}

guint64
muster_journal_get_drops (MusterJournal *journal)
{
  return atomic_load (&journal->header->drops);
}

void
muster_journal_write_crash (MusterJournal *journal, const MusterJournalCrash *crash)
{
  MusterJournalCrash *to = &journal->header->crash;
  const gsize start = G_STRUCT_OFFSET (MusterJournalCrash, signal);

  atomic_store (&to->written, 0);
  atomic_signal_fence (memory_order_seq_cst);
  memcpy (&to->signal, &crash->signal, sizeof *to - start);
  to->checksum = muster_journal_crash_checksum (to, journal->seed);
  atomic_store_explicit (&to->written, 1, memory_order_release);
}

/* -- the reader ----------------------------------------------------------------------------------- */

int
muster_journal_get_event_fd (MusterJournal *journal)
{
  return journal->event_fd;
}

gsize
muster_journal_get_pending (MusterJournal *journal)
{
  guint64 word = atomic_load (&journal->header->reserved);

  return (gsize) ((guint32) word - (guint32) (journal->read_position >> 3)) * 8;
}

gboolean
muster_journal_is_empty (MusterJournal *journal)
{
  return muster_journal_get_pending (journal) == 0;
}

gboolean
muster_journal_arm (MusterJournal *journal, MusterJournalWake wake)
{
  MusterJournalHeader *header = journal->header;

  atomic_store (&header->wake, wake);
  if ((wake == MUSTER_JOURNAL_WAKE_ON_ANY && !muster_journal_is_empty (journal))
      || atomic_load (&header->flushes) != journal->flushes_seen)
    {
      atomic_store (&header->wake, MUSTER_JOURNAL_AWAKE);
      return FALSE;
    }
  return TRUE;
}

gboolean
muster_journal_take_flush (MusterJournal *journal)
{
  guint32 flushes = atomic_load (&journal->header->flushes);
  gboolean asked = flushes != journal->flushes_seen;

  journal->flushes_seen = flushes;
  return asked;
}

void
muster_journal_disarm (MusterJournal *journal)
{
  guint64 count;

  atomic_store (&journal->header->wake, MUSTER_JOURNAL_AWAKE);
  if (read (journal->event_fd, &count, sizeof count) < 0)
    return; /* nothing to clear */
}

static inline MusterJournalSlot *
slot_at (MusterJournal *journal, guint64 position)
{
  return (MusterJournalSlot *) (journal->ring + (position & (journal->ring_size - 1)));
}

static inline gboolean
slot_is_valid (MusterJournal *journal, const MusterJournalSlot *slot, gint32 length)
{
  return length > 0 && length <= MUSTER_JOURNAL_ITEM_MAX
         && slot->checksum == muster_journal_checksum (slot, (gsize) length, journal->seed);
}

/* A published slot that is not what its producer wrote: somebody's stray pointer. Finds the next one that is. */
static gboolean
skip_corrupt (MusterJournal *journal)
{
  guint32 reserved = (guint32) atomic_load (&journal->header->reserved);
  guint32 behind = (guint32) (journal->read_position >> 3);
  guint32 left = reserved - behind;

  if (left > journal->ring_units)
    return FALSE;
  for (guint32 step = 1; step < left; step++)
    {
      MusterJournalSlot *slot = slot_at (journal, journal->read_position + (guint64) step * 8);
      gint32 length = atomic_load_explicit (&slot->length, memory_order_acquire);

      if (slot_is_valid (journal, slot, length)
          && (gint32) (slot->number + slot->drops - (guint32) journal->next_place) >= 0)
        {
          journal->read_position += (guint64) step * 8;
          return TRUE;
        }
    }
  return FALSE;
}

gboolean
muster_journal_peek (MusterJournal *journal, MusterJournalItem *item)
{
  MusterJournalSlot *slot = slot_at (journal, journal->read_position);
  gint32 length = atomic_load_explicit (&slot->length, memory_order_acquire);
  guint64 missing;

  /* In a ring that is full and has been read to its end, the oldest slot comes next. */
  if (G_UNLIKELY (journal->read_position - journal->acknowledged == journal->ring_size))
    return FALSE;
  if (length <= 0)
    return FALSE;
  if (G_UNLIKELY (!slot_is_valid (journal, slot, length)))
    {
      if (!skip_corrupt (journal))
        return FALSE;
      slot = slot_at (journal, journal->read_position);
      length = atomic_load_explicit (&slot->length, memory_order_acquire);
    }
  missing = (guint32) (slot->number + slot->drops - (guint32) journal->next_place);
  item->bytes = (const guint8 *) (slot + 1);
  item->length = (gsize) length;
  item->place = journal->next_place + missing;
  item->drops = slot->drops;
  item->refused = MIN (missing, slot->drops - journal->next_drops);
  item->lost = missing - item->refused;
  item->lost_reason = MUSTER_GAP_CORRUPT;
  return TRUE;
}

void
muster_journal_advance (MusterJournal *journal)
{
  MusterJournalSlot *slot = slot_at (journal, journal->read_position);
  gint32 length = atomic_load_explicit (&slot->length, memory_order_relaxed);

  journal->next_place += (guint32) (slot->number + slot->drops - (guint32) journal->next_place) + 1;
  journal->next_drops = slot->drops;
  journal->read_position += (guint64) muster_journal_units ((gsize) length) * 8;
}

guint64
muster_journal_get_read_position (MusterJournal *journal)
{
  return journal->read_position;
}

guint64
muster_journal_get_next_place (MusterJournal *journal)
{
  return journal->next_place;
}

guint32
muster_journal_get_next_drops (MusterJournal *journal)
{
  return journal->next_drops;
}

void
muster_journal_acknowledge (MusterJournal *journal, guint64 position)
{
  MusterJournalHeader *header = journal->header;

  g_return_if_fail (position >= journal->acknowledged && position <= journal->read_position);

  if (position == journal->acknowledged)
    return;
  memset (slot_at (journal, journal->acknowledged), 0, (gsize) (position - journal->acknowledged));
  journal->acknowledged = position;
  atomic_store_explicit (&header->acknowledged, position, memory_order_release);
  atomic_fetch_add (&header->acknowledgements, 1);
  if (atomic_load (&header->waiters) > 0)
    syscall (SYS_futex, &header->acknowledgements, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void
muster_journal_rewind (MusterJournal *journal, guint64 position, guint64 place, guint32 drops)
{
  g_return_if_fail (position >= journal->acknowledged && position <= journal->read_position);

  journal->read_position = position;
  journal->next_place = place;
  journal->next_drops = drops;
}

/* -- spools --------------------------------------------------------------------------------------- */

/* What a process may have appended before it was killed, and nobody knows of. */
#define UNKNOWN_MAX (1u << 20)

void
muster_journal_resume (MusterJournal *journal, guint64 start, guint64 start_place, guint64 end, guint64 end_place)
{
  MusterJournalHeader *header = journal->header;
  guint64 left = journal->ring_size - (end - start);

  g_return_if_fail (end >= start && end - start <= journal->ring_size && (start & 7) == 0 && (end & 7) == 0);

  memset (slot_at (journal, end), 0, (gsize) MIN (left, UNKNOWN_MAX));
  atomic_store (&header->reserved, (guint64) (guint32) (end_place - 1) << 32 | (guint32) (end >> 3));
  atomic_store (&header->acknowledged, start);
  atomic_store (&header->drops, 0);
  atomic_store (&header->drops_again, 0);
  atomic_store (&header->refusing, 0);
  atomic_store (&header->waiters, 0);
  atomic_store (&header->wake, MUSTER_JOURNAL_AWAKE);
  journal->acknowledged = journal->read_position = start;
  journal->next_place = start_place;
  journal->next_drops = 0;
  atomic_store (&journal->drops_stored, 0);
}

gsize
muster_journal_get_free (MusterJournal *journal)
{
  guint32 reserved = (guint32) atomic_load_explicit (&journal->header->reserved, memory_order_relaxed);
  guint32 acknowledged = (guint32) (atomic_load_explicit (&journal->header->acknowledged, memory_order_acquire) >> 3);

  return (gsize) (journal->ring_units - MIN (reserved - acknowledged, journal->ring_units)) * 8;
}

/* By a compare-and-swap of a word with itself in each page: a write as the kernel sees it. It takes nothing back that the
 * reader's side zeroes meanwhile, as a load and a store might; TSan does not know that of memset(). */
__attribute__ ((no_sanitize ("thread"))) static void
touch_pages (const volatile void *first, gsize size)
{
  const gsize page_size = (gsize) sysconf (_SC_PAGESIZE);
  guintptr begin = (guintptr) first & ~(guintptr) 7, end = (guintptr) first + size;

  for (guintptr at = begin; at < end; at = (at & ~(guintptr) (page_size - 1)) + page_size)
    {
      volatile _Atomic guint64 *word = (volatile _Atomic guint64 *) at;
      guint64 value = atomic_load (word);

      while (!atomic_compare_exchange_weak (word, &value, value))
        ;
    }
}

void
muster_journal_touch (MusterJournal *journal, guint64 start, guint64 end)
{
  gsize size = (gsize) MIN (end - start, journal->ring_size);

  touch_pages (journal->header, MUSTER_JOURNAL_HEADER_SIZE);
  touch_pages (slot_at (journal, end - size), size);
}

gboolean
muster_journal_skip_damage (MusterJournal *journal)
{
  return skip_corrupt (journal);
}

void
muster_journal_skip_to (MusterJournal *journal, guint64 position, guint64 place)
{
  g_return_if_fail (position >= journal->read_position && position - journal->acknowledged <= journal->ring_size);

  journal->read_position = position;
  journal->next_place = place;
}
