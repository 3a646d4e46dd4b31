/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which part of a batch goes into which file. Owned by the transport's thread.
 *
 * A worker's stream has one label and so one file; the streams of primaries change labels and have many. For each stream
 * the router knows the files that have had entries of it. A batch costs one lookup there, and for each of those files
 * either a walk (entries of it are in the batch) or an addition (they are not).
 */
#include "config.h"

#include <string.h>

#include "muster-batch-filter-private.h"
#include "muster-file-router.h"

/* Streams whose files are known; beyond it those with one file are forgotten, which are mostly dead workers'. */
#define STREAMS_MAX 16384

/* Files that are known, open or not; beyond it the longest unused are forgotten. */
#define FILES_MAX 8192

typedef struct
{
  MusterFileOutput *output;  /* owned */
  MusterBatchFilter *filter; /* owned; NULL where the path has no labels */
  guint64 last_used;         /* a number of batch */
} Target;

struct _MusterFileRouter
{
  const MusterFilePath *path;       /* borrowed */
  const MusterFileOptions *options; /* borrowed */
  gboolean keeps_gaps;
  guint max_open;
  char *stamp; /* owned; the path's time, as of stamp_time */
  time_t stamp_time;
  guint64 n_batches;
  GHashTable *targets; /* owned; path (the output's) to Target */
  GHashTable *streams; /* owned; stream id (owned) to GPtrArray (owned) of Target (borrowed) */
};

/* A run of a batch's entries under the same labels: from @first_seq up to the next one's. */
typedef struct
{
  guint64 first_seq;
  Target *target;
} Segment;

static void
target_free (gpointer data)
{
  Target *target = data;

  muster_file_output_free (target->output);
  g_clear_pointer (&target->filter, muster_batch_filter_free);
  g_free (target);
}

static guint
stream_hash (gconstpointer key)
{
  guint hash;

  memcpy (&hash, key, sizeof hash); /* random bytes */
  return hash;
}

static gboolean
stream_equal (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, MUSTER_STREAM_ID_SIZE) == 0;
}

static void
part_clear (gpointer data)
{
  muster_batch_unref (((MusterFilePart *) data)->batch);
}

MusterFileRouter *
muster_file_router_new (const MusterFilePath *path, const MusterFileOptions *options, gboolean keeps_gaps,
                        guint max_open)
{
  MusterFileRouter *router = g_new0 (MusterFileRouter, 1);

  router->path = path;
  router->options = options;
  router->keeps_gaps = keeps_gaps;
  router->max_open = max_open;
  router->targets = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, target_free);
  router->streams = g_hash_table_new_full (stream_hash, stream_equal, g_free, (GDestroyNotify) g_ptr_array_unref);
  return router;
}

void
muster_file_router_free (MusterFileRouter *router)
{
  g_hash_table_unref (router->streams);
  g_hash_table_unref (router->targets);
  g_free (router->stamp);
  g_free (router);
}

/* -- what is known -- */

static Target *
find_oldest (MusterFileRouter *router, gboolean open_only)
{
  GHashTableIter iter;
  gpointer value;
  Target *oldest = NULL;

  g_hash_table_iter_init (&iter, router->targets);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Target *target = value;

      if (target->last_used < router->n_batches && (!open_only || muster_file_output_is_open (target->output))
          && (oldest == NULL || target->last_used < oldest->last_used))
        oldest = target;
    }
  return oldest;
}

static void
forget_target (MusterFileRouter *router, Target *target)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, router->streams);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (g_ptr_array_remove_fast (value, target) && ((GPtrArray *) value)->len == 0)
      g_hash_table_iter_remove (&iter);
  g_hash_table_remove (router->targets, muster_file_output_get_path (target->output));
}

static void
forget_single_streams (MusterFileRouter *router)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, router->streams);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (((GPtrArray *) value)->len <= 1)
      g_hash_table_iter_remove (&iter);
}

static Target *
get_target (MusterFileRouter *router, const MusterOrigin *origin)
{
  g_autofree char *path = muster_file_path_expand (router->path, origin, router->stamp_time);
  Target *target = g_hash_table_lookup (router->targets, path);

  if (target == NULL)
    {
      Target *oldest = g_hash_table_size (router->targets) >= FILES_MAX ? find_oldest (router, FALSE) : NULL;

      if (oldest != NULL)
        forget_target (router, oldest);
      target = g_new0 (Target, 1);
      target->output = muster_file_output_new (path, router->options);
      if (muster_file_path_has_labels (router->path))
        target->filter = muster_batch_filter_new (router->keeps_gaps);
      g_hash_table_insert (router->targets, (gpointer) muster_file_output_get_path (target->output), target);
    }
  target->last_used = router->n_batches;
  return target;
}

static GPtrArray *
get_stream (MusterFileRouter *router, const guint8 *stream)
{
  GPtrArray *targets = g_hash_table_lookup (router->streams, stream);

  if (targets != NULL)
    return targets;
  if (g_hash_table_size (router->streams) >= STREAMS_MAX)
    forget_single_streams (router);
  targets = g_ptr_array_new ();
  g_hash_table_insert (router->streams, g_memdup2 (stream, MUSTER_STREAM_ID_SIZE), targets);
  return targets;
}

/* When the time moves the path on, the old files are done with. */
static void
tell_time (MusterFileRouter *router)
{
  time_t now = time (NULL);
  char *stamp;

  if (router->stamp != NULL && (now == router->stamp_time || !muster_file_path_has_time (router->path)))
    return;
  router->stamp_time = now;
  stamp = muster_file_path_stamp (router->path, now);
  if (g_strcmp0 (stamp, router->stamp) != 0)
    {
      g_hash_table_remove_all (router->streams);
      g_hash_table_remove_all (router->targets);
    }
  g_free (router->stamp);
  router->stamp = stamp;
}

/* -- splitting -- */

static GArray *
find_segments (MusterFileRouter *router, MusterBatch *batch)
{
  GArray *segments = g_array_new (FALSE, FALSE, sizeof (Segment));
  MusterEntryIter iter;
  MusterEntry entry;
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);

  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    if (entry.kind == MUSTER_ENTRY_ORIGIN)
      {
        Segment segment = { entry.origin->first_seq, get_target (router, entry.origin) };

        g_array_append_val (segments, segment);
        if (segments->len == muster_batch_get_n_origins (batch))
          break;
      }
  return segments;
}

typedef struct
{
  const GArray *segments;
  guint current; /* the one that the last entry was in: entries come in order */
  const Target *target;
} Walk;

static gboolean
is_for_target (const MusterEntry *entry, gpointer user_data)
{
  Walk *walk = user_data;

  while (walk->current + 1 < walk->segments->len
         && g_array_index (walk->segments, Segment, walk->current + 1).first_seq <= entry->sequence)
    walk->current++;
  return g_array_index (walk->segments, Segment, walk->current).target == walk->target;
}

static gboolean
has_segment (const GArray *segments, const Target *target)
{
  for (guint i = 0; i < segments->len; i++)
    if (g_array_index (segments, Segment, i).target == target)
      return TRUE;
  return FALSE;
}

static void
add_part (GArray *parts, const GArray *segments, Target *target, MusterBatch *batch)
{
  Walk walk = { segments, 0, target };
  MusterFilePart part = { target->output, NULL };

  part.batch = muster_batch_filter_apply (target->filter, batch, segments->len > 1 ? is_for_target : NULL, &walk, NULL);
  if (part.batch != NULL)
    g_array_append_val (parts, part);
}

static void
split (MusterFileRouter *router, MusterBatch *batch, GArray *parts)
{
  g_autoptr (GArray) segments = find_segments (router, batch);
  GPtrArray *known = get_stream (router, muster_batch_get_origin (batch)->stream);

  for (guint i = 0; router->keeps_gaps && i < known->len; i++)
    {
      Target *target = g_ptr_array_index (known, i);

      if (!has_segment (segments, target))
        muster_batch_filter_skip (target->filter, batch, MUSTER_GAP_FILTERED);
    }
  for (guint i = 0; i < segments->len; i++)
    {
      Target *target = g_array_index (segments, Segment, i).target;
      gboolean seen = FALSE;

      for (guint j = 0; j < i; j++)
        seen |= g_array_index (segments, Segment, j).target == target;
      if (seen)
        continue;
      if (!g_ptr_array_find (known, target, NULL))
        g_ptr_array_add (known, target);
      add_part (parts, segments, target, batch);
    }
}

GArray *
muster_file_router_route (MusterFileRouter *router, MusterBatch *batch)
{
  GArray *parts = g_array_new (FALSE, FALSE, sizeof (MusterFilePart));

  g_array_set_clear_func (parts, part_clear);
  tell_time (router);
  router->n_batches++;
  if (muster_file_path_has_labels (router->path))
    split (router, batch, parts);
  else
    {
      MusterFilePart whole = { get_target (router, NULL)->output, muster_batch_ref (batch) };

      g_array_append_val (parts, whole);
    }
  return parts;
}

MusterFileOutput *
muster_file_router_get_output (MusterFileRouter *router)
{
  tell_time (router);
  return get_target (router, NULL)->output;
}

/* -- all files -- */

static guint
count_open (MusterFileRouter *router)
{
  GHashTableIter iter;
  gpointer value;
  guint n = 0;

  g_hash_table_iter_init (&iter, router->targets);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    n += muster_file_output_is_open (((Target *) value)->output) ? 1 : 0;
  return n;
}

void
muster_file_router_make_room (MusterFileRouter *router)
{
  guint n = g_hash_table_size (router->targets) >= router->max_open ? count_open (router) : 0;

  for (; n >= router->max_open; n--)
    {
      Target *oldest = find_oldest (router, TRUE);
      g_autoptr (GError) error = NULL;

      if (oldest == NULL)
        return;
      if (!muster_file_output_close (oldest->output, &error))
        muster_transport_report (router->options->transport, MUSTER_LEVEL_ERROR, "%s", error->message);
    }
}

/* Does it to all, and says the first error. */
static gboolean
for_all (MusterFileRouter *router, gboolean (*function) (MusterFileOutput *, GError **), GError **error)
{
  GHashTableIter iter;
  gpointer value;
  gboolean all = TRUE;

  g_hash_table_iter_init (&iter, router->targets);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    all &= function (((Target *) value)->output, all ? error : NULL);
  return all;
}

gboolean
muster_file_router_sync (MusterFileRouter *router, GError **error)
{
  return for_all (router, muster_file_output_sync, error);
}

gboolean
muster_file_router_close (MusterFileRouter *router, GError **error)
{
  return for_all (router, muster_file_output_close, error);
}
