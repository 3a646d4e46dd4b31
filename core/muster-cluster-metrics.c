/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The metrics of a cluster: the default ones, which the cluster's own properties describe, and any that were added. The
 * cluster's thread only.
 */
#include "config.h"

#include "muster-cluster-private.h"

#include <string.h>

#include "muster-dataset-struct-private.h"
#include "muster-environment-private.h"
#include "muster-metrics-area-private.h"
#include "muster-metrics-group-private.h"
#include "muster-transformer-private.h"

/**
 * muster_cluster_add_metrics:
 * @self: a cluster that does not run
 * @group: (transfer none): metrics with an interval of their own
 *
 * Adds metrics beside the default ones: every process of the cluster has them, by their name
 * (muster_worker_get_metrics_by_name()), and they are delivered by themselves. Names are unique, which
 * muster_cluster_start() checks.
 *
 * Since: 0.1
 */
void
muster_cluster_add_metrics (MusterCluster *self, MusterMetricsGroup *group)
{
  g_return_if_fail (MUSTER_IS_CLUSTER (self) && self->state == MUSTER_CLUSTER_IDLE);
  g_return_if_fail (MUSTER_IS_METRICS_GROUP (group));

  g_ptr_array_add (self->metrics, g_object_ref (group));
}

/**
 * muster_cluster_get_metrics:
 * @self: a cluster
 *
 * The primary's own default metrics, `master` in each dataset.
 *
 * Returns: (transfer none) (nullable): metrics; %NULL where the cluster does not run
 * Since: 0.1
 */
MusterMetrics *
muster_cluster_get_metrics (MusterCluster *self)
{
  return muster_cluster_get_metrics_by_name (self, "");
}

/**
 * muster_cluster_get_metrics_by_name:
 * @self: a cluster
 * @name: a name; the default metrics' is empty
 *
 * The primary's own metrics of that name, `master` in each of their datasets.
 *
 * Returns: (transfer none) (nullable): metrics; %NULL where the cluster has none of that name, or does not run
 * Since: 0.1
 */
MusterMetrics *
muster_cluster_get_metrics_by_name (MusterCluster *self, const char *name)
{
  g_return_val_if_fail (MUSTER_IS_CLUSTER (self) && name != NULL, NULL);

  return self->run.delivery != NULL ? muster_delivery_get_metrics (self->run.delivery, name) : NULL;
}

/* -- at the start -------------------------------------------------------------------------------- */

static void
add_options (GPtrArray *all, MusterMetricsGroup *group)
{
  MusterMetricsOptions borrowed, *options = g_new0 (MusterMetricsOptions, 1);

  muster_metrics_group_get_options (group, &borrowed);
  muster_metrics_options_copy (options, &borrowed);
  g_ptr_array_add (all, options);
}

static GPtrArray *
list_options (MusterCluster *self)
{
  GPtrArray *all = g_ptr_array_new_with_free_func ((GDestroyNotify) muster_metrics_options_free);

  for (guint i = 0; i < self->metrics->len; i++)
    add_options (all, self->metrics->pdata[i]);
  return all;
}

static gboolean
check_name (GPtrArray *all, guint index, GError **error)
{
  const char *name = ((MusterMetricsOptions *) all->pdata[index])->name;

  if (!muster_name_check (name, "the metrics", error))
    return FALSE;
  for (guint i = 0; i < index; i++)
    if (strcmp (((MusterMetricsOptions *) all->pdata[i])->name, name) == 0)
      {
        g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_EXISTS, "there are two metrics \"%s\"", name);
        return FALSE;
      }
  return TRUE;
}

gboolean
muster_cluster_prepare_metrics (MusterCluster *self, GError **error)
{
  g_autoptr (GPtrArray) all = list_options (self);

  if (all->len > MUSTER_METRICS_N_MAX)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "there are %u metrics; a cluster has at most %u",
                   all->len, MUSTER_METRICS_N_MAX);
      return FALSE;
    }
  for (guint i = 1; i < all->len; i++)
    if (!check_name (all, i, error))
      return FALSE;
  self->run.metrics_texts = g_new0 (char *, all->len + 1);
  for (guint i = 0; i < all->len; i++)
    self->run.metrics_texts[i] = muster_metrics_options_to_string (all->pdata[i]);
  self->run.metrics = g_steal_pointer (&all);
  return TRUE;
}

gsize
muster_cluster_get_area_size (MusterCluster *self)
{
  g_autoptr (GPtrArray) all = list_options (self);
  gsize size = 0;

  for (guint i = 0; i < all->len; i++)
    size += muster_metrics_area_get_allocated_size (((MusterMetricsOptions *) all->pdata[i])->max_metrics);
  return MIN (size, MUSTER_JOURNAL_AREA_MAX);
}

/* -- at each delivery ---------------------------------------------------------------------------- */

static MusterTransformer
get_transformer (MusterCluster *self, guint id)
{
  return ((MusterMetricsGroup *) self->metrics->pdata[id])->transformer;
}

/* What stands in the place of the process's metrics; NULL: nothing does. */
static GVariant *
transform (MusterCluster *self, MusterDataset *dataset, const MusterDatasetProcess *process, gboolean has_handler)
{
  g_autoptr (GVariant) data = muster_dataset_process_to_variant (dataset, process);
  GVariant *shape = NULL;

  if (has_handler)
    g_signal_emit (self, muster_cluster_signals[MUSTER_CLUSTER_TRANSFORM], 0, dataset, process->worker, data, &shape);
  return shape != NULL ? shape : muster_transformer_apply (get_transformer (self, dataset->id), data, process->worker);
}

static void
shape_cb (MusterDataset *dataset, gpointer user_data)
{
  MusterCluster *self = user_data;
  gboolean has_handler =
      g_signal_has_handler_pending (self, muster_cluster_signals[MUSTER_CLUSTER_TRANSFORM], 0, FALSE);

  if (!has_handler && get_transformer (self, dataset->id) == MUSTER_TRANSFORMER_NONE)
    return;
  for (guint i = 0; i < dataset->processes->len; i++)
    {
      MusterDatasetProcess *process = dataset->processes->pdata[i];
      g_autoptr (GVariant) shape = transform (self, dataset, process, has_handler);
      g_autoptr (GError) error = NULL;

      if (shape != NULL && !muster_dataset_process_set_shape (process, shape, &error))
        muster_warning (self->run.logger, "%s", error->message);
    }
}

static void
deliver_cb (MusterDataset *dataset, gpointer user_data)
{
  g_signal_emit (user_data, muster_cluster_signals[MUSTER_CLUSTER_DELIVERY], 0, dataset);
}

void
muster_cluster_start_delivery (MusterCluster *self)
{
  muster_time_base_now (&self->run.base);
  self->run.delivery =
      muster_delivery_new (self->run.journal, self->run.logger, &self->run.base, self->context, self->run.metrics,
                           muster_runtime_dir_get_journals (self->run.runtime_dir), shape_cb, deliver_cb, self);
}
