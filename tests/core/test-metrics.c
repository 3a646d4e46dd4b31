/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <math.h>
#include <stdatomic.h>
#include <unistd.h>

#include "metrics-helpers.h"
#include "muster-time-base-private.h"

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN
#endif
#endif

static MusterMetrics *
make_metrics (guint max_metrics, gboolean persist)
{
  MusterMetricsOptions options = { .name = (char *) "test", .max_metrics = max_metrics, .persist = persist };

  return muster_metrics_new (&options);
}

static void
test_options (void)
{
  MusterMetricsOptions nonsense = { .interval_us = -1, .scale_factor = NAN };
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (&nonsense);
  g_autoptr (MusterMetrics) defaults = muster_metrics_new (NULL);

  g_assert_cmpint (muster_metrics_get_interval (metrics), ==, 10 * G_USEC_PER_SEC);
  g_assert_cmpstr (muster_metrics_get_name (metrics), ==, "");
  g_assert_cmpfloat (muster_metrics_get_options (metrics)->scale_factor, ==, 1);
  g_assert_cmpuint (muster_metrics_get_options (defaults)->max_metrics, ==, 10000);
}

static void
test_snapshot (void)
{
  g_autoptr (MusterMetrics) metrics = make_metrics (0, FALSE);
  g_autoptr (Muster__V1__Snapshot) snapshot = NULL;
  g_autoptr (Muster__V1__Snapshot) empty = NULL;
  Muster__V1__Metric *metric;

  muster_metrics_inc (metrics, MUSTER_PATH ("http", "GET"), "requests", 2);
  muster_metrics_inc (metrics, MUSTER_PATH ("http", "GET"), "requests", NAN);
  muster_metrics_set (metrics, NULL, "queue", 7);
  muster_metrics_set (metrics, MUSTER_PATH (NULL), "queue", 8); /* an empty path is none */
  muster_metrics_set (metrics, NULL, "queue", INFINITY);
  muster_metrics_set_text (metrics, NULL, "state", "on fire");
  muster_metrics_sample (metrics, NULL, "size", 3);
  muster_metrics_sample (metrics, NULL, "size", -1);
  muster_metrics_sample (metrics, NULL, "size", NAN);
  muster_metrics_timed_sample (metrics, NULL, "time", 1500000);
  snapshot = take_one (metrics);

  g_assert_cmpstr (snapshot->name, ==, "test");
  g_assert_cmpuint (snapshot->pid, ==, getpid ());
  g_assert_cmpuint (snapshot->end, ==, 10 * SECOND_NS);
  g_assert_cmpuint (snapshot->interval, ==, 10 * SECOND_NS);
  g_assert_cmpuint (snapshot->n_metrics, ==, 5);
  g_assert_cmpuint (snapshot->overflow, ==, 0);
  metric = find_metric (snapshot, "requests");
  g_assert_cmpstr (metric->type, ==, "inc");
  g_assert_cmpuint (metric->n_path, ==, 2);
  g_assert_cmpstr (metric->path[0], ==, "http");
  g_assert_cmpstr (metric->path[1], ==, "GET");
  g_assert_cmpuint (metric->count, ==, 2);
  g_assert_cmpfloat (metric->sum, ==, 3);
  metric = find_metric (snapshot, "queue");
  g_assert_cmpstr (metric->type, ==, "set");
  g_assert_cmpuint (metric->count, ==, 2);
  g_assert_cmpfloat (metric->number, ==, 8);
  g_assert_cmpstr (find_metric (snapshot, "state")->text, ==, "on fire");
  metric = find_metric (snapshot, "size");
  g_assert_cmpuint (metric->count, ==, 2);
  g_assert_cmpfloat (metric->min, ==, -1);
  g_assert_cmpfloat (metric->max, ==, 3);
  g_assert_cmpfloat (metric->mean, ==, 1);
  g_assert_cmpfloat (metric->m2, ==, 8);
  g_assert_cmpstr (find_metric (snapshot, "time")->type, ==, "timedSample");
  g_assert_cmpfloat (find_metric (snapshot, "time")->sum, ==, 1.5);

  empty = take_one (metrics); /* the process is there, with nothing to say */
  g_assert_cmpuint (empty->n_metrics, ==, 0);
  g_assert_cmpuint (empty->pid, ==, getpid ());
}

static void
test_persist (void)
{
  g_autoptr (MusterMetrics) metrics = make_metrics (0, TRUE);
  g_autoptr (Muster__V1__Snapshot) first = NULL;
  g_autoptr (Muster__V1__Snapshot) second = NULL;

  muster_metrics_inc (metrics, NULL, "inc", 2);
  muster_metrics_set (metrics, NULL, "number", 7);
  muster_metrics_set_text (metrics, NULL, "text", "seven");
  muster_metrics_sample (metrics, NULL, "sample", 3);
  first = take_one (metrics);
  second = take_one (metrics);
  g_assert_cmpuint (second->n_metrics, ==, 4);
  g_assert_cmpstr (find_metric (second, "inc")->type, ==, "inc");
  g_assert_cmpfloat (find_metric (second, "inc")->sum, ==, 0);
  g_assert_cmpfloat (find_metric (second, "number")->number, ==, 7);
  g_assert_cmpstr (find_metric (second, "text")->text, ==, "seven");
  g_assert_cmpuint (find_metric (second, "sample")->count, ==, 0);
  g_assert_cmpfloat (find_metric (second, "sample")->max, ==, 0);
}

/* The first kind of an interval counts; in another interval it may be another. */
static void
test_kinds (void)
{
  g_autoptr (MusterMetrics) metrics = make_metrics (0, FALSE);
  g_autoptr (Muster__V1__Snapshot) first = NULL;
  g_autoptr (Muster__V1__Snapshot) second = NULL;

  muster_metrics_inc (metrics, NULL, "x", 1);
  muster_metrics_set (metrics, NULL, "x", 5);
  muster_metrics_set_text (metrics, NULL, "x", "five");
  muster_metrics_sample (metrics, NULL, "x", 5);
  first = take_one (metrics);
  muster_metrics_set_text (metrics, NULL, "x", "five");
  muster_metrics_set (metrics, NULL, "x", 6);
  second = take_one (metrics);
  g_assert_cmpuint (first->overflow, ==, 3);
  g_assert_cmpstr (find_metric (first, "x")->type, ==, "inc");
  g_assert_cmpfloat (find_metric (first, "x")->sum, ==, 1);
  g_assert_cmpuint (second->overflow, ==, 0);
  g_assert_cmpint (find_metric (second, "x")->value_case, ==, MUSTER__V1__METRIC__VALUE_NUMBER);
  g_assert_cmpfloat (find_metric (second, "x")->number, ==, 6);
}

static void
test_max_metrics (void)
{
  g_autoptr (MusterMetrics) metrics = make_metrics (100, FALSE);
  g_autoptr (Muster__V1__Snapshot) full = NULL;
  g_autoptr (Muster__V1__Snapshot) idle = NULL;
  g_autoptr (Muster__V1__Snapshot) others = NULL;

  for (guint i = 0; i < 130; i++)
    {
      g_autofree char *id = g_strdup_printf ("old-%u", i);

      muster_metrics_inc (metrics, NULL, id, 1);
    }
  full = take_one (metrics);
  g_assert_cmpuint (full->n_metrics, ==, 100);
  g_assert_cmpuint (full->overflow, ==, 30);
  g_assert_nonnull (find_metric (full, "old-99"));
  g_assert_null (find_metric (full, "old-100"));

  /* What is idle makes room, what is not stays. */
  muster_metrics_inc (metrics, NULL, "old-7", 1);
  idle = take_one (metrics);
  g_assert_cmpuint (idle->n_metrics, ==, 1);
  for (guint i = 0; i < 99; i++)
    {
      g_autofree char *id = g_strdup_printf ("new-%u", i);

      muster_metrics_sample (metrics, NULL, id, i);
    }
  muster_metrics_inc (metrics, NULL, "old-7", 2);
  muster_metrics_inc (metrics, NULL, "old-8", 1);
  others = take_one (metrics);
  g_assert_cmpuint (others->n_metrics, ==, 100);
  g_assert_cmpuint (others->overflow, ==, 1);
  g_assert_cmpfloat (find_metric (others, "old-7")->sum, ==, 2);
  g_assert_cmpfloat (find_metric (others, "new-98")->sum, ==, 98);
}

static void
test_keys (void)
{
  g_autoptr (MusterMetrics) metrics = make_metrics (0, FALSE);
  g_autoptr (Muster__V1__Snapshot) snapshot = NULL;
  g_autofree char *long_id = g_strnfill (3000, 'x');
  const char *deep[40] = { NULL };

  for (guint i = 0; i < 39; i++)
    deep[i] = "deep";
  muster_metrics_inc (metrics, NULL, long_id, 1);
  muster_metrics_inc (metrics, deep, "x", 1);
  deep[32] = NULL;
  muster_metrics_inc (metrics, deep, "deep", 1);
  muster_metrics_inc (metrics, MUSTER_PATH ("caf\xC3\xA9"), "\xC3\xA9", 1);
  for (guint i = 0; i < 3; i++)
    muster_metrics_inc (metrics, MUSTER_PATH ("bad\xFF"), "\xC3", 1);
  muster_metrics_inc (metrics, MUSTER_PATH ("bad\xEF\xBF\xBD"), "\xEF\xBF\xBD", 1);
  muster_metrics_inc (metrics, MUSTER_PATH (""), "", 1);
  muster_metrics_inc (metrics, NULL, "", 1);
  muster_metrics_inc (metrics, MUSTER_PATH ("a"), "b", 1);
  muster_metrics_inc (metrics, NULL, "a", 1);
  snapshot = take_one (metrics);
  g_assert_cmpuint (snapshot->overflow, ==, 2);
  g_assert_cmpuint (snapshot->n_metrics, ==, 7);
  g_assert_cmpuint (find_metric (snapshot, "deep")->n_path, ==, 32);
  g_assert_cmpstr (find_metric (snapshot, "\xC3\xA9")->path[0], ==, "caf\xC3\xA9");
  g_assert_cmpfloat (find_metric (snapshot, "\xEF\xBF\xBD")->sum, ==, 4);
  g_assert_cmpstr (find_metric (snapshot, "\xEF\xBF\xBD")->path[0], ==, "bad\xEF\xBF\xBD");
  g_assert_cmpuint (find_metric (snapshot, "")->n_path, ==, 1);
  g_assert_cmpuint (find_metric (snapshot, "a")->n_path, ==, 0);
}

static void
test_texts (void)
{
  g_autoptr (MusterMetrics) metrics = make_metrics (0, FALSE);
  g_autoptr (Muster__V1__Snapshot) snapshot = NULL;
  g_autoptr (GString) text = g_string_new ("x");

  for (guint i = 0; i < 10000; i++)
    g_string_append (text, "\xC3\xA9");
  muster_metrics_set_text (metrics, NULL, "long", "short first");
  muster_metrics_set_text (metrics, NULL, "long", text->str);
  muster_metrics_set_text (metrics, NULL, "short", text->str);
  muster_metrics_set_text (metrics, NULL, "short", "");
  muster_metrics_set_text (metrics, NULL, "bad", "a\xFF");
  snapshot = take_one (metrics);
  g_assert_cmpuint (strlen (find_metric (snapshot, "long")->text), ==, 16383);
  g_assert_true (g_utf8_validate (find_metric (snapshot, "long")->text, -1, NULL));
  g_assert_cmpstr (find_metric (snapshot, "short")->text, ==, "");
  g_assert_cmpstr (find_metric (snapshot, "bad")->text, ==, "a\xEF\xBF\xBD");
}

/* 10,000 metrics are more than an entry holds: parts, joined by their metrics. */
static void
test_parts (void)
{
  g_autoptr (MusterMetrics) metrics = make_metrics (0, FALSE);
  g_autoptr (GPtrArray) entries = NULL;
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < 10000; i++)
    {
      g_autofree char *id = g_strdup_printf ("metric-%u", i);

      muster_metrics_sample (metrics, MUSTER_PATH ("many", "more"), id, i);
    }
  muster_metrics_inc (metrics, NULL, "too many", 1);
  entries = muster_metrics_take_snapshot (metrics, 0, 10 * SECOND_NS, TRUE);
  g_assert_cmpuint (entries->len, >, 5);
  for (guint i = 0; i < entries->len; i++)
    {
      g_autoptr (Muster__V1__Snapshot) part = unpack_snapshot (entries->pdata[i]);
      gboolean is_last = i == entries->len - 1;

      g_assert_cmpuint (part->part, ==, i);
      g_assert_cmpint (part->more, ==, !is_last);
      g_assert_true (part->partial);
      g_assert_cmpuint (part->end, ==, 10 * SECOND_NS);
      g_assert_cmpuint (part->overflow, ==, is_last ? 1 : 0);
      g_assert_true (is_last || g_bytes_get_size (entries->pdata[i]) > MUSTER_ENTRY_MAX - 200);
      for (gsize k = 0; k < part->n_metrics; k++)
        g_assert_true (g_hash_table_add (seen, g_strdup (part->metrics[k]->id)));
    }
  g_assert_cmpuint (g_hash_table_size (seen), ==, 10000);
}

/* -- threads ------------------------------------------------------------------------------------ */

#define THREADS 4
#define CALLS   50000

typedef struct
{
  MusterMetrics *metrics;
  _Atomic guint running;
} Storm;

static gpointer
storm_thread (gpointer data)
{
  Storm *storm = data;

  for (guint i = 0; i < CALLS; i++)
    {
      char id[16];

      muster_metrics_inc (storm->metrics, MUSTER_PATH ("http", "GET"), "requests", 1);
      if (i % 8 != 0)
        continue;
      g_snprintf (id, sizeof id, "id-%u", i % 1000);
      muster_metrics_sample (storm->metrics, MUSTER_PATH ("samples"), id, 1);
      muster_metrics_set_text (storm->metrics, NULL, "text", id);
    }
  atomic_fetch_sub (&storm->running, 1);
  return NULL;
}

static void
sum_up (MusterMetrics *metrics, double *incs, guint64 *samples, guint64 *refused)
{
  g_autoptr (GPtrArray) entries = muster_metrics_take_snapshot (metrics, 0, 1, FALSE);

  for (guint i = 0; i < entries->len; i++)
    {
      g_autoptr (Muster__V1__Snapshot) part = unpack_snapshot (entries->pdata[i]);

      *refused += part->overflow;
      for (gsize k = 0; k < part->n_metrics; k++)
        {
          if (strcmp (part->metrics[k]->type, "inc") == 0)
            *incs += part->metrics[k]->sum;
          else if (strcmp (part->metrics[k]->type, "sample") == 0)
            *samples += part->metrics[k]->count;
        }
    }
}

/* Each update is in exactly one snapshot. With a small table, idle metrics are forgotten all the while. */
static void
test_threads (gconstpointer max_metrics)
{
  g_autoptr (MusterMetrics) metrics = make_metrics (GPOINTER_TO_UINT (max_metrics), FALSE);
  Storm storm = { metrics, THREADS };
  GThread *threads[THREADS];
  double incs = 0;
  guint64 samples = 0;
  guint64 refused = 0;

  for (guint i = 0; i < THREADS; i++)
    threads[i] = g_thread_new ("storm", storm_thread, &storm);
  while (atomic_load (&storm.running) > 0)
    sum_up (metrics, &incs, &samples, &refused);
  for (guint i = 0; i < THREADS; i++)
    g_thread_join (threads[i]);
  sum_up (metrics, &incs, &samples, &refused);
  g_assert_cmpfloat (incs, ==, (double) THREADS * CALLS);
  g_assert_cmpuint (samples, ==, THREADS * CALLS / 8);
  g_assert_cmpuint (refused, ==, 0);
}

/* -- intervals ---------------------------------------------------------------------------------- */

typedef struct
{
  MusterMetrics *metrics;
  GMainContext *context;
  GPtrArray *snapshots; /* Muster__V1__Snapshot */
  GString *said;
  GThread *signal_thread;
  gboolean is_destroyed;
} Fixture;

static void
handed_over (MusterMetrics *metrics, GPtrArray *entries, gpointer user_data)
{
  Fixture *fixture = user_data;

  g_assert_cmpuint (entries->len, ==, 1);
  g_ptr_array_add (fixture->snapshots, unpack_snapshot (entries->pdata[0]));
  g_string_append (fixture->said, "snapshot ");
}

static void
destroyed (gpointer user_data)
{
  ((Fixture *) user_data)->is_destroyed = TRUE;
}

static void
say (Fixture *fixture, const char *word)
{
  fixture->signal_thread = g_thread_self ();
  g_string_append (fixture->said, word);
}

static void
say_reset (Fixture *fixture)
{
  say (fixture, "reset ");
}

static void
say_new_interval (Fixture *fixture)
{
  say (fixture, "new-interval ");
  muster_metrics_set (fixture->metrics, NULL, "begun", 1);
}

static void
say_stopping (Fixture *fixture)
{
  say (fixture, "stopping ");
}

static void
fixture_init (Fixture *fixture, gint64 interval_us, gboolean persist)
{
  MusterMetricsOptions options = { .interval_us = interval_us, .persist = persist };

  *fixture = (Fixture){ .metrics = muster_metrics_new (&options) };
  fixture->context = g_main_context_new ();
  fixture->snapshots = g_ptr_array_new_with_free_func ((GDestroyNotify) free_snapshot);
  fixture->said = g_string_new (NULL);
  g_signal_connect_swapped (fixture->metrics, "reset", G_CALLBACK (say_reset), fixture);
  g_signal_connect_swapped (fixture->metrics, "new-interval", G_CALLBACK (say_new_interval), fixture);
  g_signal_connect_swapped (fixture->metrics, "stopping", G_CALLBACK (say_stopping), fixture);
}

static void
fixture_clear (Fixture *fixture)
{
  g_assert_true (fixture->is_destroyed);
  g_object_add_weak_pointer (G_OBJECT (fixture->metrics), (gpointer *) &fixture->metrics);
  g_object_unref (fixture->metrics);
  g_assert_null (fixture->metrics); /* nobody keeps it */
  g_main_context_unref (fixture->context);
  g_ptr_array_unref (fixture->snapshots);
  g_string_free (fixture->said, TRUE);
}

static gboolean
expired (gpointer data)
{
  g_error ("the test took too long");
  return G_SOURCE_REMOVE;
}

static void
wait_for_snapshots (Fixture *fixture, guint n)
{
  GSource *deadline = g_timeout_source_new_seconds (20);

  g_source_set_callback (deadline, expired, NULL, NULL);
  g_source_attach (deadline, fixture->context);
  while (fixture->snapshots->len < n)
    g_main_context_iteration (fixture->context, TRUE);
  g_source_destroy (deadline);
  g_source_unref (deadline);
}

static void
test_intervals (void)
{
  Fixture fixture;
  MusterTimeBase base;
  gint64 attached_ns;
  Muster__V1__Snapshot *snapshot;
  guint last;

  fixture_init (&fixture, 20000, TRUE);
  muster_time_base_now (&base);
  attached_ns = muster_time_base_read (&base);
  muster_metrics_inc (fixture.metrics, NULL, "before", 1); /* what was measured before counts */
  muster_metrics_attach (fixture.metrics, fixture.context, NULL, &base, handed_over, &fixture, destroyed);
  wait_for_snapshots (&fixture, 3);
  muster_metrics_inc (fixture.metrics, NULL, "last", 1);
  g_main_context_push_thread_default (fixture.context);
  muster_metrics_detach (fixture.metrics);
  muster_metrics_detach (fixture.metrics); /* nothing happens */
  g_main_context_pop_thread_default (fixture.context);
  g_assert_true (g_str_has_prefix (fixture.said->str, "snapshot reset new-interval snapshot reset new-interval "));
  g_assert_true (g_str_has_suffix (fixture.said->str, "new-interval snapshot stopping "));

  snapshot = fixture.snapshots->pdata[0];
  g_assert_cmpint ((gint64) snapshot->start, >=, attached_ns);
  /* Where the first boundary was missed for want of time, all of the last interval is in it. */
  g_assert_cmpint (snapshot->partial, ==, snapshot->start > snapshot->end - 20000000);
  g_assert_cmpfloat (find_metric (snapshot, "before")->sum, ==, 1);
  last = fixture.snapshots->len - 1;
  for (guint i = 0; i < last; i++)
    {
      snapshot = fixture.snapshots->pdata[i];
      g_assert_cmpuint (snapshot->end % 20000000, ==, 0); /* aligned */
      if (i == 0)
        continue;
      g_assert_cmpuint (snapshot->start, ==, ((Muster__V1__Snapshot *) fixture.snapshots->pdata[i - 1])->end);
      g_assert_false (snapshot->partial);
      g_assert_cmpuint (find_metric (snapshot, "begun")->count, ==, 1);
    }
  snapshot = fixture.snapshots->pdata[last];
  g_assert_true (snapshot->partial);
  g_assert_nonnull (find_metric (snapshot, "last"));
  g_assert_cmpint ((gint64) snapshot->end, <=, muster_time_base_read (&base));
  fixture_clear (&fixture);
}

/* Boundaries that passed while the context was busy make one snapshot, up to the last of them. */
static void
test_late_wake_up (void)
{
  Fixture fixture;
  MusterTimeBase base;
  Muster__V1__Snapshot *snapshot;
  gint64 until_ns;

  fixture_init (&fixture, 10000, FALSE);
  muster_time_base_now (&base);
  muster_metrics_attach (fixture.metrics, fixture.context, NULL, &base, handed_over, &fixture, destroyed);
  wait_for_snapshots (&fixture, 1);
  until_ns = (gint64) ((Muster__V1__Snapshot *) fixture.snapshots->pdata[0])->end + 35 * 1000000;
  while (muster_time_base_read (&base) < until_ns)
    muster_metrics_inc (fixture.metrics, NULL, "busy", 1);
  wait_for_snapshots (&fixture, 2);
  snapshot = fixture.snapshots->pdata[1];
  g_assert_cmpuint (snapshot->end - snapshot->start, >=, 30000000);
  g_assert_cmpuint ((snapshot->end - snapshot->start) % 10000000, ==, 0);
  g_assert_false (snapshot->partial);
  g_assert_nonnull (find_metric (snapshot, "busy"));
  muster_metrics_detach (fixture.metrics);
  fixture_clear (&fixture);
}

/* An hour's interval, and a base that says that it ends in 30 ms. */
static void
test_time_base_changes (void)
{
  Fixture fixture;
  MusterTimeBase base;
  gint64 hour_ns = 3600 * SECOND_NS;

  fixture_init (&fixture, hour_ns / 1000, FALSE);
  muster_time_base_now (&base);
  base.realtime_ns = 400000 * hour_ns + hour_ns / 2;
  muster_metrics_attach (fixture.metrics, fixture.context, NULL, &base, handed_over, &fixture, destroyed);
  g_assert_false (g_main_context_iteration (fixture.context, FALSE));
  muster_time_base_now (&base);
  base.realtime_ns = 400001 * hour_ns - 30 * 1000000;
  muster_metrics_set_time_base (fixture.metrics, &base);
  wait_for_snapshots (&fixture, 1);
  g_assert_cmpuint (((Muster__V1__Snapshot *) fixture.snapshots->pdata[0])->end, ==, (guint64) (400001 * hour_ns));
  g_assert_true (((Muster__V1__Snapshot *) fixture.snapshots->pdata[0])->partial);
  muster_metrics_detach (fixture.metrics);
  fixture_clear (&fixture);
}

static gpointer
intervals_thread (gpointer data)
{
  Fixture *fixture = data;

  g_main_context_push_thread_default (fixture->context);
  while (!fixture->is_destroyed)
    g_main_context_iteration (fixture->context, TRUE);
  g_main_context_pop_thread_default (fixture->context);
  return NULL;
}

/* Intervals in one thread, signals in another, stop from there. */
static void
test_two_threads (void)
{
  Fixture fixture;
  MusterTimeBase base;
  GMainContext *here;
  GSource *deadline;
  GThread *thread;

#ifdef UNDER_TSAN
  g_test_skip ("ThreadSanitizer does not see how GLib hands a source from one thread to another");
  return;
#endif
  fixture_init (&fixture, 20000, FALSE);
  muster_time_base_now (&base);
  here = g_main_context_new ();
  deadline = g_timeout_source_new_seconds (20);
  g_source_set_callback (deadline, expired, NULL, NULL);
  g_source_attach (deadline, here);
  g_signal_handlers_disconnect_by_data (fixture.metrics, &fixture);
  g_signal_connect_swapped (fixture.metrics, "stopping", G_CALLBACK (say_stopping), &fixture);
  muster_metrics_attach (fixture.metrics, fixture.context, here, &base, handed_over, &fixture, destroyed);
  thread = g_thread_new ("intervals", intervals_thread, &fixture);
  muster_metrics_stop (fixture.metrics);
  while (fixture.signal_thread == NULL)
    g_main_context_iteration (here, TRUE);
  g_assert_true (fixture.signal_thread == g_thread_self ());
  g_thread_join (thread);
  g_assert_cmpuint (fixture.snapshots->len, >=, 1);
  muster_metrics_stop (fixture.metrics); /* nothing happens */
  g_source_destroy (deadline);
  g_source_unref (deadline);
  g_main_context_unref (here);
  fixture_clear (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/metrics/options", test_options);
  g_test_add_func ("/metrics/snapshot", test_snapshot);
  g_test_add_func ("/metrics/persist", test_persist);
  g_test_add_func ("/metrics/kinds", test_kinds);
  g_test_add_func ("/metrics/max-metrics", test_max_metrics);
  g_test_add_func ("/metrics/keys", test_keys);
  g_test_add_func ("/metrics/texts", test_texts);
  g_test_add_func ("/metrics/parts", test_parts);
  g_test_add_data_func ("/metrics/threads", GUINT_TO_POINTER (10000), test_threads);
  g_test_add_data_func ("/metrics/threads/forgetting", GUINT_TO_POINTER (160), test_threads);
  g_test_add_func ("/metrics/intervals", test_intervals);
  g_test_add_func ("/metrics/intervals/late", test_late_wake_up);
  g_test_add_func ("/metrics/intervals/time-base", test_time_base_changes);
  g_test_add_func ("/metrics/intervals/two-threads", test_two_threads);
  return g_test_run ();
}
