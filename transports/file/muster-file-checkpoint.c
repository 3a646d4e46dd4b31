/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where a transport's files and streams stand: what the slots of a mapped file mean. Owned by the transport's thread.
 */
#include "config.h"

#include "muster-file-checkpoint.h"

#include <limits.h>
#include <string.h>

#include "muster-file-slots.h"

/* Numbers in the file. (1 has marked slot 0, which is the only one that holds the stamp.) */
typedef enum
{
  KIND_FREE = 0,
  KIND_FILE = 2,
  KIND_PATH = 3, /* a piece of a file's path */
  KIND_STREAM = 4,
  KIND_PAIR = 5,
} Kind;

#define PATH_PIECE 48

typedef struct
{
  guint32 kind;
  guint32 link; /* of a file its first piece of path, of a piece the next one or 0, of a pair its file */
  union
  {
    guint64 stamp; /* of slot 0 */
    struct
    {
      guint64 device;
      guint64 inode;
      guint64 offset;
    } file;
    char path[PATH_PIECE]; /* filled up with NUL */
    struct
    {
      guint8 id[MUSTER_STREAM_ID_SIZE];
      guint64 next;
      guint64 first_seq;
      guint64 runs[MUSTER_PENDING_RUNS_MAX]; /* count << 8 | reason; 0 for none */
    } stream;
    struct
    {
      guint64 stream;
      guint64 first_seq;
      guint64 runs[MUSTER_PENDING_RUNS_MAX];
    } pair;
  } is;
} Content;

G_STATIC_ASSERT (sizeof (Content) == MUSTER_FILE_SLOT_SIZE);

struct _MusterFileCheckpoint
{
  MusterFileSlots *slots; /* owned */
};

static inline const Content *
look (const MusterFileCheckpoint *checkpoint, guint32 slot)
{
  return muster_file_slots_look (checkpoint->slots, slot);
}

static inline Content *
change (MusterFileCheckpoint *checkpoint, guint32 slot)
{
  return muster_file_slots_change (checkpoint->slots, slot);
}

static guint32
add (MusterFileCheckpoint *checkpoint, Kind kind)
{
  guint32 slot = muster_file_slots_add (checkpoint->slots);

  change (checkpoint, slot)->kind = kind;
  return slot;
}

/* -- opening ------------------------------------------------------------------------------------- */

/* NULL for a path that is not whole. */
static char *
read_path (const MusterFileCheckpoint *checkpoint, guint32 piece)
{
  GString *path = g_string_new (NULL);

  for (guint i = 0;
       i < PATH_MAX / PATH_PIECE + 1 && piece > 0 && piece < muster_file_slots_get_count (checkpoint->slots); i++)
    {
      const Content *content = look (checkpoint, piece);

      if (content->kind != KIND_PATH)
        break;
      g_string_append_len (path, content->is.path, (gssize) strnlen (content->is.path, PATH_PIECE));
      piece = content->link;
    }
  return g_string_free (path, path->len == 0 || piece != 0);
}

static gboolean
is_of_kind (const MusterFileCheckpoint *checkpoint, guint64 slot, Kind kind)
{
  return slot > 0 && slot < muster_file_slots_get_count (checkpoint->slots)
         && look (checkpoint, (guint32) slot)->kind == kind;
}

/* A checkpoint is believed as a whole; still nothing in it may lead astray. */
static gboolean
is_sound (const MusterFileCheckpoint *checkpoint, guint32 slot)
{
  const Content *content = look (checkpoint, slot);
  g_autofree char *path = NULL;

  switch ((Kind) content->kind)
    {
    case KIND_FILE:
      path = read_path (checkpoint, content->link);
      return path != NULL;
    case KIND_PATH:
      return content->link < muster_file_slots_get_count (checkpoint->slots);
    case KIND_STREAM:
      return TRUE;
    case KIND_PAIR:
      return is_of_kind (checkpoint, content->link, KIND_FILE)
             && is_of_kind (checkpoint, content->is.pair.stream, KIND_STREAM);
    case KIND_FREE:
    default:
      return FALSE;
    }
}

/* Pairs come last: they hang on what may turn out to be unsound. */
static void
find_unused (MusterFileCheckpoint *checkpoint)
{
  for (guint pass = 0; pass < 2; pass++)
    for (guint32 slot = muster_file_slots_get_count (checkpoint->slots) - 1; slot > 0; slot--)
      if ((look (checkpoint, slot)->kind == KIND_PAIR) == (pass == 1) && !is_sound (checkpoint, slot))
        {
          muster_file_slots_discard (checkpoint->slots, slot);
        }
}

MusterFileCheckpoint *
muster_file_checkpoint_open (const char *directory, const char *name, char **note, GError **error)
{
  MusterFileSlots *slots = muster_file_slots_open (directory, name, note, error);
  MusterFileCheckpoint *checkpoint;

  if (slots == NULL)
    return NULL;
  checkpoint = g_new0 (MusterFileCheckpoint, 1);
  checkpoint->slots = slots;
  find_unused (checkpoint);
  return checkpoint;
}

void
muster_file_checkpoint_free (MusterFileCheckpoint *checkpoint)
{
  muster_file_slots_free (checkpoint->slots);
  g_free (checkpoint);
}

gboolean
muster_file_checkpoint_has_history (const MusterFileCheckpoint *checkpoint)
{
  return muster_file_slots_has_history (checkpoint->slots);
}

gboolean
muster_file_checkpoint_reserve (MusterFileCheckpoint *checkpoint, guint n_slots, GError **error)
{
  return muster_file_slots_reserve (checkpoint->slots, n_slots, error);
}

void
muster_file_checkpoint_remove (MusterFileCheckpoint *checkpoint, guint32 slot)
{
  muster_file_slots_remove (checkpoint->slots, slot);
}

void
muster_file_checkpoint_commit (MusterFileCheckpoint *checkpoint)
{
  muster_file_slots_commit (checkpoint->slots);
}

/* -- what is there ------------------------------------------------------------------------------- */

static void
put_pending (guint64 *first_seq, guint64 runs[MUSTER_PENDING_RUNS_MAX], const MusterPendingRuns *pending)
{
  *first_seq = pending->first_seq;
  for (guint i = 0; i < MUSTER_PENDING_RUNS_MAX; i++)
    runs[i] = i < pending->n_runs ? pending->runs[i].count << 8 | pending->runs[i].reason : 0;
}

static void
get_pending (guint64 first_seq, const guint64 runs[MUSTER_PENDING_RUNS_MAX], MusterPendingRuns *pending)
{
  *pending = (MusterPendingRuns){ .first_seq = first_seq };
  for (guint i = 0; i < MUSTER_PENDING_RUNS_MAX && runs[i] != 0; i++)
    pending->runs[pending->n_runs++] = (MusterGapRun){ runs[i] >> 8, (MusterGapReason) (runs[i] & 0xff) };
}

static void
place_clear (gpointer data)
{
  g_free (((MusterFilePlace *) data)->path);
}

GArray *
muster_file_checkpoint_list_files (MusterFileCheckpoint *checkpoint)
{
  GArray *files = g_array_new (FALSE, FALSE, sizeof (MusterFilePlace));

  g_array_set_clear_func (files, place_clear);
  for (guint32 slot = 1; slot < muster_file_slots_get_count (checkpoint->slots); slot++)
    {
      const Content *content = look (checkpoint, slot);
      MusterFilePlace place = { .slot = slot };

      if (content->kind != KIND_FILE)
        continue;
      place.path = read_path (checkpoint, content->link);
      place.device = (dev_t) content->is.file.device;
      place.inode = (ino_t) content->is.file.inode;
      place.offset = (goffset) content->is.file.offset;
      place.limit = (goffset) muster_file_slots_get_limit (checkpoint->slots, slot);
      g_array_append_val (files, place);
    }
  return files;
}

GArray *
muster_file_checkpoint_list_streams (MusterFileCheckpoint *checkpoint)
{
  GArray *streams = g_array_new (FALSE, FALSE, sizeof (MusterFileStream));

  for (guint32 slot = 1; slot < muster_file_slots_get_count (checkpoint->slots); slot++)
    {
      const Content *content = look (checkpoint, slot);
      MusterFileStream stream = { .slot = slot };

      if (content->kind != KIND_STREAM)
        continue;
      memcpy (stream.id, content->is.stream.id, sizeof stream.id);
      stream.next = content->is.stream.next;
      get_pending (content->is.stream.first_seq, content->is.stream.runs, &stream.pending);
      g_array_append_val (streams, stream);
    }
  return streams;
}

GArray *
muster_file_checkpoint_list_pairs (MusterFileCheckpoint *checkpoint)
{
  GArray *pairs = g_array_new (FALSE, FALSE, sizeof (MusterFilePair));

  for (guint32 slot = 1; slot < muster_file_slots_get_count (checkpoint->slots); slot++)
    {
      const Content *content = look (checkpoint, slot);
      MusterFilePair pair = { .slot = slot };

      if (content->kind != KIND_PAIR)
        continue;
      pair.file = content->link;
      pair.stream = (guint32) content->is.pair.stream;
      muster_file_checkpoint_get_pair (checkpoint, slot, &pair.pending);
      g_array_append_val (pairs, pair);
    }
  return pairs;
}

guint64
muster_file_checkpoint_get_stamp (MusterFileCheckpoint *checkpoint)
{
  return look (checkpoint, 0)->is.stamp;
}

void
muster_file_checkpoint_set_stamp (MusterFileCheckpoint *checkpoint, guint64 stamp)
{
  if (look (checkpoint, 0)->is.stamp != stamp)
    change (checkpoint, 0)->is.stamp = stamp;
}

/* -- files --------------------------------------------------------------------------------------- */

guint
muster_file_checkpoint_get_path_slots (const char *path)
{
  return 1 + (guint) (strlen (path) + PATH_PIECE - 1) / PATH_PIECE;
}

guint32
muster_file_checkpoint_add_file (MusterFileCheckpoint *checkpoint, const char *path)
{
  guint32 file = add (checkpoint, KIND_FILE);
  guint32 last = file;

  muster_file_slots_set_limit (checkpoint->slots, file, 0);
  for (gsize left = strlen (path); left > 0;)
    {
      gsize length = MIN (left, PATH_PIECE);
      guint32 piece = add (checkpoint, KIND_PATH);

      memcpy (change (checkpoint, piece)->is.path, path, length);
      change (checkpoint, last)->link = piece;
      last = piece;
      path += length;
      left -= length;
    }
  return file;
}

void
muster_file_checkpoint_remove_file (MusterFileCheckpoint *checkpoint, guint32 file)
{
  guint32 piece = look (checkpoint, file)->link;

  muster_file_checkpoint_remove (checkpoint, file);
  while (piece != 0 && look (checkpoint, piece)->kind == KIND_PATH)
    {
      guint32 next = look (checkpoint, piece)->link;

      muster_file_checkpoint_remove (checkpoint, piece);
      piece = next;
    }
}

void
muster_file_checkpoint_set_file (MusterFileCheckpoint *checkpoint, guint32 file, dev_t device, ino_t inode,
                                 goffset offset)
{
  const Content *old = look (checkpoint, file);
  Content *content;

  if (old->is.file.offset == (guint64) offset && old->is.file.inode == inode && old->is.file.device == device)
    return;
  content = change (checkpoint, file);
  content->is.file.device = device;
  content->is.file.inode = inode;
  content->is.file.offset = (guint64) offset;
}

void
muster_file_checkpoint_set_limit (MusterFileCheckpoint *checkpoint, guint32 file, goffset limit)
{
  muster_file_slots_set_limit (checkpoint->slots, file, (guint64) limit);
}

/* -- streams and pairs --------------------------------------------------------------------------- */

guint32
muster_file_checkpoint_add_stream (MusterFileCheckpoint *checkpoint, const guint8 id[MUSTER_STREAM_ID_SIZE])
{
  guint32 stream = add (checkpoint, KIND_STREAM);

  memcpy (change (checkpoint, stream)->is.stream.id, id, MUSTER_STREAM_ID_SIZE);
  return stream;
}

void
muster_file_checkpoint_set_stream (MusterFileCheckpoint *checkpoint, guint32 stream, guint64 next,
                                   const MusterPendingRuns *pending)
{
  Content *content = change (checkpoint, stream);

  content->is.stream.next = next;
  put_pending (&content->is.stream.first_seq, content->is.stream.runs, pending);
}

guint32
muster_file_checkpoint_add_pair (MusterFileCheckpoint *checkpoint, guint32 file, guint32 stream)
{
  guint32 pair = add (checkpoint, KIND_PAIR);
  Content *content = change (checkpoint, pair);

  content->link = file;
  content->is.pair.stream = stream;
  return pair;
}

void
muster_file_checkpoint_set_pair (MusterFileCheckpoint *checkpoint, guint32 pair, const MusterPendingRuns *pending)
{
  const Content *old = look (checkpoint, pair);
  Content *content;
  guint64 first_seq;
  guint64 runs[MUSTER_PENDING_RUNS_MAX];

  put_pending (&first_seq, runs, pending);
  if (old->is.pair.first_seq == first_seq && memcmp (old->is.pair.runs, runs, sizeof runs) == 0)
    return;
  content = change (checkpoint, pair);
  content->is.pair.first_seq = first_seq;
  memcpy (content->is.pair.runs, runs, sizeof runs);
}

void
muster_file_checkpoint_get_pair (MusterFileCheckpoint *checkpoint, guint32 pair, MusterPendingRuns *pending)
{
  const Content *content = look (checkpoint, pair);

  get_pending (content->is.pair.first_seq, content->is.pair.runs, pending);
}
