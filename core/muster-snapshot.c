/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Snapshots as entries, in parts. Any thread.
 */
#include "config.h"

#include "muster-metric-private.h"
#include "muster-snapshot-private.h"

#define FIELD_METRICS 7
#define PART_MAX      (MUSTER_ENTRY_MAX - MUSTER_ENCODER_PREFIX)

void
muster_entries_add (GPtrArray *entries, MusterEntryKind kind, const ProtobufCMessage *head, const guint8 *tail,
                    gsize tail_length)
{
  g_autoptr (GByteArray) body = g_byte_array_new ();
  GByteArray *entry = g_byte_array_new ();

  g_byte_array_set_size (body, (guint) protobuf_c_message_get_packed_size (head));
  protobuf_c_message_pack (head, body->data);
  g_byte_array_append (body, tail, (guint) tail_length);
  if (!muster_encode_entry (entry, kind, body->data, body->len))
    g_assert_not_reached (); /* whoever writes parts counts their bytes */
  g_ptr_array_add (entries, g_byte_array_free_to_bytes (entry));
}

void
muster_snapshot_writer_init (MusterSnapshotWriter *writer, const Muster__V1__Snapshot *head,
                             guint8 metrics[MUSTER_ENTRY_MAX])
{
  Muster__V1__Snapshot longest = *head;

  longest.part = G_MAXUINT32;
  longest.more = TRUE;
  longest.partial = TRUE;
  longest.overflow = G_MAXUINT64;
  *writer = (MusterSnapshotWriter){
    .head = *head,
    .metrics = metrics,
    .room = PART_MAX - muster__v1__snapshot__get_packed_size (&longest),
  };
}

gboolean
muster_snapshot_writer_add (MusterSnapshotWriter *writer, const Muster__V1__Metric *metric)
{
  gsize size = muster_metric_get_member_size (metric);

  if (writer->length + size > writer->room)
    return FALSE;
  muster_metric_put_member (writer->metrics + writer->length, FIELD_METRICS, metric);
  writer->length += size;
  return TRUE;
}

static void
end_part (MusterSnapshotWriter *writer, gboolean more, GPtrArray *entries)
{
  writer->head.more = more;
  muster_entries_add (entries, MUSTER_ENTRY_SNAPSHOT, &writer->head.base, writer->metrics, writer->length);
  writer->head.part++;
  writer->length = 0;
}

void
muster_snapshot_writer_end_part (MusterSnapshotWriter *writer, GPtrArray *entries)
{
  end_part (writer, TRUE, entries);
}

void
muster_snapshot_writer_finish (MusterSnapshotWriter *writer, guint64 overflow, GPtrArray *entries)
{
  writer->head.overflow = overflow;
  end_part (writer, FALSE, entries);
}
