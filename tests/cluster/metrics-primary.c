/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A primary to be killed: starts two workers "web" that count (cluster-worker storm FILE), and appends a line to OUT for each
 * delivery: end, from when on was measured, length of late, reported, expected, length of partial, and of web-1 and web-2 whether they are there
 * and what they counted.
 *
 *   metrics-primary RUNTIME-DIR WORKER STORM-FILE OUT INTERVAL-MS
 */
#include "config.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "muster-dataset-struct-private.h"
#include "muster.h"

static int out;
static GMainLoop *loop;

static double
get_incs (const MusterDataset *dataset, const char *worker, gboolean *is_there)
{
  double incs = 0;

  *is_there = FALSE;
  for (guint i = 0; i < dataset->processes->len; i++)
    {
      const MusterDatasetProcess *process = dataset->processes->pdata[i];

      if (strcmp (process->worker, worker) != 0)
        continue;
      *is_there = TRUE;
      for (guint k = 0; k < process->metrics->len; k++)
        incs += ((Muster__V1__Metric *) process->metrics->pdata[k])->sum;
    }
  return incs;
}

static void
delivery_cb (MusterCluster *cluster, MusterDataset *dataset, gpointer user_data)
{
  gboolean is_there[2];
  double incs[2] = { get_incs (dataset, "web-1", &is_there[0]), get_incs (dataset, "web-2", &is_there[1]) };
  g_autofree char *line =
      g_strdup_printf ("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %u %u %u %u %d %.0f %d %.0f\n", dataset->end_ns,
                       muster_dataset_get_total (dataset)->process->start_ns, dataset->late->len, dataset->n_reported,
                       dataset->n_expected, dataset->partial->len, is_there[0], incs[0], is_there[1], incs[1]);

  g_assert_cmpint (write (out, line, strlen (line)), ==, (int) strlen (line));
}

static void
stopped_cb (GObject *cluster, GAsyncResult *result, gpointer user_data)
{
  g_main_loop_quit (loop);
}

static gboolean
term_cb (gpointer cluster)
{
  muster_cluster_stop_async (cluster, NULL, stopped_cb, NULL);
  return G_SOURCE_REMOVE;
}

int
main (int argc, char **argv)
{
  static const char *const environment[] = { "ASAN_OPTIONS=detect_leaks=0", NULL };
  g_autoptr (MusterCluster) cluster = NULL;
  g_autoptr (MusterWorkerGroup) group = NULL;
  g_autofree char *exec = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (argc, ==, 6);
  out = open (argv[4], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  loop = g_main_loop_new (NULL, FALSE);
  cluster = g_object_new (MUSTER_TYPE_CLUSTER, "name", "test", "runtime-dir", argv[1], "interval",
                          atoi (argv[5]) * G_TIME_SPAN_MILLISECOND, NULL);
  exec = g_strdup_printf ("%s storm %s", argv[2], argv[3]);
  group = muster_worker_group_new ("web", exec);
  g_object_set (group, "environment", environment, "restart", MUSTER_RESTART_NO, "instances", 2, NULL);
  muster_cluster_add_group (cluster, group);
  g_signal_connect (cluster, "delivery", G_CALLBACK (delivery_cb), NULL);
  if (!muster_cluster_start (cluster, &error))
    g_error ("%s", error->message);
  g_unix_signal_add (SIGTERM, term_cb, cluster);
  g_main_loop_run (loop);
  return 0;
}
