/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One datagram to $NOTIFY_SOCKET: sd_notify(3), section "Notes", describes the protocol and promises that it stays.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "service-manager.h"

#include <glib/gi18n.h>

/* Owned, nullable. */
static char *notify_socket;

void
muster_service_manager_init (void)
{
  g_free (notify_socket);
  notify_socket = g_strdup (g_getenv ("NOTIFY_SOCKET"));
  g_unsetenv ("NOTIFY_SOCKET");
}

static gboolean
set_errno (const char *path, int code, GError **error)
{
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), _ ("telling the service manager at %s: %s"), path,
               g_strerror (code));
  return FALSE;
}

gboolean
muster_service_manager_notify (const char *state, GError **error)
{
  const char *path = notify_socket;
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  socklen_t length;
  gssize n;
  int fd, code;

  if (path == NULL)
    return TRUE;
  if ((path[0] != '/' && path[0] != '@') || strlen (path) >= sizeof address.sun_path)
    return set_errno (path, EAFNOSUPPORT, error);
  memcpy (address.sun_path, path, strlen (path));
  if (path[0] == '@')
    address.sun_path[0] = '\0'; /* an abstract socket */
  length = (socklen_t) (G_STRUCT_OFFSET (struct sockaddr_un, sun_path) + strlen (path));
  fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return set_errno (path, errno, error);
  do
    n = sendto (fd, state, strlen (state), MSG_NOSIGNAL, (struct sockaddr *) &address, length);
  while (n < 0 && errno == EINTR);
  code = errno;
  close (fd);
  return n >= 0 || set_errno (path, code, error);
}
