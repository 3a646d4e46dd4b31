/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What all processes of a dataset measured together.
 */
#include "config.h"

#include <math.h>

#include "metrics-helpers.h"
#include "muster-dataset-struct-private.h"
#include "muster-sketch-private.h"

#define END_NS (1700000000 * SECOND_NS)

static MusterAggregator *
make_aggregator (const MusterMetricsOptions *options)
{
  MusterAggregator *aggregator = muster_aggregator_new ();

  muster_aggregator_add_metrics (aggregator, options);
  return aggregator;
}

static void
add_snapshot (MusterAggregator *aggregator, MusterMetrics *metrics, const char *worker, double from_s, double to_s)
{
  double end_s = (double) (END_NS / SECOND_NS);

  report (aggregator, metrics, worker, 7, end_s - 10 + from_s, end_s - 10 + to_s, to_s - from_s < 10);
}

static MusterDataset *
collect (MusterAggregator *aggregator)
{
  g_autoptr (GPtrArray) datasets = muster_aggregator_collect (aggregator, G_MAXINT64);

  g_assert_cmpuint (datasets->len, ==, 1);
  return muster_dataset_ref (datasets->pdata[0]);
}

static const Muster__V1__Metric *
find (GPtrArray *metrics, const char *id)
{
  for (guint i = 0; i < metrics->len; i++)
    if (strcmp (((Muster__V1__Metric *) metrics->pdata[i])->id, id) == 0)
      return metrics->pdata[i];
  g_error ("there is no metric %s", id);
}

static const Muster__V1__Metric *
find_in_total (MusterDataset *dataset, const char *id)
{
  return find (muster_dataset_get_total (dataset)->process->metrics, id);
}

static void
assert_json (MusterDataset *dataset, const char *what)
{
  g_autofree char *json = muster_dataset_to_json (dataset);

  if (strstr (json, what) == NULL)
    g_error ("%s is not in %s", what, json);
}

/* -- as if one had measured it all ----------------------------------------------------------------- */

static double
draw (guint kind, double mean)
{
  double u = g_test_rand_double ();

  switch (kind)
    {
    case 0:
      return mean + u - 0.5;
    case 1:
      return mean - log (1 - u);
    default:
      return mean + (u < 0.5 ? -1 : 1) * (1 + g_test_rand_double ());
    }
}

static void
assert_close (double a, double b, double bound)
{
  if (!(fabs (a - b) <= bound * fabs (b)))
    g_error ("%.17g and %.17g differ by %.3g, which is more than %.3g", a, b, fabs (a / b - 1), bound);
}

/* @k processes measure @n samples; one measures all of them. Counts, minima, maxima are the same, means and deviations
 * within @bound. */
static void
compare_with_one (guint k, guint n, guint kind, double mean, double bound)
{
  const MusterMetricsOptions options = { 0 };
  g_autoptr (MusterMetrics) one = muster_metrics_new (&options);
  g_autoptr (MusterAggregator) aggregator = make_aggregator (&options);
  g_autoptr (MusterAggregator) other = make_aggregator (&options);
  g_autoptr (MusterDataset) dataset = NULL;
  g_autoptr (MusterDataset) single = NULL;
  const Muster__V1__Metric *merged, *whole;

  for (guint i = 0; i < k; i++)
    {
      g_autoptr (MusterMetrics) metrics = muster_metrics_new (&options);
      g_autofree char *worker = g_strdup_printf ("web-%u", i + 1);

      for (guint j = 0; j < n / k; j++)
        {
          double value = draw (kind, mean);

          muster_metrics_sample (metrics, NULL, "sample", value);
          muster_metrics_sample (one, NULL, "sample", value);
          muster_metrics_inc (metrics, NULL, "inc", 2);
          muster_metrics_inc (one, NULL, "inc", 2);
        }
      add_snapshot (aggregator, metrics, worker, 0, 10);
    }
  add_snapshot (other, one, "master", 0, 10);
  dataset = collect (aggregator);
  single = collect (other);
  merged = find_in_total (dataset, "sample");
  whole = find_in_total (single, "sample");
  g_assert_cmpuint (merged->count, ==, whole->count);
  g_assert_cmpfloat (merged->min, ==, whole->min);
  g_assert_cmpfloat (merged->max, ==, whole->max);
  g_test_message ("k %u, mean/sigma %.1e: mean %.1e, sigma %.1e off", k, whole->mean / muster_metric_get_sigma (whole),
                  fabs (merged->mean / whole->mean - 1),
                  fabs (muster_metric_get_sigma (merged) / muster_metric_get_sigma (whole) - 1));
  assert_close (merged->mean, whole->mean, bound);
  assert_close (muster_metric_get_average (merged), muster_metric_get_average (whole), bound);
  assert_close (muster_metric_get_sigma (merged), muster_metric_get_sigma (whole), bound);
  g_assert_cmpfloat (find_in_total (dataset, "inc")->sum, ==, find_in_total (single, "inc")->sum);
  g_assert_cmpuint (find_in_total (dataset, "inc")->count, ==, find_in_total (single, "inc")->count);
}

static void
test_as_one (void)
{
  static const guint ks[] = { 1, 8, 64 };
  static const double means[] = { 0.25, 30, 300 }; /* of a sigma of 0.29 to 1.6 */

  for (guint i = 0; i < G_N_ELEMENTS (ks); i++)
    for (guint kind = 0; kind < 3; kind++)
      for (guint m = 0; m < G_N_ELEMENTS (means); m++)
        compare_with_one (ks[i], 1 << 16, kind, means[m], 1e-12);
}

/* docs/metrics.md: 1e-15 * |mean| / sigma, from where that is more than 1e-12. */
static void
test_beyond (void)
{
  for (double ratio = 1e4; ratio <= 1e9; ratio *= 10)
    compare_with_one (64, 1 << 16, 0, ratio * sqrt (1. / 12), 1e-15 * ratio);
}

/* -- what is not a plain sum ----------------------------------------------------------------------- */

static void
test_sets (void)
{
  const MusterMetricsOptions options = { .persist = TRUE };
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (&options);
  g_autoptr (MusterMetrics) idle = muster_metrics_new (&options);
  g_autoptr (MusterAggregator) aggregator = make_aggregator (&options);
  g_autoptr (MusterDataset) dataset = NULL;

  muster_metrics_set (idle, NULL, "number", 100);
  muster_metrics_set_text (idle, NULL, "text", "old");
  g_ptr_array_unref (muster_metrics_take_snapshot (idle, 0, 1, FALSE)); /* what is kept was set earlier */
  muster_metrics_set (metrics, NULL, "number", -5);
  muster_metrics_set_text (metrics, NULL, "mixed", "a");
  muster_metrics_set_text (metrics, NULL, "text", "new");
  add_snapshot (aggregator, metrics, "web-1", 0, 10);
  muster_metrics_set (metrics, NULL, "number", 3);
  muster_metrics_set (metrics, NULL, "mixed", 4);
  add_snapshot (aggregator, metrics, "web-2", 0, 10);
  add_snapshot (aggregator, idle, "web-3", 0, 10);
  dataset = collect (aggregator);
  assert_json (dataset, "\"number\":{\"type\":\"set\",\"value\":{\"val\":3,\"min\":-5,\"max\":100,\"sum\":98,");
  assert_json (dataset, "\"mixed\":{\"type\":\"set\",\"value\":{\"val\":4,\"min\":4,\"max\":4,\"sum\":4,");
  assert_json (dataset,
               "\"text\":{\"type\":\"set\",\"value\":{\"val\":\"new\",\"min\":null,\"max\":null,\"sum\":null,");
}

/* What is of one type here and of another one there: the first one counts, and the rest is said. */
static void
test_types (void)
{
  const MusterMetricsOptions options = { 0 };
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (&options);
  g_autoptr (MusterAggregator) aggregator = make_aggregator (&options);
  g_autoptr (MusterDataset) dataset = NULL;

  muster_metrics_sample (metrics, NULL, "x", 5);
  muster_metrics_sample (metrics, NULL, "x", 6);
  add_snapshot (aggregator, metrics, "web-2", 0, 10);
  muster_metrics_inc (metrics, NULL, "x", 7);
  add_snapshot (aggregator, metrics, "web-1", 0, 10);
  dataset = collect (aggregator);
  assert_json (dataset, "\"total\":{\"x\":{\"type\":\"inc\",\"value\":{\"val\":0.0007,\"sum\":7,");
  assert_json (dataset, "\"refused\":{},\"unmerged\":2}}");
}

/* Said once, in the interval in which it happened, and of whom. */
static void
test_refused (void)
{
  const MusterMetricsOptions options = { .max_metrics = 1 };
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (&options);
  g_autoptr (MusterAggregator) aggregator = make_aggregator (&options);
  g_autoptr (MusterDataset) first = NULL;
  g_autoptr (MusterDataset) second = NULL;

  for (guint i = 0; i < 10; i++)
    {
      g_autofree char *id = g_strdup_printf ("%u", i);

      muster_metrics_inc (metrics, NULL, id, 1);
    }
  add_snapshot (aggregator, metrics, "web-1", 0, 10);
  add_snapshot (aggregator, metrics, "web-2", 0, 10);
  first = collect (aggregator);
  assert_json (first, "\"refused\":{\"web-1\":9},\"unmerged\":0}}");
  muster_metrics_inc (metrics, NULL, "0", 1);
  add_snapshot (aggregator, metrics, "web-1", 10, 20);
  second = collect (aggregator);
  assert_json (second, "\"refused\":{},\"unmerged\":0}}");
}

/* Where a process has no memory for sketches, it is said how many metrics have no quantiles; and `total` has none. */
static void
test_without_quantiles (void)
{
  const MusterMetricsOptions cramped = { .sketch_bytes = 1 };
  g_autoptr (MusterMetrics) poor = muster_metrics_new (&cramped);
  g_autoptr (MusterMetrics) rich = muster_metrics_new (NULL);
  g_autoptr (MusterAggregator) aggregator = make_aggregator (NULL);
  g_autoptr (MusterDataset) dataset = NULL;
  g_autofree char *text = NULL;

  for (guint i = 0; i < 3; i++)
    {
      muster_metrics_sample (poor, NULL, "x", i);
      muster_metrics_timed_sample (poor, NULL, "y", i);
      muster_metrics_sample (rich, NULL, "x", i);
    }
  add_snapshot (aggregator, poor, "web-1", 0, 10);
  add_snapshot (aggregator, rich, "web-2", 0, 10);
  dataset = collect (aggregator);
  assert_json (dataset, "\"withoutQuantiles\":{\"web-1\":2},\"unmerged\":0}}");
  assert_json (dataset, "\"quantiles\":{\"p50\":1.00");
  assert_json (dataset, "\"count\":6,\"total\":6,\"timeStamp\":1700000000000},\"quantiles\":{\"p50\":null,");
  text = muster_dataset_to_text (dataset);
  g_assert_nonnull (strstr (text, "  no memory for quantiles: 2\n"));
}

/* Rates of the cluster are over the time in which somebody counted; those of each process are panopticon's. */
static void
test_rate (void)
{
  const MusterMetricsOptions options = { .scale_factor = 1000 };
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (&options);
  g_autoptr (MusterAggregator) aggregator = make_aggregator (&options);
  g_autoptr (MusterDataset) dataset = NULL;

  muster_metrics_inc (metrics, NULL, "x", 10);
  add_snapshot (aggregator, metrics, "web-1", 1, 2);
  muster_metrics_inc (metrics, NULL, "x", 10);
  add_snapshot (aggregator, metrics, "web-2", 3, 5);
  dataset = collect (aggregator);
  assert_json (dataset, "\"web-2\":{\"pid\":{\"type\":\"set\",\"value\":{\"val\":7,\"timeStamp\":1700000000000}},"
                        "\"x\":{\"type\":\"inc\",\"value\":{\"val\":1,\"timeStamp\"");
  assert_json (dataset, "\"total\":{\"x\":{\"type\":\"inc\",\"value\":{\"val\":5,\"sum\":20,");
  assert_json (dataset, "\"from\":1699999991000,\"to\":1699999995000,");
}

/* -- quantiles ------------------------------------------------------------------------------------- */

static void
add_sample (MusterDataset *dataset, const char *worker, double value, guint64 count)
{
  MusterDatasetProcess *process = muster_dataset_process_new (worker, 1);
  Muster__V1__Metric *metric = muster_arena_alloc (dataset->arena, sizeof *metric);
  Muster__V1__Sketch *sketch = muster_arena_alloc (dataset->arena, sizeof *sketch);
  guint8 *bytes = muster_arena_alloc (dataset->arena, 16);

  muster__v1__metric__init (metric);
  muster__v1__sketch__init (sketch);
  metric->id = (char *) "x";
  metric->type = (char *) "sample";
  metric->count = count;
  metric->sum = value * (double) count;
  metric->min = metric->max = metric->mean = value;
  metric->sketch = sketch;
  sketch->positive_first = muster_sketch_get_index (value);
  sketch->positive.data = bytes;
  sketch->positive.len = (gsize) (muster_sketch_put_bins (bytes, &count, 1) - bytes);
  g_ptr_array_add (process->metrics, metric);
  g_ptr_array_add (dataset->processes, process);
}

static void
test_quantiles (void)
{
  static const struct
  {
    double q, value;
  } expected[] = { { 0, 1 }, { 0.5, 10 }, { 0.9, 10 }, { 0.99, 100 }, { 0.999, 1000 }, { 1, 1000 } };
  MusterDataset *dataset = muster_dataset_new ();
  const Muster__V1__Metric *total;

  dataset->name = g_strdup ("");
  dataset->interval_ns = 10 * SECOND_NS;
  dataset->scale_factor = 1;
  add_sample (dataset, "web-1", 1000, 2);
  add_sample (dataset, "web-2", 1, 400);
  add_sample (dataset, "web-3", 100, 18);
  add_sample (dataset, "web-4", 10, 580);
  muster_dataset_seal (dataset);
  total = find_in_total (dataset, "x");
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    assert_close (muster_metric_get_quantile (total, expected[i].q), expected[i].value, 0.01);
  assert_json (dataset, "\"quantiles\":{\"p50\":1000,\"p90\":1000,\"p99\":1000,\"p999\":1000}");
  muster_dataset_unref (dataset);
}

/* Two threads that ask at once get one answer. */
static gpointer
ask (gpointer dataset)
{
  return (gpointer) muster_dataset_get_total (dataset);
}

static void
test_threads (void)
{
  for (guint round = 0; round < 100; round++)
    {
      MusterDataset *dataset = muster_dataset_new ();
      GThread *threads[4];
      gpointer first;

      dataset->name = g_strdup ("");
      add_sample (dataset, "web-1", 1, 1);
      add_sample (dataset, "web-2", 2, 1);
      muster_dataset_seal (dataset);
      for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
        threads[i] = g_thread_new ("ask", ask, dataset);
      first = g_thread_join (threads[0]);
      for (guint i = 1; i < G_N_ELEMENTS (threads); i++)
        g_assert_true (g_thread_join (threads[i]) == first);
      muster_dataset_unref (dataset);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dataset-total/as-one", test_as_one);
  g_test_add_func ("/dataset-total/beyond", test_beyond);
  g_test_add_func ("/dataset-total/sets", test_sets);
  g_test_add_func ("/dataset-total/types", test_types);
  g_test_add_func ("/dataset-total/refused", test_refused);
  g_test_add_func ("/dataset-total/without-quantiles", test_without_quantiles);
  g_test_add_func ("/dataset-total/rate", test_rate);
  g_test_add_func ("/dataset-total/quantiles", test_quantiles);
  g_test_add_func ("/dataset-total/threads", test_threads);
  return g_test_run ();
}
