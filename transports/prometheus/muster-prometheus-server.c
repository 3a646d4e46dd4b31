/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Serves one document over HTTP. The parsing is libsoup's; what it leaves open to clients is bounded here: how many
 * connections there are, and for how long. Each has one request. All of it happens in the server's own thread; the
 * owner's makes and frees.
 *
 * A connection that has not been answered in time is reset, be it that its request or its reading is slow. When all
 * connections are in use, the oldest whose request is not there yet goes for the new one: so those who send nothing
 * cannot keep out those who do.
 */
#include "config.h"

#include <errno.h>
#include <sys/socket.h>

#include <libsoup/soup.h>

#include "muster-error.h"
#include "muster-prometheus-bind.h"
#include "muster-prometheus-server.h"

/* The wait where the process has no descriptor for one more connection. */
#define ACCEPT_PAUSE_MS 200
/* Turns of the loop in which libsoup may let go of its connections at the end; it takes a few for each. */
#define CLOSING_MAX 100000

typedef struct
{
  MusterPrometheusServer *server; /* borrowed */
  GIOStream *stream;              /* borrowed: a weak reference tells when it is gone */
  GSocket *socket;                /* owned reference */
  GSocketAddress *address;        /* owned reference; by it a request tells its connection */
  GSource *deadline;              /* owned */
  gboolean has_request;
  gboolean is_reset; /* libsoup has to see that yet */
} Connection;

struct _MusterPrometheusServer
{
  char *path;    /* owned */
  char *address; /* owned */
  guint max_connections;
  gint64 timeout_us;
  MusterPrometheusWriteFunc write;
  gpointer user_data;

  GMainContext *context; /* owned */
  GMainLoop *loop;       /* owned */
  GThread *thread;       /* owned */
  GSocket *listener;     /* owned */
  /* the thread's */
  SoupServer *soup;   /* owned */
  GSource *accepting; /* owned */
  GSource *pause;     /* owned; nullable */
  GQueue connections; /* owned; the oldest first */
  guint n_open;       /* of them, those that were not reset */
};

static void resume_accepting (MusterPrometheusServer *self);

/* -- connections --------------------------------------------------------------------------------- */

static void
drop_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
connection_free (Connection *connection)
{
  drop_source (&connection->deadline);
  g_object_unref (connection->socket);
  g_object_unref (connection->address);
  g_free (connection);
}

/* What libsoup waits for ends in an error then, and it lets go of the connection. Nothing stays in the kernel, either. */
static void
reset (Connection *connection)
{
  const struct linger linger = { .l_onoff = 1 };

  if (connection->is_reset)
    return;
  setsockopt (g_socket_get_fd (connection->socket), SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  g_socket_shutdown (connection->socket, TRUE, TRUE, NULL);
  connection->is_reset = TRUE;
  connection->server->n_open--;
}

static void
stream_gone_cb (gpointer data, GObject *where_it_was)
{
  Connection *connection = data;
  MusterPrometheusServer *self = connection->server;

  if (!connection->is_reset)
    self->n_open--;
  g_queue_remove (&self->connections, connection);
  connection_free (connection);
}

static gboolean
deadline_cb (gpointer data)
{
  reset (data);
  return G_SOURCE_REMOVE;
}

/* Whether there is room for one more connection; makes some if need be. */
static gboolean
make_room (MusterPrometheusServer *self)
{
  for (GList *link = self->connections.head; link != NULL && self->n_open >= self->max_connections; link = link->next)
    if (!((Connection *) link->data)->has_request)
      reset (link->data);
  return self->n_open < self->max_connections;
}

static void
add_connection (MusterPrometheusServer *self, GSocket *socket)
{
  g_autoptr (GSocketConnection) stream = g_socket_connection_factory_create_connection (socket);
  g_autoptr (GSocketAddress) local = g_socket_get_local_address (socket, NULL);
  g_autoptr (GSocketAddress) remote = g_socket_get_remote_address (socket, NULL);
  Connection *connection;

  if (local == NULL || remote == NULL)
    return; /* it has gone already */
  connection = g_new0 (Connection, 1);
  connection->server = self;
  connection->stream = G_IO_STREAM (stream);
  connection->socket = g_object_ref (socket);
  connection->address = g_object_ref (remote);
  connection->deadline = g_timeout_source_new ((guint) (self->timeout_us / 1000));
  g_source_set_callback (connection->deadline, deadline_cb, connection, NULL);
  g_source_attach (connection->deadline, self->context);
  g_queue_push_tail (&self->connections, connection);
  self->n_open++;
  g_object_weak_ref (G_OBJECT (stream), stream_gone_cb, connection);
  soup_server_accept_iostream (self->soup, G_IO_STREAM (stream), local, remote, NULL);
}

/* -- accepting ----------------------------------------------------------------------------------- */

static gboolean
pause_cb (gpointer data)
{
  MusterPrometheusServer *self = data;

  drop_source (&self->pause);
  resume_accepting (self);
  return G_SOURCE_REMOVE;
}

/* Without a descriptor for it, a connection would be there again and again. */
static void
pause_accepting (MusterPrometheusServer *self)
{
  drop_source (&self->accepting);
  self->pause = g_timeout_source_new (ACCEPT_PAUSE_MS);
  g_source_set_callback (self->pause, pause_cb, self, NULL);
  g_source_attach (self->pause, self->context);
}

static gboolean
accept_cb (GSocket *listener, GIOCondition condition, gpointer data)
{
  MusterPrometheusServer *self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = g_socket_accept (listener, NULL, &error);

  if (socket != NULL && make_room (self))
    add_connection (self, socket);
  if (socket == NULL && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    pause_accepting (self);
  return G_SOURCE_CONTINUE;
}

static void
resume_accepting (MusterPrometheusServer *self)
{
  self->accepting = g_socket_create_source (self->listener, G_IO_IN, NULL);
  g_source_set_callback (self->accepting, G_SOURCE_FUNC (accept_cb), self, NULL);
  g_source_attach (self->accepting, self->context);
}

/* -- requests ------------------------------------------------------------------------------------ */

static gboolean
is_get (SoupServerMessage *message)
{
  const char *method = soup_server_message_get_method (message);

  return method == SOUP_METHOD_GET || method == SOUP_METHOD_HEAD;
}

static void
answer_text (SoupServerMessage *message, guint status, const char *text)
{
  soup_server_message_set_status (message, status, NULL);
  soup_server_message_set_response (message, "text/plain; charset=utf-8", SOUP_MEMORY_COPY, text, strlen (text));
}

/* The head of a request is there. Nobody needs its body. */
static void
early_cb (SoupServer *soup, SoupServerMessage *message, const char *path, GHashTable *query, gpointer data)
{
  MusterPrometheusServer *self = data;
  GSocketAddress *address = soup_server_message_get_remote_address (message);

  for (GList *link = self->connections.head; link != NULL; link = link->next)
    if (((Connection *) link->data)->address == address)
      ((Connection *) link->data)->has_request = TRUE;
  soup_message_body_set_accumulate (soup_server_message_get_request_body (message), FALSE);
  soup_message_headers_replace (soup_server_message_get_response_headers (message), "Connection", "close");
  if (is_get (message))
    return;
  soup_message_headers_replace (soup_server_message_get_response_headers (message), "Allow", "GET, HEAD");
  answer_text (message, SOUP_STATUS_METHOD_NOT_ALLOWED, "There is nothing here but to GET.\n");
}

static void
answer_numbers (MusterPrometheusServer *self, SoupServerMessage *message)
{
  SoupMessageHeaders *request = soup_server_message_get_request_headers (message);
  SoupMessageHeaders *response = soup_server_message_get_response_headers (message);
  MusterPrometheusFormat format =
      muster_prometheus_format_negotiate (soup_message_headers_get_list (request, "Accept"));
  g_autoptr (GBytes) text = self->write (format, self->user_data);

  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_message_headers_replace (response, "Content-Type", muster_prometheus_format_get_content_type (format));
  soup_message_headers_replace (response, "Vary", "Accept");
  soup_message_body_append_bytes (soup_server_message_get_response_body (message), text);
}

/* A request by HTTP/1.0 has its query in the path that libsoup tells. */
static gboolean
is_ours (MusterPrometheusServer *self, const char *path)
{
  gsize length = strlen (self->path);

  return strncmp (path, self->path, length) == 0 && (path[length] == '\0' || path[length] == '?');
}

static void
request_cb (SoupServer *soup, SoupServerMessage *message, const char *path, GHashTable *query, gpointer data)
{
  MusterPrometheusServer *self = data;
  g_autofree char *text = NULL;

  if (is_ours (self, path))
    {
      answer_numbers (self, message);
      return;
    }
  text = g_strdup_printf ("There is nothing here. Muster's numbers are at %s\n", self->path);
  answer_text (message, SOUP_STATUS_NOT_FOUND, text);
}

/* -- the thread ---------------------------------------------------------------------------------- */

/* libsoup lets go of all connections; of one that it does not, nobody is told any more. */
static void
close_all (MusterPrometheusServer *self)
{
  Connection *connection;

  drop_source (&self->accepting);
  drop_source (&self->pause);
  for (GList *link = self->connections.head; link != NULL; link = link->next)
    reset (link->data);
  soup_server_disconnect (self->soup);
  for (guint i = 0; i < CLOSING_MAX && g_main_context_iteration (self->context, FALSE); i++)
    ;
  while ((connection = g_queue_pop_head (&self->connections)) != NULL)
    {
      g_object_weak_unref (G_OBJECT (connection->stream), stream_gone_cb, connection);
      connection_free (connection);
    }
}

static gpointer
server_thread (gpointer data)
{
  MusterPrometheusServer *self = data;

  g_main_context_push_thread_default (self->context);
  self->soup = soup_server_new (NULL, NULL);
  soup_server_add_early_handler (self->soup, NULL, early_cb, self, NULL);
  soup_server_add_handler (self->soup, NULL, request_cb, self, NULL);
  resume_accepting (self);
  g_main_loop_run (self->loop);
  close_all (self);
  g_clear_object (&self->soup);
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

static gboolean
quit_cb (gpointer data)
{
  g_main_loop_quit (data);
  return G_SOURCE_REMOVE;
}

/* -- for the owner ------------------------------------------------------------------------------- */

static void
free_stopped (MusterPrometheusServer *self)
{
  g_main_loop_unref (self->loop);
  g_main_context_unref (self->context);
  g_object_unref (self->listener);
  g_free (self->path);
  g_free (self->address);
  g_free (self);
}

MusterPrometheusServer *
muster_prometheus_server_new (const char *bind, const char *path, guint max_connections, gint64 timeout_us,
                              MusterPrometheusWriteFunc write, gpointer user_data, GError **error)
{
  GSocket *listener = muster_prometheus_bind (bind, error);
  MusterPrometheusServer *self;

  if (listener == NULL)
    return NULL;
  self = g_new0 (MusterPrometheusServer, 1);
  self->listener = listener;
  self->address = muster_prometheus_describe (listener);
  self->path = g_strdup (path);
  self->max_connections = max_connections;
  self->timeout_us = timeout_us;
  self->write = write;
  self->user_data = user_data;
  self->context = g_main_context_new ();
  self->loop = g_main_loop_new (self->context, FALSE);
  self->thread = g_thread_try_new ("prometheus-http", server_thread, self, error);
  if (self->thread != NULL)
    return self;
  free_stopped (self);
  return NULL;
}

void
muster_prometheus_server_free (MusterPrometheusServer *self)
{
  muster_prometheus_server_invoke (self, quit_cb, self->loop, NULL);
  g_thread_join (self->thread);
  free_stopped (self);
}

void
muster_prometheus_server_invoke (MusterPrometheusServer *self, GSourceFunc func, gpointer data, GDestroyNotify notify)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_HIGH); /* a client that comes after it sees what it has done */
  g_source_set_callback (source, func, data, notify);
  g_source_attach (source, self->context);
}

const char *
muster_prometheus_server_get_address (MusterPrometheusServer *self)
{
  return self->address;
}
