/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * MusterWorkerProcess: a place for a worker, and the process that fills it now. It stays the same object over restarts.
 * Written by the supervisor; the thread of the cluster's main context.
 */
#include "config.h"

#include "muster-worker-process-private.h"

#include "muster-enums.h"

enum
{
  PROP_0,
  PROP_ID,
  PROP_GROUP,
  PROP_PID,
  PROP_STATE,
  PROP_RESTARTS,
  PROP_STARTED_AT,
  PROP_EXIT_REASON,
  PROP_EXIT_STATUS,
  PROP_EXIT_SIGNAL,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_TYPE (MusterWorkerProcess, muster_worker_process, G_TYPE_OBJECT)

static void
muster_worker_process_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  MusterWorkerProcess *self = MUSTER_WORKER_PROCESS (object);

  switch (id)
    {
    case PROP_ID:
      g_value_set_string (value, self->id);
      break;
    case PROP_GROUP:
      g_value_set_string (value, self->group);
      break;
    case PROP_PID:
      g_value_set_uint (value, self->pid);
      break;
    case PROP_STATE:
      g_value_set_enum (value, self->state);
      break;
    case PROP_RESTARTS:
      g_value_set_uint (value, self->restarts);
      break;
    case PROP_STARTED_AT:
      g_value_set_int64 (value, self->started_at_us);
      break;
    case PROP_EXIT_REASON:
      g_value_set_enum (value, self->exit_reason);
      break;
    case PROP_EXIT_STATUS:
      g_value_set_int (value, self->exit_status);
      break;
    case PROP_EXIT_SIGNAL:
      g_value_set_int (value, self->exit_signal);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
muster_worker_process_finalize (GObject *object)
{
  MusterWorkerProcess *self = MUSTER_WORKER_PROCESS (object);

  g_free (self->id);
  g_free (self->group);
  G_OBJECT_CLASS (muster_worker_process_parent_class)->finalize (object);
}

#define FLAGS (G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY)

static void
muster_worker_process_class_init (MusterWorkerProcessClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = muster_worker_process_get_property;
  object_class->finalize = muster_worker_process_finalize;

  properties[PROP_ID] = g_param_spec_string ("id", NULL, "Group and number: \"web-1\"", NULL, FLAGS);
  properties[PROP_GROUP] = g_param_spec_string ("group", NULL, "The name of its group", NULL, FLAGS);
  properties[PROP_PID] = g_param_spec_uint ("pid", NULL, "The process; 0 where there is none", 0, G_MAXUINT, 0, FLAGS);
  properties[PROP_STATE] =
      g_param_spec_enum ("state", NULL, "What it is doing", MUSTER_TYPE_WORKER_STATE, MUSTER_WORKER_STOPPED, FLAGS);
  properties[PROP_RESTARTS] =
      g_param_spec_uint ("restarts", NULL, "How often it was started again", 0, G_MAXUINT, 0, FLAGS);
  properties[PROP_STARTED_AT] = g_param_spec_int64 (
      "started-at", NULL, "When the last process was started, in microseconds since the Unix epoch; 0: never", 0,
      G_MAXINT64, 0, FLAGS);
  properties[PROP_EXIT_REASON] = g_param_spec_enum ("exit-reason", NULL, "How the last process ended",
                                                    MUSTER_TYPE_EXIT_REASON, MUSTER_EXIT_NONE, FLAGS);
  properties[PROP_EXIT_STATUS] = g_param_spec_int ("exit-status", NULL, "Its exit status", 0, 255, 0, FLAGS);
  properties[PROP_EXIT_SIGNAL] = g_param_spec_int ("exit-signal", NULL, "The signal that ended it", 0, 127, 0, FLAGS);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
muster_worker_process_init (MusterWorkerProcess *self)
{
}

MusterWorkerProcess *
muster_worker_process_new (const char *group, guint number)
{
  MusterWorkerProcess *self = g_object_new (MUSTER_TYPE_WORKER_PROCESS, NULL);

  self->id = g_strdup_printf ("%s-%u", group, number);
  self->group = g_strdup (group);
  return self;
}

void
muster_worker_process_set_state (MusterWorkerProcess *self, MusterWorkerState state)
{
  if (self->state == state)
    return;
  self->state = state;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_STATE]);
}

void
muster_worker_process_set_started (MusterWorkerProcess *self, guint pid, gint64 started_at_us)
{
  g_object_freeze_notify (G_OBJECT (self));
  if (self->started_at_us != 0)
    {
      self->restarts++;
      g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_RESTARTS]);
    }
  self->pid = pid;
  self->started_at_us = started_at_us;
  self->exit_reason = MUSTER_EXIT_NONE;
  self->exit_status = 0;
  self->exit_signal = 0;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_PID]);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_STARTED_AT]);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_EXIT_REASON]);
  muster_worker_process_set_state (self, MUSTER_WORKER_STARTING);
  g_object_thaw_notify (G_OBJECT (self));
}

void
muster_worker_process_set_exited (MusterWorkerProcess *self, MusterExitReason reason, int status, int signal)
{
  self->pid = 0;
  self->exit_reason = reason;
  self->exit_status = status;
  self->exit_signal = signal;
  g_object_freeze_notify (G_OBJECT (self));
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_PID]);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_EXIT_REASON]);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_EXIT_STATUS]);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_EXIT_SIGNAL]);
  g_object_thaw_notify (G_OBJECT (self));
}

/**
 * muster_worker_process_get_id:
 * @self: a worker
 *
 * Group and number: `web-1`.
 *
 * Returns: (transfer none): the id
 * Since: 0.1
 */
const char *
muster_worker_process_get_id (MusterWorkerProcess *self)
{
  g_return_val_if_fail (MUSTER_IS_WORKER_PROCESS (self), NULL);

  return self->id;
}

/**
 * muster_worker_process_get_group:
 * @self: a worker
 *
 * The name of the group that the worker belongs to.
 *
 * Returns: (transfer none): the name
 * Since: 0.1
 */
const char *
muster_worker_process_get_group (MusterWorkerProcess *self)
{
  g_return_val_if_fail (MUSTER_IS_WORKER_PROCESS (self), NULL);

  return self->group;
}

/**
 * muster_worker_process_get_pid:
 * @self: a worker
 *
 * The process that runs now.
 *
 * Returns: a process id; 0 where there is none
 * Since: 0.1
 */
guint
muster_worker_process_get_pid (MusterWorkerProcess *self)
{
  g_return_val_if_fail (MUSTER_IS_WORKER_PROCESS (self), 0);

  return self->pid;
}

/**
 * muster_worker_process_get_state:
 * @self: a worker
 *
 * What the worker is doing.
 *
 * Returns: a state
 * Since: 0.1
 */
MusterWorkerState
muster_worker_process_get_state (MusterWorkerProcess *self)
{
  g_return_val_if_fail (MUSTER_IS_WORKER_PROCESS (self), MUSTER_WORKER_STOPPED);

  return self->state;
}

/**
 * muster_worker_process_get_restarts:
 * @self: a worker
 *
 * How often the worker was started again.
 *
 * Returns: a count
 * Since: 0.1
 */
guint
muster_worker_process_get_restarts (MusterWorkerProcess *self)
{
  g_return_val_if_fail (MUSTER_IS_WORKER_PROCESS (self), 0);

  return self->restarts;
}

/**
 * muster_worker_process_get_started_at:
 * @self: a worker
 *
 * When the last process was started.
 *
 * Returns: microseconds since the Unix epoch; 0 if none ever was
 * Since: 0.1
 */
gint64
muster_worker_process_get_started_at (MusterWorkerProcess *self)
{
  g_return_val_if_fail (MUSTER_IS_WORKER_PROCESS (self), 0);

  return self->started_at_us;
}

/**
 * muster_worker_process_get_exit_reason:
 * @self: a worker
 *
 * How the last process ended.
 *
 * Returns: a reason; %MUSTER_EXIT_NONE while it runs
 * Since: 0.1
 */
MusterExitReason
muster_worker_process_get_exit_reason (MusterWorkerProcess *self)
{
  g_return_val_if_fail (MUSTER_IS_WORKER_PROCESS (self), MUSTER_EXIT_NONE);

  return self->exit_reason;
}

/**
 * muster_worker_process_get_exit_status:
 * @self: a worker
 *
 * The exit status of the last process, for %MUSTER_EXIT_STATUS.
 *
 * Returns: 0 to 255
 * Since: 0.1
 */
int
muster_worker_process_get_exit_status (MusterWorkerProcess *self)
{
  g_return_val_if_fail (MUSTER_IS_WORKER_PROCESS (self), 0);

  return self->exit_status;
}

/**
 * muster_worker_process_get_exit_signal:
 * @self: a worker
 *
 * The signal that ended the last process, for %MUSTER_EXIT_SIGNAL.
 *
 * Returns: a number; 0 if it was none
 * Since: 0.1
 */
int
muster_worker_process_get_exit_signal (MusterWorkerProcess *self)
{
  g_return_val_if_fail (MUSTER_IS_WORKER_PROCESS (self), 0);

  return self->exit_signal;
}
