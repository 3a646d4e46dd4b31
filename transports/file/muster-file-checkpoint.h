/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "muster-batch-filter-private.h"

/*
 * MusterFileCheckpoint: where a transport's files and streams stand, in a small mapped file that survives a kill of the
 * process at any instruction.
 *
 * What belongs together is changed together: changes are collected, and muster_file_checkpoint_commit() makes all of
 * them true at once. The cost of a commit is that of what changed, not of what there is.
 *
 * Things are named by slots, numbers that stay the same as long as they are there; 0 is none. Owned by the transport's
 * thread.
 */
typedef struct _MusterFileCheckpoint MusterFileCheckpoint;

/* One output: what is before @offset is done with. @limit: where a write that may not have been committed would have
 * ended; no bytes of ours lie behind it. */
typedef struct
{
  guint32 slot;
  char *path; /* owned */
  dev_t device;
  ino_t inode;
  goffset offset;
  goffset limit;
} MusterFilePlace;

/* One stream: numbers below @next are done with; @pending is what the transport's own filter has to declare. */
typedef struct
{
  guint32 slot;
  guint8 id[MUSTER_STREAM_ID_SIZE];
  guint64 next;
  MusterPendingRuns pending;
} MusterFileStream;

/* A stream that an output has had entries of, and what it has to declare of it. */
typedef struct
{
  guint32 slot;
  guint32 file;
  guint32 stream;
  MusterPendingRuns pending;
} MusterFilePair;

/* DIRECTORY/NAME.checkpoint; what it holds is of no use, and not kept, if it is of another boot of the machine. With
 * @directory NULL there is no file, and all is forgotten at the end. @note, if set, tells what a person should know (to
 * be freed). EXISTS if another process, or another transport, has it; UNAVAILABLE. */
MusterFileCheckpoint *muster_file_checkpoint_open (const char *directory, const char *name, char **note,
                                                   GError **error);
void muster_file_checkpoint_free (MusterFileCheckpoint *checkpoint); /* what is not committed never was */

/* Whether an earlier life of this process has left what there is: a stream that is not in it has not been seen. */
gboolean muster_file_checkpoint_has_history (const MusterFileCheckpoint *checkpoint);

/* What is there, changes included: of MusterFilePlace, MusterFileStream, MusterFilePair. */
GArray *muster_file_checkpoint_list_files (MusterFileCheckpoint *checkpoint);
GArray *muster_file_checkpoint_list_streams (MusterFileCheckpoint *checkpoint);
GArray *muster_file_checkpoint_list_pairs (MusterFileCheckpoint *checkpoint);

/* Makes sure of room for so many additions, which then cannot fail. UNAVAILABLE: no room on the disk. */
gboolean muster_file_checkpoint_reserve (MusterFileCheckpoint *checkpoint, guint n_slots, GError **error);
guint muster_file_checkpoint_get_path_slots (const char *path); /* what a file takes */

/* Says which state of things the files and pairs belong to. */
guint64 muster_file_checkpoint_get_stamp (MusterFileCheckpoint *checkpoint);
void muster_file_checkpoint_set_stamp (MusterFileCheckpoint *checkpoint, guint64 stamp);

guint32 muster_file_checkpoint_add_file (MusterFileCheckpoint *checkpoint, const char *path);
void muster_file_checkpoint_remove_file (MusterFileCheckpoint *checkpoint, guint32 file); /* not its pairs */
/* Nothing changes where it stands there already. */
void muster_file_checkpoint_set_file (MusterFileCheckpoint *checkpoint, guint32 file, dev_t device, ino_t inode,
                                      goffset offset);
/* True at once, without a commit: before a write, where it will end. */
void muster_file_checkpoint_set_limit (MusterFileCheckpoint *checkpoint, guint32 file, goffset limit);

guint32 muster_file_checkpoint_add_stream (MusterFileCheckpoint *checkpoint, const guint8 id[MUSTER_STREAM_ID_SIZE]);
void muster_file_checkpoint_set_stream (MusterFileCheckpoint *checkpoint, guint32 stream, guint64 next,
                                        const MusterPendingRuns *pending);

guint32 muster_file_checkpoint_add_pair (MusterFileCheckpoint *checkpoint, guint32 file, guint32 stream);
void muster_file_checkpoint_set_pair (MusterFileCheckpoint *checkpoint, guint32 pair, const MusterPendingRuns *pending);
void muster_file_checkpoint_get_pair (MusterFileCheckpoint *checkpoint, guint32 pair, MusterPendingRuns *pending);

void muster_file_checkpoint_remove (MusterFileCheckpoint *checkpoint, guint32 slot); /* a stream or a pair */

/* Makes all changes since the last commit true at once. Cannot fail. */
void muster_file_checkpoint_commit (MusterFileCheckpoint *checkpoint);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterFileCheckpoint, muster_file_checkpoint_free)
