/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What has come from one worker for one interval. Whoever gathers the contributions owns the thread.
 */
#include "config.h"

#include "muster-contribution-private.h"

#include "muster-metric-merge-private.h"

/* A part of a snapshot. */
typedef struct
{
  guint64 start_ns;
  guint64 end_ns;
  guint pid;
  guint32 part;
} PartKey;

struct _MusterContribution
{
  MusterDatasetProcess *process; /* owned, nullable: NULL once it is the dataset's */
  GArray *pids;                  /* of those who reported */
  GHashTable *index;             /* nullable; of the metrics, once a second snapshot came */
  GHashTable *parts;             /* owned; those that have come: owned PartKey */
  MusterArena *arena;            /* borrowed: the interval's */
  gint64 newest_end_ns;
  gsize size; /* in memory, about */
  gboolean is_partial;
  gboolean is_newer;  /* of the snapshot in progress: it is the newest so far */
  gboolean is_open;   /* a further part must come: */
  guint open_pid;     /* of this process, */
  guint32 open_part;  /* this one, */
  gint64 open_end_ns; /* of this snapshot */
};

static guint
part_key_hash (gconstpointer data)
{
  const PartKey *key = data;

  return g_int64_hash (&key->start_ns) ^ g_int64_hash (&key->end_ns) * 31 ^ key->pid * 961 ^ key->part * 29791;
}

static gboolean
part_key_equal (gconstpointer a, gconstpointer b)
{
  const PartKey *key_a = a;
  const PartKey *key_b = b;

  return key_a->start_ns == key_b->start_ns && key_a->end_ns == key_b->end_ns && key_a->pid == key_b->pid
         && key_a->part == key_b->part;
}

MusterContribution *
muster_contribution_new (const char *worker, guint pid, MusterArena *arena)
{
  MusterContribution *contribution = g_new0 (MusterContribution, 1);

  contribution->arena = arena;
  contribution->process = muster_dataset_process_new (worker, pid);
  contribution->pids = g_array_new (FALSE, FALSE, sizeof (guint));
  contribution->parts = g_hash_table_new_full (part_key_hash, part_key_equal, g_free, NULL);
  contribution->newest_end_ns = G_MININT64;
  return contribution;
}

void
muster_contribution_free (MusterContribution *contribution)
{
  g_clear_pointer (&contribution->process, muster_dataset_process_free);
  g_clear_pointer (&contribution->index, g_hash_table_unref);
  g_hash_table_unref (contribution->parts);
  g_array_unref (contribution->pids);
  g_free (contribution);
}

/* -- parts --------------------------------------------------------------------------------------- */

static void
index_metrics (MusterContribution *contribution)
{
  GPtrArray *metrics = contribution->process->metrics;

  contribution->index = muster_metric_index_new ();
  for (guint i = 0; i < metrics->len; i++)
    muster_metric_index_merge (contribution->index, NULL, metrics->pdata[i], FALSE, contribution->arena);
}

static gboolean
continues (const MusterContribution *contribution, guint pid, const Muster__V1__Snapshot *snapshot)
{
  return contribution->is_open && contribution->open_pid == pid && contribution->open_part == snapshot->part
         && contribution->open_end_ns == (gint64) snapshot->end;
}

/* The first part of a snapshot that has come (which should be its first). */
static void
begin_snapshot (MusterContribution *contribution, guint pid, const Muster__V1__Snapshot *snapshot)
{
  gint64 end_ns = (gint64) snapshot->end;

  /* A part is missing, of the one before or of this one. */
  if (contribution->is_open || snapshot->part > 0)
    contribution->is_partial = TRUE;
  if (contribution->pids->len > 0 && contribution->index == NULL)
    index_metrics (contribution);
  contribution->is_newer = end_ns >= contribution->newest_end_ns;
  if (contribution->is_newer)
    {
      contribution->newest_end_ns = end_ns;
      contribution->process->pid = pid;
    }
  if (!muster_contribution_has_reported (contribution, pid))
    g_array_append_val (contribution->pids, pid);
}

/* What the process's numbers cover. */
static void
cover (MusterDatasetProcess *process, const Muster__V1__Snapshot *snapshot)
{
  gint64 start_ns = (gint64) snapshot->start;
  gint64 end_ns = (gint64) snapshot->end;

  process->start_ns = process->end_ns == 0 ? start_ns : MIN (process->start_ns, start_ns);
  process->end_ns = MAX (process->end_ns, end_ns);
}

static void
add_part (MusterContribution *contribution, guint pid, const Muster__V1__Snapshot *snapshot)
{
  MusterDatasetProcess *process = contribution->process;

  if (!continues (contribution, pid, snapshot))
    begin_snapshot (contribution, pid, snapshot);
  contribution->is_open = snapshot->more;
  contribution->open_pid = pid;
  contribution->open_part = snapshot->part + 1;
  contribution->open_end_ns = (gint64) snapshot->end;
  contribution->is_partial |= snapshot->partial;
  process->overflow += snapshot->overflow;
  cover (process, snapshot);
  for (gsize i = 0; i < snapshot->n_metrics; i++)
    {
      if (contribution->index == NULL)
        g_ptr_array_add (process->metrics, snapshot->metrics[i]);
      else
        process->overflow += muster_metric_index_merge (contribution->index, process->metrics, snapshot->metrics[i],
                                                        contribution->is_newer, contribution->arena);
    }
}

/* FALSE if it has come already. */
static gboolean
is_new_part (MusterContribution *contribution, guint pid, const Muster__V1__Snapshot *snapshot)
{
  const PartKey key = { snapshot->start, snapshot->end, pid, snapshot->part };

  return g_hash_table_add (contribution->parts, g_memdup2 (&key, sizeof key));
}

gboolean
muster_contribution_add (MusterContribution *contribution, guint pid, const Muster__V1__Snapshot *snapshot)
{
  if (!is_new_part (contribution, pid, snapshot))
    return FALSE;
  add_part (contribution, pid, snapshot);
  return TRUE;
}

gsize
muster_contribution_get_part_size (void)
{
  return sizeof (PartKey);
}

/* -- what there is ------------------------------------------------------------------------------- */

const char *
muster_contribution_get_worker (const MusterContribution *contribution)
{
  return contribution->process->worker;
}

gboolean
muster_contribution_has_reported (const MusterContribution *contribution, guint pid)
{
  for (guint i = 0; i < contribution->pids->len; i++)
    if (g_array_index (contribution->pids, guint, i) == pid)
      return TRUE;
  return FALSE;
}

guint
muster_contribution_count_processes (const MusterContribution *contribution)
{
  return contribution->pids->len;
}

gboolean
muster_contribution_is_open (const MusterContribution *contribution)
{
  return contribution->is_open;
}

gboolean
muster_contribution_is_partial (const MusterContribution *contribution)
{
  return contribution->is_partial || contribution->is_open;
}

MusterDatasetProcess *
muster_contribution_steal_process (MusterContribution *contribution)
{
  return g_steal_pointer (&contribution->process);
}

gsize
muster_contribution_get_size (const MusterContribution *contribution)
{
  return contribution->size;
}

void
muster_contribution_grow (MusterContribution *contribution, gsize size)
{
  contribution->size += size;
}
