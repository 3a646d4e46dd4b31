/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-worker-life-private.h"

/*
 * MusterSupervisor: the groups of a cluster and their workers: started, watched, started again, scaled, stopped. The
 * cluster's thread only; the callbacks come in that thread, and may call any function here; free in `stopped` alone.
 */
typedef struct _MusterSupervisor MusterSupervisor;

typedef struct
{
  void (*started) (MusterWorkerProcess *process, gboolean again, gpointer user_data);
  void (*exited) (MusterWorkerProcess *process, MusterExitReason reason, gpointer user_data);
  /* A process that reports metrics: from now on, or no longer: it has ended. What it said last, and what the primary says
   * in its place, is still to come. */
  void (*expect) (const char *worker, guint pid, gint64 since_us, gboolean expected, gpointer user_data);
  /* After muster_supervisor_stop(): all have ended; @drained: and all their journals are empty. */
  void (*stopped) (gboolean drained, gpointer user_data);
} MusterSupervisorCallbacks;

MusterSupervisor *muster_supervisor_new (const MusterWorkerHouse *house, const MusterSupervisorCallbacks *callbacks,
                                         gpointer user_data); /* @house is copied, its content borrowed */
void muster_supervisor_free (MusterSupervisor *self);         /* kills what runs; what is not drained is kept */

/* Before start. Takes @command over. */
void muster_supervisor_add_group (MusterSupervisor *self, MusterWorkerGroup *group, MusterWorkerCommand *command,
                                  const char *endpoint);
/* A journal of an earlier primary, before start: its worker goes on where it is, if it lives; else the journal is
 * drained. @fd is taken over; @next as muster_receiver_add_journal() has it. */
void muster_supervisor_adopt (MusterSupervisor *self, const MusterJournalIdentity *identity, gsize ring_size,
                              const char *journal_path, int fd, guint64 next);
void muster_supervisor_start (MusterSupervisor *self);
void muster_supervisor_stop (MusterSupervisor *self, gint64 drain_timeout_us);

gboolean muster_supervisor_scale (MusterSupervisor *self, const char *group, guint instances, GError **error);
/* @what: a worker, a group, or "*". */
gboolean muster_supervisor_restart (MusterSupervisor *self, const char *what, GError **error);
gboolean muster_supervisor_send (MusterSupervisor *self, const char *worker, GVariant *message, GError **error);
void muster_supervisor_broadcast (MusterSupervisor *self, const char *group, GVariant *message); /* nullable: all */
GPtrArray *muster_supervisor_list (MusterSupervisor *self);                                      /* full */

/* What the receiver says. */
void muster_supervisor_connected (MusterSupervisor *self, const guint8 stream[MUSTER_STREAM_ID_SIZE]);
void muster_supervisor_finished (MusterSupervisor *self, const guint8 stream[MUSTER_STREAM_ID_SIZE]);
MusterWorkerProcess *muster_supervisor_lookup (MusterSupervisor *self, const guint8 stream[MUSTER_STREAM_ID_SIZE]);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterSupervisor, muster_supervisor_free)
