/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-batch.h"

/* Cuts a batch at entry boundaries into logs of at most @size bytes (which one entry and its origin always fit into),
 * each with an origin of its own. Returns GBytes; one that fits is not copied. */
GPtrArray *muster_batch_cut (MusterBatch *batch, gsize size);
