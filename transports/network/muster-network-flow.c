/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What goes out, and what comes back of it.
 */
#include "config.h"

#include "muster-network-flow.h"

#include "muster-fault-private.h"
#include "muster-network-codec.h"
#include "muster-network-window.h"

struct _MusterNetworkFlow
{
  MusterSpool *spool;              /* borrowed */
  MusterNetworkProgress *progress; /* borrowed */
  MusterNetworkCodec *codec;       /* owned, nullable */
  MusterNetworkWindow *window;     /* owned */
  gboolean packs;                  /* the collector understands it, and it is wanted */
  guint64 credit;                  /* bytes that may be unacknowledged */
  guint64 resume_at;               /* what is before it has been taken by the collector, and is not sent again */
  gboolean has_item;               /* `item` was read and could not be sent yet */
  MusterSpoolItem item;
};

MusterNetworkFlow *
muster_network_flow_new (MusterSpool *spool, MusterNetworkProgress *progress)
{
  MusterNetworkFlow *self = g_new0 (MusterNetworkFlow, 1);

  self->spool = spool;
  self->progress = progress;
  self->codec = muster_network_codec_new ();
  self->window = muster_network_window_new ();
  return self;
}

void
muster_network_flow_free (MusterNetworkFlow *self)
{
  g_clear_pointer (&self->codec, muster_network_codec_free);
  muster_network_window_free (self->window);
  g_free (self);
}

gboolean
muster_network_flow_can_pack (MusterNetworkFlow *self)
{
  return self->codec != NULL;
}

void
muster_network_flow_begin (MusterNetworkFlow *self, guint64 number, guint64 credit, gboolean packs)
{
  self->packs = packs && self->codec != NULL;
  self->credit = MAX (credit, 1);
  muster_network_flow_go_back (self, number);
}

void
muster_network_flow_go_back (MusterNetworkFlow *self, guint64 number)
{
  muster_network_window_clear (self->window);
  self->has_item = FALSE;
  muster_spool_rewind (self->spool);
  self->resume_at = number;
}

static gboolean
send_item (MusterNetworkFlow *self, MusterNetworkSocket *socket)
{
  const MusterSpoolItem *item = &self->item;
  MusterLinkHeader header = { .type = MUSTER_LINK_BATCH, .number = item->first };
  gsize packed_length = 0;
  g_autofree guint8 *packed =
      self->packs ? muster_network_codec_pack (self->codec, item->bytes, item->length, &packed_length) : NULL;
  gsize length = packed != NULL ? packed_length : item->length;

  header.count = (guint32) MIN (item->count, G_MAXUINT32);
  if (packed != NULL)
    header.flags = MUSTER_LINK_FLAG_PACKED;
  MUSTER_FAULT ("network.send.before");
  if (!muster_network_socket_send (socket, &header, packed != NULL ? packed : item->bytes, length))
    return FALSE;
  MUSTER_FAULT ("network.send.after");
  muster_network_progress_add_sent (self->progress, length);
  return TRUE;
}

static gboolean
is_at_credit (MusterNetworkFlow *self)
{
  return muster_network_window_get_bytes (self->window) >= self->credit;
}

gboolean
muster_network_flow_send (MusterNetworkFlow *self, MusterNetworkSocket *socket)
{
  if (is_at_credit (self))
    return FALSE; /* an acknowledgement goes on */
  if (!self->has_item && !muster_spool_read (self->spool, &self->item))
    return FALSE;
  self->has_item = self->item.end.number > self->resume_at && !send_item (self, socket);
  if (self->has_item)
    {
      muster_network_socket_want_room (socket, TRUE);
      return FALSE;
    }
  muster_network_window_add (self->window, &self->item);
  return TRUE;
}

gboolean
muster_network_flow_is_held (MusterNetworkFlow *self)
{
  return self->has_item || is_at_credit (self);
}

gboolean
muster_network_flow_acknowledge (MusterNetworkFlow *self, guint64 number)
{
  MusterSpoolPlace place;
  guint n = muster_network_window_acknowledge (self->window, number, &place);

  if (n == 0)
    return FALSE;
  MUSTER_FAULT ("network.acknowledge.before");
  muster_spool_acknowledge (self->spool, &place);
  muster_network_flow_settle (self);
  MUSTER_FAULT ("network.acknowledge.after");
  muster_network_progress_add_acknowledged (self->progress, n);
  return TRUE;
}

void
muster_network_flow_settle (MusterNetworkFlow *self)
{
  if (!self->has_item && muster_network_flow_is_idle (self))
    muster_spool_settle (self->spool);
}

gboolean
muster_network_flow_is_idle (MusterNetworkFlow *self)
{
  return muster_network_window_get_bytes (self->window) == 0;
}

guint64
muster_network_flow_get_position (MusterNetworkFlow *self)
{
  return muster_network_window_get_last (self->window);
}
