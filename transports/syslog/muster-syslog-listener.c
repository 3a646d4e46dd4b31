/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where a source listens. Made by the owner; all else in the intake's thread.
 */
#include "config.h"

#include <errno.h>
#include <gio/gunixsocketaddress.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "muster-syslog-datagrams.h"
#include "muster-syslog-listener.h"
#include "muster-syslog-peer.h"

#define BACKLOG              128
#define HANDSHAKE_TIMEOUT_MS 10000
/* How long no connection is accepted when there is no descriptor for it. */
#define EXHAUSTED_MS 1000
/* When the same trouble is said again. */
#define REPORT_INTERVAL_US (10 * G_USEC_PER_SEC)

struct _MusterSyslogListener
{
  MusterSyslogEndpoint *endpoint; /* owned */
  const MusterSyslogListenerOptions *options;
  GSocket *socket;                  /* owned */
  GSource *source;                  /* owned; accepts, or waits until it may again; NULL where nothing is accepted */
  MusterSyslogDatagrams *datagrams; /* owned; NULL of streams */
  GPtrArray *peers;                 /* of MusterSyslogPeer, owned */
  GHashTable *handshakes;           /* of Handshake, which free themselves */
  gint64 reported_us;
  guint n_unsaid;
  gboolean made_path; /* a local socket is there that we have made */
};

typedef struct
{
  MusterSyslogListener *listener; /* NULL: it was closed meanwhile */
  GIOStream *stream;              /* owned */
  GCancellable *cancellable;      /* owned */
  GSource *timeout;               /* owned */
  char *name;                     /* owned */
} Handshake;

static void accept_again (MusterSyslogListener *self);

/* -- binding --------------------------------------------------------------------------------------- */

static gboolean
unavailable (MusterSyslogListener *self, const char *what, GError *reason, GError **error)
{
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "%s %s:%u: %s", what, self->endpoint->host,
               self->endpoint->port, reason->message);
  g_error_free (reason);
  return FALSE;
}

static GSocketAddress *
make_address (MusterSyslogListener *self, GError **error)
{
  const char *host = self->endpoint->host;
  GSocketAddress *address;

  if (muster_syslog_endpoint_is_unix (self->endpoint))
    return g_unix_socket_address_new (host);
  address = g_inet_socket_address_new_from_string (g_str_equal (host, "*")           ? "::"
                                                   : g_str_equal (host, "localhost") ? "127.0.0.1"
                                                                                     : host,
                                                   self->endpoint->port);
  if (address == NULL)
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                 "bind: '%s' is no address of this machine; expected one in numbers, or * for all", host);
  return address;
}

/* What a dead process has left; a socket at which somebody listens is left alone. */
static void
remove_stale (const char *path, GSocketType type)
{
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (path);
  g_autoptr (GSocket) probe = g_socket_new (G_SOCKET_FAMILY_UNIX, type, G_SOCKET_PROTOCOL_DEFAULT, NULL);
  g_autoptr (GError) error = NULL;
  struct stat info;

  if (probe == NULL || lstat (path, &info) != 0 || !S_ISSOCK (info.st_mode))
    return;
  if (!g_socket_connect (probe, address, NULL, &error)
      && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
    unlink (path);
}

static void
set_buffer (MusterSyslogListener *self)
{
  int fd = g_socket_get_fd (self->socket);
  int size = (int) MIN (self->options->receive_buffer, G_MAXINT / 2);

  /* Beyond net.core.rmem_max only with CAP_NET_ADMIN. */
  if (setsockopt (fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
    setsockopt (fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

static gboolean
bind_socket (MusterSyslogListener *self, GSocketAddress *address, gboolean is_datagram, GError **error)
{
  GSocketType type = is_datagram ? G_SOCKET_TYPE_DATAGRAM : G_SOCKET_TYPE_STREAM;
  gboolean is_unix = muster_syslog_endpoint_is_unix (self->endpoint);
  GError *reason = NULL;

  self->socket = g_socket_new (g_socket_address_get_family (address), type, G_SOCKET_PROTOCOL_DEFAULT, &reason);
  if (self->socket == NULL)
    return unavailable (self, "make a socket for", reason, error);
  if (is_unix)
    remove_stale (self->endpoint->host, type);
  if (!g_socket_bind (self->socket, address, !is_datagram, &reason))
    return unavailable (self, "bind", reason, error);
  self->made_path = is_unix;
  if (is_unix && chmod (self->endpoint->host, self->options->socket_mode) != 0)
    g_set_error (&reason, G_IO_ERROR, G_IO_ERROR_FAILED, "set its mode: %s", g_strerror (errno));
  g_socket_set_blocking (self->socket, FALSE);
  if (reason == NULL && !is_datagram)
    {
      g_socket_set_listen_backlog (self->socket, BACKLOG);
      g_socket_listen (self->socket, &reason);
    }
  if (reason != NULL)
    return unavailable (self, "listen at", reason, error);
  if (is_datagram)
    set_buffer (self);
  return TRUE;
}

MusterSyslogListener *
muster_syslog_listener_new (MusterSyslogEndpoint *endpoint, const MusterSyslogListenerOptions *options, GError **error)
{
  MusterSyslogListener *self = g_new0 (MusterSyslogListener, 1);
  g_autoptr (GSocketAddress) address = NULL;

  if (endpoint->kind == MUSTER_SYSLOG_UNIX) /* /dev/log takes datagrams */
    endpoint->kind = MUSTER_SYSLOG_UNIX_DGRAM;
  self->endpoint = endpoint;
  self->options = options;
  self->peers = g_ptr_array_new ();
  self->handshakes = g_hash_table_new (NULL, NULL);
  self->reported_us = g_get_monotonic_time () - REPORT_INTERVAL_US;
  address = make_address (self, error);
  if (address != NULL && bind_socket (self, address, muster_syslog_endpoint_is_datagram (endpoint), error))
    return self;
  muster_syslog_listener_free (self);
  return NULL;
}

void
muster_syslog_listener_free (MusterSyslogListener *self)
{
  if (self->made_path)
    unlink (self->endpoint->host);
  g_clear_object (&self->socket);
  g_ptr_array_unref (self->peers);
  g_hash_table_unref (self->handshakes);
  muster_syslog_endpoint_free (self->endpoint);
  g_free (self);
}

guint16
muster_syslog_listener_get_port (MusterSyslogListener *self)
{
  g_autoptr (GSocketAddress) address = g_socket_get_local_address (self->socket, NULL);

  return address != NULL && G_IS_INET_SOCKET_ADDRESS (address)
             ? g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address))
             : 0;
}

/* -- what is said ---------------------------------------------------------------------------------- */

static G_GNUC_PRINTF (2, 3) void report (MusterSyslogListener *self, const char *format, ...)
{
  gint64 now_us = g_get_monotonic_time ();
  g_autofree char *text = NULL;
  va_list arguments;

  if (now_us - self->reported_us < REPORT_INTERVAL_US)
    {
      self->n_unsaid++;
      return;
    }
  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  muster_source_report (self->options->receiver->source, MUSTER_LEVEL_WARNING, "%s (and %u like it before)", text,
                        self->n_unsaid);
  self->reported_us = now_us;
  self->n_unsaid = 0;
}

/* -- connections ----------------------------------------------------------------------------------- */

static void
peer_ended_cb (MusterSyslogPeer *peer, gpointer user_data)
{
  MusterSyslogListener *self = user_data;

  g_ptr_array_remove_fast (self->peers, peer);
  muster_syslog_peer_free (peer);
}

static void
add_peer (MusterSyslogListener *self, GIOStream *stream, const char *name)
{
  g_ptr_array_add (self->peers, muster_syslog_peer_new (self->options->receiver, stream, name, peer_ended_cb, self));
}

static void
handshake_free (Handshake *handshake)
{
  g_source_destroy (handshake->timeout);
  g_source_unref (handshake->timeout);
  g_object_unref (handshake->stream);
  g_object_unref (handshake->cancellable);
  g_free (handshake->name);
  g_free (handshake);
}

static void
handshake_cb (GObject *stream, GAsyncResult *result, gpointer user_data)
{
  Handshake *handshake = user_data;
  MusterSyslogListener *self = handshake->listener;
  g_autoptr (GError) error = NULL;
  gboolean good = g_tls_connection_handshake_finish (G_TLS_CONNECTION (stream), result, &error);

  if (self != NULL)
    {
      g_hash_table_remove (self->handshakes, handshake);
      if (good)
        add_peer (self, handshake->stream, handshake->name);
      else
        report (self, "%s was refused: %s", handshake->name, error->message);
    }
  if (self == NULL || !good)
    g_io_stream_close (handshake->stream, NULL, NULL);
  handshake_free (handshake);
}

static gboolean
handshake_timeout_cb (gpointer user_data)
{
  g_cancellable_cancel (((Handshake *) user_data)->cancellable);
  return G_SOURCE_REMOVE;
}

/* Of servers GIO asks in any case; the certificate has been checked against the authorities. */
static gboolean
accept_certificate_cb (GTlsConnection *connection, GTlsCertificate *certificate, GTlsCertificateFlags errors,
                       gpointer user_data)
{
  return errors == 0;
}

/* With authorities, who has no certificate of theirs is refused. */
static GIOStream *
make_tls (MusterSyslogListener *self, GIOStream *base, GError **error)
{
  const MusterSyslogTls *tls = self->options->tls;
  GIOStream *stream = g_tls_server_connection_new (base, tls->certificate, error);

  if (stream != NULL && tls->authorities != NULL)
    {
      g_tls_connection_set_database (G_TLS_CONNECTION (stream), tls->authorities);
      g_object_set (stream, "authentication-mode", G_TLS_AUTHENTICATION_REQUIRED, NULL);
      g_signal_connect (stream, "accept-certificate", G_CALLBACK (accept_certificate_cb), NULL);
    }
  return stream;
}

static void
begin_handshake (MusterSyslogListener *self, GIOStream *base, const char *name)
{
  g_autoptr (GError) error = NULL;
  GIOStream *stream = make_tls (self, base, &error);
  Handshake *handshake;

  if (stream == NULL)
    {
      report (self, "%s was refused: %s", name, error->message);
      return;
    }
  g_tls_connection_set_require_close_notify (G_TLS_CONNECTION (stream), FALSE); /* its frames tell what is whole */
  handshake = g_new0 (Handshake, 1);
  handshake->listener = self;
  handshake->stream = stream;
  handshake->cancellable = g_cancellable_new ();
  handshake->name = g_strdup (name);
  handshake->timeout = g_timeout_source_new (HANDSHAKE_TIMEOUT_MS);
  g_source_set_callback (handshake->timeout, handshake_timeout_cb, handshake, NULL);
  g_source_attach (handshake->timeout, muster_source_get_context (self->options->receiver->source));
  g_hash_table_add (self->handshakes, handshake);
  g_tls_connection_handshake_async (G_TLS_CONNECTION (stream), G_PRIORITY_DEFAULT, handshake->cancellable, handshake_cb,
                                    handshake);
}

/* -- accepting ------------------------------------------------------------------------------------- */

/* The address in numbers; of IPv4 seen through an IPv6 socket the former. NULL of local ones. */
static char *
name_of (GSocket *connection)
{
  g_autoptr (GSocketAddress) address = g_socket_get_remote_address (connection, NULL);
  g_autofree char *text = NULL;

  if (address == NULL || !G_IS_INET_SOCKET_ADDRESS (address))
    return NULL;
  text = g_inet_address_to_string (g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (address)));
  return g_strdup (g_str_has_prefix (text, "::ffff:") ? text + strlen ("::ffff:") : text);
}

static void
welcome (MusterSyslogListener *self, GSocket *connection)
{
  g_autofree char *name = name_of (connection);
  g_autoptr (GSocketConnection) stream = NULL;

  if (self->peers->len + g_hash_table_size (self->handshakes) >= self->options->max_connections)
    {
      report (self, "%s was refused: there are %u connections already; raise max-connections",
              name != NULL ? name : "a local sender", self->options->max_connections);
      return;
    }
  g_socket_set_blocking (connection, FALSE);
  g_socket_set_keepalive (connection, TRUE);
  stream = g_socket_connection_factory_create_connection (connection);
  if (self->endpoint->kind == MUSTER_SYSLOG_TLS)
    begin_handshake (self, G_IO_STREAM (stream), name);
  else
    add_peer (self, G_IO_STREAM (stream), name);
}

static gboolean
exhausted_cb (gpointer user_data)
{
  accept_again (user_data);
  return G_SOURCE_REMOVE;
}

static void
set_source (MusterSyslogListener *self, GSource *source, GSourceFunc function)
{
  if (self->source != NULL)
    g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
  self->source = source;
  if (source == NULL)
    return;
  g_source_set_callback (source, function, self, NULL);
  g_source_attach (source, muster_source_get_context (self->options->receiver->source));
}

static gboolean
connection_cb (GSocket *socket, GIOCondition condition, gpointer user_data)
{
  MusterSyslogListener *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) connection = g_socket_accept (socket, NULL, &error);

  if (connection != NULL)
    {
      welcome (self, connection);
      return G_SOURCE_CONTINUE;
    }
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK)
      || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED))
    return G_SOURCE_CONTINUE;
  report (self, "cannot accept a connection: %s", error->message);
  set_source (self, g_timeout_source_new (EXHAUSTED_MS), exhausted_cb);
  return G_SOURCE_REMOVE;
}

static void
accept_again (MusterSyslogListener *self)
{
  set_source (self, g_socket_create_source (self->socket, G_IO_IN, NULL), G_SOURCE_FUNC (connection_cb));
}

/* -- the intake's thread --------------------------------------------------------------------------- */

void
muster_syslog_listener_begin (MusterSyslogListener *self)
{
  if (muster_syslog_endpoint_is_datagram (self->endpoint))
    self->datagrams = muster_syslog_datagrams_new (self->options->receiver, dup (g_socket_get_fd (self->socket)),
                                                   !muster_syslog_endpoint_is_unix (self->endpoint));
  else
    accept_again (self);
}

void
muster_syslog_listener_resume (MusterSyslogListener *self)
{
  if (self->datagrams != NULL)
    muster_syslog_datagrams_resume (self->datagrams);
  /* From the last, for those that are over go. */
  for (guint i = self->peers->len; i > 0 && !self->options->receiver->paused; i--)
    muster_syslog_peer_resume (g_ptr_array_index (self->peers, i - 1));
}

void
muster_syslog_listener_end (MusterSyslogListener *self)
{
  GHashTableIter iter;
  gpointer handshake;

  set_source (self, NULL, NULL);
  g_clear_pointer (&self->datagrams, muster_syslog_datagrams_free);
  for (guint i = 0; i < self->peers->len; i++)
    muster_syslog_peer_free (g_ptr_array_index (self->peers, i));
  g_ptr_array_set_size (self->peers, 0);
  g_hash_table_iter_init (&iter, self->handshakes);
  while (g_hash_table_iter_next (&iter, &handshake, NULL))
    {
      ((Handshake *) handshake)->listener = NULL;
      g_cancellable_cancel (((Handshake *) handshake)->cancellable);
    }
  g_hash_table_remove_all (self->handshakes);
}
