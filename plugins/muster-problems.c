/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A list of what is wrong, and where. Owned by one thread.
 */
#include "config.h"

#include "muster-problems-private.h"

typedef struct
{
  guint file; /* index into files */
  guint line;
  char *text; /* owned */
} Problem;

struct _MusterProblems
{
  GPtrArray *files; /* owned, of char * */
  GArray *problems; /* owned, of Problem */
  guint count;
};

static void
clear_problem (gpointer data)
{
  g_free (((Problem *) data)->text);
}

MusterProblems *
muster_problems_new (void)
{
  MusterProblems *problems = g_new0 (MusterProblems, 1);

  problems->files = g_ptr_array_new_with_free_func (g_free);
  problems->problems = g_array_new (FALSE, FALSE, sizeof (Problem));
  g_array_set_clear_func (problems->problems, clear_problem);
  return problems;
}

void
muster_problems_free (MusterProblems *problems)
{
  g_ptr_array_unref (problems->files);
  g_array_unref (problems->problems);
  g_free (problems);
}

guint
muster_problems_get_count (const MusterProblems *problems)
{
  return problems->count;
}

static guint
index_of_file (MusterProblems *problems, const char *file)
{
  guint index;

  if (g_ptr_array_find_with_equal_func (problems->files, file, g_str_equal, &index))
    return index;
  g_ptr_array_add (problems->files, g_strdup (file));
  return problems->files->len - 1;
}

void
muster_problems_add (MusterProblems *problems, const char *file, guint line, const char *group, const char *key,
                     const char *format, ...)
{
  Problem problem = { .line = line };
  GString *text;
  va_list arguments;

  if (problems->count++ >= MUSTER_PROBLEMS_MAX)
    return;
  problem.file = index_of_file (problems, file);
  text = g_string_new (file);
  if (line > 0)
    g_string_append_printf (text, ":%u", line);
  g_string_append (text, ": ");
  if (group != NULL)
    g_string_append_printf (text, key != NULL ? "%s " : "%s: ", group);
  if (key != NULL)
    g_string_append_printf (text, "%s: ", key);
  va_start (arguments, format);
  g_string_append_vprintf (text, format, arguments);
  va_end (arguments);
  problem.text = g_string_free (text, FALSE);
  g_array_append_val (problems->problems, problem);
}

static int
compare_places (gconstpointer a, gconstpointer b)
{
  const Problem *x = a, *y = b;

  if (x->file != y->file)
    return x->file < y->file ? -1 : 1;
  return x->line < y->line ? -1 : x->line > y->line;
}

void
muster_problems_list (MusterProblems *problems, GPtrArray *strings)
{
  g_array_sort (problems->problems, compare_places); /* a merge sort: what is in one place keeps its order */
  for (guint i = 0; i < problems->problems->len; i++)
    g_ptr_array_add (strings, g_strdup (g_array_index (problems->problems, Problem, i).text));
  if (problems->count > MUSTER_PROBLEMS_MAX)
    g_ptr_array_add (strings, g_strdup_printf ("%s: %u more problems are not listed",
                                               (const char *) g_ptr_array_index (problems->files, 0),
                                               problems->count - MUSTER_PROBLEMS_MAX));
}
