/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Endpoints from text. Any thread.
 */
#include "config.h"

#include <string.h>
#include <sys/un.h>

#include "muster-syslog-endpoint.h"

/* RFC 5426, section 3.3 and RFC 5425, section 4.1; for plain TCP there is none but custom. */
#define PORT_PLAIN 514
#define PORT_TLS   6514

static const struct
{
  const char *prefix;
  MusterSyslogKind kind;
} prefixes[] = {
  { "udp://", MUSTER_SYSLOG_UDP },
  { "tcp://", MUSTER_SYSLOG_TCP },
  { "tls://", MUSTER_SYSLOG_TLS },
  { "unix-dgram:", MUSTER_SYSLOG_UNIX_DGRAM },
  { "unix-stream:", MUSTER_SYSLOG_UNIX_STREAM },
  { "unix:", MUSTER_SYSLOG_UNIX },
};

static gboolean
fail (const char *what, const char *text, const char *why, GError **error)
{
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
               "%s: '%s' %s; expected udp://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT, unix:PATH, unix-dgram:PATH or "
               "unix-stream:PATH",
               what, text, why);
  return FALSE;
}

static gboolean
parse_port (const char *text, guint16 *port)
{
  guint64 number;

  if (!g_ascii_string_to_unsigned (text, 10, 1, G_MAXUINT16, &number, NULL))
    return FALSE;
  *port = (guint16) number;
  return TRUE;
}

/* "host", "host:514", "[::1]:514", "*:514" */
static gboolean
parse_address (MusterSyslogEndpoint *endpoint, const char *address, const char *what, const char *text, GError **error)
{
  const char *end = *address == '[' ? strchr (address, ']') : NULL;
  const char *host = *address == '[' ? address + 1 : address;
  const char *colon = end != NULL ? end + 1 : strrchr (address, ':');
  gsize length = end != NULL ? (gsize) (end - host) : colon != NULL ? (gsize) (colon - host) : strlen (host);

  if (*address == '[' && (end == NULL || (*colon != '\0' && *colon != ':')))
    return fail (what, text, "has a bracket that does not end", error);
  if (length == 0)
    return fail (what, text, "names no host", error);
  if (end == NULL && memchr (host, ':', length) != NULL)
    return fail (what, text, "is an IPv6 address without brackets", error);
  endpoint->port = endpoint->kind == MUSTER_SYSLOG_TLS ? PORT_TLS : PORT_PLAIN;
  if (colon != NULL && *colon == ':' && !parse_port (colon + 1, &endpoint->port))
    return fail (what, text, "has no port from 1 to 65535 after the colon", error);
  endpoint->host = g_strndup (host, length);
  return TRUE;
}

static gboolean
parse_path (MusterSyslogEndpoint *endpoint, const char *path, const char *what, const char *text, GError **error)
{
  if (g_str_has_prefix (path, "//")) /* unix:///dev/log */
    path += 2;
  if (*path != '/')
    return fail (what, text, "has no absolute path", error);
  if (strlen (path) >= sizeof ((struct sockaddr_un *) 0)->sun_path)
    return fail (what, text, "has a path that is too long for a socket", error);
  endpoint->host = g_strdup (path);
  return TRUE;
}

MusterSyslogEndpoint *
muster_syslog_endpoint_parse (const char *text, const char *what, GError **error)
{
  if (text == NULL || *text == '\0')
    {
      fail (what, "", "is missing", error);
      return NULL;
    }
  for (guint i = 0; i < G_N_ELEMENTS (prefixes); i++)
    if (g_str_has_prefix (text, prefixes[i].prefix))
      {
        g_autoptr (MusterSyslogEndpoint) endpoint = g_new0 (MusterSyslogEndpoint, 1);
        const char *rest = text + strlen (prefixes[i].prefix);

        endpoint->kind = prefixes[i].kind;
        if (muster_syslog_endpoint_is_unix (endpoint) ? parse_path (endpoint, rest, what, text, error)
                                                      : parse_address (endpoint, rest, what, text, error))
          return g_steal_pointer (&endpoint);
        return NULL;
      }
  fail (what, text, "begins with no protocol", error);
  return NULL;
}

void
muster_syslog_endpoint_free (MusterSyslogEndpoint *endpoint)
{
  g_free (endpoint->host);
  g_free (endpoint);
}

gboolean
muster_syslog_endpoint_is_unix (const MusterSyslogEndpoint *endpoint)
{
  return endpoint->kind >= MUSTER_SYSLOG_UNIX_DGRAM;
}

gboolean
muster_syslog_endpoint_is_datagram (const MusterSyslogEndpoint *endpoint)
{
  return endpoint->kind == MUSTER_SYSLOG_UDP || endpoint->kind == MUSTER_SYSLOG_UNIX_DGRAM;
}
