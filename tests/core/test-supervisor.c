/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The supervisor with real processes and a receiver that is only a notebook: the three functions of MusterReceiver that
 * supervision calls are defined here, in the place of the library's.
 */
#include "config.h"

#include "muster-supervisor-private.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct
{
  GMainContext *context;
  char *base;
  MusterJournal *journal;
  MusterSink *sink;
  MusterReceiver *receiver;
  MusterWorkerHouse house;
  MusterSupervisor *supervisor;
  GPtrArray *events;  /* "started web-1", "exited web-1 status 0" */
  GPtrArray *records; /* what the primary's stream says: "web-1 warning stderr: text" */
  gboolean stopped;
  gboolean drained;
} Fixture;

/* -- the notebook -------------------------------------------------------------------------------- */

struct _MusterReceiver
{
  GHashTable *journals; /* hex stream -> "known" or "finished" */
  GPtrArray *ends;      /* what the end records say: "web-1 critical ended by ..." */
  GPtrArray *end_bytes; /* of GBytes: the end records themselves */
  Fixture *fixture;
  gboolean silent; /* never says that a journal is drained */
};

static char *
hex (const guint8 *stream)
{
  GString *text = g_string_new (NULL);

  for (int i = 0; i < MUSTER_STREAM_ID_SIZE; i++)
    g_string_append_printf (text, "%02x", stream[i]);
  return g_string_free (text, FALSE);
}

void
muster_receiver_add_journal (MusterReceiver *self, const MusterJournalIdentity *identity, gsize ring_size, int fd,
                             guint64 next)
{
  MusterJournalIdentity found;
  gsize found_size = 0;

  g_assert_true (muster_journal_read_identity (fd, &found, &found_size, NULL));
  g_assert_cmpmem (found.stream, sizeof found.stream, identity->stream, sizeof identity->stream);
  g_assert_cmpuint (found_size, ==, ring_size);
  g_assert_true (g_hash_table_insert (self->journals, hex (identity->stream), (gpointer) "known"));
  close (fd);
}

typedef struct
{
  Fixture *fixture;
  guint8 stream[MUSTER_STREAM_ID_SIZE];
} Finished;

static gboolean
finished_cb (gpointer user_data)
{
  Finished *finished = user_data;

  muster_supervisor_finished (finished->fixture->supervisor, finished->stream);
  return G_SOURCE_REMOVE;
}

void
muster_receiver_finish (MusterReceiver *self, const guint8 stream[MUSTER_STREAM_ID_SIZE], GBytes *end_record)
{
  g_autofree char *text = hex (stream);
  MusterWorkerProcess *process = muster_supervisor_lookup (self->fixture->supervisor, stream);
  GSource *source;

  g_assert_cmpstr (g_hash_table_lookup (self->journals, text), ==, "known"); /* once, and after it was added */
  g_hash_table_insert (self->journals, g_steal_pointer (&text), (gpointer) "finished");
  if (end_record != NULL)
    {
      gsize size;
      gconstpointer data = g_bytes_get_data (end_record, &size);
      MusterEntryIter iter;
      MusterEntry entry;
      MusterRecordView record;

      muster_entry_iter_init (&iter, data, size);
      g_assert_true (muster_entry_iter_next (&iter, &entry) && muster_entry_get_record (&entry, &record));
      g_ptr_array_add (self->ends, g_strdup_printf ("%s %s %.*s", muster_worker_process_get_id (process),
                                                    muster_level_to_string (record.level), (int) record.message.length,
                                                    record.message.data));
      g_ptr_array_add (self->end_bytes, g_bytes_ref (end_record));
    }
  if (self->silent)
    return;
  Finished *finished = g_new0 (Finished, 1);
  finished->fixture = self->fixture;
  memcpy (finished->stream, stream, sizeof finished->stream);
  source = g_idle_source_new ();
  g_source_set_callback (source, finished_cb, finished, g_free);
  g_source_attach (source, self->fixture->context);
  g_source_unref (source);
}

void
muster_receiver_send (MusterReceiver *self, const guint8 stream[MUSTER_STREAM_ID_SIZE], GVariant *message)
{
  g_ptr_array_add (self->fixture->events, g_strdup_printf ("sent %s", g_variant_get_string (message, NULL)));
}

/* -- the fixture --------------------------------------------------------------------------------- */

static void
started_cb (MusterWorkerProcess *process, gboolean again, gpointer user_data)
{
  Fixture *fixture = user_data;

  g_ptr_array_add (fixture->events,
                   g_strdup_printf ("%s %s", again ? "restarted" : "started", muster_worker_process_get_id (process)));
}

static void
exited_cb (MusterWorkerProcess *process, MusterExitReason reason, gpointer user_data)
{
  Fixture *fixture = user_data;
  static const char *const reasons[] = { "none", "status", "signal", "unknown", "spawn-failed" };
  int number = reason == MUSTER_EXIT_SIGNAL ? muster_worker_process_get_exit_signal (process)
                                            : muster_worker_process_get_exit_status (process);

  g_assert_cmpuint (muster_worker_process_get_pid (process), ==, 0);
  g_assert_cmpint (muster_worker_process_get_exit_reason (process), ==, reason);
  g_ptr_array_add (fixture->events, g_strdup_printf ("exited %s %s %d", muster_worker_process_get_id (process),
                                                     reasons[reason], number));
}

static void
expect_cb (const char *worker, guint pid, gint64 since_us, gboolean expected, gpointer user_data)
{
  Fixture *fixture = user_data;

  g_ptr_array_add (fixture->events, g_strdup_printf ("%s %s", expected ? "expect" : "unexpect", worker));
}

static void
stopped_cb (gboolean drained, gpointer user_data)
{
  Fixture *fixture = user_data;

  fixture->stopped = TRUE;
  fixture->drained = drained;
}

static const MusterSupervisorCallbacks callbacks = {
  .started = started_cb,
  .exited = exited_cb,
  .expect = expect_cb,
  .stopped = stopped_cb,
};

static void
set_up (Fixture *fixture, gconstpointer data)
{
  static char *metrics[] = { (char *) "interval=10s", NULL };
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  const MusterJournalIdentity identity = { .stream = { 1 } };
  int fd;

  fixture->context = g_main_context_new ();
  fixture->events = g_ptr_array_new_with_free_func (g_free);
  fixture->records = g_ptr_array_new_with_free_func (g_free);
  fixture->base = g_dir_make_tmp ("muster-XXXXXX", NULL);
  path = g_build_filename (fixture->base, "run", NULL);
  fd = muster_journal_create_memfd (16 * 1024 * 1024, &identity, &error);
  g_assert_no_error (error);
  fixture->journal = muster_journal_open (fd, &error);
  g_assert_no_error (error);
  fixture->sink = muster_sink_new (fixture->journal, "master");
  fixture->receiver = g_new0 (MusterReceiver, 1);
  fixture->receiver->fixture = fixture;
  fixture->receiver->journals = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  fixture->receiver->ends = g_ptr_array_new_with_free_func (g_free);
  fixture->receiver->end_bytes = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  fixture->house = (MusterWorkerHouse){
    .runtime_dir = muster_runtime_dir_open (path, "test", FALSE, &error),
    .receiver = fixture->receiver,
    .logger = muster_logger_new (fixture->sink, "muster", MUSTER_LEVEL_DEBUG),
    .context = fixture->context,
    .cluster = "test",
    .metrics = metrics,
    .level = MUSTER_LEVEL_NOTICE,
  };
  getrlimit (RLIMIT_NOFILE, &fixture->house.nofile);
  g_assert_no_error (error);
  fixture->supervisor = muster_supervisor_new (&fixture->house, &callbacks, fixture);
}

static gboolean
is_directory_empty (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);

  return dir != NULL && g_dir_read_name (dir) == NULL;
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_clear_pointer (&fixture->supervisor, muster_supervisor_free);
  g_assert_true (is_directory_empty (muster_runtime_dir_get_fifos (fixture->house.runtime_dir)));
  g_assert_true (is_directory_empty (muster_runtime_dir_get_journals (fixture->house.runtime_dir)));
  muster_runtime_dir_free (fixture->house.runtime_dir);
  g_object_unref (fixture->house.logger);
  muster_sink_unref (fixture->sink);
  muster_journal_unref (fixture->journal);
  g_hash_table_unref (fixture->receiver->journals);
  g_ptr_array_unref (fixture->receiver->ends);
  g_ptr_array_unref (fixture->receiver->end_bytes);
  g_free (fixture->receiver);
  g_ptr_array_unref (fixture->events);
  g_ptr_array_unref (fixture->records);
  g_assert_cmpint (g_rmdir (fixture->base), ==, 0);
  g_free (fixture->base);
  g_main_context_unref (fixture->context);
}

/* Takes what the primary's journal has got. */
static void
take_records (Fixture *fixture)
{
  MusterJournalItem item;

  while (muster_journal_peek (fixture->journal, &item))
    {
      MusterEntryIter iter;
      MusterEntry entry;
      MusterRecordView record;
      const char *worker = "master";
      g_autofree char *label = NULL;

      /* The origin before a captured line has only labels: it is read by hand. */
      muster_entry_iter_init (&iter, item.bytes, item.length);
      if (!muster_entry_iter_next (&iter, &entry) || entry.kind != MUSTER_ENTRY_RECORD)
        {
          gsize skip = 2 + (item.bytes[1] & 0x7f) + (item.bytes[1] >= 0x80 ? 1 : 0);
          const char *found = memmem (item.bytes, skip, "web-", 4);

          if (entry.kind == MUSTER_ENTRY_ORIGIN)
            label = g_strndup (entry.origin->worker.data, entry.origin->worker.length);
          else if (found != NULL)
            label = g_strndup (found, 5);
          worker = label;
          muster_entry_iter_init (&iter, item.bytes + skip, item.length - skip);
          g_assert_true (muster_entry_iter_next (&iter, &entry));
        }
      g_assert_true (muster_entry_get_record (&entry, &record));
      g_ptr_array_add (fixture->records,
                       g_strdup_printf ("%s %s %.*s: %.*s", worker, muster_level_to_string (record.level),
                                        (int) record.domain.length, record.domain.data, (int) record.message.length,
                                        record.message.data));
      muster_journal_advance (fixture->journal);
      muster_journal_acknowledge (fixture->journal, muster_journal_get_read_position (fixture->journal));
    }
}

static gboolean
late_cb (gpointer user_data)
{
  Fixture *fixture = user_data;

  for (guint i = 0; i < fixture->events->len; i++)
    g_printerr ("# event: %s\n", (char *) g_ptr_array_index (fixture->events, i));
  g_error ("waited too long");
  return G_SOURCE_REMOVE;
}

static guint
count (GPtrArray *array, const char *text)
{
  guint n = 0;

  for (guint i = 0; i < array->len; i++)
    n += strcmp (g_ptr_array_index (array, i), text) == 0;
  return n;
}

static const char *
find (GPtrArray *array, const char *prefix)
{
  for (guint i = 0; i < array->len; i++)
    if (g_str_has_prefix (g_ptr_array_index (array, i), prefix))
      return g_ptr_array_index (array, i);
  return NULL;
}

#define AWAIT(fixture, condition)                                                                                      \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    GSource *watchdog = g_timeout_source_new_seconds (30);                                                             \
    g_source_set_callback (watchdog, late_cb, fixture, NULL);                                                          \
    g_source_attach (watchdog, fixture->context);                                                                      \
    while (take_records (fixture), !(condition))                                                                       \
      g_main_context_iteration (fixture->context, TRUE);                                                               \
    g_source_destroy (watchdog);                                                                                       \
    g_source_unref (watchdog);                                                                                         \
  }                                                                                                                    \
  G_STMT_END

static void
await_event (Fixture *fixture, const char *event, guint n)
{
  AWAIT (fixture, count (fixture->events, event) >= n);
}

static MusterWorkerGroup *
add_group (Fixture *fixture, const char *script, const char *first_property, ...)
{
  g_autofree char *quoted = g_shell_quote (script);
  g_autofree char *exec = g_strdup_printf ("sh -c %s", quoted);
  MusterWorkerGroup *group = muster_worker_group_new ("web", exec);
  MusterWorkerCommand *command;
  g_autoptr (GError) error = NULL;
  va_list args;

  va_start (args, first_property);
  if (first_property != NULL)
    g_object_set_valist (G_OBJECT (group), first_property, args);
  va_end (args);
  command = muster_worker_command_new (group, NULL, &error);
  g_assert_no_error (error);
  muster_supervisor_add_group (fixture->supervisor, group, command, "ipc:///tmp/endpoint");
  g_object_unref (group);
  return group;
}

static MusterWorkerProcess *
worker (Fixture *fixture, guint index)
{
  g_autoptr (GPtrArray) list = muster_supervisor_list (fixture->supervisor);

  g_assert_cmpuint (index, <, list->len);
  return g_ptr_array_index (list, index); /* the supervisor has a reference */
}

static guint
n_workers (Fixture *fixture)
{
  g_autoptr (GPtrArray) list = muster_supervisor_list (fixture->supervisor);

  return list->len;
}

static gboolean
says (GBytes *record, const char *text)
{
  gsize size;
  const void *data = g_bytes_get_data (record, &size);

  return memmem (data, size, text, strlen (text)) != NULL;
}

static void
stop (Fixture *fixture)
{
  muster_supervisor_stop (fixture->supervisor, 20 * G_TIME_SPAN_SECOND);
  AWAIT (fixture, fixture->stopped);
}

/* -- the tests ----------------------------------------------------------------------------------- */

static void
test_lines (Fixture *fixture, gconstpointer data)
{
  const char *line;

  add_group (fixture, "echo one; echo '<3>two'; echo three >&2; printf last; exit 0", NULL);
  muster_supervisor_start (fixture->supervisor);
  await_event (fixture, "exited web-1 status 0", 1);
  g_assert_cmpuint (count (fixture->records, "web-1 info stdout: one"), ==, 1);
  g_assert_cmpuint (count (fixture->records, "web-1 error stdout: two"), ==, 1);
  g_assert_cmpuint (count (fixture->records, "web-1 warning stderr: three"), ==, 1);
  g_assert_cmpuint (count (fixture->records, "web-1 info stdout: last"), ==, 1);
  g_assert_cmpuint (count (fixture->records, "master notice muster: started"), ==, 1);
  line = find (fixture->receiver->ends, "web-1 ");
  g_assert_nonnull (line);
  g_assert_true (g_str_has_prefix (line, "web-1 notice ended with status 0 after 0."));
  stop (fixture);
  g_assert_true (fixture->drained);
}

static void
test_ends (Fixture *fixture, gconstpointer data)
{
  add_group (fixture,
             "case $MUSTER_WORKER in web-1) exit 7;; web-2) kill -SEGV $$;; web-3) kill -KILL $$;; "
             "web-4) kill -ABRT $$;; esac",
             "instances", 4, "restart", MUSTER_RESTART_NO, "limit-core", (guint64) 0, NULL);
  muster_supervisor_start (fixture->supervisor);
  await_event (fixture, "exited web-1 status 7", 1);
  await_event (fixture, "exited web-2 signal 11", 1);
  await_event (fixture, "exited web-3 signal 9", 1);
  await_event (fixture, "exited web-4 signal 6", 1);
  g_assert_nonnull (find (fixture->receiver->ends, "web-1 error ended with status 7 after"));
  g_assert_nonnull (find (fixture->receiver->ends, "web-2 critical ended by signal 11 (SIGSEGV) after"));
  g_assert_nonnull (find (fixture->receiver->ends, "web-3 critical ended by signal 9 (SIGKILL) after"));
  g_assert_nonnull (find (fixture->receiver->ends, "web-4 critical ended by signal 6 (SIGABRT) after"));
  for (guint i = 0; i < 4; i++)
    g_assert_cmpint (muster_worker_process_get_state (worker (fixture, i)), ==, MUSTER_WORKER_STOPPED);
  stop (fixture);
}

static void
test_environment (Fixture *fixture, gconstpointer data)
{
  const char *const environment[] = { "COLOUR=a=b", NULL };

  g_setenv ("MUSTER_TOKEN_OF_ANOTHER", "x", TRUE);
  g_setenv ("NOTIFY_SOCKET", "/x", TRUE);
  add_group (fixture, "env | grep -E '^(MUSTER|COLOUR|NOTIFY)' | sort; test $MUSTER_PID = $$ && echo own",
             "environment", environment, "block-timeout", (gint64) 250000, NULL);
  muster_supervisor_start (fixture->supervisor);
  await_event (fixture, "exited web-1 status 0", 1);
  g_assert_cmpuint (count (fixture->records, "web-1 info stdout: COLOUR=a=b"), ==, 1);
  g_assert_cmpuint (count (fixture->records, "web-1 info stdout: MUSTER_WORKER=web-1"), ==, 1);
  g_assert_cmpuint (count (fixture->records, "web-1 info stdout: MUSTER_GROUP=web"), ==, 1);
  g_assert_cmpuint (count (fixture->records, "web-1 info stdout: MUSTER_CLUSTER=test"), ==, 1);
  g_assert_cmpuint (count (fixture->records, "web-1 info stdout: MUSTER_ENDPOINT=ipc:///tmp/endpoint"), ==, 1);
  g_assert_cmpuint (count (fixture->records, "web-1 info stdout: MUSTER_JOURNAL_FD=3"), ==, 1);
  g_assert_cmpuint (count (fixture->records, "web-1 info stdout: MUSTER_LEVEL=notice"), ==, 1);
  g_assert_cmpuint (count (fixture->records, "web-1 info stdout: MUSTER_BLOCK_TIMEOUT=250ms"), ==, 1);
  g_assert_cmpuint (count (fixture->records, "web-1 info stdout: MUSTER_FLUSH_INTERVAL=10ms"), ==, 1);
  g_assert_cmpuint (count (fixture->records, "web-1 info stdout: MUSTER_METRICS=interval=10s"), ==, 1);
  g_assert_cmpuint (count (fixture->records, "web-1 info stdout: own"), ==, 1);
  g_assert_null (find (fixture->records, "web-1 info stdout: MUSTER_TOKEN"));
  g_assert_null (find (fixture->records, "web-1 info stdout: NOTIFY"));
  stop (fixture);
}

static void
test_burst (Fixture *fixture, gconstpointer data)
{
  guint lines = 0;

  add_group (fixture, "head -c 1048560 /dev/zero | tr '\\0' x | fold -w 59; kill -KILL $$", "restart",
             MUSTER_RESTART_NO, NULL);
  muster_supervisor_start (fixture->supervisor);
  await_event (fixture, "exited web-1 signal 9", 1);
  for (guint i = 0; i < fixture->records->len; i++)
    lines += g_str_has_prefix (g_ptr_array_index (fixture->records, i), "web-1 info stdout: xxx");
  g_assert_cmpuint (lines, ==, (1048560 + 58) / 59);
  stop (fixture);
}

/* More than is read in a turn of the main loop is in its FIFO when its end is noticed: the last of it is in its end record. */
static void
test_last_words (Fixture *fixture, gconstpointer data)
{
  add_group (fixture, "head -c 600000 /dev/zero | tr '\\0' x | fold -w 59 >&2; echo the last words >&2; kill -KILL $$",
             "restart", MUSTER_RESTART_NO, NULL);
  muster_supervisor_start (fixture->supervisor);
  await_event (fixture, "exited web-1 signal 9", 1);
  g_assert_cmpuint (fixture->receiver->end_bytes->len, ==, 1);
  g_assert_true (says (fixture->receiver->end_bytes->pdata[0], "the last words"));
  stop (fixture);
}

static void
test_restart (Fixture *fixture, gconstpointer data)
{
  add_group (fixture, "exit 3", "restart-delay", (gint64) 1000, "restart-delay-max", (gint64) 4000, "restart-limit", 3,
             NULL);
  muster_supervisor_start (fixture->supervisor);
  await_event (fixture, "exited web-1 status 3", 4);
  g_assert_cmpuint (count (fixture->events, "started web-1"), ==, 1);
  g_assert_cmpuint (count (fixture->events, "restarted web-1"), ==, 3);
  g_assert_cmpint (muster_worker_process_get_state (worker (fixture, 0)), ==, MUSTER_WORKER_FAILED);
  g_assert_cmpuint (muster_worker_process_get_restarts (worker (fixture, 0)), ==, 3);
  g_assert_nonnull (find (fixture->records, "master error muster: web-1 failed: it was started again 3 times"));
  g_assert_cmpuint (g_hash_table_size (fixture->receiver->journals), ==, 4); /* a stream for each life */

  /* An operator brings it back, with all its chances. */
  g_assert_true (muster_supervisor_restart (fixture->supervisor, "web-1", NULL));
  await_event (fixture, "exited web-1 status 3", 8);
  g_assert_cmpint (muster_worker_process_get_state (worker (fixture, 0)), ==, MUSTER_WORKER_FAILED);
  stop (fixture);
}

static void
test_restart_policies (Fixture *fixture, gconstpointer data)
{
  add_group (fixture, "exit 0", "restart", MUSTER_RESTART_ALWAYS, "restart-delay", (gint64) 1000, "restart-delay-max",
             (gint64) 1000, "restart-limit", 0, NULL);
  muster_supervisor_start (fixture->supervisor);
  await_event (fixture, "exited web-1 status 0", 10);
  stop (fixture);
  g_assert_true (fixture->drained);
  g_assert_cmpint (muster_worker_process_get_state (worker (fixture, 0)), ==, MUSTER_WORKER_STOPPED);
}

static void
test_restart_by_operator (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  add_group (fixture, "echo up; exec sleep 1000", "instances", 2, NULL);
  muster_supervisor_start (fixture->supervisor);
  AWAIT (fixture, find (fixture->records, "web-1 info") != NULL && find (fixture->records, "web-2 info") != NULL);
  g_assert_true (muster_supervisor_restart (fixture->supervisor, "web-2", &error));
  g_assert_cmpint (muster_worker_process_get_state (worker (fixture, 1)), ==, MUSTER_WORKER_STOPPING);
  await_event (fixture, "restarted web-2", 1);
  g_assert_cmpuint (count (fixture->events, "exited web-2 signal 15"), ==, 1);
  g_assert_nonnull (find (fixture->receiver->ends, "web-2 notice ended by signal 15 (SIGTERM)"));
  g_assert_true (muster_supervisor_restart (fixture->supervisor, "web", &error));
  await_event (fixture, "restarted web-1", 1);
  await_event (fixture, "restarted web-2", 2);
  g_assert_false (muster_supervisor_restart (fixture->supervisor, "web-3", &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND);
  stop (fixture);
}

static void
test_stop_timeout (Fixture *fixture, gconstpointer data)
{
  add_group (fixture, "trap '' TERM; echo up; while :; do sleep 1000; done", "stop-timeout", (gint64) 50000, NULL);
  muster_supervisor_start (fixture->supervisor);
  AWAIT (fixture, find (fixture->records, "web-1 info stdout: up") != NULL);
  stop (fixture);
  g_assert_true (fixture->drained);
  g_assert_cmpuint (count (fixture->events, "exited web-1 signal 9"), ==, 1);
  g_assert_nonnull (find (fixture->receiver->ends, "web-1 warning ended by signal 9 (SIGKILL)"));
}

static void
test_stop_graceful (Fixture *fixture, gconstpointer data)
{
  add_group (fixture, "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 1000 & wait; done", NULL);
  muster_supervisor_start (fixture->supervisor);
  AWAIT (fixture, find (fixture->records, "web-1 info stdout: up") != NULL);
  stop (fixture);
  g_assert_cmpuint (count (fixture->events, "exited web-1 status 0"), ==, 1);
  g_assert_nonnull (find (fixture->records, "web-1 info stdout: bye"));
}

static void
test_stop_undrained (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GDir) dir = NULL;
  const char *journals = muster_runtime_dir_get_journals (fixture->house.runtime_dir);
  const char *name;
  guint n_journals = 0, n_ends = 0;

  fixture->receiver->silent = TRUE;
  add_group (fixture, "exit 0", NULL);
  muster_supervisor_start (fixture->supervisor);
  await_event (fixture, "exited web-1 status 0", 1);
  muster_supervisor_stop (fixture->supervisor, 20000);
  AWAIT (fixture, fixture->stopped);
  g_assert_false (fixture->drained);
  g_clear_pointer (&fixture->supervisor, muster_supervisor_free);
  dir = g_dir_open (journals, 0, NULL);
  while ((name = g_dir_read_name (dir)) != NULL) /* kept for the next primary */
    {
      g_autofree char *path = g_build_filename (journals, name, NULL);

      g_assert_true (g_str_has_prefix (name, "web-1-"));
      n_journals += g_str_has_suffix (name, ".journal");
      n_ends += g_str_has_suffix (name, ".end");
      g_unlink (path);
    }
  g_assert_cmpuint (n_journals, ==, 1);
  g_assert_cmpuint (n_ends, ==, 1);
}

static void
test_many (Fixture *fixture, gconstpointer data)
{
  add_group (fixture, "echo $MUSTER_WORKER; exec sleep 1000", "instances", 64, "journal-size", (guint64) 262144, NULL);
  muster_supervisor_start (fixture->supervisor);
  AWAIT (fixture, fixture->records->len >= 128); /* a start record and a line each */
  g_assert_cmpuint (n_workers (fixture), ==, 64);
  stop (fixture);
  g_assert_true (fixture->drained);
  g_assert_cmpuint (fixture->receiver->ends->len, ==, 64);
}

static void
test_scale (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  add_group (fixture, "exec sleep 1000", "instances", 1, NULL);
  muster_supervisor_start (fixture->supervisor);
  g_assert_true (muster_supervisor_scale (fixture->supervisor, "web", 3, &error));
  await_event (fixture, "started web-3", 1);
  g_assert_cmpuint (n_workers (fixture), ==, 3);
  g_assert_true (muster_supervisor_scale (fixture->supervisor, "web", 1, &error));
  g_assert_cmpuint (n_workers (fixture), ==, 3); /* on their way out */
  AWAIT (fixture, n_workers (fixture) == 1);
  g_assert_cmpuint (count (fixture->events, "exited web-1 signal 15"), ==, 0);
  g_assert_cmpuint (count (fixture->events, "exited web-3 signal 15"), ==, 1);

  /* Down and up again before it has ended: it comes back. */
  g_assert_true (muster_supervisor_scale (fixture->supervisor, "web", 0, &error));
  g_assert_true (muster_supervisor_scale (fixture->supervisor, "web", 1, &error));
  await_event (fixture, "restarted web-1", 1);
  g_assert_false (muster_supervisor_scale (fixture->supervisor, "wob", 1, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_false (muster_supervisor_scale (fixture->supervisor, "web", 1001, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
  stop (fixture);
}

/* Who listens to a worker's properties may scale at once, also the place away that is just being decided upon. */
static void
scale_cb (MusterWorkerProcess *process, GParamSpec *spec, gpointer user_data)
{
  Fixture *fixture = user_data;

  if (muster_worker_process_get_exit_reason (process) != MUSTER_EXIT_NONE)
    g_assert_true (muster_supervisor_scale (fixture->supervisor, "web", 1, NULL));
}

static void
check_scaled_by (const char *property, MusterRestartPolicy restart)
{
  Fixture fixture = { NULL };
  MusterWorkerProcess *process;

  set_up (&fixture, NULL);
  add_group (&fixture, "case $MUSTER_WORKER in web-1) exec sleep 1000;; *) read x; exit 3;; esac", "instances", 1,
             "restart", restart, "restart-limit", 0, NULL);
  muster_supervisor_start (fixture.supervisor);
  g_assert_true (muster_supervisor_scale (fixture.supervisor, "web", 2, NULL));
  process = g_object_ref (worker (&fixture, 1));
  g_signal_connect (process, property, G_CALLBACK (scale_cb), &fixture);
  await_event (&fixture, "exited web-2 status 3", 1);
  g_assert_cmpuint (n_workers (&fixture), ==, 1);
  g_object_unref (process);
  stop (&fixture);
  g_assert_cmpuint (count (fixture.events, "restarted web-2"), ==, 0);
  tear_down (&fixture, NULL);
}

static void
test_scale_in_notify (void)
{
  static const char *const properties[] = { "notify::state", "notify::exit-reason" };

  for (guint i = 0; i < G_N_ELEMENTS (properties); i++)
    {
      check_scaled_by (properties[i], MUSTER_RESTART_NO);
      check_scaled_by (properties[i], MUSTER_RESTART_ALWAYS);
    }
}

static void
test_spawn_failed (Fixture *fixture, gconstpointer data)
{
  g_autofree char *script = g_build_filename (fixture->base, "script", NULL);
  MusterWorkerGroup *group = muster_worker_group_new ("web", script);
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (script, "#!/bin/sh\nexit 0\n", -1, NULL));
  g_chmod (script, 0700);
  g_object_set (group, "restart-delay", (gint64) 1000, "restart-delay-max", (gint64) 1000, "restart-limit", 2, NULL);
  muster_supervisor_add_group (fixture->supervisor, group, muster_worker_command_new (group, NULL, &error),
                               "ipc:///tmp/endpoint");
  g_assert_no_error (error);
  g_object_unref (group);
  g_unlink (script); /* between the check and the start */
  muster_supervisor_start (fixture->supervisor);
  await_event (fixture, "exited web-1 spawn-failed 0", 3);
  g_assert_cmpint (muster_worker_process_get_state (worker (fixture, 0)), ==, MUSTER_WORKER_FAILED);
  g_assert_cmpuint (fixture->receiver->ends->len, ==, 0);
  g_assert_nonnull (find (fixture->records, "master error muster: web-1 could not be started: exec "));
  g_assert_true (is_directory_empty (muster_runtime_dir_get_journals (fixture->house.runtime_dir)));
  stop (fixture);
  g_assert_true (fixture->drained);
}

static void
test_children (Fixture *fixture, gconstpointer data)
{
  const char *line;
  int pid, pidfd;

  /* What a worker leaves behind goes with it. */
  add_group (fixture, "sleep 1000 & echo child $!; exit 1", "restart", MUSTER_RESTART_NO, NULL);
  muster_supervisor_start (fixture->supervisor);
  await_event (fixture, "exited web-1 status 1", 1);
  line = find (fixture->records, "web-1 info stdout: child ");
  g_assert_nonnull (line);
  pid = atoi (strrchr (line, ' '));
  g_assert_cmpint (pid, >, 1);
  pidfd = (int) syscall (SYS_pidfd_open, pid, 0); /* unless it is gone already */
  if (pidfd >= 0)
    {
      g_assert_cmpint (poll (&(struct pollfd){ .fd = pidfd, .events = POLLIN }, 1, 20000), ==, 1);
      close (pidfd);
    }
  stop (fixture);
}

static void
test_connected (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GVariant) message = g_variant_ref_sink (g_variant_new_string ("hello"));
  g_autoptr (GError) error = NULL;
  GHashTableIter iter;
  gpointer key;
  guint8 stream[MUSTER_STREAM_ID_SIZE];

  add_group (fixture, "exec sleep 1000", NULL);
  muster_supervisor_start (fixture->supervisor);
  g_assert_cmpint (muster_worker_process_get_state (worker (fixture, 0)), ==, MUSTER_WORKER_STARTING);
  g_assert_false (muster_supervisor_send (fixture->supervisor, "web-1", message, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE);
  g_clear_error (&error);
  g_hash_table_iter_init (&iter, fixture->receiver->journals);
  g_assert_true (g_hash_table_iter_next (&iter, &key, NULL));
  for (int i = 0; i < MUSTER_STREAM_ID_SIZE; i++)
    stream[i] =
        (guint8) (g_ascii_xdigit_value (((char *) key)[2 * i]) * 16 + g_ascii_xdigit_value (((char *) key)[2 * i + 1]));
  muster_supervisor_connected (fixture->supervisor, stream);
  muster_supervisor_connected (fixture->supervisor, stream);
  g_assert_cmpuint (count (fixture->events, "expect web-1"), ==, 1);
  g_assert_cmpint (muster_worker_process_get_state (worker (fixture, 0)), ==, MUSTER_WORKER_RUNNING);
  g_assert_true (muster_supervisor_lookup (fixture->supervisor, stream) == worker (fixture, 0));
  g_assert_true (muster_supervisor_send (fixture->supervisor, "web-1", message, &error));
  muster_supervisor_broadcast (fixture->supervisor, "web", message);
  muster_supervisor_broadcast (fixture->supervisor, "wob", message);
  muster_supervisor_broadcast (fixture->supervisor, NULL, message);
  g_assert_cmpuint (count (fixture->events, "sent hello"), ==, 3);
  stop (fixture);
  g_assert_cmpuint (count (fixture->events, "unexpect web-1"), ==, 1);
  g_assert_null (muster_supervisor_lookup (fixture->supervisor, stream));
}

static void
test_free_while_running (Fixture *fixture, gconstpointer data)
{
  add_group (fixture, "exec sleep 1000", "instances", 2, NULL);
  muster_supervisor_start (fixture->supervisor);
  kill ((pid_t) muster_worker_process_get_pid (worker (fixture, 0)), 0);
  g_clear_pointer (&fixture->supervisor, muster_supervisor_free);
  {
    const char *journals = muster_runtime_dir_get_journals (fixture->house.runtime_dir);
    g_autoptr (GDir) dir = g_dir_open (journals, 0, NULL);
    const char *name;
    guint n = 0;

    for (; (name = g_dir_read_name (dir)) != NULL; n++)
      {
        g_autofree char *path = g_build_filename (journals, name, NULL);

        g_unlink (path);
      }
    g_assert_cmpuint (n, ==, 4); /* a journal of each, and how it ended */
  }
}

/* -- what an earlier primary left ---------------------------------------------------------------- */

/* A process that sleeps, with @fd open if it is one. */
static pid_t
start_sleeper (int fd)
{
  pid_t pid = fork ();

  if (pid == 0)
    {
      for (int other = 3; other < 1000; other++)
        if (other != fd)
          close (other);
      if (fd >= 0)
        fcntl (fd, F_SETFD, 0);
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      execlp ("sleep", "sleep", "1000", NULL);
      _exit (127);
    }
  return pid;
}

/* A journal as a primary leaves it, which says that @worker is process @pid; 0: that a sleeper is which has it open. */
static pid_t
leave_journal (Fixture *fixture, const char *worker, const char *group, pid_t pid)
{
  MusterJournalIdentity identity = { .stream = { 7 } };
  const char *directory = muster_runtime_dir_get_journals (fixture->house.runtime_dir);
  g_autofree char *name = g_strdup_printf ("%s-07000000000000000000000000000000.journal", worker);
  g_autofree char *path = g_build_filename (directory, name, NULL);
  g_autoptr (GError) error = NULL;
  gsize ring_size = 0;
  int fd;

  g_strlcpy (identity.worker, worker, sizeof identity.worker);
  g_strlcpy (identity.group, group, sizeof identity.group);
  fd = muster_journal_create_file (path, 0, &identity, &error);
  g_assert_no_error (error);
  if (pid == 0)
    pid = start_sleeper (fd);
  g_assert_true (muster_journal_set_pid (fd, (guint32) pid, &error));
  g_assert_true (muster_journal_read_identity (fd, &identity, &ring_size, &error));
  muster_supervisor_adopt (fixture->supervisor, &identity, ring_size, path, fd, 0);
  return pid;
}

static gboolean
ends_soon (pid_t pid)
{
  gboolean ended = FALSE;

  for (guint i = 0; i < 200 && !ended; i++)
    {
      ended = waitpid (pid, NULL, WNOHANG) == pid;
      if (!ended)
        g_usleep (1000);
    }
  return ended;
}

static void
test_adopt (Fixture *fixture, gconstpointer data)
{
  pid_t pid;

  add_group (fixture, "exec sleep 1000", NULL);
  pid = leave_journal (fixture, "web-1", "web", 0);
  g_assert_cmpint (muster_worker_process_get_pid (worker (fixture, 0)), ==, pid);
  muster_supervisor_start (fixture->supervisor);
  g_assert_cmpuint (count (fixture->events, "started web-1"), ==, 1);
  stop (fixture);
  g_assert_cmpuint (count (fixture->events, "exited web-1 signal 15"), ==, 1); /* here it is a child of ours */
}

/* Its group is not there any more, and it is. */
static void
test_adopt_without_place (Fixture *fixture, gconstpointer data)
{
  pid_t pid;

  add_group (fixture, "exec sleep 1000", NULL);
  pid = leave_journal (fixture, "gone-1", "gone", 0);
  g_assert_true (ends_soon (pid));
  AWAIT (fixture, g_hash_table_size (fixture->receiver->journals) == 1);
  stop (fixture);
}

/* A worker can write what it likes into its journal's header, which is no reason to end somebody else. */
static void
test_adopt_liar (Fixture *fixture, gconstpointer data)
{
  pid_t other = start_sleeper (-1);

  add_group (fixture, "exec sleep 1000", NULL);
  leave_journal (fixture, "gone-1", "gone", GPOINTER_TO_INT (data) == 0 ? other : getpid ());
  g_assert_false (ends_soon (other));
  stop (fixture);
  kill (other, SIGKILL);
  waitpid (other, NULL, 0);
}

/* All journals that are there, as a next primary finds them. */
static void
adopt_all (Fixture *fixture)
{
  const char *directory = muster_runtime_dir_get_journals (fixture->house.runtime_dir);
  g_autoptr (GDir) dir = g_dir_open (directory, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (directory, name, NULL);
      g_autoptr (GError) error = NULL;
      MusterJournalIdentity identity;
      gsize ring_size;
      int fd;

      if (!g_str_has_suffix (name, ".journal"))
        continue;
      fd = open (path, O_RDWR | O_CLOEXEC);
      g_assert_true (muster_journal_read_identity (fd, &identity, &ring_size, &error));
      g_assert_no_error (error);
      muster_supervisor_adopt (fixture->supervisor, &identity, ring_size, path, fd, 0);
    }
}

/* Whether an end record holds the text. */
/* The primary has learnt how its worker ended and dies before that is delivered: the next one says the same of it. */
static void
test_adopt_known_end (Fixture *fixture, gconstpointer data)
{
  GPtrArray *records;

  fixture->receiver->silent = TRUE;
  add_group (fixture, "echo first >&2; echo 'last = words\\' >&2; kill -9 $$", "restart", MUSTER_RESTART_NO, NULL);
  muster_supervisor_start (fixture->supervisor);
  await_event (fixture, "exited web-1 signal 9", 1);
  muster_supervisor_free (fixture->supervisor);

  fixture->receiver->silent = FALSE;
  g_hash_table_remove_all (fixture->receiver->journals);
  fixture->supervisor = muster_supervisor_new (&fixture->house, &callbacks, fixture);
  adopt_all (fixture);
  AWAIT (fixture, fixture->receiver->ends->len == 2);
  records = fixture->receiver->end_bytes;
  g_assert_true (says (records->pdata[0], "ended by signal 9 (SIGKILL) after "));
  g_assert_true (says (records->pdata[0], "first\nlast = words\\"));
  g_assert_true (g_bytes_equal (records->pdata[0], records->pdata[1]));
  stop (fixture);
}

/* It was freed while its workers ran, and ended them: it knows how. */
static void
test_adopt_killed (Fixture *fixture, gconstpointer data)
{
  add_group (fixture, "exec sleep 1000", NULL);
  muster_supervisor_start (fixture->supervisor);
  muster_supervisor_free (fixture->supervisor);
  g_hash_table_remove_all (fixture->receiver->journals);
  fixture->supervisor = muster_supervisor_new (&fixture->house, &callbacks, fixture);
  adopt_all (fixture);
  AWAIT (fixture, fixture->receiver->ends->len == 1);
  g_assert_true (says (fixture->receiver->end_bytes->pdata[0], "ended by signal 9 (SIGKILL)"));
  stop (fixture);
}

/* What is there may be anything, after a disk was full. */
static void
test_adopt_broken_end (Fixture *fixture, gconstpointer data)
{
  const char *directory = muster_runtime_dir_get_journals (fixture->house.runtime_dir);
  g_autofree char *path = g_build_filename (directory, "gone-1-07000000000000000000000000000000.end", NULL);
  pid_t pid = start_sleeper (-1);

  kill (pid, SIGKILL);
  waitpid (pid, NULL, 0);
  g_assert_true (g_file_set_contents (path, "[end]\nreason=", -1, NULL));
  leave_journal (fixture, "gone-1", "gone", pid);
  AWAIT (fixture, fixture->receiver->ends->len == 1);
  g_assert_true (says (fixture->receiver->end_bytes->pdata[0], "ended, nobody can tell how"));
  AWAIT (fixture, find (fixture->records, "master warning muster: gone-1: ") != NULL);
  stop (fixture);
}

#define ADD(name, func) g_test_add ("/supervisor/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("lines", test_lines);
  ADD ("ends", test_ends);
  ADD ("environment", test_environment);
  ADD ("burst", test_burst);
  ADD ("last-words", test_last_words);
  ADD ("restart", test_restart);
  ADD ("restart/policies", test_restart_policies);
  ADD ("restart/operator", test_restart_by_operator);
  ADD ("stop/timeout", test_stop_timeout);
  ADD ("stop/graceful", test_stop_graceful);
  ADD ("stop/undrained", test_stop_undrained);
  ADD ("many", test_many);
  ADD ("scale", test_scale);
  g_test_add_func ("/supervisor/scale/in-notify", test_scale_in_notify);
  ADD ("spawn-failed", test_spawn_failed);
  ADD ("children", test_children);
  ADD ("connected", test_connected);
  ADD ("free-while-running", test_free_while_running);
  ADD ("adopt/living", test_adopt);
  ADD ("adopt/without-place", test_adopt_without_place);
  ADD ("adopt/liar", test_adopt_liar);
  ADD ("adopt/known-end", test_adopt_known_end);
  ADD ("adopt/killed", test_adopt_killed);
  ADD ("adopt/broken-end", test_adopt_broken_end);
  g_test_add ("/supervisor/adopt/suicide", Fixture, GINT_TO_POINTER (1), set_up, test_adopt_liar, tear_down);
  return g_test_run ();
}
