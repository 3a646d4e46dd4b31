/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A connection over which somebody sends. What was read and is no whole message is kept: at most one message and one
 * read, while there is no room for what is in it.
 */
#include "config.h"

#include "muster-syslog-peer.h"

/* Reads before the loop gets its turn; at the end, before the connection is closed. */
#define BURST     4
#define BURST_END 64

struct _MusterSyslogPeer
{
  MusterSyslogReceiver *receiver; /* borrowed */
  GIOStream *stream;              /* owned */
  GPollableInputStream *input;    /* borrowed from it */
  char *name;                     /* owned; nullable */
  GSource *source;                /* owned; NULL while it does not read */
  MusterSyslogFrames frames;
  GByteArray *partial; /* owned; not taken yet */
  gboolean at_end;     /* nothing more will come */
  gint64 active_us;    /* when something came, or could have been read again */
  MusterSyslogPeerFunc ended;
  gpointer user_data;
};

static void
pause_reading (MusterSyslogPeer *self)
{
  if (self->source != NULL)
    g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
}

/* A new connection begins with a frame. */
static void
end_wrong (MusterSyslogPeer *self, const char *why)
{
  muster_syslog_trouble_report (&self->receiver->broken, self->receiver->source, "the connection of %s was closed: %s",
                                muster_syslog_peer_get_name (self), why);
  self->at_end = TRUE;
}

/* Takes whole messages from @bytes; returns how many bytes are done with. */
static gsize
take_messages (MusterSyslogPeer *self, const char *bytes, gsize length)
{
  guint64 now_ns = muster_syslog_receiver_now ();
  gsize done = 0;

  for (;;)
    {
      MusterSyslogFrames before = self->frames;
      MusterSyslogFrame frame;
      gsize n = muster_syslog_frames_next (&self->frames, bytes + done, length - done, self->at_end, &frame);

      if (n == 0)
        return done;
      if (frame.bytes != NULL
          && !muster_syslog_receiver_take (self->receiver, frame.bytes, frame.length, self->name, frame.truncated_from,
                                           now_ns))
        {
          self->frames = before;
          return done;
        }
      done += n;
      if (frame.wrong != NULL)
        end_wrong (self, frame.wrong);
    }
}

static void
take_partial (MusterSyslogPeer *self)
{
  gsize done =
      self->partial->len > 0 ? take_messages (self, (const char *) self->partial->data, self->partial->len) : 0;

  if (done > 0)
    g_byte_array_remove_range (self->partial, 0, (guint) done);
}

static void
take_bytes (MusterSyslogPeer *self, const char *bytes, gsize length)
{
  gsize done = 0;

  if (self->partial->len > 0)
    {
      g_byte_array_append (self->partial, (const guint8 *) bytes, (guint) length);
      take_partial (self);
      return;
    }
  done = take_messages (self, bytes, length);
  g_byte_array_append (self->partial, (const guint8 *) bytes + done, (guint) (length - done));
}

static void
note_end (MusterSyslogPeer *self, const GError *error)
{
  self->at_end = TRUE;
  take_partial (self);
  if (error != NULL && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED)
      && !g_error_matches (error, G_TLS_ERROR, G_TLS_ERROR_EOF))
    muster_syslog_trouble_report (&self->receiver->broken, self->receiver->source, "the connection of %s broke: %s",
                                  muster_syslog_peer_get_name (self), error->message);
}

/* FALSE: nothing more just now, or no room for it, or the end. */
static gboolean
read_some (MusterSyslogPeer *self)
{
  MusterSyslogReceiver *receiver = self->receiver;
  g_autoptr (GError) error = NULL;
  gssize n;

  if (self->at_end)
    return FALSE;
  n = g_pollable_input_stream_read_nonblocking (self->input, receiver->scratch, receiver->scratch_size, NULL, &error);
  if (n > 0)
    {
      self->active_us = g_get_monotonic_time ();
      take_bytes (self, receiver->scratch, (gsize) n);
    }
  else if (n == 0 || !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    note_end (self, error);
  return n > 0 && !receiver->paused;
}

/* Whether it is over: the end has come, and all that was sent is taken. */
static gboolean
is_over (MusterSyslogPeer *self)
{
  return self->at_end && self->partial->len == 0;
}

static gboolean
readable_cb (GObject *stream, gpointer user_data)
{
  MusterSyslogPeer *self = user_data;

  for (guint i = 0; i < BURST && read_some (self); i++)
    ;
  if (!self->at_end && !self->receiver->paused)
    return G_SOURCE_CONTINUE;
  pause_reading (self);
  if (is_over (self))
    self->ended (self, self->user_data);
  return G_SOURCE_REMOVE;
}

static void
begin_reading (MusterSyslogPeer *self)
{
  if (self->source != NULL)
    return;
  self->source = g_pollable_input_stream_create_source (self->input, NULL);
  g_source_set_callback (self->source, G_SOURCE_FUNC (readable_cb), self, NULL);
  g_source_set_static_name (self->source, "muster-syslog-peer");
  g_source_attach (self->source, muster_source_get_context (self->receiver->source));
}

MusterSyslogPeer *
muster_syslog_peer_new (MusterSyslogReceiver *receiver, GIOStream *stream, const char *name, MusterSyslogPeerFunc ended,
                        gpointer user_data)
{
  MusterSyslogPeer *self = g_new0 (MusterSyslogPeer, 1);

  self->receiver = receiver;
  self->stream = g_object_ref (stream);
  self->input = G_POLLABLE_INPUT_STREAM (g_io_stream_get_input_stream (stream));
  self->name = g_strdup (name);
  self->frames.max_size = receiver->max_size;
  self->partial = g_byte_array_new ();
  self->ended = ended;
  self->user_data = user_data;
  self->active_us = g_get_monotonic_time ();
  if (!receiver->paused)
    begin_reading (self);
  return self;
}

void
muster_syslog_peer_resume (MusterSyslogPeer *self)
{
  take_partial (self);
  if (self->receiver->paused)
    return;
  self->active_us = g_get_monotonic_time ();
  if (is_over (self))
    self->ended (self, self->user_data);
  else if (!self->at_end)
    begin_reading (self);
}

gint64
muster_syslog_peer_get_active_us (MusterSyslogPeer *self)
{
  return self->active_us;
}

gboolean
muster_syslog_peer_end_if_idle (MusterSyslogPeer *self, gint64 since_us)
{
  gboolean is_idle;

  if (self->at_end || self->active_us > since_us)
    return FALSE;
  read_some (self); /* what has come and was not seen yet */
  if (!self->at_end && self->active_us > since_us)
    return FALSE;
  is_idle = !self->at_end;
  note_end (self, NULL);
  pause_reading (self);
  if (is_over (self))
    self->ended (self, self->user_data);
  return is_idle;
}

void
muster_syslog_peer_free (MusterSyslogPeer *self)
{
  pause_reading (self);
  take_partial (self);
  for (guint i = 0; i < BURST_END && !self->receiver->paused && read_some (self); i++)
    ;
  self->at_end = TRUE;
  take_partial (self);
  g_io_stream_close (self->stream, NULL, NULL);
  g_object_unref (self->stream);
  g_byte_array_unref (self->partial);
  g_free (self->name);
  g_free (self);
}

const char *
muster_syslog_peer_get_name (MusterSyslogPeer *self)
{
  return self->name != NULL ? self->name : "a local sender";
}
