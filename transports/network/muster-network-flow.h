/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-network-progress.h"
#include "muster-network-socket.h"
#include "muster-spool.h"

/*
 * MusterNetworkFlow: from the spool to a collector that has welcomed us: how far it is, how much may be on its way, what is. The
 * link's thread.
 */
typedef struct _MusterNetworkFlow MusterNetworkFlow;

/* Borrows both; it is the spool's reader. */
MusterNetworkFlow *muster_network_flow_new (MusterSpool *spool, MusterNetworkProgress *progress);
void muster_network_flow_free (MusterNetworkFlow *flow);
gboolean muster_network_flow_can_pack (MusterNetworkFlow *flow);
/* The collector has taken what is before @number, and gives @credit bytes; the rest is sent (again), packed or not. */
void muster_network_flow_begin (MusterNetworkFlow *flow, guint64 number, guint64 credit, gboolean packs);
/* What is before @number has been taken; the rest is sent (again). */
void muster_network_flow_go_back (MusterNetworkFlow *flow, guint64 number);
/* Sends one batch. FALSE: there is nothing, or no room for it; then either the spool wakes, or an acknowledgement comes, or the
 * socket's `turn`: muster_network_flow_is_held() tells the first from the others. */
gboolean muster_network_flow_send (MusterNetworkFlow *flow, MusterNetworkSocket *socket);
gboolean muster_network_flow_is_held (MusterNetworkFlow *flow);
/* Gives the spool back what ends at @number or before. FALSE: that is nothing. */
gboolean muster_network_flow_acknowledge (MusterNetworkFlow *flow, guint64 number);
/* Where nothing is on its way, nor waits, what is damaged behind it need not be kept: muster_spool_settle(). */
void muster_network_flow_settle (MusterNetworkFlow *flow);
gboolean muster_network_flow_is_idle (MusterNetworkFlow *flow);     /* nothing is unacknowledged */
guint64 muster_network_flow_get_position (MusterNetworkFlow *flow); /* number behind the last that is; 0: nothing is */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterNetworkFlow, muster_network_flow_free)
