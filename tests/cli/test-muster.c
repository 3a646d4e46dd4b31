/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "command.h"

static void
test_help (void)
{
  g_auto (CommandResult) result = { 0 };

  command_run (&result, "", COMMAND_ARGS ("--help"));
  g_assert_cmpint (result.status, ==, 0);
  command_assert_contains (result.out, "Usage: muster COMMAND");
  command_assert_contains (result.out, "\n  check ");
  command_assert_contains (result.out, "\n  plugins ");
  g_assert_cmpstr (result.err, ==, "");

  command_run (&result, "", COMMAND_ARGS ("check", "--help"));
  g_assert_cmpint (result.status, ==, 0);
  command_assert_contains (result.out, "muster check [OPTION");
}

static void
test_version (void)
{
  g_auto (CommandResult) result = { 0 };

  command_run (&result, "", COMMAND_ARGS ("--version"));
  g_assert_cmpint (result.status, ==, 0);
  g_assert_cmpstr (result.out, ==, "muster " MUSTER_VERSION "\n");
}

static void
test_usage (void)
{
  g_auto (CommandResult) result = { 0 };

  command_run (&result, "", COMMAND_ARGS (NULL));
  g_assert_cmpint (result.status, ==, 2);
  g_assert_cmpstr (result.out, ==, "");
  command_assert_contains (result.err, "Usage: muster COMMAND");

  command_run (&result, "", COMMAND_ARGS ("chekc"));
  g_assert_cmpint (result.status, ==, 2);
  g_assert_cmpstr (result.err, ==, "muster: unknown command 'chekc'; did you mean 'check'?\nTry 'muster --help'.\n");

  command_run (&result, "", COMMAND_ARGS ("x"));
  g_assert_cmpint (result.status, ==, 2);
  g_assert_cmpstr (result.err, ==, "muster: unknown command 'x'\nTry 'muster --help'.\n");

  command_run (&result, "", COMMAND_ARGS ("--wrong"));
  g_assert_cmpint (result.status, ==, 2);

  command_run (&result, "", COMMAND_ARGS ("plugins", "--wrong"));
  g_assert_cmpint (result.status, ==, 2);
  command_assert_contains (result.err, "Try 'muster plugins --help'.");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/muster/help", test_help);
  g_test_add_func ("/muster/version", test_version);
  g_test_add_func ("/muster/usage", test_usage);
  return g_test_run ();
}
