/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-journal-layout-private.h"

/*
 * What a crash handler found out (MusterJournalCrash): written in the process that crashes, read in the primary.
 */

/* -- in the handler; async-signal-safe -- */

/* Adds a module; its index, or MUSTER_JOURNAL_CRASH_NO_MODULE if there is no room for it. */
guint16 muster_crash_report_add_module (MusterJournalCrash *crash, const char *path, gsize path_length,
                                        const guint8 *build_id, gsize build_id_length);
/* "SIGSEGV", "SEGV_MAPERR"; NULL for what a crash handler does not catch or know. */
const char *muster_crash_signal_name (int number);
const char *muster_crash_code_name (int number, int code);
/* "crashed by signal 11 (SIGSEGV) at address 0x0"; returns the length, ends with NUL. */
gsize muster_crash_report_print_message (const MusterJournalCrash *crash, char *out, gsize room);
/* A line for each frame, the raw addresses: "/usr/bin/web+0x1234". Always UTF-8; what does not fit is left out. */
gsize muster_crash_report_print_raw (const MusterJournalCrash *crash, char *out, gsize room);

/* -- in the primary -- */

/* Reads the crash of a dead process, by pread, and checks all of it. FALSE: MUSTER_ERROR_NOT_FOUND if there is none,
 * _CORRUPT if it is not whole. */
gboolean muster_crash_report_read (int fd, const guint8 stream[MUSTER_STREAM_ID_SIZE], MusterJournalCrash *crash,
                                   GError **error);
/* A line for each frame: "#0 handle_request+0x1f (/usr/bin/web+0x1234)"; what cannot be named is as in print_raw. Reads
 * the modules' files, so it may take as long as disks take. */
char *muster_crash_report_name (const MusterJournalCrash *crash);
