/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Making bytes safe to stand in a line. Clean ASCII, which is nearly all there is, is copied a word at a time while it
 * is looked at. Pure functions; any thread.
 */
#include "config.h"

#include "muster-text-escape.h"

#define ONES  G_GUINT64_CONSTANT (0x0101010101010101)
#define HIGHS G_GUINT64_CONSTANT (0x8080808080808080)

/* Has a high bit set if a byte of @word is below 0x20, a backslash, DEL, or not ASCII. Which one cannot be told from it
 * (borrows run upwards), only that there is one: Hacker's Delight, section 6-1. */
static inline guint64
find_dirty (guint64 word)
{
  guint64 backslash = word ^ (ONES * '\\');
  guint64 delete = word ^ (ONES * 0x7f);

  return ((word - ONES * 0x20) | (backslash - ONES) | (delete - ONES) | word) & HIGHS;
}

static inline gboolean
is_clean (guint8 byte)
{
  return byte >= 0x20 && byte < 0x7f && byte != '\\';
}

/* How many bytes the well-formed UTF-8 character at @in has that may stand as it is; 0 if there is none. The ranges are
 * those of The Unicode Standard, table 3-7. */
static guint
character_length (const guint8 *in, gsize left)
{
  guint8 lead = in[0];

  if (lead >= 0xc2 && lead <= 0xdf)
    return left >= 2 && (in[1] & 0xc0) == 0x80 && (lead != 0xc2 || in[1] >= 0xa0) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef)
    {
      guint8 low = lead == 0xe0 ? 0xa0 : 0x80;
      guint8 high = lead == 0xed ? 0x9f : 0xbf;

      if (left < 3 || in[1] < low || in[1] > high || (in[2] & 0xc0) != 0x80)
        return 0;
      return lead == 0xe2 && in[1] == 0x80 && (in[2] == 0xa8 || in[2] == 0xa9) ? 0 : 3;
    }
  if (lead >= 0xf0 && lead <= 0xf4)
    {
      guint8 low = lead == 0xf0 ? 0x90 : 0x80;
      guint8 high = lead == 0xf4 ? 0x8f : 0xbf;

      return left >= 4 && in[1] >= low && in[1] <= high && (in[2] & 0xc0) == 0x80 && (in[3] & 0xc0) == 0x80 ? 4 : 0;
    }
  return 0;
}

/* Room for four bytes must be there. */
static guint8 *
escape_byte (guint8 *out, guint8 byte)
{
  static const char digits[] = "0123456789abcdef";

  *out++ = '\\';
  switch (byte)
    {
    case '\n':
      *out++ = 'n';
      return out;
    case '\r':
      *out++ = 'r';
      return out;
    case '\t':
      *out++ = 't';
      return out;
    case '\\':
    case '"':
      *out++ = byte;
      return out;
    default:
      *out++ = 'x';
      *out++ = (guint8) digits[byte >> 4];
      *out++ = (guint8) digits[byte & 15];
      return out;
    }
}

/* Writes one character that is not clean ASCII; returns how many bytes of the input it took. */
static guint
put_character (MusterTextWriter *writer, const guint8 *in, gsize left)
{
  guint n = *in >= 0x80 ? character_length (in, left) : 0;

  if (n == 0)
    {
      writer->cursor = escape_byte (writer->cursor, *in);
      return 1;
    }
  for (guint i = 0; i < n; i++)
    *writer->cursor++ = in[i];
  return n;
}

void
muster_text_escape (MusterTextWriter *writer, const char *data, gsize length)
{
  const guint8 *in = (const guint8 *) data;
  const guint8 *end;

  if (length == 0)
    return;
  end = in + length;
  /* For the worst case, four bytes for each. */
  muster_text_writer_reserve (writer, 4 * length);
  while (in < end)
    {
      while (end - in >= 8)
        {
          guint64 word;

          memcpy (&word, in, sizeof word);
          memcpy (writer->cursor, &word, sizeof word);
          if (find_dirty (word) != 0)
            break;
          in += 8;
          writer->cursor += 8;
        }
      while (in < end && is_clean (*in))
        *writer->cursor++ = *in++;
      while (in < end && !is_clean (*in))
        in += put_character (writer, in, (gsize) (end - in));
    }
}

void
muster_text_escape_indented (MusterTextWriter *writer, const char *data, gsize length, guint indent)
{
  const char *end;

  if (length == 0)
    return;
  end = data[length - 1] == '\n' ? data + length - 1 : data + length;
  while (data < end)
    {
      const char *line = memchr (data, '\n', (gsize) (end - data));
      const char *stop = line != NULL ? line : end;

      muster_text_escape (writer, data, (gsize) (stop - data));
      if (line == NULL)
        break;
      muster_text_writer_reserve (writer, 1 + indent);
      *writer->cursor++ = '\n';
      memset (writer->cursor, ' ', indent);
      writer->cursor += indent;
      data = line + 1;
    }
}

static gboolean
needs_quotes (const char *data, gsize length)
{
  for (gsize i = 0; i < length; i++)
    {
      guint8 byte = (guint8) data[i];

      if (byte <= ' ' || byte == '"' || byte == '=' || byte == '\\' || byte == 0x7f)
        return TRUE;
    }
  return length == 0;
}

void
muster_text_escape_quoted (MusterTextWriter *writer, const char *data, gsize length)
{
  const char *quote;

  if (!needs_quotes (data, length))
    {
      muster_text_escape (writer, data, length);
      return;
    }
  muster_text_writer_put_byte (writer, '"');
  while (length > 0 && (quote = memchr (data, '"', length)) != NULL)
    {
      muster_text_escape (writer, data, (gsize) (quote - data));
      muster_text_writer_put (writer, "\\\"", 2);
      length -= (gsize) (quote - data) + 1;
      data = quote + 1;
    }
  muster_text_escape (writer, data, length);
  muster_text_writer_put_byte (writer, '"');
}
