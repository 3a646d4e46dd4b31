#include <muster.h>

static void
print_delivery (MusterCluster *cluster, MusterDataset *dataset, gpointer user_data)
{
  g_autofree char *json = muster_dataset_to_json (dataset);

  g_print ("%s\n", json);
}

int
main (int argc, char **argv)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterCluster) cluster = muster_cluster_new_from_file (argv[1], &error);

  if (cluster == NULL || !muster_cluster_start (cluster, &error))
    g_error ("%s", error->message);
  g_signal_connect (cluster, "delivery", G_CALLBACK (print_delivery), NULL);
  g_main_loop_run (loop);
  return 0;
}
