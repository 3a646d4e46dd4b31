/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One file that is appended to. Owned by the transport's thread.
 *
 * The lock (flock, exclusive) is the file's, not the path's: it holds back a second writer, in this process or another,
 * and travels with a file that is moved away. With nobody else writing, cutting back to where a piece began undoes it.
 *
 * What a kill may leave, and how it is mended. Before the first byte of a piece is written, the committed checkpoint
 * names this very file (device, inode) and the offset where the piece begins, and the limit where it will end. So
 *
 *   killed before the commit of the piece   the file is longer than the offset, by no more than the limit allows: it is
 *                                           cut back, and the streams' marks, in the same commit, make the piece come again
 *   killed behind it                        the file ends at the offset
 *
 * A file that has grown beyond the limit has been written to by somebody else: it is not cut back, only mended at its
 * end, like one that the checkpoint does not know. Rotation happens between pieces, when the file is complete:
 *
 *   killed before the rename                nothing has happened
 *   behind it                               nothing is at the path; the checkpoint names a file that is complete
 *   behind the creation of the new file     an empty file that the checkpoint does not name; the next piece begins there
 *
 * and likewise where somebody else has renamed the file and asks for a reopen; but if the process is killed amidst a
 * piece before it could reopen, the file has another name by then: it is looked for in its directory, by its inode.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "muster-fault-private.h"
#include "muster-file-output.h"
#include "muster-file-lock.h"
#include "muster-file-rotate.h"

/* Never through a link that someone put in place of the file (directories may be links); never held up by a FIFO. */
#define OPEN_FLAGS (O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK)

#define OPEN_ATTEMPTS 16

/* How long a rotation that failed is not tried again. */
#define ROTATE_AGAIN_US (60 * G_USEC_PER_SEC)

struct _MusterFileOutput
{
  char *path;                       /* owned */
  const MusterFileOptions *options; /* borrowed */
  int fd;                           /* -1 while closed */
  gboolean is_regular;              /* else a device: nothing to cut, nothing to lock */
  gboolean is_dirty;                /* written to and not synced */
  dev_t device;                     /* while open: which file it is */
  ino_t inode;
  gint64 began;           /* when it was made, in seconds */
  goffset start;          /* where the piece in hand begins, or the last one began */
  goffset end;            /* behind the last piece */
  goffset synced;         /* up to here it is durable, as far as is known */
  goffset cut_to;         /* where what is to be cut off begins, and could not be; -1 for nothing */
  guint32 slot;           /* in the checkpoint; 0 for none yet */
  gint64 rotate_again_us; /* monotonic; a rotation has failed */

  /* While closed: the file as it was left here, or by an earlier life. */
  dev_t left_device;
  ino_t left_inode;
  goffset left_size;  /* what is to be kept; -1: nothing is known */
  goffset left_limit; /* what lies between is to be cut off */
};

MusterFileOutput *
muster_file_output_new (const char *path, const MusterFileOptions *options)
{
  MusterFileOutput *output = g_new0 (MusterFileOutput, 1);

  output->path = g_strdup (path);
  output->options = options;
  output->fd = -1;
  output->cut_to = -1;
  output->left_size = -1;
  return output;
}

void
muster_file_output_free (MusterFileOutput *output)
{
  muster_file_output_close (output);
  g_free (output->path);
  g_free (output);
}

const char *
muster_file_output_get_path (const MusterFileOutput *output)
{
  return output->path;
}

guint32
muster_file_output_get_slot (const MusterFileOutput *output)
{
  return output->slot;
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
  int code = muster_file_lock (fd);

  if (code == 0)
    return TRUE;
  if (code != EWOULDBLOCK)
    return fail (output, "lock", code, error);
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

static gboolean
cut (MusterFileOutput *output, int fd, goffset size, goffset keep, GError **error)
{
  if (ftruncate (fd, keep) != 0)
    return fail (output, "cut the torn end of", errno, error);
  muster_transport_report (output->options->transport, MUSTER_LEVEL_NOTICE,
                           "cut %" G_GOFFSET_FORMAT " bytes from the end of '%s': a write that was not completed",
                           size - keep, output->path);
  return TRUE;
}

/* What the machine's crash left half done at the end, or whoever wrote this file, is cut off. */
static gboolean
mend (MusterFileOutput *output, int fd, goffset size, GError **error)
{
  goffset keep;
  gboolean unended;

  if (!muster_file_find_tail (fd, output->path, output->options->content, size, &keep, &unended, error))
    return FALSE;
  if (unended && write (fd, "\n", 1) != 1)
    return fail (output, "write to", errno, error);
  return keep == size || cut (output, fd, size, keep, error);
}

/* A file that is as it was left needs no look at its end. */
static gboolean
mend_end (MusterFileOutput *output, int fd, const struct stat *status, GError **error)
{
  goffset keep = output->left_size;

  if (keep < 0 || status->st_ino != output->left_inode || status->st_dev != output->left_device
      || status->st_size < keep || status->st_size > MAX (keep, output->left_limit))
    return mend (output, fd, status->st_size, error);
  return status->st_size == keep || cut (output, fd, status->st_size, keep, error);
}

static void
remember_left (MusterFileOutput *output)
{
  struct stat status;

  output->left_size = -1;
  if (!output->is_regular || fstat (output->fd, &status) != 0)
    return;
  output->left_device = status.st_dev;
  output->left_inode = status.st_ino;
  output->left_size = output->cut_to >= 0 ? MIN (output->cut_to, status.st_size) : status.st_size;
  output->left_limit = status.st_size;
}

/* When the file was made; where the file system does not know, when it was last written to. */
static gint64
get_began (int fd, const struct stat *status)
{
  struct statx more;

  if (statx (fd, "", AT_EMPTY_PATH, STATX_BTIME, &more) == 0 && (more.stx_mask & STATX_BTIME) != 0)
    return more.stx_btime.tv_sec;
  return status->st_mtime;
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
  if (!mend_end (output, fd, &status, error))
    return FALSE;
  output->is_regular = TRUE;
  output->device = status.st_dev;
  output->inode = status.st_ino;
  output->began = output->options->rotate_interval_us > 0 ? get_began (fd, &status) : 0;
  output->end = output->synced = fstat (fd, &status) == 0 ? status.st_size : 0;
  return TRUE;
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

/* -- after a kill -- */

static gboolean
is_place (const char *path, const MusterFilePlace *place)
{
  struct stat status;

  return lstat (path, &status) == 0 && status.st_ino == place->inode && status.st_dev == place->device;
}

/* Where in its directory the file is now; NULL if it is not there. */
static char *
find_moved (const MusterFilePlace *place)
{
  g_autofree char *directory = g_path_get_dirname (place->path);
  g_autoptr (GDir) listing = g_dir_open (directory, 0, NULL);
  const char *name;

  while (listing != NULL && (name = g_dir_read_name (listing)) != NULL)
    {
      g_autofree char *path = g_build_filename (directory, name, NULL);

      if (is_place (path, place))
        return g_steal_pointer (&path);
    }
  return NULL;
}

static void
expect (MusterFileOutput *output, const MusterFilePlace *place)
{
  output->left_device = place->device;
  output->left_inode = place->inode;
  output->left_size = place->offset;
  output->left_limit = place->limit;
}

static gboolean
recover_moved (MusterFileOutput *output, const MusterFilePlace *place, GError **error)
{
  g_autofree char *path = find_moved (place);
  g_autoptr (MusterFileOutput) moved = NULL;

  if (path == NULL)
    {
      muster_transport_report (output->options->transport, MUSTER_LEVEL_WARNING,
                               "'%s' was moved to another directory amidst a write: its last entries, from byte "
                               "%" G_GOFFSET_FORMAT " on, come once more in the new file",
                               place->path, place->offset);
      return TRUE;
    }
  moved = muster_file_output_new (path, output->options);
  expect (moved, place);
  return muster_file_output_open (moved, error);
}

gboolean
muster_file_output_recover (MusterFileOutput *output, const MusterFilePlace *place, GError **error)
{
  gboolean is_whole = place->limit <= place->offset; /* it was not being written to */

  output->slot = place->slot;
  if (!is_place (place->path, place))
    return is_whole || recover_moved (output, place, error); /* one that is whole may be anywhere */
  expect (output, place);
  if (is_whole)
    return TRUE;
  if (!muster_file_output_open (output, error))
    return FALSE;
  muster_file_output_close (output);
  return TRUE;
}

/* -- rotating -- */

static gboolean
is_rotation_due (const MusterFileOutput *output, gsize size)
{
  const MusterFileOptions *options = output->options;

  if (output->start == 0)
    return FALSE;
  if (options->rotate_size > 0 && (guint64) output->start + size > options->rotate_size)
    return TRUE;
  return options->rotate_interval_us > 0
         && muster_file_rotate_get_period (time (NULL), options->rotate_interval_us)
                != muster_file_rotate_get_period ((time_t) output->began, options->rotate_interval_us);
}

/* Logging goes on in the old file where this fails. */
static gboolean
rotate (MusterFileOutput *output)
{
  const MusterFilePlace here = { .device = output->device, .inode = output->inode };
  g_autoptr (GError) error = NULL;

  if (!is_place (output->path, &here))
    return TRUE; /* somebody else has done it */
  MUSTER_FAULT ("file.rotate.before-rename");
  if (muster_file_rotate (output->path, output->options->keep, &error))
    {
      MUSTER_FAULT ("file.rotate.after-rename");
      return TRUE;
    }
  output->rotate_again_us = g_get_monotonic_time () + ROTATE_AGAIN_US;
  muster_transport_report (output->options->transport, MUSTER_LEVEL_ERROR,
                           "cannot rotate: %s; goes on in the old file, and tries again in a minute", error->message);
  return FALSE;
}

/* -- writing -- */

static void
cut_back (MusterFileOutput *output)
{
  output->end = output->start;
  if (!output->is_regular)
    return;
  output->cut_to = ftruncate (output->fd, output->start) == 0 ? -1 : output->start;
  if (output->cut_to < 0)
    muster_file_checkpoint_set_limit (output->options->checkpoint, output->slot, 0);
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
find_start (MusterFileOutput *output, GError **error)
{
  struct stat status;

  if (!look_at (output, &status, error))
    return FALSE;
  if (output->is_regular && status.st_nlink == 0)
    {
      close (output->fd);
      output->fd = -1;
      output->is_dirty = FALSE;
      if (!look_at (output, &status, error))
        return FALSE;
    }
  output->start = output->end = status.st_size;
  output->synced = MIN (output->synced, output->start);
  if (!output->is_regular || output->cut_to < 0)
    return TRUE;
  if (status.st_size > output->cut_to && ftruncate (output->fd, output->cut_to) != 0)
    return fail (output, "cut an unfinished piece from the end of", errno, error);
  output->start = output->end = MIN (output->cut_to, status.st_size);
  output->cut_to = -1;
  return TRUE;
}

/* The checkpoint has to name this file, and where it ends, before anything is written to it. */
static gboolean
bind (MusterFileOutput *output, GError **error)
{
  MusterFileCheckpoint *checkpoint = output->options->checkpoint;

  if (output->slot == 0)
    {
      if (!muster_file_checkpoint_reserve (checkpoint, muster_file_checkpoint_get_path_slots (output->path), error))
        return FALSE;
      output->slot = muster_file_checkpoint_add_file (checkpoint, output->path);
    }
  muster_file_checkpoint_set_file (checkpoint, output->slot, output->device, output->inode, output->start);
  return TRUE;
}

gboolean
muster_file_output_prepare (MusterFileOutput *output, gsize size, GError **error)
{
  if (!find_start (output, error))
    return FALSE;
  if (!output->is_regular)
    return TRUE;
  if (G_UNLIKELY (is_rotation_due (output, size))
      && (output->rotate_again_us == 0 || g_get_monotonic_time () >= output->rotate_again_us) && rotate (output))
    {
      output->rotate_again_us = 0;
      muster_file_output_close (output);
      if (!find_start (output, error))
        return FALSE;
      MUSTER_FAULT ("file.rotate.after-create");
    }
  return !output->is_regular || bind (output, error);
}

gboolean
muster_file_output_write (MusterFileOutput *output, gconstpointer data, gsize size, GError **error)
{
  const char *in = data;
  gsize left = size;

  if (output->is_regular)
    muster_file_checkpoint_set_limit (output->options->checkpoint, output->slot, output->start + (goffset) size);
  MUSTER_FAULT ("file.write.before");
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
            muster_file_output_close (output);
          return fail (output, "write to", n == 0 ? EIO : code, error);
        }
    }
  output->end = output->start + (goffset) size;
  output->is_dirty = TRUE;
  MUSTER_FAULT ("file.write.after");
  return TRUE;
}

void
muster_file_output_settle (MusterFileOutput *output)
{
  if (output->is_regular)
    muster_file_checkpoint_set_file (output->options->checkpoint, output->slot, output->device, output->inode,
                                     output->end);
}

void
muster_file_output_take_back (MusterFileOutput *output)
{
  if (output->fd >= 0)
    cut_back (output);
}

/* -- making durable -- */

/* Returns 0 or an errno. */
static int
sync_now (MusterFileOutput *output)
{
  int result;

  if (!output->is_dirty || output->fd < 0)
    return 0;
  do
    result = fdatasync (output->fd);
  while (result != 0 && errno == EINTR);
  output->is_dirty = FALSE;
  if (result != 0 && errno != EINVAL)
    return errno;
  output->synced = output->end;
  return 0;
}

gboolean
muster_file_output_sync (MusterFileOutput *output, GError **error)
{
  int code = sync_now (output);

  return code == 0 || fail (output, "sync", code, error);
}

static void
release (MusterFileOutput *output)
{
  if (output->cut_to >= 0 && ftruncate (output->fd, output->cut_to) == 0)
    output->cut_to = -1;
  remember_left (output);
  close (output->fd);
  output->fd = -1;
}

void
muster_file_output_sync_late (MusterFileOutput *output)
{
  int code = sync_now (output);

  if (code == 0)
    return;
  muster_transport_report (output->options->transport, MUSTER_LEVEL_ERROR,
                           "cannot sync '%s': %s: its bytes %" G_GOFFSET_FORMAT " to %" G_GOFFSET_FORMAT
                           " may be lost if the machine fails%s",
                           output->path, g_strerror (code), output->synced, output->end, advice (code));
  release (output);
}

void
muster_file_output_close (MusterFileOutput *output)
{
  if (output->fd >= 0 && output->options->durable)
    muster_file_output_sync_late (output);
  if (output->fd >= 0)
    release (output);
  output->is_dirty = FALSE;
}
