/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A spool between the transport's thread, which writes, and the link's, which reads.
 *
 *   who              what                                         order
 *   writer           the journal's end; `appended`                its own
 *   writer -> reader `published`: position, `numbers`: number      written under `lock`, so that who wants both takes it;
 *                                                                 the position alone is atomic
 *   reader -> writer the journal's acknowledged position          the journal's (release, acquire)
 *   both             `asleep`                                     sequentially consistent: the reader sets it, then looks at
 *                                                                 `published`; the writer sets `published`, then looks at it
 *
 * The reader never goes beyond `published`, although the journal would let it: what has not been committed is unknown to
 * the next primary, which gives the same number to something else.
 */
#include "config.h"

#include "muster-spool.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "muster-journal-layout-private.h"
#include "muster-spool-file.h"

/* When some number was published, now and then: when there are too many notes every other one goes, and they are taken half
 * as often. */
#define NOTES_MAX        64
#define NOTE_INTERVAL_US (G_USEC_PER_SEC / 10)

typedef struct
{
  guint64 number; /* of the first entry that was published then */
  gint64 time_us;
} Note;

struct _MusterSpool
{
  MusterJournal *journal; /* owned; has the file */
  int fd;                 /* of the journal; borrowed */
  int event_fd;           /* owned */
  MusterSpoolIdentity identity;

  MusterSpoolPlace appended; /* the writer's, as are the next two */
  guint64 synced;            /* position; what is before survives the machine */
  gboolean sync_failed;      /* so the kernel may take what is behind `synced` for written */

  GMutex lock;
  _Atomic guint64 published; /* position */
  _Atomic guint64 numbers;   /* of what is next there */
  Note notes[NOTES_MAX];     /* under lock, as are the next two; in order */
  guint n_notes;
  gint64 note_interval_us;
  _Atomic guint64 acknowledged; /* position; written by the reader */
  _Atomic guint64 lowest;       /* number there; written by the reader */
  _Atomic int asleep;

  guint64 lost;         /* the reader's: entries that were damaged right before what comes next */
  guint64 settled_lost; /* the reader's: of those, what is not in the ring any more, and has not been told yet */
};

/* -- opening -- */

static int
open_file (const char *path, gsize size, gboolean *is_new, MusterSpoolIdentity *identity, char **note, GError **error)
{
  int fd = open (path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  g_autoptr (GError) problem = NULL;
  g_autofree char *aside = NULL;

  *is_new = fd < 0 && errno == ENOENT;
  if (*is_new)
    return muster_spool_file_create (path, size, identity, error);
  if (fd < 0)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED, "cannot open the spool %s: %s", path, g_strerror (errno));
      return -1;
    }
  if (muster_spool_file_repair (fd, identity, note, &problem))
    return fd;
  close (fd);
  if (!g_error_matches (problem, MUSTER_ERROR, MUSTER_ERROR_CORRUPT))
    {
      g_propagate_prefixed_error (error, g_steal_pointer (&problem), "%s: ", path);
      return -1;
    }
  aside = g_strconcat (path, ".damaged", NULL);
  if (g_rename (path, aside) != 0)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED, "cannot move the damaged spool %s away: %s", path,
                   g_strerror (errno));
      return -1;
    }
  *note = g_strdup_printf ("the spool %s cannot be used: %s; it is kept as %s", path, problem->message, aside);
  *is_new = TRUE;
  return muster_spool_file_create (path, size, identity, error);
}

/* One that is empty may get another size. */
static int
resize (int fd, const char *path, gsize size, const MusterSpoolRange *range, MusterSpoolIdentity *identity,
        gboolean *is_new, char **note, GError **error)
{
  if (muster_journal_get_file_size (size) == MUSTER_JOURNAL_HEADER_SIZE + identity->ring_size)
    return fd;
  if (range->start.position != range->end.position)
    {
      if (*note == NULL)
        *note =
            g_strdup_printf ("the spool %s has another size than spool-size says, and keeps it until it is empty at "
                             "a start",
                             path);
      return fd;
    }
  close (fd);
  *is_new = TRUE;
  if (unlink (path) == 0)
    return muster_spool_file_create (path, size, identity, error);
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED, "cannot replace the spool %s: %s", path, g_strerror (errno));
  return -1;
}

static MusterSpool *
spool_new (int fd, const MusterSpoolIdentity *identity, const MusterSpoolRange *range, GError **error)
{
  MusterJournal *journal = muster_journal_open (fd, error);
  MusterSpool *spool;

  if (journal == NULL)
    {
      close (fd);
      return NULL;
    }
  spool = g_new0 (MusterSpool, 1);
  spool->journal = journal;
  spool->fd = fd;
  g_mutex_init (&spool->lock);
  spool->event_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  spool->identity = *identity;
  spool->appended = range->end;
  spool->synced = range->start.position; /* nobody knows what an earlier life has synced */
  atomic_store (&spool->published, range->end.position);
  atomic_store (&spool->numbers, range->end.number);
  atomic_store (&spool->acknowledged, range->start.position);
  atomic_store (&spool->lowest, range->start.number);
  spool->note_interval_us = NOTE_INTERVAL_US;
  if (range->start.number != range->end.number)
    spool->notes[spool->n_notes++] = (Note){ range->start.number, g_get_monotonic_time () };
  muster_journal_resume (journal, range->start.position, range->start.number, range->end.position, range->end.number);
  return spool;
}

MusterSpool *
muster_spool_open (const char *path, gsize size, const MusterSpoolPlace *end, char **note, GError **error)
{
  MusterSpoolIdentity identity;
  MusterSpoolRange range = { { 0, 1 }, { 0, 1 } };
  gboolean is_new = FALSE;
  int fd;

  *note = NULL;
  fd = open_file (path, size, &is_new, &identity, note, error);
  if (fd >= 0 && !is_new)
    {
      if (!muster_spool_file_find (fd, &identity, end, &range, error)
          || (end == NULL && !muster_spool_file_renew_id (fd, &identity, error)))
        {
          close (fd);
          return NULL;
        }
      fd = resize (fd, path, size, &range, &identity, &is_new, note, error);
    }
  if (is_new)
    range = (MusterSpoolRange){ { 0, 1 }, { 0, 1 } };
  return fd >= 0 ? spool_new (fd, &identity, &range, error) : NULL;
}

void
muster_spool_free (MusterSpool *spool)
{
  muster_journal_unref (spool->journal);
  if (spool->event_fd >= 0)
    close (spool->event_fd);
  g_mutex_clear (&spool->lock);
  g_free (spool);
}

const guint8 *
muster_spool_get_id (MusterSpool *spool)
{
  return spool->identity.id;
}

gboolean
muster_spool_renew_id (MusterSpool *spool, GError **error)
{
  return muster_spool_file_renew_id (spool->fd, &spool->identity, error);
}

gsize
muster_spool_get_size (MusterSpool *spool)
{
  return muster_journal_get_ring_size (spool->journal);
}

/* -- the writer -- */

gsize
muster_spool_get_cost (gsize length)
{
  return (gsize) muster_journal_units (length) * 8;
}

gsize
muster_spool_get_free (MusterSpool *spool)
{
  return muster_journal_get_free (spool->journal);
}

void
muster_spool_append (MusterSpool *spool, gconstpointer bytes, gsize length)
{
  if (!muster_journal_append (spool->journal, bytes, length, MUSTER_JOURNAL_USE_RESERVE | MUSTER_JOURNAL_NO_WAIT))
    g_return_if_reached ();
  spool->appended.position += muster_spool_get_cost (length);
  spool->appended.number++;
}

MusterSpoolPlace
muster_spool_get_end (MusterSpool *spool)
{
  return spool->appended;
}

/* Under the lock. */
static void
take_note (MusterSpool *spool, guint64 number)
{
  gint64 now_us = g_get_monotonic_time ();

  if (number == atomic_load (&spool->lowest)) /* nothing waits but what is published now */
    {
      spool->n_notes = 0;
      spool->note_interval_us = NOTE_INTERVAL_US;
    }
  else if (spool->n_notes > 0 && now_us - spool->notes[spool->n_notes - 1].time_us < spool->note_interval_us)
    return;
  if (spool->n_notes == NOTES_MAX)
    {
      for (guint i = 0; i < NOTES_MAX / 2; i++)
        spool->notes[i] = spool->notes[2 * i];
      spool->n_notes = NOTES_MAX / 2;
      spool->note_interval_us *= 2;
    }
  spool->notes[spool->n_notes++] = (Note){ number, now_us };
}

void
muster_spool_publish (MusterSpool *spool)
{
  const guint64 one = 1;

  g_mutex_lock (&spool->lock);
  if (atomic_load (&spool->numbers) != spool->appended.number)
    take_note (spool, atomic_load (&spool->numbers));
  atomic_store (&spool->numbers, spool->appended.number);
  atomic_store (&spool->published, spool->appended.position);
  g_mutex_unlock (&spool->lock);
  if (atomic_exchange (&spool->asleep, FALSE) && write (spool->event_fd, &one, sizeof one) < 0)
    return; /* full: it is readable */
}

/* After fdatasync(2) has failed, Linux takes pages for clean that were never written, and the next call would succeed. The spool
 * is a memory map: what has to be written again is still in it, and is made dirty again first. What the reader's side has
 * acknowledged need not survive. */
static void
prepare_sync (MusterSpool *spool)
{
  guint64 start = MAX (spool->synced, atomic_load (&spool->acknowledged));

  if (spool->sync_failed)
    muster_journal_touch (spool->journal, MIN (start, spool->appended.position), spool->appended.position);
}

gboolean
muster_spool_sync (MusterSpool *spool, GError **error)
{
  int result;

  prepare_sync (spool);
  do
    result = fdatasync (spool->fd);
  while (result != 0 && errno == EINTR);
  spool->sync_failed = result != 0;
  if (result == 0)
    {
      spool->synced = spool->appended.position;
      return TRUE;
    }
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "cannot sync the spool: %s", g_strerror (errno));
  return FALSE;
}

/* -- the reader -- */

int
muster_spool_get_event_fd (MusterSpool *spool)
{
  return spool->event_fd;
}

static gboolean
clear_event (MusterSpool *spool)
{
  guint64 count;

  return read (spool->event_fd, &count, sizeof count) >= 0 || errno == EAGAIN;
}

void
muster_spool_disarm (MusterSpool *spool)
{
  atomic_store (&spool->asleep, FALSE);
  clear_event (spool);
}

gboolean
muster_spool_arm (MusterSpool *spool)
{
  if (!clear_event (spool))
    return FALSE;
  atomic_store (&spool->asleep, TRUE);
  if (muster_journal_get_read_position (spool->journal) == atomic_load (&spool->published))
    return TRUE;
  atomic_store (&spool->asleep, FALSE);
  return FALSE;
}

/* Nothing of what is published can be read any more. */
static void
give_up (MusterSpool *spool)
{
  guint64 next = muster_journal_get_next_place (spool->journal);
  guint64 position, number;

  g_mutex_lock (&spool->lock);
  position = atomic_load (&spool->published);
  number = atomic_load (&spool->numbers);
  g_mutex_unlock (&spool->lock);
  spool->lost += number - MIN (next, number);
  muster_journal_skip_to (spool->journal, position, number);
}

/* The next slot that is whole, and published. */
static gboolean
find_next (MusterSpool *spool, guint64 published, MusterJournalItem *found)
{
  guint64 before = muster_journal_get_read_position (spool->journal);

  if ((muster_journal_peek (spool->journal, found)
       || (muster_journal_skip_damage (spool->journal) && muster_journal_peek (spool->journal, found)))
      && muster_journal_get_read_position (spool->journal) < published && found->place < atomic_load (&spool->numbers))
    return TRUE;
  muster_journal_rewind (spool->journal, before, muster_journal_get_next_place (spool->journal), 0);
  return FALSE;
}

gboolean
muster_spool_read (MusterSpool *spool, MusterSpoolItem *item)
{
  guint64 published = atomic_load (&spool->published);
  MusterJournalItem found;

  if (muster_journal_get_read_position (spool->journal) >= published)
    return FALSE;
  if (!find_next (spool, published, &found))
    {
      if (published == atomic_load (&spool->published))
        give_up (spool);
      return FALSE;
    }
  item->bytes = found.bytes;
  item->length = found.length;
  item->count = 1 + spool->lost + found.lost + found.refused;
  item->first = found.place + 1 - item->count;
  spool->lost = 0;
  muster_journal_advance (spool->journal);
  item->end.position = muster_journal_get_read_position (spool->journal);
  item->end.number = muster_journal_get_next_place (spool->journal);
  return TRUE;
}

void
muster_spool_rewind (MusterSpool *spool)
{
  spool->lost = spool->settled_lost;
  muster_journal_rewind (spool->journal, atomic_load (&spool->acknowledged), atomic_load (&spool->lowest), 0);
}

void
muster_spool_acknowledge (MusterSpool *spool, const MusterSpoolPlace *place)
{
  spool->settled_lost = 0;
  muster_journal_acknowledge (spool->journal, place->position);
  atomic_store (&spool->lowest, place->number);
  atomic_store (&spool->acknowledged, place->position);
}

void
muster_spool_settle (MusterSpool *spool)
{
  const MusterSpoolPlace here = { muster_journal_get_read_position (spool->journal),
                                  muster_journal_get_next_place (spool->journal) };

  if (spool->lost == 0 || here.position == atomic_load (&spool->acknowledged))
    return;
  muster_spool_acknowledge (spool, &here);
  spool->settled_lost = spool->lost;
}

guint64
muster_spool_get_lowest (MusterSpool *spool)
{
  return atomic_load (&spool->lowest);
}

/* -- any thread -- */

guint64
muster_spool_count_bytes (MusterSpool *spool)
{
  guint64 acknowledged = atomic_load (&spool->acknowledged);
  guint64 published = atomic_load (&spool->published);

  return published - MIN (acknowledged, published);
}

guint64
muster_spool_count_entries (MusterSpool *spool)
{
  guint64 lowest = atomic_load (&spool->lowest);
  guint64 next = atomic_load (&spool->numbers);

  return next - MIN (lowest, next);
}

gint64
muster_spool_get_lag_us (MusterSpool *spool)
{
  guint64 lowest = atomic_load (&spool->lowest);
  gint64 since_us = 0;

  g_mutex_lock (&spool->lock);
  if (lowest < atomic_load (&spool->numbers))
    for (guint i = 0; i < spool->n_notes && (i == 0 || spool->notes[i].number <= lowest); i++)
      since_us = spool->notes[i].time_us;
  g_mutex_unlock (&spool->lock);
  return since_us > 0 ? g_get_monotonic_time () - since_us : 0;
}
