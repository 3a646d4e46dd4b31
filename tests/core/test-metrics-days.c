/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Three days of intervals in a second: the clocks are this file's. The wall clock is put forward by an hour, back by an
 * hour, and summer time ends; no interval is missing, doubled or negative, and no count is lost.
 */
#include "config.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>

#include "metrics-helpers.h"
#include "muster-dataset-struct-private.h"
#include "muster-time-base-private.h"

#define MINUTE_NS (60 * SECOND_NS)
#define HOUR_NS   (60 * MINUTE_NS)
#define DAY_NS    (24 * HOUR_NS)

/* Europe/Berlin goes back to winter time on 2026-10-25 at 01:00 UTC. */
#define BEGIN_NS (1792843200 * SECOND_NS) /* 2026-10-24 12:00 UTC, a Saturday */

static gint64 boottime_ns = 1000 * SECOND_NS;
static gint64 wall_offset_ns = BEGIN_NS - 1000 * SECOND_NS;

/* In the place of libc's, for the library and for GLib. */
int
clock_gettime (clockid_t id, struct timespec *now)
{
  gint64 ns = id == CLOCK_REALTIME ? boottime_ns + wall_offset_ns : boottime_ns;

  now->tv_sec = ns / SECOND_NS;
  now->tv_nsec = ns % SECOND_NS;
  return 0;
}

/* There are no timers on such a clock: the main loop looks at it. */
int
timerfd_create (int id, int flags)
{
  errno = EMFILE;
  return -1;
}

/* -- processes ------------------------------------------------------------------------------------- */

typedef struct
{
  GMainContext *context;
  MusterTimeBase base;
  MusterAggregator *aggregator;
  MusterMetrics *metrics[3]; /* of the primary and two workers */
  guint pids[3];
  guint64 counted;
  double delivered;
  gint64 last_end_ns;
  guint n_deliveries;
  guint n_partial;
} Days;

static const char *const workers[] = { "master", "web-1", "web-2" };

static gint64
read_clock (gpointer days)
{
  return muster_time_base_read (&((Days *) days)->base);
}

static guint
find_worker (const Days *days, const MusterMetrics *metrics)
{
  guint i = 0;

  while (days->metrics[i] != metrics)
    i++;
  return i;
}

static void
snapshot_cb (MusterMetrics *metrics, GPtrArray *entries, gpointer user_data)
{
  Days *days = user_data;
  guint i = find_worker (days, metrics);
  g_autoptr (GError) error = NULL;

  add_entries (days->aggregator, workers[i], days->pids[i], entries, &error);
  g_assert_no_error (error);
}

static void
start (Days *days, guint i)
{
  static guint pid = 1;

  days->metrics[i] = muster_metrics_new (NULL);
  days->pids[i] = pid++;
  muster_metrics_attach (days->metrics[i], days->context, NULL, &days->base, snapshot_cb, days, NULL);
  muster_aggregator_expect (days->aggregator, workers[i], days->pids[i]);
}

static void
stop (Days *days, guint i)
{
  muster_metrics_detach (days->metrics[i]);
  muster_aggregator_unexpect (days->aggregator, workers[i], days->pids[i]);
  g_object_unref (days->metrics[i]);
}

static void
check (Days *days, MusterDataset *dataset)
{
  const MusterDatasetTotal *total = muster_dataset_get_total (dataset);
  g_autofree char *text = muster_dataset_to_text (dataset);

  g_assert_nonnull (text);
  if (days->last_end_ns != 0)
    g_assert_cmpint (dataset->end_ns, ==, days->last_end_ns + 10 * SECOND_NS);
  g_assert_cmpint (dataset->end_ns % (10 * SECOND_NS), ==, 0);
  g_assert_cmpint (dataset->start_ns, ==, dataset->end_ns - 10 * SECOND_NS);
  g_assert_cmpuint (dataset->late->len, ==, 0);
  g_assert_cmpuint (dataset->n_reported, ==, dataset->n_expected);
  g_assert_cmpint (total->process->end_ns, >, total->process->start_ns);
  for (guint i = 0; i < total->process->metrics->len; i++)
    {
      const Muster__V1__Metric *metric = total->process->metrics->pdata[i];

      g_assert_cmpfloat (metric->sum, >, 0);
      days->delivered += metric->sum;
    }
  days->last_end_ns = dataset->end_ns;
  days->n_deliveries++;
  days->n_partial += dataset->partial->len > 0;
}

static void
collect (Days *days, gint64 now_ns)
{
  g_autoptr (GPtrArray) datasets = muster_aggregator_collect (days->aggregator, now_ns);

  for (guint i = 0; i < datasets->len; i++)
    check (days, datasets->pdata[i]);
}

/* -- time ------------------------------------------------------------------------------------------ */

/* A step of less than half an interval: later than that a process would be late. */
static void
pass (Days *days)
{
  boottime_ns += g_test_rand_int_range (1, 4000) * (SECOND_NS / 1000) + g_test_rand_int_range (0, 1000000);
  for (guint i = 0; i < G_N_ELEMENTS (workers); i++)
    {
      muster_metrics_inc (days->metrics[i], NULL, "x", 1);
      days->counted++;
    }
  while (g_main_context_iteration (days->context, FALSE))
    ;
  collect (days, muster_time_base_read (&days->base));
}

static void
pass_until (Days *days, gint64 until_ns)
{
  gint64 restart_ns = boottime_ns + 6 * HOUR_NS;

  while (boottime_ns < until_ns)
    {
      pass (days);
      if (boottime_ns < restart_ns)
        continue;
      restart_ns += 6 * HOUR_NS;
      stop (days, 2);
      start (days, 2);
    }
}

static gboolean
is_summer (void)
{
  g_autoptr (GDateTime) now = g_date_time_new_from_unix_local ((boottime_ns + wall_offset_ns) / SECOND_NS);

  return g_date_time_is_daylight_savings (now);
}

static void
test_days (void)
{
  Days days = { .context = g_main_context_new (), .aggregator = muster_aggregator_new () };
  gint64 begin_ns = boottime_ns;
  guint64 intervals;

  muster_time_base_now (&days.base);
  muster_aggregator_set_clock (days.aggregator, read_clock, &days);
  muster_aggregator_add_metrics (days.aggregator, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (workers); i++)
    start (&days, i);
  g_assert_true (is_summer ());
  pass_until (&days, begin_ns + DAY_NS);
  g_assert_false (is_summer ());
  wall_offset_ns += HOUR_NS;
  pass_until (&days, begin_ns + 2 * DAY_NS);
  wall_offset_ns -= HOUR_NS;
  pass_until (&days, begin_ns + 3 * DAY_NS);
  for (guint i = 0; i < G_N_ELEMENTS (workers); i++)
    stop (&days, i);
  collect (&days, G_MAXINT64);

  intervals = (guint64) ((boottime_ns - begin_ns) / (10 * SECOND_NS));
  g_test_message ("%u deliveries, %u of them partial; %" G_GUINT64_FORMAT " counts", days.n_deliveries, days.n_partial,
                  days.counted);
  g_assert_cmpuint (days.n_deliveries, >=, intervals);
  g_assert_cmpuint (days.n_deliveries, <=, intervals + 2);
  g_assert_cmpfloat (days.delivered, ==, (double) days.counted);
  g_assert_cmpuint (days.n_partial, <=, 2 * 12 + 2); /* restarts, the beginning and the end */
  muster_aggregator_free (days.aggregator);
  g_main_context_unref (days.context);
}

int
main (int argc, char **argv)
{
  g_setenv ("TZ", "Europe/Berlin", TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/metrics-days/three", test_days);
  return g_test_run ();
}
