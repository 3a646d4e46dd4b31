/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Rows in columns that fit a terminal. Pure functions, but for the table, which one thread has.
 */
#include "config.h"

#include <string.h>

#include "muster-dataset-table-private.h"

#define INDENT        "  "
#define GAP           2u
#define NAME_MIN      16u
#define CONTINUED     "  "
#define NAME_OF_WHOLE 45u /* per cent of the width that names may take, where it is too narrow for all */

struct _MusterDatasetTable
{
  GPtrArray *rows;
  guint columns; /* of the terminal; 0: no limit */
  guint widths[MUSTER_N_COLUMNS];
};

static const char *const headings[MUSTER_N_COLUMNS] = { "",    "value", "",    "min",  "max", "sigma",
                                                        "p50", "p90",   "p99", "p999", "sum", "count" };

/* What goes first where there is no room. */
static const MusterDatasetColumn dispensable[] = {
  MUSTER_COLUMN_SIGMA, MUSTER_COLUMN_P999, MUSTER_COLUMN_P90,   MUSTER_COLUMN_MIN, MUSTER_COLUMN_SUM,
  MUSTER_COLUMN_P50,   MUSTER_COLUMN_MAX,  MUSTER_COLUMN_COUNT, MUSTER_COLUMN_P99,
};

/* -- text ---------------------------------------------------------------------------------------- */

static guint
get_char_width (gunichar c)
{
  return g_unichar_iszerowidth (c) ? 0 : g_unichar_iswide (c) ? 2 : 1;
}

guint
muster_text_get_width (const char *text)
{
  guint width = 0;

  for (; *text != '\0'; text = g_utf8_next_char (text))
    width += get_char_width (g_utf8_get_char (text));
  return width;
}

static gunichar
tame (gunichar c)
{
  return g_unichar_isprint (c) ? c : 0xFFFD;
}

static guint
get_tame_width (const char *text)
{
  guint width = 0;

  for (; *text != '\0'; text = g_utf8_next_char (text))
    width += get_char_width (tame (g_utf8_get_char (text)));
  return width;
}

void
muster_text_append_tame (GString *out, const char *text, guint columns, gboolean keep_end)
{
  guint width = get_tame_width (text);
  gboolean is_cut = width > columns;

  if (is_cut && keep_end)
    {
      g_string_append (out, "…");
      for (; *text != '\0' && width > columns - 1; text = g_utf8_next_char (text))
        width -= get_char_width (tame (g_utf8_get_char (text)));
    }
  for (guint left = columns; *text != '\0'; text = g_utf8_next_char (text))
    {
      gunichar c = tame (g_utf8_get_char (text));

      if (is_cut && !keep_end && get_char_width (c) + 1 > left)
        break;
      left -= MIN (left, get_char_width (c));
      g_string_append_unichar (out, c);
    }
  if (is_cut && !keep_end)
    g_string_append (out, "…");
}

void
muster_text_append_wrapped (GString *out, GPtrArray *items, const char *between, guint columns)
{
  const char *last_line = strrchr (out->str, '\n');
  guint at = muster_text_get_width (last_line != NULL ? last_line + 1 : out->str);

  for (guint i = 0; i < items->len; i++)
    {
      guint width = muster_text_get_width (items->pdata[i]);
      guint more = i + 1 < items->len ? muster_text_get_width (between) : 0;

      if (columns > 0 && at > strlen (CONTINUED) && at + width + more > columns + (i + 1 < items->len ? 1 : 0))
        {
          while (out->len > 0 && out->str[out->len - 1] == ' ')
            g_string_truncate (out, out->len - 1);
          g_string_append (out, "\n" CONTINUED);
          at = (guint) strlen (CONTINUED);
        }
      g_string_append (out, items->pdata[i]);
      g_string_append (out, more > 0 ? between : "");
      at += width + more;
    }
  g_string_append_c (out, '\n');
}

/* -- the table ------------------------------------------------------------------------------------ */

static void
row_free (gpointer data)
{
  MusterDatasetRow *row = data;

  for (guint i = 0; i < MUSTER_N_COLUMNS; i++)
    g_free (row->cells[i]);
  g_free (row->note);
  g_free (row);
}

MusterDatasetTable *
muster_dataset_table_new (guint columns)
{
  MusterDatasetTable *table = g_new0 (MusterDatasetTable, 1);

  table->rows = g_ptr_array_new_with_free_func (row_free);
  table->columns = columns;
  return table;
}

void
muster_dataset_table_free (MusterDatasetTable *table)
{
  g_ptr_array_unref (table->rows);
  g_free (table);
}

MusterDatasetRow *
muster_dataset_table_add (MusterDatasetTable *table)
{
  MusterDatasetRow *row = g_new0 (MusterDatasetRow, 1);

  g_ptr_array_add (table->rows, row);
  return row;
}

/* A text that was set does not make its column wider, nor does a title, behind which nothing but headings stands. */
static void
measure_row (MusterDatasetTable *table, const MusterDatasetRow *row)
{
  guint indent = row->is_title ? 0 : (guint) strlen (INDENT);

  for (guint k = 0; k < MUSTER_N_COLUMNS; k++)
    if (row->cells[k] != NULL && !(row->is_text && k == MUSTER_COLUMN_VALUE)
        && !(row->is_title && row != table->rows->pdata[0]))
      table->widths[k] =
          MAX (table->widths[k], muster_text_get_width (row->cells[k]) + (k == MUSTER_COLUMN_NAME ? indent : 0));
}

static guint
get_gap (MusterDatasetColumn column)
{
  return column == MUSTER_COLUMN_NAME ? 0 : column == MUSTER_COLUMN_UNIT ? 1 : GAP;
}

static guint
get_whole_width (const MusterDatasetTable *table)
{
  guint width = 0;

  for (guint k = 0; k < MUSTER_N_COLUMNS; k++)
    width += table->widths[k] > 0 ? table->widths[k] + get_gap (k) : 0;
  return width;
}

static void
fit (MusterDatasetTable *table)
{
  guint *name = &table->widths[MUSTER_COLUMN_NAME];
  guint least = MIN (*name, MAX (NAME_MIN, table->columns * NAME_OF_WHOLE / 100));
  guint whole = get_whole_width (table);

  for (guint i = 0; i < G_N_ELEMENTS (dispensable) && whole - *name + least > table->columns; i++)
    {
      table->widths[dispensable[i]] = 0;
      whole = get_whole_width (table);
    }
  if (whole > table->columns)
    *name = MAX (least, *name - MIN (*name, whole - table->columns));
}

static void
measure (MusterDatasetTable *table)
{
  for (guint i = 0; i < table->rows->len; i++)
    if (((MusterDatasetRow *) table->rows->pdata[i])->note == NULL)
      measure_row (table, table->rows->pdata[i]);
  if (table->widths[MUSTER_COLUMN_VALUE] == 0)
    table->widths[MUSTER_COLUMN_VALUE] = 1;
  for (guint k = 0; k < MUSTER_N_COLUMNS; k++)
    if (table->widths[k] > 0)
      table->widths[k] = MAX (table->widths[k], muster_text_get_width (headings[k]));
  if (table->columns > 0)
    fit (table);
}

static void
put_spaces (GString *out, guint n)
{
  g_string_append_printf (out, "%*s", (int) n, "");
}

static void
put_cell (const MusterDatasetTable *table, GString *out, MusterDatasetColumn column, const char *cell)
{
  guint width = muster_text_get_width (cell);
  guint space = table->widths[column] - MIN (width, table->widths[column]);

  put_spaces (out, get_gap (column) + (column == MUSTER_COLUMN_UNIT ? 0 : space));
  g_string_append (out, cell);
  put_spaces (out, column == MUSTER_COLUMN_UNIT ? space : 0);
}

static void
put_name (const MusterDatasetTable *table, GString *out, const MusterDatasetRow *row)
{
  g_autoptr (GString) name = g_string_new (row->is_title ? "" : INDENT);
  guint width;

  muster_text_append_tame (name, row->cells[MUSTER_COLUMN_NAME],
                           table->widths[MUSTER_COLUMN_NAME] - MIN (table->widths[MUSTER_COLUMN_NAME], name->len),
                           !row->is_title);
  width = muster_text_get_width (name->str);
  g_string_append (out, name->str);
  put_spaces (out, table->widths[MUSTER_COLUMN_NAME] - MIN (width, table->widths[MUSTER_COLUMN_NAME]));
}

static void
put_text (const MusterDatasetTable *table, GString *out, const char *text)
{
  guint begin = table->widths[MUSTER_COLUMN_NAME] + get_gap (MUSTER_COLUMN_VALUE);
  guint room = table->columns > 0 ? table->columns - MIN (begin, table->columns) : G_MAXUINT;

  put_spaces (out, get_gap (MUSTER_COLUMN_VALUE));
  muster_text_append_tame (out, text, MAX (room, 1), FALSE);
}

static void
put_row (const MusterDatasetTable *table, GString *out, const MusterDatasetRow *row, const char *const *cells)
{
  put_name (table, out, row);
  if (row->is_text)
    put_text (table, out, row->cells[MUSTER_COLUMN_VALUE]);
  for (guint k = MUSTER_COLUMN_VALUE; k < MUSTER_N_COLUMNS && !row->is_text; k++)
    if (table->widths[k] > 0)
      put_cell (table, out, k, cells[k] != NULL ? cells[k] : "");
  while (out->len > 0 && out->str[out->len - 1] == ' ')
    g_string_truncate (out, out->len - 1);
  g_string_append_c (out, '\n');
}

/* Nothing stands behind it. */
static void
put_title (const MusterDatasetTable *table, GString *out, const MusterDatasetRow *row)
{
  muster_text_append_tame (out, row->cells[MUSTER_COLUMN_NAME], table->columns > 0 ? table->columns : G_MAXUINT, FALSE);
  g_string_append_c (out, '\n');
}

void
muster_dataset_table_print (MusterDatasetTable *table, GString *out)
{
  measure (table);
  for (guint i = 0; i < table->rows->len; i++)
    {
      const MusterDatasetRow *row = table->rows->pdata[i];

      if (row->note != NULL)
        g_string_append (out, row->note);
      else if (row->is_title && i > 0)
        put_title (table, out, row);
      else
        put_row (table, out, row, row->is_title ? headings : (const char *const *) row->cells);
    }
}
