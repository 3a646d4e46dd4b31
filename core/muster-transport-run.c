/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A transport between start and stop: its thread, with the queue, the retries and the flushes that a subclass need not
 * think of, and what the pipeline asks of it. Which thread may touch what is in muster-transport-struct-private.h.
 */
#include "config.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "muster-batch-builder-private.h"
#include "muster-transport-struct-private.h"

/* How long the thread may take to come home once the deadline of a stop has passed; it gives up by itself there. */
#define STOP_GRACE_US (G_USEC_PER_SEC / 5)

static gsize
batch_size (MusterBatch *batch)
{
  return g_bytes_get_size (muster_batch_get_bytes (batch));
}

/* -- in the transport's thread -- */

static void
call_done (MusterTransport *self, MusterBatch *batch)
{
  MusterTransportPrivate *priv = muster_transport_get_private (self);

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

  if (!g_atomic_int_compare_and_exchange (&muster_transport_get_private (self)->reopen_asked, TRUE, FALSE))
    return;
  if (class->reopen != NULL && !class->reopen (self, &error))
    muster_transport_report (self, MUSTER_LEVEL_ERROR, "cannot reopen: %s", error->message);
}

static void
flush (MusterTransport *self)
{
  MusterTransportPrivate *priv = muster_transport_get_private (self);
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
  MusterTransportPrivate *priv = muster_transport_get_private (self);
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
      muster_transport_count_add (&priv->counters.retries, 1);
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

static void
skip (MusterTransport *self, const guint8 *stream, guint64 next)
{
  MusterTransportClass *class = MUSTER_TRANSPORT_GET_CLASS (self);

  muster_transport_get_private (self)->next_seq = next;
  if (class->skip != NULL)
    class->skip (self, stream, next);
}

/* What of @batch the transport has not had in an earlier life of this process; NULL if it has had all of it. */
static MusterBatch *
trim (MusterTransport *self, MusterBatch *batch)
{
  const MusterOrigin *origin = muster_batch_get_origin (batch);
  guint64 mark;

  if (batch->journal_next > 0 && muster_transport_get_mark (self, batch->journal, &mark) && mark >= batch->journal_next)
    return NULL;
  if (!muster_transport_get_mark (self, origin->stream, &mark) || origin->first_seq >= mark)
    return muster_batch_ref (batch);
  return muster_batch_trim (batch, mark);
}

/* Returns FALSE if the time of a stop ran out. */
static gboolean
deliver_fresh (MusterTransport *self, MusterBatch *batch)
{
  MusterTransportPrivate *priv = muster_transport_get_private (self);
  const MusterOrigin *origin = muster_batch_get_origin (batch);
  MusterLevel level = (MusterLevel) g_atomic_int_get (&priv->level);
  guint64 n_filtered = 0;
  g_autoptr (MusterBatch) wanted = muster_transport_selector_apply (priv->selector, batch, level, &n_filtered);
  guint64 n_wanted = muster_batch_get_count (batch) - n_filtered;
  Outcome outcome = WRITTEN;

  priv->next_seq = origin->first_seq + muster_batch_get_count (batch);
  if (wanted != NULL)
    outcome = write_batch (self, wanted, n_wanted);
  if (outcome == GIVEN_UP)
    return FALSE;
  muster_transport_count_add (&priv->counters.filtered, n_filtered);
  if (outcome == REFUSED)
    {
      muster_batch_filter_skip (muster_transport_selector_get_filter (priv->selector), wanted, MUSTER_GAP_REFUSED);
      muster_transport_count_add (&priv->counters.failed, n_wanted);
    }
  else if (wanted != NULL)
    {
      muster_transport_count_add (&priv->counters.batches, 1);
      muster_transport_count_add (&priv->counters.entries, n_wanted);
    }
  if (outcome == REFUSED || wanted == NULL)
    skip (self, origin->stream, priv->next_seq);
  return TRUE;
}

/* Returns FALSE if the time of a stop ran out. */
static gboolean
deliver (MusterTransport *self, MusterBatch *batch)
{
  MusterTransportPrivate *priv = muster_transport_get_private (self);
  g_autoptr (MusterBatch) fresh = trim (self, batch);
  gboolean delivered;

  priv->in_hand = batch;
  delivered = fresh == NULL || deliver_fresh (self, fresh);
  priv->in_hand = NULL;
  if (!delivered)
    return FALSE;
  muster_transport_count_subtract (&priv->counters.queued, muster_batch_get_count (batch));
  muster_transport_count_subtract (&priv->counters.queued_bytes, batch_size (batch));
  call_done (self, batch);
  return TRUE;
}

/* Of a stream: a run of it was dropped, or it has ended. */
static void
take_note (MusterTransport *self, const MusterTransportItem *item)
{
  MusterTransportClass *class = MUSTER_TRANSPORT_GET_CLASS (self);
  MusterBatchFilter *filter = muster_transport_selector_get_filter (muster_transport_get_private (self)->selector);

  if (item->count > 0)
    {
      muster_batch_filter_skip_run (filter, item->stream, item->first_seq, item->count, MUSTER_GAP_REFUSED);
      skip (self, item->stream, item->first_seq + item->count);
      return;
    }
  muster_batch_filter_forget (filter, item->stream);
  if (class->forget != NULL)
    class->forget (self, item->stream);
}

/* Returns FALSE if the time of a stop ran out. */
static gboolean
deliver_taken (MusterTransport *self)
{
  MusterTransportPrivate *priv = muster_transport_get_private (self);

  for (guint i = 0; i < priv->taken->len; i++)
    {
      MusterTransportItem *item = &g_array_index (priv->taken, MusterTransportItem, i);

      reopen_if_asked (self);
      if (item->batch == NULL)
        take_note (self, item);
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
    muster_transport_count_add (&priv->counters.dropped, muster_transport_count_get (&priv->counters.queued));
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
  MusterTransportPrivate *priv = muster_transport_get_private (self);

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
  MusterTransportPrivate *priv = muster_transport_get_private (self);
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

/* -- for the pipeline -- */

void
muster_transport_set_callbacks (MusterTransport *self, MusterTransportDoneFunc done, MusterTransportReportFunc report,
                                gpointer user_data)
{
  MusterTransportPrivate *priv = muster_transport_get_private (self);

  g_mutex_lock (&priv->callback_lock);
  priv->done = done;
  priv->report = report;
  priv->user_data = user_data;
  g_mutex_unlock (&priv->callback_lock);
}

static gboolean
start_format_and_thread (MusterTransport *self, GError **error)
{
  MusterTransportPrivate *priv = muster_transport_get_private (self);
  gboolean keeps_gaps = priv->format == NULL || muster_format_get_keeps_gaps (priv->format);

  if (priv->format != NULL && !muster_format_start (priv->format, error))
    return FALSE;
  g_clear_pointer (&priv->selector, muster_transport_selector_free);
  priv->selector = muster_transport_selector_new (priv->workers, keeps_gaps, error);
  if (priv->selector == NULL)
    return FALSE;
  for (guint i = 0; priv->restored != NULL && i < priv->restored->len; i++)
    {
      const MusterTransportRestored *restored = &g_array_index (priv->restored, MusterTransportRestored, i);

      /* What waited for a transport that is not required went with the process. */
      muster_batch_filter_set_pending (muster_transport_selector_get_filter (priv->selector), restored->stream,
                                       restored->next, &restored->pending, !priv->required);
    }
  g_clear_pointer (&priv->restored, g_array_unref);
  priv->thread = g_thread_try_new (priv->name, transport_thread, g_object_ref (self), error);
  if (priv->thread == NULL)
    g_object_unref (self);
  return priv->thread != NULL;
}

gboolean
muster_transport_start (MusterTransport *self, GError **error)
{
  MusterTransportClass *class = MUSTER_TRANSPORT_GET_CLASS (self);
  MusterTransportPrivate *priv = muster_transport_get_private (self);

  g_return_val_if_fail (priv->thread == NULL, FALSE);

  if (g_atomic_int_get (&priv->abandoned))
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE,
                           "its thread has not come back from the last time");
      return FALSE;
    }
  priv->finished = FALSE;
  g_atomic_int_set (&priv->stopping, FALSE);
  g_clear_pointer (&priv->restored, g_array_unref); /* of a start that failed */
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
  MusterTransportPrivate *priv = muster_transport_get_private (self);
  gsize size = batch_size (batch);
  guint64 waiting;
  gboolean wake;

  g_mutex_lock (&priv->lock);
  waiting = muster_transport_count_get (&priv->counters.queued_bytes);
  if (priv->finished)
    ; /* nobody takes it; it stays unacknowledged */
  else if (!priv->required && waiting > 0 && waiting + size > priv->queue_size)
    {
      muster_transport_queue_drop (&priv->queue, batch);
      muster_transport_count_add (&priv->counters.dropped, muster_batch_get_count (batch));
    }
  else
    {
      muster_transport_queue_push (&priv->queue, batch);
      muster_transport_count_add (&priv->counters.queued, muster_batch_get_count (batch));
      muster_transport_count_add (&priv->counters.queued_bytes, size);
    }
  wake = priv->idle;
  priv->idle = FALSE;
  g_mutex_unlock (&priv->lock);
  if (wake)
    g_cond_signal (&priv->cond);
}

gboolean
muster_transport_get_mark (MusterTransport *self, const guint8 stream[MUSTER_STREAM_ID_SIZE], guint64 *next)
{
  MusterTransportClass *class = MUSTER_TRANSPORT_GET_CLASS (self);

  return class->get_mark != NULL && class->get_mark (self, stream, next);
}

void
muster_transport_forget (MusterTransport *self, const guint8 stream[MUSTER_STREAM_ID_SIZE])
{
  MusterTransportPrivate *priv = muster_transport_get_private (self);
  gboolean wake;

  g_mutex_lock (&priv->lock);
  if (!priv->finished)
    muster_transport_queue_forget (&priv->queue, stream);
  wake = priv->idle;
  priv->idle = FALSE;
  g_mutex_unlock (&priv->lock);
  if (wake)
    g_cond_signal (&priv->cond);
}

void
muster_transport_set_state_dir (MusterTransport *self, const char *path)
{
  g_return_if_fail (muster_transport_get_private (self)->thread == NULL);

  g_free (muster_transport_get_private (self)->state_dir);
  muster_transport_get_private (self)->state_dir = g_strdup (path);
}

gboolean
muster_transport_keeps_state (MusterTransport *self)
{
  return MUSTER_TRANSPORT_GET_CLASS (self)->get_mark != NULL;
}

void
muster_transport_get_pending (MusterTransport *self, const guint8 stream[MUSTER_STREAM_ID_SIZE],
                              MusterPendingRuns *pending)
{
  muster_batch_filter_get_pending (muster_transport_selector_get_filter (muster_transport_get_private (self)->selector),
                                   stream, pending);
}

gboolean
muster_transport_get_journal (MusterTransport *self, guint8 journal[MUSTER_STREAM_ID_SIZE], guint64 *next)
{
  const MusterBatch *batch = muster_transport_get_private (self)->in_hand;

  if (batch == NULL || batch->journal_next == 0)
    return FALSE;
  memcpy (journal, batch->journal, MUSTER_STREAM_ID_SIZE);
  *next = batch->journal_next;
  return TRUE;
}

void
muster_transport_set_pending (MusterTransport *self, const guint8 stream[MUSTER_STREAM_ID_SIZE], guint64 next,
                              const MusterPendingRuns *pending)
{
  MusterTransportPrivate *priv = muster_transport_get_private (self);
  MusterTransportRestored restored = { .next = next, .pending = *pending };

  memcpy (restored.stream, stream, MUSTER_STREAM_ID_SIZE);
  if (priv->restored == NULL)
    priv->restored = g_array_new (FALSE, FALSE, sizeof (MusterTransportRestored));
  g_array_append_val (priv->restored, restored);
}

void
muster_transport_reopen (MusterTransport *self)
{
  MusterTransportPrivate *priv = muster_transport_get_private (self);

  g_mutex_lock (&priv->lock);
  g_atomic_int_set (&priv->reopen_asked, TRUE);
  g_cond_broadcast (&priv->cond);
  g_mutex_unlock (&priv->lock);
}

void
muster_transport_begin_stop (MusterTransport *self, gint64 deadline_us)
{
  MusterTransportPrivate *priv = muster_transport_get_private (self);

  g_mutex_lock (&priv->lock);
  priv->deadline_us = deadline_us;
  g_atomic_int_set (&priv->stopping, TRUE);
  g_cond_broadcast (&priv->cond);
  g_mutex_unlock (&priv->lock);
}

void
muster_transport_end_stop (MusterTransport *self)
{
  MusterTransportPrivate *priv = muster_transport_get_private (self);
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
