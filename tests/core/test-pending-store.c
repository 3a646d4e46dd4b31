/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "metrics-helpers.h"
#include "muster-encoder-private.h"
#include "muster-pending-store-private.h"

typedef struct
{
  char *directory;
  MusterPendingStore *store;
  GPtrArray *entries; /* of one snapshot in one part */
  MusterEntry entry;
  GString *seen;
  gboolean refuses;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (NULL);

  fixture->directory = g_dir_make_tmp ("muster-XXXXXX", NULL);
  fixture->store = muster_pending_store_new (fixture->directory);
  muster_metrics_inc (metrics, NULL, "x", 1);
  fixture->entries = muster_metrics_take_snapshot (metrics, 0, 10 * SECOND_NS, FALSE);
  view_entry (fixture->entries->pdata[0], &fixture->entry);
  fixture->seen = g_string_new (NULL);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  muster_pending_store_free (fixture->store);
  g_assert_no_errno (g_rmdir (fixture->directory));
  g_ptr_array_unref (fixture->entries);
  g_string_free (fixture->seen, TRUE);
  g_free (fixture->directory);
}

static void
append (Fixture *fixture, const char *name, gint64 end_ns, gboolean is_late, const char *worker, guint pid)
{
  const MusterAggregatorPlace place = { .end_ns = end_ns, .is_late = is_late };
  g_autoptr (GError) error = NULL;

  muster_pending_store_append (fixture->store, name, &place, worker, pid, &fixture->entry, &error);
  g_assert_no_error (error);
}

static gboolean
see (const char *worker, guint pid, const MusterEntry *entry, gboolean is_late, gpointer user_data)
{
  Fixture *fixture = user_data;

  g_assert_cmpint (entry->kind, ==, MUSTER_ENTRY_SNAPSHOT);
  g_assert_cmpmem (entry->body, entry->body_length, fixture->entry.body, fixture->entry.body_length);
  g_string_append_printf (fixture->seen, "%s%s:%u;", is_late ? "late " : "", worker, pid);
  return !fixture->refuses;
}

static void
assert_restores (Fixture *fixture, const char *expected)
{
  g_string_truncate (fixture->seen, 0);
  muster_pending_store_restore (fixture->store, see, fixture);
  g_assert_cmpstr (fixture->seen->str, ==, expected);
}

static void
test_restore (Fixture *fixture, gconstpointer data)
{
  assert_restores (fixture, "");
  append (fixture, "", 10, FALSE, "web-1", 1);
  append (fixture, "", 10, FALSE, "web-2", 2);
  assert_restores (fixture, "web-1:1;web-2:2;");
  assert_restores (fixture, "web-1:1;web-2:2;"); /* it stays until it is delivered */
  append (fixture, "fast", 10, TRUE, "web-3", 3);
  muster_pending_store_remove (fixture->store, "fast", 10, FALSE); /* not that one */
  muster_pending_store_remove (fixture->store, "", 10, FALSE);
  assert_restores (fixture, "late web-3:3;");
  muster_pending_store_remove (fixture->store, "fast", 10, TRUE);
  assert_restores (fixture, "");
}

/* Its primary died in the middle of a write; or somebody else wrote there. */
static void
test_torn (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->directory, "pending--10.metrics", NULL);
  g_autofree char *bytes = NULL;
  g_autoptr (GString) garbage = NULL;
  gsize size, first;

  append (fixture, "", 10, FALSE, "web-1", 1);
  g_assert_true (g_file_get_contents (path, &bytes, &first, NULL));
  g_free (bytes);
  append (fixture, "", 10, FALSE, "web-2", 2);
  g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
  for (gsize length = first; length < size; length += 7)
    {
      g_assert_no_errno (truncate (path, (off_t) length));
      assert_restores (fixture, "web-1:1;");
      g_assert_true (g_file_set_contents (path, bytes, (gssize) size, NULL));
    }
  g_assert_no_errno (truncate (path, (off_t) first - 1));
  assert_restores (fixture, ""); /* and nothing is left to try again */
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  garbage = g_string_new_len (bytes + 1, (gssize) size - 1);
  g_assert_true (g_file_set_contents (path, garbage->str, (gssize) garbage->len, NULL));
  assert_restores (fixture, "");
}

/* The next primary died too: what it had appended behind the torn end counts. */
static void
test_torn_twice (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->directory, "pending--10.metrics", NULL);
  GStatBuf info;

  append (fixture, "", 10, FALSE, "web-1", 1);
  append (fixture, "", 10, FALSE, "web-2", 2);
  g_assert_no_errno (g_stat (path, &info));
  g_assert_no_errno (truncate (path, info.st_size - 3));
  assert_restores (fixture, "web-1:1;");
  append (fixture, "", 10, FALSE, "web-2", 2);
  append (fixture, "", 10, FALSE, "web-3", 3);
  assert_restores (fixture, "web-1:1;web-2:2;web-3:3;");
  muster_pending_store_remove (fixture->store, "", 10, FALSE);
}

/* The disk was full for a while: half of an entry must not hide what comes behind it. */
static void
test_full (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->directory, "pending--10.metrics", NULL);
  const MusterAggregatorPlace place = { .end_ns = 10 };
  struct rlimit before, little;
  GStatBuf info;
  g_autoptr (GError) error = NULL;

  append (fixture, "", 10, FALSE, "web-1", 1);
  g_assert_no_errno (g_stat (path, &info));
  g_assert_no_errno (getrlimit (RLIMIT_FSIZE, &before));
  little = (struct rlimit){ (rlim_t) info.st_size + 5, before.rlim_max };
  signal (SIGXFSZ, SIG_IGN);
  g_assert_no_errno (setrlimit (RLIMIT_FSIZE, &little));
  g_assert_false (muster_pending_store_append (fixture->store, "", &place, "web-2", 2, &fixture->entry, &error));
  g_assert_no_errno (setrlimit (RLIMIT_FSIZE, &before));
  signal (SIGXFSZ, SIG_DFL);
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED);
  append (fixture, "", 10, FALSE, "web-3", 3);
  assert_restores (fixture, "web-1:1;web-3:3;");
  muster_pending_store_remove (fixture->store, "", 10, FALSE);
}

/* What nobody can use any more does not stay for ever. */
static void
test_useless (Fixture *fixture, gconstpointer data)
{
  append (fixture, "gone", 10, FALSE, "web-1", 1);
  fixture->refuses = TRUE;
  assert_restores (fixture, "web-1:1;");
  assert_restores (fixture, "");
}

/* What had arrived and nobody had looked at. */
static void
test_kept (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = g_byte_array_new ();
  g_autoptr (MusterBatch) batch = NULL;
  MusterOrigin origin = { .first_seq = 1, .pid = 7, .worker = { "web-1", 5 } };
  g_autoptr (GBytes) bytes = NULL;

  muster_encode_origin (log, &origin);
  g_byte_array_append (log, fixture->entry.bytes, (guint) fixture->entry.length);
  bytes = g_bytes_new (log->data, log->len);
  batch = muster_batch_new (bytes, NULL);
  for (guint i = 0; i < 3; i++)
    muster_pending_store_keep (fixture->store, i, batch);
  muster_pending_store_release (fixture->store, 1);
  assert_restores (fixture, ""); /* those are another matter */
  muster_pending_store_restore_kept (fixture->store, see, fixture);
  g_assert_cmpstr (fixture->seen->str, ==, "web-1:7;web-1:7;");
  g_string_truncate (fixture->seen, 0);
  muster_pending_store_restore_kept (fixture->store, see, fixture);
  g_assert_cmpstr (fixture->seen->str, ==, "");
}

/* A snapshot's parts may lie in several batches: they come back as they came. */
static void
test_kept_order (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GString) expected = g_string_new (NULL);

  for (guint i = 0; i < 40; i++)
    {
      g_autoptr (GByteArray) log = g_byte_array_new ();
      g_autoptr (GBytes) bytes = NULL;
      g_autoptr (MusterBatch) batch = NULL;
      MusterOrigin origin = { .first_seq = 1, .pid = i, .worker = { "web-1", 5 } };

      muster_encode_origin (log, &origin);
      g_byte_array_append (log, fixture->entry.bytes, (guint) fixture->entry.length);
      bytes = g_bytes_new (log->data, log->len);
      batch = muster_batch_new (bytes, NULL);
      muster_pending_store_keep (fixture->store, i, batch);
      g_string_append_printf (expected, "web-1:%u;", i);
    }
  muster_pending_store_restore_kept (fixture->store, see, fixture);
  g_assert_cmpstr (fixture->seen->str, ==, expected->str);
}

static void
test_unwritable (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterPendingStore) store = muster_pending_store_new ("/nonexistent");
  const MusterAggregatorPlace place = { .end_ns = 10 };
  g_autoptr (GError) error = NULL;

  g_assert_false (muster_pending_store_append (store, "", &place, "web-1", 1, &fixture->entry, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, "/nonexistent/pending--10.metrics"));
  muster_pending_store_restore (store, see, fixture);
}

#define ADD(name, func) g_test_add ("/pending-store/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("restore", test_restore);
  ADD ("torn", test_torn);
  ADD ("torn-twice", test_torn_twice);
  ADD ("full", test_full);
  ADD ("useless", test_useless);
  ADD ("kept", test_kept);
  ADD ("kept-order", test_kept_order);
  ADD ("unwritable", test_unwritable);
  return g_test_run ();
}
