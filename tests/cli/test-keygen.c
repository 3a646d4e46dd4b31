/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `muster keygen`: a pair that belongs together, in files that are nobody else's, and nothing written over.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <sys/stat.h>
#include <zmq.h>

#include "command.h"

#define KEY_LENGTH 40

static mode_t
mode_of (const char *path)
{
  GStatBuf status;

  g_assert_cmpint (g_stat (path, &status), ==, 0);
  return status.st_mode & 07777;
}

static void
test_pair (void)
{
  g_auto (CommandResult) result = { 0 };
  g_autofree char *directory = g_dir_make_tmp ("muster-keygen-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (directory, "shop.key", NULL);
  g_autofree char *public_path = g_strconcat (path, ".pub", NULL);
  g_autofree char *secret = NULL, *public = NULL, *again = NULL;
  char derived[KEY_LENGTH + 1];

  command_run (&result, "", COMMAND_ARGS ("keygen", path, "--name=the shop\nof ours"));
  g_assert_cmpint (result.status, ==, 0);
  g_assert_cmpstr (result.err, ==, "");
  g_assert_true (g_file_get_contents (path, &secret, NULL, NULL));
  g_assert_true (g_file_get_contents (public_path, &public, NULL, NULL));
  g_assert_cmpstr (result.out, ==, public);
  g_assert_true (g_str_has_suffix (public, " the shop of ours\n"));
  g_assert_cmpint (mode_of (path), ==, 0600);
  g_assert_cmpint (mode_of (public_path), ==, 0644);
  secret[KEY_LENGTH] = public[KEY_LENGTH] = '\0';
  g_assert_cmpint (zmq_curve_public (derived, secret), ==, 0);
  g_assert_cmpstr (derived, ==, public);

  command_run (&result, "", COMMAND_ARGS ("keygen", path));
  g_assert_cmpint (result.status, ==, 1);
  command_assert_contains (result.err, "File exists");
  g_assert_true (g_file_get_contents (path, &again, NULL, NULL));
  g_assert_true (g_str_has_prefix (again, secret));

  /* nor is a secret left without its public half */
  g_unlink (path);
  command_run (&result, "", COMMAND_ARGS ("keygen", path));
  g_assert_cmpint (result.status, ==, 1);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  g_unlink (public_path);
  g_rmdir (directory);
}

static void
test_usage (void)
{
  g_auto (CommandResult) result = { 0 };

  command_run (&result, "", COMMAND_ARGS ("keygen"));
  g_assert_cmpint (result.status, ==, 2);
  command_run (&result, "", COMMAND_ARGS ("keygen", "a", "b"));
  g_assert_cmpint (result.status, ==, 2);
  command_run (&result, "", COMMAND_ARGS ("keygen", "/nonexistent/key"));
  g_assert_cmpint (result.status, ==, 1);
  command_assert_contains (result.err, "/nonexistent/key");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/keygen/pair", test_pair);
  g_test_add_func ("/keygen/usage", test_usage);
  return g_test_run ();
}
