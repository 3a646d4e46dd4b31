/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <math.h>
#include <unistd.h>

#include "metrics-helpers.h"
#include "muster-dataset-struct-private.h"

#define END_NS (1700000000 * SECOND_NS)

static MusterDataset *
collect (MusterAggregator *aggregator)
{
  g_autoptr (GPtrArray) datasets = muster_aggregator_collect (aggregator, G_MAXINT64);

  g_assert_cmpuint (datasets->len, ==, 1);
  return muster_dataset_ref (datasets->pdata[0]);
}

static void
add_snapshot (MusterAggregator *aggregator, MusterMetrics *metrics, const char *worker, guint pid)
{
  gint64 interval_ns = muster_metrics_get_interval (metrics) * 1000;
  g_autoptr (GPtrArray) entries = muster_metrics_take_snapshot (metrics, END_NS - interval_ns, END_NS, FALSE);
  g_autoptr (GError) error = NULL;

  add_entries (aggregator, worker, pid, entries, &error);
  g_assert_no_error (error);
}

/* One process's metrics as a dataset. */
static MusterDataset *
make_dataset (MusterMetrics *metrics)
{
  g_autoptr (MusterAggregator) aggregator = muster_aggregator_new ();

  muster_aggregator_add_metrics (aggregator, muster_metrics_get_options (metrics));
  add_snapshot (aggregator, metrics, "master", 1);
  return collect (aggregator);
}

/* A primary and two workers, by seconds. */
static MusterDataset *
make_shop (void)
{
  MusterMetricsOptions options = { .name = (char *) "shop", .scale_factor = 1000 };
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (&options);
  g_autoptr (MusterAggregator) aggregator = muster_aggregator_new ();

  muster_aggregator_add_metrics (aggregator, &options);
  muster_metrics_set (metrics, NULL, "workers", 2);
  muster_metrics_inc (metrics, MUSTER_PATH ("http", "GET"), "requests", 25);
  muster_metrics_timed_sample (metrics, MUSTER_PATH ("http", "GET"), "time", 1500000);
  muster_metrics_timed_sample (metrics, MUSTER_PATH ("http", "GET"), "time", 3500000);
  add_snapshot (aggregator, metrics, "web-10", 12);
  muster_metrics_sample (metrics, NULL, "size", 0.1);
  muster_metrics_set_text (metrics, NULL, "state", "\"up\"\n");
  add_snapshot (aggregator, metrics, "web-2", 11);
  muster_metrics_inc (metrics, NULL, "restarts", 0);
  add_snapshot (aggregator, metrics, "master", 10);
  return collect (aggregator);
}

static const char shop_json[] =
    "{\"id\":0,\"name\":\"shop\",\"interval\":10,\"start\":1699999990000,\"end\":1700000000000,\"data\":{"
    "\"master\":{"
    "\"pid\":{\"type\":\"set\",\"value\":{\"val\":10,\"timeStamp\":1700000000000}},"
    "\"restarts\":{\"type\":\"inc\",\"value\":{\"val\":0,\"timeStamp\":1700000000000}}},"
    "\"workers\":{"
    "\"web-2\":{"
    "\"pid\":{\"type\":\"set\",\"value\":{\"val\":11,\"timeStamp\":1700000000000}},"
    "\"size\":{\"type\":\"sample\",\"value\":{\"max\":0.1,\"min\":0.1,\"sigma\":null,\"average\":0.1,"
    "\"timeStamp\":1700000000000}},"
    "\"state\":{\"type\":\"set\",\"value\":{\"val\":\"\\\"up\\\"\\n\",\"timeStamp\":1700000000000}}},"
    "\"web-10\":{"
    "\"http\":{\"GET\":{"
    "\"requests\":{\"type\":\"inc\",\"value\":{\"val\":2.5,\"timeStamp\":1700000000000}},"
    "\"time\":{\"type\":\"timedSample\",\"value\":{\"max\":0.0035,\"min\":0.0015,\"sigma\":0.001414213562373095,"
    "\"average\":0.0025,\"count\":2,\"total\":0.005,\"scaleFactor\":1000,\"timeStamp\":1700000000000}}}},"
    "\"pid\":{\"type\":\"set\",\"value\":{\"val\":12,\"timeStamp\":1700000000000}},"
    "\"workers\":{\"type\":\"set\",\"value\":{\"val\":2,\"timeStamp\":1700000000000}}}}},"
    "\"total\":{"
    "\"http\":{\"GET\":{"
    "\"requests\":{\"type\":\"inc\",\"value\":{\"val\":2.5,\"sum\":25,\"timeStamp\":1700000000000}},"
    "\"time\":{\"type\":\"timedSample\",\"value\":{\"max\":0.0035,\"min\":0.0015,\"sigma\":0.001414213562373095,"
    "\"average\":0.0025,\"count\":2,\"total\":0.005,\"scaleFactor\":1000,\"timeStamp\":1700000000000}}}},"
    "\"restarts\":{\"type\":\"inc\",\"value\":{\"val\":0,\"sum\":0,\"timeStamp\":1700000000000}},"
    "\"size\":{\"type\":\"sample\",\"value\":{\"max\":0.1,\"min\":0.1,\"sigma\":null,\"average\":0.1,"
    "\"count\":1,\"total\":0.1,\"timeStamp\":1700000000000}},"
    "\"state\":{\"type\":\"set\",\"value\":{\"val\":\"\\\"up\\\"\\n\",\"min\":null,\"max\":null,\"sum\":null,"
    "\"timeStamp\":1700000000000}},"
    "\"workers\":{\"type\":\"set\",\"value\":{\"val\":2,\"min\":2,\"max\":2,\"sum\":2,\"timeStamp\":1700000000000}}},"
    "\"complete\":{\"expected\":3,\"reported\":3,\"late\":[],\"partial\":[],\"from\":1699999990000,"
    "\"to\":1700000000000,\"refused\":{},\"unmerged\":0}}";

/* Quantiles have a test of their own. */
static char *
to_json_without_quantiles (MusterDataset *dataset)
{
  g_autofree char *json = muster_dataset_to_json (dataset);
  g_autoptr (GRegex) regex = g_regex_new (",\"quantiles\":\\{[^}]*\\}", 0, 0, NULL);

  return g_regex_replace_literal (regex, json, -1, 0, "", 0, NULL);
}

static void
test_json (void)
{
  g_autoptr (MusterDataset) dataset = make_shop ();
  g_autofree char *json = to_json_without_quantiles (dataset);

  g_assert_cmpstr (json, ==, shop_json);
}

static void
assert_data (MusterMetrics *metrics, const char *expected)
{
  g_autoptr (MusterDataset) dataset = make_dataset (metrics);
  g_autofree char *json = to_json_without_quantiles (dataset);
  g_autofree char *whole = g_strdup_printf ("\"data\":{\"master\":{%s}},\"total\"", expected);

  if (strstr (json, whole) == NULL)
    g_error ("%s is not in %s", whole, json);
}

#define SET(value) "\"type\":\"set\",\"value\":{\"val\":" #value ",\"timeStamp\":1700000000000}"
#define PID        "\"pid\":{" SET (1) "}"

/* A key that is both a metric and on the path of others, and one that would come twice. */
static void
test_json_keys (void)
{
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (NULL);

  muster_metrics_set (metrics, NULL, "x", 5);
  muster_metrics_set (metrics, MUSTER_PATH ("x"), "y", 6);
  muster_metrics_set (metrics, MUSTER_PATH ("x", "y"), "z", 7);
  muster_metrics_set (metrics, MUSTER_PATH ("xy"), "z", 8);
  assert_data (metrics,
               PID ",\"x\":{" SET (5) ",\"y\":{" SET (6) ",\"z\":{" SET (7) "}}},\"xy\":{\"z\":{" SET (8) "}}");

  muster_metrics_set (metrics, NULL, "x", 1);
  muster_metrics_set (metrics, MUSTER_PATH ("x"), "type", 2);
  muster_metrics_set (metrics, MUSTER_PATH ("x", "value"), "val", 3);
  muster_metrics_set (metrics, MUSTER_PATH ("x"), "value_", 4);
  assert_data (metrics, PID ",\"x\":{" SET (1) ",\"type_\":{" SET (2) "},\"value__\":{\"val\":{" SET (
                            3) "}},"
                               "\"value_\":{" SET (4) "}}");

  muster_metrics_sample (metrics, NULL, "x", 1);
  muster_metrics_set (metrics, MUSTER_PATH ("x"), "quantiles", 2);
  assert_data (metrics, PID ",\"x\":{\"type\":\"sample\",\"value\":{\"max\":1,\"min\":1,\"sigma\":null,"
                            "\"average\":1,\"timeStamp\":1700000000000},\"quantiles_\":{" SET (2) "}}");

  /* Nothing is in the way where there is no metric. */
  muster_metrics_set (metrics, MUSTER_PATH ("x"), "type", 2);
  assert_data (metrics, PID ",\"x\":{\"type\":{" SET (2) "}}");

  /* The process's own pid stays; a path through it does not matter. */
  muster_metrics_set (metrics, NULL, "pid", 7);
  muster_metrics_set (metrics, MUSTER_PATH ("pid"), "x", 8);
  assert_data (metrics, "\"pid\":{" SET (7) ",\"x\":{" SET (8) "}}");
  muster_metrics_set (metrics, MUSTER_PATH ("pid"), "x", 8);
  assert_data (metrics, "\"pid\":{" SET (1) ",\"x\":{" SET (8) "}}");

  muster_metrics_set (metrics, MUSTER_PATH (""), "\"\n\xFF", 1);
  assert_data (metrics, "\"\":{\"\\\"\\n\xEF\xBF\xBD\":{" SET (1) "}}," PID);
}

static void
test_json_not_finite (void)
{
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (NULL);

  muster_metrics_sample (metrics, NULL, "x", 1.7e308);
  muster_metrics_sample (metrics, NULL, "x", 1.7e308);
  muster_metrics_inc (metrics, NULL, "y", 1.7e308);
  muster_metrics_inc (metrics, NULL, "y", 1.7e308);
  assert_data (metrics, PID ",\"x\":{\"type\":\"sample\",\"value\":{\"max\":1.7e+308,\"min\":1.7e+308,\"sigma\":0,"
                            "\"average\":null,\"timeStamp\":1700000000000}},"
                            "\"y\":{\"type\":\"inc\",\"value\":{\"val\":null,\"timeStamp\":1700000000000}}");
}

/* Metrics of kinds that nobody knows here show what they have, and no numbers that they never had. */
static void
test_json_unknown_kinds (void)
{
  g_autoptr (MusterDataset) dataset = muster_dataset_new ();
  MusterDatasetProcess *process = muster_dataset_process_new ("web-1", 1);
  Muster__V1__Metric metrics[] = { MUSTER__V1__METRIC__INIT, MUSTER__V1__METRIC__INIT, MUSTER__V1__METRIC__INIT };
  guint8 state[] = { 1, 2, 3 };
  g_autofree char *json = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (metrics); i++)
    {
      metrics[i].type = (char *) "new";
      metrics[i].id = (char *[]){ (char *) "a", (char *) "b", (char *) "c" }[i];
      metrics[i].count = 2;
      g_ptr_array_add (process->metrics, &metrics[i]);
    }
  metrics[0].value_case = MUSTER__V1__METRIC__VALUE_NUMBER;
  metrics[0].number = 7;
  metrics[1].state = (ProtobufCBinaryData){ sizeof state, state };
  metrics[2].sum = 4;
  metrics[2].min = metrics[2].max = 2;
  dataset->name = g_strdup ("");
  dataset->interval_ns = SECOND_NS;
  dataset->scale_factor = 1;
  g_ptr_array_add (dataset->processes, process);
  json = muster_dataset_to_json (dataset);
  g_assert_nonnull (strstr (json, "\"a\":{\"type\":\"new\",\"value\":{\"val\":7,\"count\":2,\"timeStamp\":"));
  g_assert_nonnull (strstr (json, "\"b\":{\"type\":\"new\",\"value\":{\"count\":2,\"timeStamp\":"));
  g_assert_nonnull (strstr (json, "\"c\":{\"type\":\"new\",\"value\":{\"max\":2,\"min\":2,\"sigma\":0,\"average\":2,"
                                  "\"count\":2,\"total\":4,\"scaleFactor\":1,"));
}

/* -- GVariant ----------------------------------------------------------------------------------- */

static GVariant *
get_member (GVariant *object, const char *path, const GVariantType *type)
{
  g_auto (GStrv) keys = g_strsplit (path, "/", -1);
  g_autoptr (GVariant) at = g_variant_ref (object);

  for (guint i = 0; keys[i] != NULL; i++)
    {
      GVariant *next = g_variant_lookup_value (at, keys[i], keys[i + 1] != NULL ? G_VARIANT_TYPE_VARDICT : type);

      if (next == NULL)
        g_error ("no %s of that type", path);
      g_variant_unref (at);
      at = next;
    }
  return g_steal_pointer (&at);
}

static void
assert_member (GVariant *object, const char *path, const char *expected)
{
  g_autoptr (GVariant) member = get_member (object, path, NULL);
  g_autofree char *text = g_variant_print (member, FALSE);

  g_assert_cmpstr (text, ==, expected);
}

static void
test_variant (void)
{
  g_autoptr (MusterDataset) dataset = make_shop ();
  g_autoptr (GVariant) variant = muster_dataset_to_variant (dataset);

  g_assert_true (g_variant_is_of_type (variant, G_VARIANT_TYPE_VARDICT));
  g_assert_true (g_variant_is_normal_form (variant));
  assert_member (variant, "name", "'shop'");
  assert_member (variant, "id", "0");
  assert_member (variant, "interval", "10.0");
  assert_member (variant, "data/master/pid/value/val", "10.0");
  assert_member (variant, "data/workers/web-10/http/GET/requests/type", "'inc'");
  assert_member (variant, "data/workers/web-10/http/GET/requests/value/val", "2.5");
  assert_member (variant, "data/workers/web-10/http/GET/time/value/count", "2");
  assert_member (variant, "data/workers/web-2/size/value/sigma", "nothing");
  assert_member (variant, "data/workers/web-2/state/value/val", "'\"up\"\\n'");
  assert_member (variant, "complete/expected", "3");
  assert_member (variant, "complete/late", "[]");
  assert_member (variant, "total/http/GET/requests/value/sum", "25.0");
  assert_member (variant, "complete/to", "1700000000000.0");
}

/* As deep as a path may be: a GVariant must bear it, also once it is serialized. */
static void
test_variant_depth (void)
{
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (NULL);
  const char *path[33] = { NULL };
  g_autoptr (MusterDataset) dataset = NULL;
  g_autoptr (GVariant) variant = NULL;
  g_autoptr (GVariant) copy = NULL;
  g_autoptr (GBytes) bytes = NULL;

  for (guint i = 0; i < 32; i++)
    path[i] = "d";
  muster_metrics_set (metrics, path, "x", 5);
  dataset = make_dataset (metrics);
  variant = muster_dataset_to_variant (dataset);
  bytes = g_variant_get_data_as_bytes (variant);
  copy = g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE_VARDICT, bytes, FALSE));
  g_assert_true (g_variant_is_normal_form (copy));
  g_assert_true (g_variant_equal (copy, variant));
}

/* -- text --------------------------------------------------------------------------------------- */

static void
assert_text (MusterDataset *dataset, guint columns, const char *expected)
{
  g_autofree char *text = muster_dataset_to_text_in_columns (dataset, columns);

  g_assert_cmpstr (text, ==, expected);
}

/* Without sketches: of quantiles there is a test below. */
static MusterDataset *
make_shop_without_quantiles (void)
{
  g_autoptr (MusterDataset) dataset = make_shop ();

  for (guint i = 0; i < dataset->processes->len; i++)
    {
      MusterDatasetProcess *process = dataset->processes->pdata[i];

      for (guint k = 0; k < process->metrics->len; k++)
        ((Muster__V1__Metric *) process->metrics->pdata[k])->sketch = NULL;
    }
  return g_steal_pointer (&dataset);
}

static void
test_text (void)
{
  g_autoptr (MusterDataset) dataset = make_shop_without_quantiles ();
  g_autofree char *text = muster_dataset_to_text (dataset);

  g_assert_cmpstr (text, ==,
                   "shop: 10 s to 2023-11-14 22:13:20, 3 of 3 reported\n"
                   "all processes        value     min  max  sigma  sum  count\n"
                   "  http/GET/requests    2.5 /s                    25\n"
                   "  http/GET/time        2.5 ms  1.5  3.5  1.414           2\n"
                   "  restarts               0 /s                     0\n"
                   "  size                 0.1     0.1  0.1                  1\n"
                   "  state              \"up\"\xEF\xBF\xBD\n"
                   "  workers                2       2    2           2\n"
                   "master (pid 10)\n"
                   "  restarts               0 /s                     0\n"
                   "web-2 (pid 11)\n"
                   "  size                 0.1     0.1  0.1                  1\n"
                   "  state              \"up\"\xEF\xBF\xBD\n"
                   "  no memory for quantiles: 1\n"
                   "web-10 (pid 12)\n"
                   "  http/GET/requests    2.5 /s                    25\n"
                   "  http/GET/time        2.5 ms  1.5  3.5  1.414           2\n"
                   "  workers                2\n"
                   "  no memory for quantiles: 1\n");
  assert_text (dataset, 30,
               "shop: 10 s to 2023-11-14 22:13:20,\n"
               "  3 of 3 reported\n"
               "all processes        value\n"
               "  http/GET/requests    2.5 /s\n"
               "  http/GET/time        2.5 ms\n"
               "  restarts               0 /s\n"
               "  size                 0.1\n"
               "  state              \"up\"\xEF\xBF\xBD\n"
               "  workers                2\n"
               "master (pid 10)\n"
               "  restarts               0 /s\n"
               "web-2 (pid 11)\n"
               "  size                 0.1\n"
               "  state              \"up\"\xEF\xBF\xBD\n"
               "  no memory for quantiles: 1\n"
               "web-10 (pid 12)\n"
               "  http/GET/requests    2.5 /s\n"
               "  http/GET/time        2.5 ms\n"
               "  workers                2\n"
               "  no memory for quantiles: 1\n");
}

static void
assert_lines_fit (const char *text, guint columns)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (guint i = 1; lines[i] != NULL; i++) /* the title's first item is what it is */
    if (g_utf8_strlen (lines[i], -1) > columns)
      g_error ("longer than %u: %s", columns, lines[i]);
}

/* What changed first; what was kept below; and who has nothing to say in one line. */
static void
test_text_order (void)
{
  MusterMetricsOptions options = { .persist = TRUE };
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (&options);
  g_autoptr (MusterMetrics) none = muster_metrics_new (&options);
  g_autoptr (MusterAggregator) aggregator = muster_aggregator_new ();
  g_autoptr (MusterDataset) dataset = NULL;
  g_autofree char *text = NULL;

  muster_aggregator_add_metrics (aggregator, &options);
  muster_metrics_set (metrics, NULL, "a", 7);
  muster_metrics_set_text (metrics, NULL, "b", "a text that is longer than anybody likes to read here");
  muster_metrics_inc (metrics, NULL, "c", 1);
  muster_metrics_inc (metrics, NULL, "d", 1);
  g_ptr_array_unref (muster_metrics_take_snapshot (metrics, 0, 1, FALSE));
  muster_metrics_inc (metrics, NULL, "d", 5);
  add_snapshot (aggregator, metrics, "web-1", 11);
  add_snapshot (aggregator, none, "web-2", 12);
  add_snapshot (aggregator, none, "web-3", 13);
  dataset = collect (aggregator);
  assert_text (dataset, 40,
               "10 s to 2023-11-14 22:13:20,\n"
               "  3 of 3 reported\n"
               "web-1 (pid 11)  value     sum\n"
               "  d               0.5 /s    5\n"
               "  unchanged: a=7,\n"
               "  b=a text that is longer t…, c\n"
               "without metrics: web-2, web-3\n");
  for (guint columns = 20; columns < 120; columns++)
    {
      g_free (text);
      text = muster_dataset_to_text_in_columns (dataset, columns);
      assert_lines_fit (text, MAX (columns, 32));
    }
}

static void
test_text_is_tame (void)
{
  MusterMetricsOptions options = { .name = (char *) "\x1b]0;x\x07", .max_metrics = 3 };
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (&options);
  g_autofree char *long_id = g_strnfill (300, 'x');
  g_autoptr (MusterDataset) dataset = NULL;
  g_autofree char *text = NULL;

  muster_metrics_set (metrics, MUSTER_PATH ("\x1b[31m", "\xE2\x80\xAE"), "\r\n", 123456789.5);
  muster_metrics_set_text (metrics, NULL, "text", "\x1b[2J");
  muster_metrics_inc (metrics, NULL, long_id, 12345);
  muster_metrics_inc (metrics, NULL, "refused", 12345);
  dataset = make_dataset (metrics);
  text = muster_dataset_to_text (dataset);
  g_assert_true (g_utf8_validate (text, -1, NULL));
  for (const char *c = text; *c != '\0'; c++)
    g_assert_true (*c == '\n' || !g_ascii_iscntrl (*c));
  g_assert_nonnull (strstr (text, "  …xxx"));
  g_assert_nonnull (strstr (text, " 123456790\n"));
  g_assert_nonnull (strstr (text, " 1234 /s  12345\n"));
  g_assert_nonnull (strstr (text, "  1 updates refused\n"));
}

/* Counts are exact, and there is no -0. */
static void
test_text_whole_numbers (void)
{
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (NULL);
  g_autoptr (MusterDataset) dataset = NULL;
  g_autofree char *text = NULL;

  muster_metrics_set (metrics, NULL, "bytes", 1234567890123.0);
  muster_metrics_set (metrics, NULL, "huge", 1.5e300);
  muster_metrics_set (metrics, NULL, "none", -0.0);
  dataset = make_dataset (metrics);
  text = muster_dataset_to_text (dataset);
  g_assert_nonnull (strstr (text, " 1234567890123\n"));
  g_assert_nonnull (strstr (text, " 1.5e+300\n"));
  g_assert_nonnull (strstr (text, " 0\n"));
  g_assert_null (strstr (text, "-0"));
}

/* -- parts -------------------------------------------------------------------------------------- */

/* Workers enough that names and metrics take several parts, and one that takes several by itself. */
static MusterDataset *
make_large (void)
{
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (NULL);
  g_autoptr (MusterAggregator) aggregator = muster_aggregator_new ();
  char id[300];

  muster_aggregator_add_metrics (aggregator, muster_metrics_get_options (metrics));
  add_snapshot (aggregator, metrics, "first", 1);
  muster_dataset_unref (collect (aggregator)); /* from here on, all are late */
  for (guint i = 0; i < 10000; i++)
    {
      g_snprintf (id, sizeof id, "metric-%u", i);
      muster_metrics_sample (metrics, MUSTER_PATH ("many", "more"), id, i);
    }
  muster_metrics_inc (metrics, NULL, "refused", 1);
  add_snapshot (aggregator, metrics, "large", 1);
  for (guint i = 0; i < 400; i++)
    {
      g_snprintf (id, sizeof id, "%0250u", i);
      muster_metrics_set (metrics, NULL, "x", i);
      add_snapshot (aggregator, metrics, id, i);
    }
  return collect (aggregator);
}

static void
test_parts (void)
{
  g_autoptr (MusterDataset) dataset = make_large ();
  g_autoptr (GPtrArray) entries = muster_dataset_encode (dataset);
  g_autoptr (MusterDataset) joined = NULL;
  g_autofree char *before = muster_dataset_to_json (dataset);
  g_autofree char *after = NULL;
  MusterDataset *partial = NULL;
  MusterEntry entry;

  g_assert_cmpuint (entries->len, >, 8);
  for (guint i = 0; i < entries->len; i++)
    {
      g_assert_null (joined);
      view_entry (entries->pdata[i], &entry);
      g_assert_true (muster_dataset_assemble (&partial, &entry, &joined));
    }
  g_assert_null (partial);
  after = muster_dataset_to_json (joined);
  g_assert_cmpstr (after, ==, before);
  g_assert_cmpuint (muster_dataset_get_n_expected (joined), ==, 401);
  g_assert_nonnull (strstr (after, "\"metric-9999\""));
}

static void
assemble (MusterDataset **partial, GPtrArray *entries, guint i, gboolean is_last)
{
  MusterDataset *complete = NULL;
  MusterEntry entry;

  view_entry (entries->pdata[i], &entry);
  g_assert_true (muster_dataset_assemble (partial, &entry, &complete));
  g_assert_cmpint (complete != NULL, ==, is_last);
  g_clear_pointer (&complete, muster_dataset_unref);
}

/* A log may begin and end anywhere. */
static void
test_parts_missing (void)
{
  g_autoptr (MusterDataset) large = make_large ();
  g_autoptr (MusterDataset) small = make_shop ();
  g_autoptr (GPtrArray) parts = muster_dataset_encode (large);
  g_autoptr (GPtrArray) one = muster_dataset_encode (small);
  MusterDataset *partial = NULL;

  g_assert_cmpuint (one->len, ==, 1);
  assemble (&partial, parts, 3, FALSE); /* without a beginning */
  g_assert_null (partial);
  assemble (&partial, one, 0, TRUE);
  assemble (&partial, parts, 0, FALSE);
  assemble (&partial, parts, 1, FALSE);
  assemble (&partial, one, 0, TRUE); /* without an end */
  assemble (&partial, parts, 0, FALSE);
  assemble (&partial, parts, 2, FALSE); /* without a middle */
  g_assert_null (partial);
  for (guint i = 0; i < parts->len; i++)
    assemble (&partial, parts, i, i == parts->len - 1);
}

static void
test_bad_bytes (void)
{
  g_autoptr (MusterDataset) dataset = make_shop ();
  g_autoptr (GPtrArray) entries = muster_dataset_encode (dataset);
  g_autofree guint8 *copy = NULL;
  MusterDataset *partial = NULL;
  MusterDataset *complete = NULL;
  MusterEntry entry;
  guint n_refused = 0;

  view_entry (entries->pdata[0], &entry);
  entry.kind = MUSTER_ENTRY_SNAPSHOT;
  g_assert_false (muster_dataset_assemble (&partial, &entry, &complete));
  entry.kind = MUSTER_ENTRY_DATASET;
  copy = g_memdup2 (entry.body, entry.body_length);
  for (gsize i = 0; i < entry.body_length; i++)
    for (guint bit = 0; bit <= 8; bit++)
      {
        MusterEntry mangled = entry;

        mangled.body = copy;
        if (bit == 8)
          mangled.body_length = i;
        else
          copy[i] ^= (guint8) (1u << bit);
        if (!muster_dataset_assemble (&partial, &mangled, &complete))
          n_refused++;
        copy[i] = entry.body[i];
        if (complete != NULL)
          {
            g_autofree char *json = muster_dataset_to_json (complete);
            g_autofree char *text = muster_dataset_to_text (complete);
            g_autoptr (GVariant) variant = muster_dataset_to_variant (complete);

            g_assert_true (g_variant_is_normal_form (variant));
            g_assert_true (g_utf8_validate (json, -1, NULL));
            g_assert_true (g_utf8_validate (text, -1, NULL));
          }
        g_clear_pointer (&complete, muster_dataset_unref);
        g_clear_pointer (&partial, muster_dataset_unref);
      }
  g_assert_cmpuint (n_refused, >, 100);
}

static void
test_boxed (void)
{
  g_autoptr (MusterDataset) dataset = make_shop ();
  MusterDataset *copy = g_boxed_copy (MUSTER_TYPE_DATASET, dataset);

  g_assert_true (copy == dataset);
  g_boxed_free (MUSTER_TYPE_DATASET, copy);
  g_assert_cmpstr (muster_dataset_get_name (dataset), ==, "shop");
}

int
main (int argc, char **argv)
{
  g_setenv ("TZ", "UTC", TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dataset/json", test_json);
  g_test_add_func ("/dataset/json/keys", test_json_keys);
  g_test_add_func ("/dataset/json/not-finite", test_json_not_finite);
  g_test_add_func ("/dataset/json/unknown-kinds", test_json_unknown_kinds);
  g_test_add_func ("/dataset/variant", test_variant);
  g_test_add_func ("/dataset/variant/depth", test_variant_depth);
  g_test_add_func ("/dataset/text", test_text);
  g_test_add_func ("/dataset/text/order", test_text_order);
  g_test_add_func ("/dataset/text/tame", test_text_is_tame);
  g_test_add_func ("/dataset/text/whole-numbers", test_text_whole_numbers);
  g_test_add_func ("/dataset/parts", test_parts);
  g_test_add_func ("/dataset/parts/missing", test_parts_missing);
  g_test_add_func ("/dataset/bad-bytes", test_bad_bytes);
  g_test_add_func ("/dataset/boxed", test_boxed);
  return g_test_run ();
}
