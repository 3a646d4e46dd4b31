/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The intervals of one process's metrics.
 *
 * While attached, a GSource in the given context waits for boundaries with a timerfd on CLOCK_BOOTTIME: a timer of that
 * clock rings right after a suspend in which a boundary passed (GLib's own timers stand still meanwhile) and to the
 * nanosecond (GLib's wait in whole milliseconds). Where no descriptor is to be had, the source's ready time does. In
 * both cases the clock decides, not the timer.
 */
#include "config.h"

#include <glib-unix.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "muster-metrics-struct-private.h"
#include "muster-snapshot-private.h"

/* For those who come after; under the lock. */
static void
publish_interval (MusterMetrics *self)
{
  if (self->area != NULL && self->begin_ns > 0)
    muster_metrics_area_set_interval (self->area, self->begin_ns, self->end_ns);
}

typedef struct
{
  MusterMetrics *metrics;
  MusterSnapshotWriter writer;
  GPtrArray *entries; /* owned GBytes */
} Snapshot;

/* Each part goes at once, for there is one in the area at a time. */
static void
hand_over_part (Snapshot *snapshot)
{
  MusterMetrics *self = snapshot->metrics;

  if (self->area == NULL)
    return;
  if (self->snapshot != NULL)
    {
      self->snapshot (self, snapshot->entries, self->user_data);
      g_ptr_array_set_size (snapshot->entries, 0);
    }
  muster_metrics_area_end_part (self->area);
}

static void
begin_snapshot (guint n_metrics, gpointer user_data)
{
  Snapshot *snapshot = user_data;
  MusterMetrics *self = snapshot->metrics;
  const Muster__V1__Snapshot *head = &snapshot->writer.head;

  if (self->area == NULL)
    return;
  muster_metrics_area_begin_snapshot (self->area, (gint64) head->start, (gint64) head->end, head->partial, n_metrics);
  pthread_mutex_lock (&self->lock);
  publish_interval (self);
  pthread_mutex_unlock (&self->lock);
}

static gboolean
add_to_snapshot (const Muster__V1__Metric *message, guint index, guint32 sequence, gpointer user_data)
{
  Snapshot *snapshot = user_data;

  if (!muster_snapshot_writer_add (&snapshot->writer, message))
    return FALSE;
  if (snapshot->metrics->area != NULL)
    muster_metrics_area_stage (snapshot->metrics->area, index, sequence, snapshot->writer.length);
  return TRUE;
}

static void
end_part (gpointer user_data)
{
  Snapshot *snapshot = user_data;

  muster_snapshot_writer_end_part (&snapshot->writer, snapshot->entries);
  hand_over_part (snapshot);
}

static void
end_snapshot (gpointer user_data)
{
  Snapshot *snapshot = user_data;
  MusterMetrics *self = snapshot->metrics;
  guint64 overflow = atomic_load (self->overflow);

  muster_snapshot_writer_finish (&snapshot->writer, overflow - self->overflow_reported, snapshot->entries);
  self->overflow_reported = overflow;
  if (self->area != NULL)
    muster_metrics_area_begin_last_part (self->area, overflow);
  hand_over_part (snapshot);
}

GPtrArray *
muster_metrics_take_snapshot (MusterMetrics *self, gint64 start_ns, gint64 end_ns, gboolean partial)
{
  static const MusterMetricDrain drain = {
    .begin = begin_snapshot, .add = add_to_snapshot, .make_room = end_part, .end = end_snapshot
  };
  g_autofree guint8 *own = self->area == NULL ? g_malloc (MUSTER_ENTRY_MAX) : NULL;
  Snapshot snapshot = { .metrics = self, .entries = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref) };
  Muster__V1__Snapshot head = MUSTER__V1__SNAPSHOT__INIT;

  head.name = self->options.name;
  head.start = (guint64) start_ns;
  head.end = (guint64) end_ns;
  head.interval = (guint64) self->options.interval_us * 1000;
  head.scale_factor = self->options.scale_factor;
  head.pid = (guint32) getpid ();
  head.partial = partial;
  muster_snapshot_writer_init (&snapshot.writer, &head,
                               own != NULL ? own : muster_metrics_area_get_staging (self->area));
  muster_metric_table_drain (self->table, &drain, &snapshot);
  return snapshot.entries;
}

_Atomic guint64 *
muster_metrics_get_mark (MusterMetrics *self)
{
  return self->area != NULL ? muster_metrics_area_get_mark (self->area) : NULL;
}

static gboolean
detach_cb (gpointer user_data)
{
  muster_metrics_detach (user_data);
  return G_SOURCE_REMOVE;
}

/* Not g_main_context_invoke(): that would call from this thread whenever nobody happens to own the context. */
static void
call_in_context (MusterMetrics *self, GMainContext *context, GSourceFunc func)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, func, g_object_ref (self), g_object_unref);
  g_source_attach (source, context);
}

static void
emit (MusterMetrics *self, GMainContext *signal_context, GSourceFunc func)
{
  if (signal_context == NULL)
    func (self);
  else
    call_in_context (self, signal_context, func);
}

static gint64
get_boundary_after (MusterMetrics *self, gint64 time_ns)
{
  gint64 interval_ns = self->options.interval_us * 1000;

  return muster_boundary_at_or_before (time_ns, self->options.start_time_ns, interval_ns) + interval_ns;
}

/* Sets the next boundary and the timer to it; under the lock. */
static void
set_timer (MusterMetrics *self, gint64 now_ns)
{
  gint64 at_ns;

  self->end_ns = get_boundary_after (self, now_ns);
  at_ns = muster_time_base_boottime (&self->base, self->end_ns);
  if (self->source->timer_fd >= 0)
    {
      struct itimerspec timer = {
        .it_value = { .tv_sec = at_ns / G_GINT64_CONSTANT (1000000000),
                      .tv_nsec = at_ns % G_GINT64_CONSTANT (1000000000) },
      };

      timerfd_settime (self->source->timer_fd, TFD_TIMER_ABSTIME, &timer, NULL);
      g_source_set_ready_time (&self->source->source, -1);
    }
  else
    g_source_set_ready_time (&self->source->source, g_get_monotonic_time () + (self->end_ns - now_ns) / 1000 + 1);
}

/* The interval [@start_ns, @end_ns) is over, handed over outside of the lock. Where several boundaries have passed
 * since somebody looked (the context was busy, the machine was suspended), the snapshot covers all of it and belongs to
 * the last of them: nobody knows any more when in between the calls were made. */
static void
hand_over (MusterMetrics *self, gint64 start_ns, gint64 end_ns, gboolean partial)
{
  g_autoptr (GPtrArray) entries = muster_metrics_take_snapshot (self, start_ns, end_ns, partial);

  if (self->area == NULL && self->snapshot != NULL)
    self->snapshot (self, entries, self->user_data);
}

static gboolean
interval_source_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  g_autoptr (MusterMetrics) self = g_object_ref (((MusterIntervalSource *) source)->metrics);
  gint64 interval_ns = self->options.interval_us * 1000;
  gint64 start_ns = 0;
  gint64 end_ns = 0;
  gint64 now_ns;
  guint64 expirations;
  gboolean is_over;

  if (((MusterIntervalSource *) source)->timer_fd >= 0
      && read (((MusterIntervalSource *) source)->timer_fd, &expirations, sizeof expirations) < 0)
    expirations = 0; /* another reason to wake up: the base has changed */
  pthread_mutex_lock (&self->lock);
  now_ns = muster_time_base_read (&self->base);
  is_over = now_ns >= self->end_ns;
  if (is_over)
    {
      end_ns = muster_boundary_at_or_before (now_ns, self->options.start_time_ns, interval_ns);
      start_ns = self->begin_ns;
      self->begin_ns = end_ns;
    }
  set_timer (self, now_ns);
  pthread_mutex_unlock (&self->lock);
  if (!is_over)
    return G_SOURCE_CONTINUE;
  hand_over (self, start_ns, end_ns, start_ns > end_ns - interval_ns);
  if (!g_source_is_destroyed (source))
    emit (self, self->signal_context, muster_metrics_emit_interval);
  return G_SOURCE_CONTINUE;
}

static void
interval_source_finalize (GSource *source)
{
  MusterIntervalSource *self = (MusterIntervalSource *) source;

  if (self->timer_fd >= 0)
    close (self->timer_fd);
  g_object_unref (self->metrics);
}

static GSourceFuncs interval_source_funcs = {
  .dispatch = interval_source_dispatch,
  .finalize = interval_source_finalize,
};

static MusterIntervalSource *
interval_source_new (MusterMetrics *metrics)
{
  GSource *source = g_source_new (&interval_source_funcs, sizeof (MusterIntervalSource));
  MusterIntervalSource *self = (MusterIntervalSource *) source;

  self->metrics = g_object_ref (metrics);
  self->timer_fd = timerfd_create (CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (self->timer_fd >= 0)
    g_source_add_unix_fd (source, self->timer_fd, G_IO_IN);
  g_source_set_static_name (source, "muster-metrics");
  return self;
}

void
muster_metrics_attach (MusterMetrics *self, GMainContext *context, GMainContext *signal_context,
                       const MusterTimeBase *base, MusterSnapshotFunc snapshot, gpointer user_data,
                       GDestroyNotify destroy)
{
  pthread_mutex_lock (&self->lock);
  g_assert (self->source == NULL);
  if (context == NULL)
    context = g_main_context_default ();
  self->context = g_main_context_ref (context);
  self->signal_context =
      signal_context != NULL && signal_context != context ? g_main_context_ref (signal_context) : NULL;
  self->base = *base;
  self->snapshot = snapshot;
  self->user_data = user_data;
  self->destroy = destroy;
  self->source = interval_source_new (self);
  self->begin_ns = muster_time_base_read (base);
  set_timer (self, self->begin_ns);
  publish_interval (self);
  g_source_attach (&self->source->source, context);
  pthread_mutex_unlock (&self->lock);
}

/* The interval in progress keeps the length that it has by now. */
void
muster_metrics_set_time_base (MusterMetrics *self, const MusterTimeBase *base)
{
  pthread_mutex_lock (&self->lock);
  if (self->source != NULL)
    {
      self->begin_ns = muster_time_base_realtime (base, muster_time_base_boottime (&self->base, self->begin_ns));
      self->base = *base;
      self->end_ns = get_boundary_after (self, self->begin_ns);
      publish_interval (self);
      g_source_set_ready_time (&self->source->source, 0);
    }
  pthread_mutex_unlock (&self->lock);
}

void
muster_metrics_detach (MusterMetrics *self)
{
  MusterIntervalSource *source;
  g_autoptr (GMainContext) context = NULL;
  g_autoptr (GMainContext) signal_context = NULL;
  gint64 now_ns;
  gint64 start_ns;
  GDestroyNotify destroy;

  pthread_mutex_lock (&self->lock);
  source = g_steal_pointer (&self->source);
  context = g_steal_pointer (&self->context);
  signal_context = g_steal_pointer (&self->signal_context);
  now_ns = muster_time_base_read (&self->base);
  start_ns = MIN (self->begin_ns, now_ns);
  if (source != NULL)
    self->begin_ns = now_ns;
  pthread_mutex_unlock (&self->lock);
  if (source == NULL)
    return;
  g_source_destroy (&source->source);
  hand_over (self, start_ns, now_ns, TRUE);
  if (self->area != NULL)
    muster_metrics_area_end_intervals (self->area);
  emit (self, signal_context, muster_metrics_emit_stopping);
  destroy = self->destroy;
  self->snapshot = NULL;
  self->destroy = NULL;
  if (destroy != NULL)
    destroy (self->user_data);
  g_source_unref (&source->source);
}

/**
 * muster_metrics_stop:
 * @self: the metrics
 *
 * Ends the intervals: what was measured in the one in progress is delivered as a partial one, and
 * #MusterMetrics::stopping is emitted. Later updates are made, but nobody will see them. Where no intervals run, nothing
 * happens. Any thread; all of it happens in the thread that hands over snapshots, at once if it is this one.
 *
 * Since: 0.1
 */
void
muster_metrics_stop (MusterMetrics *self)
{
  g_autoptr (GMainContext) context = NULL;

  g_return_if_fail (MUSTER_IS_METRICS (self));
  pthread_mutex_lock (&self->lock);
  if (self->context != NULL)
    context = g_main_context_ref (self->context);
  pthread_mutex_unlock (&self->lock);
  if (context == NULL)
    return;
  if (g_main_context_is_owner (context))
    muster_metrics_detach (self);
  else
    call_in_context (self, context, detach_cb);
}
