/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What an update of a metric costs, one thread: the minimum over many loops, as lines of name, value, unit.
 */
#include "config.h"

#include <math.h>
#include <time.h>

#include "muster-metrics-private.h"

#define LOOPS 300
#define CALLS 10000

typedef void (*Call) (MusterMetrics *metrics, guint i);

static void
call_inc (MusterMetrics *metrics, guint i)
{
  for (guint k = 0; k < CALLS; k++)
    muster_metrics_inc (metrics, MUSTER_PATH ("http", "GET"), "requests", 1);
}

static void
call_sample (MusterMetrics *metrics, guint i)
{
  for (guint k = 0; k < CALLS; k++)
    muster_metrics_sample (metrics, MUSTER_PATH ("http", "GET"), "size", k);
}

static void
call_timed_sample (MusterMetrics *metrics, guint i)
{
  for (guint k = 0; k < CALLS; k++)
    muster_metrics_timed_sample (metrics, MUSTER_PATH ("http", "GET"), "time", k);
}

static void
call_set (MusterMetrics *metrics, guint i)
{
  for (guint k = 0; k < CALLS; k++)
    muster_metrics_set (metrics, NULL, "queue", k);
}

static MusterMetric *
look_up (MusterMetrics *metrics, MusterMetricType type, const char *id)
{
  return muster_metrics_lookup (metrics, type, MUSTER_PATH ("http", "GET"), id);
}

static void
call_inc_handle (MusterMetrics *metrics, guint i)
{
  MusterMetric *metric = look_up (metrics, MUSTER_METRIC_INC, "requests");

  for (guint k = 0; k < CALLS; k++)
    muster_metric_add (metric, 1);
}

static void
call_set_handle (MusterMetrics *metrics, guint i)
{
  MusterMetric *metric = muster_metrics_lookup (metrics, MUSTER_METRIC_SET, NULL, "queue");

  for (guint k = 0; k < CALLS; k++)
    muster_metric_set (metric, k);
}

static void
call_sample_handle (MusterMetrics *metrics, guint i)
{
  MusterMetric *metric = look_up (metrics, MUSTER_METRIC_SAMPLE, "size");

  for (guint k = 0; k < CALLS; k++)
    muster_metric_sample (metric, k);
}

static double spread[CALLS]; /* lognormal */

static void
call_sample_spread (MusterMetrics *metrics, guint i)
{
  MusterMetric *metric = look_up (metrics, MUSTER_METRIC_SAMPLE, "spread");

  for (guint k = 0; k < CALLS; k++)
    muster_metric_sample (metric, spread[k]);
}

static void
call_timed_sample_handle (MusterMetrics *metrics, guint i)
{
  MusterMetric *metric = look_up (metrics, MUSTER_METRIC_TIMED_SAMPLE, "time");

  for (guint k = 0; k < CALLS; k++)
    muster_metric_timed_sample (metric, 1000 + k);
}

static void
call_timer (MusterMetrics *metrics, guint i)
{
  MusterMetric *metric = look_up (metrics, MUSTER_METRIC_TIMED_SAMPLE, "time");

  for (guint k = 0; k < CALLS; k++)
    {
      G_GNUC_UNUSED g_auto (MusterTimer) timer = muster_timer_start (metric);
    }
}

static gint64
now_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

static void
measure (const char *name, Call call, MusterMetrics *metrics)
{
  gint64 best = G_MAXINT64;

  for (guint i = 0; i < LOOPS; i++)
    {
      gint64 begin = now_ns ();

      call (metrics, i);
      best = MIN (best, now_ns () - begin);
    }
  g_print ("%s\t%.1f\tns\n", name, (double) best / CALLS);
}

static void
fill_spread (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);

  for (guint i = 0; i < CALLS; i++)
    {
      double u = 1 - g_rand_double (rand);

      spread[i] = exp (sqrt (-2 * log (u)) * cos (2 * G_PI * g_rand_double (rand)));
    }
}

static void
measure_snapshot (MusterMetrics *metrics, gboolean samples)
{
  gint64 best = G_MAXINT64;
  char id[32];

  for (guint i = 0; i < (samples ? 5 : 30); i++)
    {
      gint64 begin;

      for (guint k = 0; k < 10000; k++)
        {
          g_snprintf (id, sizeof id, "metric-%u", k);
          if (!samples)
            muster_metrics_inc (metrics, MUSTER_PATH ("many"), id, 1);
          for (guint n = 0; samples && n < 100; n++)
            muster_metrics_sample (metrics, MUSTER_PATH ("many samples"), id, spread[k + n < CALLS ? k + n : n]);
        }
      begin = now_ns ();
      g_ptr_array_unref (muster_metrics_take_snapshot (metrics, 0, 1, FALSE));
      best = MIN (best, now_ns () - begin);
    }
  g_print ("snapshot of 10000 metrics%s\t%.1f\tus\n", samples ? " with 100 samples each" : "", (double) best / 1000);
}

int
main (void)
{
  MusterMetricsOptions options = { .max_metrics = 30000 };
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (&options);

  fill_spread ();
  measure ("inc by path and id", call_inc, metrics);
  measure ("inc by handle", call_inc_handle, metrics);
  measure ("sample by path and id", call_sample, metrics);
  measure ("sample by handle", call_sample_handle, metrics);
  measure ("sample by handle, lognormal", call_sample_spread, metrics);
  measure ("timed sample by path and id", call_timed_sample, metrics);
  measure ("timed sample by handle", call_timed_sample_handle, metrics);
  measure ("timer, started and stopped", call_timer, metrics);
  measure ("set by id", call_set, metrics);
  measure ("set by handle", call_set_handle, metrics);
  measure_snapshot (metrics, FALSE);
  measure_snapshot (metrics, TRUE);
  return 0;
}
