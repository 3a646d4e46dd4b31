/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Writing into the spare room of a byte array through a pointer, so that a piece of a line costs a comparison and a
 * copy, not a call. The array's length is only right after finish (); whoever appends to the array itself calls finish ()
 * before and init () after. On the stack; one thread.
 */
#pragma once

#include <glib.h>
#include <string.h>

/* Bytes that may be stored beyond what was reserved: short copies are done in whole words. */
#define MUSTER_TEXT_SLACK 16

typedef struct
{
  GByteArray *array; /* borrowed */
  guint8 *cursor;
  guint8 *limit; /* MUSTER_TEXT_SLACK before the end of the room */
} MusterTextWriter;

static inline void
muster_text_writer_finish (MusterTextWriter *writer)
{
  g_byte_array_set_size (writer->array, (guint) (writer->cursor - writer->array->data));
}

void muster_text_writer_grow (MusterTextWriter *writer, gsize used, gsize more);

static inline void
muster_text_writer_init (MusterTextWriter *writer, GByteArray *array)
{
  writer->array = array;
  muster_text_writer_grow (writer, array->len, 1024);
}

static inline void
muster_text_writer_reserve (MusterTextWriter *writer, gsize length)
{
  if (G_UNLIKELY ((gsize) (writer->limit - writer->cursor) < length))
    muster_text_writer_grow (writer, (gsize) (writer->cursor - writer->array->data), length);
}

/* Room must have been reserved; @data must be readable up to 16 bytes, as the caches' texts are. */
static inline void
muster_text_writer_copy_padded (MusterTextWriter *writer, const char *data, gsize length)
{
  if (G_LIKELY (length <= 16))
    memcpy (writer->cursor, data, 16);
  else
    memcpy (writer->cursor, data, length);
  writer->cursor += length;
}

static inline void
muster_text_writer_put_padded (MusterTextWriter *writer, const char *data, gsize length)
{
  muster_text_writer_reserve (writer, length);
  muster_text_writer_copy_padded (writer, data, length);
}

static inline void
muster_text_writer_put (MusterTextWriter *writer, const void *data, gsize length)
{
  muster_text_writer_reserve (writer, length);
  if (length > 0)
    memcpy (writer->cursor, data, length);
  writer->cursor += length;
}

static inline void
muster_text_writer_put_byte (MusterTextWriter *writer, char byte)
{
  muster_text_writer_reserve (writer, 1);
  *writer->cursor++ = (guint8) byte;
}

void muster_text_writer_put_uint (MusterTextWriter *writer, guint64 value);
void muster_text_writer_put_int (MusterTextWriter *writer, gint64 value);
void muster_text_writer_put_hex (MusterTextWriter *writer, const void *data, gsize length);
