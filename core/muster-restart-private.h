/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "muster-worker-group.h"

/*
 * MusterRestart: when an ended worker may start again. Knows no clock and no dice: both are given. One thread.
 */
typedef struct
{
  gint64 delay_us;     /* the first; each further one twice as long ... */
  gint64 delay_max_us; /* ... up to here */
  guint limit;         /* so many restarts ... */
  gint64 window_us;    /* ... within this; 0: no limit */
} MusterRestartRules;

typedef struct
{
  guint attempts; /* in a row, without a run as long as the window */
  GQueue times;   /* of gint64 *: when the restarts of the last window were granted */
} MusterRestart;

/* Whether @policy starts again what ended so. */
gboolean muster_restart_is_wanted (MusterRestartPolicy policy, gboolean failed);
/* A worker that ran for @run_time_us has ended at @now_us. @random in [0, 1) spreads the delay over +-20 %, so that
 * workers that died together do not come back together. Returns the delay; -1 where the limit is reached. */
gint64 muster_restart_next (MusterRestart *restart, const MusterRestartRules *rules, gint64 now_us, gint64 run_time_us,
                            double random);
void muster_restart_clear (MusterRestart *restart); /* forgets what was; as new */
