/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "muster-dataset.h"
#include "muster-logger.h"
#include "muster-metrics-group.h"
#include "muster-metrics.h"
#include "muster-record.h"
#include "muster-source.h"
#include "muster-transport.h"
#include "muster-worker-group.h"
#include "muster-worker-process.h"

G_BEGIN_DECLS

#define MUSTER_TYPE_CLUSTER (muster_cluster_get_type ())
MUSTER_PUBLIC
G_DECLARE_FINAL_TYPE (MusterCluster, muster_cluster, MUSTER, CLUSTER, GObject)

MUSTER_PUBLIC MusterCluster *muster_cluster_new (const char *name);
MUSTER_PUBLIC void muster_cluster_add_group (MusterCluster *self, MusterWorkerGroup *group);
MUSTER_PUBLIC void muster_cluster_add_transport (MusterCluster *self, MusterTransport *transport);
MUSTER_PUBLIC void muster_cluster_add_source (MusterCluster *self, MusterSource *source);
MUSTER_PUBLIC void muster_cluster_add_metrics (MusterCluster *self, MusterMetricsGroup *group);
MUSTER_PUBLIC gboolean muster_cluster_start (MusterCluster *self, GError **error);
MUSTER_PUBLIC void muster_cluster_stop_async (MusterCluster *self, GCancellable *cancellable,
                                              GAsyncReadyCallback callback, gpointer user_data);
MUSTER_PUBLIC gboolean muster_cluster_stop_finish (MusterCluster *self, GAsyncResult *result, GError **error);
MUSTER_PUBLIC gboolean muster_cluster_scale (MusterCluster *self, const char *group, guint instances, GError **error);
MUSTER_PUBLIC gboolean muster_cluster_restart (MusterCluster *self, const char *what, GError **error);
MUSTER_PUBLIC void muster_cluster_reopen (MusterCluster *self);
MUSTER_PUBLIC gboolean muster_cluster_send (MusterCluster *self, const char *worker, GVariant *message, GError **error);
MUSTER_PUBLIC void muster_cluster_broadcast (MusterCluster *self, const char *group, GVariant *message);
MUSTER_PUBLIC GPtrArray *muster_cluster_list_workers (MusterCluster *self);
MUSTER_PUBLIC MusterLogger *muster_cluster_get_logger (MusterCluster *self);
MUSTER_PUBLIC MusterMetrics *muster_cluster_get_metrics (MusterCluster *self);
MUSTER_PUBLIC MusterMetrics *muster_cluster_get_metrics_by_name (MusterCluster *self, const char *name);
MUSTER_PUBLIC const char *muster_cluster_get_name (MusterCluster *self);
MUSTER_PUBLIC const char *muster_cluster_get_runtime_dir (MusterCluster *self);

G_END_DECLS
