/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-transport-private.h"

/*
 * MusterPipeline: batches to transports, acknowledgements back.
 *
 * muster_pipeline_push() hands a batch to every transport; when the last required one has finished with it, @done is
 * called, in some transport's thread (or in the caller's, where nothing is required). Batches of one pusher are done in
 * the order in which they were pushed. Push may be called from any thread; transports are added before start. A batch
 * is pushed once.
 */
typedef struct _MusterPipeline MusterPipeline;

MusterPipeline *muster_pipeline_new (void);
MusterPipeline *muster_pipeline_ref (MusterPipeline *pipeline);
void muster_pipeline_unref (MusterPipeline *pipeline);
void muster_pipeline_add (MusterPipeline *pipeline, MusterTransport *transport); /* takes a reference */
GPtrArray *muster_pipeline_get_transports (MusterPipeline *pipeline);            /* borrowed, of MusterTransport */
void muster_pipeline_set_report (MusterPipeline *pipeline, MusterTransportReportFunc report, gpointer user_data);
gboolean muster_pipeline_start (MusterPipeline *pipeline, GError **error); /* all or none */

/* The number from which a stream's entries are to be pushed after a restart: the smallest mark of all required
 * transports that know it. (Those without marks do not count; a transport that keeps marks, and has had nothing of the
 * stream, wants it from 1.) What a transport has had already it leaves out by itself. FALSE: none knows the stream, push
 * what there is. Any thread, while the pipeline runs; the answer is as of its start. */
gboolean muster_pipeline_get_mark (MusterPipeline *pipeline, const guint8 stream[MUSTER_STREAM_ID_SIZE], guint64 *next);
/* The greatest of those marks: what is said below it does not come to all of them. 1 if none knows the stream. */
guint64 muster_pipeline_get_highest_mark (MusterPipeline *pipeline, const guint8 stream[MUSTER_STREAM_ID_SIZE]);
void muster_pipeline_push (MusterPipeline *pipeline, MusterBatch *batch, MusterBatchDoneFunc done, gpointer done_data);

/* All of the stream is acknowledged, and its journal is gone: nobody will ask for its mark. Any thread. */
void muster_pipeline_forget (MusterPipeline *pipeline, const guint8 stream[MUSTER_STREAM_ID_SIZE]);
void muster_pipeline_reopen (MusterPipeline *pipeline);

/* For all together; behind it no callback is called any more. Nobody pushes while it runs. */
void muster_pipeline_stop (MusterPipeline *pipeline, gint64 timeout_us);

/* Keeps a reference to @object until the pipeline has been stopped: for what done_data points to. */
void muster_pipeline_keep (MusterPipeline *pipeline, GObject *object);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterPipeline, muster_pipeline_unref)
