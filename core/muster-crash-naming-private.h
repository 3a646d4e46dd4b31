/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-journal-layout-private.h"

/*
 * MusterCrashNaming: muster_crash_report_name() in another thread, for it reads files, and a disk may be slow or gone.
 */
typedef struct _MusterCrashNaming MusterCrashNaming;

/* Called once, after the start has returned; the naming is gone then. @backtrace is borrowed. */
typedef void (*MusterCrashNamedFunc) (const char *backtrace, gpointer user_data);

/* The function is called in @context, whose owner calls this: with names, or, after @timeout_us, with raw addresses. */
MusterCrashNaming *muster_crash_naming_start (const MusterJournalCrash *crash, gint64 timeout_us, GMainContext *context,
                                              MusterCrashNamedFunc func, gpointer user_data);
/* The function is not called any more. */
void muster_crash_naming_cancel (MusterCrashNaming *naming);
