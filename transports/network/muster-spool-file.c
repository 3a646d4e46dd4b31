/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A spool's file before it is used: made, repaired, searched. Nothing in it is believed but what has a checksum. Used by
 * one thread.
 */
#include "config.h"

#include "muster-spool-file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "muster-journal-layout-private.h"

#define MAGIC "MUSTERS1"

static const off_t copies[] = { 2048, 3072 };

/* -- identity -- */

static guint64
identity_checksum (const MusterSpoolIdentity *identity)
{
  return XXH3_64bits (identity, G_STRUCT_OFFSET (MusterSpoolIdentity, checksum));
}

static gboolean
set_errno_error (GError **error, const char *what)
{
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "%s: %s", what, g_strerror (errno));
  return FALSE;
}

static gboolean
write_identity (int fd, MusterSpoolIdentity *identity, GError **error)
{
  identity->checksum = identity_checksum (identity);
  for (guint i = 0; i < G_N_ELEMENTS (copies); i++)
    if (pwrite (fd, identity, sizeof *identity, copies[i]) != (gssize) sizeof *identity)
      return set_errno_error (error, "cannot write the spool's header");
  return TRUE;
}

static gboolean
is_ring_size (guint64 size)
{
  return size >= MUSTER_JOURNAL_SIZE_MIN && size <= MUSTER_JOURNAL_SIZE_MAX && (size & (size - 1)) == 0;
}

static gboolean
read_identity (int fd, MusterSpoolIdentity *identity)
{
  for (guint i = 0; i < G_N_ELEMENTS (copies); i++)
    if (pread (fd, identity, sizeof *identity, copies[i]) == (gssize) sizeof *identity
        && memcmp (identity->magic, MAGIC, sizeof identity->magic) == 0
        && identity->checksum == identity_checksum (identity) && is_ring_size (identity->ring_size))
      return TRUE;
  return FALSE;
}

static gboolean
fill_random (guint8 id[MUSTER_STREAM_ID_SIZE], GError **error)
{
  return getrandom (id, MUSTER_STREAM_ID_SIZE, 0) == MUSTER_STREAM_ID_SIZE
         || set_errno_error (error, "get random bytes");
}

gboolean
muster_spool_file_renew_id (int fd, MusterSpoolIdentity *identity, GError **error)
{
  return fill_random (identity->id, error) && write_identity (fd, identity, error);
}

/* -- the file -- */

int
muster_spool_file_create (const char *path, gsize size, MusterSpoolIdentity *identity, GError **error)
{
  MusterJournalIdentity journal = { .worker = "spool" };
  int fd;

  *identity = (MusterSpoolIdentity){ .magic = MAGIC };
  memcpy (identity->magic, MAGIC, sizeof identity->magic);
  if (!fill_random (identity->seed, error))
    return -1;
  memcpy (journal.stream, identity->seed, sizeof journal.stream);
  fd = muster_journal_create_file (path, size, &journal, error);
  if (fd < 0)
    return -1;
  identity->ring_size = muster_journal_get_file_size (size) - MUSTER_JOURNAL_HEADER_SIZE;
  if (muster_spool_file_renew_id (fd, identity, error))
    return fd;
  close (fd);
  unlink (path);
  return -1;
}

/* A file that was cut off is made as long as it was, or reading what is missing would end the process. */
static gboolean
restore_length (int fd, const MusterSpoolIdentity *identity, char **note, GError **error)
{
  off_t size = (off_t) (MUSTER_JOURNAL_HEADER_SIZE + identity->ring_size);
  struct stat status;

  if (fstat (fd, &status) != 0)
    return set_errno_error (error, "cannot look at the spool");
  if (status.st_size == size)
    return TRUE;
  if (status.st_size < size && *note == NULL)
    *note = g_strdup_printf ("the spool has %" G_GINT64_FORMAT " bytes instead of %" G_GINT64_FORMAT
                             "; what was cut off is lost",
                             (gint64) status.st_size, (gint64) size);
  if (ftruncate (fd, size) != 0)
    return set_errno_error (error, "cannot give the spool its length");
  errno = posix_fallocate (fd, 0, size);
  return errno == 0 || set_errno_error (error, "cannot allocate the spool; make room or lower spool-size");
}

/* The words of the journal's header that never change. */
static gboolean
restore_header (int fd, const MusterSpoolIdentity *identity, GError **error)
{
  g_autofree MusterJournalHeader *header = g_malloc0 (sizeof *header);
  const gsize size = G_STRUCT_OFFSET (MusterJournalHeader, reserved);

  memcpy (header->magic, MUSTER_JOURNAL_MAGIC, sizeof header->magic);
  header->version = MUSTER_JOURNAL_VERSION;
  header->header_size = MUSTER_JOURNAL_HEADER_SIZE;
  header->ring_size = identity->ring_size;
  memcpy (header->stream, identity->seed, sizeof header->stream);
  g_strlcpy (header->worker, "spool", sizeof header->worker);
  return pwrite (fd, header, size, 0) == (gssize) size || set_errno_error (error, "cannot write the spool's header");
}

gboolean
muster_spool_file_repair (int fd, MusterSpoolIdentity *identity, char **note, GError **error)
{
  if (!read_identity (fd, identity))
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT, "it is no spool, or its header is damaged");
      return FALSE;
    }
  return restore_length (fd, identity, note, error) && restore_header (fd, identity, error)
         && write_identity (fd, identity, error);
}

/* -- looking -- */

typedef struct
{
  guint8 *map; /* the whole file */
  const guint8 *ring;
  gsize ring_size;
  guint64 seed;
  MusterJournalSlot *scratch; /* for a slot that goes over the ring's end */
} Ring;

typedef struct
{
  guint32 number;
  guint32 units;
  gsize offset;
} Found;

/* The slot that lies at @offset, or NULL. */
static const MusterJournalSlot *
valid_slot (Ring *ring, gsize offset, gsize *length)
{
  const MusterJournalSlot *slot = (const MusterJournalSlot *) (ring->ring + offset);
  gsize left = ring->ring_size - offset;
  gint32 value;

  if (left < sizeof *slot)
    return NULL; /* slots are of 8 bytes' alignment; one whose header is split is found by the second copy below */
  value = atomic_load_explicit (&slot->length, memory_order_relaxed);
  if (value <= 0 || value > (gint32) MUSTER_JOURNAL_ITEM_MAX)
    return NULL;
  *length = (gsize) value;
  if (sizeof *slot + *length > left)
    {
      memcpy (ring->scratch, slot, left);
      memcpy ((guint8 *) ring->scratch + left, ring->ring, sizeof *slot + *length - left);
      slot = ring->scratch;
    }
  return slot->checksum == muster_journal_checksum (slot, *length, ring->seed) ? slot : NULL;
}

/* A slot of which only half the header is before the ring's end. */
static const MusterJournalSlot *
valid_split_slot (Ring *ring, gsize offset, gsize *length)
{
  gsize left = ring->ring_size - offset;
  gint32 value;

  memcpy (ring->scratch, ring->ring + offset, left);
  memcpy ((guint8 *) ring->scratch + left, ring->ring, sizeof (MusterJournalSlot) + MUSTER_JOURNAL_ITEM_MAX - left);
  value = atomic_load_explicit (&ring->scratch->length, memory_order_relaxed);
  if (value <= 0 || value > (gint32) MUSTER_JOURNAL_ITEM_MAX)
    return NULL;
  *length = (gsize) value;
  return ring->scratch->checksum == muster_journal_checksum (ring->scratch, *length, ring->seed) ? ring->scratch : NULL;
}

static const MusterJournalSlot *
look_at (Ring *ring, gsize offset, gsize *length)
{
  return ring->ring_size - offset < sizeof (MusterJournalSlot) ? valid_split_slot (ring, offset, length)
                                                               : valid_slot (ring, offset, length);
}

/* All whole slots, in order of offset. What is no slot costs at most one checksum for each 8 bytes: the lengths in it are
 * the text of records, too long mostly, and @budget bounds the rest. */
static GArray *
find_slots (Ring *ring)
{
  GArray *found = g_array_new (FALSE, FALSE, sizeof (Found));
  gsize offset = 0;

  while (offset < ring->ring_size)
    {
      gsize length;
      const MusterJournalSlot *slot = look_at (ring, offset, &length);

      if (slot != NULL)
        {
          const Found one = { slot->number, muster_journal_units (length), offset };

          g_array_append_val (found, one);
          offset += (gsize) one.units * 8;
        }
      else
        offset += 8;
    }
  return found;
}

static guint64
distance (const Ring *ring, gsize from, gsize to)
{
  return (to - from) & (ring->ring_size - 1);
}

/* By the last number that is believed: the lowest and the highest of those that are not behind it. */
static void
find_ends (const GArray *found, guint32 reference, const Found **lowest, const Found **highest)
{
  *lowest = *highest = NULL;
  for (guint i = 0; i < found->len; i++)
    {
      const Found *one = &g_array_index (found, Found, i);

      if (*lowest == NULL || (gint32) (one->number - (*lowest)->number) < 0)
        *lowest = (gint32) (one->number - reference) <= 0 ? one : *lowest;
      if (*highest == NULL || (gint32) (one->number - (*highest)->number) > 0)
        *highest = (gint32) (one->number - reference) <= 0 ? one : *highest;
    }
}

/* Nobody knows where it ends: all that is whole counts. Positions begin anew. */
static void
range_of_all (Ring *ring, const GArray *found, MusterSpoolRange *range)
{
  const Found *lowest, *highest, *first = found->len > 0 ? &g_array_index (found, Found, 0) : NULL;
  guint32 latest = first != NULL ? first->number : 0;

  *range = (MusterSpoolRange){ { 0, 1 }, { 0, 1 } };
  if (first == NULL)
    return;
  for (guint i = 0; i < found->len; i++)
    if ((gint32) (g_array_index (found, Found, i).number - latest) > 0)
      latest = g_array_index (found, Found, i).number;
  find_ends (found, latest, &lowest, &highest);
  range->start = (MusterSpoolPlace){ lowest->offset, lowest->number > 0 ? lowest->number : (guint64) 1 << 32 };
  range->end.position =
      lowest->offset + distance (ring, lowest->offset, highest->offset) + (guint64) highest->units * 8;
  range->end.number = range->start.number + (guint32) (highest->number - lowest->number) + 1;
}

/* The end is known, the beginning is not: the lowest whole slot before it. */
static void
range_to (Ring *ring, const GArray *found, const MusterSpoolPlace *end, MusterSpoolRange *range)
{
  const gsize end_offset = (gsize) (end->position & (ring->ring_size - 1));
  const Found *lowest, *highest;
  guint64 back;

  *range = (MusterSpoolRange){ *end, *end };
  find_ends (found, (guint32) (end->number - 1), &lowest, &highest);
  if (lowest == NULL)
    return;
  back = distance (ring, lowest->offset, end_offset);
  back = back == 0 ? ring->ring_size : back;
  if (back > end->position || (guint32) end->number - lowest->number >= end->number)
    return;
  range->start.position = end->position - back;
  range->start.number = end->number - (guint32) ((guint32) end->number - lowest->number);
}

/* What is acknowledged is zero. So where the header says that something waits before the range, and it is not, that was
 * damaged: at least one entry, which the range must have, or nobody would hear of it. */
static void
include_damage (Ring *ring, MusterSpoolRange *range)
{
  const MusterJournalHeader *header = (const MusterJournalHeader *) ring->map;
  const guint64 start = atomic_load_explicit (&header->acknowledged, memory_order_relaxed);
  guint64 at = start;

  if ((start & 7) != 0 || start >= range->start.position || range->end.position - start > ring->ring_size
      || range->start.number < 2)
    return;
  while (at < range->start.position && *(const guint64 *) (ring->ring + (at & (ring->ring_size - 1))) == 0)
    at += 8;
  if (at < range->start.position)
    range->start = (MusterSpoolPlace){ start, range->start.number - 1 };
}

/* What the header says, if it and the slot there agree with the end. */
static gboolean
range_by_header (Ring *ring, const MusterSpoolPlace *end, MusterSpoolRange *range)
{
  const MusterJournalHeader *header = (const MusterJournalHeader *) ring->map;
  guint64 start = atomic_load_explicit (&header->acknowledged, memory_order_relaxed);
  gsize length;
  const MusterJournalSlot *slot;

  *range = (MusterSpoolRange){ *end, *end };
  if ((start & 7) != 0 || start > end->position || end->position - start > ring->ring_size)
    return FALSE;
  if (start == end->position)
    return TRUE;
  slot = look_at (ring, (gsize) (start & (ring->ring_size - 1)), &length);
  range->start.position = start;
  if (slot != NULL)
    range->start.number = end->number - (guint32) ((guint32) end->number - slot->number);
  return slot != NULL && range->start.number < end->number && range->start.number > 0;
}

gboolean
muster_spool_file_find (int fd, const MusterSpoolIdentity *identity, const MusterSpoolPlace *end,
                        MusterSpoolRange *range, GError **error)
{
  const gsize size = MUSTER_JOURNAL_HEADER_SIZE + (gsize) identity->ring_size;
  Ring ring = { .map = mmap (NULL, size, PROT_READ, MAP_SHARED, fd, 0), .ring_size = (gsize) identity->ring_size };

  if (ring.map == MAP_FAILED)
    return set_errno_error (error, "cannot map the spool");
  ring.ring = ring.map + MUSTER_JOURNAL_HEADER_SIZE;
  ring.seed = muster_journal_seed (identity->seed);
  ring.scratch = g_malloc (sizeof (MusterJournalSlot) + MUSTER_JOURNAL_ITEM_MAX);
  if (end == NULL || !range_by_header (&ring, end, range))
    {
      g_autoptr (GArray) found = find_slots (&ring);

      if (end != NULL)
        {
          range_to (&ring, found, end, range);
          include_damage (&ring, range);
        }
      else
        range_of_all (&ring, found, range);
    }
  g_free (ring.scratch);
  munmap (ring.map, size);
  return TRUE;
}
