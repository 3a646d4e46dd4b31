/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Batches to several transports, each done once and in order; and sources, which push for others.
 */
#include "config.h"

#include "muster-pipeline-private.h"
#include "muster-source-private.h"
#include "test-mock-transport.h"

typedef struct
{
  GMutex lock;
  GCond cond;
  guint n_done;
  guint64 next_seq; /* that is to be done next */
} Ear;

static void
ear_init (Ear *ear)
{
  g_mutex_init (&ear->lock);
  g_cond_init (&ear->cond);
  ear->n_done = 0;
  ear->next_seq = 1;
}

static void
ear_clear (Ear *ear)
{
  g_cond_clear (&ear->cond);
  g_mutex_clear (&ear->lock);
}

static void
done_cb (MusterBatch *batch, gpointer user_data)
{
  Ear *ear = user_data;

  g_mutex_lock (&ear->lock);
  g_assert_cmpuint (muster_batch_get_first_seq (batch), ==, ear->next_seq);
  ear->next_seq += muster_batch_get_count (batch);
  ear->n_done++;
  g_cond_broadcast (&ear->cond);
  g_mutex_unlock (&ear->lock);
}

static void
ear_wait (Ear *ear, guint n)
{
  gint64 deadline_us = g_get_monotonic_time () + TEST_DEADLINE_US;

  g_mutex_lock (&ear->lock);
  while (ear->n_done < n)
    g_assert_true (g_cond_wait_until (&ear->cond, &ear->lock, deadline_us));
  g_mutex_unlock (&ear->lock);
}

static guint
ear_count (Ear *ear)
{
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&ear->lock);

  return ear->n_done;
}

/* Adds a mock and keeps the reference for the caller, until the pipeline goes. */
static MockTransport *
add_mock (MusterPipeline *pipeline, const char *name, gboolean required)
{
  g_autoptr (MockTransport) mock = mock_transport_new (name);

  muster_transport_set_required (MUSTER_TRANSPORT (mock), required);
  muster_pipeline_add (pipeline, MUSTER_TRANSPORT (mock));
  return mock;
}

static void
start (MusterPipeline *pipeline)
{
  g_autoptr (GError) error = NULL;

  muster_pipeline_start (pipeline, &error);
  g_assert_no_error (error);
}

static void
push (MusterPipeline *pipeline, char stream, guint64 first_seq, Ear *ear)
{
  g_autoptr (MusterBatch) batch = test_batch (stream, first_seq, 1, "web-1", MUSTER_LEVEL_INFO);

  muster_pipeline_push (pipeline, batch, done_cb, ear);
}

static void
test_nothing_required (void)
{
  g_autoptr (MusterPipeline) pipeline = muster_pipeline_new ();
  g_autoptr (MusterPipeline) empty = muster_pipeline_new ();
  MockTransport *mock = add_mock (pipeline, "mock", FALSE);
  Ear ear;

  ear_init (&ear);
  mock->gate_closed = TRUE;
  start (pipeline);
  push (pipeline, 'a', 1, &ear);
  g_assert_cmpuint (ear_count (&ear), ==, 1); /* at once */
  start (empty);
  push (empty, 'a', 2, &ear);
  g_assert_cmpuint (ear_count (&ear), ==, 2);
  mock_transport_set_gate (mock, FALSE);
  muster_pipeline_stop (empty, TEST_DEADLINE_US);
  muster_pipeline_stop (pipeline, TEST_DEADLINE_US);
  ear_clear (&ear);
}

static void
test_all_required (void)
{
  g_autoptr (MusterPipeline) pipeline = muster_pipeline_new ();
  MockTransport *one = add_mock (pipeline, "one", TRUE);
  MockTransport *two = add_mock (pipeline, "two", TRUE);
  g_autofree char *written = NULL;
  Ear ear;

  g_assert_cmpuint (muster_pipeline_get_transports (pipeline)->len, ==, 2);
  ear_init (&ear);
  two->gate_closed = TRUE;
  start (pipeline);
  for (guint i = 0; i < 10; i++)
    push (pipeline, 'a', i + 1, &ear);
  /* the one that stands still does not delay the other */
  mock_transport_wait (one, &one->n_attempts, 10);
  mock_transport_wait (one, &one->n_flushes, 1);
  written = mock_transport_get_written (one);
  g_assert_cmpstr (written, ==, "a1 ;a2 ;a3 ;a4 ;a5 ;a6 ;a7 ;a8 ;a9 ;a10 ;");
  g_assert_cmpuint (ear_count (&ear), ==, 0);
  mock_transport_set_gate (two, FALSE);
  ear_wait (&ear, 10);
  muster_pipeline_reopen (pipeline);
  mock_transport_wait (one, &one->n_reopens, 1);
  mock_transport_wait (two, &two->n_reopens, 1);
  muster_pipeline_stop (pipeline, TEST_DEADLINE_US);
  ear_clear (&ear);
}

#define N_PUSHERS 4
#define N_BATCHES 1500

typedef struct
{
  MusterPipeline *pipeline;
  char stream;
  Ear ear;
} Pusher;

static gpointer
pusher_thread (gpointer data)
{
  Pusher *pusher = data;

  for (guint i = 0; i < N_BATCHES; i++)
    {
      push (pusher->pipeline, pusher->stream, i + 1, &pusher->ear);
      if (i % 64 == 0)
        g_thread_yield ();
    }
  return NULL;
}

/* done_cb asserts that each pusher's batches are done once each and in order. */
static void
test_many_pushers (void)
{
  g_autoptr (MusterPipeline) pipeline = muster_pipeline_new ();
  MockTransport *hesitant = add_mock (pipeline, "hesitant", TRUE);
  Pusher pushers[N_PUSHERS];
  GThread *threads[N_PUSHERS];

  add_mock (pipeline, "two", TRUE);
  add_mock (pipeline, "three", TRUE);
  add_mock (pipeline, "four", FALSE);
  hesitant->script = "DDDDDDDDRDDDDDDDFDDDDDDRRRD";
  start (pipeline);
  for (guint i = 0; i < N_PUSHERS; i++)
    {
      pushers[i] = (Pusher){ .pipeline = pipeline, .stream = (char) ('a' + i) };
      ear_init (&pushers[i].ear);
      threads[i] = g_thread_new ("pusher", pusher_thread, &pushers[i]);
    }
  for (guint i = 0; i < N_PUSHERS; i++)
    {
      ear_wait (&pushers[i].ear, N_BATCHES);
      g_thread_join (threads[i]);
    }
  muster_pipeline_stop (pipeline, TEST_DEADLINE_US);
  for (guint i = 0; i < N_PUSHERS; i++)
    {
      g_assert_cmpuint (ear_count (&pushers[i].ear), ==, N_BATCHES);
      ear_clear (&pushers[i].ear);
    }
}

static void
test_start_all_or_none (void)
{
  g_autoptr (MusterPipeline) pipeline = muster_pipeline_new ();
  g_autoptr (GError) error = NULL;
  MockTransport *good = add_mock (pipeline, "good", TRUE);
  MockTransport *bad = add_mock (pipeline, "bad", TRUE);
  MockTransport *unseen = add_mock (pipeline, "unseen", TRUE);
  Ear ear;

  bad->start_with = "no road";
  g_assert_false (muster_pipeline_start (pipeline, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE);
  g_assert_cmpstr (error->message, ==, "transport bad: no road");
  g_assert_cmpuint (good->n_stops, ==, 1);
  g_assert_cmpuint (bad->n_stops, ==, 0);
  g_assert_cmpuint (unseen->n_stops, ==, 0);

  /* and once more, with the road open */
  bad->start_with = NULL;
  ear_init (&ear);
  start (pipeline);
  push (pipeline, 'a', 1, &ear);
  ear_wait (&ear, 1);
  muster_pipeline_stop (pipeline, TEST_DEADLINE_US);
  ear_clear (&ear);
}

static void
report_cb (MusterTransport *transport, MusterLevel level, const char *message, gpointer user_data)
{
  Ear *ear = user_data;

  g_mutex_lock (&ear->lock);
  ear->n_done++;
  g_cond_broadcast (&ear->cond);
  g_mutex_unlock (&ear->lock);
}

/* Two that hang do not take twice the time; what they hold is not done, what others finished is no more than theirs. */
static void
test_stop_together (void)
{
  g_autoptr (MusterPipeline) pipeline = muster_pipeline_new ();
  MockTransport *stuck = add_mock (pipeline, "stuck", TRUE);
  MockTransport *unlucky = add_mock (pipeline, "unlucky", TRUE);
  G_GNUC_UNUSED g_autoptr (MockTransport) stuck_ref = g_object_ref (stuck);
  Ear ear, reports;
  gint64 before_us;

  ear_init (&ear);
  ear_init (&reports);
  stuck->gate_closed = TRUE;
  unlucky->script = "r";
  muster_pipeline_set_report (pipeline, report_cb, &reports);
  start (pipeline);
  push (pipeline, 'a', 1, &ear);
  ear_wait (&reports, 1);
  mock_transport_wait (stuck, &stuck->n_inside, 1);
  before_us = g_get_monotonic_time ();
  muster_pipeline_stop (pipeline, G_USEC_PER_SEC / 5);
  g_assert_cmpint (g_get_monotonic_time () - before_us, >=, G_USEC_PER_SEC / 5);
  g_assert_cmpint (g_get_monotonic_time () - before_us, <, TEST_DEADLINE_US / 2);
  g_clear_pointer (&pipeline, muster_pipeline_unref);
  mock_transport_set_gate (stuck, FALSE);
  mock_transport_wait (stuck, &stuck->n_stops, 1);
  g_assert_cmpuint (ear_count (&ear), ==, 0);
  ear_clear (&ear);
  ear_clear (&reports);
}

/* -- a source -- */

G_DECLARE_FINAL_TYPE (MockSource, mock_source, MOCK, SOURCE, MusterSource)

struct _MockSource
{
  MusterSource parent_instance;

  gboolean fails;
  Ear ear;
  guint n_stops;
};

G_DEFINE_FINAL_TYPE (MockSource, mock_source, MUSTER_TYPE_SOURCE)

static gboolean
mock_source_start (MusterSource *source, GError **error)
{
  if (!MOCK_SOURCE (source)->fails)
    return TRUE;
  g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_EXISTS, "the port is taken");
  return FALSE;
}

static void
mock_source_stop (MusterSource *source)
{
  MOCK_SOURCE (source)->n_stops++;
}

static void
mock_source_acknowledged (MusterSource *source, MusterBatch *batch)
{
  done_cb (batch, &MOCK_SOURCE (source)->ear);
}

static void
mock_source_finalize (GObject *object)
{
  ear_clear (&MOCK_SOURCE (object)->ear);
  G_OBJECT_CLASS (mock_source_parent_class)->finalize (object);
}

static void
mock_source_class_init (MockSourceClass *class)
{
  G_OBJECT_CLASS (class)->finalize = mock_source_finalize;
  MUSTER_SOURCE_CLASS (class)->start = mock_source_start;
  MUSTER_SOURCE_CLASS (class)->stop = mock_source_stop;
  MUSTER_SOURCE_CLASS (class)->acknowledged = mock_source_acknowledged;
}

static void
mock_source_init (MockSource *self)
{
  ear_init (&self->ear);
}

static void
submit (MusterSource *source, guint64 first_seq)
{
  g_autoptr (MusterBatch) batch = test_batch ('s', first_seq, 1, "device", MUSTER_LEVEL_INFO);

  muster_source_submit (source, batch);
}

static void
test_source (void)
{
  g_autoptr (MusterPipeline) pipeline = muster_pipeline_new ();
  MockTransport *mock = add_mock (pipeline, "mock", TRUE);
  MusterSource *source = g_object_new (mock_source_get_type (), "name", "devices", NULL);
  MockSource *own = MOCK_SOURCE (source);
  gpointer weak = source;
  const MusterSourceHouse house = { .pipeline = pipeline };
  g_autoptr (GError) error = NULL;

  g_assert_cmpstr (muster_source_get_name (source), ==, "devices");
  start (pipeline);
  muster_source_start (source, &house, &error);
  g_assert_no_error (error);
  submit (source, 1);
  ear_wait (&own->ear, 1);
  mock_transport_set_gate (mock, TRUE);
  submit (source, 2);
  muster_source_stop (source);
  muster_source_stop (source);
  g_assert_cmpuint (own->n_stops, ==, 1);
  submit (source, 3); /* too late */

  /* acknowledgements may still come: the pipeline keeps the source */
  g_object_add_weak_pointer (G_OBJECT (source), &weak);
  g_object_unref (source);
  g_assert_nonnull (weak);
  mock_transport_set_gate (mock, FALSE);
  ear_wait (&own->ear, 2);
  muster_pipeline_stop (pipeline, TEST_DEADLINE_US);
  g_assert_null (weak);
}

static void
test_source_fails (void)
{
  g_autoptr (MusterPipeline) pipeline = muster_pipeline_new ();
  MusterSource *source = g_object_new (mock_source_get_type (), NULL);
  const MusterSourceHouse house = { .pipeline = pipeline };
  g_autoptr (GError) error = NULL;

  MOCK_SOURCE (source)->fails = TRUE;
  start (pipeline);
  g_assert_false (muster_source_start (source, &house, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_EXISTS);
  muster_source_stop (source);
  g_assert_cmpuint (MOCK_SOURCE (source)->n_stops, ==, 0);
  muster_pipeline_stop (pipeline, 0);
  g_assert_finalize_object (source);
}

/* The smallest of those that are required and know the stream. */
static void
test_mark (void)
{
  g_autoptr (MusterPipeline) pipeline = muster_pipeline_new ();
  MockTransport *late = add_mock (pipeline, "late", TRUE);
  MockTransport *early = add_mock (pipeline, "early", TRUE);
  MockTransport *optional = add_mock (pipeline, "optional", FALSE);
  const guint8 stream[MUSTER_STREAM_ID_SIZE] = "aaaaaaaaaaaaaaaa";
  guint64 next = 0;

  start (pipeline);
  optional->mark = 3;
  g_assert_false (muster_pipeline_get_mark (pipeline, stream, &next));
  late->mark = 20;
  g_assert_true (muster_pipeline_get_mark (pipeline, stream, &next));
  g_assert_cmpuint (next, ==, 20);
  early->mark = 7;
  g_assert_true (muster_pipeline_get_mark (pipeline, stream, &next));
  g_assert_cmpuint (next, ==, 7);
  muster_pipeline_forget (pipeline, stream);
  mock_transport_wait (late, &late->n_forgets, 1);
  mock_transport_wait (optional, &optional->n_forgets, 1);
  muster_pipeline_stop (pipeline, TEST_DEADLINE_US);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pipeline/nothing-required", test_nothing_required);
  g_test_add_func ("/pipeline/all-required", test_all_required);
  g_test_add_func ("/pipeline/many-pushers", test_many_pushers);
  g_test_add_func ("/pipeline/start-all-or-none", test_start_all_or_none);
  g_test_add_func ("/pipeline/stop-together", test_stop_together);
  g_test_add_func ("/pipeline/mark", test_mark);
  g_test_add_func ("/source/acknowledged", test_source);
  g_test_add_func ("/source/fails", test_source_fails);
  return g_test_run ();
}
