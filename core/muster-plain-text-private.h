/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-entry.h"

/* One encoded record as a line of text for stderr, where no primary listens: time, worker, level, domain, message,
 * fields; control bytes escaped. Cut at @room. Returns its length with the newline; 0 if the entry is no record.
 * Async-signal-safe. */
gsize muster_plain_text_from_entry (const guint8 *entry, gsize length, const char *worker, char *out, gsize room);
