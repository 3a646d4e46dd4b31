/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Times as they stand in syslog messages. Any thread: what is kept between calls is the thread's own.
 */
#include "config.h"

#include <string.h>
#include <time.h>

#include "muster-syslog-time.h"

#define NS_PER_S    G_GINT64_CONSTANT (1000000000)
#define S_PER_DAY   G_GINT64_CONSTANT (86400)
#define YEAR_MIN    1970
#define YEAR_MAX    2199
#define DATE_LENGTH 19 /* "2026-11-22T09:15:00" */
#define OLD_LENGTH  15 /* "Nov 22 09:15:00" */
#define HALF_YEAR_S (183 * S_PER_DAY)

typedef struct
{
  int year, month, day, hour, minute, second; /* month from 1 */
} Parts;

/* @digits digits as a number; -1 if something else is among them. */
static int
number_at (const char *text, guint digits)
{
  int number = 0;

  for (guint i = 0; i < digits; i++)
    {
      if (!g_ascii_isdigit (text[i]))
        return -1;
      number = number * 10 + (text[i] - '0');
    }
  return number;
}

static gboolean
are_valid (const Parts *parts)
{
  static const int days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

  return parts->year >= YEAR_MIN && parts->year <= YEAR_MAX && parts->month >= 1 && parts->month <= 12
         && parts->day >= 1 && parts->day <= days[parts->month - 1] && parts->hour >= 0 && parts->hour <= 23
         && parts->minute >= 0 && parts->minute <= 59 && parts->second >= 0 && parts->second <= 60;
}

/* Days since 1970-01-01 of the Gregorian calendar; years begin in March, so that the leap day is the last. */
static gint64
days_of (int year, int month, int day)
{
  gint64 y = month <= 2 ? year - 1 : year;
  gint64 m = month <= 2 ? month + 9 : month - 3;

  return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

static gint64
utc_seconds (const Parts *parts)
{
  return days_of (parts->year, parts->month, parts->day) * S_PER_DAY + parts->hour * 3600 + parts->minute * 60
         + parts->second;
}

/* ".123": returns how many bytes it took, 0 if there is none. */
static gsize
parse_fraction (const char *text, gsize length, gint64 *ns)
{
  gint64 unit = NS_PER_S;
  gsize i = 1;

  *ns = 0;
  if (length < 2 || text[0] != '.' || !g_ascii_isdigit (text[1]))
    return 0;
  for (; i < length && i <= 9 && g_ascii_isdigit (text[i]); i++)
    {
      unit /= 10;
      *ns += (text[i] - '0') * unit;
    }
  return i;
}

/* "Z" or "+01:00": seconds east of UTC; returns how many bytes it took, 0 if there is none. */
static gsize
parse_offset (const char *text, gsize length, gint64 *offset_s)
{
  int hours, minutes;

  *offset_s = 0;
  if (length >= 1 && (*text == 'Z' || *text == 'z'))
    return 1;
  if (length < 6 || (*text != '+' && *text != '-') || text[3] != ':')
    return 0;
  hours = number_at (text + 1, 2);
  minutes = number_at (text + 4, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
    return 0;
  *offset_s = (hours * 3600 + minutes * 60) * (*text == '-' ? -1 : 1);
  return 6;
}

static gboolean
is_date_form (const char *text)
{
  return text[4] == '-' && text[7] == '-' && (text[10] == 'T' || text[10] == 't') && text[13] == ':' && text[16] == ':';
}

static gboolean
parse_date (const char *text, Parts *parts)
{
  *parts = (Parts){ number_at (text, 4),      number_at (text + 5, 2),  number_at (text + 8, 2),
                    number_at (text + 11, 2), number_at (text + 14, 2), number_at (text + 17, 2) };
  return are_valid (parts);
}

gsize
muster_syslog_time_parse_rfc3339 (const char *text, gsize length, guint64 *time_ns)
{
  Parts parts;
  gint64 ns, offset_s, seconds;
  gsize taken = DATE_LENGTH, offset_length;

  if (length <= DATE_LENGTH || !is_date_form (text) || !parse_date (text, &parts))
    return 0;
  taken += parse_fraction (text + taken, length - taken, &ns);
  offset_length = parse_offset (text + taken, length - taken, &offset_s);
  seconds = utc_seconds (&parts) - offset_s;
  if (offset_length == 0 || seconds < 0)
    return 0;
  *time_ns = (guint64) (seconds * NS_PER_S + ns);
  return taken + offset_length;
}

/* -- the old form ---------------------------------------------------------------------------------- */

static int
month_of (const char *text)
{
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

  for (int i = 0; i < 12; i++)
    if (memcmp (text, months + (gsize) i * 3, 3) == 0)
      return i + 1;
  return -1;
}

static gboolean
parse_old_parts (const char *text, Parts *parts)
{
  if (text[3] != ' ' || text[6] != ' ' || text[9] != ':' || text[12] != ':')
    return FALSE;
  *parts = (Parts){ .year = 2000, .month = month_of (text) };
  parts->day = text[4] == ' ' ? number_at (text + 5, 1) : number_at (text + 4, 2);
  parts->hour = number_at (text + 7, 2);
  parts->minute = number_at (text + 10, 2);
  parts->second = number_at (text + 13, 2);
  return are_valid (parts);
}

static gint64
local_seconds (const Parts *parts, int year)
{
  struct tm local = { .tm_year = year - 1900,
                      .tm_mon = parts->month - 1,
                      .tm_mday = parts->day,
                      .tm_hour = parts->hour,
                      .tm_min = parts->minute,
                      .tm_sec = parts->second,
                      .tm_isdst = -1 };

  return mktime (&local);
}

/* The one of three years in which the time is nearest. */
static gint64
nearest_seconds (const Parts *parts, gint64 now_s)
{
  struct tm now;
  time_t clock = (time_t) now_s;
  gint64 best;

  if (localtime_r (&clock, &now) == NULL)
    return 0;
  best = local_seconds (parts, now.tm_year + 1900);
  if (best - now_s > HALF_YEAR_S)
    best = local_seconds (parts, now.tm_year + 1899);
  else if (now_s - best > HALF_YEAR_S)
    best = local_seconds (parts, now.tm_year + 1901);
  return best;
}

/* mktime() takes a microsecond; messages come many to a second. */
static gboolean
find_seconds (const char *text, gint64 now_s, gint64 *seconds)
{
  static __thread char last_text[OLD_LENGTH];
  static __thread gint64 last_seconds, last_now_s = -1;
  Parts parts;

  if (last_now_s < 0 || ABS (now_s - last_now_s) > S_PER_DAY || memcmp (text, last_text, OLD_LENGTH) != 0)
    {
      if (!parse_old_parts (text, &parts))
        return FALSE;
      memcpy (last_text, text, OLD_LENGTH);
      last_seconds = nearest_seconds (&parts, now_s);
      last_now_s = now_s;
    }
  *seconds = last_seconds;
  return last_seconds > 0;
}

gsize
muster_syslog_time_parse_zoneless (const char *text, gsize length, guint64 *time_ns)
{
  static __thread char last_text[DATE_LENGTH];
  static __thread gint64 last_seconds;
  Parts parts;
  gint64 ns;

  if (length < DATE_LENGTH || !is_date_form (text))
    return 0;
  if (memcmp (text, last_text, DATE_LENGTH) != 0)
    {
      if (!parse_date (text, &parts))
        return 0;
      memcpy (last_text, text, DATE_LENGTH);
      last_seconds = local_seconds (&parts, parts.year);
    }
  if (last_seconds < 0)
    return 0;
  length = DATE_LENGTH + parse_fraction (text + DATE_LENGTH, length - DATE_LENGTH, &ns);
  *time_ns = (guint64) (last_seconds * NS_PER_S + ns);
  return length;
}

/* "Nov 22 2026 09:15:00": some devices write the year. */
static gsize
parse_with_year (const char *text, gsize length, gint64 *seconds)
{
  char without[OLD_LENGTH];
  Parts parts;
  int year;

  if (length < OLD_LENGTH + 5 || text[6] != ' ' || text[11] != ' ')
    return 0;
  year = number_at (text + 7, 4);
  memcpy (without, text, 7);
  memcpy (without + 7, text + 12, 8);
  if (year < YEAR_MIN || year > YEAR_MAX || !parse_old_parts (without, &parts))
    return 0;
  *seconds = local_seconds (&parts, year);
  return *seconds > 0 ? OLD_LENGTH + 5 : 0;
}

gsize
muster_syslog_time_parse_old (const char *text, gsize length, guint64 now_ns, guint64 *time_ns)
{
  gint64 seconds = 0, ns = 0;
  gsize taken = OLD_LENGTH;

  if (length < OLD_LENGTH)
    return 0;
  if (!find_seconds (text, (gint64) (now_ns / (guint64) NS_PER_S), &seconds))
    taken = parse_with_year (text, length, &seconds);
  if (taken == 0)
    return 0;
  taken += parse_fraction (text + taken, length - taken, &ns);
  *time_ns = (guint64) (seconds * NS_PER_S + ns);
  return taken;
}
