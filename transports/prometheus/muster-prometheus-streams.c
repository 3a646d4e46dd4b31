/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How many records of each level have passed of each worker, and how many entries are missing for which reason. The
 * transport's thread counts; the server's copies, holding the lock for no longer than that takes.
 */
#include "config.h"

#include <string.h>

#include "muster-prometheus-store.h"
#include "muster-prometheus-streams.h"

/* Beyond it all are forgotten, and counted from 0 again, as after a restart. */
#define STREAMS_MAX 10000

struct _MusterPrometheusStreams
{
  GMutex lock;
  GHashTable *streams; /* owned; guarded by lock; labels -> MusterPrometheusStream */
  GString *labels;     /* owned; the counting thread's */
};

static void
stream_free (gpointer data)
{
  MusterPrometheusStream *stream = data;

  g_ref_string_release (stream->labels);
  g_free (stream);
}

MusterPrometheusStreams *
muster_prometheus_streams_new (void)
{
  MusterPrometheusStreams *streams = g_new0 (MusterPrometheusStreams, 1);

  g_mutex_init (&streams->lock);
  streams->streams = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, stream_free);
  streams->labels = g_string_new (NULL);
  return streams;
}

void
muster_prometheus_streams_free (MusterPrometheusStreams *streams)
{
  g_hash_table_unref (streams->streams);
  g_string_free (streams->labels, TRUE);
  g_mutex_clear (&streams->lock);
  g_free (streams);
}

/* -- counting ------------------------------------------------------------------------------------ */

static void
write_labels (GString *labels, const MusterOrigin *origin)
{
  g_autofree char *host = muster_prometheus_copy_slice (origin->host);
  g_autofree char *cluster = muster_prometheus_copy_slice (origin->cluster);
  g_autofree char *worker = muster_prometheus_copy_slice (origin->worker);

  g_string_truncate (labels, 0);
  muster_prometheus_append_label (labels, "host", host);
  muster_prometheus_append_label (labels, "cluster", cluster);
  muster_prometheus_append_worker (labels, worker);
}

/* By the holder of the lock. */
static MusterPrometheusStream *
get_stream (MusterPrometheusStreams *streams, const MusterOrigin *origin, gint64 now_us)
{
  MusterPrometheusStream *stream;

  write_labels (streams->labels, origin);
  stream = g_hash_table_lookup (streams->streams, streams->labels->str);
  if (stream == NULL)
    {
      if (g_hash_table_size (streams->streams) == STREAMS_MAX)
        g_hash_table_remove_all (streams->streams);
      stream = g_new0 (MusterPrometheusStream, 1);
      stream->labels = g_ref_string_new (streams->labels->str);
      g_hash_table_insert (streams->streams, stream->labels, stream);
    }
  stream->seen_us = now_us;
  return stream;
}

static void
count_entry (MusterPrometheusStream *stream, const MusterEntry *entry)
{
  guint64 count;
  MusterGapReason reason;

  if (entry->kind == MUSTER_ENTRY_RECORD)
    stream->records[MIN (muster_entry_peek_level (entry), MUSTER_PROMETHEUS_N_LEVELS - 1)]++;
  else if (entry->kind == MUSTER_ENTRY_GAP && muster_entry_get_gap (entry, &count, &reason))
    stream->missing[reason < MUSTER_PROMETHEUS_N_REASONS ? reason : MUSTER_GAP_UNKNOWN] += count;
}

static void
walk (MusterPrometheusStreams *streams, MusterBatch *batch, gint64 now_us)
{
  MusterPrometheusStream *stream = NULL;
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);
  MusterEntryIter iter;
  MusterEntry entry;

  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    if (entry.kind == MUSTER_ENTRY_ORIGIN) /* a batch begins with one */
      stream = get_stream (streams, entry.origin, now_us);
    else
      count_entry (stream, &entry);
}

void
muster_prometheus_streams_count (MusterPrometheusStreams *streams, MusterBatch *batch, gint64 now_us)
{
  guint n_records = muster_batch_get_n_records (batch);
  MusterLevel level = muster_batch_get_min_level (batch);

  g_mutex_lock (&streams->lock);
  if (muster_batch_get_n_origins (batch) > 1 || muster_batch_has_kind (batch, MUSTER_ENTRY_GAP)
      || (n_records > 0 && level != muster_batch_get_max_level (batch)))
    walk (streams, batch, now_us);
  else
    {
      MusterPrometheusStream *stream = get_stream (streams, muster_batch_get_origin (batch), now_us);

      if (n_records > 0)
        stream->records[MIN (level, MUSTER_PROMETHEUS_N_LEVELS - 1)] += n_records;
    }
  g_mutex_unlock (&streams->lock);
}

/* -- reading ------------------------------------------------------------------------------------- */

static int
compare_streams (gconstpointer a, gconstpointer b)
{
  return strcmp (((const MusterPrometheusStream *) a)->labels, ((const MusterPrometheusStream *) b)->labels);
}

static void
release_labels (gpointer data)
{
  g_ref_string_release (((MusterPrometheusStream *) data)->labels);
}

GArray *
muster_prometheus_streams_list (MusterPrometheusStreams *streams, gint64 since_us)
{
  GArray *list = g_array_new (FALSE, FALSE, sizeof (MusterPrometheusStream));
  GHashTableIter iter;
  gpointer value;

  g_array_set_clear_func (list, release_labels);
  g_mutex_lock (&streams->lock);
  g_hash_table_iter_init (&iter, streams->streams);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (((MusterPrometheusStream *) value)->seen_us >= since_us)
      {
        g_ref_string_acquire (((MusterPrometheusStream *) value)->labels);
        g_array_append_vals (list, value, 1);
      }
  g_mutex_unlock (&streams->lock);
  g_array_sort (list, compare_streams);
  return list;
}
