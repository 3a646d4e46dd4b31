/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The intake: what is taken is numbered, labelled and delivered; without room nothing is taken and nothing is lost; what
 * is not delivered at the end stays for the next primary.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>

#include "muster-source-private.h"
#include "muster-transport-private.h"

#define DEADLINE_US  (20 * G_USEC_PER_SEC)
#define JOURNAL_SIZE 262144

/* -- a transport that keeps what it gets, behind a gate -- */

G_DECLARE_FINAL_TYPE (Keeper, keeper, TEST, KEEPER, MusterTransport)

struct _Keeper
{
  MusterTransport parent_instance;
  GMutex lock;
  GCond cond;
  gboolean closed;
  GString *text; /* "1 host/devices/7 hello;" */
  guint64 next;
};

G_DEFINE_FINAL_TYPE (Keeper, keeper, MUSTER_TYPE_TRANSPORT)

static void
keep (Keeper *self, const MusterEntry *entry)
{
  MusterRecordView record;

  if (entry->kind == MUSTER_ENTRY_ORIGIN)
    {
      g_string_append_printf (self->text, "%.*s/%.*s/%u:", (int) entry->origin->host.length, entry->origin->host.data,
                              (int) entry->origin->worker.length, entry->origin->worker.data, entry->origin->pid);
      return;
    }
  g_assert_cmpuint (entry->sequence, ==, self->next);
  self->next = entry->sequence + entry->count;
  if (muster_entry_get_record (entry, &record) && self->text->len < 4096)
    g_string_append_printf (self->text, "%.*s;", (int) record.message.length, record.message.data);
}

static MusterWriteResult
keeper_write (MusterTransport *transport, MusterBatch *batch, GError **error)
{
  Keeper *self = TEST_KEEPER (transport);
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  MusterEntryIter iter;
  MusterEntry entry;
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);

  while (self->closed)
    g_cond_wait (&self->cond, &self->lock);
  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    keep (self, &entry);
  g_assert_false (muster_entry_iter_get_error (&iter, NULL));
  g_cond_broadcast (&self->cond);
  return MUSTER_WRITE_DONE;
}

static void
keeper_finalize (GObject *object)
{
  g_string_free (TEST_KEEPER (object)->text, TRUE);
  G_OBJECT_CLASS (keeper_parent_class)->finalize (object);
}

static void
keeper_class_init (KeeperClass *class)
{
  G_OBJECT_CLASS (class)->finalize = keeper_finalize;
  MUSTER_TRANSPORT_CLASS (class)->write = keeper_write;
}

static void
keeper_init (Keeper *self)
{
  g_mutex_init (&self->lock);
  g_cond_init (&self->cond);
  self->text = g_string_new (NULL);
  self->next = 1;
}

static void
keeper_set_closed (Keeper *self, gboolean closed)
{
  g_mutex_lock (&self->lock);
  self->closed = closed;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

static void
keeper_wait (Keeper *self, guint64 next)
{
  gint64 deadline_us = g_get_monotonic_time () + DEADLINE_US;

  g_mutex_lock (&self->lock);
  while (self->next < next)
    g_assert_true (g_cond_wait_until (&self->cond, &self->lock, deadline_us));
  g_mutex_unlock (&self->lock);
}

/* -- a source that takes what the test gives it -- */

G_DECLARE_FINAL_TYPE (Taker, taker, TEST, TAKER, MusterSource)

struct _Taker
{
  MusterSource parent_instance;
  guint left; /* still to be taken */
  guint taken;
  guint refused;
};

G_DEFINE_FINAL_TYPE (Taker, taker, MUSTER_TYPE_SOURCE)

static gboolean
taker_start (MusterSource *source, GError **error)
{
  return muster_source_open_intake (source, JOURNAL_SIZE, error);
}

static void
take_all (gpointer data)
{
  Taker *self = data;
  static const char filler[1000] = { 'x' };
  const MusterSourceRecord record = { .level = MUSTER_LEVEL_INFO,
                                      .time_ns = 1,
                                      .host = muster_slice_from_string ("router"),
                                      .message = { filler, sizeof filler } };

  for (; self->left > 0; self->left--, self->taken++)
    if (!muster_source_take (MUSTER_SOURCE (self), &record))
      {
        self->refused++;
        return;
      }
}

static void
taker_room (MusterSource *source)
{
  take_all (source);
}

static void
taker_class_init (TakerClass *class)
{
  MUSTER_SOURCE_CLASS (class)->start = taker_start;
  MUSTER_SOURCE_CLASS (class)->room = taker_room;
}

static void
taker_init (Taker *self)
{
}

/* -- together -- */

typedef struct
{
  char *dir;
  MusterPipeline *pipeline;
  Keeper *keeper;
  MusterSource *source;
  MusterSourceHouse house;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->dir = g_dir_make_tmp ("muster-intake-XXXXXX", NULL);
  fixture->pipeline = muster_pipeline_new ();
  fixture->keeper = g_object_new (keeper_get_type (), "name", "keeper", NULL);
  muster_pipeline_add (fixture->pipeline, MUSTER_TRANSPORT (fixture->keeper));
  muster_pipeline_start (fixture->pipeline, &error);
  g_assert_no_error (error);
  fixture->source = g_object_new (taker_get_type (), "name", "devices", NULL);
  fixture->house = (MusterSourceHouse){ .pipeline = fixture->pipeline,
                                        .host = "here",
                                        .cluster = "shop",
                                        .journals = fixture->dir,
                                        .drain_timeout_us = DEADLINE_US };
  g_assert_true (muster_source_start (fixture->source, &fixture->house, &error));
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  muster_source_stop (fixture->source);
  muster_pipeline_stop (fixture->pipeline, DEADLINE_US);
  g_assert_finalize_object (fixture->source);
  muster_pipeline_unref (fixture->pipeline);
  g_assert_finalize_object (fixture->keeper);
  g_rmdir (fixture->dir);
  g_free (fixture->dir);
}

static void
say (gpointer data)
{
  static const char *const hosts[] = { "router", "router", "", "switch" };
  MusterSource *source = data;

  for (guint i = 0; i < G_N_ELEMENTS (hosts); i++)
    {
      const MusterSourceRecord record = { .level = MUSTER_LEVEL_ERROR,
                                          .host = muster_slice_from_string (hosts[i]),
                                          .pid = i < 2 ? 7 : 8,
                                          .message = muster_slice_from_string (i % 2 == 0 ? "even" : "odd") };

      g_assert_true (muster_source_take (source, &record));
    }
}

/* Each host is its own origin, written once for a run of records. */
static void
test_labels (Fixture *fixture, gconstpointer data)
{
  muster_source_run (fixture->source, say, fixture->source);
  keeper_wait (fixture->keeper, 5);
  g_mutex_lock (&fixture->keeper->lock);
  g_assert_nonnull (strstr (fixture->keeper->text->str, "router/devices/7:even;"));
  g_assert_nonnull (strstr (fixture->keeper->text->str, "here/devices/8:even;"));
  g_assert_nonnull (strstr (fixture->keeper->text->str, "switch/devices/8:odd;"));
  g_mutex_unlock (&fixture->keeper->lock);
}

static guint
count_files (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  guint n = 0;
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_assert_true (g_str_has_prefix (name, "source:devices-"));
      n++;
    }
  return n;
}

static void
test_stop (Fixture *fixture, gconstpointer data)
{
  muster_source_run (fixture->source, say, fixture->source);
  g_assert_cmpuint (count_files (fixture->dir), ==, 1);
  g_assert_true (muster_source_stop (fixture->source));
  g_assert_cmpuint (count_files (fixture->dir), ==, 0);
  g_assert_true (g_str_has_suffix (fixture->keeper->text->str, "the source stopped;"));
  g_assert_cmpuint (fixture->keeper->next, ==, 6);
}

/* A transport that stands still: the journal fills, nothing is taken; when it goes on, so does the source, and no record is
 * missing. */
static void
test_room (Fixture *fixture, gconstpointer data)
{
  Taker *taker = TEST_TAKER (fixture->source);

  keeper_set_closed (fixture->keeper, TRUE);
  taker->left = 2000; /* several times the journal */
  muster_source_run (fixture->source, take_all, taker);
  g_assert_cmpuint (taker->refused, ==, 1);
  g_assert_cmpuint (taker->taken, >, 100);
  g_assert_cmpuint (taker->taken, <, JOURNAL_SIZE / 1000);
  keeper_set_closed (fixture->keeper, FALSE);
  keeper_wait (fixture->keeper, 2001);
  g_assert_cmpuint (taker->taken, ==, 2000);
  g_assert_cmpuint (taker->refused, >, 1);
}

/* What is not delivered when it stops stays, under the name of the stream. */
static void
test_kept (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GDir) dir = NULL;
  g_autofree char *path = NULL;

  fixture->house.drain_timeout_us = 10000;
  muster_source_stop (fixture->source);
  g_assert_cmpuint (count_files (fixture->dir), ==, 0);
  g_clear_object (&fixture->source);
  fixture->source = g_object_new (taker_get_type (), "name", "devices", NULL);
  g_assert_true (muster_source_start (fixture->source, &fixture->house, NULL));
  keeper_set_closed (fixture->keeper, TRUE);
  fixture->keeper->next = 1;
  muster_source_run (fixture->source, say, fixture->source);
  g_assert_false (muster_source_stop (fixture->source));
  g_assert_cmpuint (count_files (fixture->dir), ==, 1);
  dir = g_dir_open (fixture->dir, 0, NULL);
  path = g_build_filename (fixture->dir, g_dir_read_name (dir), NULL);
  g_assert_cmpint (g_unlink (path), ==, 0);
  keeper_set_closed (fixture->keeper, FALSE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/source-intake/labels", Fixture, NULL, set_up, test_labels, tear_down);
  g_test_add ("/source-intake/stop", Fixture, NULL, set_up, test_stop, tear_down);
  g_test_add ("/source-intake/room", Fixture, NULL, set_up, test_room, tear_down);
  g_test_add ("/source-intake/kept", Fixture, NULL, set_up, test_kept, tear_down);
  return g_test_run ();
}
