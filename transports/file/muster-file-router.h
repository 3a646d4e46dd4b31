/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-file-output.h"
#include "muster-file-path.h"

/*
 * MusterFileRouter: which part of a batch goes into which file.
 *
 * Where the path has labels, a batch may be split, and each file has a filter of its own, which sees every batch of the
 * streams that the file has had entries of: so what went elsewhere is declared by a gap (for formats that keep gaps).
 * Files are kept apart from their being open: one that was closed for want of descriptors is continued without a hole.
 * When the time moves a path on, all is forgotten and begins anew.
 *
 * What the files' filters have to declare is kept in the checkpoint, so that another process goes on where this one was
 * killed. Owned by the transport's thread.
 */
typedef struct _MusterFileRouter MusterFileRouter;

typedef struct
{
  MusterFileOutput *output; /* borrowed; valid until the next call of route */
  MusterBatch *batch;       /* owned */
} MusterFilePart;

MusterFileRouter *muster_file_router_new (const MusterFilePath *path, const char *pattern,
                                          const MusterFileOptions *options, gboolean keeps_gaps, guint max_open);
void muster_file_router_free (MusterFileRouter *router); /* closes all */

/* The parts of @batch, in the order of their first entries: of MusterFilePart. */
GArray *muster_file_router_route (MusterFileRouter *router, MusterBatch *batch);

/* Before anything else: cuts the files of an earlier life back to where they were committed, and takes up those that
 * still belong to the path. What cannot be done is reported. */
void muster_file_router_restore (MusterFileRouter *router);

/* How many slots of the checkpoint settle() may take, once a batch of the stream has been routed. */
guint muster_file_router_count_slots (MusterFileRouter *router, const guint8 stream[MUSTER_STREAM_ID_SIZE]);

/* A batch of the stream was written: what its files have yet to declare goes into the checkpoint. @slot is the
 * stream's. */
void muster_file_router_settle (MusterFileRouter *router, const guint8 stream[MUSTER_STREAM_ID_SIZE], guint32 slot);

/* A batch of the stream was routed, and then not written, ever: back to what the checkpoint says. It began at
 * @written. */
void muster_file_router_undo (MusterFileRouter *router, const guint8 stream[MUSTER_STREAM_ID_SIZE], guint64 written);

/* The stream is over. */
void muster_file_router_forget (MusterFileRouter *router, const guint8 stream[MUSTER_STREAM_ID_SIZE]);

/* The one output of a path without labels, now. */
MusterFileOutput *muster_file_router_get_output (MusterFileRouter *router);

/* Called when an output is to be opened: closes the longest unused ones, so that no more than max_open are open. Those of
 * the last batch stay. */
void muster_file_router_make_room (MusterFileRouter *router);
gboolean muster_file_router_sync (MusterFileRouter *router, GError **error); /* all that were written to */
void muster_file_router_sync_late (MusterFileRouter *router);                /* the same; what fails is reported */
void muster_file_router_close (MusterFileRouter *router);                    /* all; they are opened when needed */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterFileRouter, muster_file_router_free)
