/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The endpoints of a link, one after the other.
 */
#include "config.h"

#include "muster-network-endpoints.h"

#include <stdatomic.h>

struct _MusterNetworkEndpoints
{
  char **list; /* owned */
  guint n;
  _Atomic guint current;
  GPtrArray **troubles; /* owned; of each those that were noted, static texts */
  guint n_tried;        /* since somebody was there */
  gint64 rest_us;       /* after the round */
};

MusterNetworkEndpoints *
muster_network_endpoints_new (const char *const *list)
{
  MusterNetworkEndpoints *self = g_new0 (MusterNetworkEndpoints, 1);

  self->list = g_strdupv ((char **) list);
  self->n = g_strv_length (self->list);
  self->troubles = g_new (GPtrArray *, self->n);
  for (guint i = 0; i < self->n; i++)
    self->troubles[i] = g_ptr_array_new ();
  self->rest_us = MUSTER_NETWORK_ENDPOINTS_REST_US;
  return self;
}

void
muster_network_endpoints_free (MusterNetworkEndpoints *self)
{
  for (guint i = 0; i < self->n; i++)
    g_ptr_array_unref (self->troubles[i]);
  g_free (self->troubles);
  g_strfreev (self->list);
  g_free (self);
}

const char *
muster_network_endpoints_get (MusterNetworkEndpoints *self)
{
  return self->list[atomic_load (&self->current)];
}

gboolean
muster_network_endpoints_are_several (MusterNetworkEndpoints *self)
{
  return self->n > 1;
}

void
muster_network_endpoints_settle (MusterNetworkEndpoints *self)
{
  for (guint i = 0; i < self->n; i++)
    g_ptr_array_set_size (self->troubles[i], 0);
  self->n_tried = 0;
  self->rest_us = MUSTER_NETWORK_ENDPOINTS_REST_US;
}

gint64
muster_network_endpoints_go_on (MusterNetworkEndpoints *self)
{
  gint64 rest_us = 0;

  if (self->n == 1)
    return 0;
  atomic_store (&self->current, (atomic_load (&self->current) + 1) % self->n);
  if (++self->n_tried % self->n == 0)
    {
      rest_us = self->rest_us;
      self->rest_us = MIN (2 * self->rest_us, MUSTER_NETWORK_ENDPOINTS_REST_MAX_US);
    }
  return rest_us;
}

static GPtrArray *
get_troubles (MusterNetworkEndpoints *self)
{
  return self->troubles[atomic_load (&self->current)];
}

gboolean
muster_network_endpoints_note_trouble (MusterNetworkEndpoints *self, const char *trouble)
{
  GPtrArray *troubles = get_troubles (self);

  if (g_ptr_array_find (troubles, trouble, NULL))
    return FALSE;
  g_ptr_array_add (troubles, (gpointer) trouble);
  return TRUE;
}

gboolean
muster_network_endpoints_has_trouble (MusterNetworkEndpoints *self)
{
  return get_troubles (self)->len > 0;
}
