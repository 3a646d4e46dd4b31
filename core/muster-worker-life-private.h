/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-crash-naming-private.h"
#include "muster-end-record-private.h"
#include "muster-worker-output-private.h"

/*
 * MusterWorkerLife: one process of a worker, from its journal to its last words. Each restart is a new life with a new
 * stream, and does not wait for the old one, which stays until its journal is drained. The cluster's thread only.
 */
typedef struct _MusterWorkerLife MusterWorkerLife;

/* The process has ended and is reaped, and what it printed has been taken: life->end says how. */
typedef void (*MusterWorkerExitedFunc) (MusterWorkerLife *life, gpointer user_data);

struct _MusterWorkerLife
{
  const MusterWorkerHouse *house;
  const MusterWorkerPlan *plan;
  MusterWorkerProcess *process; /* owned reference */
  MusterJournalIdentity identity;
  char stream_text[2 * MUSTER_STREAM_ID_SIZE + 1];
  char *journal_path; /* owned */
  gsize ring_size;
  guint pid;
  gint64 started_us;  /* g_get_monotonic_time() */
  gboolean connected; /* has said HELLO: it reports metrics */
  MusterEnd end;

  /*< private >*/
  int journal_fd; /* owned; -1 once the process runs */
  int pidfd;      /* owned; -1 after the end */
  GSource *exit_source;
  GSource *kill_source; /* SIGKILL after stop-timeout */
  MusterWorkerOutput *output;
  char *stderr_text;
  MusterJournalCrash *crash; /* owned, nullable: what its crash handler found out */
  MusterCrashNaming *naming; /* owned, nullable */
  gint64 ended_us;
  MusterWorkerExitedFunc exited;
  gpointer user_data;
};

/* Makes journal and FIFOs, tells the receiver, starts the process. */
MusterWorkerLife *muster_worker_life_start (const MusterWorkerHouse *house, const MusterWorkerPlan *plan,
                                            MusterWorkerProcess *process, MusterWorkerExitedFunc exited,
                                            gpointer user_data, GError **error);
/* A process that an earlier primary started: its journal and FIFOs are there already. @pidfd is taken over; -1: it is dead,
 * and only its journal is left to be drained. How it ends cannot be known. */
MusterWorkerLife *muster_worker_life_adopt (const MusterWorkerHouse *house, const MusterWorkerPlan *plan,
                                            MusterWorkerProcess *process, const MusterJournalIdentity *identity,
                                            gsize ring_size, const char *journal_path, int pidfd,
                                            MusterWorkerExitedFunc exited, gpointer user_data);
/* SIGTERM now, SIGKILL after @timeout_us. Once is enough. */
void muster_worker_life_terminate (MusterWorkerLife *life, gint64 timeout_us);
/* After the end: tells the receiver, which drains the journal and writes the end record behind. It need not be now: the
 * names of a backtrace are looked up first. */
void muster_worker_life_finish (MusterWorkerLife *life);
void muster_worker_life_signal (MusterWorkerLife *life, int number);
/* The journal is drained, or never will be (@keep_journal: a later primary's work). Kills what still runs. */
void muster_worker_life_free (MusterWorkerLife *life, gboolean keep_journal);
