/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Snapshots as entries, in parts. Any thread.
 */
#include "config.h"

#include "muster-snapshot-private.h"

#include "muster-dataset-struct-private.h"
#include "muster-protobuf-private.h"

#define FIELD_METRICS 7
#define PART_MAX      (MUSTER_ENTRY_MAX - MUSTER_ENCODER_PREFIX)
#define TIME_MAX      (G_GINT64_CONSTANT (1) << 62)

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

/* -- reading -------------------------------------------------------------------------------------- */

static gboolean
are_metrics_valid (const Muster__V1__Snapshot *snapshot)
{
  for (gsize i = 0; i < snapshot->n_metrics; i++)
    if (!muster_metric_is_valid (snapshot->metrics[i]))
      return FALSE;
  return TRUE;
}

Muster__V1__Snapshot *
muster_snapshot_read (const char *worker, const MusterEntry *entry, MusterArena *arena, GError **error)
{
  Muster__V1__Snapshot *snapshot;

  if (entry->kind != MUSTER_ENTRY_SNAPSHOT)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "%s: an entry of kind %d is no snapshot", worker,
                   entry->kind);
      return NULL;
    }
  if (!muster_dataset_is_name (worker))
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT,
                           "a snapshot comes from a worker whose name is no short text in UTF-8");
      return NULL;
    }
  snapshot = muster__v1__snapshot__unpack (muster_arena_get_allocator (arena), entry->body_length, entry->body);
  if (snapshot == NULL || !muster_protobuf_is_sound (&snapshot->base) || !muster_dataset_is_name (snapshot->name)
      || !are_metrics_valid (snapshot))
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT,
                   "%s: a snapshot of %" G_GSIZE_FORMAT " bytes is not one (muster.v1.Snapshot, strings in UTF-8)",
                   worker, entry->body_length);
      return NULL;
    }
  if (snapshot->start > snapshot->end || snapshot->end >= (guint64) TIME_MAX)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT,
                   "%s: a snapshot of metrics '%s' ends at %" G_GUINT64_FORMAT " ns, which is no time", worker,
                   snapshot->name, snapshot->end);
      return NULL;
    }
  return snapshot;
}
