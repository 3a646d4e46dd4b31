/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `muster run FILE`: the primary, in the foreground. Standard output belongs to its transports: what this command itself
 * has to say goes to standard error.
 */
#include "config.h"

#include <glib-unix.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>

#include "commands.h"
#include "muster-cluster-file.h"
#include "service-manager.h"
#include "time-point.h"

#include <glib/gi18n.h>

typedef struct
{
  MusterCluster *cluster; /* owned */
  GMainLoop *loop;        /* owned */
  gint64 duration_us;     /* 0: until it is told */
  gboolean is_stopping;
  guint impatience; /* how often SIGINT came since */
  int status;
} Run;

static void
run_clear (Run *run)
{
  g_clear_object (&run->cluster);
  g_clear_pointer (&run->loop, g_main_loop_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Run, run_clear)

static void
notify (const char *state)
{
  g_autoptr (GError) error = NULL;

  if (!muster_service_manager_notify (state, &error))
    muster_cli_error ("%s", error->message);
}

/* -- the end --------------------------------------------------------------------------------------- */

static void
stopped_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Run *run = user_data;
  g_autoptr (GError) error = NULL;

  muster_logger_release_glib ();
  if (!muster_cluster_stop_finish (MUSTER_CLUSTER (object), result, &error))
    run->status = muster_cli_error ("%s", error->message);
  g_main_loop_quit (run->loop);
}

static void
stop (Run *run)
{
  if (run->is_stopping)
    return;
  run->is_stopping = TRUE;
  notify ("STOPPING=1");
  muster_cluster_stop_async (run->cluster, NULL, stopped_cb, run);
}

static void
say_what_is_waited_for (Run *run)
{
  g_autoptr (GPtrArray) workers = muster_cluster_list_workers (run->cluster);
  g_autoptr (GString) names = g_string_new (NULL);

  for (guint i = 0; workers != NULL && i < workers->len; i++)
    {
      MusterWorkerProcess *process = g_ptr_array_index (workers, i);
      guint pid = muster_worker_process_get_pid (process);

      if (pid != 0)
        g_string_append_printf (names, "%s%s (%u)", names->len > 0 ? ", " : "", muster_worker_process_get_id (process),
                                pid);
    }
  if (names->len > 0)
    muster_cli_error (_ ("waiting for these workers to end: %s; once more gives up"), names->str);
  else
    muster_cli_error (_ ("waiting for transports to write what is left; once more gives up"));
}

/* -- signals --------------------------------------------------------------------------------------- */

static gboolean
terminate_cb (gpointer user_data)
{
  stop (user_data);
  return G_SOURCE_CONTINUE;
}

static gboolean
interrupt_cb (gpointer user_data)
{
  Run *run = user_data;

  if (!run->is_stopping)
    {
      stop (run);
      return G_SOURCE_CONTINUE;
    }
  if (run->impatience++ == 0)
    {
      say_what_is_waited_for (run);
      return G_SOURCE_CONTINUE;
    }
  run->status = muster_cli_error (_ ("gave up; what could not be delivered stays in the journals for the next start"));
  g_main_loop_quit (run->loop);
  return G_SOURCE_CONTINUE;
}

static gboolean
hang_up_cb (gpointer user_data)
{
  Run *run = user_data;

  muster_cluster_reopen (run->cluster);
  return G_SOURCE_CONTINUE;
}

static gboolean
time_is_up_cb (gpointer user_data)
{
  stop (user_data);
  return G_SOURCE_REMOVE;
}

static void
watch (Run *run)
{
  g_unix_signal_add (SIGTERM, terminate_cb, run);
  g_unix_signal_add (SIGINT, interrupt_cb, run);
  g_unix_signal_add (SIGHUP, hang_up_cb, run);
  if (run->duration_us > 0)
    g_timeout_add_full (G_PRIORITY_DEFAULT, (guint) MIN (run->duration_us / 1000 + 1, G_MAXUINT), time_is_up_cb, run,
                        NULL);
}

/* -- the command ----------------------------------------------------------------------------------- */

static MusterCluster *
load (const char *path)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  MusterCluster *cluster = muster_cluster_load (muster_registry_get_default (), path, problems);

  for (guint i = 0; i < problems->len; i++)
    fprintf (stderr, "%s\n", (const char *) g_ptr_array_index (problems, i));
  return cluster;
}

/* A signal that comes while the cluster starts is kept for the loop. */
static int
run_cluster (Run *run)
{
  g_autoptr (GError) error = NULL;

  run->loop = g_main_loop_new (NULL, FALSE);
  watch (run);
  if (!muster_cluster_start (run->cluster, &error))
    {
      muster_cli_error (_ ("the cluster %s could not be started: %s"), muster_cluster_get_name (run->cluster),
                        error->message);
      return MUSTER_CLI_USAGE;
    }
  muster_logger_capture_glib (muster_cluster_get_logger (run->cluster));
  notify ("READY=1");
  g_main_loop_run (run->loop);
  return run->status;
}

static gboolean
parse (int *argc, char ***argv, Run *run, int *status)
{
  g_autofree char *duration = NULL;
  g_autoptr (GError) error = NULL;
  const GOptionEntry entries[] = {
    { "for", 0, 0, G_OPTION_ARG_STRING, &duration, N_ ("Stop after this time: 10s, 5m"), N_ ("DURATION") },
    { NULL },
  };

  if (!muster_cli_parse (
          argc, argv, entries, _ ("FILE"),
          _ ("Starts what a keyfile describes, and stays in the foreground until SIGTERM or SIGINT. SIGHUP opens files "
             "anew."),
          _ ("Ends with status 0 after an orderly stop, with 1 if something could not be delivered, with 2 if the "
             "keyfile is "
             "wrong or what it describes could not be started."),
          status))
    return FALSE;
  if (duration == NULL)
    return TRUE;
  if (muster_time_span_parse (duration, &run->duration_us, &error) && run->duration_us > 0)
    return TRUE;
  *status = error != NULL ? muster_cli_usage_error ("--for=%s: %s", duration, error->message)
                          : muster_cli_usage_error (_ ("--for=%s: expected more than nothing"), duration);
  return FALSE;
}

int
muster_command_run (int argc, char **argv)
{
  g_auto (Run) run = { .status = 0 };
  int status;

  if (!parse (&argc, &argv, &run, &status))
    return status;
  if (argc != 2)
    return muster_cli_usage_error (argc < 2 ? _ ("no file given") : _ ("more than one file given"));
  /* A pipe behind standard output that closes is the console transport's affair. Two arenas are enough for threads that
   * share few bytes; each may cost 64 MiB of address space, and keeps what was freed in it. */
  signal (SIGPIPE, SIG_IGN);
  mallopt (M_ARENA_MAX, 2);
  g_log_writer_default_set_use_stderr (TRUE); /* until the cluster has a logger */
  muster_service_manager_init ();
  run.cluster = load (argv[1]);
  return run.cluster != NULL ? run_cluster (&run) : MUSTER_CLI_USAGE;
}
