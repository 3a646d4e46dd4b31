/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where streams stand.
 */
#include "config.h"

#include "muster-network-streams.h"

#include <string.h>

typedef struct
{
  guint8 id[MUSTER_STREAM_ID_SIZE]; /* the key */
  guint64 next;
  GList link; /* in `order` */
} Stream;

struct _MusterNetworkStreams
{
  guint most;
  GHashTable *table; /* owned; of Stream */
  GQueue order;      /* the longest untouched first */
};

MusterNetworkStreams *
muster_network_streams_new (guint most)
{
  MusterNetworkStreams *streams = g_new0 (MusterNetworkStreams, 1);

  streams->most = most;
  streams->table = g_hash_table_new_full (muster_stream_id_hash, muster_stream_id_equal, g_free, NULL);
  g_queue_init (&streams->order);
  return streams;
}

void
muster_network_streams_free (MusterNetworkStreams *streams)
{
  g_hash_table_unref (streams->table);
  g_free (streams);
}

guint64
muster_network_streams_get (MusterNetworkStreams *streams, const guint8 id[MUSTER_STREAM_ID_SIZE])
{
  const Stream *stream = g_hash_table_lookup (streams->table, id);

  return stream != NULL ? stream->next : 0;
}

static Stream *
add (MusterNetworkStreams *streams, const guint8 *id)
{
  Stream *stream = g_new0 (Stream, 1);

  memcpy (stream->id, id, sizeof stream->id);
  stream->link.data = stream;
  g_hash_table_add (streams->table, stream);
  if (g_hash_table_size (streams->table) > streams->most)
    g_hash_table_remove (streams->table, g_queue_pop_head_link (&streams->order)->data);
  return stream;
}

void
muster_network_streams_set (MusterNetworkStreams *streams, const guint8 id[MUSTER_STREAM_ID_SIZE], guint64 next)
{
  Stream *stream = g_hash_table_lookup (streams->table, id);

  if (stream == NULL)
    stream = add (streams, id);
  else
    g_queue_unlink (&streams->order, &stream->link);
  g_queue_push_tail_link (&streams->order, &stream->link);
  stream->next = next;
}
