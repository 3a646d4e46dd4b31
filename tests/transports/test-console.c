/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The console transport, with a pipe, a FIFO, a file or a terminal in the place of standard output or error.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../core/test-batches.h"
#include "muster-transport-console.h"
#include "muster-transport-private.h"
#include "test-mock-format.h"
#include "transport-witness.h"

#define TEST_DEADLINE_US (20 * G_USEC_PER_SEC)

/* The next write to standard error says that there is no room after all, or is interrupted. */
static gint write_errno;

ssize_t
write (int fd, const void *data, size_t size)
{
  int code = fd == STDERR_FILENO ? g_atomic_int_get (&write_errno) : 0;

  if (code == 0)
    return syscall (SYS_write, fd, data, size);
  g_atomic_int_set (&write_errno, 0);
  errno = code;
  return -1;
}

typedef struct
{
  int stream;      /* 1 or 2: what is replaced */
  int saved;       /* what was there */
  int reader;      /* the other end; -1 for none */
  char *directory; /* nullable */
  LineFormat *format;
  MusterTransport *transport;
  gboolean running;
  Witness witness;
} Fixture;

/* Puts @fd in the place of the stream; takes it over. */
static void
replace (Fixture *fixture, int fd)
{
  g_assert_cmpint (dup2 (fd, fixture->stream), ==, fixture->stream);
  g_close (fd, NULL);
}

static void
replace_by_pipe (Fixture *fixture, int flags)
{
  int ends[2];

  g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
  g_assert_cmpint (fcntl (ends[1], F_SETFL, flags), ==, 0);
  fixture->reader = ends[0];
  replace (fixture, ends[1]);
}

static void
replace_by_terminal (Fixture *fixture)
{
  fixture->reader = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);
  g_assert_cmpint (fixture->reader, >=, 0);
  g_assert_cmpint (grantpt (fixture->reader), ==, 0);
  g_assert_cmpint (unlockpt (fixture->reader), ==, 0);
  replace (fixture, open (ptsname (fixture->reader), O_RDWR | O_NOCTTY | O_CLOEXEC));
  g_assert_true (isatty (fixture->stream));
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->stream = data != NULL ? ABS (GPOINTER_TO_INT (data)) : STDERR_FILENO;
  fflush (NULL);
  fixture->saved = fcntl (fixture->stream, F_DUPFD_CLOEXEC, 10);
  fixture->reader = -1;
  witness_init (&fixture->witness);
  fixture->format = g_object_new (line_format_get_type (), NULL);
  fixture->transport = g_object_new (MUSTER_TYPE_TRANSPORT_CONSOLE, "name", "screen", "format", fixture->format,
                                     "stream", fixture->stream, "required", TRUE, "retry-delay", (gint64) 1000,
                                     "retry-delay-max", (gint64) 2000, NULL);
  witness_watch (&fixture->witness, fixture->transport);
}

static void
stop (Fixture *fixture, gint64 timeout_us)
{
  if (fixture->running)
    muster_transport_stop (fixture->transport, timeout_us);
  fixture->running = FALSE;
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  stop (fixture, TEST_DEADLINE_US);
  g_object_unref (fixture->transport);
  g_object_unref (fixture->format);
  dup2 (fixture->saved, fixture->stream);
  g_close (fixture->saved, NULL);
  if (fixture->reader >= 0)
    g_close (fixture->reader, NULL);
  if (fixture->directory != NULL)
    g_rmdir (fixture->directory);
  g_free (fixture->directory);
  witness_clear (&fixture->witness);
}

static void
start (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;

  fixture->running = muster_transport_start (fixture->transport, &error);
  g_assert_no_error (error);
}

static void
push (Fixture *fixture, guint64 first_seq, guint n)
{
  g_autoptr (MusterBatch) batch = test_batch ('a', first_seq, n, "web-1", MUSTER_LEVEL_INFO);

  muster_transport_push (fixture->transport, batch);
}

/* What @n records from @first_seq on look like. */
static void
expect (GString *text, guint64 first_seq, guint n)
{
  for (guint64 seq = first_seq; seq < first_seq + n; seq++)
    g_string_append_printf (text, "a %" G_GUINT64_FORMAT "\n", seq);
}

/* Reads until as much as @expected has come, at most @piece bytes at a time. */
static void
assert_read (Fixture *fixture, const char *expected, gsize piece)
{
  gsize length = strlen (expected);
  g_autofree char *text = g_malloc0 (length + 1);
  gint64 deadline_us = g_get_monotonic_time () + TEST_DEADLINE_US;
  gsize got = 0;

  while (got < length)
    {
      struct pollfd fd = { .fd = fixture->reader, .events = POLLIN };
      gssize n = poll (&fd, 1, 1000) > 0 ? read (fixture->reader, text + got, MIN (piece, length - got)) : 0;

      g_assert_cmpint (n, >=, 0);
      got += (gsize) n;
      g_assert_cmpint (g_get_monotonic_time (), <, deadline_us);
    }
  g_assert_cmpstr (text, ==, expected);
}

static void
test_write (Fixture *fixture, gconstpointer data)
{
  MusterTransportCounters counters;

  replace_by_pipe (fixture, 0);
  start (fixture);
  push (fixture, 1, 2);
  push (fixture, 3, 1);
  witness_wait (&fixture->witness, &fixture->witness.n_done, 2);
  muster_transport_get_counters (fixture->transport, &counters);
  g_assert_cmpuint (counters.bytes, ==, 12);
  assert_read (fixture, "a 1\na 2\na 3\n", 100);
}

static void
test_write_again (Fixture *fixture, gconstpointer data)
{
  static const int codes[] = { EAGAIN, EINTR };

  replace_by_pipe (fixture, O_NONBLOCK);
  start (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    {
      g_atomic_int_set (&write_errno, codes[i]);
      push (fixture, i + 1, 1);
      witness_wait (&fixture->witness, &fixture->witness.n_done, i + 1);
      g_assert_cmpint (g_atomic_int_get (&write_errno), ==, 0);
    }
  assert_read (fixture, "a 1\na 2\n", 100);
  g_assert_cmpuint (fixture->witness.n_reports, ==, 0);
}

static void
test_file (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GString) expected = g_string_new (NULL);
  g_autofree char *path = NULL;
  g_autofree char *text = NULL;

  fixture->directory = g_dir_make_tmp ("muster-console-XXXXXX", NULL);
  path = g_build_filename (fixture->directory, "out", NULL);
  replace (fixture, open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  start (fixture);
  push (fixture, 1, 3000);
  witness_wait (&fixture->witness, &fixture->witness.n_done, 1);
  expect (expected, 1, 3000);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, expected->str);
  g_unlink (path);
}

static void
test_properties (void)
{
  g_autoptr (MusterTransport) console = g_object_new (MUSTER_TYPE_TRANSPORT_CONSOLE, NULL);
  g_autoptr (MusterTransport) wanted = g_object_new (MUSTER_TYPE_TRANSPORT_CONSOLE, "required", TRUE, NULL);
  GParamSpec *spec = g_object_class_find_property (G_OBJECT_GET_CLASS (console), "required");
  MusterConsoleStream stream;
  MusterConsoleColor color;
  gboolean required;

  g_object_get (console, "stream", &stream, "color", &color, "required", &required, NULL);
  g_assert_cmpint (stream, ==, MUSTER_CONSOLE_STDOUT);
  g_assert_cmpint (color, ==, MUSTER_CONSOLE_COLOR_AUTO);
  g_assert_false (required);
  g_assert_false (muster_transport_get_required (console));
  g_assert_false (G_PARAM_SPEC_BOOLEAN (spec)->default_value);
  g_assert_true (muster_transport_get_required (wanted));
}

static void
test_refused (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_close (fixture->stream, NULL);
  g_assert_false (muster_transport_start (fixture->transport, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE);
  g_assert_nonnull (strstr (error->message, "standard error is not open"));
  g_clear_error (&error);
  muster_transport_set_format (fixture->transport, NULL);
  g_assert_false (muster_transport_start (fixture->transport, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, "format="));
}

/* More than the pipe holds, to a reader that takes little at a time; the descriptor's flags are others' business. */
static void
test_slow_reader (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GString) expected = g_string_new (NULL);
  int flags = GPOINTER_TO_INT (data) < 0 ? O_NONBLOCK : 0;

  replace_by_pipe (fixture, flags);
  start (fixture);
  for (guint i = 0; i < 20; i++)
    push (fixture, 1 + 2000 * i, 2000);
  expect (expected, 1, 40000);
  assert_read (fixture, expected->str, 1777);
  witness_wait (&fixture->witness, &fixture->witness.n_done, 20);
  g_assert_cmpuint (fixture->witness.n_reports, ==, 0);
  g_assert_cmpint (fcntl (fixture->stream, F_GETFL) & O_NONBLOCK, ==, flags);
}

/* A reader who is asleep holds up nobody: what he does not take is given up. */
static void
test_sleeping_reader (Fixture *fixture, gconstpointer data)
{
  gint64 before_us = g_get_monotonic_time ();
  MusterTransportCounters counters;

  muster_transport_set_required (fixture->transport, FALSE);
  replace_by_pipe (fixture, 0);
  start (fixture);
  for (guint i = 0; i < 60; i++)
    push (fixture, 1 + 2000 * i, 2000);
  do
    {
      g_thread_yield ();
      muster_transport_get_counters (fixture->transport, &counters);
    }
  while (counters.bytes < 40000);
  stop (fixture, TEST_DEADLINE_US);
  g_assert_cmpint (g_get_monotonic_time () - before_us, <, TEST_DEADLINE_US / 2);
  muster_transport_get_counters (fixture->transport, &counters);
  g_assert_cmpuint (counters.dropped, >, 0);
}

/* A reader who has gone kills nobody; a FIFO may get another one, and goes on where it broke off. */
static void
test_reader_gone (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = NULL;
  g_autoptr (GString) expected = g_string_new (NULL);
  MusterTransportCounters counters;

  fixture->directory = g_dir_make_tmp ("muster-console-XXXXXX", NULL);
  path = g_build_filename (fixture->directory, "fifo", NULL);
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  fixture->reader = open (path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  replace (fixture, open (path, O_WRONLY | O_CLOEXEC));
  start (fixture);
  push (fixture, 1, 1);
  assert_read (fixture, "a 1\n", 100);
  push (fixture, 2, 20000);
  do /* until it is in the middle */
    {
      g_thread_yield ();
      muster_transport_get_counters (fixture->transport, &counters);
    }
  while (counters.bytes < 40000);
  g_close (fixture->reader, NULL);
  witness_wait (&fixture->witness, &fixture->witness.n_reports, 1);
  expect (expected, 2, 20000);
  fixture->reader = open (path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  assert_read (fixture, expected->str, 100000);
  witness_wait (&fixture->witness, &fixture->witness.n_reports, 2);
  g_assert_nonnull (strstr (fixture->witness.reports->str,
                            "warning: transport screen: nobody reads standard error any more; trying again\n"));
  g_unlink (path);
}

static void
test_format_fails (Fixture *fixture, gconstpointer data)
{
  TestLog log = { NULL };
  g_autoptr (MusterBatch) batch = NULL;

  test_log_origin (&log, 'a', 1, "web-1");
  test_log_record (&log, MUSTER_LEVEL_INFO, "fine");
  test_log_record (&log, MUSTER_LEVEL_INFO, "corrupt");
  batch = test_log_end (&log);
  replace_by_pipe (fixture, 0);
  start (fixture);
  muster_transport_push (fixture->transport, batch);
  push (fixture, 3, 1);
  witness_wait (&fixture->witness, &fixture->witness.n_done, 2);
  assert_read (fixture, "a 3\n", 100);
  g_assert_cmpstr (fixture->witness.reports->str, ==,
                   "error: transport screen: 2 entries refused for good: what a mess\n");
}

/* -- colours -- */

typedef struct
{
  const char *name;
  gboolean terminal;
  MusterConsoleColor color;
  const char *term;
  const char *no_color; /* nullable */
  const char *theme;
  const char *expected;
} ColorCase;

static const ColorCase color_cases[] = {
  { "terminal", TRUE, MUSTER_CONSOLE_COLOR_AUTO, "xterm", NULL, "none", "onedark" },
  { "chosen", TRUE, MUSTER_CONSOLE_COLOR_AUTO, "xterm", NULL, "bricks", "bricks" },
  { "dumb", TRUE, MUSTER_CONSOLE_COLOR_AUTO, "dumb", NULL, "bricks", "none" },
  { "no-color", TRUE, MUSTER_CONSOLE_COLOR_AUTO, "xterm", "1", "bricks", "none" },
  { "no-color-empty", TRUE, MUSTER_CONSOLE_COLOR_AUTO, "xterm", "", "bricks", "bricks" },
  { "never", TRUE, MUSTER_CONSOLE_COLOR_NEVER, "xterm", NULL, "bricks", "none" },
  { "pipe", FALSE, MUSTER_CONSOLE_COLOR_AUTO, "xterm", NULL, "bricks", "none" },
  { "pipe-always", FALSE, MUSTER_CONSOLE_COLOR_ALWAYS, "dumb", "1", "none", "onedark" },
};

static void
test_color (gconstpointer data)
{
  const ColorCase *test = data;
  Fixture fixture = { 0 };

  set_up (&fixture, NULL);
  g_setenv ("TERM", test->term, TRUE);
  if (test->no_color != NULL)
    g_setenv ("NO_COLOR", test->no_color, TRUE);
  else
    g_unsetenv ("NO_COLOR");
  if (test->terminal)
    replace_by_terminal (&fixture);
  else
    replace_by_pipe (&fixture, 0);
  g_object_set (fixture.transport, "color", test->color, NULL);
  g_object_set (fixture.format, "theme", test->theme, NULL);
  start (&fixture);
  g_assert_cmpstr (fixture.format->started_with, ==, test->expected); /* in time */
  push (&fixture, 1, 1);
  witness_wait (&fixture.witness, &fixture.witness.n_done, 1);
  tear_down (&fixture, NULL);
}

/* Colours of one's own are a choice, too, and go where colours go. */
static void
test_theme_colors (Fixture *fixture, gconstpointer data)
{
  g_object_set (fixture->format, "theme-colors", "error=red", NULL);
  g_object_set (fixture->transport, "color", MUSTER_CONSOLE_COLOR_ALWAYS, NULL);
  start (fixture);
  g_assert_cmpstr (fixture->format->theme, ==, "none");
  g_assert_cmpstr (fixture->format->theme_colors, ==, "error=red");
  stop (fixture, TEST_DEADLINE_US);
  g_object_set (fixture->transport, "color", MUSTER_CONSOLE_COLOR_NEVER, NULL);
  start (fixture);
  g_assert_null (fixture->format->theme_colors);
}

/* A format without themes is none of its business. */
static void
test_themeless (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterFormat) format = g_object_new (log_format_get_type (), NULL);

  muster_transport_set_format (fixture->transport, format);
  g_object_set (fixture->transport, "color", MUSTER_CONSOLE_COLOR_ALWAYS, NULL);
  start (fixture);
}

#define CONSOLE_TEST(name, stream, function)                                                                           \
  g_test_add (name, Fixture, GINT_TO_POINTER (stream), set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/console/properties", test_properties);
  CONSOLE_TEST ("/console/stdout", 1, test_write);
  CONSOLE_TEST ("/console/stderr", 2, test_write);
  CONSOLE_TEST ("/console/write-again", 2, test_write_again);
  CONSOLE_TEST ("/console/file", 2, test_file);
  CONSOLE_TEST ("/console/refused", 2, test_refused);
  CONSOLE_TEST ("/console/slow-reader", 2, test_slow_reader);
  CONSOLE_TEST ("/console/slow-reader/non-blocking", -2, test_slow_reader);
  CONSOLE_TEST ("/console/sleeping-reader", 2, test_sleeping_reader);
  CONSOLE_TEST ("/console/reader-gone", 2, test_reader_gone);
  CONSOLE_TEST ("/console/format-fails", 2, test_format_fails);
  CONSOLE_TEST ("/console/theme-colors", 2, test_theme_colors);
  CONSOLE_TEST ("/console/themeless", 2, test_themeless);
  for (gsize i = 0; i < G_N_ELEMENTS (color_cases); i++)
    {
      g_autofree char *name = g_strconcat ("/console/color/", color_cases[i].name, NULL);

      g_test_add_data_func (name, &color_cases[i], test_color);
    }
  return g_test_run ();
}
