/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A sender in trouble: collectors that go away or refuse, a disk that fails, a spool that is full.
 */
#include "config.h"

#include <gio/gio.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "muster-link-private.h"
#include "muster-network-text.h"
#include "network-ends.h"
#include "sync-failure.h"

/* -- several endpoints -- */

/* Another process of this program: a collector without keys, that counts and says nothing but its address. */
G_GNUC_NORETURN static void
be_collector (const char *address)
{
  Ends ends = { .address = g_strcmp0 (address, "any") == 0 ? NULL : g_strdup (address) };

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  ends_set_up (&ends, NULL);
  ends_start_collector (&ends, FALSE);
  g_rmdir (ends.directory);
  printf ("%s\n", ends.address);
  fflush (stdout);
  for (;;)
    pause ();
}

/* @address: "any", or the one that it had before. Killed by g_subprocess_force_exit(). */
static GSubprocess *
start_other_collector (const char *address, char **actual)
{
  g_autoptr (GError) error = NULL;
  GSubprocess *process =
      g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error, "/proc/self/exe", "--collector", address, NULL);
  g_autoptr (GDataInputStream) lines = NULL;

  g_assert_no_error (error);
  lines = g_data_input_stream_new (g_subprocess_get_stdout_pipe (process));
  g_filter_input_stream_set_close_base_stream (G_FILTER_INPUT_STREAM (lines), FALSE);
  *actual = g_data_input_stream_read_line (lines, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (*actual);
  return process;
}

static void
kill_collector (GSubprocess *process)
{
  g_subprocess_force_exit (process);
  g_assert_true (g_subprocess_wait (process, NULL, NULL));
}

static void
start_sender_to (Ends *ends, const char *first, const char *second)
{
  const char *const endpoints[] = { first, second, NULL };

  ends_make_sender (ends, NULL, NULL);
  g_object_set (ends->network, "endpoint", endpoints, NULL);
  ends_start_sender (ends);
}

/* Nobody listens at the first one: no time is lost with that. */
static void
test_failover (Ends *ends, gconstpointer data)
{
  gint64 begin_us;
  Arrived arrived;

  ends_start_collector (ends, FALSE);
  begin_us = g_get_monotonic_time ();
  start_sender_to (ends, "tcp://127.0.0.1:1", ends->address);
  ends_send (ends, 'a', 1, 10, MUSTER_LEVEL_INFO);
  arrived = ends_wait_arrived (ends, 'a', 11);
  begin_us = g_get_monotonic_time () - begin_us;
  g_test_message ("the first batch after %.3f s", (double) begin_us / G_USEC_PER_SEC);
  g_assert_cmpint (begin_us, <, 3 * G_USEC_PER_SEC);
  g_assert_cmpuint (arrived.records[MUSTER_LEVEL_INFO], ==, 10);
  ends_wait_said (ends, "tcp://127.0.0.1:1: no answer");
}

/* The one in use is killed: what comes then is with the other one after the grace, whoever was tried for 5 s before. */
static void
test_failover_kill (Ends *ends, gconstpointer data)
{
  g_autofree char *address = NULL;
  g_autoptr (GSubprocess) first = start_other_collector ("any", &address);
  gint64 begin_us;

  ends_start_collector (ends, FALSE);
  start_sender_to (ends, address, ends->address);
  ends_send (ends, 'a', 1, 10, MUSTER_LEVEL_INFO);
  ends_wait_taken (ends, 1);
  ends_wait_number (ends, "spooled-batches", 0);
  kill_collector (first);
  begin_us = g_get_monotonic_time ();
  ends_send (ends, 'a', 11, 10, MUSTER_LEVEL_INFO);
  ends_wait_arrived (ends, 'a', 21);
  begin_us = g_get_monotonic_time () - begin_us;
  g_test_message ("the first batch after %.3f s", (double) begin_us / G_USEC_PER_SEC);
  g_assert_cmpint (begin_us, <, 4 * G_USEC_PER_SEC);
  g_assert_cmpuint (ends_count_said (ends, "the connection was lost"), ==, 1);
}

/* One that comes back within the grace is not left: what is on its way is not with both. */
static void
test_failover_grace (Ends *ends, gconstpointer data)
{
  g_autofree char *address = NULL;
  g_autofree char *same = NULL;
  g_autoptr (GSubprocess) first = start_other_collector ("any", &address);
  g_autoptr (GSubprocess) again = NULL;
  gint64 begin_us, away_us;
  Arrived arrived;

  ends_start_collector (ends, FALSE);
  start_sender_to (ends, address, ends->address);
  ends_wait_number (ends, "connections", 1);
  begin_us = g_get_monotonic_time ();
  kill_collector (first);
  again = start_other_collector (address, &same);
  away_us = g_get_monotonic_time () - begin_us;
  ends_wait_number (ends, "connections", 2);
  ends_send (ends, 'a', 1, 10, MUSTER_LEVEL_INFO);
  ends_wait_taken (ends, 1);
  ends_wait_number (ends, "spooled-batches", 0);
  g_mutex_lock (&ends->count->lock);
  arrived = ends->count->arrived;
  g_mutex_unlock (&ends->count->lock);
  if (away_us < G_USEC_PER_SEC / 3) /* else the machine was too slow for it */
    g_assert_cmpuint (arrived.n_batches, ==, 0);
  kill_collector (again);
}

/* Nobody is anywhere: it rests between the rounds, and says once of each that nobody is there. */
static void
test_failover_nobody (Ends *ends, gconstpointer data)
{
  start_sender_to (ends, "tcp://127.0.0.1:1", "tcp://127.0.0.1:2");
  ends_wait_said (ends, "tcp://127.0.0.1:1: no answer");
  ends_wait_said (ends, "tcp://127.0.0.1:2: no answer");
  g_usleep (2 * G_USEC_PER_SEC); /* three rounds */
  g_assert_cmpuint (ends_count_said (ends, "no answer"), ==, 2);
  ends_send (ends, 'a', 1, 10, MUSTER_LEVEL_INFO);
  ends_wait_taken (ends, 1);
}

/* -- what a collector says -- */

static void
check_tame (const char *bytes, gsize size, const char *expected)
{
  g_autofree char *text = muster_network_text_tame (bytes, size);

  g_assert_cmpstr (text, ==, expected);
}

static void
test_text (Ends *ends, gconstpointer data)
{
  g_autofree char *long_text = g_strnfill (256 * 1024, 'x');

  check_tame (NULL, 0, "");
  check_tame ("too long", 8, "too long");
  check_tame ("a\0b\r\nc\x1b[31m", 11, "a\357\277\275b  c [31m");
  check_tame ("\xff\xfe", 2, "\357\277\275\357\277\275");
  check_tame ("l\342\200\256r", 5, "l r"); /* right to left from here on */
  for (guint i = 0; i < 8; i++)            /* "\303\244" is cut whole, wherever it lies */
    {
      g_autofree char *text = NULL;

      memcpy (long_text + MUSTER_NETWORK_TEXT_MAX - 4, "\303\244\303\244\303\244\303\244", 8);
      text = muster_network_text_tame (long_text + i, 256 * 1024 - i);
      g_assert_true (g_str_has_suffix (text, "..."));
      g_assert_null (strstr (text, "\357\277\275"));
      g_assert_cmpuint (strlen (text), <=, MUSTER_NETWORK_TEXT_MAX + 3);
    }
  for (guint i = 0; i < 10000; i++)
    {
      guint32 bytes[100];
      g_autofree char *text = NULL;

      for (guint j = 0; j < G_N_ELEMENTS (bytes); j++)
        bytes[j] = g_test_rand_int () & (g_test_rand_bit () ? 0xf0f0f0f0 : 0x7f7f7f7f);
      text = muster_network_text_tame (bytes, (gsize) g_test_rand_int_range (0, sizeof bytes));
      g_assert_true (g_utf8_validate (text, -1, NULL));
      g_assert_cmpuint (strlen (text), <=, 3 * MUSTER_NETWORK_TEXT_MAX + 3);
    }
}

/* A collector that refuses the first sender that says HELLO, with a reason as long as a message may be. */
static void
refuse_once (void *router, const char *reason, gsize length)
{
  const MusterLinkHeader refused = { .type = MUSTER_LINK_REFUSED };
  guint8 id[256], rest[1024], header[MUSTER_LINK_HEADER_SIZE];
  int id_length = zmq_recv (router, id, sizeof id, 0);

  g_assert_cmpint (id_length, >, 0);
  g_assert_cmpint (zmq_recv (router, rest, sizeof rest, 0), >, 0);
  g_assert_cmpint (zmq_recv (router, rest, sizeof rest, 0), >, 0);
  muster_link_header_encode (&refused, header);
  zmq_send (router, id, (gsize) id_length, ZMQ_SNDMORE);
  zmq_send (router, header, sizeof header, ZMQ_SNDMORE);
  zmq_send (router, reason, length, 0);
}

static void
test_refused_at_length (Ends *ends, gconstpointer data)
{
  void *context = zmq_ctx_new ();
  void *router = zmq_socket (context, ZMQ_ROUTER);
  g_autofree char *reason = g_strnfill (200 * 1024, '\n');
  char address[64];
  gsize size = sizeof address;

  g_assert_cmpint (zmq_bind (router, "tcp://127.0.0.1:*"), ==, 0);
  zmq_getsockopt (router, ZMQ_LAST_ENDPOINT, address, &size);
  start_sender_to (ends, address, NULL);
  refuse_once (router, reason, 200 * 1024);
  ends_wait_said (ends, "refuses what we send: ");
  g_mutex_lock (&ends->lock);
  g_assert_cmpuint (ends->said->len, <, 2 * MUSTER_NETWORK_TEXT_MAX);
  g_mutex_unlock (&ends->lock);
  ends_stop_sender (ends);
  zmq_close (router);
  zmq_ctx_term (context);
}

/* -- a disk that fails -- */

static guint64
get_batches (Ends *ends)
{
  MusterTransportCounters counters;

  muster_transport_get_counters (ends->network, &counters);
  return counters.batches;
}

static void
start_both_synced (Ends *ends)
{
  ends_start_collector (ends, FALSE);
  ends_make_sender (ends, NULL, NULL);
  g_object_set (ends->network, "sync", MUSTER_SYNC_BATCH, NULL);
  ends_start_sender (ends);
}

/* Waits until some more syncs have failed. */
static void
wait_synced (int n)
{
  gint64 deadline_us = g_get_monotonic_time () + DEADLINE_US;

  for (n += g_atomic_int_get (&sync_count); g_atomic_int_get (&sync_count) < n; g_usleep (1000))
    g_assert_cmpint (g_get_monotonic_time (), <, deadline_us);
}

/* With sync=batch nothing is done, nor sent, before a sync has succeeded; and nothing is in the spool twice. */
static void
test_sync_failed (Ends *ends, gconstpointer data)
{
  Arrived arrived;

  start_both_synced (ends);
  ends_send (ends, 'a', 1, 10, MUSTER_LEVEL_INFO);
  arrived = ends_wait_arrived (ends, 'a', 11);
  g_atomic_int_set (&sync_fails, TRUE);
  ends_send (ends, 'a', 11, 10, MUSTER_LEVEL_INFO);
  ends_send (ends, 'b', 1, 10, MUSTER_LEVEL_INFO);
  ends_wait_said (ends, "cannot sync the spool: Input/output error; trying again");
  wait_synced (3);
  g_assert_cmpuint (get_batches (ends), ==, 1);
  g_assert_cmpuint (ends_wait_arrived (ends, 'a', 11).n_batches, ==, arrived.n_batches);
  g_atomic_int_set (&sync_fails, FALSE);
  ends_wait_arrived (ends, 'a', 21);
  arrived = ends_wait_arrived (ends, 'b', 11);
  g_assert_cmpuint (arrived.records[MUSTER_LEVEL_INFO], ==, 30);
  g_assert_cmpuint (arrived.out_of_order, ==, 0);
  ends_wait_said (ends, "goes on after");
  g_assert_cmpuint (ends_count_said (ends, "cannot sync"), ==, 1);
}

/* What could not be synced when the sender ended was not done: it comes again, and is in the spool once. */
static void
test_sync_failed_restart (Ends *ends, gconstpointer data)
{
  Arrived arrived;

  start_both_synced (ends);
  ends_send (ends, 'a', 1, 10, MUSTER_LEVEL_INFO);
  ends_wait_arrived (ends, 'a', 11);
  g_atomic_int_set (&sync_fails, TRUE);
  ends_send (ends, 'a', 11, 10, MUSTER_LEVEL_INFO);
  ends_wait_said (ends, "cannot sync the spool");
  muster_pipeline_stop (ends->out, G_USEC_PER_SEC / 5);
  ends_stop_sender (ends);
  g_atomic_int_set (&sync_fails, FALSE);
  ends_make_sender (ends, NULL, NULL);
  g_object_set (ends->network, "sync", MUSTER_SYNC_BATCH, NULL);
  ends_start_sender (ends);
  ends_send (ends, 'a', 11, 10, MUSTER_LEVEL_INFO);
  ends_send (ends, 'a', 21, 10, MUSTER_LEVEL_INFO);
  arrived = ends_wait_arrived (ends, 'a', 31);
  g_assert_cmpuint (arrived.records[MUSTER_LEVEL_INFO], ==, 30);
  g_assert_cmpuint (arrived.out_of_order, ==, 0);
}

/* With sync=interval it is said, and tried again. */
static void
test_sync_failed_late (Ends *ends, gconstpointer data)
{
  ends_start_collector (ends, FALSE);
  ends_make_sender (ends, NULL, NULL);
  g_object_set (ends->network, "sync", MUSTER_SYNC_INTERVAL, "sync-interval", (gint64) 10000, NULL);
  ends_start_sender (ends);
  g_atomic_int_set (&sync_fails, TRUE);
  ends_send (ends, 'a', 1, 10, MUSTER_LEVEL_INFO);
  ends_wait_arrived (ends, 'a', 11);
  ends_wait_said (ends, "cannot sync the spool: Input/output error; what has come since may be lost");
  wait_synced (3);
  g_atomic_int_set (&sync_fails, FALSE);
  ends_wait_said (ends, "the spool is synced again");
  g_assert_cmpuint (ends_count_said (ends, "cannot sync"), ==, 1);
}

/* -- a spool that is full -- */

#define FULL_BATCHES 400
#define FULL_EACH    20

/* The collector is away, and there is more than has room: of stream `i`, and, at last, errors of stream `e`. */
static void
fill (Ends *ends, MusterSync sync)
{
  ends_start_collector (ends, FALSE);
  ends_make_sender (ends, NULL, NULL);
  g_object_set (ends->network, "sync", sync, NULL);
  ends_start_sender (ends);
  ends_send (ends, 'i', 1, 1, MUSTER_LEVEL_INFO);
  ends_wait_arrived (ends, 'i', 2);
  ends_wait_number (ends, "spooled-batches", 0);
  ends_stop_collector (ends);
  ends_wait_said (ends, "the connection was lost");
  for (guint i = 0; i < FULL_BATCHES; i++)
    {
      ends_send (ends, 'i', 2 + i * FULL_EACH, FULL_EACH, MUSTER_LEVEL_INFO);
      if (i >= FULL_BATCHES / 2)
        ends_send (ends, 'e', 1 + (i - FULL_BATCHES / 2), 1, MUSTER_LEVEL_ERROR);
    }
  ends_wait_taken (ends, 1 + FULL_BATCHES + FULL_BATCHES / 2);
  ends_wait_said (ends, "the spool is full");
}

/* All of it arrives, or is declared, and @n_more of stream `i` that had no room. */
static void
check_full (Ends *ends, guint n_more)
{
  const guint n = 1 + FULL_BATCHES * FULL_EACH + n_more;
  Arrived arrived;
  guint64 gone;

  ends_wait_arrived (ends, 'e', 1 + FULL_BATCHES / 2);
  arrived = ends_wait_arrived (ends, 'i', 1 + n); /* nothing has to come behind it */
  gone = arrived.gaps[MUSTER_GAP_SPOOL_FULL];
  g_assert_cmpuint (arrived.out_of_order, ==, 0);
  g_assert_cmpuint (gone, >, FULL_BATCHES);
  g_assert_cmpuint (arrived.records[MUSTER_LEVEL_INFO] + gone, ==, n);
  g_assert_cmpuint (arrived.records[MUSTER_LEVEL_ERROR], >=, FULL_BATCHES / 2);
  ends_wait_said (ends, "the spool has room again");
}

/* What has no room is declared with its count, and `error` is kept longest. */
static void
test_full (Ends *ends, gconstpointer data)
{
  fill (ends, MUSTER_SYNC_NONE);
  ends_start_collector (ends, FALSE);
  check_full (ends, 0);
}

/* Gaps that are owed wait for a sync, too, and are said once; so does what comes behind them. */
static void
test_full_sync_failed (Ends *ends, gconstpointer data)
{
  const guint n_more = 500; /* too much for what is left, and left out: that needs no sync */

  fill (ends, MUSTER_SYNC_BATCH);
  g_atomic_int_set (&sync_fails, TRUE);
  ends_send (ends, 'i', 2 + FULL_BATCHES * FULL_EACH, n_more, MUSTER_LEVEL_INFO);
  ends_wait_said (ends, "cannot make durable what was written: cannot sync the spool");
  ends_send (ends, 'x', 1, 1, MUSTER_LEVEL_ERROR);
  ends_wait_said (ends, "cannot sync the spool: Input/output error; trying again");
  wait_synced (3);
  g_assert_cmpuint (get_batches (ends), <, 3 + FULL_BATCHES + FULL_BATCHES / 2);
  g_atomic_int_set (&sync_fails, FALSE);
  ends_wait_taken (ends, 3 + FULL_BATCHES + FULL_BATCHES / 2);
  ends_start_collector (ends, FALSE);
  ends_wait_arrived (ends, 'x', 2);
  check_full (ends, n_more);
}

/* What was left out is declared too where another process goes on. */
static void
test_full_restart (Ends *ends, gconstpointer data)
{
  const guint n = 400, each = 20;
  Arrived arrived;

  ends_start_collector (ends, FALSE);
  ends_stop_collector (ends);
  ends_make_sender (ends, NULL, NULL);
  ends_start_sender (ends);
  for (guint i = 0; i < n; i++)
    ends_send (ends, 'i', 1 + i * each, each, MUSTER_LEVEL_INFO);
  ends_wait_taken (ends, n);
  ends_stop_sender (ends);
  ends_start_collector (ends, FALSE);
  ends_make_sender (ends, NULL, NULL);
  ends_start_sender (ends);
  ends_wait_number (ends, "spooled-batches", 0);
  ends_send (ends, 'i', 1 + n * each, 1, MUSTER_LEVEL_INFO);
  arrived = ends_wait_arrived (ends, 'i', 2 + n * each);
  g_assert_cmpuint (arrived.out_of_order, ==, 0);
  g_assert_cmpuint (arrived.records[MUSTER_LEVEL_INFO] + arrived.gaps[MUSTER_GAP_SPOOL_FULL], ==, 1 + n * each);
  g_assert_cmpuint (arrived.gaps[MUSTER_GAP_SPOOL_FULL], >, n);
}

int
main (int argc, char **argv)
{
  if (argc == 3 && g_str_equal (argv[1], "--collector"))
    be_collector (argv[2]);
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add ("/network-sender/" name, Ends, NULL, ends_set_up, function, ends_tear_down)
  ADD ("failover", test_failover);
  ADD ("failover-kill", test_failover_kill);
  ADD ("failover-grace", test_failover_grace);
  ADD ("failover-nobody", test_failover_nobody);
  ADD ("text", test_text);
  ADD ("refused-at-length", test_refused_at_length);
  ADD ("sync-failed", test_sync_failed);
  ADD ("sync-failed-restart", test_sync_failed_restart);
  ADD ("sync-failed-late", test_sync_failed_late);
  ADD ("full", test_full);
  ADD ("full-sync-failed", test_full_sync_failed);
  ADD ("full-restart", test_full_restart);
  return g_test_run ();
}
