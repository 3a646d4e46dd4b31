/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A worker that counts without pause is killed at random moments: the delivery of that interval has its numbers, and
 * names it as partial; and all deliveries together have what it counted.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <signal.h>

#include "cluster-helpers.h"
#include "muster-dataset-struct-private.h"
#include "test-collector.h"

#define ROUNDS      20
#define INTERVAL_MS 250

typedef struct
{
  char *base, *runtime_dir, *count_path;
  volatile guint64 *returned; /* incs and samples, by the worker */
  MusterCluster *cluster;
  Collector *collector;

  gint64 killed_ns; /* 0: not yet */
  guint pid;        /* of whom */
  double incs;      /* delivered */
  guint64 samples;
  MusterDataset *last; /* owned, nullable: the delivery of the interval in which it was killed */
} Fixture;

static void
add_up (Fixture *fixture, const MusterDatasetProcess *process)
{
  for (guint i = 0; i < process->metrics->len; i++)
    {
      const Muster__V1__Metric *metric = process->metrics->pdata[i];

      if (strcmp (metric->id, "incs") == 0)
        fixture->incs += metric->sum;
      else if (strcmp (metric->id, "samples") == 0)
        {
          g_assert_cmpfloat (metric->mean, ==, 3);
          g_assert_cmpfloat (metric->sum, ==, 3.0 * (double) metric->count);
          fixture->samples += metric->count;
        }
    }
}

static void
delivery_cb (MusterCluster *cluster, MusterDataset *dataset, Fixture *fixture)
{
  gboolean is_of_kill = fixture->killed_ns > 0 && muster_dataset_get_end_ns (dataset) >= fixture->killed_ns;

  for (guint i = 0; i < dataset->processes->len; i++)
    {
      const MusterDatasetProcess *process = dataset->processes->pdata[i];

      if (strcmp (process->worker, "web-1") != 0)
        continue;
      add_up (fixture, process);
      g_clear_pointer (&fixture->last, muster_dataset_unref);
      fixture->last = muster_dataset_ref (dataset);
    }
  if (is_of_kill)
    fixture->killed_ns = 0; /* nothing more is to come */
}

static void
set_up (Fixture *fixture)
{
  fixture->base = g_dir_make_tmp ("muster-XXXXXX", NULL);
  fixture->runtime_dir = g_build_filename (fixture->base, "run", NULL);
  fixture->count_path = g_build_filename (fixture->base, "counts", NULL);
  fixture->returned = map_shared (fixture->count_path, 2 * sizeof (guint64));
  fixture->collector = g_object_new (collector_get_type (), "name", "collector", NULL);
  fixture->cluster = g_object_new (MUSTER_TYPE_CLUSTER, "name", "test", "host", "here", "runtime-dir",
                                   fixture->runtime_dir, "interval", INTERVAL_MS * G_TIME_SPAN_MILLISECOND, NULL);
  muster_cluster_add_transport (fixture->cluster, MUSTER_TRANSPORT (fixture->collector));
  g_signal_connect (fixture->cluster, "delivery", G_CALLBACK (delivery_cb), fixture);
  cluster_add_workers (fixture->cluster, "count", fixture->count_path, 1);
  cluster_start (fixture->cluster);
}

static void
tear_down (Fixture *fixture)
{
  cluster_stop (fixture->cluster);
  g_assert_finalize_object (fixture->cluster);
  g_assert_finalize_object (fixture->collector);
  g_clear_pointer (&fixture->last, muster_dataset_unref);
  munmap ((gpointer) fixture->returned, 2 * sizeof (guint64));
  g_unlink (fixture->count_path);
  g_rmdir (fixture->base);
  g_free (fixture->count_path);
  g_free (fixture->runtime_dir);
  g_free (fixture->base);
}

static gboolean
is_in (Fixture *fixture, MusterWorkerState state, guint *pid)
{
  g_autoptr (GPtrArray) list = muster_cluster_list_workers (fixture->cluster);

  *pid = muster_worker_process_get_pid (list->pdata[0]);
  return muster_worker_process_get_state (list->pdata[0]) == state;
}

static void
live_and_die (Fixture *fixture)
{
  g_autofree char *json = NULL;
  gint64 killed_ns;
  guint pid;

  fixture->incs = 0;
  fixture->samples = 0;
  fixture->returned[0] = fixture->returned[1] = 0;
  g_assert_true (muster_cluster_restart (fixture->cluster, "web-1", NULL));
  WAIT_UNTIL (is_in (fixture, MUSTER_WORKER_RUNNING, &pid));
  WAIT_UNTIL (fixture->returned[1] > 0);
  await_time ((guint) g_test_rand_int_range (0, 3 * INTERVAL_MS));
  killed_ns = g_get_real_time () * 1000;
  g_assert_no_errno (kill ((pid_t) pid, SIGKILL));
  WAIT_UNTIL (is_in (fixture, MUSTER_WORKER_STOPPED, &pid));
  fixture->killed_ns =
      g_get_real_time () * 1000; /* so that no interval in which it lived is open behind the next delivery */
  WAIT_UNTIL (fixture->killed_ns == 0);
  WAIT_UNTIL (fixture->incs >= (double) fixture->returned[0]);

  /* All that returned, and perhaps the call that did not. */
  g_assert_cmpfloat (fixture->incs, <=, (double) fixture->returned[0] + 1);
  g_assert_cmpuint (fixture->samples, >=, fixture->returned[1]);
  g_assert_cmpuint (fixture->samples, <=, fixture->returned[1] + 1);
  json = muster_dataset_to_json (fixture->last);
  if (muster_dataset_get_end_ns (fixture->last) < killed_ns)
    return; /* it was killed before it had counted anything in that interval */
  if (strstr (json, "\"partial\":[\"web-1\"]") == NULL)
    g_error ("killed at %" G_GINT64_FORMAT ": %.2000s", killed_ns, json);
  if (strstr (json, "\"late\":[]") == NULL)
    return; /* a machine that was busy with other things */
  g_assert_cmpuint (muster_dataset_get_n_expected (fixture->last), ==, 2);
}

static void
test_killed (void)
{
  Fixture fixture = { 0 };
  guint pid;

  set_up (&fixture);
  WAIT_UNTIL (is_in (&fixture, MUSTER_WORKER_RUNNING, &pid));
  kill ((pid_t) pid, SIGKILL);
  WAIT_UNTIL (is_in (&fixture, MUSTER_WORKER_STOPPED, &pid));
  await_time (2 * INTERVAL_MS); /* what it counted has been delivered */
  for (guint round = 0; round < ROUNDS; round++)
    live_and_die (&fixture);
  tear_down (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/killed-metrics/random", test_killed);
  return g_test_run ();
}
