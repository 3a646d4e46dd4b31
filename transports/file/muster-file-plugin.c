/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The plugin's descriptor.
 */
#include "config.h"

#include "muster-plugin.h"
#include "muster-transport-file.h"

MUSTER_PLUGIN_DEFINE ("file", MUSTER_VERSION, "Into files, each with one writer", "LGPL-2.1-or-later",
                      { MUSTER_PLUGIN_TRANSPORT, "file", muster_transport_file_get_type });
