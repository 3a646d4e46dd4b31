/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <zmq.h>

#include "muster-macros.h"

/* What happens to the connections of a ZeroMQ socket, told in a main context (zmq_socket_monitor(3)). */
typedef struct _MusterZmqMonitor MusterZmqMonitor;

/* One of ZMQ_EVENT_*, and what that says of @value and @address, which is valid during the call only. */
typedef void (*MusterZmqMonitorFunc) (int event, int value, const char *address, gpointer user_data);

/* @events: those to be told of. @socket is borrowed; before it is bound or connected, so that nothing is missed. From then
 * on @function is called in @context's thread. NULL with errno set where ZeroMQ has no more sockets. */
MUSTER_PUBLIC MusterZmqMonitor *muster_zmq_monitor_new (void *zmq, void *socket, int events, GMainContext *context,
                                                        MusterZmqMonitorFunc function, gpointer user_data);
/* Tells of all that has happened before now, in the context's thread. */
MUSTER_PUBLIC void muster_zmq_monitor_catch_up (MusterZmqMonitor *monitor);
/* Before its socket is closed; in the context's thread, or when that has ended. Not from within @function. */
MUSTER_PUBLIC void muster_zmq_monitor_free (MusterZmqMonitor *monitor);
