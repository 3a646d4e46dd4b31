/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-batch-filter-private.h"
#include "muster-batch-private.h"
#include "muster-transport.h"

/* What the pipeline does with a transport. All but reopen and push are called from the thread that owns the pipeline. */

/* Called in the transport's thread for what a person should know: "no room on the disk", "goes on". The message names
 * the transport. It may push to the pipeline, and must not stop the transport. */
typedef void (*MusterTransportReportFunc) (MusterTransport *transport, MusterLevel level, const char *message,
                                           gpointer user_data);

/* Called in the transport's thread once for each batch pushed to a required transport, in order. */
typedef void (*MusterTransportDoneFunc) (MusterTransport *transport, MusterBatch *batch, gpointer user_data);

void muster_transport_set_callbacks (MusterTransport *self, MusterTransportDoneFunc done,
                                     MusterTransportReportFunc report, gpointer user_data);

/* Where the transport may keep what it has to know after a restart; before start. The directory is there. */
void muster_transport_set_state_dir (MusterTransport *self, const char *path);
gboolean muster_transport_keeps_state (MusterTransport *self); /* whether it would use a state-dir */

gboolean muster_transport_start (MusterTransport *self, GError **error); /* subclass, format, thread */

/* The number from which it wants a stream's entries, by what it knew when it was started. Any thread, while it runs. */
gboolean muster_transport_get_mark (MusterTransport *self, const guint8 stream[MUSTER_STREAM_ID_SIZE], guint64 *next);
void muster_transport_push (MusterTransport *self, MusterBatch *batch); /* never blocks; best effort may drop */
/* The stream has ended and its journal is gone: nobody will ask for its mark. Any thread. */
void muster_transport_forget (MusterTransport *self, const guint8 stream[MUSTER_STREAM_ID_SIZE]);
void muster_transport_reopen (MusterTransport *self); /* asks the thread; returns at once */

/* Writes what is queued, calls the subclass's stop, joins the thread. After @timeout_us what a stalled transport still
 * holds is given up (and so stays unacknowledged); a best-effort transport gives up as soon as it would have to try
 * again. A thread that does not come back from its subclass is left behind, with a reference of its own. When this has
 * returned no callback is called any more. */
void muster_transport_stop (MusterTransport *self, gint64 timeout_us);

/* The same in two steps, for several together: all begin, then each is waited for. @deadline_us is monotonic time. */
void muster_transport_begin_stop (MusterTransport *self, gint64 deadline_us);
void muster_transport_end_stop (MusterTransport *self);

/*
 * Private, but exported for the transports of this tree that continue their outputs after a kill: what the base class's
 * own filter has left out of a stream and not declared yet.
 */

/* In write and skip, once this batch is done. */
MUSTER_PUBLIC void muster_transport_get_pending (MusterTransport *self, const guint8 stream[MUSTER_STREAM_ID_SIZE],
                                                 MusterPendingRuns *pending);
/* In write and skip: the journal that the batch has come by from another machine, and where it stands once this batch is
 * done. FALSE: it came by none. A transport that keeps marks keeps this one too, and answers for it as for a stream's. */
MUSTER_PUBLIC gboolean muster_transport_get_journal (MusterTransport *self, guint8 journal[MUSTER_STREAM_ID_SIZE],
                                                     guint64 *next);
/* In start: the stream stands at @next. */
MUSTER_PUBLIC void muster_transport_set_pending (MusterTransport *self, const guint8 stream[MUSTER_STREAM_ID_SIZE],
                                                 guint64 next, const MusterPendingRuns *pending);
