/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the tests of metrics areas share: a journal with an area in memory, and all that arrives of it.
 */
#pragma once

#include <unistd.h>

#include "metrics-helpers.h"
#include "muster-metrics-area-layout-private.h"

#define RING_SIZE ((gsize) MUSTER_JOURNAL_SIZE_MIN)

typedef struct
{
  guint64 n_metrics; /* in all snapshots */
  guint64 n_snapshots;
  guint64 n_partial;
  double incs;
  guint64 samples;
  guint64 overflow;
  GString *texts; /* owned */
  gboolean is_open;
  guint32 next_part;
  guint64 end; /* of the last snapshot */
} Total;

static inline void
total_clear (Total *total)
{
  g_string_free (total->texts, TRUE);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Total, total_clear)

static inline int
make_journal (guint max_metrics)
{
  MusterJournalIdentity identity = { .stream = "metrics", .pid = (guint32) getpid () };
  g_autoptr (GError) error = NULL;
  int fd;

  identity.area_size = muster_metrics_area_get_size (max_metrics);
  identity.is_sparse = TRUE;
  fd = muster_journal_create_memfd (RING_SIZE, &identity, &error);
  g_assert_no_error (error);
  muster_metrics_area_allocate (fd, (off_t) (MUSTER_JOURNAL_HEADER_SIZE + RING_SIZE), max_metrics, &error);
  g_assert_no_error (error);
  return fd;
}

/* Samples are always of 3, but for those called "wide". */
static inline void
total_add_metric (Total *total, const Muster__V1__Metric *metric)
{
  total->n_metrics++;
  g_assert_true (muster_metric_is_valid (metric));
  if (strcmp (metric->id, "wide") == 0)
    {
      total->samples += metric->count;
      g_assert_true ((metric->sketch != NULL) == (metric->count > 0));
      return;
    }
  if (strcmp (metric->type, "inc") == 0)
    total->incs += metric->sum;
  else if (strcmp (metric->type, "set") == 0)
    g_string_append_printf (total->texts, "%s;", metric->text);
  else if (metric->count > 0)
    {
      total->samples += metric->count;
      g_assert_cmpfloat (metric->sum, ==, 3.0 * (double) metric->count);
      g_assert_cmpfloat (metric->min, ==, 3);
      g_assert_cmpfloat (metric->max, ==, 3);
      g_assert_cmpfloat (metric->mean, ==, 3);
      g_assert_cmpfloat (metric->m2, ==, 0);
      g_assert_nonnull (metric->sketch);
      g_assert_cmpfloat (muster_metric_get_quantile (metric, 0.5), ==, 3);
    }
}

/* Adds an entry; parts come in order, and whole. */
static inline void
total_add (Total *total, gconstpointer data, gsize size)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);
  g_autoptr (Muster__V1__Snapshot) snapshot = unpack_snapshot (bytes);

  if (total->is_open)
    {
      g_assert_cmpuint (snapshot->part, ==, total->next_part);
      g_assert_cmpuint (snapshot->end, ==, total->end);
    }
  else
    {
      g_assert_cmpuint (snapshot->part, ==, 0);
      total->n_snapshots++;
      total->n_partial += (guint64) snapshot->partial;
    }
  g_assert_cmpuint (snapshot->start, <=, snapshot->end);
  total->is_open = snapshot->more;
  total->next_part = snapshot->part + 1;
  total->end = snapshot->end;
  total->overflow += snapshot->overflow;
  for (gsize i = 0; i < snapshot->n_metrics; i++)
    total_add_metric (total, snapshot->metrics[i]);
}

/* What the journal holds, whose reader has read nothing; whether something lies at @mark. */
static inline gboolean
total_add_journal (Total *total, int fd, guint32 mark)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterJournalScan) scan =
      muster_journal_scan_new (fd, (const guint8 *) "metrics\0\0\0\0\0\0\0\0", RING_SIZE, 1, 0, &error);
  MusterJournalItem item;
  gboolean found = FALSE;

  g_assert_no_error (error);
  while (muster_journal_scan_next (scan, &item))
    {
      g_assert_cmpuint (item.lost + item.refused, ==, 0);
      total_add (total, item.bytes, item.length);
      found |= (guint32) item.place == mark;
    }
  return found;
}

static inline GPtrArray *
recover (int fd, guint max_metrics, gint64 end_ns, gboolean is_staged_arrived)
{
  const MusterMetricsDeath death = {
    .pid = 4711, .start_ns = 5, .end_ns = end_ns, .is_staged_arrived = is_staged_arrived
  };
  g_autoptr (GError) error = NULL;
  GPtrArray *entries =
      muster_metrics_area_recover (fd, RING_SIZE, muster_metrics_area_get_size (max_metrics), &death, &error);

  g_assert_no_error (error);
  return entries;
}

/* All that arrives of a process that is killed now, as the primary puts it together. */
static inline void
total_all (Total *total, int fd, guint max_metrics, gint64 end_ns)
{
  g_autoptr (GPtrArray) entries = NULL;
  guint32 mark = 0;
  gboolean marked, found;

  *total = (Total){ .texts = g_string_new (NULL) };
  marked = muster_metrics_area_read_mark (fd, RING_SIZE, muster_metrics_area_get_size (max_metrics), &mark);
  found = total_add_journal (total, fd, mark);
  entries = recover (fd, max_metrics, end_ns, marked && found);
  for (guint i = 0; i < entries->len; i++)
    {
      gsize size;
      gconstpointer data = g_bytes_get_data (entries->pdata[i], &size);

      total_add (total, data, size);
    }
  g_assert_false (total->is_open);
}
