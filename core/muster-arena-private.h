/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <protobuf-c/protobuf-c.h>

/*
 * MusterArena: memory that is given back all at once, for decoded messages, which are many small pieces. One thread at
 * a time.
 */
typedef struct _MusterArena MusterArena;

MusterArena *muster_arena_new (void);
void muster_arena_free (MusterArena *arena);
gpointer muster_arena_alloc (MusterArena *arena, gsize size); /* aligned for any type */
/* As protobuf-c wants it; valid as long as the arena. */
ProtobufCAllocator *muster_arena_get_allocator (MusterArena *arena);
/* Takes all memory of @other, which is freed. */
void muster_arena_adopt (MusterArena *arena, MusterArena *other);
gsize muster_arena_get_size (const MusterArena *arena); /* bytes, adopted ones included */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterArena, muster_arena_free)
