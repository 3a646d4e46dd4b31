/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One process of a worker: journal, FIFOs, spawn, exit, last words. The cluster's thread only.
 *
 * The exit is watched by a pidfd: no SIGCHLD, which belongs to the application, and no reuse of a pid in between.
 */
#include "config.h"

#include "muster-worker-life-private.h"

#include "muster-capture-private.h"
#include "muster-crash-report-private.h"
#include "muster-end-store-private.h"
#include "muster-environment-private.h"
#include "muster-fault-private.h"
#include "muster-metrics-area-private.h"
#include "muster-param.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* The disks' time to read the symbols of what crashed. */
#define NAMING_TIMEOUT_US (2 * G_TIME_SPAN_SECOND)
#define STDERR_TAIL_LINES 20
#define STDERR_TAIL_WIDTH 1024 /* bytes of each line, so that the end record is far from an entry's most */

static const char *const output_names[2] = { "stdout", "stderr" };

/* -- what it prints ------------------------------------------------------------------------------ */

static void
keep_tail (MusterWorkerLife *life, const char *line, gsize length)
{
  if (life->stderr_tail.length == STDERR_TAIL_LINES)
    g_free (g_queue_pop_head (&life->stderr_tail));
  g_queue_push_tail (&life->stderr_tail, g_utf8_make_valid (line, (gssize) MIN (length, STDERR_TAIL_WIDTH)));
}

static char *
join_tail (MusterWorkerLife *life)
{
  GString *text = g_string_new (NULL);

  for (GList *l = life->stderr_tail.head; l != NULL; l = l->next)
    g_string_append_printf (text, "%s%s", l->prev != NULL ? "\n" : "", (const char *) l->data);
  return g_string_free (text, FALSE);
}

static void
log_line (MusterWorkerLife *life, MusterLevel level, int output, const char *line, gsize length)
{
  if (level != MUSTER_LEVEL_NONE)
    muster_logger_log_captured (life->house->logger, level, life->process->id, life->pid, output_names[output], line,
                                length);
}

static void
stdout_line_cb (MusterLevel level, const char *line, gsize length, gpointer user_data)
{
  log_line (user_data, level, 0, line, length);
}

static void
stderr_line_cb (MusterLevel level, const char *line, gsize length, gpointer user_data)
{
  keep_tail (user_data, line, length);
  log_line (user_data, level, 1, line, length);
}

/* Makes both FIFOs; @write_fds are the caller's. */
static gboolean
open_outputs (MusterWorkerLife *life, int write_fds[2], GError **error)
{
  const MusterLevel levels[2] = { life->plan->group->stdout_level, life->plan->group->stderr_level };
  const MusterCaptureFunc funcs[2] = { stdout_line_cb, stderr_line_cb };
  const char *directory = muster_runtime_dir_get_fifos (life->house->runtime_dir);

  for (int i = 0; i < 2; i++)
    {
      g_autofree char *name = g_strdup_printf ("%s-%s.%s", life->process->id, life->stream_text, output_names[i]);
      g_autofree char *path = g_build_filename (directory, name, NULL);
      int read_fd = -1;

      if (!muster_capture_make_fifo (path, &read_fd, &write_fds[i], error))
        return FALSE;
      /* So that it can open its /dev/stderr, which many programs are told to log to. */
      if (life->plan->command->change_user && fchown (write_fds[i], life->plan->command->uid, (gid_t) -1) != 0)
        muster_warning (life->house->logger, "%s: cannot give it its %s: %s", life->process->id, output_names[i],
                        g_strerror (errno));
      life->fifo_paths[i] = g_steal_pointer (&path);
      life->captures[i] = muster_capture_new (read_fd, levels[i], funcs[i], life);
    }
  return TRUE;
}

static void
close_outputs (MusterWorkerLife *life)
{
  for (int i = 0; i < 2; i++)
    {
      g_clear_pointer (&life->captures[i], muster_capture_free);
      if (life->fifo_paths[i] != NULL)
        unlink (life->fifo_paths[i]);
      g_clear_pointer (&life->fifo_paths[i], g_free);
    }
}

/* -- its journal --------------------------------------------------------------------------------- */

static gboolean
fill_random (void *bytes, gsize size, GError **error)
{
  if (getrandom (bytes, size, 0) == (ssize_t) size)
    return TRUE;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "get %" G_GSIZE_FORMAT " random bytes: %s", size,
               g_strerror (errno));
  return FALSE;
}

static void
write_stream_text (MusterWorkerLife *life)
{
  for (gsize i = 0; i < sizeof life->identity.stream; i++)
    g_snprintf (life->stream_text + 2 * i, 3, "%02x", life->identity.stream[i]);
}

static gboolean
make_identity (MusterWorkerLife *life, GError **error)
{
  MusterJournalIdentity *identity = &life->identity;

  if (!fill_random (identity->stream, sizeof identity->stream, error)
      || !fill_random (identity->token, sizeof identity->token, error))
    return FALSE;
  identity->start_time_us = g_get_real_time ();
  g_strlcpy (identity->cluster, life->house->cluster, sizeof identity->cluster);
  g_strlcpy (identity->worker, life->process->id, sizeof identity->worker);
  g_strlcpy (identity->group, life->process->group, sizeof identity->group);
  write_stream_text (life);
  return TRUE;
}

/* Of the worker's metrics number @i; 0: there are none. */
static guint
get_max_metrics (MusterWorkerLife *life, guint i)
{
  MusterMetricsOptions options;
  gboolean known;

  if (life->house->metrics == NULL || life->house->metrics[i] == NULL)
    return 0;
  known = muster_metrics_options_from_string (life->house->metrics[i], &options, NULL);
  g_free (options.name);
  return known ? options.max_metrics : 0;
}

/* Where they lie, so that they outlive it. */
static gsize
get_area_size (MusterWorkerLife *life, guint i)
{
  guint max_metrics = get_max_metrics (life, i);

  return max_metrics > 0 ? muster_metrics_area_get_size (max_metrics) : 0;
}

/* One behind the other, as many as there is room for. */
static gboolean
allocate_areas (MusterWorkerLife *life, GError **error)
{
  gsize offset = MUSTER_JOURNAL_HEADER_SIZE + life->ring_size;
  gsize left = life->identity.area_size;
  gsize size;

  for (guint i = 0; (size = get_area_size (life, i)) > 0 && size <= left; i++)
    {
      if (!muster_metrics_area_allocate (life->journal_fd, (off_t) offset, get_max_metrics (life, i), error))
        return FALSE;
      offset += size;
      left -= size;
    }
  return TRUE;
}

static void
remove_journal (MusterWorkerLife *life)
{
  if (life->journal_fd >= 0)
    {
      unlink (life->journal_path);
      close (life->journal_fd);
      life->journal_fd = -1;
    }
  g_clear_pointer (&life->journal_path, g_free);
}

static gboolean
make_journal (MusterWorkerLife *life, GError **error)
{
  g_autofree char *name = g_strdup_printf ("%s-%s.journal", life->process->id, life->stream_text);

  life->identity.area_size = 0;
  for (guint i = 0; get_area_size (life, i) > 0; i++)
    life->identity.area_size = MIN (life->identity.area_size + get_area_size (life, i), MUSTER_JOURNAL_AREA_MAX);
  life->identity.is_sparse = TRUE;
  life->journal_path = g_build_filename (muster_runtime_dir_get_journals (life->house->runtime_dir), name, NULL);
  life->journal_fd =
      muster_journal_create_file (life->journal_path, life->plan->group->journal_size, &life->identity, error);
  if (life->journal_fd >= 0 && muster_journal_read_identity (life->journal_fd, &life->identity, &life->ring_size, error)
      && allocate_areas (life, error))
    return TRUE;
  remove_journal (life);
  return FALSE;
}

/* -- its environment ----------------------------------------------------------------------------- */

static void
set_variable (char ***environment, const char *name, const char *value)
{
  *environment = g_environ_setenv (*environment, name, value, TRUE);
}

/* What concerns the primary alone: its own service manager, and its own primary, where it is a worker itself. */
static char **
inherited_environment (void)
{
  char **environment = g_get_environ ();
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);

  for (char **v = environment; *v != NULL; v++)
    if ((g_str_has_prefix (*v, "MUSTER_") && !g_str_has_prefix (*v, "MUSTER_PLUGIN_PATH="))
        || g_str_has_prefix (*v, "NOTIFY_SOCKET=") || g_str_has_prefix (*v, "WATCHDOG_")
        || g_str_has_prefix (*v, "LISTEN_"))
      g_ptr_array_add (names, g_strndup (*v, strcspn (*v, "=")));
  for (guint i = 0; i < names->len; i++)
    environment = g_environ_unsetenv (environment, g_ptr_array_index (names, i));
  return environment;
}

static char **
make_environment (MusterWorkerLife *life)
{
  const MusterWorkerGroup *group = life->plan->group;
  const MusterWorkerCommand *command = life->plan->command;
  g_autofree char *block_timeout = muster_duration_to_string (group->block_timeout_us);
  g_autofree char *flush_interval = muster_duration_to_string (group->flush_interval_us);
  MusterLevel level = group->level != MUSTER_LEVEL_NONE ? group->level : life->house->level;
  char **environment = inherited_environment ();

  if (command->change_user && command->user_name != NULL)
    {
      set_variable (&environment, "HOME", command->home);
      set_variable (&environment, "USER", command->user_name);
      set_variable (&environment, "LOGNAME", command->user_name);
    }
  for (char **v = group->environment; v != NULL && *v != NULL; v++)
    {
      g_autofree char *name = g_strndup (*v, strcspn (*v, "="));

      set_variable (&environment, name, *v + strlen (name) + 1);
    }
  set_variable (&environment, MUSTER_ENV_WORKER, life->process->id);
  set_variable (&environment, MUSTER_ENV_GROUP, life->process->group);
  set_variable (&environment, MUSTER_ENV_CLUSTER, life->house->cluster);
  set_variable (&environment, MUSTER_ENV_ENDPOINT, life->plan->endpoint);
  set_variable (&environment, MUSTER_ENV_JOURNAL_FD, G_STRINGIFY (MUSTER_SPAWN_JOURNAL_FD));
  set_variable (&environment, MUSTER_ENV_LEVEL, muster_level_to_string (level));
  set_variable (&environment, MUSTER_ENV_BLOCK_TIMEOUT, block_timeout);
  set_variable (&environment, MUSTER_ENV_FLUSH_INTERVAL, flush_interval);
  for (guint i = 0; life->house->metrics != NULL && life->house->metrics[i] != NULL; i++)
    {
      g_autofree char *name = muster_environment_get_metrics_variable (i);

      set_variable (&environment, name, life->house->metrics[i]);
    }
  return environment;
}

/* -- its process --------------------------------------------------------------------------------- */

/* The group's limits; before them the number of descriptors that the primary found, for it may have raised its own. */
static gsize
fill_limits (MusterWorkerLife *life, MusterSpawnLimit limits[MUSTER_WORKER_GROUP_N_LIMITS + 1])
{
  const MusterWorkerCommand *command = life->plan->command;

  limits[0] = (MusterSpawnLimit){ RLIMIT_NOFILE, life->house->nofile };
  for (gsize i = 0; i < command->n_limits; i++)
    limits[i + 1] = command->limits[i];
  return command->n_limits + 1;
}

/* The process exists and waits. Its journal gets its number, and the receiver the journal, before it can say HELLO. */
static void
forked_cb (pid_t pid, gpointer user_data)
{
  MusterWorkerLife *life = user_data;
  g_autoptr (GError) error = NULL;
  int copy = fcntl (life->journal_fd, F_DUPFD_CLOEXEC, 3);

  MUSTER_FAULT ("spawn.forked");
  life->pid = life->identity.pid = (guint) pid;
  if (!muster_journal_set_pid (life->journal_fd, life->pid, &error))
    muster_warning (life->house->logger, "%s: %s", life->process->id, error->message);
  MUSTER_FAULT ("spawn.known");
  muster_receiver_add_journal (life->house->receiver, &life->identity, life->ring_size, copy, 1);
}

static gboolean
spawn (MusterWorkerLife *life, const int output_fds[2], GError **error)
{
  const MusterWorkerCommand *command = life->plan->command;
  g_auto (GStrv) environment = make_environment (life);
  MusterSpawnLimit limits[MUSTER_WORKER_GROUP_N_LIMITS + 1];
  MusterSpawnOptions options = {
    .program = command->program,
    .argv = (const char *const *) command->argv,
    .environment = (const char *const *) environment,
    .directory = command->directory,
    .change_user = command->change_user,
    .uid = command->uid,
    .gid = command->gid,
    .groups = command->groups,
    .n_groups = command->n_groups,
    .limits = limits,
    .n_limits = fill_limits (life, limits),
    .umask = command->umask,
    .stdout_fd = output_fds[0],
    .stderr_fd = output_fds[1],
    .journal_fd = life->journal_fd,
    .forked = forked_cb,
    .user_data = life,
  };
  pid_t pid = 0;

  MUSTER_FAULT ("spawn.before");
  if (muster_spawn (&options, &pid, &life->pidfd, error))
    {
      life->started_us = g_get_monotonic_time ();
      return TRUE;
    }
  if (life->pid != 0) /* the receiver knows it */
    muster_receiver_finish (life->house->receiver, life->identity.stream, NULL);
  return FALSE;
}

static void
close_fd (int *fd)
{
  if (*fd >= 0)
    close (*fd);
  *fd = -1;
}

static void
destroy_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
take_tail (MusterWorkerLife *life)
{
  g_free (life->stderr_text);
  life->end.stderr_tail = life->stderr_text = join_tail (life);
}

/* For a next primary, which could not know it otherwise. Where there is no room for it, this one still does. */
static void
store_end (MusterWorkerLife *life)
{
  g_autofree char *path = muster_end_store_path (life->journal_path);
  g_autoptr (GError) error = NULL;

  if (!muster_end_store_write (path, &life->end, life->ended_us, &error))
    muster_warning (life->house->logger, "%s: %s", life->process->id, error->message);
}

/* What an earlier primary knew, if one did. */
static gboolean
load_end (MusterWorkerLife *life)
{
  g_autofree char *path = muster_end_store_path (life->journal_path);
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) lines = NULL;
  MusterStoredEnd stored;

  if (!muster_end_store_read (path, &stored, &error))
    {
      if (!g_error_matches (error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND))
        muster_warning (life->house->logger, "%s: %s", life->identity.worker, error->message);
      return FALSE;
    }
  life->end = stored.end;
  life->ended_us = stored.ended_us;
  lines = g_strsplit (stored.stderr_tail != NULL ? stored.stderr_tail : "", "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    keep_tail (life, *line, strlen (*line));
  take_tail (life);
  g_free (stored.stderr_tail);
  return TRUE;
}

static void
remove_end (MusterWorkerLife *life)
{
  g_autofree char *path = muster_end_store_path (life->journal_path);

  muster_end_store_remove (path);
}

static void
fill_end (MusterWorkerLife *life, const siginfo_t *info, const struct rusage *usage)
{
  MusterEnd *end = &life->end;

  end->reason = MUSTER_EXIT_UNKNOWN; /* not our child, or somebody else has reaped it */
  if (info->si_pid != 0 && info->si_code == CLD_EXITED)
    {
      end->reason = MUSTER_EXIT_STATUS;
      end->status = info->si_status;
    }
  else if (info->si_pid != 0)
    {
      end->reason = MUSTER_EXIT_SIGNAL;
      end->signal = info->si_status;
      end->core_dumped = info->si_code == CLD_DUMPED;
    }
  end->timed_out = end->timed_out && end->reason == MUSTER_EXIT_SIGNAL && end->signal == SIGKILL;
  end->run_time_us = g_get_monotonic_time () - life->started_us;
  end->max_rss_kib = (guint64) usage->ru_maxrss;
  end->pid = life->pid;
  end->restarts = life->process->restarts;
  life->ended_us = g_get_real_time ();
  take_tail (life);
}

/* What the crash handler wrote is believed if it tells of this very end. How an adopted process ended nobody else can
 * tell; but where a handler of the application's took over, it may have gone on to live. */
static gboolean
is_of_this_end (MusterWorkerLife *life, const MusterJournalCrash *crash)
{
  MusterEnd *end = &life->end;

  if (end->reason == MUSTER_EXIT_SIGNAL)
    return end->signal == crash->signal;
  if (end->reason != MUSTER_EXIT_UNKNOWN || (crash->flags & MUSTER_JOURNAL_CRASH_CHAINED) != 0
      || muster_crash_signal_name (crash->signal) == NULL)
    return FALSE;
  end->reason = MUSTER_EXIT_SIGNAL;
  end->signal = crash->signal;
  if (end->run_time_us < 0)
    end->run_time_us = MAX ((gint64) (crash->time_ns / 1000) - life->identity.start_time_us, 0);
  return TRUE;
}

static void
take_crash (MusterWorkerLife *life)
{
  g_autofree MusterJournalCrash *crash = g_new (MusterJournalCrash, 1);
  int fd = open (life->journal_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

  if (fd >= 0 && muster_crash_report_read (fd, life->identity.stream, crash, NULL) && is_of_this_end (life, crash))
    life->crash = g_steal_pointer (&crash);
  close_fd (&fd);
}

/* By its pidfd: a number may be another process's by now, even that of a later child. The system call tells of its use of
 * resources, which waitid(3) does not. FALSE if it still runs; else @info->si_pid is 0 where it is not ours to reap. */
static gboolean
look_at_end (int pidfd, int options, siginfo_t *info, struct rusage *usage)
{
  long result;

  *info = (siginfo_t){ 0 };
  do
    result = syscall (SYS_waitid, P_PIDFD, pidfd, info, WEXITED | WNOHANG | options, usage);
  while (result < 0 && errno == EINTR);
  return result < 0 || info->si_pid != 0;
}

/* The last of what it printed. */
static void
finish_outputs (MusterWorkerLife *life)
{
  for (int i = 0; i < 2; i++)
    if (life->captures[i] != NULL)
      muster_capture_finish (life->captures[i]);
  close_outputs (life);
  if (life->stderr_tail.length == 0)
    return;
  take_tail (life);
  store_end (life);
}

static gboolean
exit_cb (int fd, GIOCondition condition, gpointer user_data)
{
  MusterWorkerLife *life = user_data;
  siginfo_t info;
  struct rusage usage = { 0 };

  if (!look_at_end (fd, WNOWAIT, &info, &usage))
    return G_SOURCE_CONTINUE;
  /* Stored before all else: with us goes whatever only we know. What it printed takes time, and comes after. */
  MUSTER_FAULT ("worker.end.before");
  if (info.si_pid != 0 || !load_end (life))
    {
      fill_end (life, &info, &usage);
      store_end (life);
    }
  MUSTER_FAULT ("worker.end.stored");
  /* What it started and left behind goes with it, so that the next one finds the field clear. Before it is reaped: until
   * then nobody else can have its number. */
  if (info.si_pid != 0)
    {
      kill (-(pid_t) life->pid, SIGKILL);
      look_at_end (fd, 0, &info, NULL);
    }
  finish_outputs (life);
  destroy_source (&life->exit_source);
  destroy_source (&life->kill_source);
  close_fd (&life->pidfd);
  take_crash (life);
  life->exited (life, life->user_data);
  return G_SOURCE_REMOVE;
}

static void
watch (MusterWorkerLife *life)
{
  GMainContext *context = life->house->context;

  for (int i = 0; i < 2; i++)
    if (life->captures[i] != NULL)
      muster_capture_attach (life->captures[i], context);
  life->exit_source = g_unix_fd_source_new (life->pidfd, G_IO_IN);
  g_source_set_static_name (life->exit_source, "muster-worker-exit");
  g_source_set_callback (life->exit_source, G_SOURCE_FUNC (exit_cb), life, NULL);
  g_source_attach (life->exit_source, context);
}

/* Everything that may fail; the caller cleans up. */
static gboolean
begin (MusterWorkerLife *life, GError **error)
{
  int output_fds[2] = { -1, -1 };
  gboolean started = make_identity (life, error) && open_outputs (life, output_fds, error) && make_journal (life, error)
                     && spawn (life, output_fds, error);

  close_fd (&life->journal_fd); /* the worker and the receiver have theirs */
  close_fd (&output_fds[0]);
  close_fd (&output_fds[1]);
  return started;
}

MusterWorkerLife *
muster_worker_life_start (const MusterWorkerHouse *house, const MusterWorkerPlan *plan, MusterWorkerProcess *process,
                          MusterWorkerExitedFunc exited, gpointer user_data, GError **error)
{
  MusterWorkerLife *life = g_new0 (MusterWorkerLife, 1);

  life->house = house;
  life->plan = plan;
  life->process = g_object_ref (process);
  life->pidfd = life->journal_fd = -1;
  life->exited = exited;
  life->user_data = user_data;
  if (!begin (life, error))
    {
      muster_worker_life_free (life, FALSE);
      return NULL;
    }
  watch (life);
  return life;
}

/* What it printed while no primary listened waits in its FIFOs, which it holds open. */
static void
reopen_outputs (MusterWorkerLife *life, gboolean alive)
{
  const MusterWorkerGroup *group = life->plan->group;
  const MusterLevel levels[2] = { group != NULL ? group->stdout_level : MUSTER_LEVEL_INFO,
                                  group != NULL ? group->stderr_level : MUSTER_LEVEL_WARNING };
  const MusterCaptureFunc funcs[2] = { stdout_line_cb, stderr_line_cb };
  const char *directory = muster_runtime_dir_get_fifos (life->house->runtime_dir);

  for (int i = 0; i < 2; i++)
    {
      g_autofree char *name = g_strdup_printf ("%s-%s.%s", life->identity.worker, life->stream_text, output_names[i]);
      int fd = -1;

      life->fifo_paths[i] = g_build_filename (directory, name, NULL);
      if (alive)
        fd = open (life->fifo_paths[i], O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
      if (fd >= 0)
        life->captures[i] = muster_capture_new (fd, levels[i], funcs[i], life);
      else if (alive)
        muster_warning (life->house->logger, "%s: cannot hear its %s any more: open the FIFO %s: %s",
                        life->identity.worker, output_names[i], life->fifo_paths[i], g_strerror (errno));
    }
}

MusterWorkerLife *
muster_worker_life_adopt (const MusterWorkerHouse *house, const MusterWorkerPlan *plan, MusterWorkerProcess *process,
                          const MusterJournalIdentity *identity, gsize ring_size, const char *journal_path, int pidfd,
                          MusterWorkerExitedFunc exited, gpointer user_data)
{
  MusterWorkerLife *life = g_new0 (MusterWorkerLife, 1);

  life->house = house;
  life->plan = plan;
  life->process = g_object_ref (process);
  life->identity = *identity;
  life->ring_size = ring_size;
  life->journal_path = g_strdup (journal_path);
  life->pid = identity->pid;
  life->pidfd = pidfd;
  life->journal_fd = -1;
  life->started_us = g_get_monotonic_time () - MAX (g_get_real_time () - identity->start_time_us, 0);
  life->exited = exited;
  life->user_data = user_data;
  write_stream_text (life);
  reopen_outputs (life, pidfd >= 0);
  life->end = (MusterEnd){ .reason = MUSTER_EXIT_UNKNOWN, .run_time_us = -1, .pid = identity->pid };
  if (pidfd >= 0)
    watch (life);
  else
    {
      load_end (life);
      take_crash (life);
    }
  return life;
}

static void
send_end (const char *backtrace, gpointer user_data)
{
  MusterWorkerLife *life = user_data;
  MusterEnd end = life->end;
  g_autoptr (GBytes) record = NULL;

  life->naming = NULL;
  end.backtrace = backtrace;
  record = muster_end_encode (&end, (guint64) life->ended_us * 1000);
  muster_receiver_finish (life->house->receiver, life->identity.stream, record);
}

void
muster_worker_life_finish (MusterWorkerLife *life)
{
  if (life->ended_us == 0)
    life->ended_us = g_get_real_time (); /* nobody knows */
  if (life->crash != NULL)
    life->naming = muster_crash_naming_start (life->crash, NAMING_TIMEOUT_US, life->house->context, send_end, life);
  else
    send_end (NULL, life);
}

void
muster_worker_life_signal (MusterWorkerLife *life, int number)
{
  if (life->pidfd >= 0)
    syscall (SYS_pidfd_send_signal, life->pidfd, number, NULL, 0);
}

static gboolean
kill_cb (gpointer user_data)
{
  MusterWorkerLife *life = user_data;

  life->end.timed_out = TRUE;
  muster_worker_life_signal (life, SIGKILL);
  return G_SOURCE_REMOVE;
}

void
muster_worker_life_terminate (MusterWorkerLife *life, gint64 timeout_us)
{
  if (life->pidfd < 0 || life->end.wanted)
    return;
  life->end.wanted = TRUE;
  muster_worker_life_signal (life, SIGTERM);
  muster_worker_life_signal (life, SIGCONT); /* one that is stopped must be able to end */
  life->kill_source = g_timeout_source_new ((guint) (timeout_us / 1000));
  g_source_set_callback (life->kill_source, kill_cb, life, NULL);
  g_source_attach (life->kill_source, life->house->context);
}

/* With its group; by number only while the number is surely its own. */
static void
kill_and_reap (MusterWorkerLife *life)
{
  siginfo_t info = { 0 };
  struct rusage usage = { 0 };

  if (!look_at_end (life->pidfd, WNOWAIT, &info, NULL) || info.si_pid != 0)
    kill (-(pid_t) life->pid, SIGKILL);
  muster_worker_life_signal (life, SIGKILL);
  while (syscall (SYS_waitid, P_PIDFD, life->pidfd, &info, WEXITED, &usage) < 0 && errno == EINTR)
    ;
  fill_end (life, &info, &usage);
}

void
muster_worker_life_free (MusterWorkerLife *life, gboolean keep_journal)
{
  destroy_source (&life->exit_source);
  destroy_source (&life->kill_source);
  if (life->pidfd >= 0)
    {
      kill_and_reap (life);
      close_fd (&life->pidfd);
      if (keep_journal)
        store_end (life);
    }
  close_outputs (life);
  if (life->journal_path != NULL && !keep_journal)
    {
      MUSTER_FAULT ("journal.unlink.before");
      remove_end (life);
      unlink (life->journal_path);
      MUSTER_FAULT ("journal.unlink.after");
    }
  g_free (life->journal_path);
  g_queue_clear_full (&life->stderr_tail, g_free);
  g_free (life->stderr_text);
  g_clear_pointer (&life->naming, muster_crash_naming_cancel);
  g_free (life->crash);
  g_object_unref (life->process);
  g_free (life);
}
