/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Buffers of MUSTER_ENTRY_MAX bytes for log calls that need one, for such a frame would overflow the stacks of coroutines,
 * of small threads and of signal handlers. Any thread, signal handlers too; no lock, nothing of malloc().
 */
guint8 *muster_scratch_take (void); /* NULL if there is no memory; its content is anything */
void muster_scratch_give (guint8 *scratch);
