/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Words to control sequences.
 */
#include "config.h"

#include "muster-error.h"
#include "muster-text-theme.h"

static void
assert_colour (const char *value, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterTextTheme) theme = muster_text_theme_new ("none", &error);

  g_assert_true (muster_text_theme_set (theme, "time", value, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (muster_text_theme_get (theme, MUSTER_TEXT_ROLE_TIME, MUSTER_LEVEL_INFO), ==, expected);
}

static void
test_colours (void)
{
  assert_colour ("red", "\033[31m");
  assert_colour ("bright-blue", "\033[94m");
  assert_colour ("0", "\033[38;5;0m");
  assert_colour ("255", "\033[38;5;255m");
  assert_colour ("#ff8000", "\033[38;2;255;128;0m");
  assert_colour ("#ABCDEF", "\033[38;2;171;205;239m");
  assert_colour ("bold", "\033[1m");
  assert_colour (" bold  dim italic\tunderline reverse red ", "\033[1;2;3;4;7;31m");
  assert_colour ("bold,#ff8000", "\033[1;38;2;255;128;0m");
  assert_colour ("none", "");
  assert_colour ("", "");
}

static void
assert_wrong (const char *pairs, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterTextTheme) theme = muster_text_theme_new ("none", &error);

  g_assert_false (muster_text_theme_set_all (theme, pairs, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
  g_assert_cmpstr (error->message, ==, expected);
}

static void
test_errors (void)
{
  g_autoptr (GError) error = NULL;

  assert_wrong ("time=rde", "theme: time: “rde” is no colour (a name, 0 to 255 or #rrggbb); did you mean “red”?");
  assert_wrong ("time=256", "theme: time: “256” is no colour (a name, 0 to 255 or #rrggbb)");
  assert_wrong ("time=#12345", "theme: time: “#12345” is no colour (a name, 0 to 255 or #rrggbb)");
  assert_wrong ("time=#12345g", "theme: time: “#12345g” is no colour (a name, 0 to 255 or #rrggbb)");
  assert_wrong ("time=red;mesage=blue",
                "theme: nothing is called “mesage” (time, worker, pid, host, domain, message, fields, location and the "
                "levels have colours); did you mean “message”?");
  assert_wrong ("error=level", "theme: error: “level” is no colour (a name, 0 to 255 or #rrggbb)");
  assert_wrong ("time", "theme: “time” is not key=colour");
  g_assert_null (muster_text_theme_new ("onedrak", &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
  g_assert_cmpstr (error->message, ==,
                   "there is no theme “onedrak”; there are none, onedark, afterglow, bricks and terminal; did you mean "
                   "“onedark”?");
}

static void
test_pairs (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterTextTheme) theme = muster_text_theme_new ("none", &error);

  g_assert_true (muster_text_theme_set_all (theme, " message = level ; warning=yellow;debug=dim; ;", &error));
  g_assert_no_error (error);
  g_assert_true (muster_text_theme_follows_level (theme, MUSTER_TEXT_ROLE_MESSAGE));
  g_assert_true (muster_text_theme_follows_level (theme, MUSTER_TEXT_ROLE_LEVEL));
  g_assert_false (muster_text_theme_follows_level (theme, MUSTER_TEXT_ROLE_TIME));
  g_assert_cmpstr (muster_text_theme_get (theme, MUSTER_TEXT_ROLE_MESSAGE, MUSTER_LEVEL_WARNING), ==, "\033[33m");
  g_assert_cmpstr (muster_text_theme_get (theme, MUSTER_TEXT_ROLE_LEVEL, MUSTER_LEVEL_DEBUG), ==, "\033[2m");
  g_assert_cmpstr (muster_text_theme_get (theme, MUSTER_TEXT_ROLE_LEVEL, MUSTER_LEVEL_NONE), ==, "");
  g_assert_cmpstr (muster_text_theme_get (theme, MUSTER_TEXT_ROLE_TIME, MUSTER_LEVEL_INFO), ==, "");
  g_assert_cmpstr (muster_text_theme_get (theme, MUSTER_TEXT_ROLE_NONE, MUSTER_LEVEL_INFO), ==, "");
}

/* Every one parses, colours every level, and tells the worst from the rest. */
static void
test_built_in (void)
{
  static const char *const names[] = { "onedark", "afterglow", "bricks", "terminal" };

  g_assert_true (muster_text_theme_is_built_in ("none"));
  g_assert_false (muster_text_theme_is_built_in ("mine"));
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (MusterTextTheme) theme = muster_text_theme_new (names[i], &error);

      g_assert_no_error (error);
      g_assert_true (muster_text_theme_is_built_in (names[i]));
      for (MusterLevel level = MUSTER_LEVEL_EMERGENCY; level <= MUSTER_LEVEL_DEBUG; level++)
        {
          const char *colour = muster_text_theme_get (theme, MUSTER_TEXT_ROLE_LEVEL, level);

          g_assert_true (g_str_has_prefix (colour, "\033[") && g_str_has_suffix (colour, "m"));
          if (level != MUSTER_LEVEL_ERROR)
            g_assert_cmpstr (colour, !=, muster_text_theme_get (theme, MUSTER_TEXT_ROLE_LEVEL, MUSTER_LEVEL_ERROR));
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/text-theme/colours", test_colours);
  g_test_add_func ("/text-theme/errors", test_errors);
  g_test_add_func ("/text-theme/pairs", test_pairs);
  g_test_add_func ("/text-theme/built-in", test_built_in);
  return g_test_run ();
}
