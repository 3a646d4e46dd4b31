/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdatomic.h>
#include <zmq.h>

#include "muster-batch-private.h"
#include "muster-link-private.h"
#include "muster-network-codec.h"
#include "muster-network-collector.h"
#include "muster-network-gate.h"
#include "muster-network-listener.h"
#include "muster-network-limiter.h"
#include "muster-network-streams.h"

/*
 * What the collector consists of, for its own files only:
 *
 *   muster-network-collector.c  the thread, the sockets, what is done
 *   muster-network-frames.c     what senders say, answered
 *   muster-network-peer.c       one sender's journal
 *
 * All functions are called in the collector's thread.
 */

/*
 * One journal of one sender. `accepted` is the next number that is wanted: what is before it has been handed on, or was
 * nothing new. `done` is the number behind the last batch that is safe. Once all that was handed on is done,
 * all that was accepted may be acknowledged.
 */
typedef struct
{
  guint8 id[MUSTER_STREAM_ID_SIZE];   /* of sender and journal together; the key */
  char *user;                         /* owned; the sender's public key; "" without keys */
  char *name;                         /* owned; for people */
  GBytes *routing;                    /* owned, nullable: where it is connected */
  GList link;                         /* in the collector's order */
  MusterNetworkConnection connection; /* the same */

  guint64 accepted;
  guint64 acknowledged; /* as it was said last */
  gboolean nacked;      /* said once; cleared by the next batch that fits */
  gboolean elsewhere;   /* it may send to others, too */
  gboolean damaged;     /* something was lost in its spool */
  guint64 n_pushed;
  guint64 pushed_bytes;

  guint64 done;       /* under the collector's lock, as are the next ones */
  guint64 n_done;     /* */
  guint64 done_bytes; /* */
  gboolean is_dirty;  /* in the list */
} MusterNetworkPeer;

struct _MusterNetworkCollector
{
  MusterNetworkCollectorCallbacks callbacks;
  gpointer user_data;
  char *address; /* owned */
  GThread *thread;
  GMainContext *context;
  GMainLoop *loop;

  GMutex lock;
  GPtrArray *dirty;   /* under lock: of MusterNetworkPeer */
  GHashTable *peers;  /* changed by the thread, under lock; read by others under lock */
  gboolean is_woken;  /* under lock */
  guint64 total_done; /* under lock; bytes */
  _Atomic guint64 n_batches, n_bytes, n_refused;
  _Atomic guint n_peers;

  /* -- the thread's own -- */
  MusterNetworkListener *listener; /* owned */
  void *socket;                    /* the listener's, as are the next two */
  MusterNetworkGate *gate;         /* NULL without keys */
  MusterNetworkConnections *connections;
  GSource *source;    /* owned */
  GHashTable *routes; /* GBytes (routing id) to MusterNetworkPeer, borrowed */
  GQueue order;       /* of peers, the longest unheard first */
  MusterNetworkStreams *streams;
  MusterNetworkCodec *codec;
  MusterNetworkLimiter *refusals; /* what strangers cause */
  MusterNetworkLimiter *holes;    /* what damaged spools cause */
  guint64 total_pushed;           /* bytes */
  gboolean is_paused;             /* too much is under way: nothing is read */
};

/* [routing id][header]([payload]), as it came. */
typedef struct
{
  GBytes *routing;
  MusterLinkHeader header;
  zmq_msg_t *payload; /* nullable */
  const char *user;   /* the public key; NULL without keys */
  const char *address;
  MusterNetworkConnection connection;
} MusterNetworkFrame;

void muster_network_collector_handle (MusterNetworkCollector *self, const MusterNetworkFrame *frame);
void muster_network_collector_reply (MusterNetworkCollector *self, GBytes *routing, const MusterLinkHeader *header,
                                     const void *payload, gsize size);
/* The same, but little of it, and not what was said already; then how much was not comes with the next one. */
void muster_network_collector_say_limited (MusterNetworkCollector *self, MusterNetworkLimiter *limiter,
                                           MusterLevel level, const char *text);
void muster_network_collector_say (MusterNetworkCollector *self, MusterLevel level, const char *format, ...)
    G_GNUC_PRINTF (3, 4);
/* What strangers cause: not the same again within a minute, nor too much of it. */
void muster_network_collector_say_refused (MusterNetworkCollector *self, const char *address, const char *why);

/* -- peers -- */

/* By the sender's key and the journal's own id; made if it is not there, and then it stands at @number or where it is
 * known to stand. */
MusterNetworkPeer *muster_network_peer_get (MusterNetworkCollector *self, const char *user,
                                            const guint8 journal[MUSTER_STREAM_ID_SIZE], guint64 number);
void muster_network_peer_free (gpointer peer);
void muster_network_peer_connect (MusterNetworkCollector *self, MusterNetworkPeer *peer,
                                  const MusterNetworkFrame *frame);
/* Ends its connection. */
void muster_network_peer_cut (MusterNetworkCollector *self, MusterNetworkPeer *peer);
/* What it may have unacknowledged. */
guint64 muster_network_peer_get_credit (MusterNetworkCollector *self);
/* Hands a batch on; @next: where the journal stands behind it, 0 for what is only declared before. */
void muster_network_peer_push (MusterNetworkCollector *self, MusterNetworkPeer *peer, MusterBatch *batch, guint64 next);
/* Says what is safe now, if that is more than was said. */
void muster_network_peer_acknowledge (MusterNetworkCollector *self, MusterNetworkPeer *peer);
void muster_network_peer_send_number (MusterNetworkCollector *self, MusterNetworkPeer *peer, MusterLinkType type,
                                      guint64 number);
