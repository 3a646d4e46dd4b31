/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A FIFO's bytes made into lines. Owned by one thread, that of the context it is attached to.
 */
#include "config.h"

#include "muster-capture-private.h"
#include "muster-error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIFO_SIZE (1024 * 1024)
/* So much is read in one turn of the loop: one loud worker must not starve the others. */
#define TURN_SIZE (64 * 1024)

struct _MusterCapture
{
  int fd;          /* owned; -1 after the end */
  GSource *source; /* owned; nullable */
  MusterLevel default_level;
  MusterCaptureFunc func;
  gpointer user_data;
  MusterLevel level;   /* of the line in progress, whose first piece has been given; else NONE */
  GByteArray *partial; /* owned; the line in progress */
};

static gboolean
set_error (GError **error, const char *what, const char *path)
{
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED, "%s %s: %s", what, path, g_strerror (errno));
  return FALSE;
}

gboolean
muster_capture_make_fifo (const char *path, int *read_fd, int *write_fd, GError **error)
{
  if (mkfifo (path, 0600) != 0)
    return set_error (error, "make the FIFO", path);
  *read_fd = open (path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
  if (*read_fd < 0)
    {
      set_error (error, "open the FIFO", path);
      unlink (path);
      return FALSE;
    }
  *write_fd = open (path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (*write_fd < 0)
    {
      set_error (error, "open the FIFO for writing", path);
      close (*read_fd);
      unlink (path);
      return FALSE;
    }
  /* More room lets more of a burst survive the writer; where the user's quota of pipe pages is used up, 64 KiB do. */
  (void) fcntl (*read_fd, F_SETPIPE_SZ, FIFO_SIZE);
  return TRUE;
}

MusterCapture *
muster_capture_new (int fd, MusterLevel level, MusterCaptureFunc func, gpointer user_data)
{
  MusterCapture *capture = g_new0 (MusterCapture, 1);

  capture->fd = fd;
  capture->default_level = level;
  capture->func = func;
  capture->user_data = user_data;
  capture->partial = g_byte_array_new ();
  return capture;
}

static void
close_capture (MusterCapture *capture)
{
  if (capture->source != NULL)
    g_source_destroy (capture->source);
  g_clear_pointer (&capture->source, g_source_unref);
  if (capture->fd >= 0)
    close (capture->fd);
  capture->fd = -1;
}

void
muster_capture_free (MusterCapture *capture)
{
  close_capture (capture);
  g_byte_array_unref (capture->partial);
  g_free (capture);
}

/* Gives one line, or a piece of one. */
static void
give (MusterCapture *capture, const char *line, gsize length, gboolean whole)
{
  MusterLevel level = capture->level;

  if (level == MUSTER_LEVEL_NONE)
    {
      level = capture->default_level;
      if (length >= 3 && line[0] == '<' && line[1] >= '0' && line[1] <= '7' && line[2] == '>')
        {
          level = (MusterLevel) (line[1] - '0' + 1);
          line += 3;
          length -= 3;
        }
    }
  capture->level = whole ? MUSTER_LEVEL_NONE : level;
  capture->func (level, line, length, capture->user_data);
}

/* Where to cut a line that is too long: not inside a UTF-8 character, if the bytes are such. */
static gsize
piece_length (const char *bytes)
{
  gsize length = MUSTER_CAPTURE_LINE_MAX;

  while (length > MUSTER_CAPTURE_LINE_MAX - 3 && ((guchar) bytes[length] & 0xC0) == 0x80)
    length--;
  return ((guchar) bytes[length] & 0xC0) == 0x80 ? MUSTER_CAPTURE_LINE_MAX : length;
}

/* Gives all lines that are whole, and pieces of what is longer than a line may be. The first @searched bytes have no
 * newline. Returns how many bytes were given. */
static gsize
split (MusterCapture *capture, const char *bytes, gsize size, gsize searched)
{
  const char *start = bytes;
  const char *end = bytes + size;
  const char *search = bytes + searched;

  for (;;)
    {
      const char *newline = memchr (search, '\n', (gsize) (end - search));
      gsize length = (gsize) ((newline != NULL ? newline : end) - start);

      while (length > MUSTER_CAPTURE_LINE_MAX)
        {
          gsize piece = piece_length (start);

          give (capture, start, piece, FALSE);
          start += piece;
          length -= piece;
        }
      if (newline == NULL)
        return (gsize) (start - bytes);
      give (capture, start, length, TRUE);
      start = search = newline + 1;
    }
}

static void
take (MusterCapture *capture, const char *bytes, gsize size)
{
  GByteArray *partial = capture->partial;
  gsize before = partial->len;

  if (before == 0)
    {
      gsize given = split (capture, bytes, size, 0);

      g_byte_array_append (partial, (const guint8 *) bytes + given, (guint) (size - given));
      return;
    }
  g_byte_array_append (partial, (const guint8 *) bytes, (guint) size);
  g_byte_array_remove_range (partial, 0, (guint) split (capture, (const char *) partial->data, partial->len, before));
}

/* Reads once. Returns how many bytes it found; after the end of file the capture is closed. */
static gsize
read_some (MusterCapture *capture)
{
  char bytes[TURN_SIZE];
  ssize_t n;

  do
    n = read (capture->fd, bytes, sizeof bytes);
  while (n < 0 && errno == EINTR);
  if (n > 0)
    take (capture, bytes, (gsize) n);
  else if (n == 0 || errno != EAGAIN)
    close_capture (capture);
  return n > 0 ? (gsize) n : 0;
}

static void
flush_line (MusterCapture *capture)
{
  if (capture->partial->len > 0)
    give (capture, (const char *) capture->partial->data, capture->partial->len, TRUE);
  g_byte_array_set_size (capture->partial, 0);
  capture->level = MUSTER_LEVEL_NONE;
}

static gboolean
readable_cb (int fd, GIOCondition condition, gpointer user_data)
{
  MusterCapture *capture = user_data;

  read_some (capture);
  if (capture->fd >= 0)
    return G_SOURCE_CONTINUE;
  flush_line (capture);
  return G_SOURCE_REMOVE;
}

void
muster_capture_attach (MusterCapture *capture, GMainContext *context)
{
  capture->source = g_unix_fd_source_new (capture->fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
  g_source_set_callback (capture->source, G_SOURCE_FUNC (readable_cb), capture, NULL);
  g_source_set_static_name (capture->source, "muster-capture");
  g_source_attach (capture->source, context);
}

void
muster_capture_finish (MusterCapture *capture)
{
  gsize rest = FIFO_SIZE; /* a grandchild that goes on writing must not hold us here */

  while (capture->fd >= 0 && rest > 0)
    {
      gsize n = read_some (capture);

      rest = n > 0 ? rest - MIN (rest, n) : 0;
    }
  flush_line (capture);
  close_capture (capture);
}
