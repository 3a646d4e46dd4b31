/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * A stack for signal handlers, in each thread that logs: a thread whose own stack has overflowed can still say so.
 */

/* Counts how often stacks were asked for; a thread whose own count is behind has none yet. */
extern guint muster_alternate_stack_wanted G_GNUC_INTERNAL;
extern __thread guint muster_alternate_stack_seen __attribute__ ((tls_model ("initial-exec"))) G_GNUC_INTERNAL;

/* From now on each thread gets one when it calls muster_alternate_stack_ensure() next. */
void muster_alternate_stack_enable (void);
void muster_alternate_stack_give (void);

/* Part of each log call. Async-signal-safe: no lock, no allocation but mmap(2). */
static inline void
muster_alternate_stack_ensure (void)
{
  if (G_UNLIKELY (muster_alternate_stack_seen != __atomic_load_n (&muster_alternate_stack_wanted, __ATOMIC_RELAXED)))
    muster_alternate_stack_give ();
}
