/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * MusterLogReader: files longer than its buffer, and files that are wrong.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "log-reader.h"
#include "sample-log.h"

typedef struct
{
  char *path;
  guint64 n_entries;
  guint64 last_sequence;
  guint64 offset;
  gboolean is_torn;
  guint n_refills;
  GError *error;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  int fd = g_file_open_tmp ("muster-reader-XXXXXX", &fixture->path, NULL);

  g_assert_cmpint (fd, >=, 0);
  close (fd);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_unlink (fixture->path);
  g_free (fixture->path);
  g_clear_error (&fixture->error);
}

static void
refill_cb (gpointer user_data)
{
  ((Fixture *) user_data)->n_refills++;
}

static void
read_all (Fixture *fixture, gconstpointer data, gsize length)
{
  g_autoptr (MusterLogReader) reader = NULL;
  MusterEntry entry;

  g_clear_error (&fixture->error);
  fixture->n_entries = fixture->last_sequence = 0;
  g_assert_true (g_file_set_contents_full (fixture->path, data, (gssize) length, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
  reader = muster_log_reader_open (fixture->path, &fixture->error);
  g_assert_no_error (fixture->error);
  muster_log_reader_set_refill_func (reader, refill_cb, fixture);
  while (muster_log_reader_next (reader, &entry, &fixture->error))
    if (entry.kind != MUSTER_ENTRY_ORIGIN)
      {
        fixture->n_entries++;
        fixture->last_sequence = entry.sequence;
      }
  fixture->offset = muster_log_reader_get_offset (reader);
  fixture->is_torn = muster_log_reader_is_torn (reader);
}

/* One origin and then megabytes: numbers and labels must last over refills. */
static void
test_long (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = g_byte_array_new ();
  g_autoptr (MusterLogReader) reader = NULL;
  MusterEntry entry;
  guint64 expected = 7;

  sample_add_origin (log, 3, "web-1", 7);
  sample_add_records (log, 7, 30000);
  muster_encode_gap (log, 1000000, MUSTER_GAP_TORN);
  sample_add_records (log, 1030007, 70000);
  g_assert_cmpuint (log->len, >, 3 * 1024 * 1024);
  g_assert_true (g_file_set_contents (fixture->path, (const char *) log->data, (gssize) log->len, NULL));
  reader = muster_log_reader_open (fixture->path, NULL);
  g_assert_true (muster_log_reader_next (reader, &entry, NULL));
  while (muster_log_reader_next (reader, &entry, &fixture->error))
    {
      g_assert_cmpuint (entry.sequence, ==, expected);
      g_assert_cmpmem (entry.origin->worker.data, entry.origin->worker.length, "web-1", 5);
      g_assert_cmpint (entry.origin->stream[15], ==, 3);
      expected += entry.count;
    }
  g_assert_no_error (fixture->error);
  g_assert_cmpuint (expected, ==, 1100007);
  g_assert_cmpuint (muster_log_reader_get_offset (reader), ==, log->len);
}

/* The same entries, whatever the borders of buffers cut. */
static void
test_largest_entries (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = g_byte_array_new ();
  g_autofree char *message = g_strnfill (65000, 'x');

  sample_add_origin (log, 3, "web-1", 1);
  for (guint i = 0; i < 100; i++)
    sample_add_record (log, MUSTER_LEVEL_INFO, 1, "d", message + i);
  read_all (fixture, log->data, log->len);
  g_assert_no_error (fixture->error);
  g_assert_cmpuint (fixture->n_entries, ==, 100);
  g_assert_cmpuint (fixture->n_refills, >, 5);
}

/* Cut off anywhere: torn, unless it is just behind an entry. */
static void
test_cut_off (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = g_byte_array_new ();
  gsize borders[5];

  borders[0] = 0;
  sample_add_origin (log, 3, "web-1", 1);
  borders[1] = log->len;
  sample_add_records (log, 1, 1);
  borders[2] = log->len;
  muster_encode_gap (log, 1000, MUSTER_GAP_TORN);
  borders[3] = log->len;
  sample_add_record (
      log, MUSTER_LEVEL_INFO, 1, "d",
      "a message of more than 127 bytes, so that its length takes two: -----------------------------------"
      "-----------------------------------------------");
  borders[4] = log->len;
  for (gsize length = 0; length <= log->len; length++)
    {
      gsize border = 0;

      for (guint i = 0; i < G_N_ELEMENTS (borders); i++)
        border = borders[i] <= length ? borders[i] : border;
      read_all (fixture, log->data, length);
      g_assert_cmpuint (fixture->offset, ==, border);
      g_assert_cmpint (fixture->is_torn, ==, border != length);
      if (border != length)
        g_assert_error (fixture->error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT);
      else
        g_assert_no_error (fixture->error);
    }
}

static void
test_garbage (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = g_byte_array_new ();
  gsize length;

  read_all (fixture, "no protobuf at all", 18);
  g_assert_error (fixture->error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT);
  g_assert_false (fixture->is_torn);
  g_assert_nonnull (strstr (fixture->error->message, "at byte 0: "));

  sample_add_origin (log, 3, "web-1", 1);
  sample_add_records (log, 1, 100000);
  length = log->len;
  g_byte_array_append (log, (const guint8 *) "garbage", 7);
  sample_add_records (log, 100001, 10);
  read_all (fixture, log->data, log->len);
  g_assert_error (fixture->error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT);
  g_assert_false (fixture->is_torn);
  g_assert_cmpuint (fixture->offset, ==, length);
  g_assert_cmpuint (fixture->n_entries, ==, 100000);
  g_assert_cmpuint (fixture->last_sequence, ==, 100000);
}

/* Numbers end at 2^64 - 1, also where the iterator's own count started anew. */
static void
test_overflow (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = g_byte_array_new ();

  sample_add_origin (log, 3, "web-1", 1);
  muster_encode_gap (log, G_MAXUINT64 - 50000, MUSTER_GAP_TORN);
  sample_add_records (log, 1, 40000);
  read_all (fixture, log->data, log->len);
  g_assert_no_error (fixture->error);
  muster_encode_gap (log, 20000, MUSTER_GAP_TORN);
  read_all (fixture, log->data, log->len);
  g_assert_error (fixture->error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT);
  g_assert_nonnull (strstr (fixture->error->message, "a gap's count is wrong"));
}

static void
test_unreadable (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (muster_log_reader_open ("/nonexistent/file.pb", &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
  g_clear_error (&error);
  g_assert_null (muster_log_reader_open (g_get_tmp_dir (), &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/log-reader/long", Fixture, NULL, set_up, test_long, tear_down);
  g_test_add ("/log-reader/largest-entries", Fixture, NULL, set_up, test_largest_entries, tear_down);
  g_test_add ("/log-reader/cut-off", Fixture, NULL, set_up, test_cut_off, tear_down);
  g_test_add ("/log-reader/garbage", Fixture, NULL, set_up, test_garbage, tear_down);
  g_test_add ("/log-reader/overflow", Fixture, NULL, set_up, test_overflow, tear_down);
  g_test_add ("/log-reader/unreadable", Fixture, NULL, set_up, test_unreadable, tear_down);
  return g_test_run ();
}
