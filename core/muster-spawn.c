/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * fork() and exec by hand, because GSpawn knows neither users, limits nor pidfds. Between the two the child calls only
 * what signal-safety(7) allows: another thread may have held any lock at the moment of the fork. Any thread.
 */
#include "config.h"

#include "muster-spawn-private.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

/* Descriptors are moved up here first, so that putting one in its place never closes another. */
#define FIRST_FREE_FD 16

typedef enum
{
  STEP_DESCRIPTORS,
  STEP_LIMITS,
  STEP_GROUPS,
  STEP_GID,
  STEP_UID,
  STEP_NO_NEW_PRIVS,
  STEP_DIRECTORY,
  STEP_EXEC,
} Step;

static const char *const step_names[] = {
  "pass the descriptors", "set the resource limits",    "set the supplementary groups", "set the group",
  "set the user",         "give up further privileges", "change to the directory",      "exec",
};

/* What the child writes into the pipe when it fails. */
typedef struct
{
  int step;
  int error;
} Failure;

/* Everything that the child needs, made before the fork. */
typedef struct
{
  const MusterSpawnOptions *options;
  char **environment;
  char *pid_text; /* in `environment`, where the number goes */
  int null_fd;
  int failure_fd;
  int go_fds[2]; /* the child waits at the reading end for a byte */
} Plan;

/* -- in the child: async-signal-safe only -------------------------------------------------------- */

static _Noreturn void
child_fail (int fd, Step step, int error)
{
  Failure failure = { (int) step, error };
  ssize_t written;

  do
    written = write (fd, &failure, sizeof failure);
  while (written < 0 && errno == EINTR);
  _exit (127);
}

static void
child_reset_signals (void)
{
  struct sigaction action;
  sigset_t none;

  memset (&action, 0, sizeof action);
  action.sa_handler = SIG_DFL;
  for (int number = 1; number <= SIGRTMAX; number++)
    sigaction (number, &action, NULL); /* fails for KILL and STOP, and for those that libc keeps to itself */
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
}

static void
child_close_range (unsigned first, unsigned last)
{
  struct rlimit limit;

  if (first > last || syscall (SYS_close_range, first, last, 0) == 0)
    return;
  if (getrlimit (RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < last)
    last = (unsigned) limit.rlim_cur;
  for (unsigned fd = first; fd <= last; fd++)
    close ((int) fd);
}

static int
child_place_descriptors (const Plan *plan)
{
  const MusterSpawnOptions *options = plan->options;
  const int wanted[] = {
    plan->null_fd,
    options->stdout_fd >= 0 ? options->stdout_fd : plan->null_fd,
    options->stderr_fd >= 0 ? options->stderr_fd : plan->null_fd,
    options->journal_fd,
  };
  int high[G_N_ELEMENTS (wanted)];
  int failure_fd = plan->failure_fd;

  if (failure_fd < FIRST_FREE_FD)
    failure_fd = fcntl (plan->failure_fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
  if (failure_fd < 0)
    child_fail (plan->failure_fd, STEP_DESCRIPTORS, errno);
  for (gsize i = 0; i < G_N_ELEMENTS (wanted); i++)
    {
      high[i] = wanted[i] < 0 ? -1 : fcntl (wanted[i], F_DUPFD_CLOEXEC, FIRST_FREE_FD);
      if (wanted[i] >= 0 && high[i] < 0)
        child_fail (failure_fd, STEP_DESCRIPTORS, errno);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (wanted); i++)
    if (high[i] < 0)
      close ((int) i);
    else if (dup2 (high[i], (int) i) < 0)
      child_fail (failure_fd, STEP_DESCRIPTORS, errno);
  child_close_range (G_N_ELEMENTS (wanted), (unsigned) failure_fd - 1);
  child_close_range ((unsigned) failure_fd + 1, ~0U);
  return failure_fd;
}

static void
child_drop_privileges (const MusterSpawnOptions *options, int failure_fd)
{
  if (setgroups (options->n_groups, options->groups) != 0)
    child_fail (failure_fd, STEP_GROUPS, errno);
  if (setresgid (options->gid, options->gid, options->gid) != 0)
    child_fail (failure_fd, STEP_GID, errno);
  if (setresuid (options->uid, options->uid, options->uid) != 0)
    child_fail (failure_fd, STEP_UID, errno);
  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    child_fail (failure_fd, STEP_NO_NEW_PRIVS, errno);
}

static void
child_wait (const Plan *plan)
{
  char go;
  ssize_t n;

  close (plan->go_fds[1]);
  do
    n = read (plan->go_fds[0], &go, 1);
  while (n < 0 && errno == EINTR);
  if (n != 1)
    _exit (127); /* the parent is gone */
}

static void
child_write_pid (char *out)
{
  char digits[16];
  unsigned rest = (unsigned) getpid ();
  int n = 0;

  do
    digits[n++] = (char) ('0' + rest % 10);
  while ((rest /= 10) > 0);
  while (n > 0)
    *out++ = digits[--n];
  *out = '\0';
}

static _Noreturn void
child_run (const Plan *plan)
{
  const MusterSpawnOptions *options = plan->options;
  int failure_fd;

  setpgid (0, 0); /* so that Ctrl-C at the primary's terminal does not end the workers beside the primary */
  child_reset_signals ();
  child_wait (plan);
  child_write_pid (plan->pid_text);
  failure_fd = child_place_descriptors (plan);
  if (options->umask >= 0)
    umask ((mode_t) options->umask);
  for (gsize i = 0; i < options->n_limits; i++)
    if (setrlimit ((__rlimit_resource_t) options->limits[i].resource, &options->limits[i].limit) != 0)
      child_fail (failure_fd, STEP_LIMITS, errno);
  if (options->change_user)
    child_drop_privileges (options, failure_fd);
  if (options->directory != NULL && chdir (options->directory) != 0)
    child_fail (failure_fd, STEP_DIRECTORY, errno);
  execve (options->program, (char *const *) options->argv, plan->environment);
  child_fail (failure_fd, STEP_EXEC, errno);
}

/* -- in the parent ------------------------------------------------------------------------------- */

static void
set_system_error (GError **error, int number, const char *what)
{
  MusterError code = MUSTER_ERROR_FAILED;

  if (number == ENOENT)
    code = MUSTER_ERROR_NOT_FOUND;
  else if (number == EAGAIN || number == ENOMEM || number == EMFILE || number == ENFILE)
    code = MUSTER_ERROR_UNAVAILABLE;
  g_set_error (error, MUSTER_ERROR, code, "%s: %s", what, g_strerror (number));
}

static void
set_failure_error (GError **error, const MusterSpawnOptions *options, const Failure *failure)
{
  const char *subject = NULL;
  g_autofree char *what = NULL;

  if (failure->step == STEP_EXEC)
    subject = options->program;
  else if (failure->step == STEP_DIRECTORY)
    subject = options->directory;
  what = subject == NULL ? g_strdup (step_names[failure->step])
                         : g_strdup_printf ("%s %s", step_names[failure->step], subject);
  set_system_error (error, failure->error, what);
}

/* The environment with a place for MUSTER_PID. One allocation for the array; the strings are borrowed. */
static char **
make_environment (const MusterSpawnOptions *options, char *pid_variable)
{
  GPtrArray *array = g_ptr_array_new ();

  for (const char *const *v = options->environment; v != NULL && *v != NULL; v++)
    if (!g_str_has_prefix (*v, "MUSTER_PID="))
      g_ptr_array_add (array, (gpointer) *v);
  g_ptr_array_add (array, pid_variable);
  g_ptr_array_add (array, NULL);
  return (char **) g_ptr_array_free (array, FALSE);
}

/* Signals stay blocked over the fork, so that no handler of the parent's ever runs in the child. */
static pid_t
fork_child (const Plan *plan)
{
  sigset_t all, before;
  pid_t pid;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  pid = fork ();
  if (pid == 0)
    child_run (plan);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  return pid;
}

/* Tells the caller of the child, and the child to go on. */
static void
let_go (const Plan *plan, pid_t pid)
{
  ssize_t n;

  if (plan->options->forked != NULL)
    plan->options->forked (pid, plan->options->user_data);
  do
    n = write (plan->go_fds[1], "", 1);
  while (n < 0 && errno == EINTR);
}

/* Whether the child came as far as exec, which closes the pipe without a word. */
static gboolean
await_exec (int fd, Failure *failure)
{
  ssize_t n;

  do
    n = read (fd, failure, sizeof *failure);
  while (n < 0 && errno == EINTR);
  return n != (ssize_t) sizeof *failure;
}

static void
reap (pid_t pid)
{
  while (waitpid (pid, NULL, 0) < 0 && errno == EINTR)
    ;
}

static void
close_fds (const int *fds, gsize n)
{
  for (gsize i = 0; i < n; i++)
    if (fds[i] >= 0)
      close (fds[i]);
}

/* Forks, and waits until the program runs. The three pairs and /dev/null are the caller's. */
static gboolean
start (Plan *plan, int failure_read_fd, pid_t *pid, GError **error)
{
  Failure failure = { 0, 0 };

  *pid = fork_child (plan);
  if (*pid < 0)
    return set_system_error (error, errno, "fork"), FALSE;
  close (plan->failure_fd);
  plan->failure_fd = -1;
  let_go (plan, *pid);
  if (await_exec (failure_read_fd, &failure))
    return TRUE;
  reap (*pid);
  set_failure_error (error, plan->options, &failure);
  return FALSE;
}

static gboolean
open_pidfd (pid_t pid, int *pidfd, GError **error)
{
  int number;

  *pidfd = (int) syscall (SYS_pidfd_open, pid, 0); /* close-on-exec by itself */
  if (*pidfd >= 0)
    return TRUE;
  number = errno;
  kill (pid, SIGKILL);
  reap (pid);
  set_system_error (error, number, "pidfd_open (Linux 5.3 is the oldest that has it)");
  return FALSE;
}

gboolean
muster_spawn (const MusterSpawnOptions *options, pid_t *pid, int *pidfd, GError **error)
{
  char pid_variable[32] = "MUSTER_PID=";
  g_autofree char **environment = make_environment (options, pid_variable);
  Plan plan = { .options = options, .environment = environment, .pid_text = pid_variable + strlen (pid_variable) };
  int fds[5] = { -1, -1, -1, -1, -1 }; /* the failure's pipe, the go's pipe, /dev/null */
  gboolean started = FALSE;

  if (pipe2 (fds, O_CLOEXEC) != 0 || pipe2 (fds + 2, O_CLOEXEC) != 0)
    set_system_error (error, errno, "make a pipe for a new process");
  else if ((fds[4] = open ("/dev/null", O_RDWR | O_CLOEXEC)) < 0)
    set_system_error (error, errno, "open /dev/null");
  else
    {
      plan.failure_fd = fds[1];
      plan.go_fds[0] = fds[2];
      plan.go_fds[1] = fds[3];
      plan.null_fd = fds[4];
      started = start (&plan, fds[0], pid, error);
      fds[1] = plan.failure_fd;
    }
  close_fds (fds, G_N_ELEMENTS (fds));
  return started && open_pidfd (*pid, pidfd, error);
}

static gboolean
is_program (const char *path, GError **error)
{
  struct stat info;

  if (stat (path, &info) != 0)
    return set_system_error (error, errno, path), FALSE;
  if (S_ISREG (info.st_mode) && access (path, X_OK) == 0)
    return TRUE;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "%s: %s", path,
               S_ISREG (info.st_mode) ? "is not executable" : "is not a file");
  return FALSE;
}

char *
muster_spawn_find_program (const char *name, const char *directory, GError **error)
{
  g_autofree char *path = NULL;

  if (strchr (name, '/') == NULL)
    {
      path = g_find_program_in_path (name);
      if (path == NULL)
        g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND, "%s: no such program in PATH", name);
      return g_steal_pointer (&path);
    }
  if (g_path_is_absolute (name) || directory == NULL)
    path = g_canonicalize_filename (name, NULL);
  else
    path = g_canonicalize_filename (name, directory);
  return is_program (path, error) ? g_steal_pointer (&path) : NULL;
}
