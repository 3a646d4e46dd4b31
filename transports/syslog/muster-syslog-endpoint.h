/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-error.h"

typedef enum
{
  MUSTER_SYSLOG_UDP,
  MUSTER_SYSLOG_TCP,
  MUSTER_SYSLOG_TLS,
  MUSTER_SYSLOG_UNIX_DGRAM,
  MUSTER_SYSLOG_UNIX_STREAM,
  MUSTER_SYSLOG_UNIX, /* whichever of both is there */
} MusterSyslogKind;

/* Where syslog messages go to, or come from: udp://HOST[:PORT], tcp://, tls://, unix:PATH, unix-dgram:PATH,
 * unix-stream:PATH. */
typedef struct
{
  MusterSyslogKind kind;
  char *host; /* owned; of unix the path */
  guint16 port;
} MusterSyslogEndpoint;

/* MUSTER_ERROR_INVALID, with @what (the property) in front. */
MusterSyslogEndpoint *muster_syslog_endpoint_parse (const char *text, const char *what, GError **error);
void muster_syslog_endpoint_free (MusterSyslogEndpoint *endpoint);
gboolean muster_syslog_endpoint_is_unix (const MusterSyslogEndpoint *endpoint);
gboolean muster_syslog_endpoint_is_datagram (const MusterSyslogEndpoint *endpoint);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterSyslogEndpoint, muster_syslog_endpoint_free)
