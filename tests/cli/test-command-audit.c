/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `muster audit`: what it says, and its status.
 */
#include "config.h"

#include <string.h>

#include "run-muster.h"
#include "sample-log.h"

#ifdef HAVE_JSON_GLIB
#include <json-glib/json-glib.h>
#endif

#define assert_contains(text, part)                                                                                    \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    if (strstr ((text), (part)) == NULL)                                                                               \
      g_error ("'%s' does not contain '%s'", (text), (part));                                                          \
  }                                                                                                                    \
  G_STMT_END

static GByteArray *
clean_log (void)
{
  GByteArray *log = g_byte_array_new ();

  sample_add_origin (log, 9, "master", 1);
  sample_add_started (log, 1, "web-1", 1001);
  sample_add_origin (log, 1, "web-1", 1);
  sample_add_records (log, 1, 100);
  sample_add_exit (log);
  return log;
}

static void
test_clean (Muster *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = clean_log ();
  const char *path = muster_write_log (fixture, "all.pb", log);

  muster_run (fixture, "audit", path);
  g_assert_cmpint (fixture->status, ==, 0);
  g_assert_cmpstr (fixture->err, ==, "");
  assert_contains (fixture->out, "2 streams, 102 entries, 0 declared missing, 0 holes, 0 duplicates\n");
  assert_contains (fixture->out, "01010101  web-1   1001  alpha      1   101      101 ");
  muster_run (fixture, "audit", "--complete", path);
  g_assert_cmpint (fixture->status, ==, 0);
}

static void
test_hole (Muster *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = clean_log ();

  sample_add_origin (log, 2, "web-2", 1);
  sample_add_records (log, 1, 10);
  sample_add_origin (log, 2, "web-2", 12);
  sample_add_records (log, 12, 10);
  sample_add_origin (log, 2, "web-2", 30);
  sample_add_records (log, 30, 1);
  muster_run (fixture, "audit", muster_write_log (fixture, "all.pb", log));
  g_assert_cmpint (fixture->status, ==, 1);
  assert_contains (fixture->out, "02020202 lacks without a word: 11, 22-29\n");
  assert_contains (fixture->out, "9 holes");
}

static void
test_duplicate (Muster *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = clean_log ();
  const char *path = muster_write_log (fixture, "all.pb", log);

  muster_run (fixture, "audit", path, path);
  g_assert_cmpint (fixture->status, ==, 1);
  assert_contains (fixture->out, "102 duplicates\n");
}

static void
test_declared (Muster *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = clean_log ();

  sample_add_origin (log, 2, "web-2", 1);
  muster_encode_gap (log, 5, MUSTER_GAP_JOURNAL_FULL);
  sample_add_records (log, 6, 1);
  muster_encode_gap (log, 1, MUSTER_GAP_TORN);
  muster_run (fixture, "audit", muster_write_log (fixture, "all.pb", log));
  g_assert_cmpint (fixture->status, ==, 0);
  assert_contains (fixture->out, "02020202 declares as missing: 5 journal-full, 1 torn\n");
  assert_contains (fixture->out, "6 declared missing, 0 holes");
}

static void
test_overlap (Muster *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) first = g_byte_array_new ();
  g_autoptr (GByteArray) second = g_byte_array_new ();
  const char *paths[2];

  sample_add_origin (first, 1, "web-1", 1);
  sample_add_records (first, 1, 50);
  sample_add_origin (second, 1, "web-1", 41);
  sample_add_records (second, 41, 60);
  paths[0] = muster_write_log (fixture, "1.pb", first);
  paths[1] = muster_write_log (fixture, "2.pb", second);
  muster_run (fixture, "audit", paths[1], paths[0]);
  g_assert_cmpint (fixture->status, ==, 1);
  assert_contains (fixture->out, "0 holes, 10 duplicates\n");
}

static void
test_incomplete (Muster *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = clean_log ();
  const char *path;

  sample_add_origin (log, 9, "master", 2);
  sample_add_started (log, 2, "web-2", 1002);
  sample_add_started (log, 3, "web-3", 1003);
  sample_add_origin (log, 2, "web-2", 1);
  sample_add_records (log, 1, 1);
  path = muster_write_log (fixture, "all.pb", log);
  muster_run (fixture, "audit", path);
  g_assert_cmpint (fixture->status, ==, 0);
  assert_contains (fixture->out, "1 stream was started, and nothing of it is here\n");
  assert_contains (fixture->out, "absent");
  muster_run (fixture, "audit", "--complete", path);
  g_assert_cmpint (fixture->status, ==, 1);
  assert_contains (fixture->out, "1 stream has no end\n");
}

static void
test_headless (Muster *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = g_byte_array_new ();
  const char *path;

  sample_add_origin (log, 1, "web-1", 5);
  sample_add_exit (log);
  path = muster_write_log (fixture, "all.pb", log);
  muster_run (fixture, "audit", path);
  g_assert_cmpint (fixture->status, ==, 0);
  muster_run (fixture, "audit", "--complete", path);
  g_assert_cmpint (fixture->status, ==, 1);
  assert_contains (fixture->out, "1 stream does not begin with 1\n");
}

static void
test_torn (Muster *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = clean_log ();
  const char *path;

  g_byte_array_set_size (log, log->len - 3);
  path = muster_write_log (fixture, "all.pb", log);
  muster_run (fixture, "audit", path);
  g_assert_cmpint (fixture->status, ==, 1);
  assert_contains (fixture->err, path);
  assert_contains (fixture->err, ": the last entry is cut off");
  assert_contains (fixture->out, "101 entries");
}

static void
test_garbage (Muster *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = clean_log ();
  g_autofree char *offset = g_strdup_printf ("at byte %u: ", log->len);

  g_byte_array_append (log, (const guint8 *) "\xff\xff\xff", 3);
  sample_add_origin (log, 9, "master", 2);
  muster_run (fixture, "audit", muster_write_log (fixture, "all.pb", log));
  g_assert_cmpint (fixture->status, ==, 1);
  assert_contains (fixture->err, offset);
  assert_contains (fixture->out, "102 entries");
  muster_run (fixture, "audit", muster_write (fixture, "text.pb", "this is a text\n", -1));
  g_assert_cmpint (fixture->status, ==, 1);
  assert_contains (fixture->err, "at byte 0: ");
}

static void
test_nameless (Muster *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = g_byte_array_new ();

  sample_add_records (log, 1, 3);
  muster_run (fixture, "audit", muster_write_log (fixture, "all.pb", log));
  g_assert_cmpint (fixture->status, ==, 1);
  assert_contains (fixture->err, "3 entries before the first origin");
}

static void
test_empty (Muster *fixture, gconstpointer data)
{
  muster_run (fixture, "audit", muster_write (fixture, "all.pb", "", 0));
  g_assert_cmpint (fixture->status, ==, 0);
  g_assert_cmpstr (fixture->out, ==, "0 streams, 0 entries, 0 declared missing, 0 holes, 0 duplicates\n");
}

static void
test_stdin (Muster *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = clean_log ();
  g_autoptr (GBytes) bytes = g_bytes_new (log->data, log->len);
  const char *const arguments[] = { "audit", "-", NULL };

  muster_run_with_input (fixture, bytes, arguments);
  g_assert_cmpint (fixture->status, ==, 0);
  assert_contains (fixture->out, "2 streams, 102 entries");
}

static void
test_unreadable (Muster *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = clean_log ();

  muster_run (fixture, "audit", muster_path (fixture, "absent.pb"), muster_write_log (fixture, "all.pb", log));
  g_assert_cmpint (fixture->status, ==, 2);
  assert_contains (fixture->err, "absent.pb: No such file or directory");
  assert_contains (fixture->out, "102 entries");
  muster_run (fixture, "audit", fixture->directory);
  g_assert_cmpint (fixture->status, ==, 2);
  assert_contains (fixture->err, "is a directory");
  muster_run (fixture, "audit");
  g_assert_cmpint (fixture->status, ==, 2);
  muster_run (fixture, "audit", "--such-a-thing");
  g_assert_cmpint (fixture->status, ==, 2);
}

/* Where the table does not fit each cell has its line. */
static void
test_narrow (Muster *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = clean_log ();
  const char *path = muster_write_log (fixture, "all.pb", log);
  g_auto (GStrv) lines = NULL;

  g_setenv ("COLUMNS", "40", TRUE);
  muster_run (fixture, "audit", path);
  g_unsetenv ("COLUMNS");
  assert_contains (fixture->out, "01010101\n  WORKER      web-1\n  PID         1001\n");
  lines = g_strsplit (fixture->out, "\n", -1);
  for (guint i = 0; lines[i] != NULL && !g_str_has_prefix (lines[i], "2 streams"); i++)
    g_assert_cmpuint (strlen (lines[i]), <=, 40);
}

/* Ids are as long as it takes to tell them apart; labels cannot speak to the terminal. */
static void
test_labels (Muster *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = g_byte_array_new ();
  MusterOrigin origin = { .first_seq = 1 };

  origin.worker = muster_slice_from_string ("\033[31mred");
  muster_encode_origin (log, &origin);
  sample_add_records (log, 1, 1);
  origin.stream[4] = 1;
  muster_encode_origin (log, &origin);
  sample_add_records (log, 1, 1);
  muster_run (fixture, "audit", muster_write_log (fixture, "all.pb", log));
  g_assert_cmpint (fixture->status, ==, 0);
  assert_contains (fixture->out, "0000000000  ?[31mred");
  assert_contains (fixture->out, "0000000001  ?[31mred");
}

#ifdef HAVE_JSON_GLIB
static void
test_json (Muster *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = clean_log ();
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  JsonObject *report, *stream;

  sample_add_origin (log, 2, "web-2", 3);
  muster_encode_gap (log, 5, MUSTER_GAP_JOURNAL_FULL);
  sample_add_origin (log, 2, "web-2", 10);
  sample_add_records (log, 10, 1);
  g_byte_array_append (log, (const guint8 *) "x", 1);
  muster_run (fixture, "audit", "--json", muster_write_log (fixture, "all.pb", log));
  g_assert_cmpint (fixture->status, ==, 1);
  json_parser_load_from_data (parser, fixture->out, -1, &error);
  g_assert_no_error (error);
  report = json_node_get_object (json_parser_get_root (parser));
  g_assert_false (json_object_get_boolean_member (report, "ok"));
  g_assert_cmpint (json_object_get_int_member (report, "entries"), ==, 103);
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (report, "problems")), ==, 1);
  stream = json_array_get_object_element (json_object_get_array_member (report, "streams"), 2);
  g_assert_cmpstr (json_object_get_string_member (stream, "worker"), ==, "web-2");
  g_assert_cmpstr (json_object_get_string_member (stream, "end"), ==, "open");
  g_assert_cmpint (json_object_get_int_member (stream, "first"), ==, 3);
  g_assert_cmpint (json_object_get_int_member (stream, "last"), ==, 10);
  g_assert_cmpint (json_object_get_int_member (stream, "holes"), ==, 2);
  g_assert_cmpint (json_object_get_int_member (json_object_get_object_member (stream, "declared"), "journal-full"), ==,
                   5);
}
#endif

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  muster_test ("/command-audit/clean", test_clean);
  muster_test ("/command-audit/hole", test_hole);
  muster_test ("/command-audit/duplicate", test_duplicate);
  muster_test ("/command-audit/declared", test_declared);
  muster_test ("/command-audit/overlap", test_overlap);
  muster_test ("/command-audit/incomplete", test_incomplete);
  muster_test ("/command-audit/headless", test_headless);
  muster_test ("/command-audit/torn", test_torn);
  muster_test ("/command-audit/garbage", test_garbage);
  muster_test ("/command-audit/nameless", test_nameless);
  muster_test ("/command-audit/empty", test_empty);
  muster_test ("/command-audit/stdin", test_stdin);
  muster_test ("/command-audit/unreadable", test_unreadable);
  muster_test ("/command-audit/narrow", test_narrow);
  muster_test ("/command-audit/labels", test_labels);
#ifdef HAVE_JSON_GLIB
  muster_test ("/command-audit/json", test_json);
#endif
  return g_test_run ();
}
