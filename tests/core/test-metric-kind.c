/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Kinds of metrics of one's own: the greatest of all values and their product, which is no kind that Muster has.
 */
#include "config.h"

#include "metrics-area-helpers.h"
#include "muster-error.h"
#include "muster-metric-merge-private.h"

typedef struct
{
  double product;
  double greatest;
  guint8 tail[3]; /* so that its size is no multiple of a word */
} __attribute__ ((packed)) State;

static void
reset (gpointer data)
{
  State *state = data;

  state->product = 1;
  state->greatest = -INFINITY;
}

static void
update (gpointer data, double value)
{
  State *state = data;

  state->product *= value;
  state->greatest = MAX (state->greatest, value);
}

static void
merge (gpointer into, gconstpointer from)
{
  State *state = into;
  const State *other = from;

  state->product *= other->product;
  state->greatest = MAX (state->greatest, other->greatest);
}

static gboolean
validate (gconstpointer data)
{
  return !isnan (((const State *) data)->product);
}

static void
report_state (gconstpointer data, MusterMetricReportFunc func, gpointer user_data)
{
  const State *state = data;

  func ("product", state->product, user_data);
  func ("greatest", state->greatest, user_data);
}

static const MusterMetricKind product = {
  .name = "product",
  .state_size = sizeof (State),
  .reset = reset,
  .update = update,
  .merge = merge,
  .validate = validate,
  .report = report_state,
};
/* Never registered: as in a primary that does not have the plugin. */
static const MusterMetricKind stranger = {
  .name = "stranger",
  .state_size = sizeof (State),
  .update = update,
  .merge = merge,
};

static State
get_state (const Muster__V1__Metric *metric)
{
  State state;

  g_assert_cmpuint (metric->state.len, ==, sizeof state);
  memcpy (&state, metric->state.data, sizeof state);
  return state;
}

static void
assert_refused (MusterMetricKind kind, int code)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (muster_metric_kind_register (&kind, &error));
  g_assert_error (error, MUSTER_ERROR, code);
}

static void
test_register (void)
{
  g_autoptr (GError) error = NULL;
  MusterMetricKind bad = product;

  g_assert_true (muster_metric_kind_register (&product, &error));
  g_assert_no_error (error);
  g_assert_true (muster_metric_kind_register (&product, &error));
  g_assert_true (muster_metric_kind_find ("product") == &product);
  g_assert_null (muster_metric_kind_find ("stranger"));
  assert_refused (bad, MUSTER_ERROR_EXISTS);
  bad.name = "timedSample";
  assert_refused (bad, MUSTER_ERROR_EXISTS);
  bad.name = "caf\xe9";
  assert_refused (bad, MUSTER_ERROR_INVALID);
  bad.name = "";
  assert_refused (bad, MUSTER_ERROR_INVALID);
  bad.name = "another";
  bad.state_size = MUSTER_METRIC_STATE_SIZE_MAX + 1;
  assert_refused (bad, MUSTER_ERROR_INVALID);
  bad.state_size = 8;
  bad.merge = NULL;
  assert_refused (bad, MUSTER_ERROR_INVALID);
}

static void
test_updates (void)
{
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (NULL);
  MusterMetric *handle = muster_metrics_lookup_kind (metrics, &product, NULL, "x");
  g_autoptr (Muster__V1__Snapshot) first = NULL;
  g_autoptr (Muster__V1__Snapshot) second = NULL;

  g_assert_true (handle == muster_metrics_lookup_kind (metrics, &product, NULL, "x"));
  muster_metrics_update (metrics, &product, NULL, "x", 3);
  muster_metric_update (handle, 5);
  muster_metrics_update (metrics, &product, NULL, "x", 2);
  muster_metrics_inc (metrics, NULL, "x", 1); /* refused: */
  muster_metrics_update (metrics, &stranger, NULL, "x", 7);
  muster_metric_add (handle, 7);
  first = take_one (metrics);
  g_assert_cmpuint (first->overflow, ==, 3);
  g_assert_cmpuint (first->n_metrics, ==, 1);
  g_assert_cmpstr (first->metrics[0]->type, ==, "product");
  g_assert_cmpuint (first->metrics[0]->count, ==, 3);
  g_assert_true (muster_metric_is_valid (first->metrics[0]));
  g_assert_cmpfloat (get_state (first->metrics[0]).product, ==, 30);
  g_assert_cmpfloat (get_state (first->metrics[0]).greatest, ==, 5);
  /* The next interval begins anew, and the metric may be of another kind. */
  muster_metrics_update (metrics, &stranger, NULL, "x", 7);
  muster_metrics_update (metrics, &product, NULL, "y", 7);
  second = take_one (metrics);
  g_assert_cmpstr (find_metric (second, "x")->type, ==, "stranger");
  g_assert_cmpfloat (get_state (find_metric (second, "x")).greatest, ==, 7);
  g_assert_cmpfloat (get_state (find_metric (second, "y")).product, ==, 7);
}

static void
test_persist (void)
{
  MusterMetricsOptions options = { .persist = TRUE };
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (&options);
  g_autoptr (Muster__V1__Snapshot) second = NULL;

  muster_metrics_update (metrics, &product, NULL, "x", 3);
  g_ptr_array_unref (muster_metrics_take_snapshot (metrics, 0, 1, FALSE));
  second = take_one (metrics);
  g_assert_cmpuint (second->metrics[0]->count, ==, 0);
  g_assert_cmpfloat (get_state (second->metrics[0]).product, ==, 1);
}

/* A process that was killed: known here or not. */
static void
test_recovered (void)
{
  int fd = make_journal (16);
  MusterMetricsOptions options = { .max_metrics = 16 };
  g_autoptr (MusterMetrics) metrics =
      muster_metrics_new_in_area (&options, muster_metrics_area_open (fd, &options, NULL));
  g_autoptr (GPtrArray) entries = NULL;
  g_autoptr (Muster__V1__Snapshot) left = NULL;

  for (guint i = 1; i <= 5; i++)
    {
      muster_metrics_update (metrics, &product, NULL, "x", i);
      muster_metrics_update (metrics, &stranger, NULL, "y", i);
    }
  entries = recover (fd, 16, 1000, FALSE);
  g_assert_cmpuint (entries->len, ==, 1);
  left = unpack_snapshot (entries->pdata[0]);
  g_assert_cmpuint (left->n_metrics, ==, 2);
  g_assert_cmpfloat (get_state (find_metric (left, "x")).product, ==, 120);
  g_assert_cmpstr (find_metric (left, "x")->type, ==, "product");
  g_assert_cmpuint (find_metric (left, "y")->count, ==, 5);
  g_assert_cmpfloat (get_state (find_metric (left, "y")).greatest, ==, 5);
  close (fd);
}

static Muster__V1__Snapshot *
measure (const MusterMetricKind *kind, double value)
{
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (NULL);

  muster_metrics_update (metrics, kind, NULL, "x", value);
  return take_one (metrics);
}

static void
test_merged (void)
{
  g_autoptr (MusterArena) arena = muster_arena_new ();
  g_autoptr (GHashTable) index = muster_metric_index_new ();
  g_autoptr (GPtrArray) metrics = g_ptr_array_new ();
  g_autoptr (Muster__V1__Snapshot) a = measure (&product, 3);
  g_autoptr (Muster__V1__Snapshot) b = measure (&product, 4);
  g_autoptr (Muster__V1__Snapshot) c = measure (&stranger, 3);
  g_autoptr (Muster__V1__Snapshot) d = measure (&stranger, 3);
  Muster__V1__Metric into = *a->metrics[0];

  muster_metric_merge (&into, b->metrics[0], TRUE, arena);
  g_assert_cmpuint (into.count, ==, 2);
  g_assert_cmpfloat (get_state (&into).product, ==, 12);
  g_assert_cmpfloat (get_state (a->metrics[0]).product, ==, 3);
  /* What nobody here can merge is not. */
  g_assert_false (muster_metric_can_merge (c->metrics[0]));
  into = *c->metrics[0];
  g_assert_cmpuint (muster_metric_index_merge (index, metrics, &into, TRUE, arena), ==, 0);
  g_assert_cmpuint (muster_metric_index_merge (index, metrics, d->metrics[0], TRUE, arena), ==, 1);
  g_assert_true (into.state.data == d->metrics[0]->state.data);
  into = *c->metrics[0];
  muster_metric_merge (&into, d->metrics[0], TRUE, arena);
  g_assert_cmpuint (into.count, ==, 2);
  g_assert_cmpuint (into.state.len, ==, 0);
}

static void
test_valid (void)
{
  g_autoptr (Muster__V1__Snapshot) snapshot = measure (&product, 3);
  Muster__V1__Metric *metric = snapshot->metrics[0];
  ProtobufCBinaryData state = metric->state;

  g_assert_true (muster_metric_can_merge (metric));
  metric->state.len--;
  g_assert_false (muster_metric_can_merge (metric));
  metric->state = state;
  memcpy (state.data, &(double){ NAN }, sizeof (double));
  g_assert_false (muster_metric_can_merge (metric));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/metric-kind/register", test_register);
  g_test_add_func ("/metric-kind/updates", test_updates);
  g_test_add_func ("/metric-kind/persist", test_persist);
  g_test_add_func ("/metric-kind/recovered", test_recovered);
  g_test_add_func ("/metric-kind/merged", test_merged);
  g_test_add_func ("/metric-kind/valid", test_valid);
  return g_test_run ();
}
