/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

/* RFC 5424, section 6.2.1, table 1, by the names of syslog(3); those that it does not name as rsyslog does. */
typedef enum
{
  MUSTER_SYSLOG_KERN,
  MUSTER_SYSLOG_USER,
  MUSTER_SYSLOG_MAIL,
  MUSTER_SYSLOG_DAEMON,
  MUSTER_SYSLOG_AUTH,
  MUSTER_SYSLOG_SYSLOG,
  MUSTER_SYSLOG_LPR,
  MUSTER_SYSLOG_NEWS,
  MUSTER_SYSLOG_UUCP,
  MUSTER_SYSLOG_CRON,
  MUSTER_SYSLOG_AUTHPRIV,
  MUSTER_SYSLOG_FTP,
  MUSTER_SYSLOG_NTP,
  MUSTER_SYSLOG_AUDIT,
  MUSTER_SYSLOG_CONSOLE,
  MUSTER_SYSLOG_CRON2,
  MUSTER_SYSLOG_LOCAL0,
  MUSTER_SYSLOG_LOCAL7 = MUSTER_SYSLOG_LOCAL0 + 7,
} MusterSyslogFacility;

#define MUSTER_SYSLOG_PRIORITY_MAX (MUSTER_SYSLOG_LOCAL7 * 8 + 7)

#define MUSTER_TYPE_SYSLOG_FACILITY (muster_syslog_facility_get_type ())
GType muster_syslog_facility_get_type (void) G_GNUC_CONST;

/* "daemon"; any thread. */
const char *muster_syslog_facility_to_string (MusterSyslogFacility facility);
