/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The collector's socket.
 */
#include "config.h"

#include "muster-network-listener.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "muster-error.h"
#include "muster-link-private.h"
#include "muster-network-options.h"
#include "muster-zmq-monitor-private.h"
#include "muster-zmq-router-private.h"

#define EVENTS                                                                                                         \
  (ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL                                   \
   | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_ACCEPT_FAILED)
/* Whole messages that ZeroMQ keeps of one sender before it reads no further. */
#define HIGH_WATER 16
/* So no sender that ends its messages ever has more in ZeroMQ's hands: those, of the next one what has been read, and what frames and
 * encrypts them. */
#define ENDLESS ((guint64) (HIGH_WATER + 1) * (MUSTER_LINK_MESSAGE_MAX + 1024))

struct _MusterNetworkListener
{
  void *zmq;
  void *socket;
  MusterZmqMonitor *monitor;             /* owned */
  MusterNetworkGate *gate;               /* owned; NULL without keys */
  MusterNetworkConnections *connections; /* owned */
  GMainContext *context;                 /* borrowed */
  char *address;                         /* owned */
  guint max_connections;
  MusterNetworkGateCallbacks callbacks;
  gpointer user_data;
};

static void
refuse (MusterNetworkListener *self, const char *address, const char *why)
{
  self->callbacks.refused (address, why, self->user_data);
}

static void
endless_cb (const char *address, gpointer user_data)
{
  refuse (user_data, address, "a message without an end; its connection is cut");
}

/* -- connections -- */

static const char *
explain_failure (MusterNetworkListener *self, int value)
{
  if (value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH)
    return self->gate != NULL ? "it does not use keys" : "it uses keys, and we do not";
  if (value == ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC)
    return "its server-key-file is not our key";
  return "it does not speak our protocol";
}

/* Who has not said who he is for longest makes room: strangers that sit and wait keep nobody out. */
static void
accepted (MusterNetworkListener *self, int fd, const char *address)
{
  muster_network_connections_accepted (self->connections, fd);
  if (muster_network_connections_count (self->connections) <= self->max_connections)
    return;
  muster_network_connections_cut_oldest_unheard (self->connections);
  refuse (self, address, "there are max-connections already; one that has not said who it is is cut");
}

static void
event_cb (int event, int value, const char *address, gpointer user_data)
{
  MusterNetworkListener *self = user_data;

  if (event == ZMQ_EVENT_ACCEPTED)
    accepted (self, value, address);
  else if (event == ZMQ_EVENT_DISCONNECTED)
    muster_network_connections_closed (self->connections, value);
  else if (event == ZMQ_EVENT_ACCEPT_FAILED)
    refuse (self, address, "no room for another connection; raise the limit of open files");
  else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)
    refuse (self, address, explain_failure (self, value));
  else
    refuse (self, address, "it went away before it had said who it is");
}

void
muster_network_listener_catch_up (MusterNetworkListener *self)
{
  muster_zmq_monitor_catch_up (self->monitor);
}

/* -- what it is made of -- */

/* The rest is for files, journals, and others' connections. */
static guint
get_default_max_connections (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return G_MAXINT;
  return (guint) MIN (limit.rlim_cur / 4 * 3, G_MAXINT);
}

static gboolean
fail (GError **error, const char *what)
{
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED, "%s: %s", what, zmq_strerror (errno));
  return FALSE;
}

/* Before the socket is bound: without it everybody would come in. */
static gboolean
set_keys (MusterNetworkListener *self, const MusterNetworkListenerOptions *options, GError **error)
{
  const int one = 1;
  const char *key = options->secret_key;

  if (!options->has_keys)
    return TRUE;
  self->gate = muster_network_gate_new (self->zmq, options->allow_file, &self->callbacks, self->user_data, error);
  if (self->gate == NULL)
    return FALSE;
  if (zmq_setsockopt (self->socket, ZMQ_CURVE_SERVER, &one, sizeof one) == 0
      && zmq_setsockopt (self->socket, ZMQ_CURVE_SECRETKEY, key, strlen (key)) == 0
      && zmq_setsockopt (self->socket, ZMQ_ZAP_DOMAIN, "muster", strlen ("muster")) == 0)
    return TRUE;
  return fail (error, "cannot use keys");
}

static gboolean
open_socket (MusterNetworkListener *self, const char *bind, GError **error)
{
  const int high_water = HIGH_WATER, backlog = 1024;

  self->zmq = zmq_ctx_new ();
  self->socket = self->zmq != NULL ? muster_zmq_router_new (self->zmq) : NULL;
  if (self->socket != NULL)
    self->monitor = muster_zmq_monitor_new (self->zmq, self->socket, EVENTS, self->context, event_cb, self);
  if (self->monitor == NULL)
    return fail (error, "cannot make sockets");
  muster_network_options_set (self->socket, bind);
  zmq_setsockopt (self->socket, ZMQ_RCVHWM, &high_water, sizeof high_water);
  zmq_setsockopt (self->socket, ZMQ_BACKLOG, &backlog, sizeof backlog);
  return TRUE;
}

static gboolean
bind_socket (MusterNetworkListener *self, const char *bind, GError **error)
{
  char address[256] = "";
  size_t size = sizeof address;
  g_autofree char *what = g_strdup_printf ("cannot bind %s", bind);

  if (zmq_bind (self->socket, bind) != 0 || zmq_getsockopt (self->socket, ZMQ_LAST_ENDPOINT, address, &size) != 0)
    return fail (error, what);
  self->address = g_strdup (address);
  muster_network_connections_set_address (self->connections, address);
  return TRUE;
}

/* -- made and freed -- */

MusterNetworkListener *
muster_network_listener_new (const MusterNetworkListenerOptions *options, GMainContext *context,
                             const MusterNetworkGateCallbacks *callbacks, gpointer user_data, GError **error)
{
  MusterNetworkListener *self = g_new0 (MusterNetworkListener, 1);

  self->context = context;
  self->callbacks = *callbacks;
  self->user_data = user_data;
  self->max_connections = options->max_connections > 0 ? options->max_connections : get_default_max_connections ();
  self->connections = muster_network_connections_new (context, ENDLESS, endless_cb, self);
  if (open_socket (self, options->bind, error) && set_keys (self, options, error)
      && bind_socket (self, options->bind, error))
    return self;
  muster_network_listener_free (self);
  return NULL;
}

void
muster_network_listener_begin (MusterNetworkListener *self)
{
  if (self->gate != NULL)
    muster_network_gate_attach (self->gate, self->context);
}

const char *
muster_network_listener_get_address (MusterNetworkListener *self)
{
  return self->address;
}

void *
muster_network_listener_get_socket (MusterNetworkListener *self)
{
  return self->socket;
}

MusterNetworkGate *
muster_network_listener_get_gate (MusterNetworkListener *self)
{
  return self->gate;
}

MusterNetworkConnections *
muster_network_listener_get_connections (MusterNetworkListener *self)
{
  return self->connections;
}

void
muster_network_listener_free (MusterNetworkListener *self)
{
  g_clear_pointer (&self->gate, muster_network_gate_free);
  g_clear_pointer (&self->monitor, muster_zmq_monitor_free);
  if (self->socket != NULL)
    zmq_close (self->socket);
  if (self->zmq != NULL)
    zmq_ctx_term (self->zmq);
  muster_network_connections_free (self->connections);
  g_free (self->address);
  g_free (self);
}
