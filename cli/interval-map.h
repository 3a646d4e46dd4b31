/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * MusterIntervalMap: intervals of numbers, each with a value, sorted and never overlapping: 24 bytes each, however long
 * it is. Who comes first keeps its place. Not thread-safe.
 */
typedef struct
{
  guint64 first;
  guint64 last; /* included */
  guint value;
} MusterInterval;

typedef struct _MusterIntervalMap MusterIntervalMap;

MusterIntervalMap *muster_interval_map_new (void);
void muster_interval_map_free (MusterIntervalMap *self);
/* Adds those of @first to @last that are not there; returns how many were there. */
guint64 muster_interval_map_add (MusterIntervalMap *self, guint64 first, guint64 last, guint value);
guint muster_interval_map_get_length (MusterIntervalMap *self);
const MusterInterval *muster_interval_map_get (MusterIntervalMap *self, guint index);
/* How many numbers are there. */
guint64 muster_interval_map_count (MusterIntervalMap *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterIntervalMap, muster_interval_map_free)
