/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* MusterNetworkLimiter: what strangers cause to be said is said once in a while. One thread. */
typedef struct _MusterNetworkLimiter MusterNetworkLimiter;

MusterNetworkLimiter *muster_network_limiter_new (gint64 interval_us, guint most);
void muster_network_limiter_free (MusterNetworkLimiter *limiter);
/* Whether to say it now: not if the same was said within the interval, nor if @most others were. @n_before: how often
 * anything was kept back since the last time that something was said. */
gboolean muster_network_limiter_allow (MusterNetworkLimiter *limiter, const char *what, gint64 now_us,
                                       guint64 *n_before);
