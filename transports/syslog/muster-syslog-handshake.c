/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The beginning of a TLS connection, with a limit for its time.
 */
#include "config.h"

#include "muster-syslog-handshake.h"

struct _MusterSyslogHandshake
{
  GIOStream *stream;         /* owned */
  GCancellable *cancellable; /* owned */
  GSource *timeout;          /* owned */
  gint64 timeout_us;
  MusterSyslogHandshakeFunc ended; /* NULL: nobody is interested any more */
  gpointer user_data;
};

static void
handshake_free (MusterSyslogHandshake *self)
{
  g_source_destroy (self->timeout);
  g_source_unref (self->timeout);
  g_object_unref (self->stream);
  g_object_unref (self->cancellable);
  g_free (self);
}

static void
say_why (MusterSyslogHandshake *self, GError **error)
{
  if (!g_cancellable_is_cancelled (self->cancellable))
    return;
  g_clear_error (error);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "its TLS handshake took longer than %g s",
               (double) self->timeout_us / G_USEC_PER_SEC);
}

static void
handshake_cb (GObject *stream, GAsyncResult *result, gpointer user_data)
{
  MusterSyslogHandshake *self = user_data;
  g_autoptr (GError) error = NULL;
  gboolean good = g_tls_connection_handshake_finish (G_TLS_CONNECTION (stream), result, &error);

  if (!good)
    say_why (self, &error);
  if (self->ended != NULL)
    self->ended (self, good ? self->stream : NULL, error, self->user_data);
  if (self->ended == NULL || !good)
    g_io_stream_close (self->stream, NULL, NULL);
  handshake_free (self);
}

static gboolean
timeout_cb (gpointer user_data)
{
  g_cancellable_cancel (((MusterSyslogHandshake *) user_data)->cancellable);
  return G_SOURCE_REMOVE;
}

/* Of servers GIO asks in any case; the certificate has been checked against the authorities. */
static gboolean
accept_certificate_cb (GTlsConnection *connection, GTlsCertificate *certificate, GTlsCertificateFlags errors,
                       gpointer user_data)
{
  return errors == 0;
}

static GIOStream *
make_stream (GIOStream *base, const MusterSyslogTls *tls, GError **error)
{
  GIOStream *stream = g_tls_server_connection_new (base, tls->certificate, error);

  if (stream == NULL)
    return NULL;
  g_tls_connection_set_require_close_notify (G_TLS_CONNECTION (stream), FALSE); /* its frames tell what is whole */
  if (tls->authorities == NULL)
    return stream;
  g_tls_connection_set_database (G_TLS_CONNECTION (stream), tls->authorities);
  g_object_set (stream, "authentication-mode", G_TLS_AUTHENTICATION_REQUIRED, NULL);
  g_signal_connect (stream, "accept-certificate", G_CALLBACK (accept_certificate_cb), NULL);
  return stream;
}

MusterSyslogHandshake *
muster_syslog_handshake_new (GIOStream *base, const MusterSyslogTls *tls, gint64 timeout_us, GMainContext *context,
                             MusterSyslogHandshakeFunc ended, gpointer user_data, GError **error)
{
  GIOStream *stream = make_stream (base, tls, error);
  MusterSyslogHandshake *self;

  if (stream == NULL)
    return NULL;
  self = g_new0 (MusterSyslogHandshake, 1);
  self->stream = stream;
  self->cancellable = g_cancellable_new ();
  self->timeout_us = timeout_us;
  self->timeout = g_timeout_source_new ((guint) (timeout_us / 1000));
  self->ended = ended;
  self->user_data = user_data;
  g_source_set_callback (self->timeout, timeout_cb, self, NULL);
  g_source_attach (self->timeout, context);
  g_tls_connection_handshake_async (G_TLS_CONNECTION (stream), G_PRIORITY_DEFAULT, self->cancellable, handshake_cb,
                                    self);
  return self;
}

void
muster_syslog_handshake_abandon (MusterSyslogHandshake *self)
{
  self->ended = NULL;
  g_cancellable_cancel (self->cancellable);
}
