/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The intake: what is taken is numbered, labelled and delivered; without room nothing is taken and nothing is lost; what
 * is not delivered at the end stays for the next primary.
 */
#include "config.h"

#include "test-intake-ends.h"

#define JOURNAL_SIZE 262144
#define BACKLOG_SIZE (32 << 20) /* more than is read from a journal in one go */

/* "host/worker/pid:" of an origin, "message;" of a record. */
static char *
describe (const MusterEntry *entry)
{
  MusterRecordView record;

  if (entry->kind == MUSTER_ENTRY_ORIGIN)
    return g_strdup_printf ("%.*s/%.*s/%u:", (int) entry->origin->host.length, entry->origin->host.data,
                            (int) entry->origin->worker.length, entry->origin->worker.data, entry->origin->pid);
  if (muster_entry_get_record (entry, &record))
    return g_strdup_printf ("%.*s;", (int) record.message.length, record.message.data);
  return NULL;
}

/* -- a source that takes what the test gives it -- */

G_DECLARE_FINAL_TYPE (Taker, taker, TEST, TAKER, MusterSource)

struct _Taker
{
  MusterSource parent_instance;
  guint64 journal_size;
  guint left; /* still to be taken */
  guint taken;
  guint refused;
};

G_DEFINE_FINAL_TYPE (Taker, taker, MUSTER_TYPE_SOURCE)

static gboolean
taker_start (MusterSource *source, GError **error)
{
  return muster_source_open_intake (source, TEST_TAKER (source)->journal_size, error);
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
  self->journal_size = JOURNAL_SIZE;
}

/* -- together -- */

static void
set_up (TestIntakeEnds *ends, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  test_intake_ends_set_up (ends, describe);
  ends->source = g_object_new (taker_get_type (), "name", "devices", NULL);
  g_assert_true (muster_source_start (ends->source, &ends->house, &error));
  g_assert_no_error (error);
}

static void
tear_down (TestIntakeEnds *ends, gconstpointer data)
{
  test_intake_ends_tear_down (ends);
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
test_labels (TestIntakeEnds *ends, gconstpointer data)
{
  g_autofree char *text = NULL;

  muster_source_run (ends->source, say, ends->source);
  test_keeper_wait (ends->keeper, 4);
  text = test_keeper_join (ends->keeper);
  g_assert_nonnull (strstr (text, "router/devices/7:even;"));
  g_assert_nonnull (strstr (text, "here/devices/8:even;"));
  g_assert_nonnull (strstr (text, "switch/devices/8:odd;"));
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
test_stop (TestIntakeEnds *ends, gconstpointer data)
{
  g_autofree char *text = NULL;

  muster_source_run (ends->source, say, ends->source);
  g_assert_cmpuint (count_files (ends->dir), ==, 1);
  g_assert_true (muster_source_stop (ends->source));
  g_assert_cmpuint (count_files (ends->dir), ==, 0);
  text = test_keeper_join (ends->keeper);
  g_assert_true (g_str_has_suffix (text, "the source stopped;"));
  g_assert_cmpuint (ends->keeper->next, ==, 6);
}

/* A transport that stands still: the journal fills, nothing is taken; when it goes on, so does the source, and no record is
 * missing. */
static void
test_room (TestIntakeEnds *ends, gconstpointer data)
{
  Taker *taker = TEST_TAKER (ends->source);

  test_keeper_set_closed (ends->keeper, TRUE);
  taker->left = 2000; /* several times the journal */
  muster_source_run (ends->source, take_all, taker);
  g_assert_cmpuint (taker->refused, ==, 1);
  g_assert_cmpuint (taker->taken, >, 100);
  g_assert_cmpuint (taker->taken, <, JOURNAL_SIZE / 1000);
  test_keeper_set_closed (ends->keeper, FALSE);
  test_keeper_wait (ends->keeper, 2000);
  g_assert_cmpuint (taker->taken, ==, 2000);
  g_assert_cmpuint (taker->refused, >, 1);
}

static void
remove_file (TestIntakeEnds *ends)
{
  g_autoptr (GDir) dir = g_dir_open (ends->dir, 0, NULL);
  const char *name = g_dir_read_name (dir);
  g_autofree char *path = name != NULL ? g_build_filename (ends->dir, name, NULL) : NULL;

  if (path != NULL)
    g_assert_cmpint (g_unlink (path), ==, 0);
}

/* What is not delivered when it stops stays, under the name of the stream. */
static void
test_kept (TestIntakeEnds *ends, gconstpointer data)
{
  ends->house.drain_timeout_us = 10000;
  muster_source_stop (ends->source);
  g_assert_cmpuint (count_files (ends->dir), ==, 0);
  g_clear_object (&ends->source);
  ends->source = g_object_new (taker_get_type (), "name", "devices", NULL);
  g_assert_true (muster_source_start (ends->source, &ends->house, NULL));
  test_keeper_set_closed (ends->keeper, TRUE);
  ends->keeper->next = 1;
  muster_source_run (ends->source, say, ends->source);
  g_assert_false (muster_source_stop (ends->source));
  g_assert_cmpuint (count_files (ends->dir), ==, 1);
  remove_file (ends);
  test_keeper_set_closed (ends->keeper, FALSE);
}

static void
count_cb (MusterBatch *batch, gpointer user_data)
{
  g_atomic_int_inc ((int *) user_data);
}

/* What had not even been read then is the next primary's: who looked at the records is gone when the source goes. */
static void
test_backlog (TestIntakeEnds *ends, gconstpointer data)
{
  int tapped = 0, before;
  Taker *taker;

  muster_source_stop (ends->source);
  g_clear_object (&ends->source);
  ends->keeper->next = 1;
  ends->house.drain_timeout_us = 0;
  ends->house.tap = count_cb;
  ends->house.tap_data = &tapped;
  taker = g_object_new (taker_get_type (), "name", "devices", NULL);
  taker->journal_size = BACKLOG_SIZE;
  taker->left = BACKLOG_SIZE / 1100;
  ends->source = MUSTER_SOURCE (taker);
  g_assert_true (muster_source_start (ends->source, &ends->house, NULL));
  muster_source_run (ends->source, take_all, taker);
  muster_source_stop (ends->source);
  before = g_atomic_int_get (&tapped);
  remove_file (ends);
  muster_pipeline_stop (ends->pipeline, TEST_DEADLINE_US);
  g_assert_finalize_object (g_steal_pointer (&ends->source));
  g_assert_cmpint (g_atomic_int_get (&tapped), ==, before);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/source-intake/labels", TestIntakeEnds, NULL, set_up, test_labels, tear_down);
  g_test_add ("/source-intake/stop", TestIntakeEnds, NULL, set_up, test_stop, tear_down);
  g_test_add ("/source-intake/room", TestIntakeEnds, NULL, set_up, test_room, tear_down);
  g_test_add ("/source-intake/kept", TestIntakeEnds, NULL, set_up, test_kept, tear_down);
  g_test_add ("/source-intake/backlog", TestIntakeEnds, NULL, set_up, test_backlog, tear_down);
  return g_test_run ();
}
