/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-format.h"

G_BEGIN_DECLS

#define MUSTER_TYPE_TRANSPORT (muster_transport_get_type ())
MUSTER_PUBLIC
G_DECLARE_DERIVABLE_TYPE (MusterTransport, muster_transport, MUSTER, TRANSPORT, GObject)

/**
 * MusterWriteResult:
 * @MUSTER_WRITE_DONE: the batch has left this process (write() returned, it is in the spool, ...)
 * @MUSTER_WRITE_RETRY: not now; nothing of the batch was kept; the base class calls again after a while
 * @MUSTER_WRITE_FAILED: never: the batch becomes a gap, and a record says why
 */
typedef enum
{
  MUSTER_WRITE_DONE,
  MUSTER_WRITE_RETRY,
  MUSTER_WRITE_FAILED,
} MusterWriteResult;

/**
 * MusterTransportClass:
 * @start: (nullable): opens what is needed, in the caller's thread, before any batch and before the format is started
 *   (so that it may still set the format's properties); an error ends the set-up
 * @write: delivers one batch. Plain blocking code in the transport's own thread. For RETRY and FAILED @error is set.
 *   After RETRY the next call brings the same batch object
 * @flush: (nullable): makes durable what was written (the thread has nothing else to do just now); see also
 *   muster_transport_schedule_flush()
 * @reopen: (nullable): closes and opens its outputs, for log rotation by others (SIGHUP); between two calls of @write,
 *   also between two attempts to write one batch
 * @stop: (nullable): closes, after the last batch; in the transport's own thread, or in the caller's of start if the
 *   set-up failed after @start
 * @get_mark: (nullable): the number from which this transport wants a stream's entries, by what it knew when it was
 *   started: those below it are where they belong, from an earlier life of this process. FALSE: it knows nothing of that
 *   stream. Called between start and stop, in any thread, and for each batch: answer from a table that does not change
 * @skip: (nullable): for transports with @get_mark: of a batch nothing is left to write, because the filters left all of
 *   it out or because it was refused for good; the stream stands at @next now. In the transport's own thread, in order
 *   with @write
 * @forget: (nullable): for transports with @get_mark: a stream has ended, and nobody will ever ask for its mark again.
 *   In the transport's own thread
 *
 * A way out. The base class owns what every transport needs: the queue, the thread, level and worker filters, retries
 * with backoff and jitter, and the counters.
 *
 * A transport that survives a kill of its process exactly has @get_mark: it stores, together with what it writes, where
 * the stream stands (see muster_transport_get_next_seq()), below muster_transport_get_state_dir(). The base class then
 * leaves out of each batch what is below the mark.
 */
struct _MusterTransportClass
{
  GObjectClass parent_class;

  gboolean (*start) (MusterTransport *self, GError **error);
  MusterWriteResult (*write) (MusterTransport *self, MusterBatch *batch, GError **error);
  gboolean (*flush) (MusterTransport *self, GError **error);
  gboolean (*reopen) (MusterTransport *self, GError **error);
  void (*stop) (MusterTransport *self);
  gboolean (*get_mark) (MusterTransport *self, const guint8 *stream, guint64 *next);
  void (*skip) (MusterTransport *self, const guint8 *stream, guint64 next);
  void (*forget) (MusterTransport *self, const guint8 *stream);

  /*< private >*/
  gpointer padding[5];
};

/**
 * MusterTransportCounters:
 * @batches: batches written
 * @entries: entries written (sequence numbers)
 * @bytes: bytes that the subclass said it wrote
 * @retries: attempts that ended in RETRY
 * @failed: entries refused for good
 * @dropped: entries dropped because a best-effort queue was full
 * @filtered: entries left out by level or worker
 * @queued: entries waiting now
 *
 * What a transport has done so far; a snapshot.
 */
typedef struct
{
  guint64 batches;
  guint64 entries;
  guint64 bytes;
  guint64 retries;
  guint64 failed;
  guint64 dropped;
  guint64 filtered;
  guint64 queued;
} MusterTransportCounters;

MUSTER_PUBLIC const char *muster_transport_get_name (MusterTransport *self);
MUSTER_PUBLIC MusterFormat *muster_transport_get_format (MusterTransport *self);
MUSTER_PUBLIC void muster_transport_set_format (MusterTransport *self, MusterFormat *format);
MUSTER_PUBLIC gboolean muster_transport_get_required (MusterTransport *self);
MUSTER_PUBLIC void muster_transport_set_required (MusterTransport *self, gboolean required);
MUSTER_PUBLIC void muster_transport_get_counters (MusterTransport *self, MusterTransportCounters *counters);

/* For subclasses. */
MUSTER_PUBLIC const char *muster_transport_get_state_dir (MusterTransport *self);
MUSTER_PUBLIC guint64 muster_transport_get_next_seq (MusterTransport *self);
MUSTER_PUBLIC void muster_transport_add_bytes (MusterTransport *self, gsize bytes);
MUSTER_PUBLIC gboolean muster_transport_is_stopping (MusterTransport *self);
MUSTER_PUBLIC void muster_transport_schedule_flush (MusterTransport *self, gint64 delay_us);
MUSTER_PUBLIC void muster_transport_report (MusterTransport *self, MusterLevel level, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

G_END_DECLS
