/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Times as they stand in syslog messages. Both return how many bytes the time took, 0 if there is none; any bytes may be
 * given. Any thread. */

/* 2026-11-22T09:15:00.123456+01:00: RFC 3339, with up to nine digits of a second's parts. */
gsize muster_syslog_time_parse_rfc3339 (const char *text, gsize length, guint64 *time_ns);
/* The same without the zone at its end: in this machine's. */
gsize muster_syslog_time_parse_zoneless (const char *text, gsize length, guint64 *time_ns);
/* "Nov 22 09:15:00", in this machine's zone, of the year in which that is nearest to @now_ns; some devices write the year
 * behind the day, or parts of a second. */
gsize muster_syslog_time_parse_old (const char *text, gsize length, guint64 now_ns, guint64 *time_ns);
