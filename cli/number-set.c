/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A set of 64-bit numbers that come mostly in order and mostly without gaps. Blocks of 65536 numbers, sorted; each is a
 * sorted list of runs, until that would be longer than a bitmap. The idea is that of Roaring bitmaps (Chambi et al.,
 * "Better bitmap performance with Roaring bitmaps", 2016).
 */
#include "config.h"

#include <string.h>

#include "number-set.h"

#define BLOCK_BITS 16
#define BLOCK_SIZE (1u << BLOCK_BITS)
#define N_WORDS    (BLOCK_SIZE / 64)
#define RUNS_MAX   (N_WORDS * 8 / sizeof (Run))

typedef struct
{
  guint16 first;
  guint16 last;
} Run;

typedef struct
{
  guint64 key;     /* the numbers' high bits */
  guint32 n_runs;  /* 0 where it is a bitmap */
  guint32 n_space; /* how many runs there is room for */
  union
  {
    Run *runs;     /* owned: sorted, neither overlapping nor adjacent */
    guint64 *bits; /* owned */
  } as;
} Block;

struct _MusterNumberSet
{
  GArray *blocks; /* owned; of Block, by key */
  guint recent;   /* where the last one was found */
  guint64 count;
};

static void
block_clear (gpointer data)
{
  Block *block = data;

  g_free (block->as.runs);
}

MusterNumberSet *
muster_number_set_new (void)
{
  MusterNumberSet *self = g_new0 (MusterNumberSet, 1);

  self->blocks = g_array_new (FALSE, TRUE, sizeof (Block));
  g_array_set_clear_func (self->blocks, block_clear);
  return self;
}

void
muster_number_set_free (MusterNumberSet *self)
{
  g_array_unref (self->blocks);
  g_free (self);
}

/* -- a block --------------------------------------------------------------------------------------- */

/* The bits @first to @last of one word. */
static inline guint64
mask_of (guint first, guint last)
{
  return (G_MAXUINT64 << first) & (G_MAXUINT64 >> (63 - last));
}

static guint
bits_walk (guint64 *bits, guint first, guint last, gboolean set)
{
  guint found = 0;

  for (guint word = first / 64; word <= last / 64; word++)
    {
      guint64 mask = mask_of (word == first / 64 ? first % 64 : 0, word == last / 64 ? last % 64 : 63);

      found += (guint) __builtin_popcountll (bits[word] & mask);
      if (set)
        bits[word] |= mask;
    }
  return found;
}

static void
become_bitmap (Block *block)
{
  guint64 *bits = g_new0 (guint64, N_WORDS);

  for (guint i = 0; i < block->n_runs; i++)
    bits_walk (bits, block->as.runs[i].first, block->as.runs[i].last, TRUE);
  g_free (block->as.runs);
  block->as.bits = bits;
  block->n_runs = block->n_space = 0;
}

/* The first run that ends at or behind @number; n_runs if none does. */
static guint
find_run (const Block *block, guint number)
{
  guint low = 0, high = block->n_runs;

  if (high > 0 && block->as.runs[high - 1].last < number)
    return high;
  while (low < high)
    {
      guint middle = (low + high) / 2;

      if (block->as.runs[middle].last < number)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

static guint
runs_count (const Block *block, guint first, guint last)
{
  guint found = 0;

  for (guint i = find_run (block, first); i < block->n_runs && block->as.runs[i].first <= last; i++)
    found += MIN (block->as.runs[i].last, last) - MAX (block->as.runs[i].first, first) + 1;
  return found;
}

/* Puts @first to @last in the place of all runs that it touches. */
static void
runs_join (Block *block, guint first, guint last)
{
  guint at = find_run (block, first > 0 ? first - 1 : 0);
  guint end = at;

  for (; end < block->n_runs && block->as.runs[end].first <= last + 1; end++)
    {
      first = MIN (first, block->as.runs[end].first);
      last = MAX (last, block->as.runs[end].last);
    }
  if (end == at)
    {
      if (block->n_runs == block->n_space)
        {
          block->n_space = MAX (2, block->n_space * 2);
          block->as.runs = g_renew (Run, block->as.runs, block->n_space);
        }
      memmove (block->as.runs + at + 1, block->as.runs + at, (block->n_runs - at) * sizeof (Run));
      block->n_runs++;
    }
  else
    {
      memmove (block->as.runs + at + 1, block->as.runs + end, (block->n_runs - end) * sizeof (Run));
      block->n_runs -= end - at - 1;
    }
  block->as.runs[at] = (Run){ (guint16) first, (guint16) last };
}

static guint
block_add (Block *block, guint first, guint last)
{
  gboolean is_new = block->n_runs == 0 && block->as.runs == NULL;
  guint found;

  if (block->n_runs == 0 && !is_new)
    return bits_walk (block->as.bits, first, last, TRUE);
  found = runs_count (block, first, last);
  runs_join (block, first, last);
  if (block->n_runs > RUNS_MAX)
    become_bitmap (block);
  return found;
}

static guint
block_count (const Block *block, guint first, guint last)
{
  return block->n_runs > 0 ? runs_count (block, first, last) : bits_walk (block->as.bits, first, last, FALSE);
}

/* -- the set --------------------------------------------------------------------------------------- */

/* Where the block @key is, or would be. */
static guint
find_block (MusterNumberSet *self, guint64 key)
{
  const Block *blocks = (const Block *) (gpointer) self->blocks->data;
  guint low = 0, high = self->blocks->len;

  if (self->recent < high && blocks[self->recent].key == key)
    return self->recent;
  if (high > 0 && blocks[high - 1].key < key)
    return high;
  while (low < high)
    {
      guint middle = (low + high) / 2;

      if (blocks[middle].key < key)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

static Block *
take_block (MusterNumberSet *self, guint64 key)
{
  guint at = find_block (self, key);
  Block new_block = { .key = key };

  if (at == self->blocks->len || g_array_index (self->blocks, Block, at).key != key)
    g_array_insert_val (self->blocks, at, new_block);
  self->recent = at;
  return &g_array_index (self->blocks, Block, at);
}

guint64
muster_number_set_add (MusterNumberSet *self, guint64 first, guint64 last)
{
  guint64 found = 0;

  for (guint64 key = first >> BLOCK_BITS; key <= last >> BLOCK_BITS; key++)
    found += block_add (take_block (self, key), key == first >> BLOCK_BITS ? first % BLOCK_SIZE : 0,
                        key == last >> BLOCK_BITS ? last % BLOCK_SIZE : BLOCK_SIZE - 1);
  self->count += last - first + 1 - found;
  return found;
}

guint64
muster_number_set_count (MusterNumberSet *self)
{
  return self->count;
}

guint64
muster_number_set_count_in (MusterNumberSet *self, guint64 first, guint64 last)
{
  guint64 found = 0;

  for (guint i = find_block (self, first >> BLOCK_BITS); i < self->blocks->len; i++)
    {
      const Block *block = &g_array_index (self->blocks, Block, i);

      if (block->key > last >> BLOCK_BITS)
        break;
      found += block_count (block, block->key == first >> BLOCK_BITS ? first % BLOCK_SIZE : 0,
                            block->key == last >> BLOCK_BITS ? last % BLOCK_SIZE : BLOCK_SIZE - 1);
    }
  return found;
}
