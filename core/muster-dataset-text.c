/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Datasets for a person at a terminal: what all processes measured together, then each of them, a line for each metric, in
 * columns. What changed comes first; what has only been kept is named below it. Units are the same whatever the scale
 * factor is: rates are per second, and times have theirs beside them. Any thread.
 */
#include "config.h"

#include <string.h>

#include "muster-dataset-struct-private.h"
#include "muster-dataset-table-private.h"

#define COLUMNS      80
#define COLUMNS_MIN  20
#define NAME_COLUMNS 64 /* of a name, where there is no limit */
#define KEPT_COLUMNS 24 /* of a text that was kept */

typedef struct
{
  MusterDataset *dataset;
  MusterDatasetTable *table; /* borrowed */
  guint columns;
  double rate_seconds; /* what rates are over */
  gboolean is_total;
} Printer;

/* Whole numbers up to here are shown whole: they may be counts of something, and a double has all their digits. */
#define WHOLE_MAX 1e15

/* Four digits are enough at a glance, but counts are exact; NULL for what is none. */
static char *
make_number (double value)
{
  double size = fabs (value);
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  if (!isfinite (value))
    return NULL;
  if (value == trunc (value) && size <= WHOLE_MAX)
    return g_strdup_printf ("%.0f", value + 0.0); /* -0 is 0 */
  if (size >= 1000 && size < 1e9)
    return g_strdup_printf ("%.0f", value);
  return g_strdup (g_ascii_formatd (text, sizeof text, "%.4g", value));
}

static char *
make_name (const Muster__V1__Metric *metric)
{
  g_autoptr (GString) whole = g_string_new (NULL);
  GString *name = g_string_new (NULL);
  const char *key;

  for (guint depth = 0; (key = muster_metric_get_key (metric, depth)) != NULL; depth++)
    g_string_append_printf (whole, "%s%s", depth > 0 ? "/" : "", key);
  muster_text_append_tame (name, whole->str, NAME_COLUMNS, TRUE);
  return g_string_free (name, FALSE);
}

static char *
make_tame (const char *text, guint columns)
{
  GString *out = g_string_new (NULL);

  muster_text_append_tame (out, text, columns, FALSE);
  return g_string_free (out, FALSE);
}

/* -- metrics -------------------------------------------------------------------------------------- */

static void
fill_samples (MusterDatasetRow *row, const Muster__V1__Metric *metric, double scale)
{
  row->cells[MUSTER_COLUMN_VALUE] = make_number (muster_metric_get_average (metric) * scale);
  row->cells[MUSTER_COLUMN_SIGMA] = make_number (muster_metric_get_sigma (metric) * scale);
  row->cells[MUSTER_COLUMN_P50] = make_number (muster_metric_get_quantile (metric, 0.5) * scale);
  row->cells[MUSTER_COLUMN_P90] = make_number (muster_metric_get_quantile (metric, 0.9) * scale);
  row->cells[MUSTER_COLUMN_P99] = make_number (muster_metric_get_quantile (metric, 0.99) * scale);
  row->cells[MUSTER_COLUMN_P999] = make_number (muster_metric_get_quantile (metric, 0.999) * scale);
  row->cells[MUSTER_COLUMN_COUNT] = g_strdup_printf ("%" G_GUINT64_FORMAT, metric->count);
  if (metric->count == 0)
    return;
  row->cells[MUSTER_COLUMN_MIN] = make_number (metric->min * scale);
  row->cells[MUSTER_COLUMN_MAX] = make_number (metric->max * scale);
}

/* In a unit in which the average has few digits. */
static void
fill_times (MusterDatasetRow *row, const Muster__V1__Metric *metric, double scale_factor)
{
  static const struct
  {
    double least_ms, ms;
    const char *name;
  } units[] = { { 1000, 1000, "s" }, { 1, 1, "ms" }, { 0.001, 0.001, "µs" }, { 0, 0.000001, "ns" } };
  double average_ms = fabs (muster_metric_get_average (metric)) * scale_factor;
  guint i = 1;

  if (isfinite (average_ms) && average_ms != 0)
    for (i = 0; i + 1 < G_N_ELEMENTS (units) && average_ms < units[i].least_ms; i++)
      ;
  fill_samples (row, metric, scale_factor / units[i].ms);
  row->cells[MUSTER_COLUMN_UNIT] = g_strdup (units[i].name);
}

static void
fill_set (const Printer *printer, MusterDatasetRow *row, const Muster__V1__Metric *metric)
{
  if (metric->value_case == MUSTER__V1__METRIC__VALUE_TEXT)
    {
      row->cells[MUSTER_COLUMN_VALUE] = g_strdup (metric->text);
      row->is_text = TRUE;
    }
  else
    row->cells[MUSTER_COLUMN_VALUE] = make_number (metric->number);
  if (!printer->is_total || row->is_text)
    return;
  row->cells[MUSTER_COLUMN_MIN] = make_number (metric->min);
  row->cells[MUSTER_COLUMN_MAX] = make_number (metric->max);
  row->cells[MUSTER_COLUMN_SUM] = make_number (metric->sum);
}

static void
add_metric (const Printer *printer, const Muster__V1__Metric *metric)
{
  MusterMetricType type = muster_metric_find_type (metric);
  MusterDatasetRow *row = muster_dataset_table_add (printer->table);

  row->cells[MUSTER_COLUMN_NAME] = make_name (metric);
  if (type == MUSTER_METRIC_INC)
    {
      row->cells[MUSTER_COLUMN_VALUE] = make_number (metric->sum / printer->rate_seconds);
      row->cells[MUSTER_COLUMN_UNIT] = g_strdup ("/s");
      row->cells[MUSTER_COLUMN_SUM] = make_number (metric->sum);
    }
  else if (type == MUSTER_METRIC_SET)
    fill_set (printer, row, metric);
  else if (type == MUSTER_METRIC_TIMED_SAMPLE)
    fill_times (row, metric, printer->dataset->scale_factor);
  else if (type == MUSTER_METRIC_SAMPLE)
    fill_samples (row, metric, 1);
  else
    {
      /* Somebody's own kind: what it reports has columns of its own, which a table of all metrics does not. */
      row->cells[MUSTER_COLUMN_COUNT] = g_strdup_printf ("%" G_GUINT64_FORMAT, metric->count);
      row->cells[MUSTER_COLUMN_UNIT] = make_tame (metric->type, KEPT_COLUMNS);
    }
}

/* -- sections ------------------------------------------------------------------------------------- */

/* What nothing happened to: a set has the value that was kept. */
static char *
make_kept (const Muster__V1__Metric *metric)
{
  g_autofree char *name = make_name (metric);
  g_autofree char *value = NULL;

  if (muster_metric_find_type (metric) == MUSTER_METRIC_SET)
    value = metric->value_case == MUSTER__V1__METRIC__VALUE_TEXT ? make_tame (metric->text, KEPT_COLUMNS)
                                                                 : make_number (metric->number);
  return value != NULL ? g_strdup_printf ("%s=%s", name, value) : g_steal_pointer (&name);
}

static G_GNUC_PRINTF (2, 3) void add_note (const Printer *printer, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  muster_dataset_table_add (printer->table)->note = g_strdup_vprintf (format, arguments);
  va_end (arguments);
}

static void
add_title (Printer *printer, const MusterDatasetProcess *process)
{
  MusterDatasetRow *row = muster_dataset_table_add (printer->table);
  g_autofree char *name = make_tame (process->worker, NAME_COLUMNS);

  row->is_title = TRUE;
  row->cells[MUSTER_COLUMN_NAME] =
      printer->is_total ? g_strdup ("all processes") : g_strdup_printf ("%s (pid %u)", name, process->pid);
}

static void
add_kept (const Printer *printer, const MusterDatasetProcess *process)
{
  g_autoptr (GString) out = g_string_new ("  unchanged: ");
  g_autoptr (GPtrArray) kept = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < process->metrics->len; i++)
    {
      const Muster__V1__Metric *metric = process->metrics->pdata[i];

      if (metric->count == 0)
        g_ptr_array_add (kept, make_kept (metric));
    }
  if (kept->len == 0)
    return;
  muster_text_append_wrapped (out, kept, ", ", printer->columns);
  add_note (printer, "%s", out->str);
}

/* One process, or all of them. */
static void
add_section (Printer *printer, const MusterDatasetProcess *process)
{
  guint n_without = muster_dataset_process_count_without_quantiles (process);

  add_title (printer, process);
  for (guint i = 0; i < process->metrics->len; i++)
    {
      const Muster__V1__Metric *metric = process->metrics->pdata[i];

      if (metric->count > 0)
        add_metric (printer, metric);
    }
  add_kept (printer, process);
  if (process->overflow > 0 && !printer->is_total)
    add_note (printer, "  %" G_GUINT64_FORMAT " updates refused\n", process->overflow);
  if (n_without > 0 && !printer->is_total)
    add_note (printer, "  no memory for quantiles: %u\n", n_without);
}

static void
add_total (Printer *printer)
{
  const MusterDatasetTotal *total = muster_dataset_get_total (printer->dataset);

  printer->is_total = TRUE;
  printer->rate_seconds = (double) muster_dataset_get_covered_ns (printer->dataset) / 1e9;
  add_section (printer, total->process);
  if (total->unmerged > 0)
    add_note (printer, "  %" G_GUINT64_FORMAT " updates of another type are not in it\n", total->unmerged);
}

static void
add_process (Printer *printer, const MusterDatasetProcess *process)
{
  gint64 covered_ns = process->end_ns - process->start_ns;

  printer->is_total = FALSE;
  if (covered_ns < MUSTER_DATASET_COVERED_MIN)
    covered_ns = printer->dataset->interval_ns;
  printer->rate_seconds = (double) covered_ns / 1e9;
  add_section (printer, process);
}

static gboolean
has_something_to_say (const MusterDatasetProcess *process)
{
  return process->metrics->len > 0 || process->overflow > 0;
}

/* Those who have nothing to say need no line each. */
static void
print_silent (const Printer *printer, GString *out)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  GPtrArray *processes = printer->dataset->processes;

  for (guint i = 0; i < processes->len; i++)
    {
      const MusterDatasetProcess *process = processes->pdata[i];

      if (!has_something_to_say (process))
        g_ptr_array_add (names, make_tame (process->worker, NAME_COLUMNS));
    }
  if (names->len == 0)
    return;
  g_string_append (out, "without metrics: ");
  muster_text_append_wrapped (out, names, ", ", printer->columns);
}

/* -- the title ------------------------------------------------------------------------------------ */

static char *
format_time (gint64 ns, const char *format)
{
  g_autoptr (GDateTime) utc = g_date_time_new_from_unix_utc (ns / G_GINT64_CONSTANT (1000000000));
  g_autoptr (GDateTime) with_fraction =
      utc != NULL ? g_date_time_add (utc, ns % G_GINT64_CONSTANT (1000000000) / 1000) : NULL;
  g_autoptr (GDateTime) local = with_fraction != NULL ? g_date_time_to_local (with_fraction) : NULL;

  return local != NULL ? g_date_time_format (local, format) : g_strdup ("?");
}

static void
add_names (GPtrArray *items, const char *what, GPtrArray *names)
{
  for (guint i = 0; i < names->len; i++)
    {
      g_autofree char *name = make_tame (names->pdata[i], NAME_COLUMNS);

      g_ptr_array_add (items, g_strdup_printf ("%s%s", i == 0 ? what : "", name));
    }
}

static void
add_times (GPtrArray *items, MusterDataset *dataset)
{
  gboolean is_whole = dataset->end_ns % G_GINT64_CONSTANT (1000000000) == 0;
  gint64 covered_ns = muster_dataset_get_covered_ns (dataset);
  g_autofree char *end = format_time (dataset->end_ns, is_whole ? "%F %T" : "%F %T.%f");
  g_autofree char *name = make_tame (dataset->name, NAME_COLUMNS);
  g_autofree char *seconds = make_number ((double) dataset->interval_ns / 1e9);
  g_autofree char *covered = make_number ((double) covered_ns / 1e9);

  g_ptr_array_add (items, g_strdup_printf ("%s%s%s s to %s", name, *name != '\0' ? ": " : "", seconds, end));
  if (covered_ns != dataset->interval_ns)
    g_ptr_array_add (items, g_strdup_printf ("%s s measured", covered));
}

static void
print_head (const Printer *printer, GString *out)
{
  MusterDataset *dataset = printer->dataset;
  g_autoptr (GPtrArray) items = g_ptr_array_new_with_free_func (g_free);

  add_times (items, dataset);
  g_ptr_array_add (items, g_strdup_printf ("%u of %u reported", dataset->n_reported, dataset->n_expected));
  if (dataset->n_merged > 0)
    g_ptr_array_add (items, g_strdup_printf ("merged from %u", dataset->n_merged));
  if (dataset->interrupted)
    g_ptr_array_add (items, g_strdup ("interrupted"));
  add_names (items, "late: ", dataset->late);
  add_names (items, "partial: ", dataset->partial);
  muster_text_append_wrapped (out, items, ", ", printer->columns);
}

/* -- public --------------------------------------------------------------------------------------- */

/**
 * muster_dataset_to_text_in_columns:
 * @dataset: a dataset
 * @columns: how wide a terminal is; 0: no limit
 *
 * The dataset as a person likes to see it on a terminal, in the local time zone: a title, then what all processes measured
 * together (if there is more than one), then each of them. What changed comes first, a line for each metric; what has
 * only been kept is named below. Rates are per second, and times have their unit beside them, whatever the scale factor is; of
 * samples the value is their average. Where the terminal is narrow, the columns that tell least are left out, and names
 * lose their beginning. What could harm a terminal is replaced. Any thread.
 *
 * Returns: (transfer full): lines of UTF-8, each with its newline
 * Since: 0.1
 */
char *
muster_dataset_to_text_in_columns (MusterDataset *dataset, guint columns)
{
  Printer printer = { .dataset = dataset, .columns = columns > 0 ? MAX (columns, COLUMNS_MIN) : 0 };
  g_autoptr (MusterDatasetTable) table = muster_dataset_table_new (printer.columns);
  GString *out = g_string_new (NULL);
  guint n_speaking = 0;

  for (guint i = 0; i < dataset->processes->len; i++)
    n_speaking += has_something_to_say (dataset->processes->pdata[i]);
  print_head (&printer, out);
  printer.table = table;
  if (n_speaking > 1)
    add_total (&printer);
  for (guint i = 0; i < dataset->processes->len; i++)
    if (has_something_to_say (dataset->processes->pdata[i]))
      add_process (&printer, dataset->processes->pdata[i]);
  muster_dataset_table_print (table, out);
  print_silent (&printer, out);
  return g_string_free (out, FALSE);
}

/**
 * muster_dataset_to_text:
 * @dataset: a dataset
 *
 * As muster_dataset_to_text_in_columns(), for 80 columns. Any thread.
 *
 * Returns: (transfer full): lines of UTF-8, each with its newline
 * Since: 0.1
 */
char *
muster_dataset_to_text (MusterDataset *dataset)
{
  return muster_dataset_to_text_in_columns (dataset, COLUMNS);
}
