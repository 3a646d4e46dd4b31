/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "muster-capture-private.h"
#include "muster-error.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct
{
  GMainContext *context;
  char *directory;
  char *path;
  int write_fd;
  MusterCapture *capture;
  GPtrArray *lines; /* "LEVEL:line" */
  gsize bytes;
} Fixture;

static void
line_cb (MusterLevel level, const char *line, gsize length, gpointer user_data)
{
  Fixture *fixture = user_data;

  fixture->bytes += length;
  g_ptr_array_add (fixture->lines, g_strdup_printf ("%d:%.*s", (int) level, (int) length, line));
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  int read_fd = -1;

  fixture->context = g_main_context_new ();
  fixture->directory = g_dir_make_tmp ("muster-XXXXXX", NULL);
  fixture->path = g_build_filename (fixture->directory, "fifo", NULL);
  fixture->lines = g_ptr_array_new_with_free_func (g_free);
  g_assert_true (muster_capture_make_fifo (fixture->path, &read_fd, &fixture->write_fd, &error));
  g_assert_no_error (error);
  fixture->capture = muster_capture_new (read_fd, MUSTER_LEVEL_INFO, line_cb, fixture);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  muster_capture_free (fixture->capture);
  if (fixture->write_fd >= 0)
    close (fixture->write_fd);
  g_unlink (fixture->path);
  g_rmdir (fixture->directory);
  g_free (fixture->path);
  g_free (fixture->directory);
  g_ptr_array_unref (fixture->lines);
  g_main_context_unref (fixture->context);
}

static void
put (Fixture *fixture, const char *bytes, gssize length)
{
  gsize size = length < 0 ? strlen (bytes) : (gsize) length;

  g_assert_cmpint (write (fixture->write_fd, bytes, size), ==, (gssize) size);
}

static const char *
line (Fixture *fixture, guint index)
{
  g_assert_cmpuint (index, <, fixture->lines->len);
  return g_ptr_array_index (fixture->lines, index);
}

static gboolean
late_cb (gpointer user_data)
{
  g_error ("waited too long");
  return G_SOURCE_REMOVE;
}

static void
await_lines (Fixture *fixture, guint n)
{
  GSource *watchdog = g_timeout_source_new_seconds (20);

  g_source_set_callback (watchdog, late_cb, NULL, NULL);
  g_source_attach (watchdog, fixture->context);
  while (fixture->lines->len < n)
    g_main_context_iteration (fixture->context, TRUE);
  g_source_destroy (watchdog);
  g_source_unref (watchdog);
}

static void
test_fifo (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  struct stat info;
  int a = -1, b = -1;

  g_assert_cmpint (stat (fixture->path, &info), ==, 0);
  g_assert_true (S_ISFIFO (info.st_mode));
  g_assert_cmpint (info.st_mode & 0777, ==, 0600);
  g_assert_cmpint (fcntl (fixture->write_fd, F_GETFL) & O_ACCMODE, ==, O_RDWR);
  g_assert_cmpint (fcntl (fixture->write_fd, F_GETFL) & O_NONBLOCK, ==, 0);
  g_assert_cmpint (fcntl (fixture->write_fd, F_GETPIPE_SZ), >=, 65536);
  g_assert_false (muster_capture_make_fifo (fixture->path, &a, &b, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED);
}

static void
test_lines (Fixture *fixture, gconstpointer data)
{
  muster_capture_attach (fixture->capture, fixture->context);
  put (fixture, "one\ntw", -1);
  await_lines (fixture, 1);
  g_assert_cmpstr (line (fixture, 0), ==, "7:one");
  put (fixture, "o\n\nthree\n", -1);
  await_lines (fixture, 4);
  g_assert_cmpstr (line (fixture, 1), ==, "7:two");
  g_assert_cmpstr (line (fixture, 2), ==, "7:");
  g_assert_cmpstr (line (fixture, 3), ==, "7:three");
}

static void
test_levels (Fixture *fixture, gconstpointer data)
{
  put (fixture, "<0>a\n<3>b\n<7>c\n<8>d\n<3\n<>e\n<3>\n", -1);
  muster_capture_finish (fixture->capture);
  g_assert_cmpuint (fixture->lines->len, ==, 7);
  g_assert_cmpstr (line (fixture, 0), ==, "1:a");
  g_assert_cmpstr (line (fixture, 1), ==, "4:b");
  g_assert_cmpstr (line (fixture, 2), ==, "8:c");
  g_assert_cmpstr (line (fixture, 3), ==, "7:<8>d");
  g_assert_cmpstr (line (fixture, 4), ==, "7:<3");
  g_assert_cmpstr (line (fixture, 5), ==, "7:<>e");
  g_assert_cmpstr (line (fixture, 6), ==, "4:");
}

static void
test_last_line (Fixture *fixture, gconstpointer data)
{
  muster_capture_attach (fixture->capture, fixture->context);
  put (fixture, "whole\n<4>half", -1);
  await_lines (fixture, 1);
  g_assert_cmpuint (fixture->lines->len, ==, 1);
  muster_capture_finish (fixture->capture);
  g_assert_cmpuint (fixture->lines->len, ==, 2);
  g_assert_cmpstr (line (fixture, 1), ==, "5:half");
  muster_capture_finish (fixture->capture); /* nothing twice */
  g_assert_cmpuint (fixture->lines->len, ==, 2);
}

static void
test_end_of_file (Fixture *fixture, gconstpointer data)
{
  /* A program that closes its stdout and lives on. */
  muster_capture_attach (fixture->capture, fixture->context);
  put (fixture, "half", -1);
  close (fixture->write_fd);
  fixture->write_fd = -1;
  await_lines (fixture, 1);
  g_assert_cmpstr (line (fixture, 0), ==, "7:half");
  g_assert_false (g_main_context_pending (fixture->context));
}

static void
test_long_line (Fixture *fixture, gconstpointer data)
{
  const gsize length = MUSTER_CAPTURE_LINE_MAX * 2 + 100;
  g_autofree char *text = g_malloc (length + 8);

  /* The first cut would fall into the middle of a euro sign. */
  memset (text, 'x', length);
  memcpy (text, "<2>", 3);
  memcpy (text + MUSTER_CAPTURE_LINE_MAX - 1, "\xe2\x82\xac", 3);
  memcpy (text + length, "\nnext\n", 6);
  put (fixture, text, (gssize) length + 6);
  muster_capture_finish (fixture->capture);
  g_assert_cmpuint (fixture->lines->len, ==, 4);
  g_assert_cmpuint (strlen (line (fixture, 0)), ==, 2 + MUSTER_CAPTURE_LINE_MAX - 1 - 3);
  g_assert_true (g_str_has_prefix (line (fixture, 0), "3:xxx"));
  g_assert_true (g_str_has_prefix (line (fixture, 1), "3:\xe2\x82\xac"));
  g_assert_true (g_str_has_prefix (line (fixture, 2), "3:xxx"));
  g_assert_cmpuint (fixture->bytes, ==, length - 3 + 4);
  g_assert_cmpstr (line (fixture, 3), ==, "7:next");
}

static void
test_binary (Fixture *fixture, gconstpointer data)
{
  g_autofree char *text = g_malloc (MUSTER_CAPTURE_LINE_MAX + 10);

  memset (text, 0x80, MUSTER_CAPTURE_LINE_MAX + 10); /* nowhere a good place to cut */
  put (fixture, text, MUSTER_CAPTURE_LINE_MAX + 10);
  put (fixture, "\na\0b\n", 5);
  muster_capture_finish (fixture->capture);
  g_assert_cmpuint (fixture->lines->len, ==, 3);
  g_assert_cmpuint (fixture->bytes, ==, MUSTER_CAPTURE_LINE_MAX + 10 + 3);
}

static void
test_burst (Fixture *fixture, gconstpointer data)
{
  const gsize size = (gsize) fcntl (fixture->write_fd, F_GETPIPE_SZ);
  g_autofree char *text = g_malloc (size);

  for (gsize i = 0; i < size; i++)
    text[i] = i % 64 == 63 ? '\n' : 'y';
  put (fixture, text, (gssize) size);
  muster_capture_finish (fixture->capture);
  g_assert_cmpuint (fixture->lines->len, ==, size / 64);
}

static void
test_fair (Fixture *fixture, gconstpointer data)
{
  const gsize size = (gsize) fcntl (fixture->write_fd, F_GETPIPE_SZ);
  g_autofree char *text = g_malloc (size);

  if (size <= 64 * 1024)
    {
      g_test_skip ("this user's pipes cannot be enlarged");
      return;
    }
  memset (text, '\n', size);
  put (fixture, text, (gssize) size);
  muster_capture_attach (fixture->capture, fixture->context);
  while (fixture->lines->len == 0)
    g_main_context_iteration (fixture->context, FALSE);
  g_assert_cmpuint (fixture->lines->len, <=, 64 * 1024); /* the rest in later turns */
  await_lines (fixture, (guint) size);
}

#define ADD(name, func) g_test_add ("/capture/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("fifo", test_fifo);
  ADD ("lines", test_lines);
  ADD ("levels", test_levels);
  ADD ("last-line", test_last_line);
  ADD ("end-of-file", test_end_of_file);
  ADD ("long-line", test_long_line);
  ADD ("binary", test_binary);
  ADD ("burst", test_burst);
  ADD ("fair", test_fair);
  return g_test_run ();
}
