/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-sketch-live-private.h"

/*
 * The sketches of a process that has died, as they lay in its memory. Nothing is believed.
 */
typedef struct
{
  const guint8 *bytes; /* borrowed: what lay at `base` in the dead process */
  gsize size;
  guint64 base;
  gsize budget; /* bytes of it that may still be read: no two sketches share one, unless somebody lies */
} MusterSketchRecovery;

/* As muster_sketch_live_report(), of a metric that had made @count updates when it died, perhaps in the middle of another
 * one. FALSE if there is none, or if it is not of just these. */
gboolean muster_sketch_recover (MusterSketchRecovery *self, const MusterSketchLive *live, guint64 count,
                                gboolean is_locked, Muster__V1__Sketch *message, MusterSketchBytes *bytes);
