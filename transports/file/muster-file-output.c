/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One file that is appended to. Owned by the transport's thread.
 *
 * The lock (flock, exclusive) is the file's, not the path's: it holds back a second writer, in this process or another,
 * and travels with a file that is moved away. With nobody else writing, cutting back to where a piece began undoes it.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "muster-file-output.h"

/* Never through a link that someone put in place of the file (directories may be links); never held up by a FIFO. */
#define OPEN_FLAGS (O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK)

#define OPEN_ATTEMPTS 16

struct _MusterFileOutput
{
  char *path;                       /* owned */
  const MusterFileOptions *options; /* borrowed */
  int fd;                           /* -1 while closed */
  gboolean is_regular;              /* else a device: nothing to cut, nothing to lock */
  gboolean is_dirty;                /* written to and not synced */
  goffset start;                    /* where the last write began */
  goffset cut_to;                   /* where what is to be cut off begins, and could not be; -1 for nothing */
  dev_t closed_device;              /* of the file that was closed here, its inode, and its size then */
  ino_t closed_inode;
  goffset closed_size; /* -1 for none */
};

MusterFileOutput *
muster_file_output_new (const char *path, const MusterFileOptions *options)
{
  MusterFileOutput *output = g_new0 (MusterFileOutput, 1);

  output->path = g_strdup (path);
  output->options = options;
  output->fd = -1;
  output->cut_to = -1;
  output->closed_size = -1;
  return output;
}

void
muster_file_output_free (MusterFileOutput *output)
{
  g_autoptr (GError) error = NULL;

  if (!muster_file_output_close (output, &error))
    muster_transport_report (output->options->transport, MUSTER_LEVEL_ERROR, "%s", error->message);
  g_free (output->path);
  g_free (output);
}

const char *
muster_file_output_get_path (const MusterFileOutput *output)
{
  return output->path;
}

gboolean
muster_file_output_is_open (const MusterFileOutput *output)
{
  return output->fd >= 0;
}

static const char *
advice (int code)
{
  switch (code)
    {
    case ENOSPC:
    case EDQUOT:
      return "; make room there: nothing is lost meanwhile";
    case EFBIG:
      return "; it has the greatest size that is allowed: move it away and reopen, or raise the limit";
    case EACCES:
    case EPERM:
      return "; give the primary's user the right to write there";
    case EROFS:
      return "; mount the file system for writing, or choose another path";
    case EMFILE:
    case ENFILE:
      return "; lower max-open-files, or raise the limit of open files";
    case ENOTDIR:
      return "; a part of the path is a file";
    case EIO:
      return "; look after the disk";
    default:
      return "";
    }
}

static gboolean
fail (MusterFileOutput *output, const char *what, int code, GError **error)
{
  if (code == EISDIR)
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "'%s' is a directory: name a file in it", output->path);
  else if (code == ELOOP)
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                 "'%s' is a symbolic link, and those are not followed: name the file that it leads to", output->path);
  else
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "cannot %s '%s': %s%s", what, output->path,
                 g_strerror (code), advice (code));
  return FALSE;
}

/* -- opening -- */

/* A new name lies in its directory, which has to be synced, too. */
static void
sync_directory (const char *path)
{
  g_autofree char *directory = g_path_get_dirname (path);
  int fd = open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0)
    return;
  fsync (fd);
  close (fd);
}

static gboolean
make_directory (MusterFileOutput *output, const char *directory)
{
  int fd;

  if (mkdir (directory, output->options->directory_mode) != 0)
    return errno == EEXIST;
  /* whatever the umask; by descriptor, for the name might be something else by now */
  fd = open (directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0)
    {
      fchmod (fd, output->options->directory_mode);
      close (fd);
    }
  if (output->options->durable)
    sync_directory (directory);
  return TRUE;
}

static gboolean
make_directories (MusterFileOutput *output)
{
  g_autofree char *copy = g_strdup (output->path);

  for (char *slash = strchr (copy + 1, '/'); slash != NULL; slash = strchr (slash + 1, '/'))
    {
      *slash = '\0';
      if (access (copy, F_OK) != 0 && !make_directory (output, copy))
        return FALSE;
      *slash = '/';
    }
  return TRUE;
}

/* Returns a descriptor, or -1 with errno. */
static int
open_or_create (MusterFileOutput *output)
{
  gboolean tried_directories = FALSE;

  for (guint i = 0; i < OPEN_ATTEMPTS; i++)
    {
      int fd = open (output->path, OPEN_FLAGS);

      if (fd >= 0 || errno != ENOENT)
        return fd;
      fd = open (output->path, OPEN_FLAGS | O_CREAT | O_EXCL, output->options->mode);
      if (fd >= 0)
        {
          fchmod (fd, output->options->mode); /* whatever the umask */
          if (output->options->durable)
            sync_directory (output->path);
          return fd;
        }
      if (errno == ENOENT && !tried_directories)
        {
          tried_directories = TRUE;
          if (!make_directories (output))
            return -1;
        }
      else if (errno != EEXIST) /* somebody made it just now: look again */
        return -1;
    }
  return -1;
}

static gboolean
lock (MusterFileOutput *output, int fd, GError **error)
{
  int result;

  do
    result = flock (fd, LOCK_EX | LOCK_NB);
  while (result != 0 && errno == EINTR);
  if (result == 0)
    return TRUE;
  if (errno != EWOULDBLOCK)
    return fail (output, "lock", errno, error);
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_EXISTS,
               "'%s' is being written by another transport or another primary: each file has one writer; give each "
               "transport a path of its own",
               output->path);
  return FALSE;
}

/* Whether the path still leads to the file that was opened: it may have been moved before it was locked. */
static gboolean
is_still_there (MusterFileOutput *output, const struct stat *opened)
{
  struct stat now;

  return lstat (output->path, &now) == 0 && now.st_dev == opened->st_dev && now.st_ino == opened->st_ino;
}

/* What a crash left half done at the end is cut off, for the batch that it was part of comes again. This is the place
 * where checkpoints will say how much to keep. */
static gboolean
mend (MusterFileOutput *output, int fd, goffset size, GError **error)
{
  goffset keep;
  gboolean unended;

  if (!muster_file_find_tail (fd, output->path, output->options->content, size, &keep, &unended, error))
    return FALSE;
  if (unended && write (fd, "\n", 1) != 1)
    return fail (output, "write to", errno, error);
  if (keep == size)
    return TRUE;
  if (ftruncate (fd, keep) != 0)
    return fail (output, "cut the torn end of", errno, error);
  muster_transport_report (output->options->transport, MUSTER_LEVEL_NOTICE,
                           "cut %" G_GOFFSET_FORMAT " bytes from the end of '%s' that a crash had left half written",
                           size - keep, output->path);
  return TRUE;
}

/* A file that is as this output left it needs no look at its end. */
static gboolean
is_as_closed (MusterFileOutput *output, const struct stat *status)
{
  return output->closed_size == status->st_size && output->closed_inode == status->st_ino
         && output->closed_device == status->st_dev;
}

static void
remember_closed (MusterFileOutput *output)
{
  struct stat status;

  output->closed_size = -1;
  if (!output->is_regular || output->cut_to >= 0 || fstat (output->fd, &status) != 0)
    return;
  output->closed_device = status.st_dev;
  output->closed_inode = status.st_ino;
  output->closed_size = status.st_size;
}

/* Locks and checks @fd. Returns FALSE with an error, or without one if another file is at the path by now. */
static gboolean
adopt (MusterFileOutput *output, int fd, GError **error)
{
  struct stat status;

  if (fstat (fd, &status) != 0)
    return fail (output, "look at", errno, error);
  if (S_ISCHR (status.st_mode))
    return TRUE;
  if (!S_ISREG (status.st_mode))
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "'%s' is neither a file nor a device", output->path);
      return FALSE;
    }
  /* the size counts once the file is locked */
  if (!lock (output, fd, error) || fstat (fd, &status) != 0 || !is_still_there (output, &status))
    return FALSE;
  output->is_regular = TRUE;
  return is_as_closed (output, &status) || mend (output, fd, status.st_size, error);
}

gboolean
muster_file_output_open (MusterFileOutput *output, GError **error)
{
  GError *problem = NULL;

  if (output->fd >= 0)
    return TRUE;
  output->is_regular = FALSE;
  output->cut_to = -1;
  for (guint i = 0; i < OPEN_ATTEMPTS && problem == NULL; i++)
    {
      int fd = open_or_create (output);

      if (fd < 0)
        return fail (output, "open", errno, error);
      if (adopt (output, fd, &problem))
        {
          output->fd = fd;
          return TRUE;
        }
      close (fd);
    }
  if (problem == NULL)
    return fail (output, "open", EAGAIN, error);
  g_propagate_error (error, problem);
  return FALSE;
}

/* -- writing -- */

static void
cut_back (MusterFileOutput *output)
{
  if (!output->is_regular)
    return;
  output->cut_to = ftruncate (output->fd, output->start) == 0 ? -1 : output->start;
}

static gboolean
look_at (MusterFileOutput *output, struct stat *status, GError **error)
{
  if (!muster_file_output_open (output, error))
    return FALSE;
  return fstat (output->fd, status) == 0 || fail (output, "look at", errno, error);
}

/* Finds where the next write begins; a file that was deleted is made anew. */
static gboolean
get_ready (MusterFileOutput *output, GError **error)
{
  struct stat status;

  if (!look_at (output, &status, error))
    return FALSE;
  if (output->is_regular && status.st_nlink == 0)
    {
      close (output->fd);
      output->fd = -1;
      if (!look_at (output, &status, error))
        return FALSE;
    }
  output->start = status.st_size;
  if (!output->is_regular || output->cut_to < 0)
    return TRUE;
  if (status.st_size > output->cut_to && ftruncate (output->fd, output->cut_to) != 0)
    return fail (output, "cut an unfinished piece from the end of", errno, error);
  output->start = MIN (output->cut_to, status.st_size);
  output->cut_to = -1;
  return TRUE;
}

gboolean
muster_file_output_write (MusterFileOutput *output, gconstpointer data, gsize size, GError **error)
{
  const char *in = data;
  gsize left = size;

  if (!get_ready (output, error))
    return FALSE;
  while (left > 0)
    {
      gssize n = write (output->fd, in, left);
      int code = errno;

      if (n > 0)
        {
          in += n;
          left -= (gsize) n;
        }
      else if (n == 0 || code != EINTR)
        {
          cut_back (output);
          /* a fresh descriptor may help where it is not the room that is missing */
          if (output->cut_to < 0 && code != ENOSPC && code != EDQUOT && code != EFBIG)
            muster_file_output_close (output, NULL);
          return fail (output, "write to", n == 0 ? EIO : code, error);
        }
    }
  output->is_dirty = TRUE;
  return TRUE;
}

void
muster_file_output_take_back (MusterFileOutput *output)
{
  if (output->fd >= 0)
    cut_back (output);
}

gboolean
muster_file_output_sync (MusterFileOutput *output, GError **error)
{
  int result;

  if (!output->is_dirty || output->fd < 0)
    return TRUE;
  do
    result = fdatasync (output->fd);
  while (result != 0 && errno == EINTR);
  /* what could not be synced is not tried again: the kernel has dropped it, and would say that all is well */
  output->is_dirty = FALSE;
  return result == 0 || errno == EINVAL || fail (output, "sync", errno, error);
}

gboolean
muster_file_output_close (MusterFileOutput *output, GError **error)
{
  gboolean synced;

  if (output->fd < 0)
    return TRUE;
  if (output->cut_to >= 0 && ftruncate (output->fd, output->cut_to) == 0)
    output->cut_to = -1;
  remember_closed (output);
  synced = !output->options->durable || muster_file_output_sync (output, error);
  close (output->fd);
  output->fd = -1;
  output->is_dirty = FALSE;
  return synced;
}
