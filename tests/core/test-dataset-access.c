/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a transport, or who takes a delivery, can read from a dataset.
 */
#include "config.h"

#include <math.h>

#include "metrics-helpers.h"

#define END_NS (1700000000 * SECOND_NS)

static MusterDataset *
make_dataset (void)
{
  const MusterMetricsOptions options = { .scale_factor = 1000 };
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (&options);
  g_autoptr (MusterAggregator) aggregator = muster_aggregator_new ();
  g_autoptr (GPtrArray) datasets = NULL;

  muster_aggregator_add_metrics (aggregator, &options);
  muster_metrics_set (metrics, NULL, "workers", 2);
  muster_metrics_set_text (metrics, NULL, "state", "up");
  muster_metrics_inc (metrics, MUSTER_PATH ("http", "GET"), "requests", 25);
  muster_metrics_inc (metrics, MUSTER_PATH ("http", "GET"), "requests", 5);
  muster_metrics_inc (metrics, MUSTER_PATH ("http"), "GET", 1);
  muster_metrics_timed_sample (metrics, MUSTER_PATH ("http", "GET"), "time", 1500000);
  muster_metrics_timed_sample (metrics, MUSTER_PATH ("http", "GET"), "time", 3500000);
  report (aggregator, metrics, "web-10", 12, 1699999990, 1700000000, FALSE);
  muster_metrics_sample (metrics, NULL, "size", -0.5);
  report (aggregator, metrics, "web-2", 11, 1699999990, 1699999999, TRUE);
  report (aggregator, metrics, "master", 10, 1699999990, 1700000000, FALSE);
  datasets = muster_aggregator_collect (aggregator, G_MAXINT64);
  g_assert_cmpuint (datasets->len, ==, 1);
  return muster_dataset_ref (datasets->pdata[0]);
}

static void
test_processes (void)
{
  g_autoptr (MusterDataset) dataset = make_dataset ();
  g_auto (GStrv) partial = muster_dataset_list_partial (dataset);
  g_auto (GStrv) late = muster_dataset_list_late (dataset);

  g_assert_cmpfloat (muster_dataset_get_scale_factor (dataset), ==, 1000);
  g_assert_cmpuint (muster_dataset_get_n_processes (dataset), ==, 3);
  g_assert_cmpstr (muster_dataset_get_worker (dataset, 0), ==, "master");
  g_assert_cmpstr (muster_dataset_get_worker (dataset, 1), ==, "web-2");
  g_assert_cmpuint (muster_dataset_get_pid (dataset, 1), ==, 11);
  g_assert_cmpuint (muster_dataset_get_overflow (dataset, 1), ==, 0);
  g_assert_cmpint (muster_dataset_find_process (dataset, "web-10"), ==, 2);
  g_assert_cmpint (muster_dataset_find_process (dataset, "web-1"), ==, -1);
  g_assert_cmpstrv (partial, ((const char *const[]){ "web-2", NULL }));
  g_assert_cmpuint (g_strv_length (late), ==, 0);
}

static void
test_total (void)
{
  g_autoptr (MusterDataset) dataset = make_dataset ();
  const MusterDatasetMetric *requests =
      muster_dataset_find_metric (dataset, MUSTER_DATASET_TOTAL, MUSTER_PATH ("http", "GET"), "requests");
  const MusterDatasetMetric *size = muster_dataset_find_metric (dataset, MUSTER_DATASET_TOTAL, NULL, "size");

  g_assert_cmpuint (muster_dataset_get_n_metrics (dataset, MUSTER_DATASET_TOTAL), ==, 6);
  g_assert_nonnull (muster_dataset_get_metric (dataset, MUSTER_DATASET_TOTAL, 5));
  g_assert_cmpfloat (muster_dataset_metric_get_sum (requests), ==, 30);
  g_assert_cmpfloat (muster_dataset_metric_get_min (size), ==, -0.5);
  g_assert_cmpfloat (
      muster_dataset_metric_get_number (muster_dataset_find_metric (dataset, MUSTER_DATASET_TOTAL, NULL, "workers")),
      ==, 2);
}

static void
test_metrics (void)
{
  g_autoptr (MusterDataset) dataset = make_dataset ();
  const char *const get[] = { "http", "GET", NULL };
  const MusterDatasetMetric *metric = muster_dataset_find_metric (dataset, 2, get, "requests");
  const char *const *path;
  gsize n_path;

  g_assert_nonnull (metric);
  g_assert_cmpstr (muster_dataset_metric_get_kind (metric), ==, "inc");
  g_assert_cmpstr (muster_dataset_metric_get_id (metric), ==, "requests");
  g_assert_cmpuint (muster_dataset_metric_get_count (metric), ==, 2);
  g_assert_cmpfloat (muster_dataset_metric_get_sum (metric), ==, 30);
  g_assert_true (isnan (muster_dataset_metric_get_min (metric)));
  g_assert_true (isnan (muster_dataset_metric_get_number (metric)));
  g_assert_true (isnan (muster_dataset_metric_get_quantile (metric, 0.5)));
  g_assert_null (muster_dataset_metric_get_text (metric));
  path = muster_dataset_metric_get_path (metric, &n_path);
  g_assert_cmpuint (n_path, ==, 2);
  g_assert_cmpstr (path[0], ==, "http");
  g_assert_cmpstr (path[1], ==, "GET");

  metric = muster_dataset_find_metric (dataset, 2, get, "time");
  g_assert_cmpstr (muster_dataset_metric_get_kind (metric), ==, "timedSample");
  g_assert_cmpfloat (muster_dataset_metric_get_sum (metric), ==, 0.005);
  g_assert_cmpfloat (muster_dataset_metric_get_min (metric), ==, 0.0015);
  g_assert_cmpfloat (muster_dataset_metric_get_max (metric), ==, 0.0035);
  g_assert_cmpfloat (muster_dataset_metric_get_average (metric), ==, 0.0025);
  g_assert_cmpfloat_with_epsilon (muster_dataset_metric_get_sigma (metric), 0.0014142135623731, 1e-15);

  metric = muster_dataset_find_metric (dataset, 2, NULL, "workers");
  g_assert_cmpfloat (muster_dataset_metric_get_number (metric), ==, 2);
  g_assert_true (isnan (muster_dataset_metric_get_average (metric)));
  metric = muster_dataset_find_metric (dataset, 2, NULL, "state");
  g_assert_cmpstr (muster_dataset_metric_get_text (metric), ==, "up");
  g_assert_true (isnan (muster_dataset_metric_get_number (metric)));

  g_assert_null (muster_dataset_find_metric (dataset, 0, NULL, "workers"));
  g_assert_null (muster_dataset_find_metric (dataset, 2, NULL, "requests"));
  g_assert_null (muster_dataset_find_metric (dataset, 2, NULL, ""));
}

/* What is walked by number is found by name, and in order. */
static void
test_all_are_found (void)
{
  g_autoptr (MusterDataset) dataset = make_dataset ();
  guint n = 0;

  for (guint i = 0; i < muster_dataset_get_n_processes (dataset); i++)
    for (guint k = 0; k < muster_dataset_get_n_metrics (dataset, i); k++, n++)
      {
        const MusterDatasetMetric *metric = muster_dataset_get_metric (dataset, i, k);
        gsize n_path;
        const char *const *elements = muster_dataset_metric_get_path (metric, &n_path);
        g_autofree const char **path = g_new0 (const char *, n_path + 1);

        for (gsize e = 0; e < n_path; e++)
          path[e] = elements[e];
        g_assert_true (muster_dataset_find_metric (dataset, i, path, muster_dataset_metric_get_id (metric)) == metric);
      }
  g_assert_cmpuint (n, ==, 6);
}

/* A copy outlives its dataset. */
static void
test_copy (void)
{
  MusterDataset *dataset = make_dataset ();
  g_autoptr (MusterDatasetMetric) copy =
      g_boxed_copy (MUSTER_TYPE_DATASET_METRIC, muster_dataset_find_metric (dataset, 1, NULL, "size"));

  muster_dataset_unref (dataset);
  g_assert_cmpstr (muster_dataset_metric_get_id (copy), ==, "size");
  g_assert_cmpfloat (muster_dataset_metric_get_min (copy), ==, -0.5);
  g_assert_cmpfloat (muster_dataset_metric_get_average (copy), ==, -0.5);
  g_assert_true (isnan (muster_dataset_metric_get_sigma (copy)));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dataset-access/processes", test_processes);
  g_test_add_func ("/dataset-access/total", test_total);
  g_test_add_func ("/dataset-access/metrics", test_metrics);
  g_test_add_func ("/dataset-access/all-are-found", test_all_are_found);
  g_test_add_func ("/dataset-access/copy", test_copy);
  return g_test_run ();
}
