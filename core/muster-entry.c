/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading encoded entries where they lie: walking a Log, peeking at a level, decoding a record without allocation.
 * Everything here takes foreign bytes and believes none of them. Pure functions; any thread.
 */
#include "config.h"

#include "muster-entry.h"

#include <string.h>

#include "muster-wire-private.h"

#define TAG_LOG_ENTRIES MUSTER_WIRE_TAG (1, MUSTER_WIRE_BYTES)

static const char *const reason_names[] = {
  "unknown", "journal-full", "corrupt", "rate-limit", "spool-full", "filtered", "torn", "refused",
};

/**
 * muster_gap_reason_to_string:
 * @reason: a reason
 *
 * The reason's name: "unknown", "journal-full", "corrupt", "rate-limit", "spool-full", "filtered", "torn", "refused".
 *
 * Returns: (transfer none): the name; "unknown" for a number that is no reason
 * Since: 0.1
 */
const char *
muster_gap_reason_to_string (MusterGapReason reason)
{
  return (guint) reason < G_N_ELEMENTS (reason_names) ? reason_names[reason] : reason_names[0];
}

/**
 * muster_stream_id_hash: (skip)
 * @id: a stream's identity, %MUSTER_STREAM_ID_SIZE bytes
 *
 * For a #GHashTable whose keys are streams. The bytes are random, so the first of them will do.
 *
 * Returns: the hash
 * Since: 0.1
 */
guint
muster_stream_id_hash (gconstpointer id)
{
  guint hash;

  memcpy (&hash, id, sizeof hash);
  return hash;
}

/**
 * muster_stream_id_equal: (skip)
 * @a: a stream's identity, %MUSTER_STREAM_ID_SIZE bytes
 * @b: another
 *
 * For a #GHashTable whose keys are streams.
 *
 * Returns: whether they are the same stream
 * Since: 0.1
 */
gboolean
muster_stream_id_equal (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, MUSTER_STREAM_ID_SIZE) == 0;
}

static inline MusterSlice
slice_of (const MusterWireField *field)
{
  return (MusterSlice){ (const char *) field->bytes, (gsize) field->value };
}

static gboolean
decode_origin (const guint8 *body, gsize length, MusterOrigin *origin)
{
  const guint8 *end = body + length;
  MusterWireField field;
  gboolean have_stream = FALSE;

  *origin = (MusterOrigin){ .first_seq = 0 };
  while (body < end)
    {
      body = muster_wire_get_field (body, end, &field);
      if (body == NULL)
        return FALSE;
      if (field.type == MUSTER_WIRE_BYTES)
        switch (field.number)
          {
          case 1:
            if (field.value != MUSTER_STREAM_ID_SIZE)
              return FALSE;
            memcpy (origin->stream, field.bytes, MUSTER_STREAM_ID_SIZE);
            have_stream = TRUE;
            break;
          case 3:
            origin->host = slice_of (&field);
            break;
          case 4:
            origin->cluster = slice_of (&field);
            break;
          case 5:
            origin->worker = slice_of (&field);
            break;
          default:
            break;
          }
      else if (field.type == MUSTER_WIRE_VARINT && field.number == 2)
        origin->first_seq = field.value;
      else if (field.type == MUSTER_WIRE_VARINT && field.number == 6)
        origin->pid = (guint32) field.value;
    }
  return have_stream && origin->first_seq > 0;
}

/**
 * muster_entry_iter_init: (skip)
 * @iter: (out caller-allocates): an iterator
 * @data: a `muster.v1.Log`, or anything
 * @length: its bytes
 *
 * Sets @iter to the start of @data, which must outlive it.
 *
 * Since: 0.1
 */
void
muster_entry_iter_init (MusterEntryIter *iter, const void *data, gsize length)
{
  *iter = (MusterEntryIter){ .data = data != NULL ? data : (const guint8 *) "", .length = length };
}

/**
 * muster_entry_iter_next: (skip)
 * @iter: an iterator
 * @entry: (out caller-allocates): where the next entry's view goes
 *
 * Moves to the next entry. Origins are entries too, and set what later entries show as theirs.
 *
 * Returns: %TRUE with @entry set; %FALSE at the end, or where the bytes are wrong: muster_entry_iter_get_error() tells
 * Since: 0.1
 */
gboolean
muster_entry_iter_next (MusterEntryIter *iter, MusterEntry *entry)
{
  const guint8 *start = iter->data + iter->position;
  const guint8 *end = iter->data + iter->length;
  const guint8 *in = start;
  MusterWireField kind = { 0 };
  guint64 length;

  if (in == end || iter->error != NULL)
    return FALSE;
  if (*in != TAG_LOG_ENTRIES)
    {
      iter->error = "the bytes are not an entry";
      return FALSE;
    }
  in = muster_wire_get_varint (in + 1, end, &length);
  if (in == NULL || length > (guint64) (end - in))
    {
      iter->error = "the last entry is cut off";
      return FALSE;
    }
  if (length + (gsize) (in - start) > MUSTER_ENTRY_MAX)
    {
      iter->error = "an entry is longer than 64 KiB";
      return FALSE;
    }
  entry->bytes = start;
  entry->length = (gsize) (in - start) + length;
  end = start + entry->length;
  entry->kind = MUSTER_ENTRY_UNKNOWN;
  entry->body = in;
  entry->body_length = length;
  if (length > 0)
    {
      const guint8 *rest = muster_wire_get_field (in, end, &kind);

      if (rest == NULL)
        {
          iter->error = "an entry's content is not protobuf";
          return FALSE;
        }
      if (kind.type == MUSTER_WIRE_BYTES && kind.number <= MUSTER_ENTRY_GAP && rest == end)
        {
          entry->kind = (MusterEntryKind) kind.number;
          entry->body = kind.bytes;
          entry->body_length = (gsize) kind.value;
        }
    }

  entry->count = 1;
  if (entry->kind == MUSTER_ENTRY_ORIGIN)
    {
      if (!decode_origin (entry->body, entry->body_length, &iter->origin))
        {
          iter->error = "an origin has no stream of 16 bytes or no first number";
          return FALSE;
        }
      iter->have_origin = TRUE;
      iter->next_seq = iter->origin.first_seq;
      entry->count = 0;
    }
  else if (entry->kind == MUSTER_ENTRY_GAP)
    {
      MusterGapReason reason;

      if (!muster_entry_get_gap (entry, &entry->count, &reason) || entry->count == 0
          || entry->count > G_MAXUINT64 - iter->next_seq)
        {
          iter->error = "a gap's count is wrong";
          return FALSE;
        }
    }
  if (entry->count > G_MAXUINT64 - iter->next_seq)
    {
      iter->error = "its number is beyond the last one there can be";
      return FALSE;
    }
  entry->origin = iter->have_origin ? &iter->origin : NULL;
  entry->sequence = iter->have_origin && entry->count > 0 ? iter->next_seq : 0;
  iter->next_seq += entry->count;
  iter->position += entry->length;
  return TRUE;
}

/**
 * muster_entry_iter_get_position: (skip)
 * @iter: an iterator
 *
 * How many bytes have been walked: after %FALSE from muster_entry_iter_next(), where the end or the fault is.
 *
 * Returns: an offset in bytes
 * Since: 0.1
 */
gsize
muster_entry_iter_get_position (const MusterEntryIter *iter)
{
  return iter->position;
}

/**
 * muster_entry_iter_get_error: (skip)
 * @iter: an iterator
 * @error: (nullable): where to say what is wrong
 *
 * Whether the walk has ended early, with %MUSTER_ERROR_CORRUPT.
 *
 * Returns: %TRUE, with @error set, if the bytes were wrong; %FALSE if all is well
 * Since: 0.1
 */
gboolean
muster_entry_iter_get_error (const MusterEntryIter *iter, GError **error)
{
  if (iter->error == NULL)
    return FALSE;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT, "at byte %" G_GSIZE_FORMAT ": %s", iter->position,
               iter->error);
  return TRUE;
}

static gboolean
decode_trace (const MusterWireField *trace, MusterRecordView *record)
{
  const guint8 *in = trace->bytes;
  const guint8 *end = in + trace->value;
  MusterWireField field;

  while (in < end)
    {
      in = muster_wire_get_field (in, end, &field);
      if (in == NULL)
        return FALSE;
      if (field.type == MUSTER_WIRE_BYTES && field.number == 1)
        record->file = slice_of (&field);
      else if (field.type == MUSTER_WIRE_VARINT && field.number == 2)
        record->line = (guint32) field.value;
      else if (field.type == MUSTER_WIRE_BYTES && field.number == 3)
        record->function = slice_of (&field);
    }
  return TRUE;
}

static gboolean
decode_payload (const MusterWireField *payload, MusterRecordView *record)
{
  const guint8 *in = payload->bytes;
  const guint8 *end = in + payload->value;
  MusterWireField field;

  record->payload = (MusterSlice){ "", 0 };
  while (in < end)
    {
      in = muster_wire_get_field (in, end, &field);
      if (in == NULL)
        return FALSE;
      if (field.type == MUSTER_WIRE_BYTES && field.number == 1)
        record->payload_type = slice_of (&field);
      else if (field.type == MUSTER_WIRE_BYTES && field.number == 2)
        record->payload = slice_of (&field);
    }
  return TRUE;
}

static gboolean
decode_record_bytes (const MusterWireField *field, MusterRecordView *record)
{
  switch (field->number)
    {
    case 3:
      record->domain = slice_of (field);
      return TRUE;
    case 4:
      record->message = slice_of (field);
      return TRUE;
    case 5:
      return decode_trace (field, record);
    case 6:
      record->has_fields = TRUE;
      return TRUE;
    case 7:
      record->raw = slice_of (field);
      return TRUE;
    case 8:
      return decode_payload (field, record);
    default:
      return TRUE;
    }
}

/**
 * muster_entry_get_record: (skip)
 * @entry: an entry
 * @record: (out caller-allocates): where the record's view goes; it borrows from the entry's bytes
 *
 * Decodes a record, in any order of its fields, without allocation.
 *
 * Returns: %FALSE if the entry is no record or its bytes are wrong
 * Since: 0.1
 */
gboolean
muster_entry_get_record (const MusterEntry *entry, MusterRecordView *record)
{
  const guint8 *in = entry->body;
  const guint8 *end = in + entry->body_length;
  MusterWireField field;

  if (entry->kind != MUSTER_ENTRY_RECORD)
    return FALSE;
  *record = (MusterRecordView){ .body = in, .body_length = entry->body_length };
  while (in < end)
    {
      in = muster_wire_get_field (in, end, &field);
      if (in == NULL)
        return FALSE;
      if (field.type == MUSTER_WIRE_BYTES)
        {
          if (!decode_record_bytes (&field, record))
            return FALSE;
        }
      else if (field.type == MUSTER_WIRE_VARINT && field.number == 1)
        record->level = field.value <= MUSTER_LEVEL_DEBUG ? (MusterLevel) field.value : MUSTER_LEVEL_NONE;
      else if (field.type == MUSTER_WIRE_FIXED64 && field.number == 2)
        record->time_ns = field.value;
    }
  return TRUE;
}

/**
 * muster_entry_peek_level: (skip)
 * @entry: an entry
 *
 * A record's level, found in its first two bytes where Muster wrote it.
 *
 * Returns: the level; %MUSTER_LEVEL_NONE if the entry is no record or has none
 * Since: 0.1
 */
MusterLevel
muster_entry_peek_level (const MusterEntry *entry)
{
  MusterRecordView record;

  if (entry->kind != MUSTER_ENTRY_RECORD)
    return MUSTER_LEVEL_NONE;
  if (G_LIKELY (entry->body_length >= 2 && entry->body[0] == MUSTER_WIRE_TAG (1, MUSTER_WIRE_VARINT)
                && entry->body[1] <= MUSTER_LEVEL_DEBUG))
    return (MusterLevel) entry->body[1];
  return muster_entry_get_record (entry, &record) ? record.level : MUSTER_LEVEL_NONE;
}

/**
 * muster_entry_get_gap: (skip)
 * @entry: an entry
 * @count: (out): how many entries are missing
 * @reason: (out): why
 *
 * Decodes a gap.
 *
 * Returns: %FALSE if the entry is no gap or its bytes are wrong
 * Since: 0.1
 */
gboolean
muster_entry_get_gap (const MusterEntry *entry, guint64 *count, MusterGapReason *reason)
{
  const guint8 *in = entry->body;
  const guint8 *end = in + entry->body_length;
  MusterWireField field;

  if (entry->kind != MUSTER_ENTRY_GAP)
    return FALSE;
  *count = 0;
  *reason = MUSTER_GAP_UNKNOWN;
  while (in < end)
    {
      in = muster_wire_get_field (in, end, &field);
      if (in == NULL)
        return FALSE;
      if (field.type == MUSTER_WIRE_VARINT && field.number == 1)
        *count = field.value;
      else if (field.type == MUSTER_WIRE_VARINT && field.number == 2)
        *reason = field.value < G_N_ELEMENTS (reason_names) ? (MusterGapReason) field.value : MUSTER_GAP_UNKNOWN;
    }
  return TRUE;
}

/**
 * muster_field_iter_init: (skip)
 * @iter: (out caller-allocates): an iterator
 * @record: a decoded record
 *
 * Sets @iter before the record's first field.
 *
 * Since: 0.1
 */
void
muster_field_iter_init (MusterFieldIter *iter, const MusterRecordView *record)
{
  iter->position = record->has_fields ? record->body : NULL;
  iter->end = record->has_fields ? record->body + record->body_length : NULL;
}

static gboolean
decode_field (const MusterWireField *message, MusterFieldView *view)
{
  const guint8 *in = message->bytes;
  const guint8 *end = in + message->value;
  MusterWireField field;

  *view = (MusterFieldView){ .key = { "", 0 }, .type = MUSTER_FIELD_NONE };
  while (in < end)
    {
      in = muster_wire_get_field (in, end, &field);
      if (in == NULL)
        return FALSE;
      if (field.type == MUSTER_WIRE_BYTES && field.number == 1)
        {
          view->key = slice_of (&field);
          continue;
        }
      if (field.type == MUSTER_WIRE_BYTES && (field.number == MUSTER_FIELD_TEXT || field.number == MUSTER_FIELD_DATA))
        view->value.text = slice_of (&field);
      else if (field.type == MUSTER_WIRE_VARINT && field.number == MUSTER_FIELD_INTEGER)
        view->value.integer = (gint64) (field.value >> 1) ^ -(gint64) (field.value & 1);
      else if (field.type == MUSTER_WIRE_VARINT && field.number == MUSTER_FIELD_NATURAL)
        view->value.natural = field.value;
      else if (field.type == MUSTER_WIRE_FIXED64 && field.number == MUSTER_FIELD_NUMBER)
        memcpy (&view->value.number, &field.value, sizeof (double));
      else if (field.type == MUSTER_WIRE_VARINT && field.number == MUSTER_FIELD_FLAG)
        view->value.flag = field.value != 0;
      else
        continue;
      view->type = (MusterFieldType) field.number;
    }
  return TRUE;
}

/**
 * muster_field_iter_next: (skip)
 * @iter: an iterator
 * @field: (out caller-allocates): where the next field goes
 *
 * Moves to the next field.
 *
 * Returns: %FALSE at the end, or where the bytes are wrong
 * Since: 0.1
 */
gboolean
muster_field_iter_next (MusterFieldIter *iter, MusterFieldView *field)
{
  MusterWireField member;

  while (iter->position < iter->end)
    {
      iter->position = muster_wire_get_field (iter->position, iter->end, &member);
      if (iter->position == NULL)
        break;
      if (member.type == MUSTER_WIRE_BYTES && member.number == 6)
        return decode_field (&member, field);
    }
  iter->position = iter->end = NULL;
  return FALSE;
}
