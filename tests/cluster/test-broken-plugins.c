/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Broken plugins under `muster run`. Where the keyfile needs one, it says which and why, ends with status 2, and starts
 * nothing; what is merely installed may be as broken as it likes. None of the code of a module that is not of our ABI
 * runs: the mocks leave a file when theirs does.
 */
#include "config.h"

#include <dlfcn.h>
#include <string.h>

#include "../plugins/mock-directory.h"
#include "test-tree.h"

typedef struct
{
  Muster muster;
  MockDirectory plugins;
  MockDirectory marks;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  static const char *const broken[] = { "wrong-major", "no-symbol", "start-fails", "transport-fails" };
  g_autofree char *path = NULL;

  tree_set_up (&fixture->muster, data);
  mock_directory_init (&fixture->plugins);
  mock_directory_init (&fixture->marks);
  for (gsize i = 0; i < G_N_ELEMENTS (broken); i++)
    {
      g_autofree char *name = g_strconcat (broken[i], ".so", NULL);

      mock_directory_link (&fixture->plugins, broken[i], name);
    }
  path = g_strjoin (":", fixture->plugins.path, g_getenv ("MUSTER_TREE_PLUGINS"), NULL);
  g_setenv ("MUSTER_PLUGIN_PATH", path, TRUE);
  g_setenv ("MUSTER_MOCK_MARKS", fixture->marks.path, TRUE);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_unsetenv ("MUSTER_MOCK_MARKS");
  mock_directory_clear (&fixture->marks); /* fails if a mark is left */
  mock_directory_clear (&fixture->plugins);
  tree_tear_down (&fixture->muster, data);
}

/* A worker that would leave a file, a good transport, and @more. */
static const char *
write_keyfile (Fixture *fixture, const char *more)
{
  g_autofree char *text =
      g_strdup_printf ("[muster]\nname=broken\n"
                       "[worker w]\nexec=/bin/sh -c 'echo hello > %s; kill $$PPID'\nrestart=no\n"
                       "[transport good]\ntype=file\nformat=protobuf\nsync=none\npath=%s\n%s",
                       muster_path (&fixture->muster, "worker-ran"), muster_path (&fixture->muster, "out.pb"), more);

  return muster_write (&fixture->muster, "broken.conf", text, -1);
}

static void
assert_said (Fixture *fixture, const char *part)
{
  if (strstr (fixture->muster.err, part) == NULL)
    g_error ("'%s' does not contain '%s'", fixture->muster.err, part);
}

/* Neither `check` nor `run` likes it, and no worker was started. */
static void
assert_refused (Fixture *fixture, const char *more, const char *name, const char *reason)
{
  const char *keyfile = write_keyfile (fixture, more);

  muster_run (&fixture->muster, "run", keyfile);
  g_assert_cmpint (fixture->muster.status, ==, 2);
  assert_said (fixture, name);
  assert_said (fixture, reason);
  g_assert_false (g_file_test (muster_path (&fixture->muster, "worker-ran"), G_FILE_TEST_EXISTS));
}

/* Said with file, line, group and key by `check` as well. */
static void
assert_check_refuses (Fixture *fixture, const char *place, const char *reason)
{
  const char *keyfile = muster_path (&fixture->muster, "broken.conf");
  g_autofree char *expected = g_strdup_printf ("%s:%s", keyfile, place);

  muster_run (&fixture->muster, "check", keyfile);
  g_assert_cmpint (fixture->muster.status, ==, 2);
  assert_said (fixture, expected);
  assert_said (fixture, reason);
}

static void
test_wrong_major (Fixture *fixture, gconstpointer data)
{
  static const char reason[] = "wrong-major.so: it was built for plugin ABI 2.0; expected 1.0";

  assert_refused (fixture, "[transport other]\ntype=wrong-major\n", "[transport other] type: ", reason);
  assert_check_refuses (fixture, "12: [transport other] type: ", reason);
}

static void
test_no_symbol (Fixture *fixture, gconstpointer data)
{
  static const char reason[] = "no-symbol.so: it exports no symbol muster_plugin_descriptor";

  assert_refused (fixture, "[transport other]\ntype=no-symbol\n", "[transport other] type: ", reason);
  assert_check_refuses (fixture, "12: [transport other] type: ", reason);
}

static void
test_format_start_fails (Fixture *fixture, gconstpointer data)
{
  static const char reason[] = "nothing pleases this format";

  assert_refused (fixture, "[transport other]\ntype=file\npath=/dev/null\nformat=failing\n",
                  "[transport other] format: ", reason);
  assert_check_refuses (fixture, "14: [transport other] format: ", reason);
}

/* Only a start can find out; so `check` does not. */
static void
test_transport_start_fails (Fixture *fixture, gconstpointer data)
{
  assert_refused (fixture, "[transport other]\ntype=failing\n", "transport other: ", "nowhere to go");
}

static void
test_not_needed (Fixture *fixture, gconstpointer data)
{
  muster_run (&fixture->muster, "run", write_keyfile (fixture, ""));
  g_assert_cmpstr (fixture->muster.err, ==, "");
  g_assert_cmpint (fixture->muster.status, ==, 0);
  g_assert_true (g_file_test (muster_path (&fixture->muster, "worker-ran"), G_FILE_TEST_EXISTS));
  muster_run (&fixture->muster, "audit", "--complete", muster_path (&fixture->muster, "out.pb"));
  g_assert_cmpint (fixture->muster.status, ==, 0);
}

/* The marks are no illusion: a module that is loaded all the same leaves one. */
static void
test_marks (Fixture *fixture, gconstpointer data)
{
  static const char *const modules[][2] = { { "wrong-major", "wrong_major" }, { "no-symbol", "no_symbol" } };

  for (gsize i = 0; i < G_N_ELEMENTS (modules); i++)
    {
      g_autofree char *path = mock_module_path (modules[i][0]);
      void *handle;

      handle = dlopen (path, RTLD_NOW | RTLD_LOCAL);
      if (handle == NULL)
        g_error ("%s", dlerror ());
      g_assert_true (g_file_test (mock_directory_path (&fixture->marks, modules[i][1]), G_FILE_TEST_EXISTS));
    }
}

#define add(path, function) g_test_add (path, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("/broken-plugins/wrong-major", test_wrong_major);
  add ("/broken-plugins/no-symbol", test_no_symbol);
  add ("/broken-plugins/format-start-fails", test_format_start_fails);
  add ("/broken-plugins/transport-start-fails", test_transport_start_fails);
  add ("/broken-plugins/not-needed", test_not_needed);
  add ("/broken-plugins/marks", test_marks);
  return g_test_run ();
}
