/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-metrics-options-private.h"
#include "muster-metrics.h"

#define MUSTER_METRICS_N_MAX 32u /* metrics objects of one cluster */

/* Where intervals lie, the same in every process: the n-th boundary is at start_time + n * interval of the wall clock,
 * read off once at `base`; from there on CLOCK_BOOTTIME counts. The primary's base reaches the workers in WELCOME. */
typedef struct
{
  gint64 realtime_ns; /* CLOCK_REALTIME and ... */
  gint64 boottime_ns; /* ... CLOCK_BOOTTIME at one moment */
} MusterTimeBase;

void muster_time_base_now (MusterTimeBase *base);
gint64 muster_time_base_realtime (const MusterTimeBase *base, gint64 boottime_ns); /* steady wall-clock time */

typedef struct _MusterMetricsArea MusterMetricsArea;

/* @options is copied. */
MusterMetrics *muster_metrics_new (const MusterMetricsOptions *options);
/* The same in an area (muster-metrics-area-private.h), nullable, that outlives the process; taken over. */
MusterMetrics *muster_metrics_new_in_area (const MusterMetricsOptions *options, MusterMetricsArea *area);
const MusterMetricsOptions *muster_metrics_get_options (MusterMetrics *self);

/* Begins intervals, in @context's thread: at each boundary @snapshot is called there with the interval's encoded
 * Snapshot entries (whole entries with tag and length, one element of @entries each: GBytes; never empty), then
 * `reset` (where metrics persist) and `new-interval` are emitted in @signal_context (nullable: the same context).
 * The first interval is partial. Until muster_metrics_detach() the source has a reference to the metrics.
 *
 * Where the metrics lie in an area, @snapshot is called for each part by itself, and appends it to the journal with the
 * mark of muster_metrics_get_mark(), by which the primary knows, should this process be killed right then, whether it
 * has the part from there or must take it from the area. */
typedef void (*MusterSnapshotFunc) (MusterMetrics *metrics, GPtrArray *entries, gpointer user_data);
void muster_metrics_attach (MusterMetrics *self, GMainContext *context, GMainContext *signal_context,
                            const MusterTimeBase *base, MusterSnapshotFunc snapshot, gpointer user_data,
                            GDestroyNotify destroy);
_Atomic guint64 *muster_metrics_get_mark (MusterMetrics *self); /* NULL where there is no area; from @snapshot only */
void muster_metrics_set_time_base (MusterMetrics *self, const MusterTimeBase *base); /* attached only; any thread */
/* Ends the intervals with a last, partial snapshot (given to the function too) and `stopping`; in @context's thread. */
void muster_metrics_detach (MusterMetrics *self);

/* The same by hand, for tests with a clock of their own: closes the interval [start, end) and returns its entries. A
 * partial one may end between boundaries. */
GPtrArray *muster_metrics_take_snapshot (MusterMetrics *self, gint64 start_ns, gint64 end_ns, gboolean partial);
