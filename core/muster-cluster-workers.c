/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What an application or an operator does with the workers of a running cluster. The cluster's thread only.
 */
#include "config.h"

#include "muster-cluster-private.h"

static gboolean
check_runs (MusterCluster *self, GError **error)
{
  if (self->state == MUSTER_CLUSTER_RUNNING)
    return TRUE;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "the cluster %s does not run", self->name);
  return FALSE;
}

/**
 * muster_cluster_scale:
 * @self: a cluster
 * @group: a group's name
 * @instances: how many workers it should have; at most 1000
 * @error: return location for an error
 *
 * Starts or stops workers of a group; those with the highest numbers go first.
 *
 * Returns: whether it was begun; else @error is %MUSTER_ERROR_NOT_FOUND, %MUSTER_ERROR_INVALID, or
 *   %MUSTER_ERROR_UNAVAILABLE where the cluster does not run
 * Since: 0.1
 */
gboolean
muster_cluster_scale (MusterCluster *self, const char *group, guint instances, GError **error)
{
  g_return_val_if_fail (MUSTER_IS_CLUSTER (self) && group != NULL, FALSE);

  return check_runs (self, error) && muster_supervisor_scale (self->run.supervisor, group, instances, error);
}

/**
 * muster_cluster_restart:
 * @self: a cluster
 * @what: a worker (`web-1`), a group (`web`), or `*` for all
 * @error: return location for an error
 *
 * Stops workers and starts them again, those too that had failed or wait for their restart.
 *
 * Returns: whether it was begun; else @error is %MUSTER_ERROR_NOT_FOUND, or %MUSTER_ERROR_UNAVAILABLE where the cluster
 *   does not run
 * Since: 0.1
 */
gboolean
muster_cluster_restart (MusterCluster *self, const char *what, GError **error)
{
  g_return_val_if_fail (MUSTER_IS_CLUSTER (self) && what != NULL, FALSE);

  return check_runs (self, error) && muster_supervisor_restart (self->run.supervisor, what, error);
}

/**
 * muster_cluster_send:
 * @self: a cluster
 * @worker: a worker's id
 * @message: (transfer none): anything; a floating reference is taken
 * @error: return location for an error
 *
 * Sends a custom message to a worker that is linked with Muster. It is not journalled: what the worker has not taken
 * when it dies is lost.
 *
 * Returns: whether it was sent; else @error is %MUSTER_ERROR_NOT_FOUND, or %MUSTER_ERROR_UNAVAILABLE where the worker
 *   is not connected
 * Since: 0.1
 */
gboolean
muster_cluster_send (MusterCluster *self, const char *worker, GVariant *message, GError **error)
{
  g_autoptr (GVariant) owned = NULL;

  g_return_val_if_fail (MUSTER_IS_CLUSTER (self) && worker != NULL && message != NULL, FALSE);

  owned = g_variant_ref_sink (message);
  if (self->run.supervisor == NULL)
    return check_runs (self, error);
  return muster_supervisor_send (self->run.supervisor, worker, owned, error);
}

/**
 * muster_cluster_broadcast:
 * @self: a cluster
 * @group: (nullable): a group's name; %NULL for all workers
 * @message: (transfer none): anything; a floating reference is taken
 *
 * Sends a custom message to all workers that are connected.
 *
 * Since: 0.1
 */
void
muster_cluster_broadcast (MusterCluster *self, const char *group, GVariant *message)
{
  g_autoptr (GVariant) owned = NULL;

  g_return_if_fail (MUSTER_IS_CLUSTER (self) && message != NULL);

  owned = g_variant_ref_sink (message);
  if (self->run.supervisor != NULL)
    muster_supervisor_broadcast (self->run.supervisor, group, owned);
}

/**
 * muster_cluster_list_workers:
 * @self: a cluster
 *
 * All workers, by group and number; those on their way out too.
 *
 * Returns: (transfer container) (element-type MusterWorkerProcess): the workers; empty where the cluster does not run
 * Since: 0.1
 */
GPtrArray *
muster_cluster_list_workers (MusterCluster *self)
{
  g_return_val_if_fail (MUSTER_IS_CLUSTER (self), NULL);

  if (self->run.supervisor == NULL)
    return g_ptr_array_new_with_free_func (g_object_unref);
  return muster_supervisor_list (self->run.supervisor);
}
