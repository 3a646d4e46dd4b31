/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Snapshots as entries, in parts. Any thread.
 */
#include "config.h"

#include "muster-metric-private.h"
#include "muster-snapshot-private.h"
#include "muster-wire-private.h"

#define FIELD_METRICS 7
#define PART_MAX      (MUSTER_ENTRY_MAX - MUSTER_ENCODER_PREFIX)

void
muster_entries_add (GPtrArray *entries, MusterEntryKind kind, const ProtobufCMessage *head, GByteArray *tail)
{
  g_autoptr (GByteArray) body = g_byte_array_new ();
  GByteArray *entry = g_byte_array_new ();

  g_byte_array_set_size (body, (guint) protobuf_c_message_get_packed_size (head));
  protobuf_c_message_pack (head, body->data);
  g_byte_array_append (body, tail->data, tail->len);
  if (!muster_encode_entry (entry, kind, body->data, body->len))
    g_assert_not_reached (); /* whoever writes parts counts their bytes */
  g_ptr_array_add (entries, g_byte_array_free_to_bytes (entry));
}

void
muster_snapshot_writer_init (MusterSnapshotWriter *writer, const Muster__V1__Snapshot *head)
{
  Muster__V1__Snapshot longest = *head;

  longest.part = G_MAXUINT32;
  longest.more = TRUE;
  longest.overflow = G_MAXUINT64;
  *writer = (MusterSnapshotWriter){
    .head = *head,
    .head_size = muster__v1__snapshot__get_packed_size (&longest),
    .metrics = g_byte_array_new (),
    .entries = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref),
  };
}

static void
end_part (MusterSnapshotWriter *writer, gboolean more)
{
  writer->head.more = more;
  muster_entries_add (writer->entries, MUSTER_ENTRY_SNAPSHOT, &writer->head.base, writer->metrics);
  writer->head.part++;
  g_byte_array_set_size (writer->metrics, 0);
}

void
muster_snapshot_writer_add (MusterSnapshotWriter *writer, const Muster__V1__Metric *metric)
{
  gsize size = muster__v1__metric__get_packed_size (metric);

  if (writer->head_size + writer->metrics->len + 1 + muster_wire_varint_size (size) + size > PART_MAX)
    end_part (writer, TRUE);
  muster_metric_append (writer->metrics, FIELD_METRICS, metric);
}

GPtrArray *
muster_snapshot_writer_finish (MusterSnapshotWriter *writer, guint64 overflow)
{
  writer->head.overflow = overflow;
  end_part (writer, FALSE);
  g_clear_pointer (&writer->metrics, g_byte_array_unref);
  return g_steal_pointer (&writer->entries);
}
