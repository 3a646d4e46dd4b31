/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-transport.h"

#define MUSTER_TYPE_TRANSPORT_FILE (muster_transport_file_get_type ())
G_DECLARE_FINAL_TYPE (MusterTransportFile, muster_transport_file, MUSTER, TRANSPORT_FILE, MusterTransport)
