/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whose a journal is, by its name. Any thread.
 */
#include "config.h"

#include "muster-journal-register-private.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "muster-journal-layout-private.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

#define SUFFIX ".journal"
/* How long a process may take to vanish once SIGKILL has hit it. */
#define END_TIMEOUT_MS 1000

/* -- the name -------------------------------------------------------------------------------------- */

char *
muster_journal_register_format_stream (const guint8 stream[MUSTER_STREAM_ID_SIZE])
{
  char *text = g_malloc (2 * MUSTER_STREAM_ID_SIZE + 1);

  for (gsize i = 0; i < MUSTER_STREAM_ID_SIZE; i++)
    g_snprintf (text + 2 * i, 3, "%02x", stream[i]);
  return text;
}

char *
muster_journal_register_make_name (const MusterJournalIdentity *identity)
{
  g_autofree char *stream = muster_journal_register_format_stream (identity->stream);

  return g_strdup_printf ("%s%s-%s" SUFFIX,
                          muster_journal_register_is_source (identity) ? MUSTER_JOURNAL_SOURCE_GROUP : "",
                          identity->worker, stream);
}

gboolean
muster_journal_register_is_source (const MusterJournalIdentity *identity)
{
  return g_str_equal (identity->group, MUSTER_JOURNAL_SOURCE_GROUP);
}

gboolean
muster_journal_register_is_primary (const MusterJournalIdentity *identity)
{
  return g_str_equal (identity->worker, "master") && !muster_journal_register_is_source (identity);
}

gboolean
muster_journal_register_has_labels (const MusterJournalIdentity *identity)
{
  return muster_journal_register_is_primary (identity) || muster_journal_register_is_source (identity);
}

/* "web-1" (of a source: "source:devices"), a dash, the stream in hexadecimal digits, ".journal". */
static gboolean
parse_name (const char *name, MusterJournalIdentity *identity)
{
  gboolean source = g_str_has_prefix (name, MUSTER_JOURNAL_SOURCE_GROUP);
  const char *worker = source ? name + strlen (MUSTER_JOURNAL_SOURCE_GROUP) : name;
  gsize length = strlen (worker);
  gsize tail = 1 + 2 * (gsize) MUSTER_STREAM_ID_SIZE + strlen (SUFFIX);
  gsize worker_length = length - tail;
  const char *digits;

  if (length <= tail || worker_length >= sizeof identity->worker || worker[worker_length] != '-'
      || !g_str_has_suffix (worker, SUFFIX))
    return FALSE;
  digits = worker + worker_length + 1;
  for (gsize i = 0; i < MUSTER_STREAM_ID_SIZE; i++)
    {
      int high = g_ascii_xdigit_value (digits[2 * i]), low = g_ascii_xdigit_value (digits[2 * i + 1]);

      if (high < 0 || low < 0)
        return FALSE;
      identity->stream[i] = (guint8) (high << 4 | low);
    }
  memcpy (identity->worker, worker, worker_length);
  if (source)
    g_strlcpy (identity->group, MUSTER_JOURNAL_SOURCE_GROUP, sizeof identity->group);
  return TRUE;
}

static void
guess_group (MusterJournalIdentity *identity)
{
  char *dash;

  if (muster_journal_register_is_source (identity))
    return;
  g_strlcpy (identity->group, identity->worker, sizeof identity->group);
  dash = strrchr (identity->group, '-');
  if (dash != NULL)
    *dash = '\0';
  else
    identity->group[0] = '\0'; /* the primary's own has no number */
}

/* What the header says if that can be, else what fits the file. */
static gsize
guess_ring_size (int fd)
{
  guint64 said = 0;
  struct stat status;
  gsize size = MUSTER_JOURNAL_SIZE_MIN;

  if (pread (fd, &said, sizeof said, G_STRUCT_OFFSET (MusterJournalHeader, ring_size)) == (gssize) sizeof said
      && said >= MUSTER_JOURNAL_SIZE_MIN && said <= MUSTER_JOURNAL_SIZE_MAX && (said & (said - 1)) == 0)
    return (gsize) said;
  while (fstat (fd, &status) == 0 && size < MUSTER_JOURNAL_SIZE_MAX
         && status.st_size >= (off_t) (MUSTER_JOURNAL_HEADER_SIZE + 2 * size))
    size *= 2;
  return size;
}

gboolean
muster_journal_register_read (int fd, const char *name, const char *cluster, MusterJournalIdentity *identity,
                              gsize *ring_size, char **damage, GError **error)
{
  MusterJournalIdentity named = { 0 };
  g_autoptr (GError) problem = NULL;

  *damage = NULL;
  if (!parse_name (name, &named))
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "'%s' is no journal's name", name);
      return FALSE;
    }
  guess_group (&named);
  if (muster_journal_read_identity (fd, identity, ring_size, &problem))
    {
      memcpy (identity->stream, named.stream, sizeof named.stream);
      memcpy (identity->worker, named.worker, sizeof named.worker);
      memcpy (identity->group, named.group, sizeof named.group);
      return TRUE;
    }
  *damage = g_strdup (problem->message);
  g_strlcpy (named.cluster, cluster, sizeof named.cluster);
  *identity = named;
  *ring_size = guess_ring_size (fd);
  return TRUE;
}

/* -- who writes to it ------------------------------------------------------------------------------ */

static gboolean
is_writer (const char *pid, const struct stat *journal)
{
  g_autofree char *path = g_build_filename ("/proc", pid, "maps", NULL);
  FILE *maps = fopen (path, "re");
  char line[512];
  gboolean found = FALSE;

  /* proc(5): address perms offset dev inode pathname */
  while (maps != NULL && !found && fgets (line, sizeof line, maps) != NULL)
    {
      char permissions[5];
      unsigned major_number, minor_number;
      unsigned long inode;

      found = sscanf (line, "%*x-%*x %4s %*x %x:%x %lu", permissions, &major_number, &minor_number, &inode) == 4
              && g_str_equal (permissions, "rw-s") && inode == journal->st_ino
              && makedev (major_number, minor_number) == journal->st_dev;
    }
  if (maps != NULL)
    fclose (maps);
  return found;
}

/* By pidfd, and looked at once more when it is there, so that no other process can have got the number meanwhile. */
static gboolean
end_writer (const char *pid, const struct stat *journal)
{
  struct pollfd end = { .events = POLLIN };
  gboolean ended = FALSE;

  end.fd = (int) syscall (SYS_pidfd_open, (pid_t) g_ascii_strtoll (pid, NULL, 10), 0);
  if (end.fd < 0)
    return FALSE;
  if (is_writer (pid, journal) && syscall (SYS_pidfd_send_signal, end.fd, SIGKILL, NULL, 0) == 0)
    {
      ended = TRUE;
      while (poll (&end, 1, END_TIMEOUT_MS) < 0 && errno == EINTR)
        ;
    }
  close (end.fd);
  return ended;
}

guint
muster_journal_register_end_writers (int fd)
{
  g_autoptr (GDir) proc = g_dir_open ("/proc", 0, NULL);
  g_autofree char *own = g_strdup_printf ("%d", (int) getpid ());
  struct stat journal;
  const char *pid;
  guint ended = 0;

  if (proc == NULL || fstat (fd, &journal) != 0)
    return 0;
  while ((pid = g_dir_read_name (proc)) != NULL)
    if (g_ascii_isdigit (*pid) && !g_str_equal (pid, own) && is_writer (pid, &journal))
      ended += end_writer (pid, &journal);
  return ended;
}
