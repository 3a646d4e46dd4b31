/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the Prometheus transport costs where 64 workers have 1,000 metrics each, half of them sampled, and for each batch of
 * records: the minimum over some loops, in thread CPU time, as lines of name, value, unit.
 */
#include "config.h"

#include <time.h>

#include "../core/metrics-helpers.h"
#include "../core/test-batches.h"
#include "muster-prometheus-exposition.h"

#define WORKERS    64
#define METRICS    1000
#define LOOPS      5
#define RECORDS    600
#define END_S      1700000000
#define NOW_US     (END_S * G_TIME_SPAN_SECOND)
#define INTERVAL_S 10

static double
now_ms (void)
{
  struct timespec now;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return (double) now.tv_sec * 1e3 + (double) now.tv_nsec / 1e6;
}

static MusterDataset *
make_dataset (void)
{
  MusterMetricsOptions options = { .interval_us = INTERVAL_S * G_TIME_SPAN_SECOND, .scale_factor = 1 };
  g_autoptr (MusterAggregator) aggregator = muster_aggregator_new ();
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (&options);
  g_autoptr (GPtrArray) datasets = NULL;

  muster_aggregator_add_metrics (aggregator, &options);
  for (guint i = 0; i < WORKERS; i++)
    {
      g_autofree char *worker = g_strdup_printf ("web-%u", i + 1);

      for (guint k = 0; k < METRICS; k++)
        {
          g_autofree char *id = g_strdup_printf ("metric_%u", k);

          if (k % 2 == 0)
            muster_metrics_inc (metrics, MUSTER_PATH ("http", "GET"), id, k);
          for (guint s = 0; k % 2 != 0 && s < 100; s++)
            muster_metrics_sample (metrics, MUSTER_PATH ("http", "GET"), id, s);
        }
      report (aggregator, metrics, worker, i + 1, END_S - INTERVAL_S, END_S, FALSE);
    }
  datasets = muster_aggregator_collect (aggregator, G_MAXINT64);
  return muster_dataset_ref (datasets->pdata[0]);
}

static void
measure_datasets (MusterPrometheusStreams *streams)
{
  g_autoptr (MusterDataset) dataset = make_dataset ();
  g_autoptr (MusterPrometheusStore) store = muster_prometheus_store_new ("muster", (gsize) 1 << 30, 5);
  double best_add = G_MAXDOUBLE;
  double best_write = G_MAXDOUBLE;
  gsize size = 0;

  for (guint i = 0; i < LOOPS; i++)
    {
      double begin = now_ms ();
      double between;
      g_autoptr (GBytes) text = NULL;

      muster_prometheus_store_add (store, "host", "shop", dataset, NOW_US);
      between = now_ms ();
      text = muster_prometheus_exposition_write (store, streams, MUSTER_PROMETHEUS_OPENMETRICS, NOW_US);
      best_add = MIN (best_add, between - begin);
      best_write = MIN (best_write, now_ms () - between);
      size = g_bytes_get_size (text);
    }
  g_print ("prometheus: a dataset of %u metrics\t%.1f\tms\n", WORKERS * METRICS, best_add);
  g_print ("prometheus: those as text\t%.1f\tms\n", best_write);
  g_print ("prometheus: how much text\t%.1f\tMiB\n", (double) size / (1 << 20));
  g_print ("prometheus: what is charged for it\t%.1f\tMiB\n", (double) store->cost / (1 << 20));
}

static void
measure_records (MusterPrometheusStreams *streams)
{
  g_autoptr (MusterBatch) batch = test_batch ('a', 1, RECORDS, "web-1", MUSTER_LEVEL_INFO);
  double best = G_MAXDOUBLE;

  for (guint i = 0; i < 100; i++)
    {
      double begin = now_ms ();

      for (guint k = 0; k < 1000; k++)
        muster_prometheus_streams_count (streams, batch, NOW_US);
      best = MIN (best, now_ms () - begin);
    }
  g_print ("prometheus: a batch of records\t%.0f\tns\n", best * 1e3);
}

int
main (int argc, char **argv)
{
  g_autoptr (MusterPrometheusStreams) streams = muster_prometheus_streams_new ();

  measure_records (streams);
  measure_datasets (streams);
  return 0;
}
