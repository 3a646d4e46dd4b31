/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-entry.h"

G_BEGIN_DECLS

/* Writing JSON (RFC 8259) piece by piece into a byte array, for formats: no tree, no allocation but the array's. */
MUSTER_PUBLIC void muster_json_append_raw (GByteArray *out, const char *text);
MUSTER_PUBLIC void muster_json_append_string (GByteArray *out, const char *text, gssize length);
MUSTER_PUBLIC void muster_json_append_double (GByteArray *out, double value);
MUSTER_PUBLIC void muster_json_append_int (GByteArray *out, gint64 value);
MUSTER_PUBLIC void muster_json_append_uint (GByteArray *out, guint64 value);
MUSTER_PUBLIC void muster_json_append_base64 (GByteArray *out, gconstpointer data, gsize length);

G_END_DECLS
