/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The plugin's descriptor.
 */
#include "config.h"

#include "muster-format-json.h"
#include "muster-plugin.h"

MUSTER_PLUGIN_DEFINE ("json", MUSTER_VERSION, "JSON lines: an object for each record", "LGPL-2.1-or-later",
                      { MUSTER_PLUGIN_FORMAT, "json", muster_format_json_get_type });
