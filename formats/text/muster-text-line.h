/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-text-pattern.h"
#include "muster-text-theme.h"

/*
 * MusterTextLine: makes lines of records, as a pattern and a theme say. What depends on the origin or the level alone is
 * kept ready. Not thread-safe.
 */
typedef struct _MusterTextLine MusterTextLine;

/* Takes the pattern; the theme is only read here. With @indent line feeds in messages are kept and that many blanks put
 * after them; 0: they are escaped. */
MusterTextLine *muster_text_line_new (MusterTextPattern *pattern, const MusterTextTheme *theme, guint indent);
void muster_text_line_free (MusterTextLine *line);

/* Whose records follow; NULL for nobody's. */
void muster_text_line_set_origin (MusterTextLine *line, const MusterOrigin *origin);
void muster_text_line_put (MusterTextLine *line, const MusterRecordView *record, guint64 sequence,
                           MusterTextWriter *writer);

/* Entries that are missing. */
void muster_text_line_put_gap (MusterTextLine *line, guint64 sequence, guint64 count, MusterGapReason reason,
                               MusterTextWriter *writer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterTextLine, muster_text_line_free)
