/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A kind of metric that is a plugin, from a keyfile: what workers measure with it is in deliveries as the kind reports it;
 * and where the primary does not know the kind, everything else is.
 */
#include <glib/gstdio.h>

#include "cluster-helpers.h"

typedef struct
{
  char *base;
  MusterCluster *cluster;
  GString *deliveries; /* as JSON, one behind the other */
} Fixture;

static void
delivery_cb (MusterCluster *cluster, MusterDataset *dataset, Fixture *fixture)
{
  g_autofree char *json = muster_dataset_to_json (dataset);

  g_string_append (fixture->deliveries, json);
}

static MusterCluster *
read_keyfile (Fixture *fixture, const char *kinds, GError **error)
{
  g_autofree char *path = g_build_filename (fixture->base, "test.conf", NULL);
  g_autofree char *worker = g_test_build_filename (G_TEST_BUILT, "cluster", "kind-worker", NULL);
  g_autofree char *text =
      g_strdup_printf ("[muster]\nname=kinds\nruntime-dir=%s/run\ninterval=200ms\n%s\n"
                       "[worker web]\nexec=%s\ninstances=2\nenvironment=ASAN_OPTIONS=detect_leaks=0\n",
                       fixture->base, kinds, worker);
  MusterCluster *cluster;

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  cluster = muster_cluster_new_from_file (path, error);
  g_unlink (path);
  return cluster;
}

static void
run (Fixture *fixture, const char *kinds, const char *expected)
{
  g_autoptr (GError) error = NULL;

  fixture->base = g_dir_make_tmp ("muster-XXXXXX", NULL);
  fixture->deliveries = g_string_new (NULL);
  fixture->cluster = read_keyfile (fixture, kinds, &error);
  g_assert_no_error (error);
  g_signal_connect (fixture->cluster, "delivery", G_CALLBACK (delivery_cb), fixture);
  cluster_start (fixture->cluster);
  WAIT_UNTIL (strstr (fixture->deliveries->str, expected) != NULL);
  cluster_stop (fixture->cluster);
  g_assert_finalize_object (fixture->cluster);
  g_rmdir (fixture->base);
  g_string_free (fixture->deliveries, TRUE);
  g_clear_pointer (&fixture->base, g_free);
}

/* First, for kinds that have been registered stay so. */
static void
test_unknown (void)
{
  Fixture fixture = { 0 };

  run (&fixture, "", "\"type\":\"histogram\",\"value\":{\"count\":");
}

static void
test_known (void)
{
  Fixture fixture = { 0 };

  /* Two workers, so in total twice as many. */
  run (&fixture, "metric-kinds=histogram",
       "\"total\":{\"http\":{\"latency\":{\"type\":\"histogram\",\"value\":{\"le1\":2,\"le2\":0,\"le5\":2,\"le10\":2,"
       "\"le20\":2");
  run (&fixture, "metric-kinds=histogram",
       "\"type\":\"histogram\",\"value\":{\"le1\":1,\"le2\":0,\"le5\":1,\"le10\":1,"
       "\"le20\":1,\"le50\":3,\"le100\":3,\"le200\":4,\"le500\":6,");
}

static void
test_misspelt (void)
{
  Fixture fixture = { .base = g_dir_make_tmp ("muster-XXXXXX", NULL) };
  g_autoptr (GError) error = NULL;

  g_assert_null (read_keyfile (&fixture, "metric-kinds=histogam", &error));
  g_assert_nonnull (strstr (error->message, "did you mean 'histogram'?"));
  g_rmdir (fixture.base);
  g_free (fixture.base);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/metric-kinds/unknown", test_unknown);
  g_test_add_func ("/metric-kinds/misspelt", test_misspelt);
  g_test_add_func ("/metric-kinds/known", test_known);
  return g_test_run ();
}
