/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Writing JSON piece by piece. Strings come out as valid JSON whatever their bytes are; numbers come out as JavaScript
 * prints them, whatever the locale is. Pure functions; any thread.
 */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "muster-json.h"

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* Digits that tell any double apart, and that every double of the normal range keeps (DBL_DECIMAL_DIG, DBL_DIG). */
#define DIGITS_MAX  17
#define DIGITS_KEPT 15

static inline void
append (GByteArray *out, const void *data, gsize length)
{
  g_byte_array_append (out, data, (guint) length);
}

/**
 * muster_json_append_raw: (skip)
 * @out: the bytes so far
 * @text: JSON
 *
 * Appends @text as it is: punctuation, `true`, `null`.
 *
 * Since: 0.1
 */
void
muster_json_append_raw (GByteArray *out, const char *text)
{
  append (out, text, strlen (text));
}

static void
append_escaped (GByteArray *out, guint8 byte)
{
  static const char short_names[] = "\bb\ff\nn\rr\tt\"\"\\\\";
  static const char hex[] = "0123456789abcdef";
  char text[6] = { '\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15] };

  for (gsize i = 0; i < sizeof short_names - 1; i += 2)
    if (byte == (guint8) short_names[i])
      {
        text[1] = short_names[i + 1];
        append (out, text, 2);
        return;
      }
  append (out, text, sizeof text);
}

/* How many bytes at @in go into a JSON string as they are; 0 if the first one does not. */
static gsize
plain_run (const guint8 *in, const guint8 *end)
{
  const guint8 *start = in;

  while (in < end)
    {
      if (G_LIKELY (*in < 0x80))
        {
          if (*in < 0x20 || *in == '"' || *in == '\\')
            break;
          in++;
        }
      else
        {
          gunichar c = g_utf8_get_char_validated ((const char *) in, end - in);

          if (c == (gunichar) -1 || c == (gunichar) -2)
            break;
          in += g_utf8_skip[*in];
        }
    }
  return (gsize) (in - start);
}

/**
 * muster_json_append_string: (skip)
 * @out: the bytes so far
 * @text: any bytes
 * @length: how many; -1 if NUL-terminated
 *
 * Appends a JSON string with its quotes. Each byte that is not UTF-8 becomes U+FFFD.
 *
 * Since: 0.1
 */
void
muster_json_append_string (GByteArray *out, const char *text, gssize length)
{
  const guint8 *in = (const guint8 *) text;
  const guint8 *end = in + (length < 0 ? strlen (text) : (gsize) length);

  append (out, "\"", 1);
  while (in < end)
    {
      gsize run = plain_run (in, end);

      if (run > 0)
        append (out, in, run);
      in += run;
      if (in == end)
        break;
      if (*in < 0x80)
        append_escaped (out, *in);
      else
        append (out, REPLACEMENT, strlen (REPLACEMENT));
      in++;
    }
  append (out, "\"", 1);
}

/* The number rounded to @precision digits, without the zeros at its end: 0.DIGITS * 10^@point. */
static gsize
round_digits (double value, int precision, char *digits, int *point)
{
  char text[40];
  gsize n = 0;
  const char *in;

  /* The decimal point is the locale's, which may be several bytes: only digits are taken. */
  snprintf (text, sizeof text, "%.*e", precision - 1, value);
  for (in = text; *in != 'e'; in++)
    if (g_ascii_isdigit (*in))
      digits[n++] = *in;
  *point = atoi (in + 1) + 1;
  while (n > 1 && digits[n - 1] == '0')
    n--;
  digits[n] = '\0';
  return n;
}

static gboolean
reads_back (double value, const char *digits, gsize n, int point)
{
  char text[40];

  snprintf (text, sizeof text, "%se%d", digits, point - (int) n);
  return strtod (text, NULL) == value;
}

/* The next greater number of @precision digits. */
static gboolean
bump_digits (char *digits, gsize n, gsize precision)
{
  memset (digits + n, '0', precision - n);
  digits[precision] = '\0';
  if (digits[precision - 1] == '9')
    return FALSE;
  digits[precision - 1]++;
  return TRUE;
}

/* The fewest digits that read back equal, and of those the nearest, for a finite @value > 0. The nearest of 15 digits
 * is the shortest wherever it reads back, for no two of them lie that near; the subnormal numbers have less precision
 * and start at one digit. Below a power of two, doubles lie twice as dense as above, so that there a neighbour above
 * may read back where the nearest one, which lies below, does not. */
static gsize
shortest_digits (double value, char *digits, int *point)
{
  int exponent;
  int precision = fpclassify (value) == FP_SUBNORMAL ? 1 : DIGITS_KEPT;

  for (; precision < DIGITS_MAX; precision++)
    {
      gsize n = round_digits (value, precision, digits, point);

      if (reads_back (value, digits, n, *point))
        return n;
      if (frexp (value, &exponent) == 0.5 && bump_digits (digits, n, (gsize) precision)
          && reads_back (value, digits, (gsize) precision, *point))
        return (gsize) precision;
    }
  return round_digits (value, DIGITS_MAX, digits, point);
}

/* Numbers with few decimals, which most are, without printing and reading: the digits are whole and at most 15, and so is
 * the power of ten exact, so the quotient is what reading the text gives; and no other text of at most 15 digits reads
 * back the same. Returns 0 if @value > 0 is none of these. */
static gsize
few_digits (double value, char *digits, int *point)
{
  static const double powers[] = { 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9 };

  for (gsize i = 0; i < G_N_ELEMENTS (powers); i++)
    {
      double whole = rint (value * powers[i]);
      char reversed[20];
      gsize n = 0;

      if (whole >= 1e15)
        return 0;
      if (whole / powers[i] != value)
        continue;
      for (guint64 rest = (guint64) whole; rest > 0; rest /= 10)
        reversed[n++] = (char) ('0' + rest % 10);
      for (gsize k = 0; k < n; k++)
        digits[k] = reversed[n - 1 - k];
      *point = (int) n - (int) (i + 1);
      return n;
    }
  return 0;
}

static gsize
fill (char *out, char c, int count)
{
  if (count <= 0)
    return 0;
  memset (out, c, (gsize) count);
  return (gsize) count;
}

/* As ECMA-262 prints them, Number::toString. */
static gsize
place_digits (char *out, const char *digits, gsize n, int point)
{
  gsize length = 0;

  if (point > 21 || point <= -6)
    {
      out[length++] = digits[0];
      if (n > 1)
        out[length++] = '.';
      memcpy (out + length, digits + 1, n - 1);
      length += n - 1;
      return length + (gsize) sprintf (out + length, "e%+d", point - 1);
    }
  if (point <= 0)
    {
      out[length++] = '0';
      out[length++] = '.';
      length += fill (out + length, '0', -point);
      memcpy (out + length, digits, n);
      return length + n;
    }
  if ((gsize) point >= n)
    {
      memcpy (out, digits, n);
      return n + fill (out + n, '0', point - (int) n);
    }
  memcpy (out, digits, (gsize) point);
  out[point] = '.';
  memcpy (out + point + 1, digits + point, n - (gsize) point);
  return n + 1;
}

/**
 * muster_json_append_double: (skip)
 * @out: the bytes so far
 * @value: a number
 *
 * Appends the shortest text that reads back equal, as JavaScript prints it: `0.1`, `17`, `1e+21`. JSON has no text for
 * NaN and the infinities: they become `null`.
 *
 * Since: 0.1
 */
void
muster_json_append_double (GByteArray *out, double value)
{
  char digits[24];
  char text[48];
  gsize length = 0;
  gsize n;
  int point;

  if (!isfinite (value))
    {
      muster_json_append_raw (out, "null");
      return;
    }
  if (fabs (value) < 1e15 && value == trunc (value))
    {
      muster_json_append_int (out, (gint64) value);
      return;
    }
  if (value < 0)
    text[length++] = '-';
  n = few_digits (fabs (value), digits, &point);
  if (n == 0)
    n = shortest_digits (fabs (value), digits, &point);
  length += place_digits (text + length, digits, n, point);
  append (out, text, length);
}

/**
 * muster_json_append_uint: (skip)
 * @out: the bytes so far
 * @value: a number
 *
 * Appends all digits of @value.
 *
 * Since: 0.1
 */
void
muster_json_append_uint (GByteArray *out, guint64 value)
{
  char text[20];
  char *start = text + sizeof text;

  do
    *--start = (char) ('0' + value % 10);
  while ((value /= 10) > 0);
  append (out, start, (gsize) (text + sizeof text - start));
}

/**
 * muster_json_append_int: (skip)
 * @out: the bytes so far
 * @value: a number
 *
 * Appends all digits of @value.
 *
 * Since: 0.1
 */
void
muster_json_append_int (GByteArray *out, gint64 value)
{
  if (value < 0)
    append (out, "-", 1);
  muster_json_append_uint (out, value < 0 ? -(guint64) value : (guint64) value);
}

/**
 * muster_json_append_base64: (skip)
 * @out: the bytes so far
 * @data: (nullable): any bytes
 * @length: how many
 *
 * Appends a JSON string, with its quotes, that holds the bytes in base64 (RFC 4648 section 4).
 *
 * Since: 0.1
 */
void
muster_json_append_base64 (GByteArray *out, gconstpointer data, gsize length)
{
  gsize before;
  gint state = 0;
  gint save = 0;
  gsize n;

  append (out, "\"", 1);
  before = out->len;
  g_byte_array_set_size (out, (guint) (before + (length / 3 + 1) * 4 + 4));
  n = length > 0 ? g_base64_encode_step (data, length, FALSE, (char *) out->data + before, &state, &save) : 0;
  n += g_base64_encode_close (FALSE, (char *) out->data + before + n, &state, &save);
  g_byte_array_set_size (out, (guint) (before + n));
  append (out, "\"", 1);
}
