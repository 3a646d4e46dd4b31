/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as a log of snapshots and datasets: what workers report is gathered, what another primary made is put
 * together again, and all that comes out is printed.
 */
#include "config.h"

#include <string.h>

#include "muster-dataset-merge-private.h"
#include "muster-dataset-private.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
print (MusterDataset *dataset)
{
  g_autofree char *json = muster_dataset_to_json (dataset);
  g_autofree char *text = muster_dataset_to_text (dataset);
  g_autoptr (GVariant) variant = muster_dataset_to_variant (dataset);
  g_autoptr (GByteArray) out = g_byte_array_new ();

  muster_dataset_append_json (dataset, out);
  g_assert (json[0] == '{' && g_utf8_validate (json, -1, NULL));
  g_assert (g_utf8_validate (text, -1, NULL));
  g_assert (out->len == strlen (json) && memcmp (out->data, json, out->len) == 0);
  g_assert (g_variant_is_normal_form (variant));
}

/* What we encode ourselves, we understand. */
static void
check_parts (MusterDataset *dataset)
{
  g_autoptr (GPtrArray) parts = muster_dataset_encode (dataset);
  g_autoptr (MusterDataset) partial = NULL;
  g_autoptr (MusterDataset) complete = NULL;

  g_assert (parts->len > 0);
  for (guint i = 0; i < parts->len; i++)
    {
      MusterEntryIter iter;
      MusterEntry entry;
      gsize size;
      gconstpointer data = g_bytes_get_data (parts->pdata[i], &size);

      muster_entry_iter_init (&iter, data, size);
      g_assert (muster_entry_iter_next (&iter, &entry) && entry.kind == MUSTER_ENTRY_DATASET);
      g_assert (muster_dataset_assemble (&partial, &entry, &complete));
      g_assert ((complete != NULL) == (i + 1 == parts->len));
    }
  print (complete);
}

static void
gather (MusterAggregator *aggregator, const MusterEntry *entry)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *worker = NULL;
  guint pid = entry->origin != NULL ? entry->origin->pid : 1;

  if (entry->origin != NULL)
    worker = g_strndup (entry->origin->worker.data, entry->origin->worker.length);
  if (!muster_aggregator_add (aggregator, worker != NULL ? worker : "web-1", pid, entry, &error))
    g_assert (error != NULL);
}

static void
print_all (GPtrArray *datasets)
{
  for (guint i = 0; i < datasets->len; i++)
    {
      print (datasets->pdata[i]);
      check_parts (datasets->pdata[i]);
    }
}

/* As if it had come from another machine, in little room. */
static void
merge (const guint8 *data, gsize size)
{
  g_autoptr (MusterDatasetMerge) merge = muster_dataset_merge_new (1 << 20, 0);
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);
  g_autoptr (MusterBatch) batch = muster_batch_new (bytes, NULL);
  g_autoptr (GPtrArray) first = NULL;
  g_autoptr (GPtrArray) rest = NULL;
  g_autoptr (GError) error = NULL;

  if (batch == NULL)
    return;
  g_assert (muster_dataset_merge_add (merge, batch, 0, &error) == (error == NULL));
  g_assert (muster_dataset_merge_get_due (merge) >= -1);
  first = muster_dataset_merge_collect (merge, 1);
  rest = muster_dataset_merge_collect (merge, G_MAXINT64);
  g_assert_cmpint (muster_dataset_merge_get_due (merge), ==, -1);
  print_all (first);
  print_all (rest);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (MusterAggregator) aggregator = muster_aggregator_new ();
  g_autoptr (MusterDataset) partial = NULL;
  g_autoptr (GPtrArray) datasets = NULL;
  const MusterMetricsOptions options = { 0 };
  MusterEntryIter iter;
  MusterEntry entry;

  muster_aggregator_add_metrics (aggregator, &options);
  muster_aggregator_expect (aggregator, "web-1", 1);
  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    {
      g_autoptr (MusterDataset) complete = NULL;

      if (entry.kind == MUSTER_ENTRY_SNAPSHOT)
        gather (aggregator, &entry);
      if (muster_dataset_assemble (&partial, &entry, &complete) && complete != NULL)
        {
          print (complete);
          check_parts (complete);
        }
    }
  muster_aggregator_get_due (aggregator);
  datasets = muster_aggregator_collect (aggregator, G_MAXINT64);
  print_all (datasets);
  merge (data, size);
  return 0;
}
