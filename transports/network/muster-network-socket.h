/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-link-private.h"

/*
 * MusterNetworkSocket: a sender's DEALER, with what watches its connection. It cuts what comes into frames, and knows
 * nothing of what they mean. Belongs to the thread of its context. Only the callback `turn` may free it, or none.
 */
typedef struct _MusterNetworkSocket MusterNetworkSocket;

typedef struct
{
  void (*event) (int event, int value, gpointer user_data); /* zmq_socket_monitor(3) */
  void (*frame) (const MusterLinkHeader *header, const void *payload, gsize size, gpointer user_data);
  void (*turn) (gpointer user_data); /* after some of them, or where there is room again */
} MusterNetworkSocketCallbacks;

/* @server_key: NULL for no CURVE. */
MusterNetworkSocket *muster_network_socket_connect (const char *endpoint, const char *server_key,
                                                    const char *public_key, const char *secret_key,
                                                    GMainContext *context,
                                                    const MusterNetworkSocketCallbacks *callbacks, gpointer user_data,
                                                    GError **error);
void muster_network_socket_free (MusterNetworkSocket *self);
/* Copies; FALSE: there is no room now, or no connection. */
gboolean muster_network_socket_send (MusterNetworkSocket *self, const MusterLinkHeader *header, const void *payload,
                                     gsize size);
/* `turn` is called when there is room. */
void muster_network_socket_want_room (MusterNetworkSocket *self, gboolean want);
