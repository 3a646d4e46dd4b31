/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Written by the receiver's thread, delivered in the main context's: each note is an idle source that owns what it
 * says. Only the records are bounded, for only they may be left out.
 */
#include "config.h"

#include <string.h>

#include "muster-receiver-notes-private.h"

/* Batches waiting for a main loop that is busy with `record` handlers; more are left out. */
#define TAP_MAX 256

struct _MusterReceiverNotes
{
  gatomicrefcount references; /* the receiver's, and one for each note under way */
  gboolean closed;            /* the main context's thread only */
  MusterReceiverCallbacks callbacks;
  gpointer user_data;
  GMainContext *main_context; /* owned until closed */
  gint tap;                   /* atomic */
  gint tap_queued;            /* atomic */
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
  MusterReceiverNotes *notes; /* owned */
  NoteKind kind;
  guint8 stream[MUSTER_STREAM_ID_SIZE];
  MusterBatch *batch; /* owned, nullable */
  GVariant *message;  /* owned, nullable */
} Note;

static MusterReceiverNotes *
notes_ref (MusterReceiverNotes *self)
{
  g_atomic_ref_count_inc (&self->references);
  return self;
}

static void
notes_unref (MusterReceiverNotes *self)
{
  if (g_atomic_ref_count_dec (&self->references))
    g_free (self);
}

static gboolean
deliver_note (gpointer data)
{
  Note *note = data;
  MusterReceiverNotes *self = note->notes;

  if (self->closed)
    return G_SOURCE_REMOVE;
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
  return G_SOURCE_REMOVE;
}

static void
note_free (gpointer data)
{
  Note *note = data;

  g_clear_pointer (&note->batch, muster_batch_unref);
  g_clear_pointer (&note->message, g_variant_unref);
  notes_unref (note->notes);
  g_free (note);
}

static void
tell (MusterReceiverNotes *self, NoteKind kind, const guint8 *stream, MusterBatch *batch, GVariant *message)
{
  Note *note = g_new0 (Note, 1);
  GSource *source = g_idle_source_new ();

  note->notes = notes_ref (self);
  note->kind = kind;
  if (stream != NULL)
    memcpy (note->stream, stream, sizeof note->stream);
  note->batch = batch != NULL ? muster_batch_ref (batch) : NULL;
  note->message = message != NULL ? g_variant_ref (message) : NULL;
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, deliver_note, note, note_free);
  g_source_attach (source, self->main_context);
  g_source_unref (source);
}

MusterReceiverNotes *
muster_receiver_notes_new (const MusterReceiverCallbacks *callbacks, gpointer user_data, GMainContext *main_context)
{
  MusterReceiverNotes *self = g_new0 (MusterReceiverNotes, 1);

  g_atomic_ref_count_init (&self->references);
  self->callbacks = *callbacks;
  self->user_data = user_data;
  self->main_context = main_context != NULL ? g_main_context_ref (main_context) : g_main_context_ref_thread_default ();
  return self;
}

void
muster_receiver_notes_close (MusterReceiverNotes *self)
{
  self->closed = TRUE;
  /* Notes under way hold a reference to this, and the context holds them: without this, both could stay for ever. */
  g_clear_pointer (&self->main_context, g_main_context_unref);
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
    tell (self, NOTE_CONNECTED, stream, NULL, NULL);
}

void
muster_receiver_notes_tell_message (MusterReceiverNotes *self, const guint8 *stream, GVariant *message)
{
  if (self->callbacks.message != NULL)
    tell (self, NOTE_MESSAGE, stream, NULL, message);
}

void
muster_receiver_notes_tell_finished (MusterReceiverNotes *self, const guint8 *stream)
{
  if (self->callbacks.finished != NULL)
    tell (self, NOTE_FINISHED, stream, NULL, NULL);
}

void
muster_receiver_notes_tell_batch (MusterReceiverNotes *self, MusterBatch *batch, gboolean own)
{
  if (!own && self->callbacks.snapshots != NULL && muster_batch_has_kind (batch, MUSTER_ENTRY_SNAPSHOT))
    tell (self, NOTE_SNAPSHOTS, NULL, batch, NULL);
  if (g_atomic_int_get (&self->tap) && self->callbacks.records != NULL && muster_batch_get_n_records (batch) > 0
      && g_atomic_int_get (&self->tap_queued) < TAP_MAX)
    {
      g_atomic_int_inc (&self->tap_queued);
      tell (self, NOTE_RECORDS, NULL, batch, NULL);
    }
}
