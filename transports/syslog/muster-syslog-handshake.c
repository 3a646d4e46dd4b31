/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The beginning of a TLS connection, with a limit for its time. GIO does handshakes in a few threads that all of the process
 * share, ten to begin with: who is silent, or slow, must not hold one. So it begins when the client's first record
 * (RFC 8446, section 5.1: a type, a version of two bytes, a length of two, the bytes) is there, whole.
 */
#include "config.h"

#include <gio/gio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "muster-syslog-handshake.h"

#define HEADER_SIZE 5
#define HANDSHAKE   22    /* type of a record */
#define RECORD_MAX  16384 /* bytes behind its header */

struct _MusterSyslogHandshake
{
  GIOStream *stream;         /* owned */
  GCancellable *cancellable; /* owned */
  GSource *timeout;          /* owned */
  GSocket *socket;           /* owned */
  GSource *hello;            /* owned; until the first record is there */
  int wanted;                /* so many bytes are waited for */
  gint64 timeout_us;
  MusterSyslogHandshakeFunc ended; /* NULL: nobody is interested any more */
  gpointer user_data;
};

static void
handshake_free (MusterSyslogHandshake *self)
{
  g_source_destroy (self->timeout);
  g_source_unref (self->timeout);
  if (self->hello != NULL)
    g_source_destroy (self->hello);
  g_clear_pointer (&self->hello, g_source_unref);
  g_object_unref (self->socket);
  g_object_unref (self->stream);
  g_object_unref (self->cancellable);
  g_free (self);
}

/* Nobody was let in. */
static void
close_and_free (MusterSyslogHandshake *self)
{
  g_io_stream_close (self->stream, NULL, NULL);
  handshake_free (self);
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
    close_and_free (self);
  else
    handshake_free (self);
}

/* -- the first record ------------------------------------------------------------------------------ */

/* How many bytes there must be; 0: it is no use to wait. */
static int
count_wanted (MusterSyslogHandshake *self, int there)
{
  guint8 header[HEADER_SIZE];
  int length;

  if (there < self->wanted) /* woken all the same: no more will come */
    return 0;
  if (there < HEADER_SIZE)
    return HEADER_SIZE;
  if (recv (g_socket_get_fd (self->socket), header, sizeof header, MSG_PEEK | MSG_DONTWAIT) != sizeof header)
    return 0;
  length = header[3] << 8 | header[4];
  return header[0] == HANDSHAKE && length <= RECORD_MAX && there < HEADER_SIZE + length ? HEADER_SIZE + length : 0;
}

/* Of SO_RCVLOWAT poll() takes notice too (socket(7)): what trickles in does not wake us byte by byte. */
static gboolean
hello_cb (GSocket *socket, GIOCondition condition, gpointer user_data)
{
  MusterSyslogHandshake *self = user_data;
  int there = 0, wanted;

  ioctl (g_socket_get_fd (socket), FIONREAD, &there);
  wanted = count_wanted (self, there);
  self->wanted = wanted;
  g_socket_set_option (socket, SOL_SOCKET, SO_RCVLOWAT, MAX (wanted, 1), NULL);
  if (wanted > 0)
    return G_SOURCE_CONTINUE;
  g_clear_pointer (&self->hello, g_source_unref);
  g_tls_connection_handshake_async (G_TLS_CONNECTION (self->stream), G_PRIORITY_DEFAULT, self->cancellable,
                                    handshake_cb, self);
  return G_SOURCE_REMOVE;
}

static void
give_up_hello (MusterSyslogHandshake *self)
{
  g_autoptr (GError) error = NULL;

  say_why (self, &error);
  self->ended (self, NULL, error, self->user_data);
  close_and_free (self);
}

static gboolean
timeout_cb (gpointer user_data)
{
  MusterSyslogHandshake *self = user_data;

  g_cancellable_cancel (self->cancellable);
  if (self->hello != NULL)
    give_up_hello (self);
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
muster_syslog_handshake_new (GSocketConnection *base, const MusterSyslogTls *tls, gint64 timeout_us,
                             GMainContext *context, MusterSyslogHandshakeFunc ended, gpointer user_data, GError **error)
{
  GIOStream *stream = make_stream (G_IO_STREAM (base), tls, error);
  MusterSyslogHandshake *self;

  if (stream == NULL)
    return NULL;
  self = g_new0 (MusterSyslogHandshake, 1);
  self->stream = stream;
  self->socket = g_object_ref (g_socket_connection_get_socket (base));
  self->cancellable = g_cancellable_new ();
  self->timeout_us = timeout_us;
  self->timeout = g_timeout_source_new ((guint) (timeout_us / 1000));
  self->ended = ended;
  self->user_data = user_data;
  g_source_set_callback (self->timeout, timeout_cb, self, NULL);
  g_source_attach (self->timeout, context);
  self->hello = g_socket_create_source (self->socket, G_IO_IN, NULL);
  g_source_set_callback (self->hello, G_SOURCE_FUNC (hello_cb), self, NULL);
  g_source_attach (self->hello, context);
  return self;
}

void
muster_syslog_handshake_abandon (MusterSyslogHandshake *self)
{
  self->ended = NULL;
  g_cancellable_cancel (self->cancellable);
  if (self->hello != NULL)
    close_and_free (self);
}
