/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdatomic.h>

#include "muster-arena-private.h"
#include "muster-metric-kind.h"
#include "muster-metric-private.h"

#define MUSTER_METRIC_KIND_NAME_MAX 64u

/* @state is aligned to 8 bytes. */
void muster_metric_kind_reset (const MusterMetricKind *kind, gpointer state);
/* Of messages. Whether a state is one of this kind; the others: of states that are. What is merged lies in @arena. */
gboolean muster_metric_kind_is_valid (const MusterMetricKind *kind, const ProtobufCBinaryData *state);
void muster_metric_kind_merge (const MusterMetricKind *kind, ProtobufCBinaryData *into, const ProtobufCBinaryData *from,
                               MusterArena *arena);
void muster_metric_kind_report (const MusterMetricKind *kind, const ProtobufCBinaryData *state,
                                MusterMetricReportFunc func, gpointer user_data);
