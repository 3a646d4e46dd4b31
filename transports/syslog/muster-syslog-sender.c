/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Messages to one receiver, over one connection after the other.
 */
#include "config.h"

#include <errno.h>
#include <sys/uio.h>

#include "muster-syslog-sender.h"

#define PIECE_SIZE  65536
#define WINDOW_SIZE (4 << 20) /* what is sent and not taken; the kernel's buffer for it is smaller */
#define AT_ONCE     64
#define STOP_US     (2 * G_USEC_PER_SEC) /* for the last of it to be taken */

struct _MusterSyslogSender
{
  char *name;                     /* owned; the endpoint as it was written */
  MusterSyslogEndpoint *endpoint; /* owned */
  MusterSyslogConnectionOptions options;
  MusterSyslogConnection *connection; /* owned; NULL while there is none */
  MusterSyslogOutbox outbox;
  guint too_long; /* datagrams that the network does not take, since it was said */
};

MusterSyslogSender *
muster_syslog_sender_new (const char *name, MusterSyslogEndpoint *endpoint,
                          const MusterSyslogConnectionOptions *options)
{
  MusterSyslogSender *self = g_new0 (MusterSyslogSender, 1);

  self->name = g_strdup (name);
  self->endpoint = endpoint;
  self->options = *options;
  self->options.endpoint = endpoint;
  muster_syslog_outbox_init (&self->outbox);
  return self;
}

void
muster_syslog_sender_free (MusterSyslogSender *self)
{
  g_clear_pointer (&self->connection, muster_syslog_connection_free);
  muster_syslog_outbox_clear (&self->outbox);
  muster_syslog_endpoint_free (self->endpoint);
  g_free (self->name);
  g_free (self);
}

MusterSyslogOutbox *
muster_syslog_sender_get_outbox (MusterSyslogSender *self)
{
  return &self->outbox;
}

gboolean
muster_syslog_sender_is_datagram (const MusterSyslogSender *self)
{
  return muster_syslog_endpoint_is_datagram (self->endpoint);
}

/* -- the connection -------------------------------------------------------------------------------- */

static gboolean
connect_if_needed (MusterSyslogSender *self, GError **error)
{
  if (self->connection != NULL)
    return TRUE;
  self->connection = muster_syslog_connection_new (&self->options, error);
  if (self->connection != NULL && self->endpoint->kind == MUSTER_SYSLOG_UNIX)
    self->endpoint->kind =
        muster_syslog_connection_is_datagram (self->connection) ? MUSTER_SYSLOG_UNIX_DGRAM : MUSTER_SYSLOG_UNIX_STREAM;
  return self->connection != NULL;
}

static void
forget_taken (MusterSyslogSender *self)
{
  if (self->connection != NULL && !muster_syslog_connection_is_datagram (self->connection))
    muster_syslog_outbox_note_taken (&self->outbox, muster_syslog_connection_get_taken (self->connection));
}

static void
disconnect (MusterSyslogSender *self)
{
  guint again = 0;

  if (self->connection == NULL)
    return;
  forget_taken (self);
  if (!muster_syslog_connection_is_datagram (self->connection))
    again = muster_syslog_outbox_rewind (&self->outbox);
  g_clear_pointer (&self->connection, muster_syslog_connection_free);
  if (again > 0)
    muster_transport_report (self->options.transport, MUSTER_LEVEL_NOTICE,
                             "the connection broke; %u messages that may not have been taken are sent again", again);
}

static gboolean
give_up_waiting (MusterSyslogSender *self, gint64 since_us, GError **error)
{
  if (muster_transport_is_stopping (self->options.transport))
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "%s takes nothing just now", self->name);
      return TRUE;
    }
  if (g_get_monotonic_time () - since_us < self->options.timeout_us)
    return FALSE;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "%s has taken nothing for %d s", self->name,
               (int) (self->options.timeout_us / G_USEC_PER_SEC));
  disconnect (self);
  return TRUE;
}

/* -- sending --------------------------------------------------------------------------------------- */

static gboolean
send_stream (MusterSyslogSender *self, GError **error)
{
  MusterSyslogOutbox *outbox = &self->outbox;
  gint64 since_us = g_get_monotonic_time ();
  gsize left;

  while ((left = muster_syslog_outbox_get_unsent (outbox)) > 0)
    {
      gssize n = muster_syslog_connection_send (self->connection, outbox->bytes->data + outbox->sent,
                                                MIN (left, PIECE_SIZE), error);

      if (n < 0)
        {
          disconnect (self);
          return FALSE;
        }
      muster_syslog_outbox_note_sent (outbox, (gsize) n);
      muster_transport_add_bytes (self->options.transport, (gsize) n);
      if (n > 0)
        since_us = g_get_monotonic_time ();
      else if (give_up_waiting (self, since_us, error))
        return FALSE;
      else
        muster_syslog_connection_wait (self->connection);
    }
  return TRUE;
}

static guint
fill_vectors (const MusterSyslogOutbox *outbox, struct iovec *vectors)
{
  guint n = MIN (outbox->ends->len, AT_ONCE);
  gsize start = 0;

  for (guint i = 0; i < n; i++)
    {
      gsize end = g_array_index (outbox->ends, gsize, i);

      vectors[i] = (struct iovec){ outbox->bytes->data + start, end - start };
      start = end;
    }
  return n;
}

/* The first @n are on their way, and nobody will ever say more of them. */
static void
drop_datagrams (MusterSyslogOutbox *outbox, guint n)
{
  gsize bytes = g_array_index (outbox->ends, gsize, n - 1);

  muster_syslog_outbox_note_sent (outbox, bytes);
  muster_syslog_outbox_note_taken (outbox, outbox->base + bytes);
}

/* Longer than the network takes: no try will help. */
static void
drop_too_long (MusterSyslogSender *self)
{
  if (self->too_long++ == 0)
    muster_transport_report (
        self->options.transport, MUSTER_LEVEL_ERROR,
        "a message of %" G_GSIZE_FORMAT
        " bytes is too long for one datagram here and is lost, and so will be others; lower max-size",
        g_array_index (self->outbox.ends, gsize, 0));
  drop_datagrams (&self->outbox, 1);
}

/* FALSE, with the connection gone, if nobody is there. What ICMP says is about an earlier datagram. */
static gboolean
send_datagrams (MusterSyslogSender *self, GError **error)
{
  struct iovec vectors[AT_ONCE];
  gint64 since_us = g_get_monotonic_time ();

  while (self->outbox.ends->len > 0)
    {
      guint n = fill_vectors (&self->outbox, vectors);
      int sent = muster_syslog_connection_send_datagrams (self->connection, vectors, n);

      if (sent > 0)
        {
          muster_transport_add_bytes (self->options.transport, g_array_index (self->outbox.ends, gsize, sent - 1));
          drop_datagrams (&self->outbox, (guint) sent);
          since_us = g_get_monotonic_time ();
        }
      else if (sent < 0 && errno == EMSGSIZE)
        drop_too_long (self);
      else if (sent < 0)
        {
          g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "cannot send to %s: %s", self->name,
                       g_strerror (errno));
          g_clear_pointer (&self->connection, muster_syslog_connection_free);
          return FALSE;
        }
      else if (give_up_waiting (self, since_us, error))
        return FALSE;
      else
        muster_syslog_connection_wait (self->connection);
    }
  return TRUE;
}

/* One connection that turns out to be broken is replaced at once. */
gboolean
muster_syslog_sender_send (MusterSyslogSender *self, GError **error)
{
  gboolean had_connection = self->connection != NULL;
  g_autoptr (GError) reason = NULL;

  if (had_connection && !muster_syslog_connection_is_datagram (self->connection)
      && muster_syslog_connection_is_closed (self->connection))
    disconnect (self);
  forget_taken (self);
  for (guint i = 0; i < 2; i++)
    {
      g_clear_error (&reason);
      if (!connect_if_needed (self, &reason))
        break;
      if (muster_syslog_connection_is_datagram (self->connection) ? send_datagrams (self, &reason)
                                                                  : send_stream (self, &reason))
        return TRUE;
      if (self->connection != NULL || !had_connection)
        break;
    }
  g_propagate_error (error, g_steal_pointer (&reason));
  return FALSE;
}

/* A receiver that takes connections and then refuses what comes must not fill the memory. */
static gboolean
await_window (MusterSyslogSender *self, GError **error)
{
  gint64 since_us = g_get_monotonic_time ();

  for (;;)
    {
      forget_taken (self);
      if (self->outbox.bytes->len <= WINDOW_SIZE)
        return TRUE;
      if ((self->connection == NULL || muster_syslog_connection_is_closed (self->connection))
          && !muster_syslog_sender_send (self, error))
        return FALSE;
      if (give_up_waiting (self, since_us, error))
        return FALSE;
      g_usleep (1000); /* acknowledgements wake nobody */
    }
}

/* What is on its way has a little time to arrive. */
static void
await_taken (MusterSyslogSender *self)
{
  gint64 deadline_us = g_get_monotonic_time () + STOP_US;

  for (;;)
    {
      forget_taken (self);
      if (muster_syslog_outbox_is_empty (&self->outbox) || g_get_monotonic_time () >= deadline_us)
        return;
      if ((self->connection == NULL || muster_syslog_connection_is_closed (self->connection))
          && !muster_syslog_sender_send (self, NULL))
        return;
      g_usleep (1000); /* acknowledgements wake nobody */
    }
}

/* -- for the transport ------------------------------------------------------------------------------ */

gboolean
muster_syslog_sender_prepare (MusterSyslogSender *self, GError **error)
{
  return await_window (self, error) && (self->endpoint->kind != MUSTER_SYSLOG_UNIX || connect_if_needed (self, error));
}

gboolean
muster_syslog_sender_look (MusterSyslogSender *self, GError **error)
{
  forget_taken (self);
  if (muster_syslog_outbox_is_empty (&self->outbox))
    return TRUE;
  if (self->connection == NULL || muster_syslog_connection_is_closed (self->connection))
    return muster_syslog_sender_send (self, error);
  return TRUE;
}

void
muster_syslog_sender_finish (MusterSyslogSender *self)
{
  await_taken (self);
  if (self->outbox.ends->len > 0)
    muster_transport_report (self->options.transport, MUSTER_LEVEL_WARNING, "%u messages may not have been taken by %s",
                             self->outbox.ends->len, self->name);
}
