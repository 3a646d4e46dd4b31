/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The cluster's metrics, from snapshots to deliveries. The cluster's thread only.
 */
#include "config.h"

#include "muster-dataset-struct-private.h"
#include "muster-delivery-private.h"
#include "muster-merger-private.h"
#include "muster-pending-store-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define NS_PER_S G_GINT64_CONSTANT (1000000000)
/* Between two records about snapshots that cannot be used: a worker that goes wrong must not drown the primary's own. */
#define WARNING_PAUSE_US (10 * G_TIME_SPAN_SECOND)

struct _MusterDelivery
{
  MusterJournal *journal; /* owned reference */
  MusterLogger *logger;   /* owned reference */
  MusterTimeBase base;
  GPtrArray *metrics;           /* owned; of MusterMetrics */
  MusterAggregator *aggregator; /* owned */
  MusterPendingStore *store;    /* owned */
  MusterMerger *merger;         /* owned */
  gboolean is_store_broken;     /* that has been said */
  guint64 n_kept;               /* batches; in the thread that keeps them */
  guint64 n_added;              /* of these, those that have come; in the cluster's */
  int timer_fd;                 /* on CLOCK_BOOTTIME, which neither steps nor stops in a suspended machine */
  GSource *timer;               /* owned */
  gboolean attached;
  gint64 warned_us; /* when a snapshot that cannot be used was last spoken of */
  guint unsaid;     /* those since that were not */
  MusterShapeFunc shape;
  MusterDeliverFunc deliver;
  gpointer user_data;
};

/* A datum that cannot be journalled is counted there, as a gap; the delivery itself is not held up. */
static void
append (MusterDelivery *self, GPtrArray *entries)
{
  for (guint i = 0; i < entries->len; i++)
    {
      gsize size;
      gconstpointer bytes = g_bytes_get_data (g_ptr_array_index (entries, i), &size);

      muster_journal_append (self->journal, bytes, size, MUSTER_JOURNAL_USE_RESERVE);
    }
}

static void
append_dataset (MusterDelivery *self, MusterDataset *dataset)
{
  g_autoptr (GPtrArray) entries = muster_dataset_encode (dataset);

  append (self, entries);
}

/* Sets the timer for the next dataset, or stops it. */
static void
arm (MusterDelivery *self)
{
  gint64 due_ns = muster_aggregator_get_due (self->aggregator);
  struct itimerspec when = { 0 };

  if (due_ns >= 0)
    {
      gint64 boottime_ns = MAX (due_ns - self->base.realtime_ns + self->base.boottime_ns, 1);

      when.it_value.tv_sec = (time_t) (boottime_ns / NS_PER_S);
      when.it_value.tv_nsec = (long) (boottime_ns % NS_PER_S);
    }
  timerfd_settime (self->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void
collect (MusterDelivery *self, gint64 now_ns)
{
  g_autoptr (GPtrArray) datasets = muster_aggregator_collect (self->aggregator, now_ns);

  for (guint i = 0; i < datasets->len; i++)
    {
      MusterDataset *dataset = g_ptr_array_index (datasets, i);

      self->shape (dataset, self->user_data);
      append_dataset (self, dataset);
      muster_pending_store_remove (self->store, dataset->name, dataset->end_ns, dataset->is_late);
      self->deliver (dataset, self->user_data);
    }
}

/* Whose processes have the shapes that their own primaries gave them. */
static void
merged_cb (MusterDataset *dataset, gpointer user_data)
{
  MusterDelivery *self = user_data;

  append_dataset (self, dataset);
  self->deliver (dataset, self->user_data);
}

static gboolean
timer_cb (int fd, GIOCondition condition, gpointer user_data)
{
  MusterDelivery *self = user_data;
  struct timespec now;
  guint64 expirations;

  if (read (fd, &expirations, sizeof expirations) < 0 && errno == EAGAIN)
    return G_SOURCE_CONTINUE;
  clock_gettime (CLOCK_BOOTTIME, &now);
  collect (self, muster_time_base_realtime (&self->base, now.tv_sec * NS_PER_S + now.tv_nsec));
  arm (self);
  return G_SOURCE_CONTINUE;
}

/* Without it all goes on, but what waits dies with this process. */
static void
keep (MusterDelivery *self, const MusterAggregatorPlace *place, const char *worker, guint pid, const MusterEntry *entry)
{
  const char *name = muster_metrics_get_name (self->metrics->pdata[place->id]);
  g_autoptr (GError) error = NULL;
  gboolean was_broken = self->is_store_broken;

  self->is_store_broken = !muster_pending_store_append (self->store, name, place, worker, pid, entry, &error);
  if (self->is_store_broken && !was_broken)
    muster_warning (self->logger, "metrics that wait for their delivery would be lost with this process: %s",
                    error->message);
}

static void
complain (MusterDelivery *self, const char *worker, const GError *error)
{
  gint64 now_us = g_get_monotonic_time ();

  if (self->warned_us != 0 && now_us - self->warned_us < WARNING_PAUSE_US)
    {
      self->unsaid++;
      return;
    }
  muster_warning (self->logger, "a snapshot of %s cannot be used: %s (%u more before it, of any worker)", worker,
                  error->message, self->unsaid);
  self->warned_us = now_us;
  self->unsaid = 0;
}

static void
take_snapshot (MusterDelivery *self, const char *worker, guint pid, const MusterEntry *entry)
{
  g_autoptr (GError) error = NULL;
  MusterAggregatorPlace place;

  if (muster_aggregator_add_at (self->aggregator, worker, pid, entry, &place, &error))
    keep (self, &place, worker, pid, entry);
  else
    complain (self, worker, error);
}

static gboolean
restore_cb (const char *worker, guint pid, const MusterEntry *entry, gboolean is_late, gpointer user_data)
{
  MusterDelivery *self = user_data;
  g_autoptr (GError) error = NULL;

  if (muster_aggregator_restore (self->aggregator, worker, pid, entry, is_late, &error))
    return TRUE;
  complain (self, worker, error);
  return FALSE;
}

static void
snapshot_cb (MusterMetrics *metrics, GPtrArray *entries, gpointer user_data)
{
  MusterDelivery *self = user_data;

  append (self, entries);
  for (guint i = 0; i < entries->len; i++)
    {
      gsize size;
      gconstpointer bytes = g_bytes_get_data (g_ptr_array_index (entries, i), &size);
      MusterEntryIter iter;
      MusterEntry entry;

      muster_entry_iter_init (&iter, bytes, size);
      while (muster_entry_iter_next (&iter, &entry))
        if (entry.kind == MUSTER_ENTRY_SNAPSHOT)
          take_snapshot (self, "master", (guint) getpid (), &entry);
    }
  arm (self);
}

static gboolean
take_kept_cb (const char *worker, guint pid, const MusterEntry *entry, gboolean is_late, gpointer user_data)
{
  take_snapshot (user_data, worker, pid, entry);
  return TRUE;
}

MusterDelivery *
muster_delivery_new (MusterJournal *journal, MusterLogger *logger, const MusterTimeBase *base, GMainContext *context,
                     GPtrArray *options, const char *directory, MusterShapeFunc shape, MusterDeliverFunc deliver,
                     gpointer user_data)
{
  MusterDelivery *self = g_new0 (MusterDelivery, 1);

  self->journal = muster_journal_ref (journal);
  self->logger = g_object_ref (logger);
  self->base = *base;
  self->shape = shape;
  self->deliver = deliver;
  self->user_data = user_data;
  self->store = muster_pending_store_new (directory);
  self->merger = muster_merger_new (context, logger, merged_cb, self);
  self->aggregator = muster_aggregator_new ();
  self->metrics = g_ptr_array_new_with_free_func (g_object_unref);
  for (guint i = 0; i < options->len; i++)
    muster_aggregator_add_metrics (self->aggregator, options->pdata[i]);
  muster_aggregator_expect (self->aggregator, "master", (guint) getpid ());
  self->timer_fd = timerfd_create (CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  self->timer = g_unix_fd_source_new (self->timer_fd, G_IO_IN);
  g_source_set_static_name (self->timer, "muster-delivery");
  g_source_set_callback (self->timer, G_SOURCE_FUNC (timer_cb), self, NULL);
  g_source_attach (self->timer, context);
  for (guint i = 0; i < options->len; i++)
    {
      MusterMetrics *metrics = muster_metrics_new (options->pdata[i]);

      g_ptr_array_add (self->metrics, metrics);
      muster_metrics_attach (metrics, context, context, base, snapshot_cb, self, NULL);
    }
  self->attached = TRUE;
  muster_pending_store_restore (self->store, restore_cb, self);
  muster_aggregator_begin (self->aggregator);
  muster_pending_store_restore_kept (self->store, take_kept_cb, self);
  arm (self);
  return self;
}

static void
detach (MusterDelivery *self)
{
  for (guint i = 0; self->attached && i < self->metrics->len; i++)
    muster_metrics_detach (self->metrics->pdata[i]);
  self->attached = FALSE;
}

void
muster_delivery_free (MusterDelivery *self)
{
  detach (self);
  g_source_destroy (self->timer);
  g_source_unref (self->timer);
  close (self->timer_fd);
  g_ptr_array_unref (self->metrics);
  muster_aggregator_free (self->aggregator);
  muster_pending_store_free (self->store);
  muster_merger_free (self->merger);
  g_object_unref (self->logger);
  muster_journal_unref (self->journal);
  g_free (self);
}

MusterMetrics *
muster_delivery_get_metrics (MusterDelivery *self, const char *name)
{
  for (guint i = 0; i < self->metrics->len; i++)
    if (g_str_equal (muster_metrics_get_name (self->metrics->pdata[i]), name))
      return self->metrics->pdata[i];
  return NULL;
}

void
muster_delivery_expect (MusterDelivery *self, const char *worker, guint pid, gint64 since_us, gboolean expected)
{
  if (expected && since_us > 0)
    muster_aggregator_expect_since (self->aggregator, worker, pid, since_us * 1000);
  else if (expected)
    muster_aggregator_expect (self->aggregator, worker, pid);
  else
    muster_aggregator_unexpect (self->aggregator, worker, pid);
  arm (self);
}

void
muster_delivery_keep (MusterDelivery *self, MusterBatch *batch)
{
  muster_pending_store_keep (self->store, self->n_kept++, batch);
}

void
muster_delivery_add (MusterDelivery *self, MusterBatch *batch)
{
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);
  MusterEntryIter iter;
  MusterEntry entry;

  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    if (entry.kind == MUSTER_ENTRY_SNAPSHOT && entry.origin != NULL)
      {
        g_autofree char *worker =
            g_strndup (entry.origin->worker.length > 0 ? entry.origin->worker.data : "", entry.origin->worker.length);

        take_snapshot (self, worker, entry.origin->pid, &entry);
      }
  muster_pending_store_release (self->store, self->n_added++);
  arm (self);
}

void
muster_delivery_merge (MusterDelivery *self, MusterBatch *batch)
{
  muster_merger_add (self->merger, batch);
}

void
muster_delivery_finish (MusterDelivery *self)
{
  detach (self);
  collect (self, G_MAXINT64);
  muster_merger_finish (self->merger);
  arm (self);
}
