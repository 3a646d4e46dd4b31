/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "muster-file-tail.h"
#include "muster-transport.h"

/* What all outputs of a transport have in common. */
typedef struct
{
  MusterTransport *transport; /* borrowed; told what happens */
  mode_t mode;
  mode_t directory_mode;
  MusterFileContent content;
  gboolean durable; /* whether what is written is to survive the machine */
} MusterFileOptions;

/*
 * MusterFileOutput: one file that is appended to: made with its directories, locked, whole pieces only.
 *
 * It is opened when it is first needed and may be closed at any time. Owned by the transport's thread.
 */
typedef struct _MusterFileOutput MusterFileOutput;

MusterFileOutput *muster_file_output_new (const char *path, const MusterFileOptions *options); /* borrows @options */
void muster_file_output_free (MusterFileOutput *output);                                       /* syncs, if durable */
const char *muster_file_output_get_path (const MusterFileOutput *output);
gboolean muster_file_output_is_open (const MusterFileOutput *output);

/* EXISTS if another has it locked; INVALID if it is no file; CORRUPT if it holds something else; UNAVAILABLE. */
gboolean muster_file_output_open (MusterFileOutput *output, GError **error);

/* Appends all of it or, with UNAVAILABLE, nothing. Opens if need be. */
gboolean muster_file_output_write (MusterFileOutput *output, gconstpointer data, gsize size, GError **error);

/* Undoes the last write that succeeded. */
void muster_file_output_take_back (MusterFileOutput *output);
gboolean muster_file_output_sync (MusterFileOutput *output, GError **error);  /* if it was written to since the last */
gboolean muster_file_output_close (MusterFileOutput *output, GError **error); /* syncs, if durable; closed anyway */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterFileOutput, muster_file_output_free)
