/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The cluster's metrics over one interval. Immutable once made, shared by reference between threads.
 */
#include "config.h"

#include <string.h>

#include "muster-boxed-private.h"
#include "muster-dataset-struct-private.h"

#define NAME_MAX_BYTES 1024

MUSTER_DEFINE_BOXED_TYPE (MusterDataset, muster_dataset)

MusterDatasetProcess *
muster_dataset_process_new (const char *worker, guint32 pid)
{
  MusterDatasetProcess *process = g_new0 (MusterDatasetProcess, 1);

  process->worker = g_strdup (worker);
  process->pid = pid;
  process->metrics = g_ptr_array_new ();
  return process;
}

void
muster_dataset_process_free (MusterDatasetProcess *process)
{
  g_free (process->worker);
  g_ptr_array_unref (process->metrics);
  g_clear_pointer (&process->shape, g_variant_unref);
  g_clear_pointer (&process->shape_bytes, g_byte_array_unref);
  g_free (process);
}

MusterDataset *
muster_dataset_new (void)
{
  MusterDataset *dataset = g_new0 (MusterDataset, 1);

  g_atomic_ref_count_init (&dataset->references);
  dataset->processes = g_ptr_array_new_with_free_func ((GDestroyNotify) muster_dataset_process_free);
  dataset->by_worker = g_hash_table_new (g_str_hash, g_str_equal);
  dataset->late = g_ptr_array_new_with_free_func (g_free);
  dataset->partial = g_ptr_array_new_with_free_func (g_free);
  dataset->arena = muster_arena_new ();
  return dataset;
}

/**
 * muster_dataset_ref:
 * @dataset: a dataset
 *
 * Takes a reference. Any thread.
 *
 * Returns: (transfer full): @dataset
 * Since: 0.1
 */
MusterDataset *
muster_dataset_ref (MusterDataset *dataset)
{
  g_atomic_ref_count_inc (&dataset->references);
  return dataset;
}

/**
 * muster_dataset_unref:
 * @dataset: (transfer full): a dataset
 *
 * Gives a reference back. Any thread.
 *
 * Since: 0.1
 */
void
muster_dataset_unref (MusterDataset *dataset)
{
  if (!g_atomic_ref_count_dec (&dataset->references))
    return;
  g_clear_pointer (&dataset->by_worker, g_hash_table_unref);
  g_ptr_array_unref (dataset->processes);
  g_ptr_array_unref (dataset->late);
  g_ptr_array_unref (dataset->partial);
  g_clear_pointer (&dataset->total, muster_dataset_total_free);
  muster_arena_free (dataset->arena);
  g_free (dataset->name);
  g_free (dataset);
}

/* "web-2" before "web-10". */
static int
compare_naturally (const char *a, const char *b)
{
  while (*a != '\0' && *b != '\0')
    {
      if (g_ascii_isdigit (*a) && g_ascii_isdigit (*b))
        {
          guint64 number_a = g_ascii_strtoull (a, (char **) &a, 10);
          guint64 number_b = g_ascii_strtoull (b, (char **) &b, 10);

          if (number_a != number_b)
            return number_a < number_b ? -1 : 1;
          continue;
        }
      if (*a != *b)
        break;
      a++;
      b++;
    }
  return (int) (guint8) *a - (int) (guint8) *b;
}

static int
compare_processes (gconstpointer a, gconstpointer b)
{
  const char *worker_a = (*(MusterDatasetProcess *const *) a)->worker;
  const char *worker_b = (*(MusterDatasetProcess *const *) b)->worker;
  int order;

  if (strcmp (worker_a, MUSTER_MASTER) == 0 || strcmp (worker_b, MUSTER_MASTER) == 0)
    return (strcmp (worker_b, MUSTER_MASTER) == 0) - (strcmp (worker_a, MUSTER_MASTER) == 0);
  order = compare_naturally (worker_a, worker_b);
  return order != 0 ? order : strcmp (worker_a, worker_b);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return compare_naturally (*(const char *const *) a, *(const char *const *) b);
}

static int
compare_metrics (gconstpointer a, gconstpointer b)
{
  return muster_metric_compare (*(Muster__V1__Metric *const *) a, *(Muster__V1__Metric *const *) b);
}

guint
muster_dataset_process_count_without_quantiles (const MusterDatasetProcess *process)
{
  guint n = 0;

  for (guint i = 0; i < process->metrics->len; i++)
    {
      const Muster__V1__Metric *metric = process->metrics->pdata[i];
      MusterMetricType type = muster_metric_find_type (metric);

      n += (type == MUSTER_METRIC_SAMPLE || type == MUSTER_METRIC_TIMED_SAMPLE) && metric->count > 0
           && metric->sketch == NULL;
    }
  return n;
}

gboolean
muster_dataset_process_set_shape (MusterDatasetProcess *process, GVariant *shape, GError **error)
{
  if (!g_variant_is_of_type (shape, G_VARIANT_TYPE_VARDICT))
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                   "%s: a transformer made a value of type '%s' of its metrics; expected a{sv}", process->worker,
                   g_variant_get_type_string (shape));
      return FALSE;
    }
  if (g_variant_get_size (shape) > MUSTER_DATASET_SHAPE_MAX)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                   "%s: a transformer made %" G_GSIZE_FORMAT " bytes of its metrics; expected at most %" G_GSIZE_FORMAT,
                   process->worker, g_variant_get_size (shape), MUSTER_DATASET_SHAPE_MAX);
      return FALSE;
    }
  g_clear_pointer (&process->shape, g_variant_unref);
  process->shape = g_variant_ref_sink (shape);
  return TRUE;
}

void
muster_dataset_process_sort (MusterDatasetProcess *process)
{
  g_ptr_array_sort (process->metrics, compare_metrics);
}

void
muster_dataset_seal (MusterDataset *dataset)
{
  g_clear_pointer (&dataset->by_worker, g_hash_table_unref);
  g_ptr_array_sort (dataset->processes, compare_processes);
  g_ptr_array_sort (dataset->late, compare_names);
  g_ptr_array_sort (dataset->partial, compare_names);
  for (guint i = 0; i < dataset->processes->len; i++)
    muster_dataset_process_sort (dataset->processes->pdata[i]);
}

double
muster_dataset_to_ms (gint64 ns)
{
  return (double) (ns / 1000000) + (double) (ns % 1000000) / 1e6;
}

gboolean
muster_dataset_is_name (const char *name)
{
  return strlen (name) <= NAME_MAX_BYTES && g_utf8_validate (name, -1, NULL);
}

/**
 * muster_dataset_get_id:
 * @dataset: a dataset
 *
 * Which of the cluster's metrics objects it is of. Any thread, as for all that follow.
 *
 * Returns: a number counted from 0, in the order in which they were made
 * Since: 0.1
 */
guint
muster_dataset_get_id (MusterDataset *dataset)
{
  return dataset->id;
}

/**
 * muster_dataset_get_name:
 * @dataset: a dataset
 *
 * The name of the metrics object.
 *
 * Returns: (transfer none): the name; empty for the default one
 * Since: 0.1
 */
const char *
muster_dataset_get_name (MusterDataset *dataset)
{
  return dataset->name;
}

/**
 * muster_dataset_get_start_ns:
 * @dataset: a dataset
 *
 * When its interval began.
 *
 * Returns: nanoseconds since the Unix epoch
 * Since: 0.1
 */
gint64
muster_dataset_get_start_ns (MusterDataset *dataset)
{
  return dataset->start_ns;
}

/**
 * muster_dataset_get_end_ns:
 * @dataset: a dataset
 *
 * When its interval ended.
 *
 * Returns: nanoseconds since the Unix epoch
 * Since: 0.1
 */
gint64
muster_dataset_get_end_ns (MusterDataset *dataset)
{
  return dataset->end_ns;
}

/**
 * muster_dataset_get_interval_ns:
 * @dataset: a dataset
 *
 * How long an interval is.
 *
 * Returns: nanoseconds
 * Since: 0.1
 */
gint64
muster_dataset_get_interval_ns (MusterDataset *dataset)
{
  return dataset->interval_ns;
}

/**
 * muster_dataset_get_n_expected:
 * @dataset: a dataset
 *
 * How many processes should have reported.
 *
 * Returns: a count, the primary included
 * Since: 0.1
 */
guint
muster_dataset_get_n_expected (MusterDataset *dataset)
{
  return dataset->n_expected;
}

/**
 * muster_dataset_get_n_reported:
 * @dataset: a dataset
 *
 * How many processes did report.
 *
 * Returns: a count, the primary included
 * Since: 0.1
 */
guint
muster_dataset_get_n_reported (MusterDataset *dataset)
{
  return dataset->n_reported;
}

/**
 * muster_dataset_get_n_merged:
 * @dataset: a dataset
 *
 * How many datasets a collector has merged into this one, each of another cluster or machine. Its processes are called
 * `HOST/CLUSTER/WORKER` then.
 *
 * Returns: a count; 0 where it is one cluster's own
 * Since: 0.1
 */
guint
muster_dataset_get_n_merged (MusterDataset *dataset)
{
  return dataset->n_merged;
}

/**
 * muster_dataset_is_interrupted:
 * @dataset: a dataset
 *
 * Whether the collector that merged it was started when its interval was over. What another one had taken in before, and had
 * not merged when it was killed, is not in this dataset then; nor what it had merged before it ended.
 *
 * Returns: %TRUE if machines may be missing in it
 * Since: 0.1
 */
gboolean
muster_dataset_is_interrupted (MusterDataset *dataset)
{
  return dataset->interrupted;
}
