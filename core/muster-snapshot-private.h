/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-encoder-private.h"
#include "muster.pb-c.h"

/*
 * Writes Snapshot entries in parts that are never longer than MUSTER_ENTRY_MAX. To be put on the stack.
 */
typedef struct
{
  Muster__V1__Snapshot head; /* everything but the metrics; its strings are borrowed */
  gsize head_size;           /* at most, packed */
  GByteArray *metrics;       /* owned; those of the part in progress, packed */
  GPtrArray *entries;        /* owned GBytes */
} MusterSnapshotWriter;

void muster_snapshot_writer_init (MusterSnapshotWriter *writer, const Muster__V1__Snapshot *head);
void muster_snapshot_writer_add (MusterSnapshotWriter *writer, const Muster__V1__Metric *metric);
/* Ends the last part and gives all of them away; never none. */
GPtrArray *muster_snapshot_writer_finish (MusterSnapshotWriter *writer, guint64 overflow);

/* Appends an entry to @entries whose message is @head, packed by protobuf-c, followed by @tail, members packed already:
 * a message's members may stand in any order. */
void muster_entries_add (GPtrArray *entries, MusterEntryKind kind, const ProtobufCMessage *head, GByteArray *tail);
