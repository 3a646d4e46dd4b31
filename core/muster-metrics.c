/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The metrics of one process: a table that any thread updates, and the intervals that empty it (muster-metrics-intervals.c).
 */
#include "config.h"

#include <math.h>
#include <string.h>

#include "muster-metric-handle-private.h"
#include "muster-metrics-struct-private.h"

typedef struct
{
  MusterMetricSlot *slot; /* nullable */
  MusterMetricType type;
  const MusterMetricKind *kind; /* of CUSTOM */
} HandleKey;

static guint hash_handle_key (gconstpointer data);
static gboolean equal_handle_keys (gconstpointer a, gconstpointer b);

enum
{
  SIGNAL_NEW_INTERVAL,
  SIGNAL_RESET,
  SIGNAL_STOPPING,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (MusterMetrics, muster_metrics, G_TYPE_OBJECT)

static void
muster_metrics_finalize (GObject *object)
{
  MusterMetrics *self = MUSTER_METRICS (object);

  g_free (self->options.name);
  g_hash_table_unref (self->handles);
  g_clear_pointer (&self->table, muster_metric_table_free);
  g_clear_pointer (&self->area, muster_metrics_area_free);
  pthread_mutex_destroy (&self->lock);
  pthread_mutex_destroy (&self->handles_lock);
  G_OBJECT_CLASS (muster_metrics_parent_class)->finalize (object);
}

static guint
add_signal (const char *name)
{
  return g_signal_new (name, MUSTER_TYPE_METRICS, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
muster_metrics_class_init (MusterMetricsClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = muster_metrics_finalize;

  /**
   * MusterMetrics::new-interval:
   * @self: the metrics
   *
   * A new interval has begun: whoever sets something once in each interval does it now.
   *
   * Since: 0.1
   */
  signals[SIGNAL_NEW_INTERVAL] = add_signal ("new-interval");

  /**
   * MusterMetrics::reset:
   * @self: the metrics
   *
   * Where metrics persist: they have just been reset. #MusterMetrics::new-interval follows.
   *
   * Since: 0.1
   */
  signals[SIGNAL_RESET] = add_signal ("reset");

  /**
   * MusterMetrics::stopping:
   * @self: the metrics
   *
   * The intervals have ended, and the last one, which is partial, has been handed over.
   *
   * Since: 0.1
   */
  signals[SIGNAL_STOPPING] = add_signal ("stopping");
}

gboolean
muster_metrics_emit_interval (gpointer user_data)
{
  MusterMetrics *self = user_data;

  if (self->options.persist)
    g_signal_emit (self, signals[SIGNAL_RESET], 0);
  g_signal_emit (self, signals[SIGNAL_NEW_INTERVAL], 0);
  return G_SOURCE_REMOVE;
}

gboolean
muster_metrics_emit_stopping (gpointer user_data)
{
  g_signal_emit (user_data, signals[SIGNAL_STOPPING], 0);
  return G_SOURCE_REMOVE;
}

static void
muster_metrics_init (MusterMetrics *self)
{
  pthread_mutex_init (&self->lock, NULL);
  pthread_mutex_init (&self->handles_lock, NULL);
  self->handles =
      g_hash_table_new_full (hash_handle_key, equal_handle_keys, g_free, (GDestroyNotify) muster_metric_free);
}

MusterMetrics *
muster_metrics_new (const MusterMetricsOptions *options)
{
  return muster_metrics_new_in_area (options, NULL);
}

MusterMetrics *
muster_metrics_new_in_area (const MusterMetricsOptions *options, MusterMetricsArea *area)
{
  MusterMetrics *self = g_object_new (MUSTER_TYPE_METRICS, NULL);

  muster_metrics_options_copy (&self->options, options);
  self->area = area;
  self->overflow = area != NULL ? muster_metrics_area_get_overflow (area) : &self->own_overflow;
  self->table = muster_metric_table_new (&self->options, area);
  return self;
}

const MusterMetricsOptions *
muster_metrics_get_options (MusterMetrics *self)
{
  return &self->options;
}

/**
 * muster_metrics_get_name:
 * @self: the metrics
 *
 * The name by which processes match their metrics. Any thread.
 *
 * Returns: (transfer none): the name; empty for the default ones
 * Since: 0.1
 */
const char *
muster_metrics_get_name (MusterMetrics *self)
{
  g_return_val_if_fail (MUSTER_IS_METRICS (self), NULL);
  return self->options.name;
}

/**
 * muster_metrics_get_interval:
 * @self: the metrics
 *
 * How long an interval is. Any thread.
 *
 * Returns: microseconds
 * Since: 0.1
 */
gint64
muster_metrics_get_interval (MusterMetrics *self)
{
  g_return_val_if_fail (MUSTER_IS_METRICS (self), 0);
  return self->options.interval_us;
}

/* -- updates ------------------------------------------------------------------------------------ */

static G_GNUC_NO_INLINE void
refuse (MusterMetrics *self)
{
  atomic_fetch_add_explicit (self->overflow, 1, memory_order_relaxed);
}

/* The metric, locked, if it is of that type or of none yet; else the update is counted as refused. */
static inline MusterMetricHold
lock_metric (MusterMetrics *self, const char *const *path, const char *id, MusterMetricType type)
{
  MusterMetricHold hold = muster_metric_table_lock (self->table, path, id);

  if (G_LIKELY (hold.metric != NULL))
    {
      if (G_LIKELY (muster_metric_slot_may_be (hold.metric, type)))
        return hold;
      muster_metric_slot_unlock (hold.metric);
    }
  refuse (self);
  return (MusterMetricHold){ NULL, NULL };
}

/**
 * muster_metrics_set:
 * @self: the metrics
 * @path: (nullable) (array zero-terminated=1): keys of increasing depth
 * @id: the key at the end of @path
 * @value: a number; ignored if it is not finite
 *
 * Sets a value: the last one of an interval counts.
 *
 * This and all other updates may be called from any thread, but not from a signal handler. They never block and, but
 * for the first update of a metric, allocate nothing. A metric is known by path and id, and is what the first update in
 * an interval makes it: updates of another kind are counted, not made. So are those that go beyond `max-metrics`. Keys
 * that are not UTF-8 are made valid.
 *
 * Since: 0.1
 */
void
muster_metrics_set (MusterMetrics *self, const char *const *path, const char *id, double value)
{
  MusterMetricSlot *metric;

  g_return_if_fail (self != NULL && id != NULL);
  if (!isfinite (value))
    return;
  metric = lock_metric (self, path, id, MUSTER_METRIC_SET).metric;
  if (metric == NULL)
    return;
  muster_metric_slot_set_number (metric, value);
  muster_metric_slot_commit (metric);
}

/* Valid UTF-8 of at most MUSTER_METRIC_TEXT_MAX bytes. */
static const char *
clean_text (const char *value, gsize *length, char **copy)
{
  const char *end;

  if (!g_utf8_validate (value, -1, &end))
    {
      value = *copy = g_utf8_make_valid (value, -1);
      end = value + strlen (value);
    }
  if (end - value > MUSTER_METRIC_TEXT_MAX)
    {
      end = value + MUSTER_METRIC_TEXT_MAX;
      while ((*end & 0xC0) == 0x80)
        end--;
    }
  *length = (gsize) (end - value);
  return value;
}

/* FALSE, and nothing has changed, if neither the metric's own text nor the spare one has room. */
static gboolean
set_text (MusterMetricSlot *metric, const char *value, gsize length, MusterMetricText **spare)
{
  MusterMetricText *text = muster_metric_slot_get_text (metric);

  if (*spare != NULL && (text == NULL || text->capacity <= length))
    {
      metric->text = (guint64) (guintptr) *spare;
      *spare = text;
    }
  if (!muster_metric_slot_set_text (metric, value, length))
    return FALSE;
  metric->type = MUSTER_METRIC_SET;
  return TRUE;
}

/* The metric, locked: the one that is known, or else the one of that path and id. */
static MusterMetricSlot *
lock_known (MusterMetrics *self, MusterMetricSlot *known, const char *const *path, const char *id,
            MusterMetricType type)
{
  if (known == NULL)
    return lock_metric (self, path, id, type).metric;
  if (muster_metric_slot_lock_as (known, type) != NULL)
    return known;
  refuse (self);
  return NULL;
}

void
muster_metrics_set_text_of (MusterMetrics *self, MusterMetricSlot *known, const char *const *path, const char *id,
                            const char *value)
{
  g_autofree char *copy = NULL;
  MusterMetricText *spare = NULL;
  gboolean is_set = FALSE;
  gsize length;

  value = clean_text (value, &length, &copy);
  while (!is_set)
    {
      MusterMetricSlot *metric = lock_known (self, known, path, id, MUSTER_METRIC_SET);

      if (metric == NULL)
        break;
      is_set = set_text (metric, value, length, &spare);
      if (is_set)
        muster_metric_slot_commit (metric);
      else
        muster_metric_slot_unlock (metric);
      /* Nobody allocates while others wait for the lock. */
      if (!is_set)
        spare = muster_metric_table_new_text (self->table, length);
    }
  muster_metric_table_free_text (self->table, spare);
}

/**
 * muster_metrics_set_text:
 * @self: the metrics
 * @path: (nullable) (array zero-terminated=1): keys of increasing depth
 * @id: the key at the end of @path
 * @value: a text; made valid UTF-8, and cut after 16 KiB
 *
 * As muster_metrics_set(), of which it is the same kind, with a text. Allocates where the text is longer than any that
 * the metric had.
 *
 * Since: 0.1
 */
void
muster_metrics_set_text (MusterMetrics *self, const char *const *path, const char *id, const char *value)
{
  g_return_if_fail (self != NULL && id != NULL && value != NULL);
  muster_metrics_set_text_of (self, NULL, path, id, value);
}

/**
 * muster_metrics_inc:
 * @self: the metrics
 * @path: (nullable) (array zero-terminated=1): keys of increasing depth
 * @id: the key at the end of @path
 * @n: how much; if it is not finite, 1
 *
 * Counts: reported as a rate, `scale-factor` * sum / interval in ms. See muster_metrics_set().
 *
 * Since: 0.1
 */
void
muster_metrics_inc (MusterMetrics *self, const char *const *path, const char *id, double n)
{
  MusterMetricHold hold;

  g_return_if_fail (self != NULL && id != NULL);
  hold = lock_metric (self, path, id, MUSTER_METRIC_INC);
  if (hold.metric == NULL)
    return;
  muster_metric_slot_inc (hold.metric, hold.value, n);
  muster_metric_slot_commit (hold.metric);
}

static inline void
sample (MusterMetrics *self, const char *const *path, const char *id, MusterMetricType type, double value)
{
  MusterMetricHold hold;

  if (!isfinite (value))
    return;
  hold = lock_metric (self, path, id, type);
  if (hold.metric == NULL)
    return;
  muster_metric_slot_sample (hold.metric, hold.value, type, muster_metric_table_get_sketches (self->table), value);
  muster_metric_slot_commit (hold.metric);
}

/**
 * muster_metrics_sample:
 * @self: the metrics
 * @path: (nullable) (array zero-terminated=1): keys of increasing depth
 * @id: the key at the end of @path
 * @value: a number; ignored if it is not finite
 *
 * Takes a sample: reported as least, greatest, average and standard deviation. See muster_metrics_set().
 *
 * Since: 0.1
 */
void
muster_metrics_sample (MusterMetrics *self, const char *const *path, const char *id, double value)
{
  g_return_if_fail (self != NULL && id != NULL);
  sample (self, path, id, MUSTER_METRIC_SAMPLE, value);
}

/**
 * muster_metrics_timed_sample:
 * @self: the metrics
 * @path: (nullable) (array zero-terminated=1): keys of increasing depth
 * @id: the key at the end of @path
 * @elapsed_ns: how long it took, in nanoseconds
 *
 * As muster_metrics_sample(), for times: reported in ms / `scale-factor`, with count and total.
 *
 * Since: 0.1
 */
void
muster_metrics_timed_sample (MusterMetrics *self, const char *const *path, const char *id, gint64 elapsed_ns)
{
  g_return_if_fail (self != NULL && id != NULL);
  sample (self, path, id, MUSTER_METRIC_TIMED_SAMPLE,
          muster_metric_scale_time (elapsed_ns, self->options.scale_factor));
}

/* -- kinds of one's own -------------------------------------------------------------------------- */

/* FALSE, and nothing has changed, if it has no state of that kind, and there is no spare one. What it had before becomes
 * the spare one. */
static gboolean
update (MusterMetricSlot *metric, const MusterMetricKind *kind, double value, MusterMetricState **spare)
{
  MusterMetricState *state = muster_metric_slot_get_state (metric);

  if (*spare != NULL && (state == NULL || state->kind != (guint64) (guintptr) kind))
    {
      metric->state = (guint64) (guintptr) *spare;
      *spare = state;
    }
  return muster_metric_slot_update (metric, kind, value);
}

/* Of another kind in this interval. */
static gboolean
is_other_kind (const MusterMetricSlot *metric, const MusterMetricKind *kind)
{
  return metric->type == MUSTER_METRIC_CUSTOM
         && muster_metric_slot_get_state (metric)->kind != (guint64) (guintptr) kind;
}

void
muster_metrics_update_of (MusterMetrics *self, MusterMetricSlot *known, const MusterMetricKind *kind,
                          const char *const *path, const char *id, double value)
{
  MusterMetricState *spare = NULL;
  gboolean is_done = FALSE;

  while (!is_done)
    {
      MusterMetricSlot *metric = lock_known (self, known, path, id, MUSTER_METRIC_CUSTOM);

      if (metric == NULL)
        break;
      if (is_other_kind (metric, kind))
        {
          muster_metric_slot_unlock (metric);
          refuse (self);
          break;
        }
      is_done = update (metric, kind, value, &spare);
      if (is_done)
        muster_metric_slot_commit (metric);
      else
        muster_metric_slot_unlock (metric);
      /* Nobody allocates while others wait for the lock. */
      if (!is_done)
        spare = muster_metric_table_new_state (self->table, kind);
    }
  muster_metric_table_free_state (self->table, spare);
}

/**
 * muster_metrics_update: (skip)
 * @self: the metrics
 * @kind: a kind that has been registered (muster_metric_kind_register(), or by a plugin)
 * @path: (nullable) (array zero-terminated=1): keys of increasing depth
 * @id: the key at the end of @path
 * @value: what the kind makes of it
 *
 * Updates a metric of a kind of one's own. See muster_metrics_set(). Copies the metric's state, so keep that small.
 *
 * Since: 0.1
 */
void
muster_metrics_update (MusterMetrics *self, const MusterMetricKind *kind, const char *const *path, const char *id,
                       double value)
{
  g_return_if_fail (self != NULL && kind != NULL && id != NULL);
  muster_metrics_update_of (self, NULL, kind, path, id, value);
}

/* -- handles ------------------------------------------------------------------------------------ */

/* The slot keeps its key from now on; NULL if there is no room for another one. */
static MusterMetricSlot *
pin (MusterMetrics *self, const char *const *path, const char *id)
{
  MusterMetricSlot *metric = muster_metric_table_lock (self->table, path, id).metric;

  if (metric == NULL)
    return NULL;
  metric->is_pinned = TRUE;
  muster_metric_slot_unlock (metric);
  return metric;
}

static guint
hash_handle_key (gconstpointer data)
{
  const HandleKey *key = data;

  return g_direct_hash (key->slot) * 31 + (guint) key->type + g_direct_hash (key->kind);
}

static gboolean
equal_handle_keys (gconstpointer a, gconstpointer b)
{
  const HandleKey *x = a, *y = b;

  return x->slot == y->slot && x->type == y->type && x->kind == y->kind;
}

static MusterMetric *
look_up (MusterMetrics *self, HandleKey key)
{
  MusterMetric *metric;

  pthread_mutex_lock (&self->handles_lock);
  metric = g_hash_table_lookup (self->handles, &key);
  if (metric == NULL)
    {
      metric = muster_metric_new (self, key.type, key.kind, key.slot, muster_metric_table_get_sketches (self->table),
                                  self->overflow);
      g_hash_table_insert (self->handles, g_memdup2 (&key, sizeof key), metric);
    }
  pthread_mutex_unlock (&self->handles_lock);
  return metric;
}

/**
 * muster_metrics_lookup:
 * @self: the metrics
 * @type: what is measured
 * @path: (nullable) (array zero-terminated=1): keys of increasing depth
 * @id: the key at the end of @path
 *
 * A handle of a metric, for places that measure often: updating through it searches nothing. It is the same one each
 * time, and the metric keeps its place as long as @self lives, however long nobody updates it. Any thread.
 *
 * Where there is no room for another metric (see `max-metrics`), the handle refuses all updates, which are counted.
 *
 * Returns: (transfer none): the handle, valid as long as @self
 * Since: 0.1
 */
MusterMetric *
muster_metrics_lookup (MusterMetrics *self, MusterMetricType type, const char *const *path, const char *id)
{
  g_return_val_if_fail (MUSTER_IS_METRICS (self) && id != NULL, NULL);
  g_return_val_if_fail (type > MUSTER_METRIC_NONE && type <= MUSTER_METRIC_TIMED_SAMPLE, NULL);
  return look_up (self, (HandleKey){ pin (self, path, id), type, NULL });
}

/**
 * muster_metrics_lookup_kind: (skip)
 * @self: the metrics
 * @kind: a kind that has been registered
 * @path: (nullable) (array zero-terminated=1): keys of increasing depth
 * @id: the key at the end of @path
 *
 * As muster_metrics_lookup(), for muster_metric_update(). Any thread.
 *
 * Returns: (transfer none): the handle, valid as long as @self
 * Since: 0.1
 */
MusterMetric *
muster_metrics_lookup_kind (MusterMetrics *self, const MusterMetricKind *kind, const char *const *path, const char *id)
{
  g_return_val_if_fail (MUSTER_IS_METRICS (self) && kind != NULL && id != NULL, NULL);
  return look_up (self, (HandleKey){ pin (self, path, id), MUSTER_METRIC_CUSTOM, kind });
}
