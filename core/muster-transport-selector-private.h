/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-batch-filter-private.h"

/*
 * MusterTransportSelector: what a transport's `level` and `workers` let pass. Used by the transport's thread alone; the
 * level comes with each call, so that it may change meanwhile.
 */
typedef struct _MusterTransportSelector MusterTransportSelector;

/* @workers: glob patterns with `;` between them. INVALID if there is none. */
MusterTransportSelector *muster_transport_selector_new (const char *workers, gboolean keeps_gaps, GError **error);
void muster_transport_selector_free (MusterTransportSelector *selector);
MusterBatchFilter *muster_transport_selector_get_filter (MusterTransportSelector *selector); /* borrowed */

/* Returns what passes, as muster_batch_filter_apply() does; NULL where nothing does. */
MusterBatch *muster_transport_selector_apply (MusterTransportSelector *selector, MusterBatch *batch, MusterLevel level,
                                              guint64 *n_filtered);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterTransportSelector, muster_transport_selector_free)
