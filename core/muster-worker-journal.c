/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A worker's journal, as the primary makes it before the process.
 */
#include "config.h"

#include "muster-worker-journal-private.h"

#include "muster-environment-private.h"
#include "muster-metrics-area-private.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static gboolean
fill_random (void *bytes, gsize size, GError **error)
{
  if (getrandom (bytes, size, 0) == (ssize_t) size)
    return TRUE;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "get %" G_GSIZE_FORMAT " random bytes: %s", size,
               g_strerror (errno));
  return FALSE;
}

gboolean
muster_worker_journal_identify (const MusterWorkerHouse *house, const MusterWorkerProcess *process,
                                MusterJournalIdentity *identity, GError **error)
{
  if (!fill_random (identity->stream, sizeof identity->stream, error)
      || !fill_random (identity->token, sizeof identity->token, error))
    return FALSE;
  identity->start_time_us = g_get_real_time ();
  g_strlcpy (identity->cluster, house->cluster, sizeof identity->cluster);
  g_strlcpy (identity->worker, process->id, sizeof identity->worker);
  g_strlcpy (identity->group, process->group, sizeof identity->group);
  return TRUE;
}

/* -- metrics ------------------------------------------------------------------------------------- */

/* Of the worker's metrics number @i; 0: there are none. */
static guint
get_max_metrics (const MusterWorkerHouse *house, guint i)
{
  MusterMetricsOptions options;
  gboolean known;

  if (house->metrics == NULL || house->metrics[i] == NULL)
    return 0;
  known = muster_metrics_options_from_string (house->metrics[i], &options, NULL);
  g_free (options.name);
  return known ? options.max_metrics : 0;
}

/* Where they lie, so that they outlive it. */
static gsize
get_area_size (const MusterWorkerHouse *house, guint i)
{
  guint max_metrics = get_max_metrics (house, i);

  return max_metrics > 0 ? muster_metrics_area_get_size (max_metrics) : 0;
}

/* One behind the other, as many as there is room for. */
static gboolean
allocate_areas (const MusterWorkerHouse *house, int fd, gsize ring_size, gsize room, GError **error)
{
  gsize offset = MUSTER_JOURNAL_HEADER_SIZE + ring_size;
  gsize left = room;
  gsize size;

  for (guint i = 0; (size = get_area_size (house, i)) > 0 && size <= left; i++)
    {
      if (!muster_metrics_area_allocate (fd, (off_t) offset, get_max_metrics (house, i), error))
        return FALSE;
      offset += size;
      left -= size;
    }
  return TRUE;
}

/* -- the file ------------------------------------------------------------------------------------ */

int
muster_worker_journal_create (const MusterWorkerHouse *house, const MusterWorkerPlan *plan, const char *path,
                              MusterJournalIdentity *identity, gsize *ring_size, GError **error)
{
  int fd;

  identity->area_size = 0;
  for (guint i = 0; get_area_size (house, i) > 0; i++)
    identity->area_size = MIN (identity->area_size + get_area_size (house, i), MUSTER_JOURNAL_AREA_MAX);
  identity->is_sparse = TRUE;
  fd = muster_journal_create_file (path, plan->group->journal_size, identity, error);
  if (fd < 0)
    return -1;
  if (muster_journal_read_identity (fd, identity, ring_size, error)
      && allocate_areas (house, fd, *ring_size, identity->area_size, error))
    return fd;
  unlink (path);
  close (fd);
  return -1;
}
