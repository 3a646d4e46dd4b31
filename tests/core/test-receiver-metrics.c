/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the receiver makes of a dead worker's metrics: snapshots in the worker's own stream, before its end record, none
 * of them twice. The worker is this process, stopped where death would have found it.
 */
#include "config.h"

#include "../cluster/test-collector.h"
#include "metrics-area-helpers.h"
#include "muster-encoder-private.h"
#include "muster-pipeline-private.h"
#include "muster-receiver-private.h"

#define MAX_METRICS 10000u

typedef enum
{
  BEFORE_APPEND,
  AFTER_APPEND,
  AFTER_MARK, /* the entry has a place, but was not published there */
} Moment;

typedef struct
{
  MusterPipeline *pipeline;
  Collector *collector;
  MusterReceiver *receiver;
  MusterTimeBase base;
  MusterJournalIdentity identity;
  MusterJournal *journal;
  int fd;
  MusterMetrics *metrics;
  GMainContext *context; /* of the metrics */

  Moment moment;
  guint64 next;          /* what the receiver has of the stream by then */
  guint n_parts_before;  /* of the snapshot, that get into the journal as if nothing were */
  guint primaries;       /* that find it dead, one after another; 0: one */
  GByteArray *first_log; /* owned, nullable: what the first of them stored */
  gboolean died;
  gboolean finished;
} Fixture;

static void
finished_cb (const guint8 *stream, gpointer user_data)
{
  ((Fixture *) user_data)->finished = TRUE;
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  static const MusterReceiverCallbacks callbacks = { .finished = finished_cb };
  MusterMetricsOptions options = { .max_metrics = MAX_METRICS };
  gsize ring_size;

  muster_time_base_now (&fixture->base);
  fixture->pipeline = muster_pipeline_new ();
  fixture->collector = g_object_new (collector_get_type (), "name", "collector", NULL);
  muster_pipeline_add (fixture->pipeline, MUSTER_TRANSPORT (fixture->collector));
  g_assert_true (muster_pipeline_start (fixture->pipeline, NULL));
  fixture->receiver =
      muster_receiver_new (fixture->pipeline, "host", "shop", NULL, &fixture->base, &callbacks, fixture, NULL);
  fixture->fd = make_journal (MAX_METRICS);
  g_assert_true (muster_journal_read_identity (fixture->fd, &fixture->identity, &ring_size, NULL));
  g_strlcpy (fixture->identity.worker, "web-1", sizeof fixture->identity.worker);
  fixture->metrics = muster_metrics_new_in_area (&options, muster_metrics_area_open (fixture->fd, &options, NULL));
  fixture->journal = muster_journal_open (dup (fixture->fd), NULL);
  fixture->context = g_main_context_new ();
  fixture->next = 1;
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  muster_receiver_stop (fixture->receiver, 0);
  muster_pipeline_stop (fixture->pipeline, 10 * G_TIME_SPAN_SECOND);
  muster_receiver_free (fixture->receiver);
  muster_pipeline_unref (fixture->pipeline);
  g_object_unref (fixture->collector);
  g_object_unref (fixture->metrics);
  g_clear_pointer (&fixture->first_log, g_byte_array_unref);
  g_main_context_unref (fixture->context);
  muster_journal_unref (fixture->journal);
  close (fixture->fd);
}

static GBytes *
make_end_record (void)
{
  guint8 *buffer = g_malloc (MUSTER_ENTRY_MAX);
  const MusterRecordParts parts = { .level = MUSTER_LEVEL_NOTICE,
                                    .time_ns = 1,
                                    .domain = muster_slice_from_string ("muster"),
                                    .message = muster_slice_from_string ("the end") };
  gsize length;
  const guint8 *start = muster_encode_record (buffer, MUSTER_ENTRY_MAX, &parts, &length);
  GBytes *bytes = g_bytes_new (start, length);

  g_free (buffer);
  return bytes;
}

static gboolean
late_cb (gpointer data)
{
  g_error ("waited too long");
  return G_SOURCE_REMOVE;
}

static void
find_dead (Fixture *fixture)
{
  g_autoptr (GBytes) end = make_end_record ();
  guint watchdog = g_timeout_add_seconds (30, late_cb, NULL);

  fixture->finished = FALSE;
  muster_receiver_add_journal (fixture->receiver, &fixture->identity, RING_SIZE, dup (fixture->fd), fixture->next);
  muster_receiver_finish (fixture->receiver, fixture->identity.stream, end);
  while (!fixture->finished)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (watchdog);
}

/* The primary finds it dead, here and now; and perhaps the next primary, whose transports have the worker's own entries
 * and one of the first one's. */
static void
die (Fixture *fixture)
{
  fixture->died = TRUE;
  find_dead (fixture);
  if (fixture->primaries < 2)
    return;
  g_mutex_lock (&fixture->collector->lock);
  fixture->first_log = g_steal_pointer (&fixture->collector->log);
  fixture->collector->log = g_byte_array_new ();
  g_mutex_unlock (&fixture->collector->lock);
  fixture->next = fixture->moment == AFTER_APPEND ? 3 : 2;
  find_dead (fixture);
}

static void
append (Fixture *fixture, GBytes *entry)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (entry, &size);

  g_assert_true (muster_journal_append_marked (fixture->journal, data, size, MUSTER_JOURNAL_USE_RESERVE,
                                               muster_metrics_get_mark (fixture->metrics)));
}

static void
snapshot_cb (MusterMetrics *metrics, GPtrArray *entries, gpointer user_data)
{
  Fixture *fixture = user_data;

  if (fixture->died)
    return;
  g_assert_cmpuint (entries->len, ==, 1);
  if (fixture->n_parts_before > 0)
    {
      fixture->n_parts_before--;
      append (fixture, entries->pdata[0]);
      return;
    }
  if (fixture->moment == AFTER_APPEND)
    append (fixture, entries->pdata[0]);
  else if (fixture->moment == AFTER_MARK)
    atomic_store (muster_metrics_get_mark (metrics), MUSTER_METRICS_AREA_MARKED | 1);
  muster_metrics_inc (metrics, NULL, "meanwhile", 1);
  die (fixture);
}

static void
count_until_death (Fixture *fixture, guint n_metrics)
{
  for (guint i = 0; i < n_metrics; i++)
    {
      g_autofree char *id = g_strdup_printf ("metric-%u", i);

      muster_metrics_inc (fixture->metrics, MUSTER_PATH ("many"), id, 1);
    }
  muster_metrics_attach (fixture->metrics, fixture->context, NULL, &fixture->base, snapshot_cb, fixture, NULL);
  muster_metrics_detach (fixture->metrics);
  g_assert_true (fixture->died);
}

/* All that came of the stream, in order, the end last. */
static void
add_up (Fixture *fixture, GByteArray *log, Total *total)
{
  MusterEntryIter iter;
  MusterEntry entry;
  guint64 next = fixture->next;
  gboolean ended = FALSE;

  *total = (Total){ .texts = g_string_new (NULL) };
  g_mutex_lock (&fixture->collector->lock);
  muster_entry_iter_init (&iter, log->data, log->len);
  while (muster_entry_iter_next (&iter, &entry))
    {
      if (entry.kind == MUSTER_ENTRY_ORIGIN)
        continue;
      g_assert_false (ended);
      g_assert_cmpuint (entry.sequence, ==, next);
      next += entry.count;
      if (entry.kind == MUSTER_ENTRY_SNAPSHOT)
        total_add (total, entry.bytes, entry.length);
      ended = entry.kind == MUSTER_ENTRY_RECORD;
    }
  g_assert_false (muster_entry_iter_get_error (&iter, NULL));
  g_assert_true (ended);
  g_mutex_unlock (&fixture->collector->lock);
}

static void
test_between (Fixture *fixture, gconstpointer moment)
{
  g_auto (Total) total = { 0 };

  fixture->moment = (Moment) GPOINTER_TO_INT (moment);
  count_until_death (fixture, 10);
  add_up (fixture, fixture->collector->log, &total);
  g_assert_cmpfloat (total.incs, ==, 11); /* and one meanwhile */
  g_assert_cmpuint (total.n_snapshots, ==, 2);
}

/* The part was appended, and came over the link, before its sender died. */
static void
test_sent (Fixture *fixture, gconstpointer data)
{
  g_auto (Total) total = { 0 };

  fixture->moment = AFTER_APPEND;
  fixture->next = 2;
  count_until_death (fixture, 10);
  add_up (fixture, fixture->collector->log, &total);
  g_assert_cmpfloat (total.incs, ==, 1);
  g_assert_cmpuint (total.n_snapshots, ==, 1);
}

/* The primary is killed too, when it had stored one word of its own: the next one says the others, whatever the moment. */
static void
test_next_primary (Fixture *fixture, gconstpointer moment)
{
  g_auto (Total) first = { 0 };
  g_auto (Total) second = { 0 };

  fixture->moment = (Moment) GPOINTER_TO_INT (moment);
  fixture->primaries = 2;
  count_until_death (fixture, 10);
  fixture->next = 1;
  add_up (fixture, fixture->first_log, &first);
  g_assert_cmpfloat (first.incs, ==, 11);
  fixture->next = fixture->moment == AFTER_APPEND ? 3 : 2;
  add_up (fixture, fixture->collector->log, &second);
  g_assert_cmpfloat (second.incs, ==,
                     fixture->moment == AFTER_APPEND ? 0 : 1); /* the snapshot, or what was meanwhile */
  g_assert_cmpuint (second.n_snapshots, ==, fixture->moment == AFTER_APPEND ? 0 : 1);
}

/* In the middle of a snapshot of many parts: it is completed, in batches of the usual size. */
static void
test_parts (Fixture *fixture, gconstpointer data)
{
  g_auto (Total) total = { 0 };

  fixture->moment = AFTER_APPEND;
  fixture->n_parts_before = 1;
  count_until_death (fixture, MAX_METRICS - 1);
  add_up (fixture, fixture->collector->log, &total);
  g_assert_cmpfloat (total.incs, ==, MAX_METRICS);
  g_assert_cmpuint (total.n_snapshots, ==, 2);
}

/* No snapshot at all. */
static void
test_never (Fixture *fixture, gconstpointer data)
{
  g_auto (Total) total = { 0 };

  muster_metrics_inc (fixture->metrics, NULL, "x", 3);
  die (fixture);
  add_up (fixture, fixture->collector->log, &total);
  g_assert_cmpfloat (total.incs, ==, 3);
  g_assert_cmpuint (total.n_partial, ==, 1);
}

/* It ends all the same where its metrics cannot be read. */
static void
test_damaged (Fixture *fixture, gconstpointer data)
{
  g_auto (Total) total = { 0 };

  muster_metrics_inc (fixture->metrics, NULL, "x", 3);
  g_assert_cmpint (pwrite (fixture->fd, "X", 1, MUSTER_JOURNAL_HEADER_SIZE + RING_SIZE), ==, 1);
  g_test_expect_message (G_LOG_DOMAIN, G_LOG_LEVEL_WARNING, "web-1: its last metrics are lost: *damaged*");
  die (fixture);
  g_test_assert_expected_messages ();
  add_up (fixture, fixture->collector->log, &total);
  g_assert_cmpuint (total.n_snapshots, ==, 0);
}

#define ADD(name, data, func) g_test_add ("/receiver-metrics/" name, Fixture, data, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("before-append", GINT_TO_POINTER (BEFORE_APPEND), test_between);
  ADD ("after-append", GINT_TO_POINTER (AFTER_APPEND), test_between);
  ADD ("after-mark", GINT_TO_POINTER (AFTER_MARK), test_between);
  ADD ("sent", NULL, test_sent);
  ADD ("next-primary/before-append", GINT_TO_POINTER (BEFORE_APPEND), test_next_primary);
  ADD ("next-primary/after-append", GINT_TO_POINTER (AFTER_APPEND), test_next_primary);
  ADD ("next-primary/after-mark", GINT_TO_POINTER (AFTER_MARK), test_next_primary);
  ADD ("parts", NULL, test_parts);
  ADD ("never", NULL, test_never);
  ADD ("damaged", NULL, test_damaged);
  return g_test_run ();
}
