/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A whole cluster: real processes, real links, and a transport that remembers.
 */
#include "config.h"

#include "muster-journal-layout-private.h"
#include "muster-logger-private.h"
#include "muster-runtime-dir-private.h"
#include "test-collector.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <unistd.h>

typedef struct
{
  char *base;
  char *runtime_dir;
  char *state_dir;
  MusterCluster *cluster;
  Collector *collector;
  GPtrArray *events;      /* "started web-1", "up web-1", "exited web-1 1", "message web-1 TEXT", "record MESSAGE" */
  GPtrArray *lines;       /* what the collector has, when it was looked at last */
  MusterDataset *dataset; /* the last delivery */
  guint n_deliveries;
  gboolean stopped;
  GError *stop_error;
} Fixture;

static void
note (Fixture *fixture, char *event)
{
  g_ptr_array_add (fixture->events, event);
}

static void
started_cb (MusterCluster *cluster, MusterWorkerProcess *process, Fixture *fixture)
{
  note (fixture, g_strdup_printf ("started %s", muster_worker_process_get_id (process)));
}

static void
restarted_cb (MusterCluster *cluster, MusterWorkerProcess *process, Fixture *fixture)
{
  note (fixture, g_strdup_printf ("restarted %s", muster_worker_process_get_id (process)));
}

static void
exited_cb (MusterCluster *cluster, MusterWorkerProcess *process, MusterExitReason reason, Fixture *fixture)
{
  note (fixture, g_strdup_printf ("exited %s %d", muster_worker_process_get_id (process), reason));
}

static void
message_cb (MusterCluster *cluster, MusterWorkerProcess *process, GVariant *message, Fixture *fixture)
{
  const char *text = g_variant_get_string (message, NULL);

  if (strcmp (text, "up") == 0)
    note (fixture, g_strdup_printf ("up %s", muster_worker_process_get_id (process)));
  else
    note (fixture, g_strdup_printf ("message %s %s", muster_worker_process_get_id (process), text));
}

static void
record_cb (MusterCluster *cluster, MusterRecord *record, Fixture *fixture)
{
  note (fixture,
        g_strdup_printf ("record %s: %s", muster_record_get_worker (record), muster_record_get_message (record)));
}

static void
delivery_cb (MusterCluster *cluster, MusterDataset *dataset, Fixture *fixture)
{
  g_clear_pointer (&fixture->dataset, muster_dataset_unref);
  fixture->dataset = muster_dataset_ref (dataset);
  fixture->n_deliveries++;
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->base = g_dir_make_tmp ("muster-XXXXXX", NULL);
  fixture->runtime_dir = g_build_filename (fixture->base, "run", NULL);
  fixture->events = g_ptr_array_new_with_free_func (g_free);
  fixture->collector = g_object_new (collector_get_type (), "name", "collector", NULL);
  fixture->state_dir = g_build_filename (fixture->base, "state", NULL);
  fixture->cluster = g_object_new (MUSTER_TYPE_CLUSTER, "name", "test", "host", "here", "runtime-dir",
                                   fixture->runtime_dir, "state-dir", fixture->state_dir, NULL);
  muster_cluster_add_transport (fixture->cluster, MUSTER_TRANSPORT (fixture->collector));
  g_signal_connect (fixture->cluster, "worker-started", G_CALLBACK (started_cb), fixture);
  g_signal_connect (fixture->cluster, "worker-restarted", G_CALLBACK (restarted_cb), fixture);
  g_signal_connect (fixture->cluster, "worker-exited", G_CALLBACK (exited_cb), fixture);
  g_signal_connect (fixture->cluster, "message", G_CALLBACK (message_cb), fixture);
  g_signal_connect (fixture->cluster, "delivery", G_CALLBACK (delivery_cb), fixture);
}

/* What lies in the journals' directory afterwards; removes it. */
static guint
take_journals (Fixture *fixture)
{
  g_autoptr (MusterRuntimeDir) runtime_dir = muster_runtime_dir_open (fixture->runtime_dir, "test", FALSE, NULL);
  const char *path = muster_runtime_dir_get_journals (runtime_dir);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  guint n = 0;

  for (; (name = g_dir_read_name (dir)) != NULL; n++)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);

      g_unlink (file);
    }
  return n;
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_assert_finalize_object (fixture->cluster);
  g_assert_finalize_object (fixture->collector);
  g_assert_cmpuint (take_journals (fixture), ==, 0);
  g_assert_cmpint (g_rmdir (fixture->base), ==, 0); /* nothing is left behind */
  g_clear_pointer (&fixture->dataset, muster_dataset_unref);
  g_clear_pointer (&fixture->lines, g_ptr_array_unref);
  g_clear_error (&fixture->stop_error);
  g_ptr_array_unref (fixture->events);
  g_free (fixture->runtime_dir);
  g_free (fixture->state_dir);
  g_free (fixture->base);
}

static gboolean
late_cb (gpointer user_data)
{
  Fixture *fixture = user_data;

  for (guint i = 0; i < fixture->events->len && i < 100; i++)
    g_printerr ("# event: %s\n", (char *) g_ptr_array_index (fixture->events, i));
  for (guint i = 0; fixture->lines != NULL && i < fixture->lines->len && i < 100; i++)
    g_printerr ("# line: %s\n", (char *) g_ptr_array_index (fixture->lines, i));
  g_error ("waited too long");
  return G_SOURCE_REMOVE;
}

static gboolean
look_cb (gpointer user_data)
{
  return G_SOURCE_CONTINUE; /* what a transport's thread does wakes no main loop */
}

#define AWAIT(fixture, condition)                                                                                      \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    guint watchdog = g_timeout_add (30000, late_cb, fixture);                                                          \
    guint look = g_timeout_add (5, look_cb, NULL);                                                                     \
    while (!(condition))                                                                                               \
      g_main_context_iteration (NULL, TRUE);                                                                           \
    g_source_remove (look);                                                                                            \
    g_source_remove (watchdog);                                                                                        \
  }                                                                                                                    \
  G_STMT_END

static guint
count_events (Fixture *fixture, const char *event)
{
  return lines_count (fixture->events, event);
}

static guint
count_lines (Fixture *fixture, const char *prefix)
{
  g_clear_pointer (&fixture->lines, g_ptr_array_unref);
  fixture->lines = collector_read (fixture->collector);
  return lines_count (fixture->lines, prefix);
}

static MusterWorkerGroup *
add_group (Fixture *fixture, const char *exec)
{
  g_autoptr (MusterWorkerGroup) group = muster_worker_group_new ("web", exec);

  muster_cluster_add_group (fixture->cluster, group);
  return group;
}

static MusterWorkerGroup *
add_worker_group (Fixture *fixture, const char *arguments)
{
  /* A sanitizer's handler would turn each signal into an abort. */
  static const char *const environment[] = { "ASAN_OPTIONS=handle_segv=0:handle_abort=0:detect_leaks=0",
                                             "TSAN_OPTIONS=handle_segv=0:handle_abort=0", NULL };
  g_autofree char *exec =
      g_strdup_printf ("%s %s", g_test_get_filename (G_TEST_BUILT, "cluster", "cluster-worker", NULL), arguments);
  MusterWorkerGroup *group = add_group (fixture, exec);

  g_object_set (group, "environment", environment, NULL);
  return group;
}

static void
start (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;

  muster_cluster_start (fixture->cluster, &error);
  g_assert_no_error (error);
}

static void
stopped_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Fixture *fixture = user_data;

  g_clear_error (&fixture->stop_error);
  muster_cluster_stop_finish (MUSTER_CLUSTER (object), result, &fixture->stop_error);
  fixture->stopped = TRUE;
}

static void
stop (Fixture *fixture)
{
  fixture->stopped = FALSE;
  muster_cluster_stop_async (fixture->cluster, NULL, stopped_cb, fixture);
  AWAIT (fixture, fixture->stopped);
}

static MusterWorkerProcess *
worker (Fixture *fixture, guint index)
{
  g_autoptr (GPtrArray) list = muster_cluster_list_workers (fixture->cluster);

  g_assert_cmpuint (index, <, list->len);
  return g_ptr_array_index (list, index);
}

/* Every process that was started has called its `start`. (That it runs would not say so: what has not said HELLO within
 * a second counts as a program that is not linked with Muster.) */
static gboolean
all_are_up (Fixture *fixture)
{
  return count_events (fixture, "up ") == count_events (fixture, "started ");
}

static GVariant *
text (const char *string)
{
  return g_variant_new_string (string);
}

/* -- the tests ----------------------------------------------------------------------------------- */

static void
test_alone (Fixture *fixture, gconstpointer data)
{
  g_autofree char *json = NULL;

  g_assert_null (muster_cluster_get_logger (fixture->cluster));
  start (fixture);
  muster_warning (muster_cluster_get_logger (fixture->cluster), "it is %d", 42);
  muster_debug (muster_cluster_get_logger (fixture->cluster), "not this");
  muster_metrics_inc (muster_cluster_get_metrics (fixture->cluster), NULL, "requests", 1);
  g_assert_cmpstr (muster_cluster_get_runtime_dir (fixture->cluster), ==, fixture->runtime_dir);
  stop (fixture);
  g_assert_no_error (fixture->stop_error);
  g_assert_cmpuint (count_lines (fixture, "master notice muster: the primary of cluster test started"), ==, 1);
  g_assert_cmpuint (count_lines (fixture, "master warning muster: it is 42"), ==, 1);
  g_assert_cmpuint (count_lines (fixture, "master debug"), ==, 0);
  g_assert_cmpuint (count_lines (fixture, "master snapshot"), ==, 1);
  g_assert_cmpuint (count_lines (fixture, "master dataset"), ==, 1);
  g_assert_cmpstr (g_ptr_array_index (fixture->lines, fixture->lines->len - 1), ==,
                   "master notice muster: the primary of cluster test stopped");
  g_assert_cmpuint (fixture->n_deliveries, ==, 1); /* the interval that had begun */
  json = muster_dataset_to_json (fixture->dataset);
  g_assert_nonnull (strstr (json, "\"requests\""));
}

static void
test_shell (Fixture *fixture, gconstpointer data)
{
  MusterWorkerGroup *group = add_group (fixture, "sh -c 'echo one; echo two >&2; printf three; exit 7'");

  g_object_set (group, "restart", MUSTER_RESTART_NO, NULL);
  start (fixture);
  AWAIT (fixture, count_events (fixture, "exited web-1 1") == 1);
  g_assert_cmpint (muster_worker_process_get_exit_status (worker (fixture, 0)), ==, 7);
  stop (fixture);
  g_assert_no_error (fixture->stop_error);
  g_assert_cmpuint (count_lines (fixture, "web-1 error muster: ended with status 7 after"), ==, 1);
  g_assert_cmpuint (count_lines (fixture, "web-1 info stdout: one"), ==, 1);
  g_assert_cmpuint (count_lines (fixture, "web-1 warning stderr: two"), ==, 1);
  g_assert_cmpuint (count_lines (fixture, "web-1 info stdout: three"), ==, 1);
  g_assert_cmpuint (count_lines (fixture, "master notice muster: started"), ==, 1);
  g_assert_cmpuint (count_events (fixture, "started web-1"), ==, 1);
  g_assert_cmpint (muster_dataset_get_n_expected (fixture->dataset), ==, 1); /* a shell reports no metrics */
}

/* What this is all about. */
static void
test_last_words (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *how, *end;
  } deaths[] = {
    { "kill", "web-1 critical muster: ended by signal 9 (SIGKILL) after" },
    { "segv", "web-1 critical muster: ended by signal 11 (SIGSEGV)" },
    { "abort", "web-1 critical muster: ended by signal 6 (SIGABRT)" },
    { "exit7", "web-1 error muster: ended with status 7 after" },
    { "return", "web-1 notice muster: ended with status 0 after" },
  };
  const char *how = data;
  g_autofree char *arguments = g_strdup_printf ("burst 20000 %s", how);
  MusterWorkerGroup *group = add_worker_group (fixture, arguments);
  guint word = 0;
  gboolean ended = FALSE;

  g_object_set (group, "restart", MUSTER_RESTART_NO, NULL);
  start (fixture);
  AWAIT (fixture, count_events (fixture, "exited web-1") == 1);
  stop (fixture);
  g_assert_no_error (fixture->stop_error);
  g_assert_cmpuint (count_lines (fixture, "web-1 info : word "), ==, 20000);
  g_assert_cmpuint (count_lines (fixture, "web-1 warning stderr: and so does this"), ==, 1);
  for (guint i = 0; i < fixture->lines->len; i++)
    {
      const char *line = g_ptr_array_index (fixture->lines, i);

      if (g_str_has_prefix (line, "web-1 info : word "))
        {
          g_assert_false (ended); /* the end is the stream's last entry */
          g_assert_cmpuint ((guint) atoi (strrchr (line, ' ')), ==, ++word);
        }
      for (gsize k = 0; k < G_N_ELEMENTS (deaths); k++)
        ended = ended || (strcmp (deaths[k].how, how) == 0 && g_str_has_prefix (line, deaths[k].end));
    }
  g_assert_true (ended);
}

typedef struct
{
  const char *how, *said, *end, *function;
} Crash;

static const Crash crashes[] = {
  { "crash", "crashed by signal 11 (SIGSEGV) at address 0x0", "ended by signal 11 (SIGSEGV)", "#0 crash_on_purpose+" },
  { "thread-crash", "crashed by signal 11 (SIGSEGV) at address 0x0", "ended by signal 11 (SIGSEGV)",
    " die_in_thread+" },
  { "overflow", "crashed by signal 11 (SIGSEGV) at address 0x", "ended by signal 11 (SIGSEGV)",
    "#1 overflow_on_purpose+" },
  { "abort", "crashed by signal 6 (SIGABRT)", "ended by signal 6 (SIGABRT)", " main+" },
  { "g-error", "crashed by signal 5 (SIGTRAP)", "ended by signal 5 (SIGTRAP)", " main+" },
};

static guint
index_of (Fixture *fixture, const char *prefix)
{
  for (guint i = 0; i < fixture->lines->len; i++)
    if (g_str_has_prefix (g_ptr_array_index (fixture->lines, i), prefix))
      return i;
  return G_MAXUINT;
}

static void
test_crash (Fixture *fixture, gconstpointer data)
{
  const Crash *crash = data;
  g_autofree char *arguments = g_strdup_printf ("burst 1000 %s", crash->how);
  g_autofree char *said = g_strdup_printf ("web-1 critical muster: %s", crash->said);
  g_autofree char *end = g_strdup_printf ("web-1 critical muster: %s", crash->end);
  g_autofree char *raw = NULL;
  g_autofree char *named = NULL;
  g_autofree char *printed = NULL;

  g_object_set (add_worker_group (fixture, arguments), "restart", MUSTER_RESTART_NO, NULL);
  start (fixture);
  AWAIT (fixture, count_events (fixture, "exited web-1") == 1);
  stop (fixture);
  g_assert_no_error (fixture->stop_error);
  g_assert_cmpuint (count_lines (fixture, "web-1 info : word "), ==, 1000);
  g_assert_cmpuint (index_of (fixture, said), >, index_of (fixture, "web-1 info : word 1000"));
  g_assert_cmpuint (index_of (fixture, end), >, index_of (fixture, said));
  g_assert_cmpuint (count_lines (fixture, end), ==, 1);
  raw = collector_find_field (fixture->collector, crash->said, "backtrace");
  named = collector_find_field (fixture->collector, crash->end, "backtrace");
  printed = collector_find_field (fixture->collector, crash->end, "stderr");
  g_assert_nonnull (raw);
  g_assert_nonnull (strstr (raw, "cluster-worker+0x"));
  g_assert_nonnull (named);
  g_test_message ("%s", named);
  g_assert_nonnull (strstr (named, crash->function));
  g_assert_nonnull (strstr (printed, "and so does this"));
}

static void
test_thread_exit (Fixture *fixture, gconstpointer data)
{
  g_object_set (add_worker_group (fixture, "burst 1000 thread-exit"), "restart", MUSTER_RESTART_NO, NULL);
  start (fixture);
  AWAIT (fixture, count_events (fixture, "exited web-1") == 1);
  stop (fixture);
  g_assert_no_error (fixture->stop_error);
  g_assert_cmpuint (count_lines (fixture, "web-1 info : word "), ==, 1000);
  g_assert_cmpuint (count_lines (fixture, "web-1 error muster: ended with status 7 after"), ==, 1);
}

/* A worker that crashed while no primary lived: its journal alone can say so. */
static void
test_crashed_before (Fixture *fixture, gconstpointer data)
{
  MusterJournalIdentity identity = { .stream = "crashed-before-", .pid = 4194303, .worker = "web-1", .group = "web" };
  MusterJournalCrash crash = { .signal = SIGBUS, .n_frames = 1 };
  g_autoptr (GError) error = NULL;
  MusterJournal *journal;
  int fd;

  {
    g_autoptr (MusterRuntimeDir) runtime_dir = muster_runtime_dir_open (fixture->runtime_dir, "test", FALSE, &error);
    g_autofree char *path = NULL;

    g_assert_no_error (error);
    path = g_build_filename (muster_runtime_dir_get_journals (runtime_dir),
                             "web-1-637261736865642d6265666f72652d00.journal", NULL);
    identity.start_time_us = g_get_real_time ();
    fd = muster_journal_create_file (path, 262144, &identity, &error);
  }
  journal = muster_journal_open (fd, &error);
  g_assert_no_error (error);
  crash.time_ns = (guint64) (identity.start_time_us + 5 * G_USEC_PER_SEC) * 1000;
  crash.frames[0] = (MusterJournalCrashFrame){ .address = 0xabc, .module = MUSTER_JOURNAL_CRASH_NO_MODULE };
  muster_journal_write_crash (journal, &crash);
  muster_journal_unref (journal);
  start (fixture);
  stop (fixture);
  g_assert_no_error (fixture->stop_error);
  g_assert_cmpuint (count_lines (fixture, "web-1 critical muster: ended by signal 7 (SIGBUS) after 5.0 s"), ==, 1);
  {
    g_autofree char *backtrace = collector_find_field (fixture->collector, "ended by signal 7", "backtrace");

    g_assert_cmpstr (backtrace, ==, "#0 0xabc");
  }
}

static void
test_messages (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  /* No boundary comes between the ends of the workers and the primary's: there is one dataset, of all three. */
  g_object_set (fixture->cluster, "interval", G_TIME_SPAN_DAY, NULL);
  g_object_set (add_worker_group (fixture, "serve"), "instances", 2, NULL);
  start (fixture);
  g_assert_false (muster_cluster_send (fixture->cluster, "web-1", text ("x"), &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE);
  AWAIT (fixture, all_are_up (fixture));
  g_clear_error (&error);
  g_assert_true (muster_cluster_send (fixture->cluster, "web-2", text ("echo hi"), &error));
  g_assert_no_error (error);
  AWAIT (fixture, count_events (fixture, "message web-2 web-2 says hi") == 1);
  muster_cluster_broadcast (fixture->cluster, "web", text ("echo all"));
  AWAIT (fixture, count_events (fixture, "message web-1 web-1 says all") == 1
                      && count_events (fixture, "message web-2 web-2 says all") == 1);
  g_assert_false (muster_cluster_send (fixture->cluster, "web-3", text ("x"), &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND);
  stop (fixture);
  g_assert_no_error (fixture->stop_error);
  g_assert_cmpuint (count_lines (fixture, "web-1 info : hello from web-1"), ==, 1);
  g_assert_cmpuint (count_lines (fixture, "web-1 info : bye"), ==, 1);
  g_assert_cmpuint (count_lines (fixture, "web-1 notice muster: ended with status 0 after"), ==, 1);
  g_assert_cmpuint (count_lines (fixture, "web-2 snapshot"), >=, 1);
  g_assert_cmpint (muster_dataset_get_n_expected (fixture->dataset), ==, 3);
  g_assert_cmpint (muster_dataset_get_n_reported (fixture->dataset), ==, 3);
}

static void
test_deliveries (Fixture *fixture, gconstpointer data)
{
  g_autofree char *json = NULL;

  g_object_set (fixture->cluster, "interval", 200 * G_TIME_SPAN_MILLISECOND, NULL);
  g_object_set (add_worker_group (fixture, "serve"), "instances", 2, NULL);
  start (fixture);
  AWAIT (fixture, fixture->dataset != NULL && muster_dataset_get_n_reported (fixture->dataset) == 3);
  g_assert_cmpuint (muster_dataset_get_n_expected (fixture->dataset), ==, 3);
  json = muster_dataset_to_json (fixture->dataset);
  g_assert_nonnull (strstr (json, "\"master\""));
  g_assert_nonnull (strstr (json, "\"web-1\""));
  g_assert_nonnull (strstr (json, "\"web-2\""));
  stop (fixture);
  g_assert_no_error (fixture->stop_error);
  g_assert_cmpuint (count_lines (fixture, "master dataset"), ==, fixture->n_deliveries);
}

static void
test_restart (Fixture *fixture, gconstpointer data)
{
  g_object_set (add_worker_group (fixture, "serve"), "restart-delay", (gint64) 1000, NULL);
  start (fixture);
  for (guint i = 1; i <= 3; i++)
    {
      AWAIT (fixture, all_are_up (fixture));
      g_assert_true (muster_cluster_send (fixture->cluster, "web-1", text (i == 2 ? "die kill" : "die segv"), NULL));
      AWAIT (fixture, count_events (fixture, "restarted web-1") == i);
    }
  g_assert_cmpuint (muster_worker_process_get_restarts (worker (fixture, 0)), ==, 3);
  AWAIT (fixture, all_are_up (fixture));
  stop (fixture);
  g_assert_no_error (fixture->stop_error);
  g_assert_cmpuint (count_lines (fixture, "web-1 info : last words"), ==, 3);
  g_assert_cmpuint (count_lines (fixture, "web-1 info : hello from web-1"), ==, 4);
  g_assert_cmpuint (count_lines (fixture, "web-1 critical muster: ended by signal 11 (SIGSEGV)"), ==, 2);
  g_assert_cmpuint (count_lines (fixture, "web-1 critical muster: ended by signal 9 (SIGKILL)"), ==, 1);
  g_assert_cmpuint (count_lines (fixture, "master notice muster: started"), ==, 4);
}

static void
test_tap (Fixture *fixture, gconstpointer data)
{
  gulong handler;

  start (fixture);
  muster_info (muster_cluster_get_logger (fixture->cluster), "unheard");
  AWAIT (fixture, count_lines (fixture, "master info muster: unheard") == 1);
  handler = g_signal_connect (fixture->cluster, "record", G_CALLBACK (record_cb), fixture);
  g_main_context_iteration (NULL, FALSE);
  muster_info (muster_cluster_get_logger (fixture->cluster), "heard");
  AWAIT (fixture, count_events (fixture, "record master: heard") == 1);
  g_signal_handler_disconnect (fixture->cluster, handler);
  g_main_context_iteration (NULL, FALSE);
  muster_info (muster_cluster_get_logger (fixture->cluster), "unheard again");
  AWAIT (fixture, count_lines (fixture, "master info muster: unheard again") == 1);
  handler = g_signal_connect (fixture->cluster, "record", G_CALLBACK (record_cb), fixture);
  g_main_context_iteration (NULL, FALSE);
  stop (fixture);
  g_assert_cmpuint (count_events (fixture, "record master: unheard"), ==, 0);
  /* The very last one too. */
  g_assert_cmpuint (count_events (fixture, "record master: the primary of cluster test stopped"), ==, 1);
  g_signal_handler_disconnect (fixture->cluster, handler);
}

static void
test_many (Fixture *fixture, gconstpointer data)
{
  g_object_set (add_worker_group (fixture, "serve"), "instances", 64, "journal-size", (guint64) 262144, NULL);
  start (fixture);
  AWAIT (fixture, all_are_up (fixture));
  stop (fixture);
  g_assert_no_error (fixture->stop_error);
  if (count_lines (fixture, "master notice muster: started") != 64)
    for (guint i = 0; i < fixture->lines->len; i++)
      g_test_message ("%s", (char *) g_ptr_array_index (fixture->lines, i));
  g_assert_cmpuint (lines_count (fixture->lines, "master notice muster: started"), ==, 64);
  for (guint i = 1; i <= 64; i++)
    {
      g_autofree char *hello = g_strdup_printf ("web-%u info : hello from web-%u", i, i);
      g_autofree char *end = g_strdup_printf ("web-%u notice muster: ended with status 0", i);

      g_assert_cmpuint (lines_count (fixture->lines, hello), >=, 1);
      g_assert_cmpuint (lines_count (fixture->lines, end), ==, 1);
    }
}

static void
test_scale (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (muster_cluster_scale (fixture->cluster, "web", 1, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE);
  g_clear_error (&error);
  add_worker_group (fixture, "serve");
  start (fixture);
  g_assert_true (muster_cluster_scale (fixture->cluster, "web", 3, &error));
  AWAIT (fixture, all_are_up (fixture));
  g_assert_true (muster_cluster_scale (fixture->cluster, "web", 1, &error));
  AWAIT (fixture, count_events (fixture, "exited web-") == 2);
  g_assert_true (muster_cluster_restart (fixture->cluster, "*", &error));
  AWAIT (fixture, count_events (fixture, "restarted web-1") == 1 && all_are_up (fixture));
  stop (fixture);
  g_assert_no_error (fixture->stop_error);
}

static void
test_second_primary (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterCluster) second = g_object_new (MUSTER_TYPE_CLUSTER, "name", "test", "runtime-dir",
                                                   fixture->runtime_dir, "state-dir", fixture->state_dir, NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *expected = g_strdup_printf ("another primary, process %d, has the runtime directory %s",
                                               (int) getpid (), fixture->runtime_dir);

  start (fixture);
  g_assert_false (muster_cluster_start (fixture->cluster, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_EXISTS);
  g_clear_error (&error);
  g_assert_false (muster_cluster_start (second, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_EXISTS);
  g_assert_cmpstr (error->message, ==, expected);
  stop (fixture);
  g_assert_no_error (fixture->stop_error);
}

static void
assert_start_fails (Fixture *fixture, MusterError code, const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (muster_cluster_start (fixture->cluster, &error));
  g_assert_error (error, MUSTER_ERROR, (int) code);
  g_assert_cmpstr (error->message, ==, message);
  g_assert_false (g_file_test (fixture->runtime_dir, G_FILE_TEST_EXISTS)); /* nothing is left */
}

static void
test_bad_groups (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterWorkerGroup) twin = muster_worker_group_new ("web", "true");
  MusterWorkerGroup *group = add_group (fixture, "/nonexistent/x");

  assert_start_fails (fixture, MUSTER_ERROR_NOT_FOUND,
                      "worker group \"web\", exec: /nonexistent/x: No such file or directory");
  g_object_set (group, "exec", "true", NULL);
  muster_cluster_add_group (fixture->cluster, twin);
  assert_start_fails (fixture, MUSTER_ERROR_EXISTS, "there are two worker groups \"web\"");
}

static void
test_long_path (Fixture *fixture, gconstpointer data)
{
  g_autofree char *long_name = g_strnfill (100, 'x');
  g_autofree char *path = g_build_filename (fixture->base, long_name, NULL);
  g_autoptr (GError) error = NULL;

  add_group (fixture, "true");
  g_object_set (fixture->cluster, "runtime-dir", path, NULL);
  g_assert_false (muster_cluster_start (fixture->cluster, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, "choose a shorter runtime-dir"));
}

static void
test_bad_transport (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  add_group (fixture, "true");
  fixture->collector->start_error = "the disk is on fire";
  g_assert_false (muster_cluster_start (fixture->cluster, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE);
  g_assert_nonnull (strstr (error->message, "the disk is on fire"));
  g_assert_false (g_file_test (fixture->runtime_dir, G_FILE_TEST_EXISTS));
  g_assert_cmpuint (fixture->events->len, ==, 0);
}

/* -- transports that keep marks -- */

G_DECLARE_FINAL_TYPE (Keeper, keeper, TEST, KEEPER, MusterTransport)

struct _Keeper
{
  MusterTransport parent_instance;
  gint n_forgets;
};

G_DEFINE_FINAL_TYPE (Keeper, keeper, MUSTER_TYPE_TRANSPORT)

static MusterWriteResult
keeper_write (MusterTransport *transport, MusterBatch *batch, GError **error)
{
  return MUSTER_WRITE_DONE;
}

static gboolean
keeper_get_mark (MusterTransport *transport, const guint8 *stream, guint64 *next)
{
  return FALSE;
}

static void
keeper_forget (MusterTransport *transport, const guint8 *stream)
{
  g_atomic_int_inc (&TEST_KEEPER (transport)->n_forgets);
}

static void
keeper_class_init (KeeperClass *class)
{
  MUSTER_TRANSPORT_CLASS (class)->write = keeper_write;
  MUSTER_TRANSPORT_CLASS (class)->get_mark = keeper_get_mark;
  MUSTER_TRANSPORT_CLASS (class)->forget = keeper_forget;
}

static void
keeper_init (Keeper *self)
{
}

static void
test_state_dir (Fixture *fixture, gconstpointer data)
{
  g_autoptr (Keeper) keeper = g_object_new (keeper_get_type (), "name", "keeper", NULL);
  g_autofree char *expected = g_build_filename (fixture->state_dir, "transports", NULL);

  muster_cluster_add_transport (fixture->cluster, MUSTER_TRANSPORT (keeper));
  g_object_set (add_group (fixture, "true"), "restart", MUSTER_RESTART_NO, NULL);
  start (fixture);
  g_assert_cmpstr (muster_transport_get_state_dir (MUSTER_TRANSPORT (keeper)), ==, expected);
  g_assert_null (muster_transport_get_state_dir (MUSTER_TRANSPORT (fixture->collector)));
  AWAIT (fixture, g_atomic_int_get (&keeper->n_forgets) == 1); /* the worker's journal is gone */
  stop (fixture);
  g_assert_no_error (fixture->stop_error);
  g_assert_cmpint (g_rmdir (expected), ==, 0);
  g_assert_cmpint (g_rmdir (fixture->state_dir), ==, 0);
}

static void
test_bad_state_dir (Fixture *fixture, gconstpointer data)
{
  g_autoptr (Keeper) keeper = g_object_new (keeper_get_type (), "name", "keeper", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (fixture->state_dir, "", 0, NULL));
  muster_cluster_add_transport (fixture->cluster, MUSTER_TRANSPORT (keeper));
  add_group (fixture, "true");
  g_assert_false (muster_cluster_start (fixture->cluster, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, fixture->state_dir));
  g_assert_nonnull (strstr (error->message, "state-dir"));
  g_assert_false (g_file_test (fixture->runtime_dir, G_FILE_TEST_EXISTS));
  g_unlink (fixture->state_dir);
}

static void
test_stop_twice (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  add_worker_group (fixture, "serve");
  start (fixture);
  muster_cluster_stop_async (fixture->cluster, NULL, stopped_cb, fixture);
  stop (fixture);
  g_assert_no_error (fixture->stop_error);
  stop (fixture); /* one that does not run */
  g_assert_no_error (fixture->stop_error);

  g_assert_false (muster_cluster_start (fixture->cluster, &error)); /* once in its life */
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED);
  g_assert_cmpuint (count_lines (fixture, "master notice muster: the primary of cluster test stopped"), ==, 1);
}

static void
test_stop_stubborn (Fixture *fixture, gconstpointer data)
{
  MusterWorkerGroup *group = add_group (fixture, "sh -c 'trap \"\" TERM; echo up; while :; do sleep 1000; done'");

  g_object_set (group, "stop-timeout", 50 * G_TIME_SPAN_MILLISECOND, NULL);
  start (fixture);
  AWAIT (fixture, count_lines (fixture, "web-1 info stdout: up") == 1);
  stop (fixture);
  g_assert_no_error (fixture->stop_error);
  g_assert_cmpuint (count_lines (fixture, "web-1 warning muster: ended by signal 9 (SIGKILL)"), ==, 1);
}

static void
test_stop_stalled (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterCluster) next = NULL;
  g_autoptr (GError) error = NULL;

  /* A required transport that does not come back: nothing is acknowledged, so nothing is thrown away. */
  g_object_set (fixture->cluster, "drain-timeout", 50 * G_TIME_SPAN_MILLISECOND, NULL);
  add_worker_group (fixture, "serve");
  start (fixture);
  AWAIT (fixture, all_are_up (fixture));
  collector_set_blocked (fixture->collector, TRUE);
  muster_warning (muster_cluster_get_logger (fixture->cluster), "this stays in the journal");
  stop (fixture);
  g_assert_error (fixture->stop_error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE);

  /* The next primary delivers it. */
  next = g_object_new (MUSTER_TYPE_CLUSTER, "name", "test", "runtime-dir", fixture->runtime_dir, "state-dir",
                       fixture->state_dir, NULL);
  {
    g_autoptr (Collector) collector = g_object_new (collector_get_type (), "name", "next", NULL);
    GPtrArray *lines;

    collector->resumes = TRUE;
    muster_cluster_add_transport (next, MUSTER_TRANSPORT (collector));
    g_assert_true (muster_cluster_start (next, &error));
    fixture->stopped = FALSE;
    muster_cluster_stop_async (next, NULL, stopped_cb, fixture);
    AWAIT (fixture, fixture->stopped);
    g_assert_no_error (fixture->stop_error);
    lines = collector_read (collector);
    g_assert_cmpuint (lines_count (lines, "master warning muster: this stays in the journal"), ==, 1);
    g_assert_cmpuint (lines_count (lines, "web-1 notice muster: ended with status 0 after"), ==, 1);
    g_assert_cmpuint (lines_count (lines, "master critical muster: this primary ended without a word"), ==, 1);
    g_ptr_array_unref (lines);
  }
  g_assert_cmpuint (take_journals (fixture), ==, 0); /* neither the worker's nor the primary's own */
  collector_set_blocked (fixture->collector, FALSE);
  /* The thread that was left behind ends; only the cluster and the test know the transport then. */
  AWAIT (fixture, g_atomic_int_get (&G_OBJECT (fixture->collector)->ref_count) == 2);
}

static void
test_burst_printed (Fixture *fixture, gconstpointer data)
{
  MusterWorkerGroup *group =
      add_group (fixture, "sh -c 'head -c 1048560 /dev/zero | tr \"\\0\" x | fold -w 59; kill -KILL $$'");

  g_object_set (group, "restart", MUSTER_RESTART_NO, NULL);
  start (fixture);
  AWAIT (fixture, count_events (fixture, "exited web-1 2") == 1);
  stop (fixture);
  g_assert_no_error (fixture->stop_error);
  g_assert_cmpuint (count_lines (fixture, "web-1 info stdout: xxx"), ==, (1048560 + 58) / 59);
}

static void
test_user (Fixture *fixture, gconstpointer data)
{
  /* A worker of another user reaches its journal and its endpoint, and nothing else. */
  MusterWorkerGroup *group;

  if (geteuid () != 0)
    {
      g_test_skip ("only root can start workers as another user");
      return;
    }
  g_chmod (fixture->base, 0711);
  group = add_group (fixture, "sh -c 'id -un; ls $0/fifos || echo refused; ls $0/groups/web && ls -l $0/groups/web'");
  {
    g_autofree char *exec = g_strdup_printf (
        "sh -c 'id -un; ls $0/fifos || echo refused; ls $0/groups/web; touch $0/groups/web/x || echo refused; "
        "echo errors >/dev/stderr' %s",
        fixture->runtime_dir);

    g_object_set (group, "exec", exec, "user", "nobody", "restart", MUSTER_RESTART_NO, NULL);
  }
  start (fixture);
  AWAIT (fixture, count_events (fixture, "exited web-1 1") == 1);
  stop (fixture);
  g_assert_no_error (fixture->stop_error);
  g_assert_cmpuint (count_lines (fixture, "web-1 info stdout: nobody"), ==, 1);
  g_assert_cmpuint (count_lines (fixture, "web-1 info stdout: link"), ==, 1);
  g_assert_cmpuint (count_lines (fixture, "web-1 warning stderr: errors"), ==, 1);
  g_assert_cmpuint (count_lines (fixture, "web-1 info stdout: refused"), ==, 2);
}

/* A journal of an earlier primary's worker, which says what it likes in its header: @worker, @group. It holds "last". */
static void
leave_journal (Fixture *fixture, const char *file, guint8 stream, const char *worker, const char *group)
{
  MusterJournalIdentity identity = { .stream = { 0xab, stream }, .pid = 4711, .start_ticks = 1 };
  g_autoptr (MusterRuntimeDir) dir = muster_runtime_dir_open (fixture->runtime_dir, "test", FALSE, NULL);
  g_autofree char *path = g_build_filename (muster_runtime_dir_get_journals (dir), file, NULL);
  g_autoptr (MusterJournal) journal = NULL;
  g_autoptr (MusterLogger) logger = NULL;
  g_autoptr (GError) error = NULL;
  MusterSink *sink;
  int fd;

  g_strlcpy (identity.cluster, "test", sizeof identity.cluster);
  g_strlcpy (identity.worker, worker, sizeof identity.worker);
  g_strlcpy (identity.group, group, sizeof identity.group);
  fd = muster_journal_create_file (path, 0, &identity, &error);
  g_assert_no_error (error);
  journal = muster_journal_open (fd, &error);
  g_assert_no_error (error);
  sink = muster_sink_new (journal, worker);
  logger = muster_logger_new (sink, "", MUSTER_LEVEL_INFO);
  muster_info (logger, "last");
  muster_sink_unref (sink);
}

#define STREAM(number) "-ab" number "0000000000000000000000000000.journal"

static void
test_leftovers (Fixture *fixture, gconstpointer data)
{
  fixture->collector->resumes = TRUE;
  leave_journal (fixture, "web-1" STREAM ("01"), 0x01, "web-1", "web");
  leave_journal (fixture, "web-2" STREAM ("02"), 0x02, "master", "");   /* a liar */
  leave_journal (fixture, "web-3" STREAM ("03"), 0x02, "web-2", "web"); /* says that it is the one before */
  leave_journal (fixture, "web-4" STREAM ("01"), 0x01, "web-1", "web"); /* a copy */
  leave_journal (fixture, "elsewhere.journal", 0x05, "web-5", "web");   /* no primary called it so */
  start (fixture);
  stop (fixture);
  g_assert_no_error (fixture->stop_error);
  g_assert_cmpuint (count_lines (fixture, "master info : last"), ==, 0);
  g_assert_cmpuint (count_lines (fixture, "web-1 info : last") + count_lines (fixture, "web-4 info : last"), ==, 1);
  g_assert_cmpuint (count_lines (fixture, "web-2 info : last"), ==, 1);
  g_assert_cmpuint (count_lines (fixture, "web-5 info : last"), ==, 0);
  g_assert_cmpuint (count_lines (fixture, "master error muster: the journal"), ==, 2);
  g_assert_cmpuint (count_lines (fixture, "web-3 gap 1 corrupt"), ==, 1); /* nothing is of this stream */
  g_assert_cmpuint (take_journals (fixture), ==, 2);
}

#define ADD(name, func) g_test_add ("/cluster/" name, Fixture, NULL, set_up, func, tear_down)
#define DEATH(how)      g_test_add ("/cluster/last-words/" how, Fixture, how, set_up, test_last_words, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("alone", test_alone);
  ADD ("shell", test_shell);
  DEATH ("kill");
  DEATH ("segv");
  DEATH ("abort");
  DEATH ("exit7");
  DEATH ("return");
  for (gsize i = 0; i < G_N_ELEMENTS (crashes); i++)
    {
      g_autofree char *path = g_strconcat ("/cluster/crash/", crashes[i].how, NULL);

      g_test_add (path, Fixture, &crashes[i], set_up, test_crash, tear_down);
    }
  ADD ("crashed-before", test_crashed_before);
  ADD ("thread-exit", test_thread_exit);
  ADD ("messages", test_messages);
  ADD ("deliveries", test_deliveries);
  ADD ("restart", test_restart);
  ADD ("tap", test_tap);
  ADD ("many", test_many);
  ADD ("scale", test_scale);
  ADD ("second-primary", test_second_primary);
  ADD ("bad-groups", test_bad_groups);
  ADD ("long-path", test_long_path);
  ADD ("bad-transport", test_bad_transport);
  ADD ("state-dir", test_state_dir);
  ADD ("bad-state-dir", test_bad_state_dir);
  ADD ("stop/twice", test_stop_twice);
  ADD ("stop/stubborn", test_stop_stubborn);
  ADD ("stop/stalled", test_stop_stalled);
  ADD ("burst-printed", test_burst_printed);
  ADD ("user", test_user);
  ADD ("leftovers", test_leftovers);
  return g_test_run ();
}
