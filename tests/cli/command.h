/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Runs the command that was built, $MUSTER_COMMAND, as a person would.
 */
#pragma once

#include <string.h>
#include <gio/gio.h>

typedef struct
{
  int status; /* of exit */
  char *out;  /* owned */
  char *err;  /* owned */
} CommandResult;

static inline void
command_result_clear (CommandResult *result)
{
  g_clear_pointer (&result->out, g_free);
  g_clear_pointer (&result->err, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CommandResult, command_result_clear)

/* Runs it with @arguments (NULL-terminated) and waits; @plugins is MUSTER_PLUGIN_PATH. */
static inline void
command_run (CommandResult *result, const char *plugins, const char *const *arguments)
{
  g_autoptr (GSubprocessLauncher) launcher =
      g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;

  command_result_clear (result);
  g_ptr_array_add (argv, (gpointer) g_getenv ("MUSTER_COMMAND"));
  for (; *arguments != NULL; arguments++)
    g_ptr_array_add (argv, (gpointer) *arguments);
  g_ptr_array_add (argv, NULL);
  g_subprocess_launcher_setenv (launcher, "LC_ALL", "C.UTF-8", TRUE);
  g_subprocess_launcher_setenv (launcher, "MUSTER_PLUGIN_PATH", plugins, TRUE);
  process = g_subprocess_launcher_spawnv (launcher, (const char *const *) argv->pdata, &error);
  g_assert_no_error (error);
  g_subprocess_communicate_utf8 (process, NULL, NULL, &result->out, &result->err, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_if_exited (process));
  result->status = g_subprocess_get_exit_status (process);
}

#define COMMAND_ARGS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static inline void
command_assert_contains (const char *text, const char *part)
{
  if (strstr (text, part) == NULL)
    g_error ("'%s' does not contain '%s'", text, part);
}
