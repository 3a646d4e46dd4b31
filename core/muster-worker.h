/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "muster-logger.h"
#include "muster-metrics.h"

G_BEGIN_DECLS

#define MUSTER_TYPE_WORKER (muster_worker_get_type ())
MUSTER_PUBLIC
G_DECLARE_DERIVABLE_TYPE (MusterWorker, muster_worker, MUSTER, WORKER, GObject)

/**
 * MusterWorkerClass:
 * @start: (nullable): begins the work; the main loop runs afterwards. An error ends the process with status 1
 * @stop: (nullable): ends the work (SIGTERM, SIGINT or muster_worker_quit()); the main loop ends when it returns
 * @message: (nullable): a message from the primary; the default emits the signal `message`
 * @reload: (nullable): SIGHUP
 *
 * All are called in the thread of the worker's main context.
 */
struct _MusterWorkerClass
{
  GObjectClass parent_class;

  gboolean (*start) (MusterWorker *self, GError **error);
  void (*stop) (MusterWorker *self);
  void (*message) (MusterWorker *self, GVariant *message);
  void (*reload) (MusterWorker *self);

  /*< private >*/
  gpointer padding[8];
};

MUSTER_PUBLIC int muster_worker_main (GType type, int argc, char **argv);
MUSTER_PUBLIC MusterWorker *muster_worker_new (void);
MUSTER_PUBLIC gboolean muster_worker_connect (MusterWorker *self, GError **error);
MUSTER_PUBLIC int muster_worker_run (MusterWorker *self, int argc, char **argv);
MUSTER_PUBLIC void muster_worker_quit (MusterWorker *self, int status);
MUSTER_PUBLIC gboolean muster_worker_is_connected (MusterWorker *self);
MUSTER_PUBLIC const char *muster_worker_get_id (MusterWorker *self);
MUSTER_PUBLIC MusterLogger *muster_worker_get_logger (MusterWorker *self);
MUSTER_PUBLIC MusterMetrics *muster_worker_get_metrics (MusterWorker *self);
MUSTER_PUBLIC MusterMetrics *muster_worker_get_metrics_by_name (MusterWorker *self, const char *name);
MUSTER_PUBLIC void muster_worker_send (MusterWorker *self, GVariant *message);
MUSTER_PUBLIC gboolean muster_worker_flush (MusterWorker *self, gint64 timeout_us);

G_END_DECLS
