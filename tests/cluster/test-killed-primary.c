/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Primaries are killed at random moments, one after another, while two workers go on counting: every interval is delivered
 * once, all that was counted is in one delivery, and where somebody is missing in one, it says so.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gio/gio.h>

#include "cluster-helpers.h"
#include "storm.h"

#define ROUNDS      8
#define INTERVAL_MS 300

typedef struct
{
  gint64 end_ns, from_ns;
  guint n_late, n_reported, n_expected, n_partial;
  int is_there[2];
  double incs[2];
} Line;

typedef struct
{
  char *base, *runtime_dir, *storm_path, *out_path;
  volatile Storm *storm;
  GPid primary;
  gint64 killed_ns[ROUNDS];
  gint64 started_ns; /* both workers: the first end of an interval in which they are */
  gint64 stopped_ns;
} Fixture;

static void
start_primary (Fixture *fixture)
{
  g_autofree char *interval = g_strdup_printf ("%d", INTERVAL_MS);
  char *argv[] = { g_test_build_filename (G_TEST_BUILT, "cluster", "metrics-primary", NULL),
                   fixture->runtime_dir,
                   g_test_build_filename (G_TEST_BUILT, "cluster", "cluster-worker", NULL),
                   fixture->storm_path,
                   fixture->out_path,
                   interval,
                   NULL };
  g_autoptr (GError) error = NULL;

  g_spawn_async (NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &fixture->primary, &error);
  g_assert_no_error (error);
  g_free (argv[0]);
  g_free (argv[2]);
}

static void
end_primary (Fixture *fixture, int number)
{
  int status;

  g_assert_no_errno (kill (fixture->primary, number));
  g_assert_cmpint (waitpid (fixture->primary, &status, 0), ==, fixture->primary);
}

static GArray *
read_lines (Fixture *fixture)
{
  GArray *lines = g_array_new (FALSE, TRUE, sizeof (Line));
  g_autofree char *text = NULL;
  g_auto (GStrv) rows = NULL;

  if (!g_file_get_contents (fixture->out_path, &text, NULL, NULL))
    return lines;
  rows = g_strsplit (text, "\n", -1);
  for (guint i = 0; rows[i] != NULL && *rows[i] != '\0'; i++)
    {
      Line line;

      g_assert_cmpint (sscanf (rows[i], "%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %u %u %u %u %d %lf %d %lf",
                               &line.end_ns, &line.from_ns, &line.n_late, &line.n_reported, &line.n_expected,
                               &line.n_partial, &line.is_there[0], &line.incs[0], &line.is_there[1], &line.incs[1]),
                       ==, 10);
      g_array_append_val (lines, line);
    }
  return lines;
}

static guint
count_lines (Fixture *fixture)
{
  g_autoptr (GArray) lines = read_lines (fixture);

  return lines->len;
}

/* The file is watched by looking: who writes it may be killed at any moment. */
static void
await_lines (Fixture *fixture, guint n)
{
  gint64 until_us = g_get_monotonic_time () + 60 * G_TIME_SPAN_SECOND;

  while (count_lines (fixture) < n)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, until_us);
      g_usleep (5000);
    }
}

static void
await_both (Fixture *fixture)
{
  for (guint n = 1; fixture->started_ns == 0; n++)
    {
      g_autoptr (GArray) lines = NULL;

      await_lines (fixture, n);
      lines = read_lines (fixture);
      for (guint i = 0; i < lines->len && fixture->started_ns == 0; i++)
        if (g_array_index (lines, Line, i).is_there[0] && g_array_index (lines, Line, i).is_there[1])
          fixture->started_ns = g_array_index (lines, Line, i).end_ns;
    }
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->base = g_dir_make_tmp ("muster-XXXXXX", NULL);
  fixture->runtime_dir = g_build_filename (fixture->base, "run", NULL);
  fixture->storm_path = g_build_filename (fixture->base, "storm", NULL);
  fixture->out_path = g_build_filename (fixture->base, "out", NULL);
  fixture->storm = map_shared (fixture->storm_path, sizeof (Storm));
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  munmap ((gpointer) fixture->storm, sizeof (Storm));
  g_unlink (fixture->storm_path);
  g_unlink (fixture->out_path);
  g_assert_no_errno (g_rmdir (fixture->base)); /* nothing is left in the runtime directory either */
  g_free (fixture->storm_path);
  g_free (fixture->out_path);
  g_free (fixture->runtime_dir);
  g_free (fixture->base);
}

static double
get_returned (Fixture *fixture, guint worker)
{
  return (double) (fixture->storm->returned[worker][0][0] + fixture->storm->returned[worker][1][0]);
}

static int
compare_lines (gconstpointer a, gconstpointer b)
{
  const Line *line_a = a;
  const Line *line_b = b;

  return line_a->end_ns < line_b->end_ns ? -1 : line_a->end_ns > line_b->end_ns;
}

/* Of one interval: at most one delivery that is not late; whoever is in none of them is known to be missing. */
static guint
check_interval (const Fixture *fixture, const Line *lines, guint n)
{
  guint n_in_time = 0, n_incomplete = 0;

  for (guint i = 0; i < n; i++)
    {
      n_in_time += lines[i].n_late == 0;
      n_incomplete += lines[i].n_late > 0 || lines[i].n_partial > 0 || lines[i].n_reported < lines[i].n_expected;
    }
  g_assert_cmpuint (n_in_time, <=, 1);
  for (guint i = 0; i < ROUNDS; i++)
    if (fixture->killed_ns[i] < lines[0].end_ns && fixture->killed_ns[i] >= lines[0].end_ns - INTERVAL_MS * 1000000)
      g_assert_cmpuint (n_incomplete, >, 0);
  for (guint worker = 0; worker < 2 && lines[0].end_ns >= fixture->started_ns && lines[0].end_ns < fixture->stopped_ns;
       worker++)
    {
      gboolean is_there = FALSE;

      for (guint i = 0; i < n; i++)
        is_there |= lines[i].is_there[worker] != 0;
      if (!is_there)
        {
          g_test_message ("%" G_GINT64_FORMAT ": web-%u is missing", lines[0].end_ns, worker + 1);
          g_assert_cmpuint (n_incomplete, >, 0);
        }
    }
  return n_incomplete > 0;
}

static void
check (Fixture *fixture)
{
  g_autoptr (GArray) lines = read_lines (fixture);
  const Line *all;
  double incs[2] = { 0 };
  guint n_intervals = 0, n_incomplete = 0;
  gint64 last_ns = 0;

  g_array_sort (lines, compare_lines);
  all = (const Line *) (gconstpointer) lines->data;
  for (guint i = 0, n; i < lines->len; i += n)
    {
      n = 1;
      while (i + n < lines->len && all[i + n].end_ns == all[i].end_ns)
        n++;
      /* None is missing: on a machine that is very busy one may be the longer. */
      if (last_ns != 0 && all[i].end_ns != last_ns + INTERVAL_MS * 1000000)
        g_assert_cmpint (all[i].from_ns, <=, last_ns);
      for (guint k = i; k < i + n; k++)
        g_test_message ("%" G_GINT64_FORMAT ": late %u, %u of %u, partial %u; %d %.0f, %d %.0f", all[k].end_ns,
                        all[k].n_late, all[k].n_reported, all[k].n_expected, all[k].n_partial, all[k].is_there[0],
                        all[k].incs[0], all[k].is_there[1], all[k].incs[1]);
      last_ns = all[i].end_ns;
      n_intervals++;
      n_incomplete += check_interval (fixture, all + i, n);
      for (guint k = i; k < i + n; k++)
        {
          incs[0] += all[k].incs[0];
          incs[1] += all[k].incs[1];
        }
    }
  g_test_message ("%u intervals, %u of them not complete; missing %.0f and %.0f of %.0f and %.0f counts", n_intervals,
                  n_incomplete, get_returned (fixture, 0) - incs[0], get_returned (fixture, 1) - incs[1],
                  get_returned (fixture, 0), get_returned (fixture, 1));
  /* The workers lived through all of it. */
  g_assert_cmpfloat (incs[0], ==, get_returned (fixture, 0));
  g_assert_cmpfloat (incs[1], ==, get_returned (fixture, 1));
}

static void
test_killed (Fixture *fixture, gconstpointer data)
{
  start_primary (fixture);
  await_both (fixture);
  for (guint round = 0; round < ROUNDS; round++)
    {
      guint n = count_lines (fixture);

      g_usleep ((gulong) g_test_rand_int_range (0, 2 * INTERVAL_MS * 1000)); /* at any moment of an interval */
      fixture->killed_ns[round] = g_get_real_time () * 1000;
      end_primary (fixture, SIGKILL);
      start_primary (fixture);
      await_lines (fixture, n + 3);
    }
  fixture->stopped_ns = g_get_real_time () * 1000;
  fixture->storm->stop[0] = fixture->storm->stop[1] = 1;
  await_lines (fixture, count_lines (fixture) + 3);
  end_primary (fixture, SIGTERM);
  check (fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/killed-primary/random", Fixture, NULL, set_up, test_killed, tear_down);
  return g_test_run ();
}
