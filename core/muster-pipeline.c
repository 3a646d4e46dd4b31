/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Batches to transports, acknowledgements back. The owner adds, starts, stops; any thread pushes.
 *
 * The only thing that threads share is each batch's `outstanding`: how many required transports have not finished with
 * it. Whoever takes it to zero calls done. That keeps the order without a lock: every transport gets two batches of one
 * pusher in the same order and finishes them in that order; who was the last to finish the first of them counts down the
 * second one only after done of the first has returned, and without it the second one cannot reach zero.
 */
#include "config.h"

#include "muster-pipeline-private.h"

struct _MusterPipeline
{
  gatomicrefcount references;
  GPtrArray *transports; /* owned; of MusterTransport; fixed once started */
  GPtrArray *kept;       /* owned; of GObject; guarded by lock */
  GMutex lock;
  gint n_required; /* fixed once started */
  gboolean started;
  MusterTransportReportFunc report;
  gpointer report_data;
};

MusterPipeline *
muster_pipeline_new (void)
{
  MusterPipeline *pipeline = g_new0 (MusterPipeline, 1);

  g_atomic_ref_count_init (&pipeline->references);
  g_mutex_init (&pipeline->lock);
  pipeline->transports = g_ptr_array_new_with_free_func (g_object_unref);
  pipeline->kept = g_ptr_array_new_with_free_func (g_object_unref);
  return pipeline;
}

MusterPipeline *
muster_pipeline_ref (MusterPipeline *pipeline)
{
  g_atomic_ref_count_inc (&pipeline->references);
  return pipeline;
}

void
muster_pipeline_unref (MusterPipeline *pipeline)
{
  if (!g_atomic_ref_count_dec (&pipeline->references))
    return;
  muster_pipeline_stop (pipeline, 0);
  g_ptr_array_unref (pipeline->transports);
  g_ptr_array_unref (pipeline->kept);
  g_mutex_clear (&pipeline->lock);
  g_free (pipeline);
}

void
muster_pipeline_add (MusterPipeline *pipeline, MusterTransport *transport)
{
  g_return_if_fail (!pipeline->started);
  g_ptr_array_add (pipeline->transports, g_object_ref (transport));
}

GPtrArray *
muster_pipeline_get_transports (MusterPipeline *pipeline)
{
  return pipeline->transports;
}

void
muster_pipeline_set_report (MusterPipeline *pipeline, MusterTransportReportFunc report, gpointer user_data)
{
  g_return_if_fail (!pipeline->started);
  pipeline->report = report;
  pipeline->report_data = user_data;
}

static void
finish_batch (MusterBatch *batch)
{
  if (g_atomic_int_dec_and_test (&batch->outstanding) && batch->done != NULL)
    batch->done (batch, batch->done_data);
}

static void
transport_done_cb (MusterTransport *transport, MusterBatch *batch, gpointer user_data)
{
  finish_batch (batch);
}

static void
transport_report_cb (MusterTransport *transport, MusterLevel level, const char *message, gpointer user_data)
{
  MusterPipeline *pipeline = user_data;

  if (pipeline->report != NULL)
    pipeline->report (transport, level, message, pipeline->report_data);
}

static void
stop_first (MusterPipeline *pipeline, guint n, gint64 timeout_us)
{
  gint64 deadline_us = g_get_monotonic_time () + timeout_us;

  for (guint i = 0; i < n; i++)
    muster_transport_begin_stop (g_ptr_array_index (pipeline->transports, i), deadline_us);
  for (guint i = 0; i < n; i++)
    {
      MusterTransport *transport = g_ptr_array_index (pipeline->transports, i);

      muster_transport_end_stop (transport);
      muster_transport_set_callbacks (transport, NULL, NULL, NULL);
    }
}

gboolean
muster_pipeline_start (MusterPipeline *pipeline, GError **error)
{
  g_return_val_if_fail (!pipeline->started, FALSE);

  pipeline->n_required = 0;
  for (guint i = 0; i < pipeline->transports->len; i++)
    {
      MusterTransport *transport = g_ptr_array_index (pipeline->transports, i);

      muster_transport_set_callbacks (transport, transport_done_cb, transport_report_cb, pipeline);
      if (!muster_transport_start (transport, error))
        {
          g_prefix_error (error, "transport %s: ", muster_transport_get_name (transport));
          muster_transport_set_callbacks (transport, NULL, NULL, NULL);
          stop_first (pipeline, i, G_USEC_PER_SEC);
          return FALSE;
        }
      pipeline->n_required += muster_transport_get_required (transport);
    }
  pipeline->started = TRUE;
  return TRUE;
}

void
muster_pipeline_push (MusterPipeline *pipeline, MusterBatch *batch, MusterBatchDoneFunc done, gpointer done_data)
{
  /* One more for ourselves, so that done does not come before every transport has the batch. */
  g_atomic_int_set (&batch->outstanding, pipeline->n_required + 1);
  batch->done = done;
  batch->done_data = done_data;
  for (guint i = 0; i < pipeline->transports->len; i++)
    muster_transport_push (g_ptr_array_index (pipeline->transports, i), batch);
  finish_batch (batch);
}

static gboolean
find_marks (MusterPipeline *pipeline, const guint8 stream[MUSTER_STREAM_ID_SIZE], guint64 *lowest, guint64 *highest)
{
  gboolean known = FALSE;

  for (guint i = 0; i < pipeline->transports->len; i++)
    {
      MusterTransport *transport = g_ptr_array_index (pipeline->transports, i);
      guint64 mark;

      if (!muster_transport_get_required (transport) || !muster_transport_get_mark (transport, stream, &mark))
        continue;
      *lowest = known ? MIN (*lowest, mark) : mark;
      *highest = known ? MAX (*highest, mark) : mark;
      known = TRUE;
    }
  return known;
}

gboolean
muster_pipeline_get_mark (MusterPipeline *pipeline, const guint8 stream[MUSTER_STREAM_ID_SIZE], guint64 *next)
{
  guint64 highest;

  return find_marks (pipeline, stream, next, &highest);
}

guint64
muster_pipeline_get_highest_mark (MusterPipeline *pipeline, const guint8 stream[MUSTER_STREAM_ID_SIZE])
{
  guint64 lowest, highest;

  return find_marks (pipeline, stream, &lowest, &highest) ? highest : 1;
}

void
muster_pipeline_forget (MusterPipeline *pipeline, const guint8 stream[MUSTER_STREAM_ID_SIZE])
{
  for (guint i = 0; i < pipeline->transports->len; i++)
    muster_transport_forget (g_ptr_array_index (pipeline->transports, i), stream);
}

void
muster_pipeline_reopen (MusterPipeline *pipeline)
{
  for (guint i = 0; i < pipeline->transports->len; i++)
    muster_transport_reopen (g_ptr_array_index (pipeline->transports, i));
}

void
muster_pipeline_stop (MusterPipeline *pipeline, gint64 timeout_us)
{
  g_autoptr (GPtrArray) kept = NULL;

  if (pipeline->started)
    stop_first (pipeline, pipeline->transports->len, timeout_us);
  pipeline->started = FALSE;
  g_mutex_lock (&pipeline->lock);
  kept = g_steal_pointer (&pipeline->kept);
  pipeline->kept = g_ptr_array_new_with_free_func (g_object_unref);
  g_mutex_unlock (&pipeline->lock);
}

void
muster_pipeline_keep (MusterPipeline *pipeline, GObject *object)
{
  g_mutex_lock (&pipeline->lock);
  g_ptr_array_add (pipeline->kept, g_object_ref (object));
  g_mutex_unlock (&pipeline->lock);
}
