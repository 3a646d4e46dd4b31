/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "muster-macros.h"

G_BEGIN_DECLS

#define MUSTER_TYPE_METRICS_GROUP (muster_metrics_group_get_type ())
MUSTER_PUBLIC
G_DECLARE_FINAL_TYPE (MusterMetricsGroup, muster_metrics_group, MUSTER, METRICS_GROUP, GObject)

/**
 * MusterTransformer:
 * @MUSTER_TRANSFORMER_NONE: each metric below its path, as panopticon shows it
 * @MUSTER_TRANSFORMER_IDS: `value` becomes `values`, with the process's name as its key: `{"type":..,"values":{"web-1":..}}`
 * @MUSTER_TRANSFORMER_FLAT: one object with dots in its keys: `{"http.GET.requests":{"type":..,"value":..}}`
 * @MUSTER_TRANSFORMER_VALUES: numbers alone, of samples their average: `{"http":{"GET":{"requests":12.5}}}`
 *
 * What is made of each process's metrics where a dataset becomes JSON or a GVariant.
 *
 * Since: 0.1
 */
typedef enum
{
  MUSTER_TRANSFORMER_NONE,
  MUSTER_TRANSFORMER_IDS,
  MUSTER_TRANSFORMER_FLAT,
  MUSTER_TRANSFORMER_VALUES,
} MusterTransformer;

/* What a `[metrics NAME]` group says: every key is a GObject property of this object, and has its documentation there. */
MUSTER_PUBLIC MusterMetricsGroup *muster_metrics_group_new (const char *name, gint64 interval_us);
MUSTER_PUBLIC const char *muster_metrics_group_get_name (MusterMetricsGroup *self);

G_END_DECLS
