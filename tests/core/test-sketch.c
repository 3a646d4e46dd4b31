/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sketches as messages, against the samples themselves.
 */
#include "config.h"

#include "sketch-helpers.h"

/* A bin's bounds are where the index changes, and are no further apart than they may. */
static void
test_mapping (void)
{
  for (gint32 index = MUSTER_SKETCH_INDEX_MIN; index < MUSTER_SKETCH_INDEX_MAX; index++)
    {
      double low = muster_sketch_get_bound (index);
      double middle = muster_sketch_get_middle (index);

      g_assert_cmpint (muster_sketch_get_index (low * (1 + 1e-12)), ==, index);
      if (index > MUSTER_SKETCH_INDEX_MIN)
        g_assert_cmpint (muster_sketch_get_index (low * (1 - 1e-12)), ==, index - 1);
      g_assert_cmpint (muster_sketch_get_index (middle), ==, index);
      g_assert_cmpfloat (middle / low, <, 1.01);
      if (index < MUSTER_SKETCH_INDEX_MAX - 1)
        g_assert_cmpfloat (muster_sketch_get_bound (index + 1) / middle, <, 1.0102);
      if (index < MUSTER_SKETCH_INDEX_MAX - 1)
        g_assert_cmpfloat (fabs (middle / muster_sketch_get_bound (index + 1) - 1), <, 0.01);
    }
  g_assert_cmpint (muster_sketch_get_index (1), ==, 0);
  g_assert_cmpint (muster_sketch_get_index (2), ==, 35);
  g_assert_cmpint (muster_sketch_get_index (0.5), ==, -35);
  g_assert_cmpint (muster_sketch_get_index (MUSTER_SKETCH_MAGNITUDE_MIN), ==, MUSTER_SKETCH_INDEX_MIN);
  g_assert_cmpint (muster_sketch_get_index (G_MAXDOUBLE), >=, MUSTER_SKETCH_INDEX_MAX - 1);
  g_assert_cmpint (muster_sketch_get_index (G_MAXDOUBLE), <=, MUSTER_SKETCH_INDEX_MAX);
}

/* Samples of all sizes and both signs, cut into parts, merged in any order: the sketch of the whole, byte for byte. */
static void
test_merge (void)
{
  g_autoptr (MusterArena) arena = muster_arena_new ();
  enum
  {
    N = 3000,
    PARTS = 7
  };
  g_autofree double *samples = g_new (double, N);

  for (guint wide = 0; wide < 4; wide++)
    {
      double range = wide == 0 ? 1 : wide == 1 ? 20 : wide == 2 ? 60 : 700;
      Muster__V1__Sketch *whole;

      for (guint i = 0; i < N; i++)
        {
          double magnitude = g_test_rand_double_range (-range, range);

          samples[i] = i % 50 == 0 ? 0 : (i % 3 == 0 ? -1 : 1) * exp (magnitude);
        }
      whole = make_sketch (samples, N, arena);
      for (guint turn = 0; turn < 5; turn++)
        {
          Muster__V1__Sketch merged = MUSTER__V1__SKETCH__INIT;

          for (guint i = 0; i < PARTS; i++)
            {
              guint part = (i * 3 + turn) % PARTS;
              guint begin = part * N / PARTS, end = (part + 1) * N / PARTS;

              muster_sketch_merge (&merged, make_sketch (samples + begin, end - begin, arena), arena);
            }
          g_assert_true (muster_sketch_is_valid (&merged, N));
          assert_equal (&merged, whole);
        }
    }
}

static void
test_quantiles (void)
{
  static const double quantiles[] = { 0, 0.001, 0.1, 0.25, 0.5, 0.9, 0.99, 0.999, 1 };
  g_autoptr (MusterArena) arena = muster_arena_new ();
  enum
  {
    N = 5000
  };
  g_autofree double *samples = g_new (double, N);
  Muster__V1__Metric metric = MUSTER__V1__METRIC__INIT;

  for (guint i = 0; i < N; i++)
    samples[i] = i % 10 == 0 ? 0 : (i % 3 == 0 ? -1 : 1) * exp (g_test_rand_double_range (-9, 9));
  metric.sketch = make_sketch (samples, N, arena);
  g_assert_true (isnan (muster_metric_get_quantile (&metric, 0.5)));
  qsort (samples, N, sizeof *samples, compare_doubles);
  metric.count = N;
  metric.min = samples[0];
  metric.max = samples[N - 1];
  for (guint i = 0; i < G_N_ELEMENTS (quantiles); i++)
    {
      double right = samples[(guint) (quantiles[i] * (N - 1))];

      g_assert_cmpfloat (fabs (muster_metric_get_quantile (&metric, quantiles[i]) - right), <=, fabs (right) * 0.01);
    }
  g_assert_cmpfloat (muster_metric_get_quantile (&metric, 0), ==, metric.min);
  g_assert_cmpfloat (muster_metric_get_quantile (&metric, 1), ==, metric.max);
  g_assert_true (isnan (muster_metric_get_quantile (&metric, -0.1)));
  g_assert_true (isnan (muster_metric_get_quantile (&metric, NAN)));
  metric.sketch = NULL;
  g_assert_true (isnan (muster_metric_get_quantile (&metric, 0.5)));
}

static void
assert_validity (gboolean valid, gint32 first, const char *bytes, gsize n, guint64 count)
{
  Muster__V1__Sketch sketch = MUSTER__V1__SKETCH__INIT;

  sketch.negative_first = first;
  sketch.negative.data = (guint8 *) bytes;
  sketch.negative.len = n;
  g_assert_cmpint (muster_sketch_is_valid (&sketch, count), ==, valid);
}

/* What strangers may send. */
static void
test_validity (void)
{
  assert_validity (TRUE, 0, "", 0, 0);
  assert_validity (TRUE, 7, "\x02", 1, 1);
  assert_validity (TRUE, 7, "\x02\x03\x04", 3, 3);
  assert_validity (FALSE, 7, "\x02\x03\x04", 3, 2);
  assert_validity (FALSE, 7, "\x03\x04", 2, 2);          /* begins with nothing */
  assert_validity (FALSE, 7, "\x02\x03", 2, 1);          /* ends with nothing */
  assert_validity (FALSE, 7, "\x02\x01\x01\x04", 4, 3);  /* one after the other */
  assert_validity (FALSE, 7, "\x02\x00\x02", 3, 2);      /* a count of none */
  assert_validity (FALSE, 7, "\x82", 1, 1);              /* cut */
  assert_validity (TRUE, 64, "\x02\xfb\x1f\x02", 4, 2);  /* 2046 between */
  assert_validity (FALSE, 65, "\x02\xfb\x1f\x02", 4, 2); /* too low beside the highest */
  assert_validity (FALSE, 64, "\x02\xfd\x1f\x02", 4, 2); /* 2047 */
  assert_validity (FALSE, 7, "\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02", 12, 2); /* 2^63 */
  assert_validity (FALSE, 7, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, G_MAXUINT64 / 2);
  assert_validity (TRUE, MUSTER_SKETCH_INDEX_MIN, "\x02", 1, 1);
  assert_validity (FALSE, MUSTER_SKETCH_INDEX_MIN - 1, "\x02", 1, 1);
  assert_validity (TRUE, MUSTER_SKETCH_INDEX_MAX - 1, "\x02\x02", 2, 2);
  assert_validity (FALSE, MUSTER_SKETCH_INDEX_MAX, "\x02\x02", 2, 2);
  assert_validity (FALSE, G_MAXINT32, "\x02\x02", 2, 2);
}

/* Where one has samples that are in no sketch, the sum has no quantiles, in whatever order. */
static void
test_absent (void)
{
  static const double samples[] = { 1, 2, 3 };
  g_autoptr (MusterArena) arena = muster_arena_new ();
  Muster__V1__Metric with = MUSTER__V1__METRIC__INIT, without, empty, into;

  with.type = (char *) "sample";
  without = empty = with;
  with.count = without.count = 3;
  with.sketch = make_sketch (samples, 3, arena);
  into = empty;
  muster_metric_merge (&into, &with, TRUE, arena);
  g_assert_true (into.sketch == with.sketch);
  muster_metric_merge (&into, &empty, TRUE, arena);
  g_assert_true (into.sketch == with.sketch);
  muster_metric_merge (&into, &with, TRUE, arena);
  g_assert_true (muster_sketch_is_valid (into.sketch, 6));
  g_assert_true (muster_sketch_is_valid (with.sketch, 3));
  muster_metric_merge (&into, &without, TRUE, arena);
  g_assert_null (into.sketch);
  muster_metric_merge (&into, &with, TRUE, arena);
  g_assert_null (into.sketch);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sketch/mapping", test_mapping);
  g_test_add_func ("/sketch/merge", test_merge);
  g_test_add_func ("/sketch/quantiles", test_quantiles);
  g_test_add_func ("/sketch/validity", test_validity);
  g_test_add_func ("/sketch/absent", test_absent);
  return g_test_run ();
}
