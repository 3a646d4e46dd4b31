/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The audit. For each stream three sets of numbers are kept: @known, all that some entry or gap takes; @held, those of
 * entries alone, which tells a number that came twice from one that another file had only declared; @told, the gaps, but
 * without those of filters. In order, and without filters, each is a few bytes however long the stream is.
 *
 * An entry always beats a gap: where one file declares as filtered what another holds, it is there.
 */
#include "config.h"

#include <string.h>

#include "audit.h"
#include "muster-wire-private.h"
#include "number-set.h"

typedef struct
{
  MusterAuditStream public;
  guint8 id[MUSTER_STREAM_ID_SIZE]; /* the key */
  guint order;                      /* of appearance */
  GString *worker;                  /* the labels' own bytes; what is shown of them is valid UTF-8 */
  GString *host;
  GString *group;
  char *texts[3];
  gboolean is_seen;
  gboolean has_end; /* the entry with the highest number is its end */
  MusterNumberSet *held;
  MusterIntervalMap *known;
  MusterIntervalMap *told; /* the value is a MusterGapReason */
} Stream;

struct _MusterAudit
{
  GHashTable *streams; /* owned; id (in the Stream) to Stream */
  GPtrArray *sorted;   /* owned, nullable */
  guint64 n_nameless;

  /* While one file is read. */
  Stream *stream;      /* borrowed, nullable: whose entries come now */
  gboolean by_primary; /* they bear the primary's own label */
  guint64 run_first;   /* entries that came one after another and are not in the sets yet; 0 where there are none */
  guint64 run_last;
  MusterEntry last; /* the last one of them */
};

/* -- streams --------------------------------------------------------------------------------------- */

static Stream *
stream_new (const guint8 *id, guint order)
{
  Stream *stream = g_new0 (Stream, 1);

  memcpy (stream->id, id, MUSTER_STREAM_ID_SIZE);
  for (guint i = 0; i < MUSTER_STREAM_ID_SIZE; i++)
    g_snprintf (stream->public.id + 2 * i, 3, "%02x", id[i]);
  stream->order = order;
  stream->worker = g_string_new (NULL);
  stream->host = g_string_new (NULL);
  stream->group = g_string_new (NULL);
  stream->held = muster_number_set_new ();
  stream->known = muster_interval_map_new ();
  stream->told = muster_interval_map_new ();
  stream->public.hole_intervals = muster_interval_map_new ();
  return stream;
}

static void
stream_free (gpointer data)
{
  Stream *stream = data;

  g_string_free (stream->worker, TRUE);
  g_string_free (stream->host, TRUE);
  g_string_free (stream->group, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (stream->texts); i++)
    g_free (stream->texts[i]);
  muster_number_set_free (stream->held);
  muster_interval_map_free (stream->known);
  muster_interval_map_free (stream->told);
  muster_interval_map_free (stream->public.hole_intervals);
  g_free (stream);
}

static Stream *
take_stream (MusterAudit *self, const guint8 *id)
{
  Stream *stream = g_hash_table_lookup (self->streams, id);

  if (stream == NULL)
    {
      stream = stream_new (id, g_hash_table_size (self->streams));
      g_hash_table_insert (self->streams, stream->id, stream);
    }
  return stream;
}

static gboolean
slice_is (MusterSlice slice, const char *text)
{
  return slice.length == strlen (text) && (slice.length == 0 || memcmp (slice.data, text, slice.length) == 0);
}

static void
set_label (GString *label, MusterSlice slice)
{
  g_string_truncate (label, 0);
  g_string_append_len (label, slice.data != NULL ? slice.data : "", (gssize) slice.length);
}

/* A primary's stream carries lines of its workers too: its own label wins. */
static void
note_labels (Stream *stream, const MusterOrigin *origin)
{
  gboolean is_new =
      origin->worker.length != stream->worker->len
      || memcmp (stream->worker->str, origin->worker.data != NULL ? origin->worker.data : "", stream->worker->len) != 0;

  if (stream->public.is_primary || (stream->is_seen && !is_new))
    return;
  stream->public.is_primary = slice_is (origin->worker, "master") || (stream->is_seen && is_new);
  if (stream->is_seen && !slice_is (origin->worker, "master"))
    return;
  set_label (stream->worker, origin->worker);
  set_label (stream->host, origin->host);
  stream->public.pid = origin->pid;
}

/* -- what records say ------------------------------------------------------------------------------ */

static gboolean
find_field (const MusterRecordView *record, const char *key, MusterFieldView *found)
{
  MusterFieldIter iter;

  muster_field_iter_init (&iter, record);
  while (muster_field_iter_next (&iter, found))
    if (slice_is (found->key, key))
      return TRUE;
  return FALSE;
}

static gboolean
is_end (const Stream *stream, const MusterEntry *entry)
{
  MusterRecordView record;
  MusterFieldView event;

  if (!muster_entry_get_record (entry, &record) || !find_field (&record, "event", &event)
      || event.type != MUSTER_FIELD_TEXT)
    return FALSE;
  if (stream->public.is_primary)
    return slice_is (event.value.text, "stop") || slice_is (event.value.text, "primary-stop")
           || slice_is (event.value.text, "primary-lost");
  return slice_is (event.value.text, "exit");
}

static gboolean
parse_id (MusterSlice text, guint8 id[MUSTER_STREAM_ID_SIZE])
{
  if (text.length != 2 * MUSTER_STREAM_ID_SIZE)
    return FALSE;
  for (gsize i = 0; i < MUSTER_STREAM_ID_SIZE; i++)
    {
      int high = g_ascii_xdigit_value (text.data[2 * i]);
      int low = g_ascii_xdigit_value (text.data[2 * i + 1]);

      if (high < 0 || low < 0)
        return FALSE;
      id[i] = (guint8) (high << 4 | low);
    }
  return TRUE;
}

static void
note_announced (MusterAudit *self, const MusterRecordView *record, const MusterOrigin *origin)
{
  guint8 id[MUSTER_STREAM_ID_SIZE];
  MusterFieldView field;
  Stream *stream;

  if (!slice_is (record->message, "started") || !find_field (record, "stream", &field)
      || field.type != MUSTER_FIELD_TEXT || !parse_id (field.value.text, id))
    return;
  stream = take_stream (self, id);
  if (find_field (record, "group", &field) && field.type == MUSTER_FIELD_TEXT)
    set_label (stream->group, field.value.text);
  if (stream->is_seen)
    return;
  if (find_field (record, "worker", &field) && field.type == MUSTER_FIELD_TEXT)
    set_label (stream->worker, field.value.text);
  if (find_field (record, "pid", &field) && (field.type == MUSTER_FIELD_NATURAL || field.type == MUSTER_FIELD_INTEGER))
    stream->public.pid = (guint32) field.value.natural;
  set_label (stream->host, origin->host);
}

/* Start records are few: the others are told from them without decoding. */
static void
look_for_start (MusterAudit *self, const MusterEntry *entry)
{
  static const char needle[] = { MUSTER_WIRE_TAG (4, MUSTER_WIRE_BYTES), 7, 's', 't', 'a', 'r', 't', 'e', 'd' };
  MusterRecordView record;

  if (memmem (entry->body, entry->body_length, needle, sizeof needle) != NULL
      && muster_entry_get_record (entry, &record))
    note_announced (self, &record, entry->origin);
}

/* -- reading --------------------------------------------------------------------------------------- */

/* Puts what came one after another into the sets; the bytes of the last entry are still there. */
static void
end_run (gpointer user_data)
{
  MusterAudit *self = user_data;
  Stream *stream = self->stream;

  if (self->run_first == 0)
    return;
  stream->public.duplicates += muster_number_set_add (stream->held, self->run_first, self->run_last);
  muster_interval_map_add (stream->known, self->run_first, self->run_last, 0);
  if (self->run_last >= stream->public.last)
    stream->has_end = is_end (stream, &self->last);
  stream->public.last = MAX (stream->public.last, self->run_last);
  self->run_first = 0;
}

static void
begin_stream (MusterAudit *self, const MusterOrigin *origin)
{
  end_run (self);
  if (self->stream == NULL || memcmp (self->stream->id, origin->stream, MUSTER_STREAM_ID_SIZE) != 0)
    self->stream = take_stream (self, origin->stream);
  self->by_primary = slice_is (origin->worker, "master");
  note_labels (self->stream, origin);
  self->stream->is_seen = TRUE;
}

static void
add_gap (MusterAudit *self, const MusterEntry *entry)
{
  Stream *stream = self->stream;
  guint64 last = entry->sequence + entry->count - 1;
  MusterGapReason reason = MUSTER_GAP_UNKNOWN;
  guint64 count;

  end_run (self);
  muster_entry_get_gap (entry, &count, &reason);
  muster_interval_map_add (stream->known, entry->sequence, last, 0);
  if (reason != MUSTER_GAP_FILTERED)
    muster_interval_map_add (stream->told, entry->sequence, last, reason);
  if (last > stream->public.last)
    {
      stream->public.last = last;
      stream->has_end = FALSE;
    }
}

static inline void
add_entry (MusterAudit *self, const MusterEntry *entry)
{
  MusterAuditStream *counts = &self->stream->public;

  if (entry->kind == MUSTER_ENTRY_GAP)
    {
      add_gap (self, entry);
      return;
    }
  if (G_UNLIKELY (self->run_first == 0))
    self->run_first = entry->sequence;
  self->run_last = entry->sequence;
  self->last = *entry;
  if (entry->kind == MUSTER_ENTRY_RECORD)
    {
      counts->records++;
      if (self->by_primary)
        look_for_start (self, entry);
    }
  else if (entry->kind == MUSTER_ENTRY_SNAPSHOT)
    counts->snapshots++;
  else if (entry->kind == MUSTER_ENTRY_DATASET)
    counts->datasets++;
  else
    counts->others++;
}

gboolean
muster_audit_read (MusterAudit *self, MusterLogReader *reader, GError **error)
{
  g_autoptr (GError) problem = NULL;
  MusterEntry entry;

  self->stream = NULL;
  muster_log_reader_set_refill_func (reader, end_run, self);
  while (muster_log_reader_next (reader, &entry, &problem))
    if (entry.kind == MUSTER_ENTRY_ORIGIN)
      begin_stream (self, entry.origin);
    else if (self->stream != NULL)
      add_entry (self, &entry);
    else
      self->n_nameless += entry.count;
  end_run (self);
  muster_log_reader_set_refill_func (reader, NULL, NULL);
  if (problem == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&problem));
  return FALSE;
}

/* -- adding up ------------------------------------------------------------------------------------- */

static void
add_up_holes (Stream *stream)
{
  MusterAuditStream *public = &stream->public;
  guint n = muster_interval_map_get_length (stream->known);

  muster_interval_map_free (public->hole_intervals);
  public->hole_intervals = muster_interval_map_new ();
  for (guint i = 0; i + 1 < n; i++)
    muster_interval_map_add (public->hole_intervals, muster_interval_map_get (stream->known, i)->last + 1,
                             muster_interval_map_get (stream->known, i + 1)->first - 1, 0);
  public->holes = muster_interval_map_count (public->hole_intervals);
  public->first = n > 0 ? muster_interval_map_get (stream->known, 0)->first : 0;
}

static void
add_up_declared (Stream *stream)
{
  MusterAuditStream *public = &stream->public;
  guint64 others = 0;

  memset (public->declared, 0, sizeof public->declared);
  for (guint i = 0; i < muster_interval_map_get_length (stream->told); i++)
    {
      const MusterInterval *gap = muster_interval_map_get (stream->told, i);
      guint64 count = gap->last - gap->first + 1;

      count -= muster_number_set_count_in (stream->held, gap->first, gap->last);
      public->declared[gap->value] += count;
      others += count;
    }
  public->n_declared = muster_interval_map_count (stream->known) - muster_number_set_count (stream->held);
  public->declared[MUSTER_GAP_FILTERED] = public->n_declared - others;
}

/* Labels come from files: whatever is not text is made so. */
static const char *
show_label (char **text, const GString *label)
{
  g_free (*text);
  *text = g_utf8_make_valid (label->str, (gssize) label->len);
  return *text;
}

static void
add_up (Stream *stream)
{
  MusterAuditStream *public = &stream->public;

  add_up_holes (stream);
  add_up_declared (stream);
  public->state = !stream->is_seen ? MUSTER_AUDIT_ABSENT : stream->has_end ? MUSTER_AUDIT_ENDED : MUSTER_AUDIT_OPEN;
  public->worker = show_label (&stream->texts[0], stream->worker);
  public->host = show_label (&stream->texts[1], stream->host);
  public->group = show_label (&stream->texts[2], stream->group);
}

static int
compare_streams (gconstpointer a, gconstpointer b)
{
  const Stream *first = *(const Stream *const *) a;
  const Stream *second = *(const Stream *const *) b;
  int order = strcmp (first->worker->str, second->worker->str);

  if (first->public.is_primary != second->public.is_primary)
    return first->public.is_primary ? -1 : 1;
  if (order != 0)
    return order;
  return first->order < second->order ? -1 : 1;
}

GPtrArray *
muster_audit_finish (MusterAudit *self)
{
  GHashTableIter iter;
  gpointer stream;

  g_clear_pointer (&self->sorted, g_ptr_array_unref);
  self->sorted = g_ptr_array_new ();
  g_hash_table_iter_init (&iter, self->streams);
  while (g_hash_table_iter_next (&iter, NULL, &stream))
    {
      add_up (stream);
      g_ptr_array_add (self->sorted, stream); /* its first member is the public part */
    }
  g_ptr_array_sort (self->sorted, compare_streams);
  return self->sorted;
}

guint64
muster_audit_get_n_nameless (MusterAudit *self)
{
  return self->n_nameless;
}

MusterAudit *
muster_audit_new (void)
{
  MusterAudit *self = g_new0 (MusterAudit, 1);

  self->streams = g_hash_table_new_full (muster_stream_id_hash, muster_stream_id_equal, NULL, stream_free);
  return self;
}

void
muster_audit_free (MusterAudit *self)
{
  g_clear_pointer (&self->sorted, g_ptr_array_unref);
  g_hash_table_unref (self->streams);
  g_free (self);
}
