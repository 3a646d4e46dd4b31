/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-level.h"
#include "muster-worker-process.h"

/* How a process ended: the last entry of its stream. */
typedef struct
{
  MusterExitReason reason; /* STATUS, SIGNAL or UNKNOWN */
  int status;
  int signal;
  gboolean core_dumped;
  gboolean wanted;    /* it was told to stop */
  gboolean timed_out; /* and did not, so that it was killed */
  gint64 run_time_us; /* -1: not known */
  guint64 max_rss_kib;
  guint pid;
  guint restarts;          /* of its worker so far */
  const char *backtrace;   /* nullable: where it crashed */
  const char *stderr_tail; /* nullable: its last lines */
} MusterEnd;

/* "SIGSEGV"; "SIGRTMIN+3"; of its own memory or static. */
const char *muster_signal_name (int number);
MusterLevel muster_end_get_level (const MusterEnd *end);
char *muster_end_to_string (const MusterEnd *end);                 /* "ended by signal 11 (SIGSEGV) after 3.2 s" */
GBytes *muster_end_encode (const MusterEnd *end, guint64 time_ns); /* an encoded Record entry */
/* The same for an earlier primary's own stream, or one of its sources', of which nobody knows how it ended; now. */
GBytes *muster_end_encode_primary (guint pid, gboolean source);
