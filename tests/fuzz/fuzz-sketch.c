/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as two sketches (16 bits of length, little-endian, before the first; the second is the rest). What is valid
 * merges, in both orders alike, and has quantiles.
 */
#include "config.h"

#include <math.h>

#include "muster-protobuf-private.h"
#include "muster-sketch-private.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static Muster__V1__Sketch *
take_sketch (const guint8 *data, gsize size, MusterArena *arena, guint64 *count)
{
  Muster__V1__Sketch *sketch = muster__v1__sketch__unpack (muster_arena_get_allocator (arena), size, data);

  return sketch != NULL && muster_sketch_get_count (sketch, count) ? sketch : NULL;
}

static void
check_order (const Muster__V1__Sketch *sketch, guint64 count)
{
  double last = -INFINITY;

  for (guint i = 0; i <= 16 && count > 0; i++)
    {
      double sample = muster_sketch_get_sample (sketch, (count - 1) / 16 * i);

      g_assert (sample >= last);
      last = sample;
    }
}

static void
assert_equal (const ProtobufCBinaryData *a, gint32 a_first, const ProtobufCBinaryData *b, gint32 b_first)
{
  g_assert (a->len == b->len && (a->len == 0 || (a_first == b_first && memcmp (a->data, b->data, a->len) == 0)));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (MusterArena) arena = muster_arena_new ();
  Muster__V1__Sketch *a, *b, ab, ba;
  guint64 n_a, n_b;
  gsize length;

  if (size < 2)
    return 0;
  length = MIN ((gsize) data[0] | (gsize) data[1] << 8, size - 2);
  a = take_sketch (data + 2, length, arena, &n_a);
  b = take_sketch (data + 2 + length, size - 2 - length, arena, &n_b);
  if (a == NULL || b == NULL || n_a > MUSTER_SKETCH_COUNT_MAX - n_b)
    return 0;
  ab = *a;
  ba = *b;
  muster_sketch_merge (&ab, b, arena);
  muster_sketch_merge (&ba, a, arena);
  g_assert (muster_sketch_is_valid (&ab, n_a + n_b));
  g_assert (ab.zeros == ba.zeros);
  assert_equal (&ab.positive, ab.positive_first, &ba.positive, ba.positive_first);
  assert_equal (&ab.negative, ab.negative_first, &ba.negative, ba.negative_first);
  check_order (&ab, n_a + n_b);
  return 0;
}
