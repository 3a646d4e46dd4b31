/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Properties as text, by their GParamSpec. Pure functions; any thread.
 */
#include "config.h"

#include <math.h>
#include <string.h>

#include "muster-enums.h"
#include "muster-level.h"
#include "muster-nearest-private.h"
#include "muster-param-text-private.h"
#include "muster-param.h"

#define IS_DURATION(spec) (G_TYPE_CHECK_INSTANCE_TYPE ((spec), MUSTER_TYPE_PARAM_DURATION))
#define IS_SIZE(spec)     (G_TYPE_CHECK_INSTANCE_TYPE ((spec), MUSTER_TYPE_PARAM_SIZE))

/* Of the four kinds of integers: whether signed, and the bounds. */
typedef struct
{
  gboolean is_signed;
  gint64 minimum, maximum;
  guint64 unsigned_minimum, unsigned_maximum;
  gboolean has_minimum, has_maximum; /* tighter than the type's */
} Bounds;

static gboolean
get_bounds (GParamSpec *spec, Bounds *bounds)
{
  *bounds = (Bounds){ .is_signed = TRUE };
  if (G_IS_PARAM_SPEC_INT (spec))
    {
      bounds->minimum = G_PARAM_SPEC_INT (spec)->minimum;
      bounds->maximum = G_PARAM_SPEC_INT (spec)->maximum;
      bounds->has_minimum = bounds->minimum > G_MININT;
      bounds->has_maximum = bounds->maximum < G_MAXINT;
      return TRUE;
    }
  if (G_IS_PARAM_SPEC_INT64 (spec))
    {
      bounds->minimum = G_PARAM_SPEC_INT64 (spec)->minimum;
      bounds->maximum = G_PARAM_SPEC_INT64 (spec)->maximum;
      bounds->has_minimum = bounds->minimum > G_MININT64;
      bounds->has_maximum = bounds->maximum < G_MAXINT64;
      return TRUE;
    }
  bounds->is_signed = FALSE;
  bounds->has_minimum = TRUE;
  if (G_IS_PARAM_SPEC_UINT (spec))
    {
      bounds->unsigned_minimum = G_PARAM_SPEC_UINT (spec)->minimum;
      bounds->unsigned_maximum = G_PARAM_SPEC_UINT (spec)->maximum;
      bounds->has_maximum = bounds->unsigned_maximum < G_MAXUINT;
      return TRUE;
    }
  if (G_IS_PARAM_SPEC_UINT64 (spec))
    {
      bounds->unsigned_minimum = G_PARAM_SPEC_UINT64 (spec)->minimum;
      bounds->unsigned_maximum = G_PARAM_SPEC_UINT64 (spec)->maximum;
      bounds->has_maximum = bounds->unsigned_maximum < G_MAXUINT64;
      return TRUE;
    }
  return FALSE;
}

const char *
muster_param_text_type (GParamSpec *spec)
{
  Bounds bounds;

  if ((spec->flags & G_PARAM_WRITABLE) == 0)
    return NULL;
  if (IS_DURATION (spec))
    return "duration";
  if (IS_SIZE (spec))
    return "size";
  if (get_bounds (spec, &bounds))
    return "integer";
  if (G_IS_PARAM_SPEC_BOOLEAN (spec))
    return "boolean";
  if (G_IS_PARAM_SPEC_DOUBLE (spec))
    return "number";
  if (G_IS_PARAM_SPEC_STRING (spec))
    return "text";
  if (G_IS_PARAM_SPEC_ENUM (spec))
    return "choice";
  if (G_IS_PARAM_SPEC_FLAGS (spec))
    return "choices";
  if (G_IS_PARAM_SPEC_BOXED (spec) && G_PARAM_SPEC_VALUE_TYPE (spec) == G_TYPE_STRV)
    return "list";
  return NULL;
}

static char *
bound_text (GParamSpec *spec, const Bounds *bounds, gboolean maximum)
{
  gint64 number = maximum ? bounds->maximum : bounds->minimum;
  guint64 natural = maximum ? bounds->unsigned_maximum : bounds->unsigned_minimum;

  if (IS_DURATION (spec))
    return muster_duration_to_string (number);
  if (IS_SIZE (spec))
    return muster_size_to_string (natural);
  return bounds->is_signed ? g_strdup_printf ("%" G_GINT64_FORMAT, number)
                           : g_strdup_printf ("%" G_GUINT64_FORMAT, natural);
}

static char *
range_text (const char *what, const char *minimum, const char *maximum)
{
  if (minimum != NULL && maximum != NULL)
    return g_strdup_printf ("%s from %s to %s", what, minimum, maximum);
  if (minimum != NULL)
    return g_strdup_printf ("%s of at least %s", what, minimum);
  if (maximum != NULL)
    return g_strdup_printf ("%s of at most %s", what, maximum);
  return g_strdup (what);
}

static char *
integer_expected (GParamSpec *spec, const Bounds *bounds)
{
  g_autofree char *minimum = bounds->has_minimum ? bound_text (spec, bounds, FALSE) : NULL;
  g_autofree char *maximum = bounds->has_maximum ? bound_text (spec, bounds, TRUE) : NULL;

  return range_text (IS_DURATION (spec) ? "a duration, like 500ms,"
                     : IS_SIZE (spec)   ? "a size, like 64KiB,"
                                        : "a whole number",
                     minimum, maximum);
}

static char *
double_text (double number)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_formatd (buffer, sizeof buffer, "%.6g", number);
  if (g_ascii_strtod (buffer, NULL) != number)
    g_ascii_dtostr (buffer, sizeof buffer, number);
  return g_strdup (buffer);
}

static char *
double_expected (GParamSpecDouble *spec)
{
  g_autofree char *minimum = spec->minimum > -G_MAXDOUBLE ? double_text (spec->minimum) : NULL;
  g_autofree char *maximum = spec->maximum < G_MAXDOUBLE ? double_text (spec->maximum) : NULL;

  return range_text ("a number", minimum, maximum);
}

/* The nicks of an enumeration or of flags, NULL-terminated; borrowed strings in an owned array. */
static GPtrArray *
list_nicks (GParamSpec *spec)
{
  GPtrArray *nicks = g_ptr_array_new ();

  if (G_IS_PARAM_SPEC_ENUM (spec))
    for (guint i = 0; i < G_PARAM_SPEC_ENUM (spec)->enum_class->n_values; i++)
      g_ptr_array_add (nicks, (gpointer) G_PARAM_SPEC_ENUM (spec)->enum_class->values[i].value_nick);
  else
    for (guint i = 0; i < G_PARAM_SPEC_FLAGS (spec)->flags_class->n_values; i++)
      g_ptr_array_add (nicks, (gpointer) G_PARAM_SPEC_FLAGS (spec)->flags_class->values[i].value_nick);
  g_ptr_array_add (nicks, NULL);
  return nicks;
}

static char *
choice_expected (GParamSpec *spec, const char *what)
{
  g_autoptr (GPtrArray) nicks = list_nicks (spec);
  g_autofree char *joined = g_strjoinv (", ", (char **) nicks->pdata);

  return g_strdup_printf ("%s %s", what, joined);
}

char *
muster_param_text_expected (GParamSpec *spec)
{
  Bounds bounds;

  if (get_bounds (spec, &bounds))
    return integer_expected (spec, &bounds);
  if (G_IS_PARAM_SPEC_BOOLEAN (spec))
    return g_strdup ("true or false");
  if (G_IS_PARAM_SPEC_DOUBLE (spec))
    return double_expected (G_PARAM_SPEC_DOUBLE (spec));
  if (G_IS_PARAM_SPEC_ENUM (spec))
    return choice_expected (spec, "one of");
  if (G_IS_PARAM_SPEC_FLAGS (spec))
    return choice_expected (spec, "any of, with ';' between them,");
  if (G_IS_PARAM_SPEC_STRING (spec))
    return g_strdup ("text");
  return g_strdup ("a list, with ';' between its elements");
}

static char *
flags_text (const GFlagsClass *class, guint flags)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < class->n_values; i++)
    if (class->values[i].value != 0 && (flags & class->values[i].value) == class->values[i].value)
      g_string_append_printf (text, "%s%s", text->len > 0 ? ";" : "", class->values[i].value_nick);
  return g_string_free (text, FALSE);
}

/* What begins an escape, a variable or a comment in a keyfile. */
static char *
escape_text (const char *text)
{
  GString *escaped = g_string_new (NULL);

  for (const char *c = text != NULL ? text : ""; *c != '\0'; c++)
    switch (*c)
      {
      case '\n':
        g_string_append (escaped, "\\n");
        break;
      case '\t':
        g_string_append (escaped, "\\t");
        break;
      case '\r':
        g_string_append (escaped, "\\r");
        break;
      case '\\':
        g_string_append (escaped, "\\\\");
        break;
      case '$':
        g_string_append (escaped, "$$");
        break;
      case '#':
        g_string_append (escaped, c > text && c[-1] == ' ' ? "\\#" : "#");
        break;
      case ' ':
        g_string_append (escaped, c == text || c[1] == '\0' ? "\\s" : " ");
        break;
      default:
        g_string_append_c (escaped, *c);
        break;
      }
  return g_string_free (escaped, FALSE);
}

static char *
integer_default (GParamSpec *spec, const GValue *value)
{
  if (IS_DURATION (spec))
    return muster_duration_to_string (g_value_get_int64 (value));
  if (IS_SIZE (spec))
    return muster_size_to_string (g_value_get_uint64 (value));
  return g_strdup_value_contents (value);
}

char *
muster_param_text_default (GParamSpec *spec)
{
  const GValue *value = g_param_spec_get_default_value (spec);
  Bounds bounds;

  if (get_bounds (spec, &bounds))
    return integer_default (spec, value);
  if (G_IS_PARAM_SPEC_BOOLEAN (spec))
    return g_strdup (g_value_get_boolean (value) ? "true" : "false");
  if (G_IS_PARAM_SPEC_DOUBLE (spec))
    return double_text (g_value_get_double (value));
  if (G_IS_PARAM_SPEC_STRING (spec))
    return escape_text (g_value_get_string (value));
  if (G_IS_PARAM_SPEC_ENUM (spec))
    return g_strdup (g_enum_get_value (G_PARAM_SPEC_ENUM (spec)->enum_class, g_value_get_enum (value))->value_nick);
  if (G_IS_PARAM_SPEC_FLAGS (spec))
    return flags_text (G_PARAM_SPEC_FLAGS (spec)->flags_class, g_value_get_flags (value));
  return g_strdup ("");
}

/* @text is not one of the nicks. */
static gboolean
fail_choice (GParamSpec *spec, const char *text, GError **error)
{
  g_autofree char *expected = muster_param_text_expected (spec);
  g_autoptr (GPtrArray) nicks = list_nicks (spec);
  const char *nearest = muster_nearest (text, (const char *const *) nicks->pdata);

  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "'%s' is not known%s%s%s; expected %s", text,
               nearest != NULL ? ", did you mean '" : "", nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "",
               expected);
  return FALSE;
}

static gboolean
fail_value (GParamSpec *spec, const char *text, const char *what, GError **error)
{
  g_autofree char *expected = muster_param_text_expected (spec);

  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "'%s' %s; expected %s", text, what, expected);
  return FALSE;
}

/* Decimal, 0x hexadecimal or 0o octal; a leading zero is refused, because it means octal to some. */
static gboolean
parse_magnitude (const char *text, guint64 *magnitude, gboolean *overflow)
{
  guint base = 10;

  *overflow = FALSE;
  *magnitude = 0;
  if (text[0] == '0' && (text[1] == 'x' || text[1] == 'o'))
    {
      base = text[1] == 'x' ? 16 : 8;
      text += 2;
    }
  else if (text[0] == '0' && text[1] != '\0')
    return FALSE;
  if (*text == '\0')
    return FALSE;
  for (; *text != '\0'; text++)
    {
      int digit = g_ascii_xdigit_value (*text);

      if (digit < 0 || (guint) digit >= base)
        return FALSE;
      if (!g_uint64_checked_mul (magnitude, *magnitude, base) || !g_uint64_checked_add (magnitude, *magnitude, digit))
        *overflow = TRUE;
    }
  return TRUE;
}

static gboolean
parse_integer (GParamSpec *spec, const char *text, const Bounds *bounds, gint64 *number, guint64 *natural,
               GError **error)
{
  gboolean negative = *text == '-', overflow;

  if (!parse_magnitude (negative ? text + 1 : text, natural, &overflow))
    return fail_value (spec, text, *text == '0' ? "begins with a zero (octal is 0o17)" : "is not a whole number",
                       error);
  if (overflow || (negative && (!bounds->is_signed || *natural > (guint64) G_MAXINT64 + 1) && *natural != 0)
      || (!negative && bounds->is_signed && *natural > G_MAXINT64))
    return fail_value (spec, text, "is out of range", error);
  *number = negative ? (gint64) (0 - *natural) : (gint64) *natural;
  return TRUE;
}

static gboolean
set_integer (GParamSpec *spec, const char *text, const Bounds *bounds, gint64 number, guint64 natural, GValue *value,
             GError **error)
{
  if (bounds->is_signed ? number < bounds->minimum || number > bounds->maximum
                        : natural < bounds->unsigned_minimum || natural > bounds->unsigned_maximum)
    return fail_value (spec, text, "is out of range", error);
  g_value_init (value, G_PARAM_SPEC_VALUE_TYPE (spec));
  if (G_IS_PARAM_SPEC_INT (spec))
    g_value_set_int (value, (int) number);
  else if (G_IS_PARAM_SPEC_INT64 (spec))
    g_value_set_int64 (value, number);
  else if (G_IS_PARAM_SPEC_UINT (spec))
    g_value_set_uint (value, (guint) natural);
  else
    g_value_set_uint64 (value, natural);
  return TRUE;
}

static gboolean
set_boolean (GParamSpec *spec, const char *text, GValue *value, GError **error)
{
  static const char *const words[] = { "false", "true", "no", "yes", "off", "on", "0", "1" };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (g_ascii_strcasecmp (text, words[i]) == 0)
      {
        g_value_init (value, G_TYPE_BOOLEAN);
        g_value_set_boolean (value, i % 2 == 1);
        return TRUE;
      }
  return fail_value (spec, text, "is neither", error);
}

static gboolean
set_double (GParamSpecDouble *spec, const char *text, GValue *value, GError **error)
{
  char *end;
  double number = g_ascii_strtod (text, &end);

  if (end == text || *end != '\0' || !isfinite (number) || g_ascii_isspace (*text))
    return fail_value (G_PARAM_SPEC (spec), text, "is not a number", error);
  if (number < spec->minimum || number > spec->maximum)
    return fail_value (G_PARAM_SPEC (spec), text, "is out of range", error);
  g_value_init (value, G_TYPE_DOUBLE);
  g_value_set_double (value, number);
  return TRUE;
}

static gboolean
set_enum (GParamSpecEnum *spec, const char *text, GValue *value, GError **error)
{
  g_autofree char *nick = g_ascii_strdown (text, -1);
  const GEnumValue *choice = g_enum_get_value_by_nick (spec->enum_class, nick);
  MusterLevel level;

  if (choice == NULL && G_PARAM_SPEC_VALUE_TYPE (spec) == MUSTER_TYPE_LEVEL && muster_level_from_string (text, &level))
    choice = g_enum_get_value (spec->enum_class, (int) level);
  if (choice == NULL)
    return fail_choice (G_PARAM_SPEC (spec), text, error);
  g_value_init (value, G_PARAM_SPEC_VALUE_TYPE (spec));
  g_value_set_enum (value, choice->value);
  return TRUE;
}

static gboolean
set_flags (GParamSpecFlags *spec, const char *const *list, GValue *value, GError **error)
{
  guint flags = 0;

  for (; *list != NULL; list++)
    {
      g_autofree char *nick = g_ascii_strdown (*list, -1);
      const GFlagsValue *choice = g_flags_get_value_by_nick (spec->flags_class, nick);

      if (choice == NULL)
        return fail_choice (G_PARAM_SPEC (spec), *list, error);
      flags |= choice->value;
    }
  g_value_init (value, G_PARAM_SPEC_VALUE_TYPE (spec));
  g_value_set_flags (value, flags);
  return TRUE;
}

static gboolean
set_number (GParamSpec *spec, const char *text, const Bounds *bounds, GValue *value, GError **error)
{
  gint64 number = 0;
  guint64 natural = 0;
  gboolean good;

  if (IS_DURATION (spec))
    good = muster_duration_from_string (text, &number, error);
  else if (IS_SIZE (spec))
    good = muster_size_from_string (text, &natural, error);
  else
    good = parse_integer (spec, text, bounds, &number, &natural, error);
  return good && set_integer (spec, text, bounds, number, natural, value, error);
}

gboolean
muster_param_text_parse (GParamSpec *spec, const char *text, const char *const *list, GValue *value, GError **error)
{
  Bounds bounds;

  if (get_bounds (spec, &bounds))
    return set_number (spec, text, &bounds, value, error);
  if (G_IS_PARAM_SPEC_BOOLEAN (spec))
    return set_boolean (spec, text, value, error);
  if (G_IS_PARAM_SPEC_DOUBLE (spec))
    return set_double (G_PARAM_SPEC_DOUBLE (spec), text, value, error);
  if (G_IS_PARAM_SPEC_ENUM (spec))
    return set_enum (G_PARAM_SPEC_ENUM (spec), text, value, error);
  if (G_IS_PARAM_SPEC_FLAGS (spec))
    return set_flags (G_PARAM_SPEC_FLAGS (spec), list, value, error);
  g_value_init (value, G_PARAM_SPEC_VALUE_TYPE (spec));
  if (G_IS_PARAM_SPEC_STRING (spec))
    g_value_set_string (value, text);
  else
    g_value_set_boxed (value, list);
  return TRUE;
}
