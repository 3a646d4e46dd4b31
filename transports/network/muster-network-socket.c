/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A sender's socket.
 */
#include "config.h"

#include "muster-network-socket.h"

#include <errno.h>
#include <string.h>

#include "muster-network-options.h"
#include "muster-zmq-monitor-private.h"
#include "muster-zmq-source-private.h"

#define BURST 64
#define EVENTS                                                                                                         \
  (ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED                                  \
   | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL)

struct _MusterNetworkSocket
{
  void *zmq;
  void *socket;
  MusterZmqMonitor *monitor; /* owned */
  GSource *source;           /* owned */
  MusterNetworkSocketCallbacks callbacks;
  gpointer user_data;
};

void
muster_network_socket_want_room (MusterNetworkSocket *self, gboolean want)
{
  muster_zmq_source_set_events (self->source, want ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN);
}

gboolean
muster_network_socket_send (MusterNetworkSocket *self, const MusterLinkHeader *header, const void *payload, gsize size)
{
  guint8 bytes[MUSTER_LINK_HEADER_SIZE];

  muster_link_header_encode (header, bytes);
  if (zmq_send (self->socket, bytes, sizeof bytes, ZMQ_DONTWAIT | (size > 0 ? ZMQ_SNDMORE : 0)) < 0)
    return FALSE;
  /* The first part was taken, so the message is: ZeroMQ applies its limit to whole messages. */
  return size == 0 || zmq_send (self->socket, payload, size, 0) >= 0;
}

/* -- receiving -- */

static void
drop_rest (MusterNetworkSocket *self, gboolean more)
{
  while (more)
    {
      zmq_msg_t rest;

      zmq_msg_init (&rest);
      more = zmq_msg_recv (&rest, self->socket, 0) >= 0 && zmq_msg_more (&rest);
      zmq_msg_close (&rest);
    }
}

static gboolean
receive_one (MusterNetworkSocket *self)
{
  zmq_msg_t first, second;
  MusterLinkHeader header;
  gboolean has_second = FALSE;

  zmq_msg_init (&first);
  if (zmq_msg_recv (&first, self->socket, ZMQ_DONTWAIT) < 0)
    {
      zmq_msg_close (&first);
      return FALSE;
    }
  zmq_msg_init (&second);
  if (zmq_msg_more (&first))
    has_second = zmq_msg_recv (&second, self->socket, 0) >= 0;
  drop_rest (self, has_second && zmq_msg_more (&second));
  if (muster_link_header_decode (zmq_msg_data (&first), zmq_msg_size (&first), &header, NULL))
    self->callbacks.frame (&header, has_second ? zmq_msg_data (&second) : NULL, has_second ? zmq_msg_size (&second) : 0,
                           self->user_data);
  zmq_msg_close (&first);
  zmq_msg_close (&second);
  return TRUE;
}

static void
socket_cb (void *socket, int events, gpointer user_data)
{
  MusterNetworkSocket *self = user_data;

  if (events & ZMQ_POLLOUT)
    muster_network_socket_want_room (self, FALSE);
  for (guint i = 0; i < BURST && receive_one (self); i++)
    ;
  self->callbacks.turn (self->user_data);
}

static void
monitor_cb (int event, int value, const char *address, gpointer user_data)
{
  MusterNetworkSocket *self = user_data;

  self->callbacks.event (event, value, self->user_data);
}

/* -- made and freed -- */

static gboolean
prepare (MusterNetworkSocket *self, const char *endpoint, const char *server_key, const char *public_key,
         const char *secret_key)
{
  const int immediate = 1, high_water = 64, reconnect_ms = 100, reconnect_max_ms = 2000;

  zmq_setsockopt (self->socket, ZMQ_IMMEDIATE, &immediate, sizeof immediate);
  zmq_setsockopt (self->socket, ZMQ_SNDHWM, &high_water, sizeof high_water);
  zmq_setsockopt (self->socket, ZMQ_RECONNECT_IVL, &reconnect_ms, sizeof reconnect_ms);
  zmq_setsockopt (self->socket, ZMQ_RECONNECT_IVL_MAX, &reconnect_max_ms, sizeof reconnect_max_ms);
  muster_network_options_set (self->socket, endpoint);
  return server_key == NULL
         || (zmq_setsockopt (self->socket, ZMQ_CURVE_SERVERKEY, server_key, strlen (server_key)) == 0
             && zmq_setsockopt (self->socket, ZMQ_CURVE_PUBLICKEY, public_key, strlen (public_key)) == 0
             && zmq_setsockopt (self->socket, ZMQ_CURVE_SECRETKEY, secret_key, strlen (secret_key)) == 0);
}

MusterNetworkSocket *
muster_network_socket_connect (const char *endpoint, const char *server_key, const char *public_key,
                               const char *secret_key, GMainContext *context,
                               const MusterNetworkSocketCallbacks *callbacks, gpointer user_data, GError **error)
{
  MusterNetworkSocket *self = g_new0 (MusterNetworkSocket, 1);

  self->callbacks = *callbacks;
  self->user_data = user_data;
  self->zmq = zmq_ctx_new ();
  self->socket = zmq_socket (self->zmq, ZMQ_DEALER);
  if (self->socket != NULL)
    self->monitor = muster_zmq_monitor_new (self->zmq, self->socket, EVENTS, context, monitor_cb, self);
  if (self->monitor == NULL || !prepare (self, endpoint, server_key, public_key, secret_key)
      || zmq_connect (self->socket, endpoint) != 0)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "cannot connect to %s: %s", endpoint,
                   zmq_strerror (errno));
      muster_network_socket_free (self);
      return NULL;
    }
  self->source = muster_zmq_source_new (self->socket, ZMQ_POLLIN, socket_cb, self);
  g_source_attach (self->source, context);
  return self;
}

void
muster_network_socket_free (MusterNetworkSocket *self)
{
  g_clear_pointer (&self->monitor, muster_zmq_monitor_free);
  if (self->source != NULL)
    g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
  if (self->socket != NULL)
    zmq_close (self->socket);
  if (self->zmq != NULL)
    zmq_ctx_term (self->zmq);
  g_free (self);
}
