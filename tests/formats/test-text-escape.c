/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whatever the bytes are: one line, valid UTF-8, no control character, and back again byte for byte.
 */
#include "config.h"

#include "format-sample.h"
#include "muster-text-escape.h"

typedef void (*EscapeFunc) (MusterTextWriter *writer, const char *data, gsize length);

static GByteArray *
escape (EscapeFunc function, const char *data, gsize length)
{
  g_autofree char *copy = g_memdup2 (data, length); /* so that ASan sees a read beyond the end */
  GByteArray *out = g_byte_array_new ();
  MusterTextWriter writer;

  muster_text_writer_init (&writer, out);
  function (&writer, copy, length);
  muster_text_writer_finish (&writer);
  return out;
}

static void
assert_escaped (const char *data, gsize length, const char *expected)
{
  g_autoptr (GByteArray) out = escape (muster_text_escape, data, length);

  g_assert_cmpmem (out->data, out->len, expected, strlen (expected));
}

static void
assert_safe (const char *text, gsize length)
{
  g_assert_true (g_utf8_validate_len (text, length, NULL));
  for (const char *p = text; p < text + length; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      g_assert_false (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029);
    }
}

static void
assert_reversible (const char *data, gsize length)
{
  g_autoptr (GByteArray) plain = escape (muster_text_escape, data, length);
  g_autoptr (GByteArray) quoted = escape (muster_text_escape_quoted, data, length);
  g_autoptr (GByteArray) back = sample_unescape ((const char *) plain->data, plain->len);

  assert_safe ((const char *) plain->data, plain->len);
  g_assert_nonnull (back);
  g_assert_cmpmem (back->data, back->len, data, length);

  assert_safe ((const char *) quoted->data, quoted->len);
  if (quoted->data[0] == '"')
    {
      g_autoptr (GByteArray) inner = sample_unescape ((const char *) quoted->data + 1, quoted->len - 2);

      g_assert_cmpint (quoted->data[quoted->len - 1], ==, '"');
      g_assert_cmpmem (inner->data, inner->len, data, length);
    }
  else
    g_assert_cmpmem (quoted->data, quoted->len, plain->data, plain->len);
}

#define assert_literal(data, expected) assert_escaped ((data), sizeof (data) - 1, (expected))

static void
test_literal (void)
{
  assert_literal ("", "");
  assert_literal ("plain text, ~ and all 123", "plain text, ~ and all 123");
  assert_literal ("a\nb\r\tc\\d", "a\\nb\\r\\tc\\\\d");
  assert_literal ("\0\x01\x1f\x7f", "\\x00\\x01\\x1f\\x7f");
  assert_literal ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m");
  assert_literal ("Gr\xc3\xb6\xc3\x9f\x65 \xe6\x97\xa5 \xf0\x9f\x98\x80",
                  "Gr\xc3\xb6\xc3\x9f\x65 \xe6\x97\xa5 \xf0\x9f\x98\x80");
  assert_literal ("\xc2\x9bm \xc2\x85 \xc2\xa0", "\\xc2\\x9bm \\xc2\\x85 \xc2\xa0"); /* C1; NBSP stays */
  assert_literal ("\xe2\x80\xa8 \xe2\x80\xa9 \xe2\x80\xaa", "\\xe2\\x80\\xa8 \\xe2\\x80\\xa9 \xe2\x80\xaa");
  assert_literal ("\xc0\xaf", "\\xc0\\xaf");                   /* overlong */
  assert_literal ("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* a surrogate */
  assert_literal ("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* beyond U+10FFFF */
  assert_literal ("\xe6\x97", "\\xe6\\x97");                   /* cut off */
}

static void
assert_quoted (const char *data, const char *expected)
{
  g_autoptr (GByteArray) out = escape (muster_text_escape_quoted, data, strlen (data));

  g_assert_cmpmem (out->data, out->len, expected, strlen (expected));
}

static void
test_quoted (void)
{
  assert_quoted ("plain", "plain");
  assert_quoted ("", "\"\"");
  assert_quoted ("two words", "\"two words\"");
  assert_quoted ("a=b", "\"a=b\"");
  assert_quoted ("say \"no\"", "\"say \\\"no\\\"\"");
  assert_quoted ("\"", "\"\\\"\"");
  assert_quoted ("C:\\temp", "\"C:\\\\temp\"");
  assert_quoted ("a\nb", "\"a\\nb\"");
  assert_quoted ("Gr\xc3\xb6\xc3\x9f\x65", "Gr\xc3\xb6\xc3\x9f\x65");
}

static void
assert_indented (const char *data, const char *expected)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  MusterTextWriter writer;

  muster_text_writer_init (&writer, out);
  muster_text_escape_indented (&writer, data, strlen (data), 2);
  muster_text_writer_finish (&writer);
  g_assert_cmpmem (out->data, out->len, expected, strlen (expected));
}

static void
test_indented (void)
{
  assert_indented ("", "");
  assert_indented ("one", "one");
  assert_indented ("one\ntwo\n\nthree", "one\n  two\n  \n  three");
  assert_indented ("one\n", "one");
  assert_indented ("one\r\n\x1b[0m\\", "one\\r\n  \\x1b[0m\\\\");
}

static void
test_all_bytes (void)
{
  char all[256];

  for (guint i = 0; i < 256; i++)
    {
      char byte = (char) i;

      all[i] = byte;
      assert_reversible (&byte, 1);
    }
  assert_reversible (all, sizeof all);
}

/* At the end, and across the boundaries of the words that are looked at together. */
static void
test_all_pairs (void)
{
  char text[24];

  memset (text, 'a', sizeof text);
  for (guint pair = 0; pair < 65536; pair++)
    {
      guint at = 5 + pair % 4;

      text[at] = (char) (pair >> 8);
      text[at + 1] = (char) (pair & 255);
      assert_reversible (text + at, 2);
      assert_reversible (text, sizeof text);
      text[at] = text[at + 1] = 'a';
    }
}

static void
test_random (void)
{
  static const char likely[] = "ab\\\"= \n\r\t\x1b\x7f\x80\x9b\xa8\xbf\xc2\xe2\x80\xed\xf0\xf4\xff";

  for (guint i = 0; i < 20000; i++)
    {
      char text[64];
      gsize length = (gsize) g_test_rand_int_range (0, sizeof text);

      for (gsize j = 0; j < length; j++)
        text[j] = g_test_rand_bit () ? likely[g_test_rand_int_range (0, sizeof likely - 1)]
                                     : (char) g_test_rand_int_range (0, 256);
      assert_reversible (text, length);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/text-escape/literal", test_literal);
  g_test_add_func ("/text-escape/quoted", test_quoted);
  g_test_add_func ("/text-escape/indented", test_indented);
  g_test_add_func ("/text-escape/all-bytes", test_all_bytes);
  g_test_add_func ("/text-escape/all-pairs", test_all_pairs);
  g_test_add_func ("/text-escape/random", test_random);
  return g_test_run ();
}
