/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The network transport: batches into a spool on disk, from where a MusterNetworkLink brings them to a collector. Its
 * properties are set before the start; all else belongs to the transport's thread, but what the properties that can only
 * be read ask for, which is under `lock`.
 */
#include "config.h"

#include "muster-enums.h"
#include "muster-network-address.h"
#include "muster-network-codec.h"
#include "muster-network-outbox.h"
#include "muster-param.h"
#include "muster-sync.h"
#include "muster-transport-network.h"

struct _MusterTransportNetwork
{
  MusterTransport parent_instance;

  char **endpoints;      /* owned, nullable */
  char *server_key_file; /* owned, nullable */
  char *key_file;        /* owned, nullable */
  gboolean insecure;
  gboolean compress;
  guint64 spool_size;
  MusterSync sync;
  gint64 sync_interval_us;
  gint64 block_timeout_us;
  gint64 linger_us;

  GMutex lock;
  MusterNetworkOutbox *outbox; /* owned; under lock for others than the thread, but for its marks */
  MusterNetworkLink *link;     /* owned; likewise */
};

enum
{
  PROP_ENDPOINT = 1,
  PROP_SERVER_KEY_FILE,
  PROP_KEY_FILE,
  PROP_INSECURE,
  PROP_COMPRESS,
  PROP_SPOOL_SIZE,
  PROP_SYNC,
  PROP_SYNC_INTERVAL,
  PROP_BLOCK_TIMEOUT,
  PROP_LINGER,
  PROP_IS_CONNECTED,
  PROP_CONNECTED_TO,
  PROP_CONNECTIONS,
  PROP_SPOOLED_BYTES,
  PROP_SPOOLED_BATCHES,
  PROP_LAG,
  N_PROPERTIES,
};

static GParamSpec *properties[N_PROPERTIES];

G_DEFINE_FINAL_TYPE (MusterTransportNetwork, muster_transport_network, MUSTER_TYPE_TRANSPORT)

/* -- starting -- */

static gboolean
check_endpoints (MusterTransportNetwork *self, gboolean has_keys, GError **error)
{
  if (self->endpoints == NULL || self->endpoints[0] == NULL)
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                           "endpoint: missing; expected tcp://HOST:PORT, or several with a ; between them");
      return FALSE;
    }
  for (guint i = 0; self->endpoints[i] != NULL; i++)
    {
      gboolean is_local;

      if (!muster_network_address_check (self->endpoints[i], FALSE, &is_local, error)
          || (!has_keys
              && !muster_network_address_allow_plain (self->endpoints[i], is_local, self->insecure,
                                                      "server-key-file and key-file", error)))
        {
          g_prefix_error (error, "endpoint: ");
          return FALSE;
        }
      if (!has_keys && !is_local)
        muster_transport_report (MUSTER_TRANSPORT (self), MUSTER_LEVEL_WARNING,
                                 "insecure: all that goes to %s can be read and changed on its way",
                                 self->endpoints[i]);
    }
  return TRUE;
}

static gboolean
read_keys (MusterTransportNetwork *self, MusterNetworkLinkOptions *options, GError **error)
{
  options->has_keys = self->key_file != NULL && *self->key_file != '\0';
  if (options->has_keys != (self->server_key_file != NULL && *self->server_key_file != '\0'))
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                   "%s: missing; keys take both: our own pair in key-file, "
                   "and the collector's public key in server-key-file",
                   options->has_keys ? "server-key-file" : "key-file");
      return FALSE;
    }
  if (!options->has_keys)
    return TRUE;
  if (!muster_network_keys_read (self->server_key_file, FALSE, options->server_key, error))
    {
      g_prefix_error (error, "server-key-file: ");
      return FALSE;
    }
  if (muster_network_keys_read (self->key_file, TRUE, options->secret_key, error)
      && muster_network_keys_get_public (self->key_file, options->secret_key, options->public_key, error))
    return TRUE;
  g_prefix_error (error, "key-file: ");
  return FALSE;
}

static void
link_report_cb (MusterLevel level, const char *text, gpointer user_data)
{
  muster_transport_report (user_data, level, "%s", text);
}

static gboolean
open_link (MusterTransportNetwork *self, MusterNetworkLinkOptions *options, GError **error)
{
  MusterNetworkLink *link;

  options->endpoints = (const char *const *) self->endpoints;
  options->pack = self->compress;
  link = muster_network_link_new (muster_network_outbox_get_spool (self->outbox), options, link_report_cb, self, error);
  g_mutex_lock (&self->lock);
  self->link = link;
  g_mutex_unlock (&self->lock);
  muster_network_outbox_set_link (self->outbox, link);
  return link != NULL;
}

static void
let_go (MusterTransportNetwork *self)
{
  g_mutex_lock (&self->lock);
  g_clear_pointer (&self->link, muster_network_link_free);
  if (self->outbox != NULL)
    muster_network_outbox_close (self->outbox);
  g_mutex_unlock (&self->lock);
}

static gboolean
open_outbox (MusterTransportNetwork *self, GError **error)
{
  const MusterNetworkOutboxOptions options = {
    .spool_size = self->spool_size,
    .sync = self->sync,
    .sync_interval_us = self->sync_interval_us,
    .block_timeout_us = self->block_timeout_us,
  };

  g_mutex_lock (&self->lock);
  g_clear_pointer (&self->outbox, muster_network_outbox_free);
  self->outbox = muster_network_outbox_open (MUSTER_TRANSPORT (self), &options, error);
  g_mutex_unlock (&self->lock);
  return self->outbox != NULL;
}

static gboolean
muster_transport_network_start (MusterTransport *transport, GError **error)
{
  MusterTransportNetwork *self = MUSTER_TRANSPORT_NETWORK (transport);
  MusterNetworkLinkOptions options = { .pack = FALSE };

  if (muster_transport_get_format (transport) != NULL)
    {
      g_set_error_literal (
          error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
          "the network takes no format: entries go as they are, and the collector makes bytes of them");
      return FALSE;
    }
  if (self->compress && !muster_network_codec_is_there ())
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "compress: built without zstd");
      return FALSE;
    }
  if (!read_keys (self, &options, error) || !check_endpoints (self, options.has_keys, error))
    return FALSE;
  if (open_outbox (self, error) && open_link (self, &options, error))
    return TRUE;
  let_go (self);
  return FALSE;
}

/* -- batches -- */

static MusterWriteResult
muster_transport_network_write (MusterTransport *transport, MusterBatch *batch, GError **error)
{
  return muster_network_outbox_write (MUSTER_TRANSPORT_NETWORK (transport)->outbox, batch, error);
}

static gboolean
muster_transport_network_flush (MusterTransport *transport, GError **error)
{
  return muster_network_outbox_flush (MUSTER_TRANSPORT_NETWORK (transport)->outbox, error);
}

static gboolean
muster_transport_network_get_mark (MusterTransport *transport, const guint8 *stream, guint64 *next)
{
  return muster_network_outbox_get_mark (MUSTER_TRANSPORT_NETWORK (transport)->outbox, stream, next);
}

static void
muster_transport_network_skip (MusterTransport *transport, const guint8 *stream, guint64 next)
{
  muster_network_outbox_skip (MUSTER_TRANSPORT_NETWORK (transport)->outbox, stream, next);
}

static void
muster_transport_network_forget (MusterTransport *transport, const guint8 *stream)
{
  muster_network_outbox_forget (MUSTER_TRANSPORT_NETWORK (transport)->outbox, stream);
}

static void
muster_transport_network_stop (MusterTransport *transport)
{
  MusterTransportNetwork *self = MUSTER_TRANSPORT_NETWORK (transport);

  muster_network_link_drain (self->link, self->linger_us);
  let_go (self);
}

/* -- the object -- */

static void
replace (char **member, const GValue *value)
{
  g_free (*member);
  *member = g_value_dup_string (value);
}

static void
muster_transport_network_set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  MusterTransportNetwork *self = MUSTER_TRANSPORT_NETWORK (object);

  switch (id)
    {
    case PROP_ENDPOINT:
      g_strfreev (self->endpoints);
      self->endpoints = g_value_dup_boxed (value);
      break;
    case PROP_SERVER_KEY_FILE:
      replace (&self->server_key_file, value);
      break;
    case PROP_KEY_FILE:
      replace (&self->key_file, value);
      break;
    case PROP_INSECURE:
      self->insecure = g_value_get_boolean (value);
      break;
    case PROP_COMPRESS:
      self->compress = g_value_get_boolean (value);
      break;
    case PROP_SPOOL_SIZE:
      self->spool_size = g_value_get_uint64 (value);
      break;
    case PROP_SYNC:
      self->sync = (MusterSync) g_value_get_enum (value);
      break;
    case PROP_SYNC_INTERVAL:
      self->sync_interval_us = g_value_get_int64 (value);
      break;
    case PROP_BLOCK_TIMEOUT:
      self->block_timeout_us = g_value_get_int64 (value);
      break;
    case PROP_LINGER:
      self->linger_us = g_value_get_int64 (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
get_state (MusterTransportNetwork *self, guint id, GValue *value)
{
  MusterNetworkLinkState state = { .endpoint = NULL };
  MusterSpool *spool;

  g_mutex_lock (&self->lock);
  spool = self->outbox != NULL ? muster_network_outbox_get_spool (self->outbox) : NULL;
  if (self->link != NULL)
    muster_network_link_get_state (self->link, &state);
  if (id == PROP_IS_CONNECTED)
    g_value_set_boolean (value, state.counters.is_connected);
  else if (id == PROP_CONNECTED_TO)
    g_value_set_string (value, state.endpoint);
  else if (id == PROP_CONNECTIONS)
    g_value_set_uint64 (value, state.counters.connections);
  else if (id == PROP_LAG)
    g_value_set_int64 (value, spool != NULL ? muster_spool_get_lag_us (spool) : 0);
  else if (id == PROP_SPOOLED_BYTES)
    g_value_set_uint64 (value, spool != NULL ? muster_spool_count_bytes (spool) : 0);
  else
    g_value_set_uint64 (value, spool != NULL ? muster_spool_count_entries (spool) : 0);
  g_mutex_unlock (&self->lock);
}

static void
muster_transport_network_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  MusterTransportNetwork *self = MUSTER_TRANSPORT_NETWORK (object);

  switch (id)
    {
    case PROP_ENDPOINT:
      g_value_set_boxed (value, self->endpoints);
      break;
    case PROP_SERVER_KEY_FILE:
      g_value_set_string (value, self->server_key_file);
      break;
    case PROP_KEY_FILE:
      g_value_set_string (value, self->key_file);
      break;
    case PROP_INSECURE:
      g_value_set_boolean (value, self->insecure);
      break;
    case PROP_COMPRESS:
      g_value_set_boolean (value, self->compress);
      break;
    case PROP_SPOOL_SIZE:
      g_value_set_uint64 (value, self->spool_size);
      break;
    case PROP_SYNC:
      g_value_set_enum (value, (int) self->sync);
      break;
    case PROP_SYNC_INTERVAL:
      g_value_set_int64 (value, self->sync_interval_us);
      break;
    case PROP_BLOCK_TIMEOUT:
      g_value_set_int64 (value, self->block_timeout_us);
      break;
    case PROP_LINGER:
      g_value_set_int64 (value, self->linger_us);
      break;
    case PROP_IS_CONNECTED:
    case PROP_CONNECTED_TO:
    case PROP_CONNECTIONS:
    case PROP_SPOOLED_BYTES:
    case PROP_SPOOLED_BATCHES:
    case PROP_LAG:
      get_state (self, id, value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
muster_transport_network_finalize (GObject *object)
{
  MusterTransportNetwork *self = MUSTER_TRANSPORT_NETWORK (object);

  let_go (self);
  g_clear_pointer (&self->outbox, muster_network_outbox_free);
  g_strfreev (self->endpoints);
  g_free (self->server_key_file);
  g_free (self->key_file);
  g_mutex_clear (&self->lock);
  G_OBJECT_CLASS (muster_transport_network_parent_class)->finalize (object);
}

static void
install_settings (void)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS;

  properties[PROP_ENDPOINT] = g_param_spec_boxed (
      "endpoint", NULL, "The collector, tcp://HOST:PORT; of several the next one is tried where one does not answer",
      G_TYPE_STRV, flags);
  properties[PROP_SERVER_KEY_FILE] =
      g_param_spec_string ("server-key-file", NULL, "The collector's public key", NULL, flags);
  properties[PROP_KEY_FILE] =
      g_param_spec_string ("key-file", NULL, "Our own key, as muster keygen makes it", NULL, flags);
  properties[PROP_INSECURE] =
      g_param_spec_boolean ("insecure", NULL, "Whether to go without keys to another machine", FALSE, flags);
  properties[PROP_COMPRESS] =
      g_param_spec_boolean ("compress", NULL, "Whether batches are packed by zstd for the way", FALSE, flags);
  properties[PROP_SPOOL_SIZE] = muster_param_spec_size (
      "spool-size", NULL,
      "Room on disk for what the collector has not got; a power of two, all of it allocated at once",
      MUSTER_JOURNAL_SIZE_MIN, MUSTER_JOURNAL_SIZE_MAX, 256 << 20, flags);
  properties[PROP_SYNC] = g_param_spec_enum (
      "sync", NULL, "When what is in the spool is made to survive the machine: none, interval, or each batch",
      MUSTER_TYPE_SYNC, MUSTER_SYNC_INTERVAL, flags);
  properties[PROP_SYNC_INTERVAL] =
      muster_param_spec_duration ("sync-interval", NULL, "How long it may wait for that, with sync=interval", 1000,
                                  G_GINT64_CONSTANT (86400000000), G_USEC_PER_SEC, flags);
  properties[PROP_BLOCK_TIMEOUT] = muster_param_spec_duration (
      "block-timeout", NULL, "How long to wait for room in a full spool while the collector takes what is in it", 0,
      G_GINT64_CONSTANT (86400000000), G_USEC_PER_SEC, flags);
  properties[PROP_LINGER] = muster_param_spec_duration (
      "linger", NULL, "How long a stop waits for the collector to take what is in the spool", 0,
      G_GINT64_CONSTANT (86400000000), G_USEC_PER_SEC, flags);
}

static void
install_state (void)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  properties[PROP_IS_CONNECTED] =
      g_param_spec_boolean ("is-connected", NULL, "Whether the collector has welcomed us", FALSE, flags);
  properties[PROP_CONNECTED_TO] =
      g_param_spec_string ("connected-to", NULL, "The endpoint in use, or being tried", NULL, flags);
  properties[PROP_CONNECTIONS] =
      g_param_spec_uint64 ("connections", NULL, "How often a collector has welcomed us", 0, G_MAXUINT64, 0, flags);
  properties[PROP_SPOOLED_BYTES] = g_param_spec_uint64 (
      "spooled-bytes", NULL, "Bytes in the spool that the collector has not acknowledged", 0, G_MAXUINT64, 0, flags);
  properties[PROP_SPOOLED_BATCHES] =
      g_param_spec_uint64 ("spooled-batches", NULL, "Batches in the spool that the collector has not acknowledged", 0,
                           G_MAXUINT64, 0, flags);
  properties[PROP_LAG] = muster_param_spec_duration (
      "lag", NULL, "How long the oldest of what waits has been in the spool, about; from the start at most", 0,
      G_MAXINT64, 0, flags);
}

static void
muster_transport_network_class_init (MusterTransportNetworkClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  MusterTransportClass *transport_class = MUSTER_TRANSPORT_CLASS (class);

  object_class->set_property = muster_transport_network_set_property;
  object_class->get_property = muster_transport_network_get_property;
  object_class->finalize = muster_transport_network_finalize;
  transport_class->start = muster_transport_network_start;
  transport_class->write = muster_transport_network_write;
  transport_class->flush = muster_transport_network_flush;
  transport_class->stop = muster_transport_network_stop;
  transport_class->get_mark = muster_transport_network_get_mark;
  transport_class->skip = muster_transport_network_skip;
  transport_class->forget = muster_transport_network_forget;
  install_settings ();
  install_state ();
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
muster_transport_network_init (MusterTransportNetwork *self)
{
  g_mutex_init (&self->lock);
}
