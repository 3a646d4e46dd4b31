/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A dead sender's journal. Nothing in it is believed: the file is copied with pread (a truncated or hostile one cannot
 * hurt), and every 8-byte step of the copy is tried for a slot whose checksum, seeded with the stream, is right. What
 * those slots say of their own place orders them. Used by one thread.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "muster-journal-layout-private.h"

/* So many log calls may have been about to be refused when the process ended. */
#define UNDERWAY_MAX 64

/* A hostile file could make every step hash 64 KiB; no more than this many times the ring is hashed. */
#define HASH_BUDGET 64

typedef struct
{
  guint64 place;
  guint32 drops;
  guint32 offset; /* of the slot in the copy, in units of 8 bytes */
  gint32 length;
} Found;

struct _MusterJournalScan
{
  guint8 *ring; /* owned, mapped; the ring, and its beginning once more */
  gsize ring_size;
  guint64 seed;
  GArray *found; /* of Found, in order of place */
  guint next;
  guint64 next_place;
  guint32 next_drops;
  MusterJournalHeader *header; /* owned; a copy that is not believed */
  gboolean truncated;          /* the file is shorter than it was made */
  gsize budget;                /* bytes that may still be looked at to find out why something is missing */
  gboolean have_drops_before;  /* the slot right before next_place was still there: */
  guint32 drops_before;
};

/* @out is zeroed. FALSE at the end of the file, or where it cannot be read. */
static gboolean
read_piece (int fd, guint8 *out, gsize size, off_t offset)
{
  gsize done = 0;

  while (done < size)
    {
      gssize n = pread (fd, out + done, size - done, offset + (off_t) done);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return FALSE;
      done += (gsize) n;
    }
  return TRUE;
}

/* Holes are left alone: they cost no memory then, however long somebody has made the file. @out is zeroed. */
static void
read_whole (int fd, guint8 *out, gsize size, off_t offset)
{
  off_t end = offset + (off_t) size;
  off_t position = offset;

  while (position < end)
    {
      off_t data = lseek (fd, position, SEEK_DATA);
      off_t hole;

      if (data < 0 && errno == ENXIO)
        return;
      data = data < 0 ? position : MIN (data, end); /* a file system that does not tell */
      hole = lseek (fd, data, SEEK_HOLE);
      hole = hole <= data ? end : MIN (hole, end);
      if (!read_piece (fd, out + (data - offset), (gsize) (hole - data), data))
        return;
      position = hole;
    }
}

/* A length that is negated only says that the call had not returned: where all else is there, the entry is whole. */
static gint32
valid_length (MusterJournalScan *scan, gsize offset, gsize *budget)
{
  const MusterJournalSlot *slot = (const MusterJournalSlot *) (scan->ring + offset);
  gint32 length = atomic_load_explicit (&slot->length, memory_order_relaxed);

  if (length == G_MININT32 || length == 0)
    return 0;
  if (length < 0)
    length = -length;
  if (length > MUSTER_JOURNAL_ITEM_MAX || (gsize) length > *budget)
    return 0;
  *budget -= (gsize) length;
  return slot->checksum == muster_journal_checksum (slot, (gsize) length, scan->seed) ? length : 0;
}

static gint
compare_found (gconstpointer a, gconstpointer b)
{
  guint64 left = ((const Found *) a)->place;
  guint64 right = ((const Found *) b)->place;

  return left < right ? -1 : left > right;
}

static void
collect (MusterJournalScan *scan)
{
  gsize budget = scan->ring_size * HASH_BUDGET;
  gsize offset = 0;

  while (offset < scan->ring_size)
    {
      gint32 length = valid_length (scan, offset, &budget);
      const MusterJournalSlot *slot = (const MusterJournalSlot *) (scan->ring + offset);

      if (length > 0)
        {
          gint32 ahead = (gint32) (slot->number + slot->drops - (guint32) scan->next_place);

          if (ahead == -1)
            {
              scan->have_drops_before = TRUE;
              scan->drops_before = slot->drops;
            }
          if (ahead >= 0)
            {
              Found found = { scan->next_place + (guint64) ahead, slot->drops, (guint32) (offset / 8), length };

              g_array_append_val (scan->found, found);
            }
          offset += (gsize) muster_journal_units ((gsize) length) * 8;
        }
      else
        offset += 8;
    }
  g_array_sort (scan->found, compare_found);
}

/* What the caller does not know of where to begin, the slots tell. */
static void
begin_at (MusterJournalScan *scan, guint64 next_place, gint64 next_drops)
{
  const Found *first = scan->found->len > 0 ? &g_array_index (scan->found, Found, 0) : NULL;

  if (next_drops >= 0)
    scan->next_drops = (guint32) next_drops;
  else if (scan->have_drops_before)
    scan->next_drops = scan->drops_before;
  else if (first != NULL)
    scan->next_drops = first->drops;
  else
    scan->next_drops = atomic_load (&scan->header->drops);
  if (next_place == 0 && first != NULL)
    {
      scan->next_place = first->place;
      scan->next_drops = first->drops;
    }
}

guint64
muster_journal_scan_get_next_place (const MusterJournalScan *scan)
{
  return scan->next_place;
}

static gsize
copy_size (gsize ring_size)
{
  return ring_size + MUSTER_JOURNAL_ITEM_MAX + sizeof (MusterJournalSlot);
}

MusterJournalScan *
muster_journal_scan_new (int fd, const guint8 stream[MUSTER_STREAM_ID_SIZE], gsize ring_size, guint64 next_place,
                         gint64 next_drops, GError **error)
{
  MusterJournalScan *scan;
  struct stat status;
  guint8 *ring =
      mmap (NULL, copy_size (ring_size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  if (ring == MAP_FAILED)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE,
                   "cannot read a journal: no memory for its %" G_GSIZE_FORMAT " bytes: %s", ring_size,
                   g_strerror (errno));
      return NULL;
    }
  scan = g_new0 (MusterJournalScan, 1);
  scan->ring_size = ring_size;
  scan->budget = ring_size * HASH_BUDGET;
  scan->truncated = fstat (fd, &status) != 0 || status.st_size < (off_t) (MUSTER_JOURNAL_HEADER_SIZE + ring_size);
  scan->seed = muster_journal_seed (stream);
  scan->next_place = MAX (next_place, 1);
  scan->found = g_array_new (FALSE, FALSE, sizeof (Found));
  scan->header = g_malloc0 (MUSTER_JOURNAL_HEADER_SIZE);
  scan->ring = ring;
  read_whole (fd, (guint8 *) scan->header, MUSTER_JOURNAL_HEADER_SIZE, 0);
  read_whole (fd, scan->ring, ring_size, MUSTER_JOURNAL_HEADER_SIZE);
  memcpy (scan->ring + ring_size, scan->ring, MUSTER_JOURNAL_ITEM_MAX + sizeof (MusterJournalSlot));
  collect (scan);
  begin_at (scan, next_place, next_drops);
  return scan;
}

void
muster_journal_scan_free (MusterJournalScan *scan)
{
  g_array_unref (scan->found);
  g_free (scan->header);
  munmap (scan->ring, copy_size (scan->ring_size));
  g_free (scan);
}

/* Where slot @index should have been preceded by another one. */
static gsize
offset_before (MusterJournalScan *scan, guint index)
{
  const Found *before = index > 0 ? &g_array_index (scan->found, Found, index - 1) : NULL;

  if (before == NULL)
    return (gsize) (atomic_load (&scan->header->acknowledged) & (scan->ring_size - 1)) & ~(gsize) 7;
  return ((gsize) before->offset + muster_journal_units ((gsize) before->length)) * 8 & (scan->ring_size - 1);
}

/* How far to go on from @offset, where nothing was found that was wanted; 0 if it is damage. */
static guint32
pass_over (MusterJournalScan *scan, gsize offset)
{
  const MusterJournalSlot *slot = (const MusterJournalSlot *) (scan->ring + offset);
  gint32 length = atomic_load_explicit (&slot->length, memory_order_relaxed);
  gint32 valid = valid_length (scan, offset, &scan->budget);

  if (valid > 0)
    return muster_journal_units ((gsize) valid); /* it came before, and was not acknowledged yet */
  if (length < 0 && length >= -MUSTER_JOURNAL_ITEM_MAX)
    return muster_journal_units ((gsize) -length); /* a call that had not returned */
  return length == 0 && slot->checksum == 0 ? 1 : 0;
}

/* Whether something between @offset and @end (units of 8 bytes) is neither what came before, nor the work of a call that had
 * not returned, nor nothing at all. */
static gboolean
has_damage (MusterJournalScan *scan, gsize offset, guint32 end)
{
  guint32 left = (end - (guint32) (offset / 8)) & (guint32) (scan->ring_size / 8 - 1);
  guint32 units;

  if (scan->truncated)
    return TRUE;
  for (; left > 0 && scan->budget > 8; left -= MIN (units, left))
    {
      scan->budget -= 8;
      units = pass_over (scan, offset);
      if (units == 0)
        return TRUE;
      offset = (offset + (gsize) units * 8) & (scan->ring_size - 1);
    }
  return FALSE;
}

static MusterGapReason
reason_before (MusterJournalScan *scan, guint index)
{
  guint32 end = g_array_index (scan->found, Found, index).offset;

  return has_damage (scan, offset_before (scan, index), end) ? MUSTER_GAP_CORRUPT : MUSTER_GAP_TORN;
}

gboolean
muster_journal_scan_next (MusterJournalScan *scan, MusterJournalItem *item)
{
  const Found *found;
  guint64 missing;

  while (scan->next < scan->found->len && g_array_index (scan->found, Found, scan->next).place < scan->next_place)
    scan->next++; /* the same place twice: two copies of one slot */
  if (scan->next == scan->found->len)
    return FALSE;

  found = &g_array_index (scan->found, Found, scan->next);
  missing = found->place - scan->next_place;
  item->bytes = scan->ring + (gsize) found->offset * 8 + sizeof (MusterJournalSlot);
  item->length = (gsize) found->length;
  item->place = found->place;
  item->drops = found->drops;
  item->refused = MIN (missing, found->drops - scan->next_drops);
  item->lost = missing - item->refused;
  item->lost_reason = item->lost > 0 ? reason_before (scan, scan->next) : MUSTER_GAP_UNKNOWN;
  scan->next_place = found->place + 1;
  scan->next_drops = found->drops;
  scan->next++;
  return TRUE;
}

/* A worker in another language may speak over the link alone: then its journal is as it was made. */
static gboolean
is_unused (MusterJournalScan *scan)
{
  return memcmp (scan->header->magic, MUSTER_JOURNAL_MAGIC, sizeof scan->header->magic) == 0
         && atomic_load (&scan->header->reserved) == 0 && atomic_load (&scan->header->drops) == 0
         && scan->found->len == 0;
}

/* What the header tells of the end: how many places are behind the last slot, and how many of them were refused. FALSE
 * where somebody has emptied the file or written over its header. */
static gboolean
read_end (MusterJournalScan *scan, guint32 *ahead, guint32 *refused)
{
  guint32 number = (guint32) (atomic_load (&scan->header->reserved) >> 32);
  guint32 drops = atomic_load (&scan->header->drops);
  guint32 underway = drops - atomic_load (&scan->header->drops_again);

  *refused = drops - scan->next_drops;
  *ahead = number + drops - (guint32) (scan->next_place - 1);
  return memcmp (scan->header->magic, MUSTER_JOURNAL_MAGIC, sizeof scan->header->magic) == 0 && underway <= UNDERWAY_MAX
         && (gint32) *refused >= 0 && (gint32) *ahead >= 0 && *ahead >= *refused
         && *ahead - *refused <= scan->ring_size / sizeof (MusterJournalSlot);
}

void
muster_journal_scan_get_trailing (MusterJournalScan *scan, guint64 *refused, guint64 *lost,
                                  MusterGapReason *lost_reason)
{
  guint32 ahead, ahead_refused;

  *refused = 0;
  *lost = 0;
  *lost_reason = MUSTER_GAP_UNKNOWN;
  if (is_unused (scan))
    return;
  if (!read_end (scan, &ahead, &ahead_refused))
    {
      *lost = 1; /* the slots tell nothing of what followed them, and what that was cannot be counted any more */
      return;
    }
  *refused = ahead_refused;
  /* Last calls that had not returned left nothing that anyone could miss; damage to one that had is said. */
  if (ahead > ahead_refused
      && has_damage (scan, offset_before (scan, scan->found->len), (guint32) atomic_load (&scan->header->reserved)))
    {
      *lost = ahead - ahead_refused;
      *lost_reason = MUSTER_GAP_CORRUPT;
    }
}

/* As it lies in the header. */
typedef struct __attribute__ ((packed))
{
  guint64 place;
  guint32 checksum;
} Drained;

G_STATIC_ASSERT (sizeof (Drained)
                 == G_STRUCT_OFFSET (MusterJournalHeader, line_5) - G_STRUCT_OFFSET (MusterJournalHeader, drained));

guint64
muster_journal_read_drained (int fd, const guint8 stream[MUSTER_STREAM_ID_SIZE])
{
  Drained drained;
  gssize n = pread (fd, &drained, sizeof drained, G_STRUCT_OFFSET (MusterJournalHeader, drained));

  return n == (gssize) sizeof drained
                 && drained.checksum == muster_journal_drained_checksum (drained.place, muster_journal_seed (stream))
             ? drained.place
             : 0;
}

void
muster_journal_write_drained (int fd, const guint8 stream[MUSTER_STREAM_ID_SIZE], guint64 place)
{
  const Drained drained = { place, muster_journal_drained_checksum (place, muster_journal_seed (stream)) };

  if (pwrite (fd, &drained, sizeof drained, G_STRUCT_OFFSET (MusterJournalHeader, drained)) != (gssize) sizeof drained)
    g_warning ("cannot write to a journal: %s", g_strerror (errno));
}
