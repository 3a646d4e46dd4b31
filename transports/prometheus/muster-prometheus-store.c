/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the datasets of all clusters have added up to. An interval's sums are added to totals that only grow, whatever
 * becomes of the processes; gauges and quantiles are those of the newest interval. Owned by the server's thread.
 */
#include "config.h"

#include <math.h>
#include <string.h>

#include "muster-prometheus-store.h"

/* Bytes of a line without names and labels, and what the memory of a thing is beside its strings, generously. */
#define LINE_COST  48
#define THING_COST 256
/* A text beyond this is cut: it is a label, not a value. */
#define TEXT_MAX 1024
/* For what has no interval: that of the default metrics. */
#define DEFAULT_INTERVAL_US (10 * G_TIME_SPAN_SECOND)

const double muster_prometheus_quantiles[MUSTER_PROMETHEUS_N_QUANTILES] = { 0.5, 0.9, 0.99, 0.999 };

/* Lines of a series: a summary has the least, the greatest, count and sum beside its quantiles. */
static const guint n_lines[MUSTER_PROMETHEUS_N_TYPES] = {
  1, 1, MUSTER_PROMETHEUS_N_QUANTILES + 4, MUSTER_PROMETHEUS_N_QUANTILES + 4, 1,
};

/* -- things and what they cost ------------------------------------------------------------------- */

static guint
series_hash (gconstpointer key)
{
  return g_str_hash (((const MusterPrometheusSeries *) key)->key);
}

static gboolean
series_equal (gconstpointer a, gconstpointer b)
{
  return strcmp (((const MusterPrometheusSeries *) a)->key, ((const MusterPrometheusSeries *) b)->key) == 0;
}

static void
series_free (gpointer data)
{
  MusterPrometheusSeries *series = data;

  if (series->family->type == MUSTER_PROMETHEUS_INFO)
    g_free (series->value.text);
  g_free (series->key);
  g_free (series->labels);
  g_free (series);
}

static void
process_free (gpointer data)
{
  MusterPrometheusProcess *process = data;

  g_hash_table_unref (process->series);
  g_free (process->worker);
  g_free (process->labels);
  g_free (process);
}

static void
source_free (gpointer data)
{
  MusterPrometheusSource *source = data;

  g_hash_table_unref (source->processes);
  g_free (source->labels);
  g_free (source);
}

MusterPrometheusStore *
muster_prometheus_store_new (const char *prefix, gsize max_size, guint stale_after)
{
  MusterPrometheusStore *store = g_new0 (MusterPrometheusStore, 1);

  store->prefix = g_strdup (prefix);
  store->max_size = max_size;
  store->stale_after = stale_after;
  store->sources = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, source_free);
  store->families = muster_prometheus_families_new ();
  store->scratch = g_string_new (NULL);
  return store;
}

void
muster_prometheus_store_free (MusterPrometheusStore *store)
{
  g_hash_table_unref (store->sources); /* before the families, which tell what a series is */
  muster_prometheus_families_free (store->families);
  g_string_free (store->scratch, TRUE);
  g_free (store->prefix);
  g_free (store);
}

/* -- who is there -------------------------------------------------------------------------------- */

static gboolean
is_fresh (const MusterPrometheusStore *store, gint64 seen_us, gint64 interval_us, gint64 now_us)
{
  return now_us - seen_us <= interval_us * store->stale_after;
}

gboolean
muster_prometheus_store_has_source (const MusterPrometheusStore *store, const MusterPrometheusSource *source,
                                    gint64 now_us)
{
  return is_fresh (store, source->seen_us, source->interval_us, now_us);
}

gboolean
muster_prometheus_store_has_process (const MusterPrometheusStore *store, const MusterPrometheusProcess *process,
                                     gint64 now_us)
{
  return is_fresh (store, process->seen_us, process->source->interval_us, now_us);
}

gint64
muster_prometheus_store_get_patience (const MusterPrometheusStore *store)
{
  gint64 longest_us = 0;
  GHashTableIter iter;
  gpointer source;

  g_hash_table_iter_init (&iter, store->sources);
  while (g_hash_table_iter_next (&iter, NULL, &source))
    longest_us = MAX (longest_us, ((MusterPrometheusSource *) source)->interval_us);
  return (longest_us > 0 ? longest_us : DEFAULT_INTERVAL_US) * store->stale_after;
}

/* -- making room --------------------------------------------------------------------------------- */

/* Takes a series out of its family; its process still has it. */
static void
withdraw (MusterPrometheusStore *store, MusterPrometheusSeries *series)
{
  GPtrArray *siblings = series->family->series;
  MusterPrometheusSeries *last = siblings->pdata[siblings->len - 1];

  last->place = series->place;
  g_ptr_array_remove_index_fast (siblings, series->place);
  store->cost -= series->cost;
}

static void
remove_series (MusterPrometheusStore *store, MusterPrometheusSeries *series)
{
  MusterPrometheusFamily *family = series->family;

  withdraw (store, series);
  g_hash_table_remove (series->process->series, series);
  if (family->series->len == 0)
    muster_prometheus_families_remove (store->families, family);
}

static void
remove_all_series (MusterPrometheusStore *store, MusterPrometheusProcess *process)
{
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, process->series);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    {
      MusterPrometheusFamily *family = ((MusterPrometheusSeries *) key)->family;

      withdraw (store, key);
      g_hash_table_iter_remove (&iter);
      if (family->series->len == 0)
        muster_prometheus_families_remove (store->families, family);
    }
}

/* What is not shown any more has kept its totals, in case that it comes back; not for ever. */
static void
remove_hidden (MusterPrometheusStore *store, gint64 now_us)
{
  GHashTableIter sources;
  gpointer source;

  g_hash_table_iter_init (&sources, store->sources);
  while (g_hash_table_iter_next (&sources, NULL, &source))
    {
      GHashTableIter processes;
      gpointer process;

      g_hash_table_iter_init (&processes, ((MusterPrometheusSource *) source)->processes);
      while (g_hash_table_iter_next (&processes, NULL, &process))
        if (!muster_prometheus_store_has_process (store, process, now_us))
          {
            remove_all_series (store, process);
            store->cost -= ((MusterPrometheusProcess *) process)->cost;
            g_hash_table_iter_remove (&processes);
          }
      if (!muster_prometheus_store_has_source (store, source, now_us)
          && g_hash_table_size (((MusterPrometheusSource *) source)->processes) == 0)
        {
          store->cost -= ((MusterPrometheusSource *) source)->cost;
          g_hash_table_iter_remove (&sources);
        }
    }
}

/* Whether something new may be kept; then it is paid for. */
static gboolean
pay (MusterPrometheusStore *store, gsize cost, gint64 now_us)
{
  if (cost > store->max_size - store->cost)
    remove_hidden (store, now_us);
  if (cost > store->max_size - store->cost)
    return FALSE;
  store->cost += cost;
  return TRUE;
}

/* -- one metric ---------------------------------------------------------------------------------- */

static gboolean
get_type (const MusterDatasetMetric *metric, MusterPrometheusType *type)
{
  const char *kind = muster_dataset_metric_get_kind (metric);

  if (strcmp (kind, "inc") == 0)
    *type = MUSTER_PROMETHEUS_COUNTER;
  else if (strcmp (kind, "set") == 0)
    *type = muster_dataset_metric_get_text (metric) != NULL ? MUSTER_PROMETHEUS_INFO : MUSTER_PROMETHEUS_GAUGE;
  else if (strcmp (kind, "sample") == 0)
    *type = MUSTER_PROMETHEUS_SUMMARY;
  else if (strcmp (kind, "timedSample") == 0)
    *type = MUSTER_PROMETHEUS_SECONDS;
  else
    return FALSE;
  return TRUE;
}

/* What is known of a metric between datasets: kind, path and id. A set is one thing, be it a number or a text. */
static void
write_key (GString *key, const MusterDatasetMetric *metric, MusterPrometheusType type)
{
  const char *id = muster_dataset_metric_get_id (metric);
  gsize n_path;
  const char *const *path = muster_dataset_metric_get_path (metric, &n_path);

  g_string_truncate (key, 0);
  g_string_append_c (key, (char) ('0' + (type == MUSTER_PROMETHEUS_INFO ? MUSTER_PROMETHEUS_GAUGE : type)));
  muster_prometheus_append_path (key, path, n_path);
  g_string_append_c (key, '/');
  muster_prometheus_append_path (key, &id, 1);
}

static char *
make_labels (const MusterDatasetMetric *metric, gboolean is_exact)
{
  GString *labels = g_string_new (NULL);
  g_autoptr (GString) path = g_string_new (NULL);
  gsize n_path;
  const char *const *elements = muster_dataset_metric_get_path (metric, &n_path);

  muster_prometheus_append_path (path, elements, n_path);
  muster_prometheus_append_label (labels, "path", path->str);
  if (!is_exact)
    muster_prometheus_append_id_label (labels, muster_dataset_metric_get_id (metric));
  return g_string_free (labels, FALSE);
}

static gsize
get_cost (const MusterPrometheusProcess *process, const char *name, const char *labels, const char *key,
          MusterPrometheusType type)
{
  gsize line = strlen (name) + strlen (process->labels) + strlen (labels) + LINE_COST;

  /* The family's, as if it had this series alone; the text of an info, as it may be escaped. */
  return n_lines[type] * line + 6 * strlen (name) + strlen (key) + THING_COST
         + (type == MUSTER_PROMETHEUS_INFO ? 2 * TEXT_MAX : 0);
}

static void
reset_value (MusterPrometheusSeries *series)
{
  memset (&series->value, 0, sizeof series->value);
  series->end_ns = G_MININT64;
}

/* NULL where there is no room. */
static MusterPrometheusSeries *
new_series (MusterPrometheusStore *store, MusterPrometheusProcess *process, const MusterDatasetMetric *metric,
            MusterPrometheusType type, gint64 now_us)
{
  g_autoptr (GString) name = g_string_new (NULL);
  gboolean is_exact = muster_prometheus_append_name (name, store->prefix, muster_dataset_metric_get_id (metric), type);
  g_autofree char *labels = make_labels (metric, is_exact);
  gsize cost = get_cost (process, name->str, labels, store->scratch->str, type);
  MusterPrometheusSeries *series;

  if (!pay (store, cost, now_us))
    return NULL;
  series = g_new (MusterPrometheusSeries, 1);
  series->process = process;
  series->family = muster_prometheus_families_get (store->families, name->str, type);
  series->place = series->family->series->len;
  series->key = g_strdup (store->scratch->str);
  series->labels = g_steal_pointer (&labels);
  series->cost = cost;
  reset_value (series);
  g_ptr_array_add (series->family->series, series);
  g_hash_table_add (process->series, series);
  return series;
}

static MusterPrometheusSeries *
get_series (MusterPrometheusStore *store, MusterPrometheusProcess *process, const MusterDatasetMetric *metric,
            MusterPrometheusType type, gint64 now_us)
{
  MusterPrometheusSeries key;
  MusterPrometheusSeries *series;

  write_key (store->scratch, metric, type);
  key.key = store->scratch->str;
  series = g_hash_table_lookup (process->series, &key);
  if (series != NULL && series->family->type != type)
    {
      remove_series (store, series); /* a text that was a number, or the other way round */
      series = NULL;
    }
  return series != NULL ? series : new_series (store, process, metric, type, now_us);
}

static void
add_counter (MusterPrometheusStore *store, MusterPrometheusSeries *series, const MusterDatasetMetric *metric)
{
  double sum = muster_dataset_metric_get_sum (metric);

  if (sum < 0 || !isfinite (series->value.number + sum))
    store->losses.decrements++;
  else
    series->value.number += sum;
}

static void
set_text (MusterPrometheusSeries *series, const char *text)
{
  const char *end = text + strnlen (text, TEXT_MAX + 1);

  if (end > text + TEXT_MAX)
    end = g_utf8_find_prev_char (text, text + TEXT_MAX + 1);
  g_free (series->value.text);
  series->value.text = g_strndup (text, (gsize) (end - text));
}

/* Values are told in @divisor times their unit. */
static void
add_samples (MusterPrometheusSeries *series, const MusterDatasetMetric *metric, double divisor, gboolean is_newest)
{
  guint64 count = muster_dataset_metric_get_count (metric);
  double sum = muster_dataset_metric_get_sum (metric) / divisor;
  double min = muster_dataset_metric_get_min (metric) / divisor;

  series->value.summary.count += count;
  if (count > 0 && isfinite (series->value.summary.sum + sum))
    series->value.summary.sum += sum;
  series->value.summary.has_negative |= min < 0 || sum < 0;
  if (!is_newest)
    return;
  series->value.summary.min = min;
  series->value.summary.max = muster_dataset_metric_get_max (metric) / divisor;
  for (guint i = 0; i < MUSTER_PROMETHEUS_N_QUANTILES; i++)
    {
      double quantile = muster_dataset_metric_get_quantile (metric, muster_prometheus_quantiles[i]) / divisor;

      series->value.summary.quantiles[i] = quantile;
      series->value.summary.has_quantiles |= !isnan (quantile);
    }
}

static void
add_metric (MusterPrometheusStore *store, MusterPrometheusProcess *process, MusterDataset *dataset,
            const MusterDatasetMetric *metric, gint64 now_us)
{
  gint64 end_ns = muster_dataset_get_end_ns (dataset);
  MusterPrometheusType type;
  MusterPrometheusSeries *series;
  gboolean is_newest;

  if (!get_type (metric, &type))
    {
      store->losses.unknown++;
      return;
    }
  series = get_series (store, process, metric, type, now_us);
  if (series == NULL)
    {
      store->losses.refused++;
      return;
    }
  is_newest = end_ns >= series->end_ns;
  if (type == MUSTER_PROMETHEUS_COUNTER)
    add_counter (store, series, metric);
  else if (type == MUSTER_PROMETHEUS_SUMMARY)
    add_samples (series, metric, 1, is_newest);
  else if (type == MUSTER_PROMETHEUS_SECONDS)
    add_samples (series, metric, 1000 / muster_dataset_get_scale_factor (dataset), is_newest);
  else if (type == MUSTER_PROMETHEUS_GAUGE && is_newest)
    series->value.number = muster_dataset_metric_get_number (metric);
  else if (is_newest)
    set_text (series, muster_dataset_metric_get_text (metric));
  series->end_ns = MAX (series->end_ns, end_ns);
}

/* -- a dataset ----------------------------------------------------------------------------------- */

void
muster_prometheus_append_worker (GString *labels, const char *worker)
{
  const char *dash = strrchr (worker, '-');

  muster_prometheus_append_label (labels, "worker", worker);
  if (dash != NULL && dash[1] != '\0' && strspn (dash + 1, "0123456789") == strlen (dash + 1))
    {
      g_autofree char *group = g_strndup (worker, (gsize) (dash - worker));

      muster_prometheus_append_label (labels, "group", group);
    }
}

static MusterPrometheusSource *
get_source (MusterPrometheusStore *store, const char *host, const char *cluster, const char *name, gint64 now_us)
{
  g_autoptr (GString) labels = g_string_new (NULL);
  MusterPrometheusSource *source;
  gsize cost;

  muster_prometheus_append_label (labels, "host", host);
  muster_prometheus_append_label (labels, "cluster", cluster);
  muster_prometheus_append_label (labels, "metrics", name);
  source = g_hash_table_lookup (store->sources, labels->str);
  cost = 6 * (labels->len + 2 * LINE_COST) + THING_COST;
  if (source != NULL || !pay (store, cost, now_us))
    return source;
  source = g_new0 (MusterPrometheusSource, 1);
  source->labels = g_string_free (g_steal_pointer (&labels), FALSE);
  source->processes = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, process_free);
  source->cost = cost;
  source->end_ns = G_MININT64;
  g_hash_table_insert (store->sources, source->labels, source);
  return source;
}

static MusterPrometheusProcess *
get_process (MusterPrometheusStore *store, MusterPrometheusSource *source, const char *worker, gint64 now_us)
{
  MusterPrometheusProcess *process = g_hash_table_lookup (source->processes, worker);
  g_autoptr (GString) labels = NULL;
  gsize cost;

  if (process != NULL)
    return process;
  labels = g_string_new (source->labels);
  muster_prometheus_append_worker (labels, worker);
  cost = 2 * labels->len + strlen (worker) + LINE_COST + THING_COST;
  if (!pay (store, cost, now_us))
    return NULL;
  process = g_new0 (MusterPrometheusProcess, 1);
  process->source = source;
  process->worker = g_strdup (worker);
  process->labels = g_string_free (g_steal_pointer (&labels), FALSE);
  process->series = g_hash_table_new_full (series_hash, series_equal, series_free, NULL);
  process->cost = cost;
  process->seen_us = now_us;
  process->end_ns = G_MININT64;
  g_hash_table_insert (source->processes, process->worker, process);
  return process;
}

static void
count_dataset (MusterPrometheusSource *source, MusterDataset *dataset)
{
  g_auto (GStrv) late = muster_dataset_list_late (dataset);
  g_auto (GStrv) partial = muster_dataset_list_partial (dataset);

  source->n_datasets++;
  source->n_late += g_strv_length (late);
  source->n_partial += g_strv_length (partial);
  if (muster_dataset_get_end_ns (dataset) < source->end_ns)
    return;
  source->end_ns = muster_dataset_get_end_ns (dataset);
  source->n_expected = muster_dataset_get_n_expected (dataset);
  source->n_reported = muster_dataset_get_n_reported (dataset);
}

static void
add_process (MusterPrometheusStore *store, MusterPrometheusSource *source, MusterDataset *dataset, guint number,
             gint64 now_us)
{
  guint n_metrics = muster_dataset_get_n_metrics (dataset, number);
  MusterPrometheusProcess *process = get_process (store, source, muster_dataset_get_worker (dataset, number), now_us);

  if (process == NULL)
    {
      store->losses.refused += n_metrics;
      return;
    }
  process->seen_us = now_us; /* first, so that it does not make room for itself */
  process->end_ns = MAX (process->end_ns, muster_dataset_get_end_ns (dataset));
  process->overflow += muster_dataset_get_overflow (dataset, number);
  for (guint i = 0; i < n_metrics; i++)
    add_metric (store, process, dataset, muster_dataset_get_metric (dataset, number, i), now_us);
}

void
muster_prometheus_store_add (MusterPrometheusStore *store, const char *host, const char *cluster,
                             MusterDataset *dataset, gint64 now_us)
{
  guint n = muster_dataset_get_n_processes (dataset);
  MusterPrometheusSource *source = get_source (store, host, cluster, muster_dataset_get_name (dataset), now_us);

  if (source == NULL)
    {
      for (guint i = 0; i < n; i++)
        store->losses.refused += muster_dataset_get_n_metrics (dataset, i);
      return;
    }
  source->seen_us = now_us;
  source->interval_us = MAX (muster_dataset_get_interval_ns (dataset) / 1000, 1);
  count_dataset (source, dataset);
  for (guint i = 0; i < n; i++)
    add_process (store, source, dataset, i, now_us);
}
