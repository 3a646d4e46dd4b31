/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-field.h"

/*
 * Encoding entries, straight into the caller's buffer. Async-signal-safe: no allocation, no lock.
 */

/* Bytes that the prefix (tag, length, tag, length) may take before a message's body. */
#define MUSTER_ENCODER_PREFIX 8

typedef struct
{
  MusterLevel level;
  guint64 time_ns;
  MusterSlice domain;
  MusterSlice message;  /* any bytes; what is not UTF-8 is escaped, and kept in `raw` */
  const char *file;     /* nullable */
  const char *function; /* nullable */
  guint32 line;
  MusterSlice defaults; /* encoded fields, as muster_encode_field() makes them */
  const MusterField *fields;
  gsize n_fields;
  MusterSlice payload_type;
  MusterSlice payload;  /* data NULL where there is none */
  gsize truncated_from; /* the message's length before the caller cut it; 0 if it did not */
} MusterRecordParts;

/* Encodes a whole Entry with its tag and length into @buffer of @capacity bytes (at most MUSTER_ENTRY_MAX are used).
 * Returns where in @buffer it starts and sets @length. What does not fit is cut: the message first, at a character
 * boundary, with the field `truncated_from`; fields that cannot fit are left out, with the field `fields_dropped`.
 * Returns NULL if @capacity is below MUSTER_ENTRY_MAX and the record needs more: try again with more. */
const guint8 *muster_encode_record (guint8 *buffer, gsize capacity, const MusterRecordParts *parts, gsize *length);

/* Appends one field (as a member of Record) at @out; returns the end, or NULL if it does not fit before @end. Text that
 * is not UTF-8 becomes DATA. */
guint8 *muster_encode_field (guint8 *out, const guint8 *end, const MusterField *field);

/* Whole entries into a byte array. Slices of @origin may be empty. */
MUSTER_PUBLIC void muster_encode_origin (GByteArray *out, const MusterOrigin *origin);
MUSTER_PUBLIC void muster_encode_gap (GByteArray *out, guint64 count, MusterGapReason reason);

/* The same into a buffer with room for MUSTER_ENCODER_ORIGIN_MAX or MUSTER_ENCODER_GAP_MAX bytes; returns the end.
 * Labels are cut at 255 bytes each; one that is not UTF-8 is left out. */
#define MUSTER_ENCODER_ORIGIN_MAX 1024
#define MUSTER_ENCODER_GAP_MAX    32
guint8 *muster_encode_origin_at (guint8 *out, const MusterOrigin *origin);
guint8 *muster_encode_gap_at (guint8 *out, guint64 count, MusterGapReason reason);

/* Appends an entry of @kind whose message body is given (a Snapshot or Dataset packed by protobuf-c). Returns FALSE and
 * appends nothing if it would be longer than MUSTER_ENTRY_MAX. */
gboolean muster_encode_entry (GByteArray *out, MusterEntryKind kind, const guint8 *body, gsize length);

/* Whether the bytes are UTF-8 as protobuf means it (NUL is a character like any other). */
gboolean muster_utf8_is_valid (const char *text, gsize length);
