/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How fast records go through the pipeline into a file: batches of 64 KiB from one thread, as many on their way as a
 * worker's journal would hold.
 *
 *   bench-file [DIRECTORY [MIB]]
 *
 * prints `name<TAB>value<TAB>unit`. What it writes is deleted.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../core/test-batches.h"
#include "muster-format-protobuf.h"
#include "muster-pipeline-private.h"
#include "muster-sync.h"
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
run (const char *name, const char *directory, const char *path, MusterSync sync, guint workers, guint64 bytes)
{
  g_autoptr (MusterPipeline) pipeline = muster_pipeline_new ();
  g_autoptr (MusterFormat) format = g_object_new (MUSTER_TYPE_FORMAT_PROTOBUF, NULL);
  g_autoptr (MusterTransport) transport =
      g_object_new (MUSTER_TYPE_TRANSPORT_FILE, "name", name, "path", path, "format", format, "sync", sync, NULL);
  g_autoptr (GError) error = NULL;
  Ring ring = { .busy = { FALSE } };
  guint64 n_records = 0, n_bytes = 0;
  gint64 start_us;
  double seconds, cpu;

  muster_transport_set_state_dir (transport, directory); /* with a checkpoint, as it is used */
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

/* All that lies there: the files and the checkpoint. */
static void
remove_directory (const char *path)
{
  g_autoptr (GDir) listing = g_dir_open (path, 0, NULL);
  const char *name;

  while (listing != NULL && (name = g_dir_read_name (listing)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);

      g_unlink (file);
    }
  g_rmdir (path);
}

int
main (int argc, char **argv)
{
  g_autofree char *directory = g_build_filename (argc > 1 ? argv[1] : g_get_tmp_dir (), "muster-bench-XXXXXX", NULL);
  guint64 bytes = (argc > 2 ? g_ascii_strtoull (argv[2], NULL, 10) : 1024) << 20;
  g_autofree char *path = NULL;
  g_autofree char *pattern = NULL;

  if (g_mkdtemp (directory) == NULL)
    g_error ("cannot make a directory in %s", argc > 1 ? argv[1] : g_get_tmp_dir ());
  path = g_build_filename (directory, "out.pb", NULL);
  pattern = g_build_filename (directory, "out-{worker}.pb", NULL);
  run ("file-null", directory, "/dev/null", MUSTER_SYNC_NONE, 4, bytes);
  run ("file-sync-none", directory, path, MUSTER_SYNC_NONE, 4, bytes);
  g_unlink (path);
  run ("file-sync-interval", directory, path, MUSTER_SYNC_INTERVAL, 4, bytes);
  g_unlink (path);
  run ("file-by-worker", directory, pattern, MUSTER_SYNC_NONE, 4, bytes);
  remove_directory (directory);
  return 0;
}
