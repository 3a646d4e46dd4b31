/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-source-intake-private.h"

/* From the thread that owns the source. The source keeps the pipeline until its stop, and the pipeline keeps the source
 * until the pipeline's stop, since acknowledgements may come until then. */
gboolean muster_source_start (MusterSource *self, const MusterSourceHouse *house, GError **error);
/* FALSE if something that it took in is in no required transport yet: then its journal stays for the next primary. */
gboolean muster_source_stop (MusterSource *self);
/* Where the journal of its intake lies; NULL if it has none there. */
const char *muster_source_get_journal_path (MusterSource *self);

/* The bytes of journal that its intake will have; 0 without one. */
guint64 muster_source_get_journal_size (MusterSource *self);

/* Has the datasets in @batch, which the source submits too, merged with those of others. Does nothing while it is stopped. Any
 * thread; never blocks. Private, but exported like the next one. */
MUSTER_PUBLIC void muster_source_merge_datasets (MusterSource *self, MusterBatch *batch);

/* From which number a stream, or a journal, is wanted: see muster_pipeline_get_mark(). FALSE too while it is stopped. Any
 * thread. Private, but exported for the sources of this tree that take in other primaries' journals. */
MUSTER_PUBLIC gboolean muster_source_get_mark (MusterSource *self, const guint8 id[MUSTER_STREAM_ID_SIZE],
                                               guint64 *next);
