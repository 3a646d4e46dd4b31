/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Addresses as people write them. Pure functions; any thread.
 */
#include "config.h"

#include "muster-network-address.h"

#include <gio/gio.h>
#include <string.h>

static gboolean
set_expected (const char *endpoint, gboolean bind, GError **error)
{
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "'%s' is no address; expected %s or ipc:///PATH", endpoint,
               bind ? "tcp://*:PORT, tcp://ADDRESS:PORT" : "tcp://HOST:PORT");
  return FALSE;
}

static gboolean
is_port (const char *text, gboolean bind)
{
  guint64 port;

  return (bind && strcmp (text, "*") == 0)
         || (g_ascii_string_to_unsigned (text, 10, 1, G_MAXUINT16, &port, NULL) && port > 0);
}

static gboolean
is_loopback (const char *host)
{
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (host);

  return address != NULL && g_inet_address_get_is_loopback (address);
}

gboolean
muster_network_address_check (const char *endpoint, gboolean bind, gboolean *is_local, GError **error)
{
  const char *port;
  g_autofree char *host = NULL;
  gsize length;

  *is_local = g_str_has_prefix (endpoint, "ipc://");
  if (*is_local)
    return endpoint[strlen ("ipc://")] == '/' || set_expected (endpoint, bind, error);
  if (!g_str_has_prefix (endpoint, "tcp://") || strpbrk (endpoint, " \t;,") != NULL)
    return set_expected (endpoint, bind, error);
  endpoint += strlen ("tcp://");
  port = strrchr (endpoint, ':');
  if (port == NULL || port == endpoint || !is_port (port + 1, bind))
    return set_expected (endpoint - strlen ("tcp://"), bind, error);
  host = g_strndup (endpoint, (gsize) (port - endpoint));
  length = strlen (host);
  if (host[0] == '[' && host[length - 1] == ']')
    {
      host[length - 1] = '\0';
      memmove (host, host + 1, length - 1);
    }
  *is_local = is_loopback (host);
  return (bind || strcmp (host, "*") != 0) || set_expected (endpoint - strlen ("tcp://"), bind, error);
}

gboolean
muster_network_address_allow_plain (const char *endpoint, gboolean is_local, gboolean insecure, const char *keys,
                                    GError **error)
{
  if (is_local || insecure)
    return TRUE;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
               "%s is not on this machine, and without keys everyone on the way may read and write: set %s ('muster "
               "keygen' makes keys), or insecure=true if that is meant",
               endpoint, keys);
  return FALSE;
}
