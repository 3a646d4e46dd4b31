/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Logs for tests of formats.
 */
#include "config.h"

#include "format-sample.h"

GByteArray *
sample_log_new (void)
{
  GByteArray *log = g_byte_array_new ();
  MusterOrigin origin = { .first_seq = 41, .pid = 4711 };

  memcpy (origin.stream, SAMPLE_STREAM, sizeof origin.stream);
  origin.host = muster_slice_from_string ("host-1");
  origin.cluster = muster_slice_from_string ("shop");
  origin.worker = muster_slice_from_string ("web-1");
  muster_encode_origin (log, &origin);
  return log;
}

static MusterSlice
not_null (MusterSlice slice)
{
  return slice.data != NULL ? slice : (MusterSlice){ "", 0 };
}

void
sample_add_record (GByteArray *log, const MusterRecordParts *parts)
{
  static guint8 buffer[MUSTER_ENTRY_MAX];
  MusterRecordParts full = *parts;
  const guint8 *entry;
  gsize length;

  full.domain = not_null (parts->domain);
  full.message = not_null (parts->message);
  full.payload_type = not_null (parts->payload_type);
  full.defaults = not_null (parts->defaults);
  entry = muster_encode_record (buffer, sizeof buffer, &full, &length);

  g_assert_nonnull (entry);
  g_byte_array_append (log, entry, (guint) length);
}

void
sample_add_message (GByteArray *log, const char *message, gsize length)
{
  MusterRecordParts parts = { .level = MUSTER_LEVEL_INFO, .time_ns = SAMPLE_TIME };

  parts.domain = muster_slice_from_string ("http");
  parts.message = (MusterSlice){ message, length };
  sample_add_record (log, &parts);
}

MusterFormat *
sample_format (GType type, const char *first_property, ...)
{
  g_autoptr (GError) error = NULL;
  MusterFormat *format;
  va_list arguments;

  va_start (arguments, first_property);
  format = MUSTER_FORMAT (g_object_new_valist (type, first_property, arguments));
  va_end (arguments);
  muster_format_start (format, &error);
  g_assert_no_error (error);
  return format;
}

static GByteArray *
run_by_entry (MusterFormat *format, GByteArray *log)
{
  GByteArray *out = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  MusterEntryIter iter;
  MusterEntry entry;

  muster_entry_iter_init (&iter, log->data, log->len);
  while (muster_entry_iter_next (&iter, &entry))
    if (entry.kind != MUSTER_ENTRY_ORIGIN)
      {
        muster_format_format_entry (format, &entry, out, &error);
        g_assert_no_error (error);
      }
  return out;
}

GByteArray *
sample_run (MusterFormat *format, GByteArray *log, gboolean is_alike)
{
  GByteArray *out = g_byte_array_new ();
  g_autoptr (GBytes) bytes = g_bytes_new (log->data, log->len);
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterBatch) batch = muster_batch_new (bytes, &error);

  g_assert_no_error (error);
  g_byte_array_append (out, (const guint8 *) "before", 6); /* what is there already stays */
  muster_format_format_batch (format, batch, out, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (out->data, 6, "before", 6);
  g_byte_array_remove_range (out, 0, 6);
  if (is_alike)
    {
      g_autoptr (GByteArray) by_entry = run_by_entry (format, log);

      g_assert_cmpmem (out->data, out->len, by_entry->data, by_entry->len);
    }
  return out;
}

GByteArray *
sample_unescape (const char *text, gsize length)
{
  static const char from[] = "nrt\\\"";
  static const char to[] = "\n\r\t\\\"";
  g_autoptr (GByteArray) out = g_byte_array_new ();

  for (gsize i = 0; i < length; i++)
    {
      const char *at;
      guint8 byte = (guint8) text[i];

      if (byte == '\\')
        {
          if (++i == length)
            return NULL;
          if (text[i] == 'x')
            {
              if (i + 2 >= length || !g_ascii_isxdigit (text[i + 1]) || !g_ascii_isxdigit (text[i + 2]))
                return NULL;
              byte = (guint8) (g_ascii_xdigit_value (text[i + 1]) << 4 | g_ascii_xdigit_value (text[i + 2]));
              i += 2;
            }
          else if (text[i] != '\0' && (at = strchr (from, text[i])) != NULL)
            byte = (guint8) to[at - from];
          else
            return NULL;
        }
      g_byte_array_append (out, &byte, 1);
    }
  return g_steal_pointer (&out);
}
