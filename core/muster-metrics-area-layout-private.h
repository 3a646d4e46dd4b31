/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The bytes of a metrics area, shared by the process that lives in it and the primary that reads it after a death.
 * docs/protocol.md has the same tables for other languages. All integers are in the machine's order.
 *
 *   header | staging | metrics | names | sketches
 */
#pragma once

#include "muster-entry.h"
#include "muster-metric-slot-private.h"
#include "muster-metrics-area-private.h"

#define MUSTER_METRICS_AREA_MAGIC       "MUSTERA2"
#define MUSTER_METRICS_AREA_HEADER_SIZE 512u
#define MUSTER_METRICS_AREA_NAME        64u
#define MUSTER_METRICS_AREA_STAGING     MUSTER_ENTRY_MAX
#define MUSTER_METRICS_AREA_METRICS     (MUSTER_METRICS_AREA_HEADER_SIZE + MUSTER_METRICS_AREA_STAGING)
#define MUSTER_METRICS_AREA_MARKED      (G_GUINT64_CONSTANT (1) << 32)

typedef enum
{
  MUSTER_METRICS_AREA_BEFORE,  /* no intervals yet */
  MUSTER_METRICS_AREA_RUNNING, /* the interval in progress is the one described */
  MUSTER_METRICS_AREA_ENDED,   /* the last snapshot has been taken: nothing since */
} MusterMetricsAreaState;

typedef struct
{
  gint64 begin_ns; /* of the interval in progress, steady wall-clock time */
  gint64 end_ns;   /* its boundary */
  guint32 state;   /* MusterMetricsAreaState */
  guint32 reserved;
} MusterMetricsAreaInterval;

/* The snapshot that is being taken. */
typedef struct
{
  gint64 start_ns;
  gint64 end_ns;
  guint64 overflow_before; /* updates refused that earlier snapshots have reported */
  guint64 overflow_after;  /* that this one's last part reports too */
  _Atomic guint64 mark;    /* MARKED | place of the entry that is the staged part (mod 2^32), or 0: none yet */
  guint32 is_active;
  guint32 is_partial;
  guint32 is_last;  /* the staged part is the snapshot's last */
  guint32 part;     /* number of the staged part */
  guint32 staged;   /* bytes of it */
  guint32 next;     /* metrics before it are in the snapshot, */
  guint32 sequence; /* the one right before it, while this is its `sequence`, though it has not been reset */
  guint32 end;      /* metrics from here on were added later */
} MusterMetricsAreaSnapshot;

/*
 *   offset  size  meaning
 *        0     8  magic "MUSTERA2", written when all else is there
 *        8     4  size of this header
 *       12     4  how many metrics there is room for
 *       16     8  base: the address of the area in the process; keys and texts are addresses too
 *       24     8  length of an interval, nanoseconds
 *       32     8  scale factor
 *       40     4  whether metrics persist
 *       44     4  pid of the process that lives here; 0: nobody has yet
 *       64     8  size of this area, in whole pages; the next one begins behind it. 0: it is the last
 *      128     8  overflow: updates refused so far
 *      136     4  how many metrics have ever been used
 *      140     4  which of the two intervals counts (bit 0)
 *      144  2*24  the interval in progress (MusterMetricsAreaInterval)
 *      192     4  which of the two snapshots counts (bit 0)
 *      200  2*72  the snapshot being taken (MusterMetricsAreaSnapshot)
 *      344     8  offset of the sketches, a multiple of 64
 *      352     8  how much of them may be read: has ever been used
 *      360    64  name of the metrics, NUL-terminated UTF-8; empty for the default ones
 *      512 65536  staging: metrics of the part that is being written, as members of muster.v1.Snapshot
 *    66048 n*192  metrics (MusterMetricSlot)
 *                 names: keys and texts
 *                 sketches: MusterSketchDirectory and blocks of bins, to the end
 *
 * Of what there are two, one counts while the other one is written; a store of the word before them is the change. Death
 * comes between two instructions, and all stores before it are seen: so whatever the primary finds is whole. What a
 * snapshot takes from a metric is staged before the metric is reset, and `next` and `sequence` tell which metrics that
 * has happened to; what is staged stays until it is in the journal, and `mark` tells the place that it has there.
 */
typedef struct
{
  char magic[8];
  guint32 header_size;
  guint32 n_metrics;
  guint64 base;
  gint64 interval_ns;
  double scale_factor;
  guint32 persist;
  _Atomic guint32 owner;
  guint8 reserved_0[16];
  guint64 size;
  guint8 reserved_2[56];

  _Atomic guint64 overflow;
  _Atomic guint32 n_used;
  _Atomic guint32 interval;
  MusterMetricsAreaInterval intervals[2];
  _Atomic guint32 snapshot;
  guint32 reserved_1;
  MusterMetricsAreaSnapshot snapshots[2];

  guint64 sketches;
  _Atomic guint64 sketches_used;
  char name[MUSTER_METRICS_AREA_NAME];
} MusterMetricsAreaHeader;

G_STATIC_ASSERT (sizeof (MusterMetricsAreaInterval) == 24);
G_STATIC_ASSERT (sizeof (MusterMetricsAreaSnapshot) == 72);
G_STATIC_ASSERT (G_STRUCT_OFFSET (MusterMetricsAreaHeader, owner) == 44);
G_STATIC_ASSERT (G_STRUCT_OFFSET (MusterMetricsAreaHeader, size) == 64);
G_STATIC_ASSERT (G_STRUCT_OFFSET (MusterMetricsAreaHeader, overflow) == 128);
G_STATIC_ASSERT (G_STRUCT_OFFSET (MusterMetricsAreaHeader, intervals) == 144);
G_STATIC_ASSERT (G_STRUCT_OFFSET (MusterMetricsAreaHeader, snapshots) == 200);
G_STATIC_ASSERT (G_STRUCT_OFFSET (MusterMetricsAreaHeader, sketches) == 344);
G_STATIC_ASSERT (G_STRUCT_OFFSET (MusterMetricsAreaHeader, name) == 360);
G_STATIC_ASSERT (sizeof (MusterMetricsAreaHeader) <= MUSTER_METRICS_AREA_HEADER_SIZE);
G_STATIC_ASSERT (MUSTER_METRICS_AREA_METRICS % 64 == 0);

/* How many metrics fit into an area, leaving nothing for keys. */
static inline gsize
muster_metrics_area_get_room (gsize area_size)
{
  return area_size < MUSTER_METRICS_AREA_METRICS
             ? 0
             : (area_size - MUSTER_METRICS_AREA_METRICS) / sizeof (MusterMetricSlot);
}
