/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The protobuf format: a `muster.v1.Log`, handed on byte for byte; or nothing but the messages that users put into
 * records. Owned by one transport and used in its thread; keeps nothing between entries.
 */
#include "config.h"

#include "muster-format-protobuf.h"

#include "muster-wire-private.h"

struct _MusterFormatProtobuf
{
  MusterFormat parent_instance;

  MusterProtobufContent content;
};

G_DEFINE_FINAL_TYPE (MusterFormatProtobuf, muster_format_protobuf, MUSTER_TYPE_FORMAT)

enum
{
  PROP_0,
  PROP_CONTENT,
  N_PROPERTIES,
};

static GParamSpec *properties[N_PROPERTIES];

GType
muster_protobuf_content_get_type (void)
{
  static const GEnumValue values[] = {
    { MUSTER_PROTOBUF_CONTENT_LOG, "MUSTER_PROTOBUF_CONTENT_LOG", "log" },
    { MUSTER_PROTOBUF_CONTENT_PAYLOAD, "MUSTER_PROTOBUF_CONTENT_PAYLOAD", "payload" },
    { 0, NULL, NULL },
  };
  static gsize type = 0;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("MusterProtobufContent", values));
  return type;
}

static void
append_varint (GByteArray *out, guint64 value)
{
  guint8 bytes[10];
  const guint8 *end = muster_wire_put_varint (bytes, value);

  g_byte_array_append (out, bytes, (guint) (end - bytes));
}

static void
append_member (GByteArray *out, guint number, gconstpointer data, gsize length)
{
  if (length == 0)
    return;
  append_varint (out, MUSTER_WIRE_TAG (number, MUSTER_WIRE_BYTES));
  append_varint (out, length);
  g_byte_array_append (out, data, (guint) length);
}

static void
append_number (GByteArray *out, guint number, guint64 value)
{
  if (value == 0)
    return;
  append_varint (out, MUSTER_WIRE_TAG (number, MUSTER_WIRE_VARINT));
  append_varint (out, value);
}

/* An entry that comes alone is given its origin, so that what is written stands alone as a batch does. */
static void
append_origin (const MusterOrigin *origin, guint64 sequence, GByteArray *out)
{
  g_autoptr (GByteArray) body = g_byte_array_new ();
  g_autoptr (GByteArray) entry = g_byte_array_new ();

  append_member (body, 1, origin->stream, sizeof origin->stream);
  append_number (body, 2, sequence);
  append_member (body, 3, origin->host.data, origin->host.length);
  append_member (body, 4, origin->cluster.data, origin->cluster.length);
  append_member (body, 5, origin->worker.data, origin->worker.length);
  append_number (body, 6, origin->pid);
  append_member (entry, MUSTER_ENTRY_ORIGIN, body->data, body->len);
  append_member (out, 1, entry->data, entry->len);
}

/* As protobuf's writeDelimitedTo has it: a varint, the length, and the message. */
static void
append_payload (const MusterEntry *entry, GByteArray *out)
{
  MusterRecordView record;

  if (!muster_entry_get_record (entry, &record) || record.payload.data == NULL)
    return;
  append_varint (out, record.payload.length);
  g_byte_array_append (out, (const guint8 *) record.payload.data, (guint) record.payload.length);
}

static gboolean
muster_format_protobuf_format_entry (MusterFormat *format, const MusterEntry *entry, GByteArray *out, GError **error)
{
  if (MUSTER_FORMAT_PROTOBUF (format)->content == MUSTER_PROTOBUF_CONTENT_PAYLOAD)
    {
      append_payload (entry, out);
      return TRUE;
    }
  if (entry->origin != NULL)
    append_origin (entry->origin, entry->sequence, out);
  g_byte_array_append (out, entry->bytes, (guint) entry->length);
  return TRUE;
}

static gboolean
muster_format_protobuf_format_batch (MusterFormat *format, MusterBatch *batch, GByteArray *out, GError **error)
{
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);

  if (MUSTER_FORMAT_PROTOBUF (format)->content == MUSTER_PROTOBUF_CONTENT_PAYLOAD)
    return MUSTER_FORMAT_CLASS (muster_format_protobuf_parent_class)->format_batch (format, batch, out, error);
  g_byte_array_append (out, data, (guint) size);
  return TRUE;
}

static void
muster_format_protobuf_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  MusterFormatProtobuf *self = MUSTER_FORMAT_PROTOBUF (object);

  switch (id)
    {
    case PROP_CONTENT:
      g_value_set_enum (value, self->content);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
muster_format_protobuf_set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  MusterFormatProtobuf *self = MUSTER_FORMAT_PROTOBUF (object);

  switch (id)
    {
    case PROP_CONTENT:
      self->content = (MusterProtobufContent) g_value_get_enum (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
muster_format_protobuf_class_init (MusterFormatProtobufClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  MusterFormatClass *format_class = MUSTER_FORMAT_CLASS (class);

  object_class->get_property = muster_format_protobuf_get_property;
  object_class->set_property = muster_format_protobuf_set_property;
  format_class->format_entry = muster_format_protobuf_format_entry;
  format_class->format_batch = muster_format_protobuf_format_batch;
  format_class->extension = "pb";
  format_class->content_type = "application/x-protobuf";
  format_class->keeps_gaps = TRUE;

  properties[PROP_CONTENT] = g_param_spec_enum (
      "content", NULL,
      "log: everything, a muster.v1.Log; payload: the users' own messages alone, each after its length",
      MUSTER_TYPE_PROTOBUF_CONTENT, MUSTER_PROTOBUF_CONTENT_LOG,
      G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
muster_format_protobuf_init (MusterFormatProtobuf *self)
{
}
