/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A source that is woken.
 */
#include "config.h"

#include "muster-wake-source-private.h"

static gboolean
wake_source_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  return callback (user_data);
}

static GSourceFuncs functions = { .dispatch = wake_source_dispatch };

GSource *
muster_wake_source_new (GMainContext *context, const char *name, GSourceFunc function, gpointer user_data)
{
  GSource *source = g_source_new (&functions, sizeof (GSource));

  g_source_set_name (source, name);
  g_source_set_callback (source, function, user_data, NULL);
  g_source_attach (source, context);
  return source;
}
