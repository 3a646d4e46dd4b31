/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which part of a batch goes into which file. Owned by the transport's thread.
 *
 * A worker's stream has one label and so one file; the streams of primaries change labels and have many. For each stream
 * the router knows the files that have had entries of it. A batch costs one lookup there, and for each of those files
 * either a walk (entries of it are in the batch) or an addition (they are not).
 *
 * In the checkpoint a file and a stream that it has had entries of are a pair, with what the file has to declare of the
 * stream. It changes when the file is left out for the first time, and when it is written to again, not in between: what
 * follows there is FILTERED up to where the stream's last written batch ended.
 */
#include "config.h"

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

/* A file that has had entries of a stream. */
typedef struct
{
  Target *target; /* borrowed */
  guint32 pair;   /* in the checkpoint; 0 for none yet */
} Known;

struct _MusterFileRouter
{
  const MusterFilePath *path;       /* borrowed */
  guint32 pattern_hash;             /* of what the path was made from, and of how it is written */
  const MusterFileOptions *options; /* borrowed */
  gboolean keeps_gaps;
  guint max_open;
  char *stamp; /* owned; the path's time, as of stamp_time */
  time_t stamp_time;
  guint64 n_batches;
  GHashTable *targets; /* owned; path (the output's) to Target */
  GHashTable *streams; /* owned; stream id (owned) to GArray (owned) of Known */
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

static void
part_clear (gpointer data)
{
  muster_batch_unref (((MusterFilePart *) data)->batch);
}

MusterFileRouter *
muster_file_router_new (const MusterFilePath *path, const char *pattern, const MusterFileOptions *options,
                        gboolean keeps_gaps, guint max_open)
{
  MusterFileRouter *router = g_new0 (MusterFileRouter, 1);

  router->path = path;
  router->pattern_hash = g_str_hash (pattern) ^ (keeps_gaps ? 1 : 0);
  router->options = options;
  router->keeps_gaps = keeps_gaps;
  router->max_open = max_open;
  router->targets = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, target_free);
  router->streams =
      g_hash_table_new_full (muster_stream_id_hash, muster_stream_id_equal, g_free, (GDestroyNotify) g_array_unref);
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
forget_known (MusterFileRouter *router, GArray *known, guint index)
{
  guint32 pair = g_array_index (known, Known, index).pair;

  if (pair != 0)
    muster_file_checkpoint_remove (router->options->checkpoint, pair);
  g_array_remove_index_fast (known, index);
}

static void
forget_target (MusterFileRouter *router, Target *target)
{
  guint32 slot = muster_file_output_get_slot (target->output);
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, router->streams);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      GArray *known = value;

      for (guint i = known->len; i-- > 0;)
        if (g_array_index (known, Known, i).target == target)
          forget_known (router, known, i);
      if (known->len == 0)
        g_hash_table_iter_remove (&iter);
    }
  if (slot != 0)
    muster_file_checkpoint_remove_file (router->options->checkpoint, slot);
  g_hash_table_remove (router->targets, muster_file_output_get_path (target->output));
}

static void
forget_single_streams (MusterFileRouter *router)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, router->streams);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      GArray *known = value;

      if (known->len > 1)
        continue;
      if (known->len == 1)
        forget_known (router, known, 0);
      g_hash_table_iter_remove (&iter);
    }
}

static void
forget_all (MusterFileRouter *router)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, router->streams);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    while (((GArray *) value)->len > 0)
      forget_known (router, value, ((GArray *) value)->len - 1);
  g_hash_table_remove_all (router->streams);
  g_hash_table_iter_init (&iter, router->targets);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      guint32 slot = muster_file_output_get_slot (((Target *) value)->output);

      if (slot != 0)
        muster_file_checkpoint_remove_file (router->options->checkpoint, slot);
    }
  g_hash_table_remove_all (router->targets);
}

static Target *
add_target (MusterFileRouter *router, const char *path)
{
  Target *target = g_new0 (Target, 1);

  target->output = muster_file_output_new (path, router->options);
  if (muster_file_path_has_labels (router->path))
    target->filter = muster_batch_filter_new (router->keeps_gaps);
  g_hash_table_insert (router->targets, (gpointer) muster_file_output_get_path (target->output), target);
  return target;
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
      target = add_target (router, path);
    }
  target->last_used = router->n_batches;
  return target;
}

static GArray *
get_stream (MusterFileRouter *router, const guint8 *stream)
{
  GArray *known = g_hash_table_lookup (router->streams, stream);

  if (known != NULL)
    return known;
  if (g_hash_table_size (router->streams) >= STREAMS_MAX)
    forget_single_streams (router);
  known = g_array_new (FALSE, FALSE, sizeof (Known));
  g_hash_table_insert (router->streams, g_memdup2 (stream, MUSTER_STREAM_ID_SIZE), known);
  return known;
}

static Known *
find_known (GArray *known, const Target *target)
{
  for (guint i = 0; i < known->len; i++)
    if (g_array_index (known, Known, i).target == target)
      return &g_array_index (known, Known, i);
  return NULL;
}

/* Of the files and pairs in the checkpoint: what they belong to. */
static guint64
get_stamp_number (const MusterFileRouter *router)
{
  return (guint64) router->pattern_hash << 32 | g_str_hash (router->stamp);
}

/* When the time moves the path on, the old files are done with. */
static void
tell_time (MusterFileRouter *router)
{
  time_t now = time (NULL);
  g_autofree char *stamp = NULL;

  if (router->stamp != NULL && (now == router->stamp_time || !muster_file_path_has_time (router->path)))
    return;
  router->stamp_time = now;
  stamp = muster_file_path_stamp (router->path, now);
  if (g_strcmp0 (stamp, router->stamp) == 0)
    return;
  if (router->stamp != NULL)
    forget_all (router);
  g_free (router->stamp);
  router->stamp = g_steal_pointer (&stamp);
  muster_file_checkpoint_set_stamp (router->options->checkpoint, get_stamp_number (router));
}

/* -- after a restart -- */

static void
restore_file (MusterFileRouter *router, const MusterFilePlace *place, gboolean go_on, GHashTable *by_slot)
{
  g_autoptr (MusterFileOutput) past = go_on ? NULL : muster_file_output_new (place->path, router->options);
  Target *target = go_on ? add_target (router, place->path) : NULL;
  g_autoptr (GError) error = NULL;

  if (go_on)
    g_hash_table_insert (by_slot, GUINT_TO_POINTER (place->slot), target);
  if (!muster_file_output_recover (go_on ? target->output : past, place, &error))
    muster_transport_report (router->options->transport, MUSTER_LEVEL_WARNING, "%s", error->message);
}

/* Where the last batch that was written of the stream ended. */
static guint64
get_written (const MusterFileStream *stream)
{
  return stream->pending.first_seq != 0 ? stream->pending.first_seq : stream->next;
}

static void
restore_pairs (MusterFileRouter *router, GHashTable *by_slot)
{
  g_autoptr (GArray) streams = muster_file_checkpoint_list_streams (router->options->checkpoint);
  g_autoptr (GArray) pairs = muster_file_checkpoint_list_pairs (router->options->checkpoint);
  g_autoptr (GHashTable) stream_by_slot = g_hash_table_new (NULL, NULL);

  for (guint i = 0; i < streams->len; i++)
    g_hash_table_insert (stream_by_slot, GUINT_TO_POINTER (g_array_index (streams, MusterFileStream, i).slot),
                         &g_array_index (streams, MusterFileStream, i));
  for (guint i = 0; i < pairs->len; i++)
    {
      const MusterFilePair *pair = &g_array_index (pairs, MusterFilePair, i);
      const MusterFileStream *stream = g_hash_table_lookup (stream_by_slot, GUINT_TO_POINTER (pair->stream));
      Known known = { g_hash_table_lookup (by_slot, GUINT_TO_POINTER (pair->file)), pair->slot };

      if (known.target == NULL || stream == NULL || known.target->filter == NULL)
        {
          muster_file_checkpoint_remove (router->options->checkpoint, pair->slot);
          continue;
        }
      g_array_append_val (get_stream (router, stream->id), known);
      if (pair->pending.first_seq != 0)
        muster_batch_filter_set_pending (known.target->filter, stream->id, get_written (stream), &pair->pending, FALSE);
    }
}

void
muster_file_router_restore (MusterFileRouter *router)
{
  MusterFileCheckpoint *checkpoint = router->options->checkpoint;
  g_autoptr (GArray) files = muster_file_checkpoint_list_files (checkpoint);
  g_autoptr (GHashTable) by_slot = g_hash_table_new (NULL, NULL);
  guint64 stamp = muster_file_checkpoint_get_stamp (checkpoint);
  gboolean go_on;

  tell_time (router);
  go_on = stamp == get_stamp_number (router);
  for (guint i = 0; i < files->len; i++)
    restore_file (router, &g_array_index (files, MusterFilePlace, i), go_on, by_slot);
  restore_pairs (router, by_slot);
  for (guint i = 0; !go_on && i < files->len; i++)
    muster_file_checkpoint_remove_file (checkpoint, g_array_index (files, MusterFilePlace, i).slot);
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
  GArray *known = get_stream (router, muster_batch_get_origin (batch)->stream);

  for (guint i = 0; router->keeps_gaps && i < known->len; i++)
    {
      Target *target = g_array_index (known, Known, i).target;

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
      if (find_known (known, target) == NULL)
        g_array_append_val (known, ((Known){ target, 0 }));
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

guint
muster_file_router_count_slots (MusterFileRouter *router, const guint8 stream[MUSTER_STREAM_ID_SIZE])
{
  GArray *known = g_hash_table_lookup (router->streams, stream);
  guint n = 0;

  if (!router->keeps_gaps || known == NULL)
    return 0;
  for (guint i = 0; i < known->len; i++)
    n += g_array_index (known, Known, i).pair == 0;
  return n;
}

void
muster_file_router_settle (MusterFileRouter *router, const guint8 stream[MUSTER_STREAM_ID_SIZE], guint32 slot)
{
  MusterFileCheckpoint *checkpoint = router->options->checkpoint;
  GArray *known;

  if (!router->keeps_gaps || !muster_file_path_has_labels (router->path))
    return;
  known = get_stream (router, stream);
  for (guint i = 0; i < known->len; i++)
    {
      Known *one = &g_array_index (known, Known, i);
      guint32 file = muster_file_output_get_slot (one->target->output);
      MusterPendingRuns pending;

      if (file == 0) /* a device, or all that came was nothing in this format */
        continue;
      if (one->pair == 0)
        one->pair = muster_file_checkpoint_add_pair (checkpoint, file, slot);
      muster_batch_filter_get_pending (one->target->filter, stream, &pending);
      muster_file_checkpoint_set_pair (checkpoint, one->pair, &pending);
    }
}

void
muster_file_router_undo (MusterFileRouter *router, const guint8 stream[MUSTER_STREAM_ID_SIZE], guint64 written)
{
  GArray *known = g_hash_table_lookup (router->streams, stream);

  for (guint i = known != NULL ? known->len : 0; i-- > 0;)
    {
      Known *one = &g_array_index (known, Known, i);
      MusterPendingRuns pending;

      if (one->target->filter != NULL)
        muster_batch_filter_forget (one->target->filter, stream);
      if (one->pair == 0)
        {
          g_array_remove_index_fast (known, i);
          continue;
        }
      muster_file_checkpoint_get_pair (router->options->checkpoint, one->pair, &pending);
      if (pending.first_seq != 0)
        muster_batch_filter_set_pending (one->target->filter, stream, written, &pending, FALSE);
    }
}

void
muster_file_router_forget (MusterFileRouter *router, const guint8 stream[MUSTER_STREAM_ID_SIZE])
{
  GArray *known = g_hash_table_lookup (router->streams, stream);

  if (known == NULL)
    return;
  while (known->len > 0)
    {
      Target *target = g_array_index (known, Known, known->len - 1).target;

      if (target->filter != NULL)
        muster_batch_filter_forget (target->filter, stream);
      forget_known (router, known, known->len - 1);
    }
  g_hash_table_remove (router->streams, stream);
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

      if (oldest == NULL)
        return;
      muster_file_output_close (oldest->output);
    }
}

static void
for_all (MusterFileRouter *router, void (*function) (MusterFileOutput *))
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, router->targets);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    function (((Target *) value)->output);
}

/* Does it to all, and says the first error. */
gboolean
muster_file_router_sync (MusterFileRouter *router, GError **error)
{
  GHashTableIter iter;
  gpointer value;
  gboolean all = TRUE;

  g_hash_table_iter_init (&iter, router->targets);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    all &= muster_file_output_sync (((Target *) value)->output, all ? error : NULL);
  return all;
}

void
muster_file_router_sync_late (MusterFileRouter *router)
{
  for_all (router, muster_file_output_sync_late);
}

void
muster_file_router_close (MusterFileRouter *router)
{
  for_all (router, muster_file_output_close);
}
