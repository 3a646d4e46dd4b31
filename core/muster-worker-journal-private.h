/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-worker-house-private.h"

/* A new worker's identity: random stream and token, its names, the time. UNAVAILABLE: no random bytes. */
gboolean muster_worker_journal_identify (const MusterWorkerHouse *house, const MusterWorkerProcess *process,
                                         MusterJournalIdentity *identity, GError **error);

/* Makes the file at @path, with a ring and, behind it, the areas of the worker's metrics, so that they outlive it. Returns
 * its descriptor, or -1: then there is no file. */
int muster_worker_journal_create (const MusterWorkerHouse *house, const MusterWorkerPlan *plan, const char *path,
                                  MusterJournalIdentity *identity, gsize *ring_size, GError **error);
