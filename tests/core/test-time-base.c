/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "muster-time-base-private.h"

static void
test_now (void)
{
  MusterTimeBase base;
  gint64 before_us = g_get_real_time ();
  gint64 now_ns;

  muster_time_base_now (&base);
  now_ns = muster_time_base_read (&base);
  /* A clock that is being set while this runs would be bad luck: a second is allowed. */
  g_assert_cmpint (now_ns / 1000, >=, before_us - G_USEC_PER_SEC);
  g_assert_cmpint (now_ns / 1000, <=, g_get_real_time () + G_USEC_PER_SEC);
  g_assert_cmpint (muster_time_base_read (&base), >=, now_ns);
}

static void
test_conversion (void)
{
  MusterTimeBase base = { .realtime_ns = 1000, .boottime_ns = 50 };

  g_assert_cmpint (muster_time_base_realtime (&base, 50), ==, 1000);
  g_assert_cmpint (muster_time_base_realtime (&base, 60), ==, 1010);
  g_assert_cmpint (muster_time_base_boottime (&base, 1010), ==, 60);
}

static void
test_boundaries (void)
{
  g_assert_cmpint (muster_boundary_at_or_before (29, 0, 10), ==, 20);
  g_assert_cmpint (muster_boundary_at_or_before (30, 0, 10), ==, 30);
  g_assert_cmpint (muster_boundary_at_or_before (29, 7, 10), ==, 27);
  g_assert_cmpint (muster_boundary_at_or_before (26, 7, 10), ==, 17);
  g_assert_cmpint (muster_boundary_at_or_before (26, 107, 10), ==, 17); /* before the start, too */
  g_assert_cmpint (muster_boundary_at_or_after (29, 0, 10), ==, 30);
  g_assert_cmpint (muster_boundary_at_or_after (30, 0, 10), ==, 30);
  g_assert_cmpint (muster_boundary_at_or_after (18, 107, 10), ==, 27);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/time-base/now", test_now);
  g_test_add_func ("/time-base/conversion", test_conversion);
  g_test_add_func ("/time-base/boundaries", test_boundaries);
  return g_test_run ();
}
