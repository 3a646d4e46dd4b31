/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The base class of transports: what every way out needs, so that a subclass is plain blocking code. This is the object,
 * its properties and what a subclass calls; muster-transport-run.c is its thread.
 */
#include "config.h"

#include "muster-enums.h"
#include "muster-param.h"
#include "muster-transport-struct-private.h"

enum
{
  PROP_NAME = 1,
  PROP_FORMAT,
  PROP_LEVEL,
  PROP_WORKERS,
  PROP_REQUIRED,
  PROP_QUEUE_SIZE,
  PROP_RETRY_DELAY,
  PROP_RETRY_DELAY_MAX,
  PROP_STATE_DIR,
  N_PROPERTIES,
};

static GParamSpec *properties[N_PROPERTIES];

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (MusterTransport, muster_transport, G_TYPE_OBJECT)

MusterTransportPrivate *
muster_transport_get_private (MusterTransport *self)
{
  return muster_transport_get_instance_private (self);
}

static void
muster_transport_set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  MusterTransport *self = MUSTER_TRANSPORT (object);
  MusterTransportPrivate *priv = muster_transport_get_private (self);

  switch (id)
    {
    case PROP_NAME:
      priv->name = g_value_dup_string (value);
      break;
    case PROP_FORMAT:
      muster_transport_set_format (self, g_value_get_object (value));
      break;
    case PROP_LEVEL:
      g_atomic_int_set (&priv->level, g_value_get_enum (value));
      break;
    case PROP_WORKERS:
      g_free (priv->workers);
      g_free (priv->state_dir);
      priv->workers = g_value_dup_string (value);
      break;
    case PROP_REQUIRED:
      muster_transport_set_required (self, g_value_get_boolean (value));
      break;
    case PROP_QUEUE_SIZE:
      priv->queue_size = g_value_get_uint64 (value);
      break;
    case PROP_RETRY_DELAY:
      priv->retry_delay_us = g_value_get_int64 (value);
      break;
    case PROP_RETRY_DELAY_MAX:
      priv->retry_delay_max_us = g_value_get_int64 (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
muster_transport_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  MusterTransportPrivate *priv = muster_transport_get_private (MUSTER_TRANSPORT (object));

  switch (id)
    {
    case PROP_NAME:
      g_value_set_string (value, priv->name);
      break;
    case PROP_FORMAT:
      g_value_set_object (value, priv->format);
      break;
    case PROP_LEVEL:
      g_value_set_enum (value, g_atomic_int_get (&priv->level));
      break;
    case PROP_WORKERS:
      g_value_set_string (value, priv->workers);
      break;
    case PROP_REQUIRED:
      g_value_set_boolean (value, priv->required);
      break;
    case PROP_QUEUE_SIZE:
      g_value_set_uint64 (value, priv->queue_size);
      break;
    case PROP_RETRY_DELAY:
      g_value_set_int64 (value, priv->retry_delay_us);
      break;
    case PROP_RETRY_DELAY_MAX:
      g_value_set_int64 (value, priv->retry_delay_max_us);
      break;
    case PROP_STATE_DIR:
      g_value_set_string (value, priv->state_dir);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
muster_transport_finalize (GObject *object)
{
  MusterTransportPrivate *priv = muster_transport_get_private (MUSTER_TRANSPORT (object));

  g_clear_pointer (&priv->thread, g_thread_unref);
  g_clear_pointer (&priv->selector, muster_transport_selector_free);
  g_clear_pointer (&priv->taken, g_array_unref);
  g_clear_pointer (&priv->restored, g_array_unref);
  muster_transport_queue_clear (&priv->queue);
  g_clear_object (&priv->format);
  g_free (priv->workers);
  g_free (priv->state_dir);
  g_free (priv->name);
  g_mutex_clear (&priv->callback_lock);
  g_cond_clear (&priv->cond);
  g_mutex_clear (&priv->lock);
  G_OBJECT_CLASS (muster_transport_parent_class)->finalize (object);
}

static void
muster_transport_class_init (MusterTransportClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

  object_class->set_property = muster_transport_set_property;
  object_class->get_property = muster_transport_get_property;
  object_class->finalize = muster_transport_finalize;

  /**
   * MusterTransport:name:
   *
   * What it is called in a keyfile and in messages.
   */
  properties[PROP_NAME] =
      g_param_spec_string ("name", NULL, "What it is called in messages", NULL, flags | G_PARAM_CONSTRUCT_ONLY);
  /**
   * MusterTransport:format:
   *
   * How entries become bytes; the transport owns it. %NULL for transports that take the bytes as they are.
   */
  properties[PROP_FORMAT] = g_param_spec_object ("format", NULL, "How entries become bytes", MUSTER_TYPE_FORMAT, flags);
  /**
   * MusterTransport:level:
   *
   * Records that are more harmless are left out; metrics and gaps pass. May change at any time.
   */
  properties[PROP_LEVEL] = g_param_spec_enum ("level", NULL, "Records more harmless than this are left out",
                                              MUSTER_TYPE_LEVEL, MUSTER_LEVEL_DEBUG, flags);
  /**
   * MusterTransport:workers:
   *
   * Whose entries are wanted: patterns with `*` and `?`, `;` between them.
   */
  properties[PROP_WORKERS] = g_param_spec_string (
      "workers", NULL, "Whose entries are wanted: patterns with * and ?, a ; between them", "*", flags);
  /**
   * MusterTransport:required:
   *
   * Whether an entry is acknowledged only when this transport is done with it. A transport that is not required drops,
   * and counts, when its queue is full.
   */
  properties[PROP_REQUIRED] = g_param_spec_boolean (
      "required", NULL, "Nothing is acknowledged before it is here; otherwise drops when its queue is full", TRUE,
      flags);
  /**
   * MusterTransport:queue-size:
   *
   * How many bytes may wait for a transport that is not required.
   */
  properties[PROP_QUEUE_SIZE] = muster_param_spec_size (
      "queue-size", NULL, "Bytes that may wait, where the transport is not required", 0, G_MAXUINT64, 1 << 20, flags);
  /**
   * MusterTransport:retry-delay:
   *
   * How long to wait before the second attempt; each further wait is twice as long.
   */
  properties[PROP_RETRY_DELAY] =
      muster_param_spec_duration ("retry-delay", NULL, "The wait before the second attempt; doubled each time", 1000,
                                  G_GINT64_CONSTANT (86400000000), G_USEC_PER_SEC / 10, flags);
  /**
   * MusterTransport:retry-delay-max:
   *
   * The longest wait between two attempts.
   */
  properties[PROP_RETRY_DELAY_MAX] =
      muster_param_spec_duration ("retry-delay-max", NULL, "The longest wait between two attempts", 1000,
                                  G_GINT64_CONSTANT (86400000000), 30 * G_USEC_PER_SEC, flags);
  /**
   * MusterTransport:state-dir:
   *
   * Where it may keep what it has to know after a restart. The cluster sets it, to a directory below its own `state-dir`;
   * %NULL where there is none.
   */
  properties[PROP_STATE_DIR] =
      g_param_spec_string ("state-dir", NULL, "Where it keeps what it has to know after a restart", NULL,
                           G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
muster_transport_init (MusterTransport *self)
{
  MusterTransportPrivate *priv = muster_transport_get_private (self);

  g_mutex_init (&priv->lock);
  g_cond_init (&priv->cond);
  g_mutex_init (&priv->callback_lock);
  muster_transport_queue_init (&priv->queue);
  priv->taken = muster_transport_items_new ();
  priv->workers = g_strdup ("*");
  priv->level = MUSTER_LEVEL_DEBUG;
  priv->required = TRUE;
  priv->queue_size = 1 << 20;
  priv->retry_delay_us = G_USEC_PER_SEC / 10;
  priv->retry_delay_max_us = 30 * G_USEC_PER_SEC;
}

/* -- public -- */

/**
 * muster_transport_get_name:
 * @self: a transport
 *
 * Returns: (transfer none): its name; that of its type if it was given none
 * Since: 0.1
 */
const char *
muster_transport_get_name (MusterTransport *self)
{
  g_return_val_if_fail (MUSTER_IS_TRANSPORT (self), NULL);
  return muster_transport_get_private (self)->name != NULL ? muster_transport_get_private (self)->name
                                                           : G_OBJECT_TYPE_NAME (self);
}

/**
 * muster_transport_get_format:
 * @self: a transport
 *
 * Returns: (transfer none) (nullable): its format
 * Since: 0.1
 */
MusterFormat *
muster_transport_get_format (MusterTransport *self)
{
  g_return_val_if_fail (MUSTER_IS_TRANSPORT (self), NULL);
  return muster_transport_get_private (self)->format;
}

/**
 * muster_transport_set_format:
 * @self: a transport that has not been started
 * @format: (nullable): a format of its own
 *
 * Sets how entries become bytes. A format keeps state, so no two transports share one.
 *
 * Since: 0.1
 */
void
muster_transport_set_format (MusterTransport *self, MusterFormat *format)
{
  g_return_if_fail (MUSTER_IS_TRANSPORT (self));
  g_return_if_fail (muster_transport_get_private (self)->thread == NULL);

  if (g_set_object (&muster_transport_get_private (self)->format, format))
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_FORMAT]);
}

/**
 * muster_transport_get_required:
 * @self: a transport
 *
 * Returns: whether an entry is acknowledged only when this transport is done with it
 * Since: 0.1
 */
gboolean
muster_transport_get_required (MusterTransport *self)
{
  g_return_val_if_fail (MUSTER_IS_TRANSPORT (self), FALSE);
  return muster_transport_get_private (self)->required;
}

/**
 * muster_transport_set_required:
 * @self: a transport that has not been started
 * @required: whether an entry is acknowledged only when this transport is done with it
 *
 * What the property `required` does; a subclass with another default calls it in its instance init, and installs a
 * property `required` of its own to show that default.
 *
 * Since: 0.1
 */
void
muster_transport_set_required (MusterTransport *self, gboolean required)
{
  g_return_if_fail (MUSTER_IS_TRANSPORT (self));
  g_return_if_fail (muster_transport_get_private (self)->thread == NULL);
  muster_transport_get_private (self)->required = required;
}

/**
 * muster_transport_get_counters:
 * @self: a transport
 * @counters: (out caller-allocates): where the numbers go
 *
 * What the transport has done so far. Any thread; the numbers are each right, not all of one moment.
 *
 * Since: 0.1
 */
void
muster_transport_get_counters (MusterTransport *self, MusterTransportCounters *counters)
{
  MusterTransportNumbers *own;

  g_return_if_fail (MUSTER_IS_TRANSPORT (self));
  own = &muster_transport_get_private (self)->counters;
  *counters = (MusterTransportCounters){
    .batches = muster_transport_count_get (&own->batches),
    .entries = muster_transport_count_get (&own->entries),
    .bytes = muster_transport_count_get (&own->bytes),
    .retries = muster_transport_count_get (&own->retries),
    .failed = muster_transport_count_get (&own->failed),
    .dropped = muster_transport_count_get (&own->dropped),
    .filtered = muster_transport_count_get (&own->filtered),
    .queued = muster_transport_count_get (&own->queued),
  };
}

/**
 * muster_transport_add_bytes:
 * @self: a transport
 * @bytes: how many were written
 *
 * For subclasses: adds to the counter of bytes. Any thread.
 *
 * Since: 0.1
 */
void
muster_transport_add_bytes (MusterTransport *self, gsize bytes)
{
  muster_transport_count_add (&muster_transport_get_private (self)->counters.bytes, bytes);
}

/**
 * muster_transport_is_stopping:
 * @self: a transport
 *
 * For subclasses that wait: whether the transport has been asked to stop. What is queued is still to be written, but
 * waiting for long is pointless: return %MUSTER_WRITE_RETRY, and the base class decides. Any thread.
 *
 * Returns: whether to come to an end
 * Since: 0.1
 */
gboolean
muster_transport_is_stopping (MusterTransport *self)
{
  return g_atomic_int_get (&muster_transport_get_private (self)->stopping) != 0;
}

/**
 * muster_transport_schedule_flush:
 * @self: a transport
 * @delay_us: microseconds from now
 *
 * For subclasses, in a virtual function: asks that `flush` be called after that time, if nothing is to be written until
 * then (it is called anyway whenever the queue runs empty). Each call of `flush` ends what was scheduled before it.
 *
 * Since: 0.1
 */
void
muster_transport_schedule_flush (MusterTransport *self, gint64 delay_us)
{
  muster_transport_get_private (self)->flush_due_us = g_get_monotonic_time () + MAX (delay_us, 0);
}

/**
 * muster_transport_report: (skip)
 * @self: a transport
 * @level: how bad it is
 * @format: printf format of what a person should know, in one line
 * @...: its arguments
 *
 * For subclasses: makes a record of something that happened to the transport; its name is put in front. What a virtual
 * function returns as its error is reported by the base class. Any thread.
 *
 * Since: 0.1
 */
void
muster_transport_report (MusterTransport *self, MusterLevel level, const char *format, ...)
{
  MusterTransportPrivate *priv = muster_transport_get_private (self);
  g_autofree char *text = NULL;
  g_autofree char *message = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  message = g_strdup_printf ("transport %s: %s", muster_transport_get_name (self), text);
  g_mutex_lock (&priv->callback_lock);
  if (priv->report != NULL && !g_atomic_int_get (&priv->abandoned))
    priv->report (self, level, message, priv->user_data);
  g_mutex_unlock (&priv->callback_lock);
}

/**
 * muster_transport_get_state_dir:
 * @self: a transport
 *
 * For subclasses: a directory for what has to be known after a restart, of this transport and of others; put the name of
 * the transport into the names of files. It is there when `start` is called.
 *
 * Returns: (transfer none) (nullable): a path; %NULL where nothing is to be kept
 * Since: 0.1
 */
const char *
muster_transport_get_state_dir (MusterTransport *self)
{
  g_return_val_if_fail (MUSTER_IS_TRANSPORT (self), NULL);
  return muster_transport_get_private (self)->state_dir;
}

/**
 * muster_transport_get_next_seq:
 * @self: a transport
 *
 * For subclasses, in `write`: where the stream stands once this batch is done. That is behind the end of the batch,
 * where the filters left out what came last. It is what `get_mark` has to answer after a restart.
 *
 * Returns: the number of the first entry behind
 * Since: 0.1
 */
guint64
muster_transport_get_next_seq (MusterTransport *self)
{
  return muster_transport_get_private (self)->next_seq;
}
