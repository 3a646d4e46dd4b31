/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a collector does with the datasets of other machines. They are added in any thread; the context's thread delivers.
 */
#include "config.h"

#include "muster-merger-private.h"

#include "muster-dataset-merge-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define NS_PER_S G_GINT64_CONSTANT (1000000000)
/* How much may wait in memory; a dataset of 100 metrics takes 100 KiB. */
#define ROOM ((gsize) 64 << 20)
/* Between two records about datasets that cannot be used. */
#define WARNING_PAUSE_US (10 * G_TIME_SPAN_SECOND)

struct _MusterMerger
{
  MusterLogger *logger; /* owned reference */
  MusterMergedFunc merged;
  gpointer user_data;
  int timer_fd;   /* on CLOCK_BOOTTIME */
  GSource *timer; /* owned */

  GMutex lock; /* guards what follows */
  MusterDatasetMerge *merge;
  gint64 warned_us;
  guint unsaid;
};

static gint64
get_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_BOOTTIME, &now);
  return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* With the lock held. */
static void
arm (MusterMerger *self)
{
  gint64 due_ns = muster_dataset_merge_get_due (self->merge);
  struct itimerspec when = { 0 };

  if (due_ns >= 0)
    {
      when.it_value.tv_sec = (time_t) (MAX (due_ns, 1) / NS_PER_S);
      when.it_value.tv_nsec = (long) (MAX (due_ns, 1) % NS_PER_S);
    }
  timerfd_settime (self->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void
collect (MusterMerger *self, gint64 now_ns)
{
  g_autoptr (GPtrArray) datasets = NULL;

  g_mutex_lock (&self->lock);
  datasets = muster_dataset_merge_collect (self->merge, now_ns);
  arm (self);
  g_mutex_unlock (&self->lock);
  for (guint i = 0; i < datasets->len; i++)
    self->merged (datasets->pdata[i], self->user_data);
}

static gboolean
timer_cb (int fd, GIOCondition condition, gpointer user_data)
{
  guint64 expirations;

  if (read (fd, &expirations, sizeof expirations) < 0 && errno == EAGAIN)
    return G_SOURCE_CONTINUE;
  collect (user_data, get_now ());
  return G_SOURCE_CONTINUE;
}

MusterMerger *
muster_merger_new (GMainContext *context, MusterLogger *logger, MusterMergedFunc merged, gpointer user_data)
{
  MusterMerger *self = g_new0 (MusterMerger, 1);

  self->logger = g_object_ref (logger);
  self->merged = merged;
  self->user_data = user_data;
  self->merge = muster_dataset_merge_new (ROOM, g_get_real_time () * 1000);
  g_mutex_init (&self->lock);
  self->timer_fd = timerfd_create (CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  self->timer = g_unix_fd_source_new (self->timer_fd, G_IO_IN);
  g_source_set_static_name (self->timer, "muster-merger");
  g_source_set_callback (self->timer, G_SOURCE_FUNC (timer_cb), self, NULL);
  g_source_attach (self->timer, context);
  return self;
}

void
muster_merger_free (MusterMerger *self)
{
  g_source_destroy (self->timer);
  g_source_unref (self->timer);
  close (self->timer_fd);
  muster_dataset_merge_free (self->merge);
  g_mutex_clear (&self->lock);
  g_object_unref (self->logger);
  g_free (self);
}

/* With the lock held: whether to speak of one more; if so, of how many nothing was said. */
static gboolean
may_warn (MusterMerger *self, guint *unsaid)
{
  gint64 now_us = g_get_monotonic_time ();

  if (self->warned_us != 0 && now_us - self->warned_us < WARNING_PAUSE_US)
    {
      self->unsaid++;
      return FALSE;
    }
  *unsaid = self->unsaid;
  self->warned_us = now_us;
  self->unsaid = 0;
  return TRUE;
}

void
muster_merger_add (MusterMerger *self, MusterBatch *batch)
{
  g_autoptr (GError) error = NULL;
  gboolean warns = FALSE;
  guint unsaid = 0;

  g_mutex_lock (&self->lock);
  if (!muster_dataset_merge_add (self->merge, batch, get_now (), &error))
    warns = may_warn (self, &unsaid);
  arm (self);
  g_mutex_unlock (&self->lock);
  if (warns)
    muster_warning (self->logger,
                    "what came from another machine is not merged, but passed on as it is: %s (%u more before it)",
                    error->message, unsaid);
}

void
muster_merger_finish (MusterMerger *self)
{
  collect (self, G_MAXINT64);
}
