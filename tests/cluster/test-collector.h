/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A transport that remembers what came, and can be held up. Its lock guards all of it.
 */
#pragma once

#include "muster.h"

#include <string.h>

G_DECLARE_FINAL_TYPE (Collector, collector, TEST, COLLECTOR, MusterTransport)

struct _Collector
{
  MusterTransport parent_instance;

  GMutex lock;
  GCond changed;
  GByteArray *log;
  gboolean blocked;
  const char *start_error; /* nullable */
  gboolean resumes;        /* begins where another one has left off */
};

G_DEFINE_FINAL_TYPE (Collector, collector, MUSTER_TYPE_TRANSPORT)

static gboolean
collector_start (MusterTransport *transport, GError **error)
{
  Collector *self = TEST_COLLECTOR (transport);

  if (self->start_error == NULL)
    return TRUE;
  g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, self->start_error);
  return FALSE;
}

static MusterWriteResult
collector_write (MusterTransport *transport, MusterBatch *batch, GError **error)
{
  Collector *self = TEST_COLLECTOR (transport);
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);

  g_mutex_lock (&self->lock);
  while (self->blocked)
    g_cond_wait (&self->changed, &self->lock);
  g_byte_array_append (self->log, data, (guint) size);
  g_mutex_unlock (&self->lock);
  return MUSTER_WRITE_DONE;
}

static void
collector_finalize (GObject *object)
{
  g_byte_array_unref (TEST_COLLECTOR (object)->log);
  G_OBJECT_CLASS (collector_parent_class)->finalize (object);
}

static void
collector_class_init (CollectorClass *class)
{
  MUSTER_TRANSPORT_CLASS (class)->start = collector_start;
  MUSTER_TRANSPORT_CLASS (class)->write = collector_write;
  G_OBJECT_CLASS (class)->finalize = collector_finalize;
}

static void
collector_init (Collector *self)
{
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  self->log = g_byte_array_new ();
}

static inline void
collector_set_blocked (Collector *self, gboolean blocked)
{
  g_mutex_lock (&self->lock);
  self->blocked = blocked;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

/* Everything so far as lines, "WORKER LEVEL DOMAIN: MESSAGE", "WORKER snapshot", "WORKER gap COUNT REASON". Checks on the
 * way that no stream has a hole or a duplicate. */
static inline GPtrArray *
collector_read (Collector *self)
{
  GPtrArray *lines = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GHashTable) next = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  MusterEntryIter iter;
  MusterEntry entry;

  g_mutex_lock (&self->lock);
  muster_entry_iter_init (&iter, self->log->data, self->log->len);
  while (muster_entry_iter_next (&iter, &entry))
    {
      g_autofree char *worker = NULL;
      g_autoptr (GString) stream = g_string_new (NULL);
      MusterRecordView record;
      MusterGapReason reason;
      guint64 *expected, count;

      if (entry.kind == MUSTER_ENTRY_ORIGIN)
        continue;
      for (int i = 0; i < MUSTER_STREAM_ID_SIZE; i++)
        g_string_append_printf (stream, "%02x", entry.origin->stream[i]);
      expected = g_hash_table_lookup (next, stream->str);
      if (expected == NULL)
        {
          expected = g_new0 (guint64, 1);
          *expected = self->resumes ? entry.sequence : 1;
          g_hash_table_insert (next, g_strdup (stream->str), expected);
        }
      g_assert_cmpuint (entry.sequence, ==, *expected);
      *expected += entry.count;
      worker = g_strndup (entry.origin->worker.data, entry.origin->worker.length);
      g_assert_cmpuint (entry.origin->pid, >, 0);
      if (muster_entry_get_record (&entry, &record))
        g_ptr_array_add (lines, g_strdup_printf ("%s %s %.*s: %.*s", worker, muster_level_to_string (record.level),
                                                 (int) record.domain.length, record.domain.data,
                                                 (int) record.message.length, record.message.data));
      else if (muster_entry_get_gap (&entry, &count, &reason))
        g_ptr_array_add (lines, g_strdup_printf ("%s gap %" G_GUINT64_FORMAT " %s", worker, count,
                                                 muster_gap_reason_to_string (reason)));
      else
        g_ptr_array_add (lines, g_strdup_printf ("%s %s", worker,
                                                 entry.kind == MUSTER_ENTRY_SNAPSHOT  ? "snapshot"
                                                 : entry.kind == MUSTER_ENTRY_DATASET ? "dataset"
                                                                                      : "unknown"));
    }
  g_assert_false (muster_entry_iter_get_error (&iter, NULL));
  g_mutex_unlock (&self->lock);
  return lines;
}

/* The text of the field @key of the last record whose message begins with @message; NULL if there is none. */
static inline char *
collector_find_field (Collector *self, const char *message, const char *key)
{
  char *text = NULL;
  MusterEntryIter iter;
  MusterEntry entry;
  MusterRecordView record;
  MusterFieldIter fields;
  MusterFieldView field;

  g_mutex_lock (&self->lock);
  muster_entry_iter_init (&iter, self->log->data, self->log->len);
  while (muster_entry_iter_next (&iter, &entry))
    {
      if (!muster_entry_get_record (&entry, &record) || record.message.length < strlen (message)
          || memcmp (record.message.data, message, strlen (message)) != 0)
        continue;
      g_clear_pointer (&text, g_free);
      muster_field_iter_init (&fields, &record);
      while (text == NULL && muster_field_iter_next (&fields, &field))
        if (field.type == MUSTER_FIELD_TEXT && field.key.length == strlen (key)
            && memcmp (field.key.data, key, field.key.length) == 0)
          text = g_strndup (field.value.text.data, field.value.text.length);
    }
  g_mutex_unlock (&self->lock);
  return text;
}

static inline guint
lines_count (GPtrArray *lines, const char *prefix)
{
  guint n = 0;

  for (guint i = 0; i < lines->len; i++)
    n += g_str_has_prefix (g_ptr_array_index (lines, i), prefix);
  return n;
}
