/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-worker-house-private.h"

/* What a worker's process finds in its environment: the primary's own, but for what concerns the primary alone, what the
 * group says, and the variables of docs/protocol.md. Full. */
char **muster_worker_environment_new (const MusterWorkerHouse *house, const MusterWorkerPlan *plan,
                                      const MusterWorkerProcess *process);
