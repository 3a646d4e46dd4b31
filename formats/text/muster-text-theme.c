/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Colours: words to control sequences (ECMA-48 section 8.3.117, SGR; ISO 8613-6 for 256 and direct colours). Immutable
 * once its format has started.
 */
#include "config.h"

#include "muster-text-theme.h"

#include "muster-error.h"
#include "muster-text-nearest.h"

#include <string.h>

#define LEVEL_COLOUR "level"

struct _MusterTextTheme
{
  char *sequences[MUSTER_TEXT_N_ROLES]; /* owned; LEVEL_COLOUR where it is the level's; NULL for none */
};

static const char *const role_names[] = {
  [MUSTER_TEXT_ROLE_NONE] = "",
  [MUSTER_TEXT_ROLE_TIME] = "time",
  [MUSTER_TEXT_ROLE_WORKER] = "worker",
  [MUSTER_TEXT_ROLE_PID] = "pid",
  [MUSTER_TEXT_ROLE_HOST] = "host",
  [MUSTER_TEXT_ROLE_DOMAIN] = "domain",
  [MUSTER_TEXT_ROLE_MESSAGE] = "message",
  [MUSTER_TEXT_ROLE_FIELDS] = "fields",
  [MUSTER_TEXT_ROLE_LOCATION] = "location",
  [MUSTER_TEXT_ROLE_EMERGENCY] = "emergency",
  "alert",
  "critical",
  "error",
  "warning",
  "notice",
  "info",
  [MUSTER_TEXT_ROLE_DEBUG] = "debug",
  NULL,
};
G_STATIC_ASSERT (G_N_ELEMENTS (role_names) == MUSTER_TEXT_N_ROLES + 1);

static const struct
{
  const char *name;
  const char *pairs;
} built_in[] = {
  { "none", "" },
  /* The palette of Atom's One Dark. */
  { "onedark", "time=#5c6370;worker=#61afef;pid=#5c6370;host=#56b6c2;domain=#c678dd;fields=#98c379;location=#5c6370;"
               "emergency=bold reverse #e06c75;alert=bold reverse #e06c75;critical=bold #e06c75;error=#e06c75;"
               "warning=#e5c07b;notice=#56b6c2;info=#98c379;debug=#5c6370" },
  /* Afterglow, for dark terminals: warm and muted. */
  { "afterglow", "time=#797979;worker=#6c99bb;pid=#797979;host=#7dd6cf;domain=#9f4e85;fields=#e5b567;location=#797979;"
                 "emergency=bold reverse #b05279;alert=bold reverse #ac4142;critical=bold #ac4142;error=#ac4142;"
                 "warning=#e87d3e;notice=#6c99bb;info=#b4c973;debug=#797979" },
  /* Bricks: reds and clays of the 256-colour cube, messages in their level's colour. */
  { "bricks", "time=95;worker=173;pid=95;host=137;domain=180;message=level;fields=144;location=95;"
              "emergency=bold reverse 160;alert=bold reverse 124;critical=bold 160;error=167;warning=214;notice=223;"
              "info=187;debug=102" },
  /* The terminal's own 16 colours, so that its palette decides. */
  { "terminal", "time=dim;worker=cyan;pid=dim;host=blue;domain=magenta;fields=green;location=dim;"
                "emergency=bold reverse red;alert=bold reverse red;critical=bold bright-red;error=red;warning=yellow;"
                "notice=bright-cyan;info=green;debug=dim" },
};

static const struct
{
  const char *name;
  const char *code;
} words[] = {
  { "black", "30" },        { "red", "31" },
  { "green", "32" },        { "yellow", "33" },
  { "blue", "34" },         { "magenta", "35" },
  { "cyan", "36" },         { "white", "37" },
  { "bright-black", "90" }, { "bright-red", "91" },
  { "bright-green", "92" }, { "bright-yellow", "93" },
  { "bright-blue", "94" },  { "bright-magenta", "95" },
  { "bright-cyan", "96" },  { "bright-white", "97" },
  { "bold", "1" },          { "dim", "2" },
  { "italic", "3" },        { "underline", "4" },
  { "reverse", "7" },
};

static const char *
word_code (const char *word)
{
  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    if (strcmp (words[i].name, word) == 0)
      return words[i].code;
  return NULL;
}

static gboolean
append_number_code (GString *codes, const char *word)
{
  guint64 value;

  if (*word == '#')
    {
      if (strlen (word) != 7 || strspn (word + 1, "0123456789abcdefABCDEF") != 6)
        return FALSE;
      value = g_ascii_strtoull (word + 1, NULL, 16);
      g_string_append_printf (codes, ";38;2;%u;%u;%u", (guint) (value >> 16), (guint) (value >> 8 & 255),
                              (guint) (value & 255));
      return TRUE;
    }
  if (!g_ascii_string_to_unsigned (word, 10, 0, 255, &value, NULL))
    return FALSE;
  g_string_append_printf (codes, ";38;5;%u", (guint) value);
  return TRUE;
}

static void
set_word_error (GError **error, const char *key, const char *word)
{
  const char *names[G_N_ELEMENTS (words) + 3];
  const char *nearest;
  gsize n = 0;

  for (; n < G_N_ELEMENTS (words); n++)
    names[n] = words[n].name;
  names[n++] = "none";
  names[n++] = LEVEL_COLOUR;
  names[n] = NULL;
  nearest = muster_text_nearest (word, strlen (word), names);
  if (nearest != NULL && strcmp (nearest, word) == 0) /* "level", where it cannot be */
    nearest = NULL;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
               "theme: %s: “%s” is no colour (a name, 0 to 255 or #rrggbb)%s%s%s", key, word,
               nearest != NULL ? "; did you mean “" : "", nearest != NULL ? nearest : "", nearest != NULL ? "”?" : "");
}

static gboolean
parse_value (const char *key, MusterTextRole role, const char *value, char **sequence, GError **error)
{
  g_auto (GStrv) parts = g_strsplit_set (value, " \t,", -1);
  g_autoptr (GString) codes = g_string_new (NULL);

  *sequence = NULL;
  if (strcmp (value, LEVEL_COLOUR) == 0 && role < MUSTER_TEXT_ROLE_EMERGENCY)
    {
      *sequence = g_strdup (LEVEL_COLOUR);
      return TRUE;
    }
  for (gsize i = 0; parts[i] != NULL; i++)
    {
      const char *code = word_code (parts[i]);

      if (*parts[i] == '\0' || strcmp (parts[i], "none") == 0)
        continue;
      if (code != NULL)
        g_string_append_printf (codes, ";%s", code);
      else if (!append_number_code (codes, parts[i]))
        {
          set_word_error (error, key, parts[i]);
          return FALSE;
        }
    }
  if (codes->len > 0)
    *sequence = g_strdup_printf ("\033[%sm", codes->str + 1);
  return TRUE;
}

MusterTextTheme *
muster_text_theme_new (const char *name, GError **error)
{
  const char *names[G_N_ELEMENTS (built_in) + 1];
  const char *nearest;

  for (gsize i = 0; i < G_N_ELEMENTS (built_in); i++)
    {
      names[i] = built_in[i].name;
      if (strcmp (built_in[i].name, name) == 0)
        {
          g_autoptr (MusterTextTheme) theme = g_new0 (MusterTextTheme, 1);

          return muster_text_theme_set_all (theme, built_in[i].pairs, error) ? g_steal_pointer (&theme) : NULL;
        }
    }
  names[G_N_ELEMENTS (built_in)] = NULL;
  nearest = muster_text_nearest (name, strlen (name), names);
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
               "there is no theme “%s”; there are none, onedark, afterglow, bricks and terminal%s%s%s", name,
               nearest != NULL ? "; did you mean “" : "", nearest != NULL ? nearest : "", nearest != NULL ? "”?" : "");
  return NULL;
}

void
muster_text_theme_free (MusterTextTheme *theme)
{
  for (gsize i = 0; i < MUSTER_TEXT_N_ROLES; i++)
    g_free (theme->sequences[i]);
  g_free (theme);
}

gboolean
muster_text_theme_is_built_in (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (built_in); i++)
    if (strcmp (built_in[i].name, name) == 0)
      return TRUE;
  return FALSE;
}

gboolean
muster_text_theme_set (MusterTextTheme *theme, const char *key, const char *value, GError **error)
{
  g_autofree char *text = g_strstrip (g_strdup (value));
  const char *nearest;
  char *sequence;

  for (guint role = MUSTER_TEXT_ROLE_TIME; role < MUSTER_TEXT_N_ROLES; role++)
    if (strcmp (role_names[role], key) == 0)
      {
        if (!parse_value (key, role, text, &sequence, error))
          return FALSE;
        g_free (theme->sequences[role]);
        theme->sequences[role] = sequence;
        return TRUE;
      }
  nearest = muster_text_nearest (key, strlen (key), role_names + MUSTER_TEXT_ROLE_TIME);
  g_set_error (
      error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
      "theme: nothing is called “%s” (time, worker, pid, host, domain, message, fields, location and the levels "
      "have colours)%s%s%s",
      key, nearest != NULL ? "; did you mean “" : "", nearest != NULL ? nearest : "", nearest != NULL ? "”?" : "");
  return FALSE;
}

gboolean
muster_text_theme_set_all (MusterTextTheme *theme, const char *pairs, GError **error)
{
  g_auto (GStrv) list = g_strsplit (pairs, ";", -1);

  for (gsize i = 0; list[i] != NULL; i++)
    {
      char *equals;

      if (*g_strstrip (list[i]) == '\0')
        continue;
      equals = strchr (list[i], '=');
      if (equals == NULL)
        {
          g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "theme: “%s” is not key=colour", list[i]);
          return FALSE;
        }
      *equals = '\0';
      if (!muster_text_theme_set (theme, g_strstrip (list[i]), equals + 1, error))
        return FALSE;
    }
  return TRUE;
}

const char *
muster_text_theme_get (const MusterTextTheme *theme, MusterTextRole role, MusterLevel level)
{
  const char *sequence;

  if (role == MUSTER_TEXT_ROLE_LEVEL || muster_text_theme_follows_level (theme, role))
    {
      if (level < MUSTER_LEVEL_EMERGENCY || level > MUSTER_LEVEL_DEBUG)
        return "";
      role = (MusterTextRole) (MUSTER_TEXT_ROLE_EMERGENCY + level - MUSTER_LEVEL_EMERGENCY);
    }
  sequence = theme->sequences[role];
  return sequence != NULL ? sequence : "";
}

gboolean
muster_text_theme_follows_level (const MusterTextTheme *theme, MusterTextRole role)
{
  return role == MUSTER_TEXT_ROLE_LEVEL
         || (theme->sequences[role] != NULL && strcmp (theme->sequences[role], LEVEL_COLOUR) == 0);
}
