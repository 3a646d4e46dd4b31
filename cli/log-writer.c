/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Entries to a format. What follows one another in one stream becomes a batch of up to 64 KiB, with its origin before it;
 * what was left out in between becomes a gap FILTERED, which keeps a batch one run (formats for people leave it out).
 */
#include "config.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "log-writer.h"
#include "muster-encoder-private.h"

#define RUN_SIZE (64u * 1024)
#define OUT_SIZE (256u * 1024)

struct _MusterLogWriter
{
  MusterFormat *format; /* borrowed */
  int fd;               /* borrowed */

  GByteArray *run; /* owned: an origin, entries */
  const MusterKnownOrigin *origin;
  guint64 next_seq;
  GByteArray *out; /* owned: what the format made of runs */
};

MusterLogWriter *
muster_log_writer_new (MusterFormat *format, int fd)
{
  MusterLogWriter *self = g_new0 (MusterLogWriter, 1);

  self->format = format;
  self->fd = fd;
  self->run = g_byte_array_sized_new (RUN_SIZE);
  self->out = g_byte_array_sized_new (2 * OUT_SIZE);
  return self;
}

void
muster_log_writer_free (MusterLogWriter *self)
{
  g_byte_array_unref (self->run);
  g_byte_array_unref (self->out);
  g_free (self);
}

static gboolean
write_out (MusterLogWriter *self, GError **error)
{
  const guint8 *data = self->out->data;
  gsize left = self->out->len;

  while (left > 0)
    {
      gssize n = write (self->fd, data, left);
      int code = errno;

      if (n < 0 && code == EINTR)
        continue;
      if (n < 0 && code == EPIPE)
        return FALSE;
      if (n < 0)
        {
          g_set_error_literal (error, G_FILE_ERROR, g_file_error_from_errno (code), g_strerror (code));
          return FALSE;
        }
      data += n;
      left -= (gsize) n;
    }
  g_byte_array_set_size (self->out, 0);
  return TRUE;
}

/* The run through the format. Short runs are copied, so that its memory stays. */
static gboolean
end_run (MusterLogWriter *self, GError **error)
{
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (MusterBatch) batch = NULL;

  if (self->run->len == 0)
    return TRUE;
  bytes = g_bytes_new (self->run->data, self->run->len);
  g_byte_array_set_size (self->run, 0);
  batch = muster_batch_new (bytes, error);
  if (batch == NULL || !muster_format_format_batch (self->format, batch, self->out, error))
    return FALSE;
  return self->out->len < OUT_SIZE || write_out (self, error);
}

static void
put_origin (MusterLogWriter *self, const MusterKnownOrigin *origin, guint64 first_seq)
{
  MusterOrigin labels = origin->labels;

  labels.first_seq = first_seq;
  muster_encode_origin (self->run, &labels);
  self->origin = origin;
}

/* Makes the run ready for the number @sequence. */
static gboolean
begin (MusterLogWriter *self, const MusterKnownOrigin *origin, guint64 sequence, GError **error)
{
  gboolean follows = self->run->len > 0 && self->run->len < RUN_SIZE && self->origin->stream == origin->stream
                     && self->next_seq == sequence;

  if (G_LIKELY (follows && self->origin == origin))
    return TRUE;
  if (!follows && !end_run (self, error))
    return FALSE;
  put_origin (self, origin, sequence);
  return TRUE;
}

static gboolean
declare (MusterLogWriter *self, MusterKnownStream *stream, GError **error)
{
  guint64 first = stream->skipped_first;
  guint64 count = stream->skipped_next - first;

  stream->skipped_first = stream->skipped_next = 0;
  if (!begin (self, stream->skipped_origin, first, error))
    return FALSE;
  muster_encode_gap (self->run, count, MUSTER_GAP_FILTERED);
  self->next_seq = first + count;
  return TRUE;
}

gboolean
muster_log_writer_put (MusterLogWriter *self, const MusterKnownOrigin *origin, const MusterEntry *entry, GError **error)
{
  MusterKnownStream *stream = origin->stream;

  if (stream->skipped_first != stream->skipped_next && !declare (self, stream, error))
    return FALSE;
  if (!begin (self, origin, entry->sequence, error))
    return FALSE;
  g_byte_array_append (self->run, entry->bytes, (guint) entry->length);
  self->next_seq = entry->sequence + entry->count;
  return TRUE;
}

gboolean
muster_log_writer_skip (MusterLogWriter *self, const MusterKnownOrigin *origin, const MusterEntry *entry,
                        GError **error)
{
  MusterKnownStream *stream = origin->stream;

  if (stream->skipped_first != stream->skipped_next && stream->skipped_next != entry->sequence
      && !declare (self, stream, error))
    return FALSE;
  if (stream->skipped_first == stream->skipped_next)
    {
      stream->skipped_first = entry->sequence;
      stream->skipped_origin = origin;
    }
  stream->skipped_next = entry->sequence + entry->count;
  return TRUE;
}

gboolean
muster_log_writer_flush (MusterLogWriter *self, GError **error)
{
  return end_run (self, error) && write_out (self, error);
}

gboolean
muster_log_writer_finish (MusterLogWriter *self, MusterKnownStreams *streams, GError **error)
{
  GPtrArray *list = muster_known_streams_list (streams);

  for (guint i = 0; i < list->len; i++)
    {
      MusterKnownStream *stream = g_ptr_array_index (list, i);

      if (stream->skipped_first != stream->skipped_next && !declare (self, stream, error))
        return FALSE;
    }
  return muster_log_writer_flush (self, error);
}
