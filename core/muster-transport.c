/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The base class of transports: what every way out needs, so that a subclass is plain blocking code.
 *
 * Threads. The owner creates, sets up, starts and stops; any thread pushes, asks for a reopen, and reads counters; the
 * transport's own thread does the rest. It has a reference of its own, so that nothing is freed under a subclass that
 * does not come back.
 *
 *   who                 what                                                guarded by
 *   any -> thread       queue, idle, stopping, deadline_us, finished        lock, cond
 *   any -> thread       reopen_asked (is set under the lock, too)           atomic
 *   thread -> any       counters; queued_bytes                              atomic, relaxed: numbers, nothing hangs on them
 *   owner -> thread     name, format, required, patterns, delays            set before start; g_thread_new orders them
 *   any -> thread       level                                               atomic: may change while it runs
 *   thread alone        selector, taken, flush_due_us, flush_failed
 *   owner, thread       done, report, user_data, abandoned                  callback_lock, held while a callback runs
 *
 * The owner that gives up on a stalled thread takes callback_lock to set `abandoned`: behind that no callback runs or
 * will run, and what user_data points to may go. Batches travel as references; one that was given up is simply unref'd.
 */
#include "config.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "muster-enums.h"
#include "muster-param.h"
#include "muster-transport-private.h"
#include "muster-transport-queue-private.h"
#include "muster-transport-selector-private.h"

/* How long the thread may take to come home once the deadline of a stop has passed; it gives up by itself there. */
#define STOP_GRACE_US (G_USEC_PER_SEC / 5)

typedef struct
{
  _Atomic guint64 batches;
  _Atomic guint64 entries;
  _Atomic guint64 bytes;
  _Atomic guint64 retries;
  _Atomic guint64 failed;
  _Atomic guint64 dropped;
  _Atomic guint64 filtered;
  _Atomic guint64 queued;
  _Atomic guint64 queued_bytes;
} Counters;

typedef struct
{
  char *name;           /* owned */
  MusterFormat *format; /* owned; nullable */
  char *workers;        /* owned */
  gint level;           /* atomic; MusterLevel */
  gboolean required;
  guint64 queue_size;
  gint64 retry_delay_us;
  gint64 retry_delay_max_us;

  GThread *thread; /* owned; the owner's */
  GMutex lock;
  GCond cond;
  MusterTransportQueue queue;
  gboolean idle; /* the thread sleeps and must be woken */
  gint stopping; /* is set under the lock; atomic for muster_transport_is_stopping() */
  gint64 deadline_us;
  gboolean finished;
  gint reopen_asked;

  GMutex callback_lock;
  MusterTransportDoneFunc done;
  MusterTransportReportFunc report;
  gpointer user_data;
  gint abandoned; /* is set under callback_lock; atomic */

  MusterTransportSelector *selector; /* owned */
  GArray *taken;                     /* owned; of MusterTransportItem */
  gint64 flush_due_us;               /* monotonic; 0: never */
  gboolean flush_failed;
  Counters counters;
} MusterTransportPrivate;

enum
{
  PROP_NAME = 1,
  PROP_FORMAT,
  PROP_LEVEL,
  PROP_WORKERS,
  PROP_REQUIRED,
  PROP_QUEUE_SIZE,
  PROP_RETRY_DELAY,
  PROP_RETRY_DELAY_MAX,
  N_PROPERTIES,
};

static GParamSpec *properties[N_PROPERTIES];

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (MusterTransport, muster_transport, G_TYPE_OBJECT)

static inline MusterTransportPrivate *
private_of (MusterTransport *self)
{
  return muster_transport_get_instance_private (self);
}

static inline void
add (_Atomic guint64 *counter, guint64 n)
{
  atomic_fetch_add_explicit (counter, n, memory_order_relaxed);
}

static inline void
subtract (_Atomic guint64 *counter, guint64 n)
{
  atomic_fetch_sub_explicit (counter, n, memory_order_relaxed);
}

static inline guint64
get (_Atomic guint64 *counter)
{
  return atomic_load_explicit (counter, memory_order_relaxed);
}

static gsize
batch_size (MusterBatch *batch)
{
  return g_bytes_get_size (muster_batch_get_bytes (batch));
}

/* -- in the transport's thread -- */

static void
call_done (MusterTransport *self, MusterBatch *batch)
{
  MusterTransportPrivate *priv = private_of (self);

  if (!priv->required)
    return;
  g_mutex_lock (&priv->callback_lock);
  if (priv->done != NULL && !g_atomic_int_get (&priv->abandoned))
    priv->done (self, batch, priv->user_data);
  g_mutex_unlock (&priv->callback_lock);
}

/* Whether there is no more time: the owner asked to stop, and the deadline has passed. */
static gboolean
is_over (MusterTransportPrivate *priv)
{
  gint64 deadline_us;

  if (!g_atomic_int_get (&priv->stopping))
    return FALSE;
  g_mutex_lock (&priv->lock);
  deadline_us = priv->deadline_us;
  g_mutex_unlock (&priv->lock);
  return g_atomic_int_get (&priv->abandoned) || g_get_monotonic_time () >= deadline_us;
}

static void
reopen_if_asked (MusterTransport *self)
{
  MusterTransportClass *class = MUSTER_TRANSPORT_GET_CLASS (self);
  g_autoptr (GError) error = NULL;

  if (!g_atomic_int_compare_and_exchange (&private_of (self)->reopen_asked, TRUE, FALSE))
    return;
  if (class->reopen != NULL && !class->reopen (self, &error))
    muster_transport_report (self, MUSTER_LEVEL_ERROR, "cannot reopen: %s", error->message);
}

static void
flush (MusterTransport *self)
{
  MusterTransportPrivate *priv = private_of (self);
  MusterTransportClass *class = MUSTER_TRANSPORT_GET_CLASS (self);
  g_autoptr (GError) error = NULL;

  priv->flush_due_us = 0;
  if (class->flush == NULL)
    return;
  if (class->flush (self, &error))
    priv->flush_failed = FALSE;
  else if (!priv->flush_failed)
    {
      priv->flush_failed = TRUE;
      muster_transport_report (self, MUSTER_LEVEL_ERROR, "cannot make durable what was written: %s", error->message);
    }
}

/* Half of the delay is certain, half is chance, so that many transports do not knock together. A stop ends the wait and
 * begins the delays anew, for there is one more chance, and not much time. */
static void
wait_for_retry (MusterTransportPrivate *priv, guint *attempt, gboolean *was_stopping)
{
  gint64 delay_us = MIN (priv->retry_delay_us << MIN (*attempt, 20), priv->retry_delay_max_us);
  gint64 until_us = g_get_monotonic_time () + delay_us / 2 + (gint64) (g_random_double () * (double) (delay_us / 2));

  *attempt += 1;
  g_mutex_lock (&priv->lock);
  if (*was_stopping)
    until_us = MIN (until_us, priv->deadline_us);
  while (g_atomic_int_get (&priv->stopping) == *was_stopping && !g_atomic_int_get (&priv->reopen_asked)
         && !g_atomic_int_get (&priv->abandoned) && g_cond_wait_until (&priv->cond, &priv->lock, until_us))
    ;
  if (!*was_stopping && g_atomic_int_get (&priv->stopping))
    {
      *was_stopping = TRUE;
      *attempt = 0;
    }
  g_mutex_unlock (&priv->lock);
}

typedef enum
{
  WRITTEN,
  REFUSED,
  GIVEN_UP, /* the time of a stop ran out, or was not to be spent */
} Outcome;

static Outcome
write_batch (MusterTransport *self, MusterBatch *batch, guint64 n_entries)
{
  MusterTransportPrivate *priv = private_of (self);
  MusterTransportClass *class = MUSTER_TRANSPORT_GET_CLASS (self);
  gboolean in_trouble = FALSE;
  gboolean was_stopping = g_atomic_int_get (&priv->stopping);
  gint64 since_us = 0;
  guint attempt = 0;

  while (!is_over (priv))
    {
      g_autoptr (GError) error = NULL;
      MusterWriteResult result = class->write (self, batch, &error);

      if (result == MUSTER_WRITE_FAILED)
        {
          muster_transport_report (self, MUSTER_LEVEL_ERROR, "%" G_GUINT64_FORMAT " entries refused for good: %s",
                                   n_entries, error != NULL ? error->message : "no reason given");
          return REFUSED;
        }
      if (result == MUSTER_WRITE_DONE)
        {
          if (in_trouble)
            muster_transport_report (self, MUSTER_LEVEL_NOTICE, "goes on after %.1f s",
                                     (double) (g_get_monotonic_time () - since_us) / G_USEC_PER_SEC);
          return WRITTEN;
        }
      add (&priv->counters.retries, 1);
      if (!in_trouble)
        {
          in_trouble = TRUE;
          since_us = g_get_monotonic_time ();
          muster_transport_report (self, MUSTER_LEVEL_WARNING, "%s; trying again",
                                   error != NULL ? error->message : "not now");
        }
      if (was_stopping && !priv->required)
        return GIVEN_UP; /* best effort is one attempt, where a stop waits for it */
      wait_for_retry (priv, &attempt, &was_stopping);
      reopen_if_asked (self);
    }
  return GIVEN_UP;
}

/* Returns FALSE if the time of a stop ran out. */
static gboolean
deliver (MusterTransport *self, MusterBatch *batch)
{
  MusterTransportPrivate *priv = private_of (self);
  MusterLevel level = (MusterLevel) g_atomic_int_get (&priv->level);
  guint64 n_filtered = 0;
  g_autoptr (MusterBatch) wanted = muster_transport_selector_apply (priv->selector, batch, level, &n_filtered);
  guint64 n_wanted = muster_batch_get_count (batch) - n_filtered;
  Outcome outcome = wanted != NULL ? write_batch (self, wanted, n_wanted) : WRITTEN;

  if (outcome == GIVEN_UP)
    return FALSE;
  add (&priv->counters.filtered, n_filtered);
  if (outcome == REFUSED)
    {
      muster_batch_filter_skip (muster_transport_selector_get_filter (priv->selector), wanted, MUSTER_GAP_REFUSED);
      add (&priv->counters.failed, n_wanted);
    }
  else if (wanted != NULL)
    {
      add (&priv->counters.batches, 1);
      add (&priv->counters.entries, n_wanted);
    }
  subtract (&priv->counters.queued, muster_batch_get_count (batch));
  subtract (&priv->counters.queued_bytes, batch_size (batch));
  call_done (self, batch);
  return TRUE;
}

/* Returns FALSE if the time of a stop ran out. */
static gboolean
deliver_taken (MusterTransport *self)
{
  MusterTransportPrivate *priv = private_of (self);

  for (guint i = 0; i < priv->taken->len; i++)
    {
      MusterTransportItem *item = &g_array_index (priv->taken, MusterTransportItem, i);

      reopen_if_asked (self);
      if (item->batch == NULL)
        muster_batch_filter_skip_run (muster_transport_selector_get_filter (priv->selector), item->stream,
                                      item->first_seq, item->count, MUSTER_GAP_REFUSED);
      else if (!deliver (self, item->batch))
        return FALSE;
      g_clear_pointer (&item->batch, muster_batch_unref);
    }
  g_array_set_size (priv->taken, 0);
  return TRUE;
}

static gboolean
flush_is_due (MusterTransportPrivate *priv)
{
  return priv->flush_due_us > 0 && g_get_monotonic_time () >= priv->flush_due_us;
}

/* Waits for something to do, and takes all of the queue. Returns FALSE to end: asked to stop, and nothing left. */
static gboolean
wait_for_work (MusterTransportPrivate *priv)
{
  gboolean go_on;

  g_mutex_lock (&priv->lock);
  while (priv->queue.items->len == 0 && !g_atomic_int_get (&priv->stopping) && !g_atomic_int_get (&priv->reopen_asked)
         && !flush_is_due (priv))
    {
      priv->idle = TRUE;
      if (priv->flush_due_us > 0)
        g_cond_wait_until (&priv->cond, &priv->lock, priv->flush_due_us);
      else
        g_cond_wait (&priv->cond, &priv->lock);
      priv->idle = FALSE;
    }
  go_on = priv->queue.items->len > 0 || !g_atomic_int_get (&priv->stopping);
  priv->taken = muster_transport_queue_take (&priv->queue, priv->taken);
  g_mutex_unlock (&priv->lock);
  return go_on;
}

/* What the end of a best-effort transport leaves behind counts as dropped. */
static void
drop_rest (MusterTransportPrivate *priv)
{
  if (!priv->required)
    add (&priv->counters.dropped, get (&priv->counters.queued));
  g_array_set_size (priv->taken, 0);
}

static gboolean
queue_is_empty (MusterTransportPrivate *priv)
{
  gboolean empty;

  g_mutex_lock (&priv->lock);
  empty = priv->queue.items->len == 0;
  g_mutex_unlock (&priv->lock);
  return empty;
}

static void
run (MusterTransport *self)
{
  MusterTransportPrivate *priv = private_of (self);

  while (wait_for_work (priv))
    {
      gboolean wrote = priv->taken->len > 0;

      reopen_if_asked (self);
      if (!deliver_taken (self))
        return;
      if ((wrote && queue_is_empty (priv)) || flush_is_due (priv))
        flush (self);
    }
}

/* Signals are for the application's own threads; and a broken pipe or a file that is too long is to be an error here,
 * whatever the application has made of SIGPIPE and SIGXFSZ. What tells of a crash still comes through. */
static void
block_signals (void)
{
  static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS };
  sigset_t set;

  sigfillset (&set);
  for (guint i = 0; i < G_N_ELEMENTS (faults); i++)
    sigdelset (&set, faults[i]);
  pthread_sigmask (SIG_BLOCK, &set, NULL);
}

static gpointer
transport_thread (gpointer data)
{
  g_autoptr (MusterTransport) self = data;
  MusterTransportPrivate *priv = private_of (self);
  MusterTransportClass *class = MUSTER_TRANSPORT_GET_CLASS (self);

  block_signals ();
  run (self);
  flush (self);
  if (class->stop != NULL)
    class->stop (self);
  drop_rest (priv);
  g_mutex_lock (&priv->lock);
  priv->finished = TRUE;
  g_cond_broadcast (&priv->cond);
  g_mutex_unlock (&priv->lock);
  return NULL;
}

/* -- the object -- */

static void
muster_transport_set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  MusterTransport *self = MUSTER_TRANSPORT (object);
  MusterTransportPrivate *priv = private_of (self);

  switch (id)
    {
    case PROP_NAME:
      priv->name = g_value_dup_string (value);
      break;
    case PROP_FORMAT:
      muster_transport_set_format (self, g_value_get_object (value));
      break;
    case PROP_LEVEL:
      g_atomic_int_set (&priv->level, g_value_get_enum (value));
      break;
    case PROP_WORKERS:
      g_free (priv->workers);
      priv->workers = g_value_dup_string (value);
      break;
    case PROP_REQUIRED:
      muster_transport_set_required (self, g_value_get_boolean (value));
      break;
    case PROP_QUEUE_SIZE:
      priv->queue_size = g_value_get_uint64 (value);
      break;
    case PROP_RETRY_DELAY:
      priv->retry_delay_us = g_value_get_int64 (value);
      break;
    case PROP_RETRY_DELAY_MAX:
      priv->retry_delay_max_us = g_value_get_int64 (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
muster_transport_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  MusterTransportPrivate *priv = private_of (MUSTER_TRANSPORT (object));

  switch (id)
    {
    case PROP_NAME:
      g_value_set_string (value, priv->name);
      break;
    case PROP_FORMAT:
      g_value_set_object (value, priv->format);
      break;
    case PROP_LEVEL:
      g_value_set_enum (value, g_atomic_int_get (&priv->level));
      break;
    case PROP_WORKERS:
      g_value_set_string (value, priv->workers);
      break;
    case PROP_REQUIRED:
      g_value_set_boolean (value, priv->required);
      break;
    case PROP_QUEUE_SIZE:
      g_value_set_uint64 (value, priv->queue_size);
      break;
    case PROP_RETRY_DELAY:
      g_value_set_int64 (value, priv->retry_delay_us);
      break;
    case PROP_RETRY_DELAY_MAX:
      g_value_set_int64 (value, priv->retry_delay_max_us);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
muster_transport_finalize (GObject *object)
{
  MusterTransportPrivate *priv = private_of (MUSTER_TRANSPORT (object));

  g_clear_pointer (&priv->thread, g_thread_unref);
  g_clear_pointer (&priv->selector, muster_transport_selector_free);
  g_clear_pointer (&priv->taken, g_array_unref);
  muster_transport_queue_clear (&priv->queue);
  g_clear_object (&priv->format);
  g_free (priv->workers);
  g_free (priv->name);
  g_mutex_clear (&priv->callback_lock);
  g_cond_clear (&priv->cond);
  g_mutex_clear (&priv->lock);
  G_OBJECT_CLASS (muster_transport_parent_class)->finalize (object);
}

static void
muster_transport_class_init (MusterTransportClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

  object_class->set_property = muster_transport_set_property;
  object_class->get_property = muster_transport_get_property;
  object_class->finalize = muster_transport_finalize;

  /**
   * MusterTransport:name:
   *
   * What it is called in a keyfile and in messages.
   */
  properties[PROP_NAME] =
      g_param_spec_string ("name", NULL, "What it is called in messages", NULL, flags | G_PARAM_CONSTRUCT_ONLY);
  /**
   * MusterTransport:format:
   *
   * How entries become bytes; the transport owns it. %NULL for transports that take the bytes as they are.
   */
  properties[PROP_FORMAT] = g_param_spec_object ("format", NULL, "How entries become bytes", MUSTER_TYPE_FORMAT, flags);
  /**
   * MusterTransport:level:
   *
   * Records that are more harmless are left out; metrics and gaps pass. May change at any time.
   */
  properties[PROP_LEVEL] = g_param_spec_enum ("level", NULL, "Records more harmless than this are left out",
                                              MUSTER_TYPE_LEVEL, MUSTER_LEVEL_DEBUG, flags);
  /**
   * MusterTransport:workers:
   *
   * Whose entries are wanted: patterns with `*` and `?`, `;` between them.
   */
  properties[PROP_WORKERS] = g_param_spec_string (
      "workers", NULL, "Whose entries are wanted: patterns with * and ?, a ; between them", "*", flags);
  /**
   * MusterTransport:required:
   *
   * Whether an entry is acknowledged only when this transport is done with it. A transport that is not required drops,
   * and counts, when its queue is full.
   */
  properties[PROP_REQUIRED] = g_param_spec_boolean (
      "required", NULL, "Nothing is acknowledged before it is here; otherwise drops when its queue is full", TRUE,
      flags);
  /**
   * MusterTransport:queue-size:
   *
   * How many bytes may wait for a transport that is not required.
   */
  properties[PROP_QUEUE_SIZE] = muster_param_spec_size (
      "queue-size", NULL, "Bytes that may wait, where the transport is not required", 0, G_MAXUINT64, 1 << 20, flags);
  /**
   * MusterTransport:retry-delay:
   *
   * How long to wait before the second attempt; each further wait is twice as long.
   */
  properties[PROP_RETRY_DELAY] =
      muster_param_spec_duration ("retry-delay", NULL, "The wait before the second attempt; doubled each time", 1000,
                                  G_GINT64_CONSTANT (86400000000), G_USEC_PER_SEC / 10, flags);
  /**
   * MusterTransport:retry-delay-max:
   *
   * The longest wait between two attempts.
   */
  properties[PROP_RETRY_DELAY_MAX] =
      muster_param_spec_duration ("retry-delay-max", NULL, "The longest wait between two attempts", 1000,
                                  G_GINT64_CONSTANT (86400000000), 30 * G_USEC_PER_SEC, flags);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
muster_transport_init (MusterTransport *self)
{
  MusterTransportPrivate *priv = private_of (self);

  g_mutex_init (&priv->lock);
  g_cond_init (&priv->cond);
  g_mutex_init (&priv->callback_lock);
  muster_transport_queue_init (&priv->queue);
  priv->taken = muster_transport_items_new ();
  priv->workers = g_strdup ("*");
  priv->level = MUSTER_LEVEL_DEBUG;
  priv->required = TRUE;
  priv->queue_size = 1 << 20;
  priv->retry_delay_us = G_USEC_PER_SEC / 10;
  priv->retry_delay_max_us = 30 * G_USEC_PER_SEC;
}

/* -- for the pipeline -- */

void
muster_transport_set_callbacks (MusterTransport *self, MusterTransportDoneFunc done, MusterTransportReportFunc report,
                                gpointer user_data)
{
  MusterTransportPrivate *priv = private_of (self);

  g_mutex_lock (&priv->callback_lock);
  priv->done = done;
  priv->report = report;
  priv->user_data = user_data;
  g_mutex_unlock (&priv->callback_lock);
}

static gboolean
start_format_and_thread (MusterTransport *self, GError **error)
{
  MusterTransportPrivate *priv = private_of (self);
  gboolean keeps_gaps = priv->format == NULL || muster_format_get_keeps_gaps (priv->format);

  if (priv->format != NULL && !muster_format_start (priv->format, error))
    return FALSE;
  g_clear_pointer (&priv->selector, muster_transport_selector_free);
  priv->selector = muster_transport_selector_new (priv->workers, keeps_gaps, error);
  if (priv->selector == NULL)
    return FALSE;
  priv->thread = g_thread_try_new (priv->name, transport_thread, g_object_ref (self), error);
  if (priv->thread == NULL)
    g_object_unref (self);
  return priv->thread != NULL;
}

gboolean
muster_transport_start (MusterTransport *self, GError **error)
{
  MusterTransportClass *class = MUSTER_TRANSPORT_GET_CLASS (self);
  MusterTransportPrivate *priv = private_of (self);

  g_return_val_if_fail (priv->thread == NULL, FALSE);

  if (g_atomic_int_get (&priv->abandoned))
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE,
                           "its thread has not come back from the last time");
      return FALSE;
    }
  priv->finished = FALSE;
  g_atomic_int_set (&priv->stopping, FALSE);
  if (class->start != NULL && !class->start (self, error))
    return FALSE;
  if (start_format_and_thread (self, error))
    return TRUE;
  if (class->stop != NULL)
    class->stop (self);
  return FALSE;
}

void
muster_transport_push (MusterTransport *self, MusterBatch *batch)
{
  MusterTransportPrivate *priv = private_of (self);
  gsize size = batch_size (batch);
  guint64 waiting;
  gboolean wake;

  g_mutex_lock (&priv->lock);
  waiting = get (&priv->counters.queued_bytes);
  if (priv->finished)
    ; /* nobody takes it; it stays unacknowledged */
  else if (!priv->required && waiting > 0 && waiting + size > priv->queue_size)
    {
      muster_transport_queue_drop (&priv->queue, batch);
      add (&priv->counters.dropped, muster_batch_get_count (batch));
    }
  else
    {
      muster_transport_queue_push (&priv->queue, batch);
      add (&priv->counters.queued, muster_batch_get_count (batch));
      add (&priv->counters.queued_bytes, size);
    }
  wake = priv->idle;
  priv->idle = FALSE;
  g_mutex_unlock (&priv->lock);
  if (wake)
    g_cond_signal (&priv->cond);
}

void
muster_transport_reopen (MusterTransport *self)
{
  MusterTransportPrivate *priv = private_of (self);

  g_mutex_lock (&priv->lock);
  g_atomic_int_set (&priv->reopen_asked, TRUE);
  g_cond_broadcast (&priv->cond);
  g_mutex_unlock (&priv->lock);
}

void
muster_transport_begin_stop (MusterTransport *self, gint64 deadline_us)
{
  MusterTransportPrivate *priv = private_of (self);

  g_mutex_lock (&priv->lock);
  priv->deadline_us = deadline_us;
  g_atomic_int_set (&priv->stopping, TRUE);
  g_cond_broadcast (&priv->cond);
  g_mutex_unlock (&priv->lock);
}

void
muster_transport_end_stop (MusterTransport *self)
{
  MusterTransportPrivate *priv = private_of (self);
  GThread *thread = g_steal_pointer (&priv->thread);
  gboolean finished;

  if (thread == NULL)
    return;
  g_mutex_lock (&priv->lock);
  while (!priv->finished && g_cond_wait_until (&priv->cond, &priv->lock, priv->deadline_us + STOP_GRACE_US))
    ;
  finished = priv->finished;
  g_mutex_unlock (&priv->lock);
  if (finished)
    {
      g_thread_join (thread);
      return;
    }
  g_mutex_lock (&priv->callback_lock);
  g_atomic_int_set (&priv->abandoned, TRUE);
  g_mutex_unlock (&priv->callback_lock);
  g_thread_unref (thread);
}

void
muster_transport_stop (MusterTransport *self, gint64 timeout_us)
{
  muster_transport_begin_stop (self, g_get_monotonic_time () + timeout_us);
  muster_transport_end_stop (self);
}

/* -- public -- */

/**
 * muster_transport_get_name:
 * @self: a transport
 *
 * Returns: (transfer none): its name; that of its type if it was given none
 * Since: 0.1
 */
const char *
muster_transport_get_name (MusterTransport *self)
{
  g_return_val_if_fail (MUSTER_IS_TRANSPORT (self), NULL);
  return private_of (self)->name != NULL ? private_of (self)->name : G_OBJECT_TYPE_NAME (self);
}

/**
 * muster_transport_get_format:
 * @self: a transport
 *
 * Returns: (transfer none) (nullable): its format
 * Since: 0.1
 */
MusterFormat *
muster_transport_get_format (MusterTransport *self)
{
  g_return_val_if_fail (MUSTER_IS_TRANSPORT (self), NULL);
  return private_of (self)->format;
}

/**
 * muster_transport_set_format:
 * @self: a transport that has not been started
 * @format: (nullable): a format of its own
 *
 * Sets how entries become bytes. A format keeps state, so no two transports share one.
 *
 * Since: 0.1
 */
void
muster_transport_set_format (MusterTransport *self, MusterFormat *format)
{
  g_return_if_fail (MUSTER_IS_TRANSPORT (self));
  g_return_if_fail (private_of (self)->thread == NULL);

  if (g_set_object (&private_of (self)->format, format))
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_FORMAT]);
}

/**
 * muster_transport_get_required:
 * @self: a transport
 *
 * Returns: whether an entry is acknowledged only when this transport is done with it
 * Since: 0.1
 */
gboolean
muster_transport_get_required (MusterTransport *self)
{
  g_return_val_if_fail (MUSTER_IS_TRANSPORT (self), FALSE);
  return private_of (self)->required;
}

/**
 * muster_transport_set_required:
 * @self: a transport that has not been started
 * @required: whether an entry is acknowledged only when this transport is done with it
 *
 * What the property `required` does; a subclass with another default calls it in its instance init, and installs a
 * property `required` of its own to show that default.
 *
 * Since: 0.1
 */
void
muster_transport_set_required (MusterTransport *self, gboolean required)
{
  g_return_if_fail (MUSTER_IS_TRANSPORT (self));
  g_return_if_fail (private_of (self)->thread == NULL);
  private_of (self)->required = required;
}

/**
 * muster_transport_get_counters:
 * @self: a transport
 * @counters: (out caller-allocates): where the numbers go
 *
 * What the transport has done so far. Any thread; the numbers are each right, not all of one moment.
 *
 * Since: 0.1
 */
void
muster_transport_get_counters (MusterTransport *self, MusterTransportCounters *counters)
{
  Counters *own;

  g_return_if_fail (MUSTER_IS_TRANSPORT (self));
  own = &private_of (self)->counters;
  *counters = (MusterTransportCounters){
    .batches = get (&own->batches),
    .entries = get (&own->entries),
    .bytes = get (&own->bytes),
    .retries = get (&own->retries),
    .failed = get (&own->failed),
    .dropped = get (&own->dropped),
    .filtered = get (&own->filtered),
    .queued = get (&own->queued),
  };
}

/**
 * muster_transport_add_bytes:
 * @self: a transport
 * @bytes: how many were written
 *
 * For subclasses: adds to the counter of bytes. Any thread.
 *
 * Since: 0.1
 */
void
muster_transport_add_bytes (MusterTransport *self, gsize bytes)
{
  add (&private_of (self)->counters.bytes, bytes);
}

/**
 * muster_transport_is_stopping:
 * @self: a transport
 *
 * For subclasses that wait: whether the transport has been asked to stop. What is queued is still to be written, but
 * waiting for long is pointless: return %MUSTER_WRITE_RETRY, and the base class decides. Any thread.
 *
 * Returns: whether to come to an end
 * Since: 0.1
 */
gboolean
muster_transport_is_stopping (MusterTransport *self)
{
  return g_atomic_int_get (&private_of (self)->stopping) != 0;
}

/**
 * muster_transport_schedule_flush:
 * @self: a transport
 * @delay_us: microseconds from now
 *
 * For subclasses, in a virtual function: asks that `flush` be called after that time, if nothing is to be written until
 * then (it is called anyway whenever the queue runs empty). Each call of `flush` ends what was scheduled before it.
 *
 * Since: 0.1
 */
void
muster_transport_schedule_flush (MusterTransport *self, gint64 delay_us)
{
  private_of (self)->flush_due_us = g_get_monotonic_time () + MAX (delay_us, 0);
}

/**
 * muster_transport_report: (skip)
 * @self: a transport
 * @level: how bad it is
 * @format: printf format of what a person should know, in one line
 * @...: its arguments
 *
 * For subclasses: makes a record of something that happened to the transport; its name is put in front. What a virtual
 * function returns as its error is reported by the base class. Any thread.
 *
 * Since: 0.1
 */
void
muster_transport_report (MusterTransport *self, MusterLevel level, const char *format, ...)
{
  MusterTransportPrivate *priv = private_of (self);
  g_autofree char *text = NULL;
  g_autofree char *message = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  message = g_strdup_printf ("transport %s: %s", muster_transport_get_name (self), text);
  g_mutex_lock (&priv->callback_lock);
  if (priv->report != NULL && !g_atomic_int_get (&priv->abandoned))
    priv->report (self, level, message, priv->user_data);
  g_mutex_unlock (&priv->callback_lock);
}
