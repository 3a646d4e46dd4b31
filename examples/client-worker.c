/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A worker that asks the web workers for pages, twenty times a second; every few seconds for one that makes the worker
 * that serves it crash.
 */
#include <gio/gio.h>
#include <stdlib.h>
#include <string.h>

#include <muster.h>

#define CLIENT_TYPE_WORKER (client_worker_get_type ())
G_DECLARE_FINAL_TYPE (ClientWorker, client_worker, CLIENT, WORKER, MusterWorker)

struct _ClientWorker
{
  MusterWorker parent_instance;
  guint timer;
  guint asked;
};

G_DEFINE_FINAL_TYPE (ClientWorker, client_worker, MUSTER_TYPE_WORKER)

#define CRASH_EVERY 70 /* requests: three and a half seconds */

static guint port = 18080;

static gboolean
get (const char *path, char **first_line, GError **error)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnection) connection = NULL;
  g_autoptr (GDataInputStream) in = NULL;
  g_autofree char *request = g_strdup_printf ("GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", path);

  g_socket_client_set_timeout (client, 2);
  connection = g_socket_client_connect_to_host (client, "127.0.0.1", (guint16) port, NULL, error);
  if (connection == NULL
      || !g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (connection)), request,
                                     strlen (request), NULL, NULL, error))
    return FALSE;
  in = g_data_input_stream_new (g_io_stream_get_input_stream (G_IO_STREAM (connection)));
  *first_line = g_data_input_stream_read_line (in, NULL, NULL, error);
  if (*first_line == NULL && *error == NULL)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "the server closed the connection without a word");
  return *first_line != NULL;
}

static gboolean
ask (gpointer user_data)
{
  static const char *const paths[] = { "/", "/about", "/", "/missing", "/about", "/" };
  ClientWorker *self = user_data;
  MusterWorker *worker = user_data;
  const char *path = ++self->asked % CRASH_EVERY == 0 ? "/crash" : paths[self->asked % G_N_ELEMENTS (paths)];
  g_autoptr (GError) error = NULL;
  g_autofree char *line = NULL;
  gint64 start = g_get_monotonic_time ();

  if (get (path, &line, &error))
    {
      muster_metrics_timed_sample (muster_worker_get_metrics (worker), MUSTER_PATH ("client"), "round trip",
                                   (g_get_monotonic_time () - start) * 1000);
      muster_debug (muster_worker_get_logger (worker), "%s: %s", path, line);
    }
  else
    {
      muster_metrics_inc (muster_worker_get_metrics (worker), MUSTER_PATH ("client"), "failures", 1);
      muster_warning (muster_worker_get_logger (worker), "%s: %s", path, error->message);
    }
  return G_SOURCE_CONTINUE;
}

static gboolean
client_worker_start (MusterWorker *worker, GError **error)
{
  CLIENT_WORKER (worker)->timer = g_timeout_add (50, ask, worker);
  return TRUE;
}

static void
client_worker_stop (MusterWorker *worker)
{
  g_clear_handle_id (&CLIENT_WORKER (worker)->timer, g_source_remove);
}

static void
client_worker_class_init (ClientWorkerClass *class)
{
  MUSTER_WORKER_CLASS (class)->start = client_worker_start;
  MUSTER_WORKER_CLASS (class)->stop = client_worker_stop;
}

static void
client_worker_init (ClientWorker *self)
{
}

int
main (int argc, char **argv)
{
  if (argc > 1 && g_str_has_prefix (argv[1], "--port="))
    port = (guint) atoi (argv[1] + strlen ("--port="));
  return muster_worker_main (CLIENT_TYPE_WORKER, argc, argv);
}
