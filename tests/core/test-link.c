/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Both ends of the link over a real ipc socket, in one process: order, acknowledgements, back-pressure, interruption,
 * drain after the sender's death, messages, strangers.
 */
#include "config.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "muster-encoder-private.h"
#include "muster-link-private.h"
#include "muster-logger-private.h"
#include "muster-receiver-private.h"
#include "muster-sender-private.h"
#include "test-wait.h"

/* -- a transport that remembers what came ----------------------------------------------------------- */

G_DECLARE_FINAL_TYPE (Collector, collector, TEST, COLLECTOR, MusterTransport)

struct _Collector
{
  MusterTransport parent_instance;
  GMutex lock;
  GCond changed;
  GByteArray *log;  /* under lock */
  guint64 entries;  /* under lock; numbered ones, gaps by their counts */
  gboolean blocked; /* under lock */
  gint delay_us;    /* atomic */
  guint64 mark;     /* set while nothing is pushed; 0: it keeps none */
};

G_DEFINE_FINAL_TYPE (Collector, collector, MUSTER_TYPE_TRANSPORT)

static MusterWriteResult
collector_write (MusterTransport *transport, MusterBatch *batch, GError **error)
{
  Collector *self = TEST_COLLECTOR (transport);
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);

  g_usleep ((gulong) g_atomic_int_get (&self->delay_us));
  g_mutex_lock (&self->lock);
  while (self->blocked)
    g_cond_wait (&self->changed, &self->lock);
  g_byte_array_append (self->log, data, (guint) size);
  self->entries += muster_batch_get_count (batch);
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
  return MUSTER_WRITE_DONE;
}

static void
collector_finalize (GObject *object)
{
  g_byte_array_unref (TEST_COLLECTOR (object)->log);
  G_OBJECT_CLASS (collector_parent_class)->finalize (object);
}

static gboolean
collector_get_mark (MusterTransport *transport, const guint8 *stream, guint64 *next)
{
  *next = TEST_COLLECTOR (transport)->mark;
  return *next > 0;
}

static void
collector_class_init (CollectorClass *class)
{
  MUSTER_TRANSPORT_CLASS (class)->write = collector_write;
  MUSTER_TRANSPORT_CLASS (class)->get_mark = collector_get_mark;
  G_OBJECT_CLASS (class)->finalize = collector_finalize;
}

static void
collector_init (Collector *self)
{
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  self->log = g_byte_array_new ();
}

static void
wait_for_entries (Collector *self, guint64 entries)
{
  gint64 deadline = g_get_monotonic_time () + 30 * G_TIME_SPAN_SECOND;

  g_mutex_lock (&self->lock);
  while (self->entries < entries)
    g_assert_true (g_cond_wait_until (&self->changed, &self->lock, deadline));
  g_mutex_unlock (&self->lock);
}

static void
set_blocked (Collector *self, gboolean blocked)
{
  g_mutex_lock (&self->lock);
  self->blocked = blocked;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

/* -- both ends -------------------------------------------------------------------------------------- */

typedef struct
{
  char *directory;
  char *endpoint;
  MusterPipeline *pipeline;
  Collector *collector;
  MusterReceiver *receiver;
  MusterJournalIdentity identity;
  MusterJournal *journal;
  MusterSink *sink;
  MusterLogger *logger;
  MusterSender *sender;
  guint connected, finished;
  GVariant *to_primary, *to_worker;
  gint quiet; /* atomic */
  GMutex lock;
} Fixture;

static void
on_connected (const guint8 *stream, gpointer user_data)
{
  ((Fixture *) user_data)->connected++;
}

static void
on_finished (const guint8 *stream, gpointer user_data)
{
  ((Fixture *) user_data)->finished++;
}

static void
on_message (const guint8 *stream, GVariant *message, gpointer user_data)
{
  ((Fixture *) user_data)->to_primary = g_variant_ref (message);
}

static void
on_worker_message (GVariant *message, gpointer user_data)
{
  Fixture *fixture = user_data;

  g_mutex_lock (&fixture->lock);
  fixture->to_worker = g_variant_ref (message);
  g_mutex_unlock (&fixture->lock);
  g_main_context_wakeup (NULL);
}

static void
start_receiver (Fixture *fixture, guint64 next)
{
  static const MusterReceiverCallbacks callbacks = { .connected = on_connected,
                                                     .message = on_message,
                                                     .finished = on_finished };
  g_autoptr (GError) error = NULL;
  MusterTimeBase base = { 1, 2 };

  fixture->receiver = muster_receiver_new (fixture->pipeline, "host", "shop", NULL, &base, &callbacks, fixture, NULL);
  g_assert_true (muster_receiver_bind (fixture->receiver, "web", fixture->endpoint, (uid_t) -1, (gid_t) -1, &error));
  g_assert_no_error (error);
  muster_receiver_add_journal (fixture->receiver, &fixture->identity, muster_journal_get_ring_size (fixture->journal),
                               dup (muster_journal_get_fd (fixture->journal)), next);
}

static void
start_sender (Fixture *fixture)
{
  static const MusterSenderCallbacks callbacks = { .message = on_worker_message };
  g_autoptr (GError) error = NULL;

  fixture->sender = muster_sender_new (fixture->journal, fixture->endpoint, 10000, &callbacks, fixture, &error);
  g_assert_no_error (error);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  int fd;

  g_mutex_init (&fixture->lock);
  fixture->directory = g_dir_make_tmp ("muster-link-XXXXXX", &error);
  fixture->endpoint = g_strdup_printf ("ipc://%s/web", fixture->directory);
  fixture->identity = (MusterJournalIdentity){ .pid = 42, .cluster = "shop", .worker = "web-1", .group = "web" };
  for (guint i = 0; i < 16; i++)
    fixture->identity.stream[i] = (guint8) g_random_int_range (0, 256);
  for (guint i = 0; i < 32; i++)
    fixture->identity.token[i] = (guint8) g_random_int_range (0, 256);
  fd = muster_journal_create_memfd (1 << 20, &fixture->identity, &error);
  fixture->journal = muster_journal_open (fd, &error);
  g_assert_no_error (error);
  muster_journal_set_block_timeout (fixture->journal, 30 * G_TIME_SPAN_SECOND);
  fixture->sink = muster_sink_new (fixture->journal, "web-1");
  fixture->logger = muster_logger_new (fixture->sink, "test", MUSTER_LEVEL_INFO);
  fixture->pipeline = muster_pipeline_new ();
  fixture->collector = g_object_new (collector_get_type (), "name", "collector", NULL);
  muster_pipeline_add (fixture->pipeline, MUSTER_TRANSPORT (fixture->collector));
  g_assert_true (muster_pipeline_start (fixture->pipeline, &error));
  start_receiver (fixture, 1);
  start_sender (fixture);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_autofree char *socket = g_build_filename (fixture->directory, "web", NULL);

  g_clear_pointer (&fixture->sender, muster_sender_free);
  if (fixture->receiver != NULL)
    muster_receiver_stop (fixture->receiver, 0);
  muster_pipeline_stop (fixture->pipeline, 10 * G_TIME_SPAN_SECOND);
  g_clear_pointer (&fixture->receiver, muster_receiver_free);
  muster_pipeline_unref (fixture->pipeline);
  g_object_unref (fixture->collector);
  g_object_unref (fixture->logger);
  muster_sink_unref (fixture->sink);
  muster_journal_unref (fixture->journal);
  g_clear_pointer (&fixture->to_primary, g_variant_unref);
  g_clear_pointer (&fixture->to_worker, g_variant_unref);
  g_unlink (socket);
  g_rmdir (fixture->directory);
  g_free (fixture->directory);
  g_free (fixture->endpoint);
  g_mutex_clear (&fixture->lock);
}

/* Everything once, in order: "message 1", "message 2", ...; returns how many, and how many numbers gaps took. */
static guint64
check_log (Collector *collector, guint64 *gaps)
{
  MusterEntryIter iter;
  MusterEntry entry;
  guint64 next = 1, messages = 0;

  *gaps = 0;
  g_mutex_lock (&collector->lock);
  muster_entry_iter_init (&iter, collector->log->data, collector->log->len);
  while (muster_entry_iter_next (&iter, &entry))
    {
      MusterRecordView record;
      g_autofree char *expected = NULL;

      if (entry.kind == MUSTER_ENTRY_ORIGIN)
        {
          g_assert_cmpuint (entry.origin->first_seq, ==, next);
          g_assert_cmpmem (entry.origin->worker.data, entry.origin->worker.length, "web-1", 5);
          g_assert_cmpmem (entry.origin->host.data, entry.origin->host.length, entry.origin->host.data,
                           entry.origin->host.length);
          continue;
        }
      g_assert_cmpuint (entry.sequence, ==, next);
      next += entry.count;
      if (entry.kind == MUSTER_ENTRY_GAP)
        {
          *gaps += entry.count;
          continue;
        }
      g_assert_true (muster_entry_get_record (&entry, &record));
      expected = g_strdup_printf ("message %" G_GUINT64_FORMAT, ++messages);
      g_assert_cmpmem (record.message.data, record.message.length, expected, strlen (expected));
    }
  g_assert_false (muster_entry_iter_get_error (&iter, NULL));
  g_mutex_unlock (&collector->lock);
  return messages;
}

static void
say (Fixture *fixture, guint *said, guint count)
{
  for (guint i = 0; i < count; i++)
    muster_info (fixture->logger, "message %u", ++*said);
}

static void
test_flow (Fixture *fixture, gconstpointer data)
{
  guint said = 0;
  guint64 gaps;

  say (fixture, &said, 1);
  wait_for_entries (fixture->collector, 1);
  say (fixture, &said, 200000); /* about 17 laps of the ring: acknowledgements make the room */
  wait_for_entries (fixture->collector, said);
  g_assert_true (muster_sender_flush (fixture->sender, 30 * G_TIME_SPAN_SECOND));
  g_assert_cmpuint (check_log (fixture->collector, &gaps), ==, said);
  g_assert_cmpuint (gaps, ==, 0);
  g_assert_true (muster_journal_is_empty (fixture->journal));
}

/* An error goes at once, long before the flush interval of a sender that waits for more. */
static void
test_urgent (Fixture *fixture, gconstpointer data)
{
  static const MusterSenderCallbacks none = { 0 };
  g_autoptr (GError) error = NULL;

  g_clear_pointer (&fixture->sender, muster_sender_free);
  fixture->sender =
      muster_sender_new (fixture->journal, fixture->endpoint, 3600 * G_TIME_SPAN_SECOND, &none, NULL, &error);
  muster_info (fixture->logger, "message 1");
  muster_error (fixture->logger, "message 2");
  wait_for_entries (fixture->collector, 2);
}

/* Nothing is acknowledged that a transport has not written; the journal fills and refuses; all that is declared. */
static void
test_stalled (Fixture *fixture, gconstpointer data)
{
  guint said = 0;
  guint64 gaps, came, drops;

  set_blocked (fixture->collector, TRUE);
  muster_journal_set_block_timeout (fixture->journal, 0);
  while (muster_journal_get_drops (fixture->journal) == 0)
    say (fixture, &said, 1);
  for (guint i = 0; i < 99; i++)
    muster_info (fixture->logger, "a longer message that finds no room either, 0123456789 0123456789 0123456789");
  drops = muster_journal_get_drops (fixture->journal);
  g_assert_cmpuint (drops, ==, 100);
  said--; /* the last one was refused */
  set_blocked (fixture->collector, FALSE);
  g_assert_true (muster_sender_flush (fixture->sender, 30 * G_TIME_SPAN_SECOND));
  say (fixture, &said, 1);
  wait_for_entries (fixture->collector, said + drops);
  came = check_log (fixture->collector, &gaps);
  g_assert_cmpuint (gaps, ==, drops);
  g_assert_cmpuint (came, ==, said);
}

/* The sender ends with things unsent and unacknowledged: the journal tells the rest, once. */
static void
test_drain (Fixture *fixture, gconstpointer data)
{
  guint said = 0;
  guint64 gaps;
  guint8 buffer[4096];
  gsize length;
  const guint8 *record;
  MusterRecordParts parts = { .level = MUSTER_LEVEL_CRITICAL };
  g_autofree char *last = NULL;
  g_autoptr (GBytes) end = NULL;

  say (fixture, &said, 3000);
  wait_for_entries (fixture->collector, 1);
  g_clear_pointer (&fixture->sender, muster_sender_free);
  say (fixture, &said, 3000); /* nobody sends these */

  last = g_strdup_printf ("message %u", said + 1);
  parts.message = muster_slice_from_string (last);
  record = muster_encode_record (buffer, sizeof buffer, &parts, &length);
  end = g_bytes_new (record, length);
  muster_receiver_finish (fixture->receiver, fixture->identity.stream, end);
  WAIT_UNTIL (fixture->finished == 1);
  g_assert_cmpuint (check_log (fixture->collector, &gaps), ==, said + 1);
  g_assert_cmpuint (gaps, ==, 0);

  /* A next primary that finds the journal still there, and the end stored, says nothing again. */
  muster_receiver_stop (fixture->receiver, 10 * G_TIME_SPAN_SECOND);
  g_clear_pointer (&fixture->receiver, muster_receiver_free);
  fixture->collector->mark = said + 2;
  start_receiver (fixture, said + 2);
  muster_receiver_finish (fixture->receiver, fixture->identity.stream, end);
  WAIT_UNTIL (fixture->finished == 2);
  g_assert_cmpuint (check_log (fixture->collector, &gaps), ==, said + 1);
  g_assert_cmpuint (gaps, ==, 0);
}

/* An earlier primary's transport has more than is left in the journal: that is declared to those who have less, and what is
 * said now comes behind it. */
static void
test_drain_lost (Fixture *fixture, gconstpointer data)
{
  guint said = 0;
  guint64 gaps;

  muster_receiver_stop (fixture->receiver, 10 * G_TIME_SPAN_SECOND);
  g_clear_pointer (&fixture->receiver, muster_receiver_free);
  g_clear_pointer (&fixture->sender, muster_sender_free);
  say (fixture, &said, 10);
  fixture->collector->mark = 101;
  start_receiver (fixture, 1);
  muster_receiver_finish (fixture->receiver, fixture->identity.stream, NULL);
  WAIT_UNTIL (fixture->finished == 1);
  g_assert_cmpuint (check_log (fixture->collector, &gaps), ==,
                    0); /* the base class leaves out what is below the mark */
  g_assert_cmpuint (gaps, ==, 0);
  g_assert_cmpuint (muster_journal_read_drained (muster_journal_get_fd (fixture->journal), fixture->identity.stream),
                    ==, 101);
}

/* What is at the place where an earlier primary would have said how far it came is damage: it keeps nobody from draining. */
static void
test_drain_damaged (Fixture *fixture, gconstpointer data)
{
  const guint64 damage = 5;
  guint said = 0;
  guint64 gaps;

  say (fixture, &said, 3000);
  g_assert_true (muster_sender_flush (fixture->sender, 30 * G_TIME_SPAN_SECOND));
  muster_receiver_stop (fixture->receiver, 10 * G_TIME_SPAN_SECOND);
  g_clear_pointer (&fixture->receiver, muster_receiver_free);
  g_clear_pointer (&fixture->sender, muster_sender_free);
  say (fixture, &said, 3000);
  g_assert_cmpint (pwrite (muster_journal_get_fd (fixture->journal), &damage, sizeof damage, 1536), ==, sizeof damage);
  fixture->collector->mark = 3001;
  start_receiver (fixture, 3001);
  muster_receiver_finish (fixture->receiver, fixture->identity.stream, NULL);
  WAIT_UNTIL (fixture->finished == 1);
  g_assert_cmpuint (check_log (fixture->collector, &gaps), ==, 6000);
  g_assert_cmpuint (gaps, ==, 0);
}

/* The receiver goes away in the middle (its marks with it, as a new one would know them from elsewhere: here it begins
 * at what the sender still has). Nothing that was unacknowledged is missing. */
static void
test_receiver_restarts (Fixture *fixture, gconstpointer data)
{
  guint said = 0;

  say (fixture, &said, 5000);
  g_assert_true (muster_sender_flush (fixture->sender, 30 * G_TIME_SPAN_SECOND));
  muster_receiver_stop (fixture->receiver, 10 * G_TIME_SPAN_SECOND);
  g_clear_pointer (&fixture->receiver, muster_receiver_free);
  g_byte_array_set_size (fixture->collector->log, 0);
  fixture->collector->entries = 0;

  say (fixture, &said, 2000);
  start_receiver (fixture, 1);
  /* 5000 acknowledged ones are a gap of unknown reason to a receiver without marks; the rest comes. */
  wait_for_entries (fixture->collector, 7000);
  g_assert_true (muster_sender_flush (fixture->sender, 30 * G_TIME_SPAN_SECOND));
  g_mutex_lock (&fixture->collector->lock);
  {
    MusterEntryIter iter;
    MusterEntry entry;
    guint64 records = 0;

    muster_entry_iter_init (&iter, fixture->collector->log->data, fixture->collector->log->len);
    while (muster_entry_iter_next (&iter, &entry))
      if (entry.kind == MUSTER_ENTRY_GAP)
        g_assert_cmpuint (entry.count, ==, 5000);
      else if (entry.kind == MUSTER_ENTRY_RECORD)
        g_assert_cmpuint (entry.sequence, ==, 5000 + ++records);
    g_assert_cmpuint (records, ==, 2000);
  }
  g_mutex_unlock (&fixture->collector->lock);
}

static gboolean
has_to_worker (Fixture *fixture)
{
  gboolean has;

  g_mutex_lock (&fixture->lock);
  has = fixture->to_worker != NULL;
  g_mutex_unlock (&fixture->lock);
  return has;
}

static void
test_messages (Fixture *fixture, gconstpointer data)
{
  muster_sender_send (fixture->sender, g_variant_new ("(sai)", "hello", NULL));
  WAIT_UNTIL (fixture->to_primary != NULL);
  g_assert_cmpstr (g_variant_get_type_string (fixture->to_primary), ==, "(sai)");
  muster_receiver_send (fixture->receiver, fixture->identity.stream, g_variant_new_uint64 (7));
  WAIT_UNTIL (has_to_worker (fixture));
  g_assert_cmpuint (g_variant_get_uint64 (fixture->to_worker), ==, 7);
  g_assert_cmpuint (fixture->connected, ==, 1);
}

static gpointer
say_without_end (gpointer data)
{
  Fixture *fixture = data;

  while (!g_atomic_int_get (&fixture->quiet))
    {
      muster_info (fixture->logger, "more");
      g_usleep (500);
    }
  return NULL;
}

/* What is there when it is called is waited for, not what others go on saying. */
static void
test_flush_while_logging (Fixture *fixture, gconstpointer data)
{
  GThread *thread;

  WAIT_UNTIL (fixture->connected == 1);
  g_atomic_int_set (&fixture->collector->delay_us, 20000); /* like a disk; in that time there is always something new */
  thread = g_thread_new ("say", say_without_end, fixture);
  wait_for_entries (fixture->collector, 100);
  for (guint i = 0; i < 3; i++)
    g_assert_true (muster_sender_flush (fixture->sender, 15 * G_TIME_SPAN_SECOND));
  g_atomic_int_set (&fixture->quiet, TRUE);
  g_thread_join (thread);
  g_assert_true (muster_sender_flush (fixture->sender, 20 * G_TIME_SPAN_SECOND));
}

/* A primary that does not know this worker, and never will: it is asked again, but not without pause. */
static void
test_unknown (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->directory, "elsewhere", NULL);
  g_autofree char *endpoint = g_strconcat ("ipc://", path, NULL);
  const MusterLinkHeader reset = { .type = MUSTER_LINK_RESET };
  const int linger = 0, timeout_ms = 10;
  void *zmq = zmq_ctx_new ();
  void *router = zmq_socket (zmq, ZMQ_ROUTER);
  gint64 end = g_get_monotonic_time () + 2 * G_TIME_SPAN_SECOND;
  guint n = 0;

  zmq_setsockopt (router, ZMQ_LINGER, &linger, sizeof linger);
  zmq_setsockopt (router, ZMQ_RCVTIMEO, &timeout_ms, sizeof timeout_ms);
  g_assert_cmpint (zmq_bind (router, endpoint), ==, 0);
  g_clear_pointer (&fixture->sender, muster_sender_free);
  g_free (fixture->endpoint);
  fixture->endpoint = g_steal_pointer (&endpoint);
  start_sender (fixture);
  while (g_get_monotonic_time () < end)
    {
      guint8 routing[256], bytes[MUSTER_LINK_HEADER_SIZE];
      int size = zmq_recv (router, routing, sizeof routing, 0);
      int more = size >= 0;
      size_t more_size = sizeof more;

      for (; more; zmq_getsockopt (router, ZMQ_RCVMORE, &more, &more_size))
        zmq_recv (router, bytes, sizeof bytes, 0);
      if (size < 0)
        continue;
      n++;
      muster_link_header_encode (&reset, bytes);
      zmq_send (router, routing, (size_t) size, ZMQ_SNDMORE);
      zmq_send (router, bytes, sizeof bytes, 0);
    }
  g_assert_cmpuint (n, >, 2);
  g_assert_cmpuint (n, <, 10);
  zmq_close (router);
  zmq_ctx_term (zmq);
  g_unlink (path);
}

/* One that no primary takes is left out here: on the way it would end the connection, and others with it. */
static void
test_large_message (Fixture *fixture, gconstpointer data)
{
  g_autofree char *most = g_strnfill (MUSTER_LINK_MESSAGE_MAX - 100, 'x');
  g_autofree char *more = g_strnfill (MUSTER_LINK_MESSAGE_MAX, 'x');

  WAIT_UNTIL (fixture->connected == 1);
  g_test_expect_message ("muster", G_LOG_LEVEL_WARNING, "*262*bytes*");
  muster_sender_send (fixture->sender, g_variant_new_string (more));
  g_test_assert_expected_messages ();
  muster_sender_send (fixture->sender, g_variant_new_string (most));
  WAIT_UNTIL (fixture->to_primary != NULL);
  g_assert_cmpuint (g_variant_get_size (fixture->to_primary), ==, strlen (most) + 1);
}

/* A process with another token, and one that speaks nonsense: nothing of theirs is taken, the good one is unharmed. */
static void
test_strangers (Fixture *fixture, gconstpointer data)
{
  void *zmq = zmq_ctx_new ();
  void *socket = zmq_socket (zmq, ZMQ_DEALER);
  guint said = 0;
  guint64 gaps;
  int timeout = 20000, linger = 0;
  guint8 header[MUSTER_LINK_HEADER_SIZE], hello_bytes[MUSTER_LINK_HELLO_SIZE], answer[64];
  MusterLinkHello hello = { .pid = 1 };
  MusterLinkHeader decoded;

  zmq_setsockopt (socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
  zmq_setsockopt (socket, ZMQ_LINGER, &linger, sizeof linger);
  g_assert_cmpint (zmq_connect (socket, fixture->endpoint), ==, 0);
  memcpy (hello.stream, fixture->identity.stream, 16);
  muster_link_hello_encode (&hello, hello_bytes);
  muster_link_header_encode (&(MusterLinkHeader){ .type = MUSTER_LINK_HELLO }, header);
  zmq_send (socket, "rubbish", 7, 0);
  zmq_send (socket, "", 0, ZMQ_SNDMORE);
  zmq_send (socket, "", 0, ZMQ_SNDMORE);
  zmq_send (socket, "", 0, ZMQ_SNDMORE);
  zmq_send (socket, "many parts", 10, 0);
  zmq_send (socket, header, sizeof header, ZMQ_SNDMORE);
  zmq_send (socket, hello_bytes, sizeof hello_bytes, 0); /* the right stream, the wrong token */
  g_assert_cmpint (zmq_recv (socket, answer, sizeof answer, 0), ==, MUSTER_LINK_HEADER_SIZE);
  g_assert_true (muster_link_header_decode (answer, MUSTER_LINK_HEADER_SIZE, &decoded, NULL));
  g_assert_cmpint (decoded.type, ==, MUSTER_LINK_RESET);
  muster_link_header_encode (&(MusterLinkHeader){ .type = MUSTER_LINK_BATCH, .number = 1, .count = 1 }, header);
  zmq_send (socket, header, sizeof header, ZMQ_SNDMORE);
  zmq_send (socket, "x", 1, 0);
  g_assert_cmpint (zmq_recv (socket, answer, sizeof answer, 0), ==, MUSTER_LINK_HEADER_SIZE);
  zmq_close (socket);
  zmq_ctx_term (zmq);

  say (fixture, &said, 100);
  wait_for_entries (fixture->collector, 100);
  g_assert_cmpuint (check_log (fixture->collector, &gaps), ==, 100);
}

/* A child that forks off without exec has no such thread, and must not wait for it: not when it flushes, not at its end. */
static void
test_forked (Fixture *fixture, gconstpointer data)
{
  int status;
  pid_t child;

  WAIT_UNTIL (fixture->connected == 1);
  child = fork ();
  if (child == 0)
    {
      alarm (10);
      muster_sender_send (fixture->sender, g_variant_new_string ("from nobody"));
      if (muster_sender_flush (fixture->sender, 60 * G_TIME_SPAN_SECOND))
        _exit (1);
      muster_sender_free (fixture->sender);
      _exit (0);
    }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
  muster_info (fixture->logger, "message 1");
  wait_for_entries (fixture->collector, 1);
}

static void
test_frames (void)
{
  MusterLinkHeader header = { MUSTER_LINK_BATCH, 1, 0xfffffffe, 0x123456789abcdef0, 77 }, back;
  guint8 bytes[MUSTER_LINK_HEADER_SIZE];
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) message = g_variant_ref_sink (g_variant_new_parsed ("{'a': <1>, 'b': <'x'>}"));
  g_autoptr (GBytes) encoded = muster_link_message_encode (message);
  g_autoptr (GVariant) decoded = NULL;
  gsize size;
  const guint8 *data = g_bytes_get_data (encoded, &size);

  muster_link_header_encode (&header, bytes);
  g_assert_true (muster_link_header_decode (bytes, sizeof bytes, &back, &error));
  g_assert_cmpuint (back.number, ==, header.number);
  g_assert_cmpuint (back.count, ==, header.count);
  g_assert_cmpuint (back.drops, ==, 77);
  bytes[0] = 9;
  g_assert_false (muster_link_header_decode (bytes, sizeof bytes, &back, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INCOMPATIBLE);
  g_clear_error (&error);
  g_assert_false (muster_link_header_decode (bytes, 3, &back, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT);

  decoded = muster_link_message_decode (data, size, NULL);
  g_assert_true (g_variant_equal (message, decoded));
  for (gsize cut = 0; cut < size; cut++)
    {
      g_autofree guint8 *copy = g_memdup2 (data, cut);
      g_autoptr (GVariant) broken = muster_link_message_decode (copy, cut, NULL);

      g_assert_true (broken == NULL || g_variant_is_of_type (broken, G_VARIANT_TYPE_VARDICT));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/link/frames", test_frames);
#define ADD(name, function) g_test_add ("/link/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("flow", test_flow);
  ADD ("urgent", test_urgent);
  ADD ("stalled", test_stalled);
  ADD ("drain", test_drain);
  ADD ("drain-lost", test_drain_lost);
  ADD ("drain-damaged", test_drain_damaged);
  ADD ("receiver-restarts", test_receiver_restarts);
  ADD ("messages", test_messages);
  ADD ("unknown", test_unknown);
  ADD ("flush-while-logging", test_flush_while_logging);
  ADD ("large-message", test_large_message);
  ADD ("strangers", test_strangers);
  ADD ("forked", test_forked);
  return g_test_run ();
}
