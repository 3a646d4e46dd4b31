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
 * When the time moves a path on, all is forgotten and begins anew. Owned by the transport's thread.
 */
typedef struct _MusterFileRouter MusterFileRouter;

typedef struct
{
  MusterFileOutput *output; /* borrowed; valid until the next call of route */
  MusterBatch *batch;       /* owned */
} MusterFilePart;

MusterFileRouter *muster_file_router_new (const MusterFilePath *path, const MusterFileOptions *options,
                                          gboolean keeps_gaps, guint max_open);
void muster_file_router_free (MusterFileRouter *router); /* closes all */

/* The parts of @batch, in the order of their first entries: of MusterFilePart. */
GArray *muster_file_router_route (MusterFileRouter *router, MusterBatch *batch);

/* The one output of a path without labels, now. */
MusterFileOutput *muster_file_router_get_output (MusterFileRouter *router);

/* Called when an output is to be opened: closes the longest unused ones, so that no more than max_open are open. Those of
 * the last batch stay. */
void muster_file_router_make_room (MusterFileRouter *router);
gboolean muster_file_router_sync (MusterFileRouter *router, GError **error);  /* all that were written to */
gboolean muster_file_router_close (MusterFileRouter *router, GError **error); /* all; they are opened when needed */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterFileRouter, muster_file_router_free)
