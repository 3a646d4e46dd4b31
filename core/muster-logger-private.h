/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-logger.h"
#include "muster-sink-private.h"

MusterLogger *muster_logger_new (MusterSink *sink, const char *domain, MusterLevel level);

/* A line that another process printed: a record in this logger's journal under the labels of @worker and @pid. Any
 * bytes. Returns FALSE if the journal refused it (and counted it). Never waits. */
gboolean muster_logger_log_captured (MusterLogger *self, MusterLevel level, const char *worker, guint pid,
                                     const char *domain, const char *line, gsize length);
