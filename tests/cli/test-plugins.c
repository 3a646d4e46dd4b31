/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "../plugins/mock-directory.h"
#include "command.h"

typedef struct
{
  MockDirectory plugins;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  mock_directory_init (&fixture->plugins);
  mock_directory_link (&fixture->plugins, "good", "good.so");
  mock_directory_link (&fixture->plugins, "wrong-major", "wrong-major.so");
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  mock_directory_clear (&fixture->plugins);
}

static void
test_table (Fixture *fixture, gconstpointer data)
{
  g_auto (CommandResult) result = { 0 };
  g_autofree char *broken = g_strdup_printf (
      "wrong-major  broken: %s/wrong-major.so: it was built for plugin ABI 2.0; ", fixture->plugins.path);

  command_run (&result, fixture->plugins.path, COMMAND_ARGS ("plugins"));
  g_assert_cmpstr (result.err, ==, "");
  g_assert_cmpint (result.status, ==, 0);
  command_assert_contains (result.out, "good  1.0       format plain, transport mock, source mock");
  command_assert_contains (result.out, "  Does nothing, well\n");
  command_assert_contains (result.out, broken);
}

static void
test_keys (Fixture *fixture, gconstpointer data)
{
  g_auto (CommandResult) result = { 0 };

  command_run (&result, fixture->plugins.path, COMMAND_ARGS ("plugins", "good"));
  g_assert_cmpstr (result.err, ==, "");
  g_assert_cmpint (result.status, ==, 0);
  command_assert_contains (result.out, "\n[format NAME]\ntype=plain\n"
                                       "\n# What a line looks like\n# text\n#pattern={message}\n");
  command_assert_contains (result.out, "\n[transport NAME]\ntype=mock\n");
  command_assert_contains (result.out, "\n# How deep\n# integer: a whole number from 1 to 9\n#depth=3\n");
  command_assert_contains (result.out, "\n#level=debug\n"); /* of every transport */
  command_assert_contains (result.out, "\n[source NAME]\ntype=mock\n");
  g_assert_null (strstr (result.out, "#name="));

  command_run (&result, fixture->plugins.path, COMMAND_ARGS ("plugins", "mock")); /* a type's name does as well */
  g_assert_cmpint (result.status, ==, 0);
  command_assert_contains (result.out, "\n#depth=3\n");
}

static void
test_groups (Fixture *fixture, gconstpointer data)
{
  g_auto (CommandResult) result = { 0 };

  command_run (&result, fixture->plugins.path, COMMAND_ARGS ("plugins", "worker"));
  g_assert_cmpint (result.status, ==, 0);
  g_assert_true (g_str_has_prefix (result.out, "[worker NAME]\n"));
  command_assert_contains (result.out, "\n#exec=\n");
  g_assert_null (strstr (result.out, "#name="));
  command_run (&result, fixture->plugins.path, COMMAND_ARGS ("plugins", "muster"));
  g_assert_cmpint (result.status, ==, 0);
  command_assert_contains (result.out, "\n#name=");
  command_assert_contains (result.out, "\n#interval=10s\n");
  command_assert_contains (result.out, "\n#include=\n");
  command_run (&result, fixture->plugins.path, COMMAND_ARGS ("plugins", "metrics"));
  g_assert_cmpint (result.status, ==, 0);
  g_assert_true (g_str_has_prefix (result.out, "[metrics NAME]\n"));
  command_assert_contains (result.out, "\n#max-metrics=10000\n");
}

static void
test_json (Fixture *fixture, gconstpointer data)
{
  g_auto (CommandResult) result = { 0 };

  command_run (&result, fixture->plugins.path, COMMAND_ARGS ("plugins", "--json"));
  g_assert_cmpint (result.status, ==, 0);
  g_assert_true (g_str_has_prefix (result.out, "[{\"name\":\"good\",\"path\":\"/"));
  command_assert_contains (result.out,
                           ",\"version\":\"1.0\",\"description\":\"Does nothing, well\",\"licence\":\"MIT\","
                           "\"types\":[{\"kind\":\"format\",\"name\":\"plain\",\"keys\":[{\"name\":");
  command_assert_contains (result.out,
                           "{\"name\":\"depth\",\"type\":\"integer\",\"default\":\"3\",\"expected\":\"a whole "
                           "number from 1 to 9\",\"help\":\"How deep\"}");
  command_assert_contains (result.out, ",\n{\"name\":\"wrong-major\",\"path\":\"/");
  command_assert_contains (result.out, "wrong-major.so\",\"problem\":\"it was built for plugin ABI 2.0; ");
  g_assert_true (g_str_has_suffix (result.out, "\"}]\n"));

  command_run (&result, fixture->plugins.path, COMMAND_ARGS ("plugins", "--json", "good"));
  g_assert_cmpint (result.status, ==, 0);
  g_assert_null (strstr (result.out, "wrong-major"));
}

static void
test_errors (Fixture *fixture, gconstpointer data)
{
  g_auto (CommandResult) result = { 0 };

  command_run (&result, fixture->plugins.path, COMMAND_ARGS ("plugins", "wrong-major"));
  g_assert_cmpint (result.status, ==, 1);
  command_assert_contains (result.err, "muster plugins: the plugin 'wrong-major' is broken: ");
  command_run (&result, fixture->plugins.path, COMMAND_ARGS ("plugins", "goood"));
  g_assert_cmpint (result.status, ==, 1);
  g_assert_cmpstr (result.err, ==, "muster plugins: there is no plugin 'goood'; did you mean 'good'?\n");
  command_run (&result, fixture->plugins.path, COMMAND_ARGS ("plugins", "a", "b"));
  g_assert_cmpint (result.status, ==, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/plugins/table", Fixture, NULL, set_up, test_table, tear_down);
  g_test_add ("/plugins/keys", Fixture, NULL, set_up, test_keys, tear_down);
  g_test_add ("/plugins/groups", Fixture, NULL, set_up, test_groups, tear_down);
  g_test_add ("/plugins/json", Fixture, NULL, set_up, test_json, tear_down);
  g_test_add ("/plugins/errors", Fixture, NULL, set_up, test_errors, tear_down);
  return g_test_run ();
}
