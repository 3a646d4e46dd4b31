/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "known-streams.h"

/*
 * MusterEntrySorter: keeps entries in memory, and gives them back by time; of equal times, in the order in which they
 * came. Not thread-safe.
 */
typedef struct _MusterEntrySorter MusterEntrySorter;

MusterEntrySorter *muster_entry_sorter_new (void);
void muster_entry_sorter_free (MusterEntrySorter *self);
/* Copies @entry. */
void muster_entry_sorter_add (MusterEntrySorter *self, const MusterKnownOrigin *origin, const MusterEntry *entry,
                              guint64 time_ns);
void muster_entry_sorter_sort (MusterEntrySorter *self);
guint muster_entry_sorter_get_length (MusterEntrySorter *self);
/* Of @entry the numbers and the bytes are set. */
const MusterKnownOrigin *muster_entry_sorter_get (MusterEntrySorter *self, guint index, MusterEntry *entry);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterEntrySorter, muster_entry_sorter_free)
