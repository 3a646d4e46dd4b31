/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `muster check FILE`: everything that is wrong with a keyfile, without starting anything.
 */
#include "config.h"

#include <stdio.h>

#include "commands.h"
#include "muster-cluster-file.h"

#include <glib/gi18n.h>

static void
print_summary (const char *file, guint n_groups, guint n_transports, guint n_sources)
{
  g_autofree char *groups = g_strdup_printf (ngettext ("%u worker group", "%u worker groups", n_groups), n_groups);
  g_autofree char *transports =
      g_strdup_printf (ngettext ("%u transport", "%u transports", n_transports), n_transports);
  g_autofree char *sources = g_strdup_printf (ngettext (", %u source", ", %u sources", n_sources), n_sources);

  printf (_ ("%s: ok: %s, %s%s\n"), file, groups, transports, n_sources > 0 ? sources : "");
}

int
muster_command_check (int argc, char **argv)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  guint n_groups, n_transports, n_sources;
  int status;

  if (!muster_cli_parse (
          &argc, &argv, NULL, _ ("FILE"),
          _ ("Reads a keyfile and what it includes, loads the plugins that it names, and prints all that "
             "is wrong."),
          _ ("Ends with status 0 if nothing is wrong, else with 2."), &status))
    return status;
  if (argc != 2)
    return muster_cli_usage_error (argc < 2 ? _ ("no file given") : _ ("more than one file given"));
  if (!muster_cluster_check_file (muster_registry_get_default (), argv[1], problems, &n_groups, &n_transports,
                                  &n_sources))
    {
      for (guint i = 0; i < problems->len; i++)
        fprintf (stderr, "%s\n", (const char *) g_ptr_array_index (problems, i));
      return MUSTER_CLI_USAGE;
    }
  print_summary (argv[1], n_groups, n_transports, n_sources);
  return 0;
}
