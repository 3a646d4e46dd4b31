/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A transport for tests: does what a script says, can be held up at a gate, and remembers what it was given. Its lock
 * guards all of it, for the test looks on while the transport's thread works.
 */
#pragma once

#include "muster-transport-private.h"
#include "test-batches.h"

#define TEST_DEADLINE_US (20 * G_USEC_PER_SEC) /* for what never takes long: beyond it the test has failed */

G_DECLARE_FINAL_TYPE (MockTransport, mock_transport, MOCK, TRANSPORT, MusterTransport)

struct _MockTransport
{
  MusterTransport parent_instance;

  GMutex lock;
  GCond cond;
  const char *script;     /* a letter for each attempt: D(one) R(etry) F(ailed) r(etry always); at its end always D */
  const char *start_with; /* nullable; an error */
  gboolean gate_closed;
  gint64 flush_again_us; /* the first two flushes ask for another one; 0: not */
  guint n_inside;        /* in write, before the gate */
  guint n_attempts;
  guint n_flushes;
  guint n_reopens;
  guint n_stops;
  guint n_skips;
  guint n_forgets;
  guint64 mark;                     /* of every stream; 0: it knows none */
  const MusterPendingRuns *restore; /* nullable; of the stream 'a', which stands at 15 */
  GString *written;                 /* "a 1-10;a 11-20;": what write() ended DONE with */
  GString *notes;                   /* "skip a11;forget a;" */
  MusterBatch *retrying;            /* owned */
  gboolean *finalized;              /* nullable; atomic */
};

G_DEFINE_FINAL_TYPE (MockTransport, mock_transport, MUSTER_TYPE_TRANSPORT)

static gboolean
mock_transport_start (MusterTransport *transport, GError **error)
{
  MockTransport *self = MOCK_TRANSPORT (transport);
  guint8 stream[MUSTER_STREAM_ID_SIZE];

  memset (stream, 'a', sizeof stream);
  if (self->restore != NULL)
    muster_transport_set_pending (transport, stream, 15, self->restore);
  if (self->start_with == NULL)
    return TRUE;
  g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, self->start_with);
  return FALSE;
}

static void
mock_transport_note (MockTransport *self, MusterBatch *batch)
{
  MusterEntryIter iter;
  MusterEntry entry;
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);

  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    {
      MusterGapReason reason;
      guint64 count;

      if (entry.kind == MUSTER_ENTRY_ORIGIN)
        continue;
      g_string_append_printf (self->written, "%c%" G_GUINT64_FORMAT, entry.origin->stream[0], entry.sequence);
      if (muster_entry_get_gap (&entry, &count, &reason))
        g_string_append_printf (self->written, "+%" G_GUINT64_FORMAT "%s", count, muster_gap_reason_to_string (reason));
      g_string_append_c (self->written, ' ');
    }
  g_string_append_c (self->written, ';');
}

static MusterWriteResult
mock_transport_write (MusterTransport *transport, MusterBatch *batch, GError **error)
{
  MockTransport *self = MOCK_TRANSPORT (transport);
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  char what = self->script != NULL && *self->script != '\0' ? *self->script : 'D';

  if (self->script != NULL && *self->script != '\0' && what != 'r')
    self->script++;
  self->n_inside++;
  g_cond_broadcast (&self->cond);
  while (self->gate_closed)
    g_cond_wait (&self->cond, &self->lock);
  self->n_inside--;
  self->n_attempts++;
  if (self->retrying != NULL)
    g_assert_true (self->retrying == batch);
  g_clear_pointer (&self->retrying, muster_batch_unref);
  g_cond_broadcast (&self->cond);
  if (what == 'D')
    {
      mock_transport_note (self, batch);
      muster_transport_add_bytes (transport, g_bytes_get_size (muster_batch_get_bytes (batch)));
      return MUSTER_WRITE_DONE;
    }
  g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "the moon is full");
  if (what == 'F')
    return MUSTER_WRITE_FAILED;
  self->retrying = muster_batch_ref (batch);
  return MUSTER_WRITE_RETRY;
}

static void
mock_transport_count (MockTransport *self, guint *counter)
{
  g_mutex_lock (&self->lock);
  *counter += 1;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

static gboolean
mock_transport_flush (MusterTransport *transport, GError **error)
{
  MockTransport *self = MOCK_TRANSPORT (transport);

  mock_transport_count (self, &self->n_flushes);
  if (self->flush_again_us > 0 && self->n_flushes < 3)
    muster_transport_schedule_flush (transport, self->flush_again_us);
  return TRUE;
}

static gboolean
mock_transport_reopen (MusterTransport *transport, GError **error)
{
  mock_transport_count (MOCK_TRANSPORT (transport), &MOCK_TRANSPORT (transport)->n_reopens);
  return TRUE;
}

static void
mock_transport_stop (MusterTransport *transport)
{
  mock_transport_count (MOCK_TRANSPORT (transport), &MOCK_TRANSPORT (transport)->n_stops);
}

static gboolean
mock_transport_get_mark (MusterTransport *transport, const guint8 *stream, guint64 *next)
{
  *next = MOCK_TRANSPORT (transport)->mark;
  return *next > 0;
}

static void
mock_transport_skip (MusterTransport *transport, const guint8 *stream, guint64 next)
{
  MockTransport *self = MOCK_TRANSPORT (transport);

  g_assert_cmpuint (muster_transport_get_next_seq (transport), ==, next);
  g_mutex_lock (&self->lock);
  g_string_append_printf (self->notes, "skip %c%" G_GUINT64_FORMAT ";", stream[0], next);
  g_mutex_unlock (&self->lock);
  mock_transport_count (self, &self->n_skips);
}

static void
mock_transport_forget (MusterTransport *transport, const guint8 *stream)
{
  MockTransport *self = MOCK_TRANSPORT (transport);

  g_mutex_lock (&self->lock);
  g_string_append_printf (self->notes, "forget %c;", stream[0]);
  g_mutex_unlock (&self->lock);
  mock_transport_count (self, &self->n_forgets);
}

static void
mock_transport_finalize (GObject *object)
{
  MockTransport *self = MOCK_TRANSPORT (object);

  g_clear_pointer (&self->retrying, muster_batch_unref);
  g_string_free (self->written, TRUE);
  g_string_free (self->notes, TRUE);
  g_cond_clear (&self->cond);
  g_mutex_clear (&self->lock);
  if (self->finalized != NULL)
    g_atomic_int_set (self->finalized, TRUE);
  G_OBJECT_CLASS (mock_transport_parent_class)->finalize (object);
}

static void
mock_transport_class_init (MockTransportClass *class)
{
  MusterTransportClass *transport_class = MUSTER_TRANSPORT_CLASS (class);

  G_OBJECT_CLASS (class)->finalize = mock_transport_finalize;
  transport_class->start = mock_transport_start;
  transport_class->write = mock_transport_write;
  transport_class->flush = mock_transport_flush;
  transport_class->reopen = mock_transport_reopen;
  transport_class->stop = mock_transport_stop;
  transport_class->get_mark = mock_transport_get_mark;
  transport_class->skip = mock_transport_skip;
  transport_class->forget = mock_transport_forget;
}

static void
mock_transport_init (MockTransport *self)
{
  g_mutex_init (&self->lock);
  g_cond_init (&self->cond);
  self->written = g_string_new (NULL);
  self->notes = g_string_new (NULL);
}

static inline MockTransport *
mock_transport_new (const char *name)
{
  MockTransport *self = g_object_new (mock_transport_get_type (), "name", name, NULL);

  g_object_set (self, "retry-delay", (gint64) 1000, "retry-delay-max", (gint64) 2000, NULL);
  return self;
}

static inline void
mock_transport_set_gate (MockTransport *self, gboolean closed)
{
  g_mutex_lock (&self->lock);
  self->gate_closed = closed;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

/* Waits until a counter of the mock has reached @n. */
static inline void
mock_transport_wait (MockTransport *self, const guint *counter, guint n)
{
  gint64 deadline_us = g_get_monotonic_time () + TEST_DEADLINE_US;

  g_mutex_lock (&self->lock);
  while (*counter < n)
    g_assert_true (g_cond_wait_until (&self->cond, &self->lock, deadline_us));
  g_mutex_unlock (&self->lock);
}

static inline char *
mock_transport_get_written (MockTransport *self)
{
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return g_strdup (self->written->str);
}
