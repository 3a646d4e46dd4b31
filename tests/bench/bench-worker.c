/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A worker under `muster run` that measures its own log calls. What it finds goes to the file DIRECTORY/ID, as lines of
 * name and value; the primary hears of nothing but the records.
 *
 *   bench-worker load N DIRECTORY   N records at full speed, until all are acknowledged
 *   bench-worker idle N DIRECTORY   one record each millisecond, N times
 *   bench-worker pace N DIRECTORY   N records a second, until SIGTERM
 *   bench-worker rest               nothing, until SIGTERM
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <muster.h>

#define FLUSH_TIMEOUT_US (60 * G_TIME_SPAN_SECOND)

static gint64
clock_ns (clockid_t id)
{
  struct timespec now;

  clock_gettime (id, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

static inline void
log_one (MusterLogger *logger, guint i)
{
  muster_info (logger, "request %d of %s took %d us, all is well", (int) i, "/articles/index.html", (int) (i % 1000));
}

static void
write_results (MusterWorker *worker, const char *directory, GString *results)
{
  g_autofree char *path = g_build_filename (directory, muster_worker_get_id (worker), NULL);
  g_autoptr (GError) error = NULL;

  if (!g_file_set_contents (path, results->str, (gssize) results->len, &error))
    g_error ("%s", error->message);
}

static void
load (MusterWorker *worker, guint n, GString *results)
{
  MusterLogger *logger = muster_worker_get_logger (worker);
  gint64 start = clock_ns (CLOCK_MONOTONIC), start_cpu = clock_ns (CLOCK_THREAD_CPUTIME_ID), cpu;

  for (guint i = 0; i < n; i++)
    log_one (logger, i);
  cpu = clock_ns (CLOCK_THREAD_CPUTIME_ID) - start_cpu;
  if (!muster_worker_flush (worker, FLUSH_TIMEOUT_US))
    g_error ("not everything was acknowledged");
  g_string_append_printf (results, "start %" G_GINT64_FORMAT "\nend %" G_GINT64_FORMAT "\nlog %.1f\n", start,
                          clock_ns (CLOCK_MONOTONIC), (double) cpu / n);
}

static int
compare (const void *a, const void *b)
{
  const gint64 *left = a, *right = b;

  return *left < *right ? -1 : *left > *right;
}

/* The median over all calls, less what it costs to look at the clock. */
static void
idle (MusterWorker *worker, guint n, GString *results)
{
  MusterLogger *logger = muster_worker_get_logger (worker);
  const struct timespec pause = { 0, 1000000 };
  g_autofree gint64 *costs = g_new (gint64, n);
  g_autofree gint64 *clocks = g_new (gint64, n);
  gint64 sum = 0, sum_clocks = 0;

  for (guint i = 0; i < n; i++)
    {
      gint64 a, b, c;

      nanosleep (&pause, NULL);
      a = clock_ns (CLOCK_THREAD_CPUTIME_ID);
      b = clock_ns (CLOCK_THREAD_CPUTIME_ID);
      log_one (logger, i);
      c = clock_ns (CLOCK_THREAD_CPUTIME_ID);
      sum_clocks += clocks[i] = b - a;
      sum += costs[i] = c - b;
    }
  qsort (costs, n, sizeof *costs, compare);
  qsort (clocks, n, sizeof *clocks, compare);
  g_string_append_printf (results, "median %.1f\nmean %.1f\n", (double) (costs[n / 2] - clocks[n / 2]),
                          (double) (sum - sum_clocks) / n);
}

typedef struct
{
  MusterLogger *logger;
  guint rate;
  _Atomic gboolean ended;
} Pace;

/* In steps of 10 ms; what was late is made up for. */
static gpointer
pace_thread (gpointer data)
{
  Pace *pace = data;
  gint64 start = clock_ns (CLOCK_MONOTONIC);
  const struct timespec pause = { 0, 10000000 };

  for (guint64 n = 0; !pace->ended; nanosleep (&pause, NULL))
    for (guint64 due = (guint64) (clock_ns (CLOCK_MONOTONIC) - start) / 1000000 * pace->rate / 1000; n < due; n++)
      log_one (pace->logger, (guint) n);
  return NULL;
}

static int
pace (MusterWorker *worker, guint rate, int argc, char **argv)
{
  Pace order = { .logger = muster_worker_get_logger (worker), .rate = rate };
  GThread *thread = g_thread_new ("pace", pace_thread, &order);
  int status = muster_worker_run (worker, argc, argv);

  order.ended = TRUE;
  g_thread_join (thread);
  return status;
}

int
main (int argc, char **argv)
{
  g_autoptr (MusterWorker) worker = muster_worker_new ();
  g_autoptr (GString) results = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  guint n = argc == 4 ? (guint) atoi (argv[2]) : 0;

  if (!muster_worker_connect (worker, &error))
    g_error ("%s", error->message);
  if (n > 0 && strcmp (argv[1], "pace") == 0)
    return pace (worker, n, argc, argv);
  if (n > 0 && strcmp (argv[1], "load") == 0)
    load (worker, n, results);
  else if (n > 0 && strcmp (argv[1], "idle") == 0)
    idle (worker, n, results);
  if (n > 0)
    write_results (worker, argv[3], results);
  return muster_worker_run (worker, argc, argv);
}
