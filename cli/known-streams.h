/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "interval-map.h"
#include "muster-entry.h"
#include "number-set.h"

typedef struct _MusterKnownOrigin MusterKnownOrigin;

/* What `muster cat` keeps of a stream. */
typedef struct
{
  guint8 id[MUSTER_STREAM_ID_SIZE];
  guint64 time_ns;                         /* of its last entry that had one */
  MusterNumberSet *held;                   /* owned, nullable: what has come, for --unique */
  MusterIntervalMap *known;                /* owned, nullable: the same with gaps */
  guint64 skipped_first;                   /* left out and not yet declared: up to @skipped_next, which is excluded */
  guint64 skipped_next;                    /* equal to @skipped_first where there is nothing */
  const MusterKnownOrigin *skipped_origin; /* borrowed */
} MusterKnownStream;

/* An origin's labels; equal ones are one object, so that they can be compared by address. */
struct _MusterKnownOrigin
{
  MusterOrigin labels; /* with its own memory; first_seq is 0 */
  MusterKnownStream *stream;
};

/*
 * MusterKnownStreams: all streams and labels that were met. Not thread-safe.
 */
typedef struct _MusterKnownStreams MusterKnownStreams;

MusterKnownStreams *muster_known_streams_new (void);
void muster_known_streams_free (MusterKnownStreams *self);
/* Owned by @self, for its life. */
const MusterKnownOrigin *muster_known_streams_intern (MusterKnownStreams *self, const MusterOrigin *origin);
/* In order of appearance; of MusterKnownStream, owned by @self. */
GPtrArray *muster_known_streams_list (MusterKnownStreams *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterKnownStreams, muster_known_streams_free)
