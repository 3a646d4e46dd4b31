/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-encoder-private.h"
#include "muster-format.h"

/* What tests and benches of formats share: logs to format, and the reverse of the text format's escapes. */

#define SAMPLE_STREAM "0123456789abcdef"
#define SAMPLE_HEX    "30313233343536373839616263646566"
#define SAMPLE_TIME   G_GUINT64_CONSTANT (1700000000123456789) /* 2023-11-14T22:13:20.123456789Z */

/* A log that starts with the origin of host-1/shop/web-1, pid 4711, first number 41. */
GByteArray *sample_log_new (void);
void sample_add_record (GByteArray *log, const MusterRecordParts *parts);

/* A record of SAMPLE_TIME, level INFO, domain "http" and these bytes as its message. */
void sample_add_message (GByteArray *log, const char *message, gsize length);

/* Starts a new format of @type with these properties, the last followed by NULL. */
MusterFormat *sample_format (GType type, const char *first_property, ...) G_GNUC_NULL_TERMINATED;

/* Formats the log as one batch, and once more entry by entry, which must come out the same where @is_alike. */
GByteArray *sample_run (MusterFormat *format, GByteArray *log, gboolean is_alike);

/* Undoes the escapes; returns the bytes, or NULL if @text has a backslash that starts none. */
GByteArray *sample_unescape (const char *text, gsize length);
