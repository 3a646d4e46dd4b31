/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * For tests with a primary in this process and `cluster-worker` in others.
 */
#pragma once

#include "../core/test-wait.h"
#include "muster.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static inline gboolean
await_true_cb (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_REMOVE;
}

static inline void
await_time (guint ms)
{
  gboolean passed = FALSE;

  g_timeout_add (ms, await_true_cb, &passed);
  WAIT_UNTIL (passed);
}

/* Bytes that this process and its workers share, 0 in the beginning: of a new file at @path. */
static inline gpointer
map_shared (const char *path, gsize size)
{
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  gpointer data;

  g_assert_no_errno (ftruncate (fd, (off_t) size));
  data = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  g_assert_true (data != MAP_FAILED);
  close (fd);
  return data;
}

/* The group "web" of a worker that is not started again: `cluster-worker VERB PATH`. */
static inline void
cluster_add_workers (MusterCluster *cluster, const char *verb, const char *path, guint instances)
{
  static const char *const environment[] = { "ASAN_OPTIONS=detect_leaks=0", NULL };
  g_autofree char *worker = g_test_build_filename (G_TEST_BUILT, "cluster", "cluster-worker", NULL);
  g_autofree char *exec = g_strdup_printf ("%s %s %s", worker, verb, path);
  g_autoptr (MusterWorkerGroup) group = muster_worker_group_new ("web", exec);

  g_object_set (group, "environment", environment, "restart", MUSTER_RESTART_NO, "instances", instances, NULL);
  muster_cluster_add_group (cluster, group);
}

static inline void
cluster_start (MusterCluster *cluster)
{
  g_autoptr (GError) error = NULL;

  muster_cluster_start (cluster, &error);
  g_assert_no_error (error);
}

static inline void
cluster_stopped_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  muster_cluster_stop_finish (MUSTER_CLUSTER (object), result, &error);
  g_assert_no_error (error);
  *(gboolean *) user_data = TRUE;
}

static inline void
cluster_stop (MusterCluster *cluster)
{
  gboolean stopped = FALSE;

  muster_cluster_stop_async (cluster, NULL, cluster_stopped_cb, &stopped);
  WAIT_UNTIL (stopped);
}
