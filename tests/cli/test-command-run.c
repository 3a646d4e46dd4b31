/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `muster run`: a whole primary, started and stopped as a person or a service manager does it. The workers are shell
 * scripts.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "run-muster.h"

#define assert_contains(text, part)                                                                                    \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    if (strstr ((text), (part)) == NULL)                                                                               \
      g_error ("'%s' does not contain '%s'", (text), (part));                                                          \
  }                                                                                                                    \
  G_STMT_END

typedef struct
{
  Muster muster;
  GSubprocess *process;    /* nullable */
  GDataInputStream *lines; /* nullable: its standard error */
  int notify_fd;           /* what a service manager hears */
  char *notify_path;
} Run;

static void
set_up (Run *run, gconstpointer data)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  muster_set_up (&run->muster, data);
  run->notify_path = g_build_filename (run->muster.directory, "notify", NULL);
  g_strlcpy (address.sun_path, run->notify_path, sizeof address.sun_path);
  run->notify_fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (bind (run->notify_fd, (struct sockaddr *) &address, sizeof address), ==, 0);
}

static void
remove_tree (const char *path)
{
  GDir *directory = g_dir_open (path, 0, NULL);
  const char *name;

  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      remove_tree (child);
    }
  g_clear_pointer (&directory, g_dir_close);
  g_remove (path);
}

static void
tear_down (Run *run, gconstpointer data)
{
  g_autofree char *runtime = g_build_filename (run->muster.directory, "run", NULL);

  close (run->notify_fd);
  g_clear_object (&run->lines);
  g_clear_object (&run->process);
  g_free (run->notify_path);
  remove_tree (runtime);
  muster_tear_down (&run->muster, data);
}

#define run_test(path, function) g_test_add (path, Run, NULL, set_up, function, tear_down)

/* A keyfile whose only worker is @script, and whose records go to all.pb. */
static const char *
write_keyfile (Run *run, const char *script, const char *more)
{
  const char *worker = muster_write (&run->muster, "worker.sh", script, -1);
  g_autofree char *text = g_strdup_printf ("[muster]\nname=test\nruntime-dir=%s/run\ninterval=1s\n"
                                           "[worker w]\nexec=/bin/sh %s\nrestart=no\n%s"
                                           "[transport all]\ntype=file\nformat=protobuf\npath=%s/all.pb\nsync=none\n",
                                           run->muster.directory, worker, more, run->muster.directory);

  return muster_write (&run->muster, "test.conf", text, -1);
}

static void
start (Run *run, const char *keyfile)
{
  g_autoptr (GSubprocessLauncher) launcher =
      g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  const char *const arguments[] = { "run", keyfile, NULL };

  g_subprocess_launcher_setenv (launcher, "NOTIFY_SOCKET", run->notify_path, TRUE);
  run->process = muster_spawn (launcher, arguments);
  run->lines = g_data_input_stream_new (g_subprocess_get_stderr_pipe (run->process));
}

/* Blocks for a minute at most. */
static void
hear (Run *run, const char *expected)
{
  const struct timeval minute = { .tv_sec = 60 };
  char buffer[100];
  gssize n;

  g_assert_cmpint (setsockopt (run->notify_fd, SOL_SOCKET, SO_RCVTIMEO, &minute, sizeof minute), ==, 0);
  n = recv (run->notify_fd, buffer, sizeof buffer - 1, 0);
  g_assert_cmpint (n, >, 0);
  buffer[n] = '\0';
  g_assert_cmpstr (buffer, ==, expected);
}

static int
wait_for_end (Run *run)
{
  g_autoptr (GError) error = NULL;

  g_subprocess_wait (run->process, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_if_exited (run->process));
  return g_subprocess_get_exit_status (run->process);
}

static char *
read_error (Run *run)
{
  g_autoptr (GError) error = NULL;
  char *line = g_data_input_stream_read_line (run->lines, NULL, NULL, &error);

  g_assert_no_error (error);
  g_test_message ("%s", line);
  return line;
}

/* Until all.pb has @message, which goes there through the whole of it. */
static void
wait_for_message (Run *run, const char *message)
{
  const char *path = muster_path (&run->muster, "all.pb");
  gint64 deadline = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;
  gboolean found = FALSE;

  while (!found && g_get_monotonic_time () < deadline)
    {
      g_autofree char *content = NULL;
      gsize length = 0;

      g_file_get_contents (path, &content, &length, NULL);
      found = content != NULL && memmem (content, length, message, strlen (message)) != NULL;
      if (!found)
        g_usleep (5000);
    }
  g_assert_true (found);
}

static void
assert_complete (Run *run)
{
  muster_run (&run->muster, "audit", "--complete", muster_path (&run->muster, "all.pb"));
  g_assert_cmpint (run->muster.status, ==, 0);
  assert_contains (run->muster.out, "master");
  assert_contains (run->muster.out, "w-1");
}

static void
test_for (Run *run, gconstpointer data)
{
  const char *keyfile = write_keyfile (run, "echo hello; exec sleep 60", "");

  muster_run (&run->muster, "run", "--for=1s", keyfile);
  g_assert_cmpint (run->muster.status, ==, 0);
  g_assert_cmpstr (run->muster.out, ==, "");
  g_assert_cmpstr (run->muster.err, ==, "");
  assert_complete (run);
  muster_run (&run->muster, "cat", "--worker=w-1", "--grep=hello", "--pattern={worker} {message}",
              muster_path (&run->muster, "all.pb"));
  g_assert_cmpstr (run->muster.out, ==, "w-1 hello\n");
}

static void
stop_by (Run *run, int number)
{
  start (run, write_keyfile (run, "echo hello; exec sleep 60", ""));
  hear (run, "READY=1");
  wait_for_message (run, "hello");
  g_subprocess_send_signal (run->process, number);
  hear (run, "STOPPING=1");
  g_assert_cmpint (wait_for_end (run), ==, 0);
  assert_complete (run);
}

static void
test_terminate (Run *run, gconstpointer data)
{
  stop_by (run, SIGTERM);
}

static void
test_interrupt (Run *run, gconstpointer data)
{
  stop_by (run, SIGINT);
}

/* Workers must not speak in the primary's place. */
static void
test_environment (Run *run, gconstpointer data)
{
  start (run, write_keyfile (run, "echo \"socket <$NOTIFY_SOCKET>\"; exec sleep 60", ""));
  hear (run, "READY=1");
  wait_for_message (run, "socket <>");
  g_subprocess_send_signal (run->process, SIGTERM);
  g_assert_cmpint (wait_for_end (run), ==, 0);
}

/* A worker that does not end: the second SIGINT says so, the third gives up. */
static void
test_impatience (Run *run, gconstpointer data)
{
  g_autofree char *line = NULL;
  g_autofree char *last = NULL;
  const char *pid;

  start (run, write_keyfile (run, "trap '' TERM; echo hello; while :; do sleep 1; done", "stop-timeout=1h\n"));
  hear (run, "READY=1");
  wait_for_message (run, "hello");
  g_subprocess_send_signal (run->process, SIGINT);
  hear (run, "STOPPING=1");
  g_subprocess_send_signal (run->process, SIGINT);
  line = read_error (run);
  assert_contains (line, "waiting for these workers to end: w-1 (");
  g_subprocess_send_signal (run->process, SIGINT);
  last = read_error (run);
  assert_contains (last, "gave up");
  g_assert_cmpint (wait_for_end (run), ==, 1);
  pid = strchr (line, '(');
  g_assert_nonnull (pid);
  g_assert_cmpint (kill ((pid_t) atoi (pid + 1), SIGKILL), ==, 0);
}

/* After a rename SIGHUP opens the file anew. */
static void
test_hang_up (Run *run, gconstpointer data)
{
  const char *path = muster_path (&run->muster, "all.pb");
  const char *old = muster_path (&run->muster, "old.pb");

  start (run, write_keyfile (run, "while :; do echo hello; sleep 0.05; done", ""));
  hear (run, "READY=1");
  wait_for_message (run, "hello");
  g_assert_cmpint (g_rename (path, old), ==, 0);
  g_subprocess_send_signal (run->process, SIGHUP);
  wait_for_message (run, "hello");
  g_subprocess_send_signal (run->process, SIGTERM);
  g_assert_cmpint (wait_for_end (run), ==, 0);
  muster_run (&run->muster, "audit", "--complete", old, path);
  g_assert_cmpint (run->muster.status, ==, 0);
}

/* A second primary is refused, and the first one is not hurt. */
static void
test_twice (Run *run, gconstpointer data)
{
  const char *keyfile = write_keyfile (run, "echo hello; exec sleep 60", "");

  start (run, keyfile);
  hear (run, "READY=1");
  muster_run (&run->muster, "run", keyfile);
  g_assert_cmpint (run->muster.status, ==, 2);
  assert_contains (run->muster.err, "muster run: the cluster test could not be started: ");
  g_assert_cmpstr (run->muster.out, ==, "");
  g_subprocess_send_signal (run->process, SIGTERM);
  g_assert_cmpint (wait_for_end (run), ==, 0);
  assert_complete (run);
}

/* All that is wrong, and nothing is started. */
static void
test_bad_file (Run *run, gconstpointer data)
{
  const char *keyfile =
      muster_write (&run->muster, "bad.conf", "[muster]\nintervall=1s\n[worker w]\n[transport x]\ntype=fiel\n", -1);

  muster_run (&run->muster, "run", keyfile);
  g_assert_cmpint (run->muster.status, ==, 2);
  g_assert_cmpstr (run->muster.out, ==, "");
  assert_contains (run->muster.err, "bad.conf:2: ");
  assert_contains (run->muster.err, "interval");
  assert_contains (run->muster.err, "bad.conf:5: ");
  muster_run (&run->muster, "run", muster_path (&run->muster, "absent.conf"));
  g_assert_cmpint (run->muster.status, ==, 2);
  assert_contains (run->muster.err, "absent.conf");
}

static void
test_usage (Run *run, gconstpointer data)
{
  muster_run (&run->muster, "run");
  g_assert_cmpint (run->muster.status, ==, 2);
  assert_contains (run->muster.err, "no file given");
  muster_run (&run->muster, "run", "one", "two");
  g_assert_cmpint (run->muster.status, ==, 2);
  muster_run (&run->muster, "run", "--for=soon", "one");
  g_assert_cmpint (run->muster.status, ==, 2);
  assert_contains (run->muster.err, "--for=soon");
  muster_run (&run->muster, "run", "--for=0", "one");
  g_assert_cmpint (run->muster.status, ==, 2);
}

/* Started with nothing open: what it opens first would be its standard error, and what it says would go there. */
static void
test_closed_descriptors (Run *run, gconstpointer data)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  g_autoptr (GError) error = NULL;
  const char *keyfile = write_keyfile (run, "exec sleep 60", "");

  g_subprocess_launcher_setenv (launcher, "NOTIFY_SOCKET", run->notify_path, TRUE);
  run->process = g_subprocess_launcher_spawn (
      launcher, &error, "/bin/sh", "-c", "exec \"$MUSTER_COMMAND\" run --for=60s \"$0\" <&- >&- 2>&-", keyfile, NULL);
  g_assert_no_error (error);
  hear (run, "READY=1");
  for (guint fd = 0; fd < 3; fd++)
    {
      g_autofree char *link = g_strdup_printf ("/proc/%s/fd/%u", g_subprocess_get_identifier (run->process), fd);
      g_autofree char *target = g_file_read_link (link, NULL);

      g_assert_cmpstr (target, ==, "/dev/null");
    }
  g_subprocess_send_signal (run->process, SIGTERM);
  g_assert_cmpint (wait_for_end (run), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  run_test ("/command-run/for", test_for);
  run_test ("/command-run/terminate", test_terminate);
  run_test ("/command-run/interrupt", test_interrupt);
  run_test ("/command-run/environment", test_environment);
  run_test ("/command-run/impatience", test_impatience);
  run_test ("/command-run/hang-up", test_hang_up);
  run_test ("/command-run/twice", test_twice);
  run_test ("/command-run/bad-file", test_bad_file);
  run_test ("/command-run/usage", test_usage);
  run_test ("/command-run/closed-descriptors", test_closed_descriptors);
  return g_test_run ();
}
