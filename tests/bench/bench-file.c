/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How fast records go through the pipeline into a file: batches of 64 KiB from one thread, as many on their way as a
 * worker's journal would hold.
 *
 *   bench-file [DIRECTORY [MIB]]
 *
 * prints `name<TAB>value<TAB>unit`. The file is deleted.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../core/test-batches.h"
#include "muster-format-protobuf.h"
#include "muster-pipeline-private.h"
#include "muster-transport-file.h"

#define BATCH_SIZE 65536
#define N_BATCHES  64 /* 4 MiB, a journal */

typedef struct
{
  GMutex lock;
  GCond cond;
  gboolean busy[N_BATCHES];
  MusterBatch *batches[N_BATCHES];
} Ring;

static void
done_cb (MusterBatch *batch, gpointer user_data)
{
  Ring *ring = user_data;
  guint i = (guint) muster_batch_get_origin (batch)->pid;

  g_mutex_lock (&ring->lock);
  ring->busy[i] = FALSE;
  g_cond_signal (&ring->cond);
  g_mutex_unlock (&ring->lock);
}

static MusterBatch *
make_batch (guint index, guint workers)
{
  TestLog log = { NULL };
  g_autofree char *worker = g_strdup_printf ("web-%u", index % workers);

  test_log_origin (&log, (char) ('a' + index % workers), 1, worker);
  g_byte_array_set_size (log.bytes, 0);
  log.origin.pid = index;
  muster_encode_origin (log.bytes, &log.origin);
  for (guint i = 0; log.bytes->len + 150 < BATCH_SIZE; i++)
    {
      g_autofree char *message =
          g_strdup_printf ("GET /articles/%u?page=%u HTTP/1.1 200 in %u us from 192.0.2.%u, referred by the front "
                           "page of the shop",
                           i * 7919, i % 10, i * 13, i % 256);

      test_log_record (&log, MUSTER_LEVEL_INFO, message);
    }
  return test_log_end (&log);
}

static double
cpu_seconds (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
         + (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void
run (const char *name, const char *path, MusterFileSync sync, guint workers, guint64 bytes)
{
  g_autoptr (MusterPipeline) pipeline = muster_pipeline_new ();
  g_autoptr (MusterFormat) format = g_object_new (MUSTER_TYPE_FORMAT_PROTOBUF, NULL);
  g_autoptr (MusterTransport) transport =
      g_object_new (MUSTER_TYPE_TRANSPORT_FILE, "path", path, "format", format, "sync", sync, NULL);
  g_autoptr (GError) error = NULL;
  Ring ring = { .busy = { FALSE } };
  guint64 n_records = 0, n_bytes = 0;
  gint64 start_us;
  double seconds, cpu;

  muster_pipeline_add (pipeline, transport);
  if (!muster_pipeline_start (pipeline, &error))
    g_error ("%s", error->message);
  for (guint i = 0; i < N_BATCHES; i++)
    ring.batches[i] = make_batch (i, workers);
  cpu = cpu_seconds ();
  start_us = g_get_monotonic_time ();
  for (guint i = 0; n_bytes < bytes; i = (i + 1) % N_BATCHES)
    {
      g_mutex_lock (&ring.lock);
      while (ring.busy[i])
        g_cond_wait (&ring.cond, &ring.lock);
      ring.busy[i] = TRUE;
      g_mutex_unlock (&ring.lock);
      muster_pipeline_push (pipeline, ring.batches[i], done_cb, &ring);
      n_records += muster_batch_get_n_records (ring.batches[i]);
      n_bytes += g_bytes_get_size (muster_batch_get_bytes (ring.batches[i]));
    }
  muster_pipeline_stop (pipeline, 60 * G_USEC_PER_SEC);
  seconds = (double) (g_get_monotonic_time () - start_us) / G_USEC_PER_SEC;
  cpu = cpu_seconds () - cpu;
  g_print ("%s\t%.0f\trecords/s\n", name, (double) n_records / seconds);
  g_print ("%s-rate\t%.0f\tMB/s\n", name, (double) n_bytes / seconds / 1e6);
  g_print ("%s-cpu\t%.1f\tns/record\n", name, cpu / (double) n_records * 1e9);
  for (guint i = 0; i < N_BATCHES; i++)
    muster_batch_unref (ring.batches[i]);
}

int
main (int argc, char **argv)
{
  const char *directory = argc > 1 ? argv[1] : g_get_tmp_dir ();
  guint64 bytes = (argc > 2 ? g_ascii_strtoull (argv[2], NULL, 10) : 1024) << 20;
  g_autofree char *path = g_strdup_printf ("%s/muster-bench-%d.pb", directory, (int) getpid ());
  g_autofree char *pattern = g_strdup_printf ("%s/muster-bench-%d-{worker}.pb", directory, (int) getpid ());

  run ("file-null", "/dev/null", MUSTER_FILE_SYNC_NONE, 4, bytes);
  run ("file-sync-none", path, MUSTER_FILE_SYNC_NONE, 4, bytes);
  g_unlink (path);
  run ("file-sync-interval", path, MUSTER_FILE_SYNC_INTERVAL, 4, bytes);
  g_unlink (path);
  run ("file-by-worker", pattern, MUSTER_FILE_SYNC_NONE, 4, bytes);
  for (guint i = 0; i < 4; i++)
    {
      g_autofree char *file = g_strdup_printf ("%s/muster-bench-%d-web-%u.pb", directory, (int) getpid (), i);

      g_unlink (file);
    }
  return 0;
}
