/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The socket that many peers connect to.
 */
#include "config.h"

#include "muster-zmq-router-private.h"

#include <stdlib.h>
#include <zmq.h>

/* Automatic routing ids start from rand(), which nobody has seeded: two primaries would give the same ones, and a peer
 * that reconnects could be taken for another (libzmq 4.3.4, router.cpp). */
static void
seed_routing_ids (void)
{
  static gsize seeded = 0;

  if (g_once_init_enter (&seeded))
    {
      srand (g_random_int ());
      g_once_init_leave (&seeded, 1);
    }
}

void *
muster_zmq_router_new (void *zmq)
{
  const int zero = 0, one = 1;
  void *socket;

  seed_routing_ids ();
  socket = zmq_socket (zmq, ZMQ_ROUTER);
  if (socket == NULL)
    return NULL;
  zmq_setsockopt (socket, ZMQ_LINGER, &zero, sizeof zero);
  zmq_setsockopt (socket, ZMQ_ROUTER_MANDATORY, &one, sizeof one);
  return socket;
}
