/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * JSON lines, to the byte.
 */
#include "config.h"

#include "format-sample.h"
#include "muster-format-json.h"
#include "muster-json-fields.h"
#include "muster-wire-private.h"

#include <math.h>

#define ORIGIN                                                                                                         \
  "\"host\":\"host-1\",\"cluster\":\"shop\",\"worker\":\"web-1\",\"pid\":4711,\"stream\":\"" SAMPLE_HEX "\""
#define TIME "\"time\":\"2023-11-14T22:13:20.123456789Z\""

static void
assert_output (MusterFormat *format, GByteArray *log, const char *expected)
{
  g_autoptr (GByteArray) out = sample_run (format, log, TRUE);
  g_autofree char *text = g_strndup ((const char *) out->data, out->len);

  g_assert_cmpstr (text, ==, expected);
  g_assert_cmpuint (out->len, ==, strlen (expected));
}

static void
assert_json (GByteArray *log, const char *expected)
{
  g_autoptr (MusterFormat) format = sample_format (MUSTER_TYPE_FORMAT_JSON, NULL, NULL);

  assert_output (format, log, expected);
}

static void
test_full (void)
{
  static const guint8 data[] = { 0x00, 0xab, 0xff };
  const MusterField fields[] = {
    MUSTER_TEXT ("text", "a \"b\"\n"), MUSTER_INTEGER ("i", G_MININT64),    MUSTER_NATURAL ("n", G_MAXUINT64),
    MUSTER_NUMBER ("x", 0.25),         MUSTER_FLAG ("yes", TRUE),           MUSTER_FLAG ("no", FALSE),
    MUSTER_DATA ("d", data, 3),        MUSTER_NUMBER ("nan", (double) NAN), MUSTER_NUMBER ("inf", HUGE_VAL),
    MUSTER_NUMBER ("ninf", -HUGE_VAL),
  };
  MusterRecordParts parts = { .level = MUSTER_LEVEL_WARNING, .time_ns = SAMPLE_TIME };
  g_autoptr (GByteArray) log = sample_log_new ();

  parts.domain = muster_slice_from_string ("http");
  parts.message = muster_slice_from_string ("hello\t\"you\" \x1b");
  parts.file = "server.c";
  parts.function = "answer";
  parts.line = 217;
  parts.fields = fields;
  parts.n_fields = G_N_ELEMENTS (fields);
  parts.payload_type = muster_slice_from_string ("example.org/shop.Order");
  parts.payload = (MusterSlice){ "\x08\x01", 2 };
  sample_add_record (log, &parts);
  assert_json (log, "{" TIME ",\"level\":\"warning\"," ORIGIN ",\"seq\":41,\"domain\":\"http\","
                    "\"message\":\"hello\\t\\\"you\\\" \\u001b\",\"file\":\"server.c\",\"line\":217,"
                    "\"function\":\"answer\","
                    "\"payload\":{\"type_url\":\"example.org/shop.Order\",\"value\":\"CAE=\"},"
                    "\"fields\":{\"text\":\"a \\\"b\\\"\\n\",\"i\":-9223372036854775808,\"n\":18446744073709551615,"
                    "\"x\":0.25,\"yes\":true,\"no\":false,\"d\":{\"$data\":\"AKv/\"},\"nan\":\"NaN\","
                    "\"inf\":\"Infinity\",\"ninf\":\"-Infinity\"}}\n");
}

static void
test_absent (void)
{
  MusterRecordParts parts = { .level = MUSTER_LEVEL_NONE };
  g_autoptr (GByteArray) log = g_byte_array_new ();
  g_autoptr (MusterFormat) format = sample_format (MUSTER_TYPE_FORMAT_JSON, NULL, NULL);
  g_autoptr (GByteArray) out = g_byte_array_new ();
  MusterOrigin origin = { .first_seq = 7 };
  MusterEntryIter iter;
  MusterEntry entry;

  memcpy (origin.stream, SAMPLE_STREAM, sizeof origin.stream);
  muster_encode_origin (log, &origin);
  sample_add_record (log, &parts);
  parts.payload = (MusterSlice){ "x", 1 };
  sample_add_record (log, &parts);
  assert_json (log, "{\"stream\":\"" SAMPLE_HEX "\",\"seq\":7,\"message\":\"\"}\n"
                    "{\"stream\":\"" SAMPLE_HEX "\",\"seq\":8,\"payload\":{\"type_url\":\"\",\"value\":\"eA==\"}}\n");

  muster_entry_iter_init (&iter, log->data, log->len);
  g_assert_true (muster_entry_iter_next (&iter, &entry));
  g_assert_true (muster_entry_iter_next (&iter, &entry));
  entry.origin = NULL;
  entry.sequence = 0;
  g_assert_true (muster_format_format_entry (format, &entry, out, NULL));
  g_assert_cmpmem (out->data, out->len, "{\"message\":\"\"}\n", 15);
}

static void
test_raw (void)
{
  g_autoptr (GByteArray) log = sample_log_new ();
  g_autoptr (GByteArray) out = NULL;
  g_autoptr (MusterFormat) format = sample_format (MUSTER_TYPE_FORMAT_JSON, NULL, NULL);

  sample_add_message (log, "caf\xe9", 4);
  out = sample_run (format, log, TRUE);
  g_assert_true (g_utf8_validate_len ((const char *) out->data, out->len, NULL));
  g_assert_nonnull (g_strstr_len ((const char *) out->data, out->len, "\"raw\":\"Y2Fm6Q==\"}\n"));
}

static void
test_time (void)
{
  g_autoptr (MusterFormat) unix_ns = sample_format (MUSTER_TYPE_FORMAT_JSON, "time", MUSTER_JSON_TIME_UNIX_NS, NULL);
  g_autoptr (MusterFormat) rfc3339 = sample_format (MUSTER_TYPE_FORMAT_JSON, NULL, NULL);
  g_autoptr (GByteArray) log = g_byte_array_new ();
  static const guint64 times[] = { 1, SAMPLE_TIME, SAMPLE_TIME + 1, G_MAXUINT64, 999999999 };
  g_autoptr (GString) as_text = g_string_new (NULL);
  g_autoptr (GString) as_number = g_string_new (NULL);
  static const char *const texts[] = { "1970-01-01T00:00:00.000000001Z", "2023-11-14T22:13:20.123456789Z",
                                       "2023-11-14T22:13:20.123456790Z", "2554-07-21T23:34:33.709551615Z",
                                       "1970-01-01T00:00:00.999999999Z" };
  MusterOrigin origin = { .first_seq = 1 };

  memcpy (origin.stream, SAMPLE_STREAM, sizeof origin.stream);
  muster_encode_origin (log, &origin);
  for (gsize i = 0; i < G_N_ELEMENTS (times); i++)
    {
      MusterRecordParts parts = { .level = MUSTER_LEVEL_INFO, .time_ns = times[i] };

      sample_add_record (log, &parts);
      g_string_append_printf (as_text,
                              "{\"time\":\"%s\",\"level\":\"info\",\"stream\":\"" SAMPLE_HEX
                              "\",\"seq\":%" G_GSIZE_FORMAT ",\"message\":\"\"}\n",
                              texts[i], i + 1);
      g_string_append_printf (as_number,
                              "{\"time\":%" G_GUINT64_FORMAT ",\"level\":\"info\",\"stream\":\"" SAMPLE_HEX
                              "\",\"seq\":%" G_GSIZE_FORMAT ",\"message\":\"\"}\n",
                              times[i], i + 1);
    }
  assert_output (rfc3339, log, as_text->str);
  assert_output (unix_ns, log, as_number->str);
}

static void
test_gaps (void)
{
  g_autoptr (GByteArray) log = sample_log_new ();

  muster_encode_gap (log, 5, MUSTER_GAP_JOURNAL_FULL);
  muster_encode_gap (log, 9, MUSTER_GAP_FILTERED);
  sample_add_message (log, "hello", 5);
  assert_json (log, "{\"gap\":{\"count\":5,\"reason\":\"journal-full\"}," ORIGIN ",\"seq\":41}\n"
                    "{" TIME ",\"level\":\"info\"," ORIGIN ",\"seq\":55,\"domain\":\"http\",\"message\":\"hello\"}\n");
}

static void
test_other_kinds (void)
{
  static const guint8 unknown[] = { 0x0a, 0x04, 0x7a, 0x02, 0x08, 0x01 };
  static const guint8 broken[] = { 0x0a, 0x04, 0x12, 0x02, 0x22, 0x7f };
  g_autoptr (GByteArray) log = sample_log_new ();

  g_assert_true (muster_encode_entry (log, MUSTER_ENTRY_SNAPSHOT, (const guint8 *) "", 0));
  g_byte_array_append (log, unknown, sizeof unknown);
  g_byte_array_append (log, broken, sizeof broken);
  assert_json (log, "{\"gap\":{\"count\":1,\"reason\":\"corrupt\"}," ORIGIN ",\"seq\":43}\n");
}

static void
test_origins (void)
{
  g_autoptr (GByteArray) log = sample_log_new ();
  MusterOrigin origin = { .first_seq = 42, .pid = 9 };

  memcpy (origin.stream, SAMPLE_STREAM, sizeof origin.stream);
  sample_add_message (log, "one", 3);
  muster_encode_origin (log, &origin);
  sample_add_message (log, "two", 3);
  assert_json (log, "{" TIME ",\"level\":\"info\"," ORIGIN ",\"seq\":41,\"domain\":\"http\",\"message\":\"one\"}\n"
                    "{" TIME ",\"level\":\"info\",\"pid\":9,\"stream\":\"" SAMPLE_HEX
                    "\",\"seq\":42,\"domain\":\"http\",\"message\":\"two\"}\n");
}

static void
assert_fields (const MusterField *list, gsize n, const char *expected)
{
  g_autoptr (MusterJsonFields) fields = muster_json_fields_new ();
  g_autoptr (GByteArray) log = sample_log_new ();
  g_autoptr (GByteArray) out = g_byte_array_new ();
  MusterRecordParts parts = { .level = MUSTER_LEVEL_INFO, .fields = list, .n_fields = n };
  MusterEntryIter iter;
  MusterEntry entry;
  MusterRecordView record;
  g_autofree char *text = NULL;

  sample_add_record (log, &parts);
  muster_entry_iter_init (&iter, log->data, log->len);
  g_assert_true (muster_entry_iter_next (&iter, &entry));
  g_assert_true (muster_entry_iter_next (&iter, &entry));
  g_assert_true (muster_entry_get_record (&entry, &record));
  muster_json_fields_append (fields, &record, out);
  g_byte_array_set_size (out, 0);
  muster_json_fields_append (fields, &record, out);
  text = g_strndup ((const char *) out->data, out->len);
  g_assert_cmpstr (text, ==, expected);
}

/* Of several with one key the last is written, and where the last was. */
static void
test_duplicates (void)
{
  const MusterField few[] = { MUSTER_INTEGER ("a", 1),  MUSTER_INTEGER ("b", 2), MUSTER_INTEGER ("a", 3),
                              MUSTER_INTEGER ("ab", 4), MUSTER_INTEGER ("a", 5), MUSTER_INTEGER ("", 6) };

  assert_fields (few, G_N_ELEMENTS (few), "{\"b\":2,\"ab\":4,\"a\":5,\"\":6}");
}

static void
test_many_duplicates (void)
{
  MusterField many[60];
  g_autoptr (GString) expected = g_string_new ("{");

  for (guint i = 0; i < 60; i++)
    {
      static const char keys[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN";

      many[i] = MUSTER_INTEGER ("", i);
      many[i].key = (MusterSlice){ keys + i % 40, 1 };
      if (i >= 20)
        g_string_append_printf (expected, "%s\"%c\":%u", i > 20 ? "," : "", keys[i % 40], i);
    }
  g_string_append (expected, "}");
  assert_fields (many, 60, expected->str);
}

/* Foreign bytes: two keys that are not UTF-8 must not become one key twice; a value of no known type is null. */
static void
test_foreign_fields (void)
{
  static const guint8 fields[] = { 0x32, 0x05, 0x0a, 0x01, 0xff, 0x18, 0x02, 0x32, 0x05, 0x0a,
                                   0x01, 0xfe, 0x18, 0x04, 0x32, 0x03, 0x0a, 0x01, 'k' };
  g_autoptr (GByteArray) log = sample_log_new ();
  g_autoptr (MusterFormat) format = sample_format (MUSTER_TYPE_FORMAT_JSON, NULL, NULL);

  g_assert_true (muster_encode_entry (log, MUSTER_ENTRY_RECORD, fields, sizeof fields));
  assert_output (format, log, "{" ORIGIN ",\"seq\":41,\"message\":\"\",\"fields\":{\"\xef\xbf\xbd\":2,\"k\":null}}\n");
}

static void
test_properties (void)
{
  g_autoptr (MusterFormat) format =
      sample_format (MUSTER_TYPE_FORMAT_JSON, "time", MUSTER_JSON_TIME_UNIX_NS, "dataset", FALSE, NULL);
  MusterJsonTime time;
  gboolean dataset;

  g_object_get (format, "time", &time, "dataset", &dataset, NULL);
  g_assert_cmpint (time, ==, MUSTER_JSON_TIME_UNIX_NS);
  g_assert_false (dataset);
  g_assert_cmpstr (muster_format_get_extension (format), ==, "jsonl");
  g_assert_cmpstr (muster_format_get_content_type (format), ==, "application/x-ndjson");
  g_assert_false (muster_format_get_keeps_gaps (format));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/format-json/full", test_full);
  g_test_add_func ("/format-json/absent", test_absent);
  g_test_add_func ("/format-json/raw", test_raw);
  g_test_add_func ("/format-json/time", test_time);
  g_test_add_func ("/format-json/gaps", test_gaps);
  g_test_add_func ("/format-json/other-kinds", test_other_kinds);
  g_test_add_func ("/format-json/origins", test_origins);
  g_test_add_func ("/format-json/duplicates", test_duplicates);
  g_test_add_func ("/format-json/many-duplicates", test_many_duplicates);
  g_test_add_func ("/format-json/foreign-fields", test_foreign_fields);
  g_test_add_func ("/format-json/properties", test_properties);
  return g_test_run ();
}
