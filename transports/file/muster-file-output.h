/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "muster-file-checkpoint.h"
#include "muster-file-tail.h"
#include "muster-transport.h"

/* What all outputs of a transport have in common. */
typedef struct
{
  MusterTransport *transport;       /* borrowed; told what happens */
  MusterFileCheckpoint *checkpoint; /* borrowed */
  mode_t mode;
  mode_t directory_mode;
  MusterFileContent content;
  gboolean durable;          /* whether what is written is to survive the machine */
  guint64 rotate_size;       /* bytes; 0: never */
  gint64 rotate_interval_us; /* 0: never */
  guint keep;                /* old files */
} MusterFileOptions;

/*
 * MusterFileOutput: one file that is appended to: made with its directories, locked, whole pieces only, rotated.
 *
 * It is opened when it is first needed and may be closed at any time. One piece is written in steps, so that several
 * outputs can have one batch together:
 *
 *   prepare   opens, rotates, and finds where the piece will begin. If the checkpoint did not say so yet, it is told, and
 *             must be committed before
 *   write     appends
 *   settle    tells the checkpoint where the piece ended; or take_back, and the piece was never there
 *
 * Owned by the transport's thread.
 */
typedef struct _MusterFileOutput MusterFileOutput;

MusterFileOutput *muster_file_output_new (const char *path, const MusterFileOptions *options); /* borrows @options */
void muster_file_output_free (MusterFileOutput *output); /* closes; its place in the checkpoint stays */
const char *muster_file_output_get_path (const MusterFileOutput *output);
guint32 muster_file_output_get_slot (const MusterFileOutput *output); /* in the checkpoint; 0 if it is not there */
gboolean muster_file_output_is_open (const MusterFileOutput *output);

/* The output has been here before, in an earlier life: cuts off what that has not committed. If the file has been moved
 * within its directory, it is found there. Leaves it closed. Where it cannot be done now, it is done when the file is
 * opened. */
gboolean muster_file_output_recover (MusterFileOutput *output, const MusterFilePlace *place, GError **error);

/* EXISTS if another has it locked; INVALID if it is no file; CORRUPT if it holds something else; UNAVAILABLE. */
gboolean muster_file_output_open (MusterFileOutput *output, GError **error);

/* The same, or UNAVAILABLE: the checkpoint has no room. */
gboolean muster_file_output_prepare (MusterFileOutput *output, gsize size, GError **error);

/* Appends all of it or, with UNAVAILABLE, nothing. */
gboolean muster_file_output_write (MusterFileOutput *output, gconstpointer data, gsize size, GError **error);
void muster_file_output_settle (MusterFileOutput *output);

/* Undoes the last write that succeeded. */
void muster_file_output_take_back (MusterFileOutput *output);

/* Makes durable what was written since the last time. What could not be made so is not tried again: the kernel has
 * given it up, and would say that all is well. */
gboolean muster_file_output_sync (MusterFileOutput *output, GError **error);

/* The same where what was written is acknowledged already: reports which bytes are in danger, and closes the file. */
void muster_file_output_sync_late (MusterFileOutput *output);
void muster_file_output_close (MusterFileOutput *output); /* syncs, if durable */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterFileOutput, muster_file_output_free)
