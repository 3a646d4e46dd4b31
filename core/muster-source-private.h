/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-pipeline-private.h"
#include "muster-source.h"

/* @pipeline outlives the source's stop. */
gboolean muster_source_start (MusterSource *self, MusterPipeline *pipeline, GError **error);
void muster_source_stop (MusterSource *self);
