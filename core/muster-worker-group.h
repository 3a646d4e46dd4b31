/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "muster-error.h"

G_BEGIN_DECLS

#define MUSTER_TYPE_WORKER_GROUP (muster_worker_group_get_type ())
MUSTER_PUBLIC
G_DECLARE_FINAL_TYPE (MusterWorkerGroup, muster_worker_group, MUSTER, WORKER_GROUP, GObject)

/**
 * MusterRestartPolicy:
 * @MUSTER_RESTART_NO: what ends stays down
 * @MUSTER_RESTART_ON_FAILURE: restarted after a signal or an exit status other than 0
 * @MUSTER_RESTART_ALWAYS: restarted whenever it ends
 */
typedef enum
{
  MUSTER_RESTART_NO,
  MUSTER_RESTART_ON_FAILURE,
  MUSTER_RESTART_ALWAYS,
} MusterRestartPolicy;

/* What a `[worker NAME]` group says: every key is a GObject property of this object, and has its documentation there. */
MUSTER_PUBLIC MusterWorkerGroup *muster_worker_group_new (const char *name, const char *exec);
MUSTER_PUBLIC const char *muster_worker_group_get_name (MusterWorkerGroup *self);
MUSTER_PUBLIC gboolean muster_worker_group_check (MusterWorkerGroup *self, const char **property, GError **error);

G_END_DECLS
