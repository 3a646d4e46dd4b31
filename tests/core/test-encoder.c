/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The hand-written encoder against protobuf-c's reader and our own: random records, every size, bytes that are no text.
 */
#include "config.h"

#include "muster-encoder-private.h"
#include "muster.pb-c.h"

static guint8 small[4096], large[MUSTER_ENTRY_MAX];

static const guint8 *
encode (const MusterRecordParts *parts, gsize *length)
{
  const guint8 *start = muster_encode_record (small, sizeof small, parts, length);

  return start != NULL ? start : muster_encode_record (large, sizeof large, parts, length);
}

/* Encodes, lets both readers read, and returns protobuf-c's view (to be freed by its Log). */
static Muster__V1__Log *
round_trip (const MusterRecordParts *parts, MusterRecordView *view)
{
  gsize length;
  const guint8 *start = encode (parts, &length);
  MusterEntryIter iter;
  MusterEntry entry;
  Muster__V1__Log *log;

  g_assert_nonnull (start);
  g_assert_cmpuint (length, <=, MUSTER_ENTRY_MAX);
  muster_entry_iter_init (&iter, start, length);
  g_assert_true (muster_entry_iter_next (&iter, &entry));
  g_assert_true (muster_entry_get_record (&entry, view));
  g_assert_cmpint (muster_entry_peek_level (&entry), ==, parts->level);
  g_assert_false (muster_entry_iter_next (&iter, &entry));
  g_assert_false (muster_entry_iter_get_error (&iter, NULL));

  log = muster__v1__log__unpack (NULL, length, start);
  g_assert_nonnull (log);
  g_assert_cmpuint (log->n_entries, ==, 1);
  g_assert_cmpint (log->entries[0]->kind_case, ==, MUSTER__V1__ENTRY__KIND_RECORD);
  g_assert_true (muster_utf8_is_valid (log->entries[0]->record->message, strlen (log->entries[0]->record->message)));
  return log;
}

static guint64
natural_field (const Muster__V1__Record *record, const char *key)
{
  for (gsize i = 0; i < record->n_fields; i++)
    if (g_str_equal (record->fields[i]->key, key))
      return record->fields[i]->natural;
  return 0;
}

static void
test_everything (void)
{
  const MusterField fields[] = {
    MUSTER_TEXT ("user", "jörg"),
    MUSTER_INTEGER ("low", G_MININT64),
    MUSTER_NATURAL ("high", G_MAXUINT64),
    MUSTER_NUMBER ("ratio", -0.1),
    MUSTER_FLAG ("ok", TRUE),
    MUSTER_DATA ("blob", "\0\xff", 2),
    MUSTER_TEXT ("not-utf8", "a\xff"
                             "b"),
  };
  MusterRecordParts parts = {
    .level = MUSTER_LEVEL_NOTICE,
    .time_ns = 1700000000123456789u,
    .domain = muster_slice_from_string ("http"),
    .message = muster_slice_from_string ("hällo"),
    .file = "main.c",
    .function = "main",
    .line = 1234567,
    .fields = fields,
    .n_fields = G_N_ELEMENTS (fields),
    .payload_type = muster_slice_from_string ("t/x"),
    .payload = { "\0\1", 2 },
  };
  MusterRecordView view;
  Muster__V1__Log *log = round_trip (&parts, &view);
  const Muster__V1__Record *record = log->entries[0]->record;

  g_assert_cmpuint (record->time, ==, parts.time_ns);
  g_assert_cmpstr (record->domain, ==, "http");
  g_assert_cmpstr (record->message, ==, "hällo");
  g_assert_cmpstr (record->trace->file, ==, "main.c");
  g_assert_cmpstr (record->trace->function, ==, "main");
  g_assert_cmpuint (record->trace->line, ==, 1234567);
  g_assert_cmpuint (record->n_fields, ==, 7);
  g_assert_cmpstr (record->fields[0]->text, ==, "jörg");
  g_assert_cmpint (record->fields[1]->integer, ==, G_MININT64);
  g_assert_cmpuint (record->fields[2]->natural, ==, G_MAXUINT64);
  g_assert_cmpfloat (record->fields[3]->number, ==, -0.1);
  g_assert_true (record->fields[4]->flag);
  g_assert_cmpmem (record->fields[5]->data.data, record->fields[5]->data.len, "\0\xff", 2);
  g_assert_cmpint (record->fields[6]->value_case, ==, MUSTER__V1__FIELD__VALUE_DATA);
  g_assert_cmpstr (record->payload->type_url, ==, "t/x");
  g_assert_cmpuint (record->payload->value.len, ==, 2);
  g_assert_cmpuint (record->raw.len, ==, 0);
  muster__v1__log__free_unpacked (log, NULL);
}

/* All lengths around where varints and buffers grow; beyond 64 KiB the message is cut between characters. */
static void
test_lengths (void)
{
  g_autoptr (GString) text = g_string_new (NULL);

  while (text->len < 70000)
    g_string_append (text, "aé€😀");
  for (gsize length = 0; length <= text->len; length += length < 300 ? 1 : length < 66500 && length > 64000 ? 7 : 251)
    {
      MusterRecordParts parts = { .level = MUSTER_LEVEL_INFO, .message = { text->str, length } };
      gsize back = length;
      MusterRecordView view;
      Muster__V1__Log *log;
      guint64 from;

      while (back > 0 && !muster_utf8_is_valid (text->str, back))
        back--; /* only whole characters go in */
      parts.message.length = back;
      log = round_trip (&parts, &view);
      from = natural_field (log->entries[0]->record, "truncated_from");
      if (from == 0)
        g_assert_cmpuint (view.message.length, ==, back);
      else
        {
          g_assert_cmpuint (from, ==, back);
          g_assert_cmpuint (view.message.length, >, 65000);
        }
      g_assert_true (back == 0 || memcmp (view.message.data, text->str, view.message.length) == 0);
      if (back < 65000)
        g_assert_cmpuint (from, ==, 0);
      muster__v1__log__free_unpacked (log, NULL);
    }
}

/* Any bytes: the message is UTF-8, `raw` is what came. */
static void
test_raw (void)
{
  for (guint round = 0; round < 2000; round++)
    {
      gsize length = (gsize) g_random_int_range (0, round % 50 == 0 ? 70000 : 40);
      g_autofree char *bytes = g_malloc (length + 1);
      MusterRecordParts parts = { .level = MUSTER_LEVEL_INFO, .message = { bytes, length } };
      MusterRecordView view;
      Muster__V1__Log *log;
      gboolean valid;

      for (gsize i = 0; i < length; i++)
        bytes[i] = (char) (g_random_int_range (0, 4) > 0 ? g_random_int_range (1, 128) : g_random_int_range (0, 256));
      valid = muster_utf8_is_valid (bytes, length);
      log = round_trip (&parts, &view);
      if (valid)
        g_assert_null (view.raw.data);
      else
        {
          g_assert_nonnull (view.raw.data);
          g_assert_cmpuint (view.raw.length, <=, length);
          g_assert_cmpint (memcmp (view.raw.data, bytes, view.raw.length), ==, 0);
          if (length < 8000)
            g_assert_cmpuint (view.raw.length, ==, length);
          else if (view.raw.length < length)
            g_assert_cmpuint (natural_field (log->entries[0]->record, "truncated_from"), ==, length);
        }
      muster__v1__log__free_unpacked (log, NULL);
    }
}

static void
test_utf8 (void)
{
  static const struct
  {
    const char *text;
    gboolean valid;
  } cases[] = {
    { "", TRUE },
    { "abc", TRUE },
    { "\x7f", TRUE },
    { "\x80", FALSE },
    { "\xc2\x80", TRUE },
    { "\xc1\xbf", FALSE },
    { "\xe0\xa0\x80", TRUE },
    { "\xe0\x9f\xbf", FALSE },
    { "\xed\x9f\xbf", TRUE },
    { "\xed\xa0\x80", FALSE },
    { "\xf0\x90\x80\x80", TRUE },
    { "\xf0\x8f\xbf\xbf", FALSE },
    { "\xf4\x8f\xbf\xbf", TRUE },
    { "\xf4\x90\x80\x80", FALSE },
    { "\xf5\x80\x80\x80", FALSE },
    { "\xe2\x82", FALSE },
    { "12345678\xff", FALSE },
    { "1234567\xc3\xa4"
      "12345678",
      TRUE },
    { "\xc3\xa4"
      "12345678\xc3",
      FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_assert_cmpint (muster_utf8_is_valid (cases[i].text, strlen (cases[i].text)), ==, cases[i].valid);
      g_assert_cmpint (g_utf8_validate (cases[i].text, -1, NULL), ==, cases[i].valid);
    }
  g_assert_true (muster_utf8_is_valid ("a\0b", 3));
}

/* Too many fields: what fits is there, the rest is counted; the message gives way first. */
static void
test_too_much (void)
{
  g_autofree char *big = g_strnfill (30000, 'x');
  g_autofree char *long_message = g_strnfill (50000, 'm');
  MusterField fields[4];
  MusterRecordParts parts = { .level = MUSTER_LEVEL_INFO, .fields = fields, .n_fields = 4 };
  MusterRecordView view;
  Muster__V1__Log *log;

  for (guint i = 0; i < 4; i++)
    fields[i] = MUSTER_TEXT ("big", big);
  parts.message = muster_slice_from_string (long_message);
  log = round_trip (&parts, &view);
  g_assert_cmpuint (natural_field (log->entries[0]->record, "fields_dropped"), ==, 3);
  g_assert_cmpuint (natural_field (log->entries[0]->record, "truncated_from"), ==, 50000);
  muster__v1__log__free_unpacked (log, NULL);
}

static void
test_origin_and_gap (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autofree char *label = g_strnfill (1000, 'h');
  MusterOrigin origin = { .stream = "0123456789abcde", .first_seq = 300, .pid = 70000 };
  MusterEntryIter iter;
  MusterEntry entry;
  guint64 count;
  MusterGapReason reason;

  origin.host = muster_slice_from_string (label);
  origin.worker = muster_slice_from_string ("web-1");
  muster_encode_origin (bytes, &origin);
  muster_encode_gap (bytes, 1000000, MUSTER_GAP_JOURNAL_FULL);
  g_assert_true (muster_encode_entry (bytes, MUSTER_ENTRY_SNAPSHOT, (const guint8 *) "", 0));
  g_assert_false (muster_encode_entry (bytes, MUSTER_ENTRY_SNAPSHOT, large, MUSTER_ENTRY_MAX));

  muster_entry_iter_init (&iter, bytes->data, bytes->len);
  g_assert_true (muster_entry_iter_next (&iter, &entry));
  g_assert_cmpuint (entry.origin->host.length, ==, 255);
  g_assert_cmpuint (entry.origin->pid, ==, 70000);
  g_assert_cmpmem (entry.origin->stream, 16, origin.stream, 16);
  g_assert_true (muster_entry_iter_next (&iter, &entry));
  g_assert_true (muster_entry_get_gap (&entry, &count, &reason));
  g_assert_cmpuint (count, ==, 1000000);
  g_assert_cmpint (reason, ==, MUSTER_GAP_JOURNAL_FULL);
  g_assert_true (muster_entry_iter_next (&iter, &entry));
  g_assert_cmpint (entry.kind, ==, MUSTER_ENTRY_SNAPSHOT);
  g_assert_cmpuint (entry.sequence, ==, 1000300);
  g_assert_false (muster_entry_iter_next (&iter, &entry));
}

/* A host's name may be any bytes; a string of protobuf may not. */
static void
test_labels_invalid (void)
{
  MusterOrigin origin = { .stream = { 1 }, .first_seq = 1 };
  g_autoptr (GByteArray) out = g_byte_array_new ();
  MusterEntryIter iter;
  MusterEntry entry;

  origin.host = muster_slice_from_string ("caf\xe9");
  origin.worker = muster_slice_from_string ("web-1");
  muster_encode_origin (out, &origin);
  muster_entry_iter_init (&iter, out->data, out->len);
  g_assert_true (muster_entry_iter_next (&iter, &entry));
  g_assert_true (muster_utf8_is_valid (entry.origin->host.data, entry.origin->host.length));
  g_assert_cmpmem (entry.origin->worker.data, entry.origin->worker.length, "web-1", 5);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/encoder/everything", test_everything);
  g_test_add_func ("/encoder/lengths", test_lengths);
  g_test_add_func ("/encoder/raw", test_raw);
  g_test_add_func ("/encoder/utf8", test_utf8);
  g_test_add_func ("/encoder/too-much", test_too_much);
  g_test_add_func ("/encoder/origin-and-gap", test_origin_and_gap);
  g_test_add_func ("/encoder/labels-invalid", test_labels_invalid);
  return g_test_run ();
}
