/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <math.h>

#include "muster-metric-merge-private.h"
#include "muster-metric-slot-private.h"

static Muster__V1__Metric
make_metric (const char *id, const char *type)
{
  Muster__V1__Metric metric = MUSTER__V1__METRIC__INIT;

  metric.id = (char *) id;
  metric.type = (char *) type;
  return metric;
}

static Muster__V1__Metric
make_samples (const double *samples, guint n)
{
  Muster__V1__Metric metric = make_metric ("x", "sample");
  MusterMetricValue value;

  muster_metric_value_reset (&value);
  for (guint i = 0; i < n; i++)
    muster_metric_value_sample (&value, &value, samples[i]);
  metric.count = value.count;
  if (n == 0)
    return metric;
  metric.sum = value.sum;
  metric.min = value.min;
  metric.max = value.max;
  metric.mean = value.mean;
  metric.m2 = value.m2;
  return metric;
}

/* Two halves merged are the whole, wherever it is cut. */
static void
test_samples (void)
{
  static const double samples[] = { 3, -1.5, 1e6, 0.001, 17, 17, -42, 1e6 + 1, 5, 8 };
  const guint n = G_N_ELEMENTS (samples);
  Muster__V1__Metric whole = make_samples (samples, n);

  for (guint cut = 0; cut <= n; cut++)
    {
      Muster__V1__Metric first = make_samples (samples, cut);
      Muster__V1__Metric second = make_samples (samples + cut, n - cut);

      muster_metric_merge (&first, &second, cut % 2 == 0, NULL);
      g_assert_cmpuint (first.count, ==, whole.count);
      g_assert_cmpfloat_with_epsilon (first.sum, whole.sum, 1e-6);
      g_assert_cmpfloat (first.min, ==, -42);
      g_assert_cmpfloat (first.max, ==, 1e6 + 1);
      g_assert_cmpfloat_with_epsilon (first.mean, whole.mean, 1e-6);
      g_assert_cmpfloat_with_epsilon (first.m2 / whole.m2, 1, 1e-12);
      g_assert_cmpfloat_with_epsilon (muster_metric_get_sigma (&first), muster_metric_get_sigma (&whole), 1e-6);
    }
}

static void
test_inc (void)
{
  Muster__V1__Metric a = make_metric ("x", "inc");
  Muster__V1__Metric b = a;

  a.count = 2;
  a.sum = 5;
  b.count = 3;
  b.sum = -1;
  muster_metric_merge (&a, &b, FALSE, NULL);
  g_assert_cmpuint (a.count, ==, 5);
  g_assert_cmpfloat (a.sum, ==, 4);
}

static void
test_set (void)
{
  Muster__V1__Metric number = make_metric ("x", "set");
  Muster__V1__Metric text = number;
  Muster__V1__Metric into = number;

  number.count = text.count = 1;
  number.value_case = MUSTER__V1__METRIC__VALUE_NUMBER;
  number.number = 7;
  text.value_case = MUSTER__V1__METRIC__VALUE_TEXT;
  text.text = (char *) "seven";
  into = number;
  muster_metric_merge (&into, &text, FALSE, NULL);
  g_assert_cmpint (into.value_case, ==, MUSTER__V1__METRIC__VALUE_NUMBER);
  g_assert_cmpuint (into.count, ==, 2);
  muster_metric_merge (&into, &text, TRUE, NULL);
  g_assert_cmpint (into.value_case, ==, MUSTER__V1__METRIC__VALUE_TEXT);
  g_assert_cmpstr (into.text, ==, "seven");
  muster_metric_merge (&into, &number, TRUE, NULL);
  g_assert_cmpint (into.value_case, ==, MUSTER__V1__METRIC__VALUE_NUMBER);
  g_assert_cmpfloat (into.number, ==, 7);
}

static void
test_index (void)
{
  g_autoptr (GHashTable) index = muster_metric_index_new ();
  g_autoptr (GPtrArray) metrics = g_ptr_array_new ();
  char *path[] = { (char *) "a" };
  Muster__V1__Metric x = make_metric ("x", "inc");
  Muster__V1__Metric deep = make_metric ("x", "inc");
  Muster__V1__Metric again = make_metric ("x", "inc");
  Muster__V1__Metric other_type = make_metric ("x", "sample");

  deep.path = path;
  deep.n_path = 1;
  x.sum = deep.sum = again.sum = 1;
  x.count = deep.count = again.count = 1;
  other_type.count = 5;
  g_assert_cmpuint (muster_metric_index_merge (index, metrics, &x, TRUE, NULL), ==, 0);
  g_assert_cmpuint (muster_metric_index_merge (index, metrics, &deep, TRUE, NULL), ==, 0);
  g_assert_cmpuint (muster_metric_index_merge (index, metrics, &again, TRUE, NULL), ==, 0);
  g_assert_cmpuint (metrics->len, ==, 2);
  g_assert_cmpfloat (x.sum, ==, 2);
  g_assert_cmpfloat (deep.sum, ==, 1);
  /* Another type cannot be merged: the newer one stays, and what is lost is counted. */
  g_assert_cmpuint (muster_metric_index_merge (index, metrics, &other_type, FALSE, NULL), ==, 5);
  g_assert_cmpstr (x.type, ==, "inc");
  g_assert_cmpuint (muster_metric_index_merge (index, metrics, &other_type, TRUE, NULL), ==, 2);
  g_assert_cmpstr (x.type, ==, "sample");
  g_assert_cmpuint (metrics->len, ==, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/metric-merge/samples", test_samples);
  g_test_add_func ("/metric-merge/inc", test_inc);
  g_test_add_func ("/metric-merge/set", test_set);
  g_test_add_func ("/metric-merge/index", test_index);
  return g_test_run ();
}
