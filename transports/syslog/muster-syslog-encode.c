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

#include <string.h>
#include <time.h>

#include "muster-syslog-encode.h"
#include "muster-syslog-writer.h"

/* RFC 5424, section 6 */
#define HOST_MAX     255
#define APP_NAME_MAX 48
#define MSGID_MAX    32
#define SD_NAME_MAX  32
/* For what says that something was cut, with all that stands around it. */
#define MARKS_MAX 96
/* Fields leave that part of the room to the message. */
#define MESSAGE_SHARE 4

/* RFC 5424 only knows microseconds. */
#define NS_PER_US G_GUINT64_CONSTANT (1000)

typedef struct
{
  const MusterSyslogStyle *style;
  const MusterEntry *entry;
  MusterRecordView record;
  MusterSyslogWriter writer;
  GString *types; /* a letter for each field; NULL while all are text */
  GString *keys;  /* ` k0="real key"` of those that were changed */
  guint n_fields; /* written */
  guint n_dropped;
} Encoder;

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

/* -- structured data ------------------------------------------------------------------------------- */

static char
type_letter (MusterFieldType type)
{
  static const char letters[] = "-.tinfbd";

  return (guint) type < sizeof letters - 1 ? letters[type] : '-';
}

static void
put_field_value (Encoder *self, const MusterFieldView *field)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *base64 = NULL;

  switch (field->type)
    {
    case MUSTER_FIELD_TEXT:
      muster_syslog_writer_put_value (&self->writer, field->value.text.data, field->value.text.length);
      break;
    case MUSTER_FIELD_INTEGER:
      muster_syslog_writer_put_printf (&self->writer, "%" G_GINT64_FORMAT, field->value.integer);
      break;
    case MUSTER_FIELD_NATURAL:
      muster_syslog_writer_put_number (&self->writer, field->value.natural, 1);
      break;
    case MUSTER_FIELD_NUMBER:
      muster_syslog_writer_put_string (&self->writer, g_ascii_dtostr (text, sizeof text, field->value.number));
      break;
    case MUSTER_FIELD_FLAG:
      muster_syslog_writer_put_string (&self->writer, field->value.flag ? "true" : "false");
      break;
    case MUSTER_FIELD_DATA:
      base64 = g_base64_encode ((const guint8 *) field->value.text.data, field->value.text.length);
      muster_syslog_writer_put_string (&self->writer, base64);
      break;
    case MUSTER_FIELD_NONE:
    default:
      break;
    }
}

static void
note_key (Encoder *self, const MusterFieldView *field)
{
  MusterSyslogWriter keys = { .out = g_byte_array_new (), .escape_controls = self->style->escape_controls };
  char name[16];

  g_snprintf (name, sizeof name, "k%u", self->n_fields);
  muster_syslog_writer_put_param (&keys, name, field->key.data, field->key.length);
  if (self->keys == NULL)
    self->keys = g_string_new (NULL);
  g_string_append_len (self->keys, (const char *) keys.out->data, (gssize) keys.out->len);
  g_byte_array_unref (keys.out);
}

static void
note_type (Encoder *self, MusterFieldType type)
{
  if (self->types == NULL && type == MUSTER_FIELD_TEXT)
    return;
  if (self->types == NULL)
    {
      self->types = g_string_new (NULL);
      for (guint i = 0; i < self->n_fields; i++)
        g_string_append_c (self->types, 't');
    }
  g_string_append_c (self->types, type_letter (type));
}

/* What keys and types will take in the second element, with those of one more field. */
static gsize
get_notes_cost (const Encoder *self)
{
  return (self->keys != NULL ? self->keys->len : 0) + self->n_fields + sizeof " types=\"t\"";
}

/* One parameter, or one more that was dropped, if it would not fit into @room. */
static void
put_field (Encoder *self, const MusterFieldView *field, gsize room)
{
  gsize keys_before = self->keys != NULL ? self->keys->len : 0;
  guint before = self->writer.out->len;
  gboolean same;

  muster_syslog_writer_put (&self->writer, " ", 1);
  same = field->key.length > 0
         && muster_syslog_writer_put_name (&self->writer, field->key.data, field->key.length, SD_NAME_MAX, "=]\"");
  if (field->key.length == 0)
    muster_syslog_writer_put (&self->writer, "_", 1);
  muster_syslog_writer_put (&self->writer, "=\"", 2);
  put_field_value (self, field);
  muster_syslog_writer_put (&self->writer, "\"", 1);
  if (!same)
    note_key (self, field);
  if (muster_syslog_writer_get_used (&self->writer) + get_notes_cost (self) > room)
    {
      g_byte_array_set_size (self->writer.out, before);
      if (self->keys != NULL)
        g_string_truncate (self->keys, keys_before);
      self->n_dropped++;
      return;
    }
  note_type (self, field->type);
  self->n_fields++;
}

static void
put_fields (Encoder *self, gsize room)
{
  MusterFieldIter iter;
  MusterFieldView field;
  guint start = self->writer.out->len;

  muster_syslog_writer_put_string (&self->writer, "[" MUSTER_SYSLOG_FIELDS_ID);
  muster_field_iter_init (&iter, &self->record);
  while (muster_field_iter_next (&iter, &field))
    put_field (self, &field, room);
  if (self->n_fields == 0)
    g_byte_array_set_size (self->writer.out, start);
  else
    muster_syslog_writer_put (&self->writer, "]", 1);
}

static void
put_stream (Encoder *self, const guint8 *stream)
{
  static const char digits[] = "0123456789abcdef";
  char text[2 * MUSTER_STREAM_ID_SIZE];

  for (gsize i = 0; i < MUSTER_STREAM_ID_SIZE; i++)
    {
      text[2 * i] = digits[stream[i] >> 4];
      text[2 * i + 1] = digits[stream[i] & 15];
    }
  muster_syslog_writer_put_param (&self->writer, "stream", text, sizeof text);
}

/* What was put since @before goes where it leaves no room for the rest: names may be longer than a message. */
static void
keep_if_fits (Encoder *self, guint before)
{
  if (muster_syslog_writer_get_used (&self->writer) + get_notes_cost (self) + MARKS_MAX > self->style->max_size)
    g_byte_array_set_size (self->writer.out, before);
}

static void
put_identity (Encoder *self)
{
  const MusterOrigin *origin = self->entry->origin;
  guint before = self->writer.out->len;

  if (origin == NULL)
    return;
  muster_syslog_writer_put_slice_param (&self->writer, "cluster", origin->cluster);
  muster_syslog_writer_put_slice_param (&self->writer, "worker", origin->worker);
  put_stream (self, origin->stream);
  muster_syslog_writer_put_natural_param (&self->writer, "seq", self->entry->sequence);
  keep_if_fits (self, before);
}

static void
put_place (Encoder *self, gboolean domain_changed)
{
  const MusterRecordView *record = &self->record;
  guint before = self->writer.out->len;

  muster_syslog_writer_put_slice_param (&self->writer, "file", record->file);
  if (record->line > 0)
    muster_syslog_writer_put_natural_param (&self->writer, "line", record->line);
  muster_syslog_writer_put_slice_param (&self->writer, "function", record->function);
  keep_if_fits (self, before);
  before = self->writer.out->len;
  if (domain_changed)
    muster_syslog_writer_put_slice_param (&self->writer, "domain", record->domain);
  keep_if_fits (self, before);
}

static void
put_meta (Encoder *self, gboolean domain_changed, MusterSlice text)
{
  guint start = self->writer.out->len;
  guint empty;

  muster_syslog_writer_put_string (&self->writer, "[" MUSTER_SYSLOG_META_ID);
  empty = self->writer.out->len;
  if (self->style->metadata)
    {
      put_identity (self);
      put_place (self, domain_changed);
    }
  if (self->style->metadata && self->types != NULL)
    muster_syslog_writer_put_param (&self->writer, "types", self->types->str, self->types->len);
  if (self->style->metadata && self->keys != NULL)
    muster_syslog_writer_put (&self->writer, self->keys->str, self->keys->len);
  /* Behind it come a bracket, a blank, a byte order mark and maybe the other mark. */
  if (muster_syslog_writer_get_used (&self->writer) + muster_syslog_writer_get_cost (&self->writer, text) + 5
          + (self->n_dropped > 0 ? 32 : 0)
      > self->style->max_size)
    muster_syslog_writer_put_natural_param (&self->writer, "truncated_from", text.length);
  if (self->n_dropped > 0)
    muster_syslog_writer_put_natural_param (&self->writer, "fields_dropped", self->n_dropped);
  if (self->writer.out->len == empty)
    g_byte_array_set_size (self->writer.out, start);
  else
    muster_syslog_writer_put (&self->writer, "]", 1);
}

/* -- names and times ------------------------------------------------------------------------------- */

static MusterSlice
find_label (const Encoder *self, const char *name, gsize length)
{
  static const MusterOrigin nobody = { .first_seq = 1 };
  const MusterOrigin *origin = self->entry->origin != NULL ? self->entry->origin : &nobody;

  if (length == 6 && memcmp (name, "worker", 6) == 0)
    return origin->worker;
  if (length == 7 && memcmp (name, "cluster", 7) == 0)
    return origin->cluster;
  if (length == 4 && memcmp (name, "host", 4) == 0)
    return origin->host;
  if (length == 6 && memcmp (name, "domain", 6) == 0)
    return self->record.domain;
  return (MusterSlice){ NULL, 0 };
}

static void
put_app_name (Encoder *self, gsize max, const char *forbidden)
{
  char text[256];
  gsize length = 0;

  for (const char *p = self->style->app_name; *p != '\0' && length < sizeof text;)
    {
      const char *end = *p == '{' ? strchr (p, '}') : NULL;
      MusterSlice label = { p, 1 };

      if (end != NULL)
        label = find_label (self, p + 1, (gsize) (end - p - 1));
      memcpy (text + length, label.data != NULL ? label.data : "", MIN (label.length, sizeof text - length));
      length += MIN (label.length, sizeof text - length);
      p = end != NULL ? end + 1 : p + 1;
    }
  muster_syslog_writer_put_name (&self->writer, text, length, max, forbidden);
}

static void
put_priority (Encoder *self)
{
  MusterLevel level = self->record.level != MUSTER_LEVEL_NONE ? self->record.level : MUSTER_LEVEL_NOTICE;

  muster_syslog_writer_put (&self->writer, "<", 1);
  muster_syslog_writer_put_number (&self->writer, (guint64) self->style->facility * 8 + (guint64) level - 1, 1);
  muster_syslog_writer_put (&self->writer, ">", 1);
}

/* 2026-11-22T09:15:00.123456Z; the date of the last second is kept. */
static void
put_timestamp (Encoder *self)
{
  static __thread time_t last = -1;
  static __thread char text[32];
  guint64 ns = self->record.time_ns;
  time_t second = (time_t) (ns / 1000000000u);
  struct tm parts;

  if (second != last && gmtime_r (&second, &parts) != NULL)
    {
      strftime (text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
      last = second;
    }
  muster_syslog_writer_put_string (&self->writer, text);
  muster_syslog_writer_put (&self->writer, ".", 1);
  muster_syslog_writer_put_number (&self->writer, ns % 1000000000u / NS_PER_US, 6);
  muster_syslog_writer_put (&self->writer, "Z", 1);
}

/* Mmm dd hh:mm:ss in this machine's zone */
static void
put_old_timestamp (Encoder *self)
{
  static __thread time_t last = -1;
  static __thread char text[32];
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  time_t second = (time_t) (self->record.time_ns / 1000000000u);
  struct tm parts;

  if (second != last && localtime_r (&second, &parts) != NULL)
    {
      g_snprintf (text, sizeof text, "%.3s %2d %02d:%02d:%02d", months + (gsize) parts.tm_mon * 3, parts.tm_mday,
                  parts.tm_hour, parts.tm_min, parts.tm_sec);
      last = second;
    }
  muster_syslog_writer_put_string (&self->writer, text);
}

static void
put_host (Encoder *self)
{
  MusterSlice host = find_label (self, "host", 4);

  muster_syslog_writer_put_name (&self->writer, host.data, host.length, HOST_MAX, "");
}

static guint32
pid_of (const Encoder *self)
{
  return self->entry->origin != NULL ? self->entry->origin->pid : 0;
}

/* -- messages -------------------------------------------------------------------------------------- */

static void
put_rfc5424 (Encoder *self, MusterSlice text)
{
  const gsize max = self->style->max_size;
  gboolean same;
  gsize share = MIN (text.length, max / MESSAGE_SHARE);
  guint data;

  put_priority (self);
  muster_syslog_writer_put (&self->writer, "1 ", 2);
  put_timestamp (self);
  muster_syslog_writer_put (&self->writer, " ", 1);
  put_host (self);
  muster_syslog_writer_put (&self->writer, " ", 1);
  put_app_name (self, APP_NAME_MAX, "");
  muster_syslog_writer_put (&self->writer, " ", 1);
  if (pid_of (self) != 0)
    muster_syslog_writer_put_number (&self->writer, pid_of (self), 1);
  else
    muster_syslog_writer_put (&self->writer, "-", 1);
  muster_syslog_writer_put (&self->writer, " ", 1);
  same = muster_syslog_writer_put_name (&self->writer, self->record.domain.data, self->record.domain.length, MSGID_MAX,
                                        "");
  muster_syslog_writer_put (&self->writer, " ", 1);
  data = self->writer.out->len;
  put_fields (self, max > share + MARKS_MAX ? max - share - MARKS_MAX : 0);
  put_meta (self, !same, text);
  if (self->writer.out->len == data)
    muster_syslog_writer_put (&self->writer, "-", 1);
  if (text.length == 0)
    return;
  muster_syslog_writer_put (&self->writer, " ", 1);
  if (self->style->bom)
    muster_syslog_writer_put (&self->writer, "\xef\xbb\xbf", 3);
  muster_syslog_writer_put_text (
      &self->writer, text.data, text.length,
      max > muster_syslog_writer_get_used (&self->writer) ? max - muster_syslog_writer_get_used (&self->writer) : 0);
}

static void
put_old_fields (Encoder *self, gsize room)
{
  MusterFieldIter iter;
  MusterFieldView field;

  muster_field_iter_init (&iter, &self->record);
  while (muster_field_iter_next (&iter, &field))
    put_field (self, &field, room);
}

static void
put_rfc3164 (Encoder *self, MusterSlice text)
{
  const gsize max = self->style->max_size;
  gsize shown, room;

  put_priority (self);
  put_old_timestamp (self);
  muster_syslog_writer_put (&self->writer, " ", 1);
  if (self->style->hostname)
    {
      put_host (self);
      muster_syslog_writer_put (&self->writer, " ", 1);
    }
  put_app_name (self, SD_NAME_MAX, ":[]");
  if (pid_of (self) != 0)
    muster_syslog_writer_put_printf (&self->writer, "[%u]", pid_of (self));
  muster_syslog_writer_put (&self->writer, ": ", 2);
  room = max > muster_syslog_writer_get_used (&self->writer) + MARKS_MAX
             ? max - muster_syslog_writer_get_used (&self->writer) - MARKS_MAX
             : 0;
  shown = muster_syslog_writer_put_text (&self->writer, text.data, text.length, room);
  put_old_fields (self, max > MARKS_MAX ? max - MARKS_MAX : 0);
  if (shown < text.length)
    muster_syslog_writer_put_natural_param (&self->writer, "truncated_from", text.length);
  if (self->n_dropped > 0)
    muster_syslog_writer_put_natural_param (&self->writer, "fields_dropped", self->n_dropped);
}

/* A gap is a message of its own, so that nothing is missing without a word there, too. */
static gboolean
fill_gap (Encoder *self, char *text, gsize size)
{
  MusterGapReason reason;
  guint64 count;

  if (!muster_entry_get_gap (self->entry, &count, &reason) || reason == MUSTER_GAP_FILTERED)
    return FALSE;
  g_snprintf (text, size, "%" G_GUINT64_FORMAT " entries are missing: %s", count, muster_gap_reason_to_string (reason));
  self->record = (MusterRecordView){ .level = MUSTER_LEVEL_WARNING,
                                     .time_ns = (guint64) g_get_real_time () * NS_PER_US,
                                     .domain = { "muster", 6 },
                                     .message = { text, strlen (text) } };
  return TRUE;
}

gboolean
muster_syslog_encode (const MusterSyslogStyle *style, const MusterEntry *entry, const MusterSlice *text,
                      GByteArray *out)
{
  Encoder self = { .style = style,
                   .entry = entry,
                   .writer = { .out = out, .start = out->len, .escape_controls = style->escape_controls } };
  char gap[96];

  if (!muster_entry_get_record (entry, &self.record) && !fill_gap (&self, gap, sizeof gap))
    {
      if (text == NULL || text->length == 0)
        return FALSE;
      self.record = (MusterRecordView){ .level = MUSTER_LEVEL_INFO,
                                        .time_ns = (guint64) g_get_real_time () * NS_PER_US,
                                        .domain = { "muster", 6 } };
    }
  if (style->protocol == MUSTER_SYSLOG_RFC5424)
    put_rfc5424 (&self, text != NULL ? *text : self.record.message);
  else
    put_rfc3164 (&self, text != NULL ? *text : self.record.message);
  if (self.types != NULL)
    g_string_free (self.types, TRUE);
  if (self.keys != NULL)
    g_string_free (self.keys, TRUE);
  return TRUE;
}
