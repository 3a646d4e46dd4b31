/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Memory for sketches. Any thread.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "muster-sketch-arena-private.h"

#define STEP ((gsize) 64 << 10) /* of the file's room */

void
muster_sketch_arena_init (MusterSketchArena *arena, gsize size)
{
  *arena = (MusterSketchArena){ .size = size, .backed = size, .fd = -1, .n_used = 1 };
  pthread_mutex_init (&arena->lock, NULL);
}

void
muster_sketch_arena_init_in_file (MusterSketchArena *arena, guint8 *base, gsize size, int fd, off_t offset,
                                  _Atomic guint64 *used)
{
  *arena = (MusterSketchArena){ .base = base, .size = size, .fd = fd, .offset = offset, .used = used, .n_used = 1 };
  pthread_mutex_init (&arena->lock, NULL);
}

void
muster_sketch_arena_clear (MusterSketchArena *arena)
{
  if (arena->used == NULL && arena->base != NULL)
    munmap (arena->base, arena->size);
  g_free (arena->pages);
  pthread_mutex_destroy (&arena->lock);
}

void
muster_sketch_arena_forget_file (MusterSketchArena *arena)
{
  arena->fd = -1;
  arena->backed = arena->size;
}

/* -- under the lock ------------------------------------------------------------------------------- */

/* Memory that is touched for the first time is taken then, and not before. */
static gboolean
prepare (MusterSketchArena *arena)
{
  gpointer base;

  if (arena->pages != NULL)
    return TRUE;
  if (arena->size < 2 * MUSTER_SKETCH_PAGE)
    return FALSE;
  if (arena->base == NULL)
    {
      base = mmap (NULL, arena->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (base == MAP_FAILED)
        return FALSE;
      arena->base = base;
    }
  arena->pages = g_new0 (MusterSketchPage, arena->size / MUSTER_SKETCH_PAGE);
  return TRUE;
}

/* Sees to it that the file has room for @size bytes. */
static gboolean
back (MusterSketchArena *arena, gsize size)
{
  while (size > arena->backed)
    {
      gsize step = MIN (STEP, arena->size - arena->backed);
      int result;

      if (step == 0)
        return FALSE;
      do
        result = posix_fallocate (arena->fd, arena->offset + (off_t) arena->backed, (off_t) step);
      while (result == EINTR);
      if (result != 0)
        return FALSE;
      arena->backed += step;
    }
  return TRUE;
}

static void
link_page (MusterSketchArena *arena, guint16 *list, guint16 page)
{
  arena->pages[page].previous = 0;
  arena->pages[page].next = *list;
  if (*list != 0)
    arena->pages[*list].previous = page;
  *list = page;
}

static void
unlink_page (MusterSketchArena *arena, guint16 *list, guint16 page)
{
  const MusterSketchPage *self = &arena->pages[page];

  if (self->previous != 0)
    arena->pages[self->previous].next = self->next;
  else
    *list = self->next;
  if (self->next != 0)
    arena->pages[self->next].previous = self->previous;
}

static guint8
get_all_free (guint class)
{
  return (guint8) ((1u << (1u << (MUSTER_SKETCH_CLASSES - 1 - class))) - 1);
}

/* FALSE if there is no page left. */
static gboolean
add_page (MusterSketchArena *arena, guint class)
{
  guint16 page = arena->empty;

  if (page != 0)
    unlink_page (arena, &arena->empty, page);
  else
    {
      gsize end = ((gsize) arena->n_used + 1) * MUSTER_SKETCH_PAGE;

      if (end > arena->size || !back (arena, end))
        return FALSE;
      page = (guint16) arena->n_used++;
      if (arena->used != NULL)
        atomic_store_explicit (arena->used, end, memory_order_release);
    }
  arena->pages[page].class = (guint8) class;
  arena->pages[page].free = get_all_free (class);
  link_page (arena, &arena->partial[class], page);
  return TRUE;
}

static guint32
take_block (MusterSketchArena *arena, guint class)
{
  guint16 page = arena->partial[class];
  MusterSketchPage *self = &arena->pages[page];
  guint bit = (guint) __builtin_ctz (self->free);

  self->free &= (guint8) (self->free - 1);
  if (self->free == 0)
    unlink_page (arena, &arena->partial[class], page);
  return page * (MUSTER_SKETCH_PAGE / MUSTER_SKETCH_UNIT) + (bit << class);
}

static void
give_block (MusterSketchArena *arena, guint32 unit, guint class)
{
  guint16 page = (guint16) (unit / (MUSTER_SKETCH_PAGE / MUSTER_SKETCH_UNIT));
  MusterSketchPage *self = &arena->pages[page];
  guint bit = unit % (MUSTER_SKETCH_PAGE / MUSTER_SKETCH_UNIT) >> class;

  if (self->free == 0)
    link_page (arena, &arena->partial[class], page);
  self->free |= (guint8) (1u << bit);
  if (self->free != get_all_free (class))
    return;
  unlink_page (arena, &arena->partial[class], page);
  link_page (arena, &arena->empty, page);
}

/* -- from outside --------------------------------------------------------------------------------- */

guint32
muster_sketch_arena_alloc (MusterSketchArena *arena, guint class)
{
  guint32 unit = 0;

  pthread_mutex_lock (&arena->lock);
  if (prepare (arena) && (arena->partial[class] != 0 || add_page (arena, class)))
    unit = take_block (arena, class);
  pthread_mutex_unlock (&arena->lock);
  if (unit != 0)
    memset (muster_sketch_arena_at (arena, unit), 0, (gsize) MUSTER_SKETCH_UNIT << class);
  return unit;
}

void
muster_sketch_arena_release (MusterSketchArena *arena, guint32 unit, guint class)
{
  pthread_mutex_lock (&arena->lock);
  give_block (arena, unit, class);
  pthread_mutex_unlock (&arena->lock);
}
