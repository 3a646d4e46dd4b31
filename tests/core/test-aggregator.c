/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All times are fake: seconds since the epoch, and an interval of ten.
 */
#include "config.h"

#include <malloc.h>
#include <math.h>

#include "metrics-helpers.h"
#include "muster-metric-private.h"

typedef struct
{
  MusterAggregator *aggregator;
  MusterMetrics *master;
  MusterMetrics *web; /* of any worker: only its snapshots matter */
  MusterMetrics *fast;
  double now_s;
} Fixture;

static gint64
read_fake_clock (gpointer user_data)
{
  return (gint64) (((Fixture *) user_data)->now_s * (double) SECOND_NS);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  MusterMetricsOptions options = { .interval_us = 10 * G_USEC_PER_SEC };
  MusterMetricsOptions fast = { .name = (char *) "fast", .interval_us = G_USEC_PER_SEC, .scale_factor = 1000 };

  fixture->aggregator = muster_aggregator_new ();
  muster_aggregator_set_clock (fixture->aggregator, read_fake_clock, fixture);
  muster_aggregator_add_metrics (fixture->aggregator, &options);
  muster_aggregator_add_metrics (fixture->aggregator, &fast);
  fixture->master = muster_metrics_new (&options);
  fixture->web = muster_metrics_new (&options);
  fixture->fast = muster_metrics_new (&fast);
  fixture->now_s = 1000;
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  muster_aggregator_free (fixture->aggregator);
  g_object_unref (fixture->master);
  g_object_unref (fixture->web);
  g_object_unref (fixture->fast);
}

static GPtrArray *
collect (Fixture *fixture, double now_s)
{
  return muster_aggregator_collect (fixture->aggregator, (gint64) (now_s * (double) SECOND_NS));
}

/* The only dataset due at @now_s, and its text, which the caller compares parts of. */
static MusterDataset *
collect_one (Fixture *fixture, double now_s)
{
  g_autoptr (GPtrArray) datasets = collect (fixture, now_s);

  g_assert_cmpuint (datasets->len, ==, 1);
  return muster_dataset_ref (datasets->pdata[0]);
}

static void
assert_complete (MusterDataset *dataset, const char *complete)
{
  g_autofree char *json = muster_dataset_to_json (dataset);
  char *found = strstr (json, "\"complete\":");
  char *more = found != NULL ? strstr (found, ",\"from\":") : NULL;

  g_assert_nonnull (more);
  *more = '\0';
  g_assert_cmpstr (found + strlen ("\"complete\":"), ==, complete);
}

static void
assert_has (MusterDataset *dataset, const char *what)
{
  g_autofree char *json = muster_dataset_to_json (dataset);

  if (strstr (json, what) == NULL)
    g_error ("%s is not in %s", what, json);
}

static void
test_delivery (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterDataset) dataset = NULL;
  g_autoptr (GPtrArray) none = NULL;
  g_autoptr (GPtrArray) nothing = NULL;

  g_assert_cmpint (muster_aggregator_get_due (fixture->aggregator), ==, -1);
  muster_aggregator_expect (fixture->aggregator, "master", 1);
  muster_aggregator_expect (fixture->aggregator, "web-1", 2);
  muster_aggregator_expect (fixture->aggregator, "web-1", 2); /* said twice, expected once */
  muster_metrics_inc (fixture->master, NULL, "x", 20);
  report (fixture->aggregator, fixture->master, "master", 1, 1000, 1010, FALSE);
  g_assert_cmpint (muster_aggregator_get_due (fixture->aggregator), ==, 1015 * SECOND_NS);
  muster_metrics_inc (fixture->web, NULL, "x", 30);
  report (fixture->aggregator, fixture->web, "web-1", 2, 1000, 1010, FALSE);
  none = collect (fixture, 1014.999);
  g_assert_cmpuint (none->len, ==, 0);
  dataset = collect_one (fixture, 1015);
  g_assert_cmpint (muster_dataset_get_start_ns (dataset), ==, 1000 * SECOND_NS);
  g_assert_cmpint (muster_dataset_get_end_ns (dataset), ==, 1010 * SECOND_NS);
  g_assert_cmpint (muster_dataset_get_interval_ns (dataset), ==, 10 * SECOND_NS);
  g_assert_cmpuint (muster_dataset_get_n_expected (dataset), ==, 2);
  g_assert_cmpuint (muster_dataset_get_n_reported (dataset), ==, 2);
  assert_complete (dataset, "{\"expected\":2,\"reported\":2,\"late\":[],\"partial\":[]");
  assert_has (dataset, "\"val\":0.002,");
  assert_has (dataset, "\"val\":0.003,");
  g_assert_cmpint (muster_aggregator_get_due (fixture->aggregator), ==, -1);
  nothing = collect (fixture, 2000);
  g_assert_cmpuint (nothing->len, ==, 0);
}

/* Due ones come in order of their ends, each once; several metrics objects have numbers. */
static void
test_order (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) datasets = NULL;
  static const gint64 ends_s[] = { 1001, 1002, 1010, 1020 };

  report (fixture->aggregator, fixture->master, "master", 1, 1010, 1020, FALSE);
  report (fixture->aggregator, fixture->fast, "master", 1, 1001, 1002, FALSE);
  report (fixture->aggregator, fixture->master, "master", 1, 1000, 1010, FALSE);
  report (fixture->aggregator, fixture->fast, "master", 1, 1000, 1001, FALSE);
  g_assert_cmpint (muster_aggregator_get_due (fixture->aggregator), ==, 1001 * SECOND_NS + SECOND_NS / 2);
  datasets = muster_aggregator_collect (fixture->aggregator, G_MAXINT64);
  g_assert_cmpuint (datasets->len, ==, 4);
  for (guint i = 0; i < 4; i++)
    {
      g_assert_cmpint (muster_dataset_get_end_ns (datasets->pdata[i]), ==, ends_s[i] * SECOND_NS);
      g_assert_cmpuint (muster_dataset_get_id (datasets->pdata[i]), ==, i < 2 ? 1 : 0);
      g_assert_cmpstr (muster_dataset_get_name (datasets->pdata[i]), ==, i < 2 ? "fast" : "");
    }
}

static void
test_expected (Fixture *fixture, gconstpointer data)
{
  static const guint expected[] = { 1, 3, 4, 3 }; /* in the intervals that end at 1000, 1010, 1020, 1030 */

  fixture->now_s = 1000;
  muster_aggregator_expect (fixture->aggregator, "web-1", 2);
  fixture->now_s = 1005;
  muster_aggregator_expect (fixture->aggregator, "web-2", 3);
  fixture->now_s = 1010;
  muster_aggregator_expect (fixture->aggregator, "web-3", 4);
  fixture->now_s = 1015;
  muster_aggregator_unexpect (fixture->aggregator, "web-1", 2);
  muster_aggregator_unexpect (fixture->aggregator, "web-2", 99); /* not that one */
  fixture->now_s = 1020;
  muster_aggregator_unexpect (fixture->aggregator, "web-3", 4); /* still in the interval that begins now */
  fixture->now_s = 1029;
  muster_aggregator_unexpect (fixture->aggregator, "web-2", 3);
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      double end_s = 1000 + 10 * (double) i;
      g_autoptr (MusterDataset) dataset = NULL;

      fixture->now_s = end_s;
      /* The master is expected because it reports. */
      report (fixture->aggregator, fixture->master, "master", 1, end_s - 10, end_s, FALSE);
      dataset = collect_one (fixture, end_s + 5);
      g_assert_cmpuint (muster_dataset_get_n_reported (dataset), ==, 1);
      g_assert_cmpuint (muster_dataset_get_n_expected (dataset), ==, expected[i]);
    }
}

static void
test_late (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterDataset) first = NULL;
  g_autoptr (MusterDataset) late = NULL;
  g_autoptr (MusterDataset) next = NULL;

  muster_aggregator_expect (fixture->aggregator, "web-1", 2);
  report (fixture->aggregator, fixture->master, "master", 1, 1000, 1010, FALSE);
  first = collect_one (fixture, 1015);
  assert_complete (first, "{\"expected\":2,\"reported\":1,\"late\":[],\"partial\":[]");
  fixture->now_s = 1016;
  report (fixture->aggregator, fixture->master, "master", 1, 1010, 1020, FALSE);
  muster_metrics_inc (fixture->web, NULL, "x", 5);
  report (fixture->aggregator, fixture->web, "web-1", 2, 1000, 1010, FALSE);
  g_assert_cmpint (muster_aggregator_get_due (fixture->aggregator), ==, 1016 * SECOND_NS + SECOND_NS / 4);
  late = collect_one (fixture, 1016.25);
  g_assert_cmpint (muster_dataset_get_end_ns (late), ==, 1010 * SECOND_NS);
  assert_complete (late, "{\"expected\":1,\"reported\":1,\"late\":[\"web-1\"],\"partial\":[]");
  assert_has (late, "\"x\":{\"type\":\"inc\",\"value\":{\"val\":0.0005,\"timeStamp\":1010000}}");
  next = collect_one (fixture, 1025);
  assert_complete (next, "{\"expected\":2,\"reported\":1,\"late\":[],\"partial\":[]");
}

/* Several that come late are late together, if they come soon after one another; each interval by itself. */
static void
test_late_together (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) none = NULL;
  g_autoptr (GPtrArray) late = NULL;

  fixture->now_s = 1037;
  muster_aggregator_begin (fixture->aggregator); /* somebody else has delivered until then */
  report (fixture->aggregator, fixture->web, "web-1", 2, 1010, 1020, FALSE);
  fixture->now_s = 1037.2;
  report (fixture->aggregator, fixture->web, "web-2", 3, 1020, 1030, FALSE);
  report (fixture->aggregator, fixture->web, "web-2", 3, 1010, 1020, FALSE);
  report (fixture->aggregator, fixture->web, "web-2", 3, 1030, 1040, FALSE); /* not late */
  none = collect (fixture, 1037.2);
  g_assert_cmpuint (none->len, ==, 0);
  late = collect (fixture, 1037.5);
  g_assert_cmpuint (late->len, ==, 2);
  g_assert_cmpint (muster_dataset_get_end_ns (late->pdata[0]), ==, 1020 * SECOND_NS);
  assert_complete (late->pdata[0], "{\"expected\":2,\"reported\":2,\"late\":[\"web-1\",\"web-2\"],\"partial\":[]");
  assert_complete (late->pdata[1], "{\"expected\":1,\"reported\":1,\"late\":[\"web-2\"],\"partial\":[]");
  g_assert_cmpint (muster_aggregator_get_due (fixture->aggregator), ==, 1045 * SECOND_NS);
}

/* What a sender sends again, because it does not know that it arrived, counts once. */
static void
test_again (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) entries = NULL;
  g_autoptr (MusterDataset) dataset = NULL;
  g_autoptr (GError) error = NULL;

  muster_metrics_inc (fixture->web, NULL, "x", 10);
  entries = muster_metrics_take_snapshot (fixture->web, 1000 * SECOND_NS, 1010 * SECOND_NS, FALSE);
  for (guint i = 0; i < 3; i++)
    {
      add_entries (fixture->aggregator, "web-1", 2, entries, &error);
      g_assert_no_error (error);
    }
  dataset = collect_one (fixture, 1015);
  assert_complete (dataset, "{\"expected\":1,\"reported\":1,\"late\":[],\"partial\":[]");
  assert_has (dataset, "\"x\":{\"type\":\"inc\",\"value\":{\"val\":0.001,\"timeStamp\":1010000}}");
}

/* What an earlier primary had got is delivered with what comes to this one; who is missing is known. */
static void
test_restored (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) entries = NULL;
  g_autoptr (MusterDataset) dataset = NULL;
  g_autoptr (GPtrArray) none = NULL;
  MusterEntry entry;
  MusterAggregatorPlace place;

  fixture->now_s = 1016; /* one second after it was due */
  muster_metrics_inc (fixture->web, NULL, "x", 10);
  entries = muster_metrics_take_snapshot (fixture->web, 1000 * SECOND_NS, 1010 * SECOND_NS, FALSE);
  view_entry (entries->pdata[0], &entry);
  g_assert_true (muster_aggregator_restore (fixture->aggregator, "web-1", 2, &entry, FALSE, NULL));
  muster_aggregator_begin (fixture->aggregator);
  muster_aggregator_expect (fixture->aggregator, "master", 1);
  muster_aggregator_expect_since (fixture->aggregator, "web-1", 2, 900 * SECOND_NS);
  muster_aggregator_expect_since (fixture->aggregator, "web-2", 3, 900 * SECOND_NS);
  muster_aggregator_expect_since (fixture->aggregator, "web-3", 4, 900 * SECOND_NS);
  g_assert_true (muster_aggregator_add_at (fixture->aggregator, "web-2", 3, &entry, &place, NULL));
  g_assert_cmpint (place.end_ns, ==, 1010 * SECOND_NS);
  g_assert_false (place.is_late);
  none = collect (fixture, 1016.9);
  g_assert_cmpuint (none->len, ==, 0);
  dataset = collect_one (fixture, 1017);
  assert_complete (dataset, "{\"expected\":3,\"reported\":2,\"late\":[],\"partial\":[]");
}

/* What a process measured until it stopped belongs to the interval in which it did. */
static void
test_partial (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterDataset) dataset = NULL;

  muster_metrics_inc (fixture->web, NULL, "x", 10);
  report (fixture->aggregator, fixture->web, "web-10", 2, 1000, 1003.5, TRUE);
  report (fixture->aggregator, fixture->web, "web-9", 3, 1009, 1010, TRUE);
  report (fixture->aggregator, fixture->master, "master", 1, 1000, 1010, FALSE);
  dataset = collect_one (fixture, 1015);
  assert_complete (dataset, "{\"expected\":3,\"reported\":3,\"late\":[],\"partial\":[\"web-9\",\"web-10\"]");
  assert_has (dataset, "\"x\":{\"type\":\"inc\",\"value\":{\"val\":0.001,\"timeStamp\":1010000}}");
}

/* A restart: two processes with one id in one interval, in either order of arrival. */
static void
test_restart (Fixture *fixture, gconstpointer data)
{
  gboolean is_old_last = GPOINTER_TO_INT (data);
  g_autoptr (GPtrArray) old = NULL;
  g_autoptr (GPtrArray) new = NULL;
  g_autoptr (MusterDataset) dataset = NULL;
  g_autoptr (GError) error = NULL;

  muster_aggregator_expect (fixture->aggregator, "web-1", 10);
  muster_metrics_inc (fixture->web, NULL, "inc", 10);
  muster_metrics_set (fixture->web, NULL, "set", 10);
  muster_metrics_set (fixture->web, NULL, "old", 10);
  muster_metrics_sample (fixture->web, NULL, "sample", 1);
  old = muster_metrics_take_snapshot (fixture->web, 1000 * SECOND_NS, 1003 * SECOND_NS, TRUE);
  fixture->now_s = 1003;
  muster_aggregator_unexpect (fixture->aggregator, "web-1", 10);
  muster_aggregator_expect (fixture->aggregator, "web-1", 11);
  muster_metrics_inc (fixture->web, NULL, "inc", 20);
  muster_metrics_set (fixture->web, NULL, "set", 11);
  muster_metrics_sample (fixture->web, NULL, "sample", 3);
  new = muster_metrics_take_snapshot (fixture->web, 1003 * SECOND_NS, 1010 * SECOND_NS, TRUE);
  add_entries (fixture->aggregator, "web-1", is_old_last ? 11 : 10, is_old_last ? new : old, &error);
  g_assert_no_error (error);
  add_entries (fixture->aggregator, "web-1", is_old_last ? 10 : 11, is_old_last ? old : new, &error);
  g_assert_no_error (error);
  dataset = collect_one (fixture, 1015);
  assert_complete (dataset, "{\"expected\":2,\"reported\":2,\"late\":[],\"partial\":[\"web-1\"]");
  assert_has (dataset, "\"inc\":{\"type\":\"inc\",\"value\":{\"val\":0.003,");
  assert_has (dataset, "\"set\":{\"type\":\"set\",\"value\":{\"val\":11,");
  assert_has (dataset, "\"old\":{\"type\":\"set\",\"value\":{\"val\":10,");
  assert_has (dataset, "\"pid\":{\"type\":\"set\",\"value\":{\"val\":11,");
  assert_has (dataset, "\"sample\":{\"type\":\"sample\",\"value\":{\"max\":3,\"min\":1,\"sigma\":1.4142135623730951,"
                       "\"average\":2,");
}

/* A snapshot in parts: whole, without its end, and without its beginning. */
static void
test_parts (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) entries = NULL;
  g_autoptr (MusterDataset) whole = NULL;
  g_autoptr (MusterDataset) torn = NULL;
  g_autoptr (MusterDataset) rest = NULL;
  g_autoptr (GPtrArray) none = NULL;
  g_autoptr (GPtrArray) parts = NULL;
  g_autoptr (GError) error = NULL;
  MusterEntry entry;

  for (guint round = 0; round < 2; round++)
    {
      for (guint i = 0; i < 5000; i++)
        {
          g_autofree char *id = g_strdup_printf ("metric-%u", i);

          muster_metrics_set (fixture->web, MUSTER_PATH ("many"), id, i);
        }
      g_clear_pointer (&entries, g_ptr_array_unref);
      entries = muster_metrics_take_snapshot (fixture->web, (1000 + round * 10) * SECOND_NS,
                                              (1010 + round * 10) * SECOND_NS, FALSE);
      g_assert_cmpuint (entries->len, >, 2);
      if (round == 0)
        {
          add_entries (fixture->aggregator, "web-1", 2, entries, &error);
          g_assert_no_error (error);
          whole = collect_one (fixture, 1015);
        }
    }
  assert_complete (whole, "{\"expected\":1,\"reported\":1,\"late\":[],\"partial\":[]");
  assert_has (whole, "\"metric-0\":{\"type\":\"set\",\"value\":{\"val\":0,");
  assert_has (whole, "\"metric-4999\":{\"type\":\"set\",\"value\":{\"val\":4999,");
  parts = muster_dataset_encode (whole);
  g_assert_cmpuint (parts->len, >, 2);

  view_entry (entries->pdata[0], &entry);
  g_assert_true (muster_aggregator_add (fixture->aggregator, "web-1", 2, &entry, &error));
  torn = collect_one (fixture, 1025);
  assert_complete (torn, "{\"expected\":1,\"reported\":1,\"late\":[],\"partial\":[\"web-1\"]");
  fixture->now_s = 1026;
  for (guint i = 1; i < entries->len; i++)
    {
      none = collect (fixture, 1026); /* it waits for the rest */
      g_assert_cmpuint (none->len, ==, 0);
      g_clear_pointer (&none, g_ptr_array_unref);
      view_entry (entries->pdata[i], &entry);
      g_assert_true (muster_aggregator_add (fixture->aggregator, "web-1", 2, &entry, &error));
    }
  rest = collect_one (fixture, 1026.25);
  assert_complete (rest, "{\"expected\":1,\"reported\":1,\"late\":[\"web-1\"],\"partial\":[\"web-1\"]");
  assert_has (rest, "\"metric-4999\"");
}

static void
expect_error (Fixture *fixture, Muster__V1__Snapshot *snapshot, MusterError code, const char *words)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  MusterEntry entry = { .kind = MUSTER_ENTRY_SNAPSHOT };

  g_byte_array_set_size (bytes, (guint) muster__v1__snapshot__get_packed_size (snapshot));
  muster__v1__snapshot__pack (snapshot, bytes->data);
  entry.body = bytes->data;
  entry.body_length = bytes->len;
  g_assert_false (muster_aggregator_add (fixture->aggregator, "web-1", 2, &entry, &error));
  g_assert_error (error, MUSTER_ERROR, (int) code);
  if (strstr (error->message, words) == NULL || strstr (error->message, "web-1") == NULL)
    g_error ("'%s' is not in '%s'", words, error->message);
}

static void
pack (GByteArray *bytes, const Muster__V1__Snapshot *snapshot, MusterEntry *entry)
{
  g_byte_array_set_size (bytes, (guint) muster__v1__snapshot__get_packed_size (snapshot));
  muster__v1__snapshot__pack (snapshot, bytes->data);
  entry->body = bytes->data;
  entry->body_length = bytes->len;
}

/* A worker that reports without end: what it has said waits, the rest is refused, and others are not hurt. */
static void
test_room (Fixture *fixture, gconstpointer data)
{
  Muster__V1__Snapshot snapshot = MUSTER__V1__SNAPSHOT__INIT;
  Muster__V1__Metric metric = MUSTER__V1__METRIC__INIT;
  Muster__V1__Metric *metrics[1000];
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  MusterEntry entry = { .kind = MUSTER_ENTRY_SNAPSHOT };
  guint n = 0;

  muster_aggregator_set_room (fixture->aggregator, 1 << 20);
  metric.type = (char *) "inc";
  metric.id = (char *) "x";
  for (guint i = 0; i < G_N_ELEMENTS (metrics); i++)
    metrics[i] = &metric;
  snapshot.end = (guint64) (1010 * SECOND_NS);
  snapshot.interval = (guint64) (10 * SECOND_NS);
  snapshot.scale_factor = 1;
  snapshot.metrics = metrics;
  snapshot.n_metrics = G_N_ELEMENTS (metrics);
  for (guint round = 1; round <= 2; round++)
    {
      g_autoptr (MusterDataset) dataset = NULL;

      for (n = 0; n < 1000; n++)
        {
          pack (bytes, &snapshot, &entry);
          snapshot.start++; /* or it would be the same one again */
          if (!muster_aggregator_add (fixture->aggregator, "web-1", 2, &entry, NULL))
            break;
        }
      g_assert_cmpuint (n, >=, 2);
      g_assert_cmpuint (n, <, 20);
      expect_error (fixture, &snapshot, MUSTER_ERROR_UNAVAILABLE, "1 MiB");
      g_assert_true (muster_aggregator_add (fixture->aggregator, "web-2", 3, &entry, NULL));
      dataset = collect_one (fixture, 1015);
    }
}

/* The memory that this process uses beyond what it has given back, in bytes. */
static gsize
get_used_memory (void)
{
  return mallinfo2 ().uordblks + mallinfo2 ().hblkhd;
}

/* How much memory it takes to refuse a worker that says @snapshot again and again. */
static gsize
fill_room (Fixture *fixture, Muster__V1__Snapshot *snapshot)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  MusterEntry entry = { .kind = MUSTER_ENTRY_SNAPSHOT };
  gsize before = get_used_memory ();
  g_autoptr (GError) error = NULL;

  muster_aggregator_set_room (fixture->aggregator, 8 << 20);
  snapshot->end = (guint64) (1010 * SECOND_NS);
  snapshot->interval = (guint64) (10 * SECOND_NS);
  snapshot->scale_factor = 1;
  for (guint i = 0; i < 3000 && error == NULL; i++)
    {
      snapshot->start = i; /* or it would be the same one again */
      pack (bytes, snapshot, &entry);
      muster_aggregator_add (fixture->aggregator, "web-1", 2, &entry, &error);
    }
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE);
  return get_used_memory () - before;
}

/* Few bytes that are much once they are decoded. */
static void
test_room_for_strings (Fixture *fixture, gconstpointer data)
{
  Muster__V1__Snapshot snapshot = MUSTER__V1__SNAPSHOT__INIT;
  Muster__V1__Metric metric = MUSTER__V1__METRIC__INIT;
  Muster__V1__Metric *metrics[100];
  char *path[MUSTER_METRIC_DEPTH_MAX];

  for (guint i = 0; i < G_N_ELEMENTS (path); i++)
    path[i] = (char *) "";
  metric.type = (char *) "inc";
  metric.id = (char *) "x";
  metric.path = path;
  metric.n_path = G_N_ELEMENTS (path);
  for (guint i = 0; i < G_N_ELEMENTS (metrics); i++)
    metrics[i] = &metric;
  snapshot.metrics = metrics;
  snapshot.n_metrics = G_N_ELEMENTS (metrics);
  g_assert_cmpuint (fill_room (fixture, &snapshot), <, 16 << 20);
}

/* Small sketches, merged into a large one again and again. */
static void
test_room_for_sketches (Fixture *fixture, gconstpointer data)
{
  Muster__V1__Snapshot snapshot = MUSTER__V1__SNAPSHOT__INIT;
  Muster__V1__Sketch large = MUSTER__V1__SKETCH__INIT, small = MUSTER__V1__SKETCH__INIT;
  Muster__V1__Metric metrics[101];
  Muster__V1__Metric *pointers[G_N_ELEMENTS (metrics)];
  guint8 bins[1500], bin = 2;

  memset (bins, 2, sizeof bins);
  large.positive.data = bins;
  large.positive.len = sizeof bins;
  small.positive.data = &bin;
  small.positive.len = 1;
  for (guint i = 0; i < G_N_ELEMENTS (metrics); i++)
    {
      muster__v1__metric__init (&metrics[i]);
      metrics[i].type = (char *) "sample";
      metrics[i].id = (char *) "x";
      metrics[i].count = i == 0 ? sizeof bins : 1;
      metrics[i].sketch = i == 0 ? &large : &small;
      pointers[i] = &metrics[i];
    }
  snapshot.metrics = pointers;
  snapshot.n_metrics = G_N_ELEMENTS (metrics);
  g_assert_cmpuint (fill_room (fixture, &snapshot), <, 16 << 20);
}

/* A worker that reports intervals of times to come, which will not be delivered for long: others do not see it. */
static void
test_room_for_intervals (Fixture *fixture, gconstpointer data)
{
  Muster__V1__Snapshot snapshot = MUSTER__V1__SNAPSHOT__INIT;
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  MusterEntry entry = { .kind = MUSTER_ENTRY_SNAPSHOT };
  g_autoptr (GError) error = NULL;

  snapshot.interval = (guint64) (10 * SECOND_NS);
  snapshot.scale_factor = 1;
  for (gint64 i = 0; i < 10000 && error == NULL; i++)
    {
      snapshot.start = snapshot.end = (guint64) ((100000 + 10 * i) * SECOND_NS);
      pack (bytes, &snapshot, &entry);
      muster_aggregator_add (fixture->aggregator, "web-1", 2, &entry, &error);
    }
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE);
  g_assert_nonnull (strstr (error->message, "web-1"));
  muster_metrics_inc (fixture->web, NULL, "x", 20);
  report (fixture->aggregator, fixture->web, "web-2", 3, 1000, 1010, FALSE);
  muster_dataset_unref (collect_one (fixture, 1015));
}

static void
test_bad_snapshots (Fixture *fixture, gconstpointer data)
{
  Muster__V1__Snapshot good = MUSTER__V1__SNAPSHOT__INIT;
  Muster__V1__Snapshot bad;
  Muster__V1__Metric metric = MUSTER__V1__METRIC__INIT;
  Muster__V1__Metric *metrics[] = { &metric };
  char *deep[MUSTER_ENTRY_MAX / 1024];
  g_autoptr (GError) error = NULL;
  MusterEntry entry = { .kind = MUSTER_ENTRY_RECORD };

  good.end = (guint64) (1010 * SECOND_NS);
  good.interval = (guint64) (10 * SECOND_NS);
  good.scale_factor = 1;
  g_assert_false (
      muster_aggregator_add (fixture->aggregator, "\xFF", 2, &(MusterEntry){ .kind = MUSTER_ENTRY_SNAPSHOT }, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT);
  g_clear_error (&error);
  bad = good;
  bad.name = (char *) "unheard-of";
  expect_error (fixture, &bad, MUSTER_ERROR_NOT_FOUND, "unheard-of");
  bad.name = (char *) "\xFF";
  expect_error (fixture, &bad, MUSTER_ERROR_CORRUPT, "UTF-8");
  bad = good;
  bad.end = 0;
  expect_error (fixture, &bad, MUSTER_ERROR_CORRUPT, "1970");
  bad = good;
  bad.interval++;
  expect_error (fixture, &bad, MUSTER_ERROR_INVALID, "interval");
  bad = good;
  bad.scale_factor = NAN;
  expect_error (fixture, &bad, MUSTER_ERROR_INVALID, "scale factor");
  bad = good;
  bad.end = G_MAXUINT64;
  expect_error (fixture, &bad, MUSTER_ERROR_CORRUPT, "no time");
  bad = good;
  bad.start = bad.end + 1;
  expect_error (fixture, &bad, MUSTER_ERROR_CORRUPT, "no time");
  bad = good;
  bad.metrics = metrics;
  bad.n_metrics = 1;
  metric.id = (char *) "x";
  expect_error (fixture, &bad, MUSTER_ERROR_CORRUPT, "Snapshot"); /* no type */
  metric.type = (char *) "set";
  metric.id = (char *) "\xC3";
  expect_error (fixture, &bad, MUSTER_ERROR_CORRUPT, "UTF-8");
  metric.id = (char *) "x";
  for (guint i = 0; i < G_N_ELEMENTS (deep); i++)
    deep[i] = (char *) "deep";
  metric.path = deep;
  metric.n_path = G_N_ELEMENTS (deep);
  expect_error (fixture, &bad, MUSTER_ERROR_CORRUPT, "Snapshot");

  g_assert_false (muster_aggregator_add (fixture->aggregator, "web-1", 2, &entry, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
  g_assert_cmpint (muster_aggregator_get_due (fixture->aggregator), ==, -1);
}

/* Every way to cut or to flip good bytes gives a dataset or an error. */
static void
test_mangled_snapshots (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) entries = NULL;
  g_autofree guint8 *copy = NULL;
  MusterEntry entry;
  guint n_errors = 0;

  muster_metrics_inc (fixture->web, MUSTER_PATH ("http", "GET"), "requests", 1);
  muster_metrics_set_text (fixture->web, NULL, "text", "text");
  muster_metrics_sample (fixture->web, NULL, "sample", 1);
  entries = muster_metrics_take_snapshot (fixture->web, 1000 * SECOND_NS, 1010 * SECOND_NS, FALSE);
  view_entry (entries->pdata[0], &entry);
  copy = g_memdup2 (entry.body, entry.body_length);
  for (gsize i = 0; i < entry.body_length; i++)
    for (guint bit = 0; bit <= 8; bit++)
      {
        MusterEntry mangled = entry;
        g_autoptr (GError) error = NULL;
        g_autoptr (GPtrArray) datasets = NULL;

        mangled.body = copy;
        if (bit == 8)
          mangled.body_length = i;
        else
          copy[i] ^= (guint8) (1u << bit);
        if (!muster_aggregator_add (fixture->aggregator, "web-1", 2, &mangled, &error))
          {
            g_assert_nonnull (error);
            n_errors++;
          }
        copy[i] = entry.body[i];
        datasets = muster_aggregator_collect (fixture->aggregator, G_MAXINT64);
        for (guint k = 0; k < datasets->len; k++)
          {
            g_autofree char *json = muster_dataset_to_json (datasets->pdata[k]);
            g_autofree char *text = muster_dataset_to_text (datasets->pdata[k]);

            g_assert_true (g_utf8_validate (json, -1, NULL));
            g_assert_true (g_utf8_validate (text, -1, NULL));
          }
      }
  g_assert_cmpuint (n_errors, >, 100);
}

#define ADD(name, func, data) g_test_add ("/aggregator/" name, Fixture, data, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("delivery", test_delivery, NULL);
  ADD ("order", test_order, NULL);
  ADD ("expected", test_expected, NULL);
  ADD ("late", test_late, NULL);
  ADD ("late/together", test_late_together, NULL);
  ADD ("again", test_again, NULL);
  ADD ("restored", test_restored, NULL);
  ADD ("partial", test_partial, NULL);
  ADD ("restart", test_restart, GINT_TO_POINTER (FALSE));
  ADD ("restart/old-last", test_restart, GINT_TO_POINTER (TRUE));
  ADD ("parts", test_parts, NULL);
  ADD ("room", test_room, NULL);
  ADD ("room/intervals", test_room_for_intervals, NULL);
  ADD ("room/strings", test_room_for_strings, NULL);
  ADD ("room/sketches", test_room_for_sketches, NULL);
  ADD ("bad-snapshots", test_bad_snapshots, NULL);
  ADD ("mangled-snapshots", test_mangled_snapshots, NULL);
  return g_test_run ();
}
