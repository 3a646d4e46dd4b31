/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sketches made the simple way, to compare with.
 */
#pragma once

#include <math.h>
#include <stdlib.h>

#include "muster-metric-merge-private.h"
#include "muster-sketch-private.h"

static inline int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* One sign of samples as a sketch has them, counted the simple way. */
static inline void
count_sign (const double *samples, guint n, double sign, gint32 *first, ProtobufCBinaryData *bytes, MusterArena *arena)
{
  static guint64 counts[MUSTER_SKETCH_INDEX_MAX - MUSTER_SKETCH_INDEX_MIN + 1];
  gint32 low = G_MAXINT32, high = G_MININT32;

  memset (counts, 0, sizeof counts);
  for (guint i = 0; i < n; i++)
    if (samples[i] * sign >= MUSTER_SKETCH_MAGNITUDE_MIN)
      {
        gint32 index = muster_sketch_get_index (samples[i] * sign);

        low = MIN (low, index);
        high = MAX (high, index);
        counts[index - MUSTER_SKETCH_INDEX_MIN]++;
      }
  if (high < low)
    return;
  while (low < muster_sketch_get_lowest (high) || counts[low - MUSTER_SKETCH_INDEX_MIN] == 0)
    {
      counts[low + 1 - MUSTER_SKETCH_INDEX_MIN] += counts[low - MUSTER_SKETCH_INDEX_MIN];
      low++;
    }
  *first = low;
  bytes->data = muster_arena_alloc (arena, MUSTER_SKETCH_BYTES_MAX);
  bytes->len =
      (gsize) (muster_sketch_put_bins (bytes->data, counts + (low - MUSTER_SKETCH_INDEX_MIN), (guint) (high - low + 1))
               - bytes->data);
}

static inline Muster__V1__Sketch *
make_sketch (const double *samples, guint n, MusterArena *arena)
{
  Muster__V1__Sketch *sketch = muster_arena_alloc (arena, sizeof *sketch);

  muster__v1__sketch__init (sketch);
  for (guint i = 0; i < n; i++)
    sketch->zeros += fabs (samples[i]) < MUSTER_SKETCH_MAGNITUDE_MIN;
  count_sign (samples, n, 1, &sketch->positive_first, &sketch->positive, arena);
  count_sign (samples, n, -1, &sketch->negative_first, &sketch->negative, arena);
  g_assert_true (muster_sketch_is_valid (sketch, n));
  g_assert_false (muster_sketch_is_valid (sketch, n + 1));
  return sketch;
}

static inline void
assert_equal (const Muster__V1__Sketch *a, const Muster__V1__Sketch *b)
{
  g_assert_cmpuint (a->zeros, ==, b->zeros);
  g_assert_cmpmem (a->positive.data, a->positive.len, b->positive.data, b->positive.len);
  g_assert_cmpmem (a->negative.data, a->negative.len, b->negative.data, b->negative.len);
  if (a->positive.len > 0)
    g_assert_cmpint (a->positive_first, ==, b->positive_first);
  if (a->negative.len > 0)
    g_assert_cmpint (a->negative_first, ==, b->negative_first);
}
