/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-prometheus-store.h"
#include "muster-prometheus-streams.h"

G_BEGIN_DECLS

typedef enum
{
  MUSTER_PROMETHEUS_TEXT,        /* Prometheus's own, version 0.0.4 */
  MUSTER_PROMETHEUS_OPENMETRICS, /* OpenMetrics 1.0.0 */
  MUSTER_PROMETHEUS_N_FORMATS,
} MusterPrometheusFormat;

/* The names of what is told of Muster itself are taken. */
void muster_prometheus_exposition_reserve (MusterPrometheusFamilies *families);

/* All that is shown at @now_us (monotonic time). In the store's thread. */
GBytes *muster_prometheus_exposition_write (MusterPrometheusStore *store, MusterPrometheusStreams *streams,
                                            MusterPrometheusFormat format, gint64 now_us);

const char *muster_prometheus_format_get_content_type (MusterPrometheusFormat format);

/* Which format an Accept header asks for (RFC 9110, section 12.5.1); NULL: none was sent. What it does not know gets the
 * older one. */
MusterPrometheusFormat muster_prometheus_format_negotiate (const char *accept);

G_END_DECLS
