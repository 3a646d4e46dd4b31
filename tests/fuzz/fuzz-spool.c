/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as the file of a spool. The first eight bytes of the input say how it becomes one:
 *
 *   0  1: a sound header comes first; 2: checksums are made right; 4: the file ends where the input does; 8: its end is
 *      known
 *   1  the end's number     2, 3  its position, in units of 8 bytes     4 the position that is acknowledged, likewise
 */
#include "config.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "muster-journal-layout-private.h"
#include "muster-spool-file.h"

#define KNOBS     8
#define RING_SIZE MUSTER_JOURNAL_SIZE_MIN
#define USED_MAX  8192

enum
{
  SOUND_HEADER = 1,
  RIGHT_CHECKSUMS = 2,
  SHORT_FILE = 4,
  END_KNOWN = 8,
};

static char *path;

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
mend_checksums (guint8 *ring, gsize size, guint64 seed)
{
  gsize offset = 0;

  while (offset + sizeof (MusterJournalSlot) <= size)
    {
      MusterJournalSlot *slot = (MusterJournalSlot *) (ring + offset);
      gint64 length = atomic_load (&slot->length);

      if (length <= 0 || offset + sizeof *slot + (gsize) length > size)
        return;
      slot->checksum = muster_journal_checksum (slot, (gsize) length, seed);
      offset += (gsize) muster_journal_units ((gsize) length) * 8;
    }
}

static void
make_file (const guint8 *data, gsize size)
{
  gsize used = MIN (size - KNOBS, USED_MAX);
  g_autofree guint8 *ring = g_memdup2 (data + KNOBS, used); /* NULL for nothing */
  guint64 acknowledged = (guint64) data[4] * 8;
  MusterSpoolIdentity identity;
  int fd;

  g_unlink (path);
  fd = muster_spool_file_create (path, RING_SIZE, &identity, NULL);
  g_assert (fd >= 0);
  if (data[0] & RIGHT_CHECKSUMS && used > 0)
    mend_checksums (ring, used, muster_journal_seed (identity.seed));
  if (data[0] & SOUND_HEADER)
    g_assert (pwrite (fd, &acknowledged, sizeof acknowledged, G_STRUCT_OFFSET (MusterJournalHeader, acknowledged))
              == sizeof acknowledged);
  g_assert (pwrite (fd, ring, used, (data[0] & SOUND_HEADER) ? MUSTER_JOURNAL_HEADER_SIZE : 0) == (gssize) used);
  if (data[0] & SHORT_FILE)
    g_assert (ftruncate (fd, (off_t) used) == 0);
  close (fd);
}

static void
read_all (MusterSpool *spool)
{
  guint64 next = muster_spool_get_lowest (spool);
  MusterSpoolItem item;

  for (guint i = 0; i < 2 * USED_MAX && muster_spool_read (spool, &item); i++)
    {
      g_assert (item.count >= 1 && item.first >= next && item.end.number == item.first + item.count);
      g_assert (item.length > 0 && item.length <= MUSTER_SPOOL_ENTRY_MAX);
      next = item.end.number;
      if (i % 3 == 2)
        muster_spool_acknowledge (spool, &item.end);
    }
  muster_spool_rewind (spool);
  if (muster_spool_get_free (spool) >= muster_spool_get_cost (4))
    muster_spool_append (spool, "abc", 4);
  muster_spool_publish (spool);
  while (muster_spool_read (spool, &item))
    ;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  MusterSpoolPlace end;
  g_autofree char *note = NULL;
  g_autofree char *damaged = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterSpool) spool = NULL;

  if (size < KNOBS)
    return 0;
  if (path == NULL)
    path = g_strdup_printf ("%s/muster-fuzz-spool-%d",
                            g_file_test ("/dev/shm", G_FILE_TEST_IS_DIR) ? "/dev/shm" : g_get_tmp_dir (), getpid ());
  make_file (data, size);
  end = (MusterSpoolPlace){ ((guint64) data[2] | (guint64) data[3] << 8) * 8, MAX (data[1], 1) };
  spool = muster_spool_open (path, RING_SIZE, (data[0] & END_KNOWN) ? &end : NULL, &note, &error);
  g_assert ((spool == NULL) == (error != NULL));
  if (spool != NULL)
    read_all (spool);
  damaged = g_strconcat (path, ".damaged", NULL);
  g_unlink (damaged);
  g_unlink (path);
  return 0;
}
