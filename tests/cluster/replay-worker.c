/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A worker for the tests: logs a file at full speed, one record for each line, in the domain "replay". It does not wait
 * for anything to arrive, and what is left of it is a journal. The last of N workers to come so far asks the primary to
 * stop; they count themselves in the file COUNTER.
 *
 *   replay-worker FILE COUNTER N
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <muster.h>

static void
replay (MusterLogger *logger, const char *text, gsize length)
{
  const char *end = text + length;

  while (text < end)
    {
      const char *feed = memchr (text, '\n', (gsize) (end - text));
      const char *stop = feed != NULL ? feed : end;

      muster_logger_log_literal (logger, MUSTER_LEVEL_INFO, NULL, 0, NULL, text, stop - text);
      text = feed != NULL ? feed + 1 : end;
    }
}

static gboolean
is_last (const char *counter, int n)
{
  int fd = open (counter, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  struct stat info;

  if (fd < 0 || write (fd, ".", 1) != 1 || fstat (fd, &info) != 0)
    g_error ("cannot count in %s", counter);
  close (fd);
  return info.st_size >= n;
}

int
main (int argc, char **argv)
{
  g_autoptr (MusterWorker) worker = muster_worker_new ();
  g_autoptr (MusterLogger) logger = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  gsize length;

  if (argc != 4 || !g_file_get_contents (argv[1], &text, &length, &error) || !muster_worker_connect (worker, &error))
    g_error ("%s", error != NULL ? error->message : "usage: replay-worker FILE COUNTER N");
  logger = muster_logger_new_child (muster_worker_get_logger (worker), "replay");
  replay (logger, text, length);
  if (is_last (argv[2], atoi (argv[3])))
    kill (getppid (), SIGTERM);
  _exit (0); /* nothing is flushed, nothing is said goodbye to */
}
