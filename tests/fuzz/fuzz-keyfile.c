/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as a keyfile. No file is touched: what a keyfile includes is not followed here.
 */
#include "config.h"

#include <string.h>

#include "muster-keyfile-private.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* What was read is sound: in UTF-8, of a known place, each key found again. */
static void
check_group (const MusterKeyfileGroup *group)
{
  g_assert (g_utf8_validate (group->label, -1, NULL) && group->line > 0);
  for (guint i = 0; i < group->entries->len; i++)
    {
      const MusterKeyfileEntry *entry = g_ptr_array_index (group->entries, i);

      g_assert (entry->line > 0 && (entry->value == NULL) == (entry->list == NULL));
      g_assert (entry->value == NULL || g_utf8_validate (entry->value, -1, NULL));
      g_assert (strcmp (muster_keyfile_group_find (group, entry->key)->key, entry->key) == 0);
    }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (MusterKeyfile) keyfile = muster_keyfile_new ();
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);

  muster_keyfile_parse (keyfile, "one.conf", (const char *) data, size);
  muster_keyfile_parse (keyfile, "two.conf", (const char *) data, size / 2);
  for (guint i = 0; i < keyfile->groups->len; i++)
    check_group (g_ptr_array_index (keyfile->groups, i));
  muster_problems_list (keyfile->problems, problems);
  for (guint i = 0; i < problems->len; i++)
    g_assert (g_utf8_validate (g_ptr_array_index (problems, i), -1, NULL));
  return 0;
}
