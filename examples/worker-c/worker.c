/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <muster.h>

int
main (void)
{
  g_autoptr (MusterWorker) worker = muster_worker_new ();
  g_autoptr (GError) error = NULL;

  if (!muster_worker_connect (worker, &error))
    g_error ("%s", error->message);
  for (int i = 1; i <= 10; i++)
    {
      muster_info (muster_worker_get_logger (worker), "tick %d", i);
      muster_metrics_inc (muster_worker_get_metrics (worker), MUSTER_PATH ("clock"), "ticks", 1);
      g_usleep (G_USEC_PER_SEC);
    }
  return 0;
}
