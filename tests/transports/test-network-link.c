/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A link, to a collector that is nothing but a socket: what is said, and when.
 */
#include "config.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <zmq.h>

#include "muster-link-private.h"
#include "muster-network-endpoints.h"
#include "muster-network-link.h"
#include "muster-zmq-router-private.h"

#define DEADLINE_MS 20000

typedef struct
{
  char *directory;
  char *path;
  MusterSpool *spool;
  MusterNetworkLink *link;
  void *zmq;
  void *socket;
  guint8 routing[256];
  int routing_size;
  int n_said; /* atomic */
} Fixture;

static void
report_cb (MusterLevel level, const char *text, gpointer user_data)
{
  g_test_message ("%s", text);
  g_atomic_int_inc ((int *) user_data);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  const int timeout_ms = DEADLINE_MS;
  char address[256];
  size_t size = sizeof address;
  const char *const endpoints[] = { address, NULL };
  const MusterNetworkLinkOptions options = { .endpoints = endpoints, .quiet_us = GPOINTER_TO_INT (data) };
  g_autofree char *note = NULL;
  g_autoptr (GError) error = NULL;

  fixture->directory = g_dir_make_tmp ("muster-link-XXXXXX", NULL);
  fixture->path = g_build_filename (fixture->directory, "test.spool", NULL);
  fixture->spool = muster_spool_open (fixture->path, MUSTER_JOURNAL_SIZE_MIN, NULL, &note, &error);
  g_assert_no_error (error);
  fixture->zmq = zmq_ctx_new ();
  fixture->socket = muster_zmq_router_new (fixture->zmq);
  zmq_setsockopt (fixture->socket, ZMQ_RCVTIMEO, &timeout_ms, sizeof timeout_ms);
  g_assert_cmpint (zmq_bind (fixture->socket, "tcp://127.0.0.1:*"), ==, 0);
  g_assert_cmpint (zmq_getsockopt (fixture->socket, ZMQ_LAST_ENDPOINT, address, &size), ==, 0);
  fixture->link = muster_network_link_new (fixture->spool, &options, report_cb, &fixture->n_said, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  muster_network_link_free (fixture->link);
  muster_spool_free (fixture->spool);
  zmq_close (fixture->socket);
  zmq_ctx_term (fixture->zmq);
  g_unlink (fixture->path);
  g_assert_cmpint (g_rmdir (fixture->directory), ==, 0);
  g_free (fixture->path);
  g_free (fixture->directory);
}

/* [routing id][header]([payload]) */
static MusterLinkHeader
receive (Fixture *fixture)
{
  MusterLinkHeader header = { 0 };
  guint8 bytes[1024];
  int more = 1;
  int n;

  fixture->routing_size = zmq_recv (fixture->socket, fixture->routing, sizeof fixture->routing, 0);
  g_assert_cmpint (fixture->routing_size, >, 0);
  for (guint i = 0; more; i++)
    {
      size_t size = sizeof more;

      n = zmq_recv (fixture->socket, bytes, sizeof bytes, 0);
      g_assert_cmpint (n, >=, 0);
      g_assert_true (i > 0 || muster_link_header_decode (bytes, (gsize) n, &header, NULL));
      zmq_getsockopt (fixture->socket, ZMQ_RCVMORE, &more, &size);
    }
  return header;
}

static void
answer (Fixture *fixture, MusterLinkType type, guint64 number, const void *payload, gsize size)
{
  const MusterLinkHeader header = { .type = type, .number = number };
  guint8 bytes[MUSTER_LINK_HEADER_SIZE];

  muster_link_header_encode (&header, bytes);
  zmq_send (fixture->socket, fixture->routing, (gsize) fixture->routing_size, ZMQ_SNDMORE);
  zmq_send (fixture->socket, bytes, sizeof bytes, size > 0 ? ZMQ_SNDMORE : 0);
  if (size > 0)
    zmq_send (fixture->socket, payload, size, 0);
}

static void
welcome_with (Fixture *fixture, guint64 credit_bytes)
{
  const MusterLinkWelcome body = { .credit_bytes = credit_bytes };
  guint8 bytes[MUSTER_LINK_WELCOME_SIZE];

  g_assert_cmpint (receive (fixture).type, ==, MUSTER_LINK_HELLO);
  muster_link_welcome_encode (&body, bytes);
  answer (fixture, MUSTER_LINK_WELCOME, 1, bytes, sizeof bytes);
}

static void
welcome (Fixture *fixture)
{
  welcome_with (fixture, 1 << 20);
}

static void
spool (Fixture *fixture, const char *text)
{
  muster_spool_append (fixture->spool, text, strlen (text));
  muster_spool_publish (fixture->spool);
}

/* Who has nothing to say for long says POSITION all the same, again and again; and goes on as before when he has. */
static void
test_quiet (Fixture *fixture, gconstpointer data)
{
  MusterLinkHeader header;

  welcome (fixture);
  for (guint i = 0; i < 3; i++)
    {
      header = receive (fixture);
      g_assert_cmpint (header.type, ==, MUSTER_LINK_POSITION);
      g_assert_cmpuint (header.number, ==, 0);
      answer (fixture, MUSTER_LINK_ACK, 1, NULL, 0);
    }
  spool (fixture, "one");
  while ((header = receive (fixture)).type == MUSTER_LINK_POSITION)
    ;
  g_assert_cmpint (header.type, ==, MUSTER_LINK_BATCH);
  g_assert_cmpuint (header.number, ==, 1);
  do /* it is not acknowledged, so it asks; the first one may have been on its way */
    header = receive (fixture);
  while (header.number == 0);
  g_assert_cmpint (header.type, ==, MUSTER_LINK_POSITION);
  g_assert_cmpuint (header.number, ==, 2);
  answer (fixture, MUSTER_LINK_ACK, 2, NULL, 0);
  do
    header = receive (fixture);
  while (header.number == 2);
  g_assert_cmpint (header.type, ==, MUSTER_LINK_POSITION);
  g_assert_cmpuint (header.number, ==, 0);
}

/* Which is not soon, by default. */
static void
test_not_quiet (Fixture *fixture, gconstpointer data)
{
  const int timeout_ms = 2500; /* two ticks */
  guint8 byte;

  welcome (fixture);
  zmq_setsockopt (fixture->socket, ZMQ_RCVTIMEO, &timeout_ms, sizeof timeout_ms);
  g_assert_cmpint (zmq_recv (fixture->socket, &byte, 1, 0), <, 0);
  g_assert_cmpint (zmq_errno (), ==, EAGAIN);
}

/* Waits until what the spool wakes the link by does so no more: as long as it does, the link turns round and round. */
static void
wait_asleep (Fixture *fixture)
{
  struct pollfd spool_fd = { .fd = muster_spool_get_event_fd (fixture->spool), .events = POLLIN };
  gint64 deadline_us = g_get_monotonic_time () + DEADLINE_MS * 1000;

  while (poll (&spool_fd, 1, 0) != 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline_us);
      g_usleep (1000);
    }
}

/* Who may not send more for now sleeps, whatever comes into the spool; and goes on when he may. */
static void
test_held (Fixture *fixture, gconstpointer data)
{
  welcome_with (fixture, 1);
  for (guint i = 1; i <= 50; i++)
    {
      spool (fixture, "one");
      while (receive (fixture).type != MUSTER_LINK_BATCH)
        ;
      spool (fixture, "two");
      wait_asleep (fixture);
      answer (fixture, MUSTER_LINK_ACK, 2 * i, NULL, 0);
      while (receive (fixture).type != MUSTER_LINK_BATCH)
        ;
      answer (fixture, MUSTER_LINK_ACK, 2 * i + 1, NULL, 0);
      while (muster_spool_count_bytes (fixture->spool) > 0)
        g_usleep (1000);
    }
}

/* So does who has lost his collector. */
static void
test_lost (Fixture *fixture, gconstpointer data)
{
  welcome (fixture);
  spool (fixture, "one");
  g_assert_cmpint (receive (fixture).type, ==, MUSTER_LINK_BATCH);
  answer (fixture, MUSTER_LINK_RESET, 0, NULL, 0);
  while (receive (fixture).type != MUSTER_LINK_HELLO)
    ;
  spool (fixture, "two");
  wait_asleep (fixture);
}

/* Who is refused says that once, and nothing to the collector for a while, whatever else comes of what was on its way. */
static void
test_refused (Fixture *fixture, gconstpointer data)
{
  const int timeout_ms = 2500; /* two ticks */
  guint8 byte;

  welcome (fixture);
  spool (fixture, "one");
  g_assert_cmpint (receive (fixture).type, ==, MUSTER_LINK_BATCH);
  for (guint i = 0; i < 3; i++)
    answer (fixture, MUSTER_LINK_REFUSED, 0, "so", 2);
  zmq_setsockopt (fixture->socket, ZMQ_RCVTIMEO, &timeout_ms, sizeof timeout_ms);
  while (zmq_recv (fixture->socket, &byte, 1, 0) >= 0)
    g_assert_cmpint (g_atomic_int_get (&fixture->n_said), <=, 2);
  g_assert_cmpint (g_atomic_int_get (&fixture->n_said), ==, 2); /* connected; refused */
}

/* So does who is sent away again and again before anything was acknowledged. */
static void
test_shaky (Fixture *fixture, gconstpointer data)
{
  spool (fixture, "one");
  for (guint i = 0; i < 3; i++)
    {
      welcome (fixture);
      while (receive (fixture).type != MUSTER_LINK_BATCH)
        ;
      answer (fixture, MUSTER_LINK_RESET, 0, NULL, 0);
    }
  welcome (fixture);
  while (receive (fixture).type != MUSTER_LINK_BATCH)
    ;
  g_assert_cmpint (g_atomic_int_get (&fixture->n_said), ==, 1); /* connected */
  answer (fixture, MUSTER_LINK_ACK, 2, NULL, 0);
  while (g_atomic_int_get (&fixture->n_said) == 1) /* connected */
    g_usleep (1000);
}

/* Two troubles by turns are two, and no more. */
static void
test_troubles (void)
{
  const char *const list[] = { "tcp://a:1", "tcp://b:1", NULL };
  static const char one[] = "one", two[] = "two";
  g_autoptr (MusterNetworkEndpoints) endpoints = muster_network_endpoints_new (list);

  g_assert_false (muster_network_endpoints_has_trouble (endpoints));
  g_assert_true (muster_network_endpoints_note_trouble (endpoints, one));
  g_assert_true (muster_network_endpoints_note_trouble (endpoints, two));
  g_assert_false (muster_network_endpoints_note_trouble (endpoints, one));
  g_assert_false (muster_network_endpoints_note_trouble (endpoints, two));
  muster_network_endpoints_go_on (endpoints);
  g_assert_false (muster_network_endpoints_has_trouble (endpoints));
  g_assert_true (muster_network_endpoints_note_trouble (endpoints, one));
  muster_network_endpoints_settle (endpoints);
  g_assert_true (muster_network_endpoints_note_trouble (endpoints, one));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/link/quiet", Fixture, GINT_TO_POINTER (20000), set_up, test_quiet, tear_down);
  g_test_add ("/link/not-quiet", Fixture, NULL, set_up, test_not_quiet, tear_down);
  g_test_add ("/link/held", Fixture, NULL, set_up, test_held, tear_down);
  g_test_add ("/link/lost", Fixture, NULL, set_up, test_lost, tear_down);
  g_test_add ("/link/refused", Fixture, NULL, set_up, test_refused, tear_down);
  g_test_add ("/link/shaky", Fixture, NULL, set_up, test_shaky, tear_down);
  g_test_add_func ("/link/troubles", test_troubles);
  return g_test_run ();
}
