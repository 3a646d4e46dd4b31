/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From the log call to the journal: what is said is there, whoever says it.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "muster-logger-private.h"

/* Below 16 KiB no thread can be made; sanitizers need more for themselves. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SMALL_STACK (128 * 1024)
#else
#define SMALL_STACK (32 * 1024)
#endif

typedef struct
{
  MusterJournal *journal;
  MusterSink *sink;
  MusterLogger *logger;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  MusterJournalIdentity id = { .stream = "logger-test-0123", .worker = "w-1" };
  g_autoptr (GError) error = NULL;

  fixture->journal = muster_journal_open (muster_journal_create_memfd (1 << 20, &id, &error), &error);
  g_assert_no_error (error);
  fixture->sink = muster_sink_new (fixture->journal, "w-1");
  fixture->logger = muster_logger_new (fixture->sink, "test", MUSTER_LEVEL_INFO);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_object_unref (fixture->logger);
  muster_sink_unref (fixture->sink);
  muster_journal_unref (fixture->journal);
}

/* The next record; its slices point into the ring. FALSE if there is none. */
static gboolean
next_record (Fixture *fixture, MusterRecordView *record)
{
  MusterJournalItem item;
  MusterEntryIter iter;
  MusterEntry entry;

  if (!muster_journal_peek (fixture->journal, &item))
    return FALSE;
  muster_entry_iter_init (&iter, item.bytes, item.length);
  g_assert_true (muster_entry_iter_next (&iter, &entry));
  g_assert_true (muster_entry_get_record (&entry, record));
  muster_journal_advance (fixture->journal);
  return TRUE;
}

static void
assert_slice (MusterSlice slice, const char *expected)
{
  g_assert_cmpmem (slice.data, slice.length, expected, strlen (expected));
}

static gboolean
find_field (const MusterRecordView *record, const char *key, MusterFieldView *field)
{
  MusterFieldIter iter;

  muster_field_iter_init (&iter, record);
  while (muster_field_iter_next (&iter, field))
    if (field->key.length == strlen (key) && memcmp (field->key.data, key, field->key.length) == 0)
      return TRUE;
  return FALSE;
}

static void
test_macros (Fixture *fixture, gconstpointer data)
{
  MusterRecordView record;
  MusterFieldView field;
  gint64 before = g_get_real_time () * 1000;
  guint evaluated = 0;

  muster_info (fixture->logger, "hello %s, %.2f", "you", 1.5);
  muster_debug (fixture->logger, "not %u", ++evaluated);
  muster_log_with (fixture->logger, MUSTER_LEVEL_ERROR,
                   MUSTER_FIELDS (MUSTER_TEXT ("user", "jo"), MUSTER_INTEGER ("status", -1)), "failed");
  g_assert_cmpuint (evaluated, ==, 0);

  g_assert_true (next_record (fixture, &record));
  assert_slice (record.message, "hello you, 1.50");
  assert_slice (record.domain, "test");
  assert_slice (record.file, "tests/core/test-logger.c");
  assert_slice (record.function, "test_macros");
  g_assert_cmpint (record.level, ==, MUSTER_LEVEL_INFO);
  g_assert_cmpint ((gint64) record.time_ns, >=, before);
  g_assert_cmpint ((gint64) record.time_ns, <=, g_get_real_time () * 1000 + 1000);
  g_assert_true (next_record (fixture, &record));
  g_assert_true (find_field (&record, "user", &field));
  assert_slice (field.value.text, "jo");
  g_assert_true (find_field (&record, "status", &field));
  g_assert_cmpint (field.value.integer, ==, -1);
  g_assert_false (next_record (fixture, &record));
}

static void
test_levels (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterLogger) child = muster_logger_new_child (fixture->logger, "child");
  g_autoptr (MusterLogger) deaf = muster_logger_new_child (fixture->logger, "deaf");

  g_assert_cmpstr (muster_logger_get_domain (child), ==, "test.child");
  g_assert_false (muster_logger_is_enabled (child, MUSTER_LEVEL_DEBUG));
  muster_logger_set_level (deaf, MUSTER_LEVEL_CRITICAL);
  muster_sink_set_level (fixture->sink, MUSTER_LEVEL_DEBUG); /* what the primary says reaches all that follow it */
  g_assert_true (muster_logger_is_enabled (child, MUSTER_LEVEL_DEBUG));
  g_assert_false (muster_logger_is_enabled (deaf, MUSTER_LEVEL_ERROR));
  g_assert_true (muster_logger_is_enabled (deaf, MUSTER_LEVEL_CRITICAL));
  muster_logger_set_level (deaf, MUSTER_LEVEL_NONE);
  g_assert_cmpint (muster_logger_get_level (deaf), ==, MUSTER_LEVEL_DEBUG);
}

static void
test_defaults (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterLogger) child = NULL;
  g_autofree char *large = g_strnfill (5000, 'x');
  MusterRecordView record;
  MusterFieldView field;

  muster_logger_set_default (fixture->logger, "request", g_variant_new_uint32 (7));
  child = muster_logger_new_child (fixture->logger, "child");
  muster_logger_set_default (child, "user", g_variant_new_string ("jo"));
  muster_info (child, "one");
  g_assert_true (next_record (fixture, &record));
  g_assert_true (find_field (&record, "request", &field));
  g_assert_cmpuint (field.value.natural, ==, 7);
  g_assert_true (find_field (&record, "user", &field));

  muster_info (fixture->logger, "two");
  g_assert_true (next_record (fixture, &record));
  g_assert_false (find_field (&record, "user", &field)); /* the child's own */
  muster_logger_set_default (fixture->logger, "request", g_variant_new_uint32 (8));
  muster_logger_set_default (fixture->logger, "large", g_variant_new_string (large));
  g_assert_true (next_record (fixture, &record)); /* the warning that it does not fit */
  g_assert_cmpint (record.level, ==, MUSTER_LEVEL_WARNING);
  muster_info (fixture->logger, "three");
  g_assert_true (next_record (fixture, &record));
  g_assert_true (find_field (&record, "request", &field));
  g_assert_cmpuint (field.value.natural, ==, 8);
  muster_logger_remove_default (fixture->logger, "request");
  muster_info (fixture->logger, "four");
  g_assert_true (next_record (fixture, &record));
  g_assert_false (record.has_fields);
}

static void
test_variant (Fixture *fixture, gconstpointer data)
{
  MusterRecordView record;
  MusterFieldView field;

  muster_logger_log (fixture->logger, MUSTER_LEVEL_INFO, "hello",
                     g_variant_new_parsed ("{'s': <'x'>, 'i': <-1>, 'u': <byte 2>, 'd': <0.5>, 'b': <true>,"
                                           " 'a': <[1, 2]>, 'y': <b'ab'>}"));
  g_assert_true (next_record (fixture, &record));
  assert_slice (record.message, "hello");
  g_assert_true (find_field (&record, "s", &field) && field.type == MUSTER_FIELD_TEXT);
  g_assert_true (find_field (&record, "i", &field) && field.value.integer == -1);
  g_assert_true (find_field (&record, "u", &field) && field.value.natural == 2);
  g_assert_true (find_field (&record, "d", &field) && field.value.number == 0.5);
  g_assert_true (find_field (&record, "b", &field) && field.value.flag);
  g_assert_true (find_field (&record, "y", &field) && field.type == MUSTER_FIELD_DATA);
  g_assert_true (find_field (&record, "a", &field));
  assert_slice (field.value.text, "[1, 2]");
}

static void
test_long (Fixture *fixture, gconstpointer data)
{
  MusterRecordView record;
  MusterFieldView field;

  for (gsize length = 900; length < 100000; length = length * 9 / 8)
    {
      g_autofree char *text = g_strnfill (length, 'm');

      muster_info (fixture->logger, "%s", text);
      g_assert_true (next_record (fixture, &record));
      g_assert_cmpint (memcmp (record.message.data, text, record.message.length), ==, 0);
      if (length < 65000)
        g_assert_cmpuint (record.message.length, ==, length);
      else
        {
          g_assert_cmpuint (record.message.length, >, 65000);
          g_assert_true (length < 65536 || find_field (&record, "truncated_from", &field));
          g_assert_true (length < 65536 || field.value.natural == length);
        }
      muster_journal_acknowledge (fixture->journal, muster_journal_get_read_position (fixture->journal));
    }
}

static void
test_captured (Fixture *fixture, gconstpointer data)
{
  MusterJournalItem item;
  MusterEntryIter iter;
  MusterEntry entry;
  MusterRecordView record;

  g_assert_true (
      muster_logger_log_captured (fixture->logger, MUSTER_LEVEL_WARNING, "web-1", 99, "stderr", "oh \xff no", 7));
  g_assert_true (muster_journal_peek (fixture->journal, &item));
  muster_entry_iter_init (&iter, item.bytes, item.length);
  g_assert_true (muster_entry_iter_next (&iter, &entry));
  assert_slice (entry.origin->worker, "web-1");
  g_assert_cmpuint (entry.origin->pid, ==, 99);
  g_assert_true (muster_entry_iter_next (&iter, &entry));
  g_assert_true (muster_entry_get_record (&entry, &record));
  assert_slice (record.message, "oh \\xff no");
  assert_slice (record.raw, "oh \xff no");
  g_assert_false (muster_entry_iter_next (&iter, &entry));
}

static void
test_glib (Fixture *fixture, gconstpointer data)
{
  MusterRecordView record;
  MusterFieldView field;

  muster_logger_capture_glib (fixture->logger);
  g_message ("from %s", "glib");
  g_log_structured ("domain", G_LOG_LEVEL_WARNING, "MY_FIELD", "mine", "MESSAGE", "structured %d", 1);
  g_debug ("below the level");
  muster_logger_release_glib ();

  g_assert_true (next_record (fixture, &record));
  assert_slice (record.message, "from glib");
  g_assert_cmpint (record.level, ==, MUSTER_LEVEL_NOTICE);
  g_assert_true (find_field (&record, "GLIB_DOMAIN", &field));
  g_assert_true (next_record (fixture, &record));
  assert_slice (record.message, "structured 1");
  g_assert_true (find_field (&record, "MY_FIELD", &field));
  assert_slice (field.value.text, "mine");
  g_assert_false (next_record (fixture, &record));
}

static gpointer
change_defaults (gpointer data)
{
  Fixture *fixture = data;

  for (guint i = 0; i < 3000; i++)
    {
      g_autofree char *text = g_strnfill (i % 60, (char) ('a' + i % 26));

      muster_logger_set_default (fixture->logger, "text", g_variant_new_string (text));
    }
  return NULL;
}

/* Readers of default fields never wait, and never see half of a change. */
static void
test_defaults_while_logging (Fixture *fixture, gconstpointer data)
{
  MusterRecordView record;
  MusterFieldView field;
  GThread *thread;

  muster_logger_set_default (fixture->logger, "text", g_variant_new_string (""));
  thread = g_thread_new ("defaults", change_defaults, fixture);
  for (guint i = 0; i < 20000; i++)
    {
      muster_info (fixture->logger, "%u", i);
      g_assert_true (next_record (fixture, &record));
      g_assert_true (find_field (&record, "text", &field));
      for (gsize k = 1; k < field.value.text.length; k++)
        g_assert_cmpint (field.value.text.data[k], ==, field.value.text.data[0]);
      muster_journal_acknowledge (fixture->journal, muster_journal_get_read_position (fixture->journal));
    }
  g_thread_join (thread);
}

static MusterLogger *signal_logger;
static volatile sig_atomic_t signal_count;

static void
on_signal (int number)
{
  muster_info (signal_logger, "signal %d", number);
  signal_count++;
}

/* A handler that logs, interrupting log calls and changes of defaults at any instruction. */
static void
test_signal_handler (Fixture *fixture, gconstpointer data)
{
  struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
  struct sigaction before;
  timer_t timer;
  struct itimerspec often = { { 0, 50000 }, { 0, 50000 } };
  MusterRecordView record;
  guint64 signals = 0, plain = 0, said = 0;

  signal_logger = fixture->logger;
  sigaction (SIGALRM, &action, &before);
  g_assert_no_errno (timer_create (CLOCK_MONOTONIC, NULL, &timer));
  g_assert_no_errno (timer_settime (timer, 0, &often, NULL));
  while (signal_count < 500)
    {
      muster_logger_set_default (fixture->logger, "k", g_variant_new_uint64 (said));
      muster_info (fixture->logger, "plain");
      said++;
      while (next_record (fixture, &record))
        {
          signals += record.message.data[0] == 's';
          plain += record.message.data[0] == 'p';
        }
      muster_journal_acknowledge (fixture->journal, muster_journal_get_read_position (fixture->journal));
    }
  timer_delete (timer);
  sigaction (SIGALRM, &before, NULL);
  while (next_record (fixture, &record))
    {
      signals += record.message.data[0] == 's';
      plain += record.message.data[0] == 'p';
    }
  g_assert_cmpuint (plain, ==, said);
  g_assert_cmpuint (signals, ==, signal_count);
  g_assert_cmpuint (muster_journal_get_drops (fixture->journal), ==, 0);
}

/* A forked child says it on stderr, and leaves its parent's journal alone. */
static void
test_fork (Fixture *fixture, gconstpointer data)
{
  int pipe_fds[2], status;
  char text[500] = "";
  MusterRecordView record;
  pid_t child;

  g_assert_no_errno (pipe (pipe_fds));
  child = fork ();
  if (child == 0)
    {
      dup2 (pipe_fds[1], STDERR_FILENO);
      muster_error (fixture->logger, "I am a child\nwith two lines");
      _exit (0);
    }
  close (pipe_fds[1]);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (read (pipe_fds[0], text, sizeof text - 1), >, 0);
  close (pipe_fds[0]);
  g_assert_true (g_str_has_suffix (text, " w-1 error test: I am a child\\nwith two lines\n"));
  g_assert_false (next_record (fixture, &record));
  muster_info (fixture->logger, "the parent goes on");
  g_assert_true (next_record (fixture, &record));
}

/* A daemon that forks before it begins in earnest: a journal that was given in the child is the child's own. */
static void
test_fork_before (Fixture *fixture, gconstpointer data)
{
  MusterRecordView record;
  int status;
  pid_t child = fork ();

  if (child == 0)
    {
      g_autoptr (GError) error = NULL;
      int fd = muster_journal_create_memfd (0, muster_journal_get_identity (fixture->journal), &error);
      MusterJournal *journal = muster_journal_open (fd, &error);
      MusterSink *sink = muster_sink_new (journal, "w-1");
      MusterLogger *logger = muster_logger_new (sink, "test", MUSTER_LEVEL_INFO);
      MusterJournalItem item;

      muster_info (logger, "I am the daemon");
      _exit (muster_journal_peek (journal, &item) ? 0 : 1);
    }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
  g_assert_false (next_record (fixture, &record));
}

static gpointer
say_much (gpointer data)
{
  Fixture *fixture = data;
  g_autofree char *text = g_strnfill (100000, 'x');
  g_autofree char *invalid = g_strnfill (20000, '\xff');

  muster_info (fixture->logger, "%.20000s", text);
  muster_info (fixture->logger, "%s", text);
  muster_info (fixture->logger, "%s", invalid);
  return NULL;
}

/* Threads with small stacks, and coroutines, have something to say too, and signal handlers on stacks of their own. */
static void
test_small_stack (Fixture *fixture, gconstpointer data)
{
  static const gsize sizes[] = { 20000, 65000, 20000 };
  MusterRecordView record;
  pthread_attr_t attributes;
  pthread_t thread;

  muster_logger_set_default (fixture->logger, "key", g_variant_new_string ("value"));
  pthread_attr_init (&attributes);
  g_assert_cmpint (pthread_attr_setstacksize (&attributes, SMALL_STACK), ==, 0);
  g_assert_cmpint (pthread_create (&thread, &attributes, say_much, fixture), ==, 0);
  pthread_join (thread, NULL);
  pthread_attr_destroy (&attributes);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_assert_true (next_record (fixture, &record));
      g_assert_cmpuint (i == 2 ? record.raw.length : record.message.length, >=, i == 2 ? 10000 : sizes[i]);
    }
}

static void
test_errno (Fixture *fixture, gconstpointer data)
{
  MusterRecordView record;

  errno = ENOENT;
  muster_info (fixture->logger, "it said %.1f", 0.5);
  g_assert_cmpint (errno, ==, ENOENT);
  g_assert_true (next_record (fixture, &record));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add ("/logger/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("macros", test_macros);
  ADD ("levels", test_levels);
  ADD ("defaults", test_defaults);
  ADD ("variant", test_variant);
  ADD ("long", test_long);
  ADD ("captured", test_captured);
  ADD ("glib", test_glib);
  ADD ("defaults-while-logging", test_defaults_while_logging);
  ADD ("signal-handler", test_signal_handler);
  ADD ("fork", test_fork);
  ADD ("fork-before", test_fork_before);
  ADD ("small-stack", test_small_stack);
  ADD ("errno", test_errno);
  return g_test_run ();
}
