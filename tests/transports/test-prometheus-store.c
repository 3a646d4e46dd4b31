/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What datasets add up to, and what it looks like.
 */
#include "config.h"

#include <math.h>

#include "../core/metrics-helpers.h"
#include "../core/test-batches.h"
#include "exposition-check.h"
#include "muster-sketch-private.h"

#define INTERVAL_S 10
#define LABELS     "host=\"h\",cluster=\"shop\",worker=\"web-1\",group=\"web\""

typedef struct
{
  MusterMetricsOptions options;
  MusterAggregator *aggregator;
  MusterMetrics *metrics;
  MusterPrometheusStore *store;
  MusterPrometheusStreams *streams;
  gint64 now_s; /* on a boundary */
} Fixture;

static MusterPrometheusStore *
new_store (const char *prefix, gsize max_size)
{
  MusterPrometheusStore *store = muster_prometheus_store_new (prefix, max_size, 3);

  muster_prometheus_exposition_reserve (store->families);
  return store;
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->options = (MusterMetricsOptions){ .scale_factor = 1, .interval_us = INTERVAL_S * G_TIME_SPAN_SECOND };
  fixture->aggregator = muster_aggregator_new ();
  muster_aggregator_add_metrics (fixture->aggregator, &fixture->options);
  fixture->metrics = muster_metrics_new (&fixture->options);
  fixture->store = new_store ("muster", 1 << 20);
  fixture->streams = muster_prometheus_streams_new ();
  fixture->now_s = 1700000000;
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  muster_prometheus_streams_free (fixture->streams);
  muster_prometheus_store_free (fixture->store);
  g_object_unref (fixture->metrics);
  muster_aggregator_free (fixture->aggregator);
}

/* What was measured was measured by @worker, in an interval that ends @end_s. */
static void
measured (Fixture *fixture, const char *worker, gint64 end_s)
{
  report (fixture->aggregator, fixture->metrics, worker, 7, (double) (end_s - INTERVAL_S), (double) end_s, FALSE);
}

static void
give (Fixture *fixture)
{
  g_autoptr (GPtrArray) datasets = muster_aggregator_collect (fixture->aggregator, G_MAXINT64);

  for (guint i = 0; i < datasets->len; i++)
    muster_prometheus_store_add (fixture->store, "h", "shop", datasets->pdata[i], fixture->now_s * G_TIME_SPAN_SECOND);
}

/* The interval ends, and is delivered. */
static void
deliver (Fixture *fixture, const char *worker)
{
  fixture->now_s += INTERVAL_S;
  measured (fixture, worker, fixture->now_s);
  give (fixture);
}

static Exposition *
show (Fixture *fixture, MusterPrometheusFormat format)
{
  g_autoptr (GBytes) bytes = muster_prometheus_exposition_write (fixture->store, fixture->streams, format,
                                                                 fixture->now_s * G_TIME_SPAN_SECOND);
  gsize size;
  const char *text = g_bytes_get_data (bytes, &size);

  return exposition_read (text, size, format);
}

static void
assert_shows (Fixture *fixture, const char *sample, const char *value)
{
  for (MusterPrometheusFormat format = 0; format < MUSTER_PROMETHEUS_N_FORMATS; format++)
    {
      g_autoptr (Exposition) exposition = show (fixture, format);

      if (g_strcmp0 (exposition_get (exposition, sample), value) != 0)
        {
          g_autofree char **names = (char **) g_hash_table_get_keys_as_array (exposition->samples, NULL);
          g_autofree char *all = g_strjoinv ("\n", names);

          g_error ("%s is %s and not %s; there is\n%s", sample, exposition_get (exposition, sample), value, all);
        }
    }
}

static const char *
get_type (Exposition *exposition, const char *family)
{
  return g_hash_table_lookup (exposition->families, family);
}

/* -- the kinds ----------------------------------------------------------------------------------- */

static void
test_counter (Fixture *fixture, gconstpointer data)
{
  g_autoptr (Exposition) text = NULL;
  g_autoptr (Exposition) openmetrics = NULL;

  muster_metrics_inc (fixture->metrics, MUSTER_PATH ("http", "GET"), "requests", 25);
  deliver (fixture, "web-1");
  assert_shows (fixture, "muster_requests_total{" LABELS ",path=\"http/GET\"}", "25");
  muster_metrics_inc (fixture->metrics, MUSTER_PATH ("http", "GET"), "requests", 0.5);
  deliver (fixture, "web-1");
  assert_shows (fixture, "muster_requests_total{" LABELS ",path=\"http/GET\"}", "25.5");
  deliver (fixture, "web-1"); /* nothing happened: it stands */
  assert_shows (fixture, "muster_requests_total{" LABELS ",path=\"http/GET\"}", "25.5");
  /* It never falls. */
  muster_metrics_inc (fixture->metrics, MUSTER_PATH ("http", "GET"), "requests", -3);
  deliver (fixture, "web-1");
  assert_shows (fixture, "muster_requests_total{" LABELS ",path=\"http/GET\"}", "25.5");
  assert_shows (fixture, "muster_exposition_decrements_total", "1");
  text = show (fixture, MUSTER_PROMETHEUS_TEXT);
  openmetrics = show (fixture, MUSTER_PROMETHEUS_OPENMETRICS);
  g_assert_cmpstr (get_type (text, "muster_requests_total"), ==, "counter");
  g_assert_cmpstr (get_type (openmetrics, "muster_requests"), ==, "counter");
}

static void
test_gauge_and_info (Fixture *fixture, gconstpointer data)
{
  g_autofree char *longest = g_strnfill (5000, 'x');
  g_autoptr (GString) cut = g_string_new ("muster_state_info{" LABELS ",value=\"");
  g_autoptr (Exposition) text = NULL;

  muster_metrics_set (fixture->metrics, NULL, "state", 2.5);
  deliver (fixture, "web-1");
  assert_shows (fixture, "muster_state{" LABELS "}", "2.5");
  deliver (fixture, "web-1"); /* what was set last */
  assert_shows (fixture, "muster_state{" LABELS "}", "2.5");
  muster_metrics_set_text (fixture->metrics, NULL, "state", "\"up\"\n\\");
  deliver (fixture, "web-1");
  assert_shows (fixture, "muster_state{" LABELS "}", NULL);
  assert_shows (fixture, "muster_state_info{" LABELS ",value=\"\\\"up\\\"\\n\\\\\"}", "1");
  text = show (fixture, MUSTER_PROMETHEUS_TEXT);
  g_assert_cmpstr (get_type (text, "muster_state_info"), ==, "gauge");
  muster_metrics_set_text (fixture->metrics, NULL, "state", longest);
  deliver (fixture, "web-1");
  g_string_append_len (cut, longest, 1024);
  g_string_append (cut, "\"}");
  assert_shows (fixture, cut->str, "1");
  muster_metrics_set_text (fixture->metrics, NULL, "state", "");
  deliver (fixture, "web-1");
  assert_shows (fixture, "muster_state_info{" LABELS "}", "1");
  muster_metrics_set (fixture->metrics, NULL, "state", 1);
  deliver (fixture, "web-1");
  assert_shows (fixture, "muster_state{" LABELS "}", "1");
}

static void
test_summary (Fixture *fixture, gconstpointer data)
{
  g_autoptr (Exposition) openmetrics = NULL;

  muster_metrics_sample (fixture->metrics, NULL, "size", 3);
  muster_metrics_sample (fixture->metrics, NULL, "size", 5);
  deliver (fixture, "web-1");
  muster_metrics_sample (fixture->metrics, NULL, "size", 1.5);
  deliver (fixture, "web-1");
  assert_shows (fixture, "muster_size_count{" LABELS "}", "3");
  assert_shows (fixture, "muster_size_sum{" LABELS "}", "9.5");
  assert_shows (fixture, "muster_size{" LABELS ",quantile=\"0\"}", "1.5");
  assert_shows (fixture, "muster_size{" LABELS ",quantile=\"1\"}", "1.5");
  deliver (fixture, "web-1"); /* nothing in the last interval */
  assert_shows (fixture, "muster_size_count{" LABELS "}", "3");
  assert_shows (fixture, "muster_size{" LABELS ",quantile=\"1\"}", "NaN");
  /* A sum that may fall is none in OpenMetrics. */
  muster_metrics_sample (fixture->metrics, NULL, "size", -20);
  deliver (fixture, "web-1");
  openmetrics = show (fixture, MUSTER_PROMETHEUS_OPENMETRICS);
  g_assert_null (exposition_get (openmetrics, "muster_size_sum{" LABELS "}"));
  g_assert_cmpstr (exposition_get (openmetrics, "muster_size_count{" LABELS "}"), ==, "4");
  g_assert_cmpstr (exposition_get (openmetrics, "muster_size{" LABELS ",quantile=\"0\"}"), ==, "-20");
}

/* 100 times 2 ms, as one bin says it. */
static void
test_quantiles (Fixture *fixture, gconstpointer data)
{
  Muster__V1__Sketch sketch = MUSTER__V1__SKETCH__INIT;
  guint8 counts[] = { 0xc8, 0x01 };
  g_autoptr (GPtrArray) datasets = NULL;
  g_autoptr (Exposition) text = NULL;
  const MusterDatasetMetric *metric;
  double median;

  for (guint i = 0; i < 100; i++)
    muster_metrics_timed_sample (fixture->metrics, NULL, "time", 2000000);
  fixture->now_s += INTERVAL_S;
  measured (fixture, "web-1", fixture->now_s);
  datasets = muster_aggregator_collect (fixture->aggregator, G_MAXINT64);
  metric = muster_dataset_find_metric (datasets->pdata[0], 0, NULL, "time");
  sketch.positive_first = muster_sketch_get_index (2);
  sketch.positive = (ProtobufCBinaryData){ .len = sizeof counts, .data = counts };
  ((Muster__V1__Metric *) metric)->sketch = &sketch;
  muster_prometheus_store_add (fixture->store, "h", "shop", datasets->pdata[0], fixture->now_s * G_TIME_SPAN_SECOND);
  text = show (fixture, MUSTER_PROMETHEUS_TEXT);
  g_assert_cmpstr (exposition_get (text, "muster_time_seconds_sum{" LABELS "}"), ==, "0.2");
  g_assert_cmpstr (exposition_get (text, "muster_time_seconds{" LABELS ",quantile=\"1\"}"), ==, "0.002");
  median = g_ascii_strtod (exposition_get (text, "muster_time_seconds{" LABELS ",quantile=\"0.5\"}"), NULL);
  g_assert_cmpfloat_with_epsilon (median, 0.002, 0.00002);
  g_assert_nonnull (exposition_get (text, "muster_time_seconds{" LABELS ",quantile=\"0.999\"}"));
  ((Muster__V1__Metric *) metric)->sketch = NULL;
  deliver (fixture, "web-1");
  assert_shows (fixture, "muster_time_seconds{" LABELS ",quantile=\"0.9\"}", "NaN");
}

/* Seconds, whatever the unit of the dataset is. */
static void
test_scale_factor (Fixture *fixture, gconstpointer data)
{
  MusterMetricsOptions options = { .name = (char *) "fast", .scale_factor = 1000 };

  g_set_object (&fixture->metrics, NULL);
  fixture->metrics = muster_metrics_new (&options);
  muster_aggregator_add_metrics (fixture->aggregator, &options);
  muster_metrics_timed_sample (fixture->metrics, NULL, "time", 1500000000);
  deliver (fixture, "master");
  assert_shows (fixture, "muster_time_seconds_sum{host=\"h\",cluster=\"shop\",metrics=\"fast\",worker=\"master\"}",
                "1.5");
}

/* -- processes ------------------------------------------------------------------------------------ */

static void
test_restarts (Fixture *fixture, gconstpointer data)
{
  for (guint i = 0; i < 5; i++) /* each a new process */
    {
      muster_metrics_inc (fixture->metrics, NULL, "n", 2);
      deliver (fixture, "web-1");
    }
  assert_shows (fixture, "muster_n_total{" LABELS "}", "10");
  assert_shows (fixture, "muster_datasets_total{host=\"h\",cluster=\"shop\"}", "5");
  assert_shows (fixture, "muster_processes_reported{host=\"h\",cluster=\"shop\"}", "1");
  assert_shows (fixture, "muster_dataset_end_timestamp_seconds{host=\"h\",cluster=\"shop\"}", "1700000050");
}

/* What comes late counts, but it is not what was set last. */
static void
test_late (Fixture *fixture, gconstpointer data)
{
  muster_metrics_set (fixture->metrics, NULL, "g", 1);
  muster_metrics_inc (fixture->metrics, NULL, "n", 1);
  muster_metrics_sample (fixture->metrics, NULL, "s", 1);
  fixture->now_s += 20;
  measured (fixture, "web-1", fixture->now_s);
  give (fixture);
  muster_metrics_set (fixture->metrics, NULL, "g", 2);
  muster_metrics_inc (fixture->metrics, NULL, "n", 2);
  muster_metrics_sample (fixture->metrics, NULL, "s", 9);
  measured (fixture, "web-1", fixture->now_s - 10);
  give (fixture);
  assert_shows (fixture, "muster_g{" LABELS "}", "1");
  assert_shows (fixture, "muster_n_total{" LABELS "}", "3");
  assert_shows (fixture, "muster_s_count{" LABELS "}", "2");
  assert_shows (fixture, "muster_s{" LABELS ",quantile=\"1\"}", "1");
  assert_shows (fixture, "muster_dataset_end_timestamp_seconds{host=\"h\",cluster=\"shop\"}", "1700000020");
}

static void
test_stale (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterBatch) batch = test_batch ('a', 1, 3, "web-1", MUSTER_LEVEL_ERROR);
  const char *counter = "muster_n_total{" LABELS "}";
  const char *records = "muster_records_total{host=\"host\",cluster=\"shop\",worker=\"web-1\",group=\"web\","
                        "level=\"error\"}";

  muster_metrics_inc (fixture->metrics, NULL, "n", 2);
  deliver (fixture, "web-1");
  muster_prometheus_streams_count (fixture->streams, batch, fixture->now_s * G_TIME_SPAN_SECOND);
  for (guint i = 0; i < 3; i++)
    deliver (fixture, "web-2");
  assert_shows (fixture, counter, "2");
  assert_shows (fixture, records, "3");
  deliver (fixture, "web-2");
  assert_shows (fixture, counter, NULL);
  assert_shows (fixture, records, NULL);
  assert_shows (fixture, "muster_refused_updates_total{" LABELS "}", NULL);
  /* If it comes back, it has not begun anew. */
  muster_metrics_inc (fixture->metrics, NULL, "n", 2);
  deliver (fixture, "web-1");
  assert_shows (fixture, counter, "4");
  /* Nor is anything left of a cluster that does not deliver any more. */
  fixture->now_s += 31;
  assert_shows (fixture, counter, NULL);
  assert_shows (fixture, "muster_datasets_total{host=\"h\",cluster=\"shop\"}", NULL);
}

/* -- names ---------------------------------------------------------------------------------------- */

static void
test_names (Fixture *fixture, gconstpointer data)
{
  muster_metrics_inc (fixture->metrics, NULL, "a.b", 1);
  muster_metrics_inc (fixture->metrics, NULL, "a-b", 2);
  muster_metrics_inc (fixture->metrics, NULL, "a_b", 3);
  muster_metrics_inc (fixture->metrics, NULL, "a_b_total", 4);
  muster_metrics_inc (fixture->metrics, NULL, "", 5);
  muster_metrics_inc (fixture->metrics, NULL, "\xc3\xa9\"\\", 6);
  muster_metrics_inc (fixture->metrics, NULL, "1", 7);
  muster_metrics_timed_sample (fixture->metrics, NULL, "t_seconds", 1000000);
  muster_metrics_inc (fixture->metrics, MUSTER_PATH ("a", "b"), "x", 1);
  muster_metrics_inc (fixture->metrics, MUSTER_PATH ("a/b"), "x", 2);
  muster_metrics_inc (fixture->metrics, MUSTER_PATH ("a\\/b"), "x", 3);
  muster_metrics_inc (fixture->metrics, MUSTER_PATH (""), "x", 4);
  muster_metrics_inc (fixture->metrics, MUSTER_PATH ("", ""), "x", 5);
  muster_metrics_inc (fixture->metrics, NULL, "x", 6);
  deliver (fixture, "web-1");
  assert_shows (fixture, "muster_a_b_total{" LABELS ",id=\"a.b\"}", "1");
  assert_shows (fixture, "muster_a_b_total{" LABELS ",id=\"a-b\"}", "2");
  assert_shows (fixture, "muster_a_b_total{" LABELS "}", "3");
  assert_shows (fixture, "muster_a_b_total{" LABELS ",id=\"a_b_total\"}", "4");
  assert_shows (fixture, "muster___total{" LABELS ",id=\"(empty)\"}", "5");
  assert_shows (fixture, "muster_____total{" LABELS ",id=\"\xc3\xa9\\\"\\\\\"}", "6");
  assert_shows (fixture, "muster_1_total{" LABELS "}", "7");
  assert_shows (fixture, "muster_t_seconds_count{" LABELS ",id=\"t_seconds\"}", "1");
  assert_shows (fixture, "muster_x_total{" LABELS ",path=\"a/b\"}", "1");
  assert_shows (fixture, "muster_x_total{" LABELS ",path=\"a\\\\/b\"}", "2");
  assert_shows (fixture, "muster_x_total{" LABELS ",path=\"a\\\\\\\\\\\\/b\"}", "3");
  assert_shows (fixture, "muster_x_total{" LABELS ",path=\"\\\\-\"}", "4");
  assert_shows (fixture, "muster_x_total{" LABELS ",path=\"\\\\-/\\\\-\"}", "5");
  assert_shows (fixture, "muster_x_total{" LABELS "}", "6");
}

static void
test_no_prefix (Fixture *fixture, gconstpointer data)
{
  muster_prometheus_store_free (fixture->store);
  fixture->store = new_store ("", 1 << 20);
  muster_metrics_inc (fixture->metrics, NULL, "1", 1);
  muster_metrics_inc (fixture->metrics, NULL, "_1", 2);
  muster_metrics_inc (fixture->metrics, NULL, "", 3);
  muster_metrics_inc (fixture->metrics, NULL, "_", 4);
  muster_metrics_inc (fixture->metrics, NULL, "muster_records", 5); /* our own */
  deliver (fixture, "web-1");
  assert_shows (fixture, "_1_total{" LABELS ",id=\"1\"}", "1");
  assert_shows (fixture, "_1_total{" LABELS "}", "2");
  assert_shows (fixture, "__total{" LABELS ",id=\"(empty)\"}", "3");
  assert_shows (fixture, "__total{" LABELS "}", "4");
  assert_shows (fixture, "muster_records_inc_total{" LABELS "}", "5");
}

/* One id in all kinds, on different paths, and what their samples are called besides. */
static void
test_clashes (Fixture *fixture, gconstpointer data)
{
  static const char *const ids[] = { "x",         "x_total", "x_count",   "x_sum",  "x_info",
                                     "x_created", "x_set",   "x_seconds", "x_set_2" };

  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    {
      muster_metrics_inc (fixture->metrics, MUSTER_PATH ("inc"), ids[i], 1);
      muster_metrics_set (fixture->metrics, MUSTER_PATH ("set"), ids[i], 2);
      muster_metrics_set_text (fixture->metrics, MUSTER_PATH ("text"), ids[i], "three");
      muster_metrics_sample (fixture->metrics, MUSTER_PATH ("sample"), ids[i], 4);
      muster_metrics_timed_sample (fixture->metrics, MUSTER_PATH ("timed"), ids[i], 5000000000);
    }
  deliver (fixture, "web-1");
  assert_shows (fixture, "muster_x_total{" LABELS ",path=\"inc\"}", "1");
  assert_shows (fixture, "muster_x_set{" LABELS ",path=\"set\"}", NULL); /* a counter has it: x_set */
  assert_shows (fixture, "muster_x_set_2_set{" LABELS ",path=\"set\"}", "2");
  assert_shows (fixture, "muster_x_sample_sum{" LABELS ",path=\"sample\"}", "4");
}

/* One key as another type than before: both are there. */
static void
test_type_changes (Fixture *fixture, gconstpointer data)
{
  muster_metrics_inc (fixture->metrics, NULL, "x", 1);
  deliver (fixture, "web-1");
  muster_metrics_sample (fixture->metrics, NULL, "x", 2);
  deliver (fixture, "web-1");
  assert_shows (fixture, "muster_x_total{" LABELS "}", "1");
  assert_shows (fixture, "muster_x_sample_sum{" LABELS "}", "2");
}

/* -- bounds --------------------------------------------------------------------------------------- */

static gsize
get_size (Fixture *fixture)
{
  g_autoptr (GBytes) bytes = muster_prometheus_exposition_write (
      fixture->store, fixture->streams, MUSTER_PROMETHEUS_OPENMETRICS, fixture->now_s * G_TIME_SPAN_SECOND);

  return g_bytes_get_size (bytes);
}

static void
test_max_size (Fixture *fixture, gconstpointer data)
{
  const gsize max_size = 200000;

  muster_prometheus_store_free (fixture->store);
  fixture->store = new_store ("muster", max_size);
  for (guint i = 0; i < 4; i++)
    for (guint k = 0; k < 500; k++)
      {
        g_autofree char *id = g_strdup_printf ("metric %u %u", i, k);

        muster_metrics_inc (fixture->metrics, MUSTER_PATH ("deep", "\"\"\"\"\"\"\"\""), id, 1);
        muster_metrics_sample (fixture->metrics, NULL, id, k);
        muster_metrics_set_text (fixture->metrics, MUSTER_PATH ("text"), id, "\n\n\n\n\n\n");
      }
  deliver (fixture, "web-1");
  g_assert_cmpuint (fixture->store->cost, <=, max_size);
  g_assert_cmpuint (get_size (fixture), <, max_size + 4096); /* our own beside it */
  g_assert_cmpuint (fixture->store->losses.refused, >, 1000);
  g_assert_cmpuint (fixture->store->losses.refused, <, 6000);
  /* What is shown no more makes room. */
  fixture->now_s += 1000;
  muster_metrics_inc (fixture->metrics, NULL, "n", 1);
  deliver (fixture, "web-2");
  assert_shows (fixture, "muster_n_total{host=\"h\",cluster=\"shop\",worker=\"web-2\",group=\"web\"}", "1");
  g_assert_cmpuint (fixture->store->cost, <, 10000);
}

static void
test_cost_is_given_back (Fixture *fixture, gconstpointer data)
{
  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *worker = g_strdup_printf ("web-%u", i);

      muster_metrics_inc (fixture->metrics, NULL, "n", 1);
      muster_metrics_sample (fixture->metrics, NULL, worker, 1);
      if (i % 2 == 0)
        muster_metrics_set (fixture->metrics, NULL, "s", 1);
      else
        muster_metrics_set_text (fixture->metrics, NULL, "s", "x");
      deliver (fixture, i % 3 == 0 ? "web-1" : worker);
    }
  fixture->now_s += 1000;
  fixture->store->max_size = fixture->store->cost; /* so the next one needs room */
  muster_metrics_inc (fixture->metrics, NULL, "last", 1);
  deliver (fixture, "last-1");
  g_assert_cmpuint (g_hash_table_size (fixture->store->sources), ==, 1);
  assert_shows (fixture, "muster_last_total{host=\"h\",cluster=\"shop\",worker=\"last-1\",group=\"last\"}", "1");
  g_assert_cmpuint (fixture->store->cost, <, 4000);
  g_assert_cmpuint (muster_prometheus_families_list (fixture->store->families)->len, ==, 1);
}

/* -- streams -------------------------------------------------------------------------------------- */

static void
test_streams (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterBatch) batch = NULL;
  TestLog log = { NULL };

  test_log_origin (&log, 'a', 1, "web-1");
  test_log_record (&log, MUSTER_LEVEL_INFO, "x");
  test_log_record (&log, MUSTER_LEVEL_ERROR, "x");
  test_log_gap (&log, 40, MUSTER_GAP_JOURNAL_FULL);
  test_log_origin (&log, 'a', log.next_seq, "x");
  test_log_record (&log, MUSTER_LEVEL_ERROR, "x");
  batch = test_log_end (&log);
  for (guint i = 0; i < 2; i++)
    muster_prometheus_streams_count (fixture->streams, batch, fixture->now_s * G_TIME_SPAN_SECOND);
#define STREAM "host=\"host\",cluster=\"shop\",worker="
  assert_shows (fixture, "muster_records_total{" STREAM "\"web-1\",group=\"web\",level=\"info\"}", "2");
  assert_shows (fixture, "muster_records_total{" STREAM "\"web-1\",group=\"web\",level=\"error\"}", "2");
  assert_shows (fixture, "muster_records_total{" STREAM "\"x\",level=\"error\"}", "2");
  assert_shows (fixture, "muster_missing_entries_total{" STREAM "\"web-1\",group=\"web\",reason=\"journal-full\"}",
                "80");
}

/* -- which format --------------------------------------------------------------------------------- */

static void
test_accept (void)
{
  static const struct
  {
    const char *accept;
    MusterPrometheusFormat format;
  } cases[] = {
    { NULL, MUSTER_PROMETHEUS_TEXT },
    { "", MUSTER_PROMETHEUS_TEXT },
    { "*/*", MUSTER_PROMETHEUS_TEXT },
    { "text/html, image/png", MUSTER_PROMETHEUS_TEXT },
    { "application/openmetrics-text", MUSTER_PROMETHEUS_OPENMETRICS },
    { "APPLICATION/OpenMetrics-Text ; Version=1.0.0", MUSTER_PROMETHEUS_OPENMETRICS },
    { "application/openmetrics-text; version=\"1.0.0\"", MUSTER_PROMETHEUS_OPENMETRICS },
    { "application/openmetrics-text; version=0.0.1,text/plain;q=0.1", MUSTER_PROMETHEUS_TEXT },
    { "application/openmetrics-text;q=0,text/plain;q=0.1", MUSTER_PROMETHEUS_TEXT },
    { "application/openmetrics-text;q=0.2,text/plain;version=0.0.4;q=0.5", MUSTER_PROMETHEUS_TEXT },
    { "text/plain;version=1.0.0;q=0.9,application/openmetrics-text;q=0.2", MUSTER_PROMETHEUS_OPENMETRICS },
    { ",;,;;q=,=;q", MUSTER_PROMETHEUS_TEXT },
    { "application/openmetrics-text;q=nan", MUSTER_PROMETHEUS_TEXT },
    /* Prometheus 2.42 */
    { "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
      "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
      MUSTER_PROMETHEUS_OPENMETRICS },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    if (muster_prometheus_format_negotiate (cases[i].accept) != cases[i].format)
      g_error ("%s", cases[i].accept);
}

static void
test_prefix (void)
{
  g_assert_true (muster_prometheus_is_prefix (""));
  g_assert_true (muster_prometheus_is_prefix ("shop_1"));
  g_assert_false (muster_prometheus_is_prefix ("1shop"));
  g_assert_false (muster_prometheus_is_prefix ("shop-1"));
}

#define ADD(name, function) g_test_add (name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/prometheus-store/counter", test_counter);
  ADD ("/prometheus-store/gauge-and-info", test_gauge_and_info);
  ADD ("/prometheus-store/summary", test_summary);
  ADD ("/prometheus-store/quantiles", test_quantiles);
  ADD ("/prometheus-store/scale-factor", test_scale_factor);
  ADD ("/prometheus-store/restarts", test_restarts);
  ADD ("/prometheus-store/late", test_late);
  ADD ("/prometheus-store/stale", test_stale);
  ADD ("/prometheus-store/names", test_names);
  ADD ("/prometheus-store/no-prefix", test_no_prefix);
  ADD ("/prometheus-store/clashes", test_clashes);
  ADD ("/prometheus-store/type-changes", test_type_changes);
  ADD ("/prometheus-store/max-size", test_max_size);
  ADD ("/prometheus-store/cost-is-given-back", test_cost_is_given_back);
  ADD ("/prometheus-store/streams", test_streams);
  g_test_add_func ("/prometheus-store/accept", test_accept);
  g_test_add_func ("/prometheus-store/prefix", test_prefix);
  return g_test_run ();
}
