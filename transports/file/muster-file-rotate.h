/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <time.h>

#include "muster-error.h"

/*
 * Moves PATH to PATH.1, what was PATH.1 to PATH.2 and so on, of which @keep stay (0: PATH is deleted). Ended anywhere in
 * the middle, nothing is lost: at most a number is missing in between, which the next rotation fills.
 * UNAVAILABLE if something cannot be renamed; then PATH is still there.
 */
gboolean muster_file_rotate (const char *path, guint keep, GError **error);

/* Which interval a time is in: they begin at local midnight (and on Mondays, if they are weeks). */
gint64 muster_file_rotate_get_period (time_t time, gint64 interval_us);
