/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "muster-spawn-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const plain_environment[] = { "PATH=/usr/bin:/bin", "LANG=C", NULL };

/* Runs `sh -c SCRIPT` with @options and returns what it printed; @status nullable. */
static char *
run (MusterSpawnOptions *options, const char *script, int *status)
{
  const char *const argv[] = { "sh", "-c", script, NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) output = g_string_new (NULL);
  int pipe_fds[2];
  int pidfd = -1;
  int wait_status = 0;
  pid_t pid = 0;
  char bytes[4096];
  ssize_t n;

  g_assert_true (g_unix_open_pipe (pipe_fds, FD_CLOEXEC, NULL));
  options->program = "/bin/sh";
  options->argv = argv;
  if (options->environment == NULL)
    options->environment = plain_environment;
  options->stdout_fd = pipe_fds[1];
  options->stderr_fd = pipe_fds[1];
  g_assert_true (muster_spawn (options, &pid, &pidfd, &error));
  g_assert_no_error (error);
  close (pipe_fds[1]);
  while ((n = read (pipe_fds[0], bytes, sizeof bytes)) > 0)
    g_string_append_len (output, bytes, n);
  close (pipe_fds[0]);
  g_assert_cmpint (poll (&(struct pollfd){ .fd = pidfd, .events = POLLIN }, 1, 20000), ==, 1);
  g_assert_cmpint (waitpid (pid, &wait_status, 0), ==, pid);
  close (pidfd);
  if (status != NULL)
    *status = wait_status;
  return g_string_free (g_steal_pointer (&output), FALSE);
}

#define DEFAULTS .umask = -1, .stdout_fd = -1, .stderr_fd = -1, .journal_fd = -1

static void
assert_fails (MusterSpawnOptions *options, MusterError code, const char *message)
{
  const char *const argv[] = { "x", NULL };
  g_autoptr (GError) error = NULL;
  int pidfd = -1;
  pid_t pid = 0;

  options->argv = argv;
  options->environment = plain_environment;
  g_assert_false (muster_spawn (options, &pid, &pidfd, &error));
  g_assert_error (error, MUSTER_ERROR, (int) code);
  g_assert_cmpstr (error->message, ==, message);
  g_assert_cmpint (waitpid (-1, NULL, WNOHANG), ==, -1); /* nothing is left to reap */
  g_assert_cmpint (errno, ==, ECHILD);
}

static void
test_status (void)
{
  MusterSpawnOptions options = { DEFAULTS };
  int status = 0;
  g_autofree char *output = run (&options, "echo hello; exit 7", &status);

  g_assert_cmpstr (output, ==, "hello\n");
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 7);
}

static void
test_environment (void)
{
  const char *const environment[] = { "PATH=/usr/bin:/bin", "MUSTER_PID=1", "A=b c", NULL };
  MusterSpawnOptions options = { DEFAULTS, .environment = environment };
  g_autofree char *output =
      run (&options, "echo $A; test $MUSTER_PID = $$ && echo same; env | grep -c MUSTER_PID", NULL);

  g_assert_cmpstr (output, ==, "b c\nsame\n1\n");
}

static void
test_descriptors (void)
{
  /* Two descriptors without close-on-exec, below and above those that the child needs for itself. */
  int zero = open ("/dev/zero", O_RDONLY | O_CLOEXEC);
  int stray = fcntl (zero, F_DUPFD, 5);
  int far_stray = fcntl (zero, F_DUPFD, 200);
  int journal = open ("/dev/full", O_RDWR | O_CLOEXEC);
  MusterSpawnOptions options = { .umask = -1, .journal_fd = journal };
  g_autofree char *with = run (&options, "cd /proc/$$/fd; readlink 0 3; ls -x .; true", NULL);
  g_autofree char *without = NULL;

  options.journal_fd = -1;
  without = run (&options, "ls -x /proc/$$/fd; true", NULL);
  g_assert_cmpstr (with, ==, "/dev/null\n/dev/full\n0  1  2  3\n");
  g_assert_cmpstr (without, ==, "0  1  2\n");
  close (far_stray);
  close (stray);
  close (zero);
  close (journal);
}

static void
test_descriptors_crossed (void)
{
  /* The journal lies at 0's, stdout at 3's place: putting one there must not close the other. */
  int journal = open ("/dev/full", O_RDWR | O_CLOEXEC);
  int saved = fcntl (0, F_DUPFD_CLOEXEC, 10);
  MusterSpawnOptions options = { DEFAULTS };
  g_autofree char *output = NULL;

  g_assert_cmpint (dup3 (journal, 0, O_CLOEXEC), ==, 0);
  options.journal_fd = 0;
  output = run (&options, "readlink /proc/$$/fd/0 /proc/$$/fd/3", NULL);
  g_assert_cmpstr (output, ==, "/dev/null\n/dev/full\n");
  g_assert_cmpint (dup2 (saved, 0), ==, 0);
  close (saved);
  close (journal);
}

static void
test_signals (void)
{
  MusterSpawnOptions options = { DEFAULTS };
  g_autofree char *output = NULL;
  sigset_t set;

  /* What the parent blocks and ignores is the parent's affair. */
  sigemptyset (&set);
  sigaddset (&set, SIGTERM);
  sigprocmask (SIG_BLOCK, &set, NULL);
  signal (SIGPIPE, SIG_IGN);
  output = run (&options, "grep -E '^Sig(Blk|Ign)' /proc/self/status", NULL);
  signal (SIGPIPE, SIG_DFL);
  sigprocmask (SIG_UNBLOCK, &set, NULL);
  g_assert_cmpstr (output, ==, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

static void
test_process_group (void)
{
  MusterSpawnOptions options = { DEFAULTS };
  g_autofree char *output = run (&options, "test $(cut -d' ' -f5 /proc/$$/stat) = $$ && echo own", NULL);

  g_assert_cmpstr (output, ==, "own\n");
}

static void
test_directory_umask_limits (void)
{
  const MusterSpawnLimit limits[] = {
    { RLIMIT_NOFILE, { 77, 77 } },
    { RLIMIT_CORE, { 0, 0 } },
  };
  MusterSpawnOptions options = { DEFAULTS };
  g_autofree char *output = NULL;

  options.directory = "/usr";
  options.umask = 027;
  options.limits = limits;
  options.n_limits = G_N_ELEMENTS (limits);
  output = run (&options, "pwd; umask; ulimit -n; ulimit -c", NULL);
  g_assert_cmpstr (output, ==, "/usr\n0027\n77\n0\n");
}

static void
test_user (void)
{
  const struct passwd *nobody = getpwnam ("nobody");
  gid_t groups[] = { 0, 12345 };
  MusterSpawnOptions options = { DEFAULTS };
  g_autofree char *output = NULL;
  g_autofree char *expected = NULL;

  if (geteuid () != 0 || nobody == NULL)
    {
      g_test_skip ("only root can start a child as another user");
      return;
    }
  groups[0] = nobody->pw_gid;
  options.change_user = TRUE;
  options.uid = nobody->pw_uid;
  options.gid = nobody->pw_gid;
  options.groups = groups;
  options.n_groups = G_N_ELEMENTS (groups);
  output = run (&options, "grep -E '^(Uid|Gid|Groups|NoNewPrivs)' /proc/self/status | tr -s '\\t ' ' '", NULL);
  expected = g_strdup_printf ("Uid: %u %u %u %u\nGid: %u %u %u %u\nGroups: 12345 %u \nNoNewPrivs: 1\n", nobody->pw_uid,
                              nobody->pw_uid, nobody->pw_uid, nobody->pw_uid, nobody->pw_gid, nobody->pw_gid,
                              nobody->pw_gid, nobody->pw_gid, nobody->pw_gid);
  g_assert_cmpstr (output, ==, expected);
}

static void
test_error_exec (void)
{
  g_autofree char *script = NULL;
  g_autofree char *message = NULL;
  MusterSpawnOptions options = { DEFAULTS, .program = "/nonexistent/x" };
  int fd = g_file_open_tmp ("muster-XXXXXX", &script, NULL);

  assert_fails (&options, MUSTER_ERROR_NOT_FOUND, "exec /nonexistent/x: No such file or directory");
  options.program = "/usr";
  assert_fails (&options, MUSTER_ERROR_FAILED, "exec /usr: Permission denied");
  fchmod (fd, 0700); /* a script without #! */
  close (fd);
  options.program = script;
  message = g_strdup_printf ("exec %s: Exec format error", script);
  assert_fails (&options, MUSTER_ERROR_FAILED, message);
  g_unlink (script);
}

static void
test_error_steps (void)
{
  const struct passwd *nobody = getpwnam ("nobody");
  const MusterSpawnLimit limit = { 12345, { 1, 1 } };
  MusterSpawnOptions options = { DEFAULTS, .program = "/bin/true" };

  options.directory = "/nonexistent";
  assert_fails (&options, MUSTER_ERROR_NOT_FOUND, "change to the directory /nonexistent: No such file or directory");
  options.directory = NULL;
  options.limits = &limit;
  options.n_limits = 1;
  assert_fails (&options, MUSTER_ERROR_FAILED, "set the resource limits: Invalid argument");
  options.n_limits = 0;
  options.journal_fd = 9999;
  assert_fails (&options, MUSTER_ERROR_FAILED, "pass the descriptors: Bad file descriptor");
  options.journal_fd = -1;
  options.change_user = TRUE;
  if (geteuid () != 0)
    {
      assert_fails (&options, MUSTER_ERROR_FAILED, "set the supplementary groups: Operation not permitted");
      return;
    }
  options.uid = nobody->pw_uid;
  options.gid = (gid_t) -2;
  options.n_groups = G_MAXUINT16 * 8; /* more than the kernel takes */
  assert_fails (&options, MUSTER_ERROR_FAILED, "set the supplementary groups: Invalid argument");
}

static void
test_find_program (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *found = muster_spawn_find_program ("sh", NULL, &error);
  g_autofree char *relative = muster_spawn_find_program ("bin/../bin/sh", "/", &error);

  g_assert_no_error (error);
  g_assert_true (g_str_has_suffix (found, "/sh"));
  g_assert_cmpstr (relative, ==, "/bin/sh");
  g_assert_null (muster_spawn_find_program ("no-such-program-at-all", NULL, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_null (muster_spawn_find_program ("/etc/passwd", NULL, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
  g_assert_cmpstr (error->message, ==, "/etc/passwd: is not executable");
  g_clear_error (&error);
  g_assert_null (muster_spawn_find_program ("/usr", NULL, &error));
  g_assert_cmpstr (error->message, ==, "/usr: is not a file");
  g_clear_error (&error);
  g_assert_null (muster_spawn_find_program ("./gone", "/usr", &error));
  g_assert_cmpstr (error->message, ==, "/usr/gone: No such file or directory");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/spawn/status", test_status);
  g_test_add_func ("/spawn/environment", test_environment);
  g_test_add_func ("/spawn/descriptors", test_descriptors);
  g_test_add_func ("/spawn/descriptors-crossed", test_descriptors_crossed);
  g_test_add_func ("/spawn/signals", test_signals);
  g_test_add_func ("/spawn/process-group", test_process_group);
  g_test_add_func ("/spawn/directory-umask-limits", test_directory_umask_limits);
  g_test_add_func ("/spawn/user", test_user);
  g_test_add_func ("/spawn/error/exec", test_error_exec);
  g_test_add_func ("/spawn/error/steps", test_error_steps);
  g_test_add_func ("/spawn/find-program", test_find_program);
  return g_test_run ();
}
