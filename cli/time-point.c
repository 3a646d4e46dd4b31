/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Moments as people write them. Pure functions, but for the local time zone.
 */
#include "config.h"

#include <string.h>

#include "muster-error.h"
#include "muster-param.h"
#include "time-point.h"

#include <glib/gi18n.h>

#define NS_PER_SECOND G_GUINT64_CONSTANT (1000000000)

/* Takes the fraction of a second out of @text: GDateTime knows microseconds alone. */
static char *
split_fraction (const char *text, guint64 *fraction_ns)
{
  const char *point = strpbrk (text, ".,");
  const char *end = point != NULL ? point + 1 : NULL;
  guint64 scale = NS_PER_SECOND;

  *fraction_ns = 0;
  if (point == NULL || !g_ascii_isdigit (*end))
    return g_strdup (text);
  for (; g_ascii_isdigit (*end); end++)
    if (scale > 1)
      {
        scale /= 10;
        *fraction_ns += scale * (guint64) g_ascii_digit_value (*end);
      }
  return g_strdup_printf ("%.*s%s", (int) (point - text), text, end);
}

static gboolean
is_number (const char *text)
{
  return *text != '\0' && strspn (text, "0123456789") == strlen (text);
}

static gboolean
is_date (const char *text)
{
  return strlen (text) == 10 && text[4] == '-' && text[7] == '-';
}

/* "HH:MM" and "HH:MM:SS"; of today. */
static GDateTime *
parse_time_of_day (const char *text, GTimeZone *zone, gint64 now_us)
{
  g_autoptr (GDateTime) now_utc = g_date_time_new_from_unix_utc (now_us / G_USEC_PER_SEC);
  g_autoptr (GDateTime) now = g_date_time_to_timezone (now_utc, zone);
  g_autofree char *today = g_date_time_format (now, "%Y-%m-%d");
  g_autofree char *whole = g_strdup_printf ("%sT%s%s", today, text, strlen (text) == 5 ? ":00" : "");

  return g_date_time_new_from_iso8601 (whole, zone);
}

static GDateTime *
parse_date_time (const char *text, gint64 now_us)
{
  g_autoptr (GTimeZone) zone = g_time_zone_new_local ();
  g_autofree char *midnight = NULL;

  if (strchr (text, '-') == NULL && strchr (text, ':') != NULL)
    return parse_time_of_day (text, zone, now_us);
  if (is_date (text))
    midnight = g_strconcat (text, "T00:00:00", NULL);
  return g_date_time_new_from_iso8601 (midnight != NULL ? midnight : text, zone);
}

/* On a command line "m" can be nothing but minutes. */
gboolean
muster_time_span_parse (const char *text, gint64 *duration_us, GError **error)
{
  gsize length = strlen (text);
  g_autofree char *minutes = NULL;

  if (length >= 2 && text[length - 1] == 'm' && g_ascii_isdigit (text[length - 2]))
    minutes = g_strconcat (text, "in", NULL);
  return muster_duration_from_string (minutes != NULL ? minutes : text, duration_us, error);
}

static gboolean
parse_relative (const char *text, gint64 now_us, guint64 *time_ns)
{
  gint64 duration_us;

  if (!muster_time_span_parse (text + 1, &duration_us, NULL) || duration_us > now_us)
    return FALSE;
  *time_ns = (guint64) (now_us - duration_us) * 1000;
  return TRUE;
}

static gboolean
parse_absolute (const char *text, gint64 now_us, guint64 *time_ns)
{
  guint64 fraction_ns, seconds;
  g_autofree char *whole = split_fraction (text, &fraction_ns);
  g_autoptr (GDateTime) date_time = NULL;

  if (is_number (whole))
    {
      if (!g_ascii_string_to_unsigned (whole, 10, 0, G_MAXUINT64 / NS_PER_SECOND - 1, &seconds, NULL))
        return FALSE;
    }
  else
    {
      date_time = parse_date_time (whole, now_us);
      if (date_time == NULL || g_date_time_to_unix (date_time) < 0)
        return FALSE;
      seconds = (guint64) g_date_time_to_unix (date_time);
      if (seconds > G_MAXUINT64 / NS_PER_SECOND - 1)
        return FALSE;
    }
  *time_ns = seconds * NS_PER_SECOND + fraction_ns;
  return TRUE;
}

gboolean
muster_time_point_parse (const char *text, gint64 now_us, guint64 *time_ns, GError **error)
{
  if (text[0] == '-' ? parse_relative (text, now_us, time_ns) : parse_absolute (text, now_us, time_ns))
    return TRUE;
  g_set_error (
      error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
      _ ("'%s' is not a time; expected 2024-05-01T12:00:00Z, 2024-05-01, 12:00, 12:00:30, -10m or seconds since "
         "1970"),
      text);
  return FALSE;
}
