/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A worker that samples its machine from /proc: processor and memory use, context switches, disk traffic (proc(5)).
 */
#include <stdio.h>

#include <muster.h>

#define HOST_TYPE_WORKER (host_worker_get_type ())
G_DECLARE_FINAL_TYPE (HostWorker, host_worker, HOST, WORKER, MusterWorker)

struct _HostWorker
{
  MusterWorker parent_instance;
  guint timer;
  guint64 busy, total, switches, sectors;
};

G_DEFINE_FINAL_TYPE (HostWorker, host_worker, MUSTER_TYPE_WORKER)

static void
sample_stat (HostWorker *self, MusterMetrics *metrics)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  unsigned long user, nice, system, idle, wait, irq, softirq;

  if (!g_file_get_contents ("/proc/stat", &text, NULL, NULL))
    return;
  lines = g_strsplit (text, "\n", -1);
  if (sscanf (lines[0], "cpu %lu %lu %lu %lu %lu %lu %lu", &user, &nice, &system, &idle, &wait, &irq, &softirq) == 7)
    {
      guint64 busy = user + nice + system + irq + softirq, total = busy + idle + wait;

      if (self->total > 0 && total > self->total)
        muster_metrics_sample (metrics, MUSTER_PATH ("cpu"), "busy %",
                               100.0 * (double) (busy - self->busy) / (double) (total - self->total));
      self->busy = busy;
      self->total = total;
    }
  for (guint i = 0; lines[i] != NULL; i++)
    {
      unsigned long switches;

      if (sscanf (lines[i], "ctxt %lu", &switches) != 1)
        continue;
      if (self->switches > 0)
        muster_metrics_inc (metrics, MUSTER_PATH ("cpu"), "context switches", (double) (switches - self->switches));
      self->switches = switches;
    }
}

static void
sample_memory (MusterMetrics *metrics)
{
  g_autofree char *text = NULL;
  unsigned long total = 0, available = 0;
  const char *line;

  if (!g_file_get_contents ("/proc/meminfo", &text, NULL, NULL))
    return;
  sscanf (text, "MemTotal: %lu", &total);
  line = strstr (text, "MemAvailable:");
  if (line != NULL && sscanf (line, "MemAvailable: %lu", &available) == 1)
    muster_metrics_set (metrics, MUSTER_PATH ("memory"), "used MiB", (double) ((total - available) / 1024));
}

static void
sample_disks (HostWorker *self, MusterMetrics *metrics)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  guint64 sectors = 0;

  if (!g_file_get_contents ("/proc/diskstats", &text, NULL, NULL))
    return;
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      unsigned long read, written;

      if (sscanf (lines[i], "%*u %*u %*s %*u %*u %lu %*u %*u %*u %lu", &read, &written) == 2)
        sectors += read + written;
    }
  if (self->sectors > 0)
    muster_metrics_inc (metrics, MUSTER_PATH ("disk"), "KiB", (double) (sectors - self->sectors) / 2);
  self->sectors = sectors;
}

static gboolean
sample (gpointer user_data)
{
  MusterMetrics *metrics = muster_worker_get_metrics (user_data);

  sample_stat (user_data, metrics);
  sample_memory (metrics);
  sample_disks (user_data, metrics);
  return G_SOURCE_CONTINUE;
}

static gboolean
host_worker_start (MusterWorker *worker, GError **error)
{
  HOST_WORKER (worker)->timer = g_timeout_add (200, sample, worker);
  muster_info (muster_worker_get_logger (worker), "watching %s", g_get_host_name ());
  return TRUE;
}

static void
host_worker_stop (MusterWorker *worker)
{
  g_clear_handle_id (&HOST_WORKER (worker)->timer, g_source_remove);
}

static void
host_worker_class_init (HostWorkerClass *class)
{
  MUSTER_WORKER_CLASS (class)->start = host_worker_start;
  MUSTER_WORKER_CLASS (class)->stop = host_worker_stop;
}

static void
host_worker_init (HostWorker *self)
{
}

int
main (int argc, char **argv)
{
  return muster_worker_main (HOST_TYPE_WORKER, argc, argv);
}
