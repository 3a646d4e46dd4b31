/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-batch.h"
#include "muster-dataset-private.h"

/*
 * MusterPendingStore: snapshots that have been acknowledged and not delivered, in files, so that the next primary delivers
 * them where this one is killed. A file for each dataset that there will be, beside the journals; a muster.v1.Log each.
 * It survives what the journals survive. One thread, but for muster_pending_store_keep().
 *
 * Before that, from their arrival in the receiver's thread until the cluster's thread has appended them, they are kept in a
 * file for each batch.
 */
typedef struct _MusterPendingStore MusterPendingStore;

MusterPendingStore *muster_pending_store_new (const char *directory);
void muster_pending_store_free (MusterPendingStore *store); /* the files stay */

/* FALSE with %MUSTER_ERROR_FAILED where it cannot be written. @name: of the metrics object. */
gboolean muster_pending_store_append (MusterPendingStore *store, const char *name, const MusterAggregatorPlace *place,
                                      const char *worker, guint pid, const MusterEntry *entry, GError **error);
/* That dataset has been delivered. */
void muster_pending_store_remove (MusterPendingStore *store, const char *name, gint64 end_ns, gboolean is_late);

/* Calls @func with all that is there; @func returns FALSE if it cannot use it. Files of which nothing could be used are
 * removed. Bad bytes end a file: it was being written to when its primary died. */
typedef gboolean (*MusterPendingStoreFunc) (const char *worker, guint pid, const MusterEntry *entry, gboolean is_late,
                                            gpointer user_data);
void muster_pending_store_restore (MusterPendingStore *store, MusterPendingStoreFunc func, gpointer user_data);

/* A batch, by a number of its own; any thread. Where it cannot be written, it is as if it had not been kept. */
void muster_pending_store_keep (MusterPendingStore *store, guint64 number, MusterBatch *batch);
void muster_pending_store_release (MusterPendingStore *store, guint64 number); /* all of it has been appended */
/* What was kept and not released; the files are removed behind @func. */
void muster_pending_store_restore_kept (MusterPendingStore *store, MusterPendingStoreFunc func, gpointer user_data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterPendingStore, muster_pending_store_free)
