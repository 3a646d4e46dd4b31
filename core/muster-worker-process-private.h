/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-worker-process.h"

/* Written by the supervisor alone. */
struct _MusterWorkerProcess
{
  GObject parent_instance;

  char *id;    /* owned */
  char *group; /* owned */
  guint pid;   /* 0 where there is no process */
  MusterWorkerState state;
  guint restarts;
  gint64 started_at_us; /* CLOCK_REALTIME; 0: never */
  MusterExitReason exit_reason;
  int exit_status;
  int exit_signal;
};

MusterWorkerProcess *muster_worker_process_new (const char *group, guint number);
void muster_worker_process_set_state (MusterWorkerProcess *self, MusterWorkerState state);
void muster_worker_process_set_started (MusterWorkerProcess *self, guint pid, gint64 started_at_us);
void muster_worker_process_set_exited (MusterWorkerProcess *self, MusterExitReason reason, int status, int signal);
