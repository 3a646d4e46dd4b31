/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The state directory: found, made, refused.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "muster-state-dir-private.h"

typedef struct
{
  char *base;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->base = g_dir_make_tmp ("muster-state-XXXXXX", NULL);
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  const char *name;

  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      remove_tree (child);
    }
  g_remove (path);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  remove_tree (fixture->base);
  g_free (fixture->base);
}

static void
assert_found (const char *expected)
{
  g_autofree char *path = muster_state_dir_find ("shop");

  g_assert_cmpstr (path, ==, expected);
}

static void
test_find (void)
{
  g_autofree char *own = g_build_filename (g_get_user_state_dir (), "muster", "shop", NULL);
  uid_t uid = geteuid ();

  g_unsetenv ("STATE_DIRECTORY");
  assert_found (uid == 0 ? "/var/lib/muster/shop" : own);
  if (uid == 0)
    {
      g_assert_cmpint (seteuid (65534), ==, 0);
      assert_found (own);
      g_assert_cmpint (seteuid (0), ==, 0);
    }
  g_setenv ("STATE_DIRECTORY", "/var/lib/a:/var/lib/b", TRUE);
  assert_found ("/var/lib/a");
  g_unsetenv ("STATE_DIRECTORY");
}

static void
test_make (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->base, "lib", "shop", NULL);
  g_autofree char *expected = g_build_filename (path, "transports", NULL);
  g_autoptr (GError) error = NULL;
  mode_t old = umask (0);
  struct stat info;

  for (guint i = 0; i < 2; i++) /* made, then found */
    {
      g_autofree char *transports = muster_state_dir_make (path, &error);

      g_assert_no_error (error);
      g_assert_cmpstr (transports, ==, expected);
    }
  umask (old);
  g_assert_cmpint (g_stat (path, &info), ==, 0);
  g_assert_cmpuint (info.st_mode & 07777, ==, 0750);
  g_assert_cmpint (g_stat (expected, &info), ==, 0);
  g_assert_cmpuint (info.st_mode & 07777, ==, 0750);
}

static void
assert_refused (const char *path, const char *reason)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (muster_state_dir_make (path, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_nonnull (strstr (error->message, "name another one with state-dir"));
  if (strstr (error->message, reason) == NULL)
    g_error ("'%s' is not in '%s'", reason, error->message);
}

static void
test_refused (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->base, "shop", NULL);
  g_autofree char *below = g_build_filename (path, "below", NULL);

  g_assert_true (g_file_set_contents (path, "a file", -1, NULL));
  assert_refused (path, "cannot make");
  assert_refused (below, "Not a directory");
  g_unlink (path);
  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  g_assert_cmpint (g_chmod (path, 0777), ==, 0);
  assert_refused (path, "with mode 0777");
  if (geteuid () != 0)
    {
      g_assert_cmpint (g_chmod (path, 0500), ==, 0);
      assert_refused (path, "Permission denied");
      return;
    }
  g_assert_cmpint (g_chmod (path, 0755), ==, 0);
  g_assert_cmpint (chown (path, 65534, (gid_t) -1), ==, 0);
  assert_refused (path, "it belongs to user 65534");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/state-dir/find", test_find);
  g_test_add ("/state-dir/make", Fixture, NULL, set_up, test_make, tear_down);
  g_test_add ("/state-dir/refused", Fixture, NULL, set_up, test_refused, tear_down);
  return g_test_run ();
}
