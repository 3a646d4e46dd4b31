/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Handles of metrics, and timers. Any thread. What a handle says never changes; what is measured lies in the slot, and
 * is guarded by its word.
 */
#include "config.h"

#include <time.h>

#include "muster-boxed-private.h"
#include "muster-metric-handle-private.h"

struct _MusterMetric
{
  MusterMetricSlot *slot; /* borrowed, nullable: it always has the key that was looked up */
  MusterSketchArena *sketches;
  _Atomic guint64 *overflow;
  MusterMetrics *metrics; /* borrowed: it owns this */
  double scale_factor;
  MusterMetricType type;
  const MusterMetricKind *kind; /* of CUSTOM */
};

MUSTER_DEFINE_BOXED_TYPE (MusterMetric, muster_metric)

MusterMetric *
muster_metric_new (MusterMetrics *metrics, MusterMetricType type, const MusterMetricKind *kind, MusterMetricSlot *slot,
                   MusterSketchArena *sketches, _Atomic guint64 *overflow)
{
  MusterMetric *self = g_new0 (MusterMetric, 1);

  self->slot = slot;
  self->sketches = sketches;
  self->overflow = overflow;
  self->metrics = metrics;
  self->scale_factor = muster_metrics_get_options (metrics)->scale_factor;
  self->type = type;
  self->kind = kind;
  return self;
}

void
muster_metric_free (MusterMetric *self)
{
  g_free (self);
}

/**
 * muster_metric_ref:
 * @self: the handle
 *
 * Keeps the metrics that it belongs to, and with them the handle. Any thread.
 *
 * Returns: (transfer full): the handle
 * Since: 0.1
 */
MusterMetric *
muster_metric_ref (MusterMetric *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_object_ref (self->metrics);
  return self;
}

/**
 * muster_metric_unref:
 * @self: (transfer full): the handle
 *
 * Gives a reference back. Any thread.
 *
 * Since: 0.1
 */
void
muster_metric_unref (MusterMetric *self)
{
  g_return_if_fail (self != NULL);
  g_object_unref (self->metrics);
}

/* -- updates ------------------------------------------------------------------------------------ */

static G_GNUC_NO_INLINE void
refuse (MusterMetric *self)
{
  atomic_fetch_add_explicit (self->overflow, 1, memory_order_relaxed);
}

/* The value that counts, of the locked slot; NULL: the update has been refused. */
static inline const MusterMetricValue *
lock (MusterMetric *self, gboolean is_type)
{
  const MusterMetricValue *value = NULL;

  if (G_LIKELY (is_type && self->slot != NULL))
    value = muster_metric_slot_lock_as (self->slot, self->type);
  if (G_UNLIKELY (value == NULL))
    refuse (self);
  return value;
}

/**
 * muster_metric_add:
 * @self: a handle for %MUSTER_METRIC_INC
 * @n: how much; if it is not finite, 1
 *
 * As muster_metrics_inc(). Any thread.
 *
 * Since: 0.1
 */
void
muster_metric_add (MusterMetric *self, double n)
{
  const MusterMetricValue *value;

  g_return_if_fail (self != NULL);
  value = lock (self, self->type == MUSTER_METRIC_INC);
  if (G_UNLIKELY (value == NULL))
    return;
  muster_metric_slot_inc (self->slot, value, n);
  muster_metric_slot_commit (self->slot);
}

/**
 * muster_metric_set:
 * @self: a handle for %MUSTER_METRIC_SET
 * @value: a number; ignored if it is not finite
 *
 * As muster_metrics_set(). Any thread.
 *
 * Since: 0.1
 */
void
muster_metric_set (MusterMetric *self, double value)
{
  g_return_if_fail (self != NULL);
  if (!isfinite (value) || lock (self, self->type == MUSTER_METRIC_SET) == NULL)
    return;
  muster_metric_slot_set_number (self->slot, value);
  muster_metric_slot_commit (self->slot);
}

/**
 * muster_metric_set_text:
 * @self: a handle for %MUSTER_METRIC_SET
 * @value: a text; made valid UTF-8, and cut after 16 KiB
 *
 * As muster_metrics_set_text(). Any thread.
 *
 * Since: 0.1
 */
void
muster_metric_set_text (MusterMetric *self, const char *value)
{
  g_return_if_fail (self != NULL && value != NULL);
  if (self->slot == NULL || self->type != MUSTER_METRIC_SET)
    refuse (self);
  else
    muster_metrics_set_text_of (self->metrics, self->slot, NULL, NULL, value);
}

static inline void
sample (MusterMetric *self, MusterMetricType type, double number)
{
  const MusterMetricValue *value;

  if (G_UNLIKELY (!isfinite (number)))
    return;
  value = lock (self, self->type == type);
  if (G_UNLIKELY (value == NULL))
    return;
  muster_metric_slot_sample (self->slot, value, type, self->sketches, number);
  muster_metric_slot_commit (self->slot);
}

/**
 * muster_metric_sample:
 * @self: a handle for %MUSTER_METRIC_SAMPLE
 * @value: a number; ignored if it is not finite
 *
 * As muster_metrics_sample(). Any thread.
 *
 * Since: 0.1
 */
void
muster_metric_sample (MusterMetric *self, double value)
{
  g_return_if_fail (self != NULL);
  sample (self, MUSTER_METRIC_SAMPLE, value);
}

/**
 * muster_metric_timed_sample:
 * @self: a handle for %MUSTER_METRIC_TIMED_SAMPLE
 * @elapsed_ns: how long it took, in nanoseconds
 *
 * As muster_metrics_timed_sample(). Any thread.
 *
 * Since: 0.1
 */
void
muster_metric_timed_sample (MusterMetric *self, gint64 elapsed_ns)
{
  g_return_if_fail (self != NULL);
  sample (self, MUSTER_METRIC_TIMED_SAMPLE, muster_metric_scale_time (elapsed_ns, self->scale_factor));
}

/**
 * muster_metric_update:
 * @self: a handle of muster_metrics_lookup_kind()
 * @value: what the kind makes of it
 *
 * As muster_metrics_update(). Any thread.
 *
 * Since: 0.1
 */
void
muster_metric_update (MusterMetric *self, double value)
{
  g_return_if_fail (self != NULL);
  if (self->slot == NULL || self->type != MUSTER_METRIC_CUSTOM)
    refuse (self);
  else
    muster_metrics_update_of (self->metrics, self->slot, self->kind, NULL, NULL, value);
}

/* -- timers ------------------------------------------------------------------------------------- */

static gint64
now_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

/**
 * muster_metric_start:
 * @self: a handle for %MUSTER_METRIC_TIMED_SAMPLE
 *
 * Begins to measure a time; any number of them may be under way. Any thread.
 *
 * Returns: for muster_metric_stop(): nanoseconds of CLOCK_MONOTONIC
 * Since: 0.1
 */
gint64
muster_metric_start (MusterMetric *self)
{
  g_return_val_if_fail (self != NULL, 0);
  return now_ns ();
}

/**
 * muster_metric_stop:
 * @self: a handle for %MUSTER_METRIC_TIMED_SAMPLE
 * @begin_ns: what muster_metric_start() returned
 *
 * Samples the time since then. Any thread, another one too.
 *
 * Returns: that time, in nanoseconds
 * Since: 0.1
 */
gint64
muster_metric_stop (MusterMetric *self, gint64 begin_ns)
{
  gint64 elapsed_ns = now_ns () - begin_ns;

  g_return_val_if_fail (self != NULL, 0);
  muster_metric_timed_sample (self, elapsed_ns);
  return elapsed_ns;
}

/**
 * muster_timer_start: (skip)
 * @metric: a handle for %MUSTER_METRIC_TIMED_SAMPLE; borrowed by the timer
 *
 * Begins to measure a time, until muster_timer_stop(), or until the timer goes out of scope if it is a `g_auto`.
 *
 * Returns: a timer
 * Since: 0.1
 */
MusterTimer
muster_timer_start (MusterMetric *metric)
{
  return (MusterTimer){ .metric = metric, .begin_ns = muster_metric_start (metric) };
}

/**
 * muster_timer_stop: (skip)
 * @timer: a timer
 *
 * Samples the time since it was started, unless that has been done already.
 *
 * Returns: that time, in nanoseconds; 0 if it was stopped before
 * Since: 0.1
 */
gint64
muster_timer_stop (MusterTimer *timer)
{
  MusterMetric *metric = g_steal_pointer (&timer->metric);

  return metric != NULL ? muster_metric_stop (metric, timer->begin_ns) : 0;
}
