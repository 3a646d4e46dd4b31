/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The sender's end of the link to a collector. The thread owns the sockets and everything below the line in the struct.
 * Others end it through its main context, and read `state`, which is atomic.
 */
#include "config.h"

#include "muster-network-link.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <zmq.h>

#include "muster-link-private.h"
#include "muster-network-endpoints.h"
#include "muster-network-flow.h"
#include "muster-network-socket.h"
#include "muster-network-text.h"
#include "muster-wake-source-private.h"

/* HELLO until WELCOME, POSITION while something is unacknowledged. */
#define TICK_US G_USEC_PER_SEC
/* How long an endpoint may take to welcome us, before the next one is tried, or the same with a new connection. */
#define WELCOME_TIMEOUT_US (5 * G_USEC_PER_SEC)
/* How long one of several that was lost is waited for, before the next one is tried: a collector that starts anew is not left for
 * nothing, for what was on its way may be at both then. */
#define GRACE_US G_USEC_PER_SEC
/* Without anything to say. */
#define QUIET_US (15 * G_TIME_SPAN_MINUTE)
/* After it has refused us. */
#define REFUSED_PAUSE_US (10 * G_USEC_PER_SEC)
/* Batches and answers handled in one go. */
#define BURST 64

struct _MusterNetworkLink
{
  MusterSpool *spool; /* borrowed */
  MusterNetworkLinkOptions options;
  MusterNetworkEndpoints *endpoints; /* owned */
  MusterNetworkLinkReport report;
  gpointer user_data;
  GThread *thread;
  GMainContext *context;
  GMainLoop *loop;

  MusterNetworkProgress *progress; /* owned; any thread may ask it */

  /* -- the thread's own -- */
  MusterNetworkSocket *socket; /* owned; NULL while it waits to open one */
  GSource *spool_source;       /* owned */
  GSource *tick;               /* owned; ready never while there is nothing to do */
  MusterNetworkFlow *flow;     /* owned */
  gboolean welcomed;
  gboolean is_quiet;     /* there has been nothing to say since the last tick */
  gint64 deadline_us;    /* until WELCOME; or, without a socket, until the next attempt */
  gint64 began_us;       /* the attempt to be welcomed */
  gint64 grace_until_us; /* until then one of several that was lost is not left because it cannot be reached; or 0 */
  gboolean is_paused;    /* it has refused us: until `deadline_us` nothing is said or heard */
  char *refusal;         /* owned, nullable; why, until somebody has taken something */
  gboolean is_proven;    /* since we were welcomed something was acknowledged, or there was nothing to */
  gboolean is_shaky; /* the last connection ended before that; so that of the next one it is said when it is proven */
};

static void open_socket (MusterNetworkLink *self);

static const char *
endpoint_of (MusterNetworkLink *self)
{
  return muster_network_endpoints_get (self->endpoints);
}

static void say (MusterNetworkLink *self, MusterLevel level, const char *format, ...) G_GNUC_PRINTF (3, 4);

static void
say (MusterNetworkLink *self, MusterLevel level, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  if (self->report != NULL)
    self->report (level, text, self->user_data);
}

/* Each once, until a connection has proved good. */
static void
say_trouble (MusterNetworkLink *self, MusterLevel level, const char *trouble)
{
  if (!muster_network_endpoints_note_trouble (self->endpoints, trouble))
    return;
  say (self, level, "%s: %s; what is written stays in the spool", endpoint_of (self), trouble);
}

/* -- the clock ------------------------------------------------------------------------------------ */

/* At the next second, or where the patience ends. */
static void
start_tick (MusterNetworkLink *self)
{
  gint64 ready_us = g_source_get_ready_time (self->tick);
  gint64 at_us;

  self->is_quiet = FALSE;
  at_us = g_get_monotonic_time () + TICK_US;
  if (!self->welcomed)
    at_us = MIN (at_us, self->deadline_us);
  if (ready_us < 0 || at_us < ready_us)
    g_source_set_ready_time (self->tick, at_us);
}

/* -- sending -------------------------------------------------------------------------------------- */

static gboolean
send_number (MusterNetworkLink *self, MusterLinkType type, guint64 number)
{
  const MusterLinkHeader header = { .type = type, .number = number };

  return muster_network_socket_send (self->socket, &header, NULL, 0);
}

static void
send_hello (MusterNetworkLink *self)
{
  MusterLinkHello hello = { .pid = 0 };
  MusterLinkHeader header = { .type = MUSTER_LINK_HELLO, .number = muster_spool_get_lowest (self->spool) };
  guint8 payload[MUSTER_LINK_HELLO_SIZE];

  if (muster_network_endpoints_are_several (self->endpoints))
    header.flags |= MUSTER_LINK_FLAG_ELSEWHERE;
  if (muster_network_flow_can_pack (self->flow))
    header.flags |= MUSTER_LINK_FLAG_PACKED;
  memcpy (hello.stream, muster_spool_get_id (self->spool), sizeof hello.stream);
  muster_link_hello_encode (&hello, payload);
  muster_network_socket_send (self->socket, &header, payload, sizeof payload);
}

/* Until whoever calls pump() again: what comes into the spool meanwhile need not wake us. */
static void
leave_spool (MusterNetworkLink *self)
{
  muster_spool_disarm (self->spool);
  g_source_set_ready_time (self->spool_source, -1);
}

static void
pump (MusterNetworkLink *self)
{
  guint sent = 0;

  while (self->welcomed && sent < BURST && muster_network_flow_send (self->flow, self->socket))
    sent++;
  if (self->welcomed && !muster_network_flow_is_idle (self->flow))
    start_tick (self);
  else if (self->welcomed)
    muster_network_flow_settle (self->flow);
  if (sent == BURST)
    g_source_set_ready_time (self->spool_source, 0);
  else if (!self->welcomed || muster_network_flow_is_held (self->flow))
    leave_spool (self);
  else
    g_source_set_ready_time (self->spool_source, muster_spool_arm (self->spool) ? -1 : 0);
}

static gboolean
spool_cb (gpointer user_data)
{
  pump (user_data);
  return G_SOURCE_CONTINUE;
}

/* -- connections ---------------------------------------------------------------------------------- */

static void
close_socket (MusterNetworkLink *self)
{
  g_clear_pointer (&self->socket, muster_network_socket_free);
  self->welcomed = FALSE;
  muster_network_progress_set_connected (self->progress, FALSE);
}

/* Tries the next endpoint, or the only one anew; where nobody was there in a whole round, after a rest. */
static void
try_next (MusterNetworkLink *self)
{
  gint64 rest_us;

  close_socket (self);
  self->is_paused = FALSE;
  rest_us = muster_network_endpoints_go_on (self->endpoints);
  if (rest_us == 0)
    {
      open_socket (self);
      return;
    }
  self->deadline_us = g_get_monotonic_time () + rest_us;
  start_tick (self);
}

static void
wait_for_welcome (MusterNetworkLink *self, gint64 patience_us)
{
  self->began_us = g_get_monotonic_time ();
  self->deadline_us = self->began_us + patience_us;
  start_tick (self);
}

/* Of several, nobody waits for one that cannot be reached. In an event's handler the socket must stay, until the next tick. */
static void
unreachable (MusterNetworkLink *self)
{
  if (self->welcomed || self->is_paused || self->socket == NULL
      || !muster_network_endpoints_are_several (self->endpoints))
    return;
  self->deadline_us = MIN (self->deadline_us, MAX (g_get_monotonic_time (), self->grace_until_us));
  start_tick (self);
}

/* It is there after all. */
static void
reached (MusterNetworkLink *self)
{
  if (!self->welcomed && muster_network_endpoints_are_several (self->endpoints))
    self->deadline_us = MAX (self->deadline_us, self->began_us + WELCOME_TIMEOUT_US);
  send_hello (self);
}

/* Somebody who is good for something: what goes wrong from now on is new. */
static void
prove (MusterNetworkLink *self)
{
  if (self->is_proven)
    return;
  self->is_proven = TRUE;
  muster_network_endpoints_settle (self->endpoints);
  g_clear_pointer (&self->refusal, g_free);
  if (self->is_shaky)
    say (self, MUSTER_LEVEL_NOTICE, "connected to %s", endpoint_of (self));
  self->is_shaky = FALSE;
}

static void
end_welcome (MusterNetworkLink *self)
{
  self->is_shaky = self->is_shaky || !self->is_proven;
  self->welcomed = FALSE;
  muster_network_progress_set_connected (self->progress, FALSE);
}

static void
lost (MusterNetworkLink *self)
{
  gint64 grace_us;

  if (!self->welcomed)
    {
      unreachable (self);
      return;
    }
  grace_us = self->is_shaky ? 0 : GRACE_US; /* one that ends every connection at once is not waited for twice */
  end_welcome (self);
  say_trouble (self, MUSTER_LEVEL_WARNING, "the connection was lost");
  self->grace_until_us = g_get_monotonic_time () + grace_us;
  wait_for_welcome (self, muster_network_endpoints_are_several (self->endpoints) ? grace_us : WELCOME_TIMEOUT_US);
}

static void
refused (MusterNetworkLink *self, const char *trouble)
{
  lost (self);
  say_trouble (self, MUSTER_LEVEL_ERROR, trouble);
  self->deadline_us =
      g_get_monotonic_time () + (muster_network_endpoints_are_several (self->endpoints) ? 0 : WELCOME_TIMEOUT_US);
  start_tick (self);
}

static void
event_cb (int event, int value, gpointer user_data)
{
  MusterNetworkLink *self = user_data;

  if (self->is_paused)
    return;
  switch (event)
    {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
      reached (self);
      break;
    case ZMQ_EVENT_CONNECT_RETRIED: /* none was made: refused, no way there, no such host; or one has ended */
      unreachable (self);
      break;
    case ZMQ_EVENT_DISCONNECTED:
      lost (self);
      break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
      refused (self, "our key is not among those that it allows");
      break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
      refused (self, "what answers there does not speak the same security (is server-key-file its key?)");
      break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
      if (self->options.has_keys)
        refused (self, "it ends the connection before it is secure (is server-key-file its key?)");
      else
        refused (self, "it ends the connection at once (does it want keys?)");
      break;
    default:
      break;
    }
}

static void
give_up (MusterNetworkLink *self)
{
  gboolean is_known =
      muster_network_endpoints_are_several (self->endpoints) && muster_network_endpoints_has_trouble (self->endpoints);

  if (!is_known)
    say_trouble (self, MUSTER_LEVEL_WARNING, "no answer");
  try_next (self);
}

static void
say_position (MusterNetworkLink *self)
{
  send_number (self, MUSTER_LINK_POSITION, muster_network_flow_get_position (self->flow));
}

/* A collector ends a connection over which only heartbeats have come for too long (docs/protocol.md). */
static void
be_quiet (MusterNetworkLink *self)
{
  if (self->is_quiet)
    say_position (self);
  self->is_quiet = TRUE;
  g_source_set_ready_time (self->tick, g_get_monotonic_time () + self->options.quiet_us);
}

static gboolean
tick_cb (gpointer user_data)
{
  MusterNetworkLink *self = user_data;
  gboolean is_late = !self->welcomed && g_get_monotonic_time () >= self->deadline_us;

  g_source_set_ready_time (self->tick, -1);
  if (self->welcomed && muster_network_flow_is_idle (self->flow))
    {
      prove (self);
      be_quiet (self);
      return G_SOURCE_CONTINUE;
    }
  if (self->welcomed)
    say_position (self);
  else if (self->is_paused)
    {
      if (is_late)
        try_next (self);
    }
  else if (self->socket != NULL && is_late)
    give_up (self);
  else if (self->socket != NULL)
    send_hello (self);
  else if (is_late)
    open_socket (self);
  start_tick (self);
  return G_SOURCE_CONTINUE;
}

/* -- what the collector says ---------------------------------------------------------------------- */

static void
on_welcome (MusterNetworkLink *self, const MusterLinkHeader *header, const void *payload, gsize size)
{
  MusterLinkWelcome welcome;
  g_autoptr (GError) error = NULL;

  if (self->welcomed || !muster_link_welcome_decode (payload, size, &welcome, NULL))
    return;
  if (header->number > muster_spool_get_lowest (self->spool) + muster_spool_count_entries (self->spool))
    {
      say (self, MUSTER_LEVEL_ERROR,
           "%s has more of this spool than is in it: it is an older copy; what is in it now is sent as a new one",
           endpoint_of (self));
      if (!muster_spool_renew_id (self->spool, &error))
        say (self, MUSTER_LEVEL_ERROR, "%s", error->message);
      return; /* the next HELLO */
    }
  self->welcomed = TRUE;
  self->is_proven = FALSE;
  muster_network_progress_set_connected (self->progress, TRUE);
  if (!self->is_shaky)
    say (self, MUSTER_LEVEL_NOTICE, "connected to %s", endpoint_of (self));
  muster_network_flow_begin (self->flow, header->number, welcome.credit_bytes,
                             self->options.pack && (header->flags & MUSTER_LINK_FLAG_PACKED) != 0);
  pump (self);
}

/* What is said of it comes to the spool, too, to be refused in its turn: so it is said once. The rest of what is on its way is
 * refused as well, and not heard. */
static void
on_refused (MusterNetworkLink *self, const void *payload, gsize size)
{
  g_autofree char *reason = muster_network_text_tame (payload, size);

  if (g_strcmp0 (reason, self->refusal) != 0)
    say (self, MUSTER_LEVEL_ERROR, "%s refuses what we send: %s; it is tried again every %d s", endpoint_of (self),
         reason, (int) (REFUSED_PAUSE_US / G_USEC_PER_SEC));
  g_free (self->refusal);
  self->refusal = g_steal_pointer (&reason);
  self->is_paused = TRUE;
  end_welcome (self);
  self->deadline_us = g_get_monotonic_time () + REFUSED_PAUSE_US;
  start_tick (self);
}

static void
frame_cb (const MusterLinkHeader *header, const void *payload, gsize size, gpointer user_data)
{
  MusterNetworkLink *self = user_data;

  if (self->is_paused)
    return;
  if (header->type == MUSTER_LINK_WELCOME)
    on_welcome (self, header, payload, size);
  else if (header->type == MUSTER_LINK_REFUSED)
    on_refused (self, payload, size);
  else if (!self->welcomed)
    return;
  else if (header->type == MUSTER_LINK_ACK)
    {
      if (muster_network_flow_acknowledge (self->flow, header->number))
        prove (self);
    }
  else if (header->type == MUSTER_LINK_NACK)
    muster_network_flow_go_back (self->flow, header->number);
  else if (header->type == MUSTER_LINK_RESET)
    {
      end_welcome (self);
      wait_for_welcome (self, WELCOME_TIMEOUT_US); /* says HELLO */
    }
}

static void
room_cb (gpointer user_data)
{
  pump (user_data);
}

static const MusterNetworkSocketCallbacks socket_callbacks = {
  .event = event_cb,
  .frame = frame_cb,
  .turn = room_cb,
};

static void
open_socket (MusterNetworkLink *self)
{
  g_autoptr (GError) error = NULL;
  const MusterNetworkLinkOptions *options = &self->options;

  self->socket = muster_network_socket_connect (endpoint_of (self), options->has_keys ? options->server_key : NULL,
                                                options->public_key, options->secret_key, self->context,
                                                &socket_callbacks, self, &error);
  if (self->socket == NULL)
    say (self, MUSTER_LEVEL_ERROR, "%s", error->message);
  self->grace_until_us = 0;
  wait_for_welcome (self, WELCOME_TIMEOUT_US);
}

/* -- the thread ----------------------------------------------------------------------------------- */

static gboolean
begin_cb (gpointer user_data)
{
  open_socket (user_data);
  return G_SOURCE_REMOVE;
}

static gpointer
link_thread (gpointer data)
{
  MusterNetworkLink *self = data;

  g_main_context_push_thread_default (self->context);
  g_main_loop_run (self->loop);
  close_socket (self);
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

MusterNetworkLink *
muster_network_link_new (MusterSpool *spool, const MusterNetworkLinkOptions *options, MusterNetworkLinkReport report,
                         gpointer user_data, GError **error)
{
  MusterNetworkLink *self = g_new0 (MusterNetworkLink, 1);
  sigset_t all, before;

  self->spool = spool;
  self->options = *options;
  if (self->options.quiet_us == 0)
    self->options.quiet_us = QUIET_US;
  self->endpoints = muster_network_endpoints_new (options->endpoints);
  self->report = report;
  self->user_data = user_data;
  self->progress = muster_network_progress_new ();
  self->flow = muster_network_flow_new (spool, self->progress);
  self->context = g_main_context_new ();
  self->loop = g_main_loop_new (self->context, FALSE);
  self->tick = muster_wake_source_new (self->context, "muster-link-tick", tick_cb, self);
  self->spool_source = muster_wake_source_new (self->context, "muster-spool", spool_cb, self);
  g_source_add_unix_fd (self->spool_source, muster_spool_get_event_fd (spool), G_IO_IN);
  g_main_context_invoke (self->context, begin_cb, self);
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  self->thread = g_thread_try_new ("muster-link", link_thread, self, error);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  if (self->thread == NULL)
    g_clear_pointer (&self, muster_network_link_free);
  return self;
}

void
muster_network_link_get_state (MusterNetworkLink *self, MusterNetworkLinkState *state)
{
  muster_network_progress_get (self->progress, &state->counters);
  state->endpoint = endpoint_of (self);
}

void
muster_network_link_wait (MusterNetworkLink *self, gint64 timeout_us, gboolean (*is_over) (gpointer),
                          gpointer user_data)
{
  muster_network_progress_wait (self->progress, timeout_us, is_over, user_data);
}

static gboolean
is_empty (gpointer user_data)
{
  return muster_spool_count_bytes (user_data) == 0;
}

gboolean
muster_network_link_drain (MusterNetworkLink *self, gint64 timeout_us)
{
  muster_network_link_wait (self, timeout_us, is_empty, self->spool);
  return is_empty (self->spool);
}

static gboolean
quit_cb (gpointer user_data)
{
  g_main_loop_quit (user_data);
  return G_SOURCE_REMOVE;
}

void
muster_network_link_free (MusterNetworkLink *self)
{
  if (self->thread != NULL)
    {
      GSource *source = g_idle_source_new ();

      g_source_set_priority (source, G_PRIORITY_HIGH);
      g_source_set_callback (source, quit_cb, self->loop, NULL);
      g_source_attach (source, self->context);
      g_source_unref (source);
      g_thread_join (self->thread);
    }
  g_source_destroy (self->spool_source);
  g_source_unref (self->spool_source);
  g_source_destroy (self->tick);
  g_source_unref (self->tick);
  g_main_loop_unref (self->loop);
  g_main_context_unref (self->context);
  muster_network_flow_free (self->flow);
  muster_network_progress_free (self->progress);
  muster_network_endpoints_free (self->endpoints);
  g_free (self->refusal);
  g_free (self);
}
