/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whether the other side is still there: tcp(7).
 */
#include "config.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "muster-syslog-keepalive.h"

#define IDLE_S     60
#define INTERVAL_S 10
#define PROBES     6

void
muster_syslog_keepalive_set (GSocket *socket)
{
  g_socket_set_keepalive (socket, TRUE);
  g_socket_set_option (socket, IPPROTO_TCP, TCP_KEEPIDLE, IDLE_S, NULL);
  g_socket_set_option (socket, IPPROTO_TCP, TCP_KEEPINTVL, INTERVAL_S, NULL);
  g_socket_set_option (socket, IPPROTO_TCP, TCP_KEEPCNT, PROBES, NULL);
}
