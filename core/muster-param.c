/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Properties that people write with a unit: durations and sizes. The types derive from GParamInt64 and GParamUInt64, so
 * that whoever knows those (bindings, g_object_set) needs to know no more. Pure functions; any thread.
 */
#include "config.h"

#include <string.h>

#include "muster-param.h"

typedef struct
{
  const char *name;
  guint64 factor;
} Unit;

typedef struct
{
  GParamSpecInt64 parent_instance;
} MusterParamSpecDuration;

typedef struct
{
  GParamSpecUInt64 parent_instance;
} MusterParamSpecSize;

typedef GParamSpecClass MusterParamSpecDurationClass;
typedef GParamSpecClass MusterParamSpecSizeClass;

/* Largest first, as printing wants them. */
static const Unit duration_units[] = {
  { "d", 86400 * G_GUINT64_CONSTANT (1000000) },
  { "h", 3600 * G_GUINT64_CONSTANT (1000000) },
  { "min", 60 * G_GUINT64_CONSTANT (1000000) },
  { "s", 1000000 },
  { "ms", 1000 },
  { "us", 1 },
};

static const Unit size_units[] = {
  { "EiB", G_GUINT64_CONSTANT (1) << 60 },
  { "PiB", G_GUINT64_CONSTANT (1) << 50 },
  { "TiB", G_GUINT64_CONSTANT (1) << 40 },
  { "GiB", G_GUINT64_CONSTANT (1) << 30 },
  { "MiB", G_GUINT64_CONSTANT (1) << 20 },
  { "KiB", G_GUINT64_CONSTANT (1) << 10 },
  { "EB", G_GUINT64_CONSTANT (1000000000000000000) },
  { "PB", G_GUINT64_CONSTANT (1000000000000000) },
  { "TB", G_GUINT64_CONSTANT (1000000000000) },
  { "GB", G_GUINT64_CONSTANT (1000000000) },
  { "MB", G_GUINT64_CONSTANT (1000000) },
  { "kB", G_GUINT64_CONSTANT (1000) },
};

GType
muster_param_duration_get_type (void)
{
  static gsize type = 0;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_type_register_static_simple (G_TYPE_PARAM_INT64,
                                                             g_intern_static_string ("MusterParamDuration"),
                                                             sizeof (MusterParamSpecDurationClass), NULL,
                                                             sizeof (MusterParamSpecDuration), NULL, 0));
  return type;
}

GType
muster_param_size_get_type (void)
{
  static gsize type = 0;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_type_register_static_simple (
                                  G_TYPE_PARAM_UINT64, g_intern_static_string ("MusterParamSize"),
                                  sizeof (MusterParamSpecSizeClass), NULL, sizeof (MusterParamSpecSize), NULL, 0));
  return type;
}

/**
 * muster_param_spec_duration:
 * @name: the property's name
 * @nick: (nullable): its nick
 * @blurb: (nullable): its description, one sentence
 * @minimum_us: the shortest duration, in microseconds
 * @maximum_us: the longest
 * @default_us: the default
 * @flags: flags
 *
 * A property of type #gint64, in microseconds, that a keyfile writes with its unit: `500ms`, `10s`, `2h`.
 *
 * Returns: (transfer full): a floating #GParamSpec
 * Since: 0.1
 */
GParamSpec *
muster_param_spec_duration (const char *name, const char *nick, const char *blurb, gint64 minimum_us, gint64 maximum_us,
                            gint64 default_us, GParamFlags flags)
{
  GParamSpecInt64 *spec;

  g_return_val_if_fail (minimum_us <= default_us && default_us <= maximum_us, NULL);

  spec = g_param_spec_internal (MUSTER_TYPE_PARAM_DURATION, name, nick, blurb, flags);
  if (spec == NULL)
    return NULL;
  spec->minimum = minimum_us;
  spec->maximum = maximum_us;
  spec->default_value = default_us;
  return (GParamSpec *) spec;
}

/**
 * muster_param_spec_size:
 * @name: the property's name
 * @nick: (nullable): its nick
 * @blurb: (nullable): its description, one sentence
 * @minimum: the smallest size, in bytes
 * @maximum: the largest
 * @default_bytes: the default
 * @flags: flags
 *
 * A property of type #guint64, in bytes, that a keyfile may write with a unit: `64KiB`, `1GiB`, `10kB`.
 *
 * Returns: (transfer full): a floating #GParamSpec
 * Since: 0.1
 */
GParamSpec *
muster_param_spec_size (const char *name, const char *nick, const char *blurb, guint64 minimum, guint64 maximum,
                        guint64 default_bytes, GParamFlags flags)
{
  GParamSpecUInt64 *spec;

  g_return_val_if_fail (minimum <= default_bytes && default_bytes <= maximum, NULL);

  spec = g_param_spec_internal (MUSTER_TYPE_PARAM_SIZE, name, nick, blurb, flags);
  if (spec == NULL)
    return NULL;
  spec->minimum = minimum;
  spec->maximum = maximum;
  spec->default_value = default_bytes;
  return (GParamSpec *) spec;
}

/* Reads digits up to @limit; returns what follows them (and the blanks after them), or NULL if there are none. */
static const char *
parse_digits (const char *text, guint64 *number, gboolean *overflow)
{
  const char *start = text;

  *number = 0;
  *overflow = FALSE;
  for (; g_ascii_isdigit (*text); text++)
    if (!g_uint64_checked_mul (number, *number, 10) || !g_uint64_checked_add (number, *number, (guint64) (*text - '0')))
      *overflow = TRUE;
  if (text == start)
    return NULL;
  while (g_ascii_isspace (*text))
    text++;
  return text;
}

static const Unit *
find_unit (const Unit *units, gsize n_units, const char *text, gsize length, gboolean any_case)
{
  for (gsize i = 0; i < n_units; i++)
    if (strlen (units[i].name) == length
        && (any_case ? g_ascii_strncasecmp (units[i].name, text, length) : strncmp (units[i].name, text, length)) == 0)
      return &units[i];
  return NULL;
}

static gsize
trimmed_length (const char *text)
{
  gsize length = strlen (text);

  while (length > 0 && g_ascii_isspace (text[length - 1]))
    length--;
  return length;
}

/**
 * muster_duration_from_string:
 * @text: a duration as people write it: a whole number and one of `us`, `ms`, `s`, `min`, `h`, `d`; or `0`
 * @duration_us: (out): where the microseconds go
 * @error: where to say what is wrong
 *
 * Reads a duration. A number without a unit is an error, because nobody can tell what was meant.
 *
 * Returns: %FALSE with %MUSTER_ERROR_INVALID if @text is no duration or too long for a #gint64
 * Since: 0.1
 */
gboolean
muster_duration_from_string (const char *text, gint64 *duration_us, GError **error)
{
  const char *in, *rest;
  const Unit *unit;
  guint64 number;
  gboolean negative, overflow;
  gsize length;

  g_return_val_if_fail (text != NULL && duration_us != NULL, FALSE);

  for (in = text; g_ascii_isspace (*in); in++)
    ;
  negative = *in == '-';
  rest = parse_digits (negative ? in + 1 : in, &number, &overflow);
  length = rest != NULL ? trimmed_length (rest) : 0;
  if (rest != NULL && length == 0 && number == 0 && !overflow)
    {
      *duration_us = 0;
      return TRUE;
    }
  if (rest != NULL && length == 0)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                   "'%s' has no unit; expected one of us, ms, s, min, h, d after the number (only 0 needs none)", text);
      return FALSE;
    }
  unit = rest != NULL ? find_unit (duration_units, G_N_ELEMENTS (duration_units), rest, length, FALSE) : NULL;
  if (unit == NULL)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                   "'%s' is not a duration; expected a whole number and one of us, ms, s, min, h, d, like 500ms", text);
      return FALSE;
    }
  if (overflow || !g_uint64_checked_mul (&number, number, unit->factor)
      || number > (guint64) G_MAXINT64 + (negative ? 1 : 0))
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "'%s' is too long; expected at most 106751991d", text);
      return FALSE;
    }
  *duration_us = negative ? (gint64) (0 - number) : (gint64) number;
  return TRUE;
}

/* The largest unit that divides @number; NULL for none. */
static const Unit *
choose_unit (const Unit *units, gsize n_units, guint64 number)
{
  for (gsize i = 0; number > 0 && i < n_units; i++)
    if (number % units[i].factor == 0)
      return &units[i];
  return NULL;
}

/**
 * muster_duration_to_string:
 * @duration_us: microseconds
 *
 * The reverse of muster_duration_from_string(), in the largest unit that needs no fraction.
 *
 * Returns: (transfer full): like "10s"; "0" for none
 * Since: 0.1
 */
char *
muster_duration_to_string (gint64 duration_us)
{
  guint64 number = duration_us < 0 ? 0 - (guint64) duration_us : (guint64) duration_us;
  const Unit *unit = choose_unit (duration_units, G_N_ELEMENTS (duration_units), number);

  if (unit == NULL)
    return g_strdup ("0");
  return g_strdup_printf ("%s%" G_GUINT64_FORMAT "%s", duration_us < 0 ? "-" : "", number / unit->factor, unit->name);
}

/**
 * muster_size_from_string:
 * @text: a size as people write it: a whole number of bytes, or with one of `kB`, `MB`, `GB`, ... (powers of 1000) or
 *   `KiB`, `MiB`, `GiB`, ... (powers of 1024), in any case
 * @bytes: (out): where the bytes go
 * @error: where to say what is wrong
 *
 * Reads a size. `k` or `M` alone are errors, because they mean 1000 to some and 1024 to others.
 *
 * Returns: %FALSE with %MUSTER_ERROR_INVALID if @text is no size or too large for a #guint64
 * Since: 0.1
 */
gboolean
muster_size_from_string (const char *text, guint64 *bytes, GError **error)
{
  static const Unit one = { "B", 1 };
  const char *in, *rest;
  const Unit *unit;
  guint64 number;
  gboolean overflow;
  gsize length;

  g_return_val_if_fail (text != NULL && bytes != NULL, FALSE);

  for (in = text; g_ascii_isspace (*in); in++)
    ;
  rest = parse_digits (in, &number, &overflow);
  length = rest != NULL ? trimmed_length (rest) : 0;
  if (rest == NULL)
    unit = NULL;
  else if (length == 0 || (length == 1 && *rest == 'B'))
    unit = &one;
  else
    unit = find_unit (size_units, G_N_ELEMENTS (size_units), rest, length, TRUE);
  if (unit == NULL)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                   "'%s' is not a size; expected a whole number of bytes, or one with KiB, MiB, GiB, TiB (1024) or kB, "
                   "MB, GB, TB (1000), like 64KiB",
                   text);
      return FALSE;
    }
  if (overflow || !g_uint64_checked_mul (&number, number, unit->factor))
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "'%s' is too large; expected less than 16EiB", text);
      return FALSE;
    }
  *bytes = number;
  return TRUE;
}

/**
 * muster_size_to_string:
 * @bytes: a size
 *
 * The reverse of muster_size_from_string(), in the largest unit that needs no fraction, powers of 1024 first.
 *
 * Returns: (transfer full): like "64KiB"
 * Since: 0.1
 */
char *
muster_size_to_string (guint64 bytes)
{
  const Unit *unit = choose_unit (size_units, G_N_ELEMENTS (size_units), bytes);

  if (unit == NULL)
    return g_strdup_printf ("%" G_GUINT64_FORMAT, bytes);
  return g_strdup_printf ("%" G_GUINT64_FORMAT "%s", bytes / unit->factor, unit->name);
}
