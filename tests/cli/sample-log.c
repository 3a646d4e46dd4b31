/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Logs for tests.
 */
#include "config.h"

#include <string.h>

#include "sample-log.h"

void
sample_add_origin (GByteArray *log, guint n, const char *worker, guint64 first_seq)
{
  MusterOrigin origin = { .first_seq = first_seq, .pid = 1000 + n };

  memset (origin.stream, (int) n, sizeof origin.stream);
  origin.host = muster_slice_from_string ("alpha");
  origin.cluster = muster_slice_from_string ("shop");
  origin.worker = muster_slice_from_string (worker);
  muster_encode_origin (log, &origin);
}

void
sample_add_parts (GByteArray *log, const MusterRecordParts *parts)
{
  g_autofree guint8 *buffer = g_malloc (MUSTER_ENTRY_MAX);
  gsize length;
  const guint8 *start = muster_encode_record (buffer, MUSTER_ENTRY_MAX, parts, &length);

  g_byte_array_append (log, start, (guint) length);
}

void
sample_add_record (GByteArray *log, MusterLevel level, guint64 time_ns, const char *domain, const char *message)
{
  MusterRecordParts parts = { .level = level, .time_ns = time_ns };

  parts.domain = muster_slice_from_string (domain);
  parts.message = muster_slice_from_string (message);
  sample_add_parts (log, &parts);
}

void
sample_add_records (GByteArray *log, guint64 first_seq, guint count)
{
  for (guint64 i = first_seq; i < first_seq + count; i++)
    {
      g_autofree char *message = g_strdup_printf ("record %" G_GUINT64_FORMAT, i);

      sample_add_record (log, MUSTER_LEVEL_INFO, SAMPLE_TIME + i * 1000000000, "test", message);
    }
}

static void
add_event (GByteArray *log, const char *message, const MusterField *fields, gsize n_fields)
{
  MusterRecordParts parts = { .level = MUSTER_LEVEL_NOTICE, .time_ns = SAMPLE_TIME };

  parts.domain = muster_slice_from_string ("muster");
  parts.message = muster_slice_from_string (message);
  parts.fields = fields;
  parts.n_fields = n_fields;
  sample_add_parts (log, &parts);
}

void
sample_add_exit (GByteArray *log)
{
  const MusterField fields[] = { MUSTER_NATURAL ("pid", 1), MUSTER_TEXT ("event", "exit"),
                                 MUSTER_INTEGER ("status", 0) };

  add_event (log, "ended with status 0", fields, G_N_ELEMENTS (fields));
}

void
sample_add_started (GByteArray *log, guint n, const char *worker, guint pid)
{
  g_autoptr (GString) stream = g_string_new (NULL);
  MusterField fields[4] = { MUSTER_TEXT ("worker", worker), MUSTER_NATURAL ("pid", pid), MUSTER_TEXT ("group", "web") };

  for (guint i = 0; i < MUSTER_STREAM_ID_SIZE; i++)
    g_string_append_printf (stream, "%02x", n);
  fields[3] = MUSTER_TEXT ("stream", stream->str);
  add_event (log, "started", fields, G_N_ELEMENTS (fields));
}

void
sample_add_stop (GByteArray *log)
{
  const MusterField fields[] = { MUSTER_TEXT ("event", "primary-stop") };

  add_event (log, "the primary stopped", fields, G_N_ELEMENTS (fields));
}

void
sample_add_unknown (GByteArray *log)
{
  static const guint8 bytes[] = { 0x0a, 0x04, 0x7a, 0x02, 'h', 'i' }; /* member 15 of Entry */

  g_byte_array_append (log, bytes, sizeof bytes);
}
