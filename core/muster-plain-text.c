/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A record as a line for a person at stderr, for processes that no primary started. No allocation, no lock, no locale:
 * it works in signal handlers and after fork(). Times are UTC, because localtime() takes a lock.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "muster-plain-text-private.h"

typedef struct
{
  char *out;
  gsize length;
  gsize room; /* one byte is kept for the newline */
} Line;

static void
put (Line *line, const char *text, gsize length)
{
  length = MIN (length, line->room - line->length);
  memcpy (line->out + line->length, text, length);
  line->length += length;
}

static void
put_text (Line *line, MusterSlice text)
{
  static const char digits[] = "0123456789abcdef";

  for (gsize i = 0; i < text.length; i++)
    {
      guint8 byte = (guint8) text.data[i];
      char escape[4] = { '\\', 'x', digits[byte >> 4], digits[byte & 15] };

      if (byte == '\n')
        put (line, "\\n", 2);
      else if (byte == '\t')
        put (line, "\\t", 2);
      else if (byte < 0x20 || byte == 0x7f)
        put (line, escape, 4);
      else
        put (line, (const char *) &byte, 1);
    }
}

static void
put_number (Line *line, guint64 number, guint width)
{
  char digits[20];
  guint n = 0;

  do
    digits[n++] = (char) ('0' + number % 10);
  while ((number /= 10) > 0 || n < width);
  while (n > 0)
    put (line, &digits[--n], 1);
}

/* The civil date of a day count, after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days. */
static void
put_time (Line *line, guint64 time_ns)
{
  guint64 seconds = time_ns / 1000000000u;
  guint64 days = seconds / 86400 + 719468;
  guint64 era = days / 146097;
  guint64 day_of_era = days % 146097;
  guint64 year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  guint64 day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  guint64 shifted_month = (5 * day_of_year + 2) / 153;
  guint64 month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;

  put_number (line, year_of_era + era * 400 + (month <= 2), 4);
  put (line, "-", 1);
  put_number (line, month, 2);
  put (line, "-", 1);
  put_number (line, day_of_year - (153 * shifted_month + 2) / 5 + 1, 2);
  put (line, " ", 1);
  put_number (line, seconds / 3600 % 24, 2);
  put (line, ":", 1);
  put_number (line, seconds / 60 % 60, 2);
  put (line, ":", 1);
  put_number (line, seconds % 60, 2);
  put (line, ".", 1);
  put_number (line, time_ns / 1000 % 1000000, 6);
  put (line, "Z ", 2);
}

static void
put_field (Line *line, const MusterFieldView *field)
{
  char number[32];

  put (line, " ", 1);
  put_text (line, field->key);
  put (line, "=", 1);
  switch (field->type)
    {
    case MUSTER_FIELD_TEXT:
    case MUSTER_FIELD_DATA:
      put_text (line, field->value.text);
      break;
    case MUSTER_FIELD_INTEGER:
      if (field->value.integer < 0)
        put (line, "-", 1);
      put_number (line, field->value.integer < 0 ? 0 - (guint64) field->value.integer : (guint64) field->value.integer,
                  1);
      break;
    case MUSTER_FIELD_NATURAL:
      put_number (line, field->value.natural, 1);
      break;
    case MUSTER_FIELD_NUMBER:
      put (line, number, (gsize) snprintf (number, sizeof number, "%.9g", field->value.number));
      break;
    case MUSTER_FIELD_FLAG:
      put (line, field->value.flag ? "true" : "false", field->value.flag ? 4 : 5);
      break;
    case MUSTER_FIELD_NONE:
    default:
      break;
    }
}

gsize
muster_plain_text_from_entry (const guint8 *bytes, gsize length, const char *worker, char *out, gsize room)
{
  Line line = { out, 0, room - 1 };
  MusterEntryIter iter;
  MusterEntry entry;
  MusterRecordView record;
  MusterFieldIter fields;
  MusterFieldView field;
  const char *level;

  muster_entry_iter_init (&iter, bytes, length);
  if (!muster_entry_iter_next (&iter, &entry) || !muster_entry_get_record (&entry, &record))
    return 0;
  put_time (&line, record.time_ns);
  if (worker != NULL && *worker != '\0')
    {
      put (&line, worker, strlen (worker));
      put (&line, " ", 1);
    }
  level = muster_level_to_string (record.level);
  put (&line, level, strlen (level));
  if (record.domain.length > 0)
    {
      put (&line, " ", 1);
      put_text (&line, record.domain);
    }
  put (&line, ": ", 2);
  put_text (&line, record.message);
  muster_field_iter_init (&fields, &record);
  while (muster_field_iter_next (&fields, &field))
    put_field (&line, &field);
  out[line.length++] = '\n';
  return line.length;
}
