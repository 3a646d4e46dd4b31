/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "muster-end-store-private.h"
#include "muster-entry.h"
#include "muster-error.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

typedef struct
{
  char *directory;
  char *path;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->directory = g_dir_make_tmp ("muster-XXXXXX", NULL);
  fixture->path = g_build_filename (fixture->directory, "web-1.end", NULL);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  muster_end_store_remove (fixture->path);
  g_assert_cmpint (g_rmdir (fixture->directory), ==, 0); /* nothing else is left */
  g_free (fixture->directory);
  g_free (fixture->path);
}

static void
write_end (Fixture *fixture, const MusterEnd *end, gint64 ended_us)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (muster_end_store_write (fixture->path, end, ended_us, &error));
  g_assert_no_error (error);
}

static void
assert_same (const MusterEnd *a, const MusterEnd *b)
{
  g_autoptr (GBytes) left = muster_end_encode (a, 1);
  g_autoptr (GBytes) right = muster_end_encode (b, 1);

  g_assert_cmpint (a->reason, ==, b->reason);
  g_assert_true (g_bytes_equal (left, right));
}

/* Whatever is said of an end is said again. */
static void
test_round_trip (Fixture *fixture, gconstpointer data)
{
  const MusterEnd ends[] = {
    { .reason = MUSTER_EXIT_STATUS, .status = 7, .run_time_us = 3240000, .max_rss_kib = 4321, .pid = 77 },
    { .reason = MUSTER_EXIT_STATUS, .wanted = TRUE, .run_time_us = 0, .stderr_tail = "" },
    { .reason = MUSTER_EXIT_SIGNAL, .signal = SIGSEGV, .core_dumped = TRUE, .pid = G_MAXUINT, .restarts = 12 },
    { .reason = MUSTER_EXIT_SIGNAL, .signal = SIGKILL, .wanted = TRUE, .timed_out = TRUE, .run_time_us = G_MAXINT64 },
    { .reason = MUSTER_EXIT_UNKNOWN, .run_time_us = -1, .max_rss_kib = G_MAXUINT64 },
    { .reason = MUSTER_EXIT_STATUS, .stderr_tail = " [a]\nb=c\\n\t#d;\r\n\xc3\xa4\xef\xbf\xbd \x01\x1b[0m\n\n " },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      g_autoptr (GError) error = NULL;
      MusterStoredEnd stored;

      write_end (fixture, &ends[i], 1000 + (gint64) i); /* over the one before */
      g_assert_true (muster_end_store_read (fixture->path, &stored, &error));
      g_assert_no_error (error);
      g_assert_cmpint (stored.ended_us, ==, 1000 + (gint64) i);
      g_assert_cmpstr (stored.stderr_tail, ==, ends[i].stderr_tail);
      assert_same (&stored.end, &ends[i]);
      g_free (stored.stderr_tail);
    }
}

static void
assert_refused (Fixture *fixture, MusterError code)
{
  MusterStoredEnd stored;
  g_autoptr (GError) error = NULL;

  g_assert_false (muster_end_store_read (fixture->path, &stored, &error));
  g_assert_error (error, MUSTER_ERROR, (gint) code);
  g_assert_nonnull (strstr (error->message, fixture->path));
}

static void
test_broken (Fixture *fixture, gconstpointer data)
{
  const MusterEnd end = { .reason = MUSTER_EXIT_SIGNAL, .signal = 9 };
  const char *const texts[] = { "",
                                "[end]",
                                "[end]\nreason=status\n",
                                "[end]\nreason=none\nended-us=1\n",
                                "[end]\nreason=\nended-us=1\n",
                                "\xff\xfe\0x",
                                "reason=status" };
  g_autofree char *whole = NULL;
  gsize length;

  assert_refused (fixture, MUSTER_ERROR_NOT_FOUND);
  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_assert_true (g_file_set_contents (fixture->path, texts[i], -1, NULL));
      assert_refused (fixture, MUSTER_ERROR_CORRUPT);
    }
  write_end (fixture, &end, 5);
  g_assert_true (g_file_get_contents (fixture->path, &whole, &length, NULL));
  g_assert_cmpint (truncate (fixture->path, 1 << 30), ==, 0); /* nobody reads that */
  assert_refused (fixture, MUSTER_ERROR_CORRUPT);
  for (gsize size = 0; size < length; size++) /* torn anywhere: refused, or what is there */
    {
      MusterStoredEnd stored = { 0 };

      g_assert_true (g_file_set_contents (fixture->path, whole, (gssize) size, NULL));
      if (muster_end_store_read (fixture->path, &stored, NULL))
        g_assert_cmpint (stored.end.reason, ==, MUSTER_EXIT_SIGNAL);
      g_free (stored.stderr_tail);
    }
}

/* More than an entry can take. */
static void
test_long (Fixture *fixture, gconstpointer data)
{
  g_autofree char *text = g_strnfill (200000, 'x');
  const MusterEnd end = { .reason = MUSTER_EXIT_STATUS, .stderr_tail = text };
  MusterStoredEnd stored;

  write_end (fixture, &end, 5);
  g_assert_true (muster_end_store_read (fixture->path, &stored, NULL));
  assert_same (&stored.end, &end);
  {
    g_autoptr (GBytes) record = muster_end_encode (&stored.end, 1);

    g_assert_cmpuint (g_bytes_get_size (record), >, 0);
    g_assert_cmpuint (g_bytes_get_size (record), <=, MUSTER_ENTRY_MAX);
  }
  g_free (stored.stderr_tail);
}

static void
test_no_room (Fixture *fixture, gconstpointer data)
{
  const MusterEnd end = { .reason = MUSTER_EXIT_STATUS };
  g_autoptr (GError) error = NULL;

  g_assert_false (muster_end_store_write ("/nonexistent/web-1.end", &end, 1, &error));
  g_assert_nonnull (strstr (error->message, "/nonexistent/web-1.end"));
}

static void
test_path (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = muster_end_store_path ("/run/journals/web-1-07.journal");

  g_assert_cmpstr (path, ==, "/run/journals/web-1-07.end");
}

#define ADD(name, func) g_test_add ("/end-store/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("round-trip", test_round_trip);
  ADD ("broken", test_broken);
  ADD ("long", test_long);
  ADD ("no-room", test_no_room);
  ADD ("path", test_path);
  return g_test_run ();
}
