/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What protobuf-c leaves to us. Pure functions, any thread.
 */
#include "config.h"

#include "muster-protobuf-private.h"

static gboolean
members_are_sound (const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
  const guint8 *member = (const guint8 *) message + field->offset;
  const ProtobufCMessage *const *messages = (const ProtobufCMessage *const *) (const void *) member;
  gsize n = 1;

  if (field->label == PROTOBUF_C_LABEL_REPEATED)
    {
      n = *(const gsize *) (const void *) ((const guint8 *) message + field->quantifier_offset);
      messages = *(const ProtobufCMessage *const *const *) (const void *) member;
    }
  else if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
           && *(const guint32 *) (const void *) ((const guint8 *) message + field->quantifier_offset) != field->id)
    return TRUE;
  for (gsize i = 0; i < n; i++)
    if (messages[i] != NULL && !muster_protobuf_is_sound (messages[i]))
      return FALSE;
  return TRUE;
}

gboolean
muster_protobuf_is_sound (const ProtobufCMessage *message)
{
  for (guint i = 0; i < message->n_unknown_fields; i++)
    if (message->unknown_fields[i].tag == 0)
      return FALSE;
  for (guint i = 0; i < message->descriptor->n_fields; i++)
    if (message->descriptor->fields[i].type == PROTOBUF_C_TYPE_MESSAGE
        && !members_are_sound (message, &message->descriptor->fields[i]))
      return FALSE;
  return TRUE;
}
