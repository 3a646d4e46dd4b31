/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * MusterFileSlots: a mapped file of numbered slots that survives a kill of the process at any instruction. What is in
 * them is the user's business, but for nothing but zeros, which is a free slot.
 *
 * Changes are collected, and muster_file_slots_commit() makes all of them true at once. The cost of a commit is that of
 * what changed, not of what there is. Slot 0 is always there. Owned by one thread.
 */
typedef struct _MusterFileSlots MusterFileSlots;

#define MUSTER_FILE_SLOT_SIZE 56 /* bytes, aligned to 8 */

/* DIRECTORY/NAME.checkpoint; what it holds is of no use, and not kept, if it is of another boot of the machine. With
 * @directory NULL there is no file, and all is forgotten at the end. @note, if set, tells what a person should know (to
 * be freed). EXISTS if another process, or another user of the name, has it; UNAVAILABLE. The user then discards what it
 * has no use for: no slot is free before. */
MusterFileSlots *muster_file_slots_open (const char *directory, const char *name, char **note, GError **error);
void muster_file_slots_free (MusterFileSlots *slots); /* what is not committed never was */

/* Whether an earlier life of this process has left what there is. */
gboolean muster_file_slots_has_history (const MusterFileSlots *slots);
guint32 muster_file_slots_get_count (const MusterFileSlots *slots); /* free ones included */

/* A slot's content, changes included, until the next call. */
gconstpointer muster_file_slots_look (const MusterFileSlots *slots, guint32 slot);

/* Makes sure of room for so many additions, which then cannot fail. UNAVAILABLE: no room on the disk. */
gboolean muster_file_slots_reserve (MusterFileSlots *slots, guint n_slots, GError **error);
guint32 muster_file_slots_add (MusterFileSlots *slots); /* its content is zeros, for change() to fill */
gpointer muster_file_slots_change (MusterFileSlots *slots, guint32 slot); /* to be written to, until the next call */
void muster_file_slots_remove (MusterFileSlots *slots, guint32 slot);

/* Makes all changes since the last commit true at once. Cannot fail. */
void muster_file_slots_commit (MusterFileSlots *slots);

/* Right after opening alone, and at once: what is in this slot, if anything, is of no use, and it is free. */
void muster_file_slots_discard (MusterFileSlots *slots, guint32 slot);

/* A number beside the content. True at once, without a commit; what comes behind the call comes behind it. */
guint64 muster_file_slots_get_limit (const MusterFileSlots *slots, guint32 slot);
void muster_file_slots_set_limit (MusterFileSlots *slots, guint32 slot, guint64 limit);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterFileSlots, muster_file_slots_free)
