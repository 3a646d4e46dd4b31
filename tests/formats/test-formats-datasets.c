/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Deliveries of metrics in text and json: whole, in parts, broken, and not wanted.
 */
#include "config.h"

#include "format-sample.h"
#include "muster-dataset.h"
#include "muster-format-json.h"
#include "muster-format-text.h"
#include "muster.pb-c.h"

#define SECOND G_GUINT64_CONSTANT (1000000000)

/* One process with one metric, as part @part. */
static void
add_part (GByteArray *log, const char *worker, const char *id, guint part, gboolean more)
{
  Muster__V1__Metric metric = MUSTER__V1__METRIC__INIT;
  Muster__V1__Metric *metrics[] = { &metric };
  Muster__V1__Dataset__Process process = MUSTER__V1__DATASET__PROCESS__INIT;
  Muster__V1__Dataset__Process *processes[] = { &process };
  Muster__V1__Dataset dataset = MUSTER__V1__DATASET__INIT;
  g_autofree guint8 *body = NULL;
  gsize length;

  metric.id = (char *) id;
  metric.type = (char *) "inc";
  metric.count = 3;
  metric.sum = 30;
  process.worker = (char *) worker;
  process.pid = 7;
  process.metrics = metrics;
  process.n_metrics = 1;
  dataset.name = (char *) "shop";
  dataset.start = 1700000000 * SECOND;
  dataset.end = 1700000010 * SECOND;
  dataset.interval = 10 * SECOND;
  dataset.scale_factor = 1;
  dataset.processes = processes;
  dataset.n_processes = 1;
  dataset.expected = dataset.reported = 2;
  dataset.part = part;
  dataset.more = more;
  length = muster__v1__dataset__get_packed_size (&dataset);
  body = g_malloc (length);
  muster__v1__dataset__pack (&dataset, body);
  g_assert_true (muster_encode_entry (log, MUSTER_ENTRY_DATASET, body, length));
}

static GByteArray *
whole_log (void)
{
  GByteArray *log = sample_log_new ();

  sample_add_message (log, "before", 6);
  add_part (log, "master", "first", 0, TRUE);
  sample_add_message (log, "between", 7);
  add_part (log, "web-1", "second", 1, FALSE);
  sample_add_message (log, "after", 5);
  return log;
}

static MusterDataset *
dataset_of (GByteArray *log)
{
  MusterDataset *partial = NULL, *complete = NULL;
  MusterEntryIter iter;
  MusterEntry entry;

  muster_entry_iter_init (&iter, log->data, log->len);
  while (complete == NULL && muster_entry_iter_next (&iter, &entry))
    if (entry.kind == MUSTER_ENTRY_DATASET)
      g_assert_true (muster_dataset_assemble (&partial, &entry, &complete));
  g_assert_nonnull (complete);
  return complete;
}

static void
assert_output (MusterFormat *format, GByteArray *log, const char *expected)
{
  g_autoptr (GByteArray) out = sample_run (format, log, TRUE);
  g_autofree char *text = g_strndup ((const char *) out->data, out->len);

  g_assert_cmpstr (text, ==, expected);
}

static void
test_text (void)
{
  g_autoptr (MusterFormat) format = sample_format (MUSTER_TYPE_FORMAT_TEXT, "pattern", "{message}", NULL);
  g_autoptr (GByteArray) log = whole_log ();
  g_autoptr (MusterDataset) dataset = dataset_of (log);
  g_autofree char *block = muster_dataset_to_text (dataset);
  g_autofree char *expected = g_strconcat ("before\nbetween\n", block, "after\n", NULL);

  g_assert_nonnull (strstr (block, "first"));
  g_assert_nonnull (strstr (block, "second"));
  assert_output (format, log, expected);
}

static void
test_text_columns (void)
{
  g_autoptr (MusterFormat) format = sample_format (MUSTER_TYPE_FORMAT_TEXT, "pattern", "", "columns", 40, NULL);
  g_autoptr (GByteArray) log = sample_log_new ();
  g_autoptr (MusterDataset) dataset = NULL;
  g_autofree char *block = NULL;

  add_part (log, "web-1", "a name that is longer than half of it", 0, FALSE);
  dataset = dataset_of (log);
  block = muster_dataset_to_text_in_columns (dataset, 40);
  g_assert_nonnull (strstr (block, "\n  …"));
  assert_output (format, log, block);
}

static void
test_json (void)
{
  g_autoptr (MusterFormat) format = sample_format (MUSTER_TYPE_FORMAT_JSON, NULL, NULL);
  g_autoptr (MusterFormat) without = sample_format (MUSTER_TYPE_FORMAT_JSON, "dataset", FALSE, NULL);
  g_autoptr (GByteArray) log = whole_log ();
  g_autoptr (MusterDataset) dataset = dataset_of (log);
  g_autofree char *json = muster_dataset_to_json (dataset);
  g_autofree char *line = g_strconcat ("\n{\"dataset\":", json, "}\n", NULL);
  g_autoptr (GByteArray) out = sample_run (format, log, TRUE);
  g_autoptr (GByteArray) other = sample_run (without, log, TRUE);

  g_assert_nonnull (strstr (json, "\"first\""));
  g_assert_nonnull (strstr (json, "\"second\""));
  g_assert_nonnull (g_strstr_len ((const char *) out->data, out->len, line));
  g_assert_null (g_strstr_len ((const char *) other->data, other->len, "dataset"));
  g_assert_nonnull (g_strstr_len ((const char *) other->data, other->len, "\"message\":\"after\"}\n"));
}

/* A first part whose end never comes says nothing; bytes that are no dataset are said to be missing. */
static void
test_broken (void)
{
  g_autoptr (MusterFormat) text = sample_format (MUSTER_TYPE_FORMAT_TEXT, "pattern", "{seq} {message}", NULL);
  g_autoptr (MusterFormat) json = sample_format (MUSTER_TYPE_FORMAT_JSON, NULL, NULL);
  g_autoptr (GByteArray) log = sample_log_new ();

  add_part (log, "master", "first", 0, TRUE);
  g_assert_true (muster_encode_entry (log, MUSTER_ENTRY_DATASET, (const guint8 *) "\x0a\x7f", 2));
  assert_output (text, log, "42 -- 1 entry missing: corrupt --\n");
  assert_output (json, log,
                 "{\"gap\":{\"count\":1,\"reason\":\"corrupt\"},\"host\":\"host-1\",\"cluster\":\"shop\","
                 "\"worker\":\"web-1\",\"pid\":4711,\"stream\":\"" SAMPLE_HEX "\",\"seq\":42}\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/formats-datasets/text", test_text);
  g_test_add_func ("/formats-datasets/text/columns", test_text_columns);
  g_test_add_func ("/formats-datasets/json", test_json);
  g_test_add_func ("/formats-datasets/broken", test_broken);
  return g_test_run ();
}
