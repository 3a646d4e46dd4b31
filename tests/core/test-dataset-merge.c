/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Datasets of several machines become one, for the same name and interval, and nothing counts twice.
 */
#include "config.h"

#include "metrics-helpers.h"
#include "muster-dataset-merge-private.h"
#include "muster-dataset-struct-private.h"
#include "test-batches.h"

#define END_S  1700000000
#define ROOM   ((gsize) 64 << 20)
#define HALF_S 5

typedef struct
{
  MusterDatasetMerge *merge;
  guint64 next_seq; /* of whatever stream */
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->merge = muster_dataset_merge_new (ROOM, (END_S - 1) * SECOND_NS);
  fixture->next_seq = 1;
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  muster_dataset_merge_free (fixture->merge);
}

#define add_test(path, function) g_test_add (path, Fixture, NULL, set_up, function, tear_down)

/* What `master` and `web-1` of one machine have measured: @n requests each, and samples from 1 to @n. */
static MusterDataset *
make_dataset (const char *name, guint n, gint64 end_s)
{
  const MusterMetricsOptions options = { .name = (char *) name };
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (&options);
  g_autoptr (MusterAggregator) aggregator = muster_aggregator_new ();
  g_autoptr (GPtrArray) datasets = NULL;
  static const char *const workers[] = { "master", "web-1" };

  muster_aggregator_add_metrics (aggregator, &options);
  for (guint i = 0; i < G_N_ELEMENTS (workers); i++)
    {
      muster_metrics_inc (metrics, NULL, "requests", n);
      for (guint k = 1; k <= n; k++)
        muster_metrics_sample (metrics, NULL, "size", k);
      report (aggregator, metrics, workers[i], 10 + i, (double) (end_s - 10), (double) end_s, FALSE);
    }
  datasets = muster_aggregator_collect (aggregator, G_MAXINT64);
  g_assert_cmpuint (datasets->len, ==, 1);
  return muster_dataset_ref (datasets->pdata[0]);
}

static void
begin_log (TestLog *log, const char *host, guint64 first_seq)
{
  log->bytes = g_byte_array_new ();
  memset (log->origin.stream, host[0], MUSTER_STREAM_ID_SIZE);
  log->origin.first_seq = first_seq;
  log->origin.host = muster_slice_from_string (host);
  log->origin.cluster = muster_slice_from_string ("shop");
  log->origin.worker = muster_slice_from_string ("master");
  log->origin.pid = 10;
  muster_encode_origin (log->bytes, &log->origin);
}

static void
put (TestLog *log, GBytes *entry)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (entry, &size);

  g_byte_array_append (log->bytes, data, (guint) size);
}

/* Part @index; G_MAXUINT: all. */
static MusterBatch *
make_batch (const char *host, guint64 first_seq, MusterDataset *dataset, guint index)
{
  g_autoptr (GPtrArray) entries = muster_dataset_encode (dataset);
  TestLog log = { NULL };

  begin_log (&log, host, first_seq);
  for (guint i = 0; i < entries->len; i++)
    if (index == G_MAXUINT || index == i)
      put (&log, entries->pdata[i]);
  return test_log_end (&log);
}

static void
add_batch (Fixture *fixture, MusterBatch *batch, gint64 now_s)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (muster_dataset_merge_add (fixture->merge, batch, now_s * SECOND_NS, &error));
  g_assert_no_error (error);
}

static void
add (Fixture *fixture, const char *host, MusterDataset *dataset, gint64 now_s)
{
  g_autoptr (MusterBatch) batch = make_batch (host, fixture->next_seq, dataset, G_MAXUINT);

  fixture->next_seq += muster_batch_get_count (batch);
  add_batch (fixture, batch, now_s);
}

static void
add_requests (Fixture *fixture, const char *host, guint n, gint64 end_s, gint64 now_s)
{
  g_autoptr (MusterDataset) dataset = make_dataset ("", n, end_s);

  add (fixture, host, dataset, now_s);
}

static MusterDataset *
collect_one (Fixture *fixture)
{
  g_autoptr (GPtrArray) datasets = muster_dataset_merge_collect (fixture->merge, G_MAXINT64);

  g_assert_cmpuint (datasets->len, ==, 1);
  return muster_dataset_ref (datasets->pdata[0]);
}

static void
assert_none (Fixture *fixture)
{
  g_autoptr (GPtrArray) datasets = muster_dataset_merge_collect (fixture->merge, G_MAXINT64);

  g_assert_cmpuint (datasets->len, ==, 0);
  g_assert_cmpint (muster_dataset_merge_get_due (fixture->merge), ==, -1);
}

static void
assert_requests (MusterDataset *dataset, guint n_processes, guint n_merged, double total)
{
  const MusterDatasetMetric *requests = muster_dataset_find_metric (dataset, MUSTER_DATASET_TOTAL, NULL, "requests");

  g_assert_cmpuint (muster_dataset_get_n_processes (dataset), ==, n_processes);
  g_assert_cmpuint (muster_dataset_get_n_merged (dataset), ==, n_merged);
  g_assert_cmpuint (muster_dataset_get_n_reported (dataset), ==, 2 * n_merged);
  g_assert_cmpuint (muster_dataset_get_n_expected (dataset), ==, 2 * n_merged);
  g_assert_cmpfloat (muster_dataset_metric_get_sum (requests), ==, total);
}

static void
assert_workers (MusterDataset *dataset, const char *expected)
{
  g_autoptr (GString) workers = g_string_new (NULL);

  for (guint i = 0; i < muster_dataset_get_n_processes (dataset); i++)
    g_string_append_printf (workers, "%s%s", i > 0 ? " " : "", muster_dataset_get_worker (dataset, i));
  g_assert_cmpstr (workers->str, ==, expected);
}

static void
assert_late (MusterDataset *dataset, const char *expected)
{
  g_auto (GStrv) late = muster_dataset_list_late (dataset);
  g_autofree char *text = g_strjoinv (" ", late);

  g_assert_cmpstr (text, ==, expected);
}

static void
test_two_machines (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) early = NULL;
  g_autoptr (MusterDataset) dataset = NULL;
  g_autofree char *json = NULL;
  const MusterDatasetMetric *size;

  add_requests (fixture, "b", 30, END_S, 100);
  add_requests (fixture, "a", 12, END_S, 102);
  g_assert_cmpint (muster_dataset_merge_get_due (fixture->merge), ==, (100 + HALF_S) * SECOND_NS);
  early = muster_dataset_merge_collect (fixture->merge, (100 + HALF_S) * SECOND_NS - 1);
  g_assert_cmpuint (early->len, ==, 0);
  dataset = collect_one (fixture);
  assert_workers (dataset, "a/shop/master a/shop/web-1 b/shop/master b/shop/web-1");
  assert_requests (dataset, 4, 2, 84);
  assert_late (dataset, "");
  size = muster_dataset_find_metric (dataset, MUSTER_DATASET_TOTAL, NULL, "size");
  g_assert_cmpuint (muster_dataset_metric_get_count (size), ==, 84);
  g_assert_cmpfloat (muster_dataset_metric_get_max (size), ==, 30);
  g_assert_cmpfloat_with_epsilon (muster_dataset_metric_get_quantile (size, 0.5), 11, 0.11);
  g_assert_cmpint (muster_dataset_get_start_ns (dataset), ==, (END_S - 10) * SECOND_NS);
  g_assert_cmpint (muster_dataset_get_end_ns (dataset), ==, END_S * SECOND_NS);
  json = muster_dataset_to_json (dataset);
  g_assert_nonnull (strstr (json, "\"reported\":4,\"merged\":2,"));
  assert_none (fixture);
}

static void
test_others_apart (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterDataset) named = make_dataset ("fast", 3, END_S);
  g_autoptr (GPtrArray) datasets = NULL;

  add_requests (fixture, "a", 1, END_S + 10, 100);
  add_requests (fixture, "a", 2, END_S, 100);
  add (fixture, "b", named, 100);
  datasets = muster_dataset_merge_collect (fixture->merge, G_MAXINT64);
  g_assert_cmpuint (datasets->len, ==, 3);
  assert_requests (datasets->pdata[0], 2, 1, 4);
  assert_requests (datasets->pdata[1], 2, 1, 6);
  assert_requests (datasets->pdata[2], 2, 1, 2);
  g_assert_cmpstr (muster_dataset_get_name (datasets->pdata[1]), ==, "fast");
}

static void
test_late (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterDataset) first = NULL;
  g_autoptr (MusterDataset) second = NULL;

  add_requests (fixture, "a", 1, END_S, 100);
  first = collect_one (fixture);
  assert_requests (first, 2, 1, 2);
  add_requests (fixture, "b", 7, END_S, 300);
  second = collect_one (fixture);
  assert_requests (second, 2, 1, 14);
  assert_late (second, "b/shop/master b/shop/web-1");
  g_assert_cmpint (muster_dataset_get_end_ns (second), ==, END_S * SECOND_NS);
}

static void
test_twice (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterDataset) one = make_dataset ("", 5, END_S);
  g_autoptr (MusterBatch) batch = make_batch ("a", 1, one, G_MAXUINT);
  g_autoptr (MusterBatch) again = make_batch ("a", 1, one, G_MAXUINT);
  g_autoptr (MusterDataset) dataset = NULL;

  add_batch (fixture, batch, 100);
  add_batch (fixture, again, 101);
  dataset = collect_one (fixture);
  assert_requests (dataset, 2, 1, 10);
  add_batch (fixture, again, 200);
  assert_none (fixture);
}

/* What some process reported too late for its own primary's delivery. */
static void
test_same_process (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterDataset) dataset = NULL;

  add_requests (fixture, "a", 5, END_S, 100);
  add_requests (fixture, "a", 6, END_S, 101);
  add_requests (fixture, "a", 7, END_S, 102);
  dataset = collect_one (fixture);
  assert_workers (dataset, "a/shop/master a/shop/web-1");
  assert_requests (dataset, 2, 3, 36);
}

static void
test_merged_already (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterDataset) dataset = NULL;

  add_requests (fixture, "a", 5, END_S, 100);
  dataset = collect_one (fixture);
  add (fixture, "collector", dataset, 101);
  assert_none (fixture);
}

/* -- parts -- */

#define N_METRICS 3000

static MusterDataset *
make_large (void)
{
  const MusterMetricsOptions options = { .max_metrics = 2 * N_METRICS };
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (&options);
  g_autoptr (MusterAggregator) aggregator = muster_aggregator_new ();
  g_autoptr (GPtrArray) datasets = NULL;

  muster_aggregator_add_metrics (aggregator, &options);
  for (guint i = 0; i < N_METRICS; i++)
    {
      g_autofree char *id = g_strdup_printf ("%04u a metric whose name is so long that there must be several parts", i);

      muster_metrics_inc (metrics, NULL, id, 1);
    }
  report (aggregator, metrics, "master", 10, END_S - 10, END_S, FALSE);
  datasets = muster_aggregator_collect (aggregator, G_MAXINT64);
  return muster_dataset_ref (datasets->pdata[0]);
}

static void
test_parts (Fixture *fixture, gconstpointer data)
{
  static const char *const hosts[] = { "a", "b" };
  g_autoptr (MusterDataset) large = make_large ();
  g_autoptr (GPtrArray) parts = muster_dataset_encode (large);
  g_autoptr (MusterDataset) dataset = NULL;

  g_assert_cmpuint (parts->len, >, 2);
  for (guint i = 0; i < parts->len; i++)
    for (guint k = 0; k < G_N_ELEMENTS (hosts); k++)
      {
        g_autoptr (MusterBatch) batch = make_batch (hosts[k], i + 1, large, i);

        g_assert_cmpint (muster_dataset_merge_get_due (fixture->merge) == -1, ==, i + 1 < parts->len || k == 0);
        add_batch (fixture, batch, 100);
      }
  dataset = collect_one (fixture);
  g_assert_cmpuint (muster_dataset_get_n_merged (dataset), ==, 2);
  g_assert_cmpuint (muster_dataset_get_n_metrics (dataset, 0), ==, muster_dataset_get_n_metrics (large, 0));
  g_assert_cmpuint (muster_dataset_get_n_metrics (dataset, 1), ==, muster_dataset_get_n_metrics (large, 0));
}

static void
test_parts_missing (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterDataset) large = make_large ();
  g_autoptr (GPtrArray) parts = muster_dataset_encode (large);

  for (guint i = 1; i < parts->len; i++)
    {
      g_autoptr (MusterBatch) batch = make_batch ("a", i + 1, large, i);

      add_batch (fixture, batch, 100);
    }
  assert_none (fixture);
}

/* Ten minutes later nobody waits for the rest. */
static void
test_parts_old (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterDataset) large = make_large ();
  g_autoptr (GPtrArray) parts = muster_dataset_encode (large);

  for (guint i = 0; i < parts->len; i++)
    {
      g_autoptr (MusterBatch) batch = make_batch ("a", i + 1, large, i);

      add_batch (fixture, batch, i == 0 ? 100 : 701);
    }
  assert_none (fixture);
}

/* -- what cannot be used -- */

static void
test_bad_bytes (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterDataset) good = make_dataset ("", 5, END_S);
  g_autoptr (GPtrArray) parts = muster_dataset_encode (good);
  g_autoptr (MusterBatch) batch = NULL;
  g_autoptr (MusterDataset) dataset = NULL;
  g_autoptr (GError) error = NULL;
  TestLog log = { NULL };

  begin_log (&log, "a", 7);
  g_assert_true (muster_encode_entry (log.bytes, MUSTER_ENTRY_DATASET, (const guint8 *) "\xff\xff", 2));
  put (&log, parts->pdata[0]);
  batch = test_log_end (&log);
  g_assert_false (muster_dataset_merge_add (fixture->merge, batch, 0, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT);
  g_assert_cmpstr (error->message, ==, "dataset 7 of a/shop/: 2 bytes are none (muster.v1.Dataset, strings in UTF-8)");
  dataset = collect_one (fixture);
  assert_requests (dataset, 2, 1, 10);
}

static void
assert_refused (MusterDatasetMerge *merge, const char *host, MusterDataset *dataset, MusterError code)
{
  g_autoptr (MusterBatch) batch = make_batch (host, 1, dataset, G_MAXUINT);
  g_autoptr (GError) error = NULL;

  g_assert_false (muster_dataset_merge_add (merge, batch, 0, &error));
  g_assert_error (error, MUSTER_ERROR, (int) code);
  g_assert_cmpint (muster_dataset_merge_get_due (merge), ==, -1);
}

static void
test_names (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterDataset) dataset = make_dataset ("", 5, END_S);
  MusterDatasetProcess *process = dataset->processes->pdata[1];

  g_free (process->worker);
  process->worker = g_strnfill (1020, 'w');
  assert_refused (fixture->merge, "a", dataset, MUSTER_ERROR_CORRUPT);
}

static void
test_no_room (void)
{
  g_autoptr (MusterDatasetMerge) merge = muster_dataset_merge_new (1024, 0);
  g_autoptr (MusterDataset) dataset = make_dataset ("", 5, END_S);

  assert_refused (merge, "a", dataset, MUSTER_ERROR_UNAVAILABLE);
}

/* The oldest go before their time, and nothing is refused. */
static void
test_little_room (void)
{
  Fixture fixture = { muster_dataset_merge_new (1 << 20, 0), 1 };
  guint n = 0;

  for (guint i = 0; i < 1000; i++)
    {
      g_autoptr (GPtrArray) datasets = NULL;

      add_requests (&fixture, "a", 1, END_S + 10 * i, 100);
      if (muster_dataset_merge_get_due (fixture.merge) > 0)
        continue;
      datasets = muster_dataset_merge_collect (fixture.merge, 100 * SECOND_NS);
      for (guint k = 0; k < datasets->len; k++)
        g_assert_cmpint (muster_dataset_get_end_ns (datasets->pdata[k]), ==, (END_S + 10 * n++) * SECOND_NS);
    }
  g_assert_cmpuint (n, >, 500);
  muster_dataset_merge_free (fixture.merge);
}

/* As the next collector, or whoever reads a file, has it. */
static MusterDataset *
send_on (MusterDataset *dataset)
{
  g_autoptr (MusterBatch) batch = make_batch ("c", 1, dataset, G_MAXUINT);
  g_autoptr (MusterDataset) partial = NULL;
  MusterDataset *whole = NULL;
  MusterEntryIter iter;
  MusterEntry entry;
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);

  muster_entry_iter_init (&iter, data, size);
  while (whole == NULL && muster_entry_iter_next (&iter, &entry))
    if (entry.kind == MUSTER_ENTRY_DATASET)
      g_assert_true (muster_dataset_assemble (&partial, &entry, &whole));
  g_assert_nonnull (whole);
  return whole;
}

/* What came to an earlier collector is not here: so the dataset of an interval that was over at the start says that it may lack
 * something, wherever it goes, and the next one does not. */
static void
test_interrupted (Fixture *fixture, gconstpointer data)
{
  for (gint64 end_s = END_S - 10; end_s <= END_S; end_s += 10)
    {
      gboolean is_expected = end_s < END_S;
      g_autoptr (MusterDataset) dataset = NULL;
      g_autoptr (MusterDataset) again = NULL;
      g_autofree char *json = NULL;
      g_autofree char *text = NULL;

      add_requests (fixture, "a", 3, end_s, 100);
      dataset = collect_one (fixture);
      g_assert_cmpint (muster_dataset_is_interrupted (dataset), ==, is_expected);
      json = muster_dataset_to_json (dataset);
      g_assert_cmpint (strstr (json, "\"interrupted\":true") != NULL, ==, is_expected);
      text = muster_dataset_to_text (dataset);
      g_assert_cmpint (strstr (text, ", interrupted") != NULL, ==, is_expected);
      again = send_on (dataset);
      g_assert_cmpint (muster_dataset_is_interrupted (again), ==, is_expected);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add_test ("/dataset-merge/two-machines", test_two_machines);
  add_test ("/dataset-merge/others-apart", test_others_apart);
  add_test ("/dataset-merge/late", test_late);
  add_test ("/dataset-merge/twice", test_twice);
  add_test ("/dataset-merge/same-process", test_same_process);
  add_test ("/dataset-merge/merged-already", test_merged_already);
  add_test ("/dataset-merge/parts", test_parts);
  add_test ("/dataset-merge/parts-missing", test_parts_missing);
  add_test ("/dataset-merge/parts-old", test_parts_old);
  add_test ("/dataset-merge/bad-bytes", test_bad_bytes);
  add_test ("/dataset-merge/names", test_names);
  add_test ("/dataset-merge/interrupted", test_interrupted);
  g_test_add_func ("/dataset-merge/no-room", test_no_room);
  g_test_add_func ("/dataset-merge/little-room", test_little_room);
  return g_test_run ();
}
