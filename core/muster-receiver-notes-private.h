/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-receiver-private.h"

/*
 * MusterReceiverNotes: what the receiver's thread tells the cluster's, by way of its main context.
 *
 * Notes that are under way when the receiver is freed find the notes closed, and tell nobody.
 */
typedef struct _MusterReceiverNotes MusterReceiverNotes;

MusterReceiverNotes *muster_receiver_notes_new (const MusterReceiverCallbacks *callbacks, gpointer user_data,
                                                GMainContext *main_context);
/* In the main context's thread, once nobody tells anything any more. Drops the caller's reference. */
void muster_receiver_notes_close (MusterReceiverNotes *self);
void muster_receiver_notes_set_tap (MusterReceiverNotes *self, gboolean on); /* any thread */
/* For the tap, if it is on and there is room; any thread. */
void muster_receiver_notes_tell_records (MusterReceiverNotes *self, MusterBatch *batch);

/* In the receiver's thread. */
void muster_receiver_notes_tell_connected (MusterReceiverNotes *self, const guint8 *stream);
void muster_receiver_notes_tell_message (MusterReceiverNotes *self, const guint8 *stream, GVariant *message);
void muster_receiver_notes_tell_finished (MusterReceiverNotes *self, const guint8 *stream);
/* @own: the batch is of the primary's own stream, whose snapshots are nobody's news. */
void muster_receiver_notes_tell_batch (MusterReceiverNotes *self, MusterBatch *batch, gboolean own);
