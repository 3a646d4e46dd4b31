/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading a protobuf file of any size through one buffer. An iterator walks the buffer; when it has come to the end the
 * rest moves to the front and more is read behind it. So that the iterator knows whose the entries are, the bytes of the
 * last origin are kept before the rest, and the numbers counted here are put in.
 *
 * Reading, and not mapping: a running primary may cut a file back while somebody looks at it.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log-reader.h"
#include "muster-wire-private.h"

#define CHUNK_SIZE  (1024u * 1024)
#define BUFFER_SIZE (CHUNK_SIZE + 2 * MUSTER_ENTRY_MAX)

struct _MusterLogReader
{
  char *name; /* owned */
  int fd;     /* owned, unless it is standard input */
  struct stat status;
  MusterLogReaderFunc refill_func;
  gpointer refill_data;

  guint8 *buffer;        /* owned: [the last origin's bytes][what has been read] */
  gsize length;          /* of all that is in it */
  gsize prefix;          /* of the origin's bytes that were put before */
  guint64 prefix_offset; /* where in the file the byte behind the prefix is */
  MusterEntryIter iter;
  const guint8 *origin; /* nullable: in the buffer */
  gsize origin_length;
  guint64 next_seq;
  gsize refused; /* bytes of an entry that the iterator took and that is wrong all the same */
  gboolean at_end;
  gboolean is_torn;
};

MusterLogReader *
muster_log_reader_open (const char *path, GError **error)
{
  gboolean is_stdin = strcmp (path, "-") == 0;
  g_autoptr (MusterLogReader) self = g_new0 (MusterLogReader, 1);

  self->name = g_strdup (is_stdin ? _ ("standard input") : path);
  self->fd = is_stdin ? STDIN_FILENO : g_open (path, O_RDONLY | O_CLOEXEC, 0);
  if (self->fd < 0 || fstat (self->fd, &self->status) != 0)
    {
      int code = errno;

      g_set_error_literal (error, G_FILE_ERROR, g_file_error_from_errno (code), g_strerror (code));
      return NULL;
    }
  if (S_ISDIR (self->status.st_mode))
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, _ ("is a directory; name the files in it"));
      return NULL;
    }
  posix_fadvise (self->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  self->buffer = g_malloc (BUFFER_SIZE);
  self->next_seq = 1;
  muster_entry_iter_init (&self->iter, self->buffer, 0);
  return g_steal_pointer (&self);
}

void
muster_log_reader_free (MusterLogReader *self)
{
  if (self->fd > STDIN_FILENO)
    close (self->fd);
  g_free (self->buffer);
  g_free (self->name);
  g_free (self);
}

void
muster_log_reader_set_refill_func (MusterLogReader *self, MusterLogReaderFunc func, gpointer user_data)
{
  self->refill_func = func;
  self->refill_data = user_data;
}

const char *
muster_log_reader_get_name (MusterLogReader *self)
{
  return self->name;
}

gboolean
muster_log_reader_is_regular (MusterLogReader *self)
{
  return S_ISREG (self->status.st_mode);
}

guint64
muster_log_reader_get_offset (MusterLogReader *self)
{
  return self->prefix_offset + muster_entry_iter_get_position (&self->iter) - self->prefix - self->refused;
}

gboolean
muster_log_reader_is_torn (MusterLogReader *self)
{
  return self->is_torn;
}

static gboolean
read_more (MusterLogReader *self, GError **error)
{
  gssize n;

  do
    n = read (self->fd, self->buffer + self->length, BUFFER_SIZE - self->length);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    {
      int code = errno;

      g_set_error_literal (error, G_FILE_ERROR, g_file_error_from_errno (code), g_strerror (code));
      return FALSE;
    }
  self->at_end = n == 0;
  self->length += (gsize) n;
  return TRUE;
}

/* Puts the origin to the front and what has not been walked behind it, reads, and sets the iterator behind the origin. */
static gboolean
refill (MusterLogReader *self, GError **error)
{
  gsize position = muster_entry_iter_get_position (&self->iter);
  gsize rest = self->length - position;
  MusterEntry origin;
  gboolean good;

  if (self->refill_func != NULL)
    self->refill_func (self->refill_data);
  self->prefix_offset = muster_log_reader_get_offset (self);
  if (self->origin != NULL)
    memmove (self->buffer, self->origin, self->origin_length);
  memmove (self->buffer + self->origin_length, self->buffer + position, rest);
  self->prefix = self->origin_length;
  self->length = self->prefix + rest;
  good = read_more (self, error);
  muster_entry_iter_init (&self->iter, self->buffer, self->length);
  if (self->origin != NULL)
    muster_entry_iter_next (&self->iter, &origin);
  self->origin = self->prefix > 0 ? self->buffer : NULL;
  return good;
}

/* The bytes up to the end of the file are the start of an entry. */
static gboolean
is_start_of_entry (const guint8 *bytes, gsize length)
{
  const guint8 *body;
  guint64 size;

  if (bytes[0] != MUSTER_WIRE_TAG (1, MUSTER_WIRE_BYTES))
    return FALSE;
  body = muster_wire_get_varint (bytes + 1, bytes + length, &size);
  if (body == NULL)
    return length < 4; /* 64 KiB need three bytes */
  return size <= MUSTER_ENTRY_MAX && size > (guint64) (bytes + length - body);
}

static gboolean
fail (MusterLogReader *self, GError **error)
{
  gsize position = muster_entry_iter_get_position (&self->iter);
  g_autoptr (GError) reason = NULL;
  const char *what = "a gap's count is wrong";

  /* Its words, but with the offset in the file instead of that in the buffer. */
  if (muster_entry_iter_get_error (&self->iter, &reason))
    what = strstr (reason->message, ": ") + 2;
  self->is_torn =
      reason != NULL && self->at_end && is_start_of_entry (self->buffer + position, self->length - position);
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT, _ ("at byte %" PRIu64 ": %s"),
               muster_log_reader_get_offset (self), self->is_torn ? _ ("the last entry is cut off") : what);
  return FALSE;
}

static inline gboolean
is_whole_entry_there (MusterLogReader *self)
{
  return self->at_end || self->length - muster_entry_iter_get_position (&self->iter) >= MUSTER_ENTRY_MAX;
}

gboolean
muster_log_reader_next (MusterLogReader *self, MusterEntry *entry, GError **error)
{
  while (!muster_entry_iter_next (&self->iter, entry))
    {
      if (is_whole_entry_there (self))
        return self->length == muster_entry_iter_get_position (&self->iter) ? FALSE : fail (self, error);
      if (!refill (self, error))
        return FALSE;
    }
  if (entry->kind == MUSTER_ENTRY_ORIGIN)
    {
      self->origin = entry->bytes;
      self->origin_length = entry->length;
      self->next_seq = entry->origin->first_seq;
      return TRUE;
    }
  if (entry->count > G_MAXUINT64 - self->next_seq)
    {
      self->refused = entry->length;
      return fail (self, error);
    }
  /* The iterator has counted from the origin at the front of the buffer. */
  entry->sequence = self->next_seq;
  self->next_seq += entry->count;
  return TRUE;
}
