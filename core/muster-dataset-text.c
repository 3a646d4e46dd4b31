/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Datasets for a person at a terminal: a line for each metric below its process, in columns. Units are always the same,
 * whatever the scale factor is: rates are per second, times in milliseconds. Any thread.
 */
#include "config.h"

#include <string.h>

#include "muster-dataset-struct-private.h"

#define NAME_CHARS_MAX 48 /* of a metric's name; longer ones end in "…" */
#define TEXT_CHARS_MAX 40 /* of a text that was set */
#define MARGIN         "  "

enum
{
  COLUMN_NAME,
  COLUMN_TYPE,
  COLUMN_VALUE,
  COLUMN_UNIT,
  COLUMN_MIN,
  COLUMN_MAX,
  COLUMN_SIGMA,
  COLUMN_COUNT,
  N_COLUMNS
};

static const gboolean is_left[N_COLUMNS] = { [COLUMN_NAME] = TRUE, [COLUMN_TYPE] = TRUE, [COLUMN_UNIT] = TRUE };

typedef struct
{
  char *cells[N_COLUMNS]; /* owned, nullable */
  gboolean is_text;       /* the value begins where its column does, and may be wider */
} Row;

/* The first line; columns that nothing stands in are left out. */
static const Row headings = { .cells = { (char *) "", (char *) "type", (char *) "value", (char *) "", (char *) "min",
                                         (char *) "max", (char *) "sigma", (char *) "count" } };

static void
row_free (gpointer data)
{
  Row *row = data;

  for (guint i = 0; i < N_COLUMNS; i++)
    g_free (row->cells[i]);
  g_free (row);
}

/* Columns that a terminal gives to @text. */
static guint
get_width (const char *text)
{
  guint width = 0;

  for (; *text != '\0'; text = g_utf8_next_char (text))
    {
      gunichar c = g_utf8_get_char (text);

      width += g_unichar_iszerowidth (c) ? 0 : g_unichar_iswide (c) ? 2 : 1;
    }
  return width;
}

/* Appends at most @max characters of @text, of which none moves the cursor or changes a terminal's mind. */
static void
append_tame (GString *out, const char *text, guint max)
{
  for (guint i = 0; *text != '\0'; i++, text = g_utf8_next_char (text))
    {
      gunichar c = g_utf8_get_char (text);

      if (i == max)
        {
          g_string_append (out, "…");
          return;
        }
      g_string_append_unichar (out, g_unichar_isprint (c) ? c : 0xFFFD);
    }
}

static char *
make_name (const Muster__V1__Metric *metric)
{
  g_autoptr (GString) whole = g_string_new (NULL);
  GString *name = g_string_new (MARGIN);
  const char *key;

  for (guint depth = 0; (key = muster_metric_get_key (metric, depth)) != NULL; depth++)
    g_string_append_printf (whole, "%s%s", depth > 0 ? " / " : "", key);
  append_tame (name, whole->str, NAME_CHARS_MAX);
  return g_string_free (name, FALSE);
}

/* Four digits are enough at a glance; NULL for what is none. */
static char *
make_number (double value)
{
  double size = fabs (value);
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  if (!isfinite (value))
    return NULL;
  if (value == trunc (value) && size < 1e9)
    return g_strdup_printf ("%.0f", value);
  if (size >= 1000 && size < 1e9)
    return g_strdup_printf ("%.0f", value);
  return g_strdup (g_ascii_formatd (text, sizeof text, "%.4g", value));
}

static void
fill_samples (Row *row, const Muster__V1__Metric *metric, double scale)
{
  row->cells[COLUMN_VALUE] = make_number (muster_metric_get_average (metric) * scale);
  row->cells[COLUMN_SIGMA] = make_number (muster_metric_get_sigma (metric) * scale);
  row->cells[COLUMN_COUNT] = g_strdup_printf ("%" G_GUINT64_FORMAT, metric->count);
  if (metric->count == 0)
    return;
  row->cells[COLUMN_MIN] = make_number (metric->min * scale);
  row->cells[COLUMN_MAX] = make_number (metric->max * scale);
}

static void
add_metric (GPtrArray *rows, const MusterDataset *dataset, const Muster__V1__Metric *metric)
{
  g_autoptr (GString) text = g_string_new (NULL);
  MusterMetricType type = muster_metric_find_type (metric);
  Row *row = g_new0 (Row, 1);

  append_tame (text, metric->type, NAME_CHARS_MAX);
  row->cells[COLUMN_NAME] = make_name (metric);
  row->cells[COLUMN_TYPE] = g_strdup (text->str);
  if (type == MUSTER_METRIC_INC)
    {
      row->cells[COLUMN_VALUE] = make_number (metric->sum / ((double) dataset->interval_ns / 1e9));
      row->cells[COLUMN_UNIT] = g_strdup ("/s");
    }
  else if (type == MUSTER_METRIC_SET && metric->value_case == MUSTER__V1__METRIC__VALUE_TEXT)
    {
      append_tame (g_string_truncate (text, 0), metric->text, TEXT_CHARS_MAX);
      row->cells[COLUMN_VALUE] = g_strdup (text->str);
      row->is_text = TRUE;
    }
  else if (type == MUSTER_METRIC_SET)
    row->cells[COLUMN_VALUE] = make_number (metric->number);
  else if (type == MUSTER_METRIC_TIMED_SAMPLE)
    {
      fill_samples (row, metric, dataset->scale_factor);
      row->cells[COLUMN_UNIT] = g_strdup ("ms");
    }
  else
    fill_samples (row, metric, 1);
  g_ptr_array_add (rows, row);
}

static void
add_process (GPtrArray *rows, const MusterDataset *dataset, const MusterDatasetProcess *process)
{
  GString *title = g_string_new (NULL);
  Row *row = g_new0 (Row, 1);

  append_tame (title, process->worker, NAME_CHARS_MAX);
  g_string_append_printf (title, " (pid %u)", process->pid);
  row->cells[COLUMN_NAME] = g_string_free (title, FALSE);
  g_ptr_array_add (rows, row);
  for (guint i = 0; i < process->metrics->len; i++)
    add_metric (rows, dataset, process->metrics->pdata[i]);
  if (process->overflow == 0)
    return;
  row = g_new0 (Row, 1);
  row->cells[COLUMN_NAME] = g_strdup_printf (MARGIN "%" G_GUINT64_FORMAT " updates refused", process->overflow);
  g_ptr_array_add (rows, row);
}

static void
measure (GPtrArray *rows, guint *widths)
{
  for (guint i = 0; i < rows->len; i++)
    for (guint k = 0; k < N_COLUMNS; k++)
      {
        const Row *row = rows->pdata[i];
        const char *cell = row->cells[k];

        if (cell != NULL && !(row->is_text && k == COLUMN_VALUE))
          widths[k] = MAX (widths[k], get_width (cell));
      }
  if (widths[COLUMN_TYPE] > 0)
    widths[COLUMN_VALUE] = MAX (widths[COLUMN_VALUE], 1);
  for (guint k = 0; k < N_COLUMNS; k++)
    if (widths[k] > 0)
      widths[k] = MAX (widths[k], get_width (headings.cells[k]));
}

static void
put_row (GString *out, const Row *row, const guint *widths)
{
  for (guint k = 0; k < N_COLUMNS; k++)
    {
      const char *cell = row->cells[k] != NULL ? row->cells[k] : "";
      int space = MAX (0, (int) widths[k] - (int) get_width (cell));
      gboolean left = is_left[k] || row->is_text;

      if (widths[k] == 0)
        continue;
      if (k > 0)
        g_string_append (out, k == COLUMN_UNIT ? " " : MARGIN);
      g_string_append_printf (out, "%*s%s%*s", left ? 0 : space, "", cell, left ? space : 0, "");
    }
  while (out->len > 0 && out->str[out->len - 1] == ' ')
    g_string_truncate (out, out->len - 1);
  g_string_append_c (out, '\n');
}

static void
put_names (GString *out, const char *what, GPtrArray *names)
{
  for (guint i = 0; i < names->len; i++)
    {
      g_string_append (out, i == 0 ? what : " ");
      append_tame (out, names->pdata[i], NAME_CHARS_MAX);
    }
}

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
put_title (GString *out, const MusterDataset *dataset)
{
  gboolean is_whole = dataset->end_ns % G_GINT64_CONSTANT (1000000000) == 0;
  g_autofree char *end = format_time (dataset->end_ns, is_whole ? "%F %T" : "%F %T.%f");
  g_autofree char *seconds = make_number ((double) dataset->interval_ns / 1e9);

  if (*dataset->name != '\0')
    {
      append_tame (out, dataset->name, NAME_CHARS_MAX);
      g_string_append (out, ": ");
    }
  g_string_append_printf (out, "%s s to %s, %u of %u reported", seconds, end, dataset->n_reported, dataset->n_expected);
  put_names (out, ", late: ", dataset->late);
  put_names (out, ", partial: ", dataset->partial);
  g_string_append_c (out, '\n');
}

/**
 * muster_dataset_to_text:
 * @dataset: a dataset
 *
 * The dataset as a person likes to see it on a terminal, in the local time zone: a title, then each process's metrics
 * in columns. Rates are per second and times in milliseconds, whatever the scale factor is; of samples the value is
 * their average. What could harm a terminal is replaced. Any thread.
 *
 * Returns: (transfer full): lines of UTF-8, each with its newline
 * Since: 0.1
 */
char *
muster_dataset_to_text (MusterDataset *dataset)
{
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func (row_free);
  GString *out = g_string_new (NULL);
  guint widths[N_COLUMNS] = { 0 };

  for (guint i = 0; i < dataset->processes->len; i++)
    add_process (rows, dataset, dataset->processes->pdata[i]);
  measure (rows, widths);
  put_title (out, dataset);
  if (widths[COLUMN_TYPE] > 0)
    put_row (out, &headings, widths);
  for (guint i = 0; i < rows->len; i++)
    put_row (out, rows->pdata[i], widths);
  return g_string_free (out, FALSE);
}
