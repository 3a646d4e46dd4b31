/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "muster-level.h"
#include "muster-network-keys.h"

/*
 * MusterNetworkGate: who may connect. It answers ZeroMQ's authentication requests (ZAP, RFC 27) from a file of public
 * keys, which it reads again when it changes. One for each ZeroMQ context, made before its sockets are bound.
 */
typedef struct _MusterNetworkGate MusterNetworkGate;

typedef struct
{
  void (*changed) (gpointer user_data); /* others are allowed now */
  void (*refused) (const char *address, const char *why, gpointer user_data);
  void (*report) (MusterLevel level, const char *text, gpointer user_data);
} MusterNetworkGateCallbacks;

/* Reads the file, and listens in @zmq; attached later, in its thread. */
MusterNetworkGate *muster_network_gate_new (void *zmq, const char *allow_file,
                                            const MusterNetworkGateCallbacks *callbacks, gpointer user_data,
                                            GError **error);
void muster_network_gate_attach (MusterNetworkGate *gate, GMainContext *context);
void muster_network_gate_free (MusterNetworkGate *gate);
/* The name of a key's owner; NULL if it is not allowed. Borrowed. */
const char *muster_network_gate_look_up (MusterNetworkGate *gate, const char *key);
