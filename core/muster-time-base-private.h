/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-metrics-private.h"

/* The inverse of muster_time_base_realtime(), and its value now. */
gint64 muster_time_base_boottime (const MusterTimeBase *base, gint64 realtime_ns);
gint64 muster_time_base_read (const MusterTimeBase *base);

/* The boundaries of intervals lie at @start_time_ns + n * @interval_ns, for every whole n, negative ones too. */
gint64 muster_boundary_at_or_before (gint64 time_ns, gint64 start_time_ns, gint64 interval_ns);
gint64 muster_boundary_at_or_after (gint64 time_ns, gint64 start_time_ns, gint64 interval_ns);
