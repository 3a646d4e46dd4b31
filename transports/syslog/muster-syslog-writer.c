/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The bytes of syslog messages. Pure functions; any thread.
 */
#include "config.h"

#include <string.h>

#include "muster-syslog-writer.h"

void
muster_syslog_writer_put_string (MusterSyslogWriter *self, const char *text)
{
  muster_syslog_writer_put (self, text, strlen (text));
}

void
muster_syslog_writer_put_printf (MusterSyslogWriter *self, const char *format, ...)
{
  char text[128];
  va_list arguments;
  int length;

  va_start (arguments, format);
  length = g_vsnprintf (text, sizeof text, format, arguments);
  va_end (arguments);
  muster_syslog_writer_put (self, text, MIN ((gsize) length, sizeof text - 1));
}

/* printf() would be most of what a message costs. */
void
muster_syslog_writer_put_number (MusterSyslogWriter *self, guint64 number, guint digits)
{
  char text[24];
  char *p = text + sizeof text;

  do
    *--p = (char) ('0' + number % 10);
  while ((number /= 10) > 0 || p > text + sizeof text - digits);
  muster_syslog_writer_put (self, p, (gsize) (text + sizeof text - p));
}

static gboolean
is_control (guint8 c)
{
  return c < 0x20 || c == 0x7f;
}

/* The most bytes up to @wanted that end between characters. */
static gsize
cut_at_character (const char *text, gsize length, gsize wanted)
{
  if (wanted >= length)
    return length;
  while (wanted > 0 && ((guint8) text[wanted] & 0xc0) == 0x80)
    wanted--;
  return wanted;
}

gsize
muster_syslog_writer_put_text (MusterSyslogWriter *self, const char *text, gsize length, gsize room)
{
  gsize plain = 0;

  if (!self->escape_controls)
    {
      plain = cut_at_character (text, length, room);
      muster_syslog_writer_put (self, text, plain);
      return plain;
    }
  for (gsize i = 0; i < length; i++)
    {
      gsize cost = is_control ((guint8) text[i]) ? 4 : 1;

      if (cost > room)
        {
          gsize cut = cut_at_character (text, length, i);

          g_byte_array_set_size (self->out, self->out->len - (guint) (i - cut));
          return cut;
        }
      room -= cost;
      if (cost == 4)
        muster_syslog_writer_put_printf (self, "#%03o", (guint) (guint8) text[i]);
      else
        muster_syslog_writer_put (self, text + i, 1);
    }
  return length;
}

gboolean
muster_syslog_writer_put_name (MusterSyslogWriter *self, const char *name, gsize length, gsize max,
                               const char *forbidden)
{
  gboolean same = length <= max;
  guint start = self->out->len;

  if (length == 0)
    muster_syslog_writer_put (self, "-", 1);
  length = MIN (length, max);
  muster_syslog_writer_put (self, name, length);
  for (gsize i = 0; i < length; i++)
    {
      char *c = (char *) self->out->data + start + i;

      if (*c <= 0x20 || *c >= 0x7f || strchr (forbidden, *c) != NULL)
        {
          *c = '_';
          same = FALSE;
        }
    }
  return same;
}

/* RFC 5424, section 6.3.3: of a value '"', '\' and ']' are escaped. */
void
muster_syslog_writer_put_value (MusterSyslogWriter *self, const char *text, gsize length)
{
  gsize plain = 0;

  for (gsize i = 0; i < length; i++)
    {
      char c = text[i];

      if (c != '"' && c != '\\' && c != ']' && !(self->escape_controls && is_control ((guint8) c)))
        continue;
      muster_syslog_writer_put (self, text + plain, i - plain);
      if (is_control ((guint8) c))
        muster_syslog_writer_put_printf (self, "#%03o", (guint) (guint8) c);
      else
        muster_syslog_writer_put (self, (char[2]){ '\\', c }, 2);
      plain = i + 1;
    }
  muster_syslog_writer_put (self, text + plain, length - plain);
}

/* ` name="`, in one piece: a message has a dozen of them. */
static void
begin_param (MusterSyslogWriter *self, const char *name)
{
  gsize length = strlen (name);
  guint8 *p;

  g_byte_array_set_size (self->out, self->out->len + (guint) length + 3);
  p = self->out->data + self->out->len - length - 3;
  p[0] = ' ';
  memcpy (p + 1, name, length);
  memcpy (p + 1 + length, "=\"", 2);
}

void
muster_syslog_writer_put_param (MusterSyslogWriter *self, const char *name, const char *text, gsize length)
{
  begin_param (self, name);
  muster_syslog_writer_put_value (self, text, length);
  muster_syslog_writer_put (self, "\"", 1);
}

void
muster_syslog_writer_put_slice_param (MusterSyslogWriter *self, const char *name, MusterSlice text)
{
  if (text.length > 0)
    muster_syslog_writer_put_param (self, name, text.data, text.length);
}

void
muster_syslog_writer_put_natural_param (MusterSyslogWriter *self, const char *name, guint64 value)
{
  begin_param (self, name);
  muster_syslog_writer_put_number (self, value, 1);
  muster_syslog_writer_put (self, "\"", 1);
}

gsize
muster_syslog_writer_get_cost (const MusterSyslogWriter *self, MusterSlice text)
{
  gsize cost = text.length;

  for (gsize i = 0; self->escape_controls && i < text.length; i++)
    cost += is_control ((guint8) text.data[i]) ? 3 : 0;
  return cost;
}
