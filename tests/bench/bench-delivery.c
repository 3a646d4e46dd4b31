/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the metrics of many workers cost the primary: 64 workers with 1,000 metrics each, of all kinds. This process is the
 * primary; it starts itself as the workers. Prints name, figure and unit with tabs between.
 *
 *   bench-delivery [SECONDS [INTERVAL-MS [WORKERS [METRICS [json]]]]]
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "muster-cluster-private.h"
#include "muster-dataset-struct-private.h"
#include "muster.h"

#define UPDATES_PER_SECOND 5 /* of each metric */

/* -- a worker ------------------------------------------------------------------------------------- */

static const char *const *
get_path (guint i)
{
  static const char *const paths[][3] = { { "http", "GET", NULL }, { "http", "POST", NULL }, { "db", "pool", NULL } };

  return paths[i % G_N_ELEMENTS (paths)];
}

static void
update (MusterMetrics *metrics, guint i, double value)
{
  char id[32];

  g_snprintf (id, sizeof id, "requests-%u", i);
  switch (i % 4)
    {
    case 0:
      muster_metrics_inc (metrics, get_path (i), id, 1);
      break;
    case 1:
      muster_metrics_set (metrics, get_path (i), id, value);
      break;
    case 2:
      muster_metrics_sample (metrics, get_path (i), id, value);
      break;
    default:
      muster_metrics_timed_sample (metrics, get_path (i), id, (gint64) (value * 1e6));
    }
}

static int
work (guint n_metrics)
{
  g_autoptr (MusterWorker) worker = muster_worker_new ();
  g_autoptr (GError) error = NULL;

  if (!muster_worker_connect (worker, &error))
    g_error ("%s", error->message);
  for (;;)
    {
      for (guint i = 0; i < n_metrics; i++)
        update (muster_worker_get_metrics (worker), i, g_random_double_range (0.1, 500));
      g_usleep (G_USEC_PER_SEC / UPDATES_PER_SECOND);
    }
  return 0;
}

/* -- the primary ---------------------------------------------------------------------------------- */

typedef struct
{
  GMainLoop *loop;
  MusterCluster *cluster;
  guint n_workers;
  gboolean with_json;
  guint n_deliveries; /* measured, complete */
  guint n_incomplete;
  gint64 begin_us;
  double begin_cpu_s;
  gint64 worst_us; /* after due time */
  gint64 sum_us;
  guint64 json_bytes;
} Bench;

static double
get_cpu_s (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
         + (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double
get_peak_mib (void)
{
  g_autofree char *status = NULL;
  const char *line;

  g_file_get_contents ("/proc/self/status", &status, NULL, NULL);
  line = strstr (status, "VmHWM:");
  return g_ascii_strtod (line + strlen ("VmHWM:"), NULL) / 1024;
}

/* What shares the files of others is not this process's memory. */
static double
get_anonymous_mib (void)
{
  g_autofree char *status = NULL;
  const char *line;

  g_file_get_contents ("/proc/self/status", &status, NULL, NULL);
  line = strstr (status, "RssAnon:");
  return g_ascii_strtod (line + strlen ("RssAnon:"), NULL) / 1024;
}

/* The first one that is complete begins the measurement. */
static void
delivery_cb (MusterCluster *cluster, MusterDataset *dataset, Bench *bench)
{
  gint64 due_ns = muster_dataset_get_end_ns (dataset) + muster_dataset_get_interval_ns (dataset) / 2;
  gint64 late_us = g_get_real_time () - due_ns / 1000;
  gboolean is_complete = muster_dataset_get_n_reported (dataset) == bench->n_workers + 1 && dataset->late->len == 0;

  if (bench->begin_us == 0 && is_complete)
    {
      bench->begin_us = g_get_monotonic_time ();
      bench->begin_cpu_s = get_cpu_s ();
      return;
    }
  if (bench->begin_us == 0)
    return;
  if (bench->with_json)
    {
      g_autofree char *json = muster_dataset_to_json (dataset);

      bench->json_bytes += strlen (json);
      late_us = g_get_real_time () - due_ns / 1000;
    }
  bench->n_incomplete += !is_complete;
  bench->n_deliveries += is_complete;
  bench->worst_us = MAX (bench->worst_us, late_us);
  bench->sum_us += late_us;
}

static gboolean
end_cb (gpointer data)
{
  Bench *bench = data;
  double seconds = (double) (g_get_monotonic_time () - bench->begin_us) / 1e6;
  double cpu_s = get_cpu_s () - bench->begin_cpu_s;

  printf ("deliveries, complete\t%u\t\n", bench->n_deliveries);
  printf ("deliveries, not complete\t%u\t\n", bench->n_incomplete);
  printf ("after due time, mean\t%.1f\tms\n", (double) bench->sum_us / 1e3 / MAX (bench->n_deliveries, 1));
  printf ("after due time, worst\t%.1f\tms\n", (double) bench->worst_us / 1e3);
  printf ("primary's CPU time\t%.1f\t%% of a core\n", 100 * cpu_s / seconds);
  printf ("primary's peak memory\t%.0f\tMiB\n", get_peak_mib ());
  printf ("primary's anonymous memory\t%.0f\tMiB\n", get_anonymous_mib ());
  printf ("entries of datasets, refused\t%" G_GUINT64_FORMAT "\t\n",
          muster_journal_get_drops (bench->cluster->run.journal));
  if (bench->with_json)
    printf ("JSON of a delivery\t%.1f\tMiB\n",
            (double) bench->json_bytes / (1 << 20) / MAX (bench->n_deliveries + bench->n_incomplete, 1));
  g_main_loop_quit (bench->loop);
  return G_SOURCE_REMOVE;
}

static gboolean
started_cb (gpointer data)
{
  Bench *bench = data;

  return bench->begin_us == 0 ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static void
stopped_cb (GObject *cluster, GAsyncResult *result, gpointer stopped)
{
  *(gboolean *) stopped = TRUE;
}

static void
remove_all (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      remove_all (child);
    }
  g_remove (path);
}

int
main (int argc, char **argv)
{
  guint seconds = argc > 1 ? (guint) atoi (argv[1]) : 10;
  guint interval_ms = argc > 2 ? (guint) atoi (argv[2]) : 1000;
  guint n_metrics = argc > 4 ? (guint) atoi (argv[4]) : 1000;
  Bench bench = { .n_workers = argc > 3 ? (guint) atoi (argv[3]) : 64, .with_json = argc > 5 };
  g_autofree char *base = NULL;
  g_autofree char *runtime_dir = NULL;
  g_autofree char *program = NULL;
  g_autofree char *exec = NULL;
  g_autoptr (MusterWorkerGroup) group = NULL;
  g_autoptr (GError) error = NULL;
  gboolean stopped = FALSE;

  if (argc == 3 && strcmp (argv[1], "work") == 0)
    return work ((guint) atoi (argv[2]));
  base = g_dir_make_tmp ("muster-bench-XXXXXX", NULL);
  runtime_dir = g_build_filename (base, "run", NULL);
  program = g_file_read_link ("/proc/self/exe", NULL);
  exec = g_strdup_printf ("%s work %u", program, n_metrics);
  bench.loop = g_main_loop_new (NULL, FALSE);
  bench.cluster = g_object_new (MUSTER_TYPE_CLUSTER, "name", "bench", "runtime-dir", runtime_dir, "interval",
                                interval_ms * G_TIME_SPAN_MILLISECOND, NULL);
  group = muster_worker_group_new ("load", exec);
  g_object_set (group, "instances", bench.n_workers, "journal-size", (guint64) 1 << 20, NULL);
  muster_cluster_add_group (bench.cluster, group);
  g_signal_connect (bench.cluster, "delivery", G_CALLBACK (delivery_cb), &bench);
  if (!muster_cluster_start (bench.cluster, &error))
    g_error ("%s", error->message);
  g_timeout_add (20, started_cb, &bench);
  while (bench.begin_us == 0)
    g_main_context_iteration (NULL, TRUE);
  g_timeout_add_seconds (seconds, end_cb, &bench);
  g_main_loop_run (bench.loop);
  muster_cluster_stop_async (bench.cluster, NULL, stopped_cb, &stopped);
  while (!stopped)
    g_main_context_iteration (NULL, TRUE);
  g_object_unref (bench.cluster);
  remove_all (base);
  return 0;
}
