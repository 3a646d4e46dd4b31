/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Facilities and their names. Constant; any thread.
 */
#include "config.h"

#include "muster-syslog-facility.h"

#define VALUE(number, nick)                                                                                            \
  {                                                                                                                    \
    (number), "MUSTER_SYSLOG_FACILITY_" #number, (nick)                                                                \
  }

/* clang-format off */
static const GEnumValue values[] = {
  VALUE (0, "kern"), VALUE (1, "user"), VALUE (2, "mail"), VALUE (3, "daemon"), VALUE (4, "auth"), VALUE (5, "syslog"),
  VALUE (6, "lpr"), VALUE (7, "news"), VALUE (8, "uucp"), VALUE (9, "cron"), VALUE (10, "authpriv"), VALUE (11, "ftp"),
  VALUE (12, "ntp"), VALUE (13, "audit"), VALUE (14, "console"), VALUE (15, "cron2"), VALUE (16, "local0"),
  VALUE (17, "local1"), VALUE (18, "local2"), VALUE (19, "local3"), VALUE (20, "local4"), VALUE (21, "local5"),
  VALUE (22, "local6"), VALUE (23, "local7"), { 0, NULL, NULL },
};
/* clang-format on */

GType
muster_syslog_facility_get_type (void)
{
  static gsize type = 0;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("MusterSyslogFacility", values));
  return type;
}

const char *
muster_syslog_facility_to_string (MusterSyslogFacility facility)
{
  return (guint) facility <= MUSTER_SYSLOG_LOCAL7 ? values[facility].value_nick : "unknown";
}
