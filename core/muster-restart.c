/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * When an ended worker may start again: exponential backoff with jitter, and a limit within a window. Pure.
 */
#include "config.h"

#include "muster-restart-private.h"

gboolean
muster_restart_is_wanted (MusterRestartPolicy policy, gboolean failed)
{
  return policy == MUSTER_RESTART_ALWAYS || (policy == MUSTER_RESTART_ON_FAILURE && failed);
}

static gint64
backoff (const MusterRestartRules *rules, guint attempts, double random)
{
  gint64 delay_us = rules->delay_us;

  for (guint i = 0; i < attempts && delay_us < rules->delay_max_us; i++)
    delay_us *= 2;
  delay_us = (gint64) ((double) delay_us * (0.8 + 0.4 * random));
  return MIN (delay_us, rules->delay_max_us);
}

gint64
muster_restart_next (MusterRestart *restart, const MusterRestartRules *rules, gint64 now_us, gint64 run_time_us,
                     double random)
{
  gint64 *oldest;

  if (run_time_us >= rules->window_us)
    restart->attempts = 0;
  while ((oldest = g_queue_peek_head (&restart->times)) != NULL && now_us - *oldest >= rules->window_us)
    g_free (g_queue_pop_head (&restart->times));
  if (rules->limit > 0 && restart->times.length >= rules->limit)
    return -1;
  if (rules->limit > 0)
    g_queue_push_tail (&restart->times, g_memdup2 (&now_us, sizeof now_us));
  return backoff (rules, restart->attempts++, random);
}

void
muster_restart_clear (MusterRestart *restart)
{
  g_queue_clear_full (&restart->times, g_free);
  restart->attempts = 0;
}
