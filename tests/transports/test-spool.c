/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The spool: what is in it comes out again, in order and once, whatever happened to its file meanwhile.
 */
#include "config.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "muster-spool.h"
#include "sync-failure.h"

#define SIZE MUSTER_JOURNAL_SIZE_MIN

typedef struct
{
  char *directory;
  char *path;
  MusterSpool *spool;
  char *note;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->directory = g_dir_make_tmp ("muster-spool-XXXXXX", &error);
  g_assert_no_error (error);
  fixture->path = g_build_filename (fixture->directory, "test.spool", NULL);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_autofree char *damaged = g_strconcat (fixture->path, ".damaged", NULL);

  g_clear_pointer (&fixture->spool, muster_spool_free);
  g_unlink (damaged);
  g_unlink (fixture->path);
  g_assert_cmpint (g_rmdir (fixture->directory), ==, 0);
  g_free (fixture->directory);
  g_free (fixture->path);
  g_free (fixture->note);
}

/* As the next process does. */
static void
reopen (Fixture *fixture, const MusterSpoolPlace *end)
{
  g_autoptr (GError) error = NULL;

  g_clear_pointer (&fixture->spool, muster_spool_free);
  g_clear_pointer (&fixture->note, g_free);
  fixture->spool = muster_spool_open (fixture->path, SIZE, end, &fixture->note, &error);
  g_assert_no_error (error);
  g_assert_nonnull (fixture->spool);
}

/* Entry @number is recognised by its bytes; of 1 to 3000 of them. */
static gsize
length_of (guint64 number)
{
  return (gsize) (number * 7919 % 3000 + 1);
}

static void
append (Fixture *fixture, guint64 first, guint n)
{
  guint8 bytes[3001];

  for (guint64 number = first; number < first + n; number++)
    {
      memset (bytes, (int) number, sizeof bytes);
      g_assert_cmpuint (muster_spool_get_end (fixture->spool).number, ==, number);
      muster_spool_append (fixture->spool, bytes, length_of (number));
    }
}

static void
check (const MusterSpoolItem *item, guint64 number)
{
  g_assert_cmpuint (item->first + item->count - 1, ==, number);
  g_assert_cmpuint (item->end.number, ==, number + 1);
  g_assert_cmpuint (item->length, ==, length_of (number));
  for (gsize i = 0; i < item->length; i++)
    g_assert_cmpuint (item->bytes[i], ==, (guint8) number);
}

static MusterSpoolItem
expect (Fixture *fixture, guint64 first, guint n)
{
  MusterSpoolItem item = { NULL };

  for (guint64 number = first; number < first + n; number++)
    {
      g_assert_true (muster_spool_read (fixture->spool, &item));
      check (&item, number);
      g_assert_cmpuint (item.count, ==, 1);
    }
  return item;
}

static void
expect_nothing (Fixture *fixture)
{
  MusterSpoolItem item;

  g_assert_false (muster_spool_read (fixture->spool, &item));
}

static void
test_order (Fixture *fixture, gconstpointer data)
{
  reopen (fixture, NULL);
  expect_nothing (fixture);
  append (fixture, 1, 3);
  expect_nothing (fixture); /* not published */
  muster_spool_publish (fixture->spool);
  expect (fixture, 1, 3);
  expect_nothing (fixture);
  g_assert_cmpuint (muster_spool_count_entries (fixture->spool), ==, 3);
  muster_spool_rewind (fixture->spool);
  expect (fixture, 1, 3);
}

/* Many times around the ring. */
static void
test_around (Fixture *fixture, gconstpointer data)
{
  guint64 number = 1;

  reopen (fixture, NULL);
  for (guint round = 0; round < 300; round++)
    {
      guint n = 1 + round % 40;
      MusterSpoolItem last;

      append (fixture, number, n);
      muster_spool_publish (fixture->spool);
      last = expect (fixture, number, n);
      muster_spool_acknowledge (fixture->spool, &last.end);
      number += n;
      g_assert_cmpuint (muster_spool_count_bytes (fixture->spool), ==, 0);
      g_assert_cmpuint (muster_spool_get_lowest (fixture->spool), ==, number);
      g_assert_cmpuint (muster_spool_get_free (fixture->spool), ==, SIZE);
      if (round % 7 == 0)
        {
          MusterSpoolPlace end = muster_spool_get_end (fixture->spool);

          reopen (fixture, &end);
        }
    }
}

/* Fills it as far as it goes. */
static guint
fill (Fixture *fixture, guint64 first)
{
  guint n = 0;

  while (muster_spool_get_free (fixture->spool) >= muster_spool_get_cost (length_of (first + n)))
    append (fixture, first + n++, 1);
  return n;
}

static void
test_full (Fixture *fixture, gconstpointer data)
{
  guint n;
  MusterSpoolPlace end;
  MusterSpoolItem last;

  reopen (fixture, NULL);
  append (fixture, 1, 20);
  muster_spool_publish (fixture->spool);
  last = expect (fixture, 1, 20);
  muster_spool_acknowledge (fixture->spool, &last.end);
  n = fill (fixture, 21);
  muster_spool_publish (fixture->spool);
  end = muster_spool_get_end (fixture->spool);
  expect (fixture, 21, n);
  expect_nothing (fixture);
  reopen (fixture, &end);
  expect (fixture, 21, n);
  reopen (fixture, NULL);
  expect (fixture, 21, n);
  expect_nothing (fixture);
}

/* What was appended and not committed is not there for the next process, which gives its numbers to others. */
static void
test_uncommitted (Fixture *fixture, gconstpointer data)
{
  MusterSpoolPlace end;
  guint8 id[16];

  reopen (fixture, NULL);
  append (fixture, 1, 5);
  end = muster_spool_get_end (fixture->spool);
  append (fixture, 6, 3);
  memcpy (id, muster_spool_get_id (fixture->spool), sizeof id);
  reopen (fixture, &end);
  g_assert_cmpmem (muster_spool_get_id (fixture->spool), 16, id, sizeof id);
  expect (fixture, 1, 5);
  expect_nothing (fixture);
  append (fixture, 6, 1);
  muster_spool_publish (fixture->spool);
  expect (fixture, 6, 1);
}

/* Where nobody knows how far it was committed, all that is whole counts, and the numbers get another name. */
static void
test_boot (Fixture *fixture, gconstpointer data)
{
  guint8 id[16];
  MusterSpoolItem last;

  reopen (fixture, NULL);
  append (fixture, 1, 100);
  muster_spool_publish (fixture->spool);
  last = expect (fixture, 1, 30);
  muster_spool_acknowledge (fixture->spool, &last.end);
  memcpy (id, muster_spool_get_id (fixture->spool), sizeof id);
  reopen (fixture, NULL);
  g_assert_cmpint (memcmp (muster_spool_get_id (fixture->spool), id, sizeof id), !=, 0);
  expect (fixture, 31, 70);
  expect_nothing (fixture);
}

static void
test_lag (Fixture *fixture, gconstpointer data)
{
  MusterSpoolItem item;

  reopen (fixture, NULL);
  g_assert_cmpint (muster_spool_get_lag_us (fixture->spool), ==, 0);
  append (fixture, 1, 1);
  muster_spool_publish (fixture->spool);
  g_usleep (250000);
  append (fixture, 2, 1);
  muster_spool_publish (fixture->spool);
  g_assert_cmpint (muster_spool_get_lag_us (fixture->spool), >=, 250000);
  item = expect (fixture, 1, 1);
  muster_spool_acknowledge (fixture->spool, &item.end);
  g_assert_cmpint (muster_spool_get_lag_us (fixture->spool), <, 250000);
  item = expect (fixture, 2, 1);
  muster_spool_acknowledge (fixture->spool, &item.end);
  g_assert_cmpint (muster_spool_get_lag_us (fixture->spool), ==, 0);
}

/* -- damage -- */

static void
flip (const char *path, gsize offset, guint bit)
{
  int fd = open (path, O_RDWR | O_CLOEXEC);
  guint8 byte;

  g_assert_cmpint (pread (fd, &byte, 1, (off_t) offset), ==, 1);
  byte ^= (guint8) (1u << bit);
  g_assert_cmpint (pwrite (fd, &byte, 1, (off_t) offset), ==, 1);
  close (fd);
}

/* Reads to the end; returns how many are missing, all of them told by what came next, or at the end. */
static guint
count_missing (Fixture *fixture, guint64 first, guint64 end)
{
  guint64 next = first;
  MusterSpoolItem item;

  while (muster_spool_read (fixture->spool, &item))
    {
      g_assert_cmpuint (item.first, >=, next);
      check (&item, item.first + item.count - 1);
      next = item.end.number;
      first += 1;
    }
  g_assert_cmpuint (first, <=, end);
  return (guint) (end - first);
}

/* Each bit that is flipped costs one entry at most, in whatever state the spool is. */
static void
test_flips (Fixture *fixture, gconstpointer data)
{
  guint n_lost = 0;

  for (guint round = 0; round < 400; round++)
    {
      gboolean is_boot = g_test_rand_bit ();
      guint64 first = 21;
      MusterSpoolPlace end;
      MusterSpoolItem last;
      guint n, missing;

      g_unlink (fixture->path);
      reopen (fixture, NULL);
      append (fixture, 1, 20);
      muster_spool_publish (fixture->spool);
      last = expect (fixture, 1, 20);
      muster_spool_acknowledge (fixture->spool, &last.end);
      n = fill (fixture, first);
      end = muster_spool_get_end (fixture->spool);
      g_clear_pointer (&fixture->spool, muster_spool_free);
      flip (fixture->path, (gsize) g_test_rand_int_range (0, round % 4 == 0 ? 4096 : MUSTER_JOURNAL_HEADER_SIZE + SIZE),
            (guint) g_test_rand_int_range (0, 8));
      reopen (fixture, is_boot ? NULL : &end);
      missing = count_missing (fixture, first, first + n);
      g_assert_cmpuint (missing, <=, 1);
      n_lost += missing;
    }
  g_assert_cmpuint (n_lost, >, 100); /* it was hit */
}

/* Damage that nothing follows is not kept for ever, and is told later. */
static void
test_damaged_end (Fixture *fixture, gconstpointer data)
{
  MusterSpoolPlace end;
  MusterSpoolItem item;

  reopen (fixture, NULL);
  append (fixture, 1, 5);
  end = muster_spool_get_end (fixture->spool);
  g_clear_pointer (&fixture->spool, muster_spool_free);
  flip (fixture->path, MUSTER_JOURNAL_HEADER_SIZE + end.position - 10, 3);
  reopen (fixture, &end);
  item = expect (fixture, 1, 4);
  expect_nothing (fixture);
  muster_spool_acknowledge (fixture->spool, &item.end);
  muster_spool_settle (fixture->spool);
  g_assert_cmpuint (muster_spool_count_bytes (fixture->spool), ==, 0);
  g_assert_cmpuint (muster_spool_get_lowest (fixture->spool), ==, 6);
  append (fixture, 6, 2);
  muster_spool_publish (fixture->spool);
  for (guint i = 0; i < 2; i++)
    {
      g_assert_true (muster_spool_read (fixture->spool, &item));
      check (&item, 6);
      g_assert_cmpuint (item.first, ==, 5);
      muster_spool_rewind (fixture->spool);
    }
}

static void
test_truncated (Fixture *fixture, gconstpointer data)
{
  for (guint round = 0; round < 20; round++)
    {
      MusterSpoolPlace end;
      guint missing;
      off_t size = g_test_rand_int_range (4096, MUSTER_JOURNAL_HEADER_SIZE + SIZE);

      g_unlink (fixture->path);
      reopen (fixture, NULL);
      append (fixture, 1, 100);
      end = muster_spool_get_end (fixture->spool);
      g_clear_pointer (&fixture->spool, muster_spool_free);
      g_assert_cmpint (truncate (fixture->path, size), ==, 0);
      reopen (fixture, round % 2 == 0 ? NULL : &end);
      g_assert_nonnull (fixture->note);
      missing = count_missing (fixture, 1, 101);
      g_assert_cmpuint (missing, <=, 100);
      if (size > 200000)
        g_assert_cmpuint (missing, <, 30);
      append (fixture, muster_spool_get_end (fixture->spool).number, 3); /* and goes on */
      muster_spool_publish (fixture->spool);
    }
}

static void
test_rubbish (Fixture *fixture, gconstpointer data)
{
  static const char *const contents[] = { "", "rubbish", "MUSTERJ1" };
  g_autofree char *damaged = g_strconcat (fixture->path, ".damaged", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (contents); i++)
    {
      g_clear_pointer (&fixture->spool, muster_spool_free);
      g_assert_true (g_file_set_contents (fixture->path, contents[i], -1, NULL));
      reopen (fixture, NULL);
      g_assert_nonnull (strstr (fixture->note, "it is kept as"));
      g_assert_true (g_file_test (damaged, G_FILE_TEST_EXISTS));
      append (fixture, 1, 3);
      muster_spool_publish (fixture->spool);
      expect (fixture, 1, 3);
    }
}

static void
test_resized (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  MusterSpoolPlace end;

  reopen (fixture, NULL);
  append (fixture, 1, 5);
  end = muster_spool_get_end (fixture->spool);
  g_clear_pointer (&fixture->spool, muster_spool_free);
  fixture->spool = muster_spool_open (fixture->path, 2 * SIZE, &end, &fixture->note, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (muster_spool_get_size (fixture->spool), ==, SIZE); /* it is not empty */
  g_assert_nonnull (fixture->note);
  end = expect (fixture, 1, 5).end;
  muster_spool_acknowledge (fixture->spool, &end);
  g_clear_pointer (&fixture->spool, muster_spool_free);
  g_clear_pointer (&fixture->note, g_free);
  fixture->spool = muster_spool_open (fixture->path, 2 * SIZE, &end, &fixture->note, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (muster_spool_get_size (fixture->spool), ==, 2 * SIZE);
  g_assert_cmpuint (muster_spool_get_end (fixture->spool).number, ==, 1);
}

/* -- two threads -- */

#define N_BETWEEN 20000

static gpointer
write_many (gpointer data)
{
  Fixture *fixture = data;

  for (guint64 number = 1; number <= N_BETWEEN;)
    {
      if (muster_spool_get_free (fixture->spool) < muster_spool_get_cost (length_of (number)))
        {
          g_thread_yield ();
          continue;
        }
      append (fixture, number++, 1);
      muster_spool_publish (fixture->spool);
    }
  return NULL;
}

static void
test_threads (Fixture *fixture, gconstpointer data)
{
  GThread *thread;
  MusterSpoolItem item;

  reopen (fixture, NULL);
  thread = g_thread_new ("writer", write_many, fixture);
  for (guint64 number = 1; number <= N_BETWEEN;)
    {
      GPollFD poll = { .fd = muster_spool_get_event_fd (fixture->spool), .events = G_IO_IN };

      if (muster_spool_read (fixture->spool, &item))
        {
          check (&item, number++);
          muster_spool_acknowledge (fixture->spool, &item.end);
        }
      else if (muster_spool_arm (fixture->spool))
        g_assert_cmpint (g_poll (&poll, 1, 20000), ==, 1);
    }
  g_thread_join (thread);
  expect_nothing (fixture);
}

/* -- syncing -- */

static const char *dirty_path;
static gsize dirty; /* bytes of that file that the kernel has yet to write, as it was before the last sync */

/* What /proc/self/smaps says of the mappings of a file. */
static gsize
count_dirty (const char *path)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  gboolean is_ours = FALSE;
  gsize kib = 0;

  g_assert_true (g_file_get_contents ("/proc/self/smaps", &text, NULL, NULL));
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    if (g_ascii_isxdigit (lines[i][0]) && strchr (lines[i], '-') != NULL)
      is_ours = g_str_has_suffix (lines[i], path);
    else if (is_ours && (g_str_has_prefix (lines[i], "Shared_Dirty:") || g_str_has_prefix (lines[i], "Private_Dirty:")))
      kib += (gsize) g_ascii_strtoull (strchr (lines[i], ':') + 1 + strspn (strchr (lines[i], ':') + 1, " "), NULL, 10);
  return kib << 10;
}

static void
look_cb (void)
{
  dirty = count_dirty (dirty_path);
}

static void
sync_all (Fixture *fixture, gboolean works)
{
  g_autoptr (GError) error = NULL;

  g_atomic_int_set (&sync_fails, !works);
  g_assert_cmpint (muster_spool_sync (fixture->spool, &error), ==, works);
  if (!works)
    g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE);
  g_atomic_int_set (&sync_fails, FALSE);
}

/* After a sync that has failed nothing is dirty any more, as Linux has it: the next one writes all of it all the same. */
static void
test_sync_failed (Fixture *fixture, gconstpointer data)
{
  guint64 begin, size;
  MusterSpoolItem item;

  reopen (fixture, NULL);
  append (fixture, 1, 20);
  sync_all (fixture, TRUE);
  if (count_dirty (fixture->path) > 0)
    {
      g_test_skip ("nothing is ever clean on this file system");
      return;
    }
  dirty_path = fixture->path;
  sync_look = look_cb;
  begin = muster_spool_get_end (fixture->spool).position;
  append (fixture, 21, 20);
  size = muster_spool_get_end (fixture->spool).position - begin;
  sync_all (fixture, FALSE);
  g_assert_cmpuint (count_dirty (fixture->path), ==, 0);
  append (fixture, 41, 1);
  sync_all (fixture, FALSE);
  g_assert_cmpuint (dirty, >=, size);
  sync_all (fixture, TRUE);
  g_assert_cmpuint (dirty, >=, size);
  sync_all (fixture, TRUE);
  g_assert_cmpuint (dirty, ==, 0);
  sync_look = NULL;
  muster_spool_publish (fixture->spool);
  item = expect (fixture, 1, 41); /* as they were */
  muster_spool_acknowledge (fixture->spool, &item.end);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add ("/spool/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("order", test_order);
  ADD ("around", test_around);
  ADD ("full", test_full);
  ADD ("uncommitted", test_uncommitted);
  ADD ("boot", test_boot);
  ADD ("lag", test_lag);
  ADD ("flips", test_flips);
  ADD ("damaged-end", test_damaged_end);
  ADD ("truncated", test_truncated);
  ADD ("rubbish", test_rubbish);
  ADD ("resized", test_resized);
  ADD ("threads", test_threads);
  ADD ("sync-failed", test_sync_failed);
  return g_test_run ();
}
