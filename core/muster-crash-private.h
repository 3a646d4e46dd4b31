/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-journal-private.h"

/*
 * The last words of a process that crashes: SEGV, BUS, ILL, FPE, ABRT, TRAP (g_error()), SYS.
 *
 * A `critical` record with the field event=crash goes into the journal, and the same, for the end record, into its header
 * page (MusterJournalCrash). Then what was there before does its work: a handler of the application's, or the default,
 * so that the exit status and the core are as if nobody had looked.
 */

/* Once in a process's life; later calls change nothing. Keeps a reference to @journal for good. Signals that are ignored
 * stay ignored. */
void muster_crash_install (MusterJournal *journal);
