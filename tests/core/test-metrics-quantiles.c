/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Quantiles of what metrics sampled, from one process and from many, against the samples themselves; and what happens
 * where there is no room for them.
 */
#include "config.h"

#include "metrics-area-helpers.h"
#include "sketch-helpers.h"

#define N_SAMPLES 1000000u

static double
draw_normal (GRand *rand)
{
  double u = 1 - g_rand_double (rand);

  return sqrt (-2 * log (u)) * cos (2 * G_PI * g_rand_double (rand));
}

static double
draw_uniform (GRand *rand)
{
  return g_rand_double (rand) * 100;
}

static double
draw_exponential (GRand *rand)
{
  return -log (1 - g_rand_double (rand)) * 5;
}

static double
draw_lognormal (GRand *rand)
{
  return exp (draw_normal (rand) * 2);
}

/* Two peaks, one of them below zero, far apart. */
static double
draw_bimodal (GRand *rand)
{
  return g_rand_boolean (rand) ? 1e6 + 1e4 * draw_normal (rand) : -3 + draw_normal (rand);
}

static double
draw_constant (GRand *rand)
{
  return 42.5;
}

typedef struct
{
  const char *name;
  double (*draw) (GRand *rand);
} Distribution;

static const Distribution distributions[] = {
  { "uniform", draw_uniform }, { "exponential", draw_exponential }, { "lognormal", draw_lognormal },
  { "bimodal", draw_bimodal }, { "constant", draw_constant },
};

/* What one process reports that sampled these. */
static Muster__V1__Snapshot *
sample (const double *samples, guint n)
{
  MusterMetricsOptions options = { .interval_us = 0 };
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (&options);

  for (guint i = 0; i < n; i++)
    muster_metrics_sample (metrics, NULL, "x", samples[i]);
  return take_one (metrics);
}

static void
check_quantiles (const Muster__V1__Metric *metric, const double *sorted)
{
  static const double quantiles[] = { 0, 0.0001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1 };

  g_assert_cmpuint (metric->count, ==, N_SAMPLES);
  for (guint i = 0; i < G_N_ELEMENTS (quantiles); i++)
    {
      double right = sorted[(gsize) (quantiles[i] * (N_SAMPLES - 1))];
      double got = muster_metric_get_quantile (metric, quantiles[i]);

      if (!(fabs (got - right) <= fabs (right) * 0.01))
        g_error ("quantile %g is %g and not %g", quantiles[i], got, right);
    }
}

/* The samples, as @n_processes took them, merged in the order that @stride tells. */
static void
check_merged (const double *samples, const double *sorted, guint n_processes, guint stride, MusterArena *arena)
{
  g_autoptr (GPtrArray) snapshots = g_ptr_array_new_with_free_func ((GDestroyNotify) free_snapshot);
  Muster__V1__Metric merged = MUSTER__V1__METRIC__INIT;

  merged.type = (char *) "sample";
  for (guint i = 0; i < n_processes; i++)
    {
      guint at = i * stride % n_processes;
      guint begin = (guint) ((guint64) N_SAMPLES * at / n_processes);
      guint end = (guint) ((guint64) N_SAMPLES * (at + 1) / n_processes);
      Muster__V1__Snapshot *snapshot = sample (samples + begin, end - begin);

      g_ptr_array_add (snapshots, snapshot);
      g_assert_true (muster_metric_is_valid (find_metric (snapshot, "x")));
      muster_metric_merge (&merged, find_metric (snapshot, "x"), TRUE, arena);
    }
  check_quantiles (&merged, sorted);
  assert_equal (merged.sketch, make_sketch (samples, N_SAMPLES, arena));
}

static void
test_distribution (gconstpointer data)
{
  const Distribution *distribution = data;
  g_autoptr (GRand) rand = g_rand_new_with_seed (4711);
  g_autoptr (MusterArena) arena = muster_arena_new ();
  g_autofree double *samples = g_new (double, N_SAMPLES);
  g_autofree double *sorted = NULL;

  for (guint i = 0; i < N_SAMPLES; i++)
    samples[i] = distribution->draw (rand);
  sorted = g_memdup2 (samples, N_SAMPLES * sizeof *samples);
  qsort (sorted, N_SAMPLES, sizeof *sorted, compare_doubles);
  check_merged (samples, sorted, 1, 1, arena);
  check_merged (samples, sorted, 8, 3, arena);
  check_merged (samples, sorted, 64, 1, arena);
  check_merged (samples, sorted, 64, 27, arena);
}

/* Samples of any size and sign, taken one by one in any order, are the sketch that counts them all at once. */
static void
test_same_as_counted (void)
{
  g_autoptr (MusterArena) arena = muster_arena_new ();
  enum
  {
    N = 2000
  };
  double samples[N];

  for (guint round = 0; round < 300; round++)
    {
      double range = g_test_rand_double_range (0, round % 3 == 0 ? 700 : 45);
      double low = g_test_rand_double_range (-700, 700 - range);
      guint n = (guint) g_test_rand_int_range (1, N);
      g_autoptr (Muster__V1__Snapshot) snapshot = NULL;
      Muster__V1__Metric *metric;

      for (guint i = 0; i < n; i++)
        {
          double sample = exp (low + g_test_rand_double () * range);

          samples[i] = i % 100 == 7 ? 0 : g_test_rand_double () < 0.3 ? -sample : i % 3 == 0 ? samples[i / 2] : sample;
        }
      snapshot = sample (samples, n);
      metric = find_metric (snapshot, "x");
      g_assert_nonnull (metric->sketch);
      assert_equal (metric->sketch, make_sketch (samples, n, arena));
    }
}

/* -- what fits ----------------------------------------------------------------------------------- */

static guint
count_sketches (GPtrArray *entries)
{
  guint n = 0;

  for (guint i = 0; i < entries->len; i++)
    {
      g_autoptr (Muster__V1__Snapshot) snapshot = unpack_snapshot (entries->pdata[i]);

      for (gsize k = 0; k < snapshot->n_metrics; k++)
        {
          g_assert_true (muster_metric_is_valid (snapshot->metrics[k]));
          n += snapshot->metrics[k]->sketch != NULL;
        }
    }
  return n;
}

static guint
sample_many (MusterMetrics *metrics, guint n_metrics, guint n_samples, double (*draw) (GRand *rand))
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (n_samples);
  g_autoptr (GPtrArray) entries = NULL;
  char id[16];

  for (guint i = 0; i < n_samples; i++)
    for (guint k = 0; k < n_metrics; k++)
      {
        g_snprintf (id, sizeof id, "%u", k);
        muster_metrics_sample (metrics, NULL, id, draw (rand));
      }
  entries = muster_metrics_take_snapshot (metrics, 0, SECOND_NS, FALSE);
  return count_sketches (entries);
}

static double
draw_latency (GRand *rand)
{
  return exp (draw_normal (rand));
}

/* As many metrics as there may be, each with samples that differ by three orders of magnitude: there is room. */
static void
test_many (gconstpointer data)
{
  const Distribution *distribution = data;
  enum
  {
    N = 10000
  };
  int fd = make_journal (N);
  MusterMetricsArea *area = muster_metrics_area_open (fd, NULL, NULL);
  g_autoptr (MusterMetrics) metrics = muster_metrics_new_in_area (NULL, area);

  for (guint round = 0; round < 2; round++)
    {
      g_assert_cmpuint (sample_many (metrics, N, 300, distribution->draw), ==, N);
      g_test_message ("%u bytes", muster_metrics_area_get_sketches (area)->n_used * MUSTER_SKETCH_PAGE);
    }
  close (fd);
}

static const Distribution ordinary[] = { { "latency", draw_latency }, { "exponential", draw_exponential } };

/* Where there is none, the metrics count as ever, but have no quantiles; once there is, they have them again. */
static void
test_no_room (void)
{
  MusterMetricsOptions options = { .sketch_bytes = 4096 };
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (&options);
  g_autoptr (Muster__V1__Snapshot) snapshot = NULL;
  guint n;

  n = sample_many (metrics, 100, 50, draw_latency);
  g_assert_cmpuint (n, >, 0);
  g_assert_cmpuint (n, <, 50);
  for (guint i = 0; i < 10; i++)
    muster_metrics_sample (metrics, NULL, "99", 2);
  g_ptr_array_unref (muster_metrics_take_snapshot (metrics, 0, 1, FALSE));
  for (guint i = 0; i < 1000; i++)
    muster_metrics_sample (metrics, NULL, "99", 2);
  snapshot = take_one (metrics);
  g_assert_cmpuint (snapshot->n_metrics, ==, 1);
  g_assert_cmpuint (snapshot->metrics[0]->count, ==, 1000);
  g_assert_cmpfloat (muster_metric_get_quantile (snapshot->metrics[0], 0.5), ==, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (distributions); i++)
    {
      g_autofree char *path = g_strconcat ("/metrics-quantiles/", distributions[i].name, NULL);

      g_test_add_data_func (path, &distributions[i], test_distribution);
    }
  for (guint i = 0; i < G_N_ELEMENTS (ordinary); i++)
    {
      g_autofree char *path = g_strconcat ("/metrics-quantiles/many/", ordinary[i].name, NULL);

      g_test_add_data_func (path, &ordinary[i], test_many);
    }
  g_test_add_func ("/metrics-quantiles/same-as-counted", test_same_as_counted);
  g_test_add_func ("/metrics-quantiles/no-room", test_no_room);
  return g_test_run ();
}
