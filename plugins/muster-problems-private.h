/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Everything that is wrong with a keyfile and the files that it includes, in the order in which a person would mend it:
 * of file (as they were first named here), then line. Bounded: beyond MUSTER_PROBLEMS_MAX it only counts. */
typedef struct _MusterProblems MusterProblems;

#define MUSTER_PROBLEMS_MAX 1000

MusterProblems *muster_problems_new (void);
void muster_problems_free (MusterProblems *problems);
guint muster_problems_get_count (const MusterProblems *problems);

/* @line 0: the file as a whole. @group is a label like "[worker web]"; it and @key may be NULL. */
void muster_problems_add (MusterProblems *problems, const char *file, guint line, const char *group, const char *key,
                          const char *format, ...) G_GNUC_PRINTF (6, 7);

/* Appends them to @strings (of newly allocated strings), one line each: `FILE:LINE: [group] key: what; expected ...`. */
void muster_problems_list (MusterProblems *problems, GPtrArray *strings);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterProblems, muster_problems_free)
