/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-network-link.h"
#include "muster-spool.h"
#include "muster-sync.h"
#include "muster-transport-network.h"

/*
 * MusterNetworkOutbox: what lies between the transport and the link: the spool, the checkpoint beside it, what the spool
 * had no room for. Belongs to the transport's thread.
 */
typedef struct _MusterNetworkOutbox MusterNetworkOutbox;

typedef struct
{
  guint64 spool_size;
  MusterSync sync;
  gint64 sync_interval_us;
  gint64 block_timeout_us;
} MusterNetworkOutboxOptions;

/* In the transport's start: in its state-dir, under its name. Borrows @transport. */
MusterNetworkOutbox *muster_network_outbox_open (MusterTransport *transport, const MusterNetworkOutboxOptions *options,
                                                 GError **error);
/* Gives the files back; the marks can still be asked for. The link is gone by then. */
void muster_network_outbox_close (MusterNetworkOutbox *self);
void muster_network_outbox_free (MusterNetworkOutbox *self);
MusterSpool *muster_network_outbox_get_spool (MusterNetworkOutbox *self); /* borrowed; NULL once closed */
/* Who makes room. */
void muster_network_outbox_set_link (MusterNetworkOutbox *self, MusterNetworkLink *link);

/* What the transport's virtual functions do. */
MusterWriteResult muster_network_outbox_write (MusterNetworkOutbox *self, MusterBatch *batch, GError **error);
void muster_network_outbox_skip (MusterNetworkOutbox *self, const guint8 stream[MUSTER_STREAM_ID_SIZE], guint64 next);
void muster_network_outbox_forget (MusterNetworkOutbox *self, const guint8 stream[MUSTER_STREAM_ID_SIZE]);
gboolean muster_network_outbox_flush (MusterNetworkOutbox *self, GError **error);
gboolean muster_network_outbox_get_mark (MusterNetworkOutbox *self, const guint8 stream[MUSTER_STREAM_ID_SIZE],
                                         guint64 *next); /* any thread */
