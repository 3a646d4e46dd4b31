/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The json format: one object a line. Owned by one transport and used in its thread.
 */
#include "config.h"

#include "muster-format-json.h"

#include "muster-dataset.h"
#include "muster-json-fields.h"
#include "muster-json.h"

#include <string.h>
#include <time.h>

#define STAMP_LENGTH   (sizeof "2006-01-02T15:04:05.123456789Z" - 1)
#define STAMP_FRACTION (sizeof "2006-01-02T15:04:05." - 1)

struct _MusterFormatJson
{
  MusterFormat parent_instance;

  /* Properties. */
  MusterJsonTime time;
  gboolean dataset;

  guint64 second;               /* what @stamp shows; G_MAXUINT64 before the first */
  char stamp[STAMP_LENGTH + 1]; /* in RFC 3339; only its fraction changes within a second */
  GByteArray *origin;           /* owned: the origin's members, ready */
  MusterJsonFields *fields;     /* owned */
  MusterDataset *assembly;      /* owned, nullable: the parts of a dataset so far */
};

G_DEFINE_FINAL_TYPE (MusterFormatJson, muster_format_json, MUSTER_TYPE_FORMAT)

enum
{
  PROP_0,
  PROP_TIME,
  PROP_DATASET,
  N_PROPERTIES,
};

static GParamSpec *properties[N_PROPERTIES];

GType
muster_json_time_get_type (void)
{
  static const GEnumValue values[] = {
    { MUSTER_JSON_TIME_RFC3339, "MUSTER_JSON_TIME_RFC3339", "rfc3339" },
    { MUSTER_JSON_TIME_UNIX_NS, "MUSTER_JSON_TIME_UNIX_NS", "unix-ns" },
    { 0, NULL, NULL },
  };
  static gsize type = 0;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("MusterJsonTime", values));
  return type;
}

/* -- members ----------------------------------------------------------------------------------- */

/* Every member is written with a comma before it; the first one's becomes the brace in end_object (). */
#define append_literal(out, text) g_byte_array_append ((out), (const guint8 *) "" text, sizeof (text) - 1)

static void
append_text (GByteArray *out, const char *prefix, MusterSlice text)
{
  if (text.length == 0)
    return;
  muster_json_append_raw (out, prefix);
  muster_json_append_string (out, text.data, (gssize) text.length);
}

/* Absent or empty: "". */
static void
append_string (GByteArray *out, MusterSlice text)
{
  muster_json_append_string (out, text.data != NULL ? text.data : "", (gssize) text.length);
}

static void
append_natural (GByteArray *out, const char *prefix, guint64 value)
{
  if (value == 0)
    return;
  muster_json_append_raw (out, prefix);
  muster_json_append_uint (out, value);
}

static void
end_object (GByteArray *out, guint start)
{
  if (out->len > start)
    out->data[start] = '{';
  else
    append_literal (out, "{");
  append_literal (out, "}\n");
}

static void
render_second (MusterFormatJson *self, guint64 second)
{
  time_t seconds = (time_t) second;
  struct tm tm = { 0 };

  /* 64 bits of nanoseconds end in the year 2554: there are always four digits. */
  gmtime_r (&seconds, &tm);
  strftime (self->stamp, sizeof self->stamp, "%Y-%m-%dT%H:%M:%S.000000000Z", &tm);
  self->second = second;
}

static void
append_time (MusterFormatJson *self, guint64 time_ns, GByteArray *out)
{
  guint64 second = time_ns / 1000000000;
  guint32 nanosecond = (guint32) (time_ns % 1000000000);

  if (self->time == MUSTER_JSON_TIME_UNIX_NS)
    {
      append_natural (out, ",\"time\":", time_ns);
      return;
    }
  if (G_UNLIKELY (second != self->second))
    render_second (self, second);
  for (gsize i = 9; i-- > 0; nanosecond /= 10)
    self->stamp[STAMP_FRACTION + i] = (char) ('0' + nanosecond % 10);
  append_literal (out, ",\"time\":\"");
  g_byte_array_append (out, (const guint8 *) self->stamp, STAMP_LENGTH);
  append_literal (out, "\"");
}

static void
append_level (MusterLevel level, GByteArray *out)
{
  if (level == MUSTER_LEVEL_NONE)
    return;
  append_literal (out, ",\"level\":\"");
  muster_json_append_raw (out, muster_level_to_string (level));
  append_literal (out, "\"");
}

static void
set_origin (MusterFormatJson *self, const MusterOrigin *origin)
{
  static const char digits[] = "0123456789abcdef";
  GByteArray *out = self->origin;

  g_byte_array_set_size (out, 0);
  if (origin == NULL)
    return;
  append_text (out, ",\"host\":", origin->host);
  append_text (out, ",\"cluster\":", origin->cluster);
  append_text (out, ",\"worker\":", origin->worker);
  append_natural (out, ",\"pid\":", origin->pid);
  append_literal (out, ",\"stream\":\"");
  for (gsize i = 0; i < MUSTER_STREAM_ID_SIZE; i++)
    {
      const guint8 pair[2] = { (guint8) digits[origin->stream[i] >> 4], (guint8) digits[origin->stream[i] & 15] };

      g_byte_array_append (out, pair, 2);
    }
  append_literal (out, "\"");
}

static void
append_origin (MusterFormatJson *self, guint64 sequence, GByteArray *out)
{
  g_byte_array_append (out, self->origin->data, self->origin->len);
  append_natural (out, ",\"seq\":", sequence);
}

static void
append_payload (const MusterRecordView *record, GByteArray *out)
{
  append_literal (out, ",\"payload\":{\"type_url\":");
  append_string (out, record->payload_type);
  append_literal (out, ",\"value\":");
  muster_json_append_base64 (out, record->payload.data, record->payload.length);
  append_literal (out, "}");
}

/* -- entries ----------------------------------------------------------------------------------- */

static void
append_record (MusterFormatJson *self, const MusterRecordView *record, guint64 sequence, GByteArray *out)
{
  guint start = out->len;

  if (record->time_ns != 0)
    append_time (self, record->time_ns, out);
  append_level (record->level, out);
  append_origin (self, sequence, out);
  append_text (out, ",\"domain\":", record->domain);
  if (record->message.length > 0 || record->payload.data == NULL)
    {
      append_literal (out, ",\"message\":");
      append_string (out, record->message);
    }
  if (record->raw.data != NULL)
    {
      append_literal (out, ",\"raw\":");
      muster_json_append_base64 (out, record->raw.data, record->raw.length);
    }
  append_text (out, ",\"file\":", record->file);
  append_natural (out, ",\"line\":", record->line);
  append_text (out, ",\"function\":", record->function);
  if (record->payload.data != NULL)
    append_payload (record, out);
  if (record->has_fields)
    {
      append_literal (out, ",\"fields\":");
      muster_json_fields_append (self->fields, record, out);
    }
  end_object (out, start);
}

static void
append_gap (MusterFormatJson *self, const MusterEntry *entry, guint64 count, MusterGapReason reason, GByteArray *out)
{
  guint start = out->len;

  append_literal (out, ",\"gap\":{\"count\":");
  muster_json_append_uint (out, count);
  append_literal (out, ",\"reason\":\"");
  muster_json_append_raw (out, muster_gap_reason_to_string (reason));
  append_literal (out, "\"}");
  append_origin (self, entry->sequence, out);
  end_object (out, start);
}

static void
append_dataset (MusterFormatJson *self, const MusterEntry *entry, GByteArray *out)
{
  g_autoptr (MusterDataset) dataset = NULL;

  if (!muster_dataset_assemble (&self->assembly, entry, &dataset))
    append_gap (self, entry, 1, MUSTER_GAP_CORRUPT, out);
  else if (dataset != NULL)
    {
      append_literal (out, "{\"dataset\":");
      muster_dataset_append_json (dataset, out);
      append_literal (out, "}\n");
    }
}

static void
append_entry (MusterFormatJson *self, const MusterEntry *entry, GByteArray *out)
{
  MusterRecordView record;
  MusterGapReason reason;
  guint64 count;

  switch (entry->kind)
    {
    case MUSTER_ENTRY_RECORD:
      /* One entry that cannot be read must not take its neighbours with it. */
      if (G_LIKELY (muster_entry_get_record (entry, &record)))
        append_record (self, &record, entry->sequence, out);
      else
        append_gap (self, entry, 1, MUSTER_GAP_CORRUPT, out);
      break;
    case MUSTER_ENTRY_GAP:
      if (muster_entry_get_gap (entry, &count, &reason) && reason != MUSTER_GAP_FILTERED)
        append_gap (self, entry, count, reason, out);
      break;
    case MUSTER_ENTRY_DATASET:
      if (self->dataset)
        append_dataset (self, entry, out);
      break;
    case MUSTER_ENTRY_UNKNOWN:
    case MUSTER_ENTRY_ORIGIN:
    case MUSTER_ENTRY_SNAPSHOT:
    default:
      break;
    }
}

static gboolean
muster_format_json_format_entry (MusterFormat *format, const MusterEntry *entry, GByteArray *out, GError **error)
{
  MusterFormatJson *self = MUSTER_FORMAT_JSON (format);

  set_origin (self, entry->origin);
  append_entry (self, entry, out);
  return TRUE;
}

static gboolean
muster_format_json_format_batch (MusterFormat *format, MusterBatch *batch, GByteArray *out, GError **error)
{
  MusterFormatJson *self = MUSTER_FORMAT_JSON (format);
  MusterEntryIter iter;
  MusterEntry entry;
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);

  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    if (entry.kind == MUSTER_ENTRY_ORIGIN)
      set_origin (self, entry.origin);
    else
      append_entry (self, &entry, out);
  return !muster_entry_iter_get_error (&iter, error);
}

/* -- the object -------------------------------------------------------------------------------- */

static void
muster_format_json_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  MusterFormatJson *self = MUSTER_FORMAT_JSON (object);

  switch (id)
    {
    case PROP_TIME:
      g_value_set_enum (value, self->time);
      break;
    case PROP_DATASET:
      g_value_set_boolean (value, self->dataset);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
muster_format_json_set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  MusterFormatJson *self = MUSTER_FORMAT_JSON (object);

  switch (id)
    {
    case PROP_TIME:
      self->time = (MusterJsonTime) g_value_get_enum (value);
      break;
    case PROP_DATASET:
      self->dataset = g_value_get_boolean (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
muster_format_json_finalize (GObject *object)
{
  MusterFormatJson *self = MUSTER_FORMAT_JSON (object);

  g_byte_array_unref (self->origin);
  muster_json_fields_free (self->fields);
  g_clear_pointer (&self->assembly, muster_dataset_unref);
  G_OBJECT_CLASS (muster_format_json_parent_class)->finalize (object);
}

static void
muster_format_json_class_init (MusterFormatJsonClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  MusterFormatClass *format_class = MUSTER_FORMAT_CLASS (class);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS;

  object_class->get_property = muster_format_json_get_property;
  object_class->set_property = muster_format_json_set_property;
  object_class->finalize = muster_format_json_finalize;
  format_class->format_entry = muster_format_json_format_entry;
  format_class->format_batch = muster_format_json_format_batch;
  format_class->extension = "jsonl";
  format_class->content_type = "application/x-ndjson";

  properties[PROP_TIME] =
      g_param_spec_enum ("time", NULL, "Times: RFC 3339 in UTC, or nanoseconds since the Unix epoch, a number",
                         MUSTER_TYPE_JSON_TIME, MUSTER_JSON_TIME_RFC3339, flags);
  properties[PROP_DATASET] =
      g_param_spec_boolean ("dataset", NULL, "Whether deliveries of metrics are written too", TRUE, flags);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
muster_format_json_init (MusterFormatJson *self)
{
  self->second = G_MAXUINT64;
  self->origin = g_byte_array_new ();
  self->fields = muster_json_fields_new ();
}
