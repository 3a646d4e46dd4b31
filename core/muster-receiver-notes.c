/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Written by the receiver's thread and the sources', delivered in the main context's, in order, by one event source that
 * leaves the loop to others after each slow one. A main loop that is busy for long (a handler of the application's) finds no more
 * waiting than the bounds below; what is left out beyond them is in the log all the same, but for messages, which nobody keeps.
 */
#include "config.h"

#include <string.h>

#include "muster-encoder-private.h"
#include "muster-receiver-notes-private.h"
#include "muster-wake-source-private.h"

/* Batches waiting for a main loop that is busy with `record` handlers; more are left out. */
#define TAP_MAX 256
/* Bytes of messages, and of snapshots, that wait. */
#define MESSAGES_MAX  ((gint) 16 << 20)
#define SNAPSHOTS_MAX ((gint) 64 << 20)
/* Of one turn of the main loop, at most; then others get theirs. */
#define TURN_US G_TIME_SPAN_MILLISECOND
/* What a note takes beside its content, about. */
#define NOTE_SIZE 512

/* A bound on what waits; the thread that tells is one. */
typedef struct
{
  const char *what;
  gint most;
  gint queued;    /* atomic; bytes */
  guint left_out; /* the receiver's thread only; since something was let in */
} Budget;

struct _MusterReceiverNotes
{
  gatomicrefcount references; /* the receiver's, and one while notes are delivered */
  gboolean closed;            /* the main context's thread only */
  MusterReceiverCallbacks callbacks;
  gpointer user_data;
  GSource *source; /* owned */
  gint tap;        /* atomic */
  gint tap_queued; /* atomic */
  Budget messages;
  Budget snapshots;

  GMutex lock;
  GQueue queue; /* under lock; of Note */
};

typedef enum
{
  NOTE_CONNECTED,
  NOTE_MESSAGE,
  NOTE_SNAPSHOTS,
  NOTE_RECORDS,
  NOTE_FINISHED,
} NoteKind;

typedef struct
{
  NoteKind kind;
  guint8 stream[MUSTER_STREAM_ID_SIZE];
  MusterBatch *batch; /* owned, nullable */
  GVariant *message;  /* owned, nullable */
  Budget *budget;     /* nullable: where its size is to be given back */
  gint size;
} Note;

static void
note_free (gpointer data)
{
  Note *note = data;

  g_clear_pointer (&note->batch, muster_batch_unref);
  g_clear_pointer (&note->message, g_variant_unref);
  if (note->budget != NULL)
    g_atomic_int_add (&note->budget->queued, -note->size);
  g_free (note);
}

static MusterReceiverNotes *
notes_ref (MusterReceiverNotes *self)
{
  g_atomic_ref_count_inc (&self->references);
  return self;
}

static void
notes_unref (MusterReceiverNotes *self)
{
  if (!g_atomic_ref_count_dec (&self->references))
    return;
  g_source_unref (self->source);
  g_queue_clear_full (&self->queue, note_free);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* -- delivering ----------------------------------------------------------------------------------- */

static void
deliver (MusterReceiverNotes *self, const Note *note)
{
  switch (note->kind)
    {
    case NOTE_CONNECTED:
      self->callbacks.connected (note->stream, self->user_data);
      break;
    case NOTE_MESSAGE:
      self->callbacks.message (note->stream, note->message, self->user_data);
      break;
    case NOTE_SNAPSHOTS:
      self->callbacks.snapshots (note->batch, self->user_data);
      break;
    case NOTE_RECORDS:
      g_atomic_int_add (&self->tap_queued, -1);
      self->callbacks.records (note->batch, self->user_data);
      break;
    case NOTE_FINISHED:
    default:
      self->callbacks.finished (note->stream, self->user_data);
      break;
    }
}

/* NULL: there is none, and the next one wakes the source. */
static Note *
take_note (MusterReceiverNotes *self)
{
  Note *note;

  g_mutex_lock (&self->lock);
  note = g_queue_pop_head (&self->queue);
  if (note == NULL)
    g_source_set_ready_time (self->source, -1);
  g_mutex_unlock (&self->lock);
  return note;
}

/* A handler may close the notes, or run the loop itself. */
static gboolean
deliver_some (gpointer data)
{
  MusterReceiverNotes *self = notes_ref (data);
  gint64 until_us = g_get_monotonic_time () + TURN_US;
  Note *note;

  do
    {
      note = take_note (self);
      if (note != NULL)
        deliver (self, note);
      g_clear_pointer (&note, note_free);
    }
  while (!self->closed && g_source_get_ready_time (self->source) == 0 && g_get_monotonic_time () < until_us);
  notes_unref (self);
  return G_SOURCE_CONTINUE;
}

/* -- telling -------------------------------------------------------------------------------------- */

/* Whether there is room for so much; said once, until there is again. */
static gboolean
take_from (Budget *budget, gint size)
{
  if (g_atomic_int_get (&budget->queued) + size <= budget->most)
    {
      g_atomic_int_add (&budget->queued, size);
      budget->left_out = 0;
      return TRUE;
    }
  if (budget->left_out++ == 0)
    g_warning ("the main loop does not keep up: %s of workers are left out", budget->what);
  return FALSE;
}

static void
tell (MusterReceiverNotes *self, NoteKind kind, const guint8 *stream, MusterBatch *batch, GVariant *message,
      Budget *budget, gint size)
{
  Note *note = g_new0 (Note, 1);

  note->kind = kind;
  note->budget = budget;
  note->size = size;
  if (stream != NULL)
    memcpy (note->stream, stream, sizeof note->stream);
  note->batch = batch != NULL ? muster_batch_ref (batch) : NULL;
  note->message = message != NULL ? g_variant_ref (message) : NULL;
  g_mutex_lock (&self->lock);
  g_queue_push_tail (&self->queue, note);
  g_source_set_ready_time (self->source, 0);
  g_mutex_unlock (&self->lock);
}

MusterReceiverNotes *
muster_receiver_notes_new (const MusterReceiverCallbacks *callbacks, gpointer user_data, GMainContext *main_context)
{
  MusterReceiverNotes *self = g_new0 (MusterReceiverNotes, 1);

  g_atomic_ref_count_init (&self->references);
  g_mutex_init (&self->lock);
  g_queue_init (&self->queue);
  self->callbacks = *callbacks;
  self->user_data = user_data;
  self->messages = (Budget){ .what = "messages", .most = MESSAGES_MAX };
  self->snapshots = (Budget){ .what = "metrics", .most = SNAPSHOTS_MAX };
  self->source = muster_wake_source_new (main_context != NULL ? main_context : g_main_context_get_thread_default (),
                                         "muster-receiver-notes", deliver_some, self);
  g_source_set_can_recurse (self->source, TRUE);
  return self;
}

void
muster_receiver_notes_close (MusterReceiverNotes *self)
{
  self->closed = TRUE;
  g_source_destroy (self->source);
  notes_unref (self);
}

void
muster_receiver_notes_set_tap (MusterReceiverNotes *self, gboolean on)
{
  g_atomic_int_set (&self->tap, on);
}

void
muster_receiver_notes_tell_connected (MusterReceiverNotes *self, const guint8 *stream)
{
  if (self->callbacks.connected != NULL)
    tell (self, NOTE_CONNECTED, stream, NULL, NULL, NULL, 0);
}

void
muster_receiver_notes_tell_message (MusterReceiverNotes *self, const guint8 *stream, GVariant *message)
{
  gint size = (gint) MIN (g_variant_get_size (message), MESSAGES_MAX / 2) + NOTE_SIZE;

  if (self->callbacks.message != NULL && take_from (&self->messages, size))
    tell (self, NOTE_MESSAGE, stream, NULL, message, &self->messages, size);
}

void
muster_receiver_notes_tell_finished (MusterReceiverNotes *self, const guint8 *stream)
{
  if (self->callbacks.finished != NULL)
    tell (self, NOTE_FINISHED, stream, NULL, NULL, NULL, 0);
}

/* The batch without its records, so that they need not stay in memory until somebody looks at the snapshots. */
static MusterBatch *
pick_snapshots (MusterBatch *batch)
{
  g_autoptr (GByteArray) out = NULL;
  g_autoptr (GBytes) bytes = NULL;
  MusterEntryIter iter;
  MusterEntry entry;
  guint64 gap = 0;
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);

  if (muster_batch_get_n_records (batch) == 0)
    return muster_batch_ref (batch);
  out = g_byte_array_new ();
  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    if (entry.kind != MUSTER_ENTRY_ORIGIN && entry.kind != MUSTER_ENTRY_SNAPSHOT)
      gap += entry.count;
    else
      {
        if (gap > 0)
          muster_encode_gap (out, gap, MUSTER_GAP_FILTERED);
        gap = 0;
        g_byte_array_append (out, entry.bytes, (guint) entry.length);
      }
  bytes = g_byte_array_free_to_bytes (g_steal_pointer (&out));
  return muster_batch_new (bytes, NULL);
}

static void
tell_snapshots (MusterReceiverNotes *self, MusterBatch *batch)
{
  g_autoptr (MusterBatch) snapshots = pick_snapshots (batch);
  gint size;

  if (snapshots == NULL)
    return; /* what was a batch makes one */
  size = (gint) MIN (g_bytes_get_size (muster_batch_get_bytes (snapshots)), SNAPSHOTS_MAX / 2) + NOTE_SIZE;
  if (!take_from (&self->snapshots, size))
    return;
  if (self->callbacks.keep != NULL)
    self->callbacks.keep (snapshots, self->user_data);
  tell (self, NOTE_SNAPSHOTS, NULL, snapshots, NULL, &self->snapshots, size);
}

void
muster_receiver_notes_tell_records (MusterReceiverNotes *self, MusterBatch *batch)
{
  if (!g_atomic_int_get (&self->tap) || self->callbacks.records == NULL || muster_batch_get_n_records (batch) == 0)
    return;
  if (g_atomic_int_add (&self->tap_queued, 1) < TAP_MAX)
    tell (self, NOTE_RECORDS, NULL, batch, NULL, NULL, 0);
  else
    g_atomic_int_add (&self->tap_queued, -1);
}

void
muster_receiver_notes_tell_batch (MusterReceiverNotes *self, MusterBatch *batch, gboolean own)
{
  if (!own && self->callbacks.snapshots != NULL && muster_batch_has_kind (batch, MUSTER_ENTRY_SNAPSHOT))
    tell_snapshots (self, batch);
  muster_receiver_notes_tell_records (self, batch);
}
