/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-transport.h"

#define MUSTER_TYPE_TRANSPORT_NETWORK (muster_transport_network_get_type ())
G_DECLARE_FINAL_TYPE (MusterTransportNetwork, muster_transport_network, MUSTER, TRANSPORT_NETWORK, MusterTransport)

typedef enum
{
  MUSTER_SPOOL_SYNC_NONE,
  MUSTER_SPOOL_SYNC_INTERVAL,
  MUSTER_SPOOL_SYNC_BATCH,
} MusterSpoolSync;

GType muster_spool_sync_get_type (void) G_GNUC_CONST;
#define MUSTER_TYPE_SPOOL_SYNC (muster_spool_sync_get_type ())
