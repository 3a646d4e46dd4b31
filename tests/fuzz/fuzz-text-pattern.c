/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The first line of the input is a pattern; what follows it (or all of it, where there is one line) is a message. Errors
 * must be said, lines must end, and what a terminal sees of a message must be harmless whatever the pattern is.
 */
#include "config.h"

#include "muster-format-text.h"
#include "muster-text-escape.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
put_message (const guint8 *data, gsize size, GByteArray *entry)
{
  guint8 prefix[] = { 0x08, 4, 0x11, 1, 2, 3, 4, 5, 6, 7, 8, 0x1a, 1, 'd', 0x32, 7, 0x0a, 1, 'k', 0x12, 2, '"', '=' };

  g_byte_array_append (entry, prefix, sizeof prefix);
  /* As raw bytes, for they need not be UTF-8: field 7, a length of three bytes. */
  g_byte_array_append (
      entry, (const guint8[]){ 0x3a, (guint8) (size | 0x80), (guint8) (size >> 7 | 0x80), (guint8) (size >> 14) }, 4);
  g_byte_array_append (entry, data, (guint) size);
}

static void
check_escapes (const guint8 *data, gsize size)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  MusterTextWriter writer;

  muster_text_writer_init (&writer, out);
  muster_text_escape (&writer, (const char *) data, size);
  muster_text_escape_quoted (&writer, (const char *) data, size);
  muster_text_writer_finish (&writer);
  g_assert_true (g_utf8_validate_len ((const char *) out->data, out->len, NULL));
  for (guint i = 0; i < out->len; i++)
    g_assert_true (out->data[i] >= 0x20 && out->data[i] != 0x7f);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  const guint8 *feed = size > 0 ? memchr (data, '\n', size) : NULL;
  g_autofree char *pattern = g_strndup ((const char *) data, feed != NULL ? (gsize) (feed - data) : size);
  g_autoptr (GError) error = NULL;
  g_autoptr (GByteArray) body = g_byte_array_new ();
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autoptr (MusterFormat) format = NULL;
  MusterEntry entry = { .kind = MUSTER_ENTRY_RECORD, .sequence = 5, .count = 1 };
  MusterOrigin origin = { .pid = 1, .host = { "h", 1 } };

  if (size > 60000)
    return 0;
  format = g_object_new (MUSTER_TYPE_FORMAT_TEXT, "pattern", pattern, "utc", TRUE, "theme",
                         size % 2 == 0 ? "none" : "bricks", "multiline", (MusterTextMultiline) (size / 2 % 2), NULL);
  if (feed != NULL)
    {
      size -= (gsize) (feed - data) + 1;
      data = feed + 1;
    }
  check_escapes (data, size);
  if (!muster_format_start (format, &error))
    {
      g_assert_nonnull (error);
      return 0;
    }
  put_message (data, size, body);
  entry.origin = &origin;
  entry.bytes = entry.body = body->data;
  entry.length = entry.body_length = body->len;
  g_assert_true (muster_format_format_entry (format, &entry, out, NULL));
  g_assert_true (out->len > 0 && out->data[out->len - 1] == '\n');
  return 0;
}
