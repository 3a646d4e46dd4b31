/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sketches as messages: checked, merged, asked. Pure functions, any thread.
 */
#include "config.h"

#include <math.h>

#include "muster-sketch-private.h"
#include "muster-wire-private.h"

/* One sign's bins while they are merged. */
typedef struct
{
  gint32 first;
  guint n;
  guint64 counts[MUSTER_SKETCH_BINS_MAX];
} Bins;

/* -- bins as bytes ------------------------------------------------------------------------------ */

/* Walks over the bins that are not empty. */
typedef struct
{
  const guint8 *at;
  const guint8 *end;
  gint32 index; /* of the next bin */
} Walk;

static inline Walk
walk_begin (gint32 first, const ProtobufCBinaryData *bytes)
{
  return (Walk){ bytes->data, bytes->len > 0 ? bytes->data + bytes->len : bytes->data, first };
}

/* FALSE at the end. The bytes are valid. */
static inline gboolean
walk_next (Walk *walk, gint32 *index, guint64 *count)
{
  guint64 token;

  while (walk->at < walk->end)
    {
      walk->at = muster_wire_get_varint (walk->at, walk->end, &token);
      if (G_UNLIKELY (walk->at == NULL))
        return FALSE;
      if (token & 1)
        {
          walk->index += (gint32) (token / 2 + 1);
          continue;
        }
      *index = walk->index++;
      *count = token / 2;
      return TRUE;
    }
  return FALSE;
}

/* How many bins they are. */
static guint
get_span (const ProtobufCBinaryData *bytes)
{
  Walk walk = walk_begin (0, bytes);
  gint32 index;
  guint64 count;

  while (walk_next (&walk, &index, &count))
    ;
  return (guint) walk.index;
}

guint8 *
muster_sketch_put_bins (guint8 *out, const guint64 *counts, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      guint begin = i;

      while (counts[i] == 0)
        i++;
      if (i > begin)
        out = muster_wire_put_varint (out, (guint64) (i - begin) * 2 - 1);
      out = muster_wire_put_varint (out, counts[i] * 2);
    }
  return out;
}

/* -- validity ------------------------------------------------------------------------------------ */

/* Adds the counts to @total. Bytes begin and end with a count, and empty bins that stand together are told of together: so
 * that equal sketches are equal bytes. */
static gboolean
are_bins_valid (gint32 first, const ProtobufCBinaryData *bytes, guint64 *total)
{
  const guint8 *at = bytes->data;
  const guint8 *end;
  gboolean was_count = FALSE;
  guint64 n = 0;

  if (bytes->len == 0)
    return TRUE;
  end = at + bytes->len;
  if (first < MUSTER_SKETCH_INDEX_MIN || (*at & 1) != 0)
    return FALSE;
  while (at < end)
    {
      guint64 token;

      at = muster_wire_get_varint (at, end, &token);
      if (at == NULL || token == 0 || ((token & 1) != 0 && !was_count)
          || (token & 1 ? token / 2 >= MUSTER_SKETCH_BINS_MAX : token / 2 > MUSTER_SKETCH_COUNT_MAX - *total))
        return FALSE;
      was_count = (token & 1) == 0;
      n += was_count ? 1 : token / 2 + 1;
      *total += was_count ? token / 2 : 0;
      if (n > MUSTER_SKETCH_BINS_MAX)
        return FALSE;
    }
  return was_count && first <= MUSTER_SKETCH_INDEX_MAX && first + (gint32) n - 1 <= MUSTER_SKETCH_INDEX_MAX
         && first >= muster_sketch_get_lowest (first + (gint32) n - 1);
}

gboolean
muster_sketch_get_count (const Muster__V1__Sketch *sketch, guint64 *count)
{
  *count = sketch->zeros;
  return *count <= MUSTER_SKETCH_COUNT_MAX && are_bins_valid (sketch->positive_first, &sketch->positive, count)
         && are_bins_valid (sketch->negative_first, &sketch->negative, count);
}

gboolean
muster_sketch_is_valid (const Muster__V1__Sketch *sketch, guint64 count)
{
  guint64 own;

  return muster_sketch_get_count (sketch, &own) && own == count;
}

/* -- merging ------------------------------------------------------------------------------------- */

static void
add_bins (Bins *bins, gint32 first, const ProtobufCBinaryData *bytes)
{
  Walk walk = walk_begin (first, bytes);
  gint32 index;
  guint64 count;

  while (walk_next (&walk, &index, &count))
    bins->counts[MAX (index - bins->first, 0)] += count;
}

static void
encode_bins (const Bins *bins, gint32 *first, ProtobufCBinaryData *bytes, MusterArena *arena)
{
  guint8 out[MUSTER_SKETCH_BYTES_MAX];

  bytes->len = (gsize) (muster_sketch_put_bins (out, bins->counts, bins->n) - out);
  bytes->data = muster_arena_alloc (arena, bytes->len);
  memcpy (bytes->data, out, bytes->len);
  *first = bins->first;
}

static void
merge_bins (gint32 *first, ProtobufCBinaryData *bytes, gint32 from_first, const ProtobufCBinaryData *from,
            MusterArena *arena)
{
  gint32 low, high;
  Bins bins;

  if (from->len == 0)
    return;
  if (bytes->len == 0)
    {
      *first = from_first;
      bytes->len = from->len;
      bytes->data = muster_arena_alloc (arena, from->len);
      memcpy (bytes->data, from->data, from->len);
      return;
    }
  low = MIN (*first, from_first);
  high = MAX (*first + (gint32) get_span (bytes), from_first + (gint32) get_span (from));
  bins.first = MAX (low, muster_sketch_get_lowest (high - 1));
  bins.n = (guint) (high - bins.first);
  memset (bins.counts, 0, bins.n * sizeof bins.counts[0]);
  add_bins (&bins, *first, bytes);
  add_bins (&bins, from_first, from);
  encode_bins (&bins, first, bytes, arena);
}

void
muster_sketch_merge (Muster__V1__Sketch *into, const Muster__V1__Sketch *from, MusterArena *arena)
{
  into->zeros += from->zeros;
  merge_bins (&into->positive_first, &into->positive, from->positive_first, &from->positive, arena);
  merge_bins (&into->negative_first, &into->negative, from->negative_first, &from->negative, arena);
}

/* -- quantiles ------------------------------------------------------------------------------------ */

/* The root s of ((6 s - 21) s + 50) s = @part, 0 <= @part <= 35, by Newton's method. */
static double
invert (double part)
{
  double s = part / 35;

  for (guint i = 0; i < 6; i++)
    s -= (((6 * s - 21) * s + 50) * s - part) / ((18 * s - 42) * s + 50);
  return s;
}

double
muster_sketch_get_bound (gint32 index)
{
  gint32 exponent = (index - MUSTER_SKETCH_INDEX_MIN) / 35 - 1022;

  return ldexp (1 + invert (index - exponent * 35), exponent);
}

/* The same relative distance from both ends. */
double
muster_sketch_get_middle (gint32 index)
{
  gint32 exponent = (index - MUSTER_SKETCH_INDEX_MIN) / 35 - 1022;
  double low = 1 + invert (index - exponent * 35);
  double high = 1 + invert (index - exponent * 35 + 1);

  return ldexp (2 * low * high / (low + high), exponent);
}

static double
get_nth (gint32 first, const ProtobufCBinaryData *bytes, guint64 rank)
{
  Walk walk = walk_begin (first, bytes);
  gint32 index = first;
  guint64 count;

  while (walk_next (&walk, &index, &count))
    {
      if (rank < count)
        break;
      rank -= count;
    }
  return muster_sketch_get_middle (index);
}

static guint64
get_total (const ProtobufCBinaryData *bytes)
{
  Walk walk = walk_begin (0, bytes);
  guint64 total = 0;
  gint32 index;
  guint64 count;

  while (walk_next (&walk, &index, &count))
    total += count;
  return total;
}

double
muster_sketch_get_sample (const Muster__V1__Sketch *sketch, guint64 rank)
{
  guint64 n_negative = get_total (&sketch->negative);

  if (rank < n_negative)
    return -get_nth (sketch->negative_first, &sketch->negative, n_negative - 1 - rank);
  rank -= n_negative;
  if (rank < sketch->zeros)
    return 0;
  return get_nth (sketch->positive_first, &sketch->positive, rank - sketch->zeros);
}
