/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A link's counters, and a condition for those who wait for it. All members but the last two are atomic.
 */
#include "config.h"

#include "muster-network-progress.h"

#include <stdatomic.h>

struct _MusterNetworkProgress
{
  _Atomic int is_connected;
  _Atomic guint64 sent, sent_bytes, acknowledged, connections;
  GMutex lock;
  GCond changed; /* something was acknowledged, or the connection was made or lost */
};

MusterNetworkProgress *
muster_network_progress_new (void)
{
  MusterNetworkProgress *self = g_new0 (MusterNetworkProgress, 1);

  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  return self;
}

void
muster_network_progress_free (MusterNetworkProgress *self)
{
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  g_free (self);
}

static void
wake_waiters (MusterNetworkProgress *self)
{
  g_mutex_lock (&self->lock);
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

void
muster_network_progress_set_connected (MusterNetworkProgress *self, gboolean is_connected)
{
  if (is_connected)
    atomic_fetch_add (&self->connections, 1);
  atomic_store (&self->is_connected, is_connected);
  wake_waiters (self);
}

void
muster_network_progress_add_sent (MusterNetworkProgress *self, gsize bytes)
{
  atomic_fetch_add (&self->sent, 1);
  atomic_fetch_add (&self->sent_bytes, bytes);
}

void
muster_network_progress_add_acknowledged (MusterNetworkProgress *self, guint n_batches)
{
  atomic_fetch_add (&self->acknowledged, n_batches);
  wake_waiters (self);
}

void
muster_network_progress_get (MusterNetworkProgress *self, MusterNetworkCounters *counters)
{
  *counters = (MusterNetworkCounters){
    .is_connected = atomic_load (&self->is_connected),
    .sent = atomic_load (&self->sent),
    .sent_bytes = atomic_load (&self->sent_bytes),
    .acknowledged = atomic_load (&self->acknowledged),
    .connections = atomic_load (&self->connections),
  };
}

void
muster_network_progress_wait (MusterNetworkProgress *self, gint64 timeout_us, gboolean (*is_over) (gpointer),
                              gpointer user_data)
{
  gint64 deadline_us = g_get_monotonic_time () + timeout_us;
  gboolean in_time = TRUE;

  g_mutex_lock (&self->lock);
  while (in_time && atomic_load (&self->is_connected) && !is_over (user_data))
    in_time = g_cond_wait_until (&self->changed, &self->lock, deadline_us);
  g_mutex_unlock (&self->lock);
}
