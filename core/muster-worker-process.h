/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "muster-macros.h"

G_BEGIN_DECLS

#define MUSTER_TYPE_WORKER_PROCESS (muster_worker_process_get_type ())
MUSTER_PUBLIC
G_DECLARE_FINAL_TYPE (MusterWorkerProcess, muster_worker_process, MUSTER, WORKER_PROCESS, GObject)

/**
 * MusterWorkerState:
 * @MUSTER_WORKER_STOPPED: no process, and none is wanted
 * @MUSTER_WORKER_STARTING: spawned, has not said HELLO
 * @MUSTER_WORKER_RUNNING: connected, or a program that is not linked with Muster
 * @MUSTER_WORKER_STOPPING: asked to end
 * @MUSTER_WORKER_BACKOFF: ended; waits for its restart
 * @MUSTER_WORKER_FAILED: ended too often; stays down
 */
typedef enum
{
  MUSTER_WORKER_STOPPED,
  MUSTER_WORKER_STARTING,
  MUSTER_WORKER_RUNNING,
  MUSTER_WORKER_STOPPING,
  MUSTER_WORKER_BACKOFF,
  MUSTER_WORKER_FAILED,
} MusterWorkerState;

/**
 * MusterExitReason:
 * @MUSTER_EXIT_NONE: runs, or has never run
 * @MUSTER_EXIT_STATUS: by exit(); the status tells
 * @MUSTER_EXIT_SIGNAL: by a signal
 * @MUSTER_EXIT_UNKNOWN: it was another primary's child; nobody can tell
 * @MUSTER_EXIT_SPAWN_FAILED: could not be started at all
 */
typedef enum
{
  MUSTER_EXIT_NONE,
  MUSTER_EXIT_STATUS,
  MUSTER_EXIT_SIGNAL,
  MUSTER_EXIT_UNKNOWN,
  MUSTER_EXIT_SPAWN_FAILED,
} MusterExitReason;

MUSTER_PUBLIC const char *muster_worker_process_get_id (MusterWorkerProcess *self);
MUSTER_PUBLIC const char *muster_worker_process_get_group (MusterWorkerProcess *self);
MUSTER_PUBLIC guint muster_worker_process_get_pid (MusterWorkerProcess *self);
MUSTER_PUBLIC MusterWorkerState muster_worker_process_get_state (MusterWorkerProcess *self);
MUSTER_PUBLIC guint muster_worker_process_get_restarts (MusterWorkerProcess *self);
MUSTER_PUBLIC gint64 muster_worker_process_get_started_at (MusterWorkerProcess *self);
MUSTER_PUBLIC MusterExitReason muster_worker_process_get_exit_reason (MusterWorkerProcess *self);
MUSTER_PUBLIC int muster_worker_process_get_exit_status (MusterWorkerProcess *self);
MUSTER_PUBLIC int muster_worker_process_get_exit_signal (MusterWorkerProcess *self);

G_END_DECLS
