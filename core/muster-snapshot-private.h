/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-arena-private.h"
#include "muster-encoder-private.h"
#include "muster.pb-c.h"

/*
 * Writes Snapshot entries in parts that are never longer than MUSTER_ENTRY_MAX. To be put on the stack. Adding metrics
 * allocates nothing; ending a part does.
 */
typedef struct
{
  Muster__V1__Snapshot head; /* everything but the metrics; its strings are borrowed */
  guint8 *metrics;           /* borrowed, MUSTER_ENTRY_MAX bytes: those of the part in progress, packed */
  gsize length;
  gsize room; /* for metrics in a part */
} MusterSnapshotWriter;

void muster_snapshot_writer_init (MusterSnapshotWriter *writer, const Muster__V1__Snapshot *head,
                                  guint8 metrics[MUSTER_ENTRY_MAX]);
/* FALSE if the part has no room for it: end it, and try again. The first metric of a part always has room. */
gboolean muster_snapshot_writer_add (MusterSnapshotWriter *writer, const Muster__V1__Metric *metric);
/* Appends the part to @entries (GBytes), and begins the next one. */
void muster_snapshot_writer_end_part (MusterSnapshotWriter *writer, GPtrArray *entries);
void muster_snapshot_writer_finish (MusterSnapshotWriter *writer, guint64 overflow, GPtrArray *entries);

/* Appends an entry to @entries whose message is @head, packed by protobuf-c, followed by @tail, members packed already:
 * a message's members may stand in any order. */
void muster_entries_add (GPtrArray *entries, MusterEntryKind kind, const ProtobufCMessage *head, const guint8 *tail,
                         gsize tail_length);

/* What a worker sent, decoded into @arena, all of it sound; NULL: INVALID if @entry is no snapshot, else CORRUPT. */
Muster__V1__Snapshot *muster_snapshot_read (const char *worker, const MusterEntry *entry, MusterArena *arena,
                                            GError **error);
