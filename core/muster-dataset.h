/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "muster-entry.h"

G_BEGIN_DECLS

#define MUSTER_TYPE_DATASET (muster_dataset_get_type ())

/**
 * MusterDataset:
 *
 * The cluster's metrics over one interval: an immutable, reference-counted value.
 */
typedef struct _MusterDataset MusterDataset;

MUSTER_PUBLIC GType muster_dataset_get_type (void) G_GNUC_CONST;
MUSTER_PUBLIC MusterDataset *muster_dataset_ref (MusterDataset *dataset);
MUSTER_PUBLIC void muster_dataset_unref (MusterDataset *dataset);
MUSTER_PUBLIC guint muster_dataset_get_id (MusterDataset *dataset);
MUSTER_PUBLIC const char *muster_dataset_get_name (MusterDataset *dataset);
MUSTER_PUBLIC gint64 muster_dataset_get_start_ns (MusterDataset *dataset);
MUSTER_PUBLIC gint64 muster_dataset_get_end_ns (MusterDataset *dataset);
MUSTER_PUBLIC gint64 muster_dataset_get_interval_ns (MusterDataset *dataset);
MUSTER_PUBLIC guint muster_dataset_get_n_expected (MusterDataset *dataset);
MUSTER_PUBLIC guint muster_dataset_get_n_reported (MusterDataset *dataset);
MUSTER_PUBLIC char *muster_dataset_to_json (MusterDataset *dataset);
MUSTER_PUBLIC GVariant *muster_dataset_to_variant (MusterDataset *dataset);
MUSTER_PUBLIC char *muster_dataset_to_text (MusterDataset *dataset);
MUSTER_PUBLIC void muster_dataset_append_json (MusterDataset *dataset, GByteArray *out);
MUSTER_PUBLIC gboolean muster_dataset_assemble (MusterDataset **partial, const MusterEntry *entry,
                                                MusterDataset **complete);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterDataset, muster_dataset_unref)

G_END_DECLS
