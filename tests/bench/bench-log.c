/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What one log call costs its thread: CPU time, with the journal emptied between loops. Prints `name<TAB>value<TAB>unit`.
 *
 * What crash capture adds to it is told by processes of their own, with it and without it in turns, for once it is on it
 * stays: `bench-log on` and `bench-log off` print one number.
 */
#include "config.h"

#include <time.h>

#include "muster-crash-private.h"
#include "muster-logger-private.h"

#define CALLS  20000
#define ROUNDS 60
#define PAIRS  9

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

static double
take_median (GArray *samples)
{
  g_array_sort (samples, compare_doubles);
  return g_array_index (samples, double, samples->len / 2);
}

static void
report (const char *name, GArray *samples)
{
  double median = take_median (samples);

  g_print ("%s\t%.1f\tns (median of %u loops; least %.1f)\n", name, median, samples->len,
           g_array_index (samples, double, 0));
  g_array_set_size (samples, 0);
}

#define TIME(call)                                                                                                     \
  for (guint round = 0; round < ROUNDS; round++)                                                                       \
    {                                                                                                                  \
      gint64 start = thread_ns ();                                                                                     \
      double cost;                                                                                                     \
                                                                                                                       \
      for (guint i = 0; i < CALLS; i++)                                                                                \
        call;                                                                                                          \
      cost = (double) (thread_ns () - start) / CALLS;                                                                  \
      g_array_append_val (samples, cost);                                                                              \
      drain (journal);                                                                                                 \
    }

#define MEASURE(name, call)                                                                                            \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    TIME (call)                                                                                                        \
    report (name, samples);                                                                                            \
  }                                                                                                                    \
  G_STMT_END

static MusterJournal *
make_journal (void)
{
  MusterJournalIdentity id = { .stream = "bench-log-stream", .worker = "bench" };
  g_autoptr (GError) error = NULL;
  int fd = muster_journal_create_memfd (8 << 20, &id, &error);
  MusterJournal *journal = fd >= 0 ? muster_journal_open (fd, &error) : NULL;

  if (journal == NULL)
    g_error ("%s", error->message);
  return journal;
}

/* -- with crash capture, and without ------------------------------------------------------------------ */

static int
print_cost (gboolean captures)
{
  MusterJournal *journal = make_journal ();
  MusterSink *sink = muster_sink_new (journal, "bench");
  MusterLogger *logger = muster_logger_new (sink, "bench", MUSTER_LEVEL_INFO);
  g_autoptr (GArray) samples = g_array_new (FALSE, FALSE, sizeof (double));

  if (captures)
    muster_crash_install (journal);
  TIME (muster_info (logger, "request %u of %s took %d us, all is well here", i, "/index.html", 1234))
  g_print ("%.3f\n", take_median (samples));
  g_object_unref (logger);
  muster_sink_unref (sink);
  muster_journal_unref (journal);
  return 0;
}

static double
run_for_cost (const char *program, const char *mode)
{
  const char *argv[] = { program, mode, NULL };
  g_autofree char *out = NULL;
  g_autoptr (GError) error = NULL;

  if (!g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out, NULL, NULL, &error))
    g_error ("%s %s: %s", program, mode, error->message);
  return g_ascii_strtod (out, NULL);
}

static void
compare_capture (const char *program)
{
  g_autoptr (GArray) off = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr (GArray) on = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr (GArray) ratios = g_array_new (FALSE, FALSE, sizeof (double));

  for (guint i = 0; i < PAIRS; i++)
    {
      double without = run_for_cost (program, "off"), with = run_for_cost (program, "on");
      double ratio = with / without;

      g_array_append_val (off, without);
      g_array_append_val (on, with);
      g_array_append_val (ratios, ratio);
    }
  g_print ("log call, crash capture off\t%.1f\tns (median of %u processes)\n", take_median (off), PAIRS);
  g_print ("log call, crash capture on\t%.1f\tns (median of %u processes)\n", take_median (on), PAIRS);
  g_print ("log call, crash capture on to off\t%.2f\ttimes (median of %u pairs)\n", take_median (ratios), PAIRS);
}

int
main (int argc, char **argv)
{
  g_autoptr (GArray) samples = g_array_new (FALSE, FALSE, sizeof (double));
  MusterJournal *journal;
  MusterSink *sink;
  MusterLogger *logger, *child;

  if (argc > 1)
    return print_cost (g_str_equal (argv[1], "on"));
  compare_capture (argv[0]);
  journal = make_journal ();
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
