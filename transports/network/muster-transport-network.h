/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-transport.h"

#define MUSTER_TYPE_TRANSPORT_NETWORK (muster_transport_network_get_type ())
G_DECLARE_FINAL_TYPE (MusterTransportNetwork, muster_transport_network, MUSTER, TRANSPORT_NETWORK, MusterTransport)
