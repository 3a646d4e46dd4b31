/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The network source: a collector, whose batches enter the pipeline. The owner starts and stops it; acknowledgements come
 * in transports' threads, also behind the stop, and then they are for nobody.
 */
#include "config.h"

#include "muster-source-network.h"

#include "muster-network-address.h"
#include "muster-network-collector.h"
#include "muster-source-private.h"

struct _MusterSourceNetwork
{
  MusterSource parent_instance;

  char *bind;       /* owned, nullable */
  char *key_file;   /* owned, nullable */
  char *allow_file; /* owned, nullable */
  gboolean insecure;
  gboolean merge_datasets;
  guint max_connections;

  GMutex lock;
  MusterNetworkCollector *collector; /* owned, nullable; under lock */
};

enum
{
  PROP_BIND = 1,
  PROP_KEY_FILE,
  PROP_ALLOW_FILE,
  PROP_INSECURE,
  PROP_MERGE_DATASETS,
  PROP_MAX_CONNECTIONS,
  PROP_ADDRESS,
  PROP_SENDERS,
  PROP_REFUSED,
  N_PROPERTIES,
};

static GParamSpec *properties[N_PROPERTIES];

G_DEFINE_FINAL_TYPE (MusterSourceNetwork, muster_source_network, MUSTER_TYPE_SOURCE)

/* -- starting -- */

static void
submit_cb (MusterBatch *batch, gpointer user_data)
{
  if (MUSTER_SOURCE_NETWORK (user_data)->merge_datasets)
    muster_source_merge_datasets (user_data, batch);
  muster_source_submit (user_data, batch);
}

static gboolean
get_mark_cb (const guint8 *id, guint64 *next, gpointer user_data)
{
  return muster_source_get_mark (user_data, id, next);
}

static void
report_cb (MusterLevel level, const char *text, gpointer user_data)
{
  muster_source_report (user_data, level, "%s", text);
}

static const MusterNetworkCollectorCallbacks callbacks = {
  .submit = submit_cb,
  .get_mark = get_mark_cb,
  .report = report_cb,
};

static gboolean
is_set (const char *text)
{
  return text != NULL && *text != '\0';
}

static gboolean
read_keys (MusterSourceNetwork *self, MusterNetworkListenerOptions *options, GError **error)
{
  options->has_keys = is_set (self->key_file);
  if (options->has_keys != is_set (self->allow_file))
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                   "%s: missing; keys take both: our own pair in key-file, and the public keys of those who may send "
                   "in allow-file",
                   options->has_keys ? "allow-file" : "key-file");
      return FALSE;
    }
  if (!options->has_keys || muster_network_keys_read (self->key_file, TRUE, options->secret_key, error))
    return TRUE;
  g_prefix_error (error, "key-file: ");
  return FALSE;
}

static gboolean
check_bind (MusterSourceNetwork *self, gboolean has_keys, GError **error)
{
  gboolean is_local = FALSE;

  if (!is_set (self->bind))
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "bind: missing; expected tcp://*:PORT");
      return FALSE;
    }
  if (!muster_network_address_check (self->bind, TRUE, &is_local, error)
      || (!has_keys
          && !muster_network_address_allow_plain (self->bind, is_local, self->insecure, "key-file and allow-file",
                                                  error)))
    {
      g_prefix_error (error, "bind: ");
      return FALSE;
    }
  if (!has_keys && !is_local)
    muster_source_report (MUSTER_SOURCE (self), MUSTER_LEVEL_WARNING,
                          "insecure: everybody who reaches %s may send, and all of it can be read on its way",
                          self->bind);
  return TRUE;
}

static gboolean
muster_source_network_start (MusterSource *source, GError **error)
{
  MusterSourceNetwork *self = MUSTER_SOURCE_NETWORK (source);
  MusterNetworkListenerOptions options = { .bind = self->bind,
                                           .allow_file = self->allow_file,
                                           .max_connections = self->max_connections };
  MusterNetworkCollector *collector;

  if (!read_keys (self, &options, error) || !check_bind (self, options.has_keys, error))
    return FALSE;
  g_mutex_lock (&self->lock); /* what is submitted at once may be acknowledged at once */
  collector = self->collector = muster_network_collector_new (&options, &callbacks, self, error);
  g_mutex_unlock (&self->lock);
  return collector != NULL;
}

static void
muster_source_network_stop (MusterSource *source)
{
  MusterSourceNetwork *self = MUSTER_SOURCE_NETWORK (source);
  MusterNetworkCollector *collector;

  g_mutex_lock (&self->lock);
  collector = g_steal_pointer (&self->collector);
  g_mutex_unlock (&self->lock);
  g_clear_pointer (&collector, muster_network_collector_free);
}

static void
muster_source_network_acknowledged (MusterSource *source, MusterBatch *batch)
{
  MusterSourceNetwork *self = MUSTER_SOURCE_NETWORK (source);

  g_mutex_lock (&self->lock);
  if (self->collector != NULL)
    muster_network_collector_done (self->collector, batch);
  g_mutex_unlock (&self->lock);
}

/* -- the object -- */

static void
replace (char **member, const GValue *value)
{
  g_free (*member);
  *member = g_value_dup_string (value);
}

static void
muster_source_network_set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  MusterSourceNetwork *self = MUSTER_SOURCE_NETWORK (object);

  switch (id)
    {
    case PROP_BIND:
      replace (&self->bind, value);
      break;
    case PROP_KEY_FILE:
      replace (&self->key_file, value);
      break;
    case PROP_ALLOW_FILE:
      replace (&self->allow_file, value);
      break;
    case PROP_INSECURE:
      self->insecure = g_value_get_boolean (value);
      break;
    case PROP_MERGE_DATASETS:
      self->merge_datasets = g_value_get_boolean (value);
      break;
    case PROP_MAX_CONNECTIONS:
      self->max_connections = g_value_get_uint (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
get_state (MusterSourceNetwork *self, guint id, GValue *value)
{
  MusterNetworkCollectorState state = { 0 };

  g_mutex_lock (&self->lock);
  if (self->collector != NULL)
    muster_network_collector_get_state (self->collector, &state);
  if (id == PROP_ADDRESS)
    g_value_set_string (value, self->collector != NULL ? muster_network_collector_get_address (self->collector) : NULL);
  else if (id == PROP_SENDERS)
    g_value_set_uint (value, state.senders);
  else
    g_value_set_uint64 (value, state.refused);
  g_mutex_unlock (&self->lock);
}

static void
muster_source_network_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  MusterSourceNetwork *self = MUSTER_SOURCE_NETWORK (object);

  switch (id)
    {
    case PROP_BIND:
      g_value_set_string (value, self->bind);
      break;
    case PROP_KEY_FILE:
      g_value_set_string (value, self->key_file);
      break;
    case PROP_ALLOW_FILE:
      g_value_set_string (value, self->allow_file);
      break;
    case PROP_INSECURE:
      g_value_set_boolean (value, self->insecure);
      break;
    case PROP_MERGE_DATASETS:
      g_value_set_boolean (value, self->merge_datasets);
      break;
    case PROP_MAX_CONNECTIONS:
      g_value_set_uint (value, self->max_connections);
      break;
    case PROP_ADDRESS:
    case PROP_SENDERS:
    case PROP_REFUSED:
      get_state (self, id, value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
muster_source_network_finalize (GObject *object)
{
  MusterSourceNetwork *self = MUSTER_SOURCE_NETWORK (object);

  muster_source_network_stop (MUSTER_SOURCE (self));
  g_free (self->bind);
  g_free (self->key_file);
  g_free (self->allow_file);
  g_mutex_clear (&self->lock);
  G_OBJECT_CLASS (muster_source_network_parent_class)->finalize (object);
}

static void
muster_source_network_class_init (MusterSourceNetworkClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  MusterSourceClass *source_class = MUSTER_SOURCE_CLASS (class);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS;
  const GParamFlags state = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  object_class->set_property = muster_source_network_set_property;
  object_class->get_property = muster_source_network_get_property;
  object_class->finalize = muster_source_network_finalize;
  source_class->start = muster_source_network_start;
  source_class->stop = muster_source_network_stop;
  source_class->acknowledged = muster_source_network_acknowledged;

  properties[PROP_BIND] = g_param_spec_string ("bind", NULL, "Where senders connect to: tcp://*:7171", NULL, flags);
  properties[PROP_KEY_FILE] =
      g_param_spec_string ("key-file", NULL, "Our own key, as muster keygen makes it", NULL, flags);
  properties[PROP_ALLOW_FILE] = g_param_spec_string (
      "allow-file", NULL, "The public keys of those who may send, one in a line; read again when it changes", NULL,
      flags);
  properties[PROP_INSECURE] = g_param_spec_boolean (
      "insecure", NULL, "Whether to take in what comes without keys from other machines", FALSE, flags);
  properties[PROP_MERGE_DATASETS] = g_param_spec_boolean (
      "merge-datasets", NULL, "Whether the metrics of several machines are merged, for the same name and interval",
      TRUE, flags);
  properties[PROP_MAX_CONNECTIONS] = g_param_spec_uint (
      "max-connections", NULL,
      "How many connections there may be at once; 0: three quarters of the descriptors that the process may have", 0,
      G_MAXINT, 0, flags);
  properties[PROP_ADDRESS] =
      g_param_spec_string ("address", NULL, "Where it listens, with the port that was chosen", NULL, state);
  properties[PROP_SENDERS] = g_param_spec_uint ("senders", NULL, "How many senders are known", 0, G_MAXUINT, 0, state);
  properties[PROP_REFUSED] =
      g_param_spec_uint64 ("refused", NULL, "How many connections were refused", 0, G_MAXUINT64, 0, state);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
muster_source_network_init (MusterSourceNetwork *self)
{
  g_mutex_init (&self->lock);
}
