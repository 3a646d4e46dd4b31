/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `muster cat`: formats, filters, order; and that what it leaves out of protobuf is declared.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "run-muster.h"
#include "sample-log.h"

#define NS_PER_S G_GUINT64_CONSTANT (1000000000)

#define assert_contains(text, part)                                                                                    \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    if (strstr ((text), (part)) == NULL)                                                                               \
      g_error ("'%s' does not contain '%s'", (text), (part));                                                          \
  }                                                                                                                    \
  G_STMT_END

/* Two workers by turns; times do not go with the order of the file. */
static GByteArray *
mixed_log (void)
{
  GByteArray *log = g_byte_array_new ();

  sample_add_origin (log, 1, "web-1", 1);
  sample_add_record (log, MUSTER_LEVEL_INFO, SAMPLE_TIME + 1 * NS_PER_S, "http", "one");
  sample_add_record (log, MUSTER_LEVEL_ERROR, SAMPLE_TIME + 5 * NS_PER_S, "http.tls", "two");
  muster_encode_gap (log, 3, MUSTER_GAP_JOURNAL_FULL);
  sample_add_record (log, MUSTER_LEVEL_DEBUG, SAMPLE_TIME + 6 * NS_PER_S, "db", "three");
  sample_add_origin (log, 2, "mail-1", 1);
  sample_add_record (log, MUSTER_LEVEL_WARNING, SAMPLE_TIME + 2 * NS_PER_S, "smtp", "four");
  sample_add_record (log, MUSTER_LEVEL_INFO, SAMPLE_TIME + 7 * NS_PER_S, "smtp", "f\xc3\xbcnf");
  sample_add_origin (log, 1, "web-1", 7);
  sample_add_record (log, MUSTER_LEVEL_CRITICAL, SAMPLE_TIME + 3 * NS_PER_S, "http", "six");
  return log;
}

static const char *
mixed_path (Muster *fixture)
{
  g_autoptr (GByteArray) log = mixed_log ();

  return muster_write_log (fixture, "all.pb", log);
}

/* The messages alone, gaps among them. */
#define PATTERN "--pattern={message}"

static void
test_text (Muster *fixture, gconstpointer data)
{
  const char *path = mixed_path (fixture);

  muster_run (fixture, "cat", "--pattern={worker} {seq} {level}: {message}", path);
  g_assert_cmpint (fixture->status, ==, 0);
  g_assert_cmpstr (fixture->err, ==, "");
  g_assert_cmpstr (fixture->out, ==,
                   "web-1 1 info: one\nweb-1 2 error: two\nweb-1 3 -: -- 3 entries missing: journal-full --\n"
                   "web-1 6 debug: three\nmail-1 1 warning: four\nmail-1 2 info: f\xc3\xbcnf\nweb-1 7 critical: six\n");
  muster_run (fixture, "cat", "--pattern={level} {message}", "--theme=onedark", path);
  g_assert_cmpint (fixture->status, ==, 0);
  assert_contains (fixture->out, "\033[");
}

static void
test_json (Muster *fixture, gconstpointer data)
{
  muster_run (fixture, "cat", "-f", "json", mixed_path (fixture));
  g_assert_cmpint (fixture->status, ==, 0);
  assert_contains (fixture->out,
                   "{\"time\":\"2024-05-01T12:00:02.000000000Z\",\"level\":\"warning\",\"host\":\"alpha\","
                   "\"cluster\":\"shop\",\"worker\":\"mail-1\",\"pid\":1002,\"stream\":"
                   "\"02020202020202020202020202020202\",\"seq\":1,\"domain\":\"smtp\",\"message\":"
                   "\"four\"}\n");
}

/* Without conditions the bytes stay as they are. */
static void
test_protobuf (Muster *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = mixed_log ();

  muster_run (fixture, "cat", "--format=protobuf", mixed_path (fixture));
  g_assert_cmpint (fixture->status, ==, 0);
  g_assert_cmpmem (fixture->out, fixture->out_length, log->data, log->len);
}

typedef struct
{
  const char *arguments[4];
  const char *messages;
} Filter;

#define GAP "-- 3 entries missing: journal-full --\n"

static const Filter filters[] = {
  { { "--level=error" }, "two\n" GAP "six\n" },
  { { "-l", "critical" }, GAP "six\n" },
  { { "--level=debug" }, "one\ntwo\n" GAP "three\nfour\nf\xc3\xbcnf\nsix\n" },
  { { "--worker=mail-*" }, "four\nf\xc3\xbcnf\n" },
  { { "--worker=mail-?", "--worker=web-1" }, "one\ntwo\n" GAP "three\nfour\nf\xc3\xbcnf\nsix\n" },
  { { "--worker=nobody" }, "" },
  { { "--domain=http*" }, "one\ntwo\n" GAP "six\n" },
  { { "--domain=http" }, "one\n" GAP "six\n" },
  { { "--since=2024-05-01T12:00:05Z" }, "two\n" GAP "three\nf\xc3\xbcnf\n" },
  { { "--until=2024-05-01T12:00:02Z" }, "one\nfour\n" },
  { { "--since=1714564802", "--until=1714564803" }, "four\nsix\n" },
  { { "--since=-10m" }, "" },
  { { "--grep=^t", "--worker=web-*" }, "two\n" GAP "three\n" },
  { { "--grep=f.nf", "--worker=mail*" }, "f\xc3\xbcnf\n" },
  { { "--level=info", "--domain=smtp", "--grep=o", "--worker=m*" }, "four\n" },
};

static void
test_filters (Muster *fixture, gconstpointer data)
{
  const char *path = mixed_path (fixture);

  for (guint i = 0; i < G_N_ELEMENTS (filters); i++)
    {
      const char *const *arguments = filters[i].arguments;
      const char *argv[8] = { "cat", PATTERN, path };

      for (guint j = 0; j < G_N_ELEMENTS (filters[i].arguments); j++)
        argv[3 + j] = arguments[j];
      muster_run_with_input (fixture, NULL, argv);
      g_assert_cmpint (fixture->status, ==, 0);
      g_assert_cmpstr (fixture->out, ==, filters[i].messages);
    }
}

/* What a filter leaves out of protobuf can be audited. */
static void
test_filtered_protobuf (Muster *fixture, gconstpointer data)
{
  const char *path = mixed_path (fixture);
  const char *output = muster_path (fixture, "out.pb");

  muster_run (fixture, "cat", "--format=protobuf", "--level=error", "-o", output, path);
  g_assert_cmpint (fixture->status, ==, 0);
  g_assert_cmpstr (fixture->out, ==, "");
  muster_run (fixture, "audit", output);
  g_assert_cmpint (fixture->status, ==, 0);
  assert_contains (fixture->out, "2 streams, 2 entries, 7 declared missing, 0 holes, 0 duplicates\n");
  assert_contains (fixture->out, "01010101 declares as missing: 3 journal-full, 2 filtered\n");
  assert_contains (fixture->out, "02020202 declares as missing: 2 filtered\n");
  muster_run (fixture, "cat", PATTERN, output);
  g_assert_cmpstr (fixture->out, ==, "two\n" GAP "six\n");
}

/* A hole stays one, whatever is left out around it. */
static void
test_holes_stay (Muster *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = g_byte_array_new ();
  const char *output = muster_path (fixture, "out.pb");
  const char *path;

  sample_add_origin (log, 1, "web-1", 1);
  sample_add_records (log, 1, 10);
  sample_add_origin (log, 1, "web-1", 16);
  sample_add_records (log, 16, 10);
  path = muster_write_log (fixture, "all.pb", log);
  muster_run (fixture, "cat", "--format=protobuf", "--grep=5$", "-o", output, path);
  g_assert_cmpint (fixture->status, ==, 0);
  muster_run (fixture, "audit", output);
  g_assert_cmpint (fixture->status, ==, 1);
  assert_contains (fixture->out, "1 stream, 2 entries, 18 declared missing, 5 holes, 0 duplicates\n");
}

static void
test_sort (Muster *fixture, gconstpointer data)
{
  const char *path = mixed_path (fixture);
  const char *output = muster_path (fixture, "out.pb");

  muster_run (fixture, "cat", PATTERN, "--sort=time", path);
  g_assert_cmpint (fixture->status, ==, 0);
  g_assert_cmpstr (fixture->out, ==, "one\nfour\nsix\ntwo\n" GAP "three\nf\xc3\xbcnf\n");
  muster_run (fixture, "cat", "--format=protobuf", "--sort=time", "--level=error", "-o", output, path);
  g_assert_cmpint (fixture->status, ==, 0);
  muster_run (fixture, "audit", output);
  g_assert_cmpint (fixture->status, ==, 0);
  assert_contains (fixture->out, "2 streams, 2 entries, 7 declared missing, 0 holes, 0 duplicates\n");
}

static void
test_unique (Muster *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) other = g_byte_array_new ();
  const char *path = mixed_path (fixture);
  const char *output = muster_path (fixture, "out.pb");
  const char *second;

  /* It has what the first one lacks, and lacks what that one has. */
  sample_add_origin (other, 1, "web-1", 1);
  muster_encode_gap (other, 2, MUSTER_GAP_FILTERED);
  sample_add_record (other, MUSTER_LEVEL_INFO, SAMPLE_TIME, "http", "found");
  second = muster_write_log (fixture, "other.pb", other);
  muster_run (fixture, "cat", PATTERN, "--unique", path, path, second);
  g_assert_cmpint (fixture->status, ==, 0);
  g_assert_cmpstr (fixture->out, ==, "one\ntwo\n" GAP "three\nfour\nf\xc3\xbcnf\nsix\nfound\n");
  muster_run (fixture, "cat", "--format=protobuf", "-u", "-o", output, path, second, path);
  g_assert_cmpint (fixture->status, ==, 0);
  muster_run (fixture, "audit", output);
  g_assert_cmpint (fixture->status, ==, 0);
  assert_contains (fixture->out, "2 streams, 7 entries, 2 declared missing, 0 holes, 0 duplicates\n");
}

static void
test_stdin (Muster *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = mixed_log ();
  g_autoptr (GBytes) bytes = g_bytes_new (log->data, log->len);
  const char *const arguments[] = { "cat", PATTERN, "--worker=mail-1", "-", NULL };

  muster_run_with_input (fixture, bytes, arguments);
  g_assert_cmpint (fixture->status, ==, 0);
  g_assert_cmpstr (fixture->out, ==, "four\nf\xc3\xbcnf\n");
}

/* What came through a pipe is shown before more comes. */
static void
test_live (Muster *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = mixed_log ();
  g_autoptr (GSubprocessLauncher) launcher =
      g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDIN_PIPE);
  const char *const arguments[] = { "cat", PATTERN, "-", NULL };
  g_autoptr (GSubprocess) process = muster_spawn (launcher, arguments);
  g_autoptr (GDataInputStream) lines = g_data_input_stream_new (g_subprocess_get_stdout_pipe (process));
  GOutputStream *input = g_subprocess_get_stdin_pipe (process);
  g_autoptr (GError) error = NULL;
  g_autofree char *line = NULL;

  g_assert_true (g_output_stream_write_all (input, log->data, log->len, NULL, NULL, &error));
  g_output_stream_flush (input, NULL, &error);
  line = g_data_input_stream_read_line (lines, NULL, NULL, &error);
  g_assert_cmpstr (line, ==, "one");
  g_output_stream_close (input, NULL, &error);
  g_assert_no_error (error);
  g_subprocess_wait (process, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_subprocess_get_exit_status (process), ==, 0);
}

/* As `| head -1`: quiet. */
static void
test_closed_output (Muster *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = g_byte_array_new ();
  g_autoptr (GSubprocessLauncher) launcher =
      g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  const char *arguments[] = { "cat", NULL, NULL };
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;
  char byte;

  sample_add_origin (log, 1, "web-1", 1);
  sample_add_records (log, 1, 50000);
  arguments[1] = muster_write_log (fixture, "all.pb", log);
  process = muster_spawn (launcher, arguments);
  g_assert_cmpint (g_input_stream_read (g_subprocess_get_stdout_pipe (process), &byte, 1, NULL, &error), ==, 1);
  g_input_stream_close (g_subprocess_get_stdout_pipe (process), NULL, &error);
  g_assert_cmpint (g_input_stream_read (g_subprocess_get_stderr_pipe (process), &byte, 1, NULL, &error), ==, 0);
  g_subprocess_wait (process, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_if_exited (process));
  g_assert_cmpint (g_subprocess_get_exit_status (process), ==, 0);
}

static void
test_broken (Muster *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = mixed_log ();
  const char *path = mixed_path (fixture);
  const char *torn;

  g_byte_array_set_size (log, log->len - 1);
  torn = muster_write_log (fixture, "torn.pb", log);
  muster_run (fixture, "cat", PATTERN, "--worker=mail-*", torn, muster_path (fixture, "absent.pb"), path);
  g_assert_cmpint (fixture->status, ==, 1);
  g_assert_cmpstr (fixture->out, ==, "four\nf\xc3\xbcnf\nfour\nf\xc3\xbcnf\n");
  assert_contains (fixture->err, "torn.pb: at byte ");
  assert_contains (fixture->err, "the last entry is cut off\n");
  assert_contains (fixture->err, "absent.pb: No such file or directory\n");
}

/* Nobody knows whose they are, but they can be read. */
static void
test_nameless (Muster *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = g_byte_array_new ();

  sample_add_records (log, 1, 2);
  muster_run (fixture, "cat", PATTERN, muster_write_log (fixture, "all.pb", log));
  g_assert_cmpint (fixture->status, ==, 0);
  g_assert_cmpstr (fixture->out, ==, "record 1\nrecord 2\n");
}

static const Filter wrong[] = {
  { { "--level=loud" }, "expected emergency" },
  { { "--since=tomorrow" }, "'tomorrow' is not a time" },
  { { "--until=25:00" }, "'25:00' is not a time" },
  { { "--grep=(" }, "(" },
  { { "--sort=size" }, "expected time" },
  { { "--format=jason" }, "did you mean 'json'" },
  { { "--format=json", "--pattern=x" }, "the format 'json' has no pattern" },
  { { "--pattern={massage}" }, "massage" },
  { { "--theme=nightly" }, "nightly" },
};

static void
test_usage (Muster *fixture, gconstpointer data)
{
  const char *path = mixed_path (fixture);

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      const char *argv[6] = { "cat", path, wrong[i].arguments[0], wrong[i].arguments[1] };

      muster_run_with_input (fixture, NULL, argv);
      g_assert_cmpint (fixture->status, ==, 2);
      g_assert_cmpstr (fixture->out, ==, "");
      assert_contains (fixture->err, wrong[i].messages);
    }
  muster_run (fixture, "cat");
  g_assert_cmpint (fixture->status, ==, 2);
}

static void
test_output (Muster *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = mixed_log ();
  g_autofree char *content = NULL;
  const char *path = mixed_path (fixture);
  const char *output = muster_write (fixture, "out",
                                     "something longer that was there before ------------------------"
                                     "--------------------------------------------",
                                     -1);
  gsize length;

  muster_run (fixture, "cat", "-f", "protobuf", "-o", path, path);
  g_assert_cmpint (fixture->status, ==, 2);
  assert_contains (fixture->err, "is input and output");
  g_assert_true (g_file_get_contents (path, &content, &length, NULL));
  g_assert_cmpmem (content, length, log->data, log->len);
  g_clear_pointer (&content, g_free);

  muster_run (fixture, "cat", PATTERN, "--grep=one", "--level=info", "--until=1714564801", "-o", output, path);
  g_assert_cmpint (fixture->status, ==, 0);
  g_assert_true (g_file_get_contents (output, &content, &length, NULL));
  g_assert_cmpstr (content, ==, "one\n");

  muster_run (fixture, "cat", "-o", "/nonexistent/file", path);
  g_assert_cmpint (fixture->status, ==, 2);
  assert_contains (fixture->err, "/nonexistent/file");
  muster_run (fixture, "cat", "-o", "/dev/full", path);
  g_assert_cmpint (fixture->status, ==, 1);
  assert_contains (fixture->err, "/dev/full: No space left on device");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  muster_test ("/command-cat/text", test_text);
  muster_test ("/command-cat/json", test_json);
  muster_test ("/command-cat/protobuf", test_protobuf);
  muster_test ("/command-cat/filters", test_filters);
  muster_test ("/command-cat/filtered-protobuf", test_filtered_protobuf);
  muster_test ("/command-cat/holes-stay", test_holes_stay);
  muster_test ("/command-cat/sort", test_sort);
  muster_test ("/command-cat/unique", test_unique);
  muster_test ("/command-cat/stdin", test_stdin);
  muster_test ("/command-cat/live", test_live);
  muster_test ("/command-cat/closed-output", test_closed_output);
  muster_test ("/command-cat/broken", test_broken);
  muster_test ("/command-cat/nameless", test_nameless);
  muster_test ("/command-cat/usage", test_usage);
  muster_test ("/command-cat/output", test_output);
  return g_test_run ();
}
