/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A socket's events. They come over a pair of sockets within the process.
 */
#include "config.h"

#include "muster-zmq-monitor-private.h"

#include <errno.h>
#include <string.h>

#include "muster-zmq-source-private.h"

/* Strangers make events as fast as they like; something else wants a turn, too. */
#define BURST 64
/* What the pair of sockets holds, by their high-water marks. */
#define WAITING_MAX 2000

struct _MusterZmqMonitor
{
  void *watched; /* borrowed */
  void *socket;
  GSource *source; /* owned */
  MusterZmqMonitorFunc function;
  gpointer user_data;
  gboolean is_over; /* nobody is told any more */
};

/* [event, 16 bits; value, 32 bits][address], in the machine's byte order (zmq_socket_monitor(3)). FALSE: there is none. */
static gboolean
handle_one (MusterZmqMonitor *self)
{
  guint8 frame[sizeof (guint16) + sizeof (guint32)];
  char address[256] = "";
  guint16 event;
  gint32 value;
  int length;

  if (zmq_recv (self->socket, frame, sizeof frame, ZMQ_DONTWAIT) != (int) sizeof frame)
    return FALSE;
  length = zmq_recv (self->socket, address, sizeof address - 1, ZMQ_DONTWAIT);
  address[CLAMP (length, 0, (int) sizeof address - 1)] = '\0';
  memcpy (&event, frame, sizeof event);
  memcpy (&value, frame + sizeof event, sizeof value);
  if (!self->is_over)
    self->function (event, value, address, self->user_data);
  return TRUE;
}

void
muster_zmq_monitor_catch_up (MusterZmqMonitor *self)
{
  for (guint i = 0; i < WAITING_MAX && handle_one (self); i++)
    ;
}

static void
monitor_cb (void *socket, int events, gpointer user_data)
{
  for (guint i = 0; i < BURST && handle_one (user_data); i++)
    ;
}

MusterZmqMonitor *
muster_zmq_monitor_new (void *zmq, void *socket, int events, GMainContext *context, MusterZmqMonitorFunc function,
                        gpointer user_data)
{
  MusterZmqMonitor *self = g_new0 (MusterZmqMonitor, 1);
  g_autofree char *address = g_strdup_printf ("inproc://muster-monitor-%p", socket);

  self->watched = socket;
  self->function = function;
  self->user_data = user_data;
  self->socket = zmq_socket (zmq, ZMQ_PAIR);
  if (self->socket == NULL || zmq_socket_monitor (socket, address, events) != 0
      || zmq_connect (self->socket, address) != 0)
    {
      muster_zmq_monitor_free (self);
      return NULL;
    }
  self->source = muster_zmq_source_new (self->socket, ZMQ_POLLIN, monitor_cb, self);
  g_source_attach (self->source, context);
  return self;
}

void
muster_zmq_monitor_free (MusterZmqMonitor *self)
{
  const int zero = 0;
  int problem = zmq_errno ();

  if (self->source != NULL)
    g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
  /* ZeroMQ sends events with the lock held that the next call takes: with no room for them it would wait for ever. */
  self->is_over = TRUE;
  if (self->socket != NULL)
    muster_zmq_monitor_catch_up (self);
  zmq_socket_monitor (self->watched, NULL, 0);
  if (self->socket != NULL)
    {
      zmq_setsockopt (self->socket, ZMQ_LINGER, &zero, sizeof zero);
      zmq_close (self->socket);
    }
  g_free (self);
  errno = problem;
}
