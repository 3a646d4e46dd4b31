/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Puts datasets together, those of each stream by themselves. Owned by the transport's thread.
 */
#include "config.h"

#include <string.h>

#include "muster-prometheus-parts.h"

typedef struct
{
  guint8 stream[MUSTER_STREAM_ID_SIZE];
  MusterDataset *dataset; /* owned; nullable */
  gsize size;             /* of the entries in it */
} Partial;

struct _MusterPrometheusParts
{
  gsize max_size;
  gsize size;           /* of all */
  GHashTable *partials; /* owned; set of Partial, by stream */
};

static void
partial_free (gpointer data)
{
  Partial *partial = data;

  g_clear_pointer (&partial->dataset, muster_dataset_unref);
  g_free (partial);
}

MusterPrometheusParts *
muster_prometheus_parts_new (gsize max_size)
{
  MusterPrometheusParts *parts = g_new0 (MusterPrometheusParts, 1);

  parts->max_size = max_size;
  parts->partials = g_hash_table_new_full (muster_stream_id_hash, muster_stream_id_equal, partial_free, NULL);
  return parts;
}

void
muster_prometheus_parts_free (MusterPrometheusParts *parts)
{
  g_hash_table_unref (parts->partials);
  g_free (parts);
}

void
muster_prometheus_parts_forget (MusterPrometheusParts *parts, const guint8 *stream)
{
  Partial *partial = g_hash_table_lookup (parts->partials, stream);

  if (partial == NULL)
    return;
  parts->size -= partial->size;
  g_hash_table_remove (parts->partials, stream);
}

static Partial *
get_partial (MusterPrometheusParts *parts, const guint8 *stream)
{
  Partial *partial = g_hash_table_lookup (parts->partials, stream);

  if (partial != NULL)
    return partial;
  partial = g_new0 (Partial, 1);
  memcpy (partial->stream, stream, MUSTER_STREAM_ID_SIZE);
  g_hash_table_add (parts->partials, partial);
  return partial;
}

static void
forget_all (MusterPrometheusParts *parts)
{
  g_hash_table_remove_all (parts->partials);
  parts->size = 0;
}

MusterDataset *
muster_prometheus_parts_add (MusterPrometheusParts *parts, const MusterEntry *entry)
{
  const guint8 *stream = entry->origin->stream;
  MusterDataset *complete = NULL;
  Partial *partial;

  if (parts->size + entry->length > parts->max_size)
    forget_all (parts);
  partial = get_partial (parts, stream);
  if (muster_dataset_assemble (&partial->dataset, entry, &complete) && partial->dataset != NULL)
    {
      partial->size += entry->length;
      parts->size += entry->length;
    }
  else
    muster_prometheus_parts_forget (parts, stream);
  return complete;
}
