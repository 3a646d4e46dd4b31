/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The process that writes to a journal: found by what the journal says of it, or by who has it mapped. Any thread.
 */
#include "config.h"

#include "muster-journal-owner-private.h"

#include "muster-environment-private.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

/* How long a process may take to vanish once SIGKILL has hit it. */
#define END_TIMEOUT_MS 1000

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

/* -- ending it ------------------------------------------------------------------------------------- */

static gboolean
send_kill (int pidfd)
{
  return syscall (SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) == 0;
}

/* What SIGKILL has hit is gone as soon as the kernel lets go of it. */
static void
await_end (int pidfd)
{
  struct pollfd end = { .fd = pidfd, .events = POLLIN };

  while (poll (&end, 1, END_TIMEOUT_MS) < 0 && errno == EINTR)
    ;
}

void
muster_journal_owner_kill (int pidfd)
{
  send_kill (pidfd);
  await_end (pidfd);
  close (pidfd);
}

/* -- who writes to one whose header says nothing ------------------------------------------------------------------------------ */

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
  int pidfd = (int) syscall (SYS_pidfd_open, (pid_t) g_ascii_strtoll (pid, NULL, 10), 0);
  gboolean ended;

  if (pidfd < 0)
    return FALSE;
  ended = is_writer (pid, journal) && send_kill (pidfd);
  if (ended)
    await_end (pidfd);
  close (pidfd);
  return ended;
}

guint
muster_journal_owner_end_writers (int fd)
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
