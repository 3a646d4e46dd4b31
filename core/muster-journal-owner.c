/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The process that writes to a journal, found by what the journal says of it. Any thread.
 */
#include "config.h"

#include "muster-journal-owner-private.h"

#include "muster-environment-private.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

/* Whether process @pid has the file open that @fd is. */
static gboolean
has_open (guint pid, int fd)
{
  g_autofree char *directory = g_strdup_printf ("/proc/%u/fd", pid);
  g_autoptr (GDir) listing = g_dir_open (directory, 0, NULL);
  struct stat wanted, found;
  const char *name;

  if (listing == NULL || fstat (fd, &wanted) != 0)
    return FALSE;
  while ((name = g_dir_read_name (listing)) != NULL)
    {
      g_autofree char *path = g_build_filename (directory, name, NULL);

      if (stat (path, &found) == 0 && found.st_dev == wanted.st_dev && found.st_ino == wanted.st_ino)
        return TRUE;
    }
  return FALSE;
}

/* The user of process @pid; (uid_t) -1 if nobody can tell. */
static uid_t
get_user (guint pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%u/status", pid);
  g_autofree char *text = NULL;
  const char *line;

  if (!g_file_get_contents (path, &text, NULL, NULL) || (line = strstr (text, "\nUid:")) == NULL)
    return (uid_t) -1;
  return (uid_t) g_ascii_strtoull (line + strlen ("\nUid:"), NULL, 10);
}

int
muster_journal_owner_open (const MusterJournalIdentity *identity, int journal_fd, uid_t user)
{
  gboolean possible = identity->pid > 0 && identity->pid != (guint32) getpid (); /* who has it open himself by now */
  int pidfd = possible ? (int) syscall (SYS_pidfd_open, (pid_t) identity->pid, 0) : -1;

  if (pidfd >= 0
      && (identity->start_ticks == 0 || muster_process_get_start_ticks (identity->pid) != identity->start_ticks
          || (!has_open (identity->pid, journal_fd) && (user == (uid_t) -1 || get_user (identity->pid) != user))))
    {
      close (pidfd);
      pidfd = -1;
    }
  return pidfd;
}

/* At most a second: what SIGKILL has hit is gone as soon as the kernel lets go of it. */
static void
await_end (int pidfd)
{
  struct pollfd end = { .fd = pidfd, .events = POLLIN };

  while (poll (&end, 1, 1000) < 0 && errno == EINTR)
    ;
}

void
muster_journal_owner_kill (int pidfd)
{
  syscall (SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
  await_end (pidfd);
  close (pidfd);
}
