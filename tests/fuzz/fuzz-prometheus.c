/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as a log from which numbers are gathered: whatever names, texts and values there are in it, what is served is an
 * exposition that Prometheus takes. The first byte says how much room there is, and whether names have a prefix.
 */
#include "config.h"

#include "../transports/exposition-check.h"
#include "muster-prometheus-parts.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
gather (MusterPrometheusStore *store, MusterPrometheusParts *parts, const guint8 *data, gsize size)
{
  MusterEntryIter iter;
  MusterEntry entry;
  gint64 now_us = 0;

  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    {
      g_autoptr (MusterDataset) dataset = NULL;
      g_autofree char *host = NULL;

      if (entry.kind == MUSTER_ENTRY_DATASET && entry.origin != NULL)
        dataset = muster_prometheus_parts_add (parts, &entry);
      if (dataset == NULL)
        continue;
      host = muster_prometheus_copy_slice (entry.origin->host);
      muster_prometheus_store_add (store, host, "c", dataset, now_us += 1000);
      g_assert (store->cost <= store->max_size);
    }
}

static void
count (MusterPrometheusStreams *streams, const guint8 *data, gsize size)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (data, size);
  g_autoptr (MusterBatch) batch = muster_batch_new (bytes, NULL);

  if (batch != NULL)
    muster_prometheus_streams_count (streams, batch, 0);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  guint8 how = size > 0 ? data[0] : 0;
  g_autoptr (MusterPrometheusStore) store =
      muster_prometheus_store_new (how & 1 ? "muster" : "", (gsize) 1 << (12 + how % 9), 3);
  g_autoptr (MusterPrometheusStreams) streams = muster_prometheus_streams_new ();
  g_autoptr (MusterPrometheusParts) parts = muster_prometheus_parts_new (1 << 20);

  if (size == 0)
    return 0;
  muster_prometheus_exposition_reserve (store->families);
  count (streams, data + 1, size - 1);
  gather (store, parts, data + 1, size - 1);
  for (MusterPrometheusFormat format = 0; format < MUSTER_PROMETHEUS_N_FORMATS; format++)
    {
      g_autoptr (GBytes) text = muster_prometheus_exposition_write (store, streams, format, 0);
      g_autoptr (Exposition) exposition = NULL;
      gsize length;
      const char *all = g_bytes_get_data (text, &length);

      exposition = exposition_read (all, length, format);
      g_assert (exposition_get (exposition, "muster_version_info{version=\"" MUSTER_VERSION "\"}") != NULL);
    }
  return 0;
}
