/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The primary's end of the links: the thread, and the orders it gets. Everything below the line in the struct belongs to
 * that thread; other threads hand it work through its main context, and transports' threads tell it what is done through
 * a list of its own. muster-receiver-parts-private.h says which file does what.
 */
#include "config.h"

#include <signal.h>
#include <string.h>

#include "muster-context-call-private.h"
#include "muster-receiver-parts-private.h"
#include "muster-time-base-private.h"

#define MASTER_FLUSH_US (10 * G_TIME_SPAN_MILLISECOND)

static gpointer
receiver_thread (gpointer data)
{
  MusterReceiver *self = data;

  g_main_context_push_thread_default (self->context);
  g_main_loop_run (self->loop);
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

MusterReceiver *
muster_receiver_new (MusterPipeline *pipeline, const char *host, const char *cluster, MusterJournal *master,
                     const MusterTimeBase *base, const MusterReceiverCallbacks *callbacks, gpointer user_data,
                     GMainContext *main_context)
{
  MusterReceiver *self = g_new0 (MusterReceiver, 1);
  sigset_t all, before;

  self->pipeline = muster_pipeline_ref (pipeline);
  self->host = g_strdup (host);
  self->cluster = g_strdup (cluster);
  self->base = *base;
  self->notes = muster_receiver_notes_new (callbacks, user_data, main_context);
  self->context = g_main_context_new ();
  self->loop = g_main_loop_new (self->context, FALSE);
  g_mutex_init (&self->done_lock);
  self->dirty = g_ptr_array_new ();
  self->zmq = zmq_ctx_new ();
  zmq_ctx_set (self->zmq, ZMQ_MAX_SOCKETS, 4096);
  self->endpoints = g_ptr_array_new_with_free_func (muster_receiver_endpoint_free);
  self->streams = muster_receiver_stream_table_new ();
  if (master != NULL)
    {
      MusterOrigin labels;

      self->master = muster_receiver_stream_new (self, muster_journal_get_identity (master),
                                                 muster_journal_get_ring_size (master), -1, 1);
      muster_receiver_stream_get_labels (self->master, &labels);
      self->master_feed =
          muster_journal_feed_new (master, &labels, MASTER_FLUSH_US, self->context, muster_receiver_feed_batch, self);
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

static void
bind_in_thread (gpointer data)
{
  Bind *order = data;
  MusterReceiver *self = order->receiver;
  MusterReceiverEndpoint *endpoint =
      muster_receiver_endpoint_new (self, order->group, order->endpoint, order->uid, order->gid, &order->error);

  if (endpoint != NULL)
    g_ptr_array_add (self->endpoints, endpoint);
}

gboolean
muster_receiver_bind (MusterReceiver *self, const char *group, const char *endpoint, uid_t uid, gid_t gid,
                      GError **error)
{
  Bind order = { .receiver = self, .group = group, .endpoint = endpoint, .uid = uid, .gid = gid };

  muster_context_call (self->context, bind_in_thread, &order);
  if (order.error == NULL)
    return TRUE;
  g_propagate_error (error, order.error);
  return FALSE;
}

static gboolean
add_journal_in_thread (gpointer data)
{
  MusterReceiverStream *stream = data;

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
muster_receiver_add_journal (MusterReceiver *self, const MusterJournalIdentity *identity, gsize ring_size, int fd,
                             guint64 next)
{
  order_thread (self, add_journal_in_thread, muster_receiver_stream_new (self, identity, ring_size, fd, next));
}

typedef struct
{
  MusterReceiver *receiver;
  guint8 stream[MUSTER_STREAM_ID_SIZE];
  GBytes *end_record; /* owned, nullable */
  gint64 end_ns;
} Finish;

static gboolean
finish_in_thread (gpointer data)
{
  Finish *finish = data;
  MusterReceiverStream *stream = g_hash_table_lookup (finish->receiver->streams, finish->stream);

  if (stream != NULL)
    muster_receiver_stream_finish (stream, finish->end_record, finish->end_ns);
  g_clear_pointer (&finish->end_record, g_bytes_unref);
  g_free (finish);
  return G_SOURCE_REMOVE;
}

void
muster_receiver_finish (MusterReceiver *self, const guint8 stream[MUSTER_STREAM_ID_SIZE], GBytes *end_record)
{
  Finish *finish = g_new0 (Finish, 1);

  finish->receiver = self;
  memcpy (finish->stream, stream, MUSTER_STREAM_ID_SIZE);
  finish->end_ns = muster_time_base_read (&self->base);
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
  MusterReceiverStream *stream = g_hash_table_lookup (outgoing->receiver->streams, outgoing->stream);
  gsize size;
  gconstpointer bytes = g_bytes_get_data (outgoing->bytes, &size);

  if (stream != NULL && stream->endpoint != NULL)
    muster_receiver_endpoint_reply (stream->endpoint, stream->routing, &header, bytes, size);
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
  muster_receiver_notes_set_tap (self->notes, on);
}

void
muster_receiver_tap (MusterReceiver *self, MusterBatch *batch)
{
  muster_receiver_notes_tell_records (self->notes, batch);
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
    if (((MusterReceiverStream *) value)->acknowledged != ((MusterReceiverStream *) value)->accepted)
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
  /* What a stalled transport still holds may say "done" later: the pipeline is stopped before this is called, so no
   * callback can come any more. */
  while (g_main_context_iteration (self->context, FALSE))
    ;
  muster_receiver_notes_close (self->notes);
  g_ptr_array_unref (self->endpoints);
  g_hash_table_unref (self->streams);
  g_clear_pointer (&self->master_feed, muster_journal_feed_free);
  if (self->master != NULL)
    muster_receiver_stream_free (self->master);
  g_ptr_array_unref (self->dirty);
  g_main_loop_unref (self->loop);
  g_main_context_unref (self->context);
  zmq_ctx_term (self->zmq);
  muster_pipeline_unref (self->pipeline);
  g_mutex_clear (&self->done_lock);
  g_free (self->host);
  g_free (self->cluster);
  g_free (self);
}
