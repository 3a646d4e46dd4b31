/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * MusterIntervalMap, by example and against a plain array.
 */
#include "config.h"

#include "interval-map.h"

#define SIZE 400

static char *
to_text (MusterIntervalMap *map)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < muster_interval_map_get_length (map); i++)
    {
      const MusterInterval *interval = muster_interval_map_get (map, i);

      g_string_append_printf (text, "%s%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT ":%u", i > 0 ? " " : "",
                              interval->first, interval->last, interval->value);
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

#define assert_text(map, expected)                                                                                     \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    g_autofree char *text = to_text (map);                                                                             \
    g_assert_cmpstr (text, ==, expected);                                                                              \
  }                                                                                                                    \
  G_STMT_END

static void
test_joins (void)
{
  g_autoptr (MusterIntervalMap) map = muster_interval_map_new ();

  g_assert_cmpuint (muster_interval_map_add (map, 1, 5, 0), ==, 0);
  g_assert_cmpuint (muster_interval_map_add (map, 8, 9, 0), ==, 0);
  assert_text (map, "1-5:0 8-9:0");
  g_assert_cmpuint (muster_interval_map_add (map, 6, 7, 0), ==, 0);
  assert_text (map, "1-9:0");
  g_assert_cmpuint (muster_interval_map_add (map, 4, 12, 0), ==, 6);
  assert_text (map, "1-12:0");
  g_assert_cmpuint (muster_interval_map_count (map), ==, 12);
}

static void
test_first_stays (void)
{
  g_autoptr (MusterIntervalMap) map = muster_interval_map_new ();

  muster_interval_map_add (map, 10, 12, 1);
  muster_interval_map_add (map, 16, 18, 2);
  g_assert_cmpuint (muster_interval_map_add (map, 8, 20, 3), ==, 6);
  assert_text (map, "8-9:3 10-12:1 13-15:3 16-18:2 19-20:3");
  g_assert_cmpuint (muster_interval_map_add (map, 8, 20, 4), ==, 13);
  assert_text (map, "8-9:3 10-12:1 13-15:3 16-18:2 19-20:3");
}

static void
test_ends (void)
{
  g_autoptr (MusterIntervalMap) map = muster_interval_map_new ();

  muster_interval_map_add (map, G_MAXUINT64 - 1, G_MAXUINT64, 0);
  muster_interval_map_add (map, 1, 1, 0);
  g_assert_cmpuint (muster_interval_map_add (map, 1, G_MAXUINT64, 0), ==, 3);
  assert_text (map, "1-18446744073709551615:0");
}

static void
test_random (void)
{
  for (guint round = 0; round < 200; round++)
    {
      g_autoptr (MusterIntervalMap) map = muster_interval_map_new ();
      int model[SIZE] = { 0 };

      for (guint i = 0; i < 40; i++)
        {
          guint first = (guint) g_test_rand_int_range (0, SIZE);
          guint length = (guint) g_test_rand_int_range (0, 30);
          guint last = MIN (SIZE - 1, first + length);
          guint value = (guint) g_test_rand_int_range (1, 4);
          guint found = 0;

          for (guint j = first; j <= last; j++)
            if (model[j] != 0)
              found++;
            else
              model[j] = (int) value;
          g_assert_cmpuint (muster_interval_map_add (map, first, last, value), ==, found);
        }
      for (guint i = 0; i < muster_interval_map_get_length (map); i++)
        {
          const MusterInterval *interval = muster_interval_map_get (map, i);

          for (guint64 j = interval->first; j <= interval->last; j++)
            {
              g_assert_cmpint (model[j], ==, interval->value);
              model[j] = 0;
            }
        }
      for (guint i = 0; i < SIZE; i++)
        g_assert_cmpint (model[i], ==, 0);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/interval-map/joins", test_joins);
  g_test_add_func ("/interval-map/first-stays", test_first_stays);
  g_test_add_func ("/interval-map/ends", test_ends);
  g_test_add_func ("/interval-map/random", test_random);
  return g_test_run ();
}
