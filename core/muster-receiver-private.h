/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-dataset-private.h"
#include "muster-journal-private.h"
#include "muster-pipeline-private.h"

/*
 * MusterReceiver: the primary's end of the links, in a thread of its own, so that a busy main loop never delays the log.
 *
 * It owns the ROUTER sockets (one for each worker group), checks every HELLO against the journals it was told of, keeps
 * one mark for each journal, hands batches to the pipeline and acknowledges what every required transport has. It also
 * drains the primary's own journal, and the journals of dead workers.
 *
 * All functions are called from one thread, the cluster's; the callbacks come in the main context given.
 */
typedef struct _MusterReceiver MusterReceiver;

typedef struct
{
  /* A worker has said HELLO with its token, for the first time. */
  void (*connected) (const guint8 stream[MUSTER_STREAM_ID_SIZE], gpointer user_data);
  /* A custom message from a worker; @message is borrowed. Bounded: messages may be left out. */
  void (*message) (const guint8 stream[MUSTER_STREAM_ID_SIZE], GVariant *message, gpointer user_data);
  /* A batch (of any stream, the primary's own excepted) that holds snapshots, without its records; borrowed. In order
   * for each stream. Bounded: batches may be left out. */
  void (*snapshots) (MusterBatch *batch, gpointer user_data);
  /* In the receiver's thread: such a batch, before any of it is acknowledged, and in the order in which `snapshots` will get
   * them. Nullable. */
  void (*keep) (MusterBatch *batch, gpointer user_data);
  /* A batch with records, only while muster_receiver_set_tap() is on; bounded: batches may be left out. */
  void (*records) (MusterBatch *batch, gpointer user_data);
  /* All that muster_receiver_finish() found, and the end record, is acknowledged: the journal may be deleted. */
  void (*finished) (const guint8 stream[MUSTER_STREAM_ID_SIZE], gpointer user_data);
} MusterReceiverCallbacks;

/* @master: (nullable) the primary's own journal, drained here and nowhere else. The receiver keeps a reference to
 * @pipeline, which is started already. */
MusterReceiver *muster_receiver_new (MusterPipeline *pipeline, const char *host, const char *cluster,
                                     MusterJournal *master, const MusterTimeBase *base,
                                     const MusterReceiverCallbacks *callbacks, gpointer user_data,
                                     GMainContext *main_context);
/* Binds one group's endpoint ("ipc:///..."); from then on its workers may connect. @uid and @gid own the socket; (uid_t)
 * -1 leaves it. */
gboolean muster_receiver_bind (MusterReceiver *self, const char *group, const char *endpoint, uid_t uid, gid_t gid,
                               GError **error);
/* Makes a journal known, before its worker is started; takes @fd over (a duplicate of the worker's). @next: the number of
 * the first entry that is wanted: 1 for a new journal, for an earlier primary's what its transports have not got; 0 if
 * nobody knows that: then the sender is believed, who keeps what was not acknowledged. */
void muster_receiver_add_journal (MusterReceiver *self, const MusterJournalIdentity *identity, gsize ring_size, int fd,
                                  guint64 next);
/* The worker is dead and reaped: take what arrived over the link, then drain the journal, then append snapshots of what it
 * had measured and not yet reported, then @end_record as the stream's last entry (an encoded Record entry: whole, with tag
 * and length; nullable). `finished` follows. */
void muster_receiver_finish (MusterReceiver *self, const guint8 stream[MUSTER_STREAM_ID_SIZE], GBytes *end_record);
/* To one worker; dropped if it is not connected. Sinks a floating message. */
void muster_receiver_send (MusterReceiver *self, const guint8 stream[MUSTER_STREAM_ID_SIZE], GVariant *message);
void muster_receiver_set_tap (MusterReceiver *self, gboolean on);
/* What came by another way than from a worker, for `records`, while the tap is on; any thread. */
void muster_receiver_tap (MusterReceiver *self, MusterBatch *batch);
/* Waits until the primary's own journal is empty and all that was handed to the pipeline is acknowledged, at most
 * @timeout_us, then ends the thread. FALSE if something stayed unacknowledged. */
gboolean muster_receiver_stop (MusterReceiver *self, gint64 timeout_us);
/* Stops without waiting if it was not stopped. The pipeline must have been stopped before. */
void muster_receiver_free (MusterReceiver *self);
