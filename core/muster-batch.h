/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "muster-entry.h"

G_BEGIN_DECLS

#define MUSTER_TYPE_BATCH (muster_batch_get_type ())

/**
 * MusterBatch:
 *
 * Entries sent together: an immutable, reference-counted `muster.v1.Log` that starts with its origin, so that it stands
 * alone. A batch has been walked once when it was made: whoever holds one need not fear its outer structure.
 */
typedef struct _MusterBatch MusterBatch;

MUSTER_PUBLIC GType muster_batch_get_type (void) G_GNUC_CONST;
MUSTER_PUBLIC MusterBatch *muster_batch_new (GBytes *log, GError **error);
MUSTER_PUBLIC MusterBatch *muster_batch_ref (MusterBatch *batch);
MUSTER_PUBLIC void muster_batch_unref (MusterBatch *batch);
MUSTER_PUBLIC GBytes *muster_batch_get_bytes (MusterBatch *batch);
MUSTER_PUBLIC gconstpointer muster_batch_get_data (MusterBatch *batch, gsize *size);
MUSTER_PUBLIC const MusterOrigin *muster_batch_get_origin (MusterBatch *batch);
MUSTER_PUBLIC guint64 muster_batch_get_first_seq (MusterBatch *batch);
MUSTER_PUBLIC guint64 muster_batch_get_count (MusterBatch *batch);
MUSTER_PUBLIC guint muster_batch_get_n_records (MusterBatch *batch);
MUSTER_PUBLIC guint muster_batch_get_n_origins (MusterBatch *batch);
MUSTER_PUBLIC gboolean muster_batch_has_kind (MusterBatch *batch, MusterEntryKind kind);
MUSTER_PUBLIC MusterLevel muster_batch_get_max_level (MusterBatch *batch);
MUSTER_PUBLIC MusterLevel muster_batch_get_min_level (MusterBatch *batch);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterBatch, muster_batch_unref)

G_END_DECLS
