/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Two metrics objects with intervals of their own, and workers that count in both without pause, over hundreds of
 * boundaries: every call is in exactly one delivery, also where the worker is killed.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>

#include "cluster-helpers.h"
#include "muster-dataset-struct-private.h"
#include "storm.h"
#include "test-collector.h"

#define BOUNDARIES 220u

typedef struct
{
  char *base, *runtime_dir, *path;
  volatile Storm *storm;
  MusterCluster *cluster;
  guint n_fast;      /* deliveries of "fast" */
  GHashTable *ends;  /* owned; "NAME END" of those that are not late */
  double incs[2][2]; /* delivered, by worker and metrics */
  guint32 pids[2];
  guint64 n_partial[2]; /* deliveries of the metrics in which a worker is partial */
} Fixture;

static void
add_up (Fixture *fixture, const MusterDatasetProcess *process, guint metrics)
{
  guint worker = g_str_equal (process->worker, "web-2");

  fixture->pids[worker] = process->pid;
  for (guint i = 0; i < process->metrics->len; i++)
    {
      const Muster__V1__Metric *metric = process->metrics->pdata[i];

      g_assert_cmpstr (metric->id, ==, "incs");
      g_assert_cmpfloat (metric->sum, ==, (double) metric->count);
      fixture->incs[worker][metrics] += metric->sum;
    }
}

static void
delivery_cb (MusterCluster *cluster, MusterDataset *dataset, Fixture *fixture)
{
  guint metrics = g_str_equal (muster_dataset_get_name (dataset), "fast");

  g_assert_cmpuint (muster_dataset_get_id (dataset), ==, metrics);
  g_assert_cmpint (muster_dataset_get_interval_ns (dataset), ==, metrics == 1 ? 20000000 : 250000000);
  if (dataset->late->len == 0)
    g_assert_true (g_hash_table_add (
        fixture->ends, g_strdup_printf ("%u %" G_GINT64_FORMAT, metrics, muster_dataset_get_end_ns (dataset))));
  fixture->n_fast += metrics;
  fixture->n_partial[metrics] += dataset->partial->len > 0;
  for (guint i = 0; i < dataset->processes->len; i++)
    {
      const MusterDatasetProcess *process = dataset->processes->pdata[i];

      if (g_str_has_prefix (process->worker, "web-"))
        add_up (fixture, process, metrics);
    }
}

static void
set_up (Fixture *fixture)
{
  g_autoptr (MusterMetricsGroup) fast = muster_metrics_group_new ("fast", 20 * G_TIME_SPAN_MILLISECOND);

  fixture->base = g_dir_make_tmp ("muster-XXXXXX", NULL);
  fixture->runtime_dir = g_build_filename (fixture->base, "run", NULL);
  fixture->ends = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  fixture->path = g_build_filename (fixture->base, "storm", NULL);
  fixture->storm = map_shared (fixture->path, sizeof (Storm));
  fixture->cluster = g_object_new (MUSTER_TYPE_CLUSTER, "name", "test", "host", "here", "runtime-dir",
                                   fixture->runtime_dir, "interval", 250 * G_TIME_SPAN_MILLISECOND, NULL);
  muster_cluster_add_metrics (fixture->cluster, fast);
  g_signal_connect (fixture->cluster, "delivery", G_CALLBACK (delivery_cb), fixture);
  cluster_add_workers (fixture->cluster, "storm", fixture->path, 2);
  cluster_start (fixture->cluster);
}

static void
tear_down (Fixture *fixture)
{
  g_assert_finalize_object (fixture->cluster);
  g_hash_table_unref (fixture->ends);
  munmap ((gpointer) fixture->storm, sizeof (Storm));
  g_unlink (fixture->path);
  g_rmdir (fixture->base);
  g_free (fixture->path);
  g_free (fixture->runtime_dir);
  g_free (fixture->base);
}

static gboolean
have_ended (Fixture *fixture)
{
  g_autoptr (GPtrArray) list = muster_cluster_list_workers (fixture->cluster);

  for (guint i = 0; i < list->len; i++)
    if (muster_worker_process_get_state (list->pdata[i]) != MUSTER_WORKER_STOPPED)
      return FALSE;
  return TRUE;
}

/* Of the one that ended by itself, all; of the killed one perhaps a call of each thread that had not returned. */
static void
check (Fixture *fixture, guint worker, double more)
{
  for (guint metrics = 0; metrics < 2; metrics++)
    {
      double returned =
          (double) (fixture->storm->returned[worker][0][metrics] + fixture->storm->returned[worker][1][metrics]);

      g_assert_cmpfloat (returned, >, 1000);
      g_assert_cmpfloat (fixture->incs[worker][metrics], >=, returned);
      g_assert_cmpfloat (fixture->incs[worker][metrics], <=, returned + more);
    }
}

static void
test_boundaries (void)
{
  Fixture fixture = { 0 };

  set_up (&fixture);
  g_assert_true (muster_cluster_get_metrics (fixture.cluster) != NULL);
  g_assert_cmpstr (muster_metrics_get_name (muster_cluster_get_metrics_by_name (fixture.cluster, "fast")), ==, "fast");
  g_assert_null (muster_cluster_get_metrics_by_name (fixture.cluster, "slow"));
  WAIT_UNTIL (fixture.n_fast >= BOUNDARIES && fixture.pids[0] != 0 && fixture.pids[1] != 0);
  g_assert_no_errno (kill ((pid_t) fixture.pids[1], SIGKILL));
  fixture.storm->stop[0] = 1;
  WAIT_UNTIL (have_ended (&fixture));
  cluster_stop (fixture.cluster);
  check (&fixture, 0, 0);
  check (&fixture, 1, 2);
  g_assert_cmpuint (fixture.n_partial[0], >, 0);
  g_assert_cmpuint (fixture.n_partial[1], >, 0);
  tear_down (&fixture);
}

/* -- transformers ---------------------------------------------------------------------------------- */

typedef struct
{
  char *json[2]; /* of the last delivery of each */
} Seen;

static void
see_cb (MusterCluster *cluster, MusterDataset *dataset, Seen *seen)
{
  char **json = &seen->json[muster_dataset_get_id (dataset)];

  g_free (*json);
  *json = muster_dataset_to_json (dataset);
}

static GVariant *
transform_cb (MusterCluster *cluster, MusterDataset *dataset, const char *worker, GVariant *data, gpointer user_data)
{
  g_assert_cmpstr (worker, ==, "master");
  g_assert_true (g_variant_is_of_type (data, G_VARIANT_TYPE_VARDICT));
  return *muster_dataset_get_name (dataset) == '\0' ? g_variant_new_parsed ("{'mine': <%v>}", data) : NULL;
}

/* A handler has the first word; where it has none, the group's transformer. */
static void
test_transform (void)
{
  g_autofree char *base = g_dir_make_tmp ("muster-XXXXXX", NULL);
  g_autofree char *runtime_dir = g_build_filename (base, "run", NULL);
  g_autoptr (MusterCluster) cluster =
      g_object_new (MUSTER_TYPE_CLUSTER, "name", "test", "runtime-dir", runtime_dir, "interval",
                    50 * G_TIME_SPAN_MILLISECOND, "transformer", MUSTER_TRANSFORMER_FLAT, NULL);
  g_autoptr (MusterMetricsGroup) fast = muster_metrics_group_new ("fast", 20 * G_TIME_SPAN_MILLISECOND);
  Seen seen = { { NULL } };

  g_object_set (fast, "transformer", MUSTER_TRANSFORMER_VALUES, NULL);
  muster_cluster_add_metrics (cluster, fast);
  g_signal_connect (cluster, "delivery", G_CALLBACK (see_cb), &seen);
  g_signal_connect (cluster, "transform", G_CALLBACK (transform_cb), NULL);
  cluster_start (cluster);
  WAIT_UNTIL (seen.json[0] != NULL && seen.json[1] != NULL);
  cluster_stop (cluster);
  g_assert_nonnull (strstr (seen.json[0], "\"data\":{\"master\":{\"mine\":{\"pid\":{\"type\":\"set\",\"value\":{"));
  g_assert_nonnull (strstr (seen.json[1], "\"data\":{\"master\":{\"pid\":"));
  g_assert_null (strstr (seen.json[1], "\"type\""));
  g_free (seen.json[0]);
  g_free (seen.json[1]);
  g_assert_no_errno (g_rmdir (base));
}

static void
test_two_of_one_name (void)
{
  g_autoptr (MusterCluster) cluster = muster_cluster_new ("test");
  g_autoptr (MusterMetricsGroup) fast = muster_metrics_group_new ("fast", G_TIME_SPAN_SECOND);
  g_autoptr (MusterMetricsGroup) bad = muster_metrics_group_new ("no name", G_TIME_SPAN_SECOND);
  g_autoptr (GError) error = NULL;

  muster_cluster_add_metrics (cluster, fast);
  muster_cluster_add_metrics (cluster, fast);
  g_assert_false (muster_cluster_start (cluster, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_EXISTS);
  g_assert_nonnull (strstr (error->message, "\"fast\""));
  g_clear_error (&error);
  g_clear_object (&cluster);
  cluster = muster_cluster_new ("test");
  muster_cluster_add_metrics (cluster, bad);
  g_assert_false (muster_cluster_start (cluster, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
}

/* A worker that asks for what is not there goes on. */
static void
test_stranger (void)
{
  g_autoptr (MusterWorker) worker = muster_worker_new ();
  MusterMetrics *metrics = muster_worker_get_metrics_by_name (worker, "fast");

  g_assert_true (MUSTER_IS_METRICS (metrics));
  g_assert_true (metrics == muster_worker_get_metrics_by_name (worker, "fast"));
  g_assert_true (muster_worker_get_metrics_by_name (worker, "") == muster_worker_get_metrics (worker));
  muster_metrics_inc (metrics, NULL, "x", 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/several-metrics/boundaries", test_boundaries);
  g_test_add_func ("/several-metrics/transform", test_transform);
  g_test_add_func ("/several-metrics/two-of-one-name", test_two_of_one_name);
  g_test_add_func ("/several-metrics/stranger", test_stranger);
  return g_test_run ();
}
