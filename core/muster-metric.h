/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "muster-macros.h"

G_BEGIN_DECLS

/**
 * MusterMetricType:
 * @MUSTER_METRIC_NONE: not measured yet in this interval
 * @MUSTER_METRIC_SET: the last value counts
 * @MUSTER_METRIC_INC: a sum, reported as a rate
 * @MUSTER_METRIC_SAMPLE: samples of a number
 * @MUSTER_METRIC_TIMED_SAMPLE: samples of a time
 * @MUSTER_METRIC_CUSTOM: of a kind of one's own
 *
 * What is measured.
 *
 * Since: 0.1
 */
typedef enum
{
  MUSTER_METRIC_NONE,
  MUSTER_METRIC_SET,
  MUSTER_METRIC_INC,
  MUSTER_METRIC_SAMPLE,
  MUSTER_METRIC_TIMED_SAMPLE,
  MUSTER_METRIC_CUSTOM,
} MusterMetricType;

#define MUSTER_TYPE_METRIC (muster_metric_get_type ())

/**
 * MusterMetric:
 *
 * A handle of one metric: what is measured often need not be searched for each time. It belongs to its #MusterMetrics,
 * and may be used by any thread as long as that lives; a reference keeps it alive.
 *
 * An update waits for nobody but another one of the same metric, allocates nothing, and is in exactly one interval. It
 * must not be made from a signal handler. What the handle was looked up for decides which updates it takes: the others, and
 * those of a metric that is something else in this interval, are refused and counted.
 *
 * Since: 0.1
 */
typedef struct _MusterMetric MusterMetric;

MUSTER_PUBLIC GType muster_metric_get_type (void) G_GNUC_CONST;
MUSTER_PUBLIC MusterMetric *muster_metric_ref (MusterMetric *self);
MUSTER_PUBLIC void muster_metric_unref (MusterMetric *self);
MUSTER_PUBLIC void muster_metric_add (MusterMetric *self, double n);
MUSTER_PUBLIC void muster_metric_set (MusterMetric *self, double value);
MUSTER_PUBLIC void muster_metric_set_text (MusterMetric *self, const char *value);
MUSTER_PUBLIC void muster_metric_sample (MusterMetric *self, double value);
MUSTER_PUBLIC void muster_metric_timed_sample (MusterMetric *self, gint64 elapsed_ns);
MUSTER_PUBLIC void muster_metric_update (MusterMetric *self, double value);
MUSTER_PUBLIC gint64 muster_metric_start (MusterMetric *self);
MUSTER_PUBLIC gint64 muster_metric_stop (MusterMetric *self, gint64 begin_ns);

/**
 * MusterTimer: (skip)
 *
 * Samples the time until it is stopped, or goes out of scope: `g_auto (MusterTimer) timer = muster_timer_start (metric);` (with %G_GNUC_UNUSED before
 * it, where the compiler warns of what nobody reads).
 *
 * Since: 0.1
 */
typedef struct
{
  /*< private >*/
  MusterMetric *metric;
  gint64 begin_ns;
} MusterTimer;

MUSTER_PUBLIC MusterTimer muster_timer_start (MusterMetric *metric);
MUSTER_PUBLIC gint64 muster_timer_stop (MusterTimer *timer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterMetric, muster_metric_unref)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MusterTimer, muster_timer_stop)

G_END_DECLS
