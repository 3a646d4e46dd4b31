/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <pthread.h>

#include "muster-metric-table-private.h"
#include "muster-metrics-private.h"
#include "muster-time-base-private.h"

/*
 * What MusterMetrics is made of, for its two files: updates and handles (muster-metrics.c), intervals
 * (muster-metrics-intervals.c). Members below `lock` are guarded by it; the table guards itself.
 */
typedef struct
{
  GSource source;
  MusterMetrics *metrics; /* owned */
  int timer_fd;           /* owned; -1 if there is none */
} MusterIntervalSource;

struct _MusterMetrics
{
  GObject parent_instance;

  MusterMetricsOptions options; /* constant */
  MusterMetricsArea *area;      /* owned, nullable: where the table lies */
  MusterMetricTable *table;     /* owned */
  _Atomic guint64 *overflow;    /* updates refused so far; here, or in the area */
  _Atomic guint64 own_overflow;
  guint64 overflow_reported; /* in snapshots; one drain at a time */

  pthread_mutex_t handles_lock;
  GHashTable *handles; /* owned: MusterMetric by HandleKey; under handles_lock */

  pthread_mutex_t lock;
  MusterIntervalSource *source; /* owned, nullable: NULL while not attached */
  GMainContext *context;        /* owned, nullable: the default one */
  GMainContext *signal_context; /* owned, nullable: signals are emitted where boundaries are seen */
  MusterTimeBase base;
  gint64 begin_ns; /* of the interval in progress, steady wall-clock time */
  gint64 end_ns;   /* the next boundary */
  MusterSnapshotFunc snapshot;
  gpointer user_data;
  GDestroyNotify destroy;
};

/* Emit `reset` (where metrics persist) and `new-interval`, or `stopping`; GSourceFuncs, in the signals' context. */
gboolean muster_metrics_emit_interval (gpointer metrics);
gboolean muster_metrics_emit_stopping (gpointer metrics);
