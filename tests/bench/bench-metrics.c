/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What an update of a metric costs, one thread: the minimum over many loops, as lines of name, value, unit.
 */
#include "config.h"

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
measure_snapshot (MusterMetrics *metrics)
{
  gint64 best = G_MAXINT64;
  char id[32];

  for (guint i = 0; i < 30; i++)
    {
      gint64 begin;

      for (guint k = 0; k < 10000; k++)
        {
          g_snprintf (id, sizeof id, "metric-%u", k);
          muster_metrics_inc (metrics, MUSTER_PATH ("many"), id, 1);
        }
      begin = now_ns ();
      g_ptr_array_unref (muster_metrics_take_snapshot (metrics, 0, 1, FALSE));
      best = MIN (best, now_ns () - begin);
    }
  g_print ("snapshot of 10000 metrics\t%.1f\tus\n", (double) best / 1000);
}

int
main (void)
{
  MusterMetricsOptions options = { .max_metrics = 20000 };
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (&options);

  measure ("inc by path and id", call_inc, metrics);
  measure ("sample by path and id", call_sample, metrics);
  measure ("timed sample by path and id", call_timed_sample, metrics);
  measure ("set by id", call_set, metrics);
  measure_snapshot (metrics);
  return 0;
}
