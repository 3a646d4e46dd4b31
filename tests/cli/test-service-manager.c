/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a service manager hears.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "service-manager.h"

static int
bind_socket (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  memcpy (address.sun_path, path, strlen (path));
  if (path[0] == '@')
    address.sun_path[0] = '\0';
  g_assert_cmpint (bind (fd, (struct sockaddr *) &address,
                         (socklen_t) (G_STRUCT_OFFSET (struct sockaddr_un, sun_path) + strlen (path))),
                   ==, 0);
  return fd;
}

static void
hear (const char *path)
{
  g_autoptr (GError) error = NULL;
  int fd = bind_socket (path);
  char buffer[100];

  g_setenv ("NOTIFY_SOCKET", path, TRUE);
  muster_service_manager_init ();
  g_assert_null (g_getenv ("NOTIFY_SOCKET"));
  g_assert_true (muster_service_manager_notify ("READY=1", &error));
  g_assert_no_error (error);
  g_assert_cmpint (recv (fd, buffer, sizeof buffer, MSG_DONTWAIT), ==, 7);
  g_assert_cmpmem (buffer, 7, "READY=1", 7);
  close (fd);
}

static void
test_path (void)
{
  g_autofree char *directory = g_dir_make_tmp ("muster-notify-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (directory, "socket", NULL);

  hear (path);
  g_unlink (path);
  g_rmdir (directory);
}

static void
test_abstract (void)
{
  g_autofree char *name = g_strdup_printf ("@muster-test-%d-%u", (int) getpid (), g_random_int ());

  hear (name);
}

static void
test_nobody (void)
{
  g_autoptr (GError) error = NULL;

  g_unsetenv ("NOTIFY_SOCKET");
  muster_service_manager_init ();
  g_assert_true (muster_service_manager_notify ("READY=1", &error));
  g_setenv ("NOTIFY_SOCKET", "/nonexistent/socket", TRUE);
  muster_service_manager_init ();
  g_assert_false (muster_service_manager_notify ("READY=1", &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
  g_clear_error (&error);
  g_setenv ("NOTIFY_SOCKET", "relative", TRUE);
  muster_service_manager_init ();
  g_assert_false (muster_service_manager_notify ("READY=1", &error));
  g_assert_nonnull (error);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/service-manager/path", test_path);
  g_test_add_func ("/service-manager/abstract", test_abstract);
  g_test_add_func ("/service-manager/nobody", test_nobody);
  return g_test_run ();
}
