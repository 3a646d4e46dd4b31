/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The command: finds the subcommand and hands over.
 */
#include "config.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "muster-nearest-private.h"

#include <glib/gi18n.h>

/* In order of name. */
static const MusterCommand commands[] = {
  { "audit", muster_command_audit, N_ ("prove that protobuf files are complete") },
  { "cat", muster_command_cat, N_ ("print protobuf files as text, json or protobuf") },
  { "check", muster_command_check, N_ ("check a keyfile and all that it names") },
  { "keygen", muster_command_keygen, N_ ("make a key pair for the network") },
  { "plugins", muster_command_plugins, N_ ("list plugins, and what can be set in a keyfile") },
  { "run", muster_command_run, N_ ("be the primary that a keyfile describes") },
};

static void
print_help (FILE *out)
{
  fprintf (out, _ ("Usage: muster COMMAND [OPTION...]\n\n"
                   "Starts and supervises worker processes, and delivers what they say and measure.\n\n"
                   "Commands:\n"));
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    fprintf (out, "  %-10s %s\n", commands[i].name, _ (commands[i].summary));
  fprintf (out, _ ("\n'muster COMMAND --help' tells more about one, 'muster --version' the version.\n"));
}

static int
unknown_command (const char *name)
{
  const char *names[G_N_ELEMENTS (commands) + 1] = { NULL };
  const char *nearest;

  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    names[i] = commands[i].name;
  nearest = muster_nearest (name, names);
  if (nearest != NULL)
    return muster_cli_usage_error (_ ("unknown command '%s'; did you mean '%s'?"), name, nearest);
  return muster_cli_usage_error (_ ("unknown command '%s'"), name);
}

static int
run_command (int argc, char **argv)
{
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    if (strcmp (commands[i].name, argv[0]) == 0)
      {
        g_autofree char *program = g_strconcat ("muster ", argv[0], NULL);

        g_set_prgname (program);
        return commands[i].run (argc, argv);
      }
  return unknown_command (argv[0]);
}

static int
run (int argc, char **argv)
{
  if (argc < 2)
    {
      print_help (stderr);
      return MUSTER_CLI_USAGE;
    }
  if (strcmp (argv[1], "--version") == 0)
    {
      printf ("muster %s\n", MUSTER_VERSION);
      return 0;
    }
  if (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0 || strcmp (argv[1], "help") == 0)
    {
      print_help (stdout);
      return 0;
    }
  if (argv[1][0] == '-')
    return muster_cli_usage_error (_ ("unknown option %s before the command"), argv[1]);
  return run_command (argc - 1, argv + 1);
}

/* Whoever starts this may have closed them: then the first file that is opened would be standard error, and what is said
 * there would be written into it. */
static void
open_standard_descriptors (void)
{
  int fd;

  do
    fd = open ("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0)
    close (fd);
}

int
main (int argc, char **argv)
{
  int status;

  open_standard_descriptors ();
  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, MUSTER_LOCALE_DIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
  g_set_prgname ("muster");
  status = run (argc, argv);
  if (fflush (stdout) != 0 && status == 0)
    status = muster_cli_error (_ ("the output could not be written"));
  return status;
}
