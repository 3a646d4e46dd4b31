/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-batch.h"

G_BEGIN_DECLS

#define MUSTER_PROMETHEUS_N_LEVELS  9 /* MusterLevel, from NONE to DEBUG */
#define MUSTER_PROMETHEUS_N_REASONS 8 /* MusterGapReason */

/* What has passed of one worker. */
typedef struct
{
  char *labels; /* owned, a GRefString; escaped: host, cluster, worker, group */
  gint64 seen_us;
  guint64 records[MUSTER_PROMETHEUS_N_LEVELS];
  guint64 missing[MUSTER_PROMETHEUS_N_REASONS];
} MusterPrometheusStream;

/* Counts entries as they pass: one thread counts, another one reads. */
typedef struct _MusterPrometheusStreams MusterPrometheusStreams;

MusterPrometheusStreams *muster_prometheus_streams_new (void);
void muster_prometheus_streams_free (MusterPrometheusStreams *streams);
/* @now_us is monotonic time. Costs one look-up for each batch of one worker, all of whose records have one level. */
void muster_prometheus_streams_count (MusterPrometheusStreams *streams, MusterBatch *batch, gint64 now_us);
/* Copies of those seen since @since_us, in order of their labels; free the array. */
GArray *muster_prometheus_streams_list (MusterPrometheusStreams *streams, gint64 since_us);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterPrometheusStreams, muster_prometheus_streams_free)

G_END_DECLS
