/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The writer's slower halves: growing, and numbers.
 */
#include "config.h"

#include "muster-text-writer.h"

/* Makes room for @more bytes after the first @used. */
void
muster_text_writer_grow (MusterTextWriter *writer, gsize used, gsize more)
{
  gsize room = MAX (more, 1024) + MUSTER_TEXT_SLACK;

  g_byte_array_set_size (writer->array, (guint) (used + room));
  writer->cursor = writer->array->data + used;
  writer->limit = writer->array->data + writer->array->len - MUSTER_TEXT_SLACK;
}

void
muster_text_writer_put_uint (MusterTextWriter *writer, guint64 value)
{
  guint8 digits[20];
  guint n = sizeof digits;

  do
    digits[--n] = (guint8) ('0' + value % 10);
  while ((value /= 10) > 0);
  muster_text_writer_put (writer, digits + n, sizeof digits - n);
}

void
muster_text_writer_put_int (MusterTextWriter *writer, gint64 value)
{
  if (value < 0)
    muster_text_writer_put_byte (writer, '-');
  muster_text_writer_put_uint (writer, value < 0 ? 0 - (guint64) value : (guint64) value);
}

void
muster_text_writer_put_hex (MusterTextWriter *writer, const void *data, gsize length)
{
  static const char digits[] = "0123456789abcdef";
  const guint8 *bytes = data;

  muster_text_writer_reserve (writer, 2 * length);
  for (gsize i = 0; i < length; i++)
    {
      *writer->cursor++ = (guint8) digits[bytes[i] >> 4];
      *writer->cursor++ = (guint8) digits[bytes[i] & 15];
    }
}
