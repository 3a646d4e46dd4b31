/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A table for people at a terminal.
 */
#include "config.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "table.h"

struct _MusterTable
{
  GPtrArray *heads; /* owned; of char * */
  GPtrArray *cells; /* owned; of char *, row by row */
  gboolean *is_right;
};

static void
replace_controls (char *text)
{
  for (char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    if (g_unichar_iscntrl (g_utf8_get_char (p)))
      memset (p, '?', (gsize) (g_utf8_next_char (p) - p));
}

MusterTable *
muster_table_new (const char *const *columns)
{
  MusterTable *self = g_new0 (MusterTable, 1);

  self->heads = g_ptr_array_new_with_free_func (g_free);
  self->cells = g_ptr_array_new_with_free_func (g_free);
  self->is_right = g_new0 (gboolean, g_strv_length ((char **) columns));
  for (guint i = 0; columns[i] != NULL; i++)
    {
      self->is_right[i] = columns[i][0] == '>';
      g_ptr_array_add (self->heads, g_strdup (columns[i] + self->is_right[i]));
    }
  return self;
}

void
muster_table_free (MusterTable *self)
{
  g_ptr_array_unref (self->heads);
  g_ptr_array_unref (self->cells);
  g_free (self->is_right);
  g_free (self);
}

void
muster_table_add (MusterTable *self, char *cell)
{
  char *valid = g_utf8_make_valid (cell, -1);

  replace_controls (valid);
  g_ptr_array_add (self->cells, valid);
  g_free (cell);
}

static guint
width_of (const char *text)
{
  return (guint) g_utf8_strlen (text, -1);
}

static guint
column_width (MusterTable *self, guint column)
{
  guint width = width_of (g_ptr_array_index (self->heads, column));

  for (guint i = column; i < self->cells->len; i += self->heads->len)
    width = MAX (width, width_of (g_ptr_array_index (self->cells, i)));
  return width;
}

/* What there is room for; without a terminal, and unless COLUMNS says otherwise, all. */
static guint
room (FILE *out)
{
  const char *columns = g_getenv ("COLUMNS");
  guint64 number = 0;
  struct winsize size = { 0 };

  if (columns != NULL && g_ascii_string_to_unsigned (columns, 10, 1, G_MAXUINT16, &number, NULL))
    return (guint) number;
  if (ioctl (fileno (out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return size.ws_col;
  return G_MAXUINT;
}

static void
print_row (MusterTable *self, GPtrArray *cells, guint start, const guint *widths, FILE *out)
{
  guint n = self->heads->len;

  for (guint i = 0; i < n; i++)
    {
      const char *cell = g_ptr_array_index (cells, start + i);
      int padding = (int) (widths[i] - width_of (cell));

      fprintf (out, "%s%*s%s%*s", i > 0 ? "  " : "", self->is_right[i] ? padding : 0, "", cell,
               self->is_right[i] || i + 1 == n ? 0 : padding, "");
    }
  fputc ('\n', out);
}

static void
print_cells (MusterTable *self, guint width, FILE *out)
{
  guint n = self->heads->len;

  for (guint i = 0; i < self->cells->len; i++)
    {
      const char *head = g_ptr_array_index (self->heads, i % n);
      const char *cell = g_ptr_array_index (self->cells, i);

      if (i % n == 0)
        fprintf (out, "%s%s\n", i > 0 ? "\n" : "", cell);
      else if (*cell != '\0' && strcmp (cell, "0") != 0)
        fprintf (out, "  %s%*s  %s\n", head, (int) (width - width_of (head)), "", cell);
    }
}

void
muster_table_print (MusterTable *self, FILE *out)
{
  guint n = self->heads->len;
  g_autofree guint *widths = g_new (guint, n);
  guint total = 0, widest_head = 0;

  for (guint i = 0; i < n; i++)
    {
      widths[i] = column_width (self, i);
      total += widths[i] + (i > 0 ? 2 : 0);
      widest_head = MAX (widest_head, width_of (g_ptr_array_index (self->heads, i)));
    }
  if (total > room (out))
    {
      print_cells (self, widest_head, out);
      return;
    }
  print_row (self, self->heads, 0, widths, out);
  for (guint i = 0; i + n <= self->cells->len; i += n)
    print_row (self, self->cells, i, widths, out);
}
