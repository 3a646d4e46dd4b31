/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "muster-error.h"

/*
 * MusterRuntimeDir: a primary's directory, locked as long as the object lives.
 *
 *   PATH/             0700; 0711 where workers run as other users
 *   PATH/lock         flock'ed; the primary's pid as text
 *   PATH/groups/NAME/ 0700, or 0750 with the group of the workers' user: that group's endpoint
 *   PATH/fifos/       0700: the workers' stdout and stderr
 *   PATH/journals/    0700, if PATH is on tmpfs; else /dev/shm/muster-UID/NAME-HASH/, HASH telling the PATHs apart
 *
 * A directory that belongs to someone else, or that others may write to, is refused. One thread.
 */
typedef struct _MusterRuntimeDir MusterRuntimeDir;

/* $RUNTIME_DIRECTORY, else $XDG_RUNTIME_DIR/muster/NAME, else /tmp/muster-UID/NAME. */
char *muster_runtime_dir_find (const char *name);

/* Whether @name may name a cluster, group or worker: it becomes part of file names. @what is for the error. */
gboolean muster_name_check (const char *name, const char *what, GError **error);

/* Makes, checks and locks it. MUSTER_ERROR_EXISTS where another primary has it. */
MusterRuntimeDir *muster_runtime_dir_open (const char *path, const char *name, gboolean shared, GError **error);
/* Removes what is empty, and the lock. */
void muster_runtime_dir_free (MusterRuntimeDir *dir);

/* How many bytes there are for journals, and where, if a primary ran in @path. Nothing is made. */
gboolean muster_runtime_dir_find_room (const char *path, guint64 *available, char **directory);

const char *muster_runtime_dir_get_path (MusterRuntimeDir *dir);
const char *muster_runtime_dir_get_journals (MusterRuntimeDir *dir);
const char *muster_runtime_dir_get_fifos (MusterRuntimeDir *dir);

/* "ipc://PATH/groups/GROUP/link"; an error where that is longer than a socket's path may be. Nothing is made. */
char *muster_runtime_dir_get_endpoint (const char *path, const char *group, GError **error);
/* Makes the directory of a group's endpoint. @gid: (gid_t) -1 where the workers run as the primary's user. */
gboolean muster_runtime_dir_add_group (MusterRuntimeDir *dir, const char *group, gid_t gid, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterRuntimeDir, muster_runtime_dir_free)
