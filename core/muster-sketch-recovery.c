/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The sketches of the dead. Any thread.
 */
#include "config.h"

#include "muster-sketch-recovery-private.h"

typedef struct
{
  gint32 first;
  guint n;
  guint64 total;
  guint64 counts[MUSTER_SKETCH_BINS_MAX];
} Sign;

/* The @length bytes at @offset; NULL if they are not there. */
static const guint8 *
find_bytes (MusterSketchRecovery *self, guint64 offset, gsize length)
{
  if (offset > self->size || length > self->size - offset || length > self->budget)
    return NULL;
  self->budget -= length;
  return self->bytes + offset;
}

static guint64
read_counter (const guint8 *block, guint shift, guint i)
{
  guint64 value = 0;

  memcpy (&value, block + ((gsize) i << shift), (gsize) 1 << shift);
  return G_BYTE_ORDER == G_BIG_ENDIAN ? value >> (64 - (8u << shift)) : value;
}

static gboolean
read_block (MusterSketchRecovery *self, guint32 entry, Sign *sign, guint64 *counts)
{
  guint shift = entry >> 30;
  const guint8 *block = find_bytes (self, (guint64) (entry & MUSTER_SKETCH_UNIT_MASK) * MUSTER_SKETCH_UNIT,
                                    (gsize) MUSTER_SKETCH_BLOCK << shift);

  if (block == NULL)
    return FALSE;
  for (guint i = 0; i < MUSTER_SKETCH_BLOCK; i++)
    {
      counts[i] = read_counter (block, shift, i);
      if (counts[i] > MUSTER_SKETCH_COUNT_MAX - sign->total)
        return FALSE;
      sign->total += counts[i];
    }
  return TRUE;
}

static gboolean
read_sign (MusterSketchRecovery *self, guint64 address, Sign *sign)
{
  guint32 entries[MUSTER_SKETCH_BLOCKS];
  MusterSketchDirectory head;
  const guint8 *bytes;

  sign->n = 0;
  sign->total = 0;
  if (address == 0)
    return TRUE;
  bytes = find_bytes (self, address - self->base, sizeof head);
  if (bytes == NULL)
    return FALSE;
  memcpy (&head, bytes, sizeof head);
  if (head.n_entries > MUSTER_SKETCH_BLOCKS || head.first < MUSTER_SKETCH_INDEX_MIN
      || head.first > MUSTER_SKETCH_INDEX_MAX)
    return FALSE;
  bytes = find_bytes (self, address - self->base + sizeof head, head.n_entries * sizeof entries[0]);
  if (bytes == NULL)
    return FALSE;
  memcpy (entries, bytes, head.n_entries * sizeof entries[0]);
  sign->first = head.first * (gint32) MUSTER_SKETCH_BLOCK;
  sign->n = head.n_entries * MUSTER_SKETCH_BLOCK;
  memset (sign->counts, 0, sign->n * sizeof sign->counts[0]);
  for (guint i = 0; i < head.n_entries; i++)
    if (entries[i] != 0 && !read_block (self, entries[i], sign, sign->counts + i * MUSTER_SKETCH_BLOCK))
      return FALSE;
  return TRUE;
}

/* Takes away the sample whose update was not completed. */
static gboolean
undo (gint32 last, guint64 *zeros, Sign *positive, Sign *negative)
{
  Sign *sign = (last & 3) == 1 ? positive : negative;
  guint at;

  if (last == 0)
    return *zeros > 0 ? (*zeros)--, TRUE : FALSE;
  at = (guint) ((last >> 2) - sign->first);
  if (at >= sign->n || sign->counts[at] == 0)
    return FALSE;
  sign->counts[at]--;
  sign->total--;
  return TRUE;
}

static void
put_sign (const Sign *sign, gint32 *first, ProtobufCBinaryData *data, guint8 *out)
{
  guint begin = 0, end = sign->n;

  if (sign->total == 0)
    return;
  while (sign->counts[begin] == 0)
    begin++;
  while (sign->counts[end - 1] == 0)
    end--;
  *first = sign->first + (gint32) begin;
  data->data = out;
  data->len = (gsize) (muster_sketch_put_bins (out, sign->counts + begin, end - begin) - out);
}

gboolean
muster_sketch_recover (MusterSketchRecovery *self, const MusterSketchLive *live, guint64 count, gboolean is_locked,
                       Muster__V1__Sketch *message, MusterSketchBytes *bytes)
{
  guint64 zeros = live->zeros;
  Sign positive, negative;

  if (live->is_lost || zeros > MUSTER_SKETCH_COUNT_MAX || count >= MUSTER_SKETCH_COUNT_MAX
      || !read_sign (self, live->positive, &positive) || !read_sign (self, live->negative, &negative))
    return FALSE;
  if (is_locked && zeros + positive.total + negative.total == count + 1
      && !undo (live->last, &zeros, &positive, &negative))
    return FALSE;
  muster__v1__sketch__init (message);
  message->zeros = zeros;
  put_sign (&positive, &message->positive_first, &message->positive, bytes->positive);
  put_sign (&negative, &message->negative_first, &message->negative, bytes->negative);
  return muster_sketch_is_valid (message, count);
}
