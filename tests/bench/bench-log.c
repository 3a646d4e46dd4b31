/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What one log call costs its thread: CPU time, with the journal emptied between loops. Prints `name<TAB>value<TAB>unit`.
 */
#include "config.h"

#include <time.h>

#include "muster-crash-private.h"
#include "muster-logger-private.h"

#define CALLS  20000
#define ROUNDS 60

static gint64
thread_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

static void
drain (MusterJournal *journal)
{
  MusterJournalItem item;

  while (muster_journal_peek (journal, &item))
    muster_journal_advance (journal);
  muster_journal_acknowledge (journal, muster_journal_get_read_position (journal));
}

static gint
compare_doubles (gconstpointer a, gconstpointer b)
{
  double left = *(const double *) a, right = *(const double *) b;

  return left < right ? -1 : left > right;
}

static void
report (const char *name, GArray *samples)
{
  g_array_sort (samples, compare_doubles);
  g_print ("%s\t%.1f\tns (median of %u loops; least %.1f)\n", name, g_array_index (samples, double, samples->len / 2),
           samples->len, g_array_index (samples, double, 0));
  g_array_set_size (samples, 0);
}

#define MEASURE(name, call)                                                                                            \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    for (guint round = 0; round < ROUNDS; round++)                                                                     \
      {                                                                                                                \
        gint64 start = thread_ns ();                                                                                   \
        double cost;                                                                                                   \
                                                                                                                       \
        for (guint i = 0; i < CALLS; i++)                                                                              \
          call;                                                                                                        \
        cost = (double) (thread_ns () - start) / CALLS;                                                                \
        g_array_append_val (samples, cost);                                                                            \
        drain (journal);                                                                                               \
      }                                                                                                                \
    report (name, samples);                                                                                            \
  }                                                                                                                    \
  G_STMT_END

int
main (void)
{
  MusterJournalIdentity id = { .stream = "bench-log-stream", .worker = "bench" };
  g_autoptr (GError) error = NULL;
  int fd = muster_journal_create_memfd (8 << 20, &id, &error);
  MusterJournal *journal = fd >= 0 ? muster_journal_open (fd, &error) : NULL;
  g_autoptr (GArray) samples = g_array_new (FALSE, FALSE, sizeof (double));
  MusterSink *sink;
  MusterLogger *logger, *child;

  if (journal == NULL)
    g_error ("%s", error->message);
  muster_crash_install (journal); /* as in a worker */
  sink = muster_sink_new (journal, "bench");
  logger = muster_logger_new (sink, "bench", MUSTER_LEVEL_INFO);
  child = muster_logger_new_child (logger, "http");
  muster_logger_set_default (child, "request", g_variant_new_string ("7f3a9c"));

  MEASURE ("log call, \"%s %d %u\"",
           muster_info (logger, "request %u of %s took %d us, all is well here", i, "/index.html", 1234));
  MEASURE ("log call, literal", muster_info (logger, "all is well here, and nothing needs to be formatted"));
  MEASURE ("log call, \"%.3f\" (vsnprintf)", muster_info (logger, "request %u took %.3f ms", i, i * 0.001));
  MEASURE ("log call, three fields",
           muster_log_with (logger, MUSTER_LEVEL_INFO,
                            MUSTER_FIELDS (MUSTER_TEXT ("path", "/index.html"), MUSTER_INTEGER ("status", 200),
                                           MUSTER_NUMBER ("ms", 1.5)),
                            "request %u", i));
  MEASURE ("log call, child with a default", muster_info (child, "request %u of %s", i, "/index.html"));
  MEASURE ("log call, level not enabled", muster_debug (logger, "request %u of %s", i, "/index.html"));

  g_object_unref (child);
  g_object_unref (logger);
  muster_sink_unref (sink);
  muster_journal_unref (journal);
  return 0;
}
