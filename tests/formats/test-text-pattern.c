/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What patterns are accepted, and what is said about those that are not.
 */
#include "config.h"

#include "muster-error.h"
#include "muster-text-pattern.h"

static void
assert_wrong (const char *text, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterTextPattern) pattern = muster_text_pattern_new (text, TRUE, &error);

  g_assert_null (pattern);
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
  g_assert_cmpstr (error->message, ==, expected);
}

static void
test_errors (void)
{
  assert_wrong ("{mesage}", "pattern, column 2: nothing is called “mesage”; did you mean “message”?");
  assert_wrong ("Größe {wroker:<8}", "pattern, column 8: nothing is called “wroker”; did you mean “worker”?");
  assert_wrong ("{Level}", "pattern, column 2: nothing is called “Level”; did you mean “level”?");
  assert_wrong ("{zzzzzzzzzzzzzzz}",
                "pattern, column 2: nothing is called “zzzzzzzzzzzzzzz”; there are time, level, LEVEL, host, cluster, "
                "worker, pid, stream, seq, domain, message, file, line, function, field:KEY and fields");
  assert_wrong ("a {}", "pattern, column 4: a name is missing here; “{{” is a brace");
  assert_wrong ("{:<8}", "pattern, column 2: a name is missing here; “{{” is a brace");
  assert_wrong ("abc {level", "pattern, column 5: “{” without “}”; “{{” is a brace");
  assert_wrong ("{", "pattern, column 1: “{” without “}”; “{{” is a brace");
  assert_wrong ("{level}}", "pattern, column 8: “}” without “{”; “}}” is a brace");
  assert_wrong ("{level:8}", "pattern, column 8: “8” is no width; write <8 or >8, from 1 to 999");
  assert_wrong ("{level:}", "pattern, column 8: “” is no width; write <8 or >8, from 1 to 999");
  assert_wrong ("{level:<}", "pattern, column 8: “<” is no width; write <8 or >8, from 1 to 999");
  assert_wrong ("{level:<0}", "pattern, column 8: “<0” is no width; write <8 or >8, from 1 to 999");
  assert_wrong ("{level:>1000}", "pattern, column 8: “>1000” is no width; write <8 or >8, from 1 to 999");
  assert_wrong ("{level:>8x}", "pattern, column 8: “>8x” is no width; write <8 or >8, from 1 to 999");
  assert_wrong ("{level:>99999999999999999999}",
                "pattern, column 8: “>99999999999999999999” is no width; write <8 or >8, from 1 to 999");
  assert_wrong ("{field}", "pattern, column 7: which field? Write {field:KEY}, or {fields} for all of them");
  assert_wrong ("{field::<8}", "pattern, column 8: which field? Write {field:KEY}, or {fields} for all of them");
  assert_wrong ("{field:user:<x}", "pattern, column 13: “<x” is no width; write <8 or >8, from 1 to 999");
  assert_wrong ("{time:%Y-%Q}", "pattern, column 10: “%Q” is no conversion of strftime(3), nor %f, %1f to %9f for "
                                "fractions; “%%” is a percent sign");
  assert_wrong ("{time:%}", "pattern, column 7: “%” is no conversion of strftime(3), nor %f, %1f to %9f for "
                            "fractions; “%%” is a percent sign");
}

static void
test_too_long (void)
{
  g_autofree char *just = g_strnfill (MUSTER_TEXT_PATTERN_MAX, 'x');
  g_autofree char *more = g_strnfill (MUSTER_TEXT_PATTERN_MAX + 1, 'x');
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterTextPattern) pattern = muster_text_pattern_new (just, TRUE, &error);

  g_assert_no_error (error);
  g_assert_nonnull (pattern);
  assert_wrong (more, "pattern: it must be UTF-8 of at most 4096 bytes");
  assert_wrong ("\xff", "pattern: it must be UTF-8 of at most 4096 bytes");
}

static void
test_ops (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterTextPattern) pattern =
      muster_text_pattern_new ("{{x}} {level:>8}{field:a:b:<5}{field:c:d}", TRUE, &error);
  const MusterTextOp *ops;
  gsize n;

  g_assert_no_error (error);
  ops = muster_text_pattern_get_ops (pattern, &n);
  g_assert_cmpuint (n, ==, 4);
  g_assert_cmpint (ops[0].kind, ==, MUSTER_TEXT_LITERAL);
  g_assert_cmpstr (ops[0].text, ==, "{x} ");
  g_assert_cmpuint (ops[0].length, ==, 4);
  g_assert_cmpint (ops[1].kind, ==, MUSTER_TEXT_LEVEL);
  g_assert_cmpint (ops[1].width, ==, -8);
  g_assert_cmpint (ops[2].kind, ==, MUSTER_TEXT_FIELD);
  g_assert_cmpstr (ops[2].text, ==, "a:b");
  g_assert_cmpint (ops[2].width, ==, 5);
  g_assert_cmpstr (ops[3].text, ==, "c:d");
  g_assert_cmpint (ops[3].width, ==, 0);

  g_assert_true (muster_text_pattern_has (pattern, MUSTER_TEXT_LEVEL));
  g_assert_false (muster_text_pattern_has (pattern, MUSTER_TEXT_LEVEL_UPPER));
  g_assert_true (muster_text_pattern_shows_field (pattern, (MusterSlice){ "a:b", 3 }));
  g_assert_false (muster_text_pattern_shows_field (pattern, (MusterSlice){ "a:bc", 4 }));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/text-pattern/errors", test_errors);
  g_test_add_func ("/text-pattern/too-long", test_too_long);
  g_test_add_func ("/text-pattern/ops", test_ops);
  return g_test_run ();
}
