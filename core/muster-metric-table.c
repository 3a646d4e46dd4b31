/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The metrics of one process by path and id: a hash table that is searched without a lock. Any thread.
 *
 * Buckets are atomic pointers, searched one after another from where the key's hash points (linear probing). A search
 * that matches a hash locks that metric and compares the key; so a search never needs to know how old the buckets are
 * that it looks at. What it may not find, though it is there (the buckets are being filled anew), it looks for again
 * under `mutex`, before a metric is added. All changes are made under `mutex`, before the locks of metrics. When the
 * buckets grow, the old ones are kept until the end, for somebody may be searching them; all old ones together are
 * smaller than those in use. Metrics are never freed before the end either; but where the table is nearly full, those
 * not updated in an interval are forgotten, and given to other keys later, unless somebody has a handle. Where there is an area, the first metrics lie
 * in it, and the others, if it is smaller than the table, in chunks of ordinary memory. (pthread's mutexes, because ThreadSanitizer
 * knows them; it does not see that GLib's synchronize.)
 */
#include "config.h"

#include <pthread.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "muster-metric-table-private.h"

#define BUCKETS_MIN   64u
#define CHUNK_METRICS 32u

typedef struct
{
  guint mask; /* buckets - 1; a power of two - 1, more than twice as many as metrics */
  _Atomic (MusterMetricSlot *) at[];
} Buckets;

struct _MusterMetricTable
{
  _Atomic (Buckets *) buckets; /* written under mutex */
  guint64 seed;                /* so that nobody can choose keys that all land in one place */
  guint max_metrics;
  gboolean persist;
  MusterMetricsArea *area;        /* borrowed, nullable */
  MusterMetricSlot *area_metrics; /* in it */
  guint n_area;                   /* how many */
  MusterSketchArena *sketches;    /* the area's, or: */
  MusterSketchArena own_sketches;

  pthread_mutex_t mutex;
  GPtrArray *old_buckets;    /* owned Buckets */
  MusterMetricSlot **chunks; /* owned; CHUNK_METRICS metrics each, of those beyond the area */
  _Atomic guint n_used;      /* how many metrics have ever been used; written under mutex */
  guint n_live;              /* of these, how many have a key */
  GPtrArray *free;           /* of borrowed MusterMetricSlot: the others */

  pthread_mutex_t drain_mutex; /* one drain at a time; taken before mutex */
};

/* A path and an id as a metric holds them. */
typedef struct
{
  guint64 hash;
  guint32 length;
  guint32 n_path;
  guint64 words[MUSTER_METRIC_KEY_MAX / sizeof (guint64) + 1];
} Key;

static inline guint
words_of (guint length)
{
  return (length + 7) / 8;
}

/* Keys are short: a loop is faster than strlen() and memcpy() (measured with 4 to 12 bytes). */
static inline char *
append_string (char *out, const char *end, const char *string)
{
  while (G_LIKELY (out < end))
    if ((*out++ = *string++) == '\0')
      return out;
  return NULL;
}

static inline void
finish_key (MusterMetricTable *table, Key *key, guint32 length)
{
  memset ((char *) key->words + length, 0, sizeof (guint64));
  key->length = length;
  key->hash = XXH3_64bits_withSeed (key->words, length, table->seed);
  key->hash += key->hash == 0;
}

static inline gboolean
make_key (MusterMetricTable *table, Key *key, const char *const *path, const char *id)
{
  char *out = (char *) key->words;
  const char *end = out + MUSTER_METRIC_KEY_MAX;

  key->n_path = 0;
  if (path != NULL)
    for (; path[key->n_path] != NULL; key->n_path++)
      {
        if (key->n_path == MUSTER_METRIC_DEPTH_MAX)
          return FALSE;
        out = append_string (out, end, path[key->n_path]);
        if (out == NULL)
          return FALSE;
      }
  out = append_string (out, end, id);
  if (out == NULL)
    return FALSE;
  finish_key (table, key, (guint32) (out - (char *) key->words));
  return TRUE;
}

static inline gboolean
has_key (const MusterMetricSlot *metric, const Key *key)
{
  const guint64 *words = muster_metric_slot_get_words (metric);
  guint n = words_of (key->length);

  if (metric->key_length != key->length)
    return FALSE;
  for (guint i = 0; i < n; i++)
    if (words[i] != key->words[i])
      return FALSE;
  return TRUE;
}

static inline MusterMetricHold
find (MusterMetricTable *table, const Key *key)
{
  const MusterMetricHold none = { NULL, NULL };
  Buckets *buckets = atomic_load_explicit (&table->buckets, memory_order_acquire);

  for (guint i = 0; i <= buckets->mask; i++)
    {
      _Atomic (MusterMetricSlot *) *at = &buckets->at[(key->hash + i) & buckets->mask];
      MusterMetricSlot *metric = atomic_load_explicit (at, memory_order_acquire);
      const MusterMetricValue *value;

      if (metric == NULL)
        return none;
      if (atomic_load_explicit (&metric->hash, memory_order_relaxed) != key->hash)
        continue;
      value = muster_metric_slot_lock (metric);
      if (G_LIKELY (has_key (metric, key)))
        return (MusterMetricHold){ metric, value };
      muster_metric_slot_unlock (metric);
    }
  return none;
}

/* -- under the mutex ---------------------------------------------------------------------------- */

static Buckets *
buckets_new (guint n)
{
  Buckets *buckets = g_malloc0 (sizeof (Buckets) + n * sizeof (buckets->at[0]));

  buckets->mask = n - 1;
  return buckets;
}

static void
buckets_put (Buckets *buckets, MusterMetricSlot *metric)
{
  guint i = (guint) atomic_load_explicit (&metric->hash, memory_order_relaxed) & buckets->mask;

  while (atomic_load_explicit (&buckets->at[i], memory_order_relaxed) != NULL)
    i = (i + 1) & buckets->mask;
  atomic_store_explicit (&buckets->at[i], metric, memory_order_release);
}

static MusterMetricSlot *
metric_at (MusterMetricTable *table, guint i)
{
  if (i < table->n_area)
    return &table->area_metrics[i];
  i -= table->n_area;
  return &table->chunks[i / CHUNK_METRICS][i % CHUNK_METRICS];
}

static void
put_all (MusterMetricTable *table, Buckets *buckets)
{
  guint n_used = atomic_load_explicit (&table->n_used, memory_order_relaxed);

  for (guint i = 0; i < n_used; i++)
    {
      MusterMetricSlot *metric = metric_at (table, i);

      if (atomic_load_explicit (&metric->hash, memory_order_relaxed) != 0)
        buckets_put (buckets, metric);
    }
}

static void
grow (MusterMetricTable *table, Buckets *buckets)
{
  Buckets *larger = buckets_new ((buckets->mask + 1) * 2);

  put_all (table, larger);
  atomic_store_explicit (&table->buckets, larger, memory_order_release);
  g_ptr_array_add (table->old_buckets, buckets);
}

static MusterMetricSlot *
take_unused (MusterMetricTable *table)
{
  guint n_used = atomic_load_explicit (&table->n_used, memory_order_relaxed);

  if (table->free->len > 0)
    return g_ptr_array_steal_index_fast (table->free, table->free->len - 1);
  if (n_used >= table->n_area && (n_used - table->n_area) % CHUNK_METRICS == 0)
    table->chunks[(n_used - table->n_area) / CHUNK_METRICS] =
        g_aligned_alloc0 (CHUNK_METRICS, sizeof (MusterMetricSlot), alignof (MusterMetricSlot));
  if (table->area != NULL)
    muster_metrics_area_set_n_used (table->area, n_used + 1);
  atomic_store_explicit (&table->n_used, n_used + 1, memory_order_release);
  return metric_at (table, n_used);
}

static gsize
key_size (guint length)
{
  return words_of (length) * sizeof (guint64);
}

static void
set_key (MusterMetricTable *table, MusterMetricSlot *metric, const Key *key)
{
  guint64 *words = muster_metrics_area_alloc (table->area, key_size (key->length));

  memcpy (words, key->words, key_size (key->length));
  metric->key = (guint64) (guintptr) words;
  metric->key_length = (guint16) key->length;
  atomic_store_explicit (&metric->hash, key->hash, memory_order_relaxed);
}

static void
free_names (MusterMetricTable *table, const MusterMetricSlot *metric)
{
  if (metric->key != 0)
    muster_metrics_area_release (table->area, (gpointer) (guintptr) metric->key, key_size (metric->key_length));
  muster_metric_table_free_text (table, muster_metric_slot_get_text (metric));
  muster_metric_table_free_state (table, muster_metric_slot_get_state (metric));
}

static MusterMetricHold
add (MusterMetricTable *table, const Key *key)
{
  Buckets *buckets = atomic_load_explicit (&table->buckets, memory_order_relaxed);
  const MusterMetricValue *value;
  MusterMetricSlot *metric;

  if (table->n_live == table->max_metrics)
    return (MusterMetricHold){ NULL, NULL };
  metric = take_unused (table);
  muster_metric_slot_lock (metric);
  muster_metric_slot_reset (metric, FALSE, table->sketches);
  muster_metric_slot_commit (metric);
  value = muster_metric_slot_lock (metric);
  set_key (table, metric, key);
  table->n_live++;
  if (table->n_live * 2 > buckets->mask)
    grow (table, buckets);
  else
    buckets_put (buckets, metric);
  return (MusterMetricHold){ metric, value };
}

static void
forget (MusterMetricTable *table, MusterMetricSlot *metric)
{
  atomic_store_explicit (&metric->hash, 0, memory_order_relaxed);
  free_names (table, metric);
  muster_sketch_live_release (&metric->sketch, table->sketches);
  metric->key_length = 0;
  metric->key = metric->text = metric->state = 0;
  g_ptr_array_add (table->free, metric);
  table->n_live--;
}

/* Forgets what was not updated since the last drain. */
static void
forget_idle (MusterMetricTable *table)
{
  Buckets *buckets = atomic_load_explicit (&table->buckets, memory_order_relaxed);
  guint n_used = atomic_load_explicit (&table->n_used, memory_order_relaxed);

  for (guint i = 0; i < n_used; i++)
    {
      MusterMetricSlot *metric = metric_at (table, i);

      muster_metric_slot_lock (metric);
      if (metric->key_length > 0 && !metric->is_pinned && muster_metric_slot_get_value (metric)->count == 0)
        forget (table, metric);
      muster_metric_slot_unlock (metric);
    }
  for (guint i = 0; i <= buckets->mask; i++)
    atomic_store_explicit (&buckets->at[i], NULL, memory_order_relaxed);
  put_all (table, buckets);
}

/* Where metrics persist, none is idle. */
static void
make_room (MusterMetricTable *table)
{
  pthread_mutex_lock (&table->mutex);
  if (!table->persist && table->n_live > table->max_metrics - table->max_metrics / 4)
    forget_idle (table);
  pthread_mutex_unlock (&table->mutex);
}

/* -- from outside ------------------------------------------------------------------------------- */

MusterMetricTable *
muster_metric_table_new (const MusterMetricsOptions *options, MusterMetricsArea *area)
{
  MusterMetricTable *table = g_new0 (MusterMetricTable, 1);

  pthread_mutex_init (&table->mutex, NULL);
  pthread_mutex_init (&table->drain_mutex, NULL);
  table->seed = ((guint64) g_random_int () << 32) | g_random_int ();
  table->max_metrics = options->max_metrics;
  table->persist = options->persist;
  table->area = area;
  muster_sketch_arena_init (&table->own_sketches, options->sketch_bytes);
  table->sketches = area != NULL ? muster_metrics_area_get_sketches (area) : &table->own_sketches;
  if (area != NULL)
    table->area_metrics = muster_metrics_area_get_metrics (area, &table->n_area);
  table->old_buckets = g_ptr_array_new_with_free_func (g_free);
  table->free = g_ptr_array_new ();
  table->chunks = g_new0 (MusterMetricSlot *, options->max_metrics / CHUNK_METRICS + 1);
  atomic_init (&table->buckets, buckets_new (BUCKETS_MIN));
  return table;
}

void
muster_metric_table_free (MusterMetricTable *table)
{
  guint n_used = atomic_load (&table->n_used);

  /* What lies in the area stays as it is: it may be read yet. */
  if (table->area != NULL)
    muster_metrics_area_close (table->area);
  for (guint i = 0; i < n_used; i++)
    free_names (table, metric_at (table, i));
  for (guint i = table->n_area; i < n_used; i += CHUNK_METRICS)
    g_aligned_free (table->chunks[(i - table->n_area) / CHUNK_METRICS]);
  g_free (table->chunks);
  g_ptr_array_unref (table->free);
  g_ptr_array_unref (table->old_buckets);
  g_free (atomic_load (&table->buckets));
  muster_sketch_arena_clear (&table->own_sketches);
  pthread_mutex_destroy (&table->mutex);
  pthread_mutex_destroy (&table->drain_mutex);
  g_free (table);
}

/* Replaces bytes that are not UTF-8 as g_utf8_make_valid() does, without allocation: a metric's key is always valid, so
 * that a key that is not was searched for in vain and comes here at each call. FALSE if nothing had to be replaced, or
 * if there is no room. */
static gboolean
make_key_valid (MusterMetricTable *table, const Key *raw, Key *valid)
{
  const char *in = (const char *) raw->words;
  const char *end = in + raw->length;
  char *out = (char *) valid->words;
  char *out_end = out + MUSTER_METRIC_KEY_MAX;
  gboolean changed = FALSE;

  while (in < end)
    {
      gunichar c = *in == '\0' ? 0 : g_utf8_get_char_validated (in, end - in);
      gboolean bad = c == (gunichar) -1 || c == (gunichar) -2;
      gsize n = bad ? 1 : (gsize) g_utf8_skip[(guint8) *in];

      if (out_end - out < 4)
        return FALSE;
      memcpy (out, bad ? "\xEF\xBF\xBD" : in, bad ? 3 : n);
      out += bad ? 3 : n;
      in += n;
      changed |= bad;
    }
  valid->n_path = raw->n_path;
  finish_key (table, valid, (guint32) (out - (char *) valid->words));
  return changed;
}

static gboolean
is_valid_utf8 (const Key *key)
{
  const char *part = (const char *) key->words;

  for (guint i = 0; i <= key->n_path; i++, part++)
    if (!g_utf8_validate (part, -1, &part))
      return FALSE;
  return TRUE;
}

static G_GNUC_NO_INLINE MusterMetricHold
lock_slowly (MusterMetricTable *table, const Key *key)
{
  MusterMetricHold hold;
  Key valid;

  if (!is_valid_utf8 (key))
    {
      if (!make_key_valid (table, key, &valid))
        return (MusterMetricHold){ NULL, NULL };
      key = &valid;
    }
  pthread_mutex_lock (&table->mutex);
  hold = find (table, key);
  if (hold.metric == NULL)
    hold = add (table, key);
  pthread_mutex_unlock (&table->mutex);
  return hold;
}

MusterMetricHold
muster_metric_table_lock (MusterMetricTable *table, const char *const *path, const char *id)
{
  MusterMetricHold hold;
  Key key;

  if (!make_key (table, &key, path, id))
    return (MusterMetricHold){ NULL, NULL };
  hold = find (table, &key);
  return G_LIKELY (hold.metric != NULL) ? hold : lock_slowly (table, &key);
}

MusterMetricText *
muster_metric_table_new_text (MusterMetricTable *table, gsize length)
{
  gsize capacity = (length + sizeof (MusterMetricText) + 1 + 31) / 32 * 32 - sizeof (MusterMetricText);
  MusterMetricText *text = muster_metrics_area_alloc (table->area, sizeof *text + capacity);

  text->capacity = (guint32) capacity;
  text->length = 0;
  text->bytes[0] = '\0';
  return text;
}

void
muster_metric_table_free_text (MusterMetricTable *table, MusterMetricText *text)
{
  if (text != NULL)
    muster_metrics_area_release (table->area, text, sizeof *text + text->capacity);
}

MusterMetricState *
muster_metric_table_new_state (MusterMetricTable *table, const MusterMetricKind *kind)
{
  const MusterMetricState head = {
    .kind = (guint64) (guintptr) kind,
    .size = (guint32) words_of ((guint) kind->state_size) * (guint32) sizeof (guint64),
    .state_size = (guint32) kind->state_size,
    .name_length = (guint32) strlen (kind->name),
  };
  MusterMetricState *state = muster_metrics_area_alloc (table->area, muster_metric_state_get_block_size (&head));

  *state = head;
  memset (state->words, 0, 2 * (gsize) head.size);
  muster_metric_kind_reset (kind, muster_metric_state_at (state, 0));
  muster_metric_kind_reset (kind, muster_metric_state_at (state, 1));
  memcpy (muster_metric_state_at (state, 2), kind->name, head.name_length + 1);
  return state;
}

void
muster_metric_table_free_state (MusterMetricTable *table, MusterMetricState *state)
{
  if (state != NULL)
    muster_metrics_area_release (table->area, state, muster_metric_state_get_block_size (state));
}

/* FALSE if there was no room for it. */
static gboolean
drain_one (MusterMetricTable *table, guint i, const MusterMetricDrain *drain, MusterMetricScratch *scratch,
           gpointer user_data)
{
  MusterMetricSlot *metric = metric_at (table, i);
  Muster__V1__Metric message;
  MusterMetricView view;

  muster_metric_slot_lock (metric);
  if (metric->type == MUSTER_METRIC_NONE)
    {
      /* An interval without samples: others may need the memory more. */
      muster_sketch_live_release (&metric->sketch, table->sketches);
      muster_metric_slot_unlock (metric);
      return TRUE;
    }
  muster_metric_slot_view (metric, &view, scratch);
  muster_metric_report (&view, &message, scratch);
  if (!drain->add (&message, i, atomic_load_explicit (&metric->sequence, memory_order_relaxed), user_data))
    {
      muster_metric_slot_unlock (metric);
      return FALSE;
    }
  muster_metric_slot_reset (metric, table->persist, table->sketches);
  muster_metric_slot_commit (metric);
  return TRUE;
}

void
muster_metric_table_drain (MusterMetricTable *table, const MusterMetricDrain *drain, gpointer user_data)
{
  MusterMetricScratch scratch;
  guint n_used;

  pthread_mutex_lock (&table->drain_mutex);
  make_room (table);
  n_used = atomic_load_explicit (&table->n_used, memory_order_acquire);
  if (drain->begin != NULL)
    drain->begin (n_used, user_data);
  for (guint i = 0; i < n_used; i++)
    while (!drain_one (table, i, drain, &scratch, user_data))
      drain->make_room (user_data);
  if (drain->end != NULL)
    drain->end (user_data);
  pthread_mutex_unlock (&table->drain_mutex);
}

MusterSketchArena *
muster_metric_table_get_sketches (MusterMetricTable *table)
{
  return table->sketches;
}

guint
muster_metric_table_get_size (MusterMetricTable *table)
{
  guint n_live;

  pthread_mutex_lock (&table->mutex);
  n_live = table->n_live;
  pthread_mutex_unlock (&table->mutex);
  return n_live;
}
