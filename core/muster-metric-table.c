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
 * not updated in an interval are forgotten, and given to other keys later. (pthread's mutexes, because ThreadSanitizer
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
  _Atomic (MusterMetric *) at[];
} Buckets;

struct _MusterMetricTable
{
  _Atomic (Buckets *) buckets; /* written under mutex */
  guint64 seed;                /* so that nobody can choose keys that all land in one place */
  guint max_metrics;
  gboolean persist;

  pthread_mutex_t mutex;
  GPtrArray *old_buckets;  /* owned Buckets */
  MusterMetric **chunks;   /* owned; CHUNK_METRICS metrics each */
  _Atomic guint n_used;    /* of the metrics in chunks, how many have ever been used; written under mutex */
  guint n_live;            /* of these, how many have a key */
  MusterMetric *next_free; /* the others */

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
has_key (const MusterMetric *metric, const Key *key)
{
  guint n = words_of (key->length);

  if (metric->key_length != key->length)
    return FALSE;
  for (guint i = 0; i < n; i++)
    if (metric->key[i] != key->words[i])
      return FALSE;
  return TRUE;
}

static inline MusterMetric *
find (MusterMetricTable *table, const Key *key)
{
  Buckets *buckets = atomic_load_explicit (&table->buckets, memory_order_acquire);

  for (guint i = 0; i <= buckets->mask; i++)
    {
      _Atomic (MusterMetric *) *at = &buckets->at[(key->hash + i) & buckets->mask];
      MusterMetric *metric = atomic_load_explicit (at, memory_order_acquire);

      if (metric == NULL)
        return NULL;
      if (atomic_load_explicit (&metric->slot.hash, memory_order_relaxed) != key->hash)
        continue;
      muster_metric_lock (metric);
      if (G_LIKELY (has_key (metric, key)))
        return metric;
      muster_metric_unlock (metric);
    }
  return NULL;
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
buckets_put (Buckets *buckets, MusterMetric *metric)
{
  guint i = (guint) atomic_load_explicit (&metric->slot.hash, memory_order_relaxed) & buckets->mask;

  while (atomic_load_explicit (&buckets->at[i], memory_order_relaxed) != NULL)
    i = (i + 1) & buckets->mask;
  atomic_store_explicit (&buckets->at[i], metric, memory_order_release);
}

static MusterMetric *
metric_at (MusterMetricTable *table, guint i)
{
  return &table->chunks[i / CHUNK_METRICS][i % CHUNK_METRICS];
}

static void
put_all (MusterMetricTable *table, Buckets *buckets)
{
  guint n_used = atomic_load_explicit (&table->n_used, memory_order_relaxed);

  for (guint i = 0; i < n_used; i++)
    {
      MusterMetric *metric = metric_at (table, i);

      if (atomic_load_explicit (&metric->slot.hash, memory_order_relaxed) != 0)
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

static MusterMetric *
take_unused (MusterMetricTable *table)
{
  MusterMetric *metric = table->next_free;
  guint n_used = atomic_load_explicit (&table->n_used, memory_order_relaxed);

  if (metric != NULL)
    {
      table->next_free = metric->next_free;
      return metric;
    }
  if (n_used % CHUNK_METRICS == 0)
    table->chunks[n_used / CHUNK_METRICS] =
        g_aligned_alloc0 (CHUNK_METRICS, sizeof (MusterMetric), alignof (MusterMetric));
  atomic_store_explicit (&table->n_used, n_used + 1, memory_order_release);
  return metric_at (table, n_used);
}

static MusterMetric *
add (MusterMetricTable *table, const Key *key)
{
  Buckets *buckets = atomic_load_explicit (&table->buckets, memory_order_relaxed);
  MusterMetric *metric;

  if (table->n_live == table->max_metrics)
    return NULL;
  metric = take_unused (table);
  muster_metric_lock (metric);
  muster_metric_reset (metric, FALSE);
  metric->key = g_memdup2 (key->words, words_of (key->length) * sizeof (guint64));
  metric->key_length = key->length;
  metric->n_path = key->n_path;
  atomic_store_explicit (&metric->slot.hash, key->hash, memory_order_relaxed);
  table->n_live++;
  if (table->n_live * 2 > buckets->mask)
    grow (table, buckets);
  else
    buckets_put (buckets, metric);
  return metric;
}

static void
forget (MusterMetricTable *table, MusterMetric *metric)
{
  atomic_store_explicit (&metric->slot.hash, 0, memory_order_relaxed);
  g_clear_pointer (&metric->key, g_free);
  g_clear_pointer (&metric->text, g_free);
  metric->key_length = metric->text_capacity = 0;
  metric->next_free = table->next_free;
  table->next_free = metric;
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
      MusterMetric *metric = metric_at (table, i);

      muster_metric_lock (metric);
      if (metric->key_length > 0 && metric->slot.value.count == 0)
        forget (table, metric);
      muster_metric_unlock (metric);
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
muster_metric_table_new (guint max_metrics, gboolean persist)
{
  MusterMetricTable *table = g_new0 (MusterMetricTable, 1);

  pthread_mutex_init (&table->mutex, NULL);
  pthread_mutex_init (&table->drain_mutex, NULL);
  table->seed = ((guint64) g_random_int () << 32) | g_random_int ();
  table->max_metrics = max_metrics;
  table->persist = persist;
  table->old_buckets = g_ptr_array_new_with_free_func (g_free);
  table->chunks = g_new0 (MusterMetric *, max_metrics / CHUNK_METRICS + 1);
  atomic_init (&table->buckets, buckets_new (BUCKETS_MIN));
  return table;
}

void
muster_metric_table_free (MusterMetricTable *table)
{
  guint n_used = atomic_load (&table->n_used);

  for (guint i = 0; i < n_used; i++)
    {
      g_free (metric_at (table, i)->key);
      g_free (metric_at (table, i)->text);
    }
  for (guint i = 0; i < n_used; i += CHUNK_METRICS)
    g_aligned_free (table->chunks[i / CHUNK_METRICS]);
  g_free (table->chunks);
  g_ptr_array_unref (table->old_buckets);
  g_free (atomic_load (&table->buckets));
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

static G_GNUC_NO_INLINE MusterMetric *
lock_slowly (MusterMetricTable *table, const Key *key)
{
  MusterMetric *metric;
  Key valid;

  if (!is_valid_utf8 (key))
    {
      if (!make_key_valid (table, key, &valid))
        return NULL;
      key = &valid;
    }
  pthread_mutex_lock (&table->mutex);
  metric = find (table, key);
  if (metric == NULL)
    metric = add (table, key);
  pthread_mutex_unlock (&table->mutex);
  return metric;
}

MusterMetric *
muster_metric_table_lock (MusterMetricTable *table, const char *const *path, const char *id)
{
  MusterMetric *metric;
  Key key;

  if (!make_key (table, &key, path, id))
    return NULL;
  metric = find (table, &key);
  return G_LIKELY (metric != NULL) ? metric : lock_slowly (table, &key);
}

/* Copies and resets; FALSE if there is nothing to say. Keys stay until the drain is over. */
static gboolean
drain_one (MusterMetricTable *table, MusterMetric *metric, MusterMetricCopy *copy, GString *text)
{
  gboolean used;

  muster_metric_lock (metric);
  copy->type = (MusterMetricType) metric->slot.type;
  copy->value = metric->slot.value;
  copy->key = (const char *) metric->key;
  copy->n_path = metric->n_path;
  copy->text = NULL;
  used = copy->type != MUSTER_METRIC_NONE;
  if (copy->type == MUSTER_METRIC_SET && metric->slot.is_text)
    {
      g_string_overwrite_len (g_string_truncate (text, 0), 0, metric->text, metric->text_length);
      copy->text = text->str;
    }
  if (used)
    muster_metric_reset (metric, table->persist);
  muster_metric_unlock (metric);
  return used;
}

void
muster_metric_table_drain (MusterMetricTable *table, MusterMetricTableFunc func, gpointer user_data)
{
  g_autoptr (GString) text = g_string_sized_new (MUSTER_METRIC_TEXT_MAX + 1);
  char *path[MUSTER_METRIC_DEPTH_MAX];
  Muster__V1__Metric message;
  MusterMetricCopy copy;
  guint n_used;

  pthread_mutex_lock (&table->drain_mutex);
  make_room (table);
  n_used = atomic_load_explicit (&table->n_used, memory_order_acquire);
  for (guint i = 0; i < n_used; i++)
    if (drain_one (table, metric_at (table, i), &copy, text))
      {
        muster_metric_report (&copy, &message, path);
        func (&message, user_data);
      }
  pthread_mutex_unlock (&table->drain_mutex);
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
