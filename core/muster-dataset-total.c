/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The cluster's numbers: what all processes of a dataset measured, merged as if one had measured it all. Made when
 * somebody first asks, for most who pass a dataset on never do. Any thread.
 */
#include "config.h"

#include <string.h>

#include "muster-dataset-struct-private.h"
#include "muster-metric-merge-private.h"

#define TOTAL "total"

/* Guards the making of all totals: it takes milliseconds, and two threads rarely want one at once. */
static GMutex total_lock;

typedef struct
{
  MusterDatasetTotal *total;
  GHashTable *index; /* owned; of its metrics */
} Merge;

static gboolean
is_number (const Muster__V1__Metric *metric)
{
  return metric->value_case != MUSTER__V1__METRIC__VALUE_TEXT;
}

/* Of sets there are the last value and, of numbers, the least, the greatest and the sum, each process counting once. */
static void
begin_set (Muster__V1__Metric *into)
{
  double number = is_number (into) ? into->number : NAN;

  into->min = into->max = into->sum = number;
}

/* @into's members are NaN while no process had a number. What was set in this interval is newer than what was kept. */
static void
add_set (Muster__V1__Metric *into, const Muster__V1__Metric *from)
{
  if (is_number (from))
    {
      gboolean is_first = isnan (into->sum);

      into->min = is_first ? from->number : MIN (into->min, from->number);
      into->max = is_first ? from->number : MAX (into->max, from->number);
      into->sum = is_first ? from->number : into->sum + from->number;
    }
  if (from->count > 0 || into->count == 0)
    {
      into->value_case = from->value_case;
      into->number = is_number (from) ? from->number : 0;
      if (!is_number (from))
        into->text = from->text;
    }
  into->count += from->count;
}

static void
add_metric (Merge *merge, const Muster__V1__Metric *metric)
{
  Muster__V1__Metric *into = g_hash_table_lookup (merge->index, metric);

  if (!muster_metric_can_merge (metric))
    merge->total->unmerged += metric->count;
  else if (into == NULL)
    {
      into = muster_arena_alloc (merge->total->arena, sizeof *into);
      *into = *metric;
      if (muster_metric_find_type (into) == MUSTER_METRIC_SET)
        begin_set (into);
      g_hash_table_add (merge->index, into);
      g_ptr_array_add (merge->total->process->metrics, into);
    }
  else if (strcmp (into->type, metric->type) != 0)
    merge->total->unmerged += metric->count;
  else if (muster_metric_find_type (into) == MUSTER_METRIC_SET)
    add_set (into, metric);
  else
    muster_metric_merge (into, metric, FALSE, merge->total->arena);
}

static void
add_process (Merge *merge, const MusterDatasetProcess *process)
{
  MusterDatasetProcess *total = merge->total->process;

  for (guint i = 0; i < process->metrics->len; i++)
    add_metric (merge, process->metrics->pdata[i]);
  total->overflow += process->overflow;
  if (process->end_ns == 0)
    return;
  if (total->end_ns == 0 || process->start_ns < total->start_ns)
    total->start_ns = process->start_ns;
  total->end_ns = MAX (total->end_ns, process->end_ns);
}

static MusterDatasetTotal *
make_total (const MusterDataset *dataset)
{
  MusterDatasetTotal *total = g_new0 (MusterDatasetTotal, 1);
  Merge merge = { total, muster_metric_index_new () };

  total->arena = muster_arena_new ();
  total->process = muster_dataset_process_new (TOTAL, 0);
  for (guint i = 0; i < dataset->processes->len; i++)
    add_process (&merge, dataset->processes->pdata[i]);
  g_hash_table_unref (merge.index);
  muster_dataset_process_sort (total->process);
  return total;
}

const MusterDatasetTotal *
muster_dataset_get_total (MusterDataset *dataset)
{
  MusterDatasetTotal *total = g_atomic_pointer_get (&dataset->total);

  if (total != NULL)
    return total;
  g_mutex_lock (&total_lock);
  total = dataset->total;
  if (total == NULL)
    {
      total = make_total (dataset);
      g_atomic_pointer_set (&dataset->total, total);
    }
  g_mutex_unlock (&total_lock);
  return total;
}

void
muster_dataset_total_free (MusterDatasetTotal *total)
{
  muster_dataset_process_free (total->process);
  muster_arena_free (total->arena);
  g_free (total);
}

gint64
muster_dataset_get_covered_ns (MusterDataset *dataset)
{
  const MusterDatasetProcess *total = muster_dataset_get_total (dataset)->process;
  gint64 covered_ns = total->end_ns - total->start_ns;

  return covered_ns >= MUSTER_DATASET_COVERED_MIN ? covered_ns : dataset->interval_ns;
}
