/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From a sender to a collector: keys, interruptions, a spool that is full or damaged. Both are in this process.
 */
#include "config.h"

#include <fcntl.h>
#include <unistd.h>

#include "network-ends.h"

static void
start_both (Ends *ends)
{
  ends_make_key (ends, "collector");
  ends_make_key (ends, "shop");
  ends_allow (ends, "shop");
  ends_start_collector (ends, TRUE);
  ends_make_sender (ends, "shop", "collector.pub");
  ends_start_sender (ends);
}

static void
test_order (Ends *ends, gconstpointer data)
{
  Arrived arrived;

  start_both (ends);
  ends_wait_said (ends, "notice: transport central: connected to tcp://127.0.0.1:");
  for (guint i = 0; i < 200; i++)
    {
      ends_send (ends, 'a', 1 + i * 50, 50, MUSTER_LEVEL_INFO);
      ends_send (ends, 'b', 1 + i * 10, 10, MUSTER_LEVEL_DEBUG);
    }
  ends_wait_arrived (ends, 'a', 10001);
  arrived = ends_wait_arrived (ends, 'b', 2001);
  g_assert_cmpuint (arrived.out_of_order, ==, 0);
  g_assert_cmpuint (arrived.records[MUSTER_LEVEL_INFO], ==, 10000);
  g_assert_cmpuint (arrived.records[MUSTER_LEVEL_DEBUG], ==, 2000);
  ends_wait_number (ends, "spooled-bytes", 0);
}

/* What comes before anybody is there, and while nobody is. */
static void
test_interrupted (Ends *ends, gconstpointer data)
{
  Arrived arrived;

  ends_make_key (ends, "collector");
  ends_make_key (ends, "shop");
  ends_allow (ends, "shop");
  ends_start_collector (ends, TRUE);
  ends_stop_collector (ends); /* the address is known now */
  ends_make_sender (ends, "shop", "collector.pub");
  ends_start_sender (ends);
  ends_send (ends, 'a', 1, 10, MUSTER_LEVEL_INFO);
  ends_start_collector (ends, TRUE);
  ends_wait_arrived (ends, 'a', 11);
  ends_wait_number (ends, "spooled-batches", 0); /* who counts keeps no marks: all has to be acknowledged */
  for (guint i = 0; i < 5; i++)
    {
      ends_stop_collector (ends);
      ends_send (ends, 'a', 11 + i * 20, 10, MUSTER_LEVEL_INFO);
      ends_start_collector (ends, TRUE);
      ends_send (ends, 'a', 21 + i * 20, 10, MUSTER_LEVEL_INFO);
      arrived = ends_wait_arrived (ends, 'a', 31 + i * 20);
      ends_wait_number (ends, "spooled-batches", 0);
    }
  g_assert_cmpuint (arrived.records[MUSTER_LEVEL_INFO], ==, 110);
  g_assert_cmpuint (arrived.out_of_order, ==, 0);
  ends_wait_said (ends, "the connection was lost");
}

/* What is not acknowledged is sent by the next sender; what has arrived meanwhile is not taken twice. */
static void
test_sender_restart (Ends *ends, gconstpointer data)
{
  Arrived arrived;

  start_both (ends);
  ends_send (ends, 'a', 1, 10, MUSTER_LEVEL_INFO);
  ends_wait_arrived (ends, 'a', 11);
  ends_hold (ends, TRUE);
  ends_send (ends, 'a', 11, 10, MUSTER_LEVEL_INFO);
  ends_send (ends, 'a', 21, 10, MUSTER_LEVEL_INFO);
  ends_wait_taken (ends, 3);
  ends_stop_sender (ends);
  ends_make_sender (ends, "shop", "collector.pub");
  ends_start_sender (ends);
  ends_send (ends, 'a', 21, 10, MUSTER_LEVEL_INFO); /* had: left out by the mark */
  ends_send (ends, 'a', 31, 10, MUSTER_LEVEL_INFO);
  ends_hold (ends, FALSE);
  arrived = ends_wait_arrived (ends, 'a', 41);
  g_assert_cmpuint (arrived.records[MUSTER_LEVEL_INFO], ==, 40);
  g_assert_cmpuint (arrived.out_of_order, ==, 0);
}

/* A batch that is longer than an entry of the spool. */
static void
test_long_batch (Ends *ends, gconstpointer data)
{
  TestLog log = { NULL };
  g_autofree char *text = g_strnfill (60000, 'x');
  Arrived arrived;

  start_both (ends);
  test_log_origin (&log, 'a', 1, "web-1");
  for (guint i = 0; i < 2; i++)
    test_log_record (&log, MUSTER_LEVEL_INFO, text);
  ends_push (ends, test_log_end (&log));
  arrived = ends_wait_arrived (ends, 'a', 3);
  g_assert_cmpuint (arrived.records[MUSTER_LEVEL_INFO], ==, 2);
  g_assert_cmpuint (arrived.n_batches, ==, 2);
}

static void
test_compressed (Ends *ends, gconstpointer data)
{
  Arrived arrived;

  ends_start_collector (ends, FALSE);
  ends_make_sender (ends, NULL, NULL);
  g_object_set (ends->network, "compress", TRUE, NULL);
  ends_start_sender (ends);
  for (guint i = 0; i < 20; i++)
    ends_send (ends, 'a', 1 + i * 100, 100, MUSTER_LEVEL_INFO);
  arrived = ends_wait_arrived (ends, 'a', 2001);
  g_assert_cmpuint (arrived.records[MUSTER_LEVEL_INFO], ==, 2000);
  g_assert_cmpuint (arrived.out_of_order, ==, 0);
}

/* -- keys -- */

static void
expect_nothing (Ends *ends)
{
  g_mutex_lock (&ends->count->lock);
  g_assert_cmpuint (ends->count->arrived.n_batches, ==, 0);
  g_mutex_unlock (&ends->count->lock);
}

static void
test_unknown_key (Ends *ends, gconstpointer data)
{
  ends_make_key (ends, "collector");
  ends_make_key (ends, "shop");
  ends_allow (ends, "");
  ends_start_collector (ends, TRUE);
  ends_make_sender (ends, "shop", "collector.pub");
  ends_start_sender (ends);
  ends_send (ends, 'a', 1, 10, MUSTER_LEVEL_INFO);
  ends_wait_said (ends, "is not in allow-file");
  ends_wait_said (ends, "our key is not among those that it allows");
  expect_nothing (ends);
  g_assert_cmpuint (ends_count_said (ends, "is not in allow-file"), ==, 1);
  ends_allow (ends, "shop"); /* it comes back by itself */
  ends_wait_arrived (ends, 'a', 11);
}

static void
test_wrong_server_key (Ends *ends, gconstpointer data)
{
  ends_make_key (ends, "collector");
  ends_make_key (ends, "other");
  ends_make_key (ends, "shop");
  ends_allow (ends, "shop");
  ends_start_collector (ends, TRUE);
  ends_make_sender (ends, "shop", "other.pub");
  ends_start_sender (ends);
  ends_send (ends, 'a', 1, 10, MUSTER_LEVEL_INFO);
  ends_wait_said (ends, "its server-key-file is not our key");
  ends_wait_said (ends, "is server-key-file its key?");
  expect_nothing (ends);
}

static void
test_no_key (Ends *ends, gconstpointer data)
{
  ends_make_key (ends, "collector");
  ends_make_key (ends, "shop");
  ends_allow (ends, "shop");
  ends_start_collector (ends, TRUE);
  ends_make_sender (ends, NULL, NULL);
  ends_start_sender (ends);
  ends_send (ends, 'a', 1, 10, MUSTER_LEVEL_INFO);
  ends_wait_said (ends, "it does not use keys");
  expect_nothing (ends);
}

/* A key that is taken away ends the connection; others go on. */
static void
test_revoked (Ends *ends, gconstpointer data)
{
  Arrived arrived;

  start_both (ends);
  ends_send (ends, 'a', 1, 10, MUSTER_LEVEL_INFO);
  ends_wait_arrived (ends, 'a', 11);
  ends_make_key (ends, "other");
  ends_allow (ends, "other");
  ends_wait_said (ends, "shop is no longer allowed; its connection is cut");
  ends_wait_said (ends, "the connection was lost");
  ends_send (ends, 'a', 11, 10, MUSTER_LEVEL_INFO);
  ends_wait_said (ends, "our key is not among those that it allows");
  ends_allow (ends, "shop;other");
  arrived = ends_wait_arrived (ends, 'a', 21);
  g_assert_cmpuint (arrived.records[MUSTER_LEVEL_INFO], ==, 20);
  g_assert_cmpuint (arrived.out_of_order, ==, 0);
}

/* The same over a Unix socket. */
static void
test_revoked_ipc (Ends *ends, gconstpointer data)
{
  g_autofree char *path = ends_path (ends, "link");

  ends->address = g_strconcat ("ipc://", path, NULL);
  start_both (ends);
  ends_send (ends, 'a', 1, 10, MUSTER_LEVEL_INFO);
  ends_wait_arrived (ends, 'a', 11);
  ends_allow (ends, "");
  ends_wait_said (ends, "shop is no longer allowed; its connection is cut");
  ends_wait_said (ends, "the connection was lost");
}

/* The file is behind a link, whose directory is not the one where things change. */
static void
test_revoked_behind_link (Ends *ends, gconstpointer data)
{
  g_autofree char *path = ends_path (ends, "clients");
  g_autofree char *target = ends_path (ends, "clients.1");

  start_both (ends);
  ends_stop_collector (ends);
  g_assert_cmpint (g_rename (path, target), ==, 0);
  g_assert_cmpint (symlink (target, path), ==, 0);
  ends_start_collector (ends, TRUE);
  ends_send (ends, 'a', 1, 10, MUSTER_LEVEL_INFO);
  ends_wait_arrived (ends, 'a', 11);
  g_assert_true (g_file_set_contents (target, "# nobody\n", -1, NULL));
  ends_wait_said (ends, "shop is no longer allowed; its connection is cut");
}

/* A file of clients that cannot be read changes nothing. */
static void
test_bad_allow_file (Ends *ends, gconstpointer data)
{
  g_autofree char *path = ends_path (ends, "clients");

  start_both (ends);
  g_assert_true (g_file_set_contents (path, "rubbish\n", -1, NULL));
  ends_wait_said (ends, "clients:1: not a client");
  ends_send (ends, 'a', 1, 10, MUSTER_LEVEL_INFO);
  ends_wait_arrived (ends, 'a', 11);
}

/* -- the spool -- */

static void
flip_in_spool (Ends *ends, gsize offset)
{
  g_autofree char *path = ends_path (ends, "central.spool");
  int fd = open (path, O_RDWR | O_CLOEXEC);
  guint8 byte;

  g_assert_cmpint (pread (fd, &byte, 1, (off_t) offset), ==, 1);
  byte ^= (guint8) (1u << g_test_rand_int_range (0, 8));
  g_assert_cmpint (pwrite (fd, &byte, 1, (off_t) offset), ==, 1);
  close (fd);
}

/* Bits flipped in a spool that waits: each costs one batch at most, and that is declared with its exact count
 * by a collector that remembers where the stream stands; those in its header cost nothing. 1,000 of them with `-m slow`. */
static void
test_damaged (Ends *ends, gconstpointer data)
{
  guint rounds = g_test_slow () ? 1000 : 40, n_hit = 0;
  guint64 next = 2, lost = 0, declared;
  Arrived arrived;

  ends->count->keeps_marks = TRUE;
  ends_start_collector (ends, FALSE);
  ends_make_sender (ends, NULL, NULL);
  ends_start_sender (ends);
  ends_send (ends, 'a', 1, 1, MUSTER_LEVEL_INFO);
  ends_wait_arrived (ends, 'a', 2);
  ends_wait_number (ends, "spooled-batches", 0);
  for (guint round = 0; round < rounds; round++)
    {
      ends_stop_collector (ends);
      for (guint i = 0; i < 250; i++, next += 20)
        ends_send (ends, 'a', next, 20, MUSTER_LEVEL_INFO);
      ends_wait_taken (ends, round == 0 ? 251 : 250);
      ends_stop_sender (ends);
      flip_in_spool (ends, (gsize) (round % 10 == 0 ? g_test_rand_int_range (0, 4096)
                                                    : g_test_rand_int_range (4096, 4096 + (256 << 10))));
      ends_start_collector (ends, FALSE);
      ends_make_sender (ends, NULL, NULL);
      ends_start_sender (ends);
      ends_wait_number (ends, "spooled-batches", 0);
      ends_send (ends, 'a', next, 1, MUSTER_LEVEL_INFO);
      arrived = ends_wait_arrived (ends, 'a', ++next);
      ends_wait_number (ends, "spooled-batches", 0);
      ends_stop_sender (ends);
      ends_make_sender (ends, NULL, NULL);
      ends_start_sender (ends);
      g_assert_cmpuint (arrived.out_of_order, ==, 0);
      declared = arrived.gaps[MUSTER_GAP_CORRUPT] + arrived.gaps[MUSTER_GAP_UNKNOWN];
      g_assert_cmpuint (declared, <=, lost + (round % 10 == 0 ? 0 : 20));
      n_hit += declared > lost;
      lost = declared;
      g_assert_cmpuint (arrived.records[MUSTER_LEVEL_INFO] + lost, ==, next - 1);
    }
  g_assert_cmpuint (lost, >, 0);
  g_test_message ("%u flips, %u hit a batch: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                  " records are lost and declared",
                  rounds, n_hit, lost, next - 1);
}

/* Where in the file of the spool the first batch that waits begins. */
static gsize
find_first_waiting (Ends *ends)
{
  g_autofree char *path = ends_path (ends, "central.spool");
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  guint64 acknowledged;

  g_assert_cmpint (pread (fd, &acknowledged, sizeof acknowledged, 1152), ==, sizeof acknowledged);
  close (fd);
  return 4096 + (gsize) (acknowledged & ((256 << 10) - 1));
}

/* The first one that waits, of a sender that might have been elsewhere meanwhile: no number before it tells of it. */
static void
test_damaged_first (Ends *ends, gconstpointer data)
{
  const char *endpoints[] = { NULL, "tcp://127.0.0.1:9", NULL };
  guint64 next = 2;
  Arrived arrived;

  ends->count->keeps_marks = TRUE;
  ends_start_collector (ends, FALSE);
  endpoints[0] = ends->address;
  ends_make_sender (ends, NULL, NULL);
  g_object_set (ends->network, "endpoint", endpoints, NULL);
  ends_start_sender (ends);
  ends_send (ends, 'a', 1, 1, MUSTER_LEVEL_INFO);
  ends_wait_arrived (ends, 'a', 2);
  ends_wait_number (ends, "spooled-batches", 0);
  ends_stop_collector (ends);
  for (guint i = 0; i < 5; i++, next += 20)
    ends_send (ends, 'a', next, 20, MUSTER_LEVEL_INFO);
  ends_wait_taken (ends, 6);
  ends_stop_sender (ends);
  flip_in_spool (ends, find_first_waiting (ends) + 20);
  ends_start_collector (ends, FALSE);
  endpoints[0] = ends->address;
  ends_make_sender (ends, NULL, NULL);
  g_object_set (ends->network, "endpoint", endpoints, NULL);
  ends_start_sender (ends);
  arrived = ends_wait_arrived (ends, 'a', next);
  g_assert_cmpuint (arrived.gaps[MUSTER_GAP_CORRUPT], ==, 20);
  g_assert_cmpuint (arrived.gaps[MUSTER_GAP_UNKNOWN], ==, 0);
  g_assert_cmpuint (arrived.records[MUSTER_LEVEL_INFO], ==, 81);
  g_assert_cmpuint (arrived.out_of_order, ==, 0);
}

/* -- what a person writes -- */

static void
check_start (Ends *ends, const char *problem)
{
  g_autoptr (GError) error = NULL;

  ends->out = muster_pipeline_new ();
  muster_transport_set_state_dir (ends->network, ends->directory);
  muster_pipeline_add (ends->out, ends->network);
  muster_pipeline_set_report (ends->out, ends_transport_report_cb, ends);
  muster_pipeline_start (ends->out, &error);
  if (problem == NULL)
    g_assert_no_error (error);
  else if (error == NULL || strstr (error->message, problem) == NULL)
    g_error ("'%s' instead of '%s'", error != NULL ? error->message : "no error", problem);
  ends_stop_sender (ends);
}

static void
test_settings (Ends *ends, gconstpointer data)
{
  const char *far[] = { "tcp://logs.example.org:7171", NULL };

  ends->address = g_strdup ("tcp://127.0.0.1:9");
  ends_make_key (ends, "shop");
  ends_make_sender (ends, "shop", NULL);
  check_start (ends, "server-key-file: missing");
  ends_make_sender (ends, NULL, "shop.pub");
  check_start (ends, "key-file: missing");
  ends_make_sender (ends, "none", "shop.pub");
  check_start (ends, "key-file: ");
  ends_make_sender (ends, "shop", "none");
  check_start (ends, "server-key-file: ");
  ends_make_sender (ends, NULL, NULL);
  g_object_set (ends->network, "endpoint", far, NULL);
  check_start (ends, "insecure=true if that is meant");
  ends_make_sender (ends, NULL, NULL);
  g_object_set (ends->network, "endpoint", far, "insecure", TRUE, NULL);
  check_start (ends, NULL);
  ends_wait_said (ends, "warning: transport central: insecure:");
  ends_make_sender (ends, NULL, NULL);
  g_object_set (ends->network, "endpoint", NULL, NULL);
  check_start (ends, "endpoint: missing");
}

static void
check_source (const char *bind, const char *key, const char *allow, gboolean insecure, const char *problem)
{
  g_autoptr (MusterPipeline) pipeline = muster_pipeline_new ();
  const MusterSourceHouse house = { .pipeline = pipeline };
  g_autoptr (MusterSource) source = g_object_new (MUSTER_TYPE_SOURCE_NETWORK, "bind", bind, "key-file", key,
                                                  "allow-file", allow, "insecure", insecure, NULL);
  g_autoptr (GError) error = NULL;

  muster_pipeline_start (pipeline, NULL);
  muster_source_start (source, &house, &error);
  if (problem == NULL)
    g_assert_no_error (error);
  else if (error == NULL || strstr (error->message, problem) == NULL)
    g_error ("'%s' instead of '%s'", error != NULL ? error->message : "no error", problem);
  muster_source_stop (source);
  muster_pipeline_stop (pipeline, 0);
}

static void
test_source_settings (Ends *ends, gconstpointer data)
{
  g_autofree char *key = ends_path (ends, "collector");
  g_autofree char *allow = ends_path (ends, "clients");

  ends_make_key (ends, "collector");
  check_source (NULL, NULL, NULL, FALSE, "bind: missing");
  check_source ("tcp://*:*", NULL, NULL, FALSE, "insecure=true if that is meant");
  check_source ("tcp://*:*", NULL, NULL, TRUE, NULL);
  check_source ("tcp://127.0.0.1:*", key, NULL, FALSE, "allow-file: missing");
  check_source ("tcp://127.0.0.1:*", NULL, allow, FALSE, "key-file: missing");
  check_source ("tcp://127.0.0.1:*", key, allow, FALSE, "allow-file: ");
  check_source ("tcp://127.0.0.1:1x", NULL, NULL, FALSE, "bind: ");
  check_source ("tcp://192.0.2.1:7", NULL, NULL, TRUE, "cannot bind");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add ("/network/" name, Ends, NULL, ends_set_up, function, ends_tear_down)
  ADD ("order", test_order);
  ADD ("interrupted", test_interrupted);
  ADD ("sender-restart", test_sender_restart);
  ADD ("long-batch", test_long_batch);
  ADD ("compressed", test_compressed);
  ADD ("unknown-key", test_unknown_key);
  ADD ("wrong-server-key", test_wrong_server_key);
  ADD ("no-key", test_no_key);
  ADD ("revoked", test_revoked);
  ADD ("revoked-ipc", test_revoked_ipc);
  ADD ("revoked-behind-link", test_revoked_behind_link);
  ADD ("bad-allow-file", test_bad_allow_file);
  ADD ("damaged", test_damaged);
  ADD ("damaged-first", test_damaged_first);
  ADD ("settings", test_settings);
  ADD ("source-settings", test_source_settings);
  return g_test_run ();
}
