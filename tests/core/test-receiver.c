/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The receiver before a worker that has its token and means no good, or has gone wrong: what it says hurts nobody but
 * itself, and takes no more of the primary's memory than its journal's size allows.
 */
#include "config.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>
#include <zmq.h>

#include "muster-end-record-private.h"
#include "muster-link-private.h"
#include "muster-receiver-private.h"
#include "test-mock-transport.h"
#include "test-wait.h"

#define RING MUSTER_JOURNAL_SIZE_MIN

typedef struct
{
  char *directory;
  char *endpoint;
  MusterPipeline *pipeline;
  MockTransport *transport;
  MusterReceiver *receiver;
  MusterJournalIdentity identity;
  int journal_fd;
  void *zmq, *socket; /* the worker's */
  guint connected, messages, snapshots, records, finished;
  gsize snapshot_bytes;
} Fixture;

static gint warnings; /* atomic */

static GLogWriterOutput
count_warnings (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
    return g_log_writer_standard_streams (level, fields, n_fields, user_data);
  g_atomic_int_inc (&warnings);
  return G_LOG_WRITER_HANDLED;
}

static void
on_connected (const guint8 *stream, gpointer user_data)
{
  ((Fixture *) user_data)->connected++;
}

static void
on_message (const guint8 *stream, GVariant *message, gpointer user_data)
{
  ((Fixture *) user_data)->messages++;
}

static void
on_snapshots (MusterBatch *batch, gpointer user_data)
{
  Fixture *fixture = user_data;
  MusterEntryIter iter;
  MusterEntry entry;
  gsize size;
  gconstpointer bytes = muster_batch_get_data (batch, &size);

  fixture->snapshot_bytes += size;
  muster_entry_iter_init (&iter, bytes, size);
  while (muster_entry_iter_next (&iter, &entry))
    if (entry.kind == MUSTER_ENTRY_SNAPSHOT)
      {
        g_assert_cmpmem (entry.origin->worker.data, entry.origin->worker.length, "web-1", 5);
        fixture->snapshots++;
      }
}

static void
on_records (MusterBatch *batch, gpointer user_data)
{
  Fixture *fixture = user_data;
  MusterEntryIter iter;
  MusterEntry entry;
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);

  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    if (entry.kind == MUSTER_ENTRY_RECORD)
      {
        fixture->records++;
        g_assert_cmpmem (entry.origin->worker.data, entry.origin->worker.length, "web-1", 5);
        g_assert_cmpuint (entry.origin->pid, ==, 4711);
      }
}

static void
on_finished (const guint8 *stream, gpointer user_data)
{
  ((Fixture *) user_data)->finished++;
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  static const MusterReceiverCallbacks callbacks = {
    .connected = on_connected,
    .message = on_message,
    .snapshots = on_snapshots,
    .records = on_records,
    .finished = on_finished,
  };
  g_autoptr (GError) error = NULL;
  const int linger = 0, timeout_ms = 20000, high_water = 0;
  MusterTimeBase base = { 1, 2 };

  g_atomic_int_set (&warnings, 0);
  fixture->directory = g_dir_make_tmp ("muster-receiver-XXXXXX", &error);
  fixture->endpoint = g_strdup_printf ("ipc://%s/web", fixture->directory);
  fixture->identity = (MusterJournalIdentity){ .pid = 4711, .cluster = "shop", .worker = "web-1", .group = "web" };
  memset (fixture->identity.stream, 'a', 16); /* of the batches that test-batches.h makes */
  memset (fixture->identity.token, 't', 32);
  fixture->journal_fd = muster_journal_create_memfd (RING, &fixture->identity, &error);
  g_assert_no_error (error);
  fixture->pipeline = muster_pipeline_new ();
  fixture->transport = mock_transport_new ("mock");
  muster_pipeline_add (fixture->pipeline, MUSTER_TRANSPORT (fixture->transport));
  g_assert_true (muster_pipeline_start (fixture->pipeline, &error));
  fixture->receiver = muster_receiver_new (fixture->pipeline, "host", "shop", NULL, &base, &callbacks, fixture, NULL);
  g_assert_true (muster_receiver_bind (fixture->receiver, "web", fixture->endpoint, (uid_t) -1, (gid_t) -1, &error));
  muster_receiver_add_journal (fixture->receiver, &fixture->identity, RING, dup (fixture->journal_fd), 1);

  fixture->zmq = zmq_ctx_new ();
  fixture->socket = zmq_socket (fixture->zmq, ZMQ_DEALER);
  zmq_setsockopt (fixture->socket, ZMQ_LINGER, &linger, sizeof linger);
  zmq_setsockopt (fixture->socket, ZMQ_SNDHWM, &high_water, sizeof high_water);
  zmq_setsockopt (fixture->socket, ZMQ_RCVHWM, &high_water, sizeof high_water);
  zmq_setsockopt (fixture->socket, ZMQ_RCVTIMEO, &timeout_ms, sizeof timeout_ms);
  g_assert_cmpint (zmq_connect (fixture->socket, fixture->endpoint), ==, 0);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_autofree char *socket = g_build_filename (fixture->directory, "web", NULL);

  mock_transport_set_gate (fixture->transport, FALSE);
  zmq_close (fixture->socket);
  zmq_ctx_term (fixture->zmq);
  muster_receiver_stop (fixture->receiver, 0);
  muster_pipeline_stop (fixture->pipeline, 10 * G_TIME_SPAN_SECOND);
  muster_receiver_free (fixture->receiver);
  muster_pipeline_unref (fixture->pipeline);
  g_object_unref (fixture->transport);
  close (fixture->journal_fd);
  g_unlink (socket);
  g_rmdir (fixture->directory);
  g_free (fixture->directory);
  g_free (fixture->endpoint);
}

/* -- the worker ------------------------------------------------------------------------------------- */

static void
send_frame (Fixture *fixture, const MusterLinkHeader *header, gconstpointer payload, gsize size)
{
  guint8 bytes[MUSTER_LINK_HEADER_SIZE];

  muster_link_header_encode (header, bytes);
  zmq_send (fixture->socket, bytes, sizeof bytes, payload != NULL ? ZMQ_SNDMORE : 0);
  if (payload != NULL)
    zmq_send (fixture->socket, payload, size, 0);
}

static void
send_hello (Fixture *fixture, guint64 number)
{
  MusterLinkHello hello = { .pid = 4711 };
  guint8 bytes[MUSTER_LINK_HELLO_SIZE];

  memcpy (hello.stream, fixture->identity.stream, sizeof hello.stream);
  memcpy (hello.token, fixture->identity.token, sizeof hello.token);
  muster_link_hello_encode (&hello, bytes);
  send_frame (fixture, &(MusterLinkHeader){ .type = MUSTER_LINK_HELLO, .number = number }, bytes, sizeof bytes);
}

static void
send_batch (Fixture *fixture, MusterBatch *batch)
{
  const MusterLinkHeader header = { .type = MUSTER_LINK_BATCH,
                                    .number = muster_batch_get_first_seq (batch),
                                    .count = (guint32) MIN (muster_batch_get_count (batch), G_MAXUINT32) };
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);

  send_frame (fixture, &header, data, size);
}

static void
send_position (Fixture *fixture, guint64 number)
{
  send_frame (fixture, &(MusterLinkHeader){ .type = MUSTER_LINK_POSITION, .number = number }, NULL, 0);
}

/* The next frame of @type (0: of any), or of any that ends a conversation. */
static MusterLinkHeader
receive (Fixture *fixture, MusterLinkType type)
{
  MusterLinkHeader header = { .type = 0 };
  guint8 bytes[MUSTER_LINK_HEADER_SIZE], rest[1024];

  do
    {
      int more = 0;
      size_t size = sizeof more;

      g_assert_cmpint (zmq_recv (fixture->socket, bytes, sizeof bytes, 0), ==, sizeof bytes);
      g_assert_true (muster_link_header_decode (bytes, sizeof bytes, &header, NULL));
      zmq_getsockopt (fixture->socket, ZMQ_RCVMORE, &more, &size);
      if (more)
        zmq_recv (fixture->socket, rest, sizeof rest, 0);
    }
  while (type != 0 && header.type != type && header.type != MUSTER_LINK_REFUSED && header.type != MUSTER_LINK_RESET);
  return header;
}

static void
assert_finishes (Fixture *fixture)
{
  const MusterEnd end = { .reason = MUSTER_EXIT_STATUS, .pid = 4711 };
  g_autoptr (GBytes) record = muster_end_encode (&end, 1);

  muster_receiver_finish (fixture->receiver, fixture->identity.stream, record);
  WAIT_UNTIL (fixture->finished == 1);
}

/* -- tests ------------------------------------------------------------------------------------------ */

/* Numbers that no sequence of this world reaches: what is counted on from them would wrap. */
static void
test_numbers (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterBatch) batch = test_batch ('a', G_MAXUINT64 - 1, 1, "web-1", MUSTER_LEVEL_INFO);

  send_hello (fixture, G_MAXUINT64 - 1);
  g_assert_cmpint (receive (fixture, MUSTER_LINK_WELCOME).type, ==, MUSTER_LINK_REFUSED);
  send_batch (fixture, batch);
  g_assert_cmpint (receive (fixture, MUSTER_LINK_ACK).type, ==, MUSTER_LINK_RESET);
  assert_finishes (fixture);
}

static void
test_numbers_of_batch (Fixture *fixture, gconstpointer data)
{
  TestLog log = { NULL };
  g_autoptr (MusterBatch) huge = NULL;

  test_log_origin (&log, 'a', 1, "web-1");
  test_log_gap (&log, G_MAXUINT64 - 1, MUSTER_GAP_FILTERED);
  huge = test_log_end (&log);
  send_hello (fixture, 1);
  g_assert_cmpint (receive (fixture, MUSTER_LINK_WELCOME).type, ==, MUSTER_LINK_WELCOME);
  send_batch (fixture, huge);
  g_assert_cmpint (receive (fixture, MUSTER_LINK_ACK).type, ==, MUSTER_LINK_REFUSED);
  assert_finishes (fixture);
}

/* More than 2^32 - 1 in one batch: a worker that had that many refused while a transport stood still. */
static void
test_large_count (Fixture *fixture, gconstpointer data)
{
  TestLog log = { NULL };
  g_autoptr (MusterBatch) batch = NULL;

  test_log_origin (&log, 'a', 1, "web-1");
  test_log_gap (&log, (guint64) G_MAXUINT32 + 1, MUSTER_GAP_JOURNAL_FULL);
  batch = test_log_end (&log);
  send_hello (fixture, 1);
  g_assert_cmpint (receive (fixture, MUSTER_LINK_WELCOME).type, ==, MUSTER_LINK_WELCOME);
  send_batch (fixture, batch);
  g_assert_cmpuint (receive (fixture, MUSTER_LINK_ACK).number, ==, (guint64) G_MAXUINT32 + 2);
  assert_finishes (fixture);
}

/* Batches of about 60 KiB, without end, while nothing is acknowledged. */
static void
send_much (Fixture *fixture, guint64 from, guint64 to)
{
  g_autofree char *text = g_strnfill (60000, 'x');

  for (guint64 i = from; i < to; i++)
    {
      TestLog log = { NULL };
      g_autoptr (MusterBatch) batch = NULL;

      test_log_origin (&log, 'a', i, "web-1");
      test_log_record (&log, MUSTER_LEVEL_INFO, text);
      batch = test_log_end (&log);
      send_batch (fixture, batch);
    }
}

/* What is beyond the credit is left alone: it comes again, once there is room. */
static void
test_credit (Fixture *fixture, gconstpointer data)
{
  const guint64 most = 16 * RING / 60000 + 2;
  guint64 next, acknowledged = 0;

  mock_transport_set_gate (fixture->transport, TRUE);
  send_hello (fixture, 1);
  g_assert_cmpint (receive (fixture, MUSTER_LINK_WELCOME).type, ==, MUSTER_LINK_WELCOME);
  send_much (fixture, 1, 301);
  send_position (fixture, 301);
  next = receive (fixture, MUSTER_LINK_NACK).number;
  g_assert_cmpuint (next, >, 5);
  g_assert_cmpuint (next, <=, most);
  mock_transport_set_gate (fixture->transport, FALSE);
  while (acknowledged < 301)
    {
      MusterLinkHeader answer;

      if (acknowledged == next)
        {
          send_much (fixture, next, 301);
          send_position (fixture, 301);
        }
      answer = receive (fixture, 0);
      g_assert_true (answer.type == MUSTER_LINK_ACK || answer.type == MUSTER_LINK_NACK);
      if (answer.type == MUSTER_LINK_ACK)
        acknowledged = MAX (acknowledged, answer.number);
      else
        next = answer.number;
    }
  assert_finishes (fixture);
}

/* Who it is is not for the worker to say: neither in the first origin nor in a later one. */
static void
test_labels (Fixture *fixture, gconstpointer data)
{
  TestLog log = { NULL };
  g_autoptr (MusterBatch) good = test_batch ('a', 1, 2, "web-1", MUSTER_LEVEL_INFO);
  g_autoptr (MusterBatch) mixed = NULL;

  test_log_origin (&log, 'a', 3, "web-1");
  test_log_record (&log, MUSTER_LEVEL_INFO, "mine");
  test_log_origin (&log, 'a', 4, GPOINTER_TO_INT (data) == 0 ? "master" : "web-1");
  test_log_record (&log, MUSTER_LEVEL_EMERGENCY, "the primary is on fire");
  mixed = test_log_end (&log);
  muster_receiver_set_tap (fixture->receiver, TRUE);
  send_hello (fixture, 1);
  g_assert_cmpint (receive (fixture, MUSTER_LINK_WELCOME).type, ==, MUSTER_LINK_WELCOME);
  send_batch (fixture, good);
  g_assert_cmpint (receive (fixture, MUSTER_LINK_ACK).number, ==, 3);
  send_batch (fixture, mixed);
  if (GPOINTER_TO_INT (data) == 0)
    g_assert_cmpint (receive (fixture, MUSTER_LINK_ACK).type, ==, MUSTER_LINK_REFUSED);
  else
    g_assert_cmpint (receive (fixture, MUSTER_LINK_ACK).number, ==, 5);
  assert_finishes (fixture);
}

/* The same in a journal, which is read when its worker is dead: there the label is replaced. */
static void
test_labels_of_journal (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterJournal) journal = muster_journal_open (dup (fixture->journal_fd), &error);
  TestLog log = { NULL };

  g_assert_no_error (error);
  muster_receiver_set_tap (fixture->receiver, TRUE);
  test_log_origin (&log, 'a', 1, "master");
  test_log_record (&log, MUSTER_LEVEL_EMERGENCY, "the primary is on fire");
  g_assert_true (muster_journal_append (journal, log.bytes->data, log.bytes->len, MUSTER_JOURNAL_PLAIN));
  assert_finishes (fixture);
  g_byte_array_unref (log.bytes);
  WAIT_UNTIL (fixture->records == 2); /* the end's is one */
}

static void
append_log (MusterJournal *journal, TestLog *log)
{
  g_assert_true (muster_journal_append (journal, log->bytes->data, log->bytes->len, MUSTER_JOURNAL_PLAIN));
  g_byte_array_set_size (log->bytes, 0);
}

/* Slots with a right checksum that hold something else than one entry: only they are lost, and it is said. */
static void
test_slots (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterJournal) journal = muster_journal_open (dup (fixture->journal_fd), &error);
  g_autofree char *written = NULL;
  TestLog log = { NULL };

  g_assert_no_error (error);
  test_log_origin (&log, 'a', 1, "web-1");
  append_log (journal, &log); /* none */
  test_log_record (&log, MUSTER_LEVEL_INFO, "good");
  append_log (journal, &log);
  test_log_record (&log, MUSTER_LEVEL_INFO, "two");
  test_log_record (&log, MUSTER_LEVEL_INFO, "at once");
  append_log (journal, &log);
  test_log_gap (&log, 1000, MUSTER_GAP_FILTERED);
  append_log (journal, &log);
  g_byte_array_append (log.bytes, (const guint8 *) "nonsense", 8);
  append_log (journal, &log);
  test_log_record (&log, MUSTER_LEVEL_INFO, "good");
  append_log (journal, &log);
  g_byte_array_unref (log.bytes);
  assert_finishes (fixture);
  written = mock_transport_get_written (fixture->transport);
  g_assert_cmpstr (written, ==, "a1+1corrupt a2 a3+1corrupt a4+1corrupt a5+1corrupt a6 a7 ;");
}

/* The main loop does not turn for a long time, say because a handler takes that long: what waits for it is bounded. */
static void
test_busy_main_loop (Fixture *fixture, gconstpointer data)
{
  g_autofree char *text = g_strnfill (100000, 'x');
  g_autoptr (GVariant) message = g_variant_ref_sink (g_variant_new_string (text));
  g_autoptr (GBytes) bytes = muster_link_message_encode (message);
  gsize size;
  gconstpointer payload = g_bytes_get_data (bytes, &size);

  for (guint i = 0; i < 100; i++)
    {
      send_hello (fixture, 1);
      g_assert_cmpint (receive (fixture, MUSTER_LINK_WELCOME).type, ==, MUSTER_LINK_WELCOME);
    }
  for (guint i = 0; i < 1000; i++)
    send_frame (fixture, &(MusterLinkHeader){ .type = MUSTER_LINK_MESSAGE }, payload, size);
  send_position (fixture, 1);
  g_assert_cmpint (receive (fixture, MUSTER_LINK_ACK).type, ==, MUSTER_LINK_ACK);
  assert_finishes (fixture);
  g_assert_cmpuint (fixture->connected, ==, 1);
  g_assert_cmpuint (fixture->messages, >, 10);
  g_assert_cmpuint (fixture->messages, <=, 16 * 1024 * 1024 / 100000 + 1);
  g_assert_cmpint (g_atomic_int_get (&warnings), ==, 1);
}

/* A snapshot that waits for the main loop keeps none of the records that came with it in memory. */
static void
test_snapshots_alone (Fixture *fixture, gconstpointer data)
{
  g_autofree char *text = g_strnfill (60000, 'x');
  TestLog log = { NULL };
  g_autoptr (MusterBatch) batch = NULL;

  test_log_origin (&log, 'a', 1, "web-1");
  test_log_record (&log, MUSTER_LEVEL_INFO, text);
  test_log_snapshot (&log);
  test_log_record (&log, MUSTER_LEVEL_INFO, "behind");
  test_log_snapshot (&log);
  batch = test_log_end (&log);
  send_hello (fixture, 1);
  send_batch (fixture, batch);
  WAIT_UNTIL (fixture->snapshots > 0);
  g_assert_cmpuint (fixture->snapshots, ==, 2);
  g_assert_cmpuint (fixture->snapshot_bytes, <, 1000);
  assert_finishes (fixture);
}

/* A journal that cannot be read (here, for want of memory) is not passed over in silence. */
static void
test_unreadable (Fixture *fixture, gconstpointer data)
{
  MusterJournalIdentity identity = fixture->identity;
  g_autofree char *written = NULL;

  memset (identity.stream, 'b', sizeof identity.stream);
  muster_receiver_add_journal (fixture->receiver, &identity, (gsize) 1 << 60, dup (fixture->journal_fd), 1);
  fixture->identity = identity;
  assert_finishes (fixture);
  written = mock_transport_get_written (fixture->transport);
  g_assert_cmpstr (written, ==, "b1+1unknown b2 ;");
  g_assert_cmpint (g_atomic_int_get (&warnings), ==, 1);
}

/* A stream of an earlier primary, of which nobody knows where it stands: its worker is believed once, and then no more. */
static void
test_trusted_twice (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterBatch) batch = NULL;
  g_autoptr (MusterJournal) journal = NULL;
  g_autofree char *written = NULL;
  TestLog log = { NULL };
  int fd;

  memset (fixture->identity.stream, 'b', sizeof fixture->identity.stream);
  fd = muster_journal_create_memfd (RING, &fixture->identity, &error);
  journal = muster_journal_open (fd, &error);
  g_assert_no_error (error);
  test_log_origin (&log, 'b', 1, "web-1");
  for (guint i = 0; i < 10; i++)
    {
      g_byte_array_set_size (log.bytes, 0);
      test_log_record (&log, MUSTER_LEVEL_INFO, "slot");
      append_log (journal, &log);
    }
  g_byte_array_unref (log.bytes);
  muster_receiver_add_journal (fixture->receiver, &fixture->identity, RING, dup (fd), 0);
  mock_transport_set_gate (fixture->transport, TRUE);
  send_hello (fixture, 0);
  g_assert_cmpuint (receive (fixture, MUSTER_LINK_WELCOME).number, ==, 1);
  batch = test_batch ('b', 1, 10, "web-1", MUSTER_LEVEL_INFO);
  send_batch (fixture, batch);
  mock_transport_wait (fixture->transport, &fixture->transport->n_inside, 1);
  muster_receiver_finish (fixture->receiver, fixture->identity.stream, NULL);
  send_position (fixture, 1); /* behind it, nobody answers */
  g_usleep (50000);
  mock_transport_set_gate (fixture->transport, FALSE);
  WAIT_UNTIL (fixture->finished == 1);
  written = mock_transport_get_written (fixture->transport);
  g_assert_cmpstr (written, ==, "b1 b2 b3 b4 b5 b6 b7 b8 b9 b10 ;");
}

#define ADD(name, func) g_test_add ("/receiver/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_FATAL_MASK);
  g_log_set_writer_func (count_warnings, NULL, NULL);
  ADD ("numbers", test_numbers);
  ADD ("numbers-of-batch", test_numbers_of_batch);
  ADD ("large-count", test_large_count);
  ADD ("credit", test_credit);
  ADD ("labels", test_labels);
  g_test_add ("/receiver/labels-again", Fixture, GINT_TO_POINTER (1), set_up, test_labels, tear_down);
  ADD ("labels-of-journal", test_labels_of_journal);
  ADD ("slots", test_slots);
  ADD ("busy-main-loop", test_busy_main_loop);
  ADD ("snapshots-alone", test_snapshots_alone);
  ADD ("unreadable", test_unreadable);
  ADD ("trusted-twice", test_trusted_twice);
  return g_test_run ();
}
