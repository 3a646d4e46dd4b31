/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The hand-written reader against protobuf-c's writer, and against bytes that are wrong in every way.
 */
#include "config.h"

#include "muster-batch.h"
#include "muster.pb-c.h"

#define STREAM "0123456789abcdef"

static GByteArray *
pack (Muster__V1__Entry **entries, gsize n)
{
  Muster__V1__Log log = MUSTER__V1__LOG__INIT;
  GByteArray *bytes = g_byte_array_new ();

  log.entries = entries;
  log.n_entries = n;
  g_byte_array_set_size (bytes, (guint) muster__v1__log__get_packed_size (&log));
  muster__v1__log__pack (&log, bytes->data);
  return bytes;
}

/* origin, record with everything, gap of 5, record */
static GByteArray *
sample_log (void)
{
  Muster__V1__Origin origin = MUSTER__V1__ORIGIN__INIT;
  Muster__V1__Record record = MUSTER__V1__RECORD__INIT, second = MUSTER__V1__RECORD__INIT;
  Muster__V1__Trace trace = MUSTER__V1__TRACE__INIT;
  Muster__V1__Gap gap = MUSTER__V1__GAP__INIT;
  Muster__V1__Field fields[3] = { MUSTER__V1__FIELD__INIT, MUSTER__V1__FIELD__INIT, MUSTER__V1__FIELD__INIT };
  Muster__V1__Field *field_list[3] = { &fields[0], &fields[1], &fields[2] };
  Muster__V1__Entry entries[4] = { MUSTER__V1__ENTRY__INIT, MUSTER__V1__ENTRY__INIT, MUSTER__V1__ENTRY__INIT,
                                   MUSTER__V1__ENTRY__INIT };
  Muster__V1__Entry *list[4] = { &entries[0], &entries[1], &entries[2], &entries[3] };

  origin.stream = (ProtobufCBinaryData){ 16, (guint8 *) STREAM };
  origin.first_seq = 41;
  origin.host = (char *) "host";
  origin.cluster = (char *) "shop";
  origin.worker = (char *) "web-1";
  origin.pid = 4711;
  entries[0].kind_case = MUSTER__V1__ENTRY__KIND_ORIGIN;
  entries[0].origin = &origin;

  trace.file = (char *) "a.c";
  trace.line = 300;
  trace.function = (char *) "main";
  fields[0].key = (char *) "i";
  fields[0].value_case = MUSTER__V1__FIELD__VALUE_INTEGER;
  fields[0].integer = -5;
  fields[1].key = (char *) "n";
  fields[1].value_case = MUSTER__V1__FIELD__VALUE_NUMBER;
  fields[1].number = 0.25;
  fields[2].key = (char *) "t";
  fields[2].value_case = MUSTER__V1__FIELD__VALUE_TEXT;
  fields[2].text = (char *) "x";
  record.level = MUSTER__V1__LEVEL__WARNING;
  record.time = 1234567890123456789u;
  record.domain = (char *) "http";
  record.message = (char *) "hello";
  record.trace = &trace;
  record.fields = field_list;
  record.n_fields = 3;
  entries[1].kind_case = MUSTER__V1__ENTRY__KIND_RECORD;
  entries[1].record = &record;

  gap.count = 5;
  gap.reason = MUSTER__V1__GAP__REASON__TORN;
  entries[2].kind_case = MUSTER__V1__ENTRY__KIND_GAP;
  entries[2].gap = &gap;

  second.level = MUSTER__V1__LEVEL__DEBUG;
  entries[3].kind_case = MUSTER__V1__ENTRY__KIND_RECORD;
  entries[3].record = &second;
  return pack (list, 4);
}

static void
assert_slice (MusterSlice slice, const char *expected)
{
  g_assert_cmpmem (slice.data, slice.length, expected, strlen (expected));
}

static void
test_walk (void)
{
  g_autoptr (GByteArray) log = sample_log ();
  MusterEntryIter iter;
  MusterEntry entry;
  MusterRecordView record;
  MusterFieldIter fields;
  MusterFieldView field;
  guint64 count;
  MusterGapReason reason;

  muster_entry_iter_init (&iter, log->data, log->len);
  g_assert_true (muster_entry_iter_next (&iter, &entry));
  g_assert_cmpint (entry.kind, ==, MUSTER_ENTRY_ORIGIN);
  g_assert_cmpuint (entry.sequence, ==, 0);
  g_assert_cmpuint (entry.origin->pid, ==, 4711);
  assert_slice (entry.origin->worker, "web-1");

  g_assert_true (muster_entry_iter_next (&iter, &entry));
  g_assert_cmpint (entry.kind, ==, MUSTER_ENTRY_RECORD);
  g_assert_cmpuint (entry.sequence, ==, 41);
  g_assert_cmpint (muster_entry_peek_level (&entry), ==, MUSTER_LEVEL_WARNING);
  g_assert_true (muster_entry_get_record (&entry, &record));
  g_assert_cmpuint (record.time_ns, ==, 1234567890123456789u);
  assert_slice (record.domain, "http");
  assert_slice (record.message, "hello");
  assert_slice (record.file, "a.c");
  assert_slice (record.function, "main");
  g_assert_cmpuint (record.line, ==, 300);

  muster_field_iter_init (&fields, &record);
  g_assert_true (muster_field_iter_next (&fields, &field));
  assert_slice (field.key, "i");
  g_assert_cmpint (field.type, ==, MUSTER_FIELD_INTEGER);
  g_assert_cmpint (field.value.integer, ==, -5);
  g_assert_true (muster_field_iter_next (&fields, &field));
  g_assert_cmpfloat (field.value.number, ==, 0.25);
  g_assert_true (muster_field_iter_next (&fields, &field));
  assert_slice (field.value.text, "x");
  g_assert_false (muster_field_iter_next (&fields, &field));

  g_assert_true (muster_entry_iter_next (&iter, &entry));
  g_assert_true (muster_entry_get_gap (&entry, &count, &reason));
  g_assert_cmpuint (count, ==, 5);
  g_assert_cmpint (reason, ==, MUSTER_GAP_TORN);
  g_assert_cmpuint (entry.sequence, ==, 42);
  g_assert_true (muster_entry_iter_next (&iter, &entry));
  g_assert_cmpuint (entry.sequence, ==, 47);
  g_assert_false (muster_entry_iter_next (&iter, &entry));
  g_assert_false (muster_entry_iter_get_error (&iter, NULL));
  g_assert_cmpuint (muster_entry_iter_get_position (&iter), ==, log->len);
}

/* Cut at every length: whole entries come, then the cut is said, unless it falls between two entries. */
static void
test_every_cut (void)
{
  g_autoptr (GByteArray) log = sample_log ();
  guint clean = 0;

  for (guint length = 0; length < log->len; length++)
    {
      g_autofree guint8 *copy = g_memdup2 (log->data, length); /* so that ASan sees a read beyond the end */
      MusterEntryIter iter;
      MusterEntry entry;

      muster_entry_iter_init (&iter, copy, length);
      while (muster_entry_iter_next (&iter, &entry))
        ;
      if (!muster_entry_iter_get_error (&iter, NULL))
        clean++;
    }
  g_assert_cmpuint (clean, ==, 4); /* 0 bytes, and after each of the first three entries */
}

/* Every byte set to every value: never a crash, never a walk beyond the end. */
static void
test_every_flip (void)
{
  g_autoptr (GByteArray) log = sample_log ();

  for (guint i = 0; i < log->len; i++)
    for (guint value = 0; value < 256; value++)
      {
        g_autofree guint8 *copy = g_memdup2 (log->data, log->len);
        MusterEntryIter iter;
        MusterEntry entry;
        MusterRecordView record;

        copy[i] = (guint8) value;
        muster_entry_iter_init (&iter, copy, log->len);
        while (muster_entry_iter_next (&iter, &entry))
          if (muster_entry_get_record (&entry, &record))
            {
              MusterFieldIter fields;
              MusterFieldView field;

              muster_field_iter_init (&fields, &record);
              while (muster_field_iter_next (&fields, &field))
                ;
            }
        g_assert_cmpuint (muster_entry_iter_get_position (&iter), <=, log->len);
      }
}

static void
test_batch (void)
{
  g_autoptr (GByteArray) log = sample_log ();
  g_autoptr (GBytes) bytes = g_bytes_new (log->data, log->len);
  g_autoptr (GBytes) headless = g_bytes_new_from_bytes (bytes, 50, log->len - 50);
  g_autoptr (GBytes) empty = g_bytes_new (NULL, 0);
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterBatch) batch = muster_batch_new (bytes, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (muster_batch_get_first_seq (batch), ==, 41);
  g_assert_cmpuint (muster_batch_get_count (batch), ==, 7);
  g_assert_cmpuint (muster_batch_get_n_records (batch), ==, 2);
  g_assert_cmpint (muster_batch_get_min_level (batch), ==, MUSTER_LEVEL_WARNING);
  g_assert_cmpint (muster_batch_get_max_level (batch), ==, MUSTER_LEVEL_DEBUG);
  g_assert_true (muster_batch_has_kind (batch, MUSTER_ENTRY_GAP));
  g_assert_false (muster_batch_has_kind (batch, MUSTER_ENTRY_SNAPSHOT));

  g_assert_null (muster_batch_new (headless, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT);
  g_clear_error (&error);
  g_assert_null (muster_batch_new (empty, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/entry/walk", test_walk);
  g_test_add_func ("/entry/every-cut", test_every_cut);
  g_test_add_func ("/entry/every-flip", test_every_flip);
  g_test_add_func ("/entry/batch", test_batch);
  return g_test_run ();
}
