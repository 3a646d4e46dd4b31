/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-batch.h"
#include "muster-level.h"
#include "muster-network-listener.h"

/*
 * MusterNetworkCollector: the collector's end of the links, in a thread of its own. It knows senders by their keys, keeps
 * where each one's journal stands, hands batches on, and acknowledges what its owner says is safe.
 */
typedef struct _MusterNetworkCollector MusterNetworkCollector;

/* All are called in the collector's thread. */
typedef struct
{
  /* @batch: as muster_network_collector_done() will be told of, in this order; its `journal` is set. */
  void (*submit) (MusterBatch *batch, gpointer user_data);
  /* From which number a journal, or a stream, is wanted, by what was known at the start; FALSE: nobody knows. */
  gboolean (*get_mark) (const guint8 id[MUSTER_STREAM_ID_SIZE], guint64 *next, gpointer user_data);
  void (*report) (MusterLevel level, const char *text, gpointer user_data);
} MusterNetworkCollectorCallbacks;

/* Binds, then begins. */
MusterNetworkCollector *muster_network_collector_new (const MusterNetworkListenerOptions *options,
                                                      const MusterNetworkCollectorCallbacks *callbacks,
                                                      gpointer user_data, GError **error);
/* Any thread. */
void muster_network_collector_done (MusterNetworkCollector *self, MusterBatch *batch);
/* Where it has bound, with the port that was chosen. */
const char *muster_network_collector_get_address (MusterNetworkCollector *self);
typedef struct
{
  guint senders; /* known, not necessarily connected */
  guint64 batches;
  guint64 bytes;
  guint64 refused; /* connections */
} MusterNetworkCollectorState;
void muster_network_collector_get_state (MusterNetworkCollector *self, MusterNetworkCollectorState *state);
void muster_network_collector_free (MusterNetworkCollector *self);
