/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One sender's journal, as the collector sees it.
 */
#include "config.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "muster-fault-private.h"
#include "muster-network-collector-parts.h"

/* All of them together may have so much under way, about; each of them no less than one batch and some. */
#define CREDIT_TOTAL ((guint64) 128 << 20)
#define CREDIT_MAX   ((guint64) 8 << 20)
#define CREDIT_MIN   ((guint64) 96 << 10)
/* More are not remembered, if they have nothing under way: the longest unheard is forgotten. Where its journal stands is
 * with the transports. */
#define PEERS_MAX 16384

/* Nobody can speak of another one's journal. */
static void
make_id (const char *user, const guint8 *journal, guint8 id[MUSTER_STREAM_ID_SIZE])
{
  guint8 both[MUSTER_NETWORK_KEY_SIZE + MUSTER_STREAM_ID_SIZE] = { 0 };
  XXH128_canonical_t hash;

  g_strlcpy ((char *) both, user, MUSTER_NETWORK_KEY_SIZE);
  memcpy (both + MUSTER_NETWORK_KEY_SIZE, journal, MUSTER_STREAM_ID_SIZE);
  XXH128_canonicalFromHash (&hash, XXH3_128bits (both, sizeof both));
  memcpy (id, hash.digest, MUSTER_STREAM_ID_SIZE);
}

/* Nobody else speaks of it any more, if nothing of it is under way. */
static gboolean
take_out (MusterNetworkCollector *self, MusterNetworkPeer *peer)
{
  gboolean is_idle;

  g_mutex_lock (&self->lock);
  is_idle = peer->n_done == peer->n_pushed && !peer->is_dirty;
  if (is_idle)
    g_hash_table_steal (self->peers, peer->id);
  g_mutex_unlock (&self->lock);
  return is_idle;
}

/* The newest one stays in any case: somebody has it in hand. */
static void
forget_oldest (MusterNetworkCollector *self)
{
  GList *link = self->order.head;
  MusterNetworkPeer *peer;

  while (link != self->order.tail && !take_out (self, link->data))
    link = link->next;
  if (link == self->order.tail)
    return;
  peer = link->data;
  if (peer->routing != NULL)
    g_hash_table_remove (self->routes, peer->routing);
  g_queue_unlink (&self->order, &peer->link);
  muster_network_peer_free (peer);
}

static MusterNetworkPeer *
peer_new (MusterNetworkCollector *self, const char *user, const guint8 *id, guint64 number)
{
  MusterNetworkPeer *peer = g_new0 (MusterNetworkPeer, 1);
  const char *name = self->gate != NULL ? muster_network_gate_look_up (self->gate, user) : NULL;
  guint64 mark;

  memcpy (peer->id, id, sizeof peer->id);
  peer->user = g_strdup (user);
  peer->name = g_strdup (name != NULL && *name != '\0' ? name : *user != '\0' ? user : "a sender");
  peer->link.data = peer;
  peer->accepted = MAX (number, 1);
  if (self->callbacks.get_mark (id, &mark, self->user_data))
    peer->accepted = MAX (peer->accepted, mark);
  peer->acknowledged = peer->done = peer->accepted;
  g_queue_push_tail_link (&self->order, &peer->link);
  g_mutex_lock (&self->lock);
  g_hash_table_insert (self->peers, peer->id, peer);
  g_mutex_unlock (&self->lock);
  return peer;
}

MusterNetworkPeer *
muster_network_peer_get (MusterNetworkCollector *self, const char *user, const guint8 journal[MUSTER_STREAM_ID_SIZE],
                         guint64 number)
{
  guint8 id[MUSTER_STREAM_ID_SIZE];
  MusterNetworkPeer *peer;

  make_id (user, journal, id);
  peer = g_hash_table_lookup (self->peers, id);
  if (peer == NULL)
    {
      peer = peer_new (self, user, id, number);
      if (self->order.length > PEERS_MAX)
        forget_oldest (self);
      atomic_store (&self->n_peers, self->order.length);
      return peer;
    }
  g_queue_unlink (&self->order, &peer->link);
  g_queue_push_tail_link (&self->order, &peer->link);
  peer->accepted = MAX (peer->accepted, number); /* what is missing has gone elsewhere, or is lost */
  return peer;
}

void
muster_network_peer_free (gpointer data)
{
  MusterNetworkPeer *peer = data;

  g_clear_pointer (&peer->routing, g_bytes_unref);
  g_free (peer->user);
  g_free (peer->name);
  g_free (peer);
}

/* Who spoke on this connection before has none now: its acknowledgements would be taken for the next one's. */
static void
take_route (MusterNetworkCollector *self, GBytes *routing)
{
  MusterNetworkPeer *before = g_hash_table_lookup (self->routes, routing);

  if (before == NULL)
    return;
  g_hash_table_remove (self->routes, routing);
  g_clear_pointer (&before->routing, g_bytes_unref);
  before->connection = 0;
}

void
muster_network_peer_connect (MusterNetworkCollector *self, MusterNetworkPeer *peer, const MusterNetworkFrame *frame)
{
  if (peer->routing != NULL)
    g_hash_table_remove (self->routes, peer->routing);
  g_clear_pointer (&peer->routing, g_bytes_unref);
  take_route (self, frame->routing);
  peer->routing = g_bytes_ref (frame->routing);
  peer->nacked = FALSE;
  peer->connection = frame->connection;
  g_hash_table_insert (self->routes, g_bytes_ref (frame->routing), peer);
}

void
muster_network_peer_cut (MusterNetworkCollector *self, MusterNetworkPeer *peer)
{
  if (peer->routing != NULL)
    g_hash_table_remove (self->routes, peer->routing);
  g_clear_pointer (&peer->routing, g_bytes_unref);
  muster_network_connections_cut (self->connections, peer->connection);
  peer->connection = 0;
}

guint64
muster_network_peer_get_credit (MusterNetworkCollector *self)
{
  guint64 n = MAX (muster_network_connections_count_heard (self->connections), 1);

  return CLAMP (CREDIT_TOTAL / n, CREDIT_MIN, CREDIT_MAX);
}

void
muster_network_peer_send_number (MusterNetworkCollector *self, MusterNetworkPeer *peer, MusterLinkType type,
                                 guint64 number)
{
  const MusterLinkHeader header = { .type = type, .number = number };

  if (peer->routing != NULL)
    muster_network_collector_reply (self, peer->routing, &header, NULL, 0);
}

void
muster_network_peer_push (MusterNetworkCollector *self, MusterNetworkPeer *peer, MusterBatch *batch, guint64 next)
{
  gsize size = g_bytes_get_size (muster_batch_get_bytes (batch));

  memcpy (batch->journal, peer->id, sizeof batch->journal);
  batch->journal_next = next;
  peer->n_pushed++;
  peer->pushed_bytes += size;
  self->total_pushed += size;
  atomic_fetch_add (&self->n_batches, 1);
  atomic_fetch_add (&self->n_bytes, size);
  MUSTER_FAULT ("network.push.before");
  self->callbacks.submit (batch, self->user_data);
}

void
muster_network_peer_acknowledge (MusterNetworkCollector *self, MusterNetworkPeer *peer)
{
  guint64 next;

  g_mutex_lock (&self->lock);
  next = peer->n_done == peer->n_pushed ? peer->accepted : peer->done;
  g_mutex_unlock (&self->lock);
  if (next <= peer->acknowledged)
    return;
  peer->acknowledged = next;
  MUSTER_FAULT ("network.ack.before");
  muster_network_peer_send_number (self, peer, MUSTER_LINK_ACK, next);
  MUSTER_FAULT ("network.ack.after");
}
