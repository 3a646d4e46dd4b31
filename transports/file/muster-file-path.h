/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <time.h>

#include "muster-entry.h"

/*
 * MusterFilePath: a path with `{worker}`, `{host}`, `{cluster}` and `{time:STRFTIME}` in it; `{{` is a brace.
 *
 * What a label brings never leaves its place: separators, control characters and a leading dot become `_`, and it is cut
 * at 128 bytes. The time is local, and its text is the pattern's author's own: it may make directories.
 */
typedef struct _MusterFilePath MusterFilePath;

MusterFilePath *muster_file_path_new (const char *pattern, GError **error); /* INVALID, with what is wrong */
void muster_file_path_free (MusterFilePath *path);
gboolean muster_file_path_has_labels (const MusterFilePath *path); /* whether it depends on the origin */
gboolean muster_file_path_has_time (const MusterFilePath *path);

/* @origin may be NULL where the path has no labels. */
char *muster_file_path_expand (const MusterFilePath *path, const MusterOrigin *origin, time_t now);

/* What of the path depends on the time alone: as long as it is the same, the same labels have the same path. */
char *muster_file_path_stamp (const MusterFilePath *path, time_t now);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterFilePath, muster_file_path_free)
