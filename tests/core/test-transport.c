/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The base class of transports, with a mock that succeeds, hesitates, refuses or stands still.
 */
#include "config.h"

#include "test-mock-transport.h"

/* What the callbacks were told; its lock guards it. */
typedef struct
{
  GMutex lock;
  GCond cond;
  GString *done;    /* "a1 a11 ": the first number of each batch */
  GString *reports; /* "warning transport mock: ...\n" */
  guint n_done;
  guint n_reports;
} Ear;

static void
done_cb (MusterTransport *transport, MusterBatch *batch, gpointer user_data)
{
  Ear *ear = user_data;

  g_mutex_lock (&ear->lock);
  g_string_append_printf (ear->done, "%c%" G_GUINT64_FORMAT " ", muster_batch_get_origin (batch)->stream[0],
                          muster_batch_get_first_seq (batch));
  ear->n_done++;
  g_cond_broadcast (&ear->cond);
  g_mutex_unlock (&ear->lock);
}

static void
report_cb (MusterTransport *transport, MusterLevel level, const char *message, gpointer user_data)
{
  Ear *ear = user_data;

  g_mutex_lock (&ear->lock);
  g_string_append_printf (ear->reports, "%s %s\n", muster_level_to_string (level), message);
  ear->n_reports++;
  g_cond_broadcast (&ear->cond);
  g_mutex_unlock (&ear->lock);
}

typedef struct
{
  Ear ear;
  MockTransport *mock;
  MusterTransport *transport; /* the same */
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_mutex_init (&fixture->ear.lock);
  g_cond_init (&fixture->ear.cond);
  fixture->ear.done = g_string_new (NULL);
  fixture->ear.reports = g_string_new (NULL);
  fixture->mock = mock_transport_new ("mock");
  fixture->transport = MUSTER_TRANSPORT (fixture->mock);
  muster_transport_set_callbacks (fixture->transport, done_cb, report_cb, &fixture->ear);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  if (fixture->mock != NULL)
    {
      muster_transport_stop (fixture->transport, TEST_DEADLINE_US);
      g_assert_finalize_object (fixture->mock);
    }
  g_string_free (fixture->ear.done, TRUE);
  g_string_free (fixture->ear.reports, TRUE);
  g_cond_clear (&fixture->ear.cond);
  g_mutex_clear (&fixture->ear.lock);
}

static void
start (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;

  muster_transport_start (fixture->transport, &error);
  g_assert_no_error (error);
}

static void
push (Fixture *fixture, MusterBatch *batch)
{
  muster_transport_push (fixture->transport, batch);
  muster_batch_unref (batch);
}

static void
push_records (Fixture *fixture, guint64 first_seq, guint n)
{
  push (fixture, test_batch ('a', first_seq, n, "web-1", MUSTER_LEVEL_INFO));
}

static void
wait_for (Ear *ear, const guint *counter, guint n)
{
  gint64 deadline_us = g_get_monotonic_time () + TEST_DEADLINE_US;

  g_mutex_lock (&ear->lock);
  while (*counter < n)
    g_assert_true (g_cond_wait_until (&ear->cond, &ear->lock, deadline_us));
  g_mutex_unlock (&ear->lock);
}

static void
assert_written (Fixture *fixture, const char *expected)
{
  g_autofree char *written = mock_transport_get_written (fixture->mock);

  g_assert_cmpstr (written, ==, expected);
}

static void
test_order (Fixture *fixture, gconstpointer data)
{
  MusterTransportCounters counters;

  push_records (fixture, 1, 2); /* what comes before the start waits */
  start (fixture);
  push_records (fixture, 3, 1);
  push_records (fixture, 4, 1);
  wait_for (&fixture->ear, &fixture->ear.n_done, 3);
  assert_written (fixture, "a1 a2 ;a3 ;a4 ;");
  g_assert_cmpstr (fixture->ear.done->str, ==, "a1 a3 a4 ");
  mock_transport_wait (fixture->mock, &fixture->mock->n_flushes, 1);
  muster_transport_get_counters (fixture->transport, &counters);
  g_assert_cmpuint (counters.batches, ==, 3);
  g_assert_cmpuint (counters.entries, ==, 4);
  g_assert_cmpuint (counters.bytes, >, 0);
  g_assert_cmpuint (counters.queued, ==, 0);
  g_assert_cmpuint (counters.retries + counters.failed + counters.dropped + counters.filtered, ==, 0);
}

static void
test_properties (Fixture *fixture, gconstpointer data)
{
  g_autofree char *name = NULL;
  g_autofree char *workers = NULL;
  gint64 delay, delay_max;
  guint64 size;
  gboolean required;
  MusterLevel level;
  g_autoptr (MockTransport) nameless = g_object_new (mock_transport_get_type (), NULL);

  g_object_get (nameless, "workers", &workers, "retry-delay", &delay, "retry-delay-max", &delay_max, "queue-size",
                &size, "required", &required, "level", &level, NULL);
  g_assert_cmpstr (workers, ==, "*");
  g_assert_cmpint (delay, ==, 100000);
  g_assert_cmpint (delay_max, ==, 30000000);
  g_assert_cmpuint (size, ==, 1048576);
  g_assert_true (required);
  g_assert_cmpint (level, ==, MUSTER_LEVEL_DEBUG);
  g_assert_cmpstr (muster_transport_get_name (MUSTER_TRANSPORT (nameless)), ==, "MockTransport");
  g_object_get (fixture->mock, "name", &name, NULL);
  g_assert_cmpstr (name, ==, "mock");
  g_object_set (fixture->mock, "required", FALSE, NULL);
  g_assert_false (muster_transport_get_required (fixture->transport));
}

static void
test_level (Fixture *fixture, gconstpointer data)
{
  TestLog log = { NULL };
  MusterTransportCounters counters;

  g_object_set (fixture->mock, "level", 6 /* notice */, NULL);
  start (fixture);
  push_records (fixture, 1, 5);
  test_log_origin (&log, 'a', 6, "web-1");
  test_log_record (&log, MUSTER_LEVEL_DEBUG, "");
  test_log_snapshot (&log);
  test_log_gap (&log, 3, MUSTER_GAP_TORN);
  test_log_record (&log, MUSTER_LEVEL_ERROR, "");
  push (fixture, test_log_end (&log));
  wait_for (&fixture->ear, &fixture->ear.n_done, 2);
  g_assert_cmpstr (fixture->ear.done->str, ==, "a1 a6 ");
  assert_written (fixture, "a1+6filtered a7 a8+3torn a11 ;");
  muster_transport_get_counters (fixture->transport, &counters);
  g_assert_cmpuint (counters.filtered, ==, 6);
  g_assert_cmpuint (counters.entries, ==, 5);

  /* it may change at any time; none lets no record pass */
  g_object_set (fixture->mock, "level", MUSTER_LEVEL_NONE, NULL);
  push (fixture, test_batch ('a', 12, 2, "web-1", MUSTER_LEVEL_EMERGENCY));
  wait_for (&fixture->ear, &fixture->ear.n_done, 3);
  assert_written (fixture, "a1+6filtered a7 a8+3torn a11 ;");
}

static void
test_workers (Fixture *fixture, gconstpointer data)
{
  TestLog log = { NULL };

  g_object_set (fixture->mock, "workers", "web-*; db-?", NULL);
  start (fixture);
  push (fixture, test_batch ('a', 1, 1, "web-17", MUSTER_LEVEL_INFO));
  push (fixture, test_batch ('b', 1, 1, "db-1", MUSTER_LEVEL_INFO));
  push (fixture, test_batch ('c', 1, 1, "db-10", MUSTER_LEVEL_INFO));
  push (fixture, test_batch ('d', 1, 1, "\xff\xfe", MUSTER_LEVEL_INFO)); /* from the network anything may come */
  test_log_origin (&log, 'm', 1, "master");
  test_log_snapshot (&log);
  test_log_record (&log, MUSTER_LEVEL_INFO, "");
  test_log_origin (&log, 'm', 3, "web-1");
  test_log_record (&log, MUSTER_LEVEL_INFO, "");
  push (fixture, test_log_end (&log));
  wait_for (&fixture->ear, &fixture->ear.n_done, 5);
  assert_written (fixture, "a1 ;b1 ;m1+2filtered m3 ;");
}

static void
test_no_workers (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_object_set (fixture->mock, "workers", " ; ", NULL);
  g_assert_false (muster_transport_start (fixture->transport, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, "workers"));
  g_assert_cmpuint (fixture->mock->n_stops, ==, 1);
}

static void
test_start_fails (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->mock->start_with = "no road";
  g_assert_false (muster_transport_start (fixture->transport, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE);
  g_assert_cmpuint (fixture->mock->n_stops, ==, 0);
}

static void
test_retry (Fixture *fixture, gconstpointer data)
{
  MusterTransportCounters counters;
  g_auto (GStrv) lines = NULL;

  fixture->mock->script = "DRRRD";
  start (fixture);
  push_records (fixture, 1, 1);
  push_records (fixture, 2, 1);
  push_records (fixture, 3, 1);
  wait_for (&fixture->ear, &fixture->ear.n_done, 3);
  assert_written (fixture, "a1 ;a2 ;a3 ;");
  lines = g_strsplit (fixture->ear.reports->str, "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), ==, 3); /* the last is empty: said once when it begins, once when it ends */
  g_assert_cmpstr (lines[0], ==, "warning transport mock: the moon is full; trying again");
  g_assert_true (g_str_has_prefix (lines[1], "notice transport mock: goes on after "));
  muster_transport_get_counters (fixture->transport, &counters);
  g_assert_cmpuint (counters.retries, ==, 3);
}

static void
test_failed (Fixture *fixture, gconstpointer data)
{
  MusterTransportCounters counters;

  fixture->mock->script = "DF";
  start (fixture);
  for (guint i = 0; i < 3; i++)
    push_records (fixture, 1 + 10 * i, 10);
  wait_for (&fixture->ear, &fixture->ear.n_done, 3);
  assert_written (fixture, "a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 ;a11+10refused a21 a22 a23 a24 a25 a26 a27 a28 a29 a30 ;");
  g_assert_cmpstr (fixture->ear.reports->str, ==,
                   "error transport mock: 10 entries refused for good: the moon is full\n");
  muster_transport_get_counters (fixture->transport, &counters);
  g_assert_cmpuint (counters.failed, ==, 10);
  g_assert_cmpuint (counters.entries, ==, 20);
}

/* What does not fit is dropped, counted, and declared in its place; a single batch of any size is taken. */
static void
test_best_effort (Fixture *fixture, gconstpointer data)
{
  MusterTransportCounters counters;
  gsize size;
  g_autoptr (MusterBatch) first = test_batch ('a', 1, 10, "web-1", MUSTER_LEVEL_INFO);

  muster_batch_get_data (first, &size);
  g_object_set (fixture->mock, "required", FALSE, "queue-size", (guint64) size * 5 / 2, NULL);
  fixture->mock->gate_closed = TRUE;
  start (fixture);
  muster_transport_push (fixture->transport, first);
  mock_transport_wait (fixture->mock, &fixture->mock->n_inside, 1);
  for (guint i = 1; i < 6; i++) /* one is being written, one may wait; four go */
    push_records (fixture, 1 + 10 * i, 10);
  push (fixture, test_batch ('b', 1, 10, "web-2", MUSTER_LEVEL_INFO));
  muster_transport_get_counters (fixture->transport, &counters);
  g_assert_cmpuint (counters.dropped, ==, 50);
  g_assert_cmpuint (counters.queued, ==, 20);
  mock_transport_set_gate (fixture->mock, FALSE);
  mock_transport_wait (fixture->mock, &fixture->mock->n_flushes, 1);
  push_records (fixture, 61, 1);
  push (fixture, test_batch ('b', 11, 1, "web-2", MUSTER_LEVEL_INFO));
  mock_transport_wait (fixture->mock, &fixture->mock->n_attempts, 4);
  muster_transport_stop (fixture->transport, TEST_DEADLINE_US);
  assert_written (fixture, "a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 ;a11 a12 a13 a14 a15 a16 a17 a18 a19 a20 ;"
                           "a21+40refused a61 ;b1+10refused b11 ;");
  g_assert_cmpuint (fixture->ear.n_done, ==, 0);
}

static void
test_best_effort_large (Fixture *fixture, gconstpointer data)
{
  g_object_set (fixture->mock, "required", FALSE, "queue-size", (guint64) 0, NULL);
  start (fixture);
  push_records (fixture, 1, 1);
  mock_transport_wait (fixture->mock, &fixture->mock->n_flushes, 1);
  assert_written (fixture, "a1 ;");
}

static void
test_required_is_unbounded (Fixture *fixture, gconstpointer data)
{
  MusterTransportCounters counters;

  g_object_set (fixture->mock, "queue-size", (guint64) 1, NULL);
  fixture->mock->gate_closed = TRUE;
  start (fixture);
  for (guint i = 0; i < 1000; i++)
    push_records (fixture, i + 1, 1);
  muster_transport_get_counters (fixture->transport, &counters);
  g_assert_cmpuint (counters.queued, ==, 1000);
  mock_transport_set_gate (fixture->mock, FALSE);
  wait_for (&fixture->ear, &fixture->ear.n_done, 1000);
}

static void
test_scheduled_flush (Fixture *fixture, gconstpointer data)
{
  fixture->mock->flush_again_us = 1000;
  start (fixture);
  push_records (fixture, 1, 1);
  mock_transport_wait (fixture->mock, &fixture->mock->n_flushes,
                       3); /* one for the empty queue, two that it asked for */
  g_assert_cmpuint (fixture->mock->n_attempts, ==, 1);
}

static void
test_reopen (Fixture *fixture, gconstpointer data)
{
  start (fixture);
  muster_transport_reopen (fixture->transport); /* while it sleeps */
  mock_transport_wait (fixture->mock, &fixture->mock->n_reopens, 1);
  g_mutex_lock (&fixture->mock->lock);
  fixture->mock->script = "r";
  g_mutex_unlock (&fixture->mock->lock);
  push_records (fixture, 1, 1);
  wait_for (&fixture->ear, &fixture->ear.n_reports, 1);
  muster_transport_reopen (fixture->transport); /* while it tries again and again */
  mock_transport_wait (fixture->mock, &fixture->mock->n_reopens, 2);
  g_mutex_lock (&fixture->mock->lock);
  fixture->mock->script = "D";
  g_mutex_unlock (&fixture->mock->lock);
  wait_for (&fixture->ear, &fixture->ear.n_done, 1);
}

static void
test_stop_writes (Fixture *fixture, gconstpointer data)
{
  fixture->mock->gate_closed = TRUE;
  start (fixture);
  for (guint i = 0; i < 20; i++)
    push_records (fixture, i + 1, 1);
  mock_transport_wait (fixture->mock, &fixture->mock->n_inside, 1);
  g_assert_false (muster_transport_is_stopping (fixture->transport));
  muster_transport_begin_stop (fixture->transport, g_get_monotonic_time () + TEST_DEADLINE_US);
  g_assert_true (muster_transport_is_stopping (fixture->transport));
  mock_transport_set_gate (fixture->mock, FALSE);
  muster_transport_end_stop (fixture->transport);
  g_assert_cmpuint (fixture->ear.n_done, ==, 20);
  g_assert_cmpuint (fixture->mock->n_stops, ==, 1);
  push_records (fixture, 21, 1); /* nobody takes it any more, and nothing breaks */
  g_assert_cmpuint (fixture->ear.n_done, ==, 20);
}

/* A stop interrupts a long wait: there is one more chance. */
static void
test_stop_interrupts (Fixture *fixture, gconstpointer data)
{
  gint64 before_us = g_get_monotonic_time ();

  g_object_set (fixture->mock, "retry-delay", G_GINT64_CONSTANT (3600000000), "retry-delay-max",
                G_GINT64_CONSTANT (3600000000), NULL);
  fixture->mock->script = "RD";
  start (fixture);
  push_records (fixture, 1, 1);
  wait_for (&fixture->ear, &fixture->ear.n_reports, 1);
  muster_transport_stop (fixture->transport, TEST_DEADLINE_US);
  g_assert_cmpuint (fixture->ear.n_done, ==, 1);
  g_assert_cmpint (g_get_monotonic_time () - before_us, <, TEST_DEADLINE_US);
}

static void
test_stop_gives_up (Fixture *fixture, gconstpointer data)
{
  g_object_set (fixture->mock, "retry-delay", G_GINT64_CONSTANT (3600000000), "retry-delay-max",
                G_GINT64_CONSTANT (3600000000), NULL);
  fixture->mock->script = "r";
  start (fixture);
  push_records (fixture, 1, 1);
  push_records (fixture, 2, 1);
  wait_for (&fixture->ear, &fixture->ear.n_reports, 1);
  muster_transport_stop (fixture->transport, 20000);
  g_assert_cmpuint (fixture->ear.n_done, ==, 0);
  g_assert_cmpuint (fixture->mock->n_stops, ==, 1); /* the thread came home, and closed what it had open */
  assert_written (fixture, "");
}

/* Nobody waits for best effort. */
static void
test_stop_best_effort (Fixture *fixture, gconstpointer data)
{
  gint64 before_us = g_get_monotonic_time ();
  MusterTransportCounters counters;

  g_object_set (fixture->mock, "required", FALSE, NULL);
  fixture->mock->script = "r";
  start (fixture);
  push_records (fixture, 1, 5);
  push_records (fixture, 6, 5);
  wait_for (&fixture->ear, &fixture->ear.n_reports, 1);
  muster_transport_stop (fixture->transport, TEST_DEADLINE_US);
  g_assert_cmpint (g_get_monotonic_time () - before_us, <, TEST_DEADLINE_US / 2);
  muster_transport_get_counters (fixture->transport, &counters);
  g_assert_cmpuint (counters.dropped, ==, 10);
}

/* A subclass that does not come back is left behind: no callback, and nothing freed under it. */
static void
test_stop_stalled (Fixture *fixture, gconstpointer data)
{
  gboolean finalized = FALSE;
  gint64 deadline_us = g_get_monotonic_time () + TEST_DEADLINE_US;
  MockTransport *mock = fixture->mock;
  g_autoptr (MusterBatch) batch = test_batch ('a', 1, 1, "web-1", MUSTER_LEVEL_INFO);

  mock->finalized = &finalized;
  mock->gate_closed = TRUE;
  start (fixture);
  muster_transport_push (fixture->transport, batch);
  muster_transport_push (fixture->transport, batch);
  mock_transport_wait (mock, &mock->n_inside, 1);
  muster_transport_stop (fixture->transport, 20000);
  g_object_ref (mock);
  g_clear_object (&fixture->mock); /* besides ours there is the thread's reference */
  mock_transport_set_gate (mock, FALSE);
  g_object_unref (mock);
  while (!g_atomic_int_get (&finalized))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline_us);
      g_thread_yield ();
    }
  g_assert_cmpuint (fixture->ear.n_done, ==, 0);
}

/* -- marks -- */

/* What an earlier life has had is left out, and is acknowledged all the same. */
static void
test_mark (Fixture *fixture, gconstpointer data)
{
  fixture->mock->mark = 15;
  start (fixture);
  push_records (fixture, 1, 5);
  push_records (fixture, 6, 9);
  push_records (fixture, 13, 4);
  push_records (fixture, 17, 2);
  wait_for (&fixture->ear, &fixture->ear.n_done, 4);
  assert_written (fixture, "a15 a16 ;a17 a18 ;");
  g_assert_cmpstr (fixture->ear.done->str, ==, "a1 a6 a13 a17 ");
}

/* A gap that the mark goes through is declared from there on. */
static void
test_mark_in_gap (Fixture *fixture, gconstpointer data)
{
  TestLog log = { NULL };

  fixture->mock->mark = 5;
  start (fixture);
  test_log_origin (&log, 'a', 1, "web-1");
  test_log_record (&log, MUSTER_LEVEL_INFO, "one");
  test_log_gap (&log, 10, MUSTER_GAP_TORN);
  test_log_record (&log, MUSTER_LEVEL_INFO, "twelve");
  push (fixture, test_log_end (&log));
  wait_for (&fixture->ear, &fixture->ear.n_done, 1);
  assert_written (fixture, "a5+7torn a12 ;");
}

/* Whoever keeps marks is told of what is not to be written, too. */
static void
test_skip (Fixture *fixture, gconstpointer data)
{
  g_object_set (fixture->mock, "level", MUSTER_LEVEL_WARNING, NULL);
  fixture->mock->script = "F";
  start (fixture);
  push_records (fixture, 1, 10);                                          /* left out */
  push (fixture, test_batch ('a', 11, 2, "web-1", MUSTER_LEVEL_WARNING)); /* refused */
  push (fixture, test_batch ('a', 13, 1, "web-1", MUSTER_LEVEL_WARNING));
  wait_for (&fixture->ear, &fixture->ear.n_done, 3);
  assert_written (fixture, "a1+10filtered a11+2refused a13 ;");
  g_assert_cmpstr (fixture->mock->notes->str, ==, "skip a11;skip a13;");
}

static void
test_forget (Fixture *fixture, gconstpointer data)
{
  guint8 stream[MUSTER_STREAM_ID_SIZE];

  memset (stream, 'a', sizeof stream);
  g_object_set (fixture->mock, "level", MUSTER_LEVEL_WARNING, NULL);
  start (fixture);
  push_records (fixture, 1, 10);
  muster_transport_forget (fixture->transport, stream);
  mock_transport_wait (fixture->mock, &fixture->mock->n_forgets, 1);
  push (fixture, test_batch ('a', 11, 1, "web-1", MUSTER_LEVEL_WARNING)); /* of what was left out nothing is known */
  wait_for (&fixture->ear, &fixture->ear.n_done, 2);
  assert_written (fixture, "a11 ;");
  g_assert_cmpstr (fixture->mock->notes->str, ==, "skip a11;forget a;");
}

/* The base class's own filter goes on where an earlier life left it. */
static void
test_pending (Fixture *fixture, gconstpointer data)
{
  const MusterPendingRuns pending = { .first_seq = 8, .n_runs = 1, .runs = { { 2, MUSTER_GAP_REFUSED } } };

  muster_transport_set_required (fixture->transport, data == NULL);
  fixture->mock->restore = &pending;
  start (fixture);
  push_records (fixture, data == NULL ? 15 : 20, 1);
  mock_transport_wait (fixture->mock, &fixture->mock->n_attempts, 1);
  /* what waited for a transport that nobody waited for is gone */
  assert_written (fixture,
                  data == NULL ? "a8+2refused a10+5filtered a15 ;" : "a8+2refused a10+5filtered a15+5refused a20 ;");
}

static void
test_state_dir (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = NULL;

  g_assert_null (muster_transport_get_state_dir (fixture->transport));
  g_assert_true (muster_transport_keeps_state (fixture->transport));
  muster_transport_set_state_dir (fixture->transport, "/var/lib/x");
  g_object_get (fixture->transport, "state-dir", &path, NULL);
  g_assert_cmpstr (path, ==, "/var/lib/x");
}

#define TRANSPORT_TEST(name, function) g_test_add (name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  TRANSPORT_TEST ("/transport/order", test_order);
  TRANSPORT_TEST ("/transport/properties", test_properties);
  TRANSPORT_TEST ("/transport/level", test_level);
  TRANSPORT_TEST ("/transport/workers", test_workers);
  TRANSPORT_TEST ("/transport/no-workers", test_no_workers);
  TRANSPORT_TEST ("/transport/start-fails", test_start_fails);
  TRANSPORT_TEST ("/transport/retry", test_retry);
  TRANSPORT_TEST ("/transport/failed", test_failed);
  TRANSPORT_TEST ("/transport/best-effort", test_best_effort);
  TRANSPORT_TEST ("/transport/best-effort/large", test_best_effort_large);
  TRANSPORT_TEST ("/transport/required-is-unbounded", test_required_is_unbounded);
  TRANSPORT_TEST ("/transport/scheduled-flush", test_scheduled_flush);
  TRANSPORT_TEST ("/transport/reopen", test_reopen);
  TRANSPORT_TEST ("/transport/stop/writes", test_stop_writes);
  TRANSPORT_TEST ("/transport/stop/interrupts", test_stop_interrupts);
  TRANSPORT_TEST ("/transport/stop/gives-up", test_stop_gives_up);
  TRANSPORT_TEST ("/transport/stop/best-effort", test_stop_best_effort);
  TRANSPORT_TEST ("/transport/stop/stalled", test_stop_stalled);
  TRANSPORT_TEST ("/transport/mark", test_mark);
  TRANSPORT_TEST ("/transport/mark/in-gap", test_mark_in_gap);
  TRANSPORT_TEST ("/transport/skip", test_skip);
  TRANSPORT_TEST ("/transport/forget", test_forget);
  TRANSPORT_TEST ("/transport/pending", test_pending);
  g_test_add ("/transport/pending/best-effort", Fixture, "best effort", set_up, test_pending, tear_down);
  TRANSPORT_TEST ("/transport/state-dir", test_state_dir);
  return g_test_run ();
}
