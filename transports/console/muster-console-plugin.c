/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The plugin's descriptor.
 */
#include "config.h"

#include "muster-plugin.h"
#include "muster-transport-console.h"

MUSTER_PLUGIN_DEFINE ("console", MUSTER_VERSION, "To standard output or error, coloured on a terminal",
                      "LGPL-2.1-or-later", { MUSTER_PLUGIN_TRANSPORT, "console", muster_transport_console_get_type });
