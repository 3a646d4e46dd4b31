/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A listening socket from what is written in a keyfile. Nobody is asked for names: an address is a number.
 */
#include "config.h"

#include "muster-error.h"
#include "muster-prometheus-bind.h"

static GSocketAddress *
parse_host (const char *host, guint16 port)
{
  gsize length = strlen (host);
  g_autofree char *inside = NULL;
  g_autoptr (GInetAddress) any = NULL;

  if (strcmp (host, "localhost") == 0)
    host = "127.0.0.1";
  if (strcmp (host, "*") == 0)
    {
      any = g_inet_address_new_any (G_SOCKET_FAMILY_IPV6);
      return g_inet_socket_address_new (any, port);
    }
  if (length > 2 && host[0] == '[' && host[length - 1] == ']')
    host = inside = g_strndup (host + 1, length - 2);
  else if (strchr (host, ':') != NULL)
    return NULL;
  return g_inet_socket_address_new_from_string (host, port);
}

static GSocketAddress *
parse (const char *bind, GError **error)
{
  const char *colon = strrchr (bind, ':');
  g_autofree char *host = colon != NULL ? g_strndup (bind, (gsize) (colon - bind)) : NULL;
  GSocketAddress *address = NULL;
  guint64 port;

  if (colon != NULL && g_ascii_string_to_unsigned (colon + 1, 10, 0, G_MAXUINT16, &port, NULL))
    address = parse_host (host, (guint16) port);
  if (address == NULL)
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                 "bind='%s' is not where one can listen: write an address and a port, as in 127.0.0.1:9464, "
                 "[::1]:9464 or *:9464",
                 bind);
  return address;
}

GSocket *
muster_prometheus_bind (const char *bind, GError **error)
{
  g_autoptr (GSocketAddress) address = parse (bind, error);
  g_autoptr (GSocket) socket = NULL;

  if (address == NULL)
    return NULL;
  socket = g_socket_new (g_socket_address_get_family (address), G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, error);
  if (socket != NULL && g_socket_bind (socket, address, TRUE, error) && g_socket_listen (socket, error))
    {
      g_socket_set_blocking (socket, FALSE);
      return g_steal_pointer (&socket);
    }
  g_prefix_error (error, "cannot listen at %s: ", bind);
  return NULL;
}

char *
muster_prometheus_describe (GSocket *socket)
{
  g_autoptr (GSocketAddress) address = g_socket_get_local_address (socket, NULL);
  g_autofree char *host = NULL;
  guint port;

  if (address == NULL)
    return g_strdup ("an unknown address");
  host = g_inet_address_to_string (g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (address)));
  port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address));
  return g_strdup_printf (strchr (host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, port);
}
