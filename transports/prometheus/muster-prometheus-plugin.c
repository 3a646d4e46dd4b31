/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The plugin's descriptor.
 */
#include "config.h"

#include "muster-plugin.h"
#include "muster-transport-prometheus.h"

MUSTER_PLUGIN_DEFINE ("prometheus", MUSTER_VERSION, "Metrics for Prometheus to scrape, over HTTP", "LGPL-2.1-or-later",
                      { MUSTER_PLUGIN_TRANSPORT, "prometheus", muster_transport_prometheus_get_type });
