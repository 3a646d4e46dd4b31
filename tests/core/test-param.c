/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "muster-param.h"

static void
test_duration_good (void)
{
  static const struct
  {
    const char *text;
    gint64 us;
  } cases[] = {
    { "0", 0 },
    { "0s", 0 },
    { "250us", 250 },
    { "500ms", 500000 },
    { "10s", 10000000 },
    { " 10 s ", 10000000 },
    { "1min", 60000000 },
    { "2h", G_GINT64_CONSTANT (7200000000) },
    { "1d", G_GINT64_CONSTANT (86400000000) },
    { "-1s", -1000000 },
    { "9223372036854775807us", G_MAXINT64 },
    { "-9223372036854775808us", G_MININT64 },
    { "106751991d", G_GINT64_CONSTANT (106751991) * 86400 * 1000000 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      gint64 us = -1;

      g_assert_true (muster_duration_from_string (cases[i].text, &us, &error));
      g_assert_no_error (error);
      g_assert_cmpint (us, ==, cases[i].us);
    }
}

static void
assert_bad_duration (const char *text, const char *part)
{
  g_autoptr (GError) error = NULL;
  gint64 us = 77;

  g_assert_false (muster_duration_from_string (text, &us, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
  if (strstr (error->message, part) == NULL)
    g_error ("'%s': '%s' does not say '%s'", text, error->message, part);
  g_assert_cmpint (us, ==, 77);
}

static void
test_duration_bad (void)
{
  assert_bad_duration ("10", "no unit");
  assert_bad_duration ("10 ", "no unit");
  assert_bad_duration ("", "not a duration");
  assert_bad_duration ("s", "not a duration");
  assert_bad_duration ("-", "not a duration");
  assert_bad_duration ("10m", "not a duration");
  assert_bad_duration ("10S", "not a duration");
  assert_bad_duration ("1.5s", "not a duration");
  assert_bad_duration ("1s2", "not a duration");
  assert_bad_duration ("soon", "not a duration");
  assert_bad_duration ("9223372036854775808us", "too long");
  assert_bad_duration ("106751992d", "too long");
  assert_bad_duration ("99999999999999999999s", "too long");
  assert_bad_duration ("-9223372036854775809us", "too long");
}

static void
test_duration_print (void)
{
  static const struct
  {
    gint64 us;
    const char *text;
  } cases[] = {
    { 0, "0" },
    { 1, "1us" },
    { 500000, "500ms" },
    { 1500000, "1500ms" },
    { 10000000, "10s" },
    { 90000000, "90s" },
    { 60000000, "1min" },
    { 7200000000, "2h" },
    { 172800000000, "2d" },
    { -1000000, "-1s" },
    { G_MAXINT64, "9223372036854775807us" },
    { G_MININT64, "-9223372036854775808us" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = muster_duration_to_string (cases[i].us);
      gint64 back = 77;

      g_assert_cmpstr (text, ==, cases[i].text);
      g_assert_true (muster_duration_from_string (text, &back, NULL));
      g_assert_cmpint (back, ==, cases[i].us);
    }
}

static void
test_size_good (void)
{
  static const struct
  {
    const char *text;
    guint64 bytes;
  } cases[] = {
    { "0", 0 },
    { "4096", 4096 },
    { "4096B", 4096 },
    { "64KiB", 65536 },
    { "64kib", 65536 },
    { "1 MiB", 1048576 },
    { "1GiB", 1073741824 },
    { "10kB", 10000 },
    { "2MB", 2000000 },
    { "15EiB", G_GUINT64_CONSTANT (15) << 60 },
    { "18446744073709551615", G_MAXUINT64 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      guint64 bytes = 77;

      g_assert_true (muster_size_from_string (cases[i].text, &bytes, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (bytes, ==, cases[i].bytes);
    }
}

static void
test_size_bad (void)
{
  static const struct
  {
    const char *text;
    const char *part;
  } cases[] = {
    { "", "not a size" },      { "KiB", "not a size" },  { "-1", "not a size" },
    { "64k", "not a size" },   { "64M", "not a size" },  { "1.5MiB", "not a size" },
    { "1MiBs", "not a size" }, { "16EiB", "too large" }, { "18446744073709551616", "too large" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      guint64 bytes = 77;

      g_assert_false (muster_size_from_string (cases[i].text, &bytes, &error));
      g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
      g_assert_nonnull (strstr (error->message, cases[i].part));
      g_assert_cmpuint (bytes, ==, 77);
    }
}

static void
test_size_print (void)
{
  static const struct
  {
    guint64 bytes;
    const char *text;
  } cases[] = {
    { 0, "0" },
    { 1, "1" },
    { 1023, "1023" },
    { 1024, "1KiB" },
    { 65536, "64KiB" },
    { 10000, "10kB" },
    { 1048576, "1MiB" },
    { 1073741824, "1GiB" },
    { 1536, "1536" },
    { 1500000, "1500kB" },
    { G_MAXUINT64, "18446744073709551615" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = muster_size_to_string (cases[i].bytes);
      guint64 back = 77;

      g_assert_cmpstr (text, ==, cases[i].text);
      g_assert_true (muster_size_from_string (text, &back, NULL));
      g_assert_cmpuint (back, ==, cases[i].bytes);
    }
}

static void
test_param_specs (void)
{
  g_autoptr (GParamSpec) duration = g_param_spec_ref_sink (
      muster_param_spec_duration ("interval", NULL, NULL, 1000, 5000000, 2000000, G_PARAM_READWRITE));
  g_autoptr (GParamSpec) size =
      g_param_spec_ref_sink (muster_param_spec_size ("room", NULL, NULL, 16, 1024, 64, G_PARAM_READWRITE));
  g_auto (GValue) value = G_VALUE_INIT;

  g_assert_true (G_TYPE_CHECK_INSTANCE_TYPE (duration, MUSTER_TYPE_PARAM_DURATION));
  g_assert_true (G_IS_PARAM_SPEC_INT64 (duration));
  g_assert_cmpuint (G_PARAM_SPEC_VALUE_TYPE (duration), ==, G_TYPE_INT64);
  g_value_init (&value, G_TYPE_INT64);
  g_param_value_set_default (duration, &value);
  g_assert_cmpint (g_value_get_int64 (&value), ==, 2000000);
  g_value_set_int64 (&value, 9000000);
  g_assert_true (g_param_value_validate (duration, &value));
  g_assert_cmpint (g_value_get_int64 (&value), ==, 5000000);

  g_assert_true (G_TYPE_CHECK_INSTANCE_TYPE (size, MUSTER_TYPE_PARAM_SIZE));
  g_assert_true (G_IS_PARAM_SPEC_UINT64 (size));
  g_assert_cmpuint (G_PARAM_SPEC_VALUE_TYPE (size), ==, G_TYPE_UINT64);
  g_value_unset (&value);
  g_value_init (&value, G_TYPE_UINT64);
  g_param_value_set_default (size, &value);
  g_assert_cmpuint (g_value_get_uint64 (&value), ==, 64);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/param/duration/good", test_duration_good);
  g_test_add_func ("/param/duration/bad", test_duration_bad);
  g_test_add_func ("/param/duration/print", test_duration_print);
  g_test_add_func ("/param/size/good", test_size_good);
  g_test_add_func ("/param/size/bad", test_size_bad);
  g_test_add_func ("/param/size/print", test_size_print);
  g_test_add_func ("/param/specs", test_param_specs);
  return g_test_run ();
}
