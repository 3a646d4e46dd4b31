/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A journal as a file: made by whoever starts its process, and named in its header. Nothing here maps it. Any thread.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "muster-journal-layout-private.h"

static gsize
round_ring_size (gsize wanted)
{
  gsize size = MUSTER_JOURNAL_SIZE_MIN;

  while (size < wanted && size < MUSTER_JOURNAL_SIZE_MAX)
    size *= 2;
  return size;
}

gsize
muster_journal_get_file_size (gsize ring_size)
{
  return MUSTER_JOURNAL_HEADER_SIZE + round_ring_size (ring_size);
}

static gboolean
write_header (int fd, gsize ring_size, const MusterJournalIdentity *identity, GError **error)
{
  g_autofree MusterJournalHeader *header = g_malloc0 (MUSTER_JOURNAL_HEADER_SIZE);

  memcpy (header->magic, MUSTER_JOURNAL_MAGIC, sizeof header->magic);
  header->version = MUSTER_JOURNAL_VERSION;
  header->header_size = MUSTER_JOURNAL_HEADER_SIZE;
  header->ring_size = ring_size;
  header->area_offset = identity->area_size > 0 ? MUSTER_JOURNAL_HEADER_SIZE + ring_size : 0;
  header->area_size = identity->area_size;
  header->pid = identity->pid;
  memcpy (header->stream, identity->stream, sizeof header->stream);
  memcpy (header->token, identity->token, sizeof header->token);
  header->start_time_us = identity->start_time_us;
  header->start_ticks = identity->start_ticks;
  memcpy (header->cluster, identity->cluster, sizeof header->cluster - 1);
  memcpy (header->worker, identity->worker, sizeof header->worker - 1);
  memcpy (header->group, identity->group, sizeof header->group - 1);

  if (pwrite (fd, header, MUSTER_JOURNAL_HEADER_SIZE, 0) == MUSTER_JOURNAL_HEADER_SIZE)
    return TRUE;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "cannot write a journal's header: %s",
               g_strerror (errno));
  return FALSE;
}

/* Its whole size is allocated now, so that a full disk is an error here and not a SIGBUS later. */
static gboolean
fill_new_file (int fd, gsize ring_size, const MusterJournalIdentity *identity, GError **error)
{
  gsize size = MUSTER_JOURNAL_HEADER_SIZE + ring_size + identity->area_size;
  int result;

  do
    result = posix_fallocate (fd, 0, (off_t) (size - (identity->is_sparse ? identity->area_size : 0)));
  while (result == EINTR);
  if (result == 0 && ftruncate (fd, (off_t) size) != 0)
    result = errno;
  if (result != 0)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE,
                   "cannot allocate %" G_GSIZE_FORMAT " bytes for a journal: %s; make room or lower journal-size", size,
                   g_strerror (result));
      return FALSE;
    }
  return write_header (fd, ring_size, identity, error);
}

int
muster_journal_create_file (const char *path, gsize ring_size, const MusterJournalIdentity *identity, GError **error)
{
  int fd = open (path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

  if (fd < 0)
    {
      g_set_error (error, MUSTER_ERROR, errno == EEXIST ? MUSTER_ERROR_EXISTS : MUSTER_ERROR_UNAVAILABLE,
                   "cannot create the journal %s: %s", path, g_strerror (errno));
      return -1;
    }
  if (!fill_new_file (fd, round_ring_size (ring_size), identity, error))
    {
      g_prefix_error (error, "%s: ", path);
      unlink (path);
      close (fd);
      return -1;
    }
  return fd;
}

int
muster_journal_create_memfd (gsize ring_size, const MusterJournalIdentity *identity, GError **error)
{
  int fd = memfd_create ("muster-journal", MFD_CLOEXEC);

  if (fd < 0)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "cannot create a journal in memory: %s",
                   g_strerror (errno));
      return -1;
    }
  if (!fill_new_file (fd, round_ring_size (ring_size), identity, error))
    {
      close (fd);
      return -1;
    }
  return fd;
}

guint64
muster_process_get_start_ticks (guint32 pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%u/stat", pid);
  g_autofree char *text = NULL;
  const char *p;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return 0;
  p = strrchr (text, ')'); /* the name before it may hold anything */
  for (int field = 2; p != NULL && field < 22; field++)
    p = strchr (p + 1, ' ');
  return p != NULL ? g_ascii_strtoull (p + 1, NULL, 10) : 0;
}

gboolean
muster_journal_set_pid (int fd, guint32 pid, GError **error)
{
  guint64 start_ticks = muster_process_get_start_ticks (pid);

  if (pwrite (fd, &pid, sizeof pid, G_STRUCT_OFFSET (MusterJournalHeader, pid)) == sizeof pid
      && pwrite (fd, &start_ticks, sizeof start_ticks, G_STRUCT_OFFSET (MusterJournalHeader, start_ticks))
             == sizeof start_ticks)
    return TRUE;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED, "cannot write the pid into a journal: %s", g_strerror (errno));
  return FALSE;
}

gboolean
muster_journal_read_identity (int fd, MusterJournalIdentity *identity, gsize *ring_size, GError **error)
{
  g_autofree MusterJournalHeader *header = g_malloc0 (MUSTER_JOURNAL_HEADER_SIZE);
  struct stat status;

  if (fstat (fd, &status) < 0 || pread (fd, header, MUSTER_JOURNAL_HEADER_SIZE, 0) != MUSTER_JOURNAL_HEADER_SIZE
      || memcmp (header->magic, MUSTER_JOURNAL_MAGIC, sizeof header->magic) != 0)
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT, "the file is not a journal");
      return FALSE;
    }
  if (header->version != MUSTER_JOURNAL_VERSION || header->header_size != MUSTER_JOURNAL_HEADER_SIZE)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INCOMPATIBLE, "the journal is of version %u, expected %u",
                   header->version, MUSTER_JOURNAL_VERSION);
      return FALSE;
    }
  if (header->ring_size < MUSTER_JOURNAL_SIZE_MIN || header->ring_size > MUSTER_JOURNAL_SIZE_MAX
      || (header->ring_size & (header->ring_size - 1)) != 0 || header->area_size > MUSTER_JOURNAL_AREA_MAX
      || (header->area_size > 0 && header->area_offset != MUSTER_JOURNAL_HEADER_SIZE + header->ring_size)
      || (guint64) status.st_size != MUSTER_JOURNAL_HEADER_SIZE + header->ring_size + header->area_size)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT,
                   "the journal's ring of %" G_GUINT64_FORMAT " bytes and area of %" G_GUINT64_FORMAT
                   " do not fit a file of %" G_GINT64_FORMAT,
                   header->ring_size, header->area_size, (gint64) status.st_size);
      return FALSE;
    }
  *identity = (MusterJournalIdentity){ .start_time_us = header->start_time_us,
                                       .start_ticks = header->start_ticks,
                                       .pid = header->pid,
                                       .area_size = (gsize) header->area_size };
  memcpy (identity->stream, header->stream, sizeof identity->stream);
  memcpy (identity->token, header->token, sizeof identity->token);
  memcpy (identity->cluster, header->cluster, sizeof identity->cluster - 1);
  memcpy (identity->worker, header->worker, sizeof identity->worker - 1);
  memcpy (identity->group, header->group, sizeof identity->group - 1);
  if (ring_size != NULL)
    *ring_size = (gsize) header->ring_size;
  return TRUE;
}
