/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-source.h"

#define MUSTER_TYPE_SOURCE_NETWORK (muster_source_network_get_type ())
G_DECLARE_FINAL_TYPE (MusterSourceNetwork, muster_source_network, MUSTER, SOURCE_NETWORK, MusterSource)
