/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include "muster-error.h"

/* Where a worker finds its journal. */
#define MUSTER_SPAWN_JOURNAL_FD 3

typedef struct
{
  int resource; /* RLIMIT_... */
  struct rlimit limit;
} MusterSpawnLimit;

/* What a child is given. Everything is borrowed for the duration of the call. */
typedef struct
{
  const char *program;            /* a path, looked up already */
  const char *const *argv;        /* argv[0] included */
  const char *const *environment; /* all of it, but for MUSTER_PID, which the child adds: it equals the child's pid */
  const char *directory;          /* nullable: the parent's */
  gboolean change_user;           /* then uid, gid and groups are taken on, and no_new_privs is set */
  uid_t uid;
  gid_t gid;
  const gid_t *groups;
  gsize n_groups;
  const MusterSpawnLimit *limits;
  gsize n_limits;
  int umask;                                      /* -1: the parent's */
  int stdout_fd;                                  /* -1: /dev/null */
  int stderr_fd;                                  /* likewise */
  int journal_fd;                                 /* -1: none */
  void (*forked) (pid_t pid, gpointer user_data); /* nullable: called while the child waits, before it does anything */
  gpointer user_data;
} MusterSpawnOptions;

/* Starts a child in a process group of its own, with /dev/null as stdin, default signal dispositions, nothing blocked,
 * and no descriptor but those above. Returns when the program has been executed; what failed before that is an error
 * that names the step ("exec /usr/x: No such file or directory"). The child is to be reaped by the caller. */
gboolean muster_spawn (const MusterSpawnOptions *options, pid_t *pid, int *pidfd, GError **error);

/* Looks @name up as execvp() would, relative names against @directory (nullable). */
char *muster_spawn_find_program (const char *name, const char *directory, GError **error);
