/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The nearest known name for a misspelt one. Pure functions; any thread.
 */
#include "config.h"

#include <string.h>

#include "muster-nearest-private.h"

#define MAX_LENGTH 64

/* Insertions, deletions, substitutions and swaps of neighbours, the optimal string alignment variant; without regard to
 * case. Both at most MAX_LENGTH long. */
static guint
distance (const char *a, gsize a_length, const char *b, gsize b_length)
{
  guint rows[3][MAX_LENGTH + 1]; /* the row before the last, the last, this one: by turns */

  for (guint j = 0; j <= b_length; j++)
    rows[0][j] = j;
  for (guint i = 1; i <= a_length; i++)
    {
      guint *row = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

      row[0] = i;
      for (guint j = 1; j <= b_length; j++)
        {
          char x = g_ascii_tolower (a[i - 1]), y = g_ascii_tolower (b[j - 1]);

          row[j] = MIN (last[j - 1] + (x != y), MIN (last[j], row[j - 1]) + 1);
          if (i > 1 && j > 1 && x == g_ascii_tolower (b[j - 2]) && y == g_ascii_tolower (a[i - 2]))
            row[j] = MIN (row[j], before[j - 2] + 1);
        }
    }
  return rows[a_length % 3][b_length];
}

const char *
muster_nearest (const char *word, const char *const *candidates)
{
  const char *nearest = NULL;
  guint least = G_MAXUINT;
  gsize length = strlen (word);

  if (length == 0 || length > MAX_LENGTH)
    return NULL;
  for (; *candidates != NULL; candidates++)
    {
      gsize candidate_length = strlen (*candidates);
      guint d;

      if (candidate_length > MAX_LENGTH)
        continue;
      d = distance (word, length, *candidates, candidate_length);
      if (d < least && d <= (MAX (length, candidate_length) + 1) / 3)
        {
          least = d;
          nearest = *candidates;
        }
    }
  return nearest;
}
