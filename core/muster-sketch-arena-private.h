/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include <glib.h>

/*
 * MusterSketchArena: where the sketches of one process lie: blocks of 64, 128, 256 and 512 bytes, of a memory that has an
 * end. In an area that outlives the process the file's room is asked for bit by bit, so that what nobody samples takes
 * none, and a full disk is a refusal here and not a SIGBUS. Any thread; its lock is the last one to be taken.
 *
 * Blocks of one size share a page; a page without blocks may be given to another size. Who has what is known in ordinary
 * memory alone.
 */
#define MUSTER_SKETCH_UNIT          64u
#define MUSTER_SKETCH_CLASSES       4u
#define MUSTER_SKETCH_PAGE          (MUSTER_SKETCH_UNIT << (MUSTER_SKETCH_CLASSES - 1))
#define MUSTER_SKETCH_ARENA_DEFAULT ((gsize) 8 << 20)
#define MUSTER_SKETCH_ARENA_MAX     ((gsize) 31 << 20) /* so that pages have numbers of 16 bits */

typedef struct
{
  guint16 previous; /* in its list; 0: none, for the first page is never used */
  guint16 next;
  guint8 class;
  guint8 free; /* a bit for each block that is free */
} MusterSketchPage;

typedef struct
{
  pthread_mutex_t lock;
  guint8 *base;                           /* NULL before the first block, where it is ordinary memory */
  gsize size;                             /* the end of it all */
  gsize backed;                           /* so far the file has room */
  int fd;                                 /* borrowed; -1: ordinary memory */
  off_t offset;                           /* in the file */
  _Atomic guint64 *used;                  /* nullable; tells who reads the file how much of it was ever used */
  MusterSketchPage *pages;                /* owned; NULL before the first block */
  guint n_used;                           /* pages that were ever used, with the first one */
  guint16 empty;                          /* list of pages without blocks */
  guint16 partial[MUSTER_SKETCH_CLASSES]; /* lists of pages that have free blocks */
} MusterSketchArena;

/* Ordinary memory of at most @size bytes. */
void muster_sketch_arena_init (MusterSketchArena *arena, gsize size);
/* The @size bytes at @base, aligned to a page, which are the file's at @offset. All of it borrowed. */
void muster_sketch_arena_init_in_file (MusterSketchArena *arena, guint8 *base, gsize size, int fd, off_t offset,
                                       _Atomic guint64 *used);
void muster_sketch_arena_clear (MusterSketchArena *arena);
/* In a forked child, which has a private copy: the file's room is no business of its own. */
void muster_sketch_arena_forget_file (MusterSketchArena *arena);

/* A zeroed block of MUSTER_SKETCH_UNIT << @class bytes, as its unit, counted from @base, never 0; 0: there is no room. */
guint32 muster_sketch_arena_alloc (MusterSketchArena *arena, guint class);
void muster_sketch_arena_release (MusterSketchArena *arena, guint32 unit, guint class);

static inline gpointer
muster_sketch_arena_at (const MusterSketchArena *arena, guint32 unit)
{
  return arena->base + (gsize) unit * MUSTER_SKETCH_UNIT;
}
