/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stdio.h>

/*
 * MusterTable: rows of text in columns as wide as they need to be; where the terminal is too narrow for that, one line
 * for each cell.
 */
typedef struct _MusterTable MusterTable;

/* @columns: the heads, translated; one that starts with '>' is aligned to the right. */
MusterTable *muster_table_new (const char *const *columns);
void muster_table_free (MusterTable *self);
/* @cell (taken): the next one of the current row; a row begins behind the last column. What is not text or would move the
 * cursor is replaced. "" and "0" are left out where a cell has a line of its own. */
void muster_table_add (MusterTable *self, char *cell);
void muster_table_print (MusterTable *self, FILE *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterTable, muster_table_free)
