/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-metrics-private.h"
#include "muster-level.h"

/*
 * What a worker needs, as its primary put it into the environment; docs/protocol.md lists the variables. The primary
 * writes them (muster-spawn), the worker reads them here.
 */
#define MUSTER_ENV_PID            "MUSTER_PID"
#define MUSTER_ENV_CLUSTER        "MUSTER_CLUSTER"
#define MUSTER_ENV_GROUP          "MUSTER_GROUP"
#define MUSTER_ENV_WORKER         "MUSTER_WORKER"
#define MUSTER_ENV_ENDPOINT       "MUSTER_ENDPOINT"
#define MUSTER_ENV_JOURNAL_FD     "MUSTER_JOURNAL_FD"
#define MUSTER_ENV_LEVEL          "MUSTER_LEVEL"
#define MUSTER_ENV_BLOCK_TIMEOUT  "MUSTER_BLOCK_TIMEOUT"
#define MUSTER_ENV_FLUSH_INTERVAL "MUSTER_FLUSH_INTERVAL"
#define MUSTER_ENV_METRICS        "MUSTER_METRICS"

typedef struct
{
  char *worker;   /* owned */
  char *endpoint; /* owned */
  int journal_fd;
  MusterLevel level;
  gint64 block_timeout_us;
  gint64 flush_interval_us;
} MusterEnvironment;

/* Whether this very process (not a child that inherited the variables) was started by a primary. */
gboolean muster_environment_is_worker (void);
gboolean muster_environment_read (MusterEnvironment *environment, GError **error);
void muster_environment_clear (MusterEnvironment *environment);
/* Takes the variables out, so that what this process starts does not think that it is the worker. */
void muster_environment_unset (void);

/* All metrics of the cluster, the default ones first: MUSTER_METRICS, then MUSTER_METRICS_1 and so on. What is wrong is
 * left out, and said in @error; the array is there in any case. */
GPtrArray *muster_environment_read_metrics (GError **error); /* of MusterMetricsOptions */
/* The variable of the metrics number @i, from 0. */
char *muster_environment_get_metrics_variable (guint i);
