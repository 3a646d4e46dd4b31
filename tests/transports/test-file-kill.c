/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The file transport under SIGKILL. A child process runs a pipeline of file transports of every kind and pushes the
 * entries of two streams, each of which is known by its number alone. It is killed at random times, within system calls,
 * and (in builds with -Dfault-injection=true) at each named point; the next child goes on where the pipeline's marks
 * say. What was acknowledged must never be asked for again; and in the end each output has each entry that belongs to it
 * once, in order, with nothing torn, and gaps for exactly what its filters left out.
 *
 * MUSTER_TEST_SEED repeats a run's decisions, MUSTER_TEST_KILLS says how many random kills there are to be.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../core/test-batches.h"
#include "muster-format-json.h"
#include "muster-format-protobuf.h"
#include "muster-format-text.h"
#include "muster-pipeline-private.h"
#include "muster-sync.h"
#include "muster-transport-file.h"

#define N_ENTRIES    6000 /* of each stream */
#define N_IN_FLIGHT  16
#define RUNS_MAX     400 /* of one history: beyond it nothing moves on */
#define N_STREAMS    2
#define GAP_INTERVAL 131

static const char streams[N_STREAMS] = { 'a', 'm' };

/* -- what there is to be written: all of it follows from stream and number -- */

static guint
hash_of (guint stream, guint64 seq)
{
  guint64 hash = (seq * N_STREAMS + stream + 1) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  return (guint) (hash >> 33);
}

static gboolean
is_gap (guint64 seq)
{
  return seq % GAP_INTERVAL == 0;
}

/* Long stretches without anything bad. */
static MusterLevel
level_of (guint stream, guint64 seq)
{
  return seq / 50 % 4 == 0 && hash_of (stream, seq) % 3 == 0 ? MUSTER_LEVEL_WARNING : MUSTER_LEVEL_INFO;
}

static const char *
worker_of (guint stream, guint64 seq)
{
  static const char *const workers[] = { "master", "web-1", "web-2" };

  return stream == 0 ? "web-1" : workers[hash_of (stream, seq / 9) % 3];
}

static const char *
message_of (guint stream, guint64 seq)
{
  static char *messages[N_STREAMS][N_ENTRIES + 1];

  if (seq > N_ENTRIES)
    return "";
  if (messages[stream][seq] == NULL)
    {
      g_autofree char *filler = g_strnfill (hash_of (stream, seq) % 120, '.');

      messages[stream][seq] = g_strdup_printf ("%c %" G_GUINT64_FORMAT " %s|", streams[stream], seq, filler);
    }
  return messages[stream][seq];
}

static MusterBatch *
make_batch (guint stream, guint64 first_seq, guint n)
{
  TestLog log = { NULL };

  for (guint64 seq = first_seq; seq < first_seq + n; seq++)
    {
      const char *worker = worker_of (stream, seq);
      const char *message = message_of (stream, seq);

      if (seq == first_seq || strcmp (worker, worker_of (stream, seq - 1)) != 0)
        test_log_origin (&log, streams[stream], seq, worker);
      if (is_gap (seq))
        test_log_gap (&log, 1, MUSTER_GAP_TORN);
      else
        test_log_record (&log, level_of (stream, seq), message);
    }
  return test_log_end (&log);
}

/* -- where to -- */

typedef enum
{
  PROTOBUF,
  TEXT,
  JSON,
} Content;

typedef struct
{
  const char *name;
  const char *path;
  Content content;
  MusterLevel level;
  guint rotate_size;
  gboolean moved; /* by others, who ask for a reopen */
} Output;

static const Output outputs[] = {
  { "pb", "all.pb", PROTOBUF, MUSTER_LEVEL_DEBUG },
  { "pb-level", "level.pb", PROTOBUF, MUSTER_LEVEL_WARNING },
  { "pb-worker", "worker-{worker}.pb", PROTOBUF, MUSTER_LEVEL_DEBUG },
  { "pb-worker-level", "level-{worker}.pb", PROTOBUF, MUSTER_LEVEL_WARNING },
  { "pb-rotated", "rotated.pb", PROTOBUF, MUSTER_LEVEL_DEBUG, 60000 },
  { "pb-moved", "moved-{worker}.pb", PROTOBUF, MUSTER_LEVEL_DEBUG, 0, TRUE },
  { "text", "all.log", TEXT, MUSTER_LEVEL_DEBUG },
  { "text-worker-level", "level-{worker}.log", TEXT, MUSTER_LEVEL_WARNING },
  { "text-rotated", "rotated-{worker}.log", TEXT, MUSTER_LEVEL_DEBUG, 50000 },
  { "text-moved", "moved.log", TEXT, MUSTER_LEVEL_DEBUG, 0, TRUE },
  { "json", "all.jsonl", JSON, MUSTER_LEVEL_DEBUG },
  { "json-worker", "worker-{worker}.jsonl", JSON, MUSTER_LEVEL_DEBUG },
};

static gboolean
is_by_worker (const Output *output)
{
  return strstr (output->path, "{worker}") != NULL;
}

/* Whether the record belongs there; @worker is the file's. */
static gboolean
is_wanted (const Output *output, const char *worker, guint stream, guint64 seq)
{
  return level_of (stream, seq) <= output->level && (worker == NULL || strcmp (worker, worker_of (stream, seq)) == 0);
}

/* -- the child -- */

/* Outlives all children. */
typedef struct
{
  guint64 acknowledged[N_STREAMS]; /* the number behind */
  gint n_moved;
} Shared;

typedef struct
{
  Shared *shared;
  const char *directory;
  GRand *rand;
  GMutex lock;
  GCond cond;
  guint n_in_flight;
  guint reopen_in; /* batches; 0: nothing was moved */
} Child;

static gint calls_left = -1; /* system calls up to the one that kills; -1: none does */

/* In the middle of a write, before another call or behind it. */
static gboolean
is_last_call (void)
{
  return g_atomic_int_get (&calls_left) >= 0 && g_atomic_int_add (&calls_left, -1) == 0;
}

static void
die (void)
{
  kill (getpid (), SIGKILL);
  for (;;)
    pause ();
}

ssize_t
write (int fd, const void *data, size_t size)
{
  if (fd > STDERR_FILENO && size > 8 && is_last_call ()) /* not an eventfd */
    {
      syscall (SYS_write, fd, data, size * (size_t) (size % 3) / 2); /* nothing, half or all of it */
      die ();
    }
  return syscall (SYS_write, fd, data, size);
}

int
rename (const char *from, const char *to)
{
  gboolean last = is_last_call ();
  int result;

  if (last && strlen (from) % 2 == 0)
    die ();
  result = (int) syscall (SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
  if (last)
    die ();
  return result;
}

int
ftruncate (int fd, off_t size)
{
  if (is_last_call ())
    die ();
  return (int) syscall (SYS_ftruncate, fd, size);
}

static MusterFormat *
make_format (Content content)
{
  if (content == TEXT)
    return g_object_new (MUSTER_TYPE_FORMAT_TEXT, "pattern", "{message}", NULL);
  return g_object_new (content == JSON ? MUSTER_TYPE_FORMAT_JSON : MUSTER_TYPE_FORMAT_PROTOBUF, NULL);
}

static MusterTransport *
make_transport (const char *directory, const Output *output)
{
  g_autofree char *path = g_build_filename (directory, output->path, NULL);
  g_autofree char *state = g_build_filename (directory, "state", NULL);
  g_autoptr (MusterFormat) format = make_format (output->content);
  MusterTransport *transport = g_object_new (
      MUSTER_TYPE_TRANSPORT_FILE, "name", output->name, "path", path, "format", format, "level", output->level,
      "rotate-size", (guint64) output->rotate_size, "keep", 1000, "max-open-files", 2, "sync", MUSTER_SYNC_NONE, NULL);

  muster_transport_set_state_dir (transport, state);
  return transport;
}

static void
report_cb (MusterTransport *transport, MusterLevel level, const char *message, gpointer user_data)
{
  if (level < MUSTER_LEVEL_NOTICE)
    g_error ("%s", message);
}

static guint
stream_index (MusterBatch *batch)
{
  return muster_batch_get_origin (batch)->stream[0] == (guint8) streams[0] ? 0 : 1;
}

static void
done_cb (MusterBatch *batch, gpointer user_data)
{
  Child *child = user_data;

  child->shared->acknowledged[stream_index (batch)] =
      muster_batch_get_first_seq (batch) + muster_batch_get_count (batch);
  g_mutex_lock (&child->lock);
  child->n_in_flight--;
  g_cond_signal (&child->cond);
  g_mutex_unlock (&child->lock);
}

static void
push (Child *child, MusterPipeline *pipeline, MusterBatch *batch)
{
  g_mutex_lock (&child->lock);
  while (child->n_in_flight >= N_IN_FLIGHT)
    g_cond_wait (&child->cond, &child->lock);
  child->n_in_flight++;
  g_mutex_unlock (&child->lock);
  muster_pipeline_push (pipeline, batch, done_cb, child);
  muster_batch_unref (batch);
}

/* As logrotate would do it, with names that are used once, and slowly: for a while the old files are still written to. */
static void
move_files (Child *child)
{
  static const char *const names[] = { "moved.log", "moved-web-1.pb", "moved-web-2.pb", "moved-master.pb" };
  int number = g_atomic_int_add (&child->shared->n_moved, 1) + 1;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *from = g_build_filename (child->directory, names[i], NULL);
      g_autofree char *to = g_strdup_printf ("%s.m%d", from, number);

      rename (from, to);
    }
  child->reopen_in = (guint) g_rand_int_range (child->rand, 1, 20);
}

/* Where a stream goes on; a little before that, for the transports are to leave out what they have. */
static guint64
find_start (Child *child, MusterPipeline *pipeline, guint stream)
{
  guint8 id[MUSTER_STREAM_ID_SIZE];
  guint64 acknowledged = MAX (child->shared->acknowledged[stream], 1);
  guint64 next, before;

  memset (id, streams[stream], sizeof id);
  if (!muster_pipeline_get_mark (pipeline, id, &next))
    next = 1;
  if (next < acknowledged)
    g_error ("stream %c: %" G_GUINT64_FORMAT " was acknowledged and %" G_GUINT64_FORMAT " is wanted", streams[stream],
             acknowledged, next);
  before = (guint64) g_rand_int_range (child->rand, 0, 30);
  return before < next ? next - before : 1;
}

static void G_GNUC_NORETURN
run_child (Shared *shared, const char *directory, guint32 seed)
{
  Child child = { .shared = shared, .directory = directory, .rand = g_rand_new_with_seed (seed) };
  MusterPipeline *pipeline = muster_pipeline_new ();
  g_autoptr (GError) error = NULL;
  guint64 next[N_STREAMS];

  g_mutex_init (&child.lock);
  g_cond_init (&child.cond);
  for (guint i = 0; i < G_N_ELEMENTS (outputs); i++)
    {
      g_autoptr (MusterTransport) transport = make_transport (directory, &outputs[i]);

      muster_pipeline_add (pipeline, transport);
    }
  muster_pipeline_set_report (pipeline, report_cb, NULL);
  if (!muster_pipeline_start (pipeline, &error))
    g_error ("%s", error->message);
  for (guint i = 0; i < N_STREAMS; i++)
    next[i] = find_start (&child, pipeline, i);
  while (next[0] <= N_ENTRIES || next[1] <= N_ENTRIES)
    {
      guint stream = (guint) g_rand_int_range (child.rand, 0, N_STREAMS);
      guint n = (guint) g_rand_int_range (child.rand, 1, 60);

      if (next[stream] > N_ENTRIES)
        continue;
      n = (guint) MIN (n, N_ENTRIES + 1 - next[stream]);
      push (&child, pipeline, make_batch (stream, next[stream], n));
      next[stream] += n;
      if (child.reopen_in > 0 && --child.reopen_in == 0)
        muster_pipeline_reopen (pipeline);
      if (child.reopen_in == 0 && g_rand_int_range (child.rand, 0, 20) == 0)
        move_files (&child);
    }
  muster_pipeline_stop (pipeline, 20 * G_USEC_PER_SEC);
  for (guint i = 0; i < N_STREAMS; i++)
    if (shared->acknowledged[i] != N_ENTRIES + 1)
      g_error ("stream %c ends at %" G_GUINT64_FORMAT, streams[i], shared->acknowledged[i]);
  _exit (0);
}

/* -- looking at what was written -- */

/* Files in the order in which they were written: the highest number of our own rotation is the oldest; others' numbers
 * grow. */
static int
compare_names (gconstpointer a, gconstpointer b)
{
  const char *one = *(const char *const *) a, *two = *(const char *const *) b;
  const char *first = strrchr (one, '.'), *second = strrchr (two, '.');
  gint64 x = first[1] == 'm' ? atoi (first + 2) : g_ascii_isdigit (first[1]) ? -atoi (first + 1) : G_MAXINT;
  gint64 y = second[1] == 'm' ? atoi (second + 2) : g_ascii_isdigit (second[1]) ? -atoi (second + 1) : G_MAXINT;

  return x < y ? -1 : x > y;
}

/* The base name with or without a number behind it. */
static gboolean
is_named (const char *file, const char *name)
{
  gsize length = strlen (name);

  return g_str_has_prefix (file, name)
         && (file[length] == '\0'
             || (file[length] == '.' && (file[length + 1] == 'm' || g_ascii_isdigit (file[length + 1]))));
}

/* All that was ever written to one path. */
static GByteArray *
gather (const char *directory, const char *name)
{
  g_autoptr (GDir) listing = g_dir_open (directory, 0, NULL);
  g_autoptr (GPtrArray) files = g_ptr_array_new_with_free_func (g_free);
  GByteArray *all = g_byte_array_new ();
  const char *file;

  while ((file = g_dir_read_name (listing)) != NULL)
    if (is_named (file, name))
      g_ptr_array_add (files, g_build_filename (directory, file, NULL));
  g_ptr_array_sort (files, compare_names);
  for (guint i = 0; i < files->len; i++)
    {
      g_autofree char *data = NULL;
      gsize size;

      g_assert_true (g_file_get_contents (g_ptr_array_index (files, i), &data, &size, NULL));
      g_byte_array_append (all, (const guint8 *) data, (guint) size);
    }
  return all;
}

typedef struct
{
  const Output *output;
  const char *worker; /* nullable */
  const char *name;
  guint64 next[N_STREAMS]; /* that has not been seen; 0: nothing was */
  gboolean is_torn_gap;    /* what was just read */
} Audit;

static void G_GNUC_PRINTF (2, 3) complain (const Audit *audit, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_error ("%s (%s): %s", audit->output->name, audit->name, text);
}

/* The record is the next one that belongs there. */
static void
see_record (Audit *audit, guint stream, guint64 seq)
{
  guint64 expected = MAX (audit->next[stream], 1);

  while (expected <= N_ENTRIES && (is_gap (expected) || !is_wanted (audit->output, audit->worker, stream, expected)))
    expected++;
  if (seq != expected)
    complain (audit, "stream %c has %" G_GUINT64_FORMAT " where %" G_GUINT64_FORMAT " is expected", streams[stream],
              seq, expected);
  audit->next[stream] = seq + 1;
}

static void
see_gap (Audit *audit, guint stream, guint64 seq, guint64 count, MusterGapReason reason)
{
  guint n_gaps = 0;

  for (guint64 i = seq; i < seq + count; i++)
    {
      n_gaps += is_gap (i);
      if (!is_gap (i) && is_wanted (audit->output, audit->worker, stream, i))
        complain (audit, "stream %c: %" G_GUINT64_FORMAT " is missing, by a gap", streams[stream], i);
    }
  if (reason == MUSTER_GAP_TORN ? n_gaps != count : reason == MUSTER_GAP_FILTERED ? n_gaps > 0 : n_gaps == 0)
    complain (audit, "stream %c: a gap of %" G_GUINT64_FORMAT " from %" G_GUINT64_FORMAT " on, %s", streams[stream],
              count, seq, muster_gap_reason_to_string (reason));
  audit->next[stream] = seq + count;
}

static void
audit_log (Audit *audit, const GByteArray *data)
{
  g_autoptr (GError) error = NULL;
  MusterEntryIter iter;
  MusterEntry entry;

  muster_entry_iter_init (&iter, data->data, data->len);
  while (muster_entry_iter_next (&iter, &entry))
    {
      guint stream = entry.kind != MUSTER_ENTRY_ORIGIN && entry.origin->stream[0] == (guint8) streams[0] ? 0 : 1;
      MusterRecordView record;
      MusterGapReason reason;
      guint64 count;

      if (entry.kind == MUSTER_ENTRY_ORIGIN)
        continue;
      if (audit->next[stream] != 0 && entry.sequence != audit->next[stream])
        complain (audit, "stream %c goes on at %" G_GUINT64_FORMAT " behind %" G_GUINT64_FORMAT, streams[stream],
                  entry.sequence, audit->next[stream] - 1);
      if (muster_entry_get_gap (&entry, &count, &reason))
        see_gap (audit, stream, entry.sequence, count, reason);
      else
        {
          const char *message = message_of (stream, entry.sequence);

          g_assert_true (muster_entry_get_record (&entry, &record));
          if (record.message.length != strlen (message)
              || memcmp (record.message.data, message, record.message.length) != 0)
            complain (audit, "not what was written: %.*s", (int) record.message.length, record.message.data);
          see_record (audit, stream, entry.sequence);
        }
    }
  if (!muster_entry_iter_get_error (&iter, &error))
    return;
  complain (audit, "%s", error->message);
}

static void
audit_line (Audit *audit, const char *line, guint *n_gaps)
{
  gboolean is_json = audit->output->content == JSON;
  const char *start = is_json ? strstr (line, "\"message\":\"") : line;
  const char *message;
  guint stream;
  guint64 seq;

  if (is_json && (line[0] != '{' || !g_str_has_suffix (line, "}")))
    complain (audit, "not an object: %s", line);
  if (strstr (line, "torn") != NULL)
    {
      *n_gaps += 1;
      return;
    }
  if (start == NULL)
    complain (audit, "not a record: %s", line);
  start += is_json ? 11 : 0;
  stream = start[0] == streams[0] ? 0 : 1;
  seq = g_ascii_strtoull (start + 1, NULL, 10);
  message = message_of (stream, seq);
  if (is_json ? !g_str_has_prefix (start, message) : strcmp (start, message) != 0)
    complain (audit, "not what was written: %s", line);
  see_record (audit, stream, seq);
}

static void
audit_lines (Audit *audit, GByteArray *data)
{
  char *line = (char *) data->data;
  char *end = line + data->len;
  guint n_gaps = 0;

  while (line < end)
    {
      char *newline = memchr (line, '\n', (gsize) (end - line));

      if (newline == NULL)
        complain (audit, "it does not end in a line");
      *newline = '\0';
      if (strlen (line) != (gsize) (newline - line))
        complain (audit, "it has a NUL in it");
      audit_line (audit, line, &n_gaps);
      line = newline + 1;
    }
  if (audit->worker == NULL && audit->output->level == MUSTER_LEVEL_DEBUG
      && n_gaps != N_STREAMS * (N_ENTRIES / GAP_INTERVAL))
    complain (audit, "%u gaps, of %u", n_gaps, N_STREAMS * (N_ENTRIES / GAP_INTERVAL));
}

/* Nothing that belongs there is missing at the end. */
static void
audit_end (const Audit *audit)
{
  for (guint stream = 0; stream < N_STREAMS; stream++)
    for (guint64 seq = MAX (audit->next[stream], 1); seq <= N_ENTRIES; seq++)
      if (!is_gap (seq) && is_wanted (audit->output, audit->worker, stream, seq))
        complain (audit, "stream %c: %" G_GUINT64_FORMAT " is missing at the end", streams[stream], seq);
}

static void
audit_file (const char *directory, const Output *output, const char *worker)
{
  g_auto (GStrv) halves = g_strsplit (output->path, "{worker}", 2);
  g_autofree char *name = g_strjoinv (worker, halves);
  g_autoptr (GByteArray) data = gather (directory, name);
  Audit audit = { .output = output, .worker = worker, .name = name };

  if (output->content == PROTOBUF)
    audit_log (&audit, data);
  else
    audit_lines (&audit, data);
  audit_end (&audit);
}

static void
audit_all (const char *directory)
{
  for (guint i = 0; i < G_N_ELEMENTS (outputs); i++)
    if (is_by_worker (&outputs[i]))
      {
        audit_file (directory, &outputs[i], "master");
        audit_file (directory, &outputs[i], "web-1");
        audit_file (directory, &outputs[i], "web-2");
      }
    else
      audit_file (directory, &outputs[i], NULL);
}

/* -- histories -- */

typedef struct
{
  char *directory;
  Shared *shared;
  GRand *rand;
  guint n_runs;
  guint n_kills;
} History;

static gint64 whole_run_us; /* what an undisturbed one takes */

static void
history_begin (History *history, guint32 seed)
{
  g_autofree char *state = NULL;

  history->directory = g_dir_make_tmp ("muster-kill-XXXXXX", NULL);
  state = g_build_filename (history->directory, "state", NULL);
  g_assert_cmpint (g_mkdir (state, 0700), ==, 0);
  history->shared = mmap (NULL, sizeof (Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_assert_true (history->shared != MAP_FAILED);
  history->rand = g_rand_new_with_seed (seed);
  history->n_runs = history->n_kills = 0;
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  const char *name;

  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      if (g_file_test (child, G_FILE_TEST_IS_DIR))
        remove_tree (child);
      else
        g_unlink (child);
    }
  g_rmdir (path);
}

static void
history_end (History *history)
{
  audit_all (history->directory);
  munmap (history->shared, sizeof (Shared));
  g_rand_free (history->rand);
  remove_tree (history->directory);
  g_free (history->directory);
}

typedef struct
{
  gint64 kill_after_us; /* -1: not */
  gint kill_at_call;    /* -1: not */
  const char *fault;    /* nullable */
} Death;

/* Returns whether the child came to its end. */
static gboolean
run (History *history, Death death)
{
  guint32 seed = g_rand_int (history->rand);
  int status;
  pid_t pid = fork ();

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      calls_left = death.kill_at_call;
      if (death.fault != NULL)
        g_setenv ("MUSTER_FAULT", death.fault, TRUE);
      run_child (history->shared, history->directory, seed);
    }
  if (death.kill_after_us >= 0)
    {
      g_usleep ((gulong) death.kill_after_us);
      kill (pid, SIGKILL);
    }
  while (waitpid (pid, &status, 0) < 0)
    g_assert_cmpint (errno, ==, EINTR);
  g_assert_cmpuint (++history->n_runs, <, RUNS_MAX);
  if (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL)
    {
      history->n_kills++;
      return FALSE;
    }
  if (!WIFEXITED (status) || WEXITSTATUS (status) != 0)
    g_error ("the child failed; the files are in %s", history->directory);
  return TRUE;
}

#define UNTIL_THE_END ((Death){ -1, -1, NULL })

static guint32
get_seed (void)
{
  const char *text = g_getenv ("MUSTER_TEST_SEED");
  guint32 seed = text != NULL ? (guint32) g_ascii_strtoull (text, NULL, 10) : g_random_int ();

  g_test_message ("MUSTER_TEST_SEED=%u", seed);
  return seed;
}

static guint
get_n_kills (void)
{
  const char *text = g_getenv ("MUSTER_TEST_KILLS");

  return text != NULL ? (guint) g_ascii_strtoull (text, NULL, 10) : 200;
}

static void
test_undisturbed (void)
{
  History history;
  gint64 start_us = g_get_monotonic_time ();

  history_begin (&history, get_seed ());
  g_assert_true (run (&history, UNTIL_THE_END));
  whole_run_us = g_get_monotonic_time () - start_us;
  g_test_message ("%.1f ms", (double) whole_run_us / 1000);
  g_assert_true (run (&history, UNTIL_THE_END)); /* nothing comes twice */
  history_end (&history);
}

static void
test_random_time (void)
{
  guint32 seed = get_seed ();
  guint n_kills = get_n_kills ();
  guint n = 0;

  while (n < n_kills)
    {
      History history;

      history_begin (&history, seed++);
      while (!run (&history, (Death){ g_rand_int_range (history.rand, 0, (gint32) whole_run_us / 2 + 2000), -1, NULL }))
        ;
      n += history.n_kills;
      history_end (&history);
    }
  g_test_message ("%u kills", n);
}

static void
test_system_calls (void)
{
  guint32 seed = get_seed ();
  guint n_kills = get_n_kills () / 4;
  guint n = 0;

  while (n < n_kills)
    {
      History history;

      history_begin (&history, seed++);
      while (!run (&history, (Death){ -1, g_rand_int_range (history.rand, 0, 2000), NULL }))
        ;
      n += history.n_kills;
      history_end (&history);
    }
  g_test_message ("%u kills", n);
}

static void
test_fault (gconstpointer name)
{
#ifdef MUSTER_FAULT_INJECTION
  static const guint passings[] = { 1, 2, 3, 7, 20, 100 };
  History history;

  history_begin (&history, get_seed ());
  for (guint round = 0; round < 3; round++)
    for (guint i = 0; i < G_N_ELEMENTS (passings); i++)
      {
        g_autofree char *fault = g_strdup_printf ("%s:%u", (const char *) name, passings[i]);

        run (&history, (Death){ -1, -1, fault });
      }
  g_test_message ("%u kills", history.n_kills);
  g_assert_cmpuint (history.n_kills, >, 0);
  g_assert_true (run (&history, UNTIL_THE_END));
  history_end (&history);
#else
  g_test_skip ("this build has no -Dfault-injection=true");
#endif
}

int
main (int argc, char **argv)
{
  static const char *const faults[] = {
    "file.write.before",     "file.write.after",          "file.checkpoint.before",   "file.checkpoint.between",
    "file.checkpoint.after", "file.checkpoint.applying",  "file.checkpoint.applied",  "file.checkpoint.replace",
    "file.reopen",           "file.rotate.before-rename", "file.rotate.after-rename", "file.rotate.after-create",
  };

  if (g_getenv ("TMPDIR") == NULL && g_access ("/dev/shm", W_OK) == 0)
    g_setenv ("TMPDIR", "/dev/shm", TRUE); /* it is a process that dies: what lies below may be memory, and is faster */
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/file-kill/undisturbed", test_undisturbed);
  g_test_add_func ("/file-kill/random-time", test_random_time);
  g_test_add_func ("/file-kill/system-calls", test_system_calls);
  for (guint i = 0; i < G_N_ELEMENTS (faults); i++)
    {
      g_autofree char *path = g_strconcat ("/file-kill/point/", faults[i], NULL);

      g_test_add_data_func (path, faults[i], test_fault);
    }
  return g_test_run ();
}
