/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The audit's sums, on logs in any order.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "audit.h"
#include "sample-log.h"

/* Reads @log as a file. */
static void
read_log (MusterAudit *audit, const GByteArray *log)
{
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterLogReader) reader = NULL;
  int fd = g_file_open_tmp ("muster-audit-XXXXXX", &path, &error);

  g_assert_no_error (error);
  close (fd);
  g_assert_true (g_file_set_contents (path, (const char *) log->data, (gssize) log->len, NULL));
  reader = muster_log_reader_open (path, &error);
  g_assert_no_error (error);
  g_unlink (path);
  g_assert_true (muster_audit_read (audit, reader, &error));
  g_assert_no_error (error);
}

static void
read_piece (MusterAudit *audit, guint n, const char *worker, guint64 first, guint64 last)
{
  g_autoptr (GByteArray) log = g_byte_array_new ();

  sample_add_origin (log, n, worker, first);
  sample_add_records (log, first, (guint) (last - first + 1));
  read_log (audit, log);
}

static void
read_gap (MusterAudit *audit, guint n, const char *worker, guint64 first, guint64 count, MusterGapReason reason)
{
  g_autoptr (GByteArray) log = g_byte_array_new ();

  sample_add_origin (log, n, worker, first);
  muster_encode_gap (log, count, reason);
  read_log (audit, log);
}

static const MusterAuditStream *
only_stream (MusterAudit *audit)
{
  GPtrArray *streams = muster_audit_finish (audit);

  g_assert_cmpuint (streams->len, ==, 1);
  return g_ptr_array_index (streams, 0);
}

static const MusterAuditStream *
find_stream (MusterAudit *audit, const char *worker)
{
  GPtrArray *streams = muster_audit_finish (audit);

  for (guint i = 0; i < streams->len; i++)
    if (strcmp (((MusterAuditStream *) g_ptr_array_index (streams, i))->worker, worker) == 0)
      return g_ptr_array_index (streams, i);
  g_error ("there is no stream of %s", worker);
}

static void
test_kinds (void)
{
  g_autoptr (MusterAudit) audit = muster_audit_new ();
  g_autoptr (GByteArray) log = g_byte_array_new ();
  const MusterAuditStream *stream;

  sample_add_origin (log, 5, "web-1", 1);
  sample_add_records (log, 1, 10);
  muster_encode_entry (log, MUSTER_ENTRY_SNAPSHOT, (const guint8 *) "", 0);
  muster_encode_entry (log, MUSTER_ENTRY_DATASET, (const guint8 *) "", 0);
  sample_add_unknown (log);
  read_log (audit, log);
  stream = only_stream (audit);
  g_assert_cmpstr (stream->id, ==, "05050505050505050505050505050505");
  g_assert_cmpstr (stream->worker, ==, "web-1");
  g_assert_cmpstr (stream->host, ==, "alpha");
  g_assert_cmpuint (stream->pid, ==, 1005);
  g_assert_false (stream->is_primary);
  g_assert_cmpuint (stream->first, ==, 1);
  g_assert_cmpuint (stream->last, ==, 13);
  g_assert_cmpuint (stream->records, ==, 10);
  g_assert_cmpuint (stream->snapshots, ==, 1);
  g_assert_cmpuint (stream->datasets, ==, 1);
  g_assert_cmpuint (stream->others, ==, 1);
  g_assert_cmpuint (stream->holes, ==, 0);
  g_assert_cmpuint (stream->duplicates, ==, 0);
  g_assert_cmpint (stream->state, ==, MUSTER_AUDIT_OPEN);
}

static void
test_any_order (void)
{
  g_autoptr (MusterAudit) audit = muster_audit_new ();
  const MusterAuditStream *stream;

  read_piece (audit, 1, "web-1", 31, 40);
  read_piece (audit, 1, "web-1", 11, 20);
  read_piece (audit, 1, "web-1", 1, 10);
  stream = only_stream (audit);
  g_assert_cmpuint (stream->holes, ==, 10);
  g_assert_cmpuint (muster_interval_map_get_length (stream->hole_intervals), ==, 1);
  g_assert_cmpuint (muster_interval_map_get (stream->hole_intervals, 0)->first, ==, 21);
  g_assert_cmpuint (muster_interval_map_get (stream->hole_intervals, 0)->last, ==, 30);
  read_piece (audit, 1, "web-1", 21, 30);
  stream = only_stream (audit);
  g_assert_cmpuint (stream->holes, ==, 0);
  g_assert_cmpuint (stream->duplicates, ==, 0);
  g_assert_cmpuint (stream->first, ==, 1);
  g_assert_cmpuint (stream->last, ==, 40);
}

static void
test_duplicates (void)
{
  g_autoptr (MusterAudit) audit = muster_audit_new ();

  read_piece (audit, 1, "web-1", 1, 10);
  read_piece (audit, 1, "web-1", 8, 12);
  read_piece (audit, 1, "web-1", 8, 8);
  g_assert_cmpuint (only_stream (audit)->duplicates, ==, 4);
  g_assert_cmpuint (only_stream (audit)->holes, ==, 0);
}

/* Two files that share a stream: each declares as filtered what the other holds. */
static void
test_split (void)
{
  g_autoptr (MusterAudit) audit = muster_audit_new ();
  const MusterAuditStream *stream;

  read_piece (audit, 1, "web-1", 1, 5);
  read_gap (audit, 1, "web-1", 6, 5, MUSTER_GAP_FILTERED);
  read_gap (audit, 1, "web-1", 1, 5, MUSTER_GAP_FILTERED);
  read_piece (audit, 1, "web-1", 6, 8);
  read_gap (audit, 1, "web-1", 9, 2, MUSTER_GAP_TORN);
  stream = only_stream (audit);
  g_assert_cmpuint (stream->duplicates, ==, 0);
  g_assert_cmpuint (stream->holes, ==, 0);
  g_assert_cmpuint (stream->records, ==, 8);
  g_assert_cmpuint (stream->n_declared, ==, 2);
  g_assert_cmpuint (stream->declared[MUSTER_GAP_TORN], ==, 2);
  g_assert_cmpuint (stream->declared[MUSTER_GAP_FILTERED], ==, 0);
}

static void
test_reasons (void)
{
  g_autoptr (MusterAudit) audit = muster_audit_new ();
  const MusterAuditStream *stream;
  guint64 next = 1;

  for (guint i = 0; i < MUSTER_GAP_N_REASONS; i++)
    {
      read_gap (audit, 1, "web-1", next, i + 1, (MusterGapReason) i);
      next += i + 1;
    }
  /* The same again is told once. */
  read_gap (audit, 1, "web-1", 1, 1, MUSTER_GAP_UNKNOWN);
  stream = only_stream (audit);
  for (guint i = 0; i < MUSTER_GAP_N_REASONS; i++)
    g_assert_cmpuint (stream->declared[i], ==, i + 1);
  g_assert_cmpuint (stream->n_declared, ==, next - 1);
  g_assert_cmpuint (stream->duplicates, ==, 0);
  g_assert_cmpuint (stream->records, ==, 0);
}

static void
test_states (void)
{
  g_autoptr (MusterAudit) audit = muster_audit_new ();
  g_autoptr (GByteArray) log = g_byte_array_new ();

  sample_add_origin (log, 9, "master", 1);
  sample_add_started (log, 1, "web-1", 4711);
  sample_add_started (log, 2, "web-2", 4712);
  sample_add_started (log, 3, "web-3", 4713);
  /* A captured line, in the primary's stream; whatever it says, it is not the primary that says it. */
  sample_add_origin (log, 9, "web-2", 4);
  sample_add_started (log, 4, "web-4", 4714);
  sample_add_origin (log, 1, "web-1", 1);
  sample_add_records (log, 1, 3);
  sample_add_exit (log);
  sample_add_origin (log, 2, "web-2", 1);
  sample_add_exit (log);
  sample_add_records (log, 2, 1);
  read_log (audit, log);

  g_assert_cmpuint (muster_audit_finish (audit)->len, ==, 4);
  g_assert_cmpint (find_stream (audit, "master")->state, ==, MUSTER_AUDIT_OPEN);
  g_assert_true (find_stream (audit, "master")->is_primary);
  g_assert_cmpint (find_stream (audit, "web-1")->state, ==, MUSTER_AUDIT_ENDED);
  g_assert_cmpstr (find_stream (audit, "web-1")->group, ==, "web");
  g_assert_cmpint (find_stream (audit, "web-2")->state, ==, MUSTER_AUDIT_OPEN);
  g_assert_cmpint (find_stream (audit, "web-3")->state, ==, MUSTER_AUDIT_ABSENT);
  g_assert_cmpuint (find_stream (audit, "web-3")->pid, ==, 4713);
  g_assert_cmpstr (find_stream (audit, "web-3")->host, ==, "alpha");

  g_byte_array_set_size (log, 0);
  sample_add_origin (log, 9, "master", 5);
  sample_add_stop (log);
  read_log (audit, log);
  g_assert_cmpint (find_stream (audit, "master")->state, ==, MUSTER_AUDIT_ENDED);
}

/* The end is the entry with the highest number, not the one that was read last. */
static void
test_end_in_another_file (void)
{
  g_autoptr (MusterAudit) audit = muster_audit_new ();
  g_autoptr (GByteArray) log = g_byte_array_new ();

  sample_add_origin (log, 1, "web-1", 11);
  sample_add_exit (log);
  read_log (audit, log);
  read_piece (audit, 1, "web-1", 1, 10);
  g_assert_cmpint (only_stream (audit)->state, ==, MUSTER_AUDIT_ENDED);
  read_gap (audit, 1, "web-1", 12, 1, MUSTER_GAP_TORN);
  g_assert_cmpint (only_stream (audit)->state, ==, MUSTER_AUDIT_OPEN);
}

/* A stream that is cut by refills and interleaved with another one. */
static void
test_long (void)
{
  g_autoptr (MusterAudit) audit = muster_audit_new ();
  g_autoptr (GByteArray) log = g_byte_array_new ();

  for (guint64 i = 0; i < 100; i++)
    {
      sample_add_origin (log, 1, "web-1", i * 1000 + 1);
      sample_add_records (log, i * 1000 + 1, 1000);
      sample_add_origin (log, 2, "web-2", i * 1000 + 1);
      sample_add_records (log, i * 1000 + 1, i == 50 ? 999 : 1000);
    }
  sample_add_exit (log);
  read_log (audit, log);
  g_assert_cmpuint (find_stream (audit, "web-1")->records, ==, 100000);
  g_assert_cmpuint (find_stream (audit, "web-1")->holes, ==, 0);
  g_assert_cmpuint (find_stream (audit, "web-2")->holes, ==, 1);
  g_assert_cmpuint (find_stream (audit, "web-2")->duplicates, ==, 0);
  g_assert_cmpint (find_stream (audit, "web-2")->state, ==, MUSTER_AUDIT_ENDED);
}

static void
test_nameless (void)
{
  g_autoptr (MusterAudit) audit = muster_audit_new ();
  g_autoptr (GByteArray) log = g_byte_array_new ();

  sample_add_records (log, 1, 3);
  read_log (audit, log);
  g_assert_cmpuint (muster_audit_get_n_nameless (audit), ==, 3);
  g_assert_cmpuint (muster_audit_finish (audit)->len, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/audit/kinds", test_kinds);
  g_test_add_func ("/audit/any-order", test_any_order);
  g_test_add_func ("/audit/duplicates", test_duplicates);
  g_test_add_func ("/audit/split", test_split);
  g_test_add_func ("/audit/reasons", test_reasons);
  g_test_add_func ("/audit/states", test_states);
  g_test_add_func ("/audit/end-in-another-file", test_end_in_another_file);
  g_test_add_func ("/audit/long", test_long);
  g_test_add_func ("/audit/nameless", test_nameless);
  return g_test_run ();
}
