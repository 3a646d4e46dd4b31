/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-transport.h"

typedef enum
{
  MUSTER_SYSLOG_OCTET_COUNTING,
  MUSTER_SYSLOG_NEWLINE,
} MusterSyslogFraming;

#define MUSTER_TYPE_SYSLOG_FRAMING (muster_syslog_framing_get_type ())
GType muster_syslog_framing_get_type (void) G_GNUC_CONST;

#define MUSTER_TYPE_TRANSPORT_SYSLOG (muster_transport_syslog_get_type ())
G_DECLARE_FINAL_TYPE (MusterTransportSyslog, muster_transport_syslog, MUSTER, TRANSPORT_SYSLOG, MusterTransport)
