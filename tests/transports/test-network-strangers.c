/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who comes to a collector and means no good, or does not know how: it harms nobody else. A good sender works beside them all
 * the time.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "muster-link-private.h"
#include "muster-network-keys.h"
#include "muster-zmq-monitor-private.h"
#include "network-ends.h"

/* -- the good sender -- */

static guint64 good_next;

static void
start_good (Ends *ends, gboolean with_keys)
{
  good_next = 1;
  ends_make_key (ends, "collector");
  ends_make_key (ends, "good");
  ends_make_key (ends, "bad");
  ends_allow (ends, "good");
  ends_start_collector (ends, with_keys);
  ends_make_sender (ends, with_keys ? "good" : NULL, with_keys ? "collector.pub" : NULL);
  ends_start_sender (ends);
  ends_wait_said (ends, "connected to");
}

static Arrived
check_good (Ends *ends)
{
  Arrived arrived;

  ends_send (ends, 'G', good_next, 10, MUSTER_LEVEL_INFO);
  good_next += 10;
  arrived = ends_wait_arrived (ends, 'G', good_next);
  g_assert_cmpuint (arrived.out_of_order, ==, 0);
  return arrived;
}

/* -- bytes -- */

static int
connect_bytes (Ends *ends)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  address.sin_port = htons ((guint16) atoi (strrchr (ends->address, ':') + 1));
  g_assert_cmpint (connect (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  return fd;
}

static void
send_bytes (int fd, const void *bytes, gsize size)
{
  g_assert_cmpint (send (fd, bytes, size, MSG_NOSIGNAL), ==, (gssize) size);
}

/* The end of ZMTP 3's greeting is the mechanism, and zeros. */
static void
send_greeting (int fd, const char *mechanism)
{
  guint8 greeting[64] = { 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0 };

  memcpy (greeting + 12, mechanism, strlen (mechanism));
  send_bytes (fd, greeting, sizeof greeting);
}

static void
receive_bytes (int fd, void *bytes, gsize size)
{
  const struct timeval timeout = { .tv_sec = 20 };

  g_assert_cmpint (setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout), ==, 0);
  g_assert_cmpint (recv (fd, bytes, size, MSG_WAITALL), ==, (gssize) size);
}

/* The whole handshake of a DEALER without keys. */
static void
send_ready (int fd)
{
  static const guint8 ready[] = { 0x04, 28,  5,   'R', 'E', 'A', 'D', 'Y', 11, 'S', 'o', 'c', 'k', 'e', 't',
                                  '-',  'T', 'y', 'p', 'e', 0,   0,   0,   6,  'D', 'E', 'A', 'L', 'E', 'R' };

  guint8 answer[256];

  send_greeting (fd, "NULL");
  send_bytes (fd, ready, sizeof ready);
  /* nothing may come before the other end is ready: its greeting, and a command whose length is its second byte */
  receive_bytes (fd, answer, 64 + 2);
  receive_bytes (fd, answer + 66, answer[65]);
}

static void
wait_closed (int fd)
{
  const struct timeval timeout = { .tv_sec = 20 };
  guint8 byte[256];
  gssize n;

  g_assert_cmpint (setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout), ==, 0);
  do
    n = recv (fd, byte, sizeof byte, 0);
  while (n > 0);
  g_assert_true (n == 0 || errno == ECONNRESET);
}

static void
test_no_zmtp (Ends *ends, gconstpointer data)
{
  static const char http[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  int fds[20];

  start_good (ends, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      fds[i] = connect_bytes (ends);
      if (i % 3 == 0)
        send_bytes (fds[i], http, sizeof http - 1);
      else if (i % 3 == 1)
        {
          guint8 noise[512];

          for (guint j = 0; j < sizeof noise; j++)
            noise[j] = (guint8) g_test_rand_int_range (0, 256);
          send_bytes (fds[i], noise, sizeof noise);
        }
    }
  check_good (ends);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  ends_wait_said (ends, "is refused: ");
  check_good (ends);
}

/* Connections that go no further than some point of the handshake; more than fit into one listen queue. */
static void
test_half_open (Ends *ends, gconstpointer data)
{
  int fds[200];

  start_good (ends, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      fds[i] = connect_bytes (ends);
      if (i % 4 > 0)
        send_greeting (fds[i], i % 4 == 1 ? "CURVE" : i % 4 == 2 ? "NULL" : "PLAIN");
      if (i % 10 == 0)
        check_good (ends);
    }
  check_good (ends);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  check_good (ends);
  /* it was said, but not 200 times */
  ends_wait_said (ends, "is refused: ");
  g_assert_cmpuint (ends_count_said (ends, "is refused: "), <=, 20);
}

/* A frame that says it is a terabyte long, in the clear and where it should be a handshake. */
static void
test_huge_frame (Ends *ends, gconstpointer data)
{
  static const guint8 huge[] = { 0x02, 0, 0, 1, 0, 0, 0, 0, 0, 'x' };
  gboolean with_keys = GPOINTER_TO_INT (data);
  int fd;

  start_good (ends, with_keys);
  fd = connect_bytes (ends);
  if (with_keys)
    send_greeting (fd, "CURVE");
  else
    send_ready (fd);
  check_good (ends);
  send_bytes (fd, huge, sizeof huge);
  check_good (ends);
  close (fd);
  check_good (ends);
}

/* -- frames: on loopback without keys everybody is let in -- */

typedef struct
{
  void *zmq;
  void *socket;
} Stranger;

static Stranger
stranger_new (Ends *ends)
{
  Stranger stranger = { .zmq = zmq_ctx_new () };
  const int zero = 0, timeout_ms = 20000;

  stranger.socket = zmq_socket (stranger.zmq, ZMQ_DEALER);
  zmq_setsockopt (stranger.socket, ZMQ_LINGER, &zero, sizeof zero);
  zmq_setsockopt (stranger.socket, ZMQ_RCVTIMEO, &timeout_ms, sizeof timeout_ms);
  g_assert_cmpint (zmq_connect (stranger.socket, ends->address), ==, 0);
  return stranger;
}

static void
stranger_free (Stranger *stranger)
{
  zmq_close (stranger->socket);
  zmq_ctx_term (stranger->zmq);
}

static void
send_frame (Stranger *stranger, MusterLinkType type, guint64 number, guint32 count, guint16 flags, const void *payload,
            gsize size)
{
  const MusterLinkHeader header = { .type = type, .number = number, .count = count, .flags = flags };
  guint8 bytes[MUSTER_LINK_HEADER_SIZE];

  muster_link_header_encode (&header, bytes);
  zmq_send (stranger->socket, bytes, sizeof bytes, size > 0 ? ZMQ_SNDMORE : 0);
  if (size > 0)
    zmq_send (stranger->socket, payload, size, 0);
}

static void
say_hello (Stranger *stranger, char journal, guint64 number)
{
  MusterLinkHello hello = { .pid = 0 };
  guint8 bytes[MUSTER_LINK_HELLO_SIZE];

  memset (hello.stream, journal, sizeof hello.stream);
  muster_link_hello_encode (&hello, bytes);
  send_frame (stranger, MUSTER_LINK_HELLO, number, 0, 0, bytes, sizeof bytes);
}

static MusterLinkHeader
receive (Stranger *stranger)
{
  guint8 bytes[1024];
  MusterLinkHeader header = { 0 };
  int more = 1;

  for (guint i = 0; more; i++)
    {
      size_t more_size = sizeof more;
      int n = zmq_recv (stranger->socket, bytes, sizeof bytes, 0);

      g_assert_cmpint (n, >=, 0);
      if (i == 0)
        g_assert_true (muster_link_header_decode (bytes, (gsize) n, &header, NULL));
      zmq_getsockopt (stranger->socket, ZMQ_RCVMORE, &more, &more_size);
    }
  return header;
}

static void
expect (Stranger *stranger, MusterLinkType type, guint64 number)
{
  MusterLinkHeader header = receive (stranger);

  g_assert_cmpint (header.type, ==, type);
  g_assert_cmpuint (header.number, ==, number);
}

static void
send_batch (Stranger *stranger, guint64 number, guint32 count, char stream, guint64 first, guint n)
{
  g_autoptr (MusterBatch) batch = test_batch (stream, first, n, "web-9", MUSTER_LEVEL_INFO);
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);

  send_frame (stranger, MUSTER_LINK_BATCH, number, count, 0, data, size);
}

static void
test_stranger_frames (Ends *ends, gconstpointer data)
{
  Stranger stranger;

  start_good (ends, FALSE);
  stranger = stranger_new (ends);
  send_batch (&stranger, 1, 1, 's', 1, 1); /* before HELLO */
  expect (&stranger, MUSTER_LINK_RESET, 0);
  zmq_send (stranger.socket, "rubbish", 7, 0); /* no answer */
  send_frame (&stranger, MUSTER_LINK_HELLO, 1, 0, 0, "short", 5);
  expect (&stranger, MUSTER_LINK_REFUSED, 0);
  say_hello (&stranger, 'j', G_MAXUINT64);
  expect (&stranger, MUSTER_LINK_REFUSED, 0);
  say_hello (&stranger, 'j', 1);
  expect (&stranger, MUSTER_LINK_WELCOME, 1);
  send_frame (&stranger, MUSTER_LINK_BATCH, 1, 1, 0, "no batch", 8);
  expect (&stranger, MUSTER_LINK_REFUSED, 0);
  send_batch (&stranger, 1, 1, 's', 1, 1); /* it has to say HELLO again */
  expect (&stranger, MUSTER_LINK_RESET, 0);
  say_hello (&stranger, 'j', 1);
  expect (&stranger, MUSTER_LINK_WELCOME, 1);
  send_frame (&stranger, MUSTER_LINK_BATCH, 1, 1, MUSTER_LINK_FLAG_PACKED, "no zstd", 7);
  expect (&stranger, MUSTER_LINK_REFUSED, 0);
  say_hello (&stranger, 'j', 1);
  expect (&stranger, MUSTER_LINK_WELCOME, 1);
  send_batch (&stranger, 1, 0, 's', 1, 1); /* counts nothing: nothing new */
  expect (&stranger, MUSTER_LINK_ACK, 1);
  send_batch (&stranger, 1, 1, 's', G_MAXINT64, 5);
  expect (&stranger, MUSTER_LINK_REFUSED, 0);
  stranger_free (&stranger);
  g_assert_cmpuint (check_good (ends).next['s'], ==, 0);
}

/* Journals without end, while something of the oldest one is under way: of the others so many are remembered, and no more. */
static void
test_many_journals (Ends *ends, gconstpointer data)
{
  MusterLinkHello hello = { .pid = 0 };
  guint8 payload[MUSTER_LINK_HELLO_SIZE];
  Stranger stranger;
  guint n_senders = 0;

  start_good (ends, FALSE);
  ends_hold (ends, TRUE);
  stranger = stranger_new (ends);
  say_hello (&stranger, 'j', 1);
  expect (&stranger, MUSTER_LINK_WELCOME, 1);
  send_batch (&stranger, 1, 1, 's', 1, 1);
  for (guint32 i = 1; i <= 16384 + 100; i++)
    {
      memcpy (hello.stream, &i, sizeof i);
      muster_link_hello_encode (&hello, payload);
      send_frame (&stranger, MUSTER_LINK_HELLO, 1, 0, 0, payload, sizeof payload);
      expect (&stranger, MUSTER_LINK_WELCOME, 1);
    }
  g_object_get (ends->source, "senders", &n_senders, NULL);
  g_assert_cmpuint (n_senders, ==, 16384);
  ends_hold (ends, FALSE);
  stranger_free (&stranger);
  check_good (ends);
}

/* The same HELLO from two connections, again and again: the last one is heard, and nothing is taken twice. */
static void
test_replayed_hello (Ends *ends, gconstpointer data)
{
  Stranger one, two;
  Arrived arrived;

  start_good (ends, FALSE);
  one = stranger_new (ends);
  two = stranger_new (ends);
  say_hello (&one, 'j', 1);
  expect (&one, MUSTER_LINK_WELCOME, 1);
  send_batch (&one, 1, 1, 's', 1, 10);
  expect (&one, MUSTER_LINK_ACK, 2);
  for (guint i = 0; i < 5; i++)
    {
      say_hello (&two, 'j', 1);
      expect (&two, MUSTER_LINK_WELCOME, 2 + i);
      send_batch (&two, 1, 1, 's', 1, 10); /* again */
      expect (&two, MUSTER_LINK_ACK, 2 + i);
      send_batch (&one, 2 + i, 1, 's', 11 + i, 1); /* not heard any more */
      expect (&one, MUSTER_LINK_RESET, 0);
      send_batch (&two, 2 + i, 1, 's', 11 + i, 1);
      expect (&two, MUSTER_LINK_ACK, 3 + i);
    }
  send_batch (&two, 99, 1, 's', 16, 1); /* a hole */
  expect (&two, MUSTER_LINK_NACK, 7);
  send_frame (&two, MUSTER_LINK_POSITION, 100, 0, 0, NULL, 0);
  expect (&two, MUSTER_LINK_NACK, 7);
  stranger_free (&one);
  stranger_free (&two);
  arrived = check_good (ends);
  g_assert_cmpuint (arrived.next['s'], ==, 16);
  g_assert_cmpuint (arrived.out_of_order, ==, 0);
}

/* One connection that goes over to another journal, while what it sent of the first one is under way: the first one's numbers
 * mean nothing to it any more. */
static void
test_other_journal (Ends *ends, gconstpointer data)
{
  Stranger stranger;

  start_good (ends, FALSE);
  stranger = stranger_new (ends);
  say_hello (&stranger, 'j', 50);
  expect (&stranger, MUSTER_LINK_WELCOME, 50);
  ends_hold (ends, TRUE);
  send_batch (&stranger, 50, 1, 's', 1, 10);
  say_hello (&stranger, 'k', 1);
  expect (&stranger, MUSTER_LINK_WELCOME, 1);
  send_batch (&stranger, 1, 1, 't', 1, 10);
  ends_hold (ends, FALSE);
  expect (&stranger, MUSTER_LINK_ACK, 2);
  say_hello (&stranger, 'j', 50); /* and back */
  expect (&stranger, MUSTER_LINK_WELCOME, 51);
  stranger_free (&stranger);
  check_good (ends);
}

/* A message of many parts, of many bytes, that has an end: it is no frame, and that is all. */
static void
test_many_parts (Ends *ends, gconstpointer data)
{
  Stranger stranger;
  g_autofree guint8 *part = g_malloc0 (20000);

  start_good (ends, FALSE);
  stranger = stranger_new (ends);
  for (guint i = 0; i < 100; i++)
    zmq_send (stranger.socket, part, 20000, i < 99 ? ZMQ_SNDMORE : 0);
  say_hello (&stranger, 'j', 1);
  expect (&stranger, MUSTER_LINK_WELCOME, 1);
  check_good (ends);
  stranger_free (&stranger);
  check_good (ends);
}

/* A message that never ends: it is not kept for ever. */
static void
test_endless (Ends *ends, gconstpointer data)
{
  gsize part_size = GPOINTER_TO_SIZE (data);
  gsize n = 65536 / part_size;
  g_autoptr (GByteArray) parts = g_byte_array_new ();
  const guint8 header[] = { 0x01, (guint8) (part_size - 2) }; /* MORE; the length in one byte */
  const struct timeval timeout = { .tv_sec = 1 };
  guint64 sent = 0;
  gssize taken;
  int fd;

  start_good (ends, FALSE);
  fd = connect_bytes (ends);
  send_ready (fd);
  g_assert_cmpint (setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout), ==, 0);
  for (guint i = 0; i < n; i++)
    {
      g_byte_array_append (parts, header, sizeof header);
      g_byte_array_set_size (parts, (guint) ((i + 1) * part_size));
    }
  do
    {
      taken = send (fd, parts->data, parts->len, MSG_NOSIGNAL);
      sent += taken > 0 ? (guint64) taken : 0;
    }
  while (taken > 0 && sent < (guint64) 4 << 30);
  g_assert_cmpint (taken, <, 0); /* or no more is read of it */
  wait_closed (fd);
  ends_wait_said (ends, "is refused: a message without an end; its connection is cut");
  g_test_message ("cut after %" G_GUINT64_FORMAT " MiB", sent >> 20);
  close (fd);
  check_good (ends);
}

/* Who stops in the middle of a message is not cut before his time: the rest comes later, and counts. */
static void
test_slow_message (Ends *ends, gconstpointer data)
{
  guint8 part[4096] = { 0x03, 0, 0, 0, 0, 0, 0, 0x0f, 0xf7 }; /* MORE, LONG; 4087 bytes */
  const guint8 last[] = { 0x00, 1, 'x' };
  guint8 answer[64];
  int fd;

  memset (part + 9, 'x', sizeof part - 9);
  start_good (ends, FALSE);
  fd = connect_bytes (ends);
  send_ready (fd);
  for (guint message = 0; message < 20; message++)
    {
      for (guint i = 0; i < 256; i++) /* a MiB */
        send_bytes (fd, part, sizeof part);
      check_good (ends);
      send_bytes (fd, last, sizeof last);
    }
  check_good (ends);
  while (recv (fd, answer, sizeof answer, MSG_DONTWAIT) > 0)
    ;
  g_assert_cmpint (errno, ==, EAGAIN); /* still open */
  g_assert_cmpuint (ends_count_said (ends, "is refused: "), ==, 0);
  close (fd);
}

/* More connections than there may be: who is here stays, and of the others the oldest go; so that who comes later gets in. */
static void
test_max_connections (Ends *ends, gconstpointer data)
{
  int fds[8];
  int extra;

  ends->max_connections = 5;
  start_good (ends, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = connect_bytes (ends);
  ends_wait_said (ends, "is refused: there are max-connections already");
  for (guint i = 0; i < 4; i++)
    wait_closed (fds[i]);
  check_good (ends);
  ends_stop_sender (ends);
  ends_make_sender (ends, "good", "collector.pub");
  extra = connect_bytes (ends); /* in the place of the one that has gone */
  ends_start_sender (ends);
  check_good (ends);
  wait_closed (fds[4]);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  close (extra);
}

/* While transports stand still no more is taken in than there is room for; and then all of it goes on. */
static void
test_paused (Ends *ends, gconstpointer data)
{
  gint64 deadline_us = g_get_monotonic_time () + DEADLINE_US;
  Stranger strangers[8], late;
  const int timeout_ms = 1000;

  start_good (ends, FALSE);
  ends_hold (ends, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (strangers); i++)
    {
      strangers[i] = stranger_new (ends);
      say_hello (&strangers[i], (char) ('a' + i), 1);
      expect (&strangers[i], MUSTER_LINK_WELCOME, 1);
      for (guint j = 0; j < 400; j++) /* 12 MiB */
        send_batch (&strangers[i], 1 + j, 1, (char) ('a' + i), 1 + j * 1000, 1000);
    }
  late = stranger_new (ends);
  zmq_setsockopt (late.socket, ZMQ_RCVTIMEO, &timeout_ms, sizeof timeout_ms);
  do
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline_us);
      say_hello (&late, 'z', 1);
    }
  while (zmq_recv (late.socket, NULL, 0, 0) >= 0);
  ends_hold (ends, FALSE);
  for (guint i = 0; i < G_N_ELEMENTS (strangers); i++)
    {
      ends_wait_arrived (ends, (char) ('a' + i), 1);
      stranger_free (&strangers[i]);
    }
  stranger_free (&late);
  check_good (ends);
}

static void
set_event_cb (int event, int value, const char *address, gpointer user_data)
{
  *(int *) user_data |= event;
}

static void
wait_event (const int *events, int event)
{
  gint64 deadline_us = g_get_monotonic_time () + DEADLINE_US;

  while ((*events & event) == 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline_us);
      if (!g_main_context_iteration (NULL, FALSE))
        g_usleep (1000);
    }
}

static void
use_key (Ends *ends, void *socket, const char *name)
{
  g_autofree char *path = ends_path (ends, name);
  g_autofree char *secret_key = NULL;
  char server_key[MUSTER_NETWORK_KEY_SIZE], public_key[MUSTER_NETWORK_KEY_SIZE];
  g_autofree char *server_path = ends_path (ends, "collector.pub");

  g_assert_true (muster_network_keys_read (server_path, FALSE, server_key, NULL));
  g_assert_true (g_file_get_contents (path, &secret_key, NULL, NULL));
  g_assert_cmpint (zmq_curve_public (public_key, secret_key), ==, 0);
  zmq_setsockopt (socket, ZMQ_CURVE_SERVERKEY, server_key, sizeof server_key);
  zmq_setsockopt (socket, ZMQ_CURVE_PUBLICKEY, public_key, sizeof public_key);
  zmq_setsockopt (socket, ZMQ_CURVE_SECRETKEY, secret_key, strlen (secret_key) + 1);
}

/* Who has not said anything when his key is taken away is cut all the same. */
static void
test_silent_revoked (Ends *ends, gconstpointer data)
{
  Stranger stranger = { .zmq = zmq_ctx_new () };
  MusterZmqMonitor *monitor;
  int events = 0;

  start_good (ends, TRUE);
  ends_allow (ends, "good;bad");
  ends_wait_said (ends, "allow-file was read again: 2 clients");
  stranger.socket = zmq_socket (stranger.zmq, ZMQ_DEALER);
  use_key (ends, stranger.socket, "bad");
  monitor =
      muster_zmq_monitor_new (stranger.zmq, stranger.socket,
                              ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH,
                              NULL, set_event_cb, &events);
  g_assert_cmpint (zmq_connect (stranger.socket, ends->address), ==, 0);
  wait_event (&events, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
  g_assert_cmpint (events & ZMQ_EVENT_DISCONNECTED, ==, 0);
  ends_allow (ends, "good");
  wait_event (&events, ZMQ_EVENT_DISCONNECTED);
  wait_event (&events, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH); /* it tries again */
  check_good (ends);
  g_assert_cmpuint (ends_count_said (ends, "the connection was lost"), ==, 0); /* the good one's */
  muster_zmq_monitor_free (monitor);
  stranger_free (&stranger);
}

/* Who sends in the name of another one's journal has one of his own all the same. */
static void
test_key_names_journal (Ends *ends, gconstpointer data)
{
  Arrived arrived;

  good_next = 1;
  ends_make_key (ends, "collector");
  ends_make_key (ends, "good");
  ends_make_key (ends, "bad");
  ends_allow (ends, "good;bad");
  ends_start_collector (ends, TRUE);
  ends_make_sender (ends, "good", "collector.pub");
  ends_start_sender (ends);
  check_good (ends);
  ends_wait_number (ends, "spooled-batches", 0);
  ends_stop_sender (ends); /* the same spool, with the other key */
  ends_make_sender (ends, "bad", "collector.pub");
  ends_start_sender (ends);
  ends_send (ends, 'b', 1, 10, MUSTER_LEVEL_INFO);
  arrived = ends_wait_arrived (ends, 'b', 11);
  g_assert_cmpuint (arrived.out_of_order, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, data, function) g_test_add ("/strangers/" name, Ends, data, ends_set_up, function, ends_tear_down)
  ADD ("no-zmtp", NULL, test_no_zmtp);
  ADD ("half-open", NULL, test_half_open);
  ADD ("huge-frame/keys", GINT_TO_POINTER (TRUE), test_huge_frame);
  ADD ("huge-frame/plain", NULL, test_huge_frame);
  ADD ("frames", NULL, test_stranger_frames);
  ADD ("many-journals", NULL, test_many_journals);
  ADD ("replayed-hello", NULL, test_replayed_hello);
  ADD ("other-journal", NULL, test_other_journal);
  ADD ("many-parts", NULL, test_many_parts);
  ADD ("endless", GSIZE_TO_POINTER (256), test_endless);
  ADD ("endless/small-parts", GSIZE_TO_POINTER (4), test_endless);
  ADD ("slow-message", NULL, test_slow_message);
  ADD ("max-connections", NULL, test_max_connections);
  ADD ("paused", NULL, test_paused);
  ADD ("silent-revoked", NULL, test_silent_revoked);
  ADD ("key-names-journal", NULL, test_key_names_journal);
  return g_test_run ();
}
