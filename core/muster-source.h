/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-batch.h"

G_BEGIN_DECLS

#define MUSTER_TYPE_SOURCE (muster_source_get_type ())
MUSTER_PUBLIC
G_DECLARE_DERIVABLE_TYPE (MusterSource, muster_source, MUSTER, SOURCE, GObject)

/**
 * MusterSourceClass:
 * @start: begins to bring entries in; it may submit at once, also from threads of its own
 * @stop: (nullable): brings no more in
 * @acknowledged: (nullable): a batch given to muster_source_submit() is in every required transport; any thread, also
 *   after @stop, and in the order in which one thread submitted
 *
 * A way in: entries from elsewhere (another machine's Muster, syslog devices) enter the pipeline, their origin kept.
 */
struct _MusterSourceClass
{
  GObjectClass parent_class;

  gboolean (*start) (MusterSource *self, GError **error);
  void (*stop) (MusterSource *self);
  void (*acknowledged) (MusterSource *self, MusterBatch *batch);

  /*< private >*/
  gpointer padding[8];
};

MUSTER_PUBLIC const char *muster_source_get_name (MusterSource *self);
MUSTER_PUBLIC void muster_source_submit (MusterSource *self, MusterBatch *batch);

G_END_DECLS
