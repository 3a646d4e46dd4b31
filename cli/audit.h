/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The audit of protobuf files: what each stream holds, what it declares as missing, and what is missing without a word.
 */
#pragma once

#include "interval-map.h"
#include "log-reader.h"

#define MUSTER_GAP_N_REASONS (MUSTER_GAP_REFUSED + 1)

typedef enum
{
  MUSTER_AUDIT_OPEN,   /* its end is not in the files */
  MUSTER_AUDIT_ENDED,  /* its last entry is its end */
  MUSTER_AUDIT_ABSENT, /* a primary says that it has started it, and nothing of it is in the files */
} MusterAuditState;

typedef struct
{
  char id[2 * MUSTER_STREAM_ID_SIZE + 1]; /* in hex */
  const char *worker;                     /* "" where unknown, like the other labels; owned by the stream */
  const char *host;
  const char *group; /* known where a primary announced it */
  guint32 pid;
  gboolean is_primary;
  MusterAuditState state;
  guint64 first; /* 0 where it is absent */
  guint64 last;
  guint64 records;
  guint64 snapshots;
  guint64 datasets;
  guint64 others;                         /* of kinds that this version does not know */
  guint64 declared[MUSTER_GAP_N_REASONS]; /* missing, and in no other file either */
  guint64 n_declared;                     /* their sum */
  guint64 holes;                          /* numbers between first and last that nothing holds or declares */
  MusterIntervalMap *hole_intervals;      /* owned */
  guint64 duplicates;                     /* entries whose number was there already */
} MusterAuditStream;

/* Not thread-safe. */
typedef struct _MusterAudit MusterAudit;

MusterAudit *muster_audit_new (void);
void muster_audit_free (MusterAudit *self);

/* Reads all of @reader. FALSE, with @error as muster_log_reader_next() sets it, if it ended early: what came before counts
 * all the same. */
gboolean muster_audit_read (MusterAudit *self, MusterLogReader *reader, GError **error);

/* When all is read: adds up; primaries first, then by worker, in order of appearance. Owned by the audit. */
GPtrArray *muster_audit_finish (MusterAudit *self);

/* Of the files read so far. */
guint64 muster_audit_get_n_nameless (MusterAudit *self); /* entries before any origin: nobody knows whose */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterAudit, muster_audit_free)
