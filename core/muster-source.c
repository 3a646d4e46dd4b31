/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The base class of sources: entries from elsewhere into the pipeline. The owner starts and stops; any thread submits,
 * and acknowledgements come in transports' threads. What an intake takes, it takes in a thread of its own.
 */
#include "config.h"

#include "muster-source-private.h"

typedef struct
{
  char *name;                 /* owned */
  MusterSourceHouse house;    /* while started; its strings are borrowed from the owner, and used in start alone;
                               * guarded by lock */
  MusterSourceIntake *intake; /* owned; nullable; made in start, kept until finalize: acknowledgements may come */
  GRWLock lock;               /* readers submit, stop writes: behind stop nothing enters */
  MusterPipeline *pipeline;   /* owned; NULL while stopped; guarded by lock */
  MusterLogger *logger;       /* owned; nullable; guarded by lock */
} MusterSourcePrivate;

enum
{
  PROP_NAME = 1,
};

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (MusterSource, muster_source, G_TYPE_OBJECT)

static inline MusterSourcePrivate *
private_of (MusterSource *self)
{
  return muster_source_get_instance_private (self);
}

static void
muster_source_set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  if (id == PROP_NAME)
    private_of (MUSTER_SOURCE (object))->name = g_value_dup_string (value);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
}

static void
muster_source_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  if (id == PROP_NAME)
    g_value_set_string (value, private_of (MUSTER_SOURCE (object))->name);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
}

static void
muster_source_finalize (GObject *object)
{
  MusterSourcePrivate *priv = private_of (MUSTER_SOURCE (object));

  g_clear_pointer (&priv->intake, muster_source_intake_free);
  g_clear_pointer (&priv->pipeline, muster_pipeline_unref);
  g_clear_object (&priv->logger);
  g_rw_lock_clear (&priv->lock);
  g_free (priv->name);
  G_OBJECT_CLASS (muster_source_parent_class)->finalize (object);
}

static void
muster_source_class_init (MusterSourceClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);

  object_class->set_property = muster_source_set_property;
  object_class->get_property = muster_source_get_property;
  object_class->finalize = muster_source_finalize;

  /**
   * MusterSource:name:
   *
   * What it is called in a keyfile and in messages.
   */
  g_object_class_install_property (
      object_class, PROP_NAME,
      g_param_spec_string ("name", NULL, "What it is called in messages", NULL,
                           G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS));
}

static void
muster_source_init (MusterSource *self)
{
  g_rw_lock_init (&private_of (self)->lock);
}

static void
set_house (MusterSource *self, const MusterSourceHouse *house)
{
  MusterSourcePrivate *priv = private_of (self);
  MusterPipeline *old_pipeline;
  MusterLogger *old_logger;

  g_rw_lock_writer_lock (&priv->lock);
  old_pipeline = priv->pipeline;
  old_logger = priv->logger;
  priv->house = *house;
  priv->pipeline = house->pipeline != NULL ? muster_pipeline_ref (house->pipeline) : NULL;
  priv->logger = house->logger != NULL ? g_object_ref (house->logger) : NULL;
  g_rw_lock_writer_unlock (&priv->lock);
  g_clear_pointer (&old_pipeline, muster_pipeline_unref);
  g_clear_object (&old_logger);
}

static gboolean
end (MusterSource *self, gint64 timeout_us)
{
  static const MusterSourceHouse none = { .pipeline = NULL };
  MusterSourcePrivate *priv = private_of (self);
  gboolean settled = priv->intake == NULL || muster_source_intake_stop (priv->intake, timeout_us);

  set_house (self, &none);
  return settled;
}

gboolean
muster_source_start (MusterSource *self, const MusterSourceHouse *house, GError **error)
{
  MusterSourceClass *class = MUSTER_SOURCE_GET_CLASS (self);

  set_house (self, house);
  muster_pipeline_keep (house->pipeline, G_OBJECT (self));
  if (class->start (self, error))
    return TRUE;
  g_prefix_error (error, "source %s: ", muster_source_get_name (self));
  end (self, house->drain_timeout_us);
  return FALSE;
}

gboolean
muster_source_stop (MusterSource *self)
{
  MusterSourceClass *class = MUSTER_SOURCE_GET_CLASS (self);
  MusterSourcePrivate *priv = private_of (self);

  if (priv->pipeline == NULL)
    return TRUE;
  if (class->stop != NULL)
    class->stop (self);
  return end (self, priv->house.drain_timeout_us);
}

const char *
muster_source_get_journal_path (MusterSource *self)
{
  MusterSourcePrivate *priv = private_of (self);

  return priv->intake != NULL ? muster_source_intake_get_journal_path (priv->intake) : NULL;
}

guint64
muster_source_get_journal_size (MusterSource *self)
{
  MusterSourceClass *class = MUSTER_SOURCE_GET_CLASS (self);

  return class->get_journal_size != NULL ? class->get_journal_size (self) : 0;
}

gboolean
muster_source_get_mark (MusterSource *self, const guint8 id[MUSTER_STREAM_ID_SIZE], guint64 *next)
{
  MusterSourcePrivate *priv = private_of (self);
  gboolean known;

  g_rw_lock_reader_lock (&priv->lock);
  known = priv->pipeline != NULL && muster_pipeline_get_mark (priv->pipeline, id, next);
  g_rw_lock_reader_unlock (&priv->lock);
  return known;
}

void
muster_source_merge_datasets (MusterSource *self, MusterBatch *batch)
{
  MusterSourcePrivate *priv = private_of (self);

  if (!muster_batch_has_kind (batch, MUSTER_ENTRY_DATASET))
    return;
  g_rw_lock_reader_lock (&priv->lock);
  if (priv->house.merge != NULL)
    priv->house.merge (batch, priv->house.merge_data);
  g_rw_lock_reader_unlock (&priv->lock);
}

static void
batch_done_cb (MusterBatch *batch, gpointer user_data)
{
  MusterSource *self = user_data;
  MusterSourceClass *class = MUSTER_SOURCE_GET_CLASS (self);

  if (class->acknowledged != NULL)
    class->acknowledged (self, batch);
}

/**
 * muster_source_get_name:
 * @self: a source
 *
 * Returns: (transfer none): its name; that of its type if it was given none
 * Since: 0.1
 */
const char *
muster_source_get_name (MusterSource *self)
{
  g_return_val_if_fail (MUSTER_IS_SOURCE (self), NULL);
  return private_of (self)->name != NULL ? private_of (self)->name : G_OBJECT_TYPE_NAME (self);
}

/**
 * muster_source_submit:
 * @self: a started source
 * @batch: a batch, submitted once
 *
 * For subclasses: hands a batch to every transport. The virtual function `acknowledged` follows, once, when every
 * required transport has it; maybe before this returns. It does not follow for what a stop leaves behind, nor for what
 * is submitted to a source that is stopped. Any thread; never blocks.
 *
 * Since: 0.1
 */
void
muster_source_submit (MusterSource *self, MusterBatch *batch)
{
  MusterSourcePrivate *priv = private_of (self);
  g_autoptr (MusterPipeline) pipeline = NULL;

  g_return_if_fail (MUSTER_IS_SOURCE (self));
  g_return_if_fail (batch != NULL);

  g_rw_lock_reader_lock (&priv->lock);
  pipeline = priv->pipeline != NULL ? muster_pipeline_ref (priv->pipeline) : NULL;
  if (priv->house.tap != NULL)
    priv->house.tap (batch, priv->house.tap_data);
  g_rw_lock_reader_unlock (&priv->lock);
  if (pipeline != NULL)
    muster_pipeline_push (pipeline, batch, batch_done_cb, self);
}

/**
 * muster_source_report: (skip)
 * @self: a source
 * @level: how bad it is
 * @format: printf format of what a person should know, in one line
 * @...: its arguments
 *
 * For subclasses: makes a record of something that happened to the source, in the primary's stream; its name is put in
 * front. Any thread. Before `start` and after `stop` nobody hears it.
 *
 * Since: 0.1
 */
void
muster_source_report (MusterSource *self, MusterLevel level, const char *format, ...)
{
  MusterSourcePrivate *priv = private_of (self);
  g_autofree char *text = NULL;
  g_autoptr (MusterLogger) logger = NULL;
  va_list arguments;

  g_return_if_fail (MUSTER_IS_SOURCE (self));

  g_rw_lock_reader_lock (&priv->lock);
  g_set_object (&logger, priv->logger);
  g_rw_lock_reader_unlock (&priv->lock);
  if (logger == NULL)
    return;
  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  muster_logger_log_fields (
      logger, level, NULL, 0, NULL,
      MUSTER_FIELDS (MUSTER_TEXT ("event", "source"), MUSTER_TEXT ("source", muster_source_get_name (self))),
      "source %s: %s", muster_source_get_name (self), text);
}

/* -- the intake ------------------------------------------------------------------------------------ */

static void
room_cb (gpointer user_data)
{
  MusterSource *self = user_data;
  MusterSourceClass *class = MUSTER_SOURCE_GET_CLASS (self);

  if (class->room != NULL)
    class->room (self);
}

/**
 * muster_source_open_intake: (skip)
 * @self: a source
 * @journal_size: bytes that may wait until they are in every required transport
 * @error: where to say what is wrong
 *
 * For subclasses, in `start`: makes a journal beside those of the workers, and a thread that runs the main context of
 * muster_source_get_context(). After `stop` the base class waits until all that was taken is where it belongs, and ends
 * the thread. If the process is killed, the next primary delivers what is in the journal. A source with an intake is
 * started once.
 *
 * Returns: %FALSE with @error set if there is no memory for the journal
 * Since: 0.1
 */
gboolean
muster_source_open_intake (MusterSource *self, guint64 journal_size, GError **error)
{
  MusterSourcePrivate *priv = private_of (self);

  g_return_val_if_fail (MUSTER_IS_SOURCE (self), FALSE);
  g_return_val_if_fail (priv->pipeline != NULL && priv->intake == NULL, FALSE);

  priv->intake =
      muster_source_intake_new (&priv->house, muster_source_get_name (self), journal_size, room_cb, self, error);
  return priv->intake != NULL;
}

/**
 * muster_source_get_context: (skip)
 * @self: a source with an intake
 *
 * Returns: (transfer none): the main context that the intake's thread runs, for GSources of the subclass
 * Since: 0.1
 */
GMainContext *
muster_source_get_context (MusterSource *self)
{
  g_return_val_if_fail (MUSTER_IS_SOURCE (self) && private_of (self)->intake != NULL, NULL);
  return muster_source_intake_get_context (private_of (self)->intake);
}

/**
 * muster_source_run: (skip)
 * @self: a source with an intake
 * @function: what to do
 * @data: for @function
 *
 * Runs @function in the intake's thread and waits until it has returned. For `start` and `stop`, which come in the owner's
 * thread.
 *
 * Since: 0.1
 */
void
muster_source_run (MusterSource *self, void (*function) (gpointer data), gpointer data)
{
  g_return_if_fail (MUSTER_IS_SOURCE (self) && private_of (self)->intake != NULL);
  muster_source_intake_run (private_of (self)->intake, function, data);
}

/**
 * muster_source_take: (skip)
 * @self: a source with an intake
 * @record: what somebody said
 *
 * Takes one record in: once this has returned %TRUE it is numbered, and in the journal. What is too long for an entry is
 * cut and marked. Never blocks; in the intake's thread only.
 *
 * Returns: %FALSE if there is no room in the journal, because the transports are behind: nothing has happened; offer it
 *   again when `room` is called, and take nothing in until then
 * Since: 0.1
 */
gboolean
muster_source_take (MusterSource *self, const MusterSourceRecord *record)
{
  MusterSourceIntake *intake = private_of (self)->intake;

  g_return_val_if_fail (intake != NULL && record != NULL, FALSE);
  return muster_source_intake_take (intake, record);
}
