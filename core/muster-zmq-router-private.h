/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-macros.h"

/* A ROUTER whose sends tell when nobody is there, and whose routing ids no other process gives. Without a linger. To be
 * closed by zmq_close(). NULL with errno set where ZeroMQ has no more sockets. Any thread. */
MUSTER_PUBLIC void *muster_zmq_router_new (void *zmq);
