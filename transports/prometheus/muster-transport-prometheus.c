/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The Prometheus transport: adds up what datasets tell, and serves it over HTTP to who scrapes it.
 *
 *   thread             has
 *   the transport's    parts, and counts in streams; hands whole datasets over, and so never waits for a client
 *   the server's       store, pages, connections
 *
 * Between the two: the streams, which have a lock of their own, and `waiting`, how many datasets are on their way. More
 * than a few there are never: the server's thread is waited for, which has to wait for nobody.
 */
#include "config.h"

#include "muster-param.h"
#include "muster-prometheus-parts.h"
#include "muster-prometheus-server.h"
#include "muster-transport-prometheus.h"

#define WAITING_MAX 8
/* For so long a page is what was written: who scrapes in a loop does not keep us busy. */
#define PAGE_AGE_US (G_USEC_PER_SEC / 2)

typedef struct
{
  GBytes *bytes; /* owned; nullable */
  gint64 written_us;
} Page;

struct _MusterTransportPrometheus
{
  MusterTransport parent_instance;

  char *bind;   /* owned */
  char *path;   /* owned */
  char *prefix; /* owned */
  guint stale_after;
  guint64 max_size;
  guint max_connections;
  gint64 timeout_us;

  MusterPrometheusServer *server;   /* owned; nullable: it does not run */
  MusterPrometheusStreams *streams; /* owned */
  MusterPrometheusParts *parts;     /* owned; the transport's thread's */
  MusterPrometheusStore *store;     /* owned; the server's thread's, as are the pages */
  Page pages[MUSTER_PROMETHEUS_N_FORMATS];
  gboolean refuses; /* that there is no room has been said */

  GMutex lock;
  GCond cond;
  guint waiting; /* guarded by lock */
};

enum
{
  PROP_BIND = 1,
  PROP_PATH,
  PROP_PREFIX,
  PROP_STALE_AFTER,
  PROP_MAX_SIZE,
  PROP_MAX_CONNECTIONS,
  PROP_TIMEOUT,
  N_PROPERTIES,
};

static GParamSpec *properties[N_PROPERTIES];

G_DEFINE_FINAL_TYPE (MusterTransportPrometheus, muster_transport_prometheus, MUSTER_TYPE_TRANSPORT)

/* -- in the server's thread ----------------------------------------------------------------------- */

typedef struct
{
  MusterTransportPrometheus *self; /* borrowed */
  MusterDataset *dataset;          /* owned */
  char *host;                      /* owned */
  char *cluster;                   /* owned */
} Delivery;

static void
clear_pages (MusterTransportPrometheus *self)
{
  for (guint i = 0; i < MUSTER_PROMETHEUS_N_FORMATS; i++)
    g_clear_pointer (&self->pages[i].bytes, g_bytes_unref);
}

static GBytes *
write_page_cb (MusterPrometheusFormat format, gpointer user_data)
{
  MusterTransportPrometheus *self = user_data;
  Page *page = &self->pages[format];
  gint64 now_us = g_get_monotonic_time ();

  if (page->bytes == NULL || now_us - page->written_us > PAGE_AGE_US)
    {
      g_clear_pointer (&page->bytes, g_bytes_unref);
      page->bytes = muster_prometheus_exposition_write (self->store, self->streams, format, now_us);
      page->written_us = now_us;
    }
  return g_bytes_ref (page->bytes);
}

static gboolean
add_dataset_cb (gpointer data)
{
  Delivery *delivery = data;
  MusterTransportPrometheus *self = delivery->self;
  guint64 refused = self->store->losses.refused;

  muster_prometheus_store_add (self->store, delivery->host, delivery->cluster, delivery->dataset,
                               g_get_monotonic_time ());
  clear_pages (self);
  if (self->store->losses.refused > refused && !self->refuses)
    {
      self->refuses = TRUE;
      muster_transport_report (
          MUSTER_TRANSPORT (self), MUSTER_LEVEL_WARNING,
          "there are more metrics than max-size has room for; the last delivery had %" G_GUINT64_FORMAT
          " too many, which are left out",
          self->store->losses.refused - refused);
    }
  return G_SOURCE_REMOVE;
}

static void
delivery_free (gpointer data)
{
  Delivery *delivery = data;
  MusterTransportPrometheus *self = delivery->self;

  g_mutex_lock (&self->lock);
  self->waiting--;
  g_cond_signal (&self->cond);
  g_mutex_unlock (&self->lock);
  muster_dataset_unref (delivery->dataset);
  g_free (delivery->host);
  g_free (delivery->cluster);
  g_free (delivery);
}

/* -- in the transport's thread -------------------------------------------------------------------- */

static void
hand_over (MusterTransportPrometheus *self, MusterDataset *dataset, const MusterOrigin *origin)
{
  Delivery *delivery = g_new0 (Delivery, 1);

  delivery->self = self;
  delivery->dataset = dataset;
  delivery->host = muster_prometheus_copy_slice (origin->host);
  delivery->cluster = muster_prometheus_copy_slice (origin->cluster);
  g_mutex_lock (&self->lock);
  while (self->waiting == WAITING_MAX)
    g_cond_wait (&self->cond, &self->lock);
  self->waiting++;
  g_mutex_unlock (&self->lock);
  muster_prometheus_server_invoke (self->server, add_dataset_cb, delivery, delivery_free);
}

static void
add_datasets (MusterTransportPrometheus *self, MusterBatch *batch)
{
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);
  MusterEntryIter iter;
  MusterEntry entry;

  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    if (entry.kind == MUSTER_ENTRY_DATASET)
      {
        g_autoptr (MusterDataset) dataset = muster_prometheus_parts_add (self->parts, &entry);

        /* What was merged of others is here under their own names. */
        if (dataset != NULL && muster_dataset_get_n_merged (dataset) == 0)
          hand_over (self, g_steal_pointer (&dataset), entry.origin);
      }
}

static MusterWriteResult
muster_transport_prometheus_write (MusterTransport *transport, MusterBatch *batch, GError **error)
{
  MusterTransportPrometheus *self = MUSTER_TRANSPORT_PROMETHEUS (transport);

  muster_prometheus_streams_count (self->streams, batch, g_get_monotonic_time ());
  if (muster_batch_has_kind (batch, MUSTER_ENTRY_DATASET))
    add_datasets (self, batch);
  return MUSTER_WRITE_DONE;
}

static void
muster_transport_prometheus_forget (MusterTransport *transport, const guint8 *stream)
{
  muster_prometheus_parts_forget (MUSTER_TRANSPORT_PROMETHEUS (transport)->parts, stream);
}

/* -- start and stop ------------------------------------------------------------------------------ */

static gboolean
check_properties (MusterTransportPrometheus *self, GError **error)
{
  if (!muster_prometheus_is_prefix (self->prefix))
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                   "prefix='%s' cannot begin the name of a metric: letters, digits and '_', and no digit first",
                   self->prefix);
      return FALSE;
    }
  if (*self->path != '/')
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "path='%s' does not begin with '/': write path=/metrics",
                   self->path);
      return FALSE;
    }
  return TRUE;
}

static void
clear (MusterTransportPrometheus *self)
{
  g_clear_pointer (&self->server, muster_prometheus_server_free); /* first: it uses the others */
  clear_pages (self);
  g_clear_pointer (&self->parts, muster_prometheus_parts_free);
  g_clear_pointer (&self->streams, muster_prometheus_streams_free);
  g_clear_pointer (&self->store, muster_prometheus_store_free);
}

static gboolean
muster_transport_prometheus_start (MusterTransport *transport, GError **error)
{
  MusterTransportPrometheus *self = MUSTER_TRANSPORT_PROMETHEUS (transport);

  if (!check_properties (self, error))
    return FALSE;
  self->refuses = FALSE;
  self->parts = muster_prometheus_parts_new (self->max_size);
  self->streams = muster_prometheus_streams_new ();
  self->store = muster_prometheus_store_new (self->prefix, self->max_size, self->stale_after);
  muster_prometheus_exposition_reserve (self->store->families);
  self->server = muster_prometheus_server_new (self->bind, self->path, self->max_connections, self->timeout_us,
                                               write_page_cb, self, error);
  if (self->server == NULL)
    {
      clear (self);
      return FALSE;
    }
  muster_transport_report (transport, MUSTER_LEVEL_INFO, "numbers are at http://%s%s",
                           muster_prometheus_server_get_address (self->server), self->path);
  return TRUE;
}

static void
muster_transport_prometheus_stop (MusterTransport *transport)
{
  clear (MUSTER_TRANSPORT_PROMETHEUS (transport));
}

const char *
muster_transport_prometheus_get_address (MusterTransportPrometheus *self)
{
  return muster_prometheus_server_get_address (self->server);
}

/* -- the object ---------------------------------------------------------------------------------- */

static void
set_string (char **string, const GValue *value)
{
  g_free (*string);
  *string = g_value_get_string (value) != NULL ? g_value_dup_string (value) : g_strdup ("");
}

static void
muster_transport_prometheus_set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  MusterTransportPrometheus *self = MUSTER_TRANSPORT_PROMETHEUS (object);

  switch (id)
    {
    case PROP_BIND:
      set_string (&self->bind, value);
      break;
    case PROP_PATH:
      set_string (&self->path, value);
      break;
    case PROP_PREFIX:
      set_string (&self->prefix, value);
      break;
    case PROP_STALE_AFTER:
      self->stale_after = g_value_get_uint (value);
      break;
    case PROP_MAX_SIZE:
      self->max_size = g_value_get_uint64 (value);
      break;
    case PROP_MAX_CONNECTIONS:
      self->max_connections = g_value_get_uint (value);
      break;
    case PROP_TIMEOUT:
      self->timeout_us = g_value_get_int64 (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
muster_transport_prometheus_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  MusterTransportPrometheus *self = MUSTER_TRANSPORT_PROMETHEUS (object);

  switch (id)
    {
    case PROP_BIND:
      g_value_set_string (value, self->bind);
      break;
    case PROP_PATH:
      g_value_set_string (value, self->path);
      break;
    case PROP_PREFIX:
      g_value_set_string (value, self->prefix);
      break;
    case PROP_STALE_AFTER:
      g_value_set_uint (value, self->stale_after);
      break;
    case PROP_MAX_SIZE:
      g_value_set_uint64 (value, self->max_size);
      break;
    case PROP_MAX_CONNECTIONS:
      g_value_set_uint (value, self->max_connections);
      break;
    case PROP_TIMEOUT:
      g_value_set_int64 (value, self->timeout_us);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
muster_transport_prometheus_finalize (GObject *object)
{
  MusterTransportPrometheus *self = MUSTER_TRANSPORT_PROMETHEUS (object);

  g_free (self->bind);
  g_free (self->path);
  g_free (self->prefix);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->cond);
  G_OBJECT_CLASS (muster_transport_prometheus_parent_class)->finalize (object);
}

static void
muster_transport_prometheus_class_init (MusterTransportPrometheusClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  MusterTransportClass *transport_class = MUSTER_TRANSPORT_CLASS (class);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS;

  object_class->set_property = muster_transport_prometheus_set_property;
  object_class->get_property = muster_transport_prometheus_get_property;
  object_class->finalize = muster_transport_prometheus_finalize;
  transport_class->start = muster_transport_prometheus_start;
  transport_class->write = muster_transport_prometheus_write;
  transport_class->forget = muster_transport_prometheus_forget;
  transport_class->stop = muster_transport_prometheus_stop;

  properties[PROP_BIND] = g_param_spec_string (
      "bind", NULL, "Where to listen: an address and a port; * for all addresses", "127.0.0.1:9464", flags);
  properties[PROP_PATH] = g_param_spec_string ("path", NULL, "What Prometheus asks for", "/metrics", flags);
  properties[PROP_PREFIX] = g_param_spec_string (
      "prefix", NULL, "What the names of metrics begin with, before a _; empty: with nothing", "muster", flags);
  properties[PROP_STALE_AFTER] = g_param_spec_uint (
      "stale-after", NULL, "A worker that has not reported for so many intervals is not shown any more", 1, 1000, 5,
      flags);
  properties[PROP_MAX_SIZE] = muster_param_spec_size (
      "max-size", NULL, "How long the answer may become, and what is kept for it; more metrics are left out", 65536,
      (guint64) 1 << 30, (guint64) 64 << 20, flags);
  properties[PROP_MAX_CONNECTIONS] =
      g_param_spec_uint ("max-connections", NULL, "How many clients there may be at once", 1, 1000, 32, flags);
  properties[PROP_TIMEOUT] = muster_param_spec_duration (
      "timeout", NULL, "A client that has not sent its request and read its answer by then is cut off", 1000,
      G_TIME_SPAN_HOUR, 10 * G_TIME_SPAN_SECOND, flags);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
muster_transport_prometheus_init (MusterTransportPrometheus *self)
{
  g_mutex_init (&self->lock);
  g_cond_init (&self->cond);
}
