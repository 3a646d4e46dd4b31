/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a dataset holds, process by process and metric by metric, for transports and for those who take deliveries. Any
 * thread: a dataset does not change.
 *
 * A MusterDatasetMetric is the message itself, as it lies in the dataset's memory: looking at one costs nothing. Bindings
 * keep copies, which stand alone.
 */
#include "config.h"

#include <string.h>

#include "muster-dataset-struct-private.h"

static const Muster__V1__Metric *
get_message (const MusterDatasetMetric *metric)
{
  return (const Muster__V1__Metric *) metric;
}

static const MusterDatasetProcess *
get_process (MusterDataset *dataset, guint process)
{
  if (process == MUSTER_DATASET_TOTAL)
    return muster_dataset_get_total (dataset)->process;
  return dataset->processes->pdata[process];
}

static gboolean
is_process (MusterDataset *dataset, guint process)
{
  return process < dataset->processes->len || process == MUSTER_DATASET_TOTAL;
}

/* -- the dataset -------------------------------------------------------------------------------- */

/**
 * muster_dataset_get_scale_factor:
 * @dataset: a dataset
 *
 * The unit of its rates and times.
 *
 * Returns: milliseconds in that unit
 * Since: 0.1
 */
double
muster_dataset_get_scale_factor (MusterDataset *dataset)
{
  return dataset->scale_factor;
}

static char **
copy_names (GPtrArray *names)
{
  char **copy = g_new0 (char *, names->len + 1);

  for (guint i = 0; i < names->len; i++)
    copy[i] = g_strdup (names->pdata[i]);
  return copy;
}

/**
 * muster_dataset_list_late:
 * @dataset: a dataset
 *
 * The processes whose numbers came after their delivery.
 *
 * Returns: (transfer full) (array zero-terminated=1): their names
 * Since: 0.1
 */
char **
muster_dataset_list_late (MusterDataset *dataset)
{
  return copy_names (dataset->late);
}

/**
 * muster_dataset_list_partial:
 * @dataset: a dataset
 *
 * The processes whose numbers cover less than the interval.
 *
 * Returns: (transfer full) (array zero-terminated=1): their names
 * Since: 0.1
 */
char **
muster_dataset_list_partial (MusterDataset *dataset)
{
  return copy_names (dataset->partial);
}

/* -- its processes ------------------------------------------------------------------------------ */

/**
 * muster_dataset_get_n_processes:
 * @dataset: a dataset
 *
 * How many processes have reported: the primary first, where it is among them, then the workers in natural order of
 * their names.
 *
 * Returns: a count
 * Since: 0.1
 */
guint
muster_dataset_get_n_processes (MusterDataset *dataset)
{
  return dataset->processes->len;
}

/**
 * muster_dataset_find_process:
 * @dataset: a dataset
 * @worker: a worker's name; `master` for the primary
 *
 * Which process is the one of that name.
 *
 * Returns: its number, counted from 0; -1 if it has not reported
 * Since: 0.1
 */
int
muster_dataset_find_process (MusterDataset *dataset, const char *worker)
{
  g_return_val_if_fail (worker != NULL, -1);

  for (guint i = 0; i < dataset->processes->len; i++)
    if (strcmp (get_process (dataset, i)->worker, worker) == 0)
      return (int) i;
  return -1;
}

/**
 * muster_dataset_get_worker:
 * @dataset: a dataset
 * @process: number of a process, counted from 0
 *
 * The name of a process.
 *
 * Returns: (transfer none): the worker's name, valid UTF-8; `master` for the primary
 * Since: 0.1
 */
const char *
muster_dataset_get_worker (MusterDataset *dataset, guint process)
{
  g_return_val_if_fail (process < dataset->processes->len, NULL);
  return get_process (dataset, process)->worker;
}

/**
 * muster_dataset_get_pid:
 * @dataset: a dataset
 * @process: number of a process, counted from 0
 *
 * The process id; of the last one, where a worker was started again within the interval.
 *
 * Returns: a pid
 * Since: 0.1
 */
guint
muster_dataset_get_pid (MusterDataset *dataset, guint process)
{
  g_return_val_if_fail (process < dataset->processes->len, 0);
  return get_process (dataset, process)->pid;
}

/**
 * muster_dataset_get_overflow:
 * @dataset: a dataset
 * @process: number of a process, counted from 0
 *
 * How many updates were refused in that process: there were too many metrics, or one was used as two types.
 *
 * Returns: a count
 * Since: 0.1
 */
guint64
muster_dataset_get_overflow (MusterDataset *dataset, guint process)
{
  g_return_val_if_fail (process < dataset->processes->len, 0);
  return get_process (dataset, process)->overflow;
}

/* -- their metrics ------------------------------------------------------------------------------ */

/**
 * muster_dataset_get_n_metrics:
 * @dataset: a dataset
 * @process: number of a process, counted from 0; or %MUSTER_DATASET_TOTAL
 *
 * How many metrics a process has reported.
 *
 * Returns: a count
 * Since: 0.1
 */
guint
muster_dataset_get_n_metrics (MusterDataset *dataset, guint process)
{
  g_return_val_if_fail (is_process (dataset, process), 0);
  return get_process (dataset, process)->metrics->len;
}

/**
 * muster_dataset_get_metric:
 * @dataset: a dataset
 * @process: number of a process, counted from 0; or %MUSTER_DATASET_TOTAL
 * @metric: number of one of its metrics, counted from 0 in order of path and id
 *
 * One metric of one process.
 *
 * Returns: (transfer none): the metric, valid as long as @dataset
 * Since: 0.1
 */
const MusterDatasetMetric *
muster_dataset_get_metric (MusterDataset *dataset, guint process, guint metric)
{
  g_return_val_if_fail (is_process (dataset, process), NULL);
  g_return_val_if_fail (metric < get_process (dataset, process)->metrics->len, NULL);
  return get_process (dataset, process)->metrics->pdata[metric];
}

/**
 * muster_dataset_find_metric:
 * @dataset: a dataset
 * @process: number of a process, counted from 0; or %MUSTER_DATASET_TOTAL
 * @path: (nullable) (array zero-terminated=1): the metric's path; %NULL for none
 * @id: the metric's id
 *
 * One metric of one process, by what it was called.
 *
 * Returns: (transfer none) (nullable): the metric, valid as long as @dataset; %NULL if it was not reported
 * Since: 0.1
 */
const MusterDatasetMetric *
muster_dataset_find_metric (MusterDataset *dataset, guint process, const char *const *path, const char *id)
{
  Muster__V1__Metric wanted = MUSTER__V1__METRIC__INIT;
  GPtrArray *metrics;
  guint from = 0;
  guint to;

  g_return_val_if_fail (is_process (dataset, process), NULL);
  g_return_val_if_fail (id != NULL, NULL);

  wanted.path = (char **) path;
  wanted.n_path = path != NULL ? g_strv_length ((char **) path) : 0;
  wanted.id = (char *) id;
  metrics = get_process (dataset, process)->metrics;
  for (to = metrics->len; from < to;)
    {
      guint middle = from + (to - from) / 2;
      int order = muster_metric_compare (metrics->pdata[middle], &wanted);

      if (order == 0)
        return metrics->pdata[middle];
      if (order < 0)
        from = middle + 1;
      else
        to = middle;
    }
  return NULL;
}

/* -- one metric --------------------------------------------------------------------------------- */

/**
 * muster_dataset_metric_copy:
 * @metric: a metric
 *
 * Copies a metric, which then does not need its dataset.
 *
 * Returns: (transfer full): the copy; muster_dataset_metric_free() it
 * Since: 0.1
 */
MusterDatasetMetric *
muster_dataset_metric_copy (const MusterDatasetMetric *metric)
{
  const Muster__V1__Metric *message = get_message (metric);
  gsize size = muster__v1__metric__get_packed_size (message);
  g_autofree guint8 *packed = g_malloc (size);

  muster__v1__metric__pack (message, packed);
  return (MusterDatasetMetric *) muster__v1__metric__unpack (NULL, size, packed);
}

/**
 * muster_dataset_metric_free:
 * @metric: (transfer full): a copy of a metric
 *
 * Frees what muster_dataset_metric_copy() made.
 *
 * Since: 0.1
 */
void
muster_dataset_metric_free (MusterDatasetMetric *metric)
{
  muster__v1__metric__free_unpacked ((Muster__V1__Metric *) metric, NULL);
}

GType
muster_dataset_metric_get_type (void)
{
  static gsize type = 0;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type,
                       g_boxed_type_register_static (g_intern_static_string ("MusterDatasetMetric"),
                                                     (GBoxedCopyFunc) (void (*) (void)) muster_dataset_metric_copy,
                                                     (GBoxedFreeFunc) (void (*) (void)) muster_dataset_metric_free));
  return type;
}

/**
 * muster_dataset_metric_get_path:
 * @metric: a metric
 * @n_path: (out): how many elements it has
 *
 * The path of a metric.
 *
 * Returns: (transfer none) (nullable) (array length=n_path): its elements, each valid UTF-8, not ended by %NULL
 * Since: 0.1
 */
const char *const *
muster_dataset_metric_get_path (const MusterDatasetMetric *metric, gsize *n_path)
{
  g_return_val_if_fail (n_path != NULL, NULL);

  *n_path = get_message (metric)->n_path;
  return (const char *const *) get_message (metric)->path;
}

/**
 * muster_dataset_metric_get_id:
 * @metric: a metric
 *
 * The id of a metric.
 *
 * Returns: (transfer none): valid UTF-8
 * Since: 0.1
 */
const char *
muster_dataset_metric_get_id (const MusterDatasetMetric *metric)
{
  return get_message (metric)->id;
}

/**
 * muster_dataset_metric_get_kind:
 * @metric: a metric
 *
 * What was measured: `set`, `inc`, `sample`, `timedSample`, or another kind that some process knows.
 *
 * Returns: (transfer none): the name of the kind, valid UTF-8
 * Since: 0.1
 */
const char *
muster_dataset_metric_get_kind (const MusterDatasetMetric *metric)
{
  return get_message (metric)->type;
}

/**
 * muster_dataset_metric_get_count:
 * @metric: a metric
 *
 * How many updates it stands for; with `persist` there may have been none.
 *
 * Returns: a count
 * Since: 0.1
 */
guint64
muster_dataset_metric_get_count (const MusterDatasetMetric *metric)
{
  return get_message (metric)->count;
}

/**
 * muster_dataset_metric_get_sum:
 * @metric: a metric
 *
 * What was added up: the increments of an `inc`, as they were given; the values of samples, those of `timedSample` in
 * milliseconds / scale factor.
 *
 * Returns: a sum; 0 where nothing is added up
 * Since: 0.1
 */
double
muster_dataset_metric_get_sum (const MusterDatasetMetric *metric)
{
  return get_message (metric)->sum;
}

/* What samples alone have. */
static double
get_if_sampled (const MusterDatasetMetric *metric, double value)
{
  MusterMetricType type = muster_metric_find_type (get_message (metric));

  return type != MUSTER_METRIC_SET && type != MUSTER_METRIC_INC && get_message (metric)->count > 0 ? value : NAN;
}

/**
 * muster_dataset_metric_get_min:
 * @metric: a metric
 *
 * The least of its samples.
 *
 * Returns: a number; NaN without samples
 * Since: 0.1
 */
double
muster_dataset_metric_get_min (const MusterDatasetMetric *metric)
{
  return get_if_sampled (metric, get_message (metric)->min);
}

/**
 * muster_dataset_metric_get_max:
 * @metric: a metric
 *
 * The greatest of its samples.
 *
 * Returns: a number; NaN without samples
 * Since: 0.1
 */
double
muster_dataset_metric_get_max (const MusterDatasetMetric *metric)
{
  return get_if_sampled (metric, get_message (metric)->max);
}

/**
 * muster_dataset_metric_get_average:
 * @metric: a metric
 *
 * The mean of its samples.
 *
 * Returns: a number; NaN without samples
 * Since: 0.1
 */
double
muster_dataset_metric_get_average (const MusterDatasetMetric *metric)
{
  return get_if_sampled (metric, muster_metric_get_average (get_message (metric)));
}

/**
 * muster_dataset_metric_get_sigma:
 * @metric: a metric
 *
 * The standard deviation of its samples, by n - 1.
 *
 * Returns: a number; NaN with less than two samples
 * Since: 0.1
 */
double
muster_dataset_metric_get_sigma (const MusterDatasetMetric *metric)
{
  return get_if_sampled (metric, muster_metric_get_sigma (get_message (metric)));
}

/**
 * muster_dataset_metric_get_quantile:
 * @metric: a metric
 * @q: from 0 to 1: 0.5 for the median
 *
 * What that part of its samples does not exceed, within 1 % of the value.
 *
 * Returns: a number; NaN without samples, or if how they are distributed was not kept
 * Since: 0.1
 */
double
muster_dataset_metric_get_quantile (const MusterDatasetMetric *metric, double q)
{
  g_return_val_if_fail (q >= 0 && q <= 1, NAN);
  return muster_metric_get_quantile (get_message (metric), q);
}

/**
 * muster_dataset_metric_get_number:
 * @metric: a metric
 *
 * The last number of a `set`.
 *
 * Returns: a number; NaN if it is none
 * Since: 0.1
 */
double
muster_dataset_metric_get_number (const MusterDatasetMetric *metric)
{
  const Muster__V1__Metric *message = get_message (metric);

  if (muster_metric_find_type (message) != MUSTER_METRIC_SET || message->value_case == MUSTER__V1__METRIC__VALUE_TEXT)
    return NAN;
  return message->number;
}

/**
 * muster_dataset_metric_get_text:
 * @metric: a metric
 *
 * The last text of a `set`.
 *
 * Returns: (transfer none) (nullable): valid UTF-8; %NULL if it is none
 * Since: 0.1
 */
const char *
muster_dataset_metric_get_text (const MusterDatasetMetric *metric)
{
  const Muster__V1__Metric *message = get_message (metric);

  return message->value_case == MUSTER__V1__METRIC__VALUE_TEXT ? message->text : NULL;
}
