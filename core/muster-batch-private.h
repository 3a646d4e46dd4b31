/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-batch.h"

typedef void (*MusterBatchDoneFunc) (MusterBatch *batch, gpointer user_data);

struct _MusterBatch
{
  gatomicrefcount references;
  GBytes *bytes;       /* owned */
  MusterOrigin origin; /* the first; its slices borrow from bytes */
  guint64 count;       /* numbers taken, all gaps' included */
  guint n_records;
  guint n_origins;
  guint kinds;           /* bit 1 << MusterEntryKind */
  MusterLevel min_level; /* the worst record's; NONE without records */
  MusterLevel max_level; /* the most harmless record's */

  /* The journal by which it came from another machine, as its source names it, and where that journal stands once the batch
   * is done; 0: it came by none. Set before it is submitted. */
  guint8 journal[MUSTER_STREAM_ID_SIZE];
  guint64 journal_next;

  /* What the pipeline keeps: how many required transports have not finished, and whom to tell when none is left. */
  gint outstanding; /* atomic */
  MusterBatchDoneFunc done;
  gpointer done_data;
};
