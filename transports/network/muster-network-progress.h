/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* MusterNetworkProgress: what a link has done so far: the link's thread writes it, any thread may ask, or wait. */
typedef struct _MusterNetworkProgress MusterNetworkProgress;

typedef struct
{
  gboolean is_connected; /* and welcomed */
  guint64 sent;          /* batches */
  guint64 sent_bytes;
  guint64 acknowledged; /* batches */
  guint64 connections;  /* welcomed so often */
} MusterNetworkCounters;

MusterNetworkProgress *muster_network_progress_new (void);
void muster_network_progress_free (MusterNetworkProgress *progress);

/* -- the link's thread -- */

void muster_network_progress_set_connected (MusterNetworkProgress *progress, gboolean is_connected);
void muster_network_progress_add_sent (MusterNetworkProgress *progress, gsize bytes); /* one batch */
void muster_network_progress_add_acknowledged (MusterNetworkProgress *progress, guint n_batches);

/* -- any thread -- */

void muster_network_progress_get (MusterNetworkProgress *progress, MusterNetworkCounters *counters);
/* Waits while there is a connection until @is_over says so, at most @timeout_us; it is asked at each acknowledgement. */
void muster_network_progress_wait (MusterNetworkProgress *progress, gint64 timeout_us, gboolean (*is_over) (gpointer),
                                   gpointer user_data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterNetworkProgress, muster_network_progress_free)
