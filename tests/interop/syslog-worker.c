/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The worker of test-syslog.py: N records with everything in them that syslog has to escape, then it ends. What number i
 * says, and its fields, are told by i alone: test-syslog.py makes the same.
 */
#include <stdlib.h>

#include <muster.h>

static void
say (MusterLogger *logger, guint i)
{
  static const char *const values[] = { "plain",         "\"quoted\"", "[x] ]",
                                        "back\\slash\\", "two\nlines", "\xc3\xbc\xe2\x82\xac" };
  g_autofree char *user = g_strdup_printf ("%s %u", values[i % G_N_ELEMENTS (values)], i);

  muster_log_with (
      logger, i % 3 == 0 ? MUSTER_LEVEL_WARNING : MUSTER_LEVEL_INFO,
      MUSTER_FIELDS (MUSTER_TEXT ("user", user), MUSTER_NATURAL ("number", i), MUSTER_FLAG ("odd", i % 2 == 1)),
      "record %u: %s \"]\\ %s", i, values[(i + 1) % G_N_ELEMENTS (values)], "\xc3\xa4");
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterWorker) worker = muster_worker_new ();
  g_autoptr (MusterLogger) logger = NULL;
  guint n = argc > 1 ? (guint) atoi (argv[1]) : 1;

  if (!muster_worker_connect (worker, &error))
    g_error ("%s", error->message);
  logger = muster_logger_new_child (muster_worker_get_logger (worker), "interop");
  for (guint i = 0; i < n; i++)
    say (logger, i);
  return 0;
}
