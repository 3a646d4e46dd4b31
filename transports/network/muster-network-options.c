/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ZeroMQ settings of both ends.
 */
#include "config.h"

#include "muster-network-options.h"

#include <string.h>
#include <zmq.h>

#include "muster-link-private.h"

/* A lost packet of a handshake is sent again after one second, then two, then four. */
#define HANDSHAKE_MS         10000
#define HEARTBEAT_MS         2000
#define HEARTBEAT_TIMEOUT_MS 6000

static void
set_int (void *socket, int option, int value)
{
  zmq_setsockopt (socket, option, &value, sizeof value);
}

/* A number of IPv4 is bound and shown as such. */
static gboolean
is_ipv4 (const char *endpoint)
{
  return g_str_has_prefix (endpoint, "tcp://") && g_ascii_isdigit (endpoint[strlen ("tcp://")])
         && strspn (endpoint + strlen ("tcp://"), "0123456789.") == strcspn (endpoint + strlen ("tcp://"), ":");
}

void
muster_network_options_set (void *socket, const char *endpoint)
{
  const gint64 largest = MUSTER_LINK_MESSAGE_MAX + 1024; /* CURVE adds a little */

  set_int (socket, ZMQ_LINGER, 0);
  set_int (socket, ZMQ_IPV6, !is_ipv4 (endpoint));
  set_int (socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
  set_int (socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS);
  set_int (socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS);
  set_int (socket, ZMQ_HEARTBEAT_TTL, HEARTBEAT_TIMEOUT_MS);
  set_int (socket, ZMQ_TCP_KEEPALIVE, 1);
  zmq_setsockopt (socket, ZMQ_MAXMSGSIZE, &largest, sizeof largest);
}
