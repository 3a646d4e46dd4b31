/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What a person writes for a moment: RFC 3339 ("2024-05-01T12:00:00Z"; without a zone, or the date alone, in local time),
 * "HH:MM" or "HH:MM:SS" of today, "-10m" before @now_us, seconds since the Unix epoch. To nanoseconds since then; FALSE
 * with MUSTER_ERROR_INVALID. */
gboolean muster_time_point_parse (const char *text, gint64 now_us, guint64 *time_ns, GError **error);

/* "10s", "5m" (minutes), "90min", and whatever else muster_duration_from_string() reads. */
gboolean muster_time_span_parse (const char *text, gint64 *duration_us, GError **error);
