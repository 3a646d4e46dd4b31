/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The worker's end of the link. The thread owns the socket, the feed and everything below the line in the struct; other
 * threads hand it work through its main context.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "muster-context-call-private.h"
#include "muster-fault-private.h"
#include "muster-journal-feed-private.h"
#include "muster-link-private.h"
#include "muster-sender-private.h"
#include "muster-zmq-monitor-private.h"
#include "muster-zmq-source-private.h"

/* How often HELLO is repeated until WELCOME, and POSITION while something is unacknowledged. */
#define HELLO_INTERVAL_MS    1000
#define RESET_PAUSE_MS       50 /* doubled each time, up to HELLO_INTERVAL_MS */
#define POSITION_INTERVAL_MS 1000
/* Frames handled in one go. */
#define BURST 64
/* Custom messages that wait for a socket that takes them. */
#define MESSAGES_MAX 10000

struct _MusterSender
{
  GThread *thread;
  GMainContext *context;
  GMainLoop *loop;
  MusterJournal *journal; /* owned */
  MusterSenderCallbacks callbacks;
  gpointer user_data;
  pid_t pid; /* whose thread it is: a forked child has everything but that */

  GMutex lock;
  GCond progress;
  guint flush_waiters; /* under lock */
  guint64 looks;       /* under lock: how often something may have been acknowledged since they wait */

  /* -- the thread's own -- */
  void *zmq;
  void *socket;
  GSource *socket_source;
  MusterZmqMonitor *monitor; /* owned; tells of connections that were made and lost */
  GSource *timer;            /* HELLO until welcomed, then POSITION */
  MusterJournalFeed *feed;
  gboolean welcomed;
  gboolean refused;
  gboolean reset;       /* since the last HELLO */
  guint reset_pause_ms; /* before it says HELLO again */
  GQueue messages;      /* of GBytes, encoded, waiting for a socket that takes them */
  guint64 messages_dropped;
};

static void
free_buffer (void *data, void *hint)
{
  g_free (data);
}

/* Sends a header and, if there is one, a payload that ZeroMQ takes over (@payload freed by g_free); FALSE if the socket
 * does not take it now, and then @payload stays the caller's. */
static gboolean
send_frames (MusterSender *self, const MusterLinkHeader *header, void *payload, gsize length)
{
  guint8 bytes[MUSTER_LINK_HEADER_SIZE];
  zmq_msg_t message;

  muster_link_header_encode (header, bytes);
  if (zmq_send (self->socket, bytes, sizeof bytes, ZMQ_DONTWAIT | (payload != NULL ? ZMQ_SNDMORE : 0)) < 0)
    return FALSE;
  if (payload == NULL)
    return TRUE;
  if (zmq_msg_init_data (&message, payload, length, free_buffer, NULL) != 0)
    g_error ("zmq_msg_init_data: %s", zmq_strerror (errno)); /* only for want of memory */
  /* The first part was taken, so the message is: ZeroMQ applies its limit to whole messages. */
  if (zmq_msg_send (&message, self->socket, 0) < 0)
    zmq_msg_close (&message);
  return TRUE;
}

static void
want_room (MusterSender *self, gboolean want)
{
  muster_zmq_source_set_events (self->socket_source, want ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN);
}

static gboolean
send_batch (guint8 *bytes, gsize length, guint64 first, guint64 count, guint32 drops, gpointer user_data)
{
  MusterSender *self = user_data;
  const MusterLinkHeader header = {
    .type = MUSTER_LINK_BATCH, .number = first, .count = (guint32) MIN (count, G_MAXUINT32), .drops = drops
  };

  MUSTER_FAULT ("link.send.before");
  if (send_frames (self, &header, bytes, length))
    {
      MUSTER_FAULT ("link.send.after");
      return TRUE;
    }
  want_room (self, TRUE);
  return FALSE;
}

static void
send_hello (MusterSender *self)
{
  const MusterJournalIdentity *identity = muster_journal_get_identity (self->journal);
  MusterLinkHello hello = { .pid = identity->pid };
  const MusterLinkHeader header = { .type = MUSTER_LINK_HELLO, .number = muster_journal_feed_get_lowest (self->feed) };
  guint8 *payload = g_malloc (MUSTER_LINK_HELLO_SIZE);

  self->reset = FALSE;
  memcpy (hello.token, identity->token, sizeof hello.token);
  memcpy (hello.stream, identity->stream, sizeof hello.stream);
  muster_link_hello_encode (&hello, payload);
  if (send_frames (self, &header, payload, MUSTER_LINK_HELLO_SIZE))
    return;
  g_free (payload); /* not connected: monitor_cb() will know when it is */
}

static gboolean timer_cb (gpointer user_data);

static void
set_timer (MusterSender *self, guint interval_ms)
{
  if (self->timer != NULL)
    {
      g_source_destroy (self->timer);
      g_source_unref (self->timer);
    }
  self->timer = g_timeout_source_new (interval_ms);
  g_source_set_callback (self->timer, timer_cb, self, NULL);
  g_source_attach (self->timer, self->context);
}

static void
drop_timer (MusterSender *self)
{
  if (self->timer != NULL)
    g_source_destroy (self->timer);
  g_clear_pointer (&self->timer, g_source_unref);
}

static gboolean
timer_cb (gpointer user_data)
{
  MusterSender *self = user_data;

  if (!self->welcomed)
    {
      send_hello (self);
      set_timer (self, HELLO_INTERVAL_MS);
    }
  else if (muster_journal_feed_has_unacknowledged (self->feed))
    {
      const MusterLinkHeader header = { .type = MUSTER_LINK_POSITION,
                                        .number = muster_journal_feed_get_next (self->feed) };

      send_frames (self, &header, NULL, 0);
    }
  else
    {
      drop_timer (self); /* nothing to ask after: no wake-ups */
      return G_SOURCE_REMOVE;
    }
  return G_SOURCE_CONTINUE;
}

/* Something was sent or acknowledged: is there still something to ask after, somebody to tell? */
static void
look_around (MusterSender *self)
{
  if (self->welcomed && self->timer == NULL && muster_journal_feed_has_unacknowledged (self->feed))
    set_timer (self, POSITION_INTERVAL_MS);
  g_mutex_lock (&self->lock);
  self->looks++;
  if (self->flush_waiters > 0)
    g_cond_broadcast (&self->progress);
  g_mutex_unlock (&self->lock);
}

static void
send_messages (MusterSender *self)
{
  const MusterLinkHeader header = { .type = MUSTER_LINK_MESSAGE };
  GBytes *bytes;

  while (self->welcomed && (bytes = g_queue_peek_head (&self->messages)) != NULL)
    {
      gsize size;
      gconstpointer data = g_bytes_get_data (bytes, &size);
      guint8 *copy = g_memdup2 (data, size);

      if (!send_frames (self, &header, copy, size))
        {
          g_free (copy);
          want_room (self, TRUE);
          return;
        }
      g_queue_pop_head (&self->messages);
      g_bytes_unref (bytes);
    }
}

/* -- what the primary says ------------------------------------------------------------------------ */

static void
on_welcome (MusterSender *self, const MusterLinkHeader *header, const void *payload, gsize size)
{
  MusterLinkWelcome welcome;
  MusterTimeBase base;

  if (self->welcomed || !muster_link_welcome_decode (payload, size, &welcome, NULL))
    return;
  self->welcomed = TRUE;
  self->reset_pause_ms = RESET_PAUSE_MS;
  drop_timer (self);
  base = (MusterTimeBase){ .realtime_ns = welcome.realtime_ns, .boottime_ns = welcome.boottime_ns };
  if (self->callbacks.welcomed != NULL)
    self->callbacks.welcomed (&base, self->user_data);
  muster_journal_feed_set_credit (self->feed, welcome.credit_bytes);
  muster_journal_feed_rewind (self->feed, header->number);
  muster_journal_feed_enable (self->feed, TRUE);
  send_messages (self);
}

static void
on_reset (MusterSender *self)
{
  if (self->reset)
    return; /* one for each batch that was under way */
  self->reset = TRUE;
  self->welcomed = FALSE;
  muster_journal_feed_enable (self->feed, FALSE);
  set_timer (self, self->reset_pause_ms);
  self->reset_pause_ms = MIN (self->reset_pause_ms * 2, HELLO_INTERVAL_MS);
}

static void
on_refused (MusterSender *self, const void *payload, gsize size)
{
  g_autofree char *reason = g_strndup (payload != NULL ? payload : "", size);
  g_autofree char *valid = g_utf8_make_valid (reason, -1);

  self->refused = TRUE;
  self->welcomed = FALSE;
  drop_timer (self);
  muster_journal_feed_enable (self->feed, FALSE);
  if (self->callbacks.refused != NULL)
    self->callbacks.refused (valid, self->user_data);
}

static void
handle (MusterSender *self, const MusterLinkHeader *header, const void *payload, gsize size)
{
  g_autoptr (GVariant) message = NULL;

  switch (header->type)
    {
    case MUSTER_LINK_WELCOME:
      on_welcome (self, header, payload, size);
      break;
    case MUSTER_LINK_ACK:
      muster_journal_feed_acknowledge (self->feed, header->number);
      break;
    case MUSTER_LINK_NACK:
      if (self->welcomed)
        muster_journal_feed_rewind (self->feed, header->number);
      break;
    case MUSTER_LINK_RESET:
      on_reset (self);
      break;
    case MUSTER_LINK_LEVEL:
      if (self->callbacks.level != NULL && header->number <= MUSTER_LEVEL_DEBUG)
        self->callbacks.level ((MusterLevel) header->number, self->user_data);
      break;
    case MUSTER_LINK_MESSAGE:
      message = muster_link_message_decode (payload, size, NULL);
      if (message != NULL && self->callbacks.message != NULL)
        self->callbacks.message (message, self->user_data);
      break;
    case MUSTER_LINK_REFUSED:
      on_refused (self, payload, size);
      break;
    case MUSTER_LINK_HELLO:
    case MUSTER_LINK_BATCH:
    case MUSTER_LINK_POSITION:
    default:
      break; /* not for a sender */
    }
}

/* Receives one message: a header, perhaps a payload; more parts are thrown away. FALSE if there is none. */
static gboolean
receive_one (MusterSender *self)
{
  zmq_msg_t first, second;
  MusterLinkHeader header;
  gboolean have_second = FALSE;

  zmq_msg_init (&first);
  zmq_msg_init (&second);
  if (zmq_msg_recv (&first, self->socket, ZMQ_DONTWAIT) < 0)
    {
      zmq_msg_close (&first);
      return FALSE;
    }
  if (zmq_msg_more (&first))
    {
      have_second = zmq_msg_recv (&second, self->socket, 0) >= 0;
      for (gboolean more = have_second && zmq_msg_more (&second); more;)
        {
          zmq_msg_t rest;

          zmq_msg_init (&rest);
          more = zmq_msg_recv (&rest, self->socket, 0) >= 0 && zmq_msg_more (&rest);
          zmq_msg_close (&rest);
        }
    }
  if (!self->refused && muster_link_header_decode (zmq_msg_data (&first), zmq_msg_size (&first), &header, NULL))
    handle (self, &header, have_second ? zmq_msg_data (&second) : NULL, have_second ? zmq_msg_size (&second) : 0);
  zmq_msg_close (&first);
  zmq_msg_close (&second);
  return TRUE;
}

static void
socket_cb (void *socket, int events, gpointer user_data)
{
  MusterSender *self = user_data;

  if (events & ZMQ_POLLOUT)
    {
      want_room (self, FALSE);
      send_messages (self);
      muster_journal_feed_resume (self->feed);
    }
  for (guint i = 0; i < BURST && receive_one (self); i++)
    ;
  look_around (self);
}

/* -- connections ----------------------------------------------------------------------------------- */

/* A primary is there, perhaps another one than before: it must be told who this is. Or it has gone: nothing is sent until
 * there is one. */
static void
reconnected (MusterSender *self, gboolean connected)
{
  if (self->refused)
    return;
  self->welcomed = FALSE;
  muster_journal_feed_enable (self->feed, FALSE);
  if (connected)
    send_hello (self);
  set_timer (self, HELLO_INTERVAL_MS);
}

static void
monitor_cb (int event, int value, const char *address, gpointer user_data)
{
  reconnected (user_data, event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
}

/* -- the thread ----------------------------------------------------------------------------------- */

static gpointer
sender_thread (gpointer data)
{
  MusterSender *self = data;

  g_main_context_push_thread_default (self->context);
  set_timer (self, HELLO_INTERVAL_MS);
  g_main_loop_run (self->loop);
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

/* The feed sends on its own; whether anything is unacknowledged is seen here. */
static gboolean
send_and_watch (guint8 *bytes, gsize length, guint64 first, guint64 count, guint32 drops, gpointer user_data)
{
  MusterSender *self = user_data;

  if (!send_batch (bytes, length, first, count, drops, self))
    return FALSE;
  if (self->timer == NULL)
    set_timer (self, POSITION_INTERVAL_MS);
  return TRUE;
}

static gboolean
open_socket (MusterSender *self, const char *endpoint, GError **error)
{
  const int linger = 0, immediate = 1, high_water = 16, handshake_ms = 3000, reconnect_ms = 20, reconnect_max_ms = 500;

  self->zmq = zmq_ctx_new ();
  self->socket = self->zmq != NULL ? zmq_socket (self->zmq, ZMQ_DEALER) : NULL;
  if (self->socket != NULL)
    {
      zmq_setsockopt (self->socket, ZMQ_LINGER, &linger, sizeof linger);
      zmq_setsockopt (self->socket, ZMQ_IMMEDIATE, &immediate, sizeof immediate);
      zmq_setsockopt (self->socket, ZMQ_SNDHWM, &high_water, sizeof high_water);
      zmq_setsockopt (self->socket, ZMQ_HANDSHAKE_IVL, &handshake_ms, sizeof handshake_ms);
      zmq_setsockopt (self->socket, ZMQ_RECONNECT_IVL, &reconnect_ms, sizeof reconnect_ms);
      zmq_setsockopt (self->socket, ZMQ_RECONNECT_IVL_MAX, &reconnect_max_ms, sizeof reconnect_max_ms);
      self->monitor =
          muster_zmq_monitor_new (self->zmq, self->socket, ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED,
                                  self->context, monitor_cb, self);
      if (self->monitor != NULL && zmq_connect (self->socket, endpoint) == 0)
        return TRUE;
    }
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "cannot connect to %s: %s", endpoint, zmq_strerror (errno));
  return FALSE;
}

MusterSender *
muster_sender_new (MusterJournal *journal, const char *endpoint, gint64 flush_interval_us,
                   const MusterSenderCallbacks *callbacks, gpointer user_data, GError **error)
{
  MusterSender *self = g_new0 (MusterSender, 1);
  const MusterJournalIdentity *identity = muster_journal_get_identity (journal);
  MusterOrigin labels = { .pid = identity->pid };
  sigset_t all, before;

  self->pid = getpid ();
  self->reset_pause_ms = RESET_PAUSE_MS;
  self->context = g_main_context_new ();
  self->journal = muster_journal_ref (journal);
  self->callbacks = *callbacks;
  self->user_data = user_data;
  g_mutex_init (&self->lock);
  g_cond_init (&self->progress);
  g_queue_init (&self->messages);
  if (!open_socket (self, endpoint, error))
    {
      muster_sender_free (self);
      return NULL;
    }
  memcpy (labels.stream, identity->stream, sizeof labels.stream);
  labels.host = muster_slice_from_string (g_get_host_name ());
  labels.cluster = muster_slice_from_string (identity->cluster);
  labels.worker = muster_slice_from_string (identity->worker);
  self->feed = muster_journal_feed_new (journal, &labels, flush_interval_us, self->context, send_and_watch, self);
  self->socket_source = muster_zmq_source_new (self->socket, ZMQ_POLLIN, socket_cb, self);
  g_source_attach (self->socket_source, self->context);

  /* The application's signal handlers run in its own threads: one that logs must never wait for this thread from
   * within it. */
  self->loop = g_main_loop_new (self->context, FALSE);
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  self->thread = g_thread_new ("muster-io", sender_thread, self);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  return self;
}

GMainContext *
muster_sender_get_context (MusterSender *self)
{
  return self->context;
}

/* Whether this is a forked child, which nobody would answer: its thread, and ZeroMQ's, are its parent's. */
static gboolean
is_forked (MusterSender *self)
{
  return self->pid != getpid ();
}

typedef struct
{
  MusterSender *sender;
  GBytes *bytes;
} Outgoing;

static gboolean
queue_message (gpointer data)
{
  Outgoing *outgoing = data;
  MusterSender *self = outgoing->sender;

  if (g_queue_get_length (&self->messages) >= MESSAGES_MAX)
    {
      g_bytes_unref (g_queue_pop_head (&self->messages));
      self->messages_dropped++;
    }
  g_queue_push_tail (&self->messages, outgoing->bytes);
  g_free (outgoing);
  send_messages (self);
  return G_SOURCE_REMOVE;
}

void
muster_sender_send (MusterSender *self, GVariant *message)
{
  g_autoptr (GVariant) sunk = g_variant_ref_sink (message);
  g_autoptr (GBytes) bytes = NULL;
  Outgoing *outgoing;

  if (is_forked (self))
    return;
  bytes = muster_link_message_encode (sunk);
  if (g_bytes_get_size (bytes) > MUSTER_LINK_MESSAGE_MAX)
    {
      g_warning ("a message to the primary is left out: it has %" G_GSIZE_FORMAT " bytes, and %d are the most",
                 g_bytes_get_size (bytes), MUSTER_LINK_MESSAGE_MAX);
      return;
    }
  outgoing = g_new (Outgoing, 1);
  outgoing->sender = self;
  outgoing->bytes = g_steal_pointer (&bytes);
  g_main_context_invoke (self->context, queue_message, outgoing);
}

typedef struct
{
  MusterSender *sender;
  guint64 mark; /* 0: to be taken */
  gboolean acknowledged;
} Flush;

static void
look_at_flush (gpointer data)
{
  Flush *flush = data;
  MusterJournalFeed *feed = flush->sender->feed;

  if (flush->mark == 0)
    flush->mark = muster_journal_feed_get_mark (feed);
  muster_journal_feed_flush (feed);
  flush->acknowledged = muster_journal_feed_is_acknowledged (feed, flush->mark);
}

gboolean
muster_sender_flush (MusterSender *self, gint64 timeout_us)
{
  gint64 deadline = g_get_monotonic_time () + timeout_us;
  Flush flush = { .sender = self };
  gboolean in_time = TRUE;

  if (is_forked (self))
    return FALSE;
  g_mutex_lock (&self->lock);
  self->flush_waiters++;
  while (!flush.acknowledged && in_time)
    {
      guint64 looks = self->looks;

      g_mutex_unlock (&self->lock);
      muster_sender_call (self, look_at_flush, &flush);
      g_mutex_lock (&self->lock);
      while (!flush.acknowledged && in_time && looks == self->looks)
        in_time = g_cond_wait_until (&self->progress, &self->lock, deadline);
    }
  self->flush_waiters--;
  g_mutex_unlock (&self->lock);
  return flush.acknowledged;
}

void
muster_sender_call (MusterSender *self, void (*function) (gpointer), gpointer data)
{
  if (!is_forked (self))
    muster_context_call (self->context, function, data);
}

static gboolean
quit_loop (gpointer data)
{
  g_main_loop_quit (data);
  return G_SOURCE_REMOVE;
}

void
muster_sender_free (MusterSender *self)
{
  if (is_forked (self))
    return; /* its locks may be held by threads that are not here */
  if (self->thread != NULL)
    {
      g_main_context_invoke (self->context, quit_loop, self->loop);
      g_thread_join (self->thread);
    }
  drop_timer (self);
  if (self->socket_source != NULL)
    g_source_destroy (self->socket_source);
  g_clear_pointer (&self->socket_source, g_source_unref);
  g_clear_pointer (&self->feed, muster_journal_feed_free);
  g_clear_pointer (&self->monitor, muster_zmq_monitor_free);
  if (self->socket != NULL)
    zmq_close (self->socket);
  if (self->zmq != NULL)
    zmq_ctx_term (self->zmq);
  g_queue_clear_full (&self->messages, (GDestroyNotify) g_bytes_unref);
  g_clear_pointer (&self->loop, g_main_loop_unref);
  g_main_context_unref (self->context);
  muster_journal_unref (self->journal);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->progress);
  g_free (self);
}
