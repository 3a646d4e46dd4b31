/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-network-connections.h"
#include "muster-network-gate.h"

/*
 * MusterNetworkListener: the collector's socket, bound, with who may connect to it and who has. Made in any thread; all else
 * belongs to the one that runs the context, freeing it, too, if it was begun.
 */
typedef struct _MusterNetworkListener MusterNetworkListener;

typedef struct
{
  const char *bind;
  gboolean has_keys;
  char secret_key[MUSTER_NETWORK_KEY_SIZE];
  const char *allow_file;
  guint max_connections; /* 0: most of the descriptors that the process may have */
} MusterNetworkListenerOptions;

/* Binds. @callbacks: of the gate; `refused` is called for connections of all sorts. The strings of @options stay with the
 * caller. */
MusterNetworkListener *muster_network_listener_new (const MusterNetworkListenerOptions *options, GMainContext *context,
                                                    const MusterNetworkGateCallbacks *callbacks, gpointer user_data,
                                                    GError **error);
void muster_network_listener_free (MusterNetworkListener *listener);
/* In the thread. */
void muster_network_listener_begin (MusterNetworkListener *listener);

/* Where it has bound, with the port that was chosen. */
const char *muster_network_listener_get_address (MusterNetworkListener *listener);
/* All borrowed. The gate is NULL without keys. */
void *muster_network_listener_get_socket (MusterNetworkListener *listener);
MusterNetworkGate *muster_network_listener_get_gate (MusterNetworkListener *listener);
MusterNetworkConnections *muster_network_listener_get_connections (MusterNetworkListener *listener);
/* Hears of all connections that were made before now: who reads a message knows whose it is. */
void muster_network_listener_catch_up (MusterNetworkListener *listener);
