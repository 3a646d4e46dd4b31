/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "muster-level.h"

static void
test_names (void)
{
  for (MusterLevel level = MUSTER_LEVEL_NONE; level <= MUSTER_LEVEL_DEBUG; level++)
    {
      MusterLevel back = MUSTER_LEVEL_NONE;

      g_assert_true (muster_level_from_string (muster_level_to_string (level), &back));
      g_assert_cmpint (back, ==, level);
    }
  g_assert_cmpstr (muster_level_to_string ((MusterLevel) 9), ==, "unknown");
}

static void
test_aliases (void)
{
  MusterLevel level = MUSTER_LEVEL_NONE;

  g_assert_true (muster_level_from_string ("ERR", &level));
  g_assert_cmpint (level, ==, MUSTER_LEVEL_ERROR);
  g_assert_true (muster_level_from_string ("Panic", &level));
  g_assert_cmpint (level, ==, MUSTER_LEVEL_EMERGENCY);
  g_assert_false (muster_level_from_string ("loud", &level));
  g_assert_false (muster_level_from_string ("", &level));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/level/names", test_names);
  g_test_add_func ("/level/aliases", test_aliases);
  return g_test_run ();
}
