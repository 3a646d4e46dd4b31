/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The fast formatter against vsnprintf(): the same text, or -1.
 */
#include "config.h"

#include <limits.h>
#include <stdio.h>

#include "muster-printf-private.h"

static gboolean G_GNUC_PRINTF (1, 2) same (const char *format, ...)
{
  char fast[300], slow[300];
  va_list arguments;
  gssize length;
  int expected;

  va_start (arguments, format);
  expected = vsnprintf (slow, sizeof slow, format, arguments);
  va_end (arguments);
  va_start (arguments, format);
  length = muster_printf_fast (fast, sizeof fast, format, arguments);
  va_end (arguments);
  if (length < 0)
    return FALSE; /* left to vsnprintf() */
  g_assert_cmpint (length, ==, expected);
  g_assert_cmpmem (fast, MIN ((gsize) length, sizeof fast), slow, MIN ((gsize) length, sizeof slow - 1));
  return TRUE;
}

static void
test_conversions (void)
{
  const char *none = NULL;

  g_assert_true (same ("plain"));
  g_assert_true (same ("%s", ""));
  g_assert_true (same ("%s and %s%%", "one", "two"));
  g_assert_true (same ("%s", none));
  g_assert_true (same ("%d %d %d %d", 0, -1, INT_MAX, INT_MIN));
  g_assert_true (same ("%i|%u|%x", -7, UINT_MAX, 0xdeadbeefu));
  g_assert_true (same ("%ld %ld %lu %lx", LONG_MIN, LONG_MAX, ULONG_MAX, ULONG_MAX));
  g_assert_true (same ("%lld %llu %llx", LLONG_MIN, ULLONG_MAX, 1ull << 63));
  g_assert_true (same ("%zu %zx", (gsize) 99, (gsize) 100));
  g_assert_true (same ("%hd %hu", (short) -5, (unsigned short) 65535));
  g_assert_true (same ("%c%c", 'a', 'z'));
  g_assert_true (same ("%" G_GUINT64_FORMAT " %" G_GINT64_FORMAT, G_MAXUINT64, G_MININT64));
  for (int i = -1200; i < 1200; i++)
    g_assert_true (same ("%d %u %x", i, (guint) i, (guint) i));
}

static void
test_left_to_printf (void)
{
  g_assert_false (same ("%5d", 1));
  g_assert_false (same ("%.3f", 1.5));
  g_assert_false (same ("%-10s|", "x"));
  g_assert_false (same ("%.2s", "xyz"));
  g_assert_false (same ("%p", (void *) "x"));
  g_assert_false (same ("%hhd", (signed char) 1));
  g_assert_false (same ("%#x", 1u));
  g_assert_false (same ("%X", 1u));
  g_assert_false (same ("%m"));
  g_assert_false (same ("%ls", L"x"));
}

static gssize G_GNUC_PRINTF (3, 4) fast (char *out, gsize room, const char *format, ...)
{
  va_list arguments;
  gssize length;

  va_start (arguments, format);
  length = muster_printf_fast (out, room, format, arguments);
  va_end (arguments);
  return length;
}

static void
test_room (void)
{
  for (gsize room = 0; room < 30; room++)
    {
      g_autofree char *out = g_malloc (room + 1);

      out[room] = '!';
      g_assert_cmpint (fast (out, room, "%s-%d-%s", "0123456789", 12345, "abcdef"), ==, 23);
      g_assert_cmpint (out[room], ==, '!');
      g_assert_cmpmem (out, MIN (room, 23), "0123456789-12345-abcdef", MIN (room, 23));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/printf/conversions", test_conversions);
  g_test_add_func ("/printf/left-to-printf", test_left_to_printf);
  g_test_add_func ("/printf/room", test_room);
  return g_test_run ();
}
