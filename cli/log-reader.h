/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-entry.h"

/*
 * MusterLogReader: the entries of a protobuf file or of standard input, in constant memory. Not thread-safe.
 */
typedef struct _MusterLogReader MusterLogReader;

/* Called before the reader reads on: all that its entries pointed to goes. */
typedef void (*MusterLogReaderFunc) (gpointer user_data);

/* "-" is standard input. NULL with @error (a GFileError, or MUSTER_ERROR_INVALID for a directory). */
MusterLogReader *muster_log_reader_open (const char *path, GError **error);
void muster_log_reader_free (MusterLogReader *self);
void muster_log_reader_set_refill_func (MusterLogReader *self, MusterLogReaderFunc func, gpointer user_data);

/* What a person calls it: the path, or "standard input". */
const char *muster_log_reader_get_name (MusterLogReader *self);
gboolean muster_log_reader_is_regular (MusterLogReader *self);

/* The next entry, origins included. FALSE without @error at the end; else MUSTER_ERROR_CORRUPT where the bytes are wrong,
 * or a GFileError; neither names the file. Where nothing told whose an entry is, its numbers count from 1. */
gboolean muster_log_reader_next (MusterLogReader *self, MusterEntry *entry, GError **error);
/* Behind what has been read; after an error: where it is. */
guint64 muster_log_reader_get_offset (MusterLogReader *self);
/* After an error: whether nothing but the last entry's end is missing. */
gboolean muster_log_reader_is_torn (MusterLogReader *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterLogReader, muster_log_reader_free)
