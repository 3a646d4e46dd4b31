/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Processes that crash (crash-helper), and what is in their journals then.
 */
#include "config.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "muster-crash-report-private.h"
#include "muster-record.h"

#define RING_SIZE 262144

static const guint8 stream[MUSTER_STREAM_ID_SIZE] = "test-crash-strm";

/* What became of a helper. */
typedef struct
{
  int fd;
  int status;          /* as waitpid() says */
  GPtrArray *messages; /* of the records */
  char *fields;        /* of the last crash record: "key=value key=value" */
  char *raw;           /* its backtrace */
  guint n_crashes;
  guint n_others; /* entries that are no record */
  guint64 refused, lost;
} Outcome;

static void
outcome_free (Outcome *outcome)
{
  close (outcome->fd);
  g_ptr_array_unref (outcome->messages);
  g_free (outcome->fields);
  g_free (outcome->raw);
  g_free (outcome);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Outcome, outcome_free)

static void
keep_child_fd (gpointer data)
{
  const struct
  {
    int from, to;
  } *fds = data;

  dup2 (fds->from, fds->to);
}

/* Starts crash-helper with a new journal as its descriptor 3. */
static GPid
start_helper (const char *how, Outcome *outcome)
{
  MusterJournalIdentity identity = { .worker = "helper" };
  const char *path = g_test_get_filename (G_TEST_BUILT, "core", "crash-helper", NULL);
  const char *argv[] = { path, how, "33", NULL };
  g_auto (GStrv) environment = g_get_environ ();
  g_autoptr (GError) error = NULL;
  GPid pid = 0;
  struct
  {
    int from, to;
  } fds;

  memcpy (identity.stream, stream, sizeof stream);
  outcome->fd = muster_journal_create_memfd (RING_SIZE, &identity, &error);
  g_assert_no_error (error);
  fds.from = outcome->fd;
  fds.to = 33;
  /* The sanitizers would take the signals for themselves. */
  environment = g_environ_setenv (environment, "ASAN_OPTIONS",
                                  "handle_segv=0:handle_sigbus=0:handle_abort=0:handle_sigill=0:handle_sigfpe=0:"
                                  "detect_leaks=0:use_sigaltstack=0",
                                  TRUE);
  environment = g_environ_unsetenv (environment, "G_DEBUG");
  g_spawn_async (NULL, (char **) argv, environment,
                 G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_LEAVE_DESCRIPTORS_OPEN | G_SPAWN_STDERR_TO_DEV_NULL, keep_child_fd,
                 &fds, &pid, &error);
  g_assert_no_error (error);
  return pid;
}

static void
take_fields (Outcome *outcome, MusterRecord *record)
{
  g_autoptr (GVariant) fields = g_variant_take_ref (muster_record_get_fields (record));
  GString *text = g_string_new (NULL);
  GVariantIter iter;
  const char *key;
  GVariant *value;

  g_variant_iter_init (&iter, fields);
  while (g_variant_iter_next (&iter, "{&sv}", &key, &value))
    {
      if (g_str_equal (key, "backtrace"))
        {
          g_free (outcome->raw);
          outcome->raw = g_variant_dup_string (value, NULL);
        }
      else if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
        g_string_append_printf (text, "%s=%s ", key, g_variant_get_string (value, NULL));
      else
        {
          g_autofree char *printed = g_variant_print (value, FALSE);

          g_string_append_printf (text, "%s=%s ", key, printed);
        }
      g_variant_unref (value);
    }
  g_free (outcome->fields);
  outcome->fields = g_string_free (text, FALSE);
}

static void
take_item (Outcome *outcome, const MusterJournalItem *item)
{
  MusterEntryIter iter;
  MusterEntry entry;
  MusterRecord *record;

  outcome->refused += item->refused;
  outcome->lost += item->lost;
  muster_entry_iter_init (&iter, item->bytes, item->length);
  if (!muster_entry_iter_next (&iter, &entry) || entry.kind != MUSTER_ENTRY_RECORD)
    {
      outcome->n_others++;
      return;
    }
  record = muster_record_new_from_entry (&entry);
  g_ptr_array_add (outcome->messages, g_strdup (muster_record_get_message (record)));
  if (g_str_has_prefix (muster_record_get_message (record), "crashed"))
    {
      g_assert_cmpint (muster_record_get_level (record), ==, MUSTER_LEVEL_CRITICAL);
      g_assert_cmpstr (muster_record_get_domain (record), ==, "muster");
      outcome->n_crashes++;
      take_fields (outcome, record);
    }
  muster_record_unref (record);
}

/* Waits for the end, and reads the journal as the primary would. */
static void
finish_helper (GPid pid, Outcome *outcome)
{
  g_autoptr (MusterJournalScan) scan = NULL;
  MusterJournalItem item;
  GError *error = NULL;
  guint64 refused, lost;
  MusterGapReason reason;

  while (waitpid (pid, &outcome->status, 0) < 0)
    ;
  g_spawn_close_pid (pid);
  outcome->messages = g_ptr_array_new_with_free_func (g_free);
  scan = muster_journal_scan_new (outcome->fd, stream, RING_SIZE, 1, 0, &error);
  g_assert_no_error (error);
  while (muster_journal_scan_next (scan, &item))
    take_item (outcome, &item);
  muster_journal_scan_get_trailing (scan, &refused, &lost, &reason);
  outcome->refused += refused;
  outcome->lost += lost;
}

static Outcome *
run_helper (const char *how)
{
  Outcome *outcome = g_new0 (Outcome, 1);

  finish_helper (start_helper (how, outcome), outcome);
  return outcome;
}

static void
assert_signal (const Outcome *outcome, int number)
{
  if (!WIFSIGNALED (outcome->status))
    g_error ("ended by status %d", WEXITSTATUS (outcome->status));
  g_assert_cmpint (WTERMSIG (outcome->status), ==, number);
}

static const char *
message (const Outcome *outcome, guint index)
{
  g_assert_cmpuint (index, <, outcome->messages->len);
  return g_ptr_array_index (outcome->messages, index);
}

static void
assert_contains (const char *text, const char *piece)
{
  if (text == NULL || strstr (text, piece) == NULL)
    g_error ("\"%s\" is not in \"%s\"", piece, text);
}

static void
assert_prefix (const char *text, const char *prefix)
{
  if (!g_str_has_prefix (text, prefix))
    g_error ("\"%s\" does not begin with \"%s\"", text, prefix);
}

/* What is in the header page, named. */
static char *
named (const Outcome *outcome, int number)
{
  MusterJournalCrash crash;
  GError *error = NULL;

  muster_crash_report_read (outcome->fd, stream, &crash, &error);
  g_assert_no_error (error);
  g_assert_cmpint (crash.signal, ==, number);
  return muster_crash_report_name (&crash);
}

/* -- the tests ----------------------------------------------------------------------------------- */

typedef struct
{
  const char *how;
  int number;
  const char *message;  /* the beginning of the crash record's */
  const char *fields;   /* is in them */
  const char *function; /* is in the named backtrace */
} Case;

static const Case cases[] = {
  { "segv", SIGSEGV, "crashed by signal 11 (SIGSEGV) at address 0x0", "code=SEGV_MAPERR address=0x0 ",
    "#0 crash_here+" },
  { "bus", SIGBUS, "crashed by signal 7 (SIGBUS) at address 0x", "code=BUS_ADRERR ", "#0 touch_beyond_end+" },
  { "ill", SIGILL, "crashed by signal 4 (SIGILL)", "signal=4 signal-name=SIGILL ", "do_illegal+" },
  { "fpe", SIGFPE, "crashed by signal 8 (SIGFPE)", "signal=8 signal-name=SIGFPE ", "divide+" },
  { "abort", SIGABRT, "crashed by signal 6 (SIGABRT)", "code=SI_TKILL thread=crash-helper ", "crash_here" },
  { "trap", SIGTRAP, "crashed by signal 5 (SIGTRAP)", "signal=5 signal-name=SIGTRAP ", "#0 crash_here+" },
  { "g-error", SIGTRAP, "crashed by signal 5 (SIGTRAP)", "signal=5 ", "crash_here" },
  { "sys", SIGSYS, "crashed by signal 31 (SIGSYS)", "signal-name=SIGSYS ", "call_forbidden+" },
  { "call", SIGSEGV, "crashed by signal 11 (SIGSEGV) at address 0x0", "address=0x0 ", "\n#1 call_nowhere+" },
  { "overflow", SIGSEGV, "crashed by signal 11 (SIGSEGV) at address 0x", "(stack overflow)", "#1 recurse+" },
  { "thread", SIGSEGV, "crashed by signal 11 (SIGSEGV) at address 0x0", "thread=doomed ", "crash_in_thread+" },
  { "thread-overflow", SIGSEGV, "crashed by signal 11 (SIGSEGV) at address 0x", "(stack overflow)", "#1 recurse+" },
  { "format", SIGSEGV, "crashed by signal 11 (SIGSEGV) at address 0x10", "address=0x10 ", "log_bad+" },
};

static void
test_case (gconstpointer data)
{
  const Case *a_case = data;
  g_autoptr (Outcome) outcome = run_helper (a_case->how);
  g_autofree char *backtrace = NULL;
  g_autofree char *all = NULL;

  assert_signal (outcome, a_case->number);
  g_assert_cmpstr (message (outcome, 0), ==, "last words");
  assert_prefix (message (outcome, outcome->messages->len - 1), a_case->message);
  g_assert_cmpuint (outcome->n_crashes, ==, 1);
  g_assert_cmpuint (outcome->refused + outcome->lost, ==, 0);
  assert_prefix (outcome->fields, "event=crash signal=");
  all = g_strdup_printf ("%s%s", outcome->fields, message (outcome, outcome->messages->len - 1));
  assert_contains (all, a_case->fields);
  assert_contains (outcome->raw, "/crash-helper+0x");
  backtrace = named (outcome, a_case->number);
  assert_contains (backtrace, a_case->function);
  g_test_message ("%s\n%s", message (outcome, outcome->messages->len - 1), backtrace);
  if (!g_str_has_prefix (a_case->how, "thread"))
    assert_contains (backtrace, " main+0x");
}

static void
test_silent_overflow (void)
{
  g_autoptr (Outcome) outcome = run_helper ("silent-overflow");

  /* That thread never said a word, so it has no stack to say more on. */
  assert_signal (outcome, SIGSEGV);
  g_assert_cmpuint (outcome->messages->len, ==, 1);
}

static void
test_two (void)
{
  g_autoptr (Outcome) outcome = run_helper ("two");
  g_autofree char *backtrace = NULL;

  assert_signal (outcome, SIGSEGV);
  g_assert_cmpuint (outcome->n_crashes, ==, 1);
  g_assert_cmpuint (outcome->messages->len, ==, 4);
  backtrace = named (outcome, SIGSEGV);
  assert_contains (backtrace, "crash_together+");
}

static void
test_full (void)
{
  g_autoptr (Outcome) outcome = run_helper ("full");

  assert_signal (outcome, SIGSEGV);
  g_assert_cmpuint (outcome->n_others, >, 100);
  g_assert_cmpuint (outcome->n_crashes, ==, 1);
  g_assert_cmpuint (outcome->refused, >, 0); /* what no longer fitted */
  g_assert_cmpuint (outcome->lost, ==, 0);
}

static void
test_very_full (void)
{
  g_autoptr (Outcome) outcome = run_helper ("very-full");
  g_autofree char *backtrace = NULL;

  assert_signal (outcome, SIGSEGV);
  g_assert_cmpuint (outcome->n_crashes, ==, 0); /* no room for the record, but in the header there is */
  backtrace = named (outcome, SIGSEGV);
  assert_contains (backtrace, "#0 crash_here+");
}

static void
test_lose_stack (void)
{
  g_autoptr (Outcome) outcome = run_helper ("lose-stack");

  assert_signal (outcome, SIGILL);
  g_assert_cmpuint (outcome->n_crashes, ==, 1);
  assert_contains (outcome->raw, "/crash-helper+0x");
}

static void
test_truncated (void)
{
  g_autoptr (Outcome) outcome = run_helper ("truncated");

  /* Nothing can be said, but the process ends as it would have. */
  assert_signal (outcome, SIGFPE);
  g_assert_cmpuint (outcome->messages->len, ==, 0);
}

static void
test_broken_header (void)
{
  g_autoptr (Outcome) outcome = run_helper ("broken-header");
  g_autofree char *backtrace = named (outcome, SIGABRT);

  assert_signal (outcome, SIGABRT);
  assert_contains (backtrace, "main+");
}

static void
test_chained (void)
{
  g_autoptr (Outcome) outcome = run_helper ("chained");

  g_assert_true (WIFEXITED (outcome->status));
  g_assert_cmpint (WEXITSTATUS (outcome->status), ==, 42);
  g_assert_cmpuint (outcome->messages->len, ==, 3);
  assert_prefix (message (outcome, 1), "crashed by signal 11 (SIGSEGV)");
  /* It sees what the kernel said. */
  g_assert_cmpstr (message (outcome, 2), ==, "own handler: 11 1 0");
}

static void
test_mended (void)
{
  g_autoptr (Outcome) outcome = run_helper ("mended");
  g_autofree char *backtrace = NULL;

  assert_signal (outcome, SIGABRT);
  g_assert_cmpuint (outcome->n_crashes, ==, 2);
  assert_prefix (message (outcome, 1), "crashed by signal 11 (SIGSEGV)");
  assert_prefix (message (outcome, 2), "crashed by signal 6 (SIGABRT)");
  backtrace = named (outcome, SIGABRT); /* the last one counts */
}

static void
test_ignored (void)
{
  g_autoptr (Outcome) outcome = run_helper ("ignored");

  g_assert_cmpint (outcome->status, ==, 0);
  g_assert_cmpuint (outcome->messages->len, ==, 1);
}

static void
test_churn (void)
{
  g_autoptr (Outcome) outcome = run_helper ("churn");

  g_assert_cmpint (outcome->status, ==, 0);
}

static void
test_fork (void)
{
  g_autoptr (Outcome) outcome = run_helper ("fork");
  MusterJournalCrash crash;
  GError *error = NULL;

  g_assert_cmpint (outcome->status, ==, 0);
  g_assert_cmpuint (outcome->messages->len, ==, 2);
  g_assert_cmpstr (message (outcome, 1), ==, "the child ended by 11");
  g_assert_false (muster_crash_report_read (outcome->fd, stream, &crash, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND);
  g_clear_error (&error);
}

/* Whether the helper has logged: then it is ready. */
static gboolean
has_logged (int fd)
{
  g_autoptr (MusterJournalScan) scan = muster_journal_scan_new (fd, stream, RING_SIZE, 1, 0, NULL);
  MusterJournalItem item;

  return muster_journal_scan_next (scan, &item);
}

static void
test_sent (void)
{
  g_autoptr (Outcome) outcome = g_new0 (Outcome, 1);
  GPid pid = start_helper ("wait", outcome);
  g_autofree char *expected = g_strdup_printf ("crashed by signal 6 (SIGABRT), sent by process %d", (int) getpid ());

  while (!has_logged (outcome->fd))
    g_usleep (1000);
  kill (pid, SIGABRT);
  finish_helper (pid, outcome);
  assert_signal (outcome, SIGABRT);
  g_assert_cmpstr (message (outcome, 1), ==, expected);
  assert_contains (outcome->fields, "code=SI_USER sender=");
}

/* -- reports that are not as they should be ------------------------------------------------------ */

static gboolean
read_changed (const MusterJournalCrash *crash, gboolean sealed, int code)
{
  MusterJournalIdentity identity = { 0 };
  MusterJournalCrash copy = *crash;
  MusterJournalCrash again;
  GError *error = NULL;
  int fd;
  gboolean good;

  memcpy (identity.stream, stream, sizeof stream);
  fd = muster_journal_create_memfd (RING_SIZE, &identity, NULL);
  if (sealed)
    copy.checksum = muster_journal_crash_checksum (&copy, muster_journal_seed (stream));
  g_assert_cmpint (pwrite (fd, &copy, sizeof copy, MUSTER_JOURNAL_CRASH_OFFSET), ==, sizeof copy);
  good = muster_crash_report_read (fd, stream, &again, &error);
  if (!good)
    g_assert_error (error, MUSTER_ERROR, code);
  g_clear_error (&error);
  close (fd);
  return good;
}

static void
test_report (void)
{
  MusterJournalCrash crash = { .written = 1, .signal = 11, .n_frames = 2 };
  MusterJournalCrash bad;
  char text[256];
  g_autofree char *name = NULL;

  g_assert_cmpint (muster_crash_report_add_module (&crash, "/nonexistent/a", 14, (const guint8 *) "id", 2), ==, 0);
  g_assert_cmpint (muster_crash_report_add_module (&crash, "/nonexistent/\xff", 14, (const guint8 *) "", 0), ==, 1);
  crash.frames[0] = (MusterJournalCrashFrame){ .address = 0x123, .module = 1, .is_exact = 1, .repeats = 2 };
  crash.frames[1] = (MusterJournalCrashFrame){ .address = 0xabc, .module = MUSTER_JOURNAL_CRASH_NO_MODULE };
  g_assert_true (read_changed (&crash, TRUE, 0));
  muster_crash_report_print_raw (&crash, text, sizeof text);
  g_assert_cmpstr (text, ==, "/nonexistent/?+0x123 (3 times)\n0xabc");
  muster_crash_report_print_raw (&crash, text, 33);
  g_assert_cmpstr (text, ==, "/nonexistent/?+0x123 (3 times)");
  muster_crash_report_print_raw (&crash, text, 8);
  g_assert_cmpstr (text, ==, "");
  name = muster_crash_report_name (&crash);
  g_assert_cmpstr (name, ==, "#0 /nonexistent/?+0x123 (3 times)\n#1 0xabc");

  g_assert_false (read_changed (&crash, FALSE, MUSTER_ERROR_CORRUPT));
  bad = crash;
  bad.written = 0;
  g_assert_false (read_changed (&bad, TRUE, MUSTER_ERROR_NOT_FOUND));
  bad.written = 2;
  g_assert_false (read_changed (&bad, TRUE, MUSTER_ERROR_CORRUPT));
  bad = crash;
  bad.n_frames = MUSTER_JOURNAL_CRASH_FRAMES + 1;
  g_assert_false (read_changed (&bad, TRUE, MUSTER_ERROR_CORRUPT));
  bad = crash;
  bad.frames[0].module = 2;
  g_assert_false (read_changed (&bad, TRUE, MUSTER_ERROR_CORRUPT));
  bad = crash;
  bad.modules_size--;
  g_assert_false (read_changed (&bad, TRUE, MUSTER_ERROR_CORRUPT));
  bad = crash;
  bad.modules[0] = 200;
  g_assert_false (read_changed (&bad, TRUE, MUSTER_ERROR_CORRUPT));
  bad = crash;
  memset (bad.thread_name, 'x', sizeof bad.thread_name);
  g_assert_false (read_changed (&bad, TRUE, MUSTER_ERROR_CORRUPT));
}

static void
test_many_modules (void)
{
  MusterJournalCrash crash = { .written = 1 };
  guint16 index;
  guint16 n = 0;

  while ((index = muster_crash_report_add_module (&crash, "/usr/lib/x", 10, (const guint8 *) "1234567890", 10))
         != MUSTER_JOURNAL_CRASH_NO_MODULE)
    g_assert_cmpint (index, ==, n++);
  g_assert_cmpuint (n, ==, sizeof crash.modules / 22);
  g_assert_true (read_changed (&crash, TRUE, 0));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/crash/signal/", cases[i].how, NULL);

      g_test_add_data_func (path, &cases[i], test_case);
    }
  g_test_add_func ("/crash/silent-overflow", test_silent_overflow);
  g_test_add_func ("/crash/two", test_two);
  g_test_add_func ("/crash/full", test_full);
  g_test_add_func ("/crash/very-full", test_very_full);
  g_test_add_func ("/crash/lose-stack", test_lose_stack);
  g_test_add_func ("/crash/truncated", test_truncated);
  g_test_add_func ("/crash/broken-header", test_broken_header);
  g_test_add_func ("/crash/chained", test_chained);
  g_test_add_func ("/crash/mended", test_mended);
  g_test_add_func ("/crash/ignored", test_ignored);
  g_test_add_func ("/crash/churn", test_churn);
  g_test_add_func ("/crash/fork", test_fork);
  g_test_add_func ("/crash/sent", test_sent);
  g_test_add_func ("/crash/report", test_report);
  g_test_add_func ("/crash/many-modules", test_many_modules);
  return g_test_run ();
}
