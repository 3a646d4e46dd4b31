/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Metrics that outlive their process, as long as it lives and right after. Each state in which death may find them has
 * its turn in test-metrics-death.c.
 */
#include "config.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "metrics-area-helpers.h"

#define MAX_METRICS 200u

typedef struct
{
  int fd;
  MusterMetrics *metrics;
  MusterMetricSlot *slots; /* in the area */
  MusterTimeBase base;
  GMainContext *context;
} Fixture;

/* An area for @room metrics, of at most @max_metrics. */
static void
set_up_sized (Fixture *fixture, guint room, guint max_metrics, gboolean persist)
{
  MusterMetricsOptions options = { .max_metrics = max_metrics, .persist = persist };
  MusterMetricsArea *area;
  g_autoptr (GError) error = NULL;
  guint n;

  fixture->fd = make_journal (room);
  area = muster_metrics_area_open (fixture->fd, &options, &error);
  g_assert_no_error (error);
  fixture->slots = muster_metrics_area_get_metrics (area, &n);
  fixture->metrics = muster_metrics_new_in_area (&options, area);
  fixture->context = g_main_context_new ();
  muster_time_base_now (&fixture->base);
}

static void
set_up (Fixture *fixture, gconstpointer persist)
{
  set_up_sized (fixture, MAX_METRICS, MAX_METRICS, persist != NULL);
}

static void
clear (Fixture *fixture)
{
  g_clear_object (&fixture->metrics);
  g_main_context_unref (fixture->context);
  close (fixture->fd);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  clear (fixture);
}

static void
ignore_cb (MusterMetrics *metrics, GPtrArray *entries, gpointer user_data)
{
}

static void
attach (Fixture *fixture)
{
  muster_metrics_attach (fixture->metrics, fixture->context, NULL, &fixture->base, ignore_cb, NULL, NULL);
}

static Muster__V1__Snapshot *
recover_one (Fixture *fixture, gint64 end_ns)
{
  g_autoptr (GPtrArray) entries = recover (fixture->fd, MAX_METRICS, end_ns, FALSE);

  g_assert_cmpuint (entries->len, ==, 1);
  return unpack_snapshot (entries->pdata[0]);
}

static void
measure (MusterMetrics *metrics)
{
  g_autofree char *long_id = g_strnfill (1500, 'i');
  g_autofree char *long_text = g_strnfill (20000, 't');

  muster_metrics_inc (metrics, MUSTER_PATH ("http", "GET"), "requests", 2);
  muster_metrics_inc (metrics, MUSTER_PATH ("http", "GET"), "requests", 3.5);
  muster_metrics_inc (metrics, NULL, "", 1);
  muster_metrics_set (metrics, NULL, "queue", 7);
  muster_metrics_set (metrics, NULL, "queue", 8);
  muster_metrics_set_text (metrics, NULL, "state", "on fire");
  muster_metrics_set_text (metrics, NULL, "state", "caf\xC3\xA9, which is longer than before, so that it moves");
  muster_metrics_set_text (metrics, NULL, "then a number", "x");
  muster_metrics_set (metrics, NULL, "then a number", 9);
  muster_metrics_set_text (metrics, NULL, "long", long_text);
  muster_metrics_sample (metrics, MUSTER_PATH ("deep", "er"), long_id, 3);
  muster_metrics_sample (metrics, MUSTER_PATH ("deep", "er"), long_id, -1.25);
  muster_metrics_timed_sample (metrics, NULL, "time", 1500000);
  muster_metrics_inc (metrics, NULL, "time", 1); /* refused */
}

static int
compare_metrics (gconstpointer a, gconstpointer b)
{
  return muster_metric_compare (*(Muster__V1__Metric *const *) a, *(Muster__V1__Metric *const *) b);
}

/* As bytes, in order. */
static GByteArray *
pack_metrics (Muster__V1__Snapshot *snapshot)
{
  GByteArray *out = g_byte_array_new ();

  qsort (snapshot->metrics, snapshot->n_metrics, sizeof (gpointer), compare_metrics);
  for (gsize i = 0; i < snapshot->n_metrics; i++)
    muster_metric_append (out, 1, snapshot->metrics[i]);
  return out;
}

/* What the dead leave is what they would have said. */
static void
test_same (Fixture *fixture, gconstpointer persist)
{
  MusterMetricsOptions options = { .max_metrics = MAX_METRICS, .persist = persist != NULL };
  g_autoptr (MusterMetrics) mortal = muster_metrics_new (&options);

  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (Muster__V1__Snapshot) left = NULL;
      g_autoptr (Muster__V1__Snapshot) said = NULL;
      g_autoptr (Muster__V1__Snapshot) own = NULL;
      g_autoptr (GByteArray) left_bytes = NULL;
      g_autoptr (GByteArray) said_bytes = NULL;

      if (i != 1 || persist == NULL)
        {
          measure (mortal);
          measure (fixture->metrics);
        }
      left = recover_one (fixture, 1000);
      said = take_one (mortal);
      own = take_one (fixture->metrics);
      g_assert_cmpuint (said->n_metrics, ==, 8);
      left_bytes = pack_metrics (left);
      said_bytes = pack_metrics (said);
      g_assert_cmpmem (left_bytes->data, left_bytes->len, said_bytes->data, said_bytes->len);
      g_assert_cmpuint (left->overflow, ==, said->overflow);
      g_assert_cmpuint (own->overflow, ==, said->overflow);
      g_assert_cmpuint (own->n_metrics, ==, said->n_metrics);
      g_assert_cmpuint (left->pid, ==, 4711);
      g_assert_cmpuint (left->interval, ==, said->interval);
      g_assert_cmpfloat (left->scale_factor, ==, said->scale_factor);
      g_assert_true (left->partial);
    }
}

static void
test_times (Fixture *fixture, gconstpointer data)
{
  g_autoptr (Muster__V1__Snapshot) before = NULL;
  g_autoptr (Muster__V1__Snapshot) within = NULL;
  g_autoptr (Muster__V1__Snapshot) after = NULL;
  g_autoptr (GPtrArray) nothing = recover (fixture->fd, MAX_METRICS, 1000, FALSE);
  g_autoptr (GPtrArray) ended = NULL;
  gint64 now_ns = fixture->base.realtime_ns;
  gint64 interval_ns = 10 * SECOND_NS;

  g_assert_cmpuint (nothing->len, ==, 0);
  muster_metrics_inc (fixture->metrics, NULL, "x", 1);
  before = recover_one (fixture, 1000); /* no interval yet: since the process began */
  g_assert_cmpuint (before->start, ==, 5);
  g_assert_cmpuint (before->end, ==, 1000);

  attach (fixture);
  within = recover_one (fixture, now_ns + SECOND_NS / 1000);
  g_assert_cmpuint (within->start, >=, now_ns);
  g_assert_cmpuint (within->end, >=, within->start);
  g_assert_cmpuint (within->end, <=, now_ns + interval_ns);
  after = recover_one (fixture, now_ns + 100 * interval_ns); /* the primary was away: it died in its interval */
  g_assert_cmpuint (after->start, ==, within->start);
  g_assert_cmpuint (after->end, ==, (guint64) (now_ns / interval_ns + 1) * (guint64) interval_ns);

  muster_metrics_detach (fixture->metrics);
  muster_metrics_inc (fixture->metrics, NULL, "x", 1);
  ended = recover (fixture->fd, MAX_METRICS, G_MAXINT64, FALSE);
  g_assert_cmpuint (ended->len, ==, 0);
}

/* Somebody is in the middle of an update. */
static void
test_torn (Fixture *fixture, gconstpointer data)
{
  g_autoptr (Muster__V1__Snapshot) torn = NULL;
  const char *ids[] = { "count", "number", "text", "first" };

  muster_metrics_inc (fixture->metrics, NULL, "count", 5);
  muster_metrics_set (fixture->metrics, NULL, "number", 6);
  muster_metrics_set_text (fixture->metrics, NULL, "text", "seven");
  muster_metrics_inc (fixture->metrics, NULL, "first", 8);
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    {
      MusterMetricSlot *metric = &fixture->slots[i];

      muster_metric_slot_lock (metric);
      *muster_metric_slot_get_other_value (metric, muster_metric_slot_get_value (metric)) =
          (MusterMetricValue){ .count = 9, .sum = 99 };
      if (i == 3)
        *(MusterMetricValue *) muster_metric_slot_get_value (metric) = (MusterMetricValue){ .count = 0 };
    }
  torn = recover_one (fixture, 1000);
  g_assert_cmpuint (torn->n_metrics, ==, 2);
  g_assert_cmpfloat (find_metric (torn, "count")->sum, ==, 5);
  g_assert_cmpfloat (find_metric (torn, "number")->number, ==, 6);
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    muster_metric_slot_unlock (&fixture->slots[i]);
}

/* A worker that was never welcomed leaves what it measured, though it went properly. */
static void
test_closed (Fixture *fixture, gconstpointer data)
{
  g_autoptr (Muster__V1__Snapshot) left = NULL;

  muster_metrics_inc (fixture->metrics, MUSTER_PATH ("a path"), "and an id", 5);
  muster_metrics_set_text (fixture->metrics, NULL, "text", "seven");
  g_clear_object (&fixture->metrics);
  left = recover_one (fixture, 1000);
  g_assert_cmpfloat (find_metric (left, "and an id")->sum, ==, 5);
  g_assert_cmpstr (find_metric (left, "and an id")->path[0], ==, "a path");
  g_assert_cmpstr (find_metric (left, "text")->text, ==, "seven");
}

static void
test_one_table (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  MusterJournalIdentity identity = { .pid = 1 };
  int fd = muster_journal_create_memfd (RING_SIZE, &identity, NULL);

  g_assert_null (muster_metrics_area_open (fixture->fd, NULL, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE);
  g_clear_error (&error);
  g_assert_null (muster_metrics_area_open (fd, NULL, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE);
  close (fd);
}

/* More metrics and more names than the area has room for: they work, but do not outlive the process. */
static void
test_no_room (void)
{
  Fixture fixture = { 0 };
  g_autoptr (GPtrArray) said = NULL;
  g_autoptr (GPtrArray) left = NULL;
  g_auto (Total) said_total = { .texts = g_string_new (NULL) };
  g_auto (Total) left_total = { .texts = g_string_new (NULL) };

  set_up_sized (&fixture, 64, 1000, FALSE);
  for (guint i = 0; i < 1000; i++)
    {
      g_autofree char *id = g_strdup_printf ("%0600u", i);

      muster_metrics_inc (fixture.metrics, NULL, id, 1);
    }
  left = recover (fixture.fd, 64, 1000, FALSE);
  said = muster_metrics_take_snapshot (fixture.metrics, 0, 1000, FALSE);
  for (guint i = 0; i < said->len; i++)
    total_add (&said_total, g_bytes_get_data (said->pdata[i], NULL), g_bytes_get_size (said->pdata[i]));
  for (guint i = 0; i < left->len; i++)
    total_add (&left_total, g_bytes_get_data (left->pdata[i], NULL), g_bytes_get_size (left->pdata[i]));
  g_assert_cmpfloat (said_total.incs, ==, 1000);
  g_assert_cmpfloat (left_total.incs, >, 20);
  g_assert_cmpfloat (left_total.incs, <, 300);
  clear (&fixture);
}

/* Names come and go: their room is used again. */
static void
test_names_again (Fixture *fixture, gconstpointer data)
{
  for (guint round = 0; round < 100; round++)
    {
      g_autoptr (Muster__V1__Snapshot) left = NULL;

      for (guint i = 0; i < MAX_METRICS; i++)
        {
          g_autofree char *id = g_strdup_printf ("%u of %u, %.*s", i, round, (int) (i + round) % 50,
                                                 "..................................................");
          g_autofree char *text = g_strdup_printf ("text %u of %u", i, round);

          if (i % 2 == 0)
            muster_metrics_inc (fixture->metrics, NULL, id, 1);
          else
            muster_metrics_set_text (fixture->metrics, NULL, id, text);
        }
      left = recover_one (fixture, 1000);
      g_assert_cmpuint (left->n_metrics, ==, MAX_METRICS);
      g_ptr_array_unref (muster_metrics_take_snapshot (fixture->metrics, 0, 1, FALSE));
      g_ptr_array_unref (muster_metrics_take_snapshot (fixture->metrics, 1, 2, FALSE)); /* all are idle */
    }
}

static void
test_damaged (Fixture *fixture, gconstpointer data)
{
  const MusterMetricsDeath death = { .end_ns = 1000 };
  gsize size = muster_metrics_area_get_size (MAX_METRICS);
  off_t at = MUSTER_JOURNAL_HEADER_SIZE + RING_SIZE;
  g_autoptr (GError) error = NULL;
  guint32 place;

  measure (fixture->metrics);
  g_clear_object (&fixture->metrics);
  g_assert_cmpint (pwrite (fixture->fd, "X", 1, at), ==, 1);
  g_assert_null (muster_metrics_area_recover (fixture->fd, RING_SIZE, size, &death, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT);
  g_clear_error (&error);
  g_assert_null (muster_metrics_area_recover (fixture->fd, RING_SIZE, G_MAXSIZE, &death, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT);
  g_clear_error (&error);
  g_assert_no_errno (ftruncate (fixture->fd, at + 1000));
  g_assert_null (muster_metrics_area_recover (fixture->fd, RING_SIZE, size, &death, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT);
  g_assert_no_errno (ftruncate (fixture->fd, 0));
  g_assert_false (muster_metrics_area_read_mark (fixture->fd, RING_SIZE, size, &place));
}

/* Several metrics in one journal: each has its part of the area, and its name; a mark is of the one that takes a snapshot. */
static void
test_several (void)
{
  static const char *const names[] = { "", "fast", "slow" };
  const MusterMetricsDeath death = { .pid = 7, .end_ns = 1000 };
  MusterJournalIdentity identity = { .stream = "metrics", .area_size = 3 * muster_metrics_area_get_size (MAX_METRICS) };
  g_autoptr (GPtrArray) metrics = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GPtrArray) left = NULL;
  g_autoptr (GError) error = NULL;
  MusterMetricsArea *areas[3];
  guint32 place = 0;
  int fd = muster_journal_create_memfd (RING_SIZE, &identity, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      const MusterMetricsOptions options = { .name = (char *) names[i], .max_metrics = MAX_METRICS };

      areas[i] = muster_metrics_area_open (fd, &options, &error);
      g_assert_no_error (error);
      g_ptr_array_add (metrics, muster_metrics_new_in_area (&options, areas[i]));
      muster_metrics_inc (metrics->pdata[i], MUSTER_PATH (names[i]), "x", i + 1);
    }
  g_assert_null (muster_metrics_area_open (fd, NULL, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE);
  g_clear_error (&error);
  g_assert_false (muster_metrics_area_read_mark (fd, RING_SIZE, identity.area_size, &place));
  muster_metrics_area_begin_snapshot (areas[1], 10, 20, FALSE, 0);
  atomic_store (muster_metrics_area_get_mark (areas[1]), MUSTER_METRICS_AREA_MARKED | 42);
  g_assert_true (muster_metrics_area_read_mark (fd, RING_SIZE, identity.area_size, &place));
  g_assert_cmpuint (place, ==, 42);
  muster_metrics_area_begin_last_part (areas[1], 0);
  muster_metrics_area_end_part (areas[1]);
  left = muster_metrics_area_recover (fd, RING_SIZE, identity.area_size, &death, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (left->len, ==, G_N_ELEMENTS (names));
  for (guint i = 0; i < left->len; i++)
    {
      g_autoptr (Muster__V1__Snapshot) snapshot = unpack_snapshot (left->pdata[i]);

      g_assert_cmpstr (snapshot->name, ==, names[i]);
      g_assert_cmpuint (snapshot->n_metrics, ==, 1);
      g_assert_cmpfloat (snapshot->metrics[0]->sum, ==, i + 1);
    }
  close (fd);
}

/* -- other processes ----------------------------------------------------------------------------- */

/* A forked child counts, but not in its parent's name; and what another thread held at the fork does not hold it up. */
static void
test_forked (Fixture *fixture, gconstpointer data)
{
  g_autoptr (Muster__V1__Snapshot) left = NULL;
  int status = 0;
  pid_t pid;

  muster_metrics_inc (fixture->metrics, NULL, "x", 1);
  muster_metrics_inc (fixture->metrics, NULL, "held", 1);
  muster_metric_slot_lock (&fixture->slots[1]);
  pid = fork ();
  if (pid == 0)
    {
      alarm (20);
      for (guint i = 0; i < 100; i++)
        {
          muster_metrics_inc (fixture->metrics, NULL, "x", 1);
          muster_metrics_inc (fixture->metrics, NULL, "held", 1);
          muster_metrics_inc (fixture->metrics, NULL, "new", 1);
        }
      _exit (muster_metric_slot_get_value (&fixture->slots[0])->sum == 101 ? 0 : 1);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
  muster_metric_slot_unlock (&fixture->slots[1]);
  left = recover_one (fixture, 1000);
  g_assert_cmpuint (left->n_metrics, ==, 2);
  g_assert_cmpfloat (find_metric (left, "x")->sum, ==, 1);
  g_assert_cmpfloat (find_metric (left, "held")->sum, ==, 1);
}

#define KILLED_THREADS 2

typedef struct
{
  _Atomic guint64 incs[KILLED_THREADS]; /* that have returned */
  _Atomic guint64 samples[KILLED_THREADS];
} Page;

typedef struct
{
  Page *page;
  MusterMetrics *metrics;
  MusterJournal *journal;
  guint number;
} Counter;

static gpointer
count_thread (gpointer data)
{
  Counter *counter = data;

  for (;;)
    {
      muster_metrics_inc (counter->metrics, MUSTER_PATH ("http"), "requests", 1);
      atomic_fetch_add (&counter->page->incs[counter->number], 1);
      muster_metrics_sample (counter->metrics, MUSTER_PATH ("http"), "size", 3);
      atomic_fetch_add (&counter->page->samples[counter->number], 1);
    }
  return NULL;
}

static void
append_cb (MusterMetrics *metrics, GPtrArray *entries, gpointer user_data)
{
  Counter *counter = user_data;
  gsize size;
  const guint8 *data = g_bytes_get_data (entries->pdata[0], &size);

  muster_journal_append_marked (counter->journal, data, size, MUSTER_JOURNAL_NO_WAIT,
                                muster_metrics_get_mark (metrics));
}

static G_GNUC_NORETURN void
count_until_killed (Page *page, int fd)
{
  MusterMetricsOptions options = { .max_metrics = MAX_METRICS, .interval_us = 2000 };
  MusterMetrics *metrics = muster_metrics_new_in_area (&options, muster_metrics_area_open (fd, &options, NULL));
  MusterJournal *journal = muster_journal_open (fd, NULL);
  GMainContext *context = g_main_context_new ();
  Counter counters[KILLED_THREADS];
  MusterTimeBase base;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  muster_time_base_now (&base);
  for (guint i = 0; i < KILLED_THREADS; i++)
    {
      counters[i] = (Counter){ page, metrics, journal, i };
      g_thread_new ("count", count_thread, &counters[i]);
    }
  muster_metrics_attach (metrics, context, NULL, &base, append_cb, &counters[0], NULL);
  for (;;)
    g_main_context_iteration (context, TRUE);
}

static void
kill_one (guint round)
{
  int fd = make_journal (MAX_METRICS);
  Page *page = mmap (NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_auto (Total) total = { 0 };
  guint64 incs = 0, samples = 0;
  pid_t pid = fork ();

  g_assert_true (page != MAP_FAILED);
  if (pid == 0)
    count_until_killed (page, fd);
  while (atomic_load (&page->incs[0]) == 0)
    g_thread_yield ();
  g_usleep ((gulong) g_test_rand_int_range (0, 20000));
  kill (pid, SIGKILL);
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
  for (guint i = 0; i < KILLED_THREADS; i++)
    {
      incs += atomic_load (&page->incs[i]);
      samples += atomic_load (&page->samples[i]);
    }
  total_all (&total, fd, MAX_METRICS, G_MAXINT64);
  g_assert_cmpfloat (total.incs, >=, (double) incs);
  g_assert_cmpfloat (total.incs, <=, (double) incs + KILLED_THREADS);
  g_assert_cmpuint (total.samples, >=, samples);
  g_assert_cmpuint (total.samples, <=, samples + KILLED_THREADS);
  munmap (page, sizeof *page);
  close (fd);
}

static void
test_killed (void)
{
  for (guint round = 0; round < 40; round++)
    kill_one (round);
}

#define ADD(name, persist, func) g_test_add ("/metrics-area/" name, Fixture, persist, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("same", NULL, test_same);
  ADD ("same/persist", "persist", test_same);
  ADD ("times", NULL, test_times);
  ADD ("torn", NULL, test_torn);
  ADD ("closed", NULL, test_closed);
  ADD ("one-table", NULL, test_one_table);
  g_test_add_func ("/metrics-area/no-room", test_no_room);
  g_test_add_func ("/metrics-area/several", test_several);
  ADD ("names-again", NULL, test_names_again);
  ADD ("damaged", NULL, test_damaged);
  ADD ("forked", NULL, test_forked);
  g_test_add_func ("/metrics-area/killed", test_killed);
  return g_test_run ();
}
