/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-macros.h"

/* A source that does nothing but call @function when its ready time comes (g_source_set_ready_time (), from any thread), or one of
 * its descriptors does (g_source_add_unix_fd ()); attached to @context, which may be NULL: the default one. @function is
 * the only one to set the ready time back. */
MUSTER_PUBLIC GSource *muster_wake_source_new (GMainContext *context, const char *name, GSourceFunc function,
                                               gpointer user_data);
