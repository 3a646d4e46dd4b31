/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A primary of one's own that subscribes to deliveries; SIGTERM and SIGINT end it in good order.
 */
#include <glib-unix.h>
#include <muster.h>

static void
print_delivery (MusterCluster *cluster, MusterDataset *dataset, gpointer user_data)
{
  g_autofree char *json = muster_dataset_to_json (dataset);

  g_print ("%s\n", json);
}

static void
stopped_cb (GObject *cluster, GAsyncResult *result, gpointer loop)
{
  g_autoptr (GError) error = NULL;

  if (!muster_cluster_stop_finish (MUSTER_CLUSTER (cluster), result, &error))
    g_printerr ("%s\n", error->message);
  g_main_loop_quit (loop);
}

static gboolean
stop_cb (gpointer cluster)
{
  muster_cluster_stop_async (cluster, NULL, stopped_cb, g_object_get_data (cluster, "loop"));
  return G_SOURCE_CONTINUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterCluster) cluster = muster_cluster_new_from_file (argc > 1 ? argv[1] : "muster.conf", &error);

  if (cluster == NULL || !muster_cluster_start (cluster, &error))
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }
  g_object_set_data (G_OBJECT (cluster), "loop", loop);
  g_signal_connect (cluster, "delivery", G_CALLBACK (print_delivery), NULL);
  g_unix_signal_add (SIGTERM, stop_cb, cluster);
  g_unix_signal_add (SIGINT, stop_cb, cluster);
  g_main_loop_run (loop);
  return 0;
}
