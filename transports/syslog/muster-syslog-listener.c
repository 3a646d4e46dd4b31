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

#include "muster-syslog-address.h"
#include "muster-syslog-datagrams.h"
#include "muster-syslog-handshake.h"
#include "muster-syslog-keepalive.h"
#include "muster-syslog-listener.h"
#include "muster-syslog-peer.h"
#include "muster-syslog-trouble.h"

#define BACKLOG 128
/* How long no connection is accepted when there is no descriptor for it. */
#define EXHAUSTED_MS 1000
/* Idle connections are looked for so often in their time at most. */
#define IDLE_LOOKS 8

struct _MusterSyslogListener
{
  MusterSyslogEndpoint *endpoint; /* owned */
  const MusterSyslogListenerOptions *options;
  GSocket *socket;                  /* owned */
  GSource *source;                  /* owned; accepts, or waits until it may again; NULL where nothing is accepted */
  MusterSyslogDatagrams *datagrams; /* owned; NULL of streams */
  GPtrArray *peers;                 /* of MusterSyslogPeer, owned */
  GHashTable *welcomes;             /* of Welcome: connections whose handshake goes on */
  GSource *idle_source;             /* owned; while there is something to look for */
  gboolean exhausted;               /* there was no descriptor for the last connection */
  gboolean made_path;               /* a local socket is there that we have made */
  MusterSyslogTrouble refused, too_many, cannot_accept, idle;
};

/* A connection that is to be encrypted yet. */
typedef struct
{
  MusterSyslogListener *listener;
  MusterSyslogHandshake *handshake; /* frees itself */
  char *name;                       /* owned */
} Welcome;

static void accept_again (MusterSyslogListener *self);
static void await_idle (MusterSyslogListener *self);

static void
welcome_free (gpointer data)
{
  Welcome *welcome = data;

  g_free (welcome->name);
  g_free (welcome);
}

/* -- binding --------------------------------------------------------------------------------------- */

static gboolean
unavailable (MusterSyslogListener *self, const char *what, GError *reason, GError **error)
{
  if (muster_syslog_endpoint_is_unix (self->endpoint))
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "%s %s: %s", what, self->endpoint->host,
                 reason->message);
  else
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

/* What a dead process has left; a socket at which somebody listens is left alone. If his queue is full that is seen at once,
 * for GSocket's descriptors never block, and connect(2) says EAGAIN of local ones. */
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
  self->welcomes = g_hash_table_new_full (NULL, NULL, welcome_free, NULL);
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
  g_hash_table_unref (self->welcomes);
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

/* -- connections that say nothing ------------------------------------------------------------------- */

static gint64
find_first_active (MusterSyslogListener *self)
{
  gint64 first_us = G_MAXINT64;

  for (guint i = 0; i < self->peers->len; i++)
    first_us = MIN (first_us, muster_syslog_peer_get_active_us (g_ptr_array_index (self->peers, i)));
  return first_us;
}

static void
end_idle (MusterSyslogListener *self)
{
  gint64 since_us = g_get_monotonic_time () - self->options->idle_timeout_us;

  /* From the last, for those that are over go. */
  for (guint i = self->peers->len; i > 0 && !self->options->receiver->paused; i--)
    {
      MusterSyslogPeer *peer = g_ptr_array_index (self->peers, i - 1);
      g_autofree char *name = g_strdup (muster_syslog_peer_get_name (peer));

      if (muster_syslog_peer_end_if_idle (peer, since_us))
        muster_syslog_trouble_report (&self->idle, self->options->receiver->source,
                                      "the connection of %s was closed: nothing came over it for %g s, which is "
                                      "idle-timeout",
                                      name, (double) self->options->idle_timeout_us / G_USEC_PER_SEC);
    }
}

static gboolean
idle_cb (gpointer user_data)
{
  MusterSyslogListener *self = user_data;

  g_clear_pointer (&self->idle_source, g_source_unref);
  end_idle (self);
  await_idle (self);
  return G_SOURCE_REMOVE;
}

/* Looks again when the next one can be due, and not too often. While nobody reads, nobody is idle. */
static void
await_idle (MusterSyslogListener *self)
{
  gint64 timeout_us = self->options->idle_timeout_us;
  gint64 wait_us = timeout_us;

  if (timeout_us == 0 || self->idle_source != NULL || self->peers->len == 0)
    return;
  if (!self->options->receiver->paused)
    wait_us = MAX (find_first_active (self) + timeout_us - g_get_monotonic_time (), timeout_us / IDLE_LOOKS);
  self->idle_source = g_timeout_source_new ((guint) MIN (wait_us / 1000 + 1, G_MAXINT));
  g_source_set_callback (self->idle_source, idle_cb, self, NULL);
  g_source_attach (self->idle_source, muster_source_get_context (self->options->receiver->source));
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
  await_idle (self);
}

static void
report_refused (MusterSyslogListener *self, const char *name, const GError *error)
{
  muster_syslog_trouble_report (&self->refused, self->options->receiver->source, "%s was refused: %s", name,
                                error->message);
}

static void
handshake_ended_cb (MusterSyslogHandshake *handshake, GIOStream *stream, const GError *error, gpointer user_data)
{
  Welcome *welcome = user_data;
  MusterSyslogListener *self = welcome->listener;

  if (stream != NULL)
    add_peer (self, stream, welcome->name);
  else
    report_refused (self, welcome->name, error);
  g_hash_table_remove (self->welcomes, welcome);
}

static void
begin_handshake (MusterSyslogListener *self, GSocketConnection *base, const char *name)
{
  Welcome *welcome = g_new0 (Welcome, 1);
  g_autoptr (GError) error = NULL;

  *welcome = (Welcome){ .listener = self, .name = g_strdup (name) };
  welcome->handshake = muster_syslog_handshake_new (base, self->options->tls, self->options->handshake_timeout_us,
                                                    muster_source_get_context (self->options->receiver->source),
                                                    handshake_ended_cb, welcome, &error);
  if (welcome->handshake != NULL)
    {
      g_hash_table_add (self->welcomes, welcome);
      return;
    }
  report_refused (self, name, error);
  welcome_free (welcome);
}

/* -- accepting ------------------------------------------------------------------------------------- */

/* @name: the sender's address; NULL of local ones. */
static void
welcome (MusterSyslogListener *self, GSocket *connection, const char *name)
{
  g_autoptr (GSocketConnection) stream = NULL;

  if (self->peers->len + g_hash_table_size (self->welcomes) >= self->options->max_connections)
    {
      muster_syslog_trouble_report (&self->too_many, self->options->receiver->source,
                                    "%s was refused: there are %u connections already; raise max-connections",
                                    name != NULL ? name : "a local sender", self->options->max_connections);
      return;
    }
  if (name != NULL)
    muster_syslog_keepalive_set (connection);
  stream = g_socket_connection_factory_create_connection (connection);
  if (self->endpoint->kind == MUSTER_SYSLOG_TLS)
    begin_handshake (self, stream, name);
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

/* Nothing can be accepted for a while: what waits would wake us again and again. Those that are there go on. */
static void
rest (MusterSyslogListener *self)
{
  if (!self->exhausted)
    muster_syslog_trouble_report (&self->cannot_accept, self->options->receiver->source,
                                  "cannot accept a connection: %s; it is tried again each second, and senders wait",
                                  g_strerror (errno));
  self->exhausted = TRUE;
  set_source (self, g_timeout_source_new (EXHAUSTED_MS), exhausted_cb);
}

/* What accept(2) says of one connection that is over already, or of no more there. */
static gboolean
is_passing (int number)
{
  return number == EAGAIN || number == EINTR || number == ECONNABORTED || number == EPROTO || number == ENETDOWN
         || number == EHOSTDOWN || number == ENONET || number == EHOSTUNREACH || number == ENETUNREACH;
}

/* By hand, for accept() tells whose it is even where the connection has been reset meanwhile, and getpeername() does not. */
static gboolean
connection_cb (GSocket *socket, GIOCondition condition, gpointer user_data)
{
  MusterSyslogListener *self = user_data;
  struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
  socklen_t size = sizeof address;
  char name[INET6_ADDRSTRLEN];
  g_autoptr (GSocket) connection = NULL;
  int fd = accept4 (g_socket_get_fd (socket), (struct sockaddr *) &address, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);

  if (fd < 0 && is_passing (errno))
    return G_SOURCE_CONTINUE;
  if (fd < 0)
    {
      rest (self);
      return G_SOURCE_REMOVE;
    }
  self->exhausted = FALSE;
  connection = g_socket_new_from_fd (fd, NULL);
  if (connection == NULL)
    {
      close (fd);
      return G_SOURCE_CONTINUE;
    }
  g_socket_set_blocking (connection, FALSE);
  welcome (self, connection, muster_syslog_address_to_text (&address, name) ? name : NULL);
  return G_SOURCE_CONTINUE;
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
  gpointer welcome;

  set_source (self, NULL, NULL);
  if (self->idle_source != NULL)
    g_source_destroy (self->idle_source);
  g_clear_pointer (&self->idle_source, g_source_unref);
  g_clear_pointer (&self->datagrams, muster_syslog_datagrams_free);
  for (guint i = 0; i < self->peers->len; i++)
    muster_syslog_peer_free (g_ptr_array_index (self->peers, i));
  g_ptr_array_set_size (self->peers, 0);
  g_hash_table_iter_init (&iter, self->welcomes);
  while (g_hash_table_iter_next (&iter, &welcome, NULL))
    muster_syslog_handshake_abandon (((Welcome *) welcome)->handshake);
  g_hash_table_remove_all (self->welcomes);
}
