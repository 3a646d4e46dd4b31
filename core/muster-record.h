/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "muster-entry.h"

G_BEGIN_DECLS

#define MUSTER_TYPE_RECORD (muster_record_get_type ())

/**
 * MusterRecord:
 *
 * One thing said, with whose it is: an immutable copy that outlives the batch it came in.
 */
typedef struct _MusterRecord MusterRecord;

MUSTER_PUBLIC GType muster_record_get_type (void) G_GNUC_CONST;
MUSTER_PUBLIC MusterRecord *muster_record_new_from_entry (const MusterEntry *entry);
MUSTER_PUBLIC MusterRecord *muster_record_ref (MusterRecord *record);
MUSTER_PUBLIC void muster_record_unref (MusterRecord *record);
MUSTER_PUBLIC MusterLevel muster_record_get_level (MusterRecord *record);
MUSTER_PUBLIC gint64 muster_record_get_time_ns (MusterRecord *record);
MUSTER_PUBLIC GDateTime *muster_record_get_date_time (MusterRecord *record);
MUSTER_PUBLIC const char *muster_record_get_domain (MusterRecord *record);
MUSTER_PUBLIC const char *muster_record_get_message (MusterRecord *record);
MUSTER_PUBLIC const char *muster_record_get_file (MusterRecord *record);
MUSTER_PUBLIC guint muster_record_get_line (MusterRecord *record);
MUSTER_PUBLIC const char *muster_record_get_function (MusterRecord *record);
MUSTER_PUBLIC GBytes *muster_record_get_raw (MusterRecord *record);
MUSTER_PUBLIC GVariant *muster_record_get_fields (MusterRecord *record);
MUSTER_PUBLIC const char *muster_record_get_host (MusterRecord *record);
MUSTER_PUBLIC const char *muster_record_get_cluster (MusterRecord *record);
MUSTER_PUBLIC const char *muster_record_get_worker (MusterRecord *record);
MUSTER_PUBLIC guint muster_record_get_pid (MusterRecord *record);
MUSTER_PUBLIC guint64 muster_record_get_sequence (MusterRecord *record);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterRecord, muster_record_unref)

G_END_DECLS
