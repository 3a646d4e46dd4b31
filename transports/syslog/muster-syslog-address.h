/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* A sender's address in numbers, without its port; of IPv4 seen through an IPv6 socket the former. FALSE, and nothing
 * written, of local sockets. */
gboolean muster_syslog_address_to_text (const struct sockaddr_storage *address, char text[INET6_ADDRSTRLEN]);
