/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Batches for tests: a builder that appends entries one by one.
 */
#pragma once

#include "muster-batch.h"
#include "muster-encoder-private.h"

typedef struct
{
  GByteArray *bytes;
  MusterOrigin origin; /* the last one written */
  guint64 next_seq;
} TestLog;

/* The stream id is @stream in all its bytes. */
static inline void
test_log_origin (TestLog *log, char stream, guint64 first_seq, const char *worker)
{
  if (log->bytes == NULL)
    log->bytes = g_byte_array_new ();
  memset (log->origin.stream, stream, MUSTER_STREAM_ID_SIZE);
  log->origin.first_seq = log->next_seq = first_seq;
  log->origin.host = muster_slice_from_string ("host");
  log->origin.cluster = muster_slice_from_string ("shop");
  log->origin.worker = muster_slice_from_string (worker);
  log->origin.pid = 4711;
  muster_encode_origin (log->bytes, &log->origin);
}

static inline void
test_log_record (TestLog *log, MusterLevel level, const char *message)
{
  static const guint64 time_ns = 1234567890123456789u;
  MusterRecordParts parts = { .level = level, .time_ns = time_ns, .message = muster_slice_from_string (message) };
  g_autofree guint8 *buffer = g_malloc (MUSTER_ENTRY_MAX);
  gsize length;
  const guint8 *entry = muster_encode_record (buffer, MUSTER_ENTRY_MAX, &parts, &length);

  g_byte_array_append (log->bytes, entry, (guint) length);
  log->next_seq++;
}

static inline void
test_log_gap (TestLog *log, guint64 count, MusterGapReason reason)
{
  muster_encode_gap (log->bytes, count, reason);
  log->next_seq += count;
}

/* A snapshot whose content nobody looks at. */
static inline void
test_log_snapshot (TestLog *log)
{
  g_assert_true (muster_encode_entry (log->bytes, MUSTER_ENTRY_SNAPSHOT, (const guint8 *) "\x30\x01", 2));
  log->next_seq++;
}

static inline MusterBatch *
test_log_end (TestLog *log)
{
  g_autoptr (GBytes) bytes = g_byte_array_free_to_bytes (g_steal_pointer (&log->bytes));
  g_autoptr (GError) error = NULL;
  MusterBatch *batch = muster_batch_new (bytes, &error);

  g_assert_no_error (error);
  return batch;
}

/* @n records of @worker, each of @level, with messages "STREAM SEQUENCE". */
static inline MusterBatch *
test_batch (char stream, guint64 first_seq, guint n, const char *worker, MusterLevel level)
{
  TestLog log = { NULL };

  test_log_origin (&log, stream, first_seq, worker);
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *message = g_strdup_printf ("%c %" G_GUINT64_FORMAT, stream, log.next_seq);

      test_log_record (&log, level, message);
    }
  return test_log_end (&log);
}
