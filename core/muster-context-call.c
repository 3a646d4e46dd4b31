/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A call in another thread, waited for.
 */
#include "config.h"

#include "muster-context-call-private.h"

typedef struct
{
  void (*function) (gpointer data);
  gpointer data;
  GMutex lock;
  GCond returned;
  gboolean has_returned; /* under lock */
} Call;

static gboolean
run_call (gpointer data)
{
  Call *call = data;

  call->function (call->data);
  g_mutex_lock (&call->lock);
  call->has_returned = TRUE;
  g_cond_signal (&call->returned);
  g_mutex_unlock (&call->lock);
  return G_SOURCE_REMOVE;
}

void
muster_context_call (GMainContext *context, void (*function) (gpointer data), gpointer data)
{
  Call call = { .function = function, .data = data };

  g_mutex_init (&call.lock);
  g_cond_init (&call.returned);
  g_main_context_invoke (context, run_call, &call);
  g_mutex_lock (&call.lock);
  while (!call.has_returned)
    g_cond_wait (&call.returned, &call.lock);
  g_mutex_unlock (&call.lock);
  g_mutex_clear (&call.lock);
  g_cond_clear (&call.returned);
}
