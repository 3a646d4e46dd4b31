/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-cluster.h"
#include "muster-delivery-private.h"
#include "muster-supervisor-private.h"

typedef enum
{
  MUSTER_CLUSTER_IDLE,
  MUSTER_CLUSTER_RUNNING,
  MUSTER_CLUSTER_STOPPING,
  MUSTER_CLUSTER_ENDED, /* transports start once in their life, and so does a cluster */
} MusterClusterState;

/* Everything a cluster has only while it runs, in the order in which it is made. */
typedef struct
{
  GPtrArray *commands;  /* of MusterWorkerCommand, by group; taken over by the supervisor one by one */
  GPtrArray *endpoints; /* of char *, by group */
  GPtrArray *metrics;   /* of MusterMetricsOptions, the default ones first */
  char **metrics_texts; /* the variables MUSTER_METRICS, MUSTER_METRICS_1 ... */
  struct rlimit nofile; /* as it was found */
  MusterRuntimeDir *runtime_dir;
  char *journal_path;
  MusterJournal *journal; /* `master` */
  MusterSink *sink;
  MusterLogger *logger;
  MusterPipeline *pipeline;
  gboolean pipeline_started;
  MusterTimeBase base;
  MusterDelivery *delivery;
  MusterReceiver *receiver;
  guint n_sources_started;
  MusterSupervisor *supervisor;
  GSource *tap_source; /* looks whether somebody listens to `record` */
  gboolean tapped;
  gboolean keep_journal; /* something in it has not arrived */
} MusterClusterRun;

struct _MusterCluster
{
  GObject parent_instance;

  /* Properties; strings owned. */
  char *name;
  char *host;
  char *runtime_path; /* nullable */
  char *state_path;   /* nullable */
  MusterLevel level;
  guint64 journal_size;
  gint64 drain_timeout_us;

  GMainContext *context; /* owned; the thread-default one at construction */
  GPtrArray *groups;     /* of MusterWorkerGroup */
  GPtrArray *transports;
  GPtrArray *sources;
  GPtrArray *metrics; /* of MusterMetricsGroup, by id; the default ones first, whose properties are the cluster's */
  MusterClusterState state;
  GPtrArray *stop_tasks; /* of GTask: who waits for the end */
  gboolean arrived;      /* what they will be told */
  MusterClusterRun run;
};

typedef enum
{
  MUSTER_CLUSTER_DELIVERY,
  MUSTER_CLUSTER_TRANSFORM,
  MUSTER_CLUSTER_RECORD,
  MUSTER_CLUSTER_MESSAGE,
  MUSTER_CLUSTER_WORKER_STARTED,
  MUSTER_CLUSTER_WORKER_EXITED,
  MUSTER_CLUSTER_WORKER_RESTARTED,
  MUSTER_CLUSTER_N_SIGNALS
} MusterClusterSignal;

/* In muster-cluster.c */
extern guint muster_cluster_signals[MUSTER_CLUSTER_N_SIGNALS];

/* In muster-cluster-metrics.c. Prepares run.metrics and metrics_texts, without making anything. */
gboolean muster_cluster_prepare_metrics (MusterCluster *self, GError **error);
void muster_cluster_start_delivery (MusterCluster *self);
/* What the metrics take in each worker's journal. */
gsize muster_cluster_get_area_size (MusterCluster *self);

/* In muster-cluster-run.c. Start makes everything or nothing. Finish says and writes the last of it: FALSE if something
 * that was said is in no required transport yet (it stays in journals then). Clear takes everything down. */
/* Whether the journals of all workers fit where they would lie. */
gboolean muster_cluster_check_room (MusterCluster *self, GError **error);
gboolean muster_cluster_run_start (MusterCluster *self, GError **error);
gboolean muster_cluster_run_finish (MusterCluster *self, gboolean drained);
void muster_cluster_run_clear (MusterCluster *self);
/* In muster-cluster.c: all workers have ended. */
void muster_cluster_stopped (MusterCluster *self, gboolean drained);
