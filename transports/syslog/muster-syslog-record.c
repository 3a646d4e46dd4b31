/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a syslog message becomes here. One thread for each MusterSyslogRecord.
 *
 *   facility                 field `facility`
 *   APP-NAME, PROCID         domain, pid (a field `procid` where it is no number)
 *   MSGID                    field `msgid`
 *   [muster@32473 a="b"]     fields as they were in the other Muster, with their types
 *   [muster-meta@32473 ...]  fields `cluster`, `worker`, `stream`, `seq`, ... of the other Muster
 *   [id a="b"]               field `id.a`
 */
#include "config.h"

#include <string.h>

#include "muster-syslog-encode.h"
#include "muster-syslog-record.h"

/* The last field is kept for `fields_dropped`. */
#define FIELDS_LIMIT (MUSTER_SYSLOG_FIELDS_MAX - 1)
/* As core's encoder cuts it, between bytes. */
#define DOMAIN_MAX 255

typedef struct
{
  MusterSyslogRecord *self;
  gsize n; /* fields so far */
  guint dropped;
  gsize first_own, n_own; /* those of our own element */
  MusterSlice types;      /* a letter for each of them; empty: all are text */
  gboolean is_muster;     /* our own transport sent it */
  MusterSlice domain;     /* as its own element says it */
} Builder;

void
muster_syslog_record_init (MusterSyslogRecord *self)
{
  memset (self, 0, sizeof *self);
  self->text = g_string_new (NULL);
}

void
muster_syslog_record_clear (MusterSyslogRecord *self)
{
  g_string_free (self->text, TRUE);
}

static gboolean
slice_is (MusterSlice slice, const char *text)
{
  return slice.length == strlen (text) && memcmp (slice.data, text, slice.length) == 0;
}

static MusterField *
add_field (Builder *builder, MusterSlice key, MusterSlice value)
{
  MusterField *field;

  if (builder->n == FIELDS_LIMIT)
    {
      builder->dropped++;
      return NULL;
    }
  field = &builder->self->fields[builder->n++];
  *field = (MusterField){ .key = key, .type = MUSTER_FIELD_TEXT, .value.text = value };
  return field;
}

static void
add_text (Builder *builder, const char *key, MusterSlice value)
{
  if (value.length > 0)
    add_field (builder, muster_slice_from_string (key), value);
}

/* The room was reserved: nothing moves. */
static MusterSlice
unescape (Builder *builder, MusterSlice value)
{
  GString *text = builder->self->text;
  char *out = text->str + text->len;

  if (value.length == 0 || memchr (value.data, '\\', value.length) == NULL)
    return value;
  text->len += muster_syslog_data_unescape (value, out);
  return (MusterSlice){ out, (gsize) (text->str + text->len - out) };
}

static MusterSlice
join (Builder *builder, MusterSlice id, MusterSlice name)
{
  GString *text = builder->self->text;
  char *out = text->str + text->len;

  if (name.length == 0 || builder->n == FIELDS_LIMIT)
    return id;
  memcpy (out, id.data, id.length);
  out[id.length] = '.';
  memcpy (out + id.length + 1, name.data, name.length);
  text->len += id.length + 1 + name.length;
  return (MusterSlice){ out, id.length + 1 + name.length };
}

/* -- of another Muster ----------------------------------------------------------------------------- */

static gboolean
parse_natural (MusterSlice text, guint64 *number)
{
  char copy[24];

  if (text.length == 0 || text.length >= sizeof copy)
    return FALSE;
  memcpy (copy, text.data, text.length);
  copy[text.length] = '\0';
  return g_ascii_string_to_unsigned (copy, 10, 0, G_MAXUINT64, number, NULL);
}

/* "k3": the key of our field 3, which was no name for a parameter. */
static gboolean
set_key (Builder *builder, MusterSlice name, MusterSlice value)
{
  guint64 number;

  if (name.length < 2 || name.data[0] != 'k'
      || !parse_natural ((MusterSlice){ name.data + 1, name.length - 1 }, &number) || number >= builder->n_own)
    return FALSE;
  builder->self->fields[builder->first_own + number].key = value;
  return TRUE;
}

static void
add_meta (Builder *builder, MusterSlice name, MusterSlice value)
{
  MusterSourceRecord *record = &builder->self->record;
  MusterField *field;
  guint64 number;

  if (slice_is (name, "types"))
    builder->types = value;
  else if (slice_is (name, "domain"))
    builder->domain = value;
  else if (slice_is (name, "truncated_from") && parse_natural (value, &number))
    record->truncated_from = MAX (record->truncated_from, (gsize) number);
  else if (!set_key (builder, name, value))
    {
      field = add_field (builder, name, value);
      if (field == NULL || (!slice_is (name, "seq") && !slice_is (name, "line") && !slice_is (name, "fields_dropped"))
          || !parse_natural (value, &number))
        return;
      field->type = MUSTER_FIELD_NATURAL;
      field->value.natural = number;
    }
}

static gboolean
copy_number (MusterSlice text, char copy[64])
{
  if (text.length == 0 || text.length >= 64)
    return FALSE;
  memcpy (copy, text.data, text.length);
  copy[text.length] = '\0';
  return TRUE;
}

static void
set_number (MusterField *field)
{
  char copy[64], *end;
  double number;

  if (!copy_number (field->value.text, copy))
    return;
  number = g_ascii_strtod (copy, &end);
  if (*end != '\0')
    return;
  field->type = MUSTER_FIELD_NUMBER;
  field->value.number = number;
}

static void
set_integer (MusterField *field)
{
  char copy[64];
  gint64 number;

  if (!copy_number (field->value.text, copy)
      || !g_ascii_string_to_signed (copy, 10, G_MININT64, G_MAXINT64, &number, NULL))
    return;
  field->type = MUSTER_FIELD_INTEGER;
  field->value.integer = number;
}

static void
set_data (Builder *builder, MusterField *field)
{
  GString *text = builder->self->text;
  char *out = text->str + text->len;
  int state = 0;
  guint save = 0;

  if (field->value.text.length > 0)
    text->len += g_base64_decode_step (field->value.text.data, field->value.text.length, (guchar *) out, &state, &save);
  field->type = MUSTER_FIELD_DATA;
  field->value.text = (MusterSlice){ out, (gsize) (text->str + text->len - out) };
}

/* What is not of its type stays text. */
static void
set_type (Builder *builder, MusterField *field, char letter)
{
  guint64 number;

  if (letter == 'i')
    set_integer (field);
  else if (letter == 'f')
    set_number (field);
  else if (letter == 'd')
    set_data (builder, field);
  else if (letter == '-')
    field->type = MUSTER_FIELD_NONE;
  else if (letter == 'n' && parse_natural (field->value.text, &number))
    {
      field->type = MUSTER_FIELD_NATURAL;
      field->value.natural = number;
    }
  else if (letter == 'b' && (slice_is (field->value.text, "true") || slice_is (field->value.text, "false")))
    {
      gboolean flag = slice_is (field->value.text, "true");

      field->type = MUSTER_FIELD_FLAG;
      field->value.flag = flag;
    }
}

static void
set_types (Builder *builder)
{
  for (gsize i = 0; i < builder->n_own && i < builder->types.length; i++)
    set_type (builder, &builder->self->fields[builder->first_own + i], builder->types.data[i]);
}

/* -- together -------------------------------------------------------------------------------------- */

static void
add_own (Builder *builder, MusterSlice name, MusterSlice value)
{
  if (builder->n_own == 0)
    builder->first_own = builder->n;
  if (name.length > 0 && builder->first_own + builder->n_own == builder->n && add_field (builder, name, value) != NULL)
    builder->n_own++;
}

static void
add_data (Builder *builder, MusterSlice data)
{
  MusterSyslogDataIter iter;
  MusterSlice name, value;

  muster_syslog_data_iter_init (&iter, data);
  while (muster_syslog_data_iter_next (&iter, &name, &value))
    {
      value = unescape (builder, value);
      if (slice_is (iter.id, MUSTER_SYSLOG_FIELDS_ID))
        add_own (builder, name, value);
      else if (slice_is (iter.id, MUSTER_SYSLOG_META_ID))
        {
          builder->is_muster = TRUE;
          add_meta (builder, name, value);
        }
      else
        add_field (builder, join (builder, iter.id, name), value);
    }
  set_types (builder);
}

/* Values unescaped are no longer than escaped, nor is base64 decoded; an id is repeated for each of its parameters, which
 * take 4 bytes at least, but no more than fields are kept. */
static void
reserve_text (MusterSyslogRecord *self, gsize data_length)
{
  g_string_set_size (self->text, 2 * data_length + (gsize) MUSTER_SYSLOG_FIELDS_MAX * 2 * 257);
  self->text->len = 0;
}

static void
add_proc_id (Builder *builder, MusterSlice proc_id)
{
  guint64 number;

  if (parse_natural (proc_id, &number) && number <= G_MAXUINT32)
    builder->self->record.pid = (guint32) number;
  else
    add_text (builder, "procid", proc_id);
}

/* Our own transport puts the domain into MSGID. A domain must be UTF-8; a field need not be. */
static void
set_domain (Builder *builder, const MusterSyslogMessage *message)
{
  MusterSlice domain = message->app_name;

  if (builder->is_muster)
    {
      domain = builder->domain.length > 0 ? builder->domain : message->msg_id;
      add_text (builder, "app_name", message->app_name);
    }
  else
    add_text (builder, "msgid", message->msg_id);
  if (domain.length <= DOMAIN_MAX && g_utf8_validate_len (domain.data, domain.length, NULL))
    builder->self->record.domain = domain;
  else
    add_text (builder, "domain", domain);
}

/* What many senders put behind a message: a carriage return, a line feed, a NUL, in this order. */
static void
strip_end (MusterSlice *message)
{
  static const char ends[3] = { '\0', '\n', '\r' };

  for (gsize i = 0; i < sizeof ends; i++)
    if (message->length > 0 && message->data[message->length - 1] == ends[i])
      message->length--;
}

static void
add_marks (Builder *builder, const MusterSyslogMessage *message)
{
  MusterField *field;

  if (message->malformed != NULL)
    add_text (builder, "malformed", muster_slice_from_string (message->malformed));
  if (builder->dropped == 0)
    return;
  field = &builder->self->fields[builder->n++];
  *field = MUSTER_NATURAL ("fields_dropped", builder->dropped);
}

void
muster_syslog_record_fill (MusterSyslogRecord *self, const MusterSyslogMessage *message, const char *peer,
                           gsize truncated_from)
{
  Builder builder = { .self = self };

  self->record = (MusterSourceRecord){ .level = message->level,
                                       .time_ns = message->time_ns,
                                       .host = message->host,
                                       .message = message->message,
                                       .truncated_from = truncated_from };
  if (message->host.length == 0 && peer != NULL)
    self->record.host = muster_slice_from_string (peer);
  add_text (&builder, "facility", muster_slice_from_string (muster_syslog_facility_to_string (message->facility)));
  add_proc_id (&builder, message->proc_id);
  if (message->data.length > 0)
    {
      reserve_text (self, message->data.length);
      add_data (&builder, message->data);
    }
  set_domain (&builder, message);
  if (!builder.is_muster)
    strip_end (&self->record.message);
  if (peer != NULL && message->host.length > 0)
    add_text (&builder, "peer", muster_slice_from_string (peer));
  add_marks (&builder, message);
  self->record.fields = self->fields;
  self->record.n_fields = builder.n;
}
