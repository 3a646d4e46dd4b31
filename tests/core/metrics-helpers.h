/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the tests of metrics, datasets and the aggregator share.
 */
#pragma once

#include <string.h>

#include "muster-dataset-private.h"
#include "muster.pb-c.h"

#define SECOND_NS G_GINT64_CONSTANT (1000000000)

static inline void
view_entry (GBytes *bytes, MusterEntry *entry)
{
  MusterEntryIter iter;
  gsize size;
  gconstpointer data = g_bytes_get_data (bytes, &size);

  g_assert_cmpuint (size, <=, MUSTER_ENTRY_MAX);
  muster_entry_iter_init (&iter, data, size);
  g_assert_true (muster_entry_iter_next (&iter, entry));
  g_assert_cmpuint (entry->length, ==, size);
}

static inline Muster__V1__Snapshot *
unpack_snapshot (GBytes *bytes)
{
  MusterEntry entry;
  Muster__V1__Snapshot *snapshot;

  view_entry (bytes, &entry);
  g_assert_cmpint (entry.kind, ==, MUSTER_ENTRY_SNAPSHOT);
  snapshot = muster__v1__snapshot__unpack (NULL, entry.body_length, entry.body);
  g_assert_nonnull (snapshot);
  return snapshot;
}

static inline Muster__V1__Snapshot *
take_one (MusterMetrics *metrics)
{
  g_autoptr (GPtrArray) entries = muster_metrics_take_snapshot (metrics, 0, 10 * SECOND_NS, FALSE);

  g_assert_cmpuint (entries->len, ==, 1);
  return unpack_snapshot (entries->pdata[0]);
}

static inline Muster__V1__Metric *
find_metric (Muster__V1__Snapshot *snapshot, const char *id)
{
  for (gsize i = 0; i < snapshot->n_metrics; i++)
    if (strcmp (snapshot->metrics[i]->id, id) == 0)
      return snapshot->metrics[i];
  return NULL;
}

static inline void
free_snapshot (Muster__V1__Snapshot *snapshot)
{
  muster__v1__snapshot__free_unpacked (snapshot, NULL);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Muster__V1__Snapshot, free_snapshot)

static inline gboolean
add_entries (MusterAggregator *aggregator, const char *worker, guint pid, GPtrArray *entries, GError **error)
{
  for (guint i = 0; i < entries->len; i++)
    {
      MusterEntry entry;

      view_entry (entries->pdata[i], &entry);
      if (!muster_aggregator_add (aggregator, worker, pid, &entry, error))
        return FALSE;
    }
  return TRUE;
}

/* The snapshot of [@start_s, @end_s) seconds goes to the aggregator. */
static inline void
report (MusterAggregator *aggregator, MusterMetrics *metrics, const char *worker, guint pid, double start_s,
        double end_s, gboolean partial)
{
  g_autoptr (GPtrArray) entries = muster_metrics_take_snapshot (metrics, (gint64) (start_s * (double) SECOND_NS),
                                                                (gint64) (end_s * (double) SECOND_NS), partial);
  g_autoptr (GError) error = NULL;

  add_entries (aggregator, worker, pid, entries, &error);
  g_assert_no_error (error);
}
