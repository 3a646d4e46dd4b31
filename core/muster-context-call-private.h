/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Calls @function in the thread that runs @context, and returns when it has returned; at once if that is this thread.
 * The thread must run its context now or later. Any thread. */
void muster_context_call (GMainContext *context, void (*function) (gpointer data), gpointer data);
