/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "muster-macros.h"

G_BEGIN_DECLS

#define MUSTER_TYPE_METRICS_GROUP (muster_metrics_group_get_type ())
MUSTER_PUBLIC
G_DECLARE_FINAL_TYPE (MusterMetricsGroup, muster_metrics_group, MUSTER, METRICS_GROUP, GObject)

/* What a `[metrics NAME]` group says: every key is a GObject property of this object, and has its documentation there. */
MUSTER_PUBLIC MusterMetricsGroup *muster_metrics_group_new (const char *name, gint64 interval_us);
MUSTER_PUBLIC const char *muster_metrics_group_get_name (MusterMetricsGroup *self);

G_END_DECLS
