/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The streams and labels that were met while reading.
 */
#include "config.h"

#include <string.h>

#include "known-streams.h"

struct _MusterKnownStreams
{
  GHashTable *streams; /* owned; id to MusterKnownStream, which is in @list */
  GHashTable *origins; /* owned; MusterKnownOrigin to itself */
  GPtrArray *list;     /* owned; of MusterKnownStream */
};

static gboolean
slice_equal (MusterSlice a, MusterSlice b)
{
  return a.length == b.length && (a.length == 0 || memcmp (a.data, b.data, a.length) == 0);
}

static guint
origin_hash (gconstpointer key)
{
  const MusterOrigin *labels = &((const MusterKnownOrigin *) key)->labels;
  guint hash = muster_stream_id_hash (labels->stream) ^ labels->pid * 2654435761u;

  for (gsize i = 0; i < labels->worker.length; i++)
    hash = hash * 33 + (guint8) labels->worker.data[i];
  return hash;
}

static gboolean
origin_equal (gconstpointer a, gconstpointer b)
{
  const MusterOrigin *first = &((const MusterKnownOrigin *) a)->labels;
  const MusterOrigin *second = &((const MusterKnownOrigin *) b)->labels;

  return muster_stream_id_equal (first->stream, second->stream) && first->pid == second->pid
         && slice_equal (first->worker, second->worker) && slice_equal (first->host, second->host)
         && slice_equal (first->cluster, second->cluster);
}

static void
stream_free (gpointer data)
{
  MusterKnownStream *stream = data;

  g_clear_pointer (&stream->held, muster_number_set_free);
  g_clear_pointer (&stream->known, muster_interval_map_free);
  g_free (stream);
}

static void
origin_free (gpointer data)
{
  MusterKnownOrigin *origin = data;

  g_free ((char *) origin->labels.host.data);
  g_free ((char *) origin->labels.cluster.data);
  g_free ((char *) origin->labels.worker.data);
  g_free (origin);
}

MusterKnownStreams *
muster_known_streams_new (void)
{
  MusterKnownStreams *self = g_new0 (MusterKnownStreams, 1);

  self->streams = g_hash_table_new (muster_stream_id_hash, muster_stream_id_equal);
  self->origins = g_hash_table_new_full (origin_hash, origin_equal, origin_free, NULL);
  self->list = g_ptr_array_new_with_free_func (stream_free);
  return self;
}

void
muster_known_streams_free (MusterKnownStreams *self)
{
  g_hash_table_unref (self->origins);
  g_hash_table_unref (self->streams);
  g_ptr_array_unref (self->list);
  g_free (self);
}

static MusterKnownStream *
take_stream (MusterKnownStreams *self, const guint8 *id)
{
  MusterKnownStream *stream = g_hash_table_lookup (self->streams, id);

  if (stream == NULL)
    {
      stream = g_new0 (MusterKnownStream, 1);
      memcpy (stream->id, id, MUSTER_STREAM_ID_SIZE);
      g_ptr_array_add (self->list, stream);
      g_hash_table_insert (self->streams, stream->id, stream);
    }
  return stream;
}

/* With a NUL behind it, for those who match patterns. */
static MusterSlice
copy_slice (MusterSlice slice)
{
  char *copy = g_malloc (slice.length + 1);

  if (slice.length > 0)
    memcpy (copy, slice.data, slice.length);
  copy[slice.length] = '\0';
  return (MusterSlice){ copy, slice.length };
}

const MusterKnownOrigin *
muster_known_streams_intern (MusterKnownStreams *self, const MusterOrigin *origin)
{
  MusterKnownOrigin key = { .labels = *origin };
  MusterKnownOrigin *known = g_hash_table_lookup (self->origins, &key);

  if (known != NULL)
    return known;
  known = g_new0 (MusterKnownOrigin, 1);
  known->labels = *origin;
  known->labels.first_seq = 0;
  known->labels.host = copy_slice (origin->host);
  known->labels.cluster = copy_slice (origin->cluster);
  known->labels.worker = copy_slice (origin->worker);
  known->stream = take_stream (self, origin->stream);
  g_hash_table_add (self->origins, known);
  return known;
}

GPtrArray *
muster_known_streams_list (MusterKnownStreams *self)
{
  return self->list;
}
