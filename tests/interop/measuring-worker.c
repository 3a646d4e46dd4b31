/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A worker for test-prometheus.py: measures what that expects, once, and `spread` until SIGTERM.
 */
#include "config.h"

#include "muster.h"

static gboolean
measure_cb (gpointer data)
{
  MusterMetrics *metrics = muster_worker_get_metrics (data);

  for (guint i = 1; i <= 1000; i++)
    {
      muster_metrics_inc (metrics, MUSTER_PATH ("shop", "desk"), "jobs", 1);
      muster_metrics_sample (metrics, MUSTER_PATH ("shop"), "size", i);
      muster_metrics_timed_sample (metrics, MUSTER_PATH ("shop"), "time", 2000000);
    }
  muster_metrics_set (metrics, NULL, "level", 42.5);
  muster_metrics_set_text (metrics, NULL, "level \"name\"", "a \"text\"\nof two lines \\ \xc3\xa9");
  muster_metrics_set (metrics, MUSTER_PATH ("clash"), "jobs", 7); /* the same name, another type */
  return G_SOURCE_REMOVE;
}

static gboolean
spread_cb (gpointer data)
{
  for (guint i = 1; i <= 1000; i++)
    muster_metrics_sample (muster_worker_get_metrics (data), NULL, "spread", i);
  return G_SOURCE_CONTINUE;
}

G_DECLARE_FINAL_TYPE (MeasuringWorker, measuring_worker, MEASURING, WORKER, MusterWorker)

struct _MeasuringWorker
{
  MusterWorker parent_instance;
};

G_DEFINE_FINAL_TYPE (MeasuringWorker, measuring_worker, MUSTER_TYPE_WORKER)

static gboolean
measuring_worker_start (MusterWorker *worker, GError **error)
{
  g_idle_add (measure_cb, worker);
  g_timeout_add (20, spread_cb, worker);
  return TRUE;
}

static void
measuring_worker_class_init (MeasuringWorkerClass *class)
{
  MUSTER_WORKER_CLASS (class)->start = measuring_worker_start;
}

static void
measuring_worker_init (MeasuringWorker *self)
{
}

int
main (int argc, char **argv)
{
  return muster_worker_main (measuring_worker_get_type (), argc, argv);
}
