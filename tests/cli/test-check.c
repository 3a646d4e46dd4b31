/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "../plugins/mock-directory.h"
#include "command.h"

typedef struct
{
  MockDirectory plugins, files;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  mock_directory_init (&fixture->plugins);
  mock_directory_init (&fixture->files);
  mock_directory_link (&fixture->plugins, "good", "good.so");
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  mock_directory_clear (&fixture->plugins);
  mock_directory_clear (&fixture->files);
}

static void
test_good (Fixture *fixture, gconstpointer data)
{
  g_auto (CommandResult) result = { 0 };
  g_autofree char *expected = NULL;
  const char *path = mock_directory_write (&fixture->files, "good.conf",
                                           "[worker a]\nexec=/bin/true\n[worker b]\nexec=/bin/true\n"
                                           "[transport t]\ntype=mock\nformat=plain\n",
                                           -1);

  command_run (&result, fixture->plugins.path, COMMAND_ARGS ("check", path));
  g_assert_cmpstr (result.err, ==, "");
  g_assert_cmpint (result.status, ==, 0);
  expected = g_strdup_printf ("%s: ok: 2 worker groups, 1 transport\n", path);
  g_assert_cmpstr (result.out, ==, expected);
}

static void
test_sources (Fixture *fixture, gconstpointer data)
{
  g_auto (CommandResult) result = { 0 };
  const char *path = mock_directory_write (&fixture->files, "good.conf", "[source s]\ntype=mock\n", -1);

  command_run (&result, fixture->plugins.path, COMMAND_ARGS ("check", "--", path));
  g_assert_cmpint (result.status, ==, 0);
  command_assert_contains (result.out, ": ok: 0 worker groups, 0 transports, 1 source\n");
}

/* The journals of sources are memory, too: more than there is anywhere, in one journal of the greatest size for each. */
static void
test_room (Fixture *fixture, gconstpointer data)
{
  const guint n = 4096; /* 32 TiB */
  g_auto (CommandResult) result = { 0 };
  g_autoptr (GString) text = g_string_new (NULL);
  const char *path;

  for (guint i = 0; i < n; i++)
    g_string_append_printf (text, "[source s%u]\ntype=mock\njournal-size=%s\n", i, "8589934592");
  path = mock_directory_write (&fixture->files, "much.conf", text->str, -1);
  command_run (&result, fixture->plugins.path, COMMAND_ARGS ("check", path));
  g_assert_cmpint (result.status, ==, 2);
  command_assert_contains (result.err, ": the journals need 32.0");
}

static void
test_bad (Fixture *fixture, gconstpointer data)
{
  g_auto (CommandResult) result = { 0 };
  g_autofree char *first = NULL, *second = NULL;
  const char *path =
      mock_directory_write (&fixture->files, "bad.conf", "[muster]\nnmae=x\n[transport t]\ntype=mokc\n", -1);

  command_run (&result, fixture->plugins.path, COMMAND_ARGS ("check", path));
  g_assert_cmpint (result.status, ==, 2);
  g_assert_cmpstr (result.out, ==, "");
  first = g_strdup_printf ("%s:2: [muster] nmae: unknown key; expected 'name'?\n", path);
  second = g_strdup_printf ("\n%s:4: [transport t] type: there is no transport 'mokc', did you mean 'mock'?", path);
  g_assert_true (g_str_has_prefix (result.err, first));
  command_assert_contains (result.err, second);
}

static void
test_usage (Fixture *fixture, gconstpointer data)
{
  g_auto (CommandResult) result = { 0 };

  command_run (&result, fixture->plugins.path, COMMAND_ARGS ("check"));
  g_assert_cmpint (result.status, ==, 2);
  command_assert_contains (result.err, "muster check: no file given");
  command_run (&result, fixture->plugins.path, COMMAND_ARGS ("check", "a", "b"));
  g_assert_cmpint (result.status, ==, 2);
  command_run (&result, fixture->plugins.path, COMMAND_ARGS ("check", "/nowhere/at/all.conf"));
  g_assert_cmpint (result.status, ==, 2);
  command_assert_contains (result.err, "/nowhere/at/all.conf: cannot be read: No such file or directory\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/check/good", Fixture, NULL, set_up, test_good, tear_down);
  g_test_add ("/check/sources", Fixture, NULL, set_up, test_sources, tear_down);
  g_test_add ("/check/room", Fixture, NULL, set_up, test_room, tear_down);
  g_test_add ("/check/bad", Fixture, NULL, set_up, test_bad, tear_down);
  g_test_add ("/check/usage", Fixture, NULL, set_up, test_usage, tear_down);
  return g_test_run ();
}
