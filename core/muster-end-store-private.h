/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-end-record-private.h"

/*
 * What a primary knows of a worker's end, in a small file beside the worker's journal ("web-1-STREAM.end") from the moment
 * it learns it until all is delivered: only a parent learns how a process ended, and only once. So a primary that dies
 * between the two takes nothing of it along.
 *
 * A GLib key file, read and written by primaries alone: the journals' directory is not open to workers.
 */

/* An end as it was stored. */
typedef struct
{
  MusterEnd end;     /* without a backtrace: the crash itself is in the journal */
  gint64 ended_us;   /* CLOCK_REALTIME */
  char *stderr_tail; /* owned, nullable; `end` borrows it */
} MusterStoredEnd;

/* The name of the file that belongs to a journal. */
char *muster_end_store_path (const char *journal_path);
/* Whole or not at all, whenever the process is killed; an earlier one is replaced. */
gboolean muster_end_store_write (const char *path, const MusterEnd *end, gint64 ended_us, GError **error);
/* What such a file holds: any bytes. @stored is filled only if it succeeds. */
gboolean muster_end_store_parse (const char *text, gsize length, MusterStoredEnd *stored, GError **error);
/* @stored is filled only if it succeeds. Errors: %MUSTER_ERROR_NOT_FOUND, %MUSTER_ERROR_CORRUPT. */
gboolean muster_end_store_read (const char *path, MusterStoredEnd *stored, GError **error);
void muster_end_store_remove (const char *path);
