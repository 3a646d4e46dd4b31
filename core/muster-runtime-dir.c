/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A primary's directory: found, made, checked, locked. One thread.
 */
#include "config.h"

#include "muster-runtime-dir-private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#define NAME_MAX_LENGTH 63

/* What a primary that was killed had forked, and had not yet executed, has its lock until it learns of it. That takes no
 * time, but on a machine that is busy. */
#define LOCK_ATTEMPTS 500
#define LOCK_DELAY_US 2000

struct _MusterRuntimeDir
{
  char *path; /* owned, like all that follow */
  char *journals;
  char *fifos;
  char *groups;
  int lock_fd;
};

static gboolean
set_error (GError **error, int number, const char *what, const char *path)
{
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED, "%s %s: %s", what, path, g_strerror (number));
  return FALSE;
}

gboolean
muster_name_check (const char *name, const char *what, GError **error)
{
  gsize length = strspn (name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._-");

  if (length > 0 && length <= NAME_MAX_LENGTH && name[length] == '\0' && name[0] != '.')
    return TRUE;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
               "%s \"%s\": a name has 1 to %d letters, digits, '.', '_' and '-', and does not begin with a dot", what,
               name, NAME_MAX_LENGTH);
  return FALSE;
}

char *
muster_runtime_dir_find (const char *name)
{
  const char *given = g_getenv ("RUNTIME_DIRECTORY"); /* systemd.exec(5): separated by colons where there are several */
  const char *xdg = g_getenv ("XDG_RUNTIME_DIR");
  g_autofree char *private = NULL;

  if (given != NULL && given[0] != '\0')
    return g_strndup (given, strcspn (given, ":"));
  if (xdg != NULL && xdg[0] != '\0')
    return g_build_filename (xdg, "muster", name, NULL);
  private = g_strdup_printf ("/tmp/muster-%u", (guint) geteuid ());
  return g_build_filename (private, name, NULL);
}

/* -- directories --------------------------------------------------------------------------------- */

/* A directory of ours that nobody else may write to, made if it is not there. @mode: -1 leaves what is there. */
static gboolean
ensure_directory (const char *path, int mode, GError **error)
{
  struct stat info;
  gboolean made = mkdir (path, 0700) == 0;

  if (!made && errno != EEXIST)
    return set_error (error, errno, "make the directory", path);
  if (lstat (path, &info) != 0)
    return set_error (error, errno, "look at the directory", path);
  if (!S_ISDIR (info.st_mode))
    return set_error (error, ENOTDIR, "use the directory", path);
  if (info.st_uid != geteuid () || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                   "the directory %s belongs to user %u with mode %04o; it must belong to user %u, and nobody else may "
                   "write to it: remove it or name another one",
                   path, (guint) info.st_uid, info.st_mode & 07777, (guint) geteuid ());
      return FALSE;
    }
  if (mode >= 0 && (info.st_mode & 07777) != (mode_t) mode && chmod (path, (mode_t) mode) != 0)
    return set_error (error, errno, "set the mode of the directory", path);
  return TRUE;
}

static gboolean
is_open_to_all (const char *path)
{
  struct stat info;

  return stat (path, &info) == 0 && (info.st_mode & S_IWOTH) != 0;
}

/* A directory that is there already, above ours; @info is of what @path leads to. Where anybody could have made it, it
 * must be what it seems, and ours, or nobody but its owner and root may put his own in the place of what lies in it. */
static gboolean
check_parent (const char *path, const struct stat *info, GError **error)
{
  g_autofree char *above = g_path_get_dirname (path);
  struct stat own;

  if (!is_open_to_all (above))
    return TRUE;
  if (lstat (path, &own) != 0)
    return set_error (error, errno, "look at the directory", path);
  if (S_ISLNK (own.st_mode))
    return set_error (error, ENOTDIR, "use the directory", path);
  if ((info->st_mode & S_IWOTH) == 0)
    return ensure_directory (path, -1, error);
  if ((info->st_mode & S_ISVTX) != 0 && (info->st_uid == 0 || info->st_uid == geteuid ()))
    return TRUE;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
               "the directory %s belongs to user %u with mode %04o, so that others may put something else in the place "
               "of what lies in it; name another one",
               path, (guint) info->st_uid, info->st_mode & 07777);
  return FALSE;
}

static gboolean
ensure_parents (const char *path, GError **error)
{
  g_autofree char *parent = g_path_get_dirname (path);
  struct stat info;

  if (stat (parent, &info) == 0)
    return check_parent (parent, &info, error);
  if (!ensure_parents (parent, error))
    return FALSE;
  /* 0711, so that the workers' users come through; what is below has its own mode. */
  return ensure_directory (parent, 0711, error);
}

static gboolean
is_memory (const char *path)
{
  struct statfs info;

  return statfs (path, &info) == 0 && (info.f_type == TMPFS_MAGIC || info.f_type == RAMFS_MAGIC);
}

static gboolean
choose_journals (MusterRuntimeDir *dir, const char *name, GError **error)
{
  g_autofree char *leaf = NULL;
  g_autofree char *own = NULL;

  if (is_memory (dir->path) || !is_memory ("/dev/shm"))
    {
      dir->journals = g_build_filename (dir->path, "journals", NULL);
      return ensure_directory (dir->journals, 0700, error);
    }
  leaf = g_strdup_printf ("%s-%08x", name, g_str_hash (dir->path));
  own = g_strdup_printf ("/dev/shm/muster-%u", (guint) geteuid ());
  dir->journals = g_build_filename (own, leaf, NULL);
  return ensure_directory (own, 0700, error) && ensure_directory (dir->journals, 0700, error);
}

static gboolean
make_directories (MusterRuntimeDir *dir, const char *name, GError **error)
{
  dir->fifos = g_build_filename (dir->path, "fifos", NULL);
  dir->groups = g_build_filename (dir->path, "groups", NULL);
  return ensure_directory (dir->fifos, 0700, error) && ensure_directory (dir->groups, 0711, error)
         && choose_journals (dir, name, error);
}

/* -- the lock ------------------------------------------------------------------------------------ */

/* Whose lock it is, as the file says; 0 where it does not. */
static guint64
read_pid (int lock_fd)
{
  char text[32] = "";
  ssize_t n = pread (lock_fd, text, sizeof text - 1, 0);

  return n > 0 ? g_ascii_strtoull (text, NULL, 10) : 0;
}

static gboolean
is_alive (guint64 pid)
{
  return pid > 0 && pid <= G_MAXINT && (kill ((pid_t) pid, 0) == 0 || errno != ESRCH);
}

/* Returns 0 or an errno: EWOULDBLOCK where a primary that lives has it, or something else for long. */
static int
lock_file (int fd)
{
  for (guint i = 0;;)
    {
      if (flock (fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
      if (errno == EINTR)
        continue;
      if (errno != EWOULDBLOCK)
        return errno;
      if (is_alive (read_pid (fd)) || ++i > LOCK_ATTEMPTS)
        return EWOULDBLOCK;
      g_usleep (LOCK_DELAY_US);
    }
}

static void
set_locked_error (GError **error, const char *path, int lock_fd)
{
  guint64 pid = read_pid (lock_fd);

  if (pid > 0)
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_EXISTS,
                 "another primary, process %" G_GUINT64_FORMAT ", has the runtime directory %s", pid, path);
  else
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_EXISTS, "another primary has the runtime directory %s", path);
}

/* A primary that ends removes its lock file while it holds it: what we have locked may not be what lies there now. */
static gboolean
is_same_file (int fd, const char *path)
{
  struct stat a, b;

  return fstat (fd, &a) == 0 && lstat (path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Sets *@again where the file, or the directory, vanished under our hands. */
static gboolean
try_lock (MusterRuntimeDir *dir, const char *path, gboolean *again, GError **error)
{
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  int code;

  *again = fd < 0 && errno == ENOENT;
  if (fd < 0)
    return *again ? FALSE : set_error (error, errno, "open the lock", path);
  code = lock_file (fd);
  if (code != 0)
    {
      if (code == EWOULDBLOCK)
        set_locked_error (error, dir->path, fd);
      else
        set_error (error, code, "lock", path);
      close (fd);
      return FALSE;
    }
  if (!is_same_file (fd, path))
    {
      close (fd);
      *again = TRUE;
      return FALSE;
    }
  dir->lock_fd = fd;
  return TRUE;
}

static gboolean
write_pid (int fd, const char *path, GError **error)
{
  char text[32];
  int length = g_snprintf (text, sizeof text, "%u\n", (guint) getpid ());

  if (ftruncate (fd, 0) == 0 && pwrite (fd, text, (size_t) length, 0) == length)
    return TRUE;
  return set_error (error, errno, "write", path);
}

static gboolean
take_lock (MusterRuntimeDir *dir, int mode, GError **error)
{
  g_autofree char *path = g_build_filename (dir->path, "lock", NULL);
  gboolean again = TRUE;

  while (again)
    {
      if (!ensure_parents (dir->path, error) || !ensure_directory (dir->path, mode, error))
        return FALSE;
      if (try_lock (dir, path, &again, error))
        return write_pid (dir->lock_fd, path, error);
    }
  return FALSE;
}

/* -- the object ---------------------------------------------------------------------------------- */

MusterRuntimeDir *
muster_runtime_dir_open (const char *path, const char *name, gboolean shared, GError **error)
{
  g_autoptr (MusterRuntimeDir) dir = g_new0 (MusterRuntimeDir, 1);

  dir->lock_fd = -1;
  dir->path = g_canonicalize_filename (path, NULL);
  if (!muster_name_check (name, "the cluster's name", error) || !take_lock (dir, shared ? 0711 : 0700, error)
      || !make_directories (dir, name, error))
    return NULL;
  return g_steal_pointer (&dir);
}

static void
remove_groups (const char *groups)
{
  g_autoptr (GDir) listing = g_dir_open (groups, 0, NULL);
  const char *name;

  while (listing != NULL && (name = g_dir_read_name (listing)) != NULL)
    {
      g_autofree char *group = g_build_filename (groups, name, NULL);
      g_autofree char *socket = g_build_filename (group, "link", NULL);

      unlink (socket);
      rmdir (group);
    }
  rmdir (groups);
}

void
muster_runtime_dir_free (MusterRuntimeDir *dir)
{
  if (dir->lock_fd >= 0)
    {
      g_autofree char *lock = g_build_filename (dir->path, "lock", NULL);

      if (dir->groups != NULL)
        remove_groups (dir->groups);
      if (dir->fifos != NULL)
        rmdir (dir->fifos);
      if (dir->journals != NULL)
        rmdir (dir->journals); /* journals that are not drained keep it */
      unlink (lock);
      rmdir (dir->path);
      close (dir->lock_fd);
    }
  g_free (dir->path);
  g_free (dir->journals);
  g_free (dir->fifos);
  g_free (dir->groups);
  g_free (dir);
}

const char *
muster_runtime_dir_get_path (MusterRuntimeDir *dir)
{
  return dir->path;
}

const char *
muster_runtime_dir_get_journals (MusterRuntimeDir *dir)
{
  return dir->journals;
}

const char *
muster_runtime_dir_get_fifos (MusterRuntimeDir *dir)
{
  return dir->fifos;
}

char *
muster_runtime_dir_get_endpoint (const char *path, const char *group, GError **error)
{
  g_autofree char *absolute = g_canonicalize_filename (path, NULL);
  g_autofree char *socket = g_build_filename (absolute, "groups", group, "link", NULL);
  gsize most = sizeof ((struct sockaddr_un *) NULL)->sun_path - 1;

  if (strlen (socket) <= most)
    return g_strconcat ("ipc://", socket, NULL);
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
               "the runtime directory %s is too long: the socket %s has %" G_GSIZE_FORMAT " bytes, and %" G_GSIZE_FORMAT
               " are the most that a socket's path may have; choose a shorter runtime-dir",
               absolute, socket, strlen (socket), most);
  return NULL;
}

gboolean
muster_runtime_dir_add_group (MusterRuntimeDir *dir, const char *group, gid_t gid, GError **error)
{
  g_autofree char *path = g_build_filename (dir->groups, group, NULL);

  if (!ensure_directory (path, 0700, error))
    return FALSE;
  if (gid == (gid_t) -1)
    return TRUE;
  /* It stays ours: a worker that owned it could put a symbolic link in the socket's place. */
  if (chown (path, (uid_t) -1, gid) != 0 || chmod (path, 0750) != 0)
    return set_error (error, errno, "set the group of the directory", path);
  return TRUE;
}

gboolean
muster_runtime_dir_find_room (const char *path, guint64 *available, char **directory)
{
  g_autofree char *there = g_strdup (path);
  struct statfs info;

  while (access (there, F_OK) != 0 && strlen (there) > 1)
    {
      char *above = g_path_get_dirname (there);

      g_free (there);
      there = above;
    }
  if (!is_memory (there) && is_memory ("/dev/shm"))
    {
      g_free (there);
      there = g_strdup ("/dev/shm");
    }
  if (statfs (there, &info) != 0)
    return FALSE;
  *available = (guint64) info.f_bavail * (guint64) info.f_bsize;
  *directory = g_steal_pointer (&there);
  return TRUE;
}
