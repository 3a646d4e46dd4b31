/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Running the command that was built.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "run-muster.h"

#define TIMEOUT_S 60

void
muster_set_up (Muster *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *state = NULL;

  fixture->directory = g_dir_make_tmp ("muster-cli-XXXXXX", &error);
  g_assert_no_error (error);
  state = g_build_filename (fixture->directory, "state", NULL);
  g_setenv ("STATE_DIRECTORY", state, TRUE); /* of the primaries that are started: none of the machine's */
}

/* Files, and directories of files. */
static void
remove_content (const char *path)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  const char *name;

  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *inside = g_build_filename (path, name, NULL);

      if (g_file_test (inside, G_FILE_TEST_IS_DIR) && !g_file_test (inside, G_FILE_TEST_IS_SYMLINK))
        remove_content (inside);
      g_assert_cmpint (g_remove (inside), ==, 0);
    }
}

void
muster_tear_down (Muster *fixture, gconstpointer data)
{
  remove_content (fixture->directory);
  g_assert_cmpint (g_rmdir (fixture->directory), ==, 0);
  g_free (fixture->directory);
  g_free (fixture->out);
  g_free (fixture->err);
}

const char *
muster_path (Muster *fixture, const char *name)
{
  g_autofree char *path = g_build_filename (fixture->directory, name, NULL);

  return g_intern_string (path);
}

const char *
muster_write (Muster *fixture, const char *name, gconstpointer data, gssize length)
{
  const char *path = muster_path (fixture, name);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, data, length, &error);
  g_assert_no_error (error);
  return path;
}

const char *
muster_write_log (Muster *fixture, const char *name, const GByteArray *log)
{
  return muster_write (fixture, name, log->len > 0 ? (const char *) log->data : "", (gssize) log->len);
}

/* A test that fails leaves no primary behind. */
static void
die_with_parent (gpointer user_data)
{
  prctl (PR_SET_PDEATHSIG, SIGTERM);
}

GSubprocess *
muster_spawn (GSubprocessLauncher *launcher, const char *const *arguments)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autoptr (GError) error = NULL;
  GSubprocess *process;

  g_assert_nonnull (g_getenv ("MUSTER_COMMAND"));
  g_subprocess_launcher_setenv (launcher, "LC_ALL", "C.UTF-8", TRUE);
  g_subprocess_launcher_setenv (launcher, "TZ", "UTC", TRUE);
  g_subprocess_launcher_set_child_setup (launcher, die_with_parent, NULL, NULL);
  g_ptr_array_add (argv, (gpointer) g_getenv ("MUSTER_COMMAND"));
  for (guint i = 0; arguments[i] != NULL; i++)
    g_ptr_array_add (argv, (gpointer) arguments[i]);
  g_ptr_array_add (argv, NULL);
  process = g_subprocess_launcher_spawnv (launcher, (const char *const *) argv->pdata, &error);
  g_assert_no_error (error);
  return process;
}

typedef struct
{
  Muster *fixture;
  gboolean is_done;
  gboolean is_late;
} Wait;

static char *
to_text (GBytes *bytes)
{
  gsize length = g_bytes_get_size (bytes);
  char *text = g_malloc0 (length + 1);

  if (length > 0)
    memcpy (text, g_bytes_get_data (bytes, NULL), length);
  return text;
}

static void
done_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Wait *wait = user_data;
  g_autoptr (GBytes) out = NULL;
  g_autoptr (GBytes) err = NULL;
  g_autoptr (GError) error = NULL;

  g_subprocess_communicate_finish (G_SUBPROCESS (object), result, &out, &err, &error);
  g_assert_no_error (error);
  /* A copy that a test may take for text: a NUL behind it. */
  wait->fixture->out_length = g_bytes_get_size (out);
  wait->fixture->out = to_text (out);
  wait->fixture->err = to_text (err);
  wait->is_done = TRUE;
}

static gboolean
late_cb (gpointer user_data)
{
  ((Wait *) user_data)->is_late = TRUE;
  return G_SOURCE_CONTINUE;
}

void
muster_run_with_input (Muster *fixture, GBytes *input, const char *const *arguments)
{
  g_autoptr (GSubprocessLauncher) launcher =
      g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE
                                 | (input != NULL ? G_SUBPROCESS_FLAGS_STDIN_PIPE : G_SUBPROCESS_FLAGS_NONE));
  g_autoptr (GSubprocess) process = muster_spawn (launcher, arguments);
  Wait wait = { .fixture = fixture };
  guint timeout = g_timeout_add_seconds (TIMEOUT_S, late_cb, &wait);

  g_clear_pointer (&fixture->out, g_free);
  g_clear_pointer (&fixture->err, g_free);
  g_subprocess_communicate_async (process, input, NULL, done_cb, &wait);
  while (!wait.is_done && !wait.is_late)
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (wait.is_late);
  g_source_remove (timeout);
  g_assert_true (g_subprocess_get_if_exited (process));
  fixture->status = g_subprocess_get_exit_status (process);
  if (g_utf8_validate (fixture->out, (gssize) fixture->out_length, NULL))
    g_test_message ("status %d\n%s%s", fixture->status, fixture->out, fixture->err);
}
