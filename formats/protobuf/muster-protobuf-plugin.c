/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The plugin's descriptor.
 */
#include "config.h"

#include "muster-format-protobuf.h"
#include "muster-plugin.h"

MUSTER_PLUGIN_DEFINE ("protobuf", MUSTER_VERSION, "The entries' own bytes, or the users' own protobuf messages",
                      "LGPL-2.1-or-later", { MUSTER_PLUGIN_FORMAT, "protobuf", muster_format_protobuf_get_type });
