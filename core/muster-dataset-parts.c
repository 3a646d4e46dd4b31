/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Datasets as entries, in parts, and back. The names of late and partial processes stand in as many parts as it takes,
 * each once; of a process that is cut in two, each part has some metrics. Any thread.
 */
#include "config.h"

#include <string.h>

#include "muster-dataset-struct-private.h"
#include "muster-protobuf-private.h"
#include "muster-snapshot-private.h"
#include "muster-wire-private.h"

#define FIELD_PROCESSES       7
#define FIELD_LATE            10
#define FIELD_PARTIAL         11
#define FIELD_PROCESS_METRICS 3
#define FIELD_PROCESS_SHAPE   7
#define PART_MAX              (MUSTER_ENTRY_MAX - MUSTER_ENCODER_PREFIX)

typedef struct
{
  Muster__V1__Dataset head;
  gsize head_size;     /* at most, packed */
  GByteArray *tail;    /* of the part in progress: packed processes and names */
  GByteArray *process; /* in progress, packed */
  GPtrArray *entries;  /* GBytes */
} PartWriter;

static void
end_part (PartWriter *writer, gboolean more)
{
  writer->head.more = more;
  muster_entries_add (writer->entries, MUSTER_ENTRY_DATASET, &writer->head.base, writer->tail->data, writer->tail->len);
  writer->head.part++;
  g_byte_array_set_size (writer->tail, 0);
}

static gsize
get_room (PartWriter *writer)
{
  return PART_MAX - writer->head_size - writer->tail->len;
}

static gsize
member_size (gsize length)
{
  return 1 + muster_wire_varint_size (length) + length;
}

static void
put_member (GByteArray *out, guint number, gconstpointer data, gsize length)
{
  gsize before = out->len;

  g_byte_array_set_size (out, (guint) (before + member_size (length)));
  muster_wire_put_bytes (out->data + before, MUSTER_WIRE_TAG (number, MUSTER_WIRE_BYTES), data, length);
}

static void
put_names (PartWriter *writer, guint number, GPtrArray *names)
{
  for (guint i = 0; i < names->len; i++)
    {
      gsize length = strlen (names->pdata[i]);

      if (member_size (length) > get_room (writer))
        end_part (writer, TRUE);
      put_member (writer->tail, number, names->pdata[i], length);
    }
}

static void
begin_process (PartWriter *writer, const MusterDatasetProcess *process, guint first)
{
  Muster__V1__Dataset__Process head = MUSTER__V1__DATASET__PROCESS__INIT;

  head.worker = process->worker;
  head.pid = process->pid;
  head.overflow = first == 0 ? process->overflow : 0;
  head.start = (guint64) process->start_ns;
  head.end = (guint64) process->end_ns;
  g_byte_array_set_size (writer->process, (guint) protobuf_c_message_get_packed_size (&head.base));
  protobuf_c_message_pack (&head.base, writer->process->data);
}

/* @size: packed; it costs as much as the packing. */
static void
put_metric (GByteArray *out, const Muster__V1__Metric *metric, gsize size)
{
  gsize before = out->len;
  guint8 *at;

  g_byte_array_set_size (out, (guint) (before + member_size (size)));
  at = out->data + before;
  *at++ = MUSTER_WIRE_TAG (FIELD_PROCESS_METRICS, MUSTER_WIRE_BYTES);
  at = muster_wire_put_varint (at, size);
  muster__v1__metric__pack (metric, at);
}

/* Puts as many metrics, from the one numbered @first, as the part has room for; returns the next one's number. */
static guint
put_some_metrics (PartWriter *writer, const MusterDatasetProcess *process, guint first)
{
  gsize room = get_room (writer);
  guint next = first;

  begin_process (writer, process, first);
  for (; next < process->metrics->len; next++)
    {
      const Muster__V1__Metric *metric = process->metrics->pdata[next];
      gsize size = muster__v1__metric__get_packed_size (metric);

      if (member_size (writer->process->len + member_size (size)) > room)
        break;
      put_metric (writer->process, metric, size);
    }
  if (member_size (writer->process->len) <= room && (next > first || process->metrics->len == 0))
    put_member (writer->tail, FIELD_PROCESSES, writer->process->data, writer->process->len);
  return next;
}

/* In pieces, each in a process of its own. */
static void
put_shape (PartWriter *writer, const MusterDatasetProcess *process)
{
  g_autoptr (GVariant) swapped = G_BYTE_ORDER == G_BIG_ENDIAN ? g_variant_byteswap (process->shape) : NULL;
  GVariant *shape = swapped != NULL ? swapped : process->shape;
  const guint8 *data = g_variant_get_data (shape);
  gsize left = g_variant_get_size (shape);
  gsize least = strlen (process->worker) + 128;

  while (left > 0)
    {
      gsize n;

      if (get_room (writer) < 2 * least)
        end_part (writer, TRUE);
      begin_process (writer, process, G_MAXUINT);
      n = MIN (left, get_room (writer) - least);
      put_member (writer->process, FIELD_PROCESS_SHAPE, data, n);
      put_member (writer->tail, FIELD_PROCESSES, writer->process->data, writer->process->len);
      data += n;
      left -= n;
    }
}

static void
put_process (PartWriter *writer, const MusterDatasetProcess *process)
{
  gsize longest_head = strlen (process->worker) + 96;
  guint next = 0;

  if (get_room (writer) < longest_head)
    end_part (writer, TRUE);
  for (;;)
    {
      next = put_some_metrics (writer, process, next);
      if (next == process->metrics->len)
        return;
      end_part (writer, TRUE);
    }
}

GPtrArray *
muster_dataset_encode (MusterDataset *dataset)
{
  Muster__V1__Dataset head = MUSTER__V1__DATASET__INIT;
  PartWriter writer = { .tail = g_byte_array_new (), .process = g_byte_array_new () };

  head.id = dataset->id;
  head.name = dataset->name;
  head.start = (guint64) dataset->start_ns;
  head.end = (guint64) dataset->end_ns;
  head.interval = (guint64) dataset->interval_ns;
  head.scale_factor = dataset->scale_factor;
  head.expected = dataset->n_expected;
  head.reported = dataset->n_reported;
  head.merged = dataset->n_merged;
  head.interrupted = dataset->interrupted;
  head.part = G_MAXUINT32;
  head.more = TRUE;
  writer.head_size = muster__v1__dataset__get_packed_size (&head);
  head.part = 0;
  writer.head = head;
  writer.entries = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  put_names (&writer, FIELD_LATE, dataset->late);
  put_names (&writer, FIELD_PARTIAL, dataset->partial);
  for (guint i = 0; i < dataset->processes->len; i++)
    {
      const MusterDatasetProcess *process = dataset->processes->pdata[i];

      put_process (&writer, process);
      if (process->shape != NULL)
        put_shape (&writer, process);
    }
  end_part (&writer, FALSE);
  g_byte_array_unref (writer.tail);
  g_byte_array_unref (writer.process);
  return writer.entries;
}

/* -- and back ----------------------------------------------------------------------------------- */

static gboolean
are_names (char **names, gsize n)
{
  for (gsize i = 0; i < n; i++)
    if (!muster_dataset_is_name (names[i]))
      return FALSE;
  return TRUE;
}

static gboolean
is_valid (const Muster__V1__Dataset *message)
{
  if (!muster_dataset_is_name (message->name) || message->start > message->end || message->end > G_MAXINT64
      || message->interval == 0 || message->interval > G_MAXINT64 || !isfinite (message->scale_factor)
      || message->scale_factor <= 0 || !are_names (message->late, message->n_late)
      || !are_names (message->partial, message->n_partial))
    return FALSE;
  for (gsize i = 0; i < message->n_processes; i++)
    {
      const Muster__V1__Dataset__Process *process = message->processes[i];

      if (!muster_dataset_is_name (process->worker) || process->start > process->end || process->end > G_MAXINT64)
        return FALSE;
      for (gsize k = 0; k < process->n_metrics; k++)
        if (!muster_metric_is_valid (process->metrics[k]))
          return FALSE;
    }
  return TRUE;
}

static MusterDataset *
new_from_head (const Muster__V1__Dataset *message)
{
  MusterDataset *dataset = muster_dataset_new ();

  dataset->id = message->id;
  dataset->name = g_strdup (message->name);
  dataset->start_ns = (gint64) message->start;
  dataset->end_ns = (gint64) message->end;
  dataset->interval_ns = (gint64) message->interval;
  dataset->scale_factor = message->scale_factor;
  dataset->n_expected = message->expected;
  dataset->n_reported = message->reported;
  dataset->n_merged = message->merged;
  dataset->interrupted = message->interrupted;
  return dataset;
}

static void
add_names (GPtrArray *names, char **more, gsize n)
{
  for (gsize i = 0; i < n; i++)
    g_ptr_array_add (names, g_strdup (more[i]));
}

static MusterDatasetProcess *
get_process (MusterDataset *dataset, const Muster__V1__Dataset__Process *message)
{
  MusterDatasetProcess *process = g_hash_table_lookup (dataset->by_worker, message->worker);

  if (process == NULL)
    {
      process = muster_dataset_process_new (message->worker, message->pid);
      process->start_ns = (gint64) message->start;
      process->end_ns = (gint64) message->end;
      g_hash_table_insert (dataset->by_worker, process->worker, process);
      g_ptr_array_add (dataset->processes, process);
    }
  return process;
}

/* Whatever the bytes are: what they are will be seen when they are all there. */
static void
add_shape (MusterDatasetProcess *process, const ProtobufCBinaryData *bytes)
{
  if (bytes->len == 0)
    return;
  if (process->shape_bytes == NULL)
    process->shape_bytes = g_byte_array_new ();
  if (process->shape_bytes->len + bytes->len <= MUSTER_DATASET_SHAPE_MAX)
    g_byte_array_append (process->shape_bytes, bytes->data, (guint) bytes->len);
}

/* Bytes that are no GVariant are one all the same, with defaults in the place of what is broken. */
static void
end_shape (MusterDatasetProcess *process)
{
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GVariant) foreign = NULL;
  g_autoptr (GVariant) swapped = NULL;

  if (process->shape_bytes == NULL)
    return;
  bytes = g_byte_array_free_to_bytes (g_steal_pointer (&process->shape_bytes));
  foreign = g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE_VARDICT, bytes, FALSE));
  swapped = G_BYTE_ORDER == G_BIG_ENDIAN ? g_variant_byteswap (foreign) : NULL;
  process->shape = g_variant_get_normal_form (swapped != NULL ? swapped : foreign);
}

static void
add_part (MusterDataset *dataset, const Muster__V1__Dataset *message)
{
  add_names (dataset->late, message->late, message->n_late);
  add_names (dataset->partial, message->partial, message->n_partial);
  for (gsize i = 0; i < message->n_processes; i++)
    {
      MusterDatasetProcess *process = get_process (dataset, message->processes[i]);

      process->overflow += message->processes[i]->overflow;
      add_shape (process, &message->processes[i]->shape);
      for (gsize k = 0; k < message->processes[i]->n_metrics; k++)
        g_ptr_array_add (process->metrics, message->processes[i]->metrics[k]);
    }
  dataset->next_part = message->part + 1;
}

static gboolean
continues (const MusterDataset *dataset, const Muster__V1__Dataset *message)
{
  return dataset != NULL && dataset->next_part == message->part && dataset->id == message->id
         && dataset->end_ns == (gint64) message->end && strcmp (dataset->name, message->name) == 0;
}

/**
 * muster_dataset_assemble: (skip)
 * @partial: (inout) (nullable) (transfer full): what parts have made so far; %NULL at the start. Owned by the caller,
 *   who frees it if he stops before it is whole
 * @entry: an entry
 * @complete: (out) (nullable) (transfer full): a dataset, where @entry was its last part; else %NULL
 *
 * Puts a dataset together from its entries, given one after another, other entries left out. A part whose predecessors
 * are absent (the start of the log is cut off) is passed over; so is what there was of a dataset whose end never came.
 *
 * Returns: %FALSE if the entry is no dataset, or if its bytes are bad; @partial is not touched then
 * Since: 0.1
 */
gboolean
muster_dataset_assemble (MusterDataset **partial, const MusterEntry *entry, MusterDataset **complete)
{
  g_autoptr (MusterArena) arena = NULL;
  Muster__V1__Dataset *message;

  *complete = NULL;
  if (entry->kind != MUSTER_ENTRY_DATASET)
    return FALSE;
  arena = muster_arena_new ();
  message = muster__v1__dataset__unpack (muster_arena_get_allocator (arena), entry->body_length, entry->body);
  if (message == NULL || !muster_protobuf_is_sound (&message->base) || !is_valid (message))
    return FALSE;
  if (message->part == 0 || !continues (*partial, message))
    g_clear_pointer (partial, muster_dataset_unref);
  if (message->part == 0)
    *partial = new_from_head (message);
  if (*partial == NULL)
    return TRUE;
  add_part (*partial, message);
  muster_arena_adopt ((*partial)->arena, g_steal_pointer (&arena));
  if (!message->more)
    {
      for (guint i = 0; i < (*partial)->processes->len; i++)
        end_shape ((*partial)->processes->pdata[i]);
      muster_dataset_seal (*partial);
      *complete = g_steal_pointer (partial);
    }
  return TRUE;
}
