/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-dataset-struct-private.h"

/*
 * MusterContribution: what has come from one worker for one interval: one snapshot, in parts, or one of each of two
 * processes, if it was restarted. One thread.
 */
typedef struct _MusterContribution MusterContribution;

/* What @worker's process @pid reports, or another process of it later. @arena, borrowed, holds what is merged. */
MusterContribution *muster_contribution_new (const char *worker, guint pid, MusterArena *arena);
void muster_contribution_free (MusterContribution *contribution);

/* Takes in a part, whose memory must live as long as the arena. FALSE if it has come already: a sender that is not sure
 * whether it arrived sends it again. */
gboolean muster_contribution_add (MusterContribution *contribution, guint pid, const Muster__V1__Snapshot *snapshot);
/* What a part takes here, beside its metrics. */
gsize muster_contribution_get_part_size (void);

const char *muster_contribution_get_worker (const MusterContribution *contribution);
gboolean muster_contribution_has_reported (const MusterContribution *contribution, guint pid);
guint muster_contribution_count_processes (const MusterContribution *contribution);
gboolean muster_contribution_is_open (const MusterContribution *contribution); /* a further part must come */
gboolean
muster_contribution_is_partial (const MusterContribution *contribution); /* something is missing in it, as it is */
/* Full; no other function but free may be called behind it. */
MusterDatasetProcess *muster_contribution_steal_process (MusterContribution *contribution);

/* The bytes that its metrics take, as whoever adds them counts them: 0 in the beginning. */
gsize muster_contribution_get_size (const MusterContribution *contribution);
void muster_contribution_grow (MusterContribution *contribution, gsize size);
