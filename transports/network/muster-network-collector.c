/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The collector's end of the links: the thread, and its sockets. Everything below the line in the struct belongs to that
 * thread; transports' threads tell it what is done through a list.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "muster-network-collector-parts.h"
#include "muster-zmq-source-private.h"

#define BURST       64
#define ROUTING_MAX 255
/* Of batches that are handed on and not done: beyond the first nothing more is read, until it is below the second. */
#define UNDER_WAY_MAX  ((guint64) 64 << 20)
#define UNDER_WAY_GOOD ((guint64) 32 << 20)
#define STREAMS_MAX    65536
/* What strangers cause, and damaged spools. */
#define SAY_INTERVAL_US (60 * G_USEC_PER_SEC)
#define SAY_MOST        20

/* -- saying -- */

void
muster_network_collector_say (MusterNetworkCollector *self, MusterLevel level, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  self->callbacks.report (level, text, self->user_data);
}

void
muster_network_collector_say_limited (MusterNetworkCollector *self, MusterNetworkLimiter *limiter, MusterLevel level,
                                      const char *text)
{
  guint64 n_before;

  if (!muster_network_limiter_allow (limiter, text, g_get_monotonic_time (), &n_before))
    return;
  if (n_before > 0)
    muster_network_collector_say (self, level, "%s (and %" G_GUINT64_FORMAT " more since the last time)", text,
                                  n_before);
  else
    muster_network_collector_say (self, level, "%s", text);
}

void
muster_network_collector_say_refused (MusterNetworkCollector *self, const char *address, const char *why)
{
  g_autofree char *text = g_strdup_printf ("%s is refused: %s", address != NULL ? address : "somebody", why);

  atomic_fetch_add (&self->n_refused, 1);
  muster_network_collector_say_limited (self, self->refusals, MUSTER_LEVEL_WARNING, text);
}

static void
gate_refused_cb (const char *address, const char *why, gpointer user_data)
{
  muster_network_collector_say_refused (user_data, address, why);
}

static void
gate_report_cb (MusterLevel level, const char *text, gpointer user_data)
{
  muster_network_collector_say (user_data, level, "%s", text);
}

/* Cuts the connections of those who may not be here any more; and of those who have not said anything, for it is only known
 * with a message whose they are. Who may still be here comes back at once. */
static void
gate_changed_cb (gpointer user_data)
{
  MusterNetworkCollector *self = user_data;

  muster_network_connections_cut_unheard (self->connections);
  for (GList *link = self->order.head; link != NULL; link = link->next)
    {
      MusterNetworkPeer *peer = link->data;

      if (peer->routing == NULL || muster_network_gate_look_up (self->gate, peer->user) != NULL)
        continue;
      muster_network_peer_cut (self, peer);
      muster_network_collector_say (self, MUSTER_LEVEL_NOTICE, "%s is no longer allowed; its connection is cut",
                                    peer->name);
    }
}

/* -- the sockets -- */

void
muster_network_collector_reply (MusterNetworkCollector *self, GBytes *routing, const MusterLinkHeader *header,
                                const void *payload, gsize size)
{
  guint8 bytes[MUSTER_LINK_HEADER_SIZE];
  gsize routing_size;
  gconstpointer routing_data = g_bytes_get_data (routing, &routing_size);

  /* What cannot be sent is lost, and the exchange of positions makes it good. */
  muster_link_header_encode (header, bytes);
  if (zmq_send (self->socket, routing_data, routing_size, ZMQ_DONTWAIT | ZMQ_SNDMORE) >= 0
      && zmq_send (self->socket, bytes, sizeof bytes, ZMQ_DONTWAIT | (size > 0 ? ZMQ_SNDMORE : 0)) >= 0 && size > 0)
    zmq_send (self->socket, payload, size, ZMQ_DONTWAIT);
}

/* What happened to connections before is heard before: the descriptor may have been another one's. */
static MusterNetworkConnection
find_connection (MusterNetworkCollector *self, zmq_msg_t *part)
{
  muster_network_listener_catch_up (self->listener);
  return muster_network_connections_heard (self->connections, zmq_msg_get (part, ZMQ_SRCFD));
}

static void
handle_parts (MusterNetworkCollector *self, zmq_msg_t parts[3], guint n)
{
  MusterNetworkFrame frame = { .payload = n == 3 ? &parts[2] : NULL };
  MusterNetworkConnection connection = n >= 2 ? find_connection (self, &parts[1]) : 0;

  if (n < 2 || zmq_msg_size (&parts[0]) > ROUTING_MAX
      || !muster_link_header_decode (zmq_msg_data (&parts[1]), zmq_msg_size (&parts[1]), &frame.header, NULL))
    return;
  frame.routing = g_bytes_new (zmq_msg_data (&parts[0]), zmq_msg_size (&parts[0]));
  frame.user = self->gate != NULL ? zmq_msg_gets (&parts[1], "User-Id") : NULL;
  frame.address = zmq_msg_gets (&parts[1], "Peer-Address");
  frame.connection = connection;
  muster_network_collector_handle (self, &frame);
  g_bytes_unref (frame.routing);
}

/* Receives [routing id][header]([payload]); parts beyond are thrown away. FALSE if there is nothing. */
static gboolean
receive_one (MusterNetworkCollector *self)
{
  zmq_msg_t parts[3];
  gboolean more = TRUE;
  guint n = 0;

  while (more)
    {
      zmq_msg_t *part = &parts[MIN (n, 2)];

      if (n > 2)
        zmq_msg_close (part);
      zmq_msg_init (part);
      if (zmq_msg_recv (part, self->socket, ZMQ_DONTWAIT) < 0)
        {
          zmq_msg_close (part);
          break;
        }
      more = zmq_msg_more (part);
      n++;
    }
  handle_parts (self, parts, MIN (n, 3));
  for (guint i = 0; i < MIN (n, 3); i++)
    zmq_msg_close (&parts[i]);
  return n > 0;
}

static guint64
get_under_way (MusterNetworkCollector *self)
{
  guint64 done;

  g_mutex_lock (&self->lock);
  done = self->total_done;
  g_mutex_unlock (&self->lock);
  return self->total_pushed - done;
}

static void
pause_or_go_on (MusterNetworkCollector *self)
{
  guint64 under_way = get_under_way (self);
  gboolean pause = self->is_paused ? under_way > UNDER_WAY_GOOD : under_way > UNDER_WAY_MAX;

  if (pause == self->is_paused)
    return;
  self->is_paused = pause;
  muster_zmq_source_set_events (self->source, pause ? 0 : ZMQ_POLLIN);
}

static void
socket_cb (void *socket, int events, gpointer user_data)
{
  for (guint i = 0; i < BURST && receive_one (user_data); i++)
    ;
  pause_or_go_on (user_data);
}

/* -- what is done -- */

static gboolean
handle_done (gpointer data)
{
  MusterNetworkCollector *self = data;
  g_autoptr (GPtrArray) dirty = NULL;

  g_mutex_lock (&self->lock);
  dirty = g_steal_pointer (&self->dirty);
  self->dirty = g_ptr_array_new ();
  self->is_woken = FALSE;
  for (guint i = 0; i < dirty->len; i++)
    ((MusterNetworkPeer *) dirty->pdata[i])->is_dirty = FALSE;
  g_mutex_unlock (&self->lock);
  for (guint i = 0; i < dirty->len; i++)
    muster_network_peer_acknowledge (self, dirty->pdata[i]);
  pause_or_go_on (self);
  return G_SOURCE_REMOVE;
}

static void
wake (MusterNetworkCollector *self)
{
  GSource *source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, handle_done, self, NULL);
  g_source_attach (source, self->context);
  g_source_unref (source);
}

void
muster_network_collector_done (MusterNetworkCollector *self, MusterBatch *batch)
{
  gsize size = g_bytes_get_size (muster_batch_get_bytes (batch));
  gboolean has_to_wake = FALSE;
  MusterNetworkPeer *peer;

  g_mutex_lock (&self->lock);
  self->total_done += size;
  peer = g_hash_table_lookup (self->peers, batch->journal);
  if (peer != NULL)
    {
      peer->done = MAX (peer->done, batch->journal_next);
      peer->done_bytes += size;
      peer->n_done++;
      if (!peer->is_dirty)
        g_ptr_array_add (self->dirty, peer);
      peer->is_dirty = TRUE;
      has_to_wake = !self->is_woken;
      self->is_woken = TRUE;
    }
  g_mutex_unlock (&self->lock);
  if (has_to_wake)
    wake (self);
}

/* -- the thread -- */

static gboolean
begin_cb (gpointer data)
{
  MusterNetworkCollector *self = data;

  muster_network_listener_begin (self->listener);
  self->source = muster_zmq_source_new (self->socket, ZMQ_POLLIN, socket_cb, self);
  g_source_attach (self->source, self->context);
  return G_SOURCE_REMOVE;
}

static gpointer
collector_thread (gpointer data)
{
  MusterNetworkCollector *self = data;

  g_main_context_push_thread_default (self->context);
  g_main_loop_run (self->loop);
  if (self->source != NULL) /* it may have been ended before it began */
    g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
  g_clear_pointer (&self->listener, muster_network_listener_free);
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

/* -- made and freed -- */

static const MusterNetworkGateCallbacks gate_callbacks = {
  .changed = gate_changed_cb,
  .refused = gate_refused_cb,
  .report = gate_report_cb,
};

static gboolean
listen_for_senders (MusterNetworkCollector *self, const MusterNetworkListenerOptions *options, GError **error)
{
  self->listener = muster_network_listener_new (options, self->context, &gate_callbacks, self, error);
  if (self->listener == NULL)
    return FALSE;
  self->socket = muster_network_listener_get_socket (self->listener);
  self->gate = muster_network_listener_get_gate (self->listener);
  self->connections = muster_network_listener_get_connections (self->listener);
  self->address = g_strdup (muster_network_listener_get_address (self->listener));
  return TRUE;
}

MusterNetworkCollector *
muster_network_collector_new (const MusterNetworkListenerOptions *options,
                              const MusterNetworkCollectorCallbacks *callbacks, gpointer user_data, GError **error)
{
  MusterNetworkCollector *self = g_new0 (MusterNetworkCollector, 1);
  sigset_t all, before;

  self->callbacks = *callbacks;
  self->user_data = user_data;
  self->context = g_main_context_new ();
  self->loop = g_main_loop_new (self->context, FALSE);
  g_mutex_init (&self->lock);
  self->dirty = g_ptr_array_new ();
  self->peers = g_hash_table_new_full (muster_stream_id_hash, muster_stream_id_equal, NULL, muster_network_peer_free);
  self->routes = g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, NULL);
  g_queue_init (&self->order);
  self->streams = muster_network_streams_new (STREAMS_MAX);
  self->codec = muster_network_codec_new ();
  self->refusals = muster_network_limiter_new (SAY_INTERVAL_US, SAY_MOST);
  self->holes = muster_network_limiter_new (SAY_INTERVAL_US, SAY_MOST);
  if (!listen_for_senders (self, options, error))
    {
      muster_network_collector_free (self);
      return NULL;
    }
  g_main_context_invoke (self->context, begin_cb, self);
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  self->thread = g_thread_new ("muster-collector", collector_thread, self);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  return self;
}

const char *
muster_network_collector_get_address (MusterNetworkCollector *self)
{
  return self->address;
}

void
muster_network_collector_get_state (MusterNetworkCollector *self, MusterNetworkCollectorState *state)
{
  *state = (MusterNetworkCollectorState){
    .senders = atomic_load (&self->n_peers),
    .batches = atomic_load (&self->n_batches),
    .bytes = atomic_load (&self->n_bytes),
    .refused = atomic_load (&self->n_refused),
  };
}

static gboolean
quit_cb (gpointer user_data)
{
  g_main_loop_quit (user_data);
  return G_SOURCE_REMOVE;
}

static void
end_thread (MusterNetworkCollector *self)
{
  GSource *source;

  if (self->thread == NULL)
    return;
  source = g_idle_source_new ();
  g_source_set_priority (source, G_PRIORITY_HIGH);
  g_source_set_callback (source, quit_cb, self->loop, NULL);
  g_source_attach (source, self->context);
  g_source_unref (source);
  g_thread_join (self->thread);
}

void
muster_network_collector_free (MusterNetworkCollector *self)
{
  end_thread (self);
  g_clear_pointer (&self->listener, muster_network_listener_free);
  g_hash_table_unref (self->routes);
  g_hash_table_unref (self->peers);
  g_ptr_array_unref (self->dirty);
  muster_network_streams_free (self->streams);
  g_clear_pointer (&self->codec, muster_network_codec_free);
  muster_network_limiter_free (self->refusals);
  muster_network_limiter_free (self->holes);
  g_main_loop_unref (self->loop);
  g_main_context_unref (self->context);
  g_mutex_clear (&self->lock);
  g_free (self->address);
  g_free (self);
}
