/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A connected socket of the transport.
 *
 * What the other side has taken: TCP_INFO says how many bytes its kernel has acknowledged since the connection was made
 * (tcpi_bytes_acked, Linux 4.1), SIOCOUTQ how many wait in ours (tcp(7), unix(7)). Behind each send both together are the
 * place in the stream where it ended, encrypted or not; as soon as so much is acknowledged, all that was sent until then is
 * taken. The first is asked after the second, so that such a place is rather too far than too near.
 */
#include "config.h"

#include <errno.h>
#include <gio/gunixsocketaddress.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "muster-syslog-connection.h"
#include "muster-syslog-keepalive.h"

#define WAIT_MS         100
#define STOP_TIMEOUT_US G_USEC_PER_SEC
#define AT_ONCE         64
/* What may wait in a local stream's buffer beyond its size: the last piece. */
#define UNIX_SLACK 262144

typedef struct
{
  guint64 wire;  /* acknowledged once so many bytes are */
  guint64 plain; /* all that was sent until then */
} Mark;

struct _MusterSyslogConnection
{
  GIOStream *stream;             /* owned; NULL of local datagrams */
  GSocket *socket;               /* owned */
  GPollableOutputStream *output; /* borrowed from stream; NULL where the socket is written to directly */
  gboolean is_datagram;
  gboolean is_tcp;
  gboolean closed; /* by the other side */
  guint64 sent;
  guint64 taken;
  GQueue marks; /* of Mark, owned */
};

/* -- connecting ------------------------------------------------------------------------------------ */

typedef struct
{
  const MusterSyslogConnectionOptions *options;
  GMainContext *context;
  GCancellable *cancellable;
  GAsyncResult *result; /* owned; NULL while it has not come */
} Operation;

static void
result_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  ((Operation *) user_data)->result = g_object_ref (result);
}

static gboolean
wake_cb (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

/* Runs the context until the result has come; cancels it when time is over. */
static void
await_result (Operation *operation)
{
  MusterTransport *transport = operation->options->transport;
  gint64 deadline_us = g_get_monotonic_time () + operation->options->timeout_us;
  gboolean stopping = FALSE;
  GSource *timer = g_timeout_source_new (WAIT_MS);

  g_source_set_callback (timer, wake_cb, NULL, NULL);
  g_source_attach (timer, operation->context);
  while (operation->result == NULL)
    {
      gint64 now_us = g_get_monotonic_time ();

      if (!stopping && muster_transport_is_stopping (transport))
        {
          stopping = TRUE;
          deadline_us = MIN (deadline_us, now_us + STOP_TIMEOUT_US);
        }
      if (now_us >= deadline_us)
        g_cancellable_cancel (operation->cancellable);
      g_main_context_iteration (operation->context, TRUE);
    }
  g_source_destroy (timer);
  g_source_unref (timer);
}

static void
unavailable (const MusterSyslogEndpoint *endpoint, GError *reason, GError **error)
{
  const char *text = g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_CANCELLED) ? "it takes too long" : reason->message;

  if (muster_syslog_endpoint_is_unix (endpoint))
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "cannot connect to %s: %s", endpoint->host, text);
  else
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "cannot connect to %s port %u: %s", endpoint->host,
                 endpoint->port, text);
  g_error_free (reason);
}

static GSocketConnection *
connect_host (Operation *operation, GError **error)
{
  const MusterSyslogEndpoint *endpoint = operation->options->endpoint;
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnectable) address = g_network_address_new (endpoint->host, endpoint->port);
  GSocketConnection *connection;

  g_socket_client_set_enable_proxy (client, FALSE);
  if (endpoint->kind == MUSTER_SYSLOG_UDP)
    {
      g_socket_client_set_socket_type (client, G_SOCKET_TYPE_DATAGRAM);
      g_socket_client_set_protocol (client, G_SOCKET_PROTOCOL_UDP);
    }
  g_socket_client_connect_async (client, address, operation->cancellable, result_cb, operation);
  await_result (operation);
  connection = g_socket_client_connect_finish (client, operation->result, error);
  g_clear_object (&operation->result);
  return connection;
}

/* Encrypted, and the other side is who it should be. */
static GIOStream *
secure (Operation *operation, GIOStream *base, GError **error)
{
  const MusterSyslogConnectionOptions *options = operation->options;
  const char *name = options->server_name != NULL ? options->server_name : options->endpoint->host;
  g_autoptr (GSocketConnectable) identity = g_network_address_new (name, options->endpoint->port);
  g_autoptr (GIOStream) stream = g_tls_client_connection_new (base, identity, error);
  gboolean good;

  if (stream == NULL)
    return NULL;
  if (options->tls->authorities != NULL)
    g_tls_connection_set_database (G_TLS_CONNECTION (stream), options->tls->authorities);
  if (options->tls->certificate != NULL)
    g_tls_connection_set_certificate (G_TLS_CONNECTION (stream), options->tls->certificate);
  g_tls_connection_handshake_async (G_TLS_CONNECTION (stream), G_PRIORITY_DEFAULT, operation->cancellable, result_cb,
                                    operation);
  await_result (operation);
  good = g_tls_connection_handshake_finish (G_TLS_CONNECTION (stream), operation->result, error);
  g_clear_object (&operation->result);
  return good ? g_steal_pointer (&stream) : NULL;
}

static gboolean
open_host (MusterSyslogConnection *self, Operation *operation, GError **error)
{
  GSocketConnection *connection = connect_host (operation, error);

  if (connection == NULL)
    return FALSE;
  self->stream = G_IO_STREAM (connection);
  self->socket = g_object_ref (g_socket_connection_get_socket (connection));
  self->is_tcp = operation->options->endpoint->kind != MUSTER_SYSLOG_UDP;
  g_socket_set_blocking (self->socket, FALSE);
  if (self->is_tcp)
    muster_syslog_keepalive_set (self->socket);
  if (operation->options->endpoint->kind != MUSTER_SYSLOG_TLS)
    return TRUE;
  self->stream = secure (operation, G_IO_STREAM (connection), error);
  g_object_unref (connection);
  if (self->stream == NULL)
    return FALSE;
  self->output = G_POLLABLE_OUTPUT_STREAM (g_io_stream_get_output_stream (self->stream));
  return TRUE;
}

static gboolean
open_path (MusterSyslogConnection *self, const MusterSyslogEndpoint *endpoint, GSocketType type, GError **error)
{
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (endpoint->host);

  g_clear_object (&self->socket);
  self->socket = g_socket_new (G_SOCKET_FAMILY_UNIX, type, G_SOCKET_PROTOCOL_DEFAULT, error);
  if (self->socket == NULL || !g_socket_connect (self->socket, address, NULL, error))
    return FALSE;
  g_socket_set_blocking (self->socket, FALSE);
  return TRUE;
}

/* unix: tries datagrams first, as syslog(3) does; EPROTOTYPE says that a stream listens there. */
static gboolean
open_local (MusterSyslogConnection *self, const MusterSyslogEndpoint *endpoint, GError **error)
{
  g_autoptr (GError) reason = NULL;

  if (endpoint->kind != MUSTER_SYSLOG_UNIX_STREAM)
    {
      self->is_datagram = TRUE;
      if (open_path (self, endpoint, G_SOCKET_TYPE_DATAGRAM, &reason))
        return TRUE;
    }
  if (endpoint->kind == MUSTER_SYSLOG_UNIX_DGRAM)
    {
      g_propagate_error (error, g_steal_pointer (&reason));
      return FALSE;
    }
  self->is_datagram = FALSE;
  return open_path (self, endpoint, G_SOCKET_TYPE_STREAM, error);
}

MusterSyslogConnection *
muster_syslog_connection_new (const MusterSyslogConnectionOptions *options, GError **error)
{
  g_autoptr (MusterSyslogConnection) self = g_new0 (MusterSyslogConnection, 1);
  Operation operation = { .options = options };
  GError *reason = NULL;
  gboolean good;

  g_queue_init (&self->marks);
  self->is_datagram = options->endpoint->kind == MUSTER_SYSLOG_UDP;
  if (muster_syslog_endpoint_is_unix (options->endpoint))
    good = open_local (self, options->endpoint, &reason);
  else
    {
      operation.context = g_main_context_new ();
      operation.cancellable = g_cancellable_new ();
      g_main_context_push_thread_default (operation.context);
      good = open_host (self, &operation, &reason);
      g_main_context_pop_thread_default (operation.context);
      g_object_unref (operation.cancellable);
      g_main_context_unref (operation.context);
    }
  if (good)
    return g_steal_pointer (&self);
  unavailable (options->endpoint, reason, error);
  return NULL;
}

static guint64 get_waiting (MusterSyslogConnection *self);

/* TLS says that it ends; where nobody takes that it would wait for ever. */
void
muster_syslog_connection_free (MusterSyslogConnection *self)
{
  if (self->output != NULL && get_waiting (self) > 0)
    g_socket_close (self->socket, NULL);
  if (self->stream != NULL)
    g_io_stream_close (self->stream, NULL, NULL);
  g_clear_object (&self->stream);
  g_clear_object (&self->socket);
  g_queue_clear_full (&self->marks, g_free);
  g_free (self);
}

gboolean
muster_syslog_connection_is_datagram (const MusterSyslogConnection *self)
{
  return self->is_datagram;
}

/* -- what was taken -------------------------------------------------------------------------------- */

static guint64
get_waiting (MusterSyslogConnection *self)
{
  int waiting = 0;

  return ioctl (g_socket_get_fd (self->socket), SIOCOUTQ, &waiting) == 0 && waiting >= 0 ? (guint64) waiting
                                                                                         : G_MAXINT32;
}

static guint64
get_acknowledged (MusterSyslogConnection *self)
{
  struct tcp_info info = { 0 };
  socklen_t size = sizeof info;

  if (!self->is_tcp || getsockopt (g_socket_get_fd (self->socket), IPPROTO_TCP, TCP_INFO, &info, &size) != 0
      || size < G_STRUCT_OFFSET (struct tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked)
    return 0;
  return info.tcpi_bytes_acked;
}

static void
add_mark (MusterSyslogConnection *self)
{
  guint64 waiting;
  Mark *mark;

  if (!self->is_tcp)
    return;
  waiting = get_waiting (self);
  mark = g_new (Mark, 1);
  *mark = (Mark){ get_acknowledged (self) + waiting, self->sent };
  g_queue_push_tail (&self->marks, mark);
}

/* All but what the buffer of a local stream can hold has been read. */
static guint64
get_beyond_buffer (MusterSyslogConnection *self)
{
  int size = 0;
  socklen_t length = sizeof size;
  guint64 held;

  if (getsockopt (g_socket_get_fd (self->socket), SOL_SOCKET, SO_SNDBUF, &size, &length) != 0)
    return 0;
  held = (guint64) size + UNIX_SLACK;
  return self->sent > held ? self->sent - held : 0;
}

guint64
muster_syslog_connection_get_taken (MusterSyslogConnection *self)
{
  guint64 acknowledged = get_acknowledged (self);
  Mark *mark;

  if (!self->is_tcp)
    self->taken = MAX (self->taken, get_waiting (self) == 0 ? self->sent : get_beyond_buffer (self));
  else if (get_waiting (self) == 0 && !muster_syslog_connection_is_closed (self))
    self->taken = self->sent;
  while ((mark = g_queue_peek_head (&self->marks)) != NULL
         && (mark->wire <= acknowledged || mark->plain <= self->taken))
    {
      self->taken = MAX (self->taken, mark->plain);
      g_free (g_queue_pop_head (&self->marks));
    }
  /* Encrypted or not, a byte takes a byte at least. */
  if (mark != NULL && mark->wire - acknowledged < mark->plain)
    self->taken = MAX (self->taken, mark->plain - (mark->wire - acknowledged));
  return self->taken;
}

/* Nobody answers in syslog: what can be read is the end, or what TLS has to say to itself. */
static gboolean
is_at_end (MusterSyslogConnection *self)
{
  char bytes[4096];
  g_autoptr (GError) error = NULL;
  gssize n;

  if (self->output == NULL)
    {
      n = recv (g_socket_get_fd (self->socket), bytes, sizeof bytes, MSG_DONTWAIT);
      return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
    }
  n = g_pollable_input_stream_read_nonblocking (G_POLLABLE_INPUT_STREAM (g_io_stream_get_input_stream (self->stream)),
                                                bytes, sizeof bytes, NULL, &error);
  return n == 0 || (n < 0 && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK));
}

gboolean
muster_syslog_connection_is_closed (MusterSyslogConnection *self)
{
  if (!self->closed)
    self->closed = is_at_end (self);
  return self->closed;
}

/* -- sending --------------------------------------------------------------------------------------- */

static gssize
send_plain (MusterSyslogConnection *self, const void *bytes, gsize length, GError **error)
{
  ssize_t n = send (g_socket_get_fd (self->socket), bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);

  if (n >= 0)
    return n;
  if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)
    return 0;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "the connection broke: %s", g_strerror (errno));
  return -1;
}

static gssize
send_secure (MusterSyslogConnection *self, const void *bytes, gsize length, GError **error)
{
  g_autoptr (GError) reason = NULL;
  gssize n = g_pollable_output_stream_write_nonblocking (self->output, bytes, length, NULL, &reason);

  if (n >= 0)
    return n;
  if (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return 0;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "the connection broke: %s", reason->message);
  return -1;
}

gssize
muster_syslog_connection_send (MusterSyslogConnection *self, const void *bytes, gsize length, GError **error)
{
  gssize n = self->output != NULL ? send_secure (self, bytes, length, error) : send_plain (self, bytes, length, error);

  if (n > 0)
    {
      self->sent += (guint64) n;
      add_mark (self);
    }
  return n;
}

int
muster_syslog_connection_send_datagrams (MusterSyslogConnection *self, const struct iovec *vectors, guint n)
{
  struct mmsghdr headers[AT_ONCE];
  int sent;

  n = MIN (n, AT_ONCE);
  for (guint i = 0; i < n; i++)
    headers[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = (struct iovec *) &vectors[i], .msg_iovlen = 1 } };
  sent = sendmmsg (g_socket_get_fd (self->socket), headers, n, MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS) ? 0 : sent;
}

void
muster_syslog_connection_wait (MusterSyslogConnection *self)
{
  struct pollfd fd = { .fd = g_socket_get_fd (self->socket), .events = POLLOUT };

  poll (&fd, 1, WAIT_MS);
}
