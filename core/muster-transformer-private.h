/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-metrics-group.h"

/* What one of the ready transformers makes of a process's metrics (`a{sv}`, as muster_dataset_to_variant() has them); NULL
 * with MUSTER_TRANSFORMER_NONE. Not floating. */
GVariant *muster_transformer_apply (MusterTransformer transformer, GVariant *data, const char *worker);
