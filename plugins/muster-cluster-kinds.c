/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Kinds of metrics that a keyfile names: their plugins are loaded, and so they are registered. The thread that builds the
 * cluster.
 */
#include "config.h"

#include "muster-cluster-builder-private.h"

gboolean
muster_cluster_builder_load_kinds (MusterClusterBuilder *builder, const MusterKeyfileGroup *group)
{
  const MusterKeyfileEntry *entry = muster_keyfile_group_find (group, "metric-kinds");
  gboolean good = TRUE;

  for (guint i = 0; entry != NULL && entry->list != NULL && entry->list[i] != NULL; i++)
    {
      g_autoptr (GError) error = NULL;

      if (muster_registry_lookup_metric_kind (builder->registry, entry->list[i], &error) != NULL)
        continue;
      muster_cluster_builder_add_problem (builder, group, entry, error->message);
      good = FALSE;
    }
  return good;
}
