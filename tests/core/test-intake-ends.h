/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a source with an intake needs around it: a house with a directory for journals, a pipeline, a transport that keeps
 * what arrives as text, behind a gate; and what the source reports.
 */
#pragma once

#include <glib/gstdio.h>
#include <string.h>

#include "muster-logger-private.h"
#include "muster-sink-private.h"
#include "muster-source-private.h"
#include "muster-transport-private.h"

#define TEST_DEADLINE_US (20 * G_USEC_PER_SEC) /* for what never takes long: beyond it the test has failed */

/* -- a transport that keeps what it gets -- */

/* The text of an entry, to be freed; NULL: it is not kept. */
typedef char *(*TestDescribeFunc) (const MusterEntry *entry);

G_DECLARE_FINAL_TYPE (TestKeeper, test_keeper, TEST, KEEPER, MusterTransport)

struct _TestKeeper
{
  MusterTransport parent_instance;
  TestDescribeFunc describe;

  GMutex lock; /* of what follows */
  GCond cond;
  gboolean closed;  /* the gate: what comes waits */
  GPtrArray *texts; /* owned; of char * */
  guint64 next;     /* number of the entry to come: none may be missing or come twice */
};

G_DEFINE_FINAL_TYPE (TestKeeper, test_keeper, MUSTER_TYPE_TRANSPORT)

static inline void
test_keeper_keep (TestKeeper *self, const MusterEntry *entry)
{
  char *text = self->describe (entry);

  if (text != NULL)
    g_ptr_array_add (self->texts, text);
  if (entry->kind == MUSTER_ENTRY_ORIGIN)
    return;
  g_assert_cmpuint (entry->sequence, ==, self->next);
  self->next = entry->sequence + entry->count;
}

static MusterWriteResult
test_keeper_write (MusterTransport *transport, MusterBatch *batch, GError **error)
{
  TestKeeper *self = TEST_KEEPER (transport);
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  MusterEntryIter iter;
  MusterEntry entry;
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);

  while (self->closed)
    g_cond_wait (&self->cond, &self->lock);
  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    test_keeper_keep (self, &entry);
  g_assert_false (muster_entry_iter_get_error (&iter, NULL));
  g_cond_broadcast (&self->cond);
  return MUSTER_WRITE_DONE;
}

static void
test_keeper_finalize (GObject *object)
{
  TestKeeper *self = TEST_KEEPER (object);

  g_ptr_array_unref (self->texts);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->cond);
  G_OBJECT_CLASS (test_keeper_parent_class)->finalize (object);
}

static void
test_keeper_class_init (TestKeeperClass *class)
{
  G_OBJECT_CLASS (class)->finalize = test_keeper_finalize;
  MUSTER_TRANSPORT_CLASS (class)->write = test_keeper_write;
}

static void
test_keeper_init (TestKeeper *self)
{
  g_mutex_init (&self->lock);
  g_cond_init (&self->cond);
  self->texts = g_ptr_array_new_with_free_func (g_free);
  self->next = 1;
}

/* Waits until the stream's first @n entries are there. */
static inline void
test_keeper_wait (TestKeeper *self, guint64 n)
{
  gint64 deadline_us = g_get_monotonic_time () + TEST_DEADLINE_US;

  g_mutex_lock (&self->lock);
  while (self->next <= n)
    g_assert_true (g_cond_wait_until (&self->cond, &self->lock, deadline_us));
  g_mutex_unlock (&self->lock);
}

static inline void
test_keeper_set_closed (TestKeeper *self, gboolean closed)
{
  g_mutex_lock (&self->lock);
  self->closed = closed;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

static inline const char *
test_keeper_get (TestKeeper *self, guint i)
{
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  g_assert_cmpuint (i, <, self->texts->len);
  return self->texts->pdata[i];
}

/* All of it in one. */
static inline char *
test_keeper_join (TestKeeper *self)
{
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < self->texts->len; i++)
    g_string_append (text, self->texts->pdata[i]);
  return g_string_free (text, FALSE);
}

/* -- what the source reports -- */

typedef struct
{
  MusterJournal *journal; /* where the records go */
  MusterSink *sink;
  MusterLogger *logger;
  GString *said; /* "warning: source devices: ...", a line each */
} TestReports;

static inline void
test_reports_init (TestReports *reports)
{
  const MusterJournalIdentity identity = { .stream = "the source's own" };
  g_autoptr (GError) error = NULL;
  int fd = muster_journal_create_memfd (MUSTER_JOURNAL_SIZE_MIN, &identity, &error);

  g_assert_no_error (error);
  reports->journal = muster_journal_open (fd, &error);
  g_assert_no_error (error);
  reports->sink = muster_sink_new (reports->journal, "master");
  reports->logger = muster_logger_new (reports->sink, "muster", MUSTER_LEVEL_DEBUG);
  reports->said = g_string_new (NULL);
}

static inline void
test_reports_clear (TestReports *reports)
{
  g_clear_object (&reports->logger);
  g_clear_pointer (&reports->sink, muster_sink_unref);
  g_clear_pointer (&reports->journal, muster_journal_unref);
  g_string_free (g_steal_pointer (&reports->said), TRUE);
}

/* All that was said until now. */
static inline const char *
test_reports_get (TestReports *reports)
{
  MusterJournalItem item;
  MusterEntryIter iter;
  MusterEntry entry;
  MusterRecordView record;

  while (muster_journal_peek (reports->journal, &item))
    {
      muster_entry_iter_init (&iter, item.bytes, item.length);
      while (muster_entry_iter_next (&iter, &entry))
        if (muster_entry_get_record (&entry, &record))
          g_string_append_printf (reports->said, "%s: %.*s\n", muster_level_to_string (record.level),
                                  (int) record.message.length, record.message.data);
      muster_journal_advance (reports->journal);
      muster_journal_acknowledge (reports->journal, muster_journal_get_read_position (reports->journal));
    }
  return reports->said->str;
}

/* Waits until that was said; returns the line from there. */
static inline const char *
test_reports_wait (TestReports *reports, const char *part)
{
  gint64 deadline_us = g_get_monotonic_time () + TEST_DEADLINE_US;
  const char *found;

  while ((found = strstr (test_reports_get (reports), part)) == NULL)
    {
      if (g_get_monotonic_time () > deadline_us)
        g_error ("nobody said '%s', but:\n%s", part, reports->said->str);
      g_usleep (1000);
    }
  return found;
}

static inline guint
test_reports_count (TestReports *reports, const char *part)
{
  guint n = 0;

  for (const char *p = test_reports_get (reports); (p = strstr (p, part)) != NULL; p++)
    n++;
  return n;
}

/* -- together -- */

typedef struct
{
  char *dir; /* of journals */
  TestReports reports;
  MusterPipeline *pipeline;
  TestKeeper *keeper;
  MusterSourceHouse house;
  MusterSource *source; /* the test's; started or NULL */
} TestIntakeEnds;

static inline void
test_intake_ends_set_up (TestIntakeEnds *ends, TestDescribeFunc describe)
{
  g_autoptr (GError) error = NULL;

  ends->dir = g_dir_make_tmp ("muster-intake-XXXXXX", NULL);
  test_reports_init (&ends->reports);
  ends->pipeline = muster_pipeline_new ();
  ends->keeper = g_object_new (test_keeper_get_type (), "name", "keeper", NULL);
  ends->keeper->describe = describe;
  muster_pipeline_add (ends->pipeline, MUSTER_TRANSPORT (ends->keeper));
  muster_pipeline_start (ends->pipeline, &error);
  g_assert_no_error (error);
  ends->house = (MusterSourceHouse){ .pipeline = ends->pipeline,
                                     .logger = ends->reports.logger,
                                     .host = "here",
                                     .cluster = "shop",
                                     .journals = ends->dir,
                                     .drain_timeout_us = TEST_DEADLINE_US };
}

/* Stops the source first, if there is one; nothing may be left in the directory. */
static inline void
test_intake_ends_tear_down (TestIntakeEnds *ends)
{
  if (ends->source != NULL)
    muster_source_stop (ends->source);
  muster_pipeline_stop (ends->pipeline, TEST_DEADLINE_US);
  if (ends->source != NULL)
    g_assert_finalize_object (ends->source);
  muster_pipeline_unref (ends->pipeline);
  g_assert_finalize_object (ends->keeper);
  test_reports_clear (&ends->reports);
  g_assert_cmpint (g_rmdir (ends->dir), ==, 0);
  g_free (ends->dir);
}
