/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Memory that is given back all at once. One thread at a time.
 */
#include "config.h"

#include "muster-arena-private.h"

#define FIRST_BLOCK 2048u
#define LAST_BLOCK  65536u
#define ALIGNMENT   16u

struct _MusterArena
{
  ProtobufCAllocator allocator;
  GPtrArray *blocks; /* owned */
  guint8 *next;      /* in the newest block */
  gsize room;
  gsize block_size; /* of the next block */
  gsize size;       /* of all blocks */
};

static void *
alloc_cb (void *data, size_t size)
{
  return muster_arena_alloc (data, size);
}

static void
free_cb (void *data, void *pointer)
{
}

MusterArena *
muster_arena_new (void)
{
  MusterArena *arena = g_new0 (MusterArena, 1);

  arena->allocator = (ProtobufCAllocator){ .alloc = alloc_cb, .free = free_cb, .allocator_data = arena };
  arena->blocks = g_ptr_array_new_with_free_func (g_free);
  arena->block_size = FIRST_BLOCK;
  return arena;
}

void
muster_arena_free (MusterArena *arena)
{
  g_ptr_array_unref (arena->blocks);
  g_free (arena);
}

gpointer
muster_arena_alloc (MusterArena *arena, gsize size)
{
  gpointer result;

  size = (size + ALIGNMENT - 1) & ~(gsize) (ALIGNMENT - 1);
  if (size > arena->room)
    {
      arena->room = MAX (size, arena->block_size);
      arena->next = g_malloc (arena->room); /* malloc() aligns to 16 bytes where types need it */
      arena->block_size = MIN (arena->block_size * 2, LAST_BLOCK);
      arena->size += arena->room;
      g_ptr_array_add (arena->blocks, arena->next);
    }
  result = arena->next;
  arena->next += size;
  arena->room -= size;
  return result;
}

ProtobufCAllocator *
muster_arena_get_allocator (MusterArena *arena)
{
  return &arena->allocator;
}

void
muster_arena_adopt (MusterArena *arena, MusterArena *other)
{
  g_ptr_array_extend_and_steal (arena->blocks, g_steal_pointer (&other->blocks));
  arena->size += other->size;
  g_free (other);
}

gsize
muster_arena_get_size (const MusterArena *arena)
{
  return arena->size;
}
