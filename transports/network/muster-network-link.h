/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-level.h"
#include "muster-network-keys.h"
#include "muster-network-progress.h"
#include "muster-spool.h"

/*
 * MusterNetworkLink: the sender's end of the link to a collector, in a thread of its own. It reads the spool, sends each
 * entry as a BATCH, and answers for it until it is acknowledged. It never gives up; of several endpoints it takes the next
 * one where the last did not answer.
 */
typedef struct _MusterNetworkLink MusterNetworkLink;

typedef struct
{
  const char *const *endpoints; /* at least one */
  gboolean has_keys;            /* CURVE; the three that follow */
  char server_key[MUSTER_NETWORK_KEY_SIZE];
  char secret_key[MUSTER_NETWORK_KEY_SIZE];
  char public_key[MUSTER_NETWORK_KEY_SIZE];
  gboolean pack;   /* by zstd, where the collector understands it */
  gint64 quiet_us; /* after so long without anything to say, POSITION is said all the same; 0: a quarter of an hour */
} MusterNetworkLinkOptions;

/* In the link's thread: what a person should know. */
typedef void (*MusterNetworkLinkReport) (MusterLevel level, const char *text, gpointer user_data);

typedef struct
{
  MusterNetworkCounters counters;
  const char *endpoint; /* in use, or being tried; lives as long as the link */
} MusterNetworkLinkState;

/* Copies @options; borrows @spool, of which it is the reader until it is freed. */
MusterNetworkLink *muster_network_link_new (MusterSpool *spool, const MusterNetworkLinkOptions *options,
                                            MusterNetworkLinkReport report, gpointer user_data, GError **error);
void muster_network_link_get_state (MusterNetworkLink *link, MusterNetworkLinkState *state); /* any thread */
/* Waits while there is a connection until @is_over says so, at most @timeout_us; it is asked at each acknowledgement. */
void muster_network_link_wait (MusterNetworkLink *link, gint64 timeout_us, gboolean (*is_over) (gpointer),
                               gpointer user_data);
/* Waits until everything that is published has been acknowledged, as long as there is a connection, at most @timeout_us. */
gboolean muster_network_link_drain (MusterNetworkLink *link, gint64 timeout_us);
/* Ends the thread, whatever is unacknowledged: the spool keeps it. */
void muster_network_link_free (MusterNetworkLink *link);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterNetworkLink, muster_network_link_free)
