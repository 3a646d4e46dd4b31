/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A worker for the tests: does what its arguments or the primary's messages say.
 *
 *   cluster-worker serve         sends "up", then until SIGTERM answers messages
 *   cluster-worker burst N HOW   logs N records and dies at once, by HOW: segv, kill, abort, exit7, return;
 *                                crash (a real one), thread-crash, overflow, g-error, thread-exit
 *   cluster-worker count FILE    counts until it is killed; FILE holds how many calls have returned: guint64 incs, samples
 *   cluster-worker storm FILE    counts in two threads, in the default metrics and in "fast", until FILE (struct Storm) says
 *                                stop
 */
#include "config.h"

#include "muster.h"
#include "storm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

G_DECLARE_FINAL_TYPE (TestWorker, test_worker, TEST, WORKER, MusterWorker)

struct _TestWorker
{
  MusterWorker parent_instance;
};

G_DEFINE_FINAL_TYPE (TestWorker, test_worker, MUSTER_TYPE_WORKER)

void crash_on_purpose (void);
void overflow_on_purpose (volatile guint depth);

__attribute__ ((noinline, no_sanitize ("undefined"), no_sanitize ("address"))) void
crash_on_purpose (void)
{
  volatile int *volatile nowhere = NULL;

  *nowhere = 1;
}

__attribute__ ((noinline, no_sanitize ("undefined"), no_sanitize ("address"))) void
overflow_on_purpose (volatile guint depth)
{
  volatile char room[1024];

  room[depth % sizeof room] = 1;
  if (depth < G_MAXUINT)
    overflow_on_purpose (depth + 1);
  room[depth % sizeof room] = 2;
}

static gpointer
die_in_thread (gpointer how)
{
  if (strcmp (how, "thread-crash") == 0)
    crash_on_purpose ();
  exit (7);
}

static void
die (const char *how)
{
  const struct rlimit none = { 0, 0 };

  setrlimit (RLIMIT_CORE, &none);
  if (strcmp (how, "segv") == 0)
    raise (SIGSEGV);
  else if (strcmp (how, "kill") == 0)
    raise (SIGKILL);
  else if (strcmp (how, "abort") == 0)
    abort ();
  else if (strcmp (how, "exit7") == 0)
    _exit (7);
  else if (strcmp (how, "crash") == 0)
    crash_on_purpose ();
  else if (strcmp (how, "overflow") == 0)
    overflow_on_purpose (0);
  else if (strcmp (how, "g-error") == 0)
    g_error ("this cannot be");
  else if (g_str_has_prefix (how, "thread-"))
    g_thread_join (g_thread_new ("doomed", die_in_thread, (gpointer) how));
}

static gboolean
test_worker_start (MusterWorker *worker, GError **error)
{
  muster_info (muster_worker_get_logger (worker), "hello from %s", muster_worker_get_id (worker));
  muster_metrics_inc (muster_worker_get_metrics (worker), NULL, "starts", 1);
  muster_worker_send (worker, g_variant_new_string ("up"));
  return TRUE;
}

static void
test_worker_stop (MusterWorker *worker)
{
  muster_info (muster_worker_get_logger (worker), "bye");
}

static void
test_worker_message (MusterWorker *worker, GVariant *message)
{
  const char *text = g_variant_get_string (message, NULL);

  if (g_str_has_prefix (text, "echo "))
    {
      g_autofree char *answer = g_strdup_printf ("%s says %s", muster_worker_get_id (worker), text + 5);

      muster_worker_send (worker, g_variant_new_string (answer));
    }
  else if (g_str_has_prefix (text, "die "))
    {
      muster_info (muster_worker_get_logger (worker), "last words");
      die (text + 4);
    }
}

static void
test_worker_class_init (TestWorkerClass *class)
{
  MUSTER_WORKER_CLASS (class)->start = test_worker_start;
  MUSTER_WORKER_CLASS (class)->stop = test_worker_stop;
  MUSTER_WORKER_CLASS (class)->message = test_worker_message;
}

static void
test_worker_init (TestWorker *self)
{
}

static int
burst (guint n, const char *how)
{
  g_autoptr (MusterWorker) worker = muster_worker_new ();
  g_autoptr (GError) error = NULL;

  if (!muster_worker_connect (worker, &error))
    g_error ("%s", error->message);
  for (guint i = 1; i <= n; i++)
    muster_info (muster_worker_get_logger (worker), "word %u", i);
  g_printerr ("these go to stderr\nand so does this");
  die (how);
  return 0;
}

static int
count (const char *path)
{
  g_autoptr (MusterWorker) worker = muster_worker_new ();
  MusterMetrics *metrics = muster_worker_get_metrics (worker);
  g_autoptr (GError) error = NULL;
  int fd = open (path, O_RDWR | O_CLOEXEC);
  volatile guint64 *returned = mmap (NULL, 2 * sizeof *returned, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

  if (returned == MAP_FAILED || !muster_worker_connect (worker, &error))
    g_error ("%s: %s", path, error != NULL ? error->message : g_strerror (errno));
  for (;;)
    {
      muster_metrics_inc (metrics, MUSTER_PATH ("calls"), "incs", 1);
      returned[0]++;
      muster_metrics_sample (metrics, MUSTER_PATH ("calls"), "samples", 3);
      returned[1]++;
    }
  return 0;
}

typedef struct
{
  MusterMetrics *metrics[2];
  volatile Storm *storm;
  guint worker; /* from 0 */
  guint thread;
} Counter;

static gpointer
storm_thread (gpointer data)
{
  Counter *counter = data;
  volatile guint64 *returned = counter->storm->returned[counter->worker][counter->thread];

  while (!counter->storm->stop[counter->worker])
    for (guint i = 0; i < 2; i++)
      {
        muster_metrics_inc (counter->metrics[i], MUSTER_PATH ("calls"), "incs", 1);
        returned[i]++;
      }
  return NULL;
}

static int
storm (const char *path)
{
  g_autoptr (MusterWorker) worker = muster_worker_new ();
  g_autoptr (GError) error = NULL;
  int fd = open (path, O_RDWR | O_CLOEXEC);
  volatile Storm *storm = mmap (NULL, sizeof *storm, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  Counter counters[2];
  GThread *threads[2];

  if (storm == MAP_FAILED || !muster_worker_connect (worker, &error))
    g_error ("%s: %s", path, error != NULL ? error->message : g_strerror (errno));
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    {
      counters[i] = (Counter){
        .metrics = { muster_worker_get_metrics (worker), muster_worker_get_metrics_by_name (worker, "fast") },
        .storm = storm,
        .worker = (guint) atoi (muster_worker_get_id (worker) + strlen ("web-")) - 1,
        .thread = i,
      };
      threads[i] = g_thread_new ("storm", storm_thread, &counters[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  return 0;
}

int
main (int argc, char **argv)
{
  if (argc == 3 && strcmp (argv[1], "storm") == 0)
    return storm (argv[2]);
  if (argc == 3 && strcmp (argv[1], "count") == 0)
    return count (argv[2]);
  if (argc == 4 && strcmp (argv[1], "burst") == 0)
    return burst ((guint) atoi (argv[2]), argv[3]);
  return muster_worker_main (test_worker_get_type (), argc, argv);
}
