/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The plugin's descriptor.
 */
#include "config.h"

#include "muster-plugin.h"
#include "muster-source-network.h"
#include "muster-transport-network.h"

MUSTER_PLUGIN_DEFINE ("network", MUSTER_VERSION, "To a collector on another machine, and the collector",
                      "LGPL-2.1-or-later", { MUSTER_PLUGIN_TRANSPORT, "network", muster_transport_network_get_type },
                      { MUSTER_PLUGIN_SOURCE, "network", muster_source_network_get_type });
