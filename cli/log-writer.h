/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "known-streams.h"
#include "muster-format.h"

/*
 * MusterLogWriter: entries, one by one, through a format to a descriptor. It joins what follows one another to batches,
 * and declares what was left out, so that protobuf output can be audited. Not thread-safe.
 */
typedef struct _MusterLogWriter MusterLogWriter;

/* @format (borrowed) has been started; @fd stays the caller's. */
MusterLogWriter *muster_log_writer_new (MusterFormat *format, int fd);
void muster_log_writer_free (MusterLogWriter *self);

/* All return FALSE with @error if the output cannot be written, and without where nobody reads it any more. */

/* Writes @entry; of it the numbers and the bytes alone are looked at. */
gboolean muster_log_writer_put (MusterLogWriter *self, const MusterKnownOrigin *origin, const MusterEntry *entry,
                                GError **error);
/* @entry is left out: this is declared before what comes next of its stream. */
gboolean muster_log_writer_skip (MusterLogWriter *self, const MusterKnownOrigin *origin, const MusterEntry *entry,
                                 GError **error);
/* Hands on what is in memory. */
gboolean muster_log_writer_flush (MusterLogWriter *self, GError **error);
/* At the end: declares what has not been. */
gboolean muster_log_writer_finish (MusterLogWriter *self, MusterKnownStreams *streams, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterLogWriter, muster_log_writer_free)
