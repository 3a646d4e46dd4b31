/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One record, copied out of its batch: for signal handlers, which may keep it. Immutable; any thread.
 */
#include "config.h"

#include "muster-record.h"

#include "muster-boxed-private.h"

struct _MusterRecord
{
  gatomicrefcount references;
  guint8 *body;          /* owned: the encoded Record, for fields and raw bytes */
  MusterRecordView view; /* its slices borrow from body */
  guint64 sequence;
  guint pid;
  char *domain; /* owned, like all that follow; NUL-terminated copies */
  char *message;
  char *file;     /* nullable */
  char *function; /* nullable */
  char *host;
  char *cluster;
  char *worker;
};

MUSTER_DEFINE_BOXED_TYPE (MusterRecord, muster_record)

static char *
copy (MusterSlice slice)
{
  return slice.length > 0 ? g_strndup (slice.data, slice.length) : g_strdup ("");
}

static char *
copy_or_null (MusterSlice slice)
{
  return slice.length > 0 ? g_strndup (slice.data, slice.length) : NULL;
}

/**
 * muster_record_new_from_entry: (skip)
 * @entry: an entry
 *
 * Copies a record out of its entry.
 *
 * Returns: (transfer full) (nullable): the record; %NULL if @entry is none, or malformed
 * Since: 0.1
 */
MusterRecord *
muster_record_new_from_entry (const MusterEntry *entry)
{
  g_autoptr (MusterRecord) record = NULL;
  MusterEntry own;

  g_return_val_if_fail (entry != NULL, NULL);

  if (entry->kind != MUSTER_ENTRY_RECORD)
    return NULL;
  record = g_new0 (MusterRecord, 1);
  g_atomic_ref_count_init (&record->references);
  record->body = g_memdup2 (entry->body, entry->body_length);
  own = *entry;
  own.body = record->body;
  if (!muster_entry_get_record (&own, &record->view))
    return NULL;
  record->sequence = entry->sequence;
  record->domain = copy (record->view.domain);
  record->message = copy (record->view.message);
  record->file = copy_or_null (record->view.file);
  record->function = copy_or_null (record->view.function);
  if (entry->origin != NULL)
    {
      record->pid = entry->origin->pid;
      record->host = copy (entry->origin->host);
      record->cluster = copy (entry->origin->cluster);
      record->worker = copy (entry->origin->worker);
    }
  return g_steal_pointer (&record);
}

/**
 * muster_record_ref:
 * @record: a record
 *
 * Returns: (transfer full): @record
 * Since: 0.1
 */
MusterRecord *
muster_record_ref (MusterRecord *record)
{
  g_return_val_if_fail (record != NULL, NULL);

  g_atomic_ref_count_inc (&record->references);
  return record;
}

/**
 * muster_record_unref:
 * @record: (transfer full): a record
 *
 * Gives a reference back.
 *
 * Since: 0.1
 */
void
muster_record_unref (MusterRecord *record)
{
  g_return_if_fail (record != NULL);

  if (!g_atomic_ref_count_dec (&record->references))
    return;
  g_free (record->body);
  g_free (record->domain);
  g_free (record->message);
  g_free (record->file);
  g_free (record->function);
  g_free (record->host);
  g_free (record->cluster);
  g_free (record->worker);
  g_free (record);
}

/**
 * muster_record_get_level:
 * @record: a record
 *
 * Returns: how bad it is
 * Since: 0.1
 */
MusterLevel
muster_record_get_level (MusterRecord *record)
{
  g_return_val_if_fail (record != NULL, MUSTER_LEVEL_NONE);

  return record->view.level;
}

/**
 * muster_record_get_time_ns:
 * @record: a record
 *
 * Returns: when it was said, in nanoseconds since the Unix epoch
 * Since: 0.1
 */
gint64
muster_record_get_time_ns (MusterRecord *record)
{
  g_return_val_if_fail (record != NULL, 0);

  return (gint64) record->view.time_ns;
}

/**
 * muster_record_get_date_time:
 * @record: a record
 *
 * Returns: (transfer full) (nullable): when it was said, in UTC, to the microsecond; %NULL beyond the year 9999
 * Since: 0.1
 */
GDateTime *
muster_record_get_date_time (MusterRecord *record)
{
  const guint64 ns_per_s = 1000000000;
  g_autoptr (GDateTime) seconds = NULL;

  g_return_val_if_fail (record != NULL, NULL);

  seconds = g_date_time_new_from_unix_utc ((gint64) (record->view.time_ns / ns_per_s));
  if (seconds == NULL)
    return NULL;
  return g_date_time_add (seconds, (gint64) (record->view.time_ns % ns_per_s / 1000));
}

/**
 * muster_record_get_domain:
 * @record: a record
 *
 * Returns: (transfer none): the domain it was said in; may be empty
 * Since: 0.1
 */
const char *
muster_record_get_domain (MusterRecord *record)
{
  g_return_val_if_fail (record != NULL, NULL);

  return record->domain;
}

/**
 * muster_record_get_message:
 * @record: a record
 *
 * Returns: (transfer none): the text; may be empty
 * Since: 0.1
 */
const char *
muster_record_get_message (MusterRecord *record)
{
  g_return_val_if_fail (record != NULL, NULL);

  return record->message;
}

/**
 * muster_record_get_file:
 * @record: a record
 *
 * Returns: (transfer none) (nullable): the source file that said it, where known
 * Since: 0.1
 */
const char *
muster_record_get_file (MusterRecord *record)
{
  g_return_val_if_fail (record != NULL, NULL);

  return record->file;
}

/**
 * muster_record_get_line:
 * @record: a record
 *
 * Returns: the line in that file; 0 where unknown
 * Since: 0.1
 */
guint
muster_record_get_line (MusterRecord *record)
{
  g_return_val_if_fail (record != NULL, 0);

  return record->view.line;
}

/**
 * muster_record_get_function:
 * @record: a record
 *
 * Returns: (transfer none) (nullable): the function that said it, where known
 * Since: 0.1
 */
const char *
muster_record_get_function (MusterRecord *record)
{
  g_return_val_if_fail (record != NULL, NULL);

  return record->function;
}

/**
 * muster_record_get_raw:
 * @record: a record
 *
 * Returns: (transfer full) (nullable): the message as it came, where it was not valid UTF-8
 * Since: 0.1
 */
GBytes *
muster_record_get_raw (MusterRecord *record)
{
  g_return_val_if_fail (record != NULL, NULL);

  if (record->view.raw.data == NULL)
    return NULL;
  return g_bytes_new (record->view.raw.data, record->view.raw.length);
}

static GVariant *
value_of (const MusterFieldView *field)
{
  const MusterSlice bytes = field->value.text;

  switch (field->type)
    {
    case MUSTER_FIELD_TEXT:
      return g_variant_new_take_string (g_utf8_make_valid (bytes.length > 0 ? bytes.data : "", (gssize) bytes.length));
    case MUSTER_FIELD_INTEGER:
      return g_variant_new_int64 (field->value.integer);
    case MUSTER_FIELD_NATURAL:
      return g_variant_new_uint64 (field->value.natural);
    case MUSTER_FIELD_NUMBER:
      return g_variant_new_double (field->value.number);
    case MUSTER_FIELD_FLAG:
      return g_variant_new_boolean (field->value.flag);
    case MUSTER_FIELD_DATA:
      return g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes.data, bytes.length, 1);
    case MUSTER_FIELD_NONE:
    default:
      return NULL;
    }
}

/**
 * muster_record_get_fields:
 * @record: a record
 *
 * What was said beside the message.
 *
 * Returns: (transfer full): a dictionary of type `a{sv}`, in the order of the record; may be empty
 * Since: 0.1
 */
GVariant *
muster_record_get_fields (MusterRecord *record)
{
  GVariantBuilder builder;
  MusterFieldIter iter;
  MusterFieldView field;

  g_return_val_if_fail (record != NULL, NULL);

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  muster_field_iter_init (&iter, &record->view);
  while (muster_field_iter_next (&iter, &field))
    {
      g_autofree char *key = g_utf8_make_valid (field.key.length > 0 ? field.key.data : "", (gssize) field.key.length);
      GVariant *value = value_of (&field);

      if (value != NULL)
        g_variant_builder_add (&builder, "{sv}", key, value);
    }
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

/**
 * muster_record_get_host:
 * @record: a record
 *
 * Returns: (transfer none) (nullable): the machine that it comes from
 * Since: 0.1
 */
const char *
muster_record_get_host (MusterRecord *record)
{
  g_return_val_if_fail (record != NULL, NULL);

  return record->host;
}

/**
 * muster_record_get_cluster:
 * @record: a record
 *
 * Returns: (transfer none) (nullable): the cluster that it comes from
 * Since: 0.1
 */
const char *
muster_record_get_cluster (MusterRecord *record)
{
  g_return_val_if_fail (record != NULL, NULL);

  return record->cluster;
}

/**
 * muster_record_get_worker:
 * @record: a record
 *
 * Returns: (transfer none) (nullable): the worker that said it: "web-1", or "master"
 * Since: 0.1
 */
const char *
muster_record_get_worker (MusterRecord *record)
{
  g_return_val_if_fail (record != NULL, NULL);

  return record->worker;
}

/**
 * muster_record_get_pid:
 * @record: a record
 *
 * Returns: the process that said it; 0 where unknown
 * Since: 0.1
 */
guint
muster_record_get_pid (MusterRecord *record)
{
  g_return_val_if_fail (record != NULL, 0);

  return record->pid;
}

/**
 * muster_record_get_sequence:
 * @record: a record
 *
 * Returns: its number in its stream, from 1; 0 where unknown
 * Since: 0.1
 */
guint64
muster_record_get_sequence (MusterRecord *record)
{
  g_return_val_if_fail (record != NULL, 0);

  return record->sequence;
}
