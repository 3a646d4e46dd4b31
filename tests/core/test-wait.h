/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Runs the default main context until something has come true, or fails.
 */
#pragma once

#include <glib.h>

static inline gboolean
wait_until_expired_cb (gpointer data)
{
  g_error ("the test waited too long for: %s", (const char *) data);
  return G_SOURCE_REMOVE;
}

#define WAIT_UNTIL(condition)                                                                                          \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    guint watchdog = g_timeout_add_seconds (60, wait_until_expired_cb, (gpointer) #condition);                         \
                                                                                                                       \
    while (!(condition))                                                                                               \
      g_main_context_iteration (NULL, TRUE);                                                                           \
    g_source_remove (watchdog);                                                                                        \
  }                                                                                                                    \
  G_STMT_END
