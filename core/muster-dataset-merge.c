/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Datasets of several machines, merged into one for each name and interval. One thread at a time.
 */
#include "config.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "muster-dataset-merge-private.h"
#include "muster-dataset-struct-private.h"
#include "muster-metric-merge-private.h"

#define WAIT_MAX_NS (60 * G_GINT64_CONSTANT (1000000000))
#define PENDING_MAX 2048 /* of more, the oldest are due at once; of twice as many, what comes is refused */
#define PARTIAL_MAX 1024
/* What is remembered: entries that came, and intervals that were delivered. */
#define SEEN_MAX      65536
#define DELIVERED_MAX 1024
/* A part whose successor has not come by then is of no use. */
#define PARTIAL_AGE_NS (600 * G_GINT64_CONSTANT (1000000000))
/* What is not in a dataset's arena. */
#define PROCESS_SIZE 256
#define NAME_SIZE    64

/* The last values that were added, of at most so many. */
typedef struct
{
  GHashTable *set; /* owned; of places in ring */
  guint64 *ring;   /* owned */
  guint capacity;
  guint64 n_added;
} Memory;

/* A dataset whose last part has not come. */
typedef struct
{
  guint8 stream[MUSTER_STREAM_ID_SIZE];
  MusterDataset *dataset; /* owned */
  gint64 since_ns;        /* its newest part came */
  gsize size;
} Partial;

/* What will be one dataset. */
typedef struct
{
  guint64 key;
  MusterDataset *dataset; /* owned; nobody else has it yet */
  GHashTable *indexes;    /* owned; by worker, of those whose metrics came in several datasets */
  gint64 due_ns;
  gsize size;
} Pending;

struct _MusterDatasetMerge
{
  gsize room;
  gint64 began_ns;     /* wall clock */
  gsize size;          /* of all that waits */
  GPtrArray *partials; /* owned; the oldest first */
  GPtrArray *pending;  /* owned; the oldest first */
  GHashTable *by_key;  /* owned; of the above */
  Memory seen;
  Memory delivered;
};

/* -- memory --------------------------------------------------------------------------------------- */

static void
memory_init (Memory *memory, guint capacity)
{
  memory->set = g_hash_table_new (g_int64_hash, g_int64_equal);
  memory->ring = g_new0 (guint64, capacity);
  memory->capacity = capacity;
}

static void
memory_clear (Memory *memory)
{
  g_hash_table_unref (memory->set);
  g_free (memory->ring);
}

static gboolean
memory_has (const Memory *memory, guint64 value)
{
  return g_hash_table_contains (memory->set, &value);
}

/* FALSE if it is there already. */
static gboolean
memory_add (Memory *memory, guint64 value)
{
  guint64 *place = &memory->ring[memory->n_added % memory->capacity];

  if (memory_has (memory, value))
    return FALSE;
  if (memory->n_added >= memory->capacity)
    g_hash_table_remove (memory->set, place);
  *place = value;
  g_hash_table_add (memory->set, place);
  memory->n_added++;
  return TRUE;
}

/* -- life ----------------------------------------------------------------------------------------- */

static void
partial_free (gpointer data)
{
  Partial *partial = data;

  g_clear_pointer (&partial->dataset, muster_dataset_unref);
  g_free (partial);
}

static void
pending_free (gpointer data)
{
  Pending *pending = data;

  g_clear_pointer (&pending->dataset, muster_dataset_unref);
  g_hash_table_unref (pending->indexes);
  g_free (pending);
}

MusterDatasetMerge *
muster_dataset_merge_new (gsize room, gint64 began_ns)
{
  MusterDatasetMerge *merge = g_new0 (MusterDatasetMerge, 1);

  merge->room = room;
  merge->began_ns = began_ns;
  merge->partials = g_ptr_array_new_with_free_func (partial_free);
  merge->pending = g_ptr_array_new_with_free_func (pending_free);
  merge->by_key = g_hash_table_new (g_int64_hash, g_int64_equal);
  memory_init (&merge->seen, SEEN_MAX);
  memory_init (&merge->delivered, DELIVERED_MAX);
  return merge;
}

void
muster_dataset_merge_free (MusterDatasetMerge *merge)
{
  g_hash_table_unref (merge->by_key);
  g_ptr_array_unref (merge->partials);
  g_ptr_array_unref (merge->pending);
  memory_clear (&merge->seen);
  memory_clear (&merge->delivered);
  g_free (merge);
}

/* -- names ---------------------------------------------------------------------------------------- */

static void
append_slice (GString *text, MusterSlice slice)
{
  if (slice.length > 0)
    g_string_append_len (text, slice.data, (gssize) slice.length);
  g_string_append_c (text, '/');
}

/* Always the same for the same cluster, whoever else is there: "HOST/CLUSTER/". */
static char *
make_prefix (const MusterOrigin *origin)
{
  GString *prefix = g_string_new (NULL);

  append_slice (prefix, origin->host);
  append_slice (prefix, origin->cluster);
  return g_string_free (prefix, FALSE);
}

static gboolean
put_before (char **name, const char *prefix)
{
  char *whole = g_strconcat (prefix, *name, NULL);

  g_free (*name);
  *name = whole;
  return muster_dataset_is_name (whole);
}

static gboolean
put_before_all (GPtrArray *names, const char *prefix)
{
  for (guint i = 0; i < names->len; i++)
    if (!put_before ((char **) &names->pdata[i], prefix))
      return FALSE;
  return TRUE;
}

/* FALSE: one of the names has become none; the dataset is good for nothing then. */
static gboolean
put_before_names (MusterDataset *dataset, const char *prefix)
{
  for (guint i = 0; i < dataset->processes->len; i++)
    if (!put_before (&((MusterDatasetProcess *) dataset->processes->pdata[i])->worker, prefix))
      return FALSE;
  return put_before_all (dataset->late, prefix) && put_before_all (dataset->partial, prefix);
}

static void
remove_duplicates (GPtrArray *names)
{
  g_autoptr (GHashTable) known = g_hash_table_new (g_str_hash, g_str_equal);
  gsize n;
  g_autofree gpointer *all = NULL;

  all = g_ptr_array_steal (names, &n);
  for (gsize i = 0; i < n; i++)
    if (g_hash_table_add (known, all[i]))
      g_ptr_array_add (names, all[i]);
    else
      g_free (all[i]);
}

/* -- one more dataset ----------------------------------------------------------------------------- */

static GHashTable *
get_index (Pending *pending, MusterDatasetProcess *process)
{
  GHashTable *index = g_hash_table_lookup (pending->indexes, process->worker);

  if (index != NULL)
    return index;
  index = muster_metric_index_new ();
  for (guint i = 0; i < process->metrics->len; i++)
    muster_metric_index_merge (index, NULL, process->metrics->pdata[i], FALSE, pending->dataset->arena);
  g_hash_table_insert (pending->indexes, process->worker, index);
  return index;
}

/* What one process reported late is in a dataset of its own. A shape is of one of them only, and goes. */
static void
merge_process (Pending *pending, MusterDatasetProcess *into, const MusterDatasetProcess *from)
{
  GHashTable *index = get_index (pending, into);
  gboolean is_newer = from->end_ns >= into->end_ns;

  into->overflow += from->overflow;
  for (guint i = 0; i < from->metrics->len; i++)
    into->overflow +=
        muster_metric_index_merge (index, into->metrics, from->metrics->pdata[i], is_newer, pending->dataset->arena);
  g_clear_pointer (&into->shape, g_variant_unref);
  if (is_newer)
    into->pid = from->pid;
  if (from->end_ns == 0)
    return;
  into->start_ns = into->end_ns == 0 ? from->start_ns : MIN (into->start_ns, from->start_ns);
  into->end_ns = MAX (into->end_ns, from->end_ns);
}

static void
take_process (Pending *pending, MusterDatasetProcess *process)
{
  MusterDataset *into = pending->dataset;
  MusterDatasetProcess *known = g_hash_table_lookup (into->by_worker, process->worker);

  if (into->is_late)
    g_ptr_array_add (into->late, g_strdup (process->worker));
  if (known == NULL)
    {
      g_hash_table_insert (into->by_worker, process->worker, process);
      g_ptr_array_add (into->processes, process);
      return;
    }
  merge_process (pending, known, process);
  muster_dataset_process_free (process);
}

static void
move_names (GPtrArray *into, GPtrArray *from)
{
  gsize n;
  g_autofree gpointer *names = g_ptr_array_steal (from, &n);

  for (gsize i = 0; i < n; i++)
    g_ptr_array_add (into, names[i]);
}

static guint
add_counts (guint a, guint b)
{
  return a > G_MAXUINT - b ? G_MAXUINT : a + b;
}

/* Leaves nothing of @dataset, which nobody else has. */
static void
take_dataset (Pending *pending, MusterDataset *dataset)
{
  MusterDataset *into = pending->dataset;
  gsize n;
  g_autofree gpointer *processes = g_ptr_array_steal (dataset->processes, &n);

  muster_arena_adopt (into->arena, dataset->arena);
  dataset->arena = muster_arena_new ();
  for (gsize i = 0; i < n; i++)
    take_process (pending, processes[i]);
  move_names (into->late, dataset->late);
  move_names (into->partial, dataset->partial);
  into->n_expected = add_counts (into->n_expected, dataset->n_expected);
  into->n_reported = add_counts (into->n_reported, dataset->n_reported);
  into->n_merged++;
}

/* Name and interval. */
static guint64
make_key (const MusterDataset *dataset)
{
  guint64 words[5] = { XXH3_64bits (dataset->name, strlen (dataset->name)), (guint64) dataset->start_ns,
                       (guint64) dataset->end_ns, (guint64) dataset->interval_ns };

  memcpy (&words[4], &dataset->scale_factor, sizeof words[4]);
  return XXH3_64bits (words, sizeof words);
}

static Pending *
get_pending (MusterDatasetMerge *merge, const MusterDataset *dataset, gint64 now_ns)
{
  guint64 key = make_key (dataset);
  Pending *pending = g_hash_table_lookup (merge->by_key, &key);

  if (pending != NULL)
    return pending;
  pending = g_new0 (Pending, 1);
  pending->key = key;
  pending->due_ns = now_ns + MIN (dataset->interval_ns / 2, WAIT_MAX_NS);
  pending->indexes = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) g_hash_table_unref);
  pending->dataset = muster_dataset_new ();
  pending->dataset->id = dataset->id;
  pending->dataset->name = g_strdup (dataset->name);
  pending->dataset->start_ns = dataset->start_ns;
  pending->dataset->end_ns = dataset->end_ns;
  pending->dataset->interval_ns = dataset->interval_ns;
  pending->dataset->scale_factor = dataset->scale_factor;
  pending->dataset->interrupted = dataset->end_ns <= merge->began_ns;
  pending->dataset->is_late = memory_has (&merge->delivered, key);
  g_ptr_array_add (merge->pending, pending);
  g_hash_table_insert (merge->by_key, &pending->key, pending);
  return pending;
}

/* About what it takes; more with @prefix_length bytes before each name. Its arena counts twice, for arrays of what is in it, and
 * for shapes. */
static gsize
measure (const MusterDataset *dataset, gsize prefix_length)
{
  return 2 * muster_arena_get_size (dataset->arena)
         + 2 * (gsize) dataset->processes->len * (PROCESS_SIZE + prefix_length)
         + ((gsize) dataset->late->len + dataset->partial->len) * (NAME_SIZE + prefix_length);
}

static gboolean
has_room (MusterDatasetMerge *merge, gsize size, GError **error)
{
  if (merge->size + size <= merge->room && merge->pending->len < 2 * PENDING_MAX)
    return TRUE;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE,
               "%u intervals wait to be merged, and take %" G_GSIZE_FORMAT " MiB already", merge->pending->len,
               merge->size >> 20);
  return FALSE;
}

static gboolean
add_dataset (MusterDatasetMerge *merge, MusterDataset *dataset, const MusterOrigin *origin, gint64 now_ns,
             GError **error)
{
  g_autofree char *prefix = NULL;
  Pending *pending;
  gsize size;

  if (dataset->n_merged > 0)
    return TRUE;
  prefix = make_prefix (origin);
  size = measure (dataset, strlen (prefix));
  if (!has_room (merge, size, error))
    return FALSE;
  if (!put_before_names (dataset, prefix))
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT,
                           "host, cluster and worker together are no short name in UTF-8");
      return FALSE;
    }
  pending = get_pending (merge, dataset, now_ns);
  take_dataset (pending, dataset);
  pending->size += size;
  merge->size += size;
  return TRUE;
}

/* -- parts ---------------------------------------------------------------------------------------- */

static void
forget_partial (MusterDatasetMerge *merge, guint index)
{
  merge->size -= ((Partial *) merge->partials->pdata[index])->size;
  g_ptr_array_remove_index (merge->partials, index);
}

/* What there is of that stream; NULL if there is nothing. */
static MusterDataset *
take_partial (MusterDatasetMerge *merge, const guint8 *stream)
{
  for (guint i = 0; i < merge->partials->len; i++)
    {
      Partial *partial = merge->partials->pdata[i];
      MusterDataset *dataset;

      if (memcmp (partial->stream, stream, MUSTER_STREAM_ID_SIZE) != 0)
        continue;
      dataset = g_steal_pointer (&partial->dataset);
      forget_partial (merge, i);
      return dataset;
    }
  return NULL;
}

/* Where there is no room, what has waited longest for its last part goes: it may never come. */
static gboolean
keep_partial (MusterDatasetMerge *merge, const guint8 *stream, MusterDataset *dataset, gint64 now_ns, GError **error)
{
  gsize size = measure (dataset, 0) + sizeof (Partial);
  Partial *partial;

  while (merge->partials->len > 0 && (merge->partials->len == PARTIAL_MAX || merge->size + size > merge->room))
    forget_partial (merge, 0);
  if (!has_room (merge, size, error))
    {
      muster_dataset_unref (dataset);
      return FALSE;
    }
  partial = g_new0 (Partial, 1);
  memcpy (partial->stream, stream, sizeof partial->stream);
  partial->dataset = dataset;
  partial->since_ns = now_ns;
  partial->size = size;
  merge->size += size;
  g_ptr_array_add (merge->partials, partial);
  return TRUE;
}

static void
forget_old_partials (MusterDatasetMerge *merge, gint64 now_ns)
{
  while (merge->partials->len > 0 && now_ns - ((Partial *) merge->partials->pdata[0])->since_ns > PARTIAL_AGE_NS)
    forget_partial (merge, 0);
}

static gboolean
is_new (MusterDatasetMerge *merge, const MusterEntry *entry)
{
  return memory_add (&merge->seen,
                     XXH3_64bits_withSeed (entry->origin->stream, MUSTER_STREAM_ID_SIZE, entry->sequence));
}

static gboolean
add_entry (MusterDatasetMerge *merge, const MusterEntry *entry, gint64 now_ns, GError **error)
{
  g_autoptr (MusterDataset) complete = NULL;
  MusterDataset *partial;
  gboolean is_good;

  if (!is_new (merge, entry))
    return TRUE;
  partial = take_partial (merge, entry->origin->stream);
  is_good = muster_dataset_assemble (&partial, entry, &complete);
  if (partial != NULL && !keep_partial (merge, entry->origin->stream, partial, now_ns, error))
    return FALSE;
  if (!is_good)
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT,
                 "%" G_GSIZE_FORMAT " bytes are none (muster.v1.Dataset, strings in UTF-8)", entry->body_length);
  return is_good && (complete == NULL || add_dataset (merge, complete, entry->origin, now_ns, error));
}

static void
explain (GError **error, const MusterEntry *entry)
{
  g_autofree char *prefix = make_prefix (entry->origin);
  g_autofree char *text = g_utf8_make_valid (prefix, -1);

  g_prefix_error (error, "dataset %" G_GUINT64_FORMAT " of %s: ", entry->sequence, text);
}

gboolean
muster_dataset_merge_add (MusterDatasetMerge *merge, MusterBatch *batch, gint64 now_ns, GError **error)
{
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);
  gboolean are_good = TRUE;
  MusterEntryIter iter;
  MusterEntry entry;

  forget_old_partials (merge, now_ns);
  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    {
      GError **wanted = are_good ? error : NULL;

      if (entry.kind != MUSTER_ENTRY_DATASET || entry.origin == NULL || add_entry (merge, &entry, now_ns, wanted))
        continue;
      if (wanted != NULL)
        explain (wanted, &entry);
      are_good = FALSE;
    }
  return are_good;
}

/* -- deliveries ----------------------------------------------------------------------------------- */

static gboolean
is_full (const MusterDatasetMerge *merge)
{
  return merge->pending->len > 0 && (merge->size > merge->room / 4 * 3 || merge->pending->len > PENDING_MAX);
}

gint64
muster_dataset_merge_get_due (MusterDatasetMerge *merge)
{
  gint64 due_ns = -1;

  if (is_full (merge))
    return 0;
  for (guint i = 0; i < merge->pending->len; i++)
    {
      const Pending *pending = merge->pending->pdata[i];

      if (due_ns == -1 || pending->due_ns < due_ns)
        due_ns = pending->due_ns;
    }
  return due_ns;
}

static MusterDataset *
deliver (MusterDatasetMerge *merge, guint index)
{
  Pending *pending = merge->pending->pdata[index];
  MusterDataset *dataset = g_steal_pointer (&pending->dataset);

  merge->size -= pending->size;
  memory_add (&merge->delivered, pending->key);
  g_hash_table_remove (merge->by_key, &pending->key);
  g_ptr_array_remove_index (merge->pending, index);
  remove_duplicates (dataset->late);
  remove_duplicates (dataset->partial);
  muster_dataset_seal (dataset);
  return dataset;
}

static int
compare_datasets (gconstpointer a, gconstpointer b)
{
  const MusterDataset *dataset_a = *(MusterDataset *const *) a;
  const MusterDataset *dataset_b = *(MusterDataset *const *) b;

  if (dataset_a->end_ns != dataset_b->end_ns)
    return dataset_a->end_ns < dataset_b->end_ns ? -1 : 1;
  return strcmp (dataset_a->name, dataset_b->name);
}

GPtrArray *
muster_dataset_merge_collect (MusterDatasetMerge *merge, gint64 now_ns)
{
  GPtrArray *datasets = g_ptr_array_new_with_free_func ((GDestroyNotify) muster_dataset_unref);

  for (guint i = 0; i < merge->pending->len;)
    if (((Pending *) merge->pending->pdata[i])->due_ns <= now_ns)
      g_ptr_array_add (datasets, deliver (merge, i));
    else
      i++;
  while (is_full (merge))
    g_ptr_array_add (datasets, deliver (merge, 0));
  g_ptr_array_sort (datasets, compare_datasets);
  return datasets;
}
