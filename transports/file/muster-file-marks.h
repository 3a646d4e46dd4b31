/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-file-checkpoint.h"

/*
 * MusterFileMarks: where each stream stands, by the checkpoint; and where each stood at the start.
 *
 * The present ones belong to the transport's thread. Those of the start never change, so that any thread may ask.
 * Bounded: a stream that has ended is removed; those that an earlier life left behind are removed after a while if
 * nobody asked for them; and if all else fails the longest untouched ones go.
 */
typedef struct _MusterFileMarks MusterFileMarks;

MusterFileMarks *muster_file_marks_new (MusterFileCheckpoint *checkpoint); /* borrows it */
void muster_file_marks_free (MusterFileMarks *marks);

/* By what was known at the start. A stream that was not known then is wanted from 1, if there was an earlier life; else
 * FALSE. Any thread. */
gboolean muster_file_marks_get_first (MusterFileMarks *marks, const guint8 id[MUSTER_STREAM_ID_SIZE], guint64 *next);

/* Says where a stream stands; returns its slot. There must be room for one slot. A mark never goes back. */
guint32 muster_file_marks_set (MusterFileMarks *marks, const guint8 id[MUSTER_STREAM_ID_SIZE], guint64 next,
                               const MusterPendingRuns *pending);

/* The same for a journal of another machine's. Its sender may be away for long: it is kept for as long as it is not the
 * oldest of too many. */
void muster_file_marks_set_journal (MusterFileMarks *marks, const guint8 id[MUSTER_STREAM_ID_SIZE], guint64 next);
/* Whether a stream of the checkpoint is one of those. */
gboolean muster_file_marks_is_journal (const MusterFileStream *stream);

/* 0 if it is not known. */
guint32 muster_file_marks_find (MusterFileMarks *marks, const guint8 id[MUSTER_STREAM_ID_SIZE]);
void muster_file_marks_remove (MusterFileMarks *marks, const guint8 id[MUSTER_STREAM_ID_SIZE]);

/* A stream that should be removed now: the oldest, where there are too many, or after a while one that nobody asked
 * for, unless other machines' journals are among them. @now_us: monotonic. NULL if there is none. Borrowed. */
const guint8 *muster_file_marks_find_superfluous (MusterFileMarks *marks, gint64 now_us);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterFileMarks, muster_file_marks_free)
