/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-pipeline-private.h"
#include "muster-source.h"

/* Both from the thread that owns the source. The source keeps @pipeline until its stop, and the pipeline keeps the source
 * until the pipeline's stop, since acknowledgements may come until then. */
gboolean muster_source_start (MusterSource *self, MusterPipeline *pipeline, GError **error);
void muster_source_stop (MusterSource *self);
