/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "muster-level.h"
#include "muster-spawn-private.h"
#include "muster-worker-group.h"

/* The resource limits that a group may set, in the order of their properties. */
#define MUSTER_WORKER_GROUP_N_LIMITS      7
#define MUSTER_WORKER_GROUP_INSTANCES_MAX 1000

/* The properties as the supervisor reads them; the main thread's. */
struct _MusterWorkerGroup
{
  GObject parent_instance;

  char *name; /* owned, like all strings here */
  char *exec;
  guint instances;
  char *user; /* nullable, like all that follow */
  char *unix_group;
  char *directory;
  char **environment;
  MusterRestartPolicy restart;
  gint64 restart_delay_us;
  gint64 restart_delay_max_us;
  guint restart_limit;
  gint64 restart_window_us;
  gint64 stop_timeout_us;
  guint64 journal_size;
  gint64 block_timeout_us;
  gint64 flush_interval_us;
  MusterLevel level; /* NONE: the cluster's */
  MusterLevel stdout_level;
  MusterLevel stderr_level;
  char *umask;
  guint64 limits[MUSTER_WORKER_GROUP_N_LIMITS]; /* G_MAXUINT64: left alone */
};

/* A group's properties made ready for muster_spawn(): looked up, parsed and checked. */
typedef struct
{
  char *program;
  char **argv;
  char *directory; /* nullable */
  gboolean change_user;
  uid_t uid;
  gid_t gid;
  gid_t *groups;
  gsize n_groups;
  char *user_name; /* nullable: the user's, where it is changed and has one */
  char *home;      /* likewise */
  int umask;       /* -1: left alone */
  MusterSpawnLimit limits[MUSTER_WORKER_GROUP_N_LIMITS];
  gsize n_limits;
} MusterWorkerCommand;

/* @property: (out) (optional): which property is wrong, on failure. */
MusterWorkerCommand *muster_worker_command_new (MusterWorkerGroup *group, const char **property, GError **error);
void muster_worker_command_free (MusterWorkerCommand *command);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterWorkerCommand, muster_worker_command_free)
