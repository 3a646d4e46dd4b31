/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Encoding entries straight into the caller's buffer. No allocation, no lock, no errno: safe in signal handlers.
 */
#include "config.h"

#include "muster-encoder-private.h"
#include "muster-wire-private.h"

#define TAG_LOG_ENTRIES  MUSTER_WIRE_TAG (1, MUSTER_WIRE_BYTES)
#define TAG_LEVEL        MUSTER_WIRE_TAG (1, MUSTER_WIRE_VARINT)
#define TAG_TIME         MUSTER_WIRE_TAG (2, MUSTER_WIRE_FIXED64)
#define TAG_DOMAIN       MUSTER_WIRE_TAG (3, MUSTER_WIRE_BYTES)
#define TAG_MESSAGE      MUSTER_WIRE_TAG (4, MUSTER_WIRE_BYTES)
#define TAG_TRACE        MUSTER_WIRE_TAG (5, MUSTER_WIRE_BYTES)
#define TAG_FIELD        MUSTER_WIRE_TAG (6, MUSTER_WIRE_BYTES)
#define TAG_RAW          MUSTER_WIRE_TAG (7, MUSTER_WIRE_BYTES)
#define TAG_PAYLOAD      MUSTER_WIRE_TAG (8, MUSTER_WIRE_BYTES)
#define TAG_TRACE_FILE   MUSTER_WIRE_TAG (1, MUSTER_WIRE_BYTES)
#define TAG_TRACE_LINE   MUSTER_WIRE_TAG (2, MUSTER_WIRE_VARINT)
#define TAG_TRACE_FUNC   MUSTER_WIRE_TAG (3, MUSTER_WIRE_BYTES)
#define TAG_PAYLOAD_TYPE MUSTER_WIRE_TAG (1, MUSTER_WIRE_BYTES)
#define TAG_PAYLOAD_BODY MUSTER_WIRE_TAG (2, MUSTER_WIRE_BYTES)
#define TAG_FIELD_KEY    MUSTER_WIRE_TAG (1, MUSTER_WIRE_BYTES)

/* Room kept for what says that something was cut: the fields truncated_from and fields_dropped. */
#define RESERVED_FOR_MARKS 64
/* Labels and trace names are cut here; nobody's file name is longer. */
#define NAME_MAX_BYTES 255

/* The length of the valid UTF-8 character at @p, or 0. RFC 3629, section 4. */
static inline gsize
utf8_char_length (const guint8 *p, const guint8 *end)
{
  gsize left = (gsize) (end - p);

  if (p[0] < 0x80)
    return 1;
  if (p[0] < 0xc2)
    return 0;
  if (p[0] < 0xe0)
    return left >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
  if (p[0] < 0xf0)
    {
      guint8 low = p[0] == 0xe0 ? 0xa0 : 0x80;
      guint8 high = p[0] == 0xed ? 0x9f : 0xbf;

      return left >= 3 && p[1] >= low && p[1] <= high && (p[2] & 0xc0) == 0x80 ? 3 : 0;
    }
  if (p[0] < 0xf5)
    {
      guint8 low = p[0] == 0xf0 ? 0x90 : 0x80;
      guint8 high = p[0] == 0xf4 ? 0x8f : 0xbf;

      return left >= 4 && p[1] >= low && p[1] <= high && (p[2] & 0xc0) == 0x80 && (p[3] & 0xc0) == 0x80 ? 4 : 0;
    }
  return 0;
}

/* How many bytes at the start are ASCII. */
static inline gsize
ascii_prefix (const guint8 *text, gsize length)
{
  gsize i = 0;

  for (; i + 8 <= length; i += 8)
    {
      guint64 word;

      memcpy (&word, text + i, sizeof word);
      if (word & G_GUINT64_CONSTANT (0x8080808080808080))
        break;
    }
  while (i < length && text[i] < 0x80)
    i++;
  return i;
}

gboolean
muster_utf8_is_valid (const char *text, gsize length)
{
  const guint8 *p = length > 0 ? (const guint8 *) text : (const guint8 *) "";
  const guint8 *end = p + length;

  p += ascii_prefix (p, length);
  while (p < end)
    {
      gsize size = utf8_char_length (p, end);

      if (size == 0)
        return FALSE;
      p += size;
      if (p < end && *p < 0x80)
        p += ascii_prefix (p, (gsize) (end - p));
    }
  return TRUE;
}

/* The most bytes of @text, up to @length, that end between characters. */
static gsize
cut_at_character (const char *text, gsize length, gsize wanted)
{
  gsize cut = MIN (length, wanted);

  if (cut == length)
    return cut;
  for (gsize back = 0; back < 4 && back < cut; back++)
    if (((guint8) text[cut - back] & 0xc0) != 0x80)
      return cut - back;
  return cut; /* not UTF-8 anyway */
}

static MusterSlice
short_name (const char *name)
{
  MusterSlice slice = muster_slice_from_string (name);

  if (slice.length > NAME_MAX_BYTES)
    slice.length = cut_at_character (name, slice.length, NAME_MAX_BYTES);
  if (!muster_utf8_is_valid (slice.data, slice.length))
    slice.length = 0;
  return slice;
}

static gsize
bytes_size (gsize length)
{
  return 1 + muster_wire_varint_size (length) + length;
}

/* -- fields --------------------------------------------------------------------------------------- */

static gsize
field_body_size (const MusterField *field, MusterFieldType type)
{
  gsize size = bytes_size (field->key.length);

  switch (type)
    {
    case MUSTER_FIELD_TEXT:
    case MUSTER_FIELD_DATA:
      return size + bytes_size (field->value.text.length);
    case MUSTER_FIELD_INTEGER:
      return size + 1
             + muster_wire_varint_size (((guint64) field->value.integer << 1) ^ (guint64) (field->value.integer >> 63));
    case MUSTER_FIELD_NATURAL:
      return size + 1 + muster_wire_varint_size (field->value.natural);
    case MUSTER_FIELD_NUMBER:
      return size + 9;
    case MUSTER_FIELD_FLAG:
      return size + 2;
    case MUSTER_FIELD_NONE:
    default:
      return size;
    }
}

guint8 *
muster_encode_field (guint8 *out, const guint8 *end, const MusterField *field)
{
  MusterFieldType type = field->type;
  gsize size;
  guint64 bits;

  if (!muster_utf8_is_valid (field->key.data, field->key.length))
    return NULL;
  if (type == MUSTER_FIELD_TEXT && !muster_utf8_is_valid (field->value.text.data, field->value.text.length))
    type = MUSTER_FIELD_DATA;
  size = field_body_size (field, type);
  if (bytes_size (size) > (gsize) (end - out))
    return NULL;

  *out++ = TAG_FIELD;
  out = muster_wire_put_varint (out, size);
  out = muster_wire_put_bytes (out, TAG_FIELD_KEY, field->key.data, field->key.length);
  switch (type)
    {
    case MUSTER_FIELD_TEXT:
    case MUSTER_FIELD_DATA:
      return muster_wire_put_bytes (out, MUSTER_WIRE_TAG (type, MUSTER_WIRE_BYTES), field->value.text.data,
                                    field->value.text.length);
    case MUSTER_FIELD_INTEGER:
      *out++ = MUSTER_WIRE_TAG (MUSTER_FIELD_INTEGER, MUSTER_WIRE_VARINT);
      return muster_wire_put_varint (out,
                                     ((guint64) field->value.integer << 1) ^ (guint64) (field->value.integer >> 63));
    case MUSTER_FIELD_NATURAL:
      *out++ = MUSTER_WIRE_TAG (MUSTER_FIELD_NATURAL, MUSTER_WIRE_VARINT);
      return muster_wire_put_varint (out, field->value.natural);
    case MUSTER_FIELD_NUMBER:
      *out++ = MUSTER_WIRE_TAG (MUSTER_FIELD_NUMBER, MUSTER_WIRE_FIXED64);
      memcpy (&bits, &field->value.number, sizeof bits);
      return muster_wire_put_fixed64 (out, bits);
    case MUSTER_FIELD_FLAG:
      *out++ = MUSTER_WIRE_TAG (MUSTER_FIELD_FLAG, MUSTER_WIRE_VARINT);
      *out++ = field->value.flag ? 1 : 0;
      return out;
    case MUSTER_FIELD_NONE:
    default:
      return out;
    }
}

static guint8 *
put_natural_mark (guint8 *out, const guint8 *end, const char *key, guint64 value)
{
  const MusterField field = { .key = muster_slice_from_string (key),
                              .type = MUSTER_FIELD_NATURAL,
                              .value.natural = value };
  guint8 *after = muster_encode_field (out, end, &field);

  return after != NULL ? after : out;
}

/* -- records -------------------------------------------------------------------------------------- */

static guint8 *
put_trace (guint8 *out, const MusterRecordParts *parts)
{
  MusterSlice file = short_name (parts->file);
  MusterSlice function = short_name (parts->function);
  gsize size = 0;

  if (file.length > 0)
    size += bytes_size (file.length);
  if (parts->line > 0)
    size += 1 + muster_wire_varint_size (parts->line);
  if (function.length > 0)
    size += bytes_size (function.length);
  if (size == 0)
    return out;

  *out++ = TAG_TRACE;
  out = muster_wire_put_varint (out, size);
  if (file.length > 0)
    out = muster_wire_put_bytes (out, TAG_TRACE_FILE, file.data, file.length);
  if (parts->line > 0)
    {
      *out++ = TAG_TRACE_LINE;
      out = muster_wire_put_varint (out, parts->line);
    }
  if (function.length > 0)
    out = muster_wire_put_bytes (out, TAG_TRACE_FUNC, function.data, function.length);
  return out;
}

/* How many bytes of @text can be shown in @room bytes if what is invalid becomes four characters and, with @and_raw,
 * the bytes themselves are there too. Sets @shown to what the escaped text takes. */
static gsize
fit_escaped (const char *text, gsize length, gsize room, gsize *shown)
{
  const guint8 *start = (const guint8 *) text;
  const guint8 *end = start + length;
  const guint8 *p = start;

  *shown = 0;
  while (p < end)
    {
      gsize size = utf8_char_length (p, end);
      gsize cost = size > 0 ? size : 4;

      if (*shown + cost + (gsize) (p - start) + MAX (size, 1) > room)
        break;
      *shown += cost;
      p += MAX (size, 1);
    }
  return (gsize) (p - start);
}

static guint8 *
put_escaped (guint8 *out, const char *text, gsize length)
{
  static const char digits[] = "0123456789abcdef";
  const guint8 *p = (const guint8 *) text;
  const guint8 *end = p + length;

  while (p < end)
    {
      gsize size = utf8_char_length (p, end);

      if (size == 0)
        {
          *out++ = '\\';
          *out++ = 'x';
          *out++ = (guint8) digits[*p >> 4];
          *out++ = (guint8) digits[*p & 15];
          p++;
        }
      for (; size > 0; size--)
        *out++ = *p++;
    }
  return out;
}

/* Puts the message, cut so that it leaves @after bytes free behind it; returns NULL to ask for a larger buffer. Sets
 * @used to how many of its bytes are there. */
static guint8 *
put_message (guint8 *out, const guint8 *end, gsize after, gboolean may_cut, MusterSlice message, gsize *used)
{
  gsize room = (gsize) (end - out);
  gsize shown;

  if (room < after + 8)
    return NULL;
  room -= after;
  if (G_LIKELY (muster_utf8_is_valid (message.data, message.length)))
    {
      *used = message.length;
      if (bytes_size (message.length) > room)
        {
          if (!may_cut)
            return NULL;
          *used = cut_at_character (message.data, message.length, room - 4);
        }
      return *used > 0 ? muster_wire_put_bytes (out, TAG_MESSAGE, message.data, *used) : out;
    }

  *used = fit_escaped (message.data, message.length, room - 8, &shown);
  if (*used < message.length && !may_cut)
    return NULL;
  *out++ = TAG_MESSAGE;
  out = muster_wire_put_varint (out, shown);
  out = put_escaped (out, message.data, *used);
  return muster_wire_put_bytes (out, TAG_RAW, message.data, *used);
}

/* The sizes of what follows the message, so that the message is cut and they are not. Returns at most @limit. */
static gsize
tail_size (const MusterRecordParts *parts, gsize limit)
{
  gsize size = RESERVED_FOR_MARKS + parts->defaults.length;

  for (gsize i = 0; i < parts->n_fields && size < limit; i++)
    size += bytes_size (field_body_size (&parts->fields[i], parts->fields[i].type));
  if (parts->payload.data != NULL)
    size += bytes_size (bytes_size (parts->payload_type.length) + bytes_size (parts->payload.length));
  return MIN (size, limit);
}

static guint8 *
put_payload (guint8 *out, const guint8 *end, const MusterRecordParts *parts)
{
  gsize size = bytes_size (parts->payload_type.length) + bytes_size (parts->payload.length);

  if (bytes_size (size) > (gsize) (end - out))
    return NULL;
  *out++ = TAG_PAYLOAD;
  out = muster_wire_put_varint (out, size);
  out = muster_wire_put_bytes (out, TAG_PAYLOAD_TYPE, parts->payload_type.data, parts->payload_type.length);
  return muster_wire_put_bytes (out, TAG_PAYLOAD_BODY, parts->payload.data, parts->payload.length);
}

/* Everything behind the message; what does not fit is counted in @dropped. */
static guint8 *
put_tail (guint8 *out, const guint8 *end, const MusterRecordParts *parts, guint *dropped)
{
  guint8 *after;

  if (parts->defaults.length > 0)
    {
      if (parts->defaults.length <= (gsize) (end - out))
        {
          memcpy (out, parts->defaults.data, parts->defaults.length);
          out += parts->defaults.length;
        }
      else
        (*dropped)++;
    }
  for (gsize i = 0; i < parts->n_fields; i++)
    {
      after = muster_encode_field (out, end, &parts->fields[i]);
      if (after == NULL)
        (*dropped)++;
      else
        out = after;
    }
  if (parts->payload.data != NULL)
    {
      after = put_payload (out, end, parts);
      if (after == NULL)
        (*dropped)++;
      else
        out = after;
    }
  return out;
}

/* Puts tag and length of the kind, and of the entry around it, before @body; returns where the entry starts. */
static inline guint8 *
put_prefix (guint8 *body, gsize length, MusterEntryKind kind)
{
  gsize inner = muster_wire_varint_size (length);
  gsize entry = 1 + inner + length;
  gsize outer = muster_wire_varint_size (entry);
  guint8 *start = body - (2 + inner + outer);

  start[0] = TAG_LOG_ENTRIES;
  muster_wire_put_varint (start + 1, entry);
  start[1 + outer] = MUSTER_WIRE_TAG (kind, MUSTER_WIRE_BYTES);
  muster_wire_put_varint (start + 2 + outer, length);
  return start;
}

const guint8 *
muster_encode_record (guint8 *buffer, gsize capacity, const MusterRecordParts *parts, gsize *length)
{
  gboolean full_size = capacity >= MUSTER_ENTRY_MAX;
  guint8 *end = buffer + MIN (capacity, (gsize) MUSTER_ENTRY_MAX);
  guint8 *body = buffer + MUSTER_ENCODER_PREFIX;
  guint8 *out = body;
  const guint8 *start;
  gsize tail = tail_size (parts, MUSTER_ENTRY_MAX / 2);
  gsize used = 0;
  guint dropped = 0;

  /* Level, time, domain and trace: at most 2 + 9 + 258 + 530 bytes. */
  if (capacity < 1024 + tail)
    return NULL;
  if (parts->level != MUSTER_LEVEL_NONE)
    {
      *out++ = TAG_LEVEL;
      *out++ = (guint8) parts->level;
    }
  *out++ = TAG_TIME;
  out = muster_wire_put_fixed64 (out, parts->time_ns);
  if (parts->domain.length > 0)
    out = muster_wire_put_bytes (out, TAG_DOMAIN, parts->domain.data, MIN (parts->domain.length, NAME_MAX_BYTES));
  out = put_trace (out, parts);

  out = put_message (out, end, tail, full_size, parts->message, &used);
  if (out == NULL)
    return NULL;
  out = put_tail (out, end - RESERVED_FOR_MARKS, parts, &dropped);
  if (dropped > 0 && !full_size)
    return NULL;
  if (G_UNLIKELY (used < parts->message.length || parts->truncated_from > 0))
    out = put_natural_mark (out, end, "truncated_from", MAX (parts->message.length, parts->truncated_from));
  if (G_UNLIKELY (dropped > 0))
    out = put_natural_mark (out, end, "fields_dropped", dropped);

  start = put_prefix (body, (gsize) (out - body), MUSTER_ENTRY_RECORD);
  *length = (gsize) (out - start);
  return start;
}

/* -- the other entries ---------------------------------------------------------------------------- */

static guint8 *
put_label (guint8 *out, guint32 number, MusterSlice label)
{
  label.length = cut_at_character (label.data, label.length, NAME_MAX_BYTES);
  if (label.length == 0 || !muster_utf8_is_valid (label.data, label.length))
    return out;
  return muster_wire_put_bytes (out, MUSTER_WIRE_TAG (number, MUSTER_WIRE_BYTES), label.data, label.length);
}

guint8 *
muster_encode_origin_at (guint8 *out, const MusterOrigin *origin)
{
  guint8 buffer[MUSTER_ENCODER_ORIGIN_MAX];
  guint8 *body = buffer + MUSTER_ENCODER_PREFIX;
  guint8 *end = body;
  const guint8 *start;

  end = muster_wire_put_bytes (end, MUSTER_WIRE_TAG (1, MUSTER_WIRE_BYTES), origin->stream, MUSTER_STREAM_ID_SIZE);
  *end++ = MUSTER_WIRE_TAG (2, MUSTER_WIRE_VARINT);
  end = muster_wire_put_varint (end, origin->first_seq);
  end = put_label (end, 3, origin->host);
  end = put_label (end, 4, origin->cluster);
  end = put_label (end, 5, origin->worker);
  if (origin->pid != 0)
    {
      *end++ = MUSTER_WIRE_TAG (6, MUSTER_WIRE_VARINT);
      end = muster_wire_put_varint (end, origin->pid);
    }
  start = put_prefix (body, (gsize) (end - body), MUSTER_ENTRY_ORIGIN);
  memcpy (out, start, (gsize) (end - start));
  return out + (end - start);
}

guint8 *
muster_encode_gap_at (guint8 *out, guint64 count, MusterGapReason reason)
{
  guint8 buffer[MUSTER_ENCODER_GAP_MAX];
  guint8 *body = buffer + MUSTER_ENCODER_PREFIX;
  guint8 *end = body;
  const guint8 *start;

  *end++ = MUSTER_WIRE_TAG (1, MUSTER_WIRE_VARINT);
  end = muster_wire_put_varint (end, count);
  if (reason != MUSTER_GAP_UNKNOWN)
    {
      *end++ = MUSTER_WIRE_TAG (2, MUSTER_WIRE_VARINT);
      *end++ = (guint8) reason;
    }
  start = put_prefix (body, (gsize) (end - body), MUSTER_ENTRY_GAP);
  memcpy (out, start, (gsize) (end - start));
  return out + (end - start);
}

void
muster_encode_origin (GByteArray *out, const MusterOrigin *origin)
{
  guint8 buffer[MUSTER_ENCODER_ORIGIN_MAX];

  g_byte_array_append (out, buffer, (guint) (muster_encode_origin_at (buffer, origin) - buffer));
}

void
muster_encode_gap (GByteArray *out, guint64 count, MusterGapReason reason)
{
  guint8 buffer[MUSTER_ENCODER_GAP_MAX];

  g_byte_array_append (out, buffer, (guint) (muster_encode_gap_at (buffer, count, reason) - buffer));
}

gboolean
muster_encode_entry (GByteArray *out, MusterEntryKind kind, const guint8 *body, gsize length)
{
  guint8 prefix[MUSTER_ENCODER_PREFIX];
  guint8 *end = prefix + sizeof prefix;
  const guint8 *start;

  if (length > MUSTER_ENTRY_MAX - MUSTER_ENCODER_PREFIX)
    return FALSE;
  start = put_prefix (end, length, kind);
  g_byte_array_append (out, start, (guint) (end - start));
  g_byte_array_append (out, body, (guint) length);
  return TRUE;
}
