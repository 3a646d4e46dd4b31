/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-source.h"

#define MUSTER_TYPE_SOURCE_SYSLOG (muster_source_syslog_get_type ())
G_DECLARE_FINAL_TYPE (MusterSourceSyslog, muster_source_syslog, MUSTER, SOURCE_SYSLOG, MusterSource)

/* Where the endpoint with this number of `bind` is bound; 0 for a local one. Between start and stop. */
guint16 muster_source_syslog_get_port (MusterSourceSyslog *self, guint number);
