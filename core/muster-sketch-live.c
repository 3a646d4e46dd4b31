/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sketches that samples are added to. By the holder of their metric's lock.
 */
#include "config.h"

#include "muster-sketch-live-private.h"
#include "muster-wire-private.h"

#define SMALL_ENTRIES 12u
#define SMALL_CLASS   0u
#define LARGE_CLASS   2u

G_STATIC_ASSERT (sizeof (MusterSketchDirectory) + SMALL_ENTRIES * sizeof (guint32)
                 == MUSTER_SKETCH_UNIT << SMALL_CLASS);
G_STATIC_ASSERT (sizeof (MusterSketchDirectory) + MUSTER_SKETCH_BLOCKS * sizeof (guint32) <= MUSTER_SKETCH_UNIT
                                                                                                 << LARGE_CLASS);

/* Death comes between two instructions, and the stores before it are seen. */
static inline void
keep_order (void)
{
  atomic_signal_fence (memory_order_seq_cst);
}

static inline guint
get_shift (guint32 entry)
{
  return entry >> 30;
}

static inline gpointer
get_bins (const MusterSketchArena *arena, guint32 entry)
{
  return muster_sketch_arena_at (arena, entry & MUSTER_SKETCH_UNIT_MASK);
}

static void
release_block (MusterSketchArena *arena, guint32 entry)
{
  if (entry != 0)
    muster_sketch_arena_release (arena, entry & MUSTER_SKETCH_UNIT_MASK, get_shift (entry));
}

static void
release_directory (MusterSketchArena *arena, MusterSketchDirectory *directory)
{
  if (directory != NULL)
    muster_sketch_arena_release (arena, (guint32) (((guint8 *) directory - arena->base) / MUSTER_SKETCH_UNIT),
                                 directory->class);
}

/* -- blocks --------------------------------------------------------------------------------------- */

static void
read_block (const MusterSketchArena *arena, guint32 entry, guint64 counts[MUSTER_SKETCH_BLOCK])
{
  gconstpointer bins = get_bins (arena, entry);

  for (guint i = 0; i < MUSTER_SKETCH_BLOCK; i++)
    switch (get_shift (entry))
      {
      case 0:
        counts[i] = ((const guint8 *) bins)[i];
        break;
      case 1:
        counts[i] = ((const guint16 *) bins)[i];
        break;
      case 2:
        counts[i] = ((const guint32 *) bins)[i];
        break;
      default:
        counts[i] = ((const guint64 *) bins)[i];
      }
}

static void
write_block (const MusterSketchArena *arena, guint32 entry, const guint64 counts[MUSTER_SKETCH_BLOCK])
{
  gpointer bins = get_bins (arena, entry);

  for (guint i = 0; i < MUSTER_SKETCH_BLOCK; i++)
    switch (get_shift (entry))
      {
      case 0:
        ((guint8 *) bins)[i] = (guint8) counts[i];
        break;
      case 1:
        ((guint16 *) bins)[i] = (guint16) counts[i];
        break;
      case 2:
        ((guint32 *) bins)[i] = (guint32) counts[i];
        break;
      default:
        ((guint64 *) bins)[i] = counts[i];
      }
}

static gboolean
is_block_empty (const MusterSketchArena *arena, guint32 entry)
{
  const guint64 *words = get_bins (arena, entry);
  gsize n = ((gsize) MUSTER_SKETCH_BLOCK << get_shift (entry)) / sizeof *words;

  for (gsize i = 0; i < n; i++)
    if (words[i] != 0)
      return FALSE;
  return TRUE;
}

/* A block with these counts in counters of at least 1 << @shift bytes; 0: there is no room. */
static guint32
new_block (MusterSketchArena *arena, const guint64 counts[MUSTER_SKETCH_BLOCK], guint shift)
{
  guint64 largest = 0;
  guint32 entry;

  for (guint i = 0; i < MUSTER_SKETCH_BLOCK; i++)
    largest |= counts[i];
  while (shift < 3 && largest >> (8u << shift) != 0)
    shift++;
  entry = muster_sketch_arena_alloc (arena, shift);
  if (entry == 0)
    return 0;
  entry |= shift << 30;
  write_block (arena, entry, counts);
  return entry;
}

/* -- directories ---------------------------------------------------------------------------------- */

static MusterSketchDirectory *
new_directory (MusterSketchArena *arena, gint32 low, gint32 high)
{
  guint span = (guint) (high - low) + 1;
  guint class = span <= SMALL_ENTRIES ? SMALL_CLASS : LARGE_CLASS;
  guint32 unit = muster_sketch_arena_alloc (arena, class);
  MusterSketchDirectory *directory;

  if (unit == 0)
    return NULL;
  directory = muster_sketch_arena_at (arena, unit);
  directory->arena = (guint64) (guintptr) arena->base;
  directory->n_entries = class == SMALL_CLASS ? SMALL_ENTRIES : MUSTER_SKETCH_BLOCKS;
  directory->class = (guint16) class;
  directory->first = low - (gint32) (directory->n_entries - span) / 2;
  return directory;
}

/* The lowest and the highest block that have samples; FALSE if none has. */
static gboolean
find_range (const MusterSketchArena *arena, const MusterSketchDirectory *directory, gint32 *low, gint32 *high)
{
  gboolean found = FALSE;

  for (guint i = 0; directory != NULL && i < directory->n_entries; i++)
    if (directory->entries[i] != 0 && !is_block_empty (arena, directory->entries[i]))
      {
        *high = directory->first + (gint32) i;
        *low = found ? *low : *high;
        found = TRUE;
      }
  return found;
}

/* Adds what is in the blocks below @low to its first bin. FALSE: there is no room. */
static gboolean
fold (MusterSketchArena *arena, const MusterSketchDirectory *from, MusterSketchDirectory *to, gint32 low)
{
  guint32 *entry = &to->entries[low - to->first];
  guint64 counts[MUSTER_SKETCH_BLOCK] = { 0 };
  guint64 below = 0;

  for (gint32 block = from->first; block < MIN (low, from->first + (gint32) from->n_entries); block++)
    if (from->entries[block - from->first] != 0)
      {
        read_block (arena, from->entries[block - from->first], counts);
        for (guint i = 0; i < MUSTER_SKETCH_BLOCK; i++)
          below += counts[i];
      }
  if (below == 0)
    return TRUE;
  memset (counts, 0, sizeof counts);
  if (*entry != 0)
    read_block (arena, *entry, counts);
  counts[0] += below;
  *entry = new_block (arena, counts, 0);
  return *entry != 0;
}

/* Releases the old one's blocks that the new one does not have, and the old one. */
static void
release_rest (MusterSketchArena *arena, MusterSketchDirectory *old, const MusterSketchDirectory *new)
{
  for (guint i = 0; i < old->n_entries; i++)
    {
      gint32 at = old->first + (gint32) i - new->first;

      if (at < 0 || at >= new->n_entries || new->entries[at] != old->entries[i])
        release_block (arena, old->entries[i]);
    }
  release_directory (arena, old);
}

/* A directory that covers what is used and @block, which may become another one: too far below the highest one. */
static gboolean
move_window (MusterSketchArena *arena, guint64 *address, gint32 *block)
{
  MusterSketchDirectory *old = muster_sketch_live_get_directory (*address);
  MusterSketchDirectory *new;
  gint32 low = *block, high = *block;

  if (find_range (arena, old, &low, &high))
    {
      low = MIN (low, *block);
      high = MAX (high, *block);
    }
  low = MAX (low, high - (gint32) MUSTER_SKETCH_BLOCKS + 1);
  *block = MAX (low, *block);
  new = new_directory (arena, low, high);
  if (new == NULL)
    return FALSE;
  for (gint32 i = low; old != NULL && i <= high; i++)
    if (i >= old->first && i < old->first + old->n_entries)
      new->entries[i - new->first] = old->entries[i - old->first];
  if (old != NULL && !fold (arena, old, new, low))
    {
      release_directory (arena, new);
      return FALSE;
    }
  keep_order ();
  *address = (guint64) (guintptr) new;
  keep_order ();
  if (old != NULL)
    release_rest (arena, old, new);
  return TRUE;
}

/* A first block, or one with larger counters. */
static gboolean
replace_block (MusterSketchArena *arena, guint32 *entry)
{
  guint64 counts[MUSTER_SKETCH_BLOCK] = { 0 };
  guint32 old = *entry;
  guint32 new;

  if (old != 0)
    read_block (arena, old, counts);
  new = new_block (arena, counts, old != 0 ? get_shift (old) + 1 : 0);
  if (new == 0)
    return FALSE;
  keep_order ();
  *entry = new;
  keep_order ();
  release_block (arena, old);
  return TRUE;
}

/* Makes a counter for @index, or for what counts in its place. */
static gboolean
make_counter (MusterSketchArena *arena, guint64 *address, gint32 *index)
{
  MusterSketchDirectory *directory = muster_sketch_live_get_directory (*address);
  gint32 block = muster_sketch_get_block (*index);

  if (directory != NULL && block >= directory->first && block < directory->first + directory->n_entries)
    return replace_block (arena, &directory->entries[block - directory->first]);
  if (!move_window (arena, address, &block))
    return FALSE;
  if (block != muster_sketch_get_block (*index))
    *index = block * (gint32) MUSTER_SKETCH_BLOCK;
  return TRUE;
}

/* -- the whole ------------------------------------------------------------------------------------ */

static void
release_sign (guint64 *address, MusterSketchArena *arena)
{
  MusterSketchDirectory *directory = muster_sketch_live_get_directory (*address);

  *address = 0;
  for (guint i = 0; directory != NULL && i < directory->n_entries; i++)
    release_block (arena, directory->entries[i]);
  release_directory (arena, directory);
}

void
muster_sketch_live_release (MusterSketchLive *live, MusterSketchArena *arena)
{
  release_sign (&live->positive, arena);
  release_sign (&live->negative, arena);
}

void
muster_sketch_live_add_slowly (MusterSketchLive *live, MusterSketchArena *arena, double sample)
{
  guint64 *address = sample > 0 ? &live->positive : &live->negative;
  gint32 sign = sample > 0 ? 1 : 2;
  gint32 index;

  if (live->is_lost)
    return;
  if (fabs (sample) < MUSTER_SKETCH_MAGNITUDE_MIN)
    {
      live->last = 0;
      keep_order ();
      live->zeros++;
      return;
    }
  index = muster_sketch_get_index (fabs (sample));
  live->last = index * 4 + sign;
  keep_order ();
  while (*address == 0 || !muster_sketch_directory_count (muster_sketch_live_get_directory (*address), index))
    {
      if (!make_counter (arena, address, &index))
        {
          live->is_lost = TRUE;
          keep_order ();
          muster_sketch_live_release (live, arena);
          return;
        }
      live->last = index * 4 + sign;
      keep_order ();
    }
}

static void
reset_sign (guint64 *address, MusterSketchArena *arena)
{
  MusterSketchDirectory *directory = muster_sketch_live_get_directory (*address);
  gboolean is_used = FALSE;

  for (guint i = 0; directory != NULL && i < directory->n_entries; i++)
    {
      guint32 entry = directory->entries[i];

      if (entry == 0)
        continue;
      if (is_block_empty (arena, entry))
        {
          directory->entries[i] = 0;
          release_block (arena, entry);
          continue;
        }
      memset (get_bins (arena, entry), 0, (gsize) MUSTER_SKETCH_BLOCK << get_shift (entry));
      is_used = TRUE;
    }
  if (!is_used)
    release_sign (address, arena);
}

void
muster_sketch_live_reset (MusterSketchLive *live, MusterSketchArena *arena)
{
  reset_sign (&live->positive, arena);
  reset_sign (&live->negative, arena);
  live->zeros = 0;
  live->is_lost = FALSE;
}

/* -- as a message --------------------------------------------------------------------------------- */

static guint8 *
put_count (guint8 *out, guint64 count, guint *n_empty)
{
  if (*n_empty > 0)
    out = muster_wire_put_varint (out, (guint64) *n_empty * 2 - 1);
  *n_empty = 0;
  return muster_wire_put_varint (out, count * 2);
}

/* Most counters have one byte, and many are zero: eight of them are seen at once. */
static guint8 *
put_bytes (guint8 *out, const guint8 *bins, guint *n_empty)
{
  for (guint i = 0; i < MUSTER_SKETCH_BLOCK; i += 8)
    {
      guint64 word;

      memcpy (&word, bins + i, sizeof word);
      if (word == 0)
        {
          *n_empty += 8;
          continue;
        }
      for (guint k = i; k < i + 8; k++)
        if (bins[k] == 0)
          (*n_empty)++;
        else
          out = put_count (out, bins[k], n_empty);
    }
  return out;
}

static guint8 *
put_block (guint8 *out, const MusterSketchDirectory *directory, guint32 entry, guint *n_empty)
{
  const MusterSketchArena arena = { .base = (guint8 *) (guintptr) directory->arena };
  guint64 counts[MUSTER_SKETCH_BLOCK];

  if (get_shift (entry) == 0)
    return put_bytes (out, get_bins (&arena, entry), n_empty);
  read_block (&arena, entry, counts);
  for (guint i = 0; i < MUSTER_SKETCH_BLOCK; i++)
    if (counts[i] == 0)
      (*n_empty)++;
    else
      out = put_count (out, counts[i], n_empty);
  return out;
}

static void
report_sign (guint64 address, gint32 *first, ProtobufCBinaryData *bytes, guint8 *out)
{
  const MusterSketchDirectory *directory = muster_sketch_live_get_directory (address);
  guint n_empty = 0;

  bytes->data = out;
  for (guint i = 0; directory != NULL && i < directory->n_entries; i++)
    if (directory->entries[i] == 0)
      n_empty += MUSTER_SKETCH_BLOCK;
    else
      out = put_block (out, directory, directory->entries[i], &n_empty);
  bytes->len = (gsize) (out - bytes->data);
  if (directory != NULL)
    *first = directory->first * (gint32) MUSTER_SKETCH_BLOCK;
}

/* Bytes begin with a count: what they say of empty bins before it is in their first bin's number. */
static void
trim (gint32 *first, ProtobufCBinaryData *bytes)
{
  guint64 token = 0;
  const guint8 *next;

  if (bytes->len == 0 || (*bytes->data & 1) == 0)
    return;
  next = muster_wire_get_varint (bytes->data, bytes->data + bytes->len, &token);
  *first += (gint32) (token / 2 + 1);
  bytes->len -= (gsize) (next - bytes->data);
  bytes->data += next - bytes->data;
}

gboolean
muster_sketch_live_report (const MusterSketchLive *live, Muster__V1__Sketch *message, MusterSketchBytes *bytes)
{
  if (live->is_lost)
    return FALSE;
  muster__v1__sketch__init (message);
  message->zeros = live->zeros;
  report_sign (live->positive, &message->positive_first, &message->positive, bytes->positive);
  report_sign (live->negative, &message->negative_first, &message->negative, bytes->negative);
  trim (&message->positive_first, &message->positive);
  trim (&message->negative_first, &message->negative);
  return TRUE;
}
