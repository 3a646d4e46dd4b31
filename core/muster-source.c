/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The base class of sources: entries from elsewhere into the pipeline. The owner starts and stops; any thread submits,
 * and acknowledgements come in transports' threads.
 */
#include "config.h"

#include "muster-source-private.h"

typedef struct
{
  char *name;               /* owned */
  GRWLock lock;             /* readers submit, stop writes: behind stop nothing enters */
  MusterPipeline *pipeline; /* owned; NULL while stopped; guarded by lock */
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

  g_clear_pointer (&priv->pipeline, muster_pipeline_unref);
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
set_pipeline (MusterSource *self, MusterPipeline *pipeline)
{
  MusterSourcePrivate *priv = private_of (self);
  MusterPipeline *old;

  g_rw_lock_writer_lock (&priv->lock);
  old = g_steal_pointer (&priv->pipeline);
  priv->pipeline = pipeline != NULL ? muster_pipeline_ref (pipeline) : NULL;
  g_rw_lock_writer_unlock (&priv->lock);
  g_clear_pointer (&old, muster_pipeline_unref);
}

gboolean
muster_source_start (MusterSource *self, MusterPipeline *pipeline, GError **error)
{
  MusterSourceClass *class = MUSTER_SOURCE_GET_CLASS (self);

  set_pipeline (self, pipeline);
  muster_pipeline_keep (pipeline, G_OBJECT (self));
  if (class->start (self, error))
    return TRUE;
  set_pipeline (self, NULL);
  return FALSE;
}

void
muster_source_stop (MusterSource *self)
{
  MusterSourceClass *class = MUSTER_SOURCE_GET_CLASS (self);

  if (private_of (self)->pipeline == NULL)
    return;
  if (class->stop != NULL)
    class->stop (self);
  set_pipeline (self, NULL);
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
  g_rw_lock_reader_unlock (&priv->lock);
  if (pipeline != NULL)
    muster_pipeline_push (pipeline, batch, batch_done_cb, self);
}
