/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "muster-json.h"

static char *
finish (GByteArray *out)
{
  g_byte_array_append (out, (const guint8 *) "", 1);
  return (char *) g_byte_array_free (out, FALSE);
}

static char *
print_double (double value)
{
  GByteArray *out = g_byte_array_new ();

  muster_json_append_double (out, value);
  return finish (out);
}

static char *
print_string (const char *text, gssize length)
{
  GByteArray *out = g_byte_array_new ();

  muster_json_append_string (out, text, length);
  return finish (out);
}

/* What Node.js 18 prints. */
static const struct
{
  double value;
  const char *text;
} doubles[] = {
  { 0, "0" },
  { -0.0, "0" },
  { 1, "1" },
  { -17, "-17" },
  { 0.1, "0.1" },
  { 0.1 + 0.2, "0.30000000000000004" },
  { 1.0 / 3, "0.3333333333333333" },
  { 100, "100" },
  { 1e15, "1000000000000000" },
  { 123456789012345680000.0, "123456789012345680000" },
  { 1e20, "100000000000000000000" },
  { 1e21, "1e+21" },
  { -1.5e300, "-1.5e+300" },
  { 1e-6, "0.000001" },
  { 1e-7, "1e-7" },
  { 1.25e-7, "1.25e-7" },
  { 5e-324, "5e-324" },
  { 1.5e-323, "1.5e-323" },
  { DBL_MIN, "2.2250738585072014e-308" },
  { DBL_MAX, "1.7976931348623157e+308" },
  { 5.684341886080802e-14, "5.684341886080802e-14" }, /* 2^-44: the nearest of 16 digits reads back as another */
  { 9007199254740993.0, "9007199254740992" },
  { 0x1p-791, "7.678447687145631e-239" }, /* the same, where the nearest ends in 0 */
  { NAN, "null" },
  { INFINITY, "null" },
  { -INFINITY, "null" },
};

static void
test_doubles (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (doubles); i++)
    {
      g_autofree char *text = print_double (doubles[i].value);

      g_assert_cmpstr (text, ==, doubles[i].text);
    }
}

static void
test_doubles_read_back (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (8);

  for (int i = 0; i < 20000; i++)
    {
      guint64 bits = ((guint64) g_rand_int (random) << 32) | g_rand_int (random);
      g_autofree char *text = NULL;
      double value, back;

      memcpy (&value, &bits, sizeof value);
      if (!isfinite (value))
        continue;
      text = print_double (value);
      back = g_ascii_strtod (text, NULL);
      g_assert_true (back == value);
    }
  for (int exponent = -1074; exponent < 1024; exponent++)
    {
      g_autofree char *text = print_double (ldexp (1, exponent));

      g_assert_true (g_ascii_strtod (text, NULL) == ldexp (1, exponent));
    }
}

static void
test_doubles_in_a_locale (void)
{
  g_autofree char *text = NULL;

  if (setlocale (LC_NUMERIC, "de_DE.UTF-8") == NULL && setlocale (LC_NUMERIC, "fr_FR.UTF-8") == NULL)
    {
      g_test_skip ("no locale with a decimal comma is installed");
      return;
    }
  text = print_double (0.30000000000000004);
  setlocale (LC_NUMERIC, "C");
  g_assert_cmpstr (text, ==, "0.30000000000000004");
}

static void
test_integers (void)
{
  GByteArray *out = g_byte_array_new ();
  g_autofree char *text = NULL;

  muster_json_append_int (out, G_MININT64);
  muster_json_append_raw (out, ",");
  muster_json_append_int (out, G_MAXINT64);
  muster_json_append_raw (out, ",");
  muster_json_append_uint (out, G_MAXUINT64);
  muster_json_append_raw (out, ",");
  muster_json_append_int (out, 0);
  text = finish (out);
  g_assert_cmpstr (text, ==, "-9223372036854775808,9223372036854775807,18446744073709551615,0");
}

static const struct
{
  const char *text;
  gssize length;
  const char *json;
} strings[] = {
  { "", -1, "\"\"" },
  { "plain", -1, "\"plain\"" },
  { "\"quoted\" back\\slash", -1, "\"\\\"quoted\\\" back\\\\slash\"" },
  { "a\b\f\n\r\tb", -1, "\"a\\b\\f\\n\\r\\tb\"" },
  { "\x01\x1f\x7f", -1, "\"\\u0001\\u001f\x7f\"" },
  { "nul\0inside", 10, "\"nul\\u0000inside\"" },
  { "cut here", 3, "\"cut\"" },
  { "\xC3\xA9t\xC3\xA9 \xF0\x9F\x98\x80", -1, "\"\xC3\xA9t\xC3\xA9 \xF0\x9F\x98\x80\"" },
  { "a\xFF"
    "b",
    -1,
    "\"a\xEF\xBF\xBD"
    "b\"" },
  { "\xC3", -1, "\"\xEF\xBF\xBD\"" },                                 /* cut off */
  { "\xC3\xA9", 1, "\"\xEF\xBF\xBD\"" },                              /* cut off by the length */
  { "\xC0\xAF", -1, "\"\xEF\xBF\xBD\xEF\xBF\xBD\"" },                 /* overlong */
  { "\xED\xA0\x80", -1, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"" }, /* a surrogate */
};

static void
test_strings (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (strings); i++)
    {
      g_autofree char *json = print_string (strings[i].text, strings[i].length);

      g_assert_cmpstr (json, ==, strings[i].json);
      g_assert_true (g_utf8_validate (json, -1, NULL));
    }
}

static void
test_base64 (void)
{
  static const char *const texts[] = { "", "f", "fo", "foo", "foob", "fooba", "foobar" };
  static const char *const coded[] = { "",         "Zg==",     "Zm8=",    "Zm9v", /* RFC 4648 section 10 */
                                       "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy" };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      GByteArray *out = g_byte_array_new ();
      g_autofree char *json = NULL;
      g_autofree char *expected = g_strdup_printf ("\"%s\"", coded[i]);

      muster_json_append_base64 (out, texts[i], strlen (texts[i]));
      json = finish (out);
      g_assert_cmpstr (json, ==, expected);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/json/doubles", test_doubles);
  g_test_add_func ("/json/doubles/read-back", test_doubles_read_back);
  g_test_add_func ("/json/doubles/locale", test_doubles_in_a_locale);
  g_test_add_func ("/json/integers", test_integers);
  g_test_add_func ("/json/strings", test_strings);
  g_test_add_func ("/json/base64", test_base64);
  return g_test_run ();
}
