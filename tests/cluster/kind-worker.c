/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A worker that measures with a kind of metric that is a plugin: twenty values in each interval, until it is ended.
 */
#include <muster.h>

static void
new_interval_cb (MusterMetrics *metrics, const MusterMetricKind *kind)
{
  for (guint i = 1; i <= 20; i++)
    muster_metrics_update (metrics, kind, MUSTER_PATH ("http"), "latency", i * i);
}

int
main (void)
{
  g_autoptr (MusterWorker) worker = muster_worker_new ();
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GError) error = NULL;
  const MusterMetricKind *kind =
      muster_registry_lookup_metric_kind (muster_registry_get_default (), "histogram", &error);

  if (kind == NULL || !muster_worker_connect (worker, &error))
    g_error ("%s", error->message);
  g_signal_connect (muster_worker_get_metrics (worker), "new-interval", G_CALLBACK (new_interval_cb), (gpointer) kind);
  g_main_loop_run (loop);
  return 0;
}
