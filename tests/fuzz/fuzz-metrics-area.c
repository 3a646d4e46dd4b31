/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as the metrics area of a dead process: flags (1: the staged part has arrived), the area's header, the length of
 * what is staged (16 bits, little-endian) and that, then metrics and arena. What is recovered must be sound, and no more
 * than an area of that size can say.
 */
#include "config.h"

#include <string.h>

#include "muster-metrics-area-layout-private.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* Takes at most @n bytes of the input. */
static gsize
take (const guint8 **data, gsize *size, gsize n, guint8 *out)
{
  n = MIN (n, *size);
  memcpy (out, *data, n);
  *data += n;
  *size -= n;
  return n;
}

static guint8 *
make_area (const guint8 *data, gsize size, gsize *area_size)
{
  guint8 length[2] = { 0 };
  guint8 *area = g_malloc0 (MUSTER_METRICS_AREA_METRICS + size);

  take (&data, &size, MUSTER_METRICS_AREA_HEADER_SIZE, area);
  take (&data, &size, sizeof length, length);
  take (&data, &size, (gsize) length[0] | (gsize) length[1] << 8, area + MUSTER_METRICS_AREA_HEADER_SIZE);
  *area_size = MUSTER_METRICS_AREA_METRICS + take (&data, &size, size, area + MUSTER_METRICS_AREA_METRICS);
  return area;
}

static gsize
check_entry (GBytes *bytes)
{
  MusterEntryIter iter;
  MusterEntry entry;
  gsize size;
  gconstpointer data = g_bytes_get_data (bytes, &size);
  Muster__V1__Snapshot *snapshot;

  g_assert (size <= MUSTER_ENTRY_MAX);
  muster_entry_iter_init (&iter, data, size);
  g_assert (muster_entry_iter_next (&iter, &entry));
  g_assert (entry.kind == MUSTER_ENTRY_SNAPSHOT && entry.length == size);
  snapshot = muster__v1__snapshot__unpack (NULL, entry.body_length, entry.body);
  g_assert (snapshot != NULL && snapshot->start <= snapshot->end && snapshot->interval > 0 && snapshot->pid == 4711);
  for (gsize i = 0; i < snapshot->n_metrics; i++)
    g_assert (muster_metric_is_valid (snapshot->metrics[i]));
  muster__v1__snapshot__free_unpacked (snapshot, NULL);
  return size;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  MusterMetricsDeath death = { .pid = 4711, .start_ns = 5, .end_ns = G_GINT64_CONSTANT (1795300000000000000) };
  g_autofree guint8 *area = NULL;
  g_autoptr (GPtrArray) entries = NULL;
  g_autoptr (GError) error = NULL;
  gsize area_size, said = 0;

  if (size == 0)
    return 0;
  death.is_staged_arrived = data[0] & 1;
  area = make_area (data + 1, size - 1, &area_size);
  entries = muster_metrics_area_recover_bytes (area, area_size, &death, &error);
  g_assert ((entries == NULL) == (error != NULL));
  for (guint i = 0; entries != NULL && i < entries->len; i++)
    said += check_entry (entries->pdata[i]);
  g_assert (said <= 4 * area_size);
  return 0;
}
