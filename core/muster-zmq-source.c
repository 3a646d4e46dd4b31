/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A ZeroMQ socket as a GSource.
 *
 * ZMQ_FD is edge-triggered, and every send, receive and getsockopt may consume the edge (zmq_getsockopt(3), ZMQ_FD). So
 * the state is asked for with ZMQ_EVENTS in prepare, before poll() may sleep, and in check, after it: nothing that came
 * between can be missed.
 */
#include "config.h"

#include "muster-zmq-source-private.h"

typedef struct
{
  GSource source;
  void *socket; /* borrowed */
  int events;   /* asked for */
  int ready;
  gpointer tag;
} ZmqSource;

static gboolean
look (ZmqSource *self)
{
  int events = 0;
  size_t size = sizeof events;

  if (zmq_getsockopt (self->socket, ZMQ_EVENTS, &events, &size) != 0)
    events = 0;
  self->ready = events & self->events;
  return self->ready != 0;
}

static gboolean
zmq_source_prepare (GSource *source, gint *timeout)
{
  *timeout = -1;
  return look ((ZmqSource *) source);
}

static gboolean
zmq_source_check (GSource *source)
{
  return look ((ZmqSource *) source);
}

static gboolean
zmq_source_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  ZmqSource *self = (ZmqSource *) source;

  ((MusterZmqFunc) (void (*) (void)) callback) (self->socket, self->ready, user_data);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs functions = {
  .prepare = zmq_source_prepare,
  .check = zmq_source_check,
  .dispatch = zmq_source_dispatch,
};

GSource *
muster_zmq_source_new (void *socket, int events, MusterZmqFunc function, gpointer user_data)
{
  GSource *source = g_source_new (&functions, sizeof (ZmqSource));
  ZmqSource *self = (ZmqSource *) source;
  int fd = -1;
  size_t size = sizeof fd;

  self->socket = socket;
  self->events = events;
  zmq_getsockopt (socket, ZMQ_FD, &fd, &size);
  self->tag = g_source_add_unix_fd (source, fd, G_IO_IN);
  g_source_set_callback (source, (GSourceFunc) (void (*) (void)) function, user_data, NULL);
  g_source_set_static_name (source, "muster-zmq");
  return source;
}

void
muster_zmq_source_set_events (GSource *source, int events)
{
  ((ZmqSource *) source)->events = events;
}
