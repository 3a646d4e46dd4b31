/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The checkpoint of the file transport: what was committed is there, all of it or nothing; and the marks of streams.
 * That it survives a kill at each instruction is what test-file-kill.c is for; here its file is put together as a kill
 * would have left it.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "muster-error.h"
#include "muster-file-marks.h"

#define PAGE        4096
#define BOOT_OFFSET 16
#define WORD_OFFSET 64

typedef struct
{
  char *directory;
  char *path; /* of the checkpoint "t" */
  MusterFileCheckpoint *checkpoint;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->directory = g_dir_make_tmp ("muster-checkpoint-XXXXXX", NULL);
  fixture->path = g_build_filename (fixture->directory, "t.checkpoint", NULL);
}

static void
close_it (Fixture *fixture)
{
  g_clear_pointer (&fixture->checkpoint, muster_file_checkpoint_free);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GDir) directory = g_dir_open (fixture->directory, 0, NULL);
  const char *name;

  close_it (fixture);
  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *path = g_build_filename (fixture->directory, name, NULL);

      g_unlink (path);
    }
  g_rmdir (fixture->directory);
  g_free (fixture->path);
  g_free (fixture->directory);
}

static void
open_it (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *note = NULL;

  close_it (fixture);
  fixture->checkpoint = muster_file_checkpoint_open (fixture->directory, "t", &note, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (note, ==, NULL);
}

static void
reserve (Fixture *fixture, guint n)
{
  g_autoptr (GError) error = NULL;

  muster_file_checkpoint_reserve (fixture->checkpoint, n, &error);
  g_assert_no_error (error);
}

static guint32
add_file (Fixture *fixture, const char *path)
{
  reserve (fixture, muster_file_checkpoint_get_path_slots (path));
  return muster_file_checkpoint_add_file (fixture->checkpoint, path);
}

static void
make_id (guint8 id[MUSTER_STREAM_ID_SIZE], guint number)
{
  memset (id, 0, MUSTER_STREAM_ID_SIZE);
  memcpy (id, &number, sizeof number);
}

static guint32
add_stream (Fixture *fixture, guint number)
{
  guint8 id[MUSTER_STREAM_ID_SIZE];

  make_id (id, number);
  reserve (fixture, 1);
  return muster_file_checkpoint_add_stream (fixture->checkpoint, id);
}

static void
set_stream (Fixture *fixture, guint32 slot, guint64 next)
{
  const MusterPendingRuns nothing = { 0 };

  muster_file_checkpoint_set_stream (fixture->checkpoint, slot, next, &nothing);
}

static void
commit (Fixture *fixture)
{
  muster_file_checkpoint_commit (fixture->checkpoint);
}

static void
append_pending (GString *text, const MusterPendingRuns *pending)
{
  if (pending->first_seq == 0)
    return;
  g_string_append_printf (text, " from %" G_GUINT64_FORMAT, pending->first_seq);
  for (guint i = 0; i < pending->n_runs; i++)
    g_string_append_printf (text, " %" G_GUINT64_FORMAT " %s", pending->runs[i].count,
                            muster_gap_reason_to_string (pending->runs[i].reason));
}

/* "/x@5<9; 1:17; 1/x" for a file, a stream, a pair. */
static char *
describe (Fixture *fixture)
{
  g_autoptr (GArray) files = muster_file_checkpoint_list_files (fixture->checkpoint);
  g_autoptr (GArray) streams = muster_file_checkpoint_list_streams (fixture->checkpoint);
  g_autoptr (GArray) pairs = muster_file_checkpoint_list_pairs (fixture->checkpoint);
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < files->len; i++)
    {
      const MusterFilePlace *place = &g_array_index (files, MusterFilePlace, i);

      g_string_append_printf (text, "%s@%d<%d; ", place->path, (int) place->offset, (int) place->limit);
    }
  for (guint i = 0; i < streams->len; i++)
    {
      const MusterFileStream *stream = &g_array_index (streams, MusterFileStream, i);

      g_string_append_printf (text, "%u:%d", stream->id[0], (int) stream->next);
      append_pending (text, &stream->pending);
      g_string_append (text, "; ");
    }
  for (guint i = 0; i < pairs->len; i++)
    {
      const MusterFilePair *pair = &g_array_index (pairs, MusterFilePair, i);

      for (guint j = 0; j < streams->len; j++)
        if (g_array_index (streams, MusterFileStream, j).slot == pair->stream)
          g_string_append_printf (text, "%u", g_array_index (streams, MusterFileStream, j).id[0]);
      for (guint j = 0; j < files->len; j++)
        if (g_array_index (files, MusterFilePlace, j).slot == pair->file)
          g_string_append (text, g_array_index (files, MusterFilePlace, j).path);
      append_pending (text, &pair->pending);
      g_string_append (text, "; ");
    }
  return g_string_free (text, FALSE);
}

static void
assert_is (Fixture *fixture, const char *expected)
{
  g_autofree char *text = describe (fixture);

  g_assert_cmpstr (text, ==, expected);
}

/* -- what was committed, and nothing else -- */

static void
test_commit (Fixture *fixture, gconstpointer data)
{
  const MusterPendingRuns pending = { 3, 2, { { 4, MUSTER_GAP_FILTERED }, { 1, MUSTER_GAP_REFUSED } } };
  guint32 file, stream, pair;

  open_it (fixture);
  g_assert_false (muster_file_checkpoint_has_history (fixture->checkpoint));
  file = add_file (fixture, "/x");
  muster_file_checkpoint_set_file (fixture->checkpoint, file, 1, 2, 5);
  stream = add_stream (fixture, 1);
  muster_file_checkpoint_set_stream (fixture->checkpoint, stream, 17, &pending);
  reserve (fixture, 1);
  pair = muster_file_checkpoint_add_pair (fixture->checkpoint, file, stream);
  muster_file_checkpoint_set_pair (fixture->checkpoint, pair, &pending);
  muster_file_checkpoint_set_stamp (fixture->checkpoint, 4711);
  commit (fixture);
  muster_file_checkpoint_set_limit (fixture->checkpoint, file, 9);
  assert_is (fixture, "/x@5<9; 1:17 from 3 4 filtered 1 refused; 1/x from 3 4 filtered 1 refused; ");
  open_it (fixture);
  g_assert_true (muster_file_checkpoint_has_history (fixture->checkpoint));
  assert_is (fixture, "/x@5<9; 1:17 from 3 4 filtered 1 refused; 1/x from 3 4 filtered 1 refused; ");
  g_assert_cmpuint (muster_file_checkpoint_get_stamp (fixture->checkpoint), ==, 4711);

  /* what was not committed is not there; what changes is seen at once */
  muster_file_checkpoint_set_file (fixture->checkpoint, file, 1, 2, 50);
  set_stream (fixture, stream, 99);
  muster_file_checkpoint_remove (fixture->checkpoint, pair);
  assert_is (fixture, "/x@50<9; 1:99; ");
  open_it (fixture);
  assert_is (fixture, "/x@5<9; 1:17 from 3 4 filtered 1 refused; 1/x from 3 4 filtered 1 refused; ");

  muster_file_checkpoint_remove (fixture->checkpoint, pair);
  muster_file_checkpoint_remove_file (fixture->checkpoint, file);
  muster_file_checkpoint_remove (fixture->checkpoint, stream);
  commit (fixture);
  open_it (fixture);
  assert_is (fixture, "");
}

static void
test_many_commits (Fixture *fixture, gconstpointer data)
{
  guint32 file, streams[3];

  open_it (fixture);
  file = add_file (fixture, "/x");
  for (guint i = 0; i < 3; i++)
    streams[i] = add_stream (fixture, i);
  for (guint i = 1; i < 100; i++)
    {
      g_autofree char *expected = NULL;

      muster_file_checkpoint_set_file (fixture->checkpoint, file, 1, 1, i);
      set_stream (fixture, streams[i % 3], i);
      commit (fixture);
      if (i % 7 == 0)
        open_it (fixture);
      expected = g_strdup_printf ("/x@%u<0; 0:%u; 1:%u; 2:%u; ", i, i - i % 3, i >= 1 ? i - (i + 2) % 3 : 0,
                                  i >= 2 ? i - (i + 1) % 3 : 0);
      assert_is (fixture, expected);
    }
}

/* Slots of things that are gone are used again, and the table grows, with what is not committed yet. */
static void
test_growth (Fixture *fixture, gconstpointer data)
{
  g_autofree char *long_path = g_strnfill (3000, 'p');
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  guint32 first, file;
  struct stat small, large;

  open_it (fixture);
  first = add_stream (fixture, 1);
  set_stream (fixture, first, 1);
  commit (fixture);
  g_assert_cmpint (g_stat (fixture->path, &small), ==, 0);
  for (guint i = 0; i < 1000; i++)
    {
      file = add_file (fixture, "/tmp");
      muster_file_checkpoint_remove_file (fixture->checkpoint, file);
      commit (fixture);
    }
  g_assert_cmpint (g_stat (fixture->path, &large), ==, 0);
  g_assert_cmpint (large.st_size, ==, small.st_size);

  set_stream (fixture, first, 77);
  for (guint i = 0; i < 50; i++)
    {
      file = add_file (fixture, long_path);
      muster_file_checkpoint_set_file (fixture->checkpoint, file, 1, 1, i);
      long_path[i] = 'q';
    }
  g_assert_cmpint (g_stat (fixture->path, &large), ==, 0);
  g_assert_cmpint (large.st_size, >, small.st_size * 16);
  before = describe (fixture);
  close_it (fixture);
  open_it (fixture);
  assert_is (fixture, "1:1; ");

  set_stream (fixture, first, 77);
  memset (long_path, 'p', 50);
  for (guint i = 0; i < 50; i++)
    {
      file = add_file (fixture, long_path);
      muster_file_checkpoint_set_file (fixture->checkpoint, file, 1, 1, i);
      long_path[i] = 'q';
    }
  commit (fixture);
  open_it (fixture);
  after = describe (fixture);
  g_assert_cmpuint (strlen (after), ==, strlen (before));
  g_assert_nonnull (strstr (after, "1:77; "));
}

/* -- what a kill leaves -- */

static char *
get_bytes (Fixture *fixture, gsize *size)
{
  char *bytes;

  g_assert_true (g_file_get_contents (fixture->path, &bytes, size, NULL));
  return bytes;
}

static void
put_bytes (Fixture *fixture, const char *bytes, gsize size)
{
  close_it (fixture);
  g_assert_true (g_file_set_contents (fixture->path, bytes, (gssize) size, NULL));
}

/* Before the word the old state is there, whatever the other record holds; behind it the new one, whatever of it has
 * reached the slots. */
static void
test_killed (Fixture *fixture, gconstpointer data)
{
  g_autofree char *old = NULL;
  g_autofree char *new = NULL;
  g_autofree char *mixed = NULL;
  guint32 file, stream;
  gsize size, slots, second;

  open_it (fixture);
  file = add_file (fixture, "/x");
  stream = add_stream (fixture, 1);
  muster_file_checkpoint_set_file (fixture->checkpoint, file, 1, 1, 10);
  set_stream (fixture, stream, 10);
  commit (fixture);
  old = get_bytes (fixture, &size);
  muster_file_checkpoint_set_file (fixture->checkpoint, file, 1, 1, 20);
  set_stream (fixture, stream, 20);
  commit (fixture);
  new = get_bytes (fixture, &size);
  slots = size - (size - PAGE) / 3 / 64 * 64; /* the last third: two records and the slots have the same entries */

  second = PAGE + (slots - PAGE) / 2;

  mixed = g_memdup2 (new, size); /* the second commit's record is the first one */
  memcpy (mixed, old, PAGE);
  memcpy (mixed + second, old + second, size - second);
  put_bytes (fixture, mixed, size); /* the record is whole, the word is not there */
  open_it (fixture);
  assert_is (fixture, "/x@10<0; 1:10; ");

  for (gsize copied = slots; copied <= slots + 6 * 64; copied += 8)
    {
      memcpy (mixed, new, size);
      memcpy (mixed + copied, old + copied, size - copied);
      put_bytes (fixture, mixed, size);
      open_it (fixture);
      assert_is (fixture, "/x@20<0; 1:20; ");
    }
}

/* -- what is of no use -- */

static void
assert_not_used (Fixture *fixture, const char *reason)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *note = NULL;

  fixture->checkpoint = muster_file_checkpoint_open (fixture->directory, "t", &note, &error);
  g_assert_no_error (error);
  g_assert_false (muster_file_checkpoint_has_history (fixture->checkpoint));
  assert_is (fixture, "");
  g_assert_cmpint (note != NULL, ==, reason != NULL);
  if (reason != NULL)
    {
      g_assert_nonnull (strstr (note, reason));
      g_assert_nonnull (strstr (note, fixture->path));
    }
  close_it (fixture);
}

static void
test_not_used (Fixture *fixture, gconstpointer data)
{
  g_autofree char *good = NULL;
  gsize size;

  open_it (fixture);
  set_stream (fixture, add_stream (fixture, 1), 5);
  commit (fixture);
  good = get_bytes (fixture, &size);

  good[BOOT_OFFSET] ^= 1;
  put_bytes (fixture, good, size);
  assert_not_used (fixture, NULL); /* the machine has been started anew: as it should be */
  good[BOOT_OFFSET] ^= 1;

  good[0] ^= 1;
  put_bytes (fixture, good, size);
  assert_not_used (fixture, "it is no checkpoint");
  good[0] ^= 1;
  put_bytes (fixture, good, 0);
  assert_not_used (fixture, "it is no checkpoint");
  good[8] ^= 2;
  put_bytes (fixture, good, size);
  assert_not_used (fixture, "another version");
  good[8] ^= 2;
  put_bytes (fixture, good, size - 1);
  assert_not_used (fixture, "its size is wrong");
  good[15] = 0x7f;
  put_bytes (fixture, good, size);
  assert_not_used (fixture, "its size is wrong");
  good[15] = 0;
  for (guint i = 0; i < 8; i++)
    {
      good[WORD_OFFSET + i] ^= 4;
      put_bytes (fixture, good, size);
      assert_not_used (fixture, "its checksum is wrong");
      good[WORD_OFFSET + i] ^= 4;
    }
  put_bytes (fixture, good, size);
  open_it (fixture);
  assert_is (fixture, "1:5; ");
}

/* Any bytes: no crash, and what it says can be listed and changed. */
static void
test_damaged (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (5);
  g_autofree char *good = NULL;
  guint32 file, stream;
  gsize size;

  open_it (fixture);
  file = add_file (fixture, "/a/path/that/needs/more/than/one/slot/to/be/written/down");
  stream = add_stream (fixture, 1);
  set_stream (fixture, stream, 5);
  reserve (fixture, 1);
  muster_file_checkpoint_add_pair (fixture->checkpoint, file, stream);
  commit (fixture);
  good = get_bytes (fixture, &size);
  for (guint i = 0; i < 500; i++)
    {
      g_autofree char *bytes = g_memdup2 (good, size);
      g_autofree char *note = NULL;
      g_autofree char *text = NULL;
      g_autoptr (GArray) files = NULL;
      gsize start = size - (size - PAGE) / 3;

      for (guint j = 0; j < 3; j++)
        bytes[start + (gsize) g_rand_int_range (rand, 0, 8 * 64)] = (char) g_rand_int (rand);
      /* without the record, what the slots say counts */
      memset (bytes + PAGE, 0, 16);
      put_bytes (fixture, bytes, size);
      fixture->checkpoint = muster_file_checkpoint_open (fixture->directory, "t", &note, NULL);
      g_assert_nonnull (fixture->checkpoint);
      text = describe (fixture);
      files = muster_file_checkpoint_list_files (fixture->checkpoint);
      for (guint j = 0; j < files->len; j++)
        muster_file_checkpoint_remove_file (fixture->checkpoint, g_array_index (files, MusterFilePlace, j).slot);
      add_file (fixture, "/again");
      commit (fixture);
    }
}

static void
test_locked (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *note = NULL;
  g_autoptr (MusterFileCheckpoint) other = NULL;

  open_it (fixture);
  g_assert_null (muster_file_checkpoint_open (fixture->directory, "t", &note, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_EXISTS);
  g_assert_nonnull (strstr (error->message, fixture->path));
  g_clear_error (&error);
  other = muster_file_checkpoint_open (fixture->directory, "../t/.x", &note, &error); /* a name, not a path */
  g_assert_no_error (error);
  g_assert_nonnull (other);
}

static void
test_no_directory (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *note = NULL;
  g_autofree char *nowhere = g_build_filename (fixture->directory, "nowhere", NULL);

  g_assert_null (muster_file_checkpoint_open (nowhere, "t", &note, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE);
  g_clear_error (&error);

  /* it goes while it is used: what is there can be changed, what is to be added is refused */
  open_it (fixture);
  set_stream (fixture, add_stream (fixture, 1), 1);
  commit (fixture);
  {
    g_autofree char *away = g_strconcat (fixture->directory, "-away", NULL);

    g_assert_cmpint (g_rename (fixture->directory, away), ==, 0);
    g_assert_false (muster_file_checkpoint_reserve (fixture->checkpoint, 1000, &error));
    g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE);
    g_assert_cmpint (g_rename (away, fixture->directory), ==, 0);
  }
  reserve (fixture, 1000);
  assert_is (fixture, "1:1; ");
}

static void
test_in_memory (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *note = NULL;

  fixture->checkpoint = muster_file_checkpoint_open (NULL, "t", &note, &error);
  g_assert_no_error (error);
  g_assert_false (muster_file_checkpoint_has_history (fixture->checkpoint));
  reserve (fixture, 1000);
  set_stream (fixture, add_stream (fixture, 1), 5);
  commit (fixture);
  assert_is (fixture, "1:5; ");
}

/* -- marks -- */

static void
assert_first (MusterFileMarks *marks, guint number, guint64 expected)
{
  guint8 id[MUSTER_STREAM_ID_SIZE];
  guint64 next;

  make_id (id, number);
  g_assert_cmpint (muster_file_marks_get_first (marks, id, &next), ==, expected != 0);
  if (expected != 0)
    g_assert_cmpuint (next, ==, expected);
}

static guint32
set_mark (Fixture *fixture, MusterFileMarks *marks, guint number, guint64 next)
{
  const MusterPendingRuns nothing = { 0 };
  guint8 id[MUSTER_STREAM_ID_SIZE];

  make_id (id, number);
  reserve (fixture, 1);
  return muster_file_marks_set (marks, id, next, &nothing);
}

static void
test_marks (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterFileMarks) marks = NULL;
  guint8 id[MUSTER_STREAM_ID_SIZE];
  guint32 slot;

  open_it (fixture);
  marks = muster_file_marks_new (fixture->checkpoint);
  assert_first (marks, 1, 0);
  slot = set_mark (fixture, marks, 1, 10);
  g_assert_cmpuint (set_mark (fixture, marks, 1, 5), ==, slot); /* never back */
  set_mark (fixture, marks, 2, 20);
  set_mark (fixture, marks, 3, 30);
  assert_first (marks, 1, 0);
  g_assert_null (muster_file_marks_find_superfluous (marks, g_get_monotonic_time ()));
  make_id (id, 2);
  g_assert_cmpuint (muster_file_marks_find (marks, id), !=, 0);
  muster_file_marks_remove (marks, id);
  g_assert_cmpuint (muster_file_marks_find (marks, id), ==, 0);
  muster_file_marks_remove (marks, id);
  commit (fixture);
  muster_file_marks_free (g_steal_pointer (&marks));

  open_it (fixture);
  marks = muster_file_marks_new (fixture->checkpoint);
  set_mark (fixture, marks, 1, 100);
  make_id (id, 3);
  muster_file_marks_remove (marks, id);
  assert_first (marks, 1, 10); /* as it was at the start */
  assert_first (marks, 3, 30);
  assert_first (marks, 2, 1); /* there was an earlier life, and it has not seen that stream */
}

/* What an earlier life left and nobody asks for goes, unless machines may come back that sent it. */
static void
test_unasked_marks (Fixture *fixture, gconstpointer data)
{
  const gint64 later_us = g_get_monotonic_time () + (gint64) 24 * 3600 * G_USEC_PER_SEC;
  guint8 journal[MUSTER_STREAM_ID_SIZE];

  make_id (journal, 9);
  for (guint life = 0; life < 3; life++)
    {
      g_autoptr (MusterFileMarks) marks = NULL;

      open_it (fixture);
      marks = muster_file_marks_new (fixture->checkpoint);
      if (life == 1)
        {
          g_assert_nonnull (muster_file_marks_find_superfluous (marks, later_us));
          reserve (fixture, 1);
          muster_file_marks_set_journal (marks, journal, 5);
        }
      else
        g_assert_null (muster_file_marks_find_superfluous (marks, later_us));
      if (life == 0)
        set_mark (fixture, marks, 1, 10);
      commit (fixture);
    }
}

static void
test_too_many_marks (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterFileMarks) marks = NULL;
  guint n = 0;

  open_it (fixture);
  marks = muster_file_marks_new (fixture->checkpoint);
  while (muster_file_marks_find_superfluous (marks, g_get_monotonic_time ()) == NULL)
    {
      g_assert_cmpuint (n, <, 100000);
      set_mark (fixture, marks, n++, 1);
      set_mark (fixture, marks, 0, n); /* is used all the time */
      commit (fixture);
    }
  g_assert_cmpuint (n, ==, 16385);
  {
    guint8 id[MUSTER_STREAM_ID_SIZE];

    make_id (id, 1);
    g_assert_cmpmem (muster_file_marks_find_superfluous (marks, g_get_monotonic_time ()), sizeof id, id, sizeof id);
    muster_file_marks_remove (marks, id);
  }
  g_assert_null (muster_file_marks_find_superfluous (marks, g_get_monotonic_time ()));
}

#define CHECKPOINT_TEST(name, function)                                                                                \
  g_test_add ("/file-checkpoint/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  if (g_getenv ("TMPDIR") == NULL && g_access ("/dev/shm", W_OK) == 0)
    g_setenv ("TMPDIR", "/dev/shm", TRUE); /* faster */
  g_test_init (&argc, &argv, NULL);
  CHECKPOINT_TEST ("commit", test_commit);
  CHECKPOINT_TEST ("many-commits", test_many_commits);
  CHECKPOINT_TEST ("growth", test_growth);
  CHECKPOINT_TEST ("killed", test_killed);
  CHECKPOINT_TEST ("not-used", test_not_used);
  CHECKPOINT_TEST ("damaged", test_damaged);
  CHECKPOINT_TEST ("locked", test_locked);
  CHECKPOINT_TEST ("no-directory", test_no_directory);
  CHECKPOINT_TEST ("in-memory", test_in_memory);
  CHECKPOINT_TEST ("marks", test_marks);
  CHECKPOINT_TEST ("marks/unasked", test_unasked_marks);
  CHECKPOINT_TEST ("marks/too-many", test_too_many_marks);
  return g_test_run ();
}
