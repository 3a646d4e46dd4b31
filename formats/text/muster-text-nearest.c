/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Levenshtein's distance over short names. Pure functions; any thread.
 */
#include "config.h"

#include "muster-text-nearest.h"

#include <string.h>

#define LONGEST 32

static guint
edit_distance (const char *a, gsize a_length, const char *b, gsize b_length)
{
  guint row[LONGEST + 1];

  for (gsize j = 0; j <= b_length; j++)
    row[j] = (guint) j;
  for (gsize i = 1; i <= a_length; i++)
    {
      guint diagonal = row[0];

      row[0] = (guint) i;
      for (gsize j = 1; j <= b_length; j++)
        {
          guint change = diagonal + (g_ascii_tolower (a[i - 1]) != g_ascii_tolower (b[j - 1]));

          diagonal = row[j];
          row[j] = MIN (change, MIN (row[j], row[j - 1]) + 1);
        }
    }
  return row[b_length];
}

const char *
muster_text_nearest (const char *text, gsize length, const char *const *names)
{
  const char *nearest = NULL;
  guint best = 1 + (guint) (MIN (length, LONGEST) + 1) / 2; /* further than half of it is another word */

  if (length > LONGEST)
    return NULL;
  for (; *names != NULL; names++)
    {
      gsize name_length = strlen (*names);
      guint distance;

      if (name_length > LONGEST)
        continue;
      distance = edit_distance (text, length, *names, name_length);
      if (distance < best)
        {
          best = distance;
          nearest = *names;
        }
    }
  return nearest;
}
