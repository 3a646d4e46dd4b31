/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One process of a worker: spawn, exit, last words. The cluster's thread only.
 *
 * The exit is watched by a pidfd: no SIGCHLD, which belongs to the application, and no reuse of a pid in between.
 */
#include "config.h"

#include "muster-worker-life-private.h"

#include "muster-crash-report-private.h"
#include "muster-end-store-private.h"
#include "muster-fault-private.h"
#include "muster-spawn-private.h"
#include "muster-worker-environment-private.h"
#include "muster-worker-journal-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
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
  g_auto (GStrv) environment = muster_worker_environment_new (life->house, life->plan, life->process);
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
  life->end.stderr_tail = life->stderr_text = muster_worker_output_join_tail (life->output);
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
    muster_worker_output_keep (life->output, *line, strlen (*line));
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
  if (muster_worker_output_finish (life->output))
    {
      take_tail (life);
      store_end (life);
    }
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
  muster_worker_output_attach (life->output, life->pid);
  life->exit_source = g_unix_fd_source_new (life->pidfd, G_IO_IN);
  g_source_set_static_name (life->exit_source, "muster-worker-exit");
  g_source_set_callback (life->exit_source, G_SOURCE_FUNC (exit_cb), life, NULL);
  g_source_attach (life->exit_source, life->house->context);
}

/* "web-1-STREAM", of the names of all its files. */
static char *
make_stem (MusterWorkerLife *life)
{
  for (gsize i = 0; i < sizeof life->identity.stream; i++)
    g_snprintf (life->stream_text + 2 * i, 3, "%02x", life->identity.stream[i]);
  return g_strdup_printf ("%s-%s", life->identity.worker, life->stream_text);
}

static gboolean
make_journal (MusterWorkerLife *life, const char *stem, GError **error)
{
  g_autofree char *name = g_strconcat (stem, ".journal", NULL);
  g_autofree char *path = g_build_filename (muster_runtime_dir_get_journals (life->house->runtime_dir), name, NULL);

  life->journal_fd =
      muster_worker_journal_create (life->house, life->plan, path, &life->identity, &life->ring_size, error);
  if (life->journal_fd >= 0)
    life->journal_path = g_steal_pointer (&path);
  return life->journal_fd >= 0;
}

/* Everything that may fail; the caller cleans up. */
static gboolean
begin (MusterWorkerLife *life, GError **error)
{
  g_autofree char *stem = NULL;
  int output_fds[2] = { -1, -1 };
  gboolean started;

  if (!muster_worker_journal_identify (life->house, life->process, &life->identity, error))
    return FALSE;
  stem = make_stem (life);
  life->output = muster_worker_output_new (life->house, life->plan, life->process, stem);
  started = muster_worker_output_make (life->output, output_fds, error) && make_journal (life, stem, error)
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

MusterWorkerLife *
muster_worker_life_adopt (const MusterWorkerHouse *house, const MusterWorkerPlan *plan, MusterWorkerProcess *process,
                          const MusterJournalIdentity *identity, gsize ring_size, const char *journal_path, int pidfd,
                          MusterWorkerExitedFunc exited, gpointer user_data)
{
  MusterWorkerLife *life = g_new0 (MusterWorkerLife, 1);
  g_autofree char *stem = NULL;

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
  stem = make_stem (life);
  life->output = muster_worker_output_new (house, plan, process, stem);
  muster_worker_output_reopen (life->output, pidfd >= 0);
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
  muster_worker_output_free (life->output);
  if (life->journal_path != NULL && !keep_journal)
    {
      MUSTER_FAULT ("journal.unlink.before");
      remove_end (life);
      unlink (life->journal_path);
      MUSTER_FAULT ("journal.unlink.after");
    }
  g_free (life->journal_path);
  g_free (life->stderr_text);
  g_clear_pointer (&life->naming, muster_crash_naming_cancel);
  g_free (life->crash);
  g_object_unref (life->process);
  g_free (life);
}
