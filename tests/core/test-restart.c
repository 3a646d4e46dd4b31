/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "muster-restart-private.h"

#define MS G_TIME_SPAN_MILLISECOND
#define S  G_TIME_SPAN_SECOND

static const MusterRestartRules rules = { 100 * MS, 1 * S, 0, 60 * S };

static void
test_policy (void)
{
  g_assert_false (muster_restart_is_wanted (MUSTER_RESTART_NO, TRUE));
  g_assert_false (muster_restart_is_wanted (MUSTER_RESTART_NO, FALSE));
  g_assert_true (muster_restart_is_wanted (MUSTER_RESTART_ON_FAILURE, TRUE));
  g_assert_false (muster_restart_is_wanted (MUSTER_RESTART_ON_FAILURE, FALSE));
  g_assert_true (muster_restart_is_wanted (MUSTER_RESTART_ALWAYS, TRUE));
  g_assert_true (muster_restart_is_wanted (MUSTER_RESTART_ALWAYS, FALSE));
}

static void
test_backoff (void)
{
  const gint64 expected_ms[] = { 100, 200, 400, 800, 1000, 1000 };
  MusterRestart restart = { 0 };

  for (gsize i = 0; i < G_N_ELEMENTS (expected_ms); i++)
    g_assert_cmpint (muster_restart_next (&restart, &rules, 0, 0, 0.5), ==, expected_ms[i] * MS);
  muster_restart_clear (&restart);
}

static void
test_jitter (void)
{
  MusterRestart low = { 0 }, high = { 0 };

  g_assert_cmpint (muster_restart_next (&low, &rules, 0, 0, 0), ==, 80 * MS);
  g_assert_cmpint (muster_restart_next (&high, &rules, 0, 0, 0.999999), <=, 120 * MS);
  g_assert_cmpint (muster_restart_next (&high, &rules, 0, 0, 0.75), ==, 220 * MS);
}

static void
test_long_run (void)
{
  MusterRestart restart = { 0 };

  muster_restart_next (&restart, &rules, 0, 0, 0.5);
  muster_restart_next (&restart, &rules, 0, 0, 0.5);
  g_assert_cmpint (muster_restart_next (&restart, &rules, 0, 59 * S, 0.5), ==, 400 * MS);
  g_assert_cmpint (muster_restart_next (&restart, &rules, 0, 60 * S, 0.5), ==, 100 * MS);
}

static void
test_limit (void)
{
  const MusterRestartRules limited = { 100 * MS, 1 * S, 3, 60 * S };
  MusterRestart restart = { 0 };

  for (gint64 i = 0; i < 3; i++)
    g_assert_cmpint (muster_restart_next (&restart, &limited, i * 10 * S, 0, 0.5), >, 0);
  g_assert_cmpint (muster_restart_next (&restart, &limited, 59 * S, 0, 0.5), ==, -1);
  g_assert_cmpint (muster_restart_next (&restart, &limited, 60 * S, 0, 0.5), >, 0); /* the first has left the window */
  g_assert_cmpint (muster_restart_next (&restart, &limited, 61 * S, 0, 0.5), ==, -1);
  muster_restart_clear (&restart);
  g_assert_cmpint (muster_restart_next (&restart, &limited, 61 * S, 0, 0.5), ==, 100 * MS);
  muster_restart_clear (&restart);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/restart/policy", test_policy);
  g_test_add_func ("/restart/backoff", test_backoff);
  g_test_add_func ("/restart/jitter", test_jitter);
  g_test_add_func ("/restart/long-run", test_long_run);
  g_test_add_func ("/restart/limit", test_limit);
  return g_test_run ();
}
