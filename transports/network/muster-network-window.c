/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A queue of what is on its way, in order.
 */
#include "config.h"

#include "muster-network-window.h"

/* So many that are done are taken off at once, so that it costs nothing. */
#define DONE_MAX 1024

typedef struct
{
  MusterSpoolPlace end;
  guint64 size;
} Sent;

struct _MusterNetworkWindow
{
  GArray *sent;  /* owned; of Sent, from head on */
  guint head;    /* */
  guint64 bytes; /* of those */
};

MusterNetworkWindow *
muster_network_window_new (void)
{
  MusterNetworkWindow *self = g_new0 (MusterNetworkWindow, 1);

  self->sent = g_array_new (FALSE, FALSE, sizeof (Sent));
  return self;
}

void
muster_network_window_free (MusterNetworkWindow *self)
{
  g_array_unref (self->sent);
  g_free (self);
}

void
muster_network_window_clear (MusterNetworkWindow *self)
{
  g_array_set_size (self->sent, 0);
  self->head = 0;
  self->bytes = 0;
}

void
muster_network_window_add (MusterNetworkWindow *self, const MusterSpoolItem *item)
{
  const Sent sent = { item->end, muster_spool_get_cost (item->length) };

  g_array_append_val (self->sent, sent);
  self->bytes += sent.size;
}

guint
muster_network_window_acknowledge (MusterNetworkWindow *self, guint64 number, MusterSpoolPlace *place)
{
  guint n = 0;

  for (; self->head < self->sent->len; n++)
    {
      const Sent *sent = &g_array_index (self->sent, Sent, self->head);

      if (sent->end.number > number)
        break;
      *place = sent->end;
      self->bytes -= sent->size;
      self->head++;
    }
  if (self->head == self->sent->len || self->head > DONE_MAX)
    {
      g_array_remove_range (self->sent, 0, self->head);
      self->head = 0;
    }
  return n;
}

guint64
muster_network_window_get_bytes (const MusterNetworkWindow *self)
{
  return self->bytes;
}

guint64
muster_network_window_get_last (const MusterNetworkWindow *self)
{
  return self->sent->len > self->head ? g_array_index (self->sent, Sent, self->sent->len - 1).end.number : 0;
}
