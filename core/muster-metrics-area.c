/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where a worker's metrics lie: in its journal's file, so that they outlive it. The table and the metrics object, which
 * own it, see to it that each function has the callers that it may have; memory for names has a lock of its own.
 *
 * A forked child must not count in its parent's area: it gets a private copy in the same place.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "muster-error.h"
#include "muster-metrics-area-layout-private.h"

/* Set aside for the keys and texts of one metric, on average; what needs more may have it, while there is room. */
#define NAME_BYTES 32u
#define NAMES_MIN  (32u * 1024)
#define SIZE_MIN   (MUSTER_METRICS_AREA_METRICS + NAMES_MIN)
#define PAGE       4096u
#define SKETCHES   MUSTER_SKETCH_ARENA_DEFAULT
#define AREA_MAX   ((gsize) 64 << 20) /* of the metrics of one name */

/* Blocks for names: multiples of 16 bytes up to 256, then powers of two. */
#define FINE_STEP  16u
#define FINE_MAX   256u
#define N_FINE     (FINE_MAX / FINE_STEP)
#define N_CLASSES  (N_FINE + 8)
#define COARSE_MAX (FINE_MAX << 8)

struct _MusterMetricsArea
{
  int fd; /* owned; for the copy that a forked child needs */
  off_t offset;
  gsize size;
  MusterMetricsAreaHeader *header; /* the mapping */
  guint8 *staging;
  MusterMetricSlot *metrics;
  guint n_metrics;
  MusterMetricsAreaSnapshot snapshot; /* what the header will say next */
  MusterSketchArena sketches;

  pthread_mutex_t lock;
  guint8 *next;             /* under lock; of the arena, what has never been used */
  guint8 *end;              /* of the names */
  gboolean closed;          /* under lock */
  gpointer free[N_CLASSES]; /* under lock; blocks that were released, each holding the address of the next */

  MusterMetricsArea *other; /* under areas_lock */
};

static pthread_mutex_t areas_lock = PTHREAD_MUTEX_INITIALIZER;
static MusterMetricsArea *areas;

/* The compiler must not move anything across: death comes between two instructions, and the stores before it are seen.
 * The processor need not be told. */
static inline void
keep_order (void)
{
  atomic_signal_fence (memory_order_seq_cst);
}

/* -- fork ---------------------------------------------------------------------------------------- */

/* What another thread was doing at the fork will never end here; what it was writing does not count yet. Each metric is
 * written to, so that this process has pages of its own from now on. What was released may be the parent's again, and
 * so may what the sketches of metrics have. */
static void
make_private (MusterMetricsArea *area)
{
  guint n = MIN (atomic_load (&area->header->n_used), area->n_metrics);

  if (mmap (area->header, area->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, area->fd, area->offset)
      == MAP_FAILED)
    return;
  for (guint i = 0; i < n; i++)
    {
      MusterMetricSlot *metric = &area->metrics[i];

      metric->sketch = (MusterSketchLive){ .is_lost = metric->sketch.positive != 0 || metric->sketch.negative != 0 };
      atomic_store (&metric->sequence, atomic_load (&metric->sequence) & ~1u);
    }
  memset (area->free, 0, sizeof area->free);
  muster_sketch_arena_forget_file (&area->sketches);
}

static void
before_fork (void)
{
  pthread_mutex_lock (&areas_lock);
  for (MusterMetricsArea *area = areas; area != NULL; area = area->other)
    {
      pthread_mutex_lock (&area->lock);
      pthread_mutex_lock (&area->sketches.lock);
    }
}

static void
after_fork (void)
{
  for (MusterMetricsArea *area = areas; area != NULL; area = area->other)
    {
      pthread_mutex_unlock (&area->sketches.lock);
      pthread_mutex_unlock (&area->lock);
    }
  pthread_mutex_unlock (&areas_lock);
}

static void
after_fork_in_child (void)
{
  for (MusterMetricsArea *area = areas; area != NULL; area = area->other)
    make_private (area);
  after_fork ();
}

static void
register_area (MusterMetricsArea *area)
{
  static gboolean registered = FALSE;

  pthread_mutex_lock (&areas_lock);
  area->other = areas;
  areas = area;
  if (!registered)
    pthread_atfork (before_fork, after_fork, after_fork_in_child);
  registered = TRUE;
  pthread_mutex_unlock (&areas_lock);
}

static void
unregister_area (MusterMetricsArea *area)
{
  MusterMetricsArea **at = &areas;

  pthread_mutex_lock (&areas_lock);
  while (*at != area)
    at = &(*at)->other;
  *at = area->other;
  pthread_mutex_unlock (&areas_lock);
}

/* -- the whole ----------------------------------------------------------------------------------- */

gsize
muster_metrics_area_get_allocated_size (guint max_metrics)
{
  gsize n = MIN (max_metrics, AREA_MAX / 4 / sizeof (MusterMetricSlot));
  gsize size = SIZE_MIN + n * (sizeof (MusterMetricSlot) + NAME_BYTES);

  return (size + PAGE - 1) & ~(gsize) (PAGE - 1);
}

gsize
muster_metrics_area_get_size (guint max_metrics)
{
  return muster_metrics_area_get_allocated_size (max_metrics) + SKETCHES;
}

gboolean
muster_metrics_area_allocate (int fd, off_t offset, guint max_metrics, GError **error)
{
  gsize size = muster_metrics_area_get_allocated_size (max_metrics);
  int result;

  do
    result = posix_fallocate (fd, offset, (off_t) size);
  while (result == EINTR);
  if (result == 0)
    return TRUE;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE,
               "cannot allocate %" G_GSIZE_FORMAT " bytes for metrics: %s; make room or lower max-metrics", size,
               g_strerror (result));
  return FALSE;
}

/* The first area that nobody has taken: several metrics have theirs one behind the other. Returns what is left from there
 * on. */
static gsize
find_free (int fd, off_t *offset, gsize left)
{
  MusterMetricsAreaHeader header;

  while (left > SIZE_MIN && pread (fd, &header, sizeof header, *offset) == (gssize) sizeof header
         && atomic_load (&header.owner) != 0)
    {
      if (header.size == 0 || header.size >= left)
        return 0;
      *offset += (off_t) header.size;
      left -= header.size;
    }
  return left;
}

static gboolean
map (MusterMetricsArea *area, int fd, guint max_metrics, GError **error)
{
  MusterJournalIdentity identity;
  gsize ring_size, left;
  gpointer base;

  if (!muster_journal_read_identity (fd, &identity, &ring_size, error))
    return FALSE;
  area->offset = (off_t) (MUSTER_JOURNAL_HEADER_SIZE + ring_size);
  left = find_free (fd, &area->offset, identity.area_size);
  area->size = MIN (left, muster_metrics_area_get_size (max_metrics));
  if (area->size <= SIZE_MIN + SKETCHES)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "the journal's area for metrics %s",
                   identity.area_size <= SIZE_MIN ? "does not exist" : "is in use already");
      return FALSE;
    }
  area->fd = fcntl (fd, F_DUPFD_CLOEXEC, 3);
  base =
      area->fd < 0 ? MAP_FAILED : mmap (NULL, area->size, PROT_READ | PROT_WRITE, MAP_SHARED, area->fd, area->offset);
  if (base != MAP_FAILED)
    {
      area->header = base;
      return TRUE;
    }
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "cannot map the journal's area for metrics: %s",
               g_strerror (errno));
  return FALSE;
}

static void
divide (MusterMetricsArea *area, const MusterMetricsOptions *options)
{
  MusterMetricsAreaHeader *header = area->header;
  guint8 *base = (guint8 *) header;
  gsize rest = area->size - SIZE_MIN - SKETCHES;

  area->n_metrics = (guint) MIN (options->max_metrics, rest / (sizeof (MusterMetricSlot) + NAME_BYTES));
  area->staging = base + MUSTER_METRICS_AREA_HEADER_SIZE;
  area->metrics = (MusterMetricSlot *) (base + MUSTER_METRICS_AREA_METRICS);
  area->next = (guint8 *) (area->metrics + area->n_metrics);
  area->end = base + area->size - SKETCHES;
  muster_sketch_arena_init_in_file (&area->sketches, area->end, MIN (options->sketch_bytes, SKETCHES), area->fd,
                                    area->offset + (off_t) (area->size - SKETCHES), &header->sketches_used);

  header->header_size = MUSTER_METRICS_AREA_HEADER_SIZE;
  header->n_metrics = area->n_metrics;
  header->base = (guint64) (guintptr) base;
  header->interval_ns = options->interval_us * 1000;
  header->scale_factor = options->scale_factor;
  header->persist = (guint32) options->persist;
  header->sketches = area->size - SKETCHES;
  header->size = area->size;
  g_strlcpy (header->name, options->name, sizeof header->name);
  keep_order ();
  memcpy (header->magic, MUSTER_METRICS_AREA_MAGIC, sizeof header->magic);
}

MusterMetricsArea *
muster_metrics_area_open (int fd, const MusterMetricsOptions *options, GError **error)
{
  g_autoptr (MusterMetricsArea) area = g_new0 (MusterMetricsArea, 1);
  MusterMetricsOptions copy;
  g_autofree char *name = NULL;
  guint32 nobody = 0;

  area->fd = -1;
  pthread_mutex_init (&area->lock, NULL);
  muster_metrics_options_copy (&copy, options);
  name = copy.name;
  if (!map (area, fd, copy.max_metrics, error))
    return NULL;
  if (!atomic_compare_exchange_strong (&area->header->owner, &nobody, (guint32) getpid ()))
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE,
                           "the journal's area for metrics is in use already");
      return NULL;
    }
  divide (area, &copy);
  register_area (area);
  return g_steal_pointer (&area);
}

void
muster_metrics_area_free (MusterMetricsArea *area)
{
  if (area->metrics != NULL)
    unregister_area (area);
  if (area->header != NULL)
    munmap (area->header, area->size);
  if (area->metrics != NULL)
    muster_sketch_arena_clear (&area->sketches);
  if (area->fd >= 0)
    close (area->fd);
  pthread_mutex_destroy (&area->lock);
  g_free (area);
}

MusterMetricSlot *
muster_metrics_area_get_metrics (MusterMetricsArea *area, guint *n)
{
  *n = area->n_metrics;
  return area->metrics;
}

void
muster_metrics_area_set_n_used (MusterMetricsArea *area, guint n_used)
{
  atomic_store (&area->header->n_used, MIN (n_used, area->n_metrics));
}

MusterSketchArena *
muster_metrics_area_get_sketches (MusterMetricsArea *area)
{
  return &area->sketches;
}

_Atomic guint64 *
muster_metrics_area_get_overflow (MusterMetricsArea *area)
{
  return &area->header->overflow;
}

/* -- names --------------------------------------------------------------------------------------- */

/* The class of blocks in which @size bytes fit, and how large these are; FALSE: none. */
static gboolean
find_class (gsize size, guint *class, gsize *block_size)
{
  if (size == 0 || size > COARSE_MAX)
    return FALSE;
  if (size <= FINE_MAX)
    {
      *class = (guint) ((size - 1) / FINE_STEP);
      *block_size = (*class + 1) * FINE_STEP;
      return TRUE;
    }
  *class = N_FINE - 1;
  *block_size = FINE_MAX;
  while (*block_size < size)
    {
      (*class)++;
      *block_size *= 2;
    }
  return TRUE;
}

static gpointer
take_block (MusterMetricsArea *area, guint class, gsize block_size)
{
  gpointer block = area->free[class];

  if (block != NULL)
    {
      memcpy (&area->free[class], block, sizeof (gpointer));
      return block;
    }
  if ((gsize) (area->end - area->next) < block_size)
    return NULL;
  block = area->next;
  area->next += block_size;
  return block;
}

gpointer
muster_metrics_area_alloc (MusterMetricsArea *area, gsize size)
{
  gpointer block = NULL;
  guint class;
  gsize block_size;

  if (area != NULL && find_class (size, &class, &block_size))
    {
      pthread_mutex_lock (&area->lock);
      block = take_block (area, class, block_size);
      pthread_mutex_unlock (&area->lock);
    }
  return block != NULL ? block : g_malloc (size);
}

void
muster_metrics_area_release (MusterMetricsArea *area, gpointer memory, gsize size)
{
  guint class;
  gsize block_size;

  if (area == NULL || (guint8 *) memory < (guint8 *) area->metrics || (guint8 *) memory >= area->end)
    {
      g_free (memory);
      return;
    }
  if (!find_class (size, &class, &block_size))
    g_assert_not_reached (); /* or it would not lie here */
  pthread_mutex_lock (&area->lock);
  if (!area->closed)
    {
      memcpy (memory, &area->free[class], sizeof (gpointer));
      area->free[class] = memory;
    }
  pthread_mutex_unlock (&area->lock);
}

void
muster_metrics_area_close (MusterMetricsArea *area)
{
  pthread_mutex_lock (&area->lock);
  area->closed = TRUE;
  pthread_mutex_unlock (&area->lock);
}

/* -- what the header says ------------------------------------------------------------------------ */

static void
publish_interval (MusterMetricsArea *area, const MusterMetricsAreaInterval *interval)
{
  MusterMetricsAreaHeader *header = area->header;
  guint32 next = ~atomic_load (&header->interval) & 1;

  header->intervals[next] = *interval;
  keep_order ();
  atomic_store (&header->interval, next);
  keep_order ();
}

void
muster_metrics_area_set_interval (MusterMetricsArea *area, gint64 begin_ns, gint64 end_ns)
{
  const MusterMetricsAreaInterval interval = { begin_ns, end_ns, MUSTER_METRICS_AREA_RUNNING, 0 };

  publish_interval (area, &interval);
}

void
muster_metrics_area_end_intervals (MusterMetricsArea *area)
{
  const MusterMetricsAreaInterval interval = { .state = MUSTER_METRICS_AREA_ENDED };

  publish_interval (area, &interval);
}

static void
publish_snapshot (MusterMetricsArea *area)
{
  MusterMetricsAreaHeader *header = area->header;
  guint32 next = ~atomic_load_explicit (&header->snapshot, memory_order_relaxed) & 1;

  keep_order ();
  memcpy (&header->snapshots[next], &area->snapshot, sizeof area->snapshot);
  keep_order ();
  atomic_store_explicit (&header->snapshot, next, memory_order_release);
  keep_order ();
}

void
muster_metrics_area_begin_snapshot (MusterMetricsArea *area, gint64 start_ns, gint64 end_ns, gboolean is_partial,
                                    guint n_metrics)
{
  area->snapshot = (MusterMetricsAreaSnapshot){
    .start_ns = start_ns,
    .end_ns = end_ns,
    .overflow_before = area->snapshot.overflow_before,
    .is_active = TRUE,
    .is_partial = (guint32) is_partial,
    .end = MIN (n_metrics, area->n_metrics),
  };
  publish_snapshot (area);
}

guint8 *
muster_metrics_area_get_staging (MusterMetricsArea *area)
{
  return area->staging;
}

void
muster_metrics_area_stage (MusterMetricsArea *area, guint index, guint32 sequence, gsize staged)
{
  area->snapshot.next = index + 1;
  area->snapshot.sequence = sequence;
  area->snapshot.staged = (guint32) staged;
  publish_snapshot (area);
}

void
muster_metrics_area_begin_last_part (MusterMetricsArea *area, guint64 overflow)
{
  area->snapshot.is_last = TRUE;
  area->snapshot.overflow_after = overflow;
  publish_snapshot (area);
}

/* In the copy that counts: it is written while the part is appended, and there is no other one then. */
_Atomic guint64 *
muster_metrics_area_get_mark (MusterMetricsArea *area)
{
  return &area->header->snapshots[atomic_load (&area->header->snapshot)].mark;
}

void
muster_metrics_area_end_part (MusterMetricsArea *area)
{
  MusterMetricsAreaSnapshot *snapshot = &area->snapshot;

  snapshot->part++;
  snapshot->staged = 0;
  if (snapshot->is_last)
    {
      snapshot->is_active = FALSE;
      snapshot->overflow_before = snapshot->overflow_after;
    }
  publish_snapshot (area);
}
