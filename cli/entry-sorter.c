/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Entries in order of time: their bytes in blocks, and 48 bytes for each beside.
 */
#include "config.h"

#include <string.h>

#include "entry-sorter.h"

#define BLOCK_SIZE (1024u * 1024)

typedef struct
{
  guint64 time_ns;
  guint64 sequence;
  guint64 count;
  const MusterKnownOrigin *origin;
  const guint8 *bytes; /* in a block */
  gsize length;
} Item;

struct _MusterEntrySorter
{
  GArray *items;     /* owned; of Item */
  GPtrArray *blocks; /* owned; of BLOCK_SIZE bytes each */
  gsize used;        /* of the last block */
};

MusterEntrySorter *
muster_entry_sorter_new (void)
{
  MusterEntrySorter *self = g_new0 (MusterEntrySorter, 1);

  self->items = g_array_new (FALSE, FALSE, sizeof (Item));
  self->blocks = g_ptr_array_new_with_free_func (g_free);
  self->used = BLOCK_SIZE;
  return self;
}

void
muster_entry_sorter_free (MusterEntrySorter *self)
{
  g_array_unref (self->items);
  g_ptr_array_unref (self->blocks);
  g_free (self);
}

static const guint8 *
keep_bytes (MusterEntrySorter *self, const guint8 *bytes, gsize length)
{
  guint8 *copy;

  if (BLOCK_SIZE - self->used < length)
    {
      g_ptr_array_add (self->blocks, g_malloc (BLOCK_SIZE));
      self->used = 0;
    }
  copy = (guint8 *) g_ptr_array_index (self->blocks, self->blocks->len - 1) + self->used;
  memcpy (copy, bytes, length);
  self->used += length;
  return copy;
}

void
muster_entry_sorter_add (MusterEntrySorter *self, const MusterKnownOrigin *origin, const MusterEntry *entry,
                         guint64 time_ns)
{
  Item item = {
    .time_ns = time_ns,
    .sequence = entry->sequence,
    .count = entry->count,
    .origin = origin,
    .bytes = keep_bytes (self, entry->bytes, entry->length),
    .length = entry->length,
  };

  g_array_append_val (self->items, item);
}

static int
compare_items (gconstpointer a, gconstpointer b)
{
  const Item *first = a;
  const Item *second = b;

  return first->time_ns < second->time_ns ? -1 : first->time_ns > second->time_ns;
}

void
muster_entry_sorter_sort (MusterEntrySorter *self)
{
  g_array_sort (self->items, compare_items); /* stable since GLib 2.32 */
}

guint
muster_entry_sorter_get_length (MusterEntrySorter *self)
{
  return self->items->len;
}

const MusterKnownOrigin *
muster_entry_sorter_get (MusterEntrySorter *self, guint index, MusterEntry *entry)
{
  const Item *item = &g_array_index (self->items, Item, index);

  *entry =
      (MusterEntry){ .sequence = item->sequence, .count = item->count, .bytes = item->bytes, .length = item->length };
  return item->origin;
}
