/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * MusterDatasetTable: rows in columns, for a terminal of a given width: what is least important is left out where it is too
 * narrow for all. One thread at a time.
 */
typedef enum
{
  MUSTER_COLUMN_NAME,
  MUSTER_COLUMN_VALUE,
  MUSTER_COLUMN_UNIT,
  MUSTER_COLUMN_MIN,
  MUSTER_COLUMN_MAX,
  MUSTER_COLUMN_SIGMA,
  MUSTER_COLUMN_P50,
  MUSTER_COLUMN_P90,
  MUSTER_COLUMN_P99,
  MUSTER_COLUMN_P999,
  MUSTER_COLUMN_SUM,
  MUSTER_COLUMN_COUNT,
  MUSTER_N_COLUMNS
} MusterDatasetColumn;

typedef struct
{
  char *cells[MUSTER_N_COLUMNS]; /* owned, nullable; tame text */
  char *note;                    /* owned, nullable: whole lines that stand in the place of the row */
  gboolean is_title;             /* of a section: nothing is indented, and headings may stand behind it */
  gboolean is_text;              /* the value begins where its column does, and takes what room is left */
} MusterDatasetRow;

typedef struct _MusterDatasetTable MusterDatasetTable;

/* @columns: of the terminal; 0: no limit. */
MusterDatasetTable *muster_dataset_table_new (guint columns);
void muster_dataset_table_free (MusterDatasetTable *table);
/* The new row is the table's; it stays where it is. It needs a name, or a note. */
MusterDatasetRow *muster_dataset_table_add (MusterDatasetTable *table);
void muster_dataset_table_print (MusterDatasetTable *table, GString *out);

/* Columns that a terminal gives to @text. */
guint muster_text_get_width (const char *text);
/* Appends what fits in @columns of @text, of which nothing moves the cursor or changes a terminal's mind; "…" stands for the
 * rest: at the end, or with @keep_end at the beginning. */
void muster_text_append_tame (GString *out, const char *text, guint columns, gboolean keep_end);
/* Puts @items side by side, @between them; an item that would go beyond @columns (0: no limit) begins a line of its own. */
void muster_text_append_wrapped (GString *out, GPtrArray *items, const char *between, guint columns);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterDatasetTable, muster_dataset_table_free)
