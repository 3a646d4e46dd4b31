/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <ucontext.h>

#include "muster-journal-layout-private.h"

/*
 * Where a crashed thread was: addresses, and the modules that they belong to. Async-signal-safe; one thread at a time,
 * for all that it needs is static.
 */

/* Loads what is loaded at the first use. */
void muster_crash_walk_warm_up (void);
/* The address of the instruction, and the stack pointer; 0 where this kind of machine is not known. */
guintptr muster_crash_walk_get_pc (const ucontext_t *context);
guintptr muster_crash_walk_get_sp (const ucontext_t *context);
/* Fills in the frames, with addresses in memory, from within the handler that got @context; signal and address are in
 * @crash already. The stack may be broken: it may crash, or never return; then muster_crash_walk_cancel(), and what was
 * found until then is in @crash. */
void muster_crash_walk_stack (ucontext_t *context, MusterJournalCrash *crash);
void muster_crash_walk_cancel (void);
/* Gives each frame its module, by /proc/self/maps. */
void muster_crash_walk_modules (MusterJournalCrash *crash);
