/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The log handed on, and users' messages taken out of it; read by protobuf-c.
 */
#include "config.h"

#include "format-sample.h"
#include "muster-format-protobuf.h"
#include "muster.pb-c.h"

static void
test_log (void)
{
  g_autoptr (MusterFormat) format = sample_format (MUSTER_TYPE_FORMAT_PROTOBUF, NULL, NULL);
  g_autoptr (GByteArray) log = sample_log_new ();
  g_autoptr (GByteArray) out = NULL;

  sample_add_message (log, "hello", 5);
  muster_encode_gap (log, 3, MUSTER_GAP_FILTERED);
  g_assert_true (muster_encode_entry (log, MUSTER_ENTRY_SNAPSHOT, (const guint8 *) "", 0));
  out = sample_run (format, log, FALSE);
  g_assert_cmpmem (out->data, out->len, log->data, log->len);
  g_assert_cmpstr (muster_format_get_extension (format), ==, "pb");
  g_assert_cmpstr (muster_format_get_content_type (format), ==, "application/x-protobuf");
  g_assert_true (muster_format_get_keeps_gaps (format));
}

/* One by one, each entry brings its origin, so that what is written anywhere stands alone. */
static void
test_entries (void)
{
  g_autoptr (MusterFormat) format = sample_format (MUSTER_TYPE_FORMAT_PROTOBUF, NULL, NULL);
  g_autoptr (GByteArray) log = sample_log_new ();
  g_autoptr (GByteArray) out = g_byte_array_new ();
  MusterEntryIter iter;
  MusterEntry entry;
  Muster__V1__Log *parsed;

  sample_add_message (log, "one", 3);
  sample_add_message (log, "two", 3);
  muster_entry_iter_init (&iter, log->data, log->len);
  while (muster_entry_iter_next (&iter, &entry))
    if (entry.kind == MUSTER_ENTRY_RECORD)
      g_assert_true (muster_format_format_entry (format, &entry, out, NULL));

  parsed = muster__v1__log__unpack (NULL, out->len, out->data);
  g_assert_nonnull (parsed);
  g_assert_cmpuint (parsed->n_entries, ==, 4);
  g_assert_cmpint (parsed->entries[2]->kind_case, ==, MUSTER__V1__ENTRY__KIND_ORIGIN);
  g_assert_cmpmem (parsed->entries[2]->origin->stream.data, parsed->entries[2]->origin->stream.len, SAMPLE_STREAM, 16);
  g_assert_cmpuint (parsed->entries[0]->origin->first_seq, ==, 41);
  g_assert_cmpuint (parsed->entries[2]->origin->first_seq, ==, 42);
  g_assert_cmpstr (parsed->entries[2]->origin->host, ==, "host-1");
  g_assert_cmpstr (parsed->entries[2]->origin->cluster, ==, "shop");
  g_assert_cmpstr (parsed->entries[2]->origin->worker, ==, "web-1");
  g_assert_cmpuint (parsed->entries[2]->origin->pid, ==, 4711);
  g_assert_cmpstr (parsed->entries[3]->record->message, ==, "two");
  muster__v1__log__free_unpacked (parsed, NULL);
}

static void
test_payload (void)
{
  g_autoptr (MusterFormat) format =
      sample_format (MUSTER_TYPE_FORMAT_PROTOBUF, "content", MUSTER_PROTOBUF_CONTENT_PAYLOAD, NULL);
  g_autoptr (GByteArray) log = sample_log_new ();
  g_autoptr (GByteArray) out = NULL;
  g_autoptr (GByteArray) expected = g_byte_array_new ();
  g_autofree char *long_payload = g_strnfill (300, 'x');
  MusterRecordParts parts = { .level = MUSTER_LEVEL_INFO };
  MusterProtobufContent content;

  sample_add_message (log, "no payload", 10);
  parts.payload_type = muster_slice_from_string ("example.org/shop.Order");
  parts.payload = (MusterSlice){ "\x08\x01", 2 };
  sample_add_record (log, &parts);
  parts.payload = (MusterSlice){ "", 0 };
  sample_add_record (log, &parts);
  muster_encode_gap (log, 3, MUSTER_GAP_JOURNAL_FULL);
  parts.payload = (MusterSlice){ long_payload, 300 };
  sample_add_record (log, &parts);

  g_byte_array_append (expected, (const guint8 *) "\x02\x08\x01\x00\xac\x02", 6);
  g_byte_array_append (expected, (const guint8 *) long_payload, 300);
  out = sample_run (format, log, TRUE);
  g_assert_cmpmem (out->data, out->len, expected->data, expected->len);
  g_object_get (format, "content", &content, NULL);
  g_assert_cmpint (content, ==, MUSTER_PROTOBUF_CONTENT_PAYLOAD);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/format-protobuf/log", test_log);
  g_test_add_func ("/format-protobuf/entries", test_entries);
  g_test_add_func ("/format-protobuf/payload", test_payload);
  return g_test_run ();
}
