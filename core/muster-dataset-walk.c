/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The tree that a dataset is for people and programs: panopticon's, with what Muster adds beside it. Any thread.
 *
 * Metrics come in order of path and id, so that those below one key stand together, with the metric of just that path
 * before them. Where a key is both (a metric `http`, and others on the path `http`), one object has the members of both;
 * a key below that is named as a member of the metric ("type", "value", "quantiles") gets "_" behind it.
 */
#include "config.h"

#include <string.h>

#include "muster-dataset-struct-private.h"
#include "muster-metric-kind-private.h"

typedef struct
{
  MusterDataset *dataset;
  const MusterDatasetVisitor *visitor;
  gpointer data;
  double inc_interval_ms; /* what the rates of `inc` are over */
  gboolean is_total;      /* what is said of all processes together, beyond what panopticon said of one */
} Walk;

typedef Muster__V1__Metric *const *Metrics;

static void
walk_number (Walk *walk, const char *key, double value)
{
  walk->visitor->number (walk->data, key, value);
}

static void
walk_samples (Walk *walk, const Muster__V1__Metric *metric)
{
  gboolean has_samples = metric->count > 0;

  walk_number (walk, "max", has_samples ? metric->max : NAN);
  walk_number (walk, "min", has_samples ? metric->min : NAN);
  walk_number (walk, "sigma", muster_metric_get_sigma (metric));
  walk_number (walk, "average", muster_metric_get_average (metric));
}

static void
walk_sum_of_samples (Walk *walk, const Muster__V1__Metric *metric)
{
  walk->visitor->natural (walk->data, "count", metric->count);
  walk_number (walk, "total", metric->sum);
}

static void
walk_value (Walk *walk, const Muster__V1__Metric *metric)
{
  if (metric->value_case == MUSTER__V1__METRIC__VALUE_TEXT)
    walk->visitor->text (walk->data, "val", metric->text);
  else
    walk_number (walk, "val", metric->number);
}

static void
walk_set (Walk *walk, const Muster__V1__Metric *metric)
{
  walk_value (walk, metric);
  if (!walk->is_total)
    return;
  walk_number (walk, "min", metric->min);
  walk_number (walk, "max", metric->max);
  walk_number (walk, "sum", metric->sum);
}

static void
walk_inc (Walk *walk, const Muster__V1__Metric *metric)
{
  walk_number (walk, "val", muster_metric_get_rate (metric, walk->dataset->scale_factor, walk->inc_interval_ms));
  if (walk->is_total)
    walk_number (walk, "sum", metric->sum);
}

static void
walk_quantiles (Walk *walk, const Muster__V1__Metric *metric)
{
  walk->visitor->begin (walk->data, "quantiles");
  walk_number (walk, "p50", muster_metric_get_quantile (metric, 0.5));
  walk_number (walk, "p90", muster_metric_get_quantile (metric, 0.9));
  walk_number (walk, "p99", muster_metric_get_quantile (metric, 0.99));
  walk_number (walk, "p999", muster_metric_get_quantile (metric, 0.999));
  walk->visitor->end (walk->data);
}

static void
walk_reported (const char *name, double value, gpointer walk)
{
  walk_number (walk, name, value);
}

/* FALSE: it is not of a kind that is registered here, or not sound. */
static gboolean
walk_kind (Walk *walk, const Muster__V1__Metric *metric)
{
  const MusterMetricKind *kind = muster_metric_kind_find (metric->type);

  if (kind == NULL || !muster_metric_kind_is_valid (kind, &metric->state))
    return FALSE;
  muster_metric_kind_report (kind, &metric->state, walk_reported, walk);
  walk->visitor->natural (walk->data, "count", metric->count);
  return TRUE;
}

/* A kind that is not known here: what is there, and no number that it never had. */
static void
walk_unknown (Walk *walk, const Muster__V1__Metric *metric)
{
  if (metric->value_case != MUSTER__V1__METRIC__VALUE__NOT_SET)
    walk_value (walk, metric);
  else if (metric->state.len == 0)
    {
      walk_samples (walk, metric);
      walk_sum_of_samples (walk, metric);
      walk_number (walk, "scaleFactor", walk->dataset->scale_factor);
      return;
    }
  walk->visitor->natural (walk->data, "count", metric->count);
}

static void
walk_metric (Walk *walk, const Muster__V1__Metric *metric)
{
  MusterMetricType type = muster_metric_find_type (metric);

  walk->visitor->text (walk->data, "type", metric->type);
  walk->visitor->begin (walk->data, "value");
  switch (type)
    {
    case MUSTER_METRIC_SET:
      walk_set (walk, metric);
      break;
    case MUSTER_METRIC_INC:
      walk_inc (walk, metric);
      break;
    case MUSTER_METRIC_SAMPLE:
      walk_samples (walk, metric);
      if (walk->is_total)
        walk_sum_of_samples (walk, metric);
      break;
    case MUSTER_METRIC_NONE:
      if (!walk_kind (walk, metric))
        walk_unknown (walk, metric);
      break;
    case MUSTER_METRIC_TIMED_SAMPLE:
      walk_samples (walk, metric);
      walk_sum_of_samples (walk, metric);
      walk_number (walk, "scaleFactor", walk->dataset->scale_factor);
      break;
    default:
      g_assert_not_reached ();
    }
  walk_number (walk, "timeStamp", muster_dataset_to_ms (walk->dataset->end_ns));
  walk->visitor->end (walk->data);
  if (type == MUSTER_METRIC_SAMPLE || type == MUSTER_METRIC_TIMED_SAMPLE)
    walk_quantiles (walk, metric);
}

/* Whether a metric's object has a member of that name itself. */
static gboolean
is_member (const char *key)
{
  return strcmp (key, "type") == 0 || strcmp (key, "value") == 0 || strcmp (key, "quantiles") == 0;
}

/* How many of @metrics have the first one's key at @depth. */
static guint
count_same (Metrics metrics, guint n, guint depth)
{
  const char *key = muster_metric_get_key (metrics[0], depth);
  guint same = 1;

  while (same < n && strcmp (muster_metric_get_key (metrics[same], depth), key) == 0)
    same++;
  return same;
}

static gboolean
is_among (const char *key, Metrics metrics, guint n, guint depth)
{
  for (guint i = 0; i < n; i++)
    if (strcmp (muster_metric_get_key (metrics[i], depth), key) == 0)
      return TRUE;
  return FALSE;
}

/* A name for @key, which a member of the metric around it has taken. */
static char *
rename_key (const char *key, Metrics metrics, guint n, guint depth)
{
  char *name = g_strconcat (key, "_", NULL);

  while (is_among (name, metrics, n, depth))
    {
      char *longer = g_strconcat (name, "_", NULL);

      g_free (name);
      name = longer;
    }
  return name;
}

static void
walk_metrics (Walk *walk, Metrics metrics, guint n, guint depth, gboolean inside_metric)
{
  for (guint i = 0, same; i < n; i += same)
    {
      const char *key = muster_metric_get_key (metrics[i], depth);
      g_autofree char *name = NULL;
      guint n_metrics = 0; /* at this very key; more than one only in what others made */

      same = count_same (metrics + i, n - i, depth);
      if (inside_metric && is_member (key))
        name = rename_key (key, metrics, n, depth);
      while (n_metrics < same && metrics[i + n_metrics]->n_path == depth)
        n_metrics++;
      walk->visitor->begin (walk->data, name != NULL ? name : key);
      if (n_metrics > 0)
        walk_metric (walk, metrics[i]);
      walk_metrics (walk, metrics + i + n_metrics, same - n_metrics, depth + 1, n_metrics > 0);
      walk->visitor->end (walk->data);
    }
}

/* Every process has its `pid`, as panopticon's users expect; one that the process set itself stays. */
static void
walk_process_metrics (Walk *walk, const char *key, const MusterDatasetProcess *process)
{
  g_autoptr (GPtrArray) metrics = g_ptr_array_sized_new (process->metrics->len + 1);
  Muster__V1__Metric pid = MUSTER__V1__METRIC__INIT;
  guint at = 0;

  pid.id = (char *) "pid";
  pid.type = (char *) "set";
  pid.count = 1;
  pid.value_case = MUSTER__V1__METRIC__VALUE_NUMBER;
  pid.number = process->pid;
  g_ptr_array_extend (metrics, process->metrics, NULL, NULL);
  while (at < metrics->len && muster_metric_compare (metrics->pdata[at], &pid) < 0)
    at++;
  if (at == metrics->len || muster_metric_compare (metrics->pdata[at], &pid) != 0)
    g_ptr_array_insert (metrics, (int) at, &pid);
  walk->visitor->begin (walk->data, key);
  walk_metrics (walk, (Metrics) metrics->pdata, metrics->len, 0, FALSE);
  walk->visitor->end (walk->data);
}

static void
walk_process (Walk *walk, const char *key, const MusterDatasetProcess *process)
{
  if (process->shape != NULL)
    walk->visitor->value (walk->data, key, process->shape);
  else
    walk_process_metrics (walk, key, process);
}

static Walk
begin_walk (MusterDataset *dataset, const MusterDatasetVisitor *visitor, gpointer data)
{
  return (Walk){ dataset, visitor, data, muster_dataset_to_ms (dataset->interval_ns), FALSE };
}

void
muster_dataset_walk_process (MusterDataset *dataset, const MusterDatasetProcess *process,
                             const MusterDatasetVisitor *visitor, gpointer data)
{
  Walk walk = begin_walk (dataset, visitor, data);

  walk_process_metrics (&walk, NULL, process);
}

static void
walk_data (Walk *walk)
{
  GPtrArray *processes = walk->dataset->processes;
  guint i = 0;

  walk->visitor->begin (walk->data, "data");
  if (processes->len > 0 && strcmp (((MusterDatasetProcess *) processes->pdata[0])->worker, MUSTER_MASTER) == 0)
    walk_process (walk, MUSTER_MASTER, processes->pdata[i++]);
  if (i < processes->len)
    {
      walk->visitor->begin (walk->data, "workers");
      for (; i < processes->len; i++)
        walk_process (walk, ((MusterDatasetProcess *) processes->pdata[i])->worker, processes->pdata[i]);
      walk->visitor->end (walk->data);
    }
  walk->visitor->end (walk->data);
}

static void
walk_total (Walk *walk)
{
  GPtrArray *metrics = muster_dataset_get_total (walk->dataset)->process->metrics;

  walk->is_total = TRUE;
  walk->inc_interval_ms = muster_dataset_to_ms (muster_dataset_get_covered_ns (walk->dataset));
  walk->visitor->begin (walk->data, "total");
  walk_metrics (walk, (Metrics) metrics->pdata, metrics->len, 0, FALSE);
  walk->visitor->end (walk->data);
}

/* Said only where it happens. */
static void
walk_without_quantiles (Walk *walk)
{
  GPtrArray *processes = walk->dataset->processes;
  gboolean has_begun = FALSE;

  for (guint i = 0; i < processes->len; i++)
    {
      const MusterDatasetProcess *process = processes->pdata[i];
      guint n = muster_dataset_process_count_without_quantiles (process);

      if (n == 0)
        continue;
      if (!has_begun)
        walk->visitor->begin (walk->data, "withoutQuantiles");
      has_begun = TRUE;
      walk->visitor->natural (walk->data, process->worker, n);
    }
  if (has_begun)
    walk->visitor->end (walk->data);
}

/* Updates that are in no number: by process those that were refused, and those that `total` cannot have. And how many metrics
 * of each process had no memory for quantiles. */
static void
walk_losses (Walk *walk)
{
  GPtrArray *processes = walk->dataset->processes;

  walk->visitor->begin (walk->data, "refused");
  for (guint i = 0; i < processes->len; i++)
    {
      const MusterDatasetProcess *process = processes->pdata[i];

      if (process->overflow > 0)
        walk->visitor->natural (walk->data, process->worker, process->overflow);
    }
  walk->visitor->end (walk->data);
  walk_without_quantiles (walk);
  walk->visitor->natural (walk->data, "unmerged", muster_dataset_get_total (walk->dataset)->unmerged);
}

static void
walk_completeness (Walk *walk)
{
  MusterDataset *dataset = walk->dataset;
  const MusterDatasetProcess *total = muster_dataset_get_total (dataset)->process;
  gboolean is_known = total->end_ns > 0;

  walk->visitor->begin (walk->data, "complete");
  walk->visitor->natural (walk->data, "expected", dataset->n_expected);
  walk->visitor->natural (walk->data, "reported", dataset->n_reported);
  if (dataset->n_merged > 0)
    walk->visitor->natural (walk->data, "merged", dataset->n_merged);
  if (dataset->interrupted)
    {
      g_autoptr (GVariant) yes = g_variant_ref_sink (g_variant_new_boolean (TRUE));

      walk->visitor->value (walk->data, "interrupted", yes);
    }
  walk->visitor->names (walk->data, "late", dataset->late);
  walk->visitor->names (walk->data, "partial", dataset->partial);
  walk_number (walk, "from", is_known ? muster_dataset_to_ms (total->start_ns) : NAN);
  walk_number (walk, "to", is_known ? muster_dataset_to_ms (total->end_ns) : NAN);
  walk_losses (walk);
  walk->visitor->end (walk->data);
}

void
muster_dataset_walk (MusterDataset *dataset, const MusterDatasetVisitor *visitor, gpointer data)
{
  Walk walk = begin_walk (dataset, visitor, data);

  visitor->begin (data, NULL);
  visitor->natural (data, "id", dataset->id);
  visitor->text (data, "name", dataset->name);
  visitor->number (data, "interval", muster_dataset_to_ms (dataset->interval_ns) / dataset->scale_factor);
  visitor->number (data, "start", muster_dataset_to_ms (dataset->start_ns));
  visitor->number (data, "end", muster_dataset_to_ms (dataset->end_ns));
  walk_data (&walk);
  walk_total (&walk);
  walk_completeness (&walk);
  visitor->end (data);
}
