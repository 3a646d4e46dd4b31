/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "muster-crash-naming-private.h"
#include "muster-crash-report-private.h"

static void
named_cb (const char *backtrace, gpointer user_data)
{
  char **answer = user_data;

  g_assert_null (*answer);
  *answer = g_strdup (backtrace);
}

static gboolean
late_cb (gpointer user_data)
{
  g_error ("waited too long");
  return G_SOURCE_REMOVE;
}

static char *
await (gint64 timeout_us)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GSource) watchdog = g_timeout_source_new_seconds (30);
  const MusterJournalCrash crash = { .n_frames = 1,
                                     .frames = { { .address = 7, .module = MUSTER_JOURNAL_CRASH_NO_MODULE } } };
  char *answer = NULL;

  g_source_set_callback (watchdog, late_cb, NULL, NULL);
  g_source_attach (watchdog, context);
  muster_crash_naming_start (&crash, timeout_us, context, named_cb, &answer);
  g_assert_null (answer);
  while (answer == NULL)
    g_main_context_iteration (context, TRUE);
  while (g_main_context_iteration (context, FALSE)) /* and no second time */
    ;
  g_source_destroy (watchdog);
  return answer;
}

static void
test_named (void)
{
  g_autofree char *answer = await (60 * G_TIME_SPAN_SECOND);

  g_assert_cmpstr (answer, ==, "#0 0x7");
}

/* No disk is that fast; the timer comes first. */
static void
test_timeout (void)
{
  g_autofree char *answer = await (0);

  g_assert_cmpstr (answer, ==, "0x7");
}

static void
test_cancel (void)
{
  const MusterJournalCrash crash = { 0 };
  g_autoptr (GMainContext) context = g_main_context_new ();
  char *answer = NULL;

  muster_crash_naming_cancel (muster_crash_naming_start (&crash, 60 * G_TIME_SPAN_SECOND, context, named_cb, &answer));
  g_main_context_iteration (context, TRUE); /* the thread is done */
  g_assert_null (answer);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/crash-naming/named", test_named);
  g_test_add_func ("/crash-naming/timeout", test_timeout);
  g_test_add_func ("/crash-naming/cancel", test_cancel);
  return g_test_run ();
}
