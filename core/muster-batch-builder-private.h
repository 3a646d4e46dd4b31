/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-batch.h"
#include "muster-encoder-private.h"
#include "muster-journal-private.h"

/*
 * MusterBatchBuilder: journal items to the bytes of a batch. It writes the origin, declares what is missing before an
 * item, and completes the origins of items that have labels of their own (captured lines, what a source took in). Not thread-safe.
 */
typedef struct
{
  MusterOrigin labels; /* whose stream it is; the slices are borrowed from the caller */
  guint8 *buffer;      /* owned; NULL between batches */
  gsize length;
  gsize capacity;
  guint64 first_place;
  guint64 next_place;
  guint32 drops;
  gboolean own_labels; /* the last origin written was not the stream's own: */
  MusterOrigin last;   /* that one; its slices lie in the buffer */
  gboolean one_label;  /* set by the caller: labels that items bring along are replaced by the stream's own */
} MusterBatchBuilder;

void muster_batch_builder_init (MusterBatchBuilder *builder, const MusterOrigin *labels);
void muster_batch_builder_clear (MusterBatchBuilder *builder);
/* Begins a batch whose first number is @place. */
void muster_batch_builder_begin (MusterBatchBuilder *builder, guint64 place);
gboolean muster_batch_builder_is_empty (const MusterBatchBuilder *builder);
/* Whether @item fits into a batch of MUSTER_LINK_BATCH_SIZE (the first one always does). */
gboolean muster_batch_builder_has_room (const MusterBatchBuilder *builder, const MusterJournalItem *item);
void muster_batch_builder_add (MusterBatchBuilder *builder, const MusterJournalItem *item);
void muster_batch_builder_add_gap (MusterBatchBuilder *builder, guint64 count, MusterGapReason reason);
/* Appends an encoded entry that takes one number. */
void muster_batch_builder_add_entry (MusterBatchBuilder *builder, const void *bytes, gsize length);
/* The batch; the buffer (to be freed with g_free()) goes to the caller. */
guint8 *muster_batch_builder_steal (MusterBatchBuilder *builder, gsize *length);

/* What of @batch lies at or behind @from: a new batch, or NULL if nothing does. */
MUSTER_PUBLIC MusterBatch *muster_batch_trim (MusterBatch *batch, guint64 from);
