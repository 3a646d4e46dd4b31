/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The file transport: what it writes, and what it does when it cannot. Some system calls are replaced, so that they can
 * fail at will; a full disk and a limit are real ones where that is possible.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../core/test-batches.h"
#include "muster-file-path.h"
#include "muster-file-rotate.h"
#include "muster-file-tail.h"
#include "muster-sync.h"
#include "muster-transport-file.h"
#include "muster-transport-private.h"
#include "test-mock-format.h"
#include "transport-witness.h"

#define TEST_DEADLINE_US (20 * G_USEC_PER_SEC)

/* -- system calls at will; set while the transport's thread sleeps, or atomically -- */

static const char *write_script; /* for each call on a file: e(INTR) s(hort) i (EIO); else all is well */
static gint truncate_fails;
static gint n_syncs;
static gint sync_fails;
static gint64 wall_clock; /* 0: the real one */

ssize_t
write (int fd, const void *data, size_t size)
{
  const char *script = g_atomic_pointer_get (&write_script);

  if (script != NULL && fd > STDERR_FILENO)
    {
      char what = *script;

      g_atomic_pointer_set (&write_script, what == '\0' ? NULL : script + 1);
      errno = what == 'e' ? EINTR : EIO;
      if (what == 'e' || what == 'i')
        return -1;
      if (what == 's')
        size = size / 2 + 1;
    }
  return syscall (SYS_write, fd, data, size);
}

int
ftruncate (int fd, off_t size)
{
  errno = EIO;
  return g_atomic_int_get (&truncate_fails) ? -1 : (int) syscall (SYS_ftruncate, fd, size);
}

int
fdatasync (int fd)
{
  g_atomic_int_inc (&n_syncs);
  errno = EIO;
  return g_atomic_int_compare_and_exchange (&sync_fails, TRUE, FALSE) ? -1 : 0;
}

time_t
time (time_t *out)
{
  time_t now = wall_clock != 0 ? (time_t) wall_clock : (time_t) (g_get_real_time () / G_USEC_PER_SEC);

  if (out != NULL)
    *out = now;
  return now;
}

/* -- a transport in a directory of its own -- */

typedef struct
{
  char *directory;
  gboolean with_state; /* a checkpoint that outlives the transport */
  MusterTransport *transport;
  gboolean running;
  Witness witness;
} Fixture;

static char *
in_directory (Fixture *fixture, const char *name)
{
  return g_build_filename (fixture->directory, name, NULL);
}

/* @name is a pattern relative to the directory. The fixture stops and frees it. */
static MusterTransport *
make (Fixture *fixture, gboolean log, const char *name)
{
  g_autofree char *path = in_directory (fixture, name);
  g_autoptr (MusterFormat) format = g_object_new (log ? log_format_get_type () : line_format_get_type (), NULL);

  fixture->transport = g_object_new (MUSTER_TYPE_TRANSPORT_FILE, "name", "file", "path", path, "format", format,
                                     "retry-delay", (gint64) 1000, "retry-delay-max", (gint64) 2000, NULL);
  witness_watch (&fixture->witness, fixture->transport);
  if (fixture->with_state)
    muster_transport_set_state_dir (fixture->transport, fixture->directory);
  return fixture->transport;
}

static void
start (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;

  fixture->running = muster_transport_start (fixture->transport, &error);
  g_assert_no_error (error);
}

static void
stop (Fixture *fixture)
{
  if (fixture->running)
    muster_transport_stop (fixture->transport, TEST_DEADLINE_US);
  fixture->running = FALSE;
  g_clear_object (&fixture->transport);
}

static void
make_and_start (Fixture *fixture, gboolean log, const char *name)
{
  make (fixture, log, name);
  start (fixture);
}

static void
push (Fixture *fixture, MusterBatch *batch)
{
  muster_transport_push (fixture->transport, batch);
  muster_batch_unref (batch);
}

/* Pushes and waits until it is done. */
static void
deliver (Fixture *fixture, MusterBatch *batch)
{
  guint n;

  g_mutex_lock (&fixture->witness.lock);
  n = fixture->witness.n_done;
  g_mutex_unlock (&fixture->witness.lock);
  push (fixture, batch);
  witness_wait (&fixture->witness, &fixture->witness.n_done, n + 1);
}

static MusterBatch *
records (guint64 first_seq, guint n)
{
  return test_batch ('a', first_seq, n, "web-1", MUSTER_LEVEL_INFO);
}

static char *
contents (Fixture *fixture, const char *name)
{
  g_autofree char *path = in_directory (fixture, name);
  g_autoptr (GError) error = NULL;
  char *text;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

static void
assert_contents (Fixture *fixture, const char *name, const char *expected)
{
  g_autofree char *text = contents (fixture, name);

  g_assert_cmpstr (text, ==, expected);
}

static void
put (Fixture *fixture, const char *name, gconstpointer data, gsize size)
{
  g_autofree char *path = in_directory (fixture, name);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, data, (gssize) size, &error);
  g_assert_no_error (error);
}

/* Walks a log: "a1 a2 a3+5filtered " for what is in it, and no hole within any stream. */
static char *
audit (Fixture *fixture, const char *name)
{
  g_autofree char *path = in_directory (fixture, name);
  g_autofree char *data = NULL;
  g_autoptr (GError) error = NULL;
  GString *text = g_string_new (NULL);
  guint64 next[256] = { 0 };
  MusterEntryIter iter;
  MusterEntry entry;
  gsize size;

  g_file_get_contents (path, &data, &size, &error);
  g_assert_no_error (error);
  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    {
      guint8 stream = entry.origin->stream[0];
      MusterGapReason reason;
      guint64 count;

      if (entry.kind == MUSTER_ENTRY_ORIGIN)
        continue;
      if (next[stream] != 0)
        g_assert_cmpuint (entry.sequence, ==, next[stream]);
      next[stream] = entry.sequence + entry.count;
      g_string_append_printf (text, "%c%" G_GUINT64_FORMAT, stream, entry.sequence);
      if (muster_entry_get_gap (&entry, &count, &reason))
        g_string_append_printf (text, "+%" G_GUINT64_FORMAT "%s", count, muster_gap_reason_to_string (reason));
      g_string_append_c (text, ' ');
    }
  muster_entry_iter_get_error (&iter, &error);
  g_assert_no_error (error);
  return g_string_free (text, FALSE);
}

static void
assert_audit (Fixture *fixture, const char *name, const char *expected)
{
  g_autofree char *text = audit (fixture, name);

  g_assert_cmpstr (text, ==, expected);
}

static void
assert_reported (Fixture *fixture, const char *text)
{
  g_mutex_lock (&fixture->witness.lock);
  if (strstr (fixture->witness.reports->str, text) == NULL)
    g_error ("'%s' is not among:\n%s", text, fixture->witness.reports->str);
  g_mutex_unlock (&fixture->witness.lock);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->directory = g_dir_make_tmp ("muster-file-XXXXXX", &error);
  g_assert_no_error (error);
  witness_init (&fixture->witness);
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  const char *name;

  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      if (!g_file_test (child, G_FILE_TEST_IS_SYMLINK) && g_file_test (child, G_FILE_TEST_IS_DIR))
        remove_tree (child);
      else
        g_unlink (child);
    }
  g_rmdir (path);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  stop (fixture);
  remove_tree (fixture->directory);
  g_free (fixture->directory);
  witness_clear (&fixture->witness);
  wall_clock = 0;
  g_atomic_pointer_set (&write_script, NULL);
  g_atomic_int_set (&truncate_fails, FALSE);
}

/* -- what it writes -- */

static void
test_log (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterBatch) batch = records (1, 3);
  g_autofree char *written = NULL;
  MusterTransportCounters counters;
  gsize size;
  gconstpointer bytes = muster_batch_get_data (batch, &size);

  make_and_start (fixture, TRUE, "all.pb");
  deliver (fixture, muster_batch_ref (batch));
  written = contents (fixture, "all.pb");
  g_assert_cmpmem (written, size, bytes, size);
  muster_transport_get_counters (fixture->transport, &counters);
  g_assert_cmpuint (counters.bytes, ==, size);
  deliver (fixture, records (4, 1));
  assert_audit (fixture, "all.pb", "a1 a2 a3 a4 ");

  /* a restart appends */
  stop (fixture);
  make_and_start (fixture, TRUE, "all.pb");
  deliver (fixture, records (5, 1));
  assert_audit (fixture, "all.pb", "a1 a2 a3 a4 a5 ");
  g_assert_cmpuint (fixture->witness.n_reports, ==, 0);
}

static void
test_lines (Fixture *fixture, gconstpointer data)
{
  make_and_start (fixture, FALSE, "all.log");
  deliver (fixture, records (1, 2));
  assert_contents (fixture, "all.log", "a 1\na 2\n");
}

static void
test_modes (Fixture *fixture, gconstpointer data)
{
  g_autofree char *file = in_directory (fixture, "one/two/all.log");
  g_autofree char *directory = in_directory (fixture, "one/two");
  mode_t old = umask (0077);
  struct stat status;

  make (fixture, FALSE, "one/two/all.log");
  g_object_set (fixture->transport, "mode", "0664", "directory-mode", "0771", NULL);
  start (fixture);
  umask (old);
  g_assert_cmpint (g_stat (file, &status), ==, 0);
  g_assert_cmpuint (status.st_mode & 07777, ==, 0664);
  g_assert_cmpint (g_stat (directory, &status), ==, 0);
  g_assert_cmpuint (status.st_mode & 07777, ==, 0771);

  /* that of a file that exists is not touched */
  stop (fixture);
  g_chmod (file, 0600);
  make_and_start (fixture, FALSE, "one/two/all.log");
  g_assert_cmpint (g_stat (file, &status), ==, 0);
  g_assert_cmpuint (status.st_mode & 07777, ==, 0600);
}

static void
test_path (void)
{
  MusterOrigin origin = { .first_seq = 1 };
  g_autoptr (GError) error = NULL;
  static const struct
  {
    const char *pattern, *worker, *expected;
  } cases[] = {
    { "/x/{worker}.pb", "web-1", "/x/web-1.pb" },
    { "/x/{worker}.pb", "a/../b", "/x/a_.._b.pb" },
    { "/x/{worker}/log", "..", "/x/_./log" },
    { "/x/{worker}/log", ".", "/x/_/log" },
    { "/x/{worker}", "", "/x/_" },
    { "/x/{worker}", "a\nb\x7f", "/x/a_b_" },
    { "/x/{cluster}-{host}-{worker}", "w", "/x/shop-lion-w" },
    { "/x/{time:%Y/%m}/{worker}", "w", "/x/1970/01/w" },
    { "/x/{{worker}", "w", "/x/{worker}" },
    { "{{", "w", "{" },
    { "{worker}{worker}", "w", "ww" },
    { "a{{b{{c", "w", "a{b{c" },
  };

  origin.host = muster_slice_from_string ("lion");
  origin.cluster = muster_slice_from_string ("shop");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (MusterFilePath) path = muster_file_path_new (cases[i].pattern, &error);
      g_autofree char *expanded = NULL;

      g_assert_no_error (error);
      origin.worker = muster_slice_from_string (cases[i].worker);
      expanded = muster_file_path_expand (path, &origin, 86400 * 10);
      g_assert_cmpstr (expanded, ==, cases[i].expected);
    }
}

static void
test_long_label (void)
{
  MusterOrigin origin = { .first_seq = 1 };
  g_autoptr (MusterFilePath) path = muster_file_path_new ("{worker}", NULL);
  g_autofree char *label = g_strnfill (127, 'x');
  g_autofree char *longer = g_strconcat (label, "\xc3\xa4\xc3\xb6", NULL);
  g_autofree char *expanded = NULL;

  origin.worker = muster_slice_from_string (longer);
  expanded = muster_file_path_expand (path, &origin, 0);
  g_assert_cmpstr (expanded, ==, label); /* not half a character */
}

static void
test_bad_path (gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (muster_file_path_new (data, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
  if (data != NULL)
    g_assert_true (*(const char *) data == '\0' || strstr (error->message, data) != NULL);
}

/* The wall clock at the write: a batch is in one file, and the next one in the next. */
static void
test_time (Fixture *fixture, gconstpointer data)
{
  wall_clock = 1000000000;
  make_and_start (fixture, TRUE, "{time:%H%M%S}.pb");
  deliver (fixture, records (1, 2));
  deliver (fixture, records (3, 1));
  wall_clock++;
  deliver (fixture, records (4, 2));
  assert_audit (fixture, "014640.pb", "a1 a2 a3 ");
  assert_audit (fixture, "014641.pb", "a4 a5 ");
}

/* -- what a crash leaves -- */

static void
append_batch (GByteArray *log, MusterBatch *batch)
{
  gsize size;
  const guint8 *data = muster_batch_get_data (batch, &size);

  g_byte_array_append (log, data, (guint) size);
  muster_batch_unref (batch);
}

static void
test_torn_log (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = g_byte_array_new ();
  gsize starts[4];

  append_batch (log, records (1, 2));
  starts[0] = log->len;
  append_batch (log, records (3, 1));
  for (gsize cut = starts[0]; cut <= log->len; cut++)
    {
      gsize whole = cut == log->len ? log->len : starts[0];
      MusterEntryIter iter;
      MusterEntry entry;
      g_autofree char *path = in_directory (fixture, "all.pb");
      struct stat status;

      muster_entry_iter_init (&iter, log->data, cut); /* the origin alone may be whole */
      while (muster_entry_iter_next (&iter, &entry))
        whole = MAX (whole, muster_entry_iter_get_position (&iter));
      put (fixture, "all.pb", log->data, cut);
      make_and_start (fixture, TRUE, "all.pb");
      stop (fixture);
      g_assert_cmpint (g_stat (path, &status), ==, 0);
      g_assert_cmpuint ((gsize) status.st_size, ==, whole);
    }
  assert_reported (fixture, "notice: transport file: cut 1 bytes from the end of");
}

static void
test_torn_first (Fixture *fixture, gconstpointer data)
{
  g_autofree char *label = g_strnfill (data != NULL ? 200 : 5, 'x'); /* the length takes one byte, or two */
  g_autoptr (MusterBatch) batch = test_batch ('a', 1, 1, label, MUSTER_LEVEL_INFO);
  gsize size;
  gconstpointer bytes = muster_batch_get_data (batch, &size);

  for (gsize cut = 1; cut < 40; cut++)
    {
      put (fixture, "all.pb", bytes, cut);
      make_and_start (fixture, TRUE, "all.pb");
      deliver (fixture, records (1, 1));
      stop (fixture);
      assert_audit (fixture, "all.pb", "a1 ");
    }
}

static void
test_torn_zeros (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) log = g_byte_array_new ();

  append_batch (log, records (1, 2));
  g_byte_array_set_size (log, log->len + 5000);
  memset (log->data + log->len - 5000, 0, 5000);
  put (fixture, "all.pb", log->data, log->len);
  make_and_start (fixture, TRUE, "all.pb");
  deliver (fixture, records (3, 1));
  assert_audit (fixture, "all.pb", "a1 a2 a3 ");
}

/* Of a large file only the end is read: the entries are found from a random place. */
static void
test_torn_large (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (4);
  g_autoptr (GByteArray) log = g_byte_array_new ();
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  guint64 seq = 1;

  while (log->len < 3000000)
    {
      TestLog batch = { NULL };

      test_log_origin (&batch, 'a', seq, "web-1");
      for (guint i = 0; i < 20; i++)
        {
          g_autofree char *message = g_strnfill ((gsize) g_rand_int_range (rand, 1, 30000), '\n');

          test_log_record (&batch, MUSTER_LEVEL_INFO, message);
        }
      seq = batch.next_seq;
      append_batch (log, test_log_end (&batch));
    }
  put (fixture, "all.pb", log->data, log->len);
  before = audit (fixture, "all.pb");
  g_byte_array_append (log, log->data, 20);
  put (fixture, "all.pb", log->data, log->len);
  make_and_start (fixture, TRUE, "all.pb");
  assert_reported (fixture, "cut 20 bytes");
  after = audit (fixture, "all.pb");
  g_assert_cmpstr (before, ==, after);
}

static void
test_foreign (Fixture *fixture, gconstpointer data)
{
  static const char *const texts[] = { "Dear diary,\n", "\nDear diary, today", "\x0a\x04zzzz", "\0\0\0\0x",
                                       "\x0a\x7f\x0azzzzz" };
  g_autofree char *large = g_strnfill (600000, 'x');

  for (guint i = 0; i <= G_N_ELEMENTS (texts); i++)
    {
      gboolean is_large = i == G_N_ELEMENTS (texts);
      gsize size = is_large ? 600000 : i == 3 ? 5 : strlen (texts[i]);
      const char *text = is_large ? large : texts[i];
      g_autofree char *path = in_directory (fixture, "all.pb");
      g_autofree char *after = NULL;
      g_autoptr (GError) error = NULL;
      gsize after_size;

      put (fixture, "all.pb", text, size);
      make (fixture, TRUE, "all.pb");
      g_assert_false (muster_transport_start (fixture->transport, &error));
      g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT);
      g_assert_nonnull (strstr (error->message, path));
      g_assert_true (g_file_get_contents (path, &after, &after_size, NULL));
      g_assert_cmpmem (after, after_size, text, size);
      stop (fixture);
    }
}

static void
test_torn_lines (Fixture *fixture, gconstpointer data)
{
  put (fixture, "all.log", "one\ntwo\nthr", 11);
  make_and_start (fixture, FALSE, "all.log");
  deliver (fixture, records (1, 1));
  stop (fixture);
  assert_contents (fixture, "all.log", "one\ntwo\na 1\n");
  assert_reported (fixture, "cut 3 bytes");

  put (fixture, "all.log", "one", 3); /* nobody knows whether that is ours */
  make_and_start (fixture, FALSE, "all.log");
  deliver (fixture, records (1, 1));
  assert_contents (fixture, "all.log", "one\na 1\n");
}

/* -- what cannot be started -- */

static void
assert_refused (Fixture *fixture, MusterError code, const char *text)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (muster_transport_start (fixture->transport, &error));
  g_assert_error (error, MUSTER_ERROR, (int) code);
  if (strstr (error->message, text) == NULL)
    g_error ("'%s' is not in '%s'", text, error->message);
  stop (fixture);
}

static void
test_refused (Fixture *fixture, gconstpointer data)
{
  g_autofree char *directory = in_directory (fixture, "directory");
  g_autofree char *link = in_directory (fixture, "link");
  g_autofree char *fifo = in_directory (fixture, "fifo");

  make (fixture, TRUE, "x");
  muster_transport_set_format (fixture->transport, NULL);
  assert_refused (fixture, MUSTER_ERROR_INVALID, "format=");
  make (fixture, TRUE, "x");
  g_object_set (fixture->transport, "path", NULL, NULL);
  assert_refused (fixture, MUSTER_ERROR_INVALID, "path is not set");
  make (fixture, TRUE, "{wroker}");
  assert_refused (fixture, MUSTER_ERROR_INVALID, "{wroker} is not known");
  make (fixture, TRUE, "x");
  g_object_set (fixture->transport, "mode", "0689", NULL);
  assert_refused (fixture, MUSTER_ERROR_INVALID, "mode='0689'");
  make (fixture, TRUE, "x");
  g_object_set (fixture->transport, "directory-mode", "", NULL);
  assert_refused (fixture, MUSTER_ERROR_INVALID, "directory-mode=''");

  g_assert_cmpint (g_mkdir (directory, 0755), ==, 0);
  make (fixture, TRUE, "directory");
  assert_refused (fixture, MUSTER_ERROR_INVALID, "is a directory");
  put (fixture, "file", "", 0);
  make (fixture, TRUE, "file/all.pb");
  assert_refused (fixture, MUSTER_ERROR_UNAVAILABLE, "a part of the path is a file");
  g_assert_cmpint (symlink ("file", link), ==, 0);
  make (fixture, TRUE, "link");
  assert_refused (fixture, MUSTER_ERROR_INVALID, "is a symbolic link");
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  make (fixture, TRUE, "fifo");
  assert_refused (fixture, MUSTER_ERROR_INVALID, "neither a file nor a device");
}

static void
test_unwritable (Fixture *fixture, gconstpointer data)
{
  g_autofree char *directory = in_directory (fixture, "closed");

  if (geteuid () == 0)
    {
      g_test_skip ("root may write everywhere");
      return;
    }
  g_assert_cmpint (g_mkdir (directory, 0555), ==, 0);
  make (fixture, TRUE, "closed/all.pb");
  assert_refused (fixture, MUSTER_ERROR_UNAVAILABLE, "give the primary's user the right");
}

/* The same as one who is not root, where this process is. */
static void
test_unwritable_as_other (Fixture *fixture, gconstpointer data)
{
  g_autofree char *directory = in_directory (fixture, "closed");

  if (geteuid () != 0)
    {
      g_test_skip ("only root can become another user");
      return;
    }
  g_assert_cmpint (g_mkdir (directory, 0555), ==, 0);
  g_assert_cmpint (g_chmod (fixture->directory, 0755), ==, 0);
  make (fixture, TRUE, "closed/all.pb");
  g_assert_cmpint (seteuid (65534), ==, 0);
  assert_refused (fixture, MUSTER_ERROR_UNAVAILABLE, "give the primary's user the right");
  g_assert_cmpint (seteuid (0), ==, 0);
}

static void
test_two_writers (Fixture *fixture, gconstpointer data)
{
  MusterTransport *first;

  make_and_start (fixture, TRUE, "all.pb");
  first = fixture->transport;
  make (fixture, TRUE, "all.pb");
  assert_refused (fixture, MUSTER_ERROR_EXISTS, "another transport");
  fixture->transport = first;
  fixture->running = TRUE;
}

/* A second writer that is found later makes it wait. */
static void
test_locked_later (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = in_directory (fixture, "web-1.pb");
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

  g_assert_cmpint (flock (fd, LOCK_EX | LOCK_NB), ==, 0);
  make_and_start (fixture, TRUE, "{worker}.pb");
  push (fixture, records (1, 1));
  witness_wait (&fixture->witness, &fixture->witness.n_reports, 1);
  assert_reported (fixture, "warning: transport file: ");
  assert_reported (fixture, "is being written by another");
  g_assert_cmpuint (fixture->witness.n_done, ==, 0);
  g_close (fd, NULL);
  witness_wait (&fixture->witness, &fixture->witness.n_done, 1);
  assert_audit (fixture, "web-1.pb", "a1 ");
}

/* -- what fails while it writes -- */

static void
test_interrupted (Fixture *fixture, gconstpointer data)
{
  make_and_start (fixture, TRUE, "all.pb");
  g_atomic_pointer_set (&write_script, "eesees");
  deliver (fixture, records (1, 10));
  deliver (fixture, records (11, 1));
  g_assert_cmpuint (fixture->witness.n_reports, ==, 0);
  assert_audit (fixture, "all.pb", "a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 a11 ");
}

static void
test_disk_error (Fixture *fixture, gconstpointer data)
{
  make_and_start (fixture, TRUE, "all.pb");
  deliver (fixture, records (1, 1));
  g_atomic_pointer_set (&write_script, "sisi");
  deliver (fixture, records (2, 10));
  witness_wait (&fixture->witness, &fixture->witness.n_reports, 2);
  assert_reported (fixture, "Input/output error; look after the disk; trying again");
  assert_reported (fixture, "goes on");
  assert_audit (fixture, "all.pb", "a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 a11 ");
}

/* Where not even the beginning can be cut off, it is cut off later, before anything else. */
static void
test_cut_fails (Fixture *fixture, gconstpointer data)
{
  MusterTransportCounters counters;

  make_and_start (fixture, TRUE, "all.pb");
  deliver (fixture, records (1, 1));
  g_atomic_int_set (&truncate_fails, TRUE);
  g_atomic_pointer_set (&write_script, "si");
  push (fixture, records (2, 3));
  witness_wait (&fixture->witness, &fixture->witness.n_reports, 1);
  do
    {
      g_thread_yield ();
      muster_transport_get_counters (fixture->transport, &counters);
    }
  while (counters.retries < 3);
  g_atomic_int_set (&truncate_fails, FALSE);
  witness_wait (&fixture->witness, &fixture->witness.n_done, 2);
  assert_audit (fixture, "all.pb", "a1 a2 a3 a4 ");
}

static void
test_format_fails (Fixture *fixture, gconstpointer data)
{
  TestLog log = { NULL };

  make_and_start (fixture, FALSE, "all.log");
  test_log_origin (&log, 'a', 1, "web-1");
  test_log_record (&log, MUSTER_LEVEL_INFO, "fine");
  test_log_record (&log, MUSTER_LEVEL_INFO, "corrupt");
  deliver (fixture, test_log_end (&log));
  deliver (fixture, records (3, 1));
  assert_contents (fixture, "all.log", "a 3\n");
  assert_reported (fixture, "error: transport file: 2 entries refused for good: what a mess");
}

/* A real limit: part of a batch fits. The signal that comes with it kills nobody. */
static void
test_size_limit (Fixture *fixture, gconstpointer data)
{
  struct rlimit old, limit;
  g_autoptr (MusterBatch) batch = records (1, 100);
  gsize size;

  muster_batch_get_data (batch, &size);
  make_and_start (fixture, TRUE, "all.pb");
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &old), ==, 0);
  limit = (struct rlimit){ size * 3 / 2, old.rlim_max };
  deliver (fixture, muster_batch_ref (batch));
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  push (fixture, records (101, 100));
  witness_wait (&fixture->witness, &fixture->witness.n_reports, 1);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &old), ==, 0);
  witness_wait (&fixture->witness, &fixture->witness.n_done, 2);
  assert_reported (fixture, "File too large");
  {
    g_autofree char *text = audit (fixture, "all.pb");

    g_assert_true (g_str_has_suffix (text, "a199 a200 "));
  }
}

/* A real full disk: a small tmpfs, in a name space of this process. */
static void
test_disk_full (Fixture *fixture, gconstpointer data)
{
  g_autofree char *ballast = in_directory (fixture, "ballast");
  g_autofree char *text = NULL;
  g_autofree char *filler = g_malloc0 (40000);

  if (unshare (CLONE_NEWNS) != 0 || mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0
      || mount ("muster-test", fixture->directory, "tmpfs", 0, "size=64k") != 0)
    {
      g_test_skip ("a tmpfs cannot be mounted here");
      return;
    }
  put (fixture, "ballast", filler, 40000);
  make_and_start (fixture, TRUE, "all.pb");
  deliver (fixture, records (1, 100));
  for (guint i = 0; i < 20; i++)
    push (fixture, records (101 + 100 * i, 100));
  witness_wait (&fixture->witness, &fixture->witness.n_reports, 1);
  assert_reported (fixture, "No space left on device; make room there: nothing is lost meanwhile; trying again");
  text = audit (fixture, "all.pb"); /* nothing half written */
  g_unlink (ballast);
  witness_wait (&fixture->witness, &fixture->witness.n_reports, 2);
  stop (fixture);
  g_free (text);
  text = audit (fixture, "all.pb");
  g_assert_cmpint (umount2 (fixture->directory, MNT_DETACH), ==, 0);
}

/* -- files that others move -- */

static void
test_reopen (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = in_directory (fixture, "all.log");
  g_autofree char *moved = in_directory (fixture, "all.log.1");

  make_and_start (fixture, FALSE, "all.log");
  deliver (fixture, records (1, 1));
  g_assert_cmpint (g_rename (path, moved), ==, 0);
  deliver (fixture, records (2, 1)); /* nobody said that it was moved: it goes where it went */
  assert_contents (fixture, "all.log.1", "a 1\na 2\n");
  muster_transport_reopen (fixture->transport);
  deliver (fixture, records (3, 1));
  assert_contents (fixture, "all.log.1", "a 1\na 2\n");
  assert_contents (fixture, "all.log", "a 3\n");

  /* a file that is deleted is made anew, without being told */
  g_assert_cmpint (g_unlink (path), ==, 0);
  deliver (fixture, records (4, 1));
  assert_contents (fixture, "all.log", "a 4\n");

  /* logrotate's copytruncate */
  g_assert_cmpint (truncate (path, 0), ==, 0);
  deliver (fixture, records (5, 1));
  assert_contents (fixture, "all.log", "a 5\n");
}

/* -- durability -- */

static void
test_sync (Fixture *fixture, gconstpointer data)
{
  gint64 deadline_us = g_get_monotonic_time () + TEST_DEADLINE_US;
  gint before;

  make (fixture, TRUE, "none.pb");
  g_object_set (fixture->transport, "sync", MUSTER_SYNC_NONE, NULL);
  start (fixture);
  before = g_atomic_int_get (&n_syncs);
  deliver (fixture, records (1, 1));
  stop (fixture);
  g_assert_cmpint (g_atomic_int_get (&n_syncs), ==, before);

  make (fixture, TRUE, "batch.pb");
  g_object_set (fixture->transport, "sync", MUSTER_SYNC_BATCH, NULL);
  start (fixture);
  before = g_atomic_int_get (&n_syncs);
  deliver (fixture, records (1, 1));
  g_assert_cmpint (g_atomic_int_get (&n_syncs), ==, before + 1);
  g_atomic_int_set (&sync_fails, TRUE);
  deliver (fixture, records (2, 1)); /* is taken back, and written again */
  assert_reported (fixture, "cannot sync");
  assert_audit (fixture, "batch.pb", "a1 a2 ");
  stop (fixture);

  make (fixture, TRUE, "interval.pb");
  g_object_set (fixture->transport, "sync", MUSTER_SYNC_INTERVAL, "sync-interval", (gint64) 5000, NULL);
  start (fixture);
  before = g_atomic_int_get (&n_syncs);
  deliver (fixture, records (1, 1));
  while (g_atomic_int_get (&n_syncs) == before) /* with nothing else to do it comes by itself */
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline_us);
      g_thread_yield ();
    }
  stop (fixture);

  make (fixture, TRUE, "interval.pb");
  g_object_set (fixture->transport, "sync-interval", G_GINT64_CONSTANT (3600000000), NULL);
  start (fixture);
  before = g_atomic_int_get (&n_syncs);
  deliver (fixture, records (2, 1));
  g_assert_cmpint (g_atomic_int_get (&n_syncs), ==, before);
  stop (fixture);
  g_assert_cmpint (g_atomic_int_get (&n_syncs), >, before); /* not without it */
}

/* -- a file for each worker -- */

static MusterBatch *
mixed (guint64 first_seq, const char *workers)
{
  TestLog log = { NULL };
  char label[2] = { '\0' };

  for (guint i = 0; workers[i] != '\0'; i++)
    {
      g_autofree char *message = NULL;

      if (workers[i] == '+') /* a gap of the input */
        {
          test_log_gap (&log, 1, MUSTER_GAP_TORN);
          continue;
        }
      if (workers[i] != label[0])
        {
          label[0] = workers[i];
          test_log_origin (&log, 'm', i == 0 ? first_seq : log.next_seq, label);
        }
      message = g_strdup_printf ("%s %" G_GUINT64_FORMAT, label, log.next_seq);
      test_log_record (&log, MUSTER_LEVEL_INFO, message);
    }
  return test_log_end (&log);
}

static void
test_split (Fixture *fixture, gconstpointer data)
{
  make (fixture, TRUE, "{worker}.pb");
  g_object_set (fixture->transport, "max-open-files", GPOINTER_TO_UINT (data), NULL);
  start (fixture);
  deliver (fixture, test_batch ('a', 1, 3, "x/y", MUSTER_LEVEL_INFO));
  deliver (fixture, mixed (1, "AABBA"));
  deliver (fixture, mixed (6, "BB"));
  deliver (fixture, mixed (8, "CC+"));
  deliver (fixture, test_batch ('a', 4, 1, "x/y", MUSTER_LEVEL_INFO));
  deliver (fixture, mixed (11, "AC"));
  deliver (fixture, mixed (13, "B"));
  assert_audit (fixture, "x_y.pb", "a1 a2 a3 a4 ");
  assert_audit (fixture, "A.pb", "m1 m2 m3+2filtered m5 m6+4filtered m10+1torn m11 ");
  assert_audit (fixture, "B.pb", "m1+2filtered m3 m4 m5+1filtered m6 m7 m8+2filtered m10+1torn m11+2filtered m13 ");
  assert_audit (fixture, "C.pb", "m8 m9 m10+1torn m11+1filtered m12 ");
}

static void
test_split_lines (Fixture *fixture, gconstpointer data)
{
  make_and_start (fixture, FALSE, "{worker}.log");
  deliver (fixture, mixed (1, "AABBA"));
  deliver (fixture, mixed (6, "B"));
  assert_contents (fixture, "A.log", "A 1\nA 2\nA 5\n");
  assert_contents (fixture, "B.log", "B 3\nB 4\nB 6\n");
}

/* All files or none: a file that cannot be written to keeps the batch out of the others, and it comes once. */
static void
test_split_all_or_none (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = in_directory (fixture, "B.pb");
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

  g_assert_cmpint (flock (fd, LOCK_EX | LOCK_NB), ==, 0);
  make (fixture, TRUE, "{worker}.pb");
  g_object_set (fixture->transport, "sync", MUSTER_SYNC_BATCH, NULL);
  start (fixture);
  deliver (fixture, mixed (1, "AA"));
  push (fixture, mixed (3, "ABA"));
  witness_wait (&fixture->witness, &fixture->witness.n_reports, 1);
  g_close (fd, NULL);
  witness_wait (&fixture->witness, &fixture->witness.n_done, 2);
  g_atomic_int_set (&sync_fails, TRUE);
  deliver (fixture, mixed (6, "BA"));
  assert_audit (fixture, "A.pb", "m1 m2 m3 m4+1filtered m5 m6+1filtered m7 ");
  assert_audit (fixture, "B.pb", "m3+1filtered m4 m5+1filtered m6 ");
}

static guint
count_open_files (Fixture *fixture)
{
  g_autoptr (GDir) directory = g_dir_open ("/proc/self/fd", 0, NULL);
  const char *name;
  guint n = 0;

  g_assert_nonnull (directory);
  while ((name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *link = g_build_filename ("/proc/self/fd", name, NULL);
      g_autofree char *file = g_file_read_link (link, NULL);

      n += file != NULL && g_str_has_prefix (file, fixture->directory);
    }
  return n;
}

static void
test_max_open_files (Fixture *fixture, gconstpointer data)
{
  make (fixture, TRUE, "{worker}.pb");
  g_object_set (fixture->transport, "max-open-files", 3, NULL);
  start (fixture);
  for (guint i = 0; i < 10; i++)
    {
      char label[] = { (char) ('A' + i), '\0' };

      deliver (fixture, mixed (i + 1, label));
      g_assert_cmpuint (count_open_files (fixture), ==, MIN (i + 1, 3));
    }
}

/* Random streams under random labels with few descriptors: every file is whole by itself, and all is there once. */
static void
test_split_random (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  guint64 seq = 1;
  guint n_records = 0, n_found = 0;

  make (fixture, TRUE, "{worker}.pb");
  g_object_set (fixture->transport, "max-open-files", 2, NULL);
  start (fixture);
  for (guint i = 0; i < 300; i++)
    {
      char workers[20] = { '\0' };
      gint n = g_rand_int_range (rand, 1, 20);

      for (gint j = 0; j < n; j++)
        workers[j] =
            j > 0 && g_rand_int_range (rand, 0, 3) > 0 ? workers[j - 1] : (char) ('A' + g_rand_int_range (rand, 0, 6));
      push (fixture, mixed (seq, workers));
      seq += (guint) n;
      n_records += (guint) n;
    }
  witness_wait (&fixture->witness, &fixture->witness.n_done, 300);
  stop (fixture);
  for (char label = 'A'; label < 'G'; label++)
    {
      char name[] = { label, '.', 'p', 'b', '\0' };
      g_autofree char *text = audit (fixture, name);
      g_auto (GStrv) words = g_strsplit (text, " ", -1);

      for (guint i = 0; words[i] != NULL; i++)
        n_found += *words[i] != '\0' && strchr (words[i], '+') == NULL;
    }
  g_assert_cmpuint (n_found, ==, n_records);
}

/* -- rotation -- */

static gboolean
is_there (Fixture *fixture, const char *name)
{
  g_autofree char *path = in_directory (fixture, name);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static void
make_rotated (Fixture *fixture, guint64 size, guint keep)
{
  make (fixture, FALSE, "x.log");
  g_object_set (fixture->transport, "rotate-size", size, "keep", keep, NULL);
  start (fixture);
}

/* No file is longer than allowed; the oldest go; a missing number is filled. */
static void
test_rotate_size (Fixture *fixture, gconstpointer data)
{
  g_autofree char *second = in_directory (fixture, "x.log.2");

  make_rotated (fixture, 10, 3);
  deliver (fixture, records (1, 1));
  deliver (fixture, records (2, 1));
  assert_contents (fixture, "x.log", "a 1\na 2\n");
  g_assert_false (is_there (fixture, "x.log.1"));
  for (guint i = 3; i < 9; i++)
    deliver (fixture, records (i, 1));
  assert_contents (fixture, "x.log", "a 7\na 8\n");
  assert_contents (fixture, "x.log.1", "a 5\na 6\n");
  assert_contents (fixture, "x.log.2", "a 3\na 4\n");
  assert_contents (fixture, "x.log.3", "a 1\na 2\n");
  deliver (fixture, records (9, 1));
  assert_contents (fixture, "x.log.3", "a 3\na 4\n");
  g_assert_false (is_there (fixture, "x.log.4"));
  g_assert_cmpint (g_unlink (second), ==, 0);
  deliver (fixture, records (10, 1));
  deliver (fixture, records (11, 1));
  assert_contents (fixture, "x.log.1", "a 9\na 10\n");
  assert_contents (fixture, "x.log.2", "a 7\na 8\n");
  assert_contents (fixture, "x.log.3", "a 3\na 4\n");

  /* a piece that is longer than a file may be has one of its own */
  deliver (fixture, records (12, 10));
  assert_contents (fixture, "x.log.1", "a 11\n");
  deliver (fixture, records (22, 1));
  assert_contents (fixture, "x.log.1", "a 12\na 13\na 14\na 15\na 16\na 17\na 18\na 19\na 20\na 21\n");
  stop (fixture);

  /* fewer than before */
  make_rotated (fixture, 10, 1);
  deliver (fixture, records (23, 2));
  assert_contents (fixture, "x.log", "a 23\na 24\n");
  assert_contents (fixture, "x.log.1", "a 22\n");
  g_assert_false (is_there (fixture, "x.log.2") || is_there (fixture, "x.log.3"));
  stop (fixture);
  make_rotated (fixture, 10, 0);
  deliver (fixture, records (25, 1));
  assert_contents (fixture, "x.log", "a 25\n");
  assert_contents (fixture, "x.log.1", "a 22\n");
  g_assert_cmpuint (fixture->witness.n_reports, ==, 0);
}

/* Local midnight; the file knows when it was made. */
static void
test_rotate_interval (Fixture *fixture, gconstpointer data)
{
  gint64 today = g_get_real_time () / G_USEC_PER_SEC / 86400 * 86400;

  make (fixture, FALSE, "x.log");
  g_object_set (fixture->transport, "rotate-interval", (gint64) G_TIME_SPAN_DAY, NULL);
  start (fixture);
  wall_clock = today + 86399;
  deliver (fixture, records (1, 1));
  wall_clock = today + 86400 + 3600;
  deliver (fixture, records (2, 1));
  assert_contents (fixture, "x.log.1", "a 1\n");
  assert_contents (fixture, "x.log", "a 2\n");
}

static void
test_periods (void)
{
  const gint64 day = G_TIME_SPAN_DAY;

  /* 1970-01-05 was a Monday */
  g_assert_cmpint (muster_file_rotate_get_period (4 * 86400 - 1, 7 * day), ==, 0);
  g_assert_cmpint (muster_file_rotate_get_period (4 * 86400, 7 * day), ==, 1);
  g_assert_cmpint (muster_file_rotate_get_period (86399, day), ==, 0);
  g_assert_cmpint (muster_file_rotate_get_period (86400, day), ==, 1);
  g_assert_cmpint (muster_file_rotate_get_period (7199, G_TIME_SPAN_HOUR), ==, 1);
}

/* Where a file cannot be rotated it is written on, and that is said once. */
static void
test_rotate_fails (Fixture *fixture, gconstpointer data)
{
  g_autofree char *obstacle = in_directory (fixture, "x.log.1");

  g_assert_cmpint (g_mkdir (obstacle, 0700), ==, 0);
  make_rotated (fixture, 8, 1);
  for (guint i = 1; i < 6; i++)
    deliver (fixture, records (i, 1));
  assert_contents (fixture, "x.log", "a 1\na 2\na 3\na 4\na 5\n");
  assert_reported (fixture, "error: transport file: cannot rotate: cannot rename");
  g_assert_cmpuint (fixture->witness.n_reports, ==, 1);
}

/* Each file for itself, and what they have to declare goes on in the next one. */
static void
test_rotate_split (Fixture *fixture, gconstpointer data)
{
  make (fixture, TRUE, "{worker}.pb");
  g_object_set (fixture->transport, "rotate-size", (guint64) 150, NULL);
  start (fixture);
  deliver (fixture, mixed (1, "AABBA"));
  deliver (fixture, mixed (6, "BB"));
  deliver (fixture, mixed (8, "AB"));
  assert_audit (fixture, "A.pb.1", "m1 m2 m3+2filtered m5 ");
  assert_audit (fixture, "A.pb", "m6+2filtered m8 ");
  g_assert_true (is_there (fixture, "B.pb.1"));
}

/* -- what is known after a restart -- */

static MusterBatch *
by_journal (MusterBatch *batch, char journal, guint64 next)
{
  memset (batch->journal, journal, sizeof batch->journal);
  batch->journal_next = next;
  return batch;
}

/* A batch that came by a journal is known by its number in it, whatever has become of its stream. */
static void
test_journal (Fixture *fixture, gconstpointer data)
{
  guint8 journal[MUSTER_STREAM_ID_SIZE];
  guint64 next;

  memset (journal, 'j', sizeof journal);
  fixture->with_state = TRUE;
  make_and_start (fixture, TRUE, "all.pb");
  deliver (fixture, by_journal (mixed (1, "AA"), 'j', 7));
  deliver (fixture, by_journal (mixed (3, "A"), 'j', 8));
  stop (fixture);

  make_and_start (fixture, TRUE, "all.pb");
  g_assert_true (muster_transport_get_mark (fixture->transport, journal, &next));
  g_assert_cmpuint (next, ==, 8);
  deliver (fixture, by_journal (mixed (4, "A"), 'j', 8)); /* as if the stream's own mark were gone */
  deliver (fixture, by_journal (mixed (4, "A"), 'j', 9));
  stop (fixture);

  make_and_start (fixture, TRUE, "all.pb");
  g_assert_true (muster_transport_get_mark (fixture->transport, journal, &next));
  g_assert_cmpuint (next, ==, 9);
  assert_audit (fixture, "all.pb", "m1 m2 m3 m4 ");
  g_assert_cmpuint (fixture->witness.n_reports, ==, 0);
}

static void
test_restart (Fixture *fixture, gconstpointer data)
{
  guint8 stream[MUSTER_STREAM_ID_SIZE];
  guint64 next;

  memset (stream, 'm', sizeof stream);
  fixture->with_state = TRUE;
  make_and_start (fixture, TRUE, "{worker}.pb");
  g_assert_false (muster_transport_get_mark (fixture->transport, stream, &next));
  deliver (fixture, mixed (1, "AABBA"));
  deliver (fixture, mixed (6, "BB"));
  stop (fixture);

  make_and_start (fixture, TRUE, "{worker}.pb");
  g_assert_true (muster_transport_get_mark (fixture->transport, stream, &next));
  g_assert_cmpuint (next, ==, 8);
  deliver (fixture, mixed (6, "BBAC")); /* the first two of them were written */
  deliver (fixture, mixed (10, "B"));
  memset (stream, 'x', sizeof stream);
  g_assert_true (muster_transport_get_mark (fixture->transport, stream, &next));
  g_assert_cmpuint (next, ==, 1); /* it would know */
  stop (fixture);

  make_and_start (fixture, TRUE, "{worker}.pb");
  deliver (fixture, mixed (11, "ABC"));
  assert_audit (fixture, "A.pb", "m1 m2 m3+2filtered m5 m6+2filtered m8 m9+2filtered m11 ");
  assert_audit (fixture, "B.pb", "m1+2filtered m3 m4 m5+1filtered m6 m7 m8+2filtered m10 m11+1filtered m12 ");
  assert_audit (fixture, "C.pb", "m8+1filtered m9 m10+3filtered m13 ");
  g_assert_cmpuint (fixture->witness.n_reports, ==, 0);
}

/* What the process has not written is not cut off, however it came there. */
static void
test_restart_foreign (Fixture *fixture, gconstpointer data)
{
  fixture->with_state = TRUE;
  make_and_start (fixture, FALSE, "all.log");
  deliver (fixture, records (1, 2));
  stop (fixture);
  put (fixture, "all.log", "a 1\na 2\nby hand\n", 16);
  make_and_start (fixture, FALSE, "all.log");
  deliver (fixture, records (3, 1));
  stop (fixture);
  {
    g_autofree char *path = in_directory (fixture, "all.log");
    int fd = open (path, O_WRONLY | O_APPEND | O_CLOEXEC);

    g_assert_cmpint (write (fd, "once more\n", 10), ==, 10); /* the same file, this time */
    g_close (fd, NULL);
  }
  make_and_start (fixture, FALSE, "all.log");
  deliver (fixture, records (4, 1));
  assert_contents (fixture, "all.log", "a 1\na 2\nby hand\na 3\nonce more\na 4\n");
  g_assert_cmpuint (fixture->witness.n_reports, ==, 0);
}

static void
test_restart_forgotten (Fixture *fixture, gconstpointer data)
{
  guint8 stream[MUSTER_STREAM_ID_SIZE];
  guint64 next;

  memset (stream, 'a', sizeof stream);
  fixture->with_state = TRUE;
  make_and_start (fixture, TRUE, "{worker}.pb");
  deliver (fixture, records (1, 2));
  muster_transport_forget (fixture->transport, stream);
  stop (fixture);
  make_and_start (fixture, TRUE, "{worker}.pb");
  g_assert_true (muster_transport_get_mark (fixture->transport, stream, &next));
  g_assert_cmpuint (next, ==, 1);
}

/* What waited for a transport that nobody waits for is lost with the process, and declared. */
static void
test_restart_best_effort (Fixture *fixture, gconstpointer data)
{
  fixture->with_state = TRUE;
  for (guint i = 0; i < 2; i++)
    {
      make (fixture, TRUE, "all.pb");
      muster_transport_set_required (fixture->transport, FALSE);
      start (fixture);
      push (fixture, records (i == 0 ? 1 : 20, 2));
      stop (fixture);
    }
  assert_audit (fixture, "all.pb", "a1 a2 a3+17refused a20 a21 ");
}

static void
test_same_name (Fixture *fixture, gconstpointer data)
{
  MusterTransport *first;

  fixture->with_state = TRUE;
  make_and_start (fixture, TRUE, "all.pb");
  first = fixture->transport;
  make (fixture, TRUE, "other.pb");
  assert_refused (fixture, MUSTER_ERROR_EXISTS, "each transport a name of its own");
  fixture->transport = first;
  fixture->running = TRUE;
}

/* With another path the old files are left as they are, and the marks hold. */
static void
test_restart_elsewhere (Fixture *fixture, gconstpointer data)
{
  fixture->with_state = TRUE;
  make_and_start (fixture, TRUE, "{worker}.pb");
  deliver (fixture, mixed (1, "AB"));
  stop (fixture);
  make_and_start (fixture, TRUE, "all.pb");
  deliver (fixture, mixed (1, "ABAB"));
  stop (fixture);
  make_and_start (fixture, TRUE, "{worker}.pb");
  deliver (fixture, mixed (5, "B"));
  assert_audit (fixture, "all.pb", "m3 m4 ");
  assert_audit (fixture, "A.pb", "m1 ");
}

/* A batch that is refused goes into no file, and each file says so of its part. */
static void
test_split_refused (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterFormat) format = g_object_new (gap_format_get_type (), NULL);
  TestLog log = { NULL };

  make (fixture, TRUE, "{worker}.x");
  muster_transport_set_format (fixture->transport, format);
  start (fixture);
  deliver (fixture, mixed (1, "AB"));
  deliver (fixture, mixed (3, "A"));
  test_log_origin (&log, 'm', 4, "B");
  test_log_record (&log, MUSTER_LEVEL_INFO, "fine");
  test_log_origin (&log, 'm', 5, "C");
  test_log_record (&log, MUSTER_LEVEL_INFO, "corrupt");
  deliver (fixture, test_log_end (&log));
  deliver (fixture, mixed (6, "BA"));
  assert_contents (fixture, "A.x", "1\n2+1filtered\n3\n4+2refused\n6+1filtered\n7\n");
  assert_contents (fixture, "B.x", "1+1filtered\n2\n3+1filtered\n4+2refused\n6\n");
  g_assert_false (is_there (fixture, "C.x"));
}

/* -- what was acknowledged and cannot be made durable -- */

static void
test_sync_late (Fixture *fixture, gconstpointer data)
{
  gint64 deadline_us = g_get_monotonic_time () + TEST_DEADLINE_US;
  gint before;

  make (fixture, FALSE, "x.log");
  g_object_set (fixture->transport, "sync", MUSTER_SYNC_INTERVAL, "sync-interval", (gint64) 1000, NULL);
  start (fixture);
  before = g_atomic_int_get (&n_syncs);
  deliver (fixture, records (1, 2));
  while (g_atomic_int_get (&n_syncs) == before)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline_us);
      g_thread_yield ();
    }
  g_atomic_int_set (&sync_fails, TRUE);
  deliver (fixture, records (3, 2));
  witness_wait (&fixture->witness, &fixture->witness.n_reports, 1);
  assert_reported (fixture, "error: transport file: cannot sync '");
  assert_reported (fixture,
                   "Input/output error: its bytes 8 to 16 may be lost if the machine fails; look after the disk");
  deliver (fixture, records (5, 1));
  stop (fixture);
  assert_contents (fixture, "x.log", "a 1\na 2\na 3\na 4\na 5\n"); /* not twice */
  g_assert_cmpuint (fixture->witness.n_reports, ==, 1);
}

#define FILE_TEST(name, function) g_test_add (name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_setenv ("TZ", "UTC", TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/file/path", test_path);
  g_test_add_func ("/file/path/long-label", test_long_label);
  g_test_add_data_func ("/file/path/none", NULL, test_bad_path);
  g_test_add_data_func ("/file/path/empty", "", test_bad_path);
  g_test_add_data_func ("/file/path/directory", "/x/", test_bad_path);
  g_test_add_data_func ("/file/path/open", "/x/{worker", test_bad_path);
  g_test_add_data_func ("/file/path/unknown", "/x/{pid}", test_bad_path);
  g_test_add_data_func ("/file/path/timeless", "/x/{time:}", test_bad_path);
  FILE_TEST ("/file/log", test_log);
  FILE_TEST ("/file/lines", test_lines);
  FILE_TEST ("/file/modes", test_modes);
  FILE_TEST ("/file/time", test_time);
  FILE_TEST ("/file/torn/log", test_torn_log);
  FILE_TEST ("/file/torn/first", test_torn_first);
  g_test_add ("/file/torn/first/long", Fixture, "long", set_up, test_torn_first, tear_down);
  FILE_TEST ("/file/torn/zeros", test_torn_zeros);
  FILE_TEST ("/file/torn/large", test_torn_large);
  FILE_TEST ("/file/torn/foreign", test_foreign);
  FILE_TEST ("/file/torn/lines", test_torn_lines);
  FILE_TEST ("/file/refused", test_refused);
  FILE_TEST ("/file/unwritable", test_unwritable);
  FILE_TEST ("/file/unwritable/as-other", test_unwritable_as_other);
  FILE_TEST ("/file/two-writers", test_two_writers);
  FILE_TEST ("/file/locked-later", test_locked_later);
  FILE_TEST ("/file/interrupted", test_interrupted);
  FILE_TEST ("/file/disk-error", test_disk_error);
  FILE_TEST ("/file/cut-fails", test_cut_fails);
  FILE_TEST ("/file/format-fails", test_format_fails);
  FILE_TEST ("/file/size-limit", test_size_limit);
  FILE_TEST ("/file/disk-full", test_disk_full);
  FILE_TEST ("/file/reopen", test_reopen);
  FILE_TEST ("/file/sync", test_sync);
  g_test_add ("/file/split", Fixture, GUINT_TO_POINTER (64), set_up, test_split, tear_down);
  g_test_add ("/file/split/one-open", Fixture, GUINT_TO_POINTER (1), set_up, test_split, tear_down);
  FILE_TEST ("/file/split/lines", test_split_lines);
  FILE_TEST ("/file/split/all-or-none", test_split_all_or_none);
  FILE_TEST ("/file/split/max-open-files", test_max_open_files);
  FILE_TEST ("/file/split/random", test_split_random);
  FILE_TEST ("/file/rotate/size", test_rotate_size);
  FILE_TEST ("/file/rotate/interval", test_rotate_interval);
  g_test_add_func ("/file/rotate/periods", test_periods);
  FILE_TEST ("/file/rotate/fails", test_rotate_fails);
  FILE_TEST ("/file/rotate/split", test_rotate_split);
  FILE_TEST ("/file/restart", test_restart);
  FILE_TEST ("/file/journal", test_journal);
  FILE_TEST ("/file/restart/foreign", test_restart_foreign);
  FILE_TEST ("/file/restart/forgotten", test_restart_forgotten);
  FILE_TEST ("/file/restart/best-effort", test_restart_best_effort);
  FILE_TEST ("/file/restart/same-name", test_same_name);
  FILE_TEST ("/file/restart/elsewhere", test_restart_elsewhere);
  FILE_TEST ("/file/split/refused", test_split_refused);
  FILE_TEST ("/file/sync/late", test_sync_late);
  return g_test_run ();
}
