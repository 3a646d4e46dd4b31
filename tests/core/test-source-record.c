/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What sources bring in reaches the cluster's `record` signal, whichever way they bring it, while somebody listens.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>

#include "muster-cluster.h"
#include "test-batches.h"
#include "test-wait.h"

/* -- a source that says one thing through its intake, and one in a batch of somebody else's -- */

G_DECLARE_FINAL_TYPE (Speaker, speaker, TEST, SPEAKER, MusterSource)

struct _Speaker
{
  MusterSource parent_instance;
  guint64 next; /* number in the stream of the batches */
};

G_DEFINE_FINAL_TYPE (Speaker, speaker, MUSTER_TYPE_SOURCE)

static gboolean
speaker_start (MusterSource *source, GError **error)
{
  return muster_source_open_intake (source, 262144, error);
}

static void
take (gpointer source)
{
  const MusterSourceRecord record = { .level = MUSTER_LEVEL_INFO,
                                      .host = muster_slice_from_string ("router"),
                                      .message = muster_slice_from_string ("taken") };

  g_assert_true (muster_source_take (source, &record));
}

static void
speak (Speaker *self)
{
  MusterBatch *batch = test_batch ('s', self->next++, 1, "web-1", MUSTER_LEVEL_INFO);

  muster_source_run (MUSTER_SOURCE (self), take, self);
  muster_source_submit (MUSTER_SOURCE (self), batch);
  muster_batch_unref (batch);
}

static void
speaker_class_init (SpeakerClass *class)
{
  MUSTER_SOURCE_CLASS (class)->start = speaker_start;
}

static void
speaker_init (Speaker *self)
{
  self->next = 1;
}

/* -- the cluster -- */

typedef struct
{
  char *dir;
  MusterCluster *cluster;
  Speaker *speaker;
  guint taken, submitted; /* records that came */
  gboolean stopped;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *runtime = NULL;
  g_autofree char *state = NULL;

  fixture->dir = g_dir_make_tmp ("muster-record-XXXXXX", NULL);
  runtime = g_build_filename (fixture->dir, "run", NULL);
  state = g_build_filename (fixture->dir, "state", NULL);
  fixture->cluster =
      g_object_new (MUSTER_TYPE_CLUSTER, "name", "shop", "runtime-dir", runtime, "state-dir", state, NULL);
  fixture->speaker = g_object_new (speaker_get_type (), "name", "devices", NULL);
  muster_cluster_add_source (fixture->cluster, MUSTER_SOURCE (fixture->speaker));
  g_assert_true (muster_cluster_start (fixture->cluster, &error));
  g_assert_no_error (error);
}

static void
stopped_cb (GObject *cluster, GAsyncResult *result, gpointer user_data)
{
  g_assert_true (muster_cluster_stop_finish (MUSTER_CLUSTER (cluster), result, NULL));
  ((Fixture *) user_data)->stopped = TRUE;
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      remove_tree (child);
    }
  g_remove (path);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  muster_cluster_stop_async (fixture->cluster, NULL, stopped_cb, fixture);
  WAIT_UNTIL (fixture->stopped);
  g_object_unref (fixture->speaker);
  g_assert_finalize_object (fixture->cluster);
  remove_tree (fixture->dir);
  g_free (fixture->dir);
}

static void
record_cb (MusterCluster *cluster, MusterRecord *record, gpointer user_data)
{
  Fixture *fixture = user_data;

  if (g_strcmp0 (muster_record_get_message (record), "taken") == 0)
    {
      g_assert_cmpstr (muster_record_get_host (record), ==, "router");
      g_assert_cmpstr (muster_record_get_worker (record), ==, "devices");
      fixture->taken++;
    }
  else if (g_strcmp0 (muster_record_get_worker (record), "web-1") == 0)
    fixture->submitted++;
}

static void
test_record (Fixture *fixture, gconstpointer data)
{
  gulong handler;

  speak (fixture->speaker); /* nobody listens yet */
  handler = g_signal_connect (fixture->cluster, "record", G_CALLBACK (record_cb), fixture);
  g_main_context_iteration (NULL, FALSE); /* it is noticed */
  g_assert_cmpuint (fixture->submitted, ==, 0);
  speak (fixture->speaker);
  WAIT_UNTIL (fixture->taken > 0 && fixture->submitted > 0); /* of the intake the first one may have waited */
  g_assert_cmpuint (fixture->submitted, ==, 1);
  g_signal_handler_disconnect (fixture->cluster, handler);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/source-record/record", Fixture, NULL, set_up, test_record, tear_down);
  return g_test_run ();
}
