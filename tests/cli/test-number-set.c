/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * MusterNumberSet against a plain array of flags.
 */
#include "config.h"

#include "number-set.h"

#define SIZE (3u * 65536)

static void
test_in_order (void)
{
  g_autoptr (MusterNumberSet) set = muster_number_set_new ();

  g_assert_cmpuint (muster_number_set_add (set, 1, 100), ==, 0);
  g_assert_cmpuint (muster_number_set_add (set, 101, 1000000), ==, 0);
  g_assert_cmpuint (muster_number_set_count (set), ==, 1000000);
  g_assert_cmpuint (muster_number_set_add (set, 999999, 1000001), ==, 2);
  g_assert_cmpuint (muster_number_set_count (set), ==, 1000001);
  g_assert_cmpuint (muster_number_set_count_in (set, 65535, 65536), ==, 2);
  g_assert_cmpuint (muster_number_set_count_in (set, 1000000, 2000000), ==, 2);
  g_assert_cmpuint (muster_number_set_count_in (set, 2000000, G_MAXUINT64), ==, 0);
}

static void
test_far_apart (void)
{
  g_autoptr (MusterNumberSet) set = muster_number_set_new ();

  g_assert_cmpuint (muster_number_set_add (set, G_MAXUINT64, G_MAXUINT64), ==, 0);
  g_assert_cmpuint (muster_number_set_add (set, 0, 0), ==, 0);
  g_assert_cmpuint (muster_number_set_add (set, G_MAXUINT64 / 2, G_MAXUINT64 / 2), ==, 0);
  g_assert_cmpuint (muster_number_set_add (set, G_MAXUINT64 - 1, G_MAXUINT64), ==, 1);
  g_assert_cmpuint (muster_number_set_count_in (set, 0, G_MAXUINT64), ==, 4);
}

/* Every other number: a block becomes a bitmap. */
static void
test_scattered (void)
{
  g_autoptr (MusterNumberSet) set = muster_number_set_new ();

  for (guint i = 0; i < SIZE; i += 2)
    g_assert_cmpuint (muster_number_set_add (set, i, i), ==, 0);
  g_assert_cmpuint (muster_number_set_count_in (set, 1, 10), ==, 5);
  g_assert_cmpuint (muster_number_set_count_in (set, 65534, 65537), ==, 2);
  g_assert_cmpuint (muster_number_set_add (set, 0, SIZE - 1), ==, SIZE / 2);
  g_assert_cmpuint (muster_number_set_count (set), ==, SIZE);
}

static guint
model_walk (guint8 *model, guint first, guint last, gboolean set)
{
  guint found = 0;

  for (guint i = first; i <= last; i++)
    {
      found += model[i];
      if (set)
        model[i] = 1;
    }
  return found;
}

static void
test_random (void)
{
  g_autoptr (MusterNumberSet) set = muster_number_set_new ();
  g_autofree guint8 *model = g_new0 (guint8, SIZE);
  guint count = 0;

  for (guint i = 0; i < 20000; i++)
    {
      guint first = (guint) g_test_rand_int_range (0, SIZE);
      guint length = (guint) g_test_rand_int_range (0, i % 100 == 0 ? 5000 : 4);
      guint last = MIN (SIZE - 1, first + length);
      guint found;

      g_assert_cmpuint (muster_number_set_count_in (set, first, last), ==, model_walk (model, first, last, FALSE));
      found = model_walk (model, first, last, TRUE);
      g_assert_cmpuint (muster_number_set_add (set, first, last), ==, found);
      count += last - first + 1 - found;
      g_assert_cmpuint (muster_number_set_count (set), ==, count);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/number-set/in-order", test_in_order);
  g_test_add_func ("/number-set/far-apart", test_far_apart);
  g_test_add_func ("/number-set/scattered", test_scattered);
  g_test_add_func ("/number-set/random", test_random);
  return g_test_run ();
}
