/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-entry.h"

/*
 * MusterJsonFields: the fields of a record as a JSON object. Of several with the same key only the last is written,
 * because an object should not have a key twice (RFC 8259 section 4) and the last is the most particular: a logger's
 * defaults come first. Not thread-safe.
 */
typedef struct _MusterJsonFields MusterJsonFields;

MusterJsonFields *muster_json_fields_new (void);
void muster_json_fields_free (MusterJsonFields *fields);
void muster_json_fields_append (MusterJsonFields *fields, const MusterRecordView *record, GByteArray *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterJsonFields, muster_json_fields_free)
