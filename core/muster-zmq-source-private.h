/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <zmq.h>

#include "muster-macros.h"

/* Called with the socket's ZMQ_EVENTS, of which those asked for are set. It must handle a bounded number of messages;
 * what is left calls it again. */
typedef void (*MusterZmqFunc) (void *socket, int events, gpointer user_data);

/* A ZeroMQ socket in a main context. The socket belongs to that context's thread and outlives the source. */
MUSTER_PUBLIC GSource *muster_zmq_source_new (void *socket, int events, MusterZmqFunc function, gpointer user_data);
MUSTER_PUBLIC void muster_zmq_source_set_events (GSource *source, int events);
