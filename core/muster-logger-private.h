/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-journal-private.h"
#include "muster-logger.h"

/* Where a logger and all its children write: a journal, or text to stderr where @journal is NULL. Loggers share a sink
 * by reference; after fork() without exec the sink of the child is stderr. */
typedef struct _MusterSink MusterSink;

MusterSink *muster_sink_new (MusterJournal *journal, const char *worker);
void muster_sink_set_journal (MusterSink *sink, MusterJournal *journal); /* once, where there was none; any thread */
MusterSink *muster_sink_ref (MusterSink *sink);
void muster_sink_unref (MusterSink *sink);
void muster_sink_set_level (MusterSink *sink,
                            MusterLevel level); /* any thread; for loggers without a level of their own */

MusterLogger *muster_logger_new (MusterSink *sink, const char *domain, MusterLevel level);

/* A line that another process printed: a record in this logger's journal under the labels of @worker and @pid. Any
 * bytes. Returns FALSE if the journal refused it (and counted it). Never waits. */
gboolean muster_logger_log_captured (MusterLogger *self, MusterLevel level, const char *worker, guint pid,
                                     const char *domain, const char *line, gsize length);
