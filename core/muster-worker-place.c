/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where a worker belongs, and which process fills it when. The cluster's thread only.
 */
#include "config.h"

#include "muster-worker-place-private.h"

/* A program that has not said HELLO after this long is taken for one that is not linked with Muster. */
#define SETTLE_MS 1000

/* Journals of the dead that one worker may leave to be drained: beyond them its next life waits. So a worker that dies
 * at once, before a transport that stands still, does not fill the memory with journals. */
#define OLD_JOURNALS_MAX      8
#define OLD_JOURNALS_PAUSE_MS 1000

/* -- timers -------------------------------------------------------------------------------------- */

static void
clear_timer (MusterWorkerPlace *place)
{
  if (place->timer != NULL)
    g_source_destroy (place->timer);
  g_clear_pointer (&place->timer, g_source_unref);
}

static void
set_timer (MusterWorkerPlace *place, gint64 delay_us, GSourceFunc func)
{
  clear_timer (place);
  place->timer = g_timeout_source_new ((guint) (delay_us / 1000));
  g_source_set_callback (place->timer, func, place, NULL);
  g_source_set_static_name (place->timer, "muster-worker-timer");
  g_source_attach (place->timer, place->share->house->context);
}

static gboolean
is_wanted (const MusterWorkerPlace *place)
{
  return place->share->callbacks->is_wanted (place, place->share->user_data);
}

static gboolean
start_cb (gpointer user_data)
{
  MusterWorkerPlace *place = user_data;

  clear_timer (place);
  muster_worker_place_start (place);
  return G_SOURCE_REMOVE;
}

static gboolean
settle_cb (gpointer user_data)
{
  MusterWorkerPlace *place = user_data;

  clear_timer (place);
  if (place->process->state == MUSTER_WORKER_STARTING)
    muster_worker_process_set_state (place->process, MUSTER_WORKER_RUNNING);
  return G_SOURCE_REMOVE;
}

/* The state comes last: who hears of it may want something else, which then counts. */
static void
start_after (MusterWorkerPlace *place, gint64 delay_us)
{
  set_timer (place, delay_us, start_cb);
  muster_worker_process_set_state (place->process, MUSTER_WORKER_BACKOFF);
}

/* -- the end of a life --------------------------------------------------------------------------- */

/* Grants a restart, or says that there were too many. */
static void
start_later (MusterWorkerPlace *place, gint64 run_time_us)
{
  MusterWorkerGroup *settings = place->share->plan->group;
  MusterLogger *logger = place->share->house->logger;
  const MusterRestartRules rules = { settings->restart_delay_us, settings->restart_delay_max_us,
                                     settings->restart_limit, settings->restart_window_us };
  gint64 delay_us =
      muster_restart_next (&place->restart, &rules, g_get_monotonic_time (), run_time_us, g_random_double ());

  if (delay_us >= 0)
    {
      start_after (place, delay_us);
      return;
    }
  muster_logger_log_fields (logger, MUSTER_LEVEL_ERROR, NULL, 0, NULL,
                            MUSTER_FIELDS (MUSTER_TEXT ("event", "failed"), MUSTER_TEXT ("worker", place->process->id),
                                           MUSTER_NATURAL ("restarts", place->process->restarts)),
                            "%s failed: it was started again %u times within %.0f s, which is its restart-limit, and "
                            "ended once more; it stays down until somebody restarts it",
                            place->process->id, settings->restart_limit,
                            (double) settings->restart_window_us / G_USEC_PER_SEC);
  muster_worker_process_set_state (place->process, MUSTER_WORKER_FAILED);
}

/* What becomes of a place whose process has ended. */
static void
decide (MusterWorkerPlace *place, gboolean failed, gint64 run_time_us)
{
  if (is_wanted (place) && place->again)
    {
      place->again = FALSE;
      start_after (place, 0);
    }
  else if (is_wanted (place) && muster_restart_is_wanted (place->share->plan->group->restart, failed))
    start_later (place, run_time_us);
  else
    muster_worker_process_set_state (place->process, MUSTER_WORKER_STOPPED);
}

static void
exited_cb (MusterWorkerLife *life, gpointer user_data)
{
  MusterWorkerPlace *place = user_data;
  const MusterEnd *end = &life->end;
  gboolean failed = end->reason != MUSTER_EXIT_STATUS || end->status != 0;

  place->life = NULL;
  clear_timer (place);
  place->busy = TRUE;
  muster_worker_process_set_exited (place->process, end->reason, end->status, end->signal);
  decide (place, failed, end->run_time_us);
  place->busy = FALSE;
  place->share->callbacks->exited (place, life, place->share->user_data);
}

/* -- the beginning of one ------------------------------------------------------------------------ */

static void
log_start (MusterWorkerPlace *place)
{
  MusterWorkerLife *life = place->life;

  muster_logger_log_fields (place->share->house->logger, MUSTER_LEVEL_NOTICE, NULL, 0, NULL,
                            MUSTER_FIELDS (MUSTER_TEXT ("event", "start"), MUSTER_TEXT ("worker", place->process->id),
                                           MUSTER_NATURAL ("pid", life->pid), MUSTER_TEXT ("stream", life->stream_text),
                                           MUSTER_TEXT ("group", place->process->group),
                                           MUSTER_NATURAL ("incarnation", place->incarnation)),
                            "started");
}

static void
spawn_failed (MusterWorkerPlace *place, const GError *error)
{
  muster_logger_log_fields (
      place->share->house->logger, MUSTER_LEVEL_ERROR, NULL, 0, NULL,
      MUSTER_FIELDS (MUSTER_TEXT ("event", "spawn-failed"), MUSTER_TEXT ("worker", place->process->id)),
      "%s could not be started: %s", place->process->id, error->message);
  place->busy = TRUE;
  muster_worker_process_set_exited (place->process, MUSTER_EXIT_SPAWN_FAILED, 0, 0);
  decide (place, TRUE, 0);
  place->busy = FALSE;
  place->share->callbacks->spawn_failed (place, place->share->user_data);
}

/* Said once, until it goes on. */
static void
wait_for_drain (MusterWorkerPlace *place)
{
  if (!place->waits)
    muster_logger_log_fields (
        place->share->house->logger, MUSTER_LEVEL_WARNING, NULL, 0, NULL,
        MUSTER_FIELDS (MUSTER_TEXT ("event", "undrained"), MUSTER_TEXT ("worker", place->process->id)),
        "%s is not started again yet: %d journals of its earlier lives wait for a transport", place->process->id,
        OLD_JOURNALS_MAX);
  place->waits = TRUE;
  start_after (place, OLD_JOURNALS_PAUSE_MS * 1000);
}

void
muster_worker_place_start (MusterWorkerPlace *place)
{
  const MusterWorkerPlaceShare *share = place->share;
  g_autoptr (GError) error = NULL;
  gboolean again = place->incarnation > 0;

  place->begun = TRUE;
  clear_timer (place);
  if (share->callbacks->count_undrained (place, share->user_data) >= OLD_JOURNALS_MAX)
    {
      wait_for_drain (place);
      return;
    }
  place->waits = FALSE;
  place->life = muster_worker_life_start (share->house, share->plan, place->process, exited_cb, place, &error);
  if (place->life == NULL)
    {
      spawn_failed (place, error);
      return;
    }
  place->incarnation++;
  muster_worker_process_set_started (place->process, place->life->pid, place->life->identity.start_time_us);
  log_start (place);
  set_timer (place, SETTLE_MS * 1000, settle_cb);
  share->callbacks->started (place, again, share->user_data);
}

void
muster_worker_place_adopt (MusterWorkerPlace *place, const MusterJournalIdentity *identity, gsize ring_size,
                           const char *journal_path, int pidfd)
{
  const MusterWorkerPlaceShare *share = place->share;

  place->begun = TRUE;
  place->incarnation = 1;
  place->life = muster_worker_life_adopt (share->house, share->plan, place->process, identity, ring_size, journal_path,
                                          pidfd, exited_cb, place);
  muster_worker_process_set_started (place->process, place->life->pid, identity->start_time_us);
  muster_worker_process_set_state (place->process, MUSTER_WORKER_RUNNING);
  muster_logger_log_fields (place->share->house->logger, MUSTER_LEVEL_NOTICE, NULL, 0, NULL,
                            MUSTER_FIELDS (MUSTER_TEXT ("event", "adopt"), MUSTER_TEXT ("worker", place->process->id),
                                           MUSTER_NATURAL ("pid", place->life->pid),
                                           MUSTER_TEXT ("stream", place->life->stream_text),
                                           MUSTER_TEXT ("group", place->process->group)),
                            "adopted from an earlier primary");
  share->callbacks->started (place, FALSE, share->user_data);
}

/* -- what others want ---------------------------------------------------------------------------- */

void
muster_worker_place_stop (MusterWorkerPlace *place)
{
  clear_timer (place);
  if (place->life == NULL)
    {
      muster_worker_process_set_state (place->process, MUSTER_WORKER_STOPPED);
      return;
    }
  muster_worker_process_set_state (place->process, MUSTER_WORKER_STOPPING);
  muster_worker_life_terminate (place->life, place->share->plan->group->stop_timeout_us);
}

void
muster_worker_place_restart (MusterWorkerPlace *place)
{
  muster_restart_clear (&place->restart);
  if (place->life == NULL)
    {
      start_after (place, 0);
      return;
    }
  place->again = TRUE;
  muster_worker_place_stop (place);
}

MusterWorkerPlace *
muster_worker_place_new (const MusterWorkerPlaceShare *share, guint number)
{
  MusterWorkerPlace *place = g_new0 (MusterWorkerPlace, 1);

  place->share = share;
  place->number = number;
  place->process = muster_worker_process_new (muster_worker_group_get_name (share->plan->group), number);
  return place;
}

void
muster_worker_place_free (MusterWorkerPlace *place)
{
  clear_timer (place);
  muster_restart_clear (&place->restart);
  g_object_unref (place->process);
  g_free (place);
}
