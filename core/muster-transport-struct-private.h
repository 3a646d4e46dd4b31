/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdatomic.h>

#include "muster-transport-private.h"
#include "muster-transport-queue-private.h"
#include "muster-transport-selector-private.h"

/*
 * What a transport has inside, for its own two files: muster-transport.c is the object, muster-transport-run.c its life
 * between start and stop.
 *
 * Threads. The owner creates, sets up, starts and stops; any thread pushes, asks for a reopen, and reads counters; the
 * transport's own thread does the rest. It has a reference of its own, so that nothing is freed under a subclass that
 * does not come back.
 *
 *   who                 what                                                guarded by
 *   any -> thread       queue, idle, stopping, deadline_us, finished        lock, cond
 *   any -> thread       reopen_asked (is set under the lock, too)           atomic
 *   thread -> any       counters; queued_bytes                              atomic, relaxed: numbers, nothing hangs on them
 *   owner -> thread     name, format, required, patterns, delays, state_dir set before start; g_thread_new orders them
 *   any -> thread       level                                               atomic: may change while it runs
 *   thread alone        selector, taken, in_hand, next_seq, flush_due_us, flush_failed
 *   owner, thread       done, report, user_data, abandoned                  callback_lock, held while a callback runs
 *
 * The owner that gives up on a stalled thread takes callback_lock to set `abandoned`: behind that no callback runs or
 * will run, and what user_data points to may go. Batches travel as references; one that was given up is simply unref'd.
 */

typedef struct
{
  _Atomic guint64 batches;
  _Atomic guint64 entries;
  _Atomic guint64 bytes;
  _Atomic guint64 retries;
  _Atomic guint64 failed;
  _Atomic guint64 dropped;
  _Atomic guint64 filtered;
  _Atomic guint64 queued;
  _Atomic guint64 queued_bytes;
} MusterTransportNumbers;

/* What an earlier life of this process left out of a stream's output. */
typedef struct
{
  guint8 stream[MUSTER_STREAM_ID_SIZE];
  guint64 next;
  MusterPendingRuns pending;
} MusterTransportRestored;

typedef struct
{
  char *name;           /* owned */
  MusterFormat *format; /* owned; nullable */
  char *workers;        /* owned */
  char *state_dir;      /* owned; nullable */
  gint level;           /* atomic; MusterLevel */
  gboolean required;
  guint64 queue_size;
  gint64 retry_delay_us;
  gint64 retry_delay_max_us;

  GThread *thread; /* owned; the owner's */
  GMutex lock;
  GCond cond;
  MusterTransportQueue queue;
  gboolean idle; /* the thread sleeps and must be woken */
  gint stopping; /* is set under the lock; atomic for muster_transport_is_stopping() */
  gint64 deadline_us;
  gboolean finished;
  gint reopen_asked;

  GMutex callback_lock;
  MusterTransportDoneFunc done;
  MusterTransportReportFunc report;
  gpointer user_data;
  gint abandoned; /* is set under callback_lock; atomic */

  MusterTransportSelector *selector; /* owned */
  GArray *taken;                     /* owned; of MusterTransportItem */
  GArray *restored;     /* owned; of MusterTransportRestored: for the selector to be made; NULL while there is none */
  MusterBatch *in_hand; /* borrowed; as it was pushed; NULL between batches */
  guint64 next_seq;     /* where the stream stands once the batch in hand is done */
  gint64 flush_due_us;  /* monotonic; 0: never */
  gboolean flush_failed;
  MusterTransportNumbers counters;
} MusterTransportPrivate;

MusterTransportPrivate *muster_transport_get_private (MusterTransport *self);

/* The counters' arithmetic: nothing hangs on their order. */
static inline void
muster_transport_count_add (_Atomic guint64 *counter, guint64 n)
{
  atomic_fetch_add_explicit (counter, n, memory_order_relaxed);
}

static inline void
muster_transport_count_subtract (_Atomic guint64 *counter, guint64 n)
{
  atomic_fetch_sub_explicit (counter, n, memory_order_relaxed);
}

static inline guint64
muster_transport_count_get (_Atomic guint64 *counter)
{
  return atomic_load_explicit (counter, memory_order_relaxed);
}
