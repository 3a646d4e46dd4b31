/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * One line for each subcommand in the table of muster.c, one file command-NAME.c, one prototype here. A command gets its
 * own name as argv[0], parses its options with muster_cli_parse() and returns the exit status: 0; 1 for what went wrong
 * while it ran; 2 for wrong usage and wrong keyfiles.
 */
typedef struct
{
  const char *name;
  int (*run) (int argc, char **argv);
  const char *summary; /* for `muster --help`; marked for translation */
} MusterCommand;

#define MUSTER_CLI_FAILED 1
#define MUSTER_CLI_USAGE  2

int muster_command_audit (int argc, char **argv);
int muster_command_cat (int argc, char **argv);
int muster_command_check (int argc, char **argv);
int muster_command_keygen (int argc, char **argv);
int muster_command_plugins (int argc, char **argv);
int muster_command_run (int argc, char **argv);

/* Parses and removes options; @parameters is what follows them ("FILE..."), @summary and @description are for --help,
 * translated. FALSE: the command ends with @status. */
gboolean muster_cli_parse (int *argc, char ***argv, const GOptionEntry *entries, const char *parameters,
                           const char *summary, const char *description, int *status);

/* Says what is wrong with the arguments, and how to get help; returns MUSTER_CLI_USAGE. */
int muster_cli_usage_error (const char *format, ...) G_GNUC_PRINTF (1, 2);

/* Says to stderr what went wrong, after the command's name; returns MUSTER_CLI_FAILED. */
int muster_cli_error (const char *format, ...) G_GNUC_PRINTF (1, 2);
