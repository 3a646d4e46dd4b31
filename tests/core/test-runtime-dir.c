/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "muster-runtime-dir-private.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct
{
  char *base;
  char *path;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->base = g_dir_make_tmp ("muster-XXXXXX", NULL);
  fixture->path = g_build_filename (fixture->base, "run", "shop", NULL);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_autofree char *parent = g_path_get_dirname (fixture->path);

  g_rmdir (fixture->path);
  g_rmdir (parent);
  g_assert_cmpint (g_rmdir (fixture->base), ==, 0); /* each test leaves nothing behind */
  g_free (fixture->path);
  g_free (fixture->base);
}

static int
mode_of (const char *path)
{
  struct stat info;

  return lstat (path, &info) == 0 ? (int) (info.st_mode & 07777) : -1;
}

static MusterRuntimeDir *
open_dir (Fixture *fixture, gboolean shared)
{
  g_autoptr (GError) error = NULL;
  MusterRuntimeDir *dir = muster_runtime_dir_open (fixture->path, "shop", shared, &error);

  g_assert_no_error (error);
  return dir;
}

static void
test_find (void)
{
  g_autofree char *expected = g_strdup_printf ("/tmp/muster-%u/shop", (guint) geteuid ());
  g_autofree char *fallback = NULL;
  g_autofree char *xdg = NULL;
  g_autofree char *systemd = NULL;

  g_unsetenv ("RUNTIME_DIRECTORY");
  g_unsetenv ("XDG_RUNTIME_DIR");
  fallback = muster_runtime_dir_find ("shop");
  g_assert_cmpstr (fallback, ==, expected);
  g_setenv ("XDG_RUNTIME_DIR", "/run/user/7", TRUE);
  xdg = muster_runtime_dir_find ("shop");
  g_assert_cmpstr (xdg, ==, "/run/user/7/muster/shop");
  g_setenv ("RUNTIME_DIRECTORY", "/run/a:/run/b", TRUE);
  systemd = muster_runtime_dir_find ("shop");
  g_assert_cmpstr (systemd, ==, "/run/a");
}

static void
test_names (void)
{
  const char *const good[] = { "a", "web-1", "Shop_2.x" };
  const char *const bad[] = {
    "", ".", "..", ".x", "a/b", "a b", "\xc3\xa4", "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg"
  };

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (muster_name_check (good[i], "name", NULL));
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (muster_name_check (bad[i], "name", &error));
      g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
    }
}

static void
test_modes (Fixture *fixture, gconstpointer data)
{
  MusterRuntimeDir *dir = open_dir (fixture, FALSE);
  g_autofree char *lock = g_build_filename (fixture->path, "lock", NULL);
  g_autofree char *journals = g_strdup (muster_runtime_dir_get_journals (dir));

  g_assert_cmpstr (muster_runtime_dir_get_path (dir), ==, fixture->path);
  g_assert_cmpint (mode_of (fixture->path), ==, 0700);
  g_assert_cmpint (mode_of (lock), ==, 0600);
  g_assert_cmpint (mode_of (muster_runtime_dir_get_fifos (dir)), ==, 0700);
  g_assert_cmpint (mode_of (journals), ==, 0700);
  muster_runtime_dir_free (dir);
  g_assert_cmpint (mode_of (fixture->path), ==, -1);
  g_assert_cmpint (mode_of (journals), ==, -1);

  dir = open_dir (fixture, TRUE);
  g_assert_cmpint (mode_of (fixture->path), ==, 0711);
  muster_runtime_dir_free (dir);
}

static void
test_group_directories (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterRuntimeDir) dir = open_dir (fixture, TRUE);
  g_autoptr (GError) error = NULL;
  g_autofree char *web = g_build_filename (fixture->path, "groups", "web", NULL);

  g_assert_true (muster_runtime_dir_add_group (dir, "web", (gid_t) -1, &error));
  g_assert_cmpint (mode_of (web), ==, 0700);
  g_assert_true (muster_runtime_dir_add_group (dir, "web", getegid (), &error));
  g_assert_no_error (error);
  g_assert_cmpint (mode_of (web), ==, 0750);
}

static void
test_second (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterRuntimeDir) dir = open_dir (fixture, FALSE);
  g_autoptr (GError) error = NULL;
  g_autofree char *expected =
      g_strdup_printf ("another primary, process %d, has the runtime directory %s", (int) getpid (), fixture->path);

  g_assert_null (muster_runtime_dir_open (fixture->path, "shop", FALSE, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_EXISTS);
  g_assert_cmpstr (error->message, ==, expected);
  g_clear_pointer (&dir, muster_runtime_dir_free);
  dir = open_dir (fixture, FALSE); /* free again */
}

static void
test_dead_owner (Fixture *fixture, gconstpointer data)
{
  MusterRuntimeDir *dir;
  pid_t pid = fork ();

  if (pid == 0)
    _exit (muster_runtime_dir_open (fixture->path, "shop", FALSE, NULL) != NULL ? 0 : 1);
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
  dir = open_dir (fixture, FALSE); /* what a killed primary leaves is taken over */
  muster_runtime_dir_free (dir);
}

/* A primary was killed while a worker was being started: that process has its lock for a little longer. */
static void
test_orphan (Fixture *fixture, gconstpointer data)
{
  int status, fds[2];
  char byte;
  pid_t primary;

  g_assert_cmpint (pipe (fds), ==, 0);
  primary = fork ();
  if (primary == 0)
    {
      if (muster_runtime_dir_open (fixture->path, "shop", FALSE, NULL) == NULL)
        _exit (1);
      if (fork () == 0)
        {
          g_usleep (50 * 1000);
          _exit (write (fds[1], "", 1) == 1 ? 0 : 1); /* it still has it here */
        }
      _exit (0);
    }
  g_assert_cmpint (waitpid (primary, &status, 0), ==, primary);
  g_assert_cmpint (status, ==, 0);
  muster_runtime_dir_free (open_dir (fixture, FALSE));
  g_assert_cmpint (read (fds[0], &byte, 1), ==, 1);
  close (fds[0]);
  close (fds[1]);
}

static void
test_writable_by_others (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_mkdir_with_parents (fixture->path, 0755);
  g_chmod (fixture->path, 0777);
  g_assert_null (muster_runtime_dir_open (fixture->path, "shop", FALSE, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, "0777"));
}

/* In /tmp somebody else may have made what lies above: who may rename the directory puts his own in its place. */
static void
test_parent_of_others (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterRuntimeDir) dir = NULL;
  g_autofree char *parent = g_path_get_dirname (fixture->path);
  g_autofree char *link = g_build_filename (parent, "link", NULL);
  g_autofree char *behind = g_build_filename (link, "shop", NULL);

  g_mkdir_with_parents (parent, 0755);
  g_chmod (fixture->base, 01777); /* like /tmp */
  g_chmod (parent, 0777);
  g_assert_null (muster_runtime_dir_open (fixture->path, "shop", FALSE, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, parent));
  g_clear_error (&error);

  g_chmod (parent, 01777);
  g_assert_cmpint (symlink ("/tmp", link), ==, 0); /* which its owner can point elsewhere */
  g_assert_null (muster_runtime_dir_open (behind, "shop", FALSE, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED);
  g_unlink (link);
  dir = open_dir (fixture, FALSE);
  g_assert_nonnull (dir);
}

static void
test_symbolic_link (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *link = g_build_filename (fixture->base, "link", NULL);

  g_assert_cmpint (symlink ("/usr", link), ==, 0);
  g_assert_null (muster_runtime_dir_open (link, "shop", FALSE, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED);
  g_unlink (link);
}

static void
test_endpoint (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *endpoint = muster_runtime_dir_get_endpoint ("/run/muster/shop", "web", &error);
  char path[] = "/run/muster/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234";
  g_autofree char *most = NULL;

  g_assert_no_error (error);
  g_assert_cmpstr (endpoint, ==, "ipc:///run/muster/shop/groups/web/link");
  path[107 - strlen ("/groups/web/link")] = '\0';
  most = muster_runtime_dir_get_endpoint (path, "web", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (strlen (most), ==, 107 + strlen ("ipc://"));
  g_assert_null (muster_runtime_dir_get_endpoint (path, "webs", &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, "has 108 bytes, and 107"));
}

#define ADD(name, func) g_test_add ("/runtime-dir/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/runtime-dir/find", test_find);
  g_test_add_func ("/runtime-dir/names", test_names);
  g_test_add_func ("/runtime-dir/endpoint", test_endpoint);
  ADD ("modes", test_modes);
  ADD ("group-directories", test_group_directories);
  ADD ("second", test_second);
  ADD ("dead-owner", test_dead_owner);
  ADD ("orphan", test_orphan);
  ADD ("writable-by-others", test_writable_by_others);
  ADD ("parent-of-others", test_parent_of_others);
  ADD ("symbolic-link", test_symbolic_link);
  return g_test_run ();
}
