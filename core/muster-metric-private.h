/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <math.h>

#include <glib.h>

#include "muster-metric.h"
#include "muster.pb-c.h"

/*
 * Metrics as messages, in snapshots and datasets. Pure functions, any thread.
 */

#define MUSTER_METRIC_DEPTH_MAX 32    /* elements of a path; a GVariant nests no deeper than 128 (3 for each) */
#define MUSTER_METRIC_KEY_MAX   2048  /* bytes of a path and an id together, each with its NUL */
#define MUSTER_METRIC_TEXT_MAX  16384 /* bytes of a text that is set; the rest is cut */
#define MUSTER_METRIC_STATE_MAX 16384 /* bytes of the state of a registered kind */

extern const char *const muster_metric_type_names[]; /* by MusterMetricType */

/* What a metric of a snapshot or dataset says. */
MusterMetricType muster_metric_find_type (const Muster__V1__Metric *message); /* NONE: a kind that is unknown here */
double muster_metric_get_rate (const Muster__V1__Metric *message, double scale_factor, double interval_ms);
double muster_metric_get_average (const Muster__V1__Metric *message); /* NaN without samples */
double muster_metric_get_sigma (const Muster__V1__Metric *message);   /* NaN with less than two samples */
/* The sample that has @q (0 to 1) of all others below it, within 1 %: the one at place floor (q * (count - 1)) in
 * ascending order, counted from 0. NaN without samples, or without a sketch of them (or where @q is not in range). */
double muster_metric_get_quantile (const Muster__V1__Metric *message, double q);
int muster_metric_compare (const Muster__V1__Metric *a, const Muster__V1__Metric *b); /* by path and id, key by key */
const char *muster_metric_get_key (const Muster__V1__Metric *message, guint depth);   /* path, id, then NULL */
/* Whether path and strings are what a metric may have; foreign ones are checked once, when they are decoded. */
gboolean muster_metric_is_valid (const Muster__V1__Metric *message);

/* As field @number of another message: how many bytes that takes, and those bytes; returns what is behind them. */
gsize muster_metric_get_member_size (const Muster__V1__Metric *message);
guint8 *muster_metric_put_member (guint8 *out, guint number, const Muster__V1__Metric *message);
/* Appends them. */
void muster_metric_append (GByteArray *out, guint number, const Muster__V1__Metric *message);
