/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Points in time as text. Owned by a pattern, and so by one format and its thread.
 */
#include "config.h"

#include "muster-text-time.h"

#include "muster-error.h"

#include <locale.h>
#include <time.h>

/* One piece of the format: what strftime() makes, then what it cannot. */
typedef struct
{
  char *format;   /* owned */
  gboolean epoch; /* seconds since the epoch follow: strftime()'s own %s takes UTC for local time */
  guint digits;   /* of the fraction that follows, 0 where there is none */
  gsize position; /* of that fraction in the rendered text */
} Piece;

struct _MusterTextTime
{
  GArray *pieces;   /* of Piece, owned */
  GByteArray *text; /* owned: @second rendered, with some fraction; MUSTER_TEXT_SLACK bytes behind it are readable */
  gsize length;     /* of what counts in @text */
  guint64 second;   /* G_MAXUINT64 before the first */
  locale_t locale;  /* owned */
  gboolean utc;
};

static void
piece_clear (gpointer data)
{
  Piece *piece = data;

  g_free (piece->format);
}

static void
add_piece (MusterTextTime *time, GString *format, gboolean epoch, guint digits)
{
  Piece piece = { .format = g_strdup (format->str), .epoch = epoch, .digits = digits };

  g_array_append_val (time->pieces, piece);
  g_string_truncate (format, 0);
}

/* Bytes of the conversion at @in (a '%'), with its flags, width and modifier as glibc's strftime(3) has them; 0 if it is
 * none. */
static gsize
conversion_length (const char *in, gsize left)
{
  gsize n = 1;

  while (n < left && strchr ("_-0^#", in[n]) != NULL && in[n] != '\0')
    n++;
  while (n < left && g_ascii_isdigit (in[n]) && n < 4)
    n++;
  if (n < left && (in[n] == 'E' || in[n] == 'O'))
    n++;
  return n < left && in[n] != '\0' && strchr ("aAbBcCdDeFgGhHIjklmMnpPrRStTuUVwWxXyYzZ%", in[n]) != NULL ? n + 1 : 0;
}

static guint
fraction_digits (const char *in, gsize left)
{
  if (left >= 2 && in[1] == 'f')
    return 6;
  return left >= 3 && in[1] >= '1' && in[1] <= '9' && in[2] == 'f' ? (guint) (in[1] - '0') : 0;
}

static gboolean
parse (MusterTextTime *time, const char *format, gsize length, gsize *fault, GError **error)
{
  g_autoptr (GString) literal = g_string_new (NULL);

  for (gsize i = 0; i < length;)
    {
      guint digits = format[i] == '%' ? fraction_digits (format + i, length - i) : 0;
      gboolean epoch = format[i] == '%' && i + 1 < length && format[i + 1] == 's';
      gsize n = 1;

      if (digits > 0 || epoch)
        {
          add_piece (time, literal, epoch, digits);
          i += epoch || format[i + 1] == 'f' ? 2 : 3;
          continue;
        }
      if (format[i] == '%' && (n = conversion_length (format + i, length - i)) == 0)
        {
          *fault = i;
          g_set_error (
              error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
              "“%.*s” is no conversion of strftime(3), nor %%f, %%1f to %%9f for fractions; “%%%%” is a percent sign",
              (int) MIN (length - i, 2), format + i);
          return FALSE;
        }
      g_string_append_len (literal, format + i, (gssize) n);
      i += n;
    }
  add_piece (time, literal, FALSE, 0);
  return TRUE;
}

MusterTextTime *
muster_text_time_new (const char *format, gsize length, gboolean utc, gsize *fault, GError **error)
{
  g_autoptr (MusterTextTime) time = g_new0 (MusterTextTime, 1);

  time->pieces = g_array_new (FALSE, FALSE, sizeof (Piece));
  g_array_set_clear_func (time->pieces, piece_clear);
  time->text = g_byte_array_new ();
  time->second = G_MAXUINT64;
  time->utc = utc;
  /* What a log looks like must not depend on the language of whoever started it. */
  time->locale = newlocale (LC_ALL_MASK, "C", (locale_t) 0);
  tzset ();
  if (!parse (time, format, length, fault, error))
    return NULL;
  return g_steal_pointer (&time);
}

void
muster_text_time_free (MusterTextTime *time)
{
  g_array_unref (time->pieces);
  g_byte_array_unref (time->text);
  if (time->locale != (locale_t) 0)
    freelocale (time->locale);
  g_free (time);
}

static void
append_strftime (MusterTextTime *time, const char *format, const struct tm *tm)
{
  guint length = time->text->len;

  if (*format == '\0')
    return;
  /* 0 means too little room, or nothing to write, as %p in some languages: so there is a bound to the attempts. */
  for (gsize room = 64; room <= 1048576; room *= 4)
    {
      gsize n;

      g_byte_array_set_size (time->text, (guint) (length + room));
      n = strftime_l ((char *) time->text->data + length, room, format, tm, time->locale);
      if (n > 0)
        {
          g_byte_array_set_size (time->text, (guint) (length + n));
          return;
        }
    }
  g_byte_array_set_size (time->text, length);
}

static void
render_second (MusterTextTime *time, guint64 second)
{
  static const guint8 zeros[MUSTER_TEXT_SLACK + 9] = { 0 };
  time_t seconds = (time_t) second;
  struct tm tm = { 0 };

  if (time->utc)
    gmtime_r (&seconds, &tm);
  else
    localtime_r (&seconds, &tm);
  if (time->utc)
    tm.tm_zone = "UTC";
  g_byte_array_set_size (time->text, 0);
  for (guint i = 0; i < time->pieces->len; i++)
    {
      Piece *piece = &g_array_index (time->pieces, Piece, i);

      append_strftime (time, piece->format, &tm);
      if (piece->epoch)
        {
          char digits[24];
          int n = g_snprintf (digits, sizeof digits, "%" G_GUINT64_FORMAT, second);

          g_byte_array_append (time->text, (const guint8 *) digits, (guint) n);
        }
      piece->position = time->text->len;
      g_byte_array_append (time->text, zeros, piece->digits);
    }
  time->length = time->text->len;
  g_byte_array_append (time->text, zeros, MUSTER_TEXT_SLACK);
  time->second = second;
}

/* The first @n of a nanosecond's nine digits. */
static void
put_fraction (guint8 *out, guint32 nanosecond, guint n)
{
  static const guint32 divisors[] = { 1000000000, 100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1 };
  guint32 value = nanosecond / divisors[n];

  while (n > 0)
    {
      out[--n] = (guint8) ('0' + value % 10);
      value /= 10;
    }
}

void
muster_text_time_put (MusterTextTime *time, guint64 time_ns, MusterTextWriter *writer)
{
  guint64 second = time_ns / 1000000000;
  guint32 nanosecond = (guint32) (time_ns % 1000000000);

  if (G_UNLIKELY (second != time->second))
    render_second (time, second);
  for (guint i = 0; i < time->pieces->len; i++)
    {
      const Piece *piece = &g_array_index (time->pieces, Piece, i);

      if (piece->digits > 0)
        put_fraction (time->text->data + piece->position, nanosecond, piece->digits);
    }
  muster_text_writer_put (writer, time->text->data, time->length);
}
