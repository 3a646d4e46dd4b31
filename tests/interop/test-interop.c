/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Our files in other hands: protoc, Google's protobuf library for Python; and a million records through the command. The
 * files are made by make-log, which encodes as workers do.
 */
#include "config.h"

#include <string.h>

#include "run-muster.h"

#define MILLION "1000000"

#define assert_contains(text, part)                                                                                    \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    if (strstr ((text), (part)) == NULL)                                                                               \
      g_error ("'%s' does not contain '%s'", (text), (part));                                                          \
  }                                                                                                                    \
  G_STMT_END

/* Runs a program that must succeed; returns what it prints. */
static char *
run_program (const char *const *argv)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *err = NULL;
  char *out = NULL;
  int status;

  g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err, &status, &error);
  g_assert_no_error (error);
  if (!g_spawn_check_wait_status (status, &error))
    g_error ("%s: %s\n%s%s", argv[0], error->message, out, err);
  return out;
}

#define run_program_args(...) run_program ((const char *const[]){ __VA_ARGS__, NULL })

static const char *
make_log (Muster *fixture, const char *count)
{
  const char *path = muster_path (fixture, "made.pb");

  g_free (run_program_args (g_getenv ("MUSTER_MAKE_LOG"), path, count));
  return path;
}

/* `protoc --decode=muster.v1.Log muster.proto < FILE`, as the documentation says, to "out.txt". */
static char *
decode (Muster *fixture, const char *path)
{
  g_autofree char *command = NULL;
  g_autofree char *proto = g_build_filename (g_getenv ("MUSTER_SOURCE_DIR"), "data", NULL);
  g_autofree char *out = NULL;
  char *content = NULL;
  const char *output = muster_path (fixture, "out.txt");

  command = g_strdup_printf ("protoc --decode=muster.v1.Log --proto_path='%s' muster.proto < '%s' > '%s'", proto, path,
                             output);
  out = run_program_args ("/bin/sh", "-c", command);
  g_assert_true (g_file_get_contents (output, &content, NULL, NULL));
  return content;
}

static gboolean
have_protoc (void)
{
  g_autofree char *path = g_find_program_in_path ("protoc");

  if (path == NULL)
    g_test_skip ("there is no protoc here");
  return path != NULL;
}

static void
test_protoc (Muster *fixture, gconstpointer data)
{
  g_autofree char *text = NULL;

  if (!have_protoc ())
    return;
  text = decode (fixture, make_log (fixture, NULL));
  assert_contains (text, "first_seq: 5\n    host: \"alpha\"\n    cluster: \"shop\"\n    worker: \"web-1\"\n");
  assert_contains (text, "level: WARNING\n    time: 1714564800123456789\n    domain: \"disk\"\n");
  assert_contains (text, "key: \"smallest\"\n      integer: -9223372036854775808\n");
  assert_contains (text, "key: \"largest\"\n      natural: 18446744073709551615\n");
  assert_contains (text, "key: \"no\"\n      flag: false\n");
  assert_contains (text, "gap {\n    count: 70000\n    reason: TORN\n");
  assert_contains (text, "message: \"caf\\\\xe9\"\n    raw: \"caf\\351\"\n");
  assert_contains (text, "worker: \"other\"");
  /* A member that protoc does not know would be a number. */
  g_assert_null (strstr (text, "\n  1"));
}

/* -- Python ---------------------------------------------------------------------------------------- */

/* One that has google.protobuf, and the module made from muster.proto; NULL, and the test skipped, where there is none. */
static const char *
find_python (Muster *fixture)
{
  static const char *const candidates[] = { "python3", "/usr/bin/python3" };
  g_autofree char *proto = g_build_filename (g_getenv ("MUSTER_SOURCE_DIR"), "data", NULL);
  g_autofree char *proto_path = g_strconcat ("--proto_path=", proto, NULL);
  g_autofree char *python_out = g_strconcat ("--python_out=", fixture->directory, NULL);
  g_autofree char *out = NULL;

  if (!have_protoc ())
    return NULL;
  out = run_program_args ("protoc", proto_path, python_out, "muster.proto");
  for (guint i = 0; i < G_N_ELEMENTS (candidates); i++)
    {
      const char *argv[] = { candidates[i], "-B", "-c", "import muster_pb2", NULL };
      int status = -1;

      if (g_spawn_sync (fixture->directory, (char **) argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL,
                        NULL, NULL, NULL, NULL, &status, NULL)
          && g_spawn_check_wait_status (status, NULL))
        return candidates[i];
    }
  g_test_skip ("there is no python3 with google.protobuf here, or not one of protoc's version");
  return NULL;
}

static char *
run_python (Muster *fixture, const char *python, const char *action, const char *path)
{
  g_autofree char *script = g_build_filename (g_getenv ("MUSTER_SOURCE_DIR"), "tests", "interop", "read-log.py", NULL);

  return run_program_args (python, "-B", script, fixture->directory, action, path);
}

static void
test_python (Muster *fixture, gconstpointer data)
{
  const char *python = find_python (fixture);
  g_autofree char *out = NULL;

  if (python != NULL)
    out = run_python (fixture, python, "everything", make_log (fixture, NULL));
}

/* What Python writes, we read. */
static void
test_python_writes (Muster *fixture, gconstpointer data)
{
  const char *python = find_python (fixture);
  const char *path = muster_path (fixture, "python.pb");
  g_autofree char *out = NULL;

  if (python == NULL)
    return;
  out = run_python (fixture, python, "write", path);
  muster_run (fixture, "audit", "--complete", path);
  g_assert_cmpint (fixture->status, ==, 0);
  assert_contains (fixture->out, "1 stream, 2 entries, 4 declared missing, 0 holes, 0 duplicates\n");
  muster_run (fixture, "cat", "--level=error", "--pattern={worker} {seq} {level} {message} {fields}", path);
  g_assert_cmpstr (fixture->out, ==,
                   "python-1 1 error Gr\xc3\xbc\xc3\x9f"
                   "e depth=-5\npython-1 2 - -- 4 entries missing: unknown --\n");
}

/* -- a million ------------------------------------------------------------------------------------- */

static char *
checksum_of_messages (guint count)
{
  GChecksum *checksum = g_checksum_new (G_CHECKSUM_SHA256);
  char *result;

  for (guint i = 0; i < count; i++)
    {
      char message[100];
      int length =
          g_snprintf (message, sizeof message, "GET /articles/%u?page=2 answered 200 with 5120 bytes in 1.25 ms\n", i);

      g_checksum_update (checksum, (const guchar *) message, length);
    }
  result = g_strdup (g_checksum_get_string (checksum));
  g_checksum_free (checksum);
  return result;
}

static void
test_python_count (Muster *fixture, gconstpointer data)
{
  const char *python = find_python (fixture);
  g_autofree char *checksum = checksum_of_messages (100000);
  g_autofree char *expected = g_strdup_printf ("100000 6 %s\n", checksum);
  g_autofree char *out = NULL;

  if (python == NULL)
    return;
  out = run_python (fixture, python, "count", make_log (fixture, "100000"));
  g_assert_cmpstr (out, ==, expected);
}

/* The messages of what protoc prints, which need no escapes. Line by line: a sanitizer's strstr() measures all that is left. */
static char *
checksum_of_protoc (const char *text, guint *n_messages)
{
  static const char key[] = "    message: \"";
  GChecksum *checksum = g_checksum_new (G_CHECKSUM_SHA256);
  char *result;

  *n_messages = 0;
  for (const char *line = text, *end; (end = strchr (line, '\n')) != NULL; line = end + 1)
    {
      if (strncmp (line, key, sizeof key - 1) != 0)
        continue;
      line += sizeof key - 1;
      g_checksum_update (checksum, (const guchar *) line, strchr (line, '"') - line);
      g_checksum_update (checksum, (const guchar *) "\n", 1);
      ++*n_messages;
    }
  result = g_strdup (g_checksum_get_string (checksum));
  g_checksum_free (checksum);
  return result;
}

static void
test_protoc_million (Muster *fixture, gconstpointer data)
{
  g_autofree char *text = NULL;
  g_autofree char *expected = NULL;
  g_autofree char *actual = NULL;
  guint n_messages;

  if (!have_protoc ())
    return;
  expected = checksum_of_messages (1000000);
  text = decode (fixture, make_log (fixture, MILLION));
  actual = checksum_of_protoc (text, &n_messages);
  g_assert_cmpuint (n_messages, ==, 1000000);
  g_assert_cmpstr (actual, ==, expected);
}

/* The messages of JSON lines, which need no escapes. */
static char *
checksum_of_json (const char *path, guint *n_messages, guint *n_lines)
{
  static const char key[] = ",\"message\":\"";
  GChecksum *checksum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autofree char *content = NULL;
  char *result;

  g_assert_true (g_file_get_contents (path, &content, NULL, NULL));
  *n_messages = *n_lines = 0;
  for (char *line = content, *end; (end = strchr (line, '\n')) != NULL; line = end + 1)
    {
      char *message;

      *end = '\0';
      g_assert_true (line[0] == '{' && end[-1] == '}');
      ++*n_lines;
      message = strstr (line, key);
      if (message == NULL)
        continue;
      message += sizeof key - 1;
      g_checksum_update (checksum, (const guchar *) message, strchr (message, '"') - message);
      g_checksum_update (checksum, (const guchar *) "\n", 1);
      ++*n_messages;
    }
  result = g_strdup (g_checksum_get_string (checksum));
  g_checksum_free (checksum);
  return result;
}

static void
test_cat_million (Muster *fixture, gconstpointer data)
{
  const char *path = make_log (fixture, MILLION);
  const char *output = muster_path (fixture, "out.jsonl");
  g_autofree char *expected = checksum_of_messages (1000000);
  g_autofree char *actual = NULL;
  guint n_messages, n_lines;

  muster_run (fixture, "audit", path);
  g_assert_cmpint (fixture->status, ==, 0);
  assert_contains (fixture->out, "2 streams, 1000000 entries, 60 declared missing, 0 holes, 0 duplicates\n");
  muster_run (fixture, "cat", "--format=json", "--output", output, path);
  g_assert_cmpint (fixture->status, ==, 0);
  actual = checksum_of_json (output, &n_messages, &n_lines);
  g_assert_cmpuint (n_messages, ==, 1000000);
  g_assert_cmpuint (n_lines, ==, 1000020);
  g_assert_cmpstr (actual, ==, expected);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  muster_test ("/interop/protoc", test_protoc);
  muster_test ("/interop/protoc-million", test_protoc_million);
  muster_test ("/interop/python", test_python);
  muster_test ("/interop/python-writes", test_python_writes);
  muster_test ("/interop/python-count", test_python_count);
  muster_test ("/interop/cat-million", test_cat_million);
  return g_test_run ();
}
