/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-dataset.h"

G_BEGIN_DECLS

/*
 * Datasets that come in parts, from several streams at once. Bounded: one that grows beyond @max_size encoded bytes is
 * given up, and so are all that are not whole, if there are too many. Not thread-safe.
 */
typedef struct _MusterPrometheusParts MusterPrometheusParts;

MusterPrometheusParts *muster_prometheus_parts_new (gsize max_size);
void muster_prometheus_parts_free (MusterPrometheusParts *parts);
/* Returns a dataset where @entry is its last part; else NULL. */
MusterDataset *muster_prometheus_parts_add (MusterPrometheusParts *parts, const MusterEntry *entry);
void muster_prometheus_parts_forget (MusterPrometheusParts *parts, const guint8 *stream);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterPrometheusParts, muster_prometheus_parts_free)

G_END_DECLS
