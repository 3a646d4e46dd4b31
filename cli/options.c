/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What all subcommands do alike: options, and words to stderr.
 */
#include "config.h"

#include <stdio.h>

#include "commands.h"

#include <glib/gi18n.h>

gboolean
muster_cli_parse (int *argc, char ***argv, const GOptionEntry *entries, const char *parameters, const char *summary,
                  const char *description, int *status)
{
  g_autoptr (GOptionContext) context = g_option_context_new (parameters);
  g_autoptr (GError) error = NULL;

  g_option_context_set_translation_domain (context, GETTEXT_PACKAGE);
  if (entries != NULL)
    g_option_context_add_main_entries (context, entries, GETTEXT_PACKAGE);
  g_option_context_set_summary (context, summary);
  g_option_context_set_description (context, description);
  if (g_option_context_parse (context, argc, argv, &error))
    {
      if (*argc > 1 && g_strcmp0 ((*argv)[1], "--") == 0)
        {
          (*argv)[1] = (*argv)[0];
          (*argv)++;
          (*argc)--;
        }
      return TRUE;
    }
  *status = muster_cli_usage_error ("%s", error->message);
  return FALSE;
}

int
muster_cli_usage_error (const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  fprintf (stderr, "%s: %s\n", g_get_prgname (), text);
  fprintf (stderr, _ ("Try '%s --help'.\n"), g_get_prgname ());
  return MUSTER_CLI_USAGE;
}

int
muster_cli_error (const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  fprintf (stderr, "%s: %s\n", g_get_prgname (), text);
  return MUSTER_CLI_FAILED;
}
