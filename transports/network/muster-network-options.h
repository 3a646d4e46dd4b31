/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What both ends' ZeroMQ sockets have in common: no lingering, heartbeats, limits. @endpoint: what for. */
void muster_network_options_set (void *socket, const char *endpoint);

/* The next event of a monitor (zmq_socket_monitor(3)); FALSE if there is none. @address may be NULL. */
gboolean muster_network_monitor_read (void *monitor, int *event, int *value, char *address, gsize size);
