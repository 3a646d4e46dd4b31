/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <math.h>

#include "muster-sketch-arena-private.h"
#include "muster-sketch-private.h"

/*
 * The sketch of a metric in this process, while samples are added to it. It lies beside the metric, under whose lock all
 * of this is called, and may outlive the process with it; so it is whole at every instruction but for one sample.
 *
 * Bins stand in blocks of 64, whose counters have 1, 2, 4 or 8 bytes, as their largest one needs; a directory for each sign says
 * where the blocks are. Both are replaced by a store of one word, when the new one is ready. `last` says which bin is
 * about to be counted: where the sample's update has not been completed (the metric is locked, and the sketch has one
 * sample more than it), whoever reads takes it away there.
 */
#define MUSTER_SKETCH_BLOCK     64u /* bins */
#define MUSTER_SKETCH_BLOCKS    (MUSTER_SKETCH_BINS_MAX / MUSTER_SKETCH_BLOCK)
#define MUSTER_SKETCH_UNIT_MASK 0x3FFFFFFFu

typedef struct
{
  guint64 arena;     /* the address that units count from */
  gint32 first;      /* the block of the first entry: its bins are first * 64 to first * 64 + 63 */
  guint16 n_entries; /* at most MUSTER_SKETCH_BLOCKS */
  guint16 class;     /* of the directory itself */
  guint32 entries[]; /* the block's unit | log2 of a counter's size << 30; 0: none */
} MusterSketchDirectory;

typedef struct
{
  guint64 positive; /* address of a MusterSketchDirectory; 0: none */
  guint64 negative;
  guint64 zeros;
  gint32 last;    /* bin * 4 + 1 (positive) or 2 (negative); 0: zero */
  guint8 is_lost; /* there was no room: nothing of it counts before the next interval */
  guint8 reserved[3];
} MusterSketchLive;

G_STATIC_ASSERT (sizeof (MusterSketchDirectory) == 16);
G_STATIC_ASSERT (sizeof (MusterSketchLive) == 32);

static inline gint32
muster_sketch_get_block (gint32 index)
{
  return index >> 6; /* towards minus infinity: gcc and clang say so */
}

static inline MusterSketchDirectory *
muster_sketch_live_get_directory (guint64 address)
{
  return (MusterSketchDirectory *) (guintptr) address;
}

/* FALSE if there is no counter, or if it is full. */
static inline gboolean
muster_sketch_directory_count (const MusterSketchDirectory *directory, gint32 index)
{
  guint32 at = (guint32) (muster_sketch_get_block (index) - directory->first);
  guint32 entry;
  guint8 *block;

  if (G_UNLIKELY (at >= directory->n_entries))
    return FALSE;
  entry = directory->entries[at];
  if (G_UNLIKELY (entry == 0))
    return FALSE;
  block = (guint8 *) (guintptr) directory->arena + (gsize) (entry & MUSTER_SKETCH_UNIT_MASK) * MUSTER_SKETCH_UNIT;
  at = (guint32) index % MUSTER_SKETCH_BLOCK;
  switch (entry >> 30)
    {
    case 0:
      return G_LIKELY (block[at] < G_MAXUINT8) ? block[at]++, TRUE : FALSE;
    case 1:
      return G_LIKELY (((guint16 *) block)[at] < G_MAXUINT16) ? ((guint16 *) block)[at]++, TRUE : FALSE;
    case 2:
      return G_LIKELY (((guint32 *) block)[at] < G_MAXUINT32) ? ((guint32 *) block)[at]++, TRUE : FALSE;
    default:
      return ((guint64 *) block)[at]++, TRUE;
    }
}

void muster_sketch_live_add_slowly (MusterSketchLive *live, MusterSketchArena *arena, double sample);

/* A finite sample; once the metric is committed it counts. */
static inline void
muster_sketch_live_add (MusterSketchLive *live, MusterSketchArena *arena, double sample)
{
  double magnitude = fabs (sample);
  guint64 address = sample > 0 ? live->positive : live->negative;
  gint32 index;

  if (G_UNLIKELY (magnitude < MUSTER_SKETCH_MAGNITUDE_MIN || address == 0))
    {
      muster_sketch_live_add_slowly (live, arena, sample);
      return;
    }
  index = muster_sketch_get_index (magnitude);
  live->last = index * 4 + (sample > 0 ? 1 : 2);
  atomic_signal_fence (memory_order_seq_cst);
  if (G_UNLIKELY (!muster_sketch_directory_count (muster_sketch_live_get_directory (address), index)))
    muster_sketch_live_add_slowly (live, arena, sample);
  atomic_signal_fence (memory_order_seq_cst);
}

/* For a new interval; what the last one used is kept for this one. */
void muster_sketch_live_reset (MusterSketchLive *live, MusterSketchArena *arena);
/* Gives all memory back. */
void muster_sketch_live_release (MusterSketchLive *live, MusterSketchArena *arena);

/* As a message, which borrows from @bytes. FALSE if there is none. */
typedef struct
{
  guint8 positive[MUSTER_SKETCH_BYTES_MAX];
  guint8 negative[MUSTER_SKETCH_BYTES_MAX];
} MusterSketchBytes;

gboolean muster_sketch_live_report (const MusterSketchLive *live, Muster__V1__Sketch *message,
                                    MusterSketchBytes *bytes);
