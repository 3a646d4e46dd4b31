/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The protobuf wire format, as far as entries need it: varints, tags, and skipping what is unknown.
 * Source: protobuf.dev, "Encoding". Pure functions; any thread, signal handlers too.
 */
#pragma once

#include <glib.h>
#include <string.h>

#define MUSTER_WIRE_VARINT  0u
#define MUSTER_WIRE_FIXED64 1u
#define MUSTER_WIRE_BYTES   2u
#define MUSTER_WIRE_FIXED32 5u

#define MUSTER_WIRE_TAG(number, type) ((guint8) (((number) << 3) | (type)))

static inline gsize
muster_wire_varint_size (guint64 value)
{
  return (gsize) (((63 - __builtin_clzll (value | 1)) * 9 + 73) / 64);
}

static inline guint8 *
muster_wire_put_varint (guint8 *out, guint64 value)
{
  while (value >= 0x80)
    {
      *out++ = (guint8) (value | 0x80);
      value >>= 7;
    }
  *out++ = (guint8) value;
  return out;
}

/* Returns the byte after the varint, or NULL if it does not end before @end or has more than ten bytes. */
static inline const guint8 *
muster_wire_get_varint (const guint8 *in, const guint8 *end, guint64 *value)
{
  guint64 result = 0;

  if (G_LIKELY (in < end && *in < 0x80))
    {
      *value = *in;
      return in + 1;
    }
  for (guint shift = 0; shift < 70 && in < end; shift += 7)
    {
      guint8 byte = *in++;

      if (shift < 64)
        result |= (guint64) (byte & 0x7f) << shift;
      if (byte < 0x80)
        {
          *value = result;
          return in;
        }
    }
  return NULL;
}

static inline guint8 *
muster_wire_put_fixed64 (guint8 *out, guint64 value)
{
  value = GUINT64_TO_LE (value);
  memcpy (out, &value, sizeof value);
  return out + sizeof value;
}

static inline guint64
muster_wire_get_fixed64 (const guint8 *in)
{
  guint64 value;

  memcpy (&value, in, sizeof value);
  return GUINT64_FROM_LE (value);
}

static inline guint8 *
muster_wire_put_bytes (guint8 *out, guint8 tag, const void *data, gsize length)
{
  *out++ = tag;
  out = muster_wire_put_varint (out, length);
  if (length > 0)
    memcpy (out, data, length);
  return out + length;
}

/* One field of a message: number, type and value; for MUSTER_WIRE_BYTES the value is the length of @bytes. */
typedef struct
{
  guint32 number;
  guint32 type;
  guint64 value;
  const guint8 *bytes;
} MusterWireField;

/* Returns the byte after the field, or NULL if the bytes are not a field. Groups (types 3 and 4) are refused. */
static inline const guint8 *
muster_wire_get_field (const guint8 *in, const guint8 *end, MusterWireField *field)
{
  guint64 tag;

  in = muster_wire_get_varint (in, end, &tag);
  if (in == NULL || tag > G_MAXUINT32 || (tag >> 3) == 0)
    return NULL;
  field->bytes = NULL;
  field->number = (guint32) (tag >> 3);
  field->type = (guint32) (tag & 7);
  switch (field->type)
    {
    case MUSTER_WIRE_VARINT:
      return muster_wire_get_varint (in, end, &field->value);
    case MUSTER_WIRE_FIXED64:
      if (end - in < 8)
        return NULL;
      field->value = muster_wire_get_fixed64 (in);
      return in + 8;
    case MUSTER_WIRE_BYTES:
      in = muster_wire_get_varint (in, end, &field->value);
      if (in == NULL || field->value > (guint64) (end - in))
        return NULL;
      field->bytes = in;
      return in + field->value;
    case MUSTER_WIRE_FIXED32:
      if (end - in < 4)
        return NULL;
      field->value = (guint64) in[0] | (guint64) in[1] << 8 | (guint64) in[2] << 16 | (guint64) in[3] << 24;
      return in + 4;
    default:
      return NULL;
    }
}
