/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What both ends' ZeroMQ sockets have in common: no lingering, heartbeats, limits. @endpoint: what for. */
void muster_network_options_set (void *socket, const char *endpoint);
