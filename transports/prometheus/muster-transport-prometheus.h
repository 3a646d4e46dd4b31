/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-transport.h"

#define MUSTER_TYPE_TRANSPORT_PROMETHEUS (muster_transport_prometheus_get_type ())
G_DECLARE_FINAL_TYPE (MusterTransportPrometheus, muster_transport_prometheus, MUSTER, TRANSPORT_PROMETHEUS,
                      MusterTransport)

/* Where it listens, while it runs: "127.0.0.1:9464". */
const char *muster_transport_prometheus_get_address (MusterTransportPrometheus *self);
