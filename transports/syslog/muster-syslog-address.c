/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Addresses as text.
 */
#include "config.h"

#include <arpa/inet.h>

#include "muster-syslog-address.h"

gboolean
muster_syslog_address_to_text (const struct sockaddr_storage *address, char text[INET6_ADDRSTRLEN])
{
  const struct in6_addr *v6 = &((const struct sockaddr_in6 *) address)->sin6_addr;

  if (address->ss_family == AF_INET)
    return inet_ntop (AF_INET, &((const struct sockaddr_in *) address)->sin_addr, text, INET6_ADDRSTRLEN) != NULL;
  if (address->ss_family != AF_INET6)
    return FALSE;
  if (IN6_IS_ADDR_V4MAPPED (v6))
    return inet_ntop (AF_INET, v6->s6_addr + 12, text, INET6_ADDRSTRLEN) != NULL;
  return inet_ntop (AF_INET6, v6, text, INET6_ADDRSTRLEN) != NULL;
}
