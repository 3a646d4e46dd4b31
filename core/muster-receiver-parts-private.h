/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-journal-feed-private.h"
#include "muster-link-private.h"
#include "muster-receiver-notes-private.h"
#include "muster-zmq-source-private.h"

/*
 * What the receiver consists of, for its own files only:
 *
 *   muster-receiver.c           the thread, its orders, start and stop
 *   muster-receiver-endpoint.c  a group's ROUTER socket: bytes in, bytes out
 *   muster-receiver-frames.c    what workers say, answered
 *   muster-receiver-stream.c    a journal's mark: into the pipeline, and back as acknowledgements
 *   muster-receiver-drain.c     the journals of the dead
 *   muster-receiver-notes.c     what the cluster is told
 *
 * All functions are called in the receiver's thread, unless they say otherwise.
 */
typedef struct _MusterReceiverEndpoint MusterReceiverEndpoint;
typedef struct _MusterReceiverStream MusterReceiverStream;

struct _MusterReceiverEndpoint
{
  MusterReceiver *receiver; /* borrowed */
  char *group;              /* owned */
  void *socket;             /* owned */
  GSource *source;          /* owned */
  GHashTable *peers;        /* GBytes (routing id) -> MusterReceiverStream, borrowed */
};

/*
 * The mark of a journal is in two halves: `accepted` (the next number wanted; what is before it has been handed to the
 * pipeline) and `acknowledged` (the next number that is not yet safe in every required transport). A batch is accepted
 * only at `accepted`; what overlaps is trimmed, a hole is answered with NACK. So nothing is taken twice, whatever ZeroMQ
 * or a drained journal delivers again.
 *
 * Batches in the pipeline point to their stream. It stays until all of them are done; what a stalled transport never
 * finishes is called back by nobody once the pipeline has been stopped, and then the receiver frees the stream.
 */
struct _MusterReceiverStream
{
  MusterReceiver *receiver; /* borrowed */
  MusterJournalIdentity identity;
  gsize ring_size;
  int fd; /* owned; -1 for the primary's own */

  guint64 accepted;
  gint64 accepted_drops; /* refused before it; MUSTER_JOURNAL_DROPS_UNKNOWN where another primary knew */
  gboolean adopted;      /* an earlier primary has begun with it */
  guint64 words_stored;  /* what a primary says itself of a dead sender: so many of these entries are stored already */
  gboolean trusting;     /* nobody knows where it stands: its sender is believed */
  guint64 acknowledged;
  guint64 done_taken; /* of `done`, when it was looked at last */
  gboolean nacked;    /* said once; cleared by the next batch that fits */
  gboolean finishing;
  gboolean refused;
  gboolean announced; /* the cluster knows that it has said HELLO */

  MusterReceiverEndpoint *endpoint; /* borrowed, nullable: where it is connected */
  GBytes *routing;                  /* owned, nullable */

  guint64 pushed_bytes;     /* handed to the pipeline since the beginning */
  guint64 done_bytes_taken; /* of `done_bytes`, when it was looked at last */

  guint64 done;       /* under the receiver's done_lock: the next number that is not done */
  guint64 done_bytes; /* under done_lock: of `pushed_bytes` */
  gboolean dirty;     /* under done_lock: in the list */
};

struct _MusterReceiver
{
  MusterPipeline *pipeline; /* owned */
  char *host, *cluster;     /* owned */
  MusterTimeBase base;
  MusterReceiverNotes *notes; /* owned */
  GMainContext *context;      /* owned */
  GMainLoop *loop;
  GThread *thread; /* NULL once stopped */

  GMutex done_lock;
  GPtrArray *dirty;    /* under done_lock: of MusterReceiverStream */
  gboolean done_woken; /* under done_lock */

  /* -- the thread's own -- */
  void *zmq;
  GPtrArray *endpoints;         /* of MusterReceiverEndpoint */
  GHashTable *streams;          /* stream id (16 bytes, in the stream) -> MusterReceiverStream, owned */
  MusterReceiverStream *master; /* owned, nullable */
  MusterJournalFeed *master_feed;
  guint64 strangers; /* frames from nobody we know */
};

/* [routing id][header]([payload]), as it came. */
typedef struct
{
  MusterReceiverEndpoint *endpoint;
  GBytes *routing;
  MusterLinkHeader header;
  zmq_msg_t *payload; /* nullable */
} MusterReceiverFrame;

/* Binds, and hears from then on. */
MusterReceiverEndpoint *muster_receiver_endpoint_new (MusterReceiver *receiver, const char *group, const char *address,
                                                      uid_t uid, gid_t gid, GError **error);
void muster_receiver_endpoint_free (gpointer endpoint);
/* To one peer; what cannot be sent now is lost, and the exchange of positions makes it good. */
gboolean muster_receiver_endpoint_reply (MusterReceiverEndpoint *endpoint, GBytes *routing,
                                         const MusterLinkHeader *header, const void *payload, gsize size);

void muster_receiver_handle_frame (const MusterReceiverFrame *frame);

GHashTable *muster_receiver_stream_table_new (void);
/* Takes @fd over. Any thread. */
MusterReceiverStream *muster_receiver_stream_new (MusterReceiver *receiver, const MusterJournalIdentity *identity,
                                                  gsize ring_size, int fd, guint64 next);
/* It stands at @next: before anything of it is taken. */
void muster_receiver_stream_begin_at (MusterReceiverStream *stream, guint64 next);
void muster_receiver_stream_free (gpointer stream);
void muster_receiver_stream_connect (MusterReceiverStream *stream, MusterReceiverEndpoint *endpoint, GBytes *routing);
void muster_receiver_stream_disconnect (MusterReceiverStream *stream);
/* The slices are borrowed from the stream and the receiver. */
void muster_receiver_stream_get_labels (MusterReceiverStream *stream, MusterOrigin *labels);
void muster_receiver_stream_send_number (MusterReceiverStream *stream, MusterLinkType type, guint64 number);
/* Says so to the worker, and hears it no more. */
void muster_receiver_stream_refuse (MusterReceiverStream *stream, const char *reason);
/* How many bytes of it are in the pipeline. */
guint64 muster_receiver_stream_get_bytes_in_flight (const MusterReceiverStream *stream);
/* Hands on what `accepted` counts already. */
void muster_receiver_stream_push (MusterReceiverStream *stream, MusterBatch *batch);
/* Declares what is before @number and can come no more; nobody knows what it was. */
void muster_receiver_stream_skip_to (MusterReceiverStream *stream, guint64 number);
/* All before @next is safe in every required transport. */
void muster_receiver_stream_acknowledge (MusterReceiverStream *stream, guint64 next);

/* What its journal still holds, what it had measured until its death at @end_ns (steady wall-clock time), then @end_record
 * (nullable) as its last entry; `finished` is told once all is safe. */
void muster_receiver_stream_finish (MusterReceiverStream *stream, GBytes *end_record, gint64 end_ns);
/* A MusterFeedFunc for the primary's own journal; @receiver is a MusterReceiver. */
gboolean muster_receiver_feed_batch (guint8 *bytes, gsize length, guint64 first, guint64 count, guint32 drops,
                                     gpointer receiver);
