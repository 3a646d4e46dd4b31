/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-journal-private.h"
#include "muster-metric-slot-private.h"
#include "muster-metrics-private.h"

/*
 * MusterMetricsArea: where a worker's metrics lie, so that they outlive it: the third part of its journal's file, behind
 * the ring. The metrics and their names lie in it; what finds them lies in the process. What the area has no room for
 * lies in ordinary memory and dies with the process.
 *
 * Of a process that was killed everything arrives whose call had returned; a call that had not returned was not made, or
 * was: at most one for each thread. Names that found no room, and texts that were being set, are left out.
 */

/* How much a journal's creator sets aside, in whole pages; and how much of that it allocates: the rest is for sketches,
 * and the process asks for it as it needs it. */
gsize muster_metrics_area_get_size (guint max_metrics);
gsize muster_metrics_area_get_allocated_size (guint max_metrics);
/* Allocates that much of the area at @offset of the file @fd. UNAVAILABLE if the disk is full. */
gboolean muster_metrics_area_allocate (int fd, off_t offset, guint max_metrics, GError **error);

/* Maps the area of the journal @fd, which stays the caller's, and makes it this process's own; called for several metrics,
 * the part of it that is behind the others'. UNAVAILABLE if the journal has none, or none that is free: there is one table
 * in an area, in its life. */
MusterMetricsArea *muster_metrics_area_open (int fd, const MusterMetricsOptions *options, GError **error);
void muster_metrics_area_free (MusterMetricsArea *area);

MusterMetricSlot *muster_metrics_area_get_metrics (MusterMetricsArea *area, guint *n);
void muster_metrics_area_set_n_used (MusterMetricsArea *area, guint n_used);
MusterSketchArena *muster_metrics_area_get_sketches (MusterMetricsArea *area);
_Atomic guint64 *muster_metrics_area_get_overflow (MusterMetricsArea *area); /* counts up for ever */

/* Aligned to 8 bytes, in the area if it has room. @area is nullable: ordinary memory. Any thread. */
gpointer muster_metrics_area_alloc (MusterMetricsArea *area, gsize size);
void muster_metrics_area_release (MusterMetricsArea *area, gpointer memory, gsize size);
/* From now on what lies in the area stays as it is when it is released. */
void muster_metrics_area_close (MusterMetricsArea *area);

/* Callers see to it that each of these has one caller at a time. */
void muster_metrics_area_set_interval (MusterMetricsArea *area, gint64 begin_ns, gint64 end_ns);
void muster_metrics_area_end_intervals (MusterMetricsArea *area);

/* A snapshot is being taken, part by part; likewise. A metric is staged while it is locked, before it is reset; a part
 * is appended to the journal with the mark that append() returns; then comes the next part, or the end. */
void muster_metrics_area_begin_snapshot (MusterMetricsArea *area, gint64 start_ns, gint64 end_ns, gboolean is_partial,
                                         guint n_metrics);
guint8 *muster_metrics_area_get_staging (MusterMetricsArea *area); /* MUSTER_ENTRY_MAX bytes */
void muster_metrics_area_stage (MusterMetricsArea *area, guint index, guint32 sequence, gsize staged);
void muster_metrics_area_begin_last_part (MusterMetricsArea *area, guint64 overflow);
_Atomic guint64 *muster_metrics_area_get_mark (MusterMetricsArea *area);
void muster_metrics_area_end_part (MusterMetricsArea *area);

/* -- after a death; nothing is believed ---------------------------------------------------------- */

/* What the primary knows of the dead. */
typedef struct
{
  guint pid;
  gint64 start_ns;            /* of the process: from when on it counted, if it had no interval yet */
  gint64 end_ns;              /* its death, steady wall-clock time */
  gboolean is_staged_arrived; /* the entry at the mark is known to have come */
} MusterMetricsDeath;

/* The place, mod 2^32, that a part of a snapshot has (or would have got) in the stream, if it was just being appended.
 * FALSE if none was. Of several metrics, one takes a snapshot at a time. */
gboolean muster_metrics_area_read_mark (int fd, gsize ring_size, gsize area_size, guint32 *place);
/* What was measured and in no snapshot: whole encoded Snapshot entries (GBytes), perhaps none; NULL if the area is
 * damaged. Reads with pread alone. */
GPtrArray *muster_metrics_area_recover (int fd, gsize ring_size, gsize area_size, const MusterMetricsDeath *death,
                                        GError **error);
/* The same from memory. */
GPtrArray *muster_metrics_area_recover_bytes (const guint8 *bytes, gsize size, const MusterMetricsDeath *death,
                                              GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterMetricsArea, muster_metrics_area_free)
