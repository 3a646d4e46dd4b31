/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The primary's end of the links. Everything below the line in the struct belongs to the receiver's own thread; other
 * threads hand it work through its main context, and transports' threads tell it what is done through a list of its own.
 *
 * The mark of a journal is in two halves: `accepted` (the next number wanted; what is before it has been handed to the
 * pipeline) and `acknowledged` (the next number that is not yet safe in every required transport). A batch is accepted
 * only at `accepted`; what overlaps is trimmed, a hole is answered with NACK. So nothing is taken twice, whatever ZeroMQ
 * or a drained journal delivers again.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "muster-journal-feed-private.h"
#include "muster-link-private.h"
#include "muster-receiver-private.h"
#include "muster-zmq-source-private.h"

/* Messages handled in one go, so that many groups share the thread fairly. */
#define BURST 64
/* Batches waiting for a main loop that is busy with `record` handlers; more are left out. */
#define TAP_MAX 256
/* A routing id of ZeroMQ has at most 255 bytes (zmq_socket(3), ZMQ_ROUTER). */
#define ROUTING_MAX     255
#define MASTER_FLUSH_US (10 * G_TIME_SPAN_MILLISECOND)

typedef struct
{
  MusterReceiver *receiver;
  char *group;    /* owned */
  char *endpoint; /* owned */
  void *socket;
  GSource *source;
  GHashTable *peers; /* GBytes (routing id) -> Stream, borrowed */
} Endpoint;

typedef struct
{
  gatomicrefcount references; /* the table's, and one for each batch in the pipeline */
  MusterReceiver *receiver;
  MusterJournalIdentity identity;
  gsize ring_size;
  int fd; /* owned; -1 for the primary's own */

  guint64 accepted;
  guint32 accepted_drops;
  guint64 acknowledged;
  gboolean nacked; /* said once; cleared by the next batch that fits */
  gboolean finishing;
  gboolean refused;

  Endpoint *endpoint; /* borrowed, nullable: where it is connected */
  GBytes *routing;    /* owned, nullable */

  guint64 done;   /* under the receiver's done_lock: the next number that is not done */
  gboolean dirty; /* under done_lock: in the list */
} Stream;

/* Who is told, in the main context. Notes that are under way when the receiver is freed find it closed. */
typedef struct
{
  gatomicrefcount references;
  gboolean closed; /* the main context's thread only */
  MusterReceiverCallbacks callbacks;
  gpointer user_data;
  gint tap_queued; /* atomic */
} Listener;

struct _MusterReceiver
{
  MusterPipeline *pipeline; /* owned */
  char *host, *cluster;     /* owned */
  MusterTimeBase base;
  Listener *listener;         /* owned */
  GMainContext *main_context; /* owned */
  GMainContext *context;      /* owned */
  GMainLoop *loop;
  GThread *thread; /* NULL once stopped */
  gint tap;        /* atomic */

  GMutex done_lock;
  GPtrArray *dirty;    /* under done_lock: of Stream */
  gboolean done_woken; /* under done_lock */

  /* -- the thread's own -- */
  void *zmq;
  GPtrArray *endpoints; /* of Endpoint */
  GHashTable *streams;  /* stream id (16 bytes, in the Stream) -> Stream, owned */
  Stream *master;       /* owned, nullable */
  MusterJournalFeed *master_feed;
  guint64 strangers; /* frames from nobody we know */
};

static gboolean handle_done (gpointer data);

/* -- streams -------------------------------------------------------------------------------------- */

static guint
stream_id_hash (gconstpointer key)
{
  guint32 word;

  memcpy (&word, key, sizeof word); /* random bytes hash themselves */
  return word;
}

static gboolean
stream_id_equal (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, MUSTER_STREAM_ID_SIZE) == 0;
}

static Stream *
stream_new (MusterReceiver *self, const MusterJournalIdentity *identity, gsize ring_size, int fd)
{
  Stream *stream = g_new0 (Stream, 1);

  g_atomic_ref_count_init (&stream->references);
  stream->receiver = self;
  stream->identity = *identity;
  stream->ring_size = ring_size;
  stream->fd = fd;
  stream->accepted = stream->acknowledged = stream->done = 1;
  return stream;
}

static Stream *
stream_ref (Stream *stream)
{
  g_atomic_ref_count_inc (&stream->references);
  return stream;
}

static void
stream_unref (gpointer data)
{
  Stream *stream = data;

  if (!g_atomic_ref_count_dec (&stream->references))
    return;
  if (stream->fd >= 0)
    close (stream->fd);
  g_clear_pointer (&stream->routing, g_bytes_unref);
  g_free (stream);
}

static void
disconnect (Stream *stream)
{
  if (stream->endpoint != NULL)
    g_hash_table_remove (stream->endpoint->peers, stream->routing);
  stream->endpoint = NULL;
  g_clear_pointer (&stream->routing, g_bytes_unref);
}

static void
labels_of (MusterReceiver *self, const MusterJournalIdentity *identity, MusterOrigin *labels)
{
  *labels = (MusterOrigin){ .first_seq = 1, .pid = identity->pid };
  memcpy (labels->stream, identity->stream, sizeof labels->stream);
  labels->host = muster_slice_from_string (self->host);
  labels->cluster = muster_slice_from_string (self->cluster);
  labels->worker = muster_slice_from_string (identity->worker);
}

/* -- replies -------------------------------------------------------------------------------------- */

/* To one peer; what cannot be sent now is lost, and the exchange of positions makes it good. */
static gboolean
reply (Endpoint *endpoint, GBytes *routing, const MusterLinkHeader *header, const void *payload, gsize size)
{
  guint8 bytes[MUSTER_LINK_HEADER_SIZE];
  gsize routing_size;
  gconstpointer routing_data = g_bytes_get_data (routing, &routing_size);

  muster_link_header_encode (header, bytes);
  if (zmq_send (endpoint->socket, routing_data, routing_size, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
    return FALSE;
  if (zmq_send (endpoint->socket, bytes, sizeof bytes, ZMQ_DONTWAIT | (size > 0 ? ZMQ_SNDMORE : 0)) < 0)
    return FALSE;
  return size == 0 || zmq_send (endpoint->socket, payload, size, ZMQ_DONTWAIT) >= 0;
}

static void
send_number (Stream *stream, MusterLinkType type, guint64 number)
{
  const MusterLinkHeader header = { .type = type, .number = number };

  if (stream->endpoint != NULL)
    reply (stream->endpoint, stream->routing, &header, NULL, 0);
}

static void
refuse_stream (Stream *stream, const char *reason)
{
  const MusterLinkHeader header = { .type = MUSTER_LINK_REFUSED };

  g_warning ("%s (pid %u) is refused: %s", stream->identity.worker, stream->identity.pid, reason);
  if (stream->endpoint != NULL)
    reply (stream->endpoint, stream->routing, &header, reason, strlen (reason));
  stream->refused = TRUE;
  disconnect (stream);
}

/* -- to the main context -------------------------------------------------------------------------- */

typedef enum
{
  NOTE_CONNECTED,
  NOTE_MESSAGE,
  NOTE_SNAPSHOTS,
  NOTE_RECORDS,
  NOTE_FINISHED,
} NoteKind;

typedef struct
{
  Listener *listener;
  NoteKind kind;
  guint8 stream[MUSTER_STREAM_ID_SIZE];
  MusterBatch *batch;
  GVariant *message;
} Note;

static Listener *
listener_ref (Listener *listener)
{
  g_atomic_ref_count_inc (&listener->references);
  return listener;
}

static void
listener_unref (Listener *listener)
{
  if (g_atomic_ref_count_dec (&listener->references))
    g_free (listener);
}

static gboolean
deliver_note (gpointer data)
{
  Note *note = data;
  Listener *self = note->listener;

  if (self->closed)
    return G_SOURCE_REMOVE;
  switch (note->kind)
    {
    case NOTE_CONNECTED:
      self->callbacks.connected (note->stream, self->user_data);
      break;
    case NOTE_MESSAGE:
      self->callbacks.message (note->stream, note->message, self->user_data);
      break;
    case NOTE_SNAPSHOTS:
      self->callbacks.snapshots (note->batch, self->user_data);
      break;
    case NOTE_RECORDS:
      g_atomic_int_add (&self->tap_queued, -1);
      self->callbacks.records (note->batch, self->user_data);
      break;
    case NOTE_FINISHED:
    default:
      self->callbacks.finished (note->stream, self->user_data);
      break;
    }
  return G_SOURCE_REMOVE;
}

static void
note_free (gpointer data)
{
  Note *note = data;

  g_clear_pointer (&note->batch, muster_batch_unref);
  g_clear_pointer (&note->message, g_variant_unref);
  listener_unref (note->listener);
  g_free (note);
}

static void
tell (MusterReceiver *self, NoteKind kind, const guint8 *stream, MusterBatch *batch, GVariant *message)
{
  Note *note = g_new0 (Note, 1);
  GSource *source = g_idle_source_new ();

  note->listener = listener_ref (self->listener);
  note->kind = kind;
  if (stream != NULL)
    memcpy (note->stream, stream, sizeof note->stream);
  note->batch = batch != NULL ? muster_batch_ref (batch) : NULL;
  note->message = message != NULL ? g_variant_ref (message) : NULL;
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, deliver_note, note, note_free);
  g_source_attach (source, self->main_context);
  g_source_unref (source);
}

static void
show_batch (MusterReceiver *self, Stream *stream, MusterBatch *batch)
{
  Listener *listener = self->listener;

  if (stream != self->master && listener->callbacks.snapshots != NULL
      && muster_batch_has_kind (batch, MUSTER_ENTRY_SNAPSHOT))
    tell (self, NOTE_SNAPSHOTS, NULL, batch, NULL);
  if (g_atomic_int_get (&self->tap) && listener->callbacks.records != NULL && muster_batch_get_n_records (batch) > 0
      && g_atomic_int_get (&listener->tap_queued) < TAP_MAX)
    {
      g_atomic_int_inc (&listener->tap_queued);
      tell (self, NOTE_RECORDS, NULL, batch, NULL);
    }
}

/* -- into the pipeline and back ------------------------------------------------------------------- */

/* In some transport's thread. Batches of one stream are done in order, but two threads may say so at the same time, so
 * the greater number counts. */
static void
batch_done (MusterBatch *batch, gpointer user_data)
{
  Stream *stream = user_data;
  MusterReceiver *self = stream->receiver;
  guint64 next = muster_batch_get_first_seq (batch) + muster_batch_get_count (batch);
  gboolean wake;

  g_mutex_lock (&self->done_lock);
  stream->done = MAX (stream->done, next);
  if (!stream->dirty)
    g_ptr_array_add (self->dirty, stream_ref (stream));
  stream->dirty = TRUE;
  wake = !self->done_woken;
  self->done_woken = TRUE;
  g_mutex_unlock (&self->done_lock);
  if (wake)
    {
      GSource *source = g_idle_source_new ();

      g_source_set_priority (source, G_PRIORITY_DEFAULT);
      g_source_set_callback (source, handle_done, self, NULL);
      g_source_attach (source, self->context);
      g_source_unref (source);
    }
  stream_unref (stream);
}

static void
push (Stream *stream, MusterBatch *batch)
{
  MusterReceiver *self = stream->receiver;

  show_batch (self, stream, batch);
  muster_pipeline_push (self->pipeline, batch, batch_done, stream_ref (stream));
}

static void
stream_done (Stream *stream, guint64 next)
{
  MusterReceiver *self = stream->receiver;

  stream->acknowledged = next;
  if (stream == self->master)
    {
      muster_journal_feed_acknowledge (self->master_feed, next);
      return;
    }
  send_number (stream, MUSTER_LINK_ACK, next);
  if (stream->finishing && next == stream->accepted)
    {
      if (self->listener->callbacks.finished != NULL)
        tell (self, NOTE_FINISHED, stream->identity.stream, NULL, NULL);
      disconnect (stream);
      g_hash_table_remove (self->streams, stream->identity.stream);
    }
}

static gboolean
handle_done (gpointer data)
{
  MusterReceiver *self = data;
  g_autoptr (GPtrArray) dirty = NULL;

  g_mutex_lock (&self->done_lock);
  dirty = g_steal_pointer (&self->dirty);
  self->dirty = g_ptr_array_new_with_free_func (stream_unref);
  self->done_woken = FALSE;
  for (guint i = 0; i < dirty->len; i++)
    ((Stream *) dirty->pdata[i])->dirty = FALSE;
  g_mutex_unlock (&self->done_lock);

  for (guint i = 0; i < dirty->len; i++)
    {
      Stream *stream = dirty->pdata[i];
      guint64 next;

      g_mutex_lock (&self->done_lock);
      next = stream->done;
      g_mutex_unlock (&self->done_lock);
      if (next > stream->acknowledged)
        stream_done (stream, next);
    }
  return G_SOURCE_REMOVE;
}

/* -- what workers say ----------------------------------------------------------------------------- */

typedef struct
{
  Endpoint *endpoint;
  GBytes *routing;
  MusterLinkHeader header;
  zmq_msg_t *payload; /* nullable */
} Frame;

static const void *
payload_data (const Frame *frame, gsize *size)
{
  *size = frame->payload != NULL ? zmq_msg_size (frame->payload) : 0;
  return frame->payload != NULL ? zmq_msg_data (frame->payload) : NULL;
}

static gboolean
tokens_equal (const guint8 *a, const guint8 *b)
{
  guint8 difference = 0;

  for (gsize i = 0; i < MUSTER_JOURNAL_TOKEN_SIZE; i++)
    difference |= a[i] ^ b[i];
  return difference == 0;
}

static void
reset_stranger (const Frame *frame)
{
  const MusterLinkHeader header = { .type = MUSTER_LINK_RESET };

  frame->endpoint->receiver->strangers++;
  reply (frame->endpoint, frame->routing, &header, NULL, 0);
}

/* What the sender cannot send any more, for whatever reason, is declared: nobody knows what it was. */
static void
skip_to (Stream *stream, guint64 number)
{
  MusterOrigin labels;
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (MusterBatch) batch = NULL;

  labels_of (stream->receiver, &stream->identity, &labels);
  labels.first_seq = stream->accepted;
  muster_encode_origin (out, &labels);
  muster_encode_gap (out, number - stream->accepted, MUSTER_GAP_UNKNOWN);
  bytes = g_byte_array_free_to_bytes (g_steal_pointer (&out));
  batch = muster_batch_new (bytes, NULL);
  stream->accepted = number;
  push (stream, batch);
}

static void
on_hello (const Frame *frame)
{
  MusterReceiver *self = frame->endpoint->receiver;
  MusterLinkHello hello;
  MusterLinkWelcome welcome = { .realtime_ns = self->base.realtime_ns, .boottime_ns = self->base.boottime_ns };
  guint8 bytes[MUSTER_LINK_WELCOME_SIZE];
  gsize size;
  const void *data = payload_data (frame, &size);
  Stream *stream = NULL;
  MusterLinkHeader header = { .type = MUSTER_LINK_WELCOME };

  if (muster_link_hello_decode (data, size, &hello, NULL))
    stream = g_hash_table_lookup (self->streams, hello.stream);
  if (stream == NULL || !tokens_equal (hello.token, stream->identity.token)
      || !g_str_equal (stream->identity.group, frame->endpoint->group))
    {
      reset_stranger (frame);
      return;
    }
  if (stream->refused || stream->finishing)
    return;
  disconnect (stream);
  stream->endpoint = frame->endpoint;
  stream->routing = g_bytes_ref (frame->routing);
  stream->nacked = FALSE;
  g_hash_table_insert (frame->endpoint->peers, g_bytes_ref (frame->routing), stream);
  if (frame->header.number > stream->accepted)
    skip_to (stream, frame->header.number);

  welcome.credit_bytes = stream->ring_size;
  header.number = stream->accepted;
  muster_link_welcome_encode (&welcome, bytes);
  reply (frame->endpoint, frame->routing, &header, bytes, sizeof bytes);
  if (self->listener->callbacks.connected != NULL)
    tell (self, NOTE_CONNECTED, stream->identity.stream, NULL, NULL);
}

static void
free_message (gpointer data)
{
  zmq_msg_close (data);
  g_free (data);
}

/* The message's memory goes on to the pipeline as it is. */
static GBytes *
take_payload (const Frame *frame)
{
  zmq_msg_t *message = g_new (zmq_msg_t, 1);

  zmq_msg_init (message);
  zmq_msg_move (message, frame->payload);
  return g_bytes_new_with_free_func (zmq_msg_data (message), zmq_msg_size (message), free_message, message);
}

static void
on_batch (Stream *stream, const Frame *frame)
{
  guint64 first = frame->header.number;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (MusterBatch) batch = NULL;
  g_autoptr (GError) error = NULL;
  guint64 end;

  if (first > stream->accepted)
    {
      if (!stream->nacked)
        send_number (stream, MUSTER_LINK_NACK, stream->accepted);
      stream->nacked = TRUE;
      return;
    }
  stream->nacked = FALSE;
  if (frame->payload == NULL)
    {
      refuse_stream (stream, "a batch without entries");
      return;
    }
  bytes = take_payload (frame);
  batch = muster_batch_new (bytes, &error);
  if (batch == NULL)
    {
      refuse_stream (stream, error->message);
      return;
    }
  end = first + muster_batch_get_count (batch);
  if (muster_batch_get_first_seq (batch) != first || frame->header.count != muster_batch_get_count (batch)
      || memcmp (muster_batch_get_origin (batch)->stream, stream->identity.stream, MUSTER_STREAM_ID_SIZE) != 0)
    {
      refuse_stream (stream, "a batch is not what its header says");
      return;
    }
  if (end <= stream->accepted)
    {
      send_number (stream, MUSTER_LINK_ACK, stream->acknowledged); /* had it; its acknowledgement was lost */
      return;
    }
  if (first < stream->accepted)
    {
      MusterBatch *rest = muster_batch_trim (batch, stream->accepted);

      muster_batch_unref (batch);
      batch = rest;
    }
  stream->accepted = end;
  stream->accepted_drops = frame->header.drops;
  push (stream, batch);
}

static void
on_message (Stream *stream, const Frame *frame)
{
  gsize size;
  const void *data = payload_data (frame, &size);
  g_autoptr (GVariant) message = muster_link_message_decode (data, size, NULL);

  if (message != NULL && stream->receiver->listener->callbacks.message != NULL)
    tell (stream->receiver, NOTE_MESSAGE, stream->identity.stream, NULL, message);
}

static void
handle (const Frame *frame)
{
  Stream *stream;

  if (frame->header.type == MUSTER_LINK_HELLO)
    {
      on_hello (frame);
      return;
    }
  stream = g_hash_table_lookup (frame->endpoint->peers, frame->routing);
  if (stream == NULL)
    {
      reset_stranger (frame);
      return;
    }
  if (stream->finishing)
    return; /* dead: its journal has been drained already, this came late */
  switch (frame->header.type)
    {
    case MUSTER_LINK_BATCH:
      on_batch (stream, frame);
      break;
    case MUSTER_LINK_POSITION:
      if (frame->header.number > stream->accepted)
        send_number (stream, MUSTER_LINK_NACK, stream->accepted);
      else
        send_number (stream, MUSTER_LINK_ACK, stream->acknowledged);
      break;
    case MUSTER_LINK_MESSAGE:
      on_message (stream, frame);
      break;
    case MUSTER_LINK_HELLO:
    case MUSTER_LINK_WELCOME:
    case MUSTER_LINK_ACK:
    case MUSTER_LINK_NACK:
    case MUSTER_LINK_RESET:
    case MUSTER_LINK_LEVEL:
    case MUSTER_LINK_REFUSED:
    default:
      break; /* not for a receiver */
    }
}

/* Receives [routing id][header]([payload]); parts beyond are thrown away. FALSE if there is nothing. */
static gboolean
receive_one (Endpoint *endpoint)
{
  zmq_msg_t parts[3];
  guint n = 0;
  gboolean more = TRUE;
  Frame frame = { .endpoint = endpoint };

  while (more)
    {
      zmq_msg_t *part = &parts[MIN (n, 2)];

      if (n > 2)
        zmq_msg_close (part);
      zmq_msg_init (part);
      if (zmq_msg_recv (part, endpoint->socket, ZMQ_DONTWAIT) < 0)
        {
          zmq_msg_close (part);
          break;
        }
      more = zmq_msg_more (part);
      n++;
    }
  if (n >= 2 && zmq_msg_size (&parts[0]) <= ROUTING_MAX
      && muster_link_header_decode (zmq_msg_data (&parts[1]), zmq_msg_size (&parts[1]), &frame.header, NULL))
    {
      frame.routing = g_bytes_new (zmq_msg_data (&parts[0]), zmq_msg_size (&parts[0]));
      frame.payload = n == 3 ? &parts[2] : NULL;
      handle (&frame);
      g_bytes_unref (frame.routing);
    }
  for (guint i = 0; i < MIN (n, 3); i++)
    zmq_msg_close (&parts[i]);
  return n > 0;
}

static void
socket_cb (void *socket, int events, gpointer user_data)
{
  for (guint i = 0; i < BURST && receive_one (user_data); i++)
    ;
}

/* -- the dead ------------------------------------------------------------------------------------- */

/* Gives the builder's batch to the pipeline, and begins the next one. */
static void
push_built (Stream *stream, MusterBatchBuilder *builder)
{
  gsize length;
  guint8 *bytes;
  g_autoptr (GBytes) log = NULL;
  g_autoptr (MusterBatch) batch = NULL;
  g_autoptr (GError) error = NULL;
  guint64 next = builder->next_place;

  if (muster_batch_builder_is_empty (builder))
    return;
  bytes = muster_batch_builder_steal (builder, &length);
  log = g_bytes_new_take (bytes, length);
  batch = muster_batch_new (log, &error);
  if (batch == NULL)
    {
      /* The checksum was right, so its own sender wrote this; it is no log all the same. */
      g_warning ("%s: its journal holds what is no entry: %s", stream->identity.worker, error->message);
      skip_to (stream, next);
    }
  else
    {
      stream->accepted = next;
      push (stream, batch);
    }
  muster_batch_builder_begin (builder, next);
}

static void
add_item (Stream *stream, MusterBatchBuilder *builder, const MusterJournalItem *item)
{
  if (!muster_batch_builder_has_room (builder, item))
    push_built (stream, builder);
  muster_batch_builder_add (builder, item);
}

static void
drain (Stream *stream, MusterBatchBuilder *builder)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterJournalScan) scan = muster_journal_scan_new (stream->fd, stream->identity.stream, stream->ring_size,
                                                                stream->accepted, stream->accepted_drops, &error);
  MusterJournalItem item;
  guint64 refused, lost;
  MusterGapReason reason;

  if (scan == NULL)
    {
      g_warning ("%s: %s", stream->identity.worker, error->message);
      return;
    }
  while (muster_journal_scan_next (scan, &item))
    add_item (stream, builder, &item);
  muster_journal_scan_get_trailing (scan, &refused, &lost, &reason);
  muster_batch_builder_add_gap (builder, refused, MUSTER_GAP_JOURNAL_FULL);
  muster_batch_builder_add_gap (builder, lost, reason);
}

typedef struct
{
  MusterReceiver *receiver;
  guint8 stream[MUSTER_STREAM_ID_SIZE];
  GBytes *end_record;
} Finish;

static gboolean
finish_in_thread (gpointer data)
{
  Finish *finish = data;
  MusterReceiver *self = finish->receiver;
  Stream *stream = g_hash_table_lookup (self->streams, finish->stream);
  MusterBatchBuilder builder;
  MusterOrigin labels;

  if (stream != NULL && !stream->finishing)
    {
      stream->finishing = TRUE;
      labels_of (self, &stream->identity, &labels);
      muster_batch_builder_init (&builder, &labels);
      muster_batch_builder_begin (&builder, stream->accepted);
      if (stream->fd >= 0)
        drain (stream, &builder);
      if (finish->end_record != NULL)
        {
          gsize size;
          const void *bytes = g_bytes_get_data (finish->end_record, &size);

          muster_batch_builder_add_entry (&builder, bytes, size);
        }
      push_built (stream, &builder);
      muster_batch_builder_clear (&builder);
      if (stream->acknowledged == stream->accepted)
        stream_done (stream, stream->accepted); /* nothing was left to wait for */
    }
  g_clear_pointer (&finish->end_record, g_bytes_unref);
  g_free (finish);
  return G_SOURCE_REMOVE;
}

/* -- the primary's own journal --------------------------------------------------------------------- */

static gboolean
feed_batch (guint8 *bytes, gsize length, guint64 first, guint64 count, guint32 drops, gpointer user_data)
{
  MusterReceiver *self = user_data;
  g_autoptr (GBytes) log = g_bytes_new_take (bytes, length);
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterBatch) batch = muster_batch_new (log, &error);

  if (batch == NULL)
    {
      /* Cannot come from the logger; somebody scribbled. Said where it can be heard without the journal. */
      g_printerr ("muster: the primary's own journal holds what is no entry: %s\n", error->message);
      skip_to (self->master, first + count);
      return TRUE;
    }
  self->master->accepted = first + count;
  push (self->master, batch);
  return TRUE;
}

/* -- the thread and its orders -------------------------------------------------------------------- */

typedef struct
{
  void (*function) (gpointer data);
  gpointer data;
  GMutex lock;
  GCond cond;
  gboolean done;
} Call;

static gboolean
run_call (gpointer data)
{
  Call *call = data;

  call->function (call->data);
  g_mutex_lock (&call->lock);
  call->done = TRUE;
  g_cond_signal (&call->cond);
  g_mutex_unlock (&call->lock);
  return G_SOURCE_REMOVE;
}

static void
call_thread (MusterReceiver *self, void (*function) (gpointer), gpointer data)
{
  Call call = { .function = function, .data = data };

  g_mutex_init (&call.lock);
  g_cond_init (&call.cond);
  g_main_context_invoke (self->context, run_call, &call);
  g_mutex_lock (&call.lock);
  while (!call.done)
    g_cond_wait (&call.cond, &call.lock);
  g_mutex_unlock (&call.lock);
  g_mutex_clear (&call.lock);
  g_cond_clear (&call.cond);
}

static gpointer
receiver_thread (gpointer data)
{
  MusterReceiver *self = data;

  g_main_context_push_thread_default (self->context);
  g_main_loop_run (self->loop);
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

static void
endpoint_free (gpointer data)
{
  Endpoint *endpoint = data;

  if (endpoint->source != NULL)
    g_source_destroy (endpoint->source);
  g_clear_pointer (&endpoint->source, g_source_unref);
  if (endpoint->socket != NULL)
    zmq_close (endpoint->socket);
  g_hash_table_unref (endpoint->peers);
  g_free (endpoint->group);
  g_free (endpoint->endpoint);
  g_free (endpoint);
}

/* A ROUTER's automatic routing ids start from rand(), which nobody has seeded: two primaries would give the same ones,
 * and a peer that reconnects could be taken for another (libzmq 4.3.4, router.cpp). */
static void
seed_rand (void)
{
  static gsize seeded = 0;

  if (g_once_init_enter (&seeded))
    {
      srand (g_random_int ());
      g_once_init_leave (&seeded, 1);
    }
}

MusterReceiver *
muster_receiver_new (MusterPipeline *pipeline, const char *host, const char *cluster, MusterJournal *master,
                     const MusterTimeBase *base, const MusterReceiverCallbacks *callbacks, gpointer user_data,
                     GMainContext *main_context)
{
  MusterReceiver *self = g_new0 (MusterReceiver, 1);
  sigset_t all, before;

  seed_rand ();
  self->pipeline = muster_pipeline_ref (pipeline);
  self->host = g_strdup (host);
  self->cluster = g_strdup (cluster);
  self->base = *base;
  self->listener = g_new0 (Listener, 1);
  g_atomic_ref_count_init (&self->listener->references);
  self->listener->callbacks = *callbacks;
  self->listener->user_data = user_data;
  self->main_context = main_context != NULL ? g_main_context_ref (main_context) : g_main_context_ref_thread_default ();
  self->context = g_main_context_new ();
  self->loop = g_main_loop_new (self->context, FALSE);
  g_mutex_init (&self->done_lock);
  self->dirty = g_ptr_array_new_with_free_func (stream_unref);
  self->zmq = zmq_ctx_new ();
  zmq_ctx_set (self->zmq, ZMQ_MAX_SOCKETS, 4096);
  self->endpoints = g_ptr_array_new_with_free_func (endpoint_free);
  self->streams = g_hash_table_new_full (stream_id_hash, stream_id_equal, NULL, stream_unref);
  if (master != NULL)
    {
      MusterOrigin labels;

      self->master = stream_new (self, muster_journal_get_identity (master), muster_journal_get_ring_size (master), -1);
      labels_of (self, &self->master->identity, &labels);
      self->master_feed = muster_journal_feed_new (master, &labels, MASTER_FLUSH_US, self->context, feed_batch, self);
      muster_journal_feed_enable (self->master_feed, TRUE);
    }
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  self->thread = g_thread_new ("muster-receiver", receiver_thread, self);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  return self;
}

typedef struct
{
  MusterReceiver *receiver;
  const char *group;
  const char *endpoint;
  uid_t uid;
  gid_t gid;
  GError *error;
} Bind;

static gboolean
own_socket (const char *endpoint, uid_t uid, gid_t gid, GError **error)
{
  const char *path = g_str_has_prefix (endpoint, "ipc://") ? endpoint + strlen ("ipc://") : NULL;

  if (path == NULL || (chmod (path, 0600) == 0 && (uid == (uid_t) -1 || chown (path, uid, gid) == 0)))
    return TRUE;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED, "cannot give the socket %s to its workers: %s", path,
               g_strerror (errno));
  return FALSE;
}

static void
bind_in_thread (gpointer data)
{
  Bind *order = data;
  MusterReceiver *self = order->receiver;
  Endpoint *endpoint = g_new0 (Endpoint, 1);
  const int zero = 0, one = 1, handshake_ms = 3000, high_water = 64;
  const gint64 largest = 4 * MUSTER_LINK_BATCH_SIZE;

  endpoint->receiver = self;
  endpoint->group = g_strdup (order->group);
  endpoint->endpoint = g_strdup (order->endpoint);
  endpoint->peers = g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, NULL);
  endpoint->socket = zmq_socket (self->zmq, ZMQ_ROUTER);
  if (endpoint->socket != NULL)
    {
      zmq_setsockopt (endpoint->socket, ZMQ_LINGER, &zero, sizeof zero);
      zmq_setsockopt (endpoint->socket, ZMQ_ROUTER_MANDATORY, &one, sizeof one);
      zmq_setsockopt (endpoint->socket, ZMQ_HANDSHAKE_IVL, &handshake_ms, sizeof handshake_ms);
      zmq_setsockopt (endpoint->socket, ZMQ_RCVHWM, &high_water, sizeof high_water);
      zmq_setsockopt (endpoint->socket, ZMQ_MAXMSGSIZE, &largest, sizeof largest);
    }
  if (endpoint->socket == NULL || zmq_bind (endpoint->socket, order->endpoint) != 0)
    g_set_error (&order->error, MUSTER_ERROR, MUSTER_ERROR_FAILED, "cannot bind %s: %s", order->endpoint,
                 zmq_strerror (errno));
  else if (own_socket (order->endpoint, order->uid, order->gid, &order->error))
    {
      endpoint->source = muster_zmq_source_new (endpoint->socket, ZMQ_POLLIN, socket_cb, endpoint);
      g_source_attach (endpoint->source, self->context);
      g_ptr_array_add (self->endpoints, endpoint);
      return;
    }
  endpoint_free (endpoint);
}

gboolean
muster_receiver_bind (MusterReceiver *self, const char *group, const char *endpoint, uid_t uid, gid_t gid,
                      GError **error)
{
  Bind order = { .receiver = self, .group = group, .endpoint = endpoint, .uid = uid, .gid = gid };

  call_thread (self, bind_in_thread, &order);
  if (order.error == NULL)
    return TRUE;
  g_propagate_error (error, order.error);
  return FALSE;
}

static gboolean
add_journal_in_thread (gpointer data)
{
  Stream *stream = data;

  g_hash_table_insert (stream->receiver->streams, stream->identity.stream, stream);
  return G_SOURCE_REMOVE;
}

/* In order, before anything that comes over a socket later. */
static void
order_thread (MusterReceiver *self, GSourceFunc function, gpointer data)
{
  GSource *source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_HIGH);
  g_source_set_callback (source, function, data, NULL);
  g_source_attach (source, self->context);
  g_source_unref (source);
}

void
muster_receiver_add_journal (MusterReceiver *self, const MusterJournalIdentity *identity, gsize ring_size, int fd)
{
  order_thread (self, add_journal_in_thread, stream_new (self, identity, ring_size, fd));
}

void
muster_receiver_finish (MusterReceiver *self, const guint8 stream[MUSTER_STREAM_ID_SIZE], GBytes *end_record)
{
  Finish *finish = g_new0 (Finish, 1);

  finish->receiver = self;
  memcpy (finish->stream, stream, MUSTER_STREAM_ID_SIZE);
  finish->end_record = end_record != NULL ? g_bytes_ref (end_record) : NULL;
  order_thread (self, finish_in_thread, finish);
}

typedef struct
{
  MusterReceiver *receiver;
  guint8 stream[MUSTER_STREAM_ID_SIZE];
  GBytes *bytes;
} Outgoing;

static gboolean
send_in_thread (gpointer data)
{
  Outgoing *outgoing = data;
  const MusterLinkHeader header = { .type = MUSTER_LINK_MESSAGE };
  Stream *stream = g_hash_table_lookup (outgoing->receiver->streams, outgoing->stream);
  gsize size;
  gconstpointer bytes = g_bytes_get_data (outgoing->bytes, &size);

  if (stream != NULL && stream->endpoint != NULL)
    reply (stream->endpoint, stream->routing, &header, bytes, size);
  g_bytes_unref (outgoing->bytes);
  g_free (outgoing);
  return G_SOURCE_REMOVE;
}

void
muster_receiver_send (MusterReceiver *self, const guint8 stream[MUSTER_STREAM_ID_SIZE], GVariant *message)
{
  Outgoing *outgoing = g_new (Outgoing, 1);
  g_autoptr (GVariant) sunk = g_variant_ref_sink (message);

  outgoing->receiver = self;
  memcpy (outgoing->stream, stream, MUSTER_STREAM_ID_SIZE);
  outgoing->bytes = muster_link_message_encode (sunk);
  order_thread (self, send_in_thread, outgoing);
}

void
muster_receiver_set_tap (MusterReceiver *self, gboolean on)
{
  g_atomic_int_set (&self->tap, on);
}

typedef struct
{
  MusterReceiver *receiver;
  GMutex lock;
  GCond cond;
  gboolean settled;
  gboolean given_up;
} Settle;

/* Whether everything that came has been acknowledged. */
static gboolean
is_settled (MusterReceiver *self)
{
  GHashTableIter iter;
  gpointer value;

  if (self->master_feed != NULL)
    {
      muster_journal_feed_flush (self->master_feed);
      if (!muster_journal_feed_is_settled (self->master_feed))
        return FALSE;
    }
  g_hash_table_iter_init (&iter, self->streams);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (((Stream *) value)->acknowledged != ((Stream *) value)->accepted)
      return FALSE;
  return TRUE;
}

static gboolean
settle_in_thread (gpointer data)
{
  Settle *settle = data;
  gboolean settled = is_settled (settle->receiver);
  gboolean end;

  g_mutex_lock (&settle->lock);
  end = settled || settle->given_up;
  settle->settled = settled;
  if (end)
    g_cond_signal (&settle->cond);
  g_mutex_unlock (&settle->lock);
  if (end)
    g_main_loop_quit (settle->receiver->loop);
  return end ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

gboolean
muster_receiver_stop (MusterReceiver *self, gint64 timeout_us)
{
  Settle settle = { .receiver = self };
  gint64 deadline = g_get_monotonic_time () + timeout_us;
  GSource *source;

  if (self->thread == NULL)
    return TRUE;
  g_mutex_init (&settle.lock);
  g_cond_init (&settle.cond);
  source = g_timeout_source_new (2);
  g_source_set_callback (source, settle_in_thread, &settle, NULL);
  g_source_attach (source, self->context);
  g_mutex_lock (&settle.lock);
  while (!settle.settled)
    if (!g_cond_wait_until (&settle.cond, &settle.lock, deadline))
      break;
  settle.given_up = TRUE;
  g_mutex_unlock (&settle.lock);
  g_thread_join (self->thread);
  self->thread = NULL;
  g_source_destroy (source);
  g_source_unref (source);
  g_mutex_clear (&settle.lock);
  g_cond_clear (&settle.cond);
  return settle.settled;
}

void
muster_receiver_free (MusterReceiver *self)
{
  muster_receiver_stop (self, 0);
  self->listener->closed = TRUE;
  /* What a stalled transport still holds may say "done" later: the pipeline is stopped before this is called, so no
   * callback can come any more. */
  while (g_main_context_iteration (self->context, FALSE))
    ;
  g_ptr_array_unref (self->endpoints);
  g_hash_table_unref (self->streams);
  g_clear_pointer (&self->master_feed, muster_journal_feed_free);
  if (self->master != NULL)
    stream_unref (self->master);
  g_ptr_array_unref (self->dirty);
  g_main_loop_unref (self->loop);
  g_main_context_unref (self->context);
  g_main_context_unref (self->main_context);
  zmq_ctx_term (self->zmq);
  muster_pipeline_unref (self->pipeline);
  listener_unref (self->listener);
  g_mutex_clear (&self->done_lock);
  g_free (self->host);
  g_free (self->cluster);
  g_free (self);
}
