/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where the streams stand.
 *
 *   first    written before anybody may ask, never after; but for `asked`, an atomic flag    any thread
 *   all else                                                                                  the transport's thread
 */
#include "config.h"

#include "muster-file-marks.h"

#include <string.h>

#define STREAMS_MAX 16384

/* How long after a start somebody may still ask for what an earlier life left. */
#define UNASKED_US (10 * 60 * G_USEC_PER_SEC)

typedef struct
{
  guint8 id[MUSTER_STREAM_ID_SIZE]; /* the key */
  guint64 next;
  gint asked; /* atomic */
} First;

typedef struct
{
  guint8 id[MUSTER_STREAM_ID_SIZE]; /* the key */
  guint32 slot;
  guint64 next;
  gboolean is_old; /* of an earlier life, and untouched since */
  GList link;      /* in MusterFileMarks.order */
} Mark;

struct _MusterFileMarks
{
  MusterFileCheckpoint *checkpoint; /* borrowed */
  gboolean has_history;
  GHashTable *first; /* owned; of First */
  GHashTable *marks; /* owned; of Mark */
  GQueue order;      /* the same by time of last use, the oldest first */
  Mark *last;        /* borrowed; that was used last; nullable */
  gint64 unasked_us; /* when those of an earlier life that nobody asked for may go; 0: there are none */
};

/* A journal's mark has nothing pending; this stands there instead. */
#define JOURNAL_FIRST_SEQ G_MAXUINT64

static Mark *
add_mark (MusterFileMarks *marks, const guint8 *id, guint32 slot)
{
  Mark *mark = g_new0 (Mark, 1);

  memcpy (mark->id, id, sizeof mark->id);
  mark->slot = slot;
  mark->link.data = mark;
  g_hash_table_add (marks->marks, mark);
  g_queue_push_tail_link (&marks->order, &mark->link);
  return mark;
}

MusterFileMarks *
muster_file_marks_new (MusterFileCheckpoint *checkpoint)
{
  MusterFileMarks *marks = g_new0 (MusterFileMarks, 1);
  g_autoptr (GArray) streams = muster_file_checkpoint_list_streams (checkpoint);

  marks->checkpoint = checkpoint;
  marks->has_history = muster_file_checkpoint_has_history (checkpoint);
  marks->first = g_hash_table_new_full (muster_stream_id_hash, muster_stream_id_equal, g_free, NULL);
  marks->marks = g_hash_table_new_full (muster_stream_id_hash, muster_stream_id_equal, g_free, NULL);
  g_queue_init (&marks->order);
  marks->unasked_us = streams->len > 0 ? g_get_monotonic_time () + UNASKED_US : 0;
  for (guint i = 0; i < streams->len; i++)
    {
      const MusterFileStream *stream = &g_array_index (streams, MusterFileStream, i);
      First *first = g_new0 (First, 1);
      Mark *mark = add_mark (marks, stream->id, stream->slot);

      memcpy (first->id, stream->id, sizeof first->id);
      first->next = mark->next = stream->next;
      first->asked = muster_file_marks_is_journal (stream);
      mark->is_old = TRUE;
      if (first->asked) /* the streams that came by it are other machines', which may be away for long, too */
        marks->unasked_us = 0;
      g_hash_table_add (marks->first, first);
    }
  return marks;
}

void
muster_file_marks_free (MusterFileMarks *marks)
{
  g_hash_table_unref (marks->first);
  g_hash_table_unref (marks->marks);
  g_free (marks);
}

gboolean
muster_file_marks_get_first (MusterFileMarks *marks, const guint8 id[MUSTER_STREAM_ID_SIZE], guint64 *next)
{
  First *first = g_hash_table_size (marks->first) > 0 ? g_hash_table_lookup (marks->first, id) : NULL;

  *next = 1;
  if (first == NULL)
    return marks->has_history;
  *next = first->next;
  if (!g_atomic_int_get (&first->asked))
    g_atomic_int_set (&first->asked, TRUE);
  return TRUE;
}

static Mark *
look_up (MusterFileMarks *marks, const guint8 *id)
{
  if (marks->last == NULL || !muster_stream_id_equal (marks->last->id, id))
    marks->last = g_hash_table_lookup (marks->marks, id);
  return marks->last;
}

guint32
muster_file_marks_set (MusterFileMarks *marks, const guint8 id[MUSTER_STREAM_ID_SIZE], guint64 next,
                       const MusterPendingRuns *pending)
{
  Mark *mark = look_up (marks, id);

  if (mark == NULL)
    mark = marks->last = add_mark (marks, id, muster_file_checkpoint_add_stream (marks->checkpoint, id));
  else
    {
      g_queue_unlink (&marks->order, &mark->link);
      g_queue_push_tail_link (&marks->order, &mark->link);
    }
  mark->is_old = FALSE;
  mark->next = MAX (mark->next, next);
  muster_file_checkpoint_set_stream (marks->checkpoint, mark->slot, mark->next, pending);
  return mark->slot;
}

void
muster_file_marks_set_journal (MusterFileMarks *marks, const guint8 id[MUSTER_STREAM_ID_SIZE], guint64 next)
{
  const MusterPendingRuns none = { .first_seq = JOURNAL_FIRST_SEQ };

  muster_file_marks_set (marks, id, next, &none);
}

gboolean
muster_file_marks_is_journal (const MusterFileStream *stream)
{
  return stream->pending.first_seq == JOURNAL_FIRST_SEQ && stream->pending.n_runs == 0;
}

guint32
muster_file_marks_find (MusterFileMarks *marks, const guint8 id[MUSTER_STREAM_ID_SIZE])
{
  const Mark *mark = look_up (marks, id);

  return mark != NULL ? mark->slot : 0;
}

void
muster_file_marks_remove (MusterFileMarks *marks, const guint8 id[MUSTER_STREAM_ID_SIZE])
{
  Mark *mark = look_up (marks, id);

  if (mark == NULL)
    return;
  muster_file_checkpoint_remove (marks->checkpoint, mark->slot);
  g_queue_unlink (&marks->order, &mark->link);
  marks->last = NULL;
  g_hash_table_remove (marks->marks, mark);
}

/* Those of an earlier life stand first in the order, as long as there are any. */
static const Mark *
find_unasked (MusterFileMarks *marks)
{
  for (GList *link = marks->order.head; link != NULL && ((Mark *) link->data)->is_old; link = link->next)
    {
      Mark *mark = link->data;
      First *first = g_hash_table_lookup (marks->first, mark->id);

      if (first == NULL || !g_atomic_int_get (&first->asked))
        return mark;
    }
  return NULL;
}

const guint8 *
muster_file_marks_find_superfluous (MusterFileMarks *marks, gint64 now_us)
{
  const Mark *mark = NULL;

  if (marks->order.length > STREAMS_MAX)
    mark = marks->order.head->data;
  else if (marks->unasked_us > 0 && now_us >= marks->unasked_us)
    {
      mark = find_unasked (marks);
      if (mark == NULL)
        marks->unasked_us = 0;
    }
  return mark != NULL ? mark->id : NULL;
}
