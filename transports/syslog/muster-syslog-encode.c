/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Entries to syslog messages. Pure functions; any thread.
 *
 *   <PRI>1 TIME HOST APP PID MSGID [muster@32473 key="value"][muster-meta@32473 ...] message     RFC 5424, section 6
 *   <PRI>Mmm dd hh:mm:ss HOST APP[PID]: message key="value"                                     RFC 3164, section 4
 *
 * What of a field a parameter cannot show (its type; a key that is no SD-NAME) stands in the second element, so that our
 * own source makes the same record of it.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "muster-syslog-encode.h"

/* RFC 5424, section 6 */
#define HOST_MAX     255
#define APP_NAME_MAX 48
#define MSGID_MAX    32
#define SD_NAME_MAX  32
/* For what says that something was cut. */
#define MARKS_MAX 64
/* Fields leave that part of the room to the message. */
#define MESSAGE_SHARE 4

/* RFC 5424 only knows microseconds. */
#define NS_PER_US G_GUINT64_CONSTANT (1000)

typedef struct
{
  const MusterSyslogStyle *style;
  const MusterEntry *entry;
  MusterRecordView record;
  GByteArray *out;
  guint start;    /* of this message in out */
  GString *types; /* a letter for each field; NULL while all are text */
  GString *keys;  /* ` k0="real key"` of those that were changed */
  guint n_fields; /* written */
  guint n_dropped;
} Writer;

GType
muster_syslog_protocol_get_type (void)
{
  static const GEnumValue values[] = {
    { MUSTER_SYSLOG_RFC5424, "MUSTER_SYSLOG_RFC5424", "rfc5424" },
    { MUSTER_SYSLOG_RFC3164, "MUSTER_SYSLOG_RFC3164", "rfc3164" },
    { 0, NULL, NULL },
  };
  static gsize type = 0;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("MusterSyslogProtocol", values));
  return type;
}

/* -- bytes ----------------------------------------------------------------------------------------- */

static void
put (Writer *writer, const void *bytes, gsize length)
{
  g_byte_array_append (writer->out, bytes, (guint) length);
}

static void
put_string (Writer *writer, const char *text)
{
  put (writer, text, strlen (text));
}

static G_GNUC_PRINTF (2, 3) void put_printf (Writer *writer, const char *format, ...)
{
  char text[128];
  va_list arguments;
  int length;

  va_start (arguments, format);
  length = g_vsnprintf (text, sizeof text, format, arguments);
  va_end (arguments);
  put (writer, text, MIN ((gsize) length, sizeof text - 1));
}

/* printf() would be most of what a message costs. @digits: at least so many. */
static void
put_number (Writer *writer, guint64 number, guint digits)
{
  char text[24];
  char *p = text + sizeof text;

  do
    *--p = (char) ('0' + number % 10);
  while ((number /= 10) > 0 || p > text + sizeof text - digits);
  put (writer, p, (gsize) (text + sizeof text - p));
}

static gsize
used (const Writer *writer)
{
  return writer->out->len - writer->start;
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

/* Text, of which no more than @room bytes go out; returns how much of it is there. */
static gsize
put_text (Writer *writer, const char *text, gsize length, gsize room)
{
  gsize plain = 0;

  if (!writer->style->escape_controls)
    {
      plain = cut_at_character (text, length, room);
      put (writer, text, plain);
      return plain;
    }
  for (gsize i = 0; i < length; i++)
    {
      gsize cost = is_control ((guint8) text[i]) ? 4 : 1;

      if (cost > room)
        {
          gsize cut = cut_at_character (text, length, i);

          g_byte_array_set_size (writer->out, writer->out->len - (guint) (i - cut));
          return cut;
        }
      room -= cost;
      if (cost == 4)
        put_printf (writer, "#%03o", (guint) (guint8) text[i]);
      else
        put (writer, text + i, 1);
    }
  return length;
}

/* A name of PRINTUSASCII: what is something else becomes '_'; nothing at all "-". Returns whether it is as it was. */
static gboolean
put_name (Writer *writer, const char *name, gsize length, gsize max, const char *forbidden)
{
  gboolean same = length <= max;
  guint start = writer->out->len;

  if (length == 0)
    put (writer, "-", 1);
  length = MIN (length, max);
  put (writer, name, length);
  for (gsize i = 0; i < length; i++)
    {
      char *c = (char *) writer->out->data + start + i;

      if (*c <= 0x20 || *c >= 0x7f || strchr (forbidden, *c) != NULL)
        {
          *c = '_';
          same = FALSE;
        }
    }
  return same;
}

/* -- structured data ------------------------------------------------------------------------------- */

/* RFC 5424, section 6.3.3: of a value '"', '\' and ']' are escaped. */
static void
put_value (Writer *writer, const char *text, gsize length)
{
  gsize plain = 0;

  for (gsize i = 0; i < length; i++)
    {
      char c = text[i];

      if (c != '"' && c != '\\' && c != ']' && !(writer->style->escape_controls && is_control ((guint8) c)))
        continue;
      put (writer, text + plain, i - plain);
      if (is_control ((guint8) c))
        put_printf (writer, "#%03o", (guint) (guint8) c);
      else
        put (writer, (char[2]){ '\\', c }, 2);
      plain = i + 1;
    }
  put (writer, text + plain, length - plain);
}

static void
put_param (Writer *writer, const char *name, const char *text, gsize length)
{
  put (writer, " ", 1);
  put_string (writer, name);
  put (writer, "=\"", 2);
  put_value (writer, text, length);
  put (writer, "\"", 1);
}

static void
put_slice_param (Writer *writer, const char *name, MusterSlice text)
{
  if (text.length > 0)
    put_param (writer, name, text.data, text.length);
}

static void
put_natural_param (Writer *writer, const char *name, guint64 value)
{
  put (writer, " ", 1);
  put_string (writer, name);
  put (writer, "=\"", 2);
  put_number (writer, value, 1);
  put (writer, "\"", 1);
}

static char
type_letter (MusterFieldType type)
{
  static const char letters[] = "-.tinfbd";

  return (guint) type < sizeof letters - 1 ? letters[type] : '-';
}

static void
put_field_value (Writer *writer, const MusterFieldView *field)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *base64 = NULL;

  switch (field->type)
    {
    case MUSTER_FIELD_TEXT:
      put_value (writer, field->value.text.data, field->value.text.length);
      break;
    case MUSTER_FIELD_INTEGER:
      put_printf (writer, "%" G_GINT64_FORMAT, field->value.integer);
      break;
    case MUSTER_FIELD_NATURAL:
      put_number (writer, field->value.natural, 1);
      break;
    case MUSTER_FIELD_NUMBER:
      put_string (writer, g_ascii_dtostr (text, sizeof text, field->value.number));
      break;
    case MUSTER_FIELD_FLAG:
      put_string (writer, field->value.flag ? "true" : "false");
      break;
    case MUSTER_FIELD_DATA:
      base64 = g_base64_encode ((const guint8 *) field->value.text.data, field->value.text.length);
      put_string (writer, base64);
      break;
    case MUSTER_FIELD_NONE:
    default:
      break;
    }
}

static void
note_key (Writer *writer, const MusterFieldView *field)
{
  Writer keys = { .style = writer->style, .out = g_byte_array_new () };
  char name[16];

  g_snprintf (name, sizeof name, "k%u", writer->n_fields);
  put_param (&keys, name, field->key.data, field->key.length);
  if (writer->keys == NULL)
    writer->keys = g_string_new (NULL);
  g_string_append_len (writer->keys, (const char *) keys.out->data, (gssize) keys.out->len);
  g_byte_array_unref (keys.out);
}

static void
note_type (Writer *writer, MusterFieldType type)
{
  if (writer->types == NULL && type == MUSTER_FIELD_TEXT)
    return;
  if (writer->types == NULL)
    {
      writer->types = g_string_new (NULL);
      for (guint i = 0; i < writer->n_fields; i++)
        g_string_append_c (writer->types, 't');
    }
  g_string_append_c (writer->types, type_letter (type));
}

/* One parameter, or one more that was dropped, if it would not fit into @room. */
static void
put_field (Writer *writer, const MusterFieldView *field, gsize room)
{
  guint before = writer->out->len;
  gboolean same;

  put (writer, " ", 1);
  same = field->key.length > 0 && put_name (writer, field->key.data, field->key.length, SD_NAME_MAX, "=]\"");
  if (field->key.length == 0)
    put (writer, "_", 1);
  put (writer, "=\"", 2);
  put_field_value (writer, field);
  put (writer, "\"", 1);
  if (used (writer) + (same ? 0 : field->key.length + 8) + (writer->keys != NULL ? writer->keys->len : 0) > room)
    {
      g_byte_array_set_size (writer->out, before);
      writer->n_dropped++;
      return;
    }
  if (!same)
    note_key (writer, field);
  note_type (writer, field->type);
  writer->n_fields++;
}

static void
put_fields (Writer *writer, gsize room)
{
  MusterFieldIter iter;
  MusterFieldView field;
  guint start = writer->out->len;

  put_string (writer, "[" MUSTER_SYSLOG_FIELDS_ID);
  muster_field_iter_init (&iter, &writer->record);
  while (muster_field_iter_next (&iter, &field))
    put_field (writer, &field, room);
  if (writer->n_fields == 0)
    g_byte_array_set_size (writer->out, start);
  else
    put (writer, "]", 1);
}

static void
put_stream (Writer *writer, const guint8 *stream)
{
  static const char digits[] = "0123456789abcdef";
  char text[2 * MUSTER_STREAM_ID_SIZE];

  for (gsize i = 0; i < MUSTER_STREAM_ID_SIZE; i++)
    {
      text[2 * i] = digits[stream[i] >> 4];
      text[2 * i + 1] = digits[stream[i] & 15];
    }
  put_param (writer, "stream", text, sizeof text);
}

static void
put_origin_params (Writer *writer, gboolean domain_changed)
{
  const MusterOrigin *origin = writer->entry->origin;
  const MusterRecordView *record = &writer->record;

  if (origin != NULL)
    {
      put_slice_param (writer, "cluster", origin->cluster);
      put_slice_param (writer, "worker", origin->worker);
      put_stream (writer, origin->stream);
      put_natural_param (writer, "seq", writer->entry->sequence);
    }
  put_slice_param (writer, "file", record->file);
  if (record->line > 0)
    put_natural_param (writer, "line", record->line);
  put_slice_param (writer, "function", record->function);
  if (domain_changed)
    put_slice_param (writer, "domain", record->domain);
}

/* What the text takes in the message. */
static gsize
cost_of (const Writer *writer, MusterSlice text)
{
  gsize cost = text.length;

  for (gsize i = 0; writer->style->escape_controls && i < text.length; i++)
    cost += is_control ((guint8) text.data[i]) ? 3 : 0;
  return cost;
}

static void
put_meta (Writer *writer, gboolean domain_changed, MusterSlice text)
{
  guint start = writer->out->len;
  guint empty;

  put_string (writer, "[" MUSTER_SYSLOG_META_ID);
  empty = writer->out->len;
  if (writer->style->metadata)
    put_origin_params (writer, domain_changed);
  if (writer->style->metadata && writer->types != NULL)
    put_param (writer, "types", writer->types->str, writer->types->len);
  if (writer->style->metadata && writer->keys != NULL)
    put (writer, writer->keys->str, writer->keys->len);
  /* Behind it come a bracket, a blank, a byte order mark and maybe the other mark. */
  if (used (writer) + cost_of (writer, text) + 5 + (writer->n_dropped > 0 ? 32 : 0) > writer->style->max_size)
    put_natural_param (writer, "truncated_from", text.length);
  if (writer->n_dropped > 0)
    put_natural_param (writer, "fields_dropped", writer->n_dropped);
  if (writer->out->len == empty)
    g_byte_array_set_size (writer->out, start);
  else
    put (writer, "]", 1);
}

/* -- names and times ------------------------------------------------------------------------------- */

static MusterSlice
find_label (const Writer *writer, const char *name, gsize length)
{
  static const MusterOrigin nobody = { .first_seq = 1 };
  const MusterOrigin *origin = writer->entry->origin != NULL ? writer->entry->origin : &nobody;

  if (length == 6 && memcmp (name, "worker", 6) == 0)
    return origin->worker;
  if (length == 7 && memcmp (name, "cluster", 7) == 0)
    return origin->cluster;
  if (length == 4 && memcmp (name, "host", 4) == 0)
    return origin->host;
  if (length == 6 && memcmp (name, "domain", 6) == 0)
    return writer->record.domain;
  return (MusterSlice){ NULL, 0 };
}

static void
put_app_name (Writer *writer, gsize max, const char *forbidden)
{
  char text[256];
  gsize length = 0;

  for (const char *p = writer->style->app_name; *p != '\0' && length < sizeof text;)
    {
      const char *end = *p == '{' ? strchr (p, '}') : NULL;
      MusterSlice label = { p, 1 };

      if (end != NULL)
        label = find_label (writer, p + 1, (gsize) (end - p - 1));
      memcpy (text + length, label.data != NULL ? label.data : "", MIN (label.length, sizeof text - length));
      length += MIN (label.length, sizeof text - length);
      p = end != NULL ? end + 1 : p + 1;
    }
  put_name (writer, text, length, max, forbidden);
}

static void
put_priority (Writer *writer)
{
  MusterLevel level = writer->record.level != MUSTER_LEVEL_NONE ? writer->record.level : MUSTER_LEVEL_NOTICE;

  put (writer, "<", 1);
  put_number (writer, (guint64) writer->style->facility * 8 + (guint64) level - 1, 1);
  put (writer, ">", 1);
}

/* 2026-11-22T09:15:00.123456Z; the date of the last second is kept. */
static void
put_timestamp (Writer *writer)
{
  static __thread time_t last = -1;
  static __thread char text[32];
  guint64 ns = writer->record.time_ns;
  time_t second = (time_t) (ns / 1000000000u);
  struct tm parts;

  if (second != last && gmtime_r (&second, &parts) != NULL)
    {
      strftime (text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
      last = second;
    }
  put_string (writer, text);
  put (writer, ".", 1);
  put_number (writer, ns % 1000000000u / NS_PER_US, 6);
  put (writer, "Z", 1);
}

/* Mmm dd hh:mm:ss in this machine's zone */
static void
put_old_timestamp (Writer *writer)
{
  static __thread time_t last = -1;
  static __thread char text[32];
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  time_t second = (time_t) (writer->record.time_ns / 1000000000u);
  struct tm parts;

  if (second != last && localtime_r (&second, &parts) != NULL)
    {
      g_snprintf (text, sizeof text, "%.3s %2d %02d:%02d:%02d", months + (gsize) parts.tm_mon * 3, parts.tm_mday,
                  parts.tm_hour, parts.tm_min, parts.tm_sec);
      last = second;
    }
  put_string (writer, text);
}

static void
put_host (Writer *writer)
{
  MusterSlice host = find_label (writer, "host", 4);

  put_name (writer, host.data, host.length, HOST_MAX, "");
}

static guint32
pid_of (const Writer *writer)
{
  return writer->entry->origin != NULL ? writer->entry->origin->pid : 0;
}

/* -- messages -------------------------------------------------------------------------------------- */

static void
put_rfc5424 (Writer *writer, MusterSlice text)
{
  const gsize max = writer->style->max_size;
  gboolean same;
  gsize share = MIN (text.length, max / MESSAGE_SHARE);
  guint data;

  put_priority (writer);
  put (writer, "1 ", 2);
  put_timestamp (writer);
  put (writer, " ", 1);
  put_host (writer);
  put (writer, " ", 1);
  put_app_name (writer, APP_NAME_MAX, "");
  put (writer, " ", 1);
  if (pid_of (writer) != 0)
    put_number (writer, pid_of (writer), 1);
  else
    put (writer, "-", 1);
  put (writer, " ", 1);
  same = put_name (writer, writer->record.domain.data, writer->record.domain.length, MSGID_MAX, "");
  put (writer, " ", 1);
  data = writer->out->len;
  put_fields (writer, max > share + MARKS_MAX ? max - share - MARKS_MAX : 0);
  put_meta (writer, !same, text);
  if (writer->out->len == data)
    put (writer, "-", 1);
  if (text.length == 0)
    return;
  put (writer, " ", 1);
  if (writer->style->bom)
    put (writer, "\xef\xbb\xbf", 3);
  put_text (writer, text.data, text.length, max > used (writer) ? max - used (writer) : 0);
}

static void
put_old_fields (Writer *writer, gsize room)
{
  MusterFieldIter iter;
  MusterFieldView field;

  muster_field_iter_init (&iter, &writer->record);
  while (muster_field_iter_next (&iter, &field))
    put_field (writer, &field, room);
}

static void
put_rfc3164 (Writer *writer, MusterSlice text)
{
  const gsize max = writer->style->max_size;
  gsize shown, room;

  put_priority (writer);
  put_old_timestamp (writer);
  put (writer, " ", 1);
  if (writer->style->hostname)
    {
      put_host (writer);
      put (writer, " ", 1);
    }
  put_app_name (writer, SD_NAME_MAX, ":[]");
  if (pid_of (writer) != 0)
    put_printf (writer, "[%u]", pid_of (writer));
  put (writer, ": ", 2);
  room = max > used (writer) + MARKS_MAX ? max - used (writer) - MARKS_MAX : 0;
  shown = put_text (writer, text.data, text.length, room);
  put_old_fields (writer, max > MARKS_MAX ? max - MARKS_MAX : 0);
  if (shown < text.length)
    put_natural_param (writer, "truncated_from", text.length);
  if (writer->n_dropped > 0)
    put_natural_param (writer, "fields_dropped", writer->n_dropped);
}

/* A gap is a message of its own, so that nothing is missing without a word there, too. */
static gboolean
fill_gap (Writer *writer, char *text, gsize size)
{
  MusterGapReason reason;
  guint64 count;

  if (!muster_entry_get_gap (writer->entry, &count, &reason) || reason == MUSTER_GAP_FILTERED)
    return FALSE;
  g_snprintf (text, size, "%" G_GUINT64_FORMAT " entries are missing: %s", count, muster_gap_reason_to_string (reason));
  writer->record = (MusterRecordView){ .level = MUSTER_LEVEL_WARNING,
                                       .time_ns = (guint64) g_get_real_time () * NS_PER_US,
                                       .domain = { "muster", 6 },
                                       .message = { text, strlen (text) } };
  return TRUE;
}

gboolean
muster_syslog_encode (const MusterSyslogStyle *style, const MusterEntry *entry, const MusterSlice *text,
                      GByteArray *out)
{
  Writer writer = { .style = style, .entry = entry, .out = out, .start = out->len };
  char gap[96];

  if (!muster_entry_get_record (entry, &writer.record) && !fill_gap (&writer, gap, sizeof gap))
    {
      if (text == NULL || text->length == 0)
        return FALSE;
      writer.record = (MusterRecordView){ .level = MUSTER_LEVEL_INFO,
                                          .time_ns = (guint64) g_get_real_time () * NS_PER_US,
                                          .domain = { "muster", 6 } };
    }
  if (style->protocol == MUSTER_SYSLOG_RFC5424)
    put_rfc5424 (&writer, text != NULL ? *text : writer.record.message);
  else
    put_rfc3164 (&writer, text != NULL ? *text : writer.record.message);
  if (writer.types != NULL)
    g_string_free (writer.types, TRUE);
  if (writer.keys != NULL)
    g_string_free (writer.keys, TRUE);
  return TRUE;
}
