/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Times: zones, fractions, and that what is kept from one record to the next never shows in the wrong place.
 */
#include "config.h"

#include "format-sample.h"
#include "muster-text-time.h"

#include <time.h>

#define SECOND G_GUINT64_CONSTANT (1000000000)

static MusterTextTime *
time_new (const char *format, gboolean utc)
{
  g_autoptr (GError) error = NULL;
  gsize fault = 0;
  MusterTextTime *time = muster_text_time_new (format, strlen (format), utc, &fault, &error);

  g_assert_no_error (error);
  return time;
}

static void
assert_time (MusterTextTime *time, guint64 time_ns, const char *expected)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  MusterTextWriter writer;

  muster_text_writer_init (&writer, out);
  muster_text_time_put (time, time_ns, &writer);
  muster_text_writer_finish (&writer);
  g_assert_cmpmem (out->data, out->len, expected, strlen (expected));
}

static void
assert_format (const char *format, const char *expected)
{
  g_autoptr (MusterTextTime) time = time_new (format, TRUE);

  assert_time (time, SAMPLE_TIME, expected);
}

static void
test_formats (void)
{
  assert_format ("%Y-%m-%d %H:%M:%S.%f%z", "2023-11-14 22:13:20.123456+0000");
  assert_format ("%1f %2f %3f %4f %5f %6f %7f %8f %9f", "1 12 123 1234 12345 123456 1234567 12345678 123456789");
  assert_format ("%s.%3f %Z", "1700000000.123 UTC");
  assert_format ("%a %d %b %-d %_d %^a 100%%", "Tue 14 Nov 14 14 TUE 100%");
  assert_format ("%F", "2023-11-14");
  assert_format ("%f", "123456");
  assert_format ("no conversion", "no conversion");
}

static void
test_cached (void)
{
  g_autoptr (MusterTextTime) time = time_new ("%S.%3f %9f|%M", TRUE);

  assert_time (time, SAMPLE_TIME, "20.123 123456789|13");
  assert_time (time, SAMPLE_TIME - 123456789, "20.000 000000000|13");
  assert_time (time, SAMPLE_TIME + 5, "20.123 123456794|13");
  assert_time (time, SAMPLE_TIME + 60 * SECOND, "20.123 123456789|14");
  assert_time (time, SAMPLE_TIME, "20.123 123456789|13");
  assert_time (time, 999999999, "00.999 999999999|00");
}

static void
test_ends (void)
{
  g_autoptr (MusterTextTime) time = time_new ("%FT%T.%9f", TRUE);

  assert_time (time, 1, "1970-01-01T00:00:00.000000001");
  assert_time (time, G_MAXUINT64, "2554-07-21T23:34:33.709551615");
}

static void
test_local (void)
{
  g_autoptr (MusterTextTime) local = NULL;
  g_autoptr (MusterTextTime) utc = NULL;

  g_setenv ("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", TRUE);
  local = time_new ("%F %T%z %Z %s", FALSE);
  utc = time_new ("%F %T%z %s", TRUE);
  assert_time (local, SAMPLE_TIME, "2023-11-14 23:13:20+0100 CET 1700000000");
  assert_time (utc, SAMPLE_TIME, "2023-11-14 22:13:20+0000 1700000000");
  /* Summer time ends on 29 October 2023 at 01:00 UTC. */
  assert_time (local, 1698541199 * SECOND, "2023-10-29 02:59:59+0200 CEST 1698541199");
  assert_time (local, 1698541200 * SECOND, "2023-10-29 02:00:00+0100 CET 1698541200");
  g_setenv ("TZ", "UTC", TRUE);
}

/* Longer than any buffer's first size. */
static void
test_long (void)
{
  g_autofree char *format = g_strnfill (2000, 'x');
  g_autofree char *expected = g_strdup_printf ("%.1998s20", format);

  memcpy (format + 1998, "%d", 2);
  memcpy (expected + 1998, "14", 2);
  assert_format (format, expected);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/text-time/formats", test_formats);
  g_test_add_func ("/text-time/cached", test_cached);
  g_test_add_func ("/text-time/ends", test_ends);
  g_test_add_func ("/text-time/local", test_local);
  g_test_add_func ("/text-time/long", test_long);
  return g_test_run ();
}
