/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Two ends of a network in one process: a sender (a pipeline with the network transport) and a collector (a network source
 * before a pipeline with a transport that counts). What is reported by either is kept.
 */
#pragma once

#include <glib/gstdio.h>
#include <string.h>
#include <zmq.h>

#include "../core/test-batches.h"
#include "muster-logger-private.h"
#include "muster-pipeline-private.h"
#include "muster-sink-private.h"
#include "muster-source-network.h"
#include "muster-source-private.h"
#include "muster-sync.h"
#include "muster-transport-network.h"

#define DEADLINE_US (30 * G_USEC_PER_SEC)

/* -- what has arrived -- */

typedef struct
{
  guint64 next[256];  /* of the stream whose id is that byte; 0: nothing came */
  guint64 gaps[8];    /* numbers, by reason */
  guint64 records[9]; /* by level */
  guint64 n_batches;
  guint64 out_of_order; /* what came twice, or left a hole without a word */
} Arrived;

G_DECLARE_FINAL_TYPE (CountTransport, count_transport, COUNT, TRANSPORT, MusterTransport)

struct _CountTransport
{
  MusterTransport parent_instance;
  GMutex lock;
  GCond cond;
  gboolean is_held; /* what comes waits */
  Arrived arrived;
  gboolean keeps_marks; /* it remembers, as files do, where streams stood when it was started */
  guint64 marks[256];
};

G_DEFINE_FINAL_TYPE (CountTransport, count_transport, MUSTER_TYPE_TRANSPORT)

static inline void
count_entry (Arrived *arrived, const MusterEntry *entry)
{
  guint64 *next = &arrived->next[entry->origin->stream[0]];
  MusterGapReason reason;
  guint64 count;

  if (*next != 0 && entry->sequence != *next)
    arrived->out_of_order++;
  *next = entry->sequence + entry->count;
  if (muster_entry_get_gap (entry, &count, &reason))
    arrived->gaps[reason] += count;
  else if (entry->kind == MUSTER_ENTRY_RECORD)
    arrived->records[muster_entry_peek_level (entry)]++;
}

static MusterWriteResult
count_transport_write (MusterTransport *transport, MusterBatch *batch, GError **error)
{
  CountTransport *self = COUNT_TRANSPORT (transport);
  MusterEntryIter iter;
  MusterEntry entry;
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);

  g_mutex_lock (&self->lock);
  while (self->is_held)
    g_cond_wait (&self->cond, &self->lock);
  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    if (entry.kind != MUSTER_ENTRY_ORIGIN)
      count_entry (&self->arrived, &entry);
  self->arrived.n_batches++;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
  return MUSTER_WRITE_DONE;
}

static gboolean
count_transport_start (MusterTransport *transport, GError **error)
{
  CountTransport *self = COUNT_TRANSPORT (transport);

  g_mutex_lock (&self->lock);
  memcpy (self->marks, self->arrived.next, sizeof self->marks);
  g_mutex_unlock (&self->lock);
  return TRUE;
}

/* Of the streams of test_batch(), whose ids are one byte in all places; the journals' are none. */
static gboolean
count_transport_get_mark (MusterTransport *transport, const guint8 *stream, guint64 *next)
{
  CountTransport *self = COUNT_TRANSPORT (transport);

  *next = self->marks[stream[0]];
  return self->keeps_marks && *next > 0 && memcmp (stream, stream + 1, MUSTER_STREAM_ID_SIZE - 1) == 0;
}

static void
count_transport_finalize (GObject *object)
{
  g_mutex_clear (&COUNT_TRANSPORT (object)->lock);
  g_cond_clear (&COUNT_TRANSPORT (object)->cond);
  G_OBJECT_CLASS (count_transport_parent_class)->finalize (object);
}

static void
count_transport_class_init (CountTransportClass *class)
{
  G_OBJECT_CLASS (class)->finalize = count_transport_finalize;
  MUSTER_TRANSPORT_CLASS (class)->start = count_transport_start;
  MUSTER_TRANSPORT_CLASS (class)->write = count_transport_write;
  MUSTER_TRANSPORT_CLASS (class)->get_mark = count_transport_get_mark;
}

static void
count_transport_init (CountTransport *self)
{
  g_mutex_init (&self->lock);
  g_cond_init (&self->cond);
}

/* -- the ends -- */

typedef struct
{
  char *directory;
  GMutex lock;
  GString *said;          /* under lock; by both, a line each */
  MusterJournal *journal; /* where the source's reports go */
  MusterSink *sink;
  MusterLogger *logger;

  CountTransport *count; /* lives as long as the fixture */
  MusterPipeline *in;
  MusterSource *source;
  char *address;         /* of the source */
  guint max_connections; /* the same */

  MusterPipeline *out;
  MusterTransport *network;
} Ends;

static inline void
ends_note (Ends *ends, MusterLevel level, const char *message)
{
  g_mutex_lock (&ends->lock);
  g_string_append_printf (ends->said, "%s: %s\n", muster_level_to_string (level), message);
  g_mutex_unlock (&ends->lock);
}

static inline void
ends_transport_report_cb (MusterTransport *transport, MusterLevel level, const char *message, gpointer user_data)
{
  ends_note (user_data, level, message);
}

/* The source's reports are records in a journal. */
static inline void
ends_read_journal (Ends *ends)
{
  MusterJournalItem item;

  while (muster_journal_peek (ends->journal, &item))
    {
      MusterEntryIter iter;
      MusterEntry entry;
      MusterRecordView record;

      muster_entry_iter_init (&iter, item.bytes, item.length);
      while (muster_entry_iter_next (&iter, &entry))
        if (muster_entry_get_record (&entry, &record))
          {
            g_autofree char *text = g_strndup (record.message.data, record.message.length);

            ends_note (ends, record.level, text);
          }
      muster_journal_advance (ends->journal);
      muster_journal_acknowledge (ends->journal, muster_journal_get_read_position (ends->journal));
    }
}

static inline gboolean
ends_has_said (Ends *ends, const char *part)
{
  gboolean has_said;

  ends_read_journal (ends);
  g_mutex_lock (&ends->lock);
  has_said = strstr (ends->said->str, part) != NULL;
  g_mutex_unlock (&ends->lock);
  return has_said;
}

/* Waits until one of them has said so. */
static inline void
ends_wait_said (Ends *ends, const char *part)
{
  gint64 deadline_us = g_get_monotonic_time () + DEADLINE_US;

  while (!ends_has_said (ends, part))
    {
      if (g_get_monotonic_time () > deadline_us)
        g_error ("nobody said '%s', but:\n%s", part, ends->said->str);
      g_usleep (2000);
    }
}

static inline guint
ends_count_said (Ends *ends, const char *part)
{
  guint n = 0;

  ends_read_journal (ends);
  g_mutex_lock (&ends->lock);
  for (const char *p = ends->said->str; (p = strstr (p, part)) != NULL; p++)
    n++;
  g_mutex_unlock (&ends->lock);
  return n;
}

static inline char *
ends_path (Ends *ends, const char *name)
{
  return g_build_filename (ends->directory, name, NULL);
}

/* Makes a pair NAME and NAME.pub. */
static inline void
ends_make_key (Ends *ends, const char *name)
{
  char public_key[41], secret_key[41];
  g_autofree char *path = ends_path (ends, name);
  g_autofree char *public_path = g_strconcat (path, ".pub", NULL);
  g_autofree char *line = NULL;

  g_assert_cmpint (zmq_curve_keypair (public_key, secret_key), ==, 0);
  g_assert_true (g_file_set_contents_full (path, secret_key, -1, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
  line = g_strdup_printf ("%s %s\n", public_key, name);
  g_assert_true (g_file_set_contents (public_path, line, -1, NULL));
}

/* Writes `clients`: those that are named, with ; between. */
static inline void
ends_allow (Ends *ends, const char *names)
{
  g_auto (GStrv) list = g_strsplit (names, ";", -1);
  g_autoptr (GString) text = g_string_new ("# clients\n");
  g_autofree char *path = ends_path (ends, "clients");

  for (guint i = 0; list[i] != NULL && *list[i] != '\0'; i++)
    {
      g_autofree char *leaf = g_strconcat (list[i], ".pub", NULL);
      g_autofree char *key_path = ends_path (ends, leaf);
      g_autofree char *line = NULL;

      g_assert_true (g_file_get_contents (key_path, &line, NULL, NULL));
      g_string_append (text, line);
    }
  g_assert_true (g_file_set_contents (path, text->str, -1, NULL));
}

static inline void
ends_make_logger (Ends *ends)
{
  const MusterJournalIdentity identity = { .stream = "the source's own" };
  g_autoptr (GError) error = NULL;
  int fd = muster_journal_create_memfd (MUSTER_JOURNAL_SIZE_MIN, &identity, &error);

  g_assert_no_error (error);
  ends->journal = muster_journal_open (fd, &error);
  g_assert_no_error (error);
  ends->sink = muster_sink_new (ends->journal, "master");
  ends->logger = muster_logger_new (ends->sink, "muster", MUSTER_LEVEL_DEBUG);
}

static inline void
ends_set_up (Ends *ends, gconstpointer data)
{
  ends->directory = g_dir_make_tmp ("muster-network-XXXXXX", NULL);
  g_mutex_init (&ends->lock);
  ends->said = g_string_new (NULL);
  ends_make_logger (ends);
  ends->count = g_object_new (count_transport_get_type (), "name", "count", NULL);
}

/* Without @with_keys on loopback, at the port that it had before. */
static inline void
ends_start_collector (Ends *ends, gboolean with_keys)
{
  g_autofree char *key = ends_path (ends, "collector");
  g_autofree char *allow = ends_path (ends, "clients");
  MusterSourceHouse house = { .logger = ends->logger };
  g_autoptr (GError) error = NULL;

  ends->in = muster_pipeline_new ();
  muster_pipeline_add (ends->in, MUSTER_TRANSPORT (ends->count));
  muster_pipeline_start (ends->in, &error);
  g_assert_no_error (error);
  ends->source =
      g_object_new (MUSTER_TYPE_SOURCE_NETWORK, "name", "senders", "bind",
                    ends->address != NULL ? ends->address : "tcp://127.0.0.1:*", "key-file", with_keys ? key : NULL,
                    "allow-file", with_keys ? allow : NULL, "max-connections", ends->max_connections, NULL);
  house.pipeline = ends->in;
  muster_source_start (ends->source, &house, &error);
  g_assert_no_error (error);
  g_free (ends->address);
  g_object_get (ends->source, "address", &ends->address, NULL);
}

static inline void
ends_stop_collector (Ends *ends)
{
  if (ends->source == NULL)
    return;
  muster_source_stop (ends->source);
  muster_pipeline_stop (ends->in, DEADLINE_US);
  g_clear_pointer (&ends->in, muster_pipeline_unref);
  g_clear_object (&ends->source);
}

/* @more: pairs of property and value of the transport, with NULL at the end. */
static inline void
ends_make_sender (Ends *ends, const char *key, const char *server_key)
{
  g_autofree char *key_path = key != NULL ? ends_path (ends, key) : NULL;
  g_autofree char *server_path = server_key != NULL ? ends_path (ends, server_key) : NULL;
  const char *const endpoints[] = { ends->address, NULL };

  ends->network = g_object_new (MUSTER_TYPE_TRANSPORT_NETWORK, "name", "central", "endpoint", endpoints, "key-file",
                                key_path, "server-key-file", server_path, "spool-size", (guint64) 256 << 10, "linger",
                                (gint64) 0, "sync", MUSTER_SYNC_NONE, NULL);
}

static inline void
ends_start_sender (Ends *ends)
{
  g_autoptr (GError) error = NULL;

  ends->out = muster_pipeline_new ();
  muster_transport_set_state_dir (ends->network, ends->directory);
  muster_pipeline_add (ends->out, ends->network);
  muster_pipeline_set_report (ends->out, ends_transport_report_cb, ends);
  muster_pipeline_start (ends->out, &error);
  g_assert_no_error (error);
}

static inline void
ends_stop_sender (Ends *ends)
{
  if (ends->out != NULL)
    muster_pipeline_stop (ends->out, DEADLINE_US);
  g_clear_pointer (&ends->out, muster_pipeline_unref);
  g_clear_object (&ends->network);
}

static inline void
ends_tear_down (Ends *ends, gconstpointer data)
{
  g_autoptr (GDir) dir = g_dir_open (ends->directory, 0, NULL);
  const char *name;

  ends_stop_sender (ends);
  ends_stop_collector (ends);
  g_object_unref (ends->count);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = ends_path (ends, name);

      g_unlink (path);
    }
  g_assert_cmpint (g_rmdir (ends->directory), ==, 0);
  g_free (ends->directory);
  g_free (ends->address);
  g_string_free (ends->said, TRUE);
  g_mutex_clear (&ends->lock);
  g_object_unref (ends->logger);
  muster_sink_unref (ends->sink);
  muster_journal_unref (ends->journal);
}

/* -- what is sent, what has come -- */

static inline void
ends_push (Ends *ends, MusterBatch *batch)
{
  muster_pipeline_push (ends->out, batch, NULL, NULL);
  muster_batch_unref (batch);
}

static inline void
ends_send (Ends *ends, char stream, guint64 first, guint n, MusterLevel level)
{
  ends_push (ends, test_batch (stream, first, n, "web-1", level));
}

/* Waits until the transport has taken all that was pushed. */
static inline void
ends_wait_taken (Ends *ends, guint64 n_batches)
{
  gint64 deadline_us = g_get_monotonic_time () + DEADLINE_US;
  MusterTransportCounters counters = { 0 };

  while (counters.batches < n_batches)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline_us);
      g_usleep (1000);
      muster_transport_get_counters (ends->network, &counters);
    }
}

/* Waits until a stream has come to its number @next; returns what has arrived by then. */
static inline Arrived
ends_wait_arrived (Ends *ends, char stream, guint64 next)
{
  gint64 deadline_us = g_get_monotonic_time () + DEADLINE_US;
  Arrived arrived;

  g_mutex_lock (&ends->count->lock);
  while (ends->count->arrived.next[(guchar) stream] < next)
    if (!g_cond_wait_until (&ends->count->cond, &ends->count->lock, deadline_us))
      g_error ("%c came to %" G_GUINT64_FORMAT " instead of %" G_GUINT64_FORMAT, stream,
               ends->count->arrived.next[(guchar) stream], next);
  arrived = ends->count->arrived;
  g_mutex_unlock (&ends->count->lock);
  return arrived;
}

static inline void
ends_hold (Ends *ends, gboolean is_held)
{
  g_mutex_lock (&ends->count->lock);
  ends->count->is_held = is_held;
  g_cond_broadcast (&ends->count->cond);
  g_mutex_unlock (&ends->count->lock);
}

/* Waits until a property of the transport that counts has the value. */
static inline void
ends_wait_number (Ends *ends, const char *property, guint64 value)
{
  gint64 deadline_us = g_get_monotonic_time () + DEADLINE_US;
  guint64 now = 0;

  for (g_object_get (ends->network, property, &now, NULL); now != value;
       g_object_get (ends->network, property, &now, NULL))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline_us);
      g_usleep (1000);
    }
}
