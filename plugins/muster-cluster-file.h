/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-cluster.h"
#include "muster-registry.h"

G_BEGIN_DECLS

MUSTER_PUBLIC MusterCluster *muster_cluster_new_from_file (const char *path, GError **error);
MUSTER_PUBLIC MusterCluster *muster_cluster_load (MusterRegistry *registry, const char *path, GPtrArray *problems);
MUSTER_PUBLIC gboolean muster_cluster_check_file (MusterRegistry *registry, const char *path, GPtrArray *problems,
                                                  guint *n_groups, guint *n_transports, guint *n_sources);

G_END_DECLS
