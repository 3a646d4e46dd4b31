/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who may connect. Belongs to one thread.
 */
#include "config.h"

#include "muster-network-gate.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "muster-zmq-source-private.h"

#define ZAP_ADDRESS "inproc://zeromq.zap.01"
#define ZAP_VERSION "1.0"
/* RFC 27: version, request id, domain, address, identity, mechanism, then the credentials. */
#define ZAP_PARTS      7
#define ZAP_PART_SIZE  256
#define ZAP_MECHANISM  5
#define ZAP_CREDENTIAL 6
#define CURVE_KEY_SIZE 32
/* The monitor tells of a change at once, but not where the path leads over links, nor on all file systems. */
#define LOOK_MS 2000

typedef struct
{
  dev_t device;
  ino_t inode;
  off_t size;
  struct timespec modified;
} Version;

struct _MusterNetworkGate
{
  char *path;            /* owned */
  GHashTable *allowed;   /* owned */
  Version version;       /* of the file that was read, or tried */
  void *socket;          /* owned */
  GSource *source;       /* owned, nullable */
  GFileMonitor *monitor; /* owned, nullable */
  GSource *timer;        /* owned, nullable */
  MusterNetworkGateCallbacks callbacks;
  gpointer user_data;
};

typedef struct
{
  char bytes[ZAP_PARTS][ZAP_PART_SIZE + 1]; /* with a NUL */
  int sizes[ZAP_PARTS];
  guint n;
} Request;

/* -- the file -- */

static Version
look_at_file (const char *path)
{
  Version version;
  struct stat status;

  memset (&version, 0, sizeof version);
  if (stat (path, &status) != 0)
    return version;
  version.device = status.st_dev;
  version.inode = status.st_ino;
  version.size = status.st_size;
  version.modified = status.st_mtim;
  return version;
}

static void
reload_if_changed (MusterNetworkGate *gate)
{
  Version version = look_at_file (gate->path);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  GHashTable *allowed;

  if (memcmp (&version, &gate->version, sizeof version) == 0)
    return;
  gate->version = version;
  allowed = muster_network_keys_read_allowed (gate->path, &error);
  if (allowed == NULL)
    {
      text = g_strdup_printf ("allow-file: %s; those who were allowed before still are", error->message);
      gate->callbacks.report (MUSTER_LEVEL_ERROR, text, gate->user_data);
      return;
    }
  g_hash_table_unref (gate->allowed);
  gate->allowed = allowed;
  text = g_strdup_printf ("allow-file was read again: %u clients", g_hash_table_size (allowed));
  gate->callbacks.report (MUSTER_LEVEL_NOTICE, text, gate->user_data);
  gate->callbacks.changed (gate->user_data);
}

static void
file_changed_cb (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event, gpointer user_data)
{
  reload_if_changed (user_data);
}

static gboolean
look_cb (gpointer user_data)
{
  reload_if_changed (user_data);
  return G_SOURCE_CONTINUE;
}

const char *
muster_network_gate_look_up (MusterNetworkGate *gate, const char *key)
{
  return key != NULL ? g_hash_table_lookup (gate->allowed, key) : NULL;
}

/* -- requests -- */

static gboolean
receive (MusterNetworkGate *gate, Request *request)
{
  int more = 1;

  memset (request, 0, sizeof *request);
  for (guint i = 0; more; i++)
    {
      guint slot = MIN (i, ZAP_PARTS - 1);
      size_t size = sizeof more;
      int n = zmq_recv (gate->socket, request->bytes[slot], ZAP_PART_SIZE, ZMQ_DONTWAIT);

      if (n < 0)
        return FALSE;
      request->sizes[slot] = n;
      request->n = i + 1;
      zmq_getsockopt (gate->socket, ZMQ_RCVMORE, &more, &size);
    }
  return TRUE;
}

static void
answer (MusterNetworkGate *gate, const Request *request, gboolean allowed, const char *key)
{
  const char *const texts[] = { allowed ? "200" : "400", allowed ? "OK" : "not allowed", allowed ? key : "", "" };

  zmq_send (gate->socket, ZAP_VERSION, strlen (ZAP_VERSION), ZMQ_SNDMORE);
  zmq_send (gate->socket, request->bytes[1], (size_t) MIN (request->sizes[1], ZAP_PART_SIZE), ZMQ_SNDMORE);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    zmq_send (gate->socket, texts[i], strlen (texts[i]), i + 1 < G_N_ELEMENTS (texts) ? ZMQ_SNDMORE : 0);
}

static void
decide (MusterNetworkGate *gate, const Request *request)
{
  char key[MUSTER_NETWORK_KEY_SIZE] = "";
  gboolean is_curve = request->n == ZAP_PARTS && g_str_equal (request->bytes[0], ZAP_VERSION)
                      && g_str_equal (request->bytes[ZAP_MECHANISM], "CURVE")
                      && request->sizes[ZAP_CREDENTIAL] == CURVE_KEY_SIZE;
  gboolean allowed = FALSE;

  if (is_curve && zmq_z85_encode (key, (const guint8 *) request->bytes[ZAP_CREDENTIAL], CURVE_KEY_SIZE) != NULL)
    {
      reload_if_changed (gate);
      allowed = g_hash_table_contains (gate->allowed, key);
    }
  answer (gate, request, allowed, key);
  if (!allowed)
    {
      g_autofree char *why =
          is_curve ? g_strdup_printf ("its key %s is not in allow-file", key) : g_strdup ("it has no key");

      gate->callbacks.refused (request->bytes[3], why, gate->user_data);
    }
}

static void
request_cb (void *socket, int events, gpointer user_data)
{
  MusterNetworkGate *gate = user_data;
  g_autofree Request *request = g_new (Request, 1);

  if (receive (gate, request))
    decide (gate, request);
}

/* -- made and freed -- */

MusterNetworkGate *
muster_network_gate_new (void *zmq, const char *allow_file, const MusterNetworkGateCallbacks *callbacks,
                         gpointer user_data, GError **error)
{
  MusterNetworkGate *gate = g_new0 (MusterNetworkGate, 1);

  gate->path = g_strdup (allow_file);
  gate->callbacks = *callbacks;
  gate->user_data = user_data;
  gate->version = look_at_file (allow_file);
  gate->allowed = muster_network_keys_read_allowed (allow_file, error);
  if (gate->allowed == NULL)
    {
      g_prefix_error (error, "allow-file: ");
      muster_network_gate_free (gate);
      return NULL;
    }
  gate->socket = zmq_socket (zmq, ZMQ_REP);
  if (gate->socket != NULL && zmq_bind (gate->socket, ZAP_ADDRESS) == 0)
    return gate;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED, "cannot check keys: %s", zmq_strerror (errno));
  muster_network_gate_free (gate);
  return NULL;
}

void
muster_network_gate_attach (MusterNetworkGate *gate, GMainContext *context)
{
  g_autoptr (GFile) file = g_file_new_for_path (gate->path);

  gate->source = muster_zmq_source_new (gate->socket, ZMQ_POLLIN, request_cb, gate);
  g_source_attach (gate->source, context);
  gate->monitor = g_file_monitor_file (file, G_FILE_MONITOR_WATCH_MOVES, NULL, NULL);
  if (gate->monitor != NULL)
    g_signal_connect (gate->monitor, "changed", G_CALLBACK (file_changed_cb), gate);
  gate->timer = g_timeout_source_new (LOOK_MS);
  g_source_set_callback (gate->timer, look_cb, gate, NULL);
  g_source_attach (gate->timer, context);
}

static void
drop_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

void
muster_network_gate_free (MusterNetworkGate *gate)
{
  drop_source (&gate->source);
  drop_source (&gate->timer);
  if (gate->monitor != NULL)
    g_signal_handlers_disconnect_by_data (gate->monitor, gate);
  g_clear_object (&gate->monitor);
  if (gate->socket != NULL)
    zmq_close (gate->socket);
  g_clear_pointer (&gate->allowed, g_hash_table_unref);
  g_free (gate->path);
  g_free (gate);
}
