/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "known-streams.h"

/*
 * MusterEntryFilter: which entries `muster cat` shows. Not thread-safe.
 */
typedef struct _MusterEntryFilter MusterEntryFilter;

MusterEntryFilter *muster_entry_filter_new (void);
void muster_entry_filter_free (MusterEntryFilter *self);
void muster_entry_filter_set_level (MusterEntryFilter *self, MusterLevel level); /* this or worse */
void muster_entry_filter_add_worker (MusterEntryFilter *self, const char *glob); /* any of them */
void muster_entry_filter_add_domain (MusterEntryFilter *self, const char *glob);
void muster_entry_filter_set_since (MusterEntryFilter *self, guint64 time_ns); /* both included */
void muster_entry_filter_set_until (MusterEntryFilter *self, guint64 time_ns);
gboolean muster_entry_filter_set_grep (MusterEntryFilter *self, const char *regex, GError **error);

/* Whether @entry, no origin, passes. @time_ns: its own time, or that of its stream so far. Gaps pass what asks for the
 * content of records: they may have had it. Metrics pass a level, but no domain or regex. */
gboolean muster_entry_filter_passes (MusterEntryFilter *self, const MusterKnownOrigin *origin, const MusterEntry *entry,
                                     guint64 time_ns);
/* Whether muster_entry_filter_passes() looks at the time. */
gboolean muster_entry_filter_needs_time (MusterEntryFilter *self);

/* The time of a record, or of an interval's end; 0 where there is none. */
guint64 muster_entry_get_time (const MusterEntry *entry);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterEntryFilter, muster_entry_filter_free)
