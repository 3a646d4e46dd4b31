/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/resource.h>

#include "muster-logger-private.h"
#include "muster-receiver-private.h"
#include "muster-runtime-dir-private.h"
#include "muster-worker-group-private.h"
#include "muster-worker-process-private.h"

/* What all lives of a cluster share; borrowed, outlives them all. */
typedef struct
{
  MusterRuntimeDir *runtime_dir;
  MusterReceiver *receiver;
  MusterLogger *logger; /* the primary's: captured lines go there */
  GMainContext *context;
  const char *cluster;
  char **metrics;       /* nullable; the variables MUSTER_METRICS, MUSTER_METRICS_1 ... */
  MusterLevel level;    /* of groups that have none of their own */
  struct rlimit nofile; /* as the primary found it */
} MusterWorkerHouse;

/* What the lives of a group share; borrowed. */
typedef struct
{
  MusterWorkerGroup *group;
  MusterWorkerCommand *command;
  const char *endpoint;
} MusterWorkerPlan;
