/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as a log: what is walked, looked into, made a batch of, and cut.
 */
#include "config.h"

#include <string.h>

#include "muster-batch-builder-private.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
check_slice (MusterSlice slice, const MusterEntry *entry)
{
  if (slice.length == 0)
    return;
  g_assert ((const guint8 *) slice.data >= entry->body);
  g_assert ((const guint8 *) slice.data + slice.length <= entry->body + entry->body_length);
}

static void
check_fields (const MusterRecordView *record, const MusterEntry *entry)
{
  MusterFieldIter iter;
  MusterFieldView field;
  gsize n = 0;

  muster_field_iter_init (&iter, record);
  while (muster_field_iter_next (&iter, &field))
    {
      check_slice (field.key, entry);
      if (field.type == MUSTER_FIELD_TEXT || field.type == MUSTER_FIELD_DATA)
        check_slice (field.value.text, entry);
      g_assert (++n <= entry->body_length);
    }
}

static void
check_record (const MusterEntry *entry)
{
  MusterRecordView record;

  if (!muster_entry_get_record (entry, &record))
    return;
  check_slice (record.domain, entry);
  check_slice (record.message, entry);
  check_slice (record.file, entry);
  check_slice (record.function, entry);
  check_slice (record.raw, entry);
  check_slice (record.payload_type, entry);
  check_slice (record.payload, entry);
  check_fields (&record, entry);
}

/* The entries stand one behind the other, from the start to where the walk ended. */
static guint64
check_walk (const guint8 *data, gsize size)
{
  MusterEntryIter iter;
  MusterEntry entry;
  gsize position = 0;
  guint64 numbers = 0;

  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    {
      guint64 count;
      MusterGapReason reason;

      g_assert (entry.bytes == data + position && entry.length <= MUSTER_ENTRY_MAX);
      g_assert (entry.body >= entry.bytes && entry.body + entry.body_length <= entry.bytes + entry.length);
      g_assert ((entry.count == 0) == (entry.kind == MUSTER_ENTRY_ORIGIN));
      g_assert ((entry.sequence > 0) == (entry.origin != NULL && entry.count > 0));
      if (muster_entry_get_gap (&entry, &count, &reason))
        g_assert (count == entry.count);
      muster_entry_peek_level (&entry);
      check_record (&entry);
      numbers += entry.count;
      position += entry.length;
    }
  g_assert (muster_entry_iter_get_position (&iter) == position);
  g_assert (muster_entry_iter_get_error (&iter, NULL) == (position < size));
  return numbers;
}

static void
check_trim (MusterBatch *batch, guint64 from)
{
  guint64 first = muster_batch_get_first_seq (batch);
  guint64 behind = first + muster_batch_get_count (batch);
  g_autoptr (MusterBatch) rest = muster_batch_trim (batch, from);

  g_assert ((rest != NULL) == (from < behind));
  if (rest == NULL)
    return;
  g_assert (muster_batch_get_first_seq (rest) == MAX (from, first));
  g_assert (muster_batch_get_first_seq (rest) + muster_batch_get_count (rest) == behind);
  g_assert (
      memcmp (muster_batch_get_origin (rest)->stream, muster_batch_get_origin (batch)->stream, MUSTER_STREAM_ID_SIZE)
      == 0);
  g_assert (muster_batch_get_n_records (rest) <= muster_batch_get_n_records (batch));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterBatch) batch = muster_batch_new (bytes, &error);
  guint64 numbers = check_walk (data, size);
  guint64 first;

  g_assert ((batch == NULL) == (error != NULL));
  if (batch == NULL)
    return 0;
  g_assert (numbers == muster_batch_get_count (batch));
  if (numbers == 0)
    return 0; /* nothing but origins */
  g_assert (muster_batch_get_min_level (batch) <= muster_batch_get_max_level (batch));
  first = muster_batch_get_first_seq (batch);
  check_trim (batch, 0);
  check_trim (batch, first);
  check_trim (batch, first + 1);
  check_trim (batch, first + numbers / 2);
  check_trim (batch, first + numbers - 1);
  check_trim (batch, first + numbers);
  return 0;
}
