/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * MusterNumberSet: which sequence numbers there are. A run of numbers costs 4 bytes, scattered ones 1 bit each: at most
 * 8 KiB for 65536 numbers. Added in order it is fast; any order works. Not thread-safe.
 */
typedef struct _MusterNumberSet MusterNumberSet;

MusterNumberSet *muster_number_set_new (void);
void muster_number_set_free (MusterNumberSet *self);
/* Adds @first to @last, both included; returns how many of them were there. */
guint64 muster_number_set_add (MusterNumberSet *self, guint64 first, guint64 last);
guint64 muster_number_set_count (MusterNumberSet *self);
guint64 muster_number_set_count_in (MusterNumberSet *self, guint64 first, guint64 last);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterNumberSet, muster_number_set_free)
