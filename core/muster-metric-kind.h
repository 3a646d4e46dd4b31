/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "muster-error.h"

G_BEGIN_DECLS

/**
 * MUSTER_METRIC_STATE_SIZE_MAX: (skip)
 *
 * The most bytes that the state of a metric of one's own kind may have.
 */
#define MUSTER_METRIC_STATE_SIZE_MAX 16384

/**
 * MusterMetricReportFunc: (skip)
 * @name: a key; each comes once
 * @value: what is to be shown; null where it is not finite
 * @user_data: what was given to the kind's report function
 *
 * Takes one number of a report.
 */
typedef void (*MusterMetricReportFunc) (const char *name, double value, gpointer user_data);

/**
 * MusterMetricKind: (skip)
 * @name: what metrics of this kind say that they are; at most 64 bytes of UTF-8
 * @state_size: bytes of state, the same in each process; at most %MUSTER_METRIC_STATE_SIZE_MAX
 * @reset: (nullable): makes the state that no update has been made to; without it, zeros
 * @update: takes a value in
 * @merge: adds what another process has measured, as if one had measured both; in any order
 * @validate: (nullable): whether a state, of the right size, that came from elsewhere is one; without it, any is
 * @report: (nullable): what a person or program sees of it; without it, the number of updates alone
 * @padding: zeros
 *
 * A kind of metric of one's own: `update` and `reset` work where something is measured, `merge`, `validate` and `report` in
 * the primary (and in whoever reads its datasets). A state is plain bytes without addresses, aligned to 8, in the machine's
 * order: it is copied, outlives its process, and goes to others. The functions are called in any thread, of one state by one at a
 * time; they must be quick, and neither block nor allocate nor call Muster.
 *
 * Since: 0.1
 */
typedef struct
{
  const char *name;
  gsize state_size;
  void (*reset) (gpointer state);
  void (*update) (gpointer state, double value);
  void (*merge) (gpointer into, gconstpointer from);
  gboolean (*validate) (gconstpointer state);
  void (*report) (gconstpointer state, MusterMetricReportFunc func, gpointer user_data);
  gpointer padding[4];
} MusterMetricKind;

MUSTER_PUBLIC gboolean muster_metric_kind_register (const MusterMetricKind *kind, GError **error);
MUSTER_PUBLIC const MusterMetricKind *muster_metric_kind_find (const char *name);

G_END_DECLS
