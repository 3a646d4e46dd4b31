/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The plugin's descriptor.
 */
#include "config.h"

#include "muster-plugin.h"
#include "muster-source-syslog.h"
#include "muster-transport-syslog.h"

MUSTER_PLUGIN_DEFINE ("syslog", MUSTER_VERSION, "To and from everything that speaks syslog", "LGPL-2.1-or-later",
                      { MUSTER_PLUGIN_TRANSPORT, "syslog", muster_transport_syslog_get_type },
                      { MUSTER_PLUGIN_SOURCE, "syslog", muster_source_syslog_get_type });
