/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * MusterNetworkConnections: the connections that a listening ZeroMQ socket has accepted, by the descriptors that its monitor
 * tells. ZeroMQ hands over nothing of a message before its last part has come, and keeps the parts until then, however many
 * they are (libzmq 4.3.4: the high-water mark counts whole messages). So this watches how much has come over each connection
 * since its last whole message, and ends one that goes beyond what a sender ever has under way. (Over a Unix socket that cannot be counted.)
 *
 * One thread, which runs the context.
 */
typedef struct _MusterNetworkConnections MusterNetworkConnections;

/* One connection, and no later one that gets the same descriptor; 0 is none. */
typedef guint64 MusterNetworkConnection;

/* @address: of the other end, in text. */
typedef void (*MusterNetworkEndlessFunc) (const char *address, gpointer user_data);

/* @most: bytes that may come without a whole message; @endless tells of a connection that was ended for that. */
MusterNetworkConnections *muster_network_connections_new (GMainContext *context, guint64 most,
                                                          MusterNetworkEndlessFunc endless, gpointer user_data);
void muster_network_connections_free (MusterNetworkConnections *connections);
/* Where the socket has bound, as ZeroMQ says; before anything is accepted. */
void muster_network_connections_set_address (MusterNetworkConnections *connections, const char *address);

/* The socket has accepted @fd. */
void muster_network_connections_accepted (MusterNetworkConnections *connections, int fd);
/* It is about to close @fd. */
void muster_network_connections_closed (MusterNetworkConnections *connections, int fd);
/* A whole message has come over @fd. Returns: the connection; 0 if it is not known */
MusterNetworkConnection muster_network_connections_heard (MusterNetworkConnections *connections, int fd);

/* How many are open; of these, how many have been heard. */
guint muster_network_connections_count (MusterNetworkConnections *connections);
guint muster_network_connections_count_heard (MusterNetworkConnections *connections);

/* Ends one, if it is open. ZeroMQ sees that, and does the rest. */
void muster_network_connections_cut (MusterNetworkConnections *connections, MusterNetworkConnection connection);
/* Ends the one that has not been heard for longest, so that there is room for others. */
void muster_network_connections_cut_oldest_unheard (MusterNetworkConnections *connections);
/* Ends all that have not been heard: who they are is not known. */
void muster_network_connections_cut_unheard (MusterNetworkConnections *connections);
