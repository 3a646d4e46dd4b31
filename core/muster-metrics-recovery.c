/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a dead process had measured and not yet reported, from its metrics area. Nothing in it is believed: it is copied
 * with pread, and every number, address and name is tried before it is used. Any thread.
 *
 * Where the process died in the middle of a snapshot, that one is ended as the process would have ended it: the part that
 * was staged, if it is not in the journal, then what had not been asked yet. What was measured since is a snapshot of its
 * own, a partial one.
 */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "muster-dataset-struct-private.h"
#include "muster-error.h"
#include "muster-metrics-area-layout-private.h"
#include "muster-sketch-recovery-private.h"
#include "muster-snapshot-private.h"

#define TIME_MAX     (G_GINT64_CONSTANT (1) << 62)
#define INTERVAL_MAX (366 * G_TIME_SPAN_DAY * 1000)

typedef struct
{
  const guint8 *bytes; /* borrowed; of this area, as all that follows */
  gsize size;
  const MusterMetricsDeath *death;
  MusterMetricsAreaHeader header;
  MusterMetricsAreaInterval interval; /* of those there are two of, the ones that count */
  MusterMetricsAreaSnapshot snapshot;
  guint n_used;
  gsize names;  /* where they begin */
  gsize budget; /* bytes of names still to come: no two of them share a byte, unless somebody lies */
  MusterSketchRecovery sketches;
  MusterMetricScratch *scratch; /* owned */
  guint8 *parts;                /* owned; the part in progress */
  GPtrArray *entries;
} Recovery;

static gboolean
is_interval_sound (const MusterMetricsAreaInterval *interval)
{
  return interval->state <= MUSTER_METRICS_AREA_ENDED && interval->begin_ns >= 0 && interval->begin_ns < TIME_MAX
         && interval->end_ns >= 0 && interval->end_ns < TIME_MAX;
}

static gboolean
is_snapshot_sound (const MusterMetricsAreaSnapshot *snapshot, const Recovery *self)
{
  return !snapshot->is_active
         || (snapshot->start_ns >= 0 && snapshot->start_ns <= snapshot->end_ns && snapshot->end_ns < TIME_MAX
             && snapshot->staged <= MUSTER_METRICS_AREA_STAGING && snapshot->end <= self->header.n_metrics
             && snapshot->part < G_MAXUINT32 - MUSTER_METRICS_AREA_STAGING);
}

static gboolean
is_name_sound (const MusterMetricsAreaHeader *header)
{
  return memchr (header->name, '\0', sizeof header->name) != NULL && g_utf8_validate (header->name, -1, NULL);
}

static gboolean
is_header_sound (Recovery *self)
{
  const MusterMetricsAreaHeader *header = &self->header;

  return header->header_size == MUSTER_METRICS_AREA_HEADER_SIZE
         && header->n_metrics <= muster_metrics_area_get_room (self->size) && self->n_used <= header->n_metrics
         && header->interval_ns > 0 && header->interval_ns <= INTERVAL_MAX && isfinite (header->scale_factor)
         && header->scale_factor > 0 && is_name_sound (header) && header->sketches <= self->size
         && header->sketches >= MUSTER_METRICS_AREA_METRICS + header->n_metrics * sizeof (MusterMetricSlot)
         && is_interval_sound (&self->interval) && is_snapshot_sound (&self->snapshot, self);
}

/* FALSE without an error: nobody lived here. */
static gboolean
read_header (Recovery *self, GError **error)
{
  MusterMetricsAreaHeader *header = &self->header;

  if (self->size < MUSTER_METRICS_AREA_METRICS)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT,
                   "an area for metrics of %" G_GSIZE_FORMAT " bytes is too small to be one", self->size);
      return FALSE;
    }
  memcpy (header, self->bytes, sizeof *header);
  self->interval = header->intervals[atomic_load (&header->interval) & 1];
  memcpy (&self->snapshot, &header->snapshots[atomic_load (&header->snapshot) & 1], sizeof self->snapshot);
  self->n_used = atomic_load (&header->n_used);
  if (memcmp (header->magic, (const char[sizeof header->magic]){ 0 }, sizeof header->magic) == 0)
    return FALSE;
  if (memcmp (header->magic, MUSTER_METRICS_AREA_MAGIC, sizeof header->magic) == 0 && is_header_sound (self))
    {
      self->names = MUSTER_METRICS_AREA_METRICS + header->n_metrics * sizeof (MusterMetricSlot);
      self->budget = header->sketches - self->names;
      self->sketches.bytes = self->bytes + header->sketches;
      self->sketches.size = self->size - header->sketches;
      self->sketches.base = header->base + header->sketches;
      self->sketches.budget = self->sketches.size;
      return TRUE;
    }
  g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT, "the header of the area for metrics is damaged");
  return FALSE;
}

/* -- one metric ---------------------------------------------------------------------------------- */

/* The @length bytes at an address of the dead process; NULL if that is not among the names. */
static const guint8 *
find_name (Recovery *self, guint64 address, gsize length)
{
  guint64 offset = address - self->header.base;

  if (address < self->header.base || offset < self->names || offset > self->header.sketches
      || length > self->header.sketches - offset || length > self->budget)
    return NULL;
  self->budget -= length;
  return self->bytes + offset;
}

/* NUL-terminated UTF-8 strings, one behind the other, that are as long as they should be. */
static gboolean
is_key_sound (const char *key, gsize length)
{
  const char *end = key + length;
  guint n = 0;

  if (length == 0 || length > MUSTER_METRIC_KEY_MAX || end[-1] != '\0')
    return FALSE;
  for (; key < end; n++)
    if (n > MUSTER_METRIC_DEPTH_MAX || !g_utf8_validate (key, -1, &key))
      return FALSE;
    else
      key++;
  return TRUE;
}

static gboolean
view_text (Recovery *self, const MusterMetricSlot *metric, MusterMetricView *view)
{
  const guint8 *head = find_name (self, metric->text, sizeof (MusterMetricText));
  MusterMetricText text;
  const guint8 *bytes;

  if (head == NULL)
    return FALSE;
  memcpy (&text, head, sizeof text);
  if (text.length > MUSTER_METRIC_TEXT_MAX)
    return FALSE;
  bytes = find_name (self, metric->text + sizeof text, text.length + 1);
  if (bytes == NULL || bytes[text.length] != '\0' || !g_utf8_validate ((const char *) bytes, text.length, NULL))
    return FALSE;
  view->text = (const char *) bytes;
  return TRUE;
}

/* Of a kind that need not be known here: as it is. */
static gboolean
view_state (Recovery *self, const MusterMetricSlot *metric, MusterMetricView *view)
{
  const guint8 *head = find_name (self, metric->state, sizeof (MusterMetricState));
  guint which = view->value == metric->values ? 0 : 1;
  MusterMetricState state;
  const guint8 *bytes;

  if (head == NULL)
    return FALSE;
  memcpy (&state, head, sizeof state);
  if (state.state_size > state.size || state.size > MUSTER_METRIC_STATE_MAX || state.name_length == 0
      || state.name_length > MUSTER_METRIC_KIND_NAME_MAX)
    return FALSE;
  bytes = find_name (self, metric->state + sizeof state, 2 * (gsize) state.size + state.name_length + 1);
  if (bytes == NULL)
    return FALSE;
  view->kind = (const char *) bytes + 2 * (gsize) state.size;
  view->state = bytes + which * (gsize) state.size;
  view->state_size = state.state_size;
  return view->kind[state.name_length] == '\0' && g_utf8_validate (view->kind, state.name_length, NULL);
}

static gboolean
has_samples (MusterMetricType type)
{
  return type == MUSTER_METRIC_SAMPLE || type == MUSTER_METRIC_TIMED_SAMPLE;
}

static gboolean
is_value_sound (const MusterMetricValue *value, MusterMetricType type)
{
  if (!isfinite (value->sum))
    return FALSE;
  return !has_samples (type) || value->count == 0
         || (isfinite (value->min) && isfinite (value->max) && isfinite (value->mean) && isfinite (value->m2));
}

/* FALSE if it has nothing to say, or nothing that is to be believed. */
static gboolean
view_metric (Recovery *self, const MusterMetricSlot *metric, MusterMetricView *view)
{
  guint32 sequence = atomic_load (&metric->sequence);

  view->type = (MusterMetricType) metric->type;
  view->value = &metric->values[sequence >> 1 & 1];
  view->key_length = metric->key_length;
  view->text = NULL;
  view->sketch = NULL;
  view->state = NULL;
  if (metric->type == MUSTER_METRIC_NONE || metric->type > MUSTER_METRIC_CUSTOM
      || (view->value->count == 0 && !self->header.persist) || !is_value_sound (view->value, view->type))
    return FALSE;
  view->key = (const char *) find_name (self, metric->key, metric->key_length);
  if (view->key == NULL || !is_key_sound (view->key, view->key_length))
    return FALSE;
  if (has_samples (view->type) && view->value->count > 0
      && muster_sketch_recover (&self->sketches, &metric->sketch, view->value->count, (sequence & 1) != 0,
                                &self->scratch->sketch, &self->scratch->bytes))
    view->sketch = &self->scratch->sketch;
  if (view->type == MUSTER_METRIC_CUSTOM)
    return view_state (self, metric, view);
  if (view->type != MUSTER_METRIC_SET || metric->text == 0)
    return TRUE;
  /* There is one text, and nobody can tell how much of a new one had been written. */
  return (sequence & 1) == 0 && (!metric->is_text || view_text (self, metric, view));
}

/* -- snapshots ----------------------------------------------------------------------------------- */

static void
add (Recovery *self, MusterSnapshotWriter *writer, const Muster__V1__Metric *message)
{
  if (muster_snapshot_writer_add (writer, message))
    return;
  muster_snapshot_writer_end_part (writer, self->entries);
  muster_snapshot_writer_add (writer, message);
}

static void
read_metric (Recovery *self, guint i, MusterMetricSlot *metric)
{
  memcpy (metric, self->bytes + MUSTER_METRICS_AREA_METRICS + i * sizeof *metric, sizeof *metric);
}

/* The one that a snapshot had taken all of when its process died, just before it would have been reset. */
static gboolean
is_taken (Recovery *self, guint i, const MusterMetricSlot *metric)
{
  return self->snapshot.is_active && i + 1 == self->snapshot.next && (self->snapshot.sequence & 1) != 0
         && atomic_load (&metric->sequence) == self->snapshot.sequence;
}

static guint
add_metrics (Recovery *self, MusterSnapshotWriter *writer, guint from, guint to)
{
  guint n = 0;

  for (guint i = from; i < MIN (to, self->n_used); i++)
    {
      Muster__V1__Metric message;
      MusterMetricSlot metric;
      MusterMetricView view;

      read_metric (self, i, &metric);
      if (is_taken (self, i, &metric) || !view_metric (self, &metric, &view))
        continue;
      muster_metric_report (&view, &message, self->scratch);
      if (!muster_metric_is_valid (&message))
        continue;
      add (self, writer, &message);
      n++;
    }
  return n;
}

static void
add_staged (Recovery *self, MusterSnapshotWriter *writer)
{
  Muster__V1__Snapshot *staged =
      muster__v1__snapshot__unpack (NULL, self->snapshot.staged, self->bytes + MUSTER_METRICS_AREA_HEADER_SIZE);

  for (gsize i = 0; staged != NULL && i < staged->n_metrics; i++)
    if (muster_metric_is_valid (staged->metrics[i]))
      add (self, writer, staged->metrics[i]);
  muster__v1__snapshot__free_unpacked (staged, NULL);
}

static void
begin (Recovery *self, MusterSnapshotWriter *writer, gint64 start_ns, gint64 end_ns, gboolean is_partial, guint32 part)
{
  Muster__V1__Snapshot head = MUSTER__V1__SNAPSHOT__INIT;

  head.name = self->header.name;
  head.start = (guint64) start_ns;
  head.end = (guint64) end_ns;
  head.interval = (guint64) self->header.interval_ns;
  head.scale_factor = self->header.scale_factor;
  head.pid = self->death->pid;
  head.partial = is_partial;
  head.part = part;
  muster_snapshot_writer_init (writer, &head, self->parts);
}

/* Ends the snapshot that was being taken. */
static void
end_snapshot (Recovery *self)
{
  const MusterMetricsAreaSnapshot *snapshot = &self->snapshot;
  guint64 overflow = atomic_load (&self->header.overflow);
  gboolean has_arrived = self->death->is_staged_arrived;
  MusterSnapshotWriter writer;

  if (snapshot->is_last && has_arrived)
    return;
  begin (self, &writer, snapshot->start_ns, snapshot->end_ns, snapshot->is_partial != 0,
         snapshot->part + (has_arrived ? 1 : 0));
  if (!has_arrived)
    add_staged (self, &writer);
  if (!snapshot->is_last)
    add_metrics (self, &writer, snapshot->next, snapshot->end);
  muster_snapshot_writer_finish (&writer, overflow - snapshot->overflow_before, self->entries);
}

/* Updates refused that no snapshot has reported. */
static guint64
get_overflow_since (Recovery *self)
{
  const MusterMetricsAreaSnapshot *snapshot = &self->snapshot;
  guint64 overflow = atomic_load (&self->header.overflow);

  if (!snapshot->is_active)
    return overflow - snapshot->overflow_before;
  return snapshot->is_last && self->death->is_staged_arrived ? overflow - snapshot->overflow_after : 0;
}

/* When the interval in which it died began, and when it ended: at its death, but never after its boundary, where it would
 * have taken a snapshot itself. */
static void
find_last_interval (Recovery *self, gint64 *start_ns, gint64 *end_ns)
{
  const MusterMetricsDeath *death = self->death;
  gint64 begin_ns = self->interval.begin_ns;
  gint64 boundary_ns = self->interval.end_ns;

  if (self->interval.state == MUSTER_METRICS_AREA_BEFORE)
    {
      begin_ns = death->start_ns;
      boundary_ns = death->end_ns;
    }
  if (self->snapshot.is_active && begin_ns < self->snapshot.end_ns)
    begin_ns = self->snapshot.end_ns;
  if (boundary_ns <= begin_ns)
    boundary_ns = death->end_ns;
  *end_ns = MIN (death->end_ns, boundary_ns);
  *end_ns = CLAMP (MAX (*end_ns, begin_ns), 0, TIME_MAX - 1);
  *start_ns = CLAMP (begin_ns, 0, *end_ns);
}

/* What was measured since. A process that had an interval is named in it, even if it measured nothing. */
static void
add_last_snapshot (Recovery *self)
{
  const MusterMetricsAreaSnapshot *snapshot = &self->snapshot;
  gboolean is_cut = snapshot->is_active && !snapshot->is_last; /* then those between belong to the one before */
  guint64 overflow = get_overflow_since (self);
  guint before = self->entries->len;
  MusterSnapshotWriter writer;
  gint64 start_ns, end_ns;
  guint n;

  find_last_interval (self, &start_ns, &end_ns);
  begin (self, &writer, start_ns, end_ns, TRUE, 0);
  n = add_metrics (self, &writer, 0, is_cut ? snapshot->next : G_MAXUINT);
  if (is_cut)
    n += add_metrics (self, &writer, MAX (snapshot->next, snapshot->end), G_MAXUINT);
  if (n > 0 || overflow > 0 || self->interval.state == MUSTER_METRICS_AREA_RUNNING || self->entries->len > before)
    muster_snapshot_writer_finish (&writer, overflow, self->entries);
}

GPtrArray *
muster_metrics_area_recover_bytes (const guint8 *bytes, gsize size, const MusterMetricsDeath *death, GError **error)
{
  g_autoptr (GPtrArray) entries = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  g_autofree guint8 *parts = g_malloc (MUSTER_ENTRY_MAX);
  g_autofree MusterMetricScratch *scratch = g_new (MusterMetricScratch, 1);
  Recovery self = {
    .bytes = bytes, .size = size, .death = death, .scratch = scratch, .parts = parts, .entries = entries
  };
  g_autoptr (GError) why = NULL;

  if (!read_header (&self, &why))
    {
      if (why == NULL)
        return g_steal_pointer (&entries);
      g_propagate_error (error, g_steal_pointer (&why));
      return NULL;
    }
  if (self.snapshot.is_active)
    end_snapshot (&self);
  if (self.interval.state != MUSTER_METRICS_AREA_ENDED)
    add_last_snapshot (&self);
  return g_steal_pointer (&entries);
}

/* -- from a file --------------------------------------------------------------------------------- */

static gsize
read_some (int fd, guint8 *out, gsize size, gsize offset_in_area, gsize ring_size)
{
  off_t offset = (off_t) (MUSTER_JOURNAL_HEADER_SIZE + ring_size + offset_in_area);
  gsize done = 0;

  while (done < size)
    {
      gssize n = pread (fd, out + done, size - done, offset + (off_t) done);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        break;
      done += (gsize) n;
    }
  return done;
}

/* The header of one of the areas that lie behind each other, and how long that area is: all that is left, unless it says that
 * another one follows. FALSE: there is none. */
static gboolean
read_one_header (int fd, gsize ring_size, gsize offset, gsize left, MusterMetricsAreaHeader *header, gsize *size)
{
  if (left < sizeof *header || read_some (fd, (guint8 *) header, sizeof *header, offset, ring_size) < sizeof *header)
    return FALSE;
  *size =
      header->size >= MUSTER_METRICS_AREA_METRICS && header->size < left && header->size % 8 == 0 ? header->size : left;
  return TRUE;
}

gboolean
muster_metrics_area_read_mark (int fd, gsize ring_size, gsize area_size, guint32 *place)
{
  MusterMetricsAreaHeader header;
  gsize size;

  for (gsize offset = 0; read_one_header (fd, ring_size, offset, area_size - offset, &header, &size); offset += size)
    {
      const MusterMetricsAreaSnapshot *snapshot = &header.snapshots[atomic_load (&header.snapshot) & 1];
      guint64 mark = atomic_load (&snapshot->mark);

      *place = (guint32) mark;
      if (snapshot->is_active && (mark & MUSTER_METRICS_AREA_MARKED) != 0)
        return TRUE;
    }
  return FALSE;
}

/* What was never used of the memory for sketches need not be read. */
static gsize
get_used_size (const MusterMetricsAreaHeader *header, gsize area_size)
{
  guint64 used = atomic_load (&header->sketches_used);

  if (header->sketches > area_size || used > area_size - header->sketches)
    return area_size;
  return MAX (header->sketches + used, MIN (area_size, MUSTER_METRICS_AREA_METRICS));
}

static GPtrArray *
recover_at (int fd, gsize ring_size, gsize offset, gsize size, const MusterMetricsDeath *death, GError **error)
{
  g_autofree guint8 *bytes = g_malloc (size);
  gsize n = read_some (fd, bytes, size, offset, ring_size);

  return muster_metrics_area_recover_bytes (bytes, n, death, error);
}

/* Where the first area is damaged, nobody knows where the others begin; where another one is, what was before it counts. */
GPtrArray *
muster_metrics_area_recover (int fd, gsize ring_size, gsize area_size, const MusterMetricsDeath *death, GError **error)
{
  g_autoptr (GPtrArray) entries = NULL;
  g_autoptr (GError) why = NULL;
  MusterMetricsAreaHeader header;
  gsize size;

  if (area_size > MUSTER_JOURNAL_AREA_MAX)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT,
                   "an area for metrics of %" G_GSIZE_FORMAT " bytes is too large to be one", area_size);
      return NULL;
    }
  if (!read_one_header (fd, ring_size, 0, area_size, &header, &size))
    return recover_at (fd, ring_size, 0, area_size, death, error);
  entries = recover_at (fd, ring_size, 0, get_used_size (&header, size), death, error);
  for (gsize offset = size; entries != NULL; offset += size)
    {
      GPtrArray *more;

      if (!read_one_header (fd, ring_size, offset, area_size - offset, &header, &size))
        break;
      more = recover_at (fd, ring_size, offset, get_used_size (&header, size), death, why == NULL ? &why : NULL);
      if (more != NULL)
        g_ptr_array_extend_and_steal (entries, more);
    }
  if (why != NULL)
    g_warning ("some metrics of a dead worker are lost: %s", why->message);
  return g_steal_pointer (&entries);
}
