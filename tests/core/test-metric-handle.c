/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdatomic.h>

#include "metrics-helpers.h"
#include "muster-metric-private.h"

#define THREADS    4u
#define BOUNDARIES 250u
#define ROUNDS     20000u

static MusterMetric *
look_up (MusterMetrics *metrics, MusterMetricType type, const char *id)
{
  return muster_metrics_lookup (metrics, type, MUSTER_PATH ("a"), id);
}

static guint64
take_overflow (MusterMetrics *metrics)
{
  g_autoptr (Muster__V1__Snapshot) snapshot = take_one (metrics);

  return snapshot->overflow;
}

/* An update through a handle is the same as one by path and id. */
static void
test_updates (void)
{
  MusterMetricsOptions options = { .scale_factor = 10 };
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (&options);
  g_autoptr (Muster__V1__Snapshot) snapshot = NULL;
  Muster__V1__Metric *metric;

  muster_metrics_inc (metrics, MUSTER_PATH ("a"), "inc", 1);
  muster_metric_add (look_up (metrics, MUSTER_METRIC_INC, "inc"), 2.5);
  muster_metric_add (look_up (metrics, MUSTER_METRIC_INC, "inc"), NAN);
  muster_metric_sample (look_up (metrics, MUSTER_METRIC_SAMPLE, "sample"), 4);
  muster_metric_sample (look_up (metrics, MUSTER_METRIC_SAMPLE, "sample"), INFINITY);
  muster_metrics_sample (metrics, MUSTER_PATH ("a"), "sample", 6);
  muster_metric_timed_sample (look_up (metrics, MUSTER_METRIC_TIMED_SAMPLE, "time"), 5000000);
  muster_metrics_timed_sample (metrics, MUSTER_PATH ("a"), "time", 5000000);
  muster_metric_set (look_up (metrics, MUSTER_METRIC_SET, "set"), 7);
  muster_metric_set (look_up (metrics, MUSTER_METRIC_SET, "set"), NAN);
  muster_metric_set_text (look_up (metrics, MUSTER_METRIC_SET, "text"), "caf\xe9");
  snapshot = take_one (metrics);
  g_assert_cmpuint (snapshot->n_metrics, ==, 5);
  metric = find_metric (snapshot, "inc");
  g_assert_cmpstr (metric->path[0], ==, "a");
  g_assert_cmpfloat (metric->sum, ==, 4.5);
  g_assert_cmpuint (metric->count, ==, 3);
  metric = find_metric (snapshot, "sample");
  g_assert_cmpuint (metric->count, ==, 2);
  g_assert_cmpfloat (metric->mean, ==, 5);
  g_assert_true (muster_metric_is_valid (metric) && metric->sketch != NULL);
  metric = find_metric (snapshot, "time");
  g_assert_cmpfloat (metric->max, ==, 0.5);
  g_assert_cmpfloat (metric->sum, ==, 1);
  g_assert_cmpfloat (find_metric (snapshot, "set")->number, ==, 7);
  g_assert_cmpstr (find_metric (snapshot, "text")->text, ==, "caf\xef\xbf\xbd");
  g_assert_cmpuint (snapshot->overflow, ==, 0);
}

static void
test_refused (void)
{
  MusterMetricsOptions options = { .max_metrics = 1 };
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (&options);
  MusterMetric *inc = look_up (metrics, MUSTER_METRIC_INC, "x");
  MusterMetric *sample = look_up (metrics, MUSTER_METRIC_SAMPLE, "x");
  MusterMetric *none = look_up (metrics, MUSTER_METRIC_SET, "y");

  g_assert_true (inc == look_up (metrics, MUSTER_METRIC_INC, "x"));
  g_assert_true (inc != sample && none != NULL);
  muster_metric_add (inc, 1);
  muster_metric_sample (sample, 1); /* it is an inc in this interval */
  muster_metric_sample (inc, 1);    /* the handle is for something else */
  muster_metric_set (none, 1);      /* there was no room */
  muster_metric_set_text (none, "1");
  muster_metric_set_text (inc, "1");
  g_assert_cmpuint (take_overflow (metrics), ==, 5);
  g_assert_cmpuint (take_overflow (metrics), ==, 0);
  muster_metric_sample (sample, 1);
  g_assert_cmpuint (take_overflow (metrics), ==, 0);
}

/* Others are forgotten and their places are used again; what somebody has a handle of is not. */
static void
test_pinned (void)
{
  MusterMetricsOptions options = { .max_metrics = 64 };
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (&options);
  MusterMetric *metric = look_up (metrics, MUSTER_METRIC_INC, "pinned");
  char id[16];

  for (guint round = 0; round < 20; round++)
    {
      for (guint i = 0; i < 63; i++)
        {
          g_snprintf (id, sizeof id, "%u-%u", round, i);
          muster_metrics_inc (metrics, NULL, id, 1);
        }
      g_assert_cmpuint (take_overflow (metrics), ==, 0);
      g_assert_cmpuint (take_overflow (metrics), ==, 0);
    }
  muster_metric_add (metric, 5);
  {
    g_autoptr (Muster__V1__Snapshot) snapshot = take_one (metrics);

    g_assert_cmpuint (snapshot->n_metrics, ==, 1);
    g_assert_cmpfloat (find_metric (snapshot, "pinned")->sum, ==, 5);
  }
}

static void
test_reference (void)
{
  MusterMetrics *metrics = muster_metrics_new (NULL);
  g_autoptr (MusterMetric) metric = muster_metric_ref (look_up (metrics, MUSTER_METRIC_INC, "x"));
  MusterMetric *copy = g_boxed_copy (MUSTER_TYPE_METRIC, metric);

  g_object_add_weak_pointer (G_OBJECT (metrics), (gpointer *) &metrics);
  g_object_unref (metrics);
  g_boxed_free (MUSTER_TYPE_METRIC, copy);
  g_assert_nonnull (metrics);
  muster_metric_add (metric, 1);
  g_clear_pointer (&metric, muster_metric_unref);
  g_assert_null (metrics);
}

static void
test_timer (void)
{
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (NULL);
  MusterMetric *metric = look_up (metrics, MUSTER_METRIC_TIMED_SAMPLE, "time");
  gint64 elapsed_ns;
  g_autoptr (Muster__V1__Snapshot) snapshot = NULL;
  gint64 begin_ns = muster_metric_start (metric);

  {
    G_GNUC_UNUSED g_auto (MusterTimer) timer = muster_timer_start (metric);
    g_auto (MusterTimer) stopped = muster_timer_start (metric);

    while (g_get_monotonic_time () * 1000 < begin_ns + 2000000)
      ;
    elapsed_ns = muster_timer_stop (&stopped);
    g_assert_cmpint (elapsed_ns, >, 1000000);
    g_assert_cmpint (muster_timer_stop (&stopped), ==, 0);
  }
  g_assert_cmpint (muster_metric_stop (metric, begin_ns), >=, 2000000);
  snapshot = take_one (metrics);
  g_assert_cmpuint (snapshot->metrics[0]->count, ==, 3);
  g_assert_cmpfloat_with_epsilon (snapshot->metrics[0]->min, (double) elapsed_ns / 1e6, 1e-9);
}

/* -- threads ------------------------------------------------------------------------------------ */

typedef struct
{
  MusterMetrics *metrics;
  _Atomic guint n_done;
  guint64 counts[THREADS + 1]; /* those of each thread by itself, then those of all; made, and later found */
  guint64 samples;
} Storm;

typedef struct
{
  Storm *storm;
  guint number;
  guint64 n; /* rounds made */
} Caller;

static gpointer
call_thread (gpointer data)
{
  Caller *caller = data;
  MusterMetrics *metrics = caller->storm->metrics;
  MusterMetric *shared = look_up (metrics, MUSTER_METRIC_INC, "shared");
  MusterMetric *sampled = look_up (metrics, MUSTER_METRIC_SAMPLE, "sampled");
  char id[8];

  g_snprintf (id, sizeof id, "%u", caller->number);
  for (caller->n = 0; caller->n < ROUNDS; caller->n++)
    {
      muster_metric_add (shared, 1);
      muster_metrics_inc (metrics, MUSTER_PATH ("a"), "shared", 1);
      muster_metrics_inc (metrics, NULL, id, 1);
      muster_metric_sample (sampled, (double) (caller->n % 1000) - 100);
    }
  atomic_fetch_add (&caller->storm->n_done, 1);
  return NULL;
}

/* Whether anything was called meanwhile. */
static gboolean
find_all (Storm *storm)
{
  g_autoptr (Muster__V1__Snapshot) snapshot = take_one (storm->metrics);

  for (gsize i = 0; i < snapshot->n_metrics; i++)
    {
      const Muster__V1__Metric *metric = snapshot->metrics[i];

      g_assert_true (muster_metric_is_valid (metric));
      if (strcmp (metric->id, "sampled") == 0)
        {
          g_assert_nonnull (metric->sketch);
          storm->samples += metric->count;
          continue;
        }
      g_assert_cmpfloat (metric->sum, ==, (double) metric->count);
      storm->counts[strcmp (metric->id, "shared") == 0 ? THREADS : (guint) g_ascii_digit_value (*metric->id)] +=
          metric->count;
    }
  return snapshot->n_metrics > 0;
}

/* Threads call without a pause, while one interval after the other ends: each call is in one of them. */
static void
test_boundaries (void)
{
  Storm storm = { .metrics = muster_metrics_new (NULL) };
  Caller callers[THREADS];
  GThread *threads[THREADS];
  guint n_boundaries = 0;

  for (guint turn = 0; n_boundaries < BOUNDARIES; turn++)
    {
      atomic_store (&storm.n_done, 0);
      for (guint i = 0; i < THREADS; i++)
        {
          callers[i] = (Caller){ .storm = &storm, .number = i };
          threads[i] = g_thread_new ("call", call_thread, &callers[i]);
        }
      while (atomic_load (&storm.n_done) < THREADS)
        n_boundaries += (guint) find_all (&storm);
      for (guint i = 0; i < THREADS; i++)
        g_thread_join (threads[i]);
      find_all (&storm);
      for (guint i = 0; i < THREADS; i++)
        g_assert_cmpuint (storm.counts[i], ==, (guint64) ROUNDS * (turn + 1));
      g_assert_cmpuint (storm.counts[THREADS], ==, (guint64) ROUNDS * THREADS * 2 * (turn + 1));
      g_assert_cmpuint (storm.samples, ==, (guint64) ROUNDS * THREADS * (turn + 1));
    }
  g_test_message ("%u boundaries", n_boundaries);
  g_object_unref (storm.metrics);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/metric-handle/updates", test_updates);
  g_test_add_func ("/metric-handle/refused", test_refused);
  g_test_add_func ("/metric-handle/pinned", test_pinned);
  g_test_add_func ("/metric-handle/reference", test_reference);
  g_test_add_func ("/metric-handle/timer", test_timer);
  g_test_add_func ("/metric-handle/boundaries", test_boundaries);
  return g_test_run ();
}
