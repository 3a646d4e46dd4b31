/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A worker that serves HTTP on loopback: it logs each request with fields, counts it, samples its latency, and dies of
 * SIGSEGV when somebody asks for /crash. Several instances share one port (SO_REUSEPORT, socket(7)).
 */
#include <errno.h>
#include <gio/gio.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <muster.h>

#define WEB_TYPE_WORKER (web_worker_get_type ())
G_DECLARE_FINAL_TYPE (WebWorker, web_worker, WEB, WORKER, MusterWorker)

struct _WebWorker
{
  MusterWorker parent_instance;
  GSocketService *service;
  MusterLogger *logger; /* the domain "http" */
  guint64 served;
};

G_DEFINE_FINAL_TYPE (WebWorker, web_worker, MUSTER_TYPE_WORKER)

static guint port = 18080;

static const char *
page (WebWorker *self, const char *path, guint *status)
{
  volatile int *nowhere = NULL;

  *status = 200;
  if (strcmp (path, "/") == 0)
    return "<h1>Muster</h1>\n";
  if (strcmp (path, "/about") == 0)
    return "<p>When a worker dies, its last words arrive.</p>\n";
  if (strcmp (path, "/crash") == 0)
    {
      g_printerr ("about to follow a pointer that leads nowhere\n");
      muster_error (self->logger, "last words: request %" G_GUINT64_FORMAT " asked me to crash", self->served + 1);
      *nowhere = 1;
    }
  *status = 404;
  return "<p>No such page.</p>\n";
}

static void
answer (WebWorker *self, GSocketConnection *connection)
{
  MusterMetrics *metrics = muster_worker_get_metrics (MUSTER_WORKER (self));
  g_autoptr (GDataInputStream) in = g_data_input_stream_new (g_io_stream_get_input_stream (G_IO_STREAM (connection)));
  gint64 start = g_get_monotonic_time ();
  g_autofree char *line = g_data_input_stream_read_line (in, NULL, NULL, NULL);
  g_auto (GStrv) words = g_strsplit (line != NULL ? line : "", " ", 3);
  g_autofree char *reply = NULL;
  const char *body;
  guint status;
  gint64 elapsed_us;

  if (g_strv_length (words) < 2)
    {
      muster_warning (self->logger, "not a request: %s", line != NULL ? line : "nothing");
      return;
    }
  body = page (self, words[1], &status);
  reply = g_strdup_printf ("HTTP/1.1 %u %s\r\nContent-Type: text/html\r\nContent-Length: %zu\r\n"
                           "Connection: close\r\n\r\n%s",
                           status, status == 200 ? "OK" : "Not Found", strlen (body), body);
  g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (connection)), reply, strlen (reply), NULL,
                             NULL, NULL);
  elapsed_us = g_get_monotonic_time () - start;
  self->served++;
  muster_metrics_inc (metrics, MUSTER_PATH ("http", words[0]), "requests", 1);
  muster_metrics_timed_sample (metrics, MUSTER_PATH ("http"), "latency", elapsed_us * 1000);
  muster_log_with (self->logger, status == 200 ? MUSTER_LEVEL_INFO : MUSTER_LEVEL_WARNING,
                   MUSTER_FIELDS (MUSTER_INTEGER ("status", status), MUSTER_INTEGER ("us", elapsed_us)), "%s %s",
                   words[0], words[1]);
}

static gboolean
incoming_cb (GSocketService *service, GSocketConnection *connection, GObject *source, gpointer user_data)
{
  g_socket_set_timeout (g_socket_connection_get_socket (connection), 2);
  answer (user_data, connection);
  return TRUE;
}

/* g_socket_bind() would take SO_REUSEPORT away again. */
static gboolean
bind_shared (GSocket *socket, GSocketAddress *address, GError **error)
{
  struct sockaddr_in native;

  if (!g_socket_set_option (socket, SOL_SOCKET, SO_REUSEPORT, 1, error)
      || !g_socket_address_to_native (address, &native, sizeof native, error))
    return FALSE;
  if (bind (g_socket_get_fd (socket), (struct sockaddr *) &native, sizeof native) == 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "bind to port %u: %s", port, g_strerror (errno));
  return FALSE;
}

static gboolean
web_worker_start (MusterWorker *worker, GError **error)
{
  WebWorker *self = WEB_WORKER (worker);
  g_autoptr (GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new (loopback, (guint16) port);
  g_autoptr (GSocket) socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, error);

  self->logger = muster_logger_new_child (muster_worker_get_logger (worker), "http");
  muster_logger_capture_glib (muster_worker_get_logger (worker));
  if (socket == NULL || !bind_shared (socket, address, error) || !g_socket_listen (socket, error))
    return FALSE;
  self->service = g_socket_service_new ();
  if (!g_socket_listener_add_socket (G_SOCKET_LISTENER (self->service), socket, NULL, error))
    return FALSE;
  g_signal_connect (self->service, "incoming", G_CALLBACK (incoming_cb), self);
  muster_notice (self->logger, "serving http://127.0.0.1:%u/", port);
  return TRUE;
}

static void
web_worker_stop (MusterWorker *worker)
{
  WebWorker *self = WEB_WORKER (worker);

  if (self->service != NULL)
    g_socket_service_stop (self->service);
  if (self->logger != NULL)
    muster_notice (self->logger, "served %" G_GUINT64_FORMAT " requests", self->served);
}

static void
web_worker_dispose (GObject *object)
{
  g_clear_object (&WEB_WORKER (object)->service);
  g_clear_object (&WEB_WORKER (object)->logger);
  G_OBJECT_CLASS (web_worker_parent_class)->dispose (object);
}

static void
web_worker_class_init (WebWorkerClass *class)
{
  G_OBJECT_CLASS (class)->dispose = web_worker_dispose;
  MUSTER_WORKER_CLASS (class)->start = web_worker_start;
  MUSTER_WORKER_CLASS (class)->stop = web_worker_stop;
}

static void
web_worker_init (WebWorker *self)
{
}

int
main (int argc, char **argv)
{
  if (argc > 1 && g_str_has_prefix (argv[1], "--port="))
    port = (guint) atoi (argv[1] + strlen ("--port="));
  return muster_worker_main (WEB_TYPE_WORKER, argc, argv);
}
