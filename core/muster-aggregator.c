/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Gathers the snapshots of all processes, and makes each interval's dataset. Main context's thread only.
 *
 * A snapshot belongs to the interval in which it ends (one that ends on a boundary, to the interval before). What has
 * come for one interval of one metrics object waits in a Pending until half an interval later. What comes after that
 * is late: it waits in a Pending of its own until its last part has come, a little for others that are late too, and is
 * delivered then.
 */
#include "config.h"

#include <string.h>

#include "muster-contribution-private.h"
#include "muster-expected-private.h"
#include "muster-snapshot-private.h"
#include "muster-time-base-private.h"

/* Intervals of one worker that may wait at once: one that fills its journal while there is no primary has hours of them;
 * more than this is nonsense. Each takes its part of the worker's room, and nobody else's. */
#define PENDING_MAX 8192u
/* What one worker's snapshots may take until they are delivered. With the default of max-metrics no worker has so much to
 * say; one that goes wrong, or means no good, must not fill the memory. */
#define ROOM ((gsize) 256 << 20)
/* Where the time for a delivery has passed already: how long one that came waits for others, at most. */
#define WAIT_NS          (G_GINT64_CONSTANT (250) * 1000000)
#define WAIT_RESTORED_NS (G_GINT64_CONSTANT (1000) * 1000000)

/* One metrics object of the cluster. */
typedef struct
{
  guint id;
  MusterMetricsOptions options;
  gint64 interval_ns;
  gint64 delivered_end_ns; /* the newest interval that was delivered */
} Object;

typedef struct
{
  Object *object; /* borrowed */
  gint64 end_ns;
  gint64 since_ns;           /* when its first snapshot came, */
  gint64 wait_ns;            /* and how long others may follow it, */
  gboolean is_late;          /* where it comes after the time for that */
  MusterArena *arena;        /* owned, nullable likewise */
  GHashTable *contributions; /* owned; worker -> MusterContribution */
} Pending;

struct _MusterAggregator
{
  GPtrArray *objects;
  MusterExpected *expected;
  GPtrArray *pending; /* in order of arrival */
  GHashTable *sizes;  /* worker -> bytes in all its contributions; only where there are any */
  gsize room;         /* for those of one worker */
  MusterTimeBase base;
  gint64 (*clock) (gpointer); /* nullable: the time base */
  gpointer clock_data;
};

static void
object_free (gpointer data)
{
  Object *object = data;

  g_free (object->options.name);
  g_free (object);
}

static void
pending_free (gpointer data)
{
  Pending *pending = data;

  g_hash_table_unref (pending->contributions);
  g_clear_pointer (&pending->arena, muster_arena_free);
  g_free (pending);
}

MusterAggregator *
muster_aggregator_new (void)
{
  MusterAggregator *aggregator = g_new0 (MusterAggregator, 1);

  aggregator->objects = g_ptr_array_new_with_free_func (object_free);
  aggregator->expected = muster_expected_new ();
  aggregator->pending = g_ptr_array_new_with_free_func (pending_free);
  aggregator->sizes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  aggregator->room = ROOM;
  muster_time_base_now (&aggregator->base);
  return aggregator;
}

void
muster_aggregator_free (MusterAggregator *aggregator)
{
  g_ptr_array_unref (aggregator->pending);
  muster_expected_free (aggregator->expected);
  g_ptr_array_unref (aggregator->objects);
  g_hash_table_unref (aggregator->sizes);
  g_free (aggregator);
}

void
muster_aggregator_set_clock (MusterAggregator *aggregator, gint64 (*clock) (gpointer user_data), gpointer user_data)
{
  aggregator->clock = clock;
  aggregator->clock_data = user_data;
}

void
muster_aggregator_set_room (MusterAggregator *aggregator, gsize room)
{
  aggregator->room = room;
}

static gint64
get_now (MusterAggregator *aggregator)
{
  return aggregator->clock != NULL ? aggregator->clock (aggregator->clock_data)
                                   : muster_time_base_read (&aggregator->base);
}

void
muster_aggregator_add_metrics (MusterAggregator *aggregator, const MusterMetricsOptions *options)
{
  Object *object = g_new0 (Object, 1);

  object->id = aggregator->objects->len;
  muster_metrics_options_copy (&object->options, options);
  object->interval_ns = object->options.interval_us * 1000;
  object->delivered_end_ns = G_MININT64;
  g_ptr_array_add (aggregator->objects, object);
}

/* -- who should report -------------------------------------------------------------------------- */

static gint64
get_longest_ns (MusterAggregator *aggregator)
{
  gint64 longest_ns = 0;

  for (guint i = 0; i < aggregator->objects->len; i++)
    longest_ns = MAX (longest_ns, ((Object *) aggregator->objects->pdata[i])->interval_ns);
  return longest_ns;
}

void
muster_aggregator_expect (MusterAggregator *aggregator, const char *worker, guint pid)
{
  muster_aggregator_expect_since (aggregator, worker, pid, get_now (aggregator));
}

void
muster_aggregator_expect_since (MusterAggregator *aggregator, const char *worker, guint pid, gint64 since_ns)
{
  muster_expected_add (aggregator->expected, worker, pid, since_ns);
}

/* Those who are gone are remembered for as long as an interval may be pending in which they were there. */
void
muster_aggregator_unexpect (MusterAggregator *aggregator, const char *worker, guint pid)
{
  gint64 now_ns = get_now (aggregator);

  muster_expected_remove (aggregator->expected, worker, pid, now_ns, now_ns - 2 * get_longest_ns (aggregator));
}

static gboolean
has_reported (const MusterExpectedProcess *process, gpointer user_data)
{
  Pending *pending = user_data;
  MusterContribution *contribution = g_hash_table_lookup (pending->contributions, process->worker);

  return contribution != NULL && muster_contribution_has_reported (contribution, process->pid);
}

/* Those who were there in the interval and did not report; those who did are expected by that. What is late is of whom it
 * is: who else there was, the dataset that was not late has said. */
static guint
count_absent (MusterAggregator *aggregator, Pending *pending)
{
  return pending->is_late
             ? 0
             : muster_expected_count_absent (aggregator->expected, pending->end_ns - pending->object->interval_ns,
                                             pending->end_ns, has_reported, pending);
}

/* -- what they report --------------------------------------------------------------------------- */

static Object *
find_object (MusterAggregator *aggregator, const char *name)
{
  for (guint i = 0; i < aggregator->objects->len; i++)
    {
      Object *object = aggregator->objects->pdata[i];

      if (strcmp (object->options.name, name) == 0)
        return object;
    }
  return NULL;
}

/* The metrics object that a snapshot is of, if it was taken with that object's options. */
static Object *
match_object (MusterAggregator *aggregator, const char *worker, const Muster__V1__Snapshot *snapshot, GError **error)
{
  Object *object = find_object (aggregator, snapshot->name);

  if (object == NULL)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND,
                   "%s: a snapshot is of metrics '%s', which this cluster does not have; add them to it", worker,
                   snapshot->name);
      return NULL;
    }
  if (snapshot->interval != (guint64) object->interval_ns || snapshot->scale_factor != object->options.scale_factor)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                   "%s: a snapshot of metrics '%s' has interval %g ms and scale factor %g, the cluster %g ms and %g; "
                   "start that worker again with the cluster's",
                   worker, snapshot->name, (double) snapshot->interval / 1e6, snapshot->scale_factor,
                   (double) object->interval_ns / 1e6, object->options.scale_factor);
      return NULL;
    }
  return object;
}

static Pending *
get_pending (MusterAggregator *aggregator, Object *object, gint64 end_ns)
{
  gboolean is_late = end_ns <= object->delivered_end_ns;
  Pending *pending;

  for (guint i = aggregator->pending->len; i > 0; i--)
    {
      pending = aggregator->pending->pdata[i - 1];
      if (pending->object == object && pending->end_ns == end_ns)
        return pending;
    }
  pending = g_new0 (Pending, 1);
  pending->object = object;
  pending->end_ns = end_ns;
  pending->since_ns = get_now (aggregator);
  pending->wait_ns = MIN (object->interval_ns / 2, WAIT_NS);
  pending->is_late = is_late;
  pending->arena = muster_arena_new ();
  pending->contributions =
      g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) muster_contribution_free);
  g_ptr_array_add (aggregator->pending, pending);
  return pending;
}

static MusterContribution *
get_contribution (Pending *pending, const char *worker, guint pid)
{
  MusterContribution *contribution = g_hash_table_lookup (pending->contributions, worker);

  if (contribution == NULL)
    {
      contribution = muster_contribution_new (worker, pid, pending->arena);
      g_hash_table_insert (pending->contributions, (gpointer) muster_contribution_get_worker (contribution),
                           contribution);
    }
  return contribution;
}

static gsize
get_size (MusterAggregator *aggregator, const char *worker)
{
  return GPOINTER_TO_SIZE (g_hash_table_lookup (aggregator->sizes, worker));
}

static void
set_size (MusterAggregator *aggregator, const char *worker, gsize size)
{
  if (size == 0)
    g_hash_table_remove (aggregator->sizes, worker);
  else
    g_hash_table_replace (aggregator->sizes, g_strdup (worker), GSIZE_TO_POINTER (size));
}

/* What @snapshot, decoded into @arena, takes; 0 if @worker has no room for it. An entry's length tells little: of many short
 * strings, or fields that nobody knows, it is a small part. */
static gsize
measure (MusterAggregator *aggregator, const char *worker, const MusterArena *arena,
         const Muster__V1__Snapshot *snapshot, GError **error)
{
  gsize size = muster_arena_get_size (arena) + snapshot->n_metrics * sizeof (Muster__V1__Metric *)
               + muster_contribution_get_part_size ();

  if (get_size (aggregator, worker) + size <= aggregator->room)
    return size;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE,
               "%s: its metrics that wait for their delivery take %" G_GSIZE_FORMAT
               " MiB already, or are of %u intervals",
               worker, aggregator->room >> 20, PENDING_MAX);
  return 0;
}

static Pending *
add (MusterAggregator *aggregator, const char *worker, guint pid, const MusterEntry *entry, GError **error)
{
  g_autoptr (MusterArena) arena = muster_arena_new ();
  Muster__V1__Snapshot *snapshot = muster_snapshot_read (worker, entry, arena, error);
  Object *object;
  Pending *pending;
  MusterContribution *contribution;
  gint64 end_ns;
  gsize size, before;

  if (snapshot == NULL)
    return NULL;
  object = match_object (aggregator, worker, snapshot, error);
  if (object == NULL)
    return NULL;
  end_ns = muster_boundary_at_or_after ((gint64) snapshot->end, object->options.start_time_ns, object->interval_ns);
  if (end_ns < object->interval_ns)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT, "%s: an interval of metrics '%s' begins before 1970",
                   worker, snapshot->name);
      return NULL;
    }
  size = measure (aggregator, worker, arena, snapshot, error);
  if (size == 0)
    return NULL;
  pending = get_pending (aggregator, object, end_ns);
  contribution = get_contribution (pending, worker, pid);
  before = muster_arena_get_size (pending->arena);
  if (!muster_contribution_add (contribution, pid, snapshot))
    return pending;
  if (muster_contribution_get_size (contribution) == 0)
    size += aggregator->room / PENDING_MAX;
  size += muster_arena_get_size (pending->arena) - before; /* what was merged */
  muster_contribution_grow (contribution, size);
  set_size (aggregator, worker, get_size (aggregator, worker) + size);
  muster_arena_adopt (pending->arena, g_steal_pointer (&arena));
  return pending;
}

gboolean
muster_aggregator_add (MusterAggregator *aggregator, const char *worker, guint pid, const MusterEntry *entry,
                       GError **error)
{
  return add (aggregator, worker, pid, entry, error) != NULL;
}

gboolean
muster_aggregator_add_at (MusterAggregator *aggregator, const char *worker, guint pid, const MusterEntry *entry,
                          MusterAggregatorPlace *place, GError **error)
{
  const Pending *pending = add (aggregator, worker, pid, entry, error);

  if (pending == NULL)
    return FALSE;
  *place = (MusterAggregatorPlace){ pending->object->id, pending->end_ns, pending->is_late };
  return TRUE;
}

gboolean
muster_aggregator_restore (MusterAggregator *aggregator, const char *worker, guint pid, const MusterEntry *entry,
                           gboolean is_late, GError **error)
{
  Pending *pending = add (aggregator, worker, pid, entry, error);

  if (pending == NULL)
    return FALSE;
  pending->is_late = is_late;
  pending->wait_ns = MIN (pending->object->interval_ns / 2, WAIT_RESTORED_NS);
  return TRUE;
}

void
muster_aggregator_begin (MusterAggregator *aggregator)
{
  gint64 now_ns = get_now (aggregator);

  for (guint i = 0; i < aggregator->objects->len; i++)
    {
      Object *object = aggregator->objects->pdata[i];

      object->delivered_end_ns = muster_boundary_at_or_before (now_ns - object->interval_ns / 2,
                                                               object->options.start_time_ns, object->interval_ns);
    }
}

/* -- deliveries --------------------------------------------------------------------------------- */

static gboolean
waits_for_parts (const Pending *pending)
{
  GHashTableIter iter;
  gpointer contribution;

  g_hash_table_iter_init (&iter, pending->contributions);
  while (g_hash_table_iter_next (&iter, NULL, &contribution))
    if (muster_contribution_is_open (contribution))
      return TRUE;
  return FALSE;
}

static gint64
get_pending_due (const Pending *pending)
{
  gint64 half_ns = pending->object->interval_ns / 2;

  if (pending->is_late && waits_for_parts (pending))
    return pending->since_ns + half_ns;
  return MAX (pending->end_ns + half_ns, pending->since_ns + pending->wait_ns);
}

gint64
muster_aggregator_get_due (MusterAggregator *aggregator)
{
  gint64 due_ns = -1;

  for (guint i = 0; i < aggregator->pending->len; i++)
    {
      gint64 this_ns = get_pending_due (aggregator->pending->pdata[i]);

      if (due_ns == -1 || this_ns < due_ns)
        due_ns = this_ns;
    }
  return due_ns;
}

static void
deliver_contributions (MusterAggregator *aggregator, Pending *pending, MusterDataset *dataset)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, pending->contributions);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      MusterContribution *contribution = value;
      const char *worker = muster_contribution_get_worker (contribution);

      set_size (aggregator, worker, get_size (aggregator, worker) - muster_contribution_get_size (contribution));
      dataset->n_reported += muster_contribution_count_processes (contribution);
      if (pending->is_late)
        g_ptr_array_add (dataset->late, g_strdup (worker));
      if (muster_contribution_is_partial (contribution))
        g_ptr_array_add (dataset->partial, g_strdup (worker));
      g_ptr_array_add (dataset->processes, muster_contribution_steal_process (contribution));
    }
}

static MusterDataset *
deliver (MusterAggregator *aggregator, Pending *pending)
{
  MusterDataset *dataset = muster_dataset_new ();
  Object *object = pending->object;
  guint n_absent = count_absent (aggregator, pending);

  dataset->id = object->id;
  dataset->name = g_strdup (object->options.name);
  dataset->is_late = pending->is_late;
  dataset->end_ns = pending->end_ns;
  dataset->start_ns = pending->end_ns - object->interval_ns;
  dataset->interval_ns = object->interval_ns;
  dataset->scale_factor = object->options.scale_factor;
  muster_arena_adopt (dataset->arena, g_steal_pointer (&pending->arena));
  deliver_contributions (aggregator, pending, dataset);
  dataset->n_expected = dataset->n_reported + n_absent;
  muster_dataset_seal (dataset);
  object->delivered_end_ns = MAX (object->delivered_end_ns, pending->end_ns);
  return dataset;
}

static int
compare_pending (gconstpointer a, gconstpointer b)
{
  const Pending *pending_a = *(Pending *const *) a;
  const Pending *pending_b = *(Pending *const *) b;

  if (pending_a->end_ns != pending_b->end_ns)
    return pending_a->end_ns < pending_b->end_ns ? -1 : 1;
  return pending_a->object->id < pending_b->object->id ? -1 : 1;
}

GPtrArray *
muster_aggregator_collect (MusterAggregator *aggregator, gint64 now_ns)
{
  g_autoptr (GPtrArray) due = g_ptr_array_new_with_free_func (pending_free);
  GPtrArray *datasets = g_ptr_array_new_with_free_func ((GDestroyNotify) muster_dataset_unref);

  for (guint i = 0; i < aggregator->pending->len;)
    {
      Pending *pending = aggregator->pending->pdata[i];

      if (get_pending_due (pending) <= now_ns)
        g_ptr_array_add (due, g_ptr_array_steal_index (aggregator->pending, i));
      else
        i++;
    }
  g_ptr_array_sort (due, compare_pending);
  for (guint i = 0; i < due->len; i++)
    g_ptr_array_add (datasets, deliver (aggregator, due->pdata[i]));
  return datasets;
}
