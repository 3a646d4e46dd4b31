/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-arena-private.h"
#include "muster-metric-private.h"

/* Adds what @from measured to @into, as if one process had measured both; they must be of one type. Of two sets the
 * newer one's value stays: @from's if @is_newer. A sketch is of all samples or of none: where one of the two has samples
 * and no sketch, none is left. Strings and sketches are borrowed from both; what is new lies in @arena. */
void muster_metric_merge (Muster__V1__Metric *into, const Muster__V1__Metric *from, gboolean is_newer,
                          MusterArena *arena);

/* FALSE: it is of a kind that is not registered here, or its state is not one of that kind. Those of one process are passed
 * on, but are in no total. */
gboolean muster_metric_can_merge (const Muster__V1__Metric *message);

/*
 * Metrics by path and id: a GHashTable of borrowed messages that are their own keys.
 */
GHashTable *muster_metric_index_new (void);

/* Merges @metric into the one of that path and id, or adds it to @index and to @metrics. Where the two are of different
 * types, or of a kind that is not known here, the newer one stays; returns how many updates are lost with the other (else 0). */
guint64 muster_metric_index_merge (GHashTable *index, GPtrArray *metrics, Muster__V1__Metric *metric, gboolean is_newer,
                                   MusterArena *arena);
