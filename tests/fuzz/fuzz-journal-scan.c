/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as the journal of a dead worker: its identity, a scan, and the receiver's own draining of it.
 *
 * The first four bytes of the input say how it becomes a file, for a worker owns its journal and can write whatever it
 * likes there, right checksums included:
 *
 *   0  1: a sound header comes first; 2: checksums are made right; 4: the file ends where the input does;
 *      8: the scan is told how many were refused before
 *   1  the place to begin at; 0: nobody knows
 *   2  of the header: how many were reserved
 *   3  of the header: how many were refused
 */
#include "config.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "muster-journal-layout-private.h"
#include "muster-receiver-parts-private.h"

#define RING_SIZE MUSTER_JOURNAL_SIZE_MIN
#define SCAN_SIZE (RING_SIZE / 2) /* what is looked at of it; a whole one would only take longer */
#define KNOBS     4

enum
{
  SOUND_HEADER = 1,
  RIGHT_CHECKSUMS = 2,
  SHORT_FILE = 4,
  DROPS_KNOWN = 8,
};

static const guint8 stream_id[MUSTER_STREAM_ID_SIZE] = "fuzzed stream 01";

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
put_header (GByteArray *file, const guint8 *knobs)
{
  g_autofree MusterJournalHeader *header = g_malloc0 (MUSTER_JOURNAL_HEADER_SIZE);

  memcpy (header->magic, MUSTER_JOURNAL_MAGIC, sizeof header->magic);
  header->version = MUSTER_JOURNAL_VERSION;
  header->header_size = MUSTER_JOURNAL_HEADER_SIZE;
  header->ring_size = RING_SIZE;
  memcpy (header->stream, stream_id, sizeof header->stream);
  g_strlcpy (header->worker, "web-1", sizeof header->worker);
  atomic_store (&header->reserved, (guint64) knobs[2] << 32);
  atomic_store (&header->drops, knobs[3]);
  g_byte_array_append (file, (const guint8 *) header, MUSTER_JOURNAL_HEADER_SIZE);
}

/* One slot behind the other, as a sender writes them. */
static void
mend_checksums (guint8 *ring, gsize size)
{
  guint64 seed = muster_journal_seed (stream_id);
  gsize offset = 0;

  while (offset + sizeof (MusterJournalSlot) <= size)
    {
      MusterJournalSlot *slot = (MusterJournalSlot *) (ring + offset);
      gint64 length = atomic_load (&slot->length);

      length = ABS (length);
      if (length == 0 || offset + sizeof *slot + (gsize) length > size)
        return;
      slot->checksum = muster_journal_checksum (slot, (gsize) length, seed);
      offset += (gsize) muster_journal_units ((gsize) length) * 8;
    }
}

static int
make_file (const guint8 *data, gsize size)
{
  static int fd = -1;
  g_autoptr (GByteArray) file = g_byte_array_new ();
  gsize whole = MUSTER_JOURNAL_HEADER_SIZE + RING_SIZE;

  if (fd < 0)
    fd = memfd_create ("fuzz", MFD_CLOEXEC);
  if (data[0] & SOUND_HEADER)
    put_header (file, data);
  g_byte_array_append (file, data + KNOBS, (guint) MIN (size - KNOBS, SCAN_SIZE));
  if ((data[0] & RIGHT_CHECKSUMS) && file->len > MUSTER_JOURNAL_HEADER_SIZE)
    mend_checksums (file->data + MUSTER_JOURNAL_HEADER_SIZE, file->len - MUSTER_JOURNAL_HEADER_SIZE);
  g_assert (ftruncate (fd, 0) == 0);
  g_assert (pwrite (fd, file->data, file->len, 0) == (gssize) file->len);
  g_assert (ftruncate (fd, (off_t) ((data[0] & SHORT_FILE) ? file->len : whole)) == 0);
  return fd;
}

static void
check_identity (int fd)
{
  g_autoptr (GError) error = NULL;
  MusterJournalIdentity identity;
  gsize ring_size = 0;

  if (!muster_journal_read_identity (fd, &identity, &ring_size, &error))
    {
      g_assert (error != NULL);
      return;
    }
  g_assert (ring_size == RING_SIZE);
  g_assert (memchr (identity.cluster, '\0', sizeof identity.cluster) != NULL);
  g_assert (memchr (identity.worker, '\0', sizeof identity.worker) != NULL);
  g_assert (memchr (identity.group, '\0', sizeof identity.group) != NULL);
}

static void
check_scan (int fd, guint64 next_place, gint64 next_drops)
{
  g_autoptr (MusterJournalScan) scan = muster_journal_scan_new (fd, stream_id, SCAN_SIZE, next_place, next_drops, NULL);
  MusterJournalItem item;
  guint64 refused, lost;
  guint64 place;
  MusterGapReason reason;

  place = muster_journal_scan_get_next_place (scan);
  g_assert (next_place == 0 || place == next_place);
  while (muster_journal_scan_next (scan, &item))
    {
      g_assert (item.place == place + item.refused + item.lost);
      g_assert (item.length > 0 && item.length <= MUSTER_JOURNAL_ITEM_MAX);
      g_assert (item.refused <= G_MAXINT32 && item.lost <= G_MAXINT32);
      place = item.place + 1;
    }
  muster_journal_scan_get_trailing (scan, &refused, &lost, &reason);
  g_assert (refused <= G_MAXINT32 && lost <= SCAN_SIZE);
}

static void
finished_cb (const guint8 stream[MUSTER_STREAM_ID_SIZE], gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
}

/* As a dead worker's is: whatever it holds, all that was taken is acknowledged, and the stream comes to its end. */
static void
check_drain (int fd, guint64 next_place)
{
  gboolean finished = FALSE;
  const MusterReceiverCallbacks callbacks = { .finished = finished_cb };
  MusterJournalIdentity identity = { .pid = 1, .worker = "web-1", .group = "web" };
  MusterReceiver receiver = { .host = (char *) "here", .cluster = (char *) "test" };
  MusterReceiverStream *stream;
  MusterReceiverNotes *notes;

  memcpy (identity.stream, stream_id, sizeof identity.stream);
  receiver.context = g_main_context_new ();
  receiver.pipeline = muster_pipeline_new ();
  receiver.notes = notes = muster_receiver_notes_new (&callbacks, &finished, receiver.context);
  receiver.streams = muster_receiver_stream_table_new ();
  receiver.dirty = g_ptr_array_new ();
  g_mutex_init (&receiver.done_lock);
  stream = muster_receiver_stream_new (&receiver, &identity, SCAN_SIZE, dup (fd), next_place);
  g_hash_table_insert (receiver.streams, stream->identity.stream, stream);
  muster_receiver_stream_finish (stream, NULL, 0);
  while (g_main_context_iteration (receiver.context, FALSE))
    ;
  g_assert (finished && g_hash_table_size (receiver.streams) == 0);
  muster_receiver_notes_close (notes);
  g_hash_table_unref (receiver.streams);
  g_ptr_array_unref (receiver.dirty);
  muster_pipeline_unref (receiver.pipeline);
  g_main_context_unref (receiver.context);
  g_mutex_clear (&receiver.done_lock);
}

/* The warnings about each bad byte would only cost time. */
static void
be_silent (const char *domain, GLogLevelFlags level, const char *message, gpointer user_data)
{
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  int fd;

  if (size < KNOBS)
    return 0;
  g_log_set_handler ("muster", G_LOG_LEVEL_WARNING, be_silent, NULL);
  fd = make_file (data, size);
  check_identity (fd);
  check_scan (fd, data[1], (data[0] & DROPS_KNOWN) ? data[3] : MUSTER_JOURNAL_DROPS_UNKNOWN);
  check_drain (fd, data[1]);
  return 0;
}
