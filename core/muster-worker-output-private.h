/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-worker-house-private.h"

/*
 * MusterWorkerOutput: what one process of a worker prints: two FIFOs, whose lines become the primary's records, and the
 * last lines of standard error, for its end record. The cluster's thread only.
 */
typedef struct _MusterWorkerOutput MusterWorkerOutput;

/* @stem: of the FIFOs' names. @process is borrowed, and outlives it. */
MusterWorkerOutput *muster_worker_output_new (const MusterWorkerHouse *house, const MusterWorkerPlan *plan,
                                              MusterWorkerProcess *process, const char *stem);
void
muster_worker_output_free (MusterWorkerOutput *output); /* nullable; removes the FIFOs, and what is unread in them */

/* Makes both FIFOs; @write_fds, for the worker, are the caller's. */
gboolean muster_worker_output_make (MusterWorkerOutput *output, int write_fds[2], GError **error);
/* Those that an earlier primary made. What a living worker printed while no primary listened waits in them, which it holds
 * open; a dead one's are only to be removed. */
void muster_worker_output_reopen (MusterWorkerOutput *output, gboolean alive);
void muster_worker_output_attach (MusterWorkerOutput *output, guint pid); /* listens from now on */
/* The worker is dead: takes the last of what it printed. Whether there is anything in the tail. */
gboolean muster_worker_output_finish (MusterWorkerOutput *output);

void muster_worker_output_keep (MusterWorkerOutput *output, const char *line, gsize length); /* in the tail */
char *muster_worker_output_join_tail (MusterWorkerOutput *output);                           /* full */
