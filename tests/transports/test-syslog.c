/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The transport and the source, with sockets between them: every kind, broken connections, and what is asked for wrongly.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "syslog-ends.h"

#define N_RECORDS 500

/* -- every kind -- */

static void
test_kind (Fixture *fixture, gconstpointer data)
{
  const char *kind = data;
  g_autofree char *endpoint = NULL;

  if (g_str_equal (kind, "tls") && !have_tls ())
    return;
  start_source_somewhere (fixture, kind, 10, TRUE);
  /* The source takes datagrams at unix:, and the sender finds a stream behind it as well. */
  endpoint = make_endpoint (fixture, g_str_has_prefix (kind, "unix") ? "unix" : kind, TRUE);
  start_sender (fixture, endpoint, NULL, "client.pem");
  for (guint i = 0; i < 5; i++)
    send_records (fixture, 1 + i * (N_RECORDS / 5), N_RECORDS / 5, 20);
  test_keeper_wait (fixture->in.keeper, N_RECORDS);
  for (guint i = 0; i < N_RECORDS; i++)
    {
      g_autofree char *start = g_strdup_printf ("host  warning number %u \"]\\\nxxxxxxxxxxxxxxxxxxxx\xc3\xbc "
                                                "facility=user cluster=shop worker=web-1 "
                                                "stream=73737373737373737373737373737373 seq=%u app_name=web-1",
                                                i + 1, i + 1);

      if (!g_str_has_prefix (test_keeper_get (fixture->in.keeper, i), start))
        g_assert_cmpstr (test_keeper_get (fixture->in.keeper, i), ==, start);
    }
}

/* -- connections that break -- */

static int
listen_somewhere (guint16 *port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t size = sizeof address;
  const int small = 4096;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  setsockopt (fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_assert_cmpint (listen (fd, 5), ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *) &address, &size), ==, 0);
  *port = ntohs (address.sin_port);
  return fd;
}

/* What waits in its buffer, once nothing more fits: looked at without making room. */
static gsize
peek_full_buffer (int fd, char *bytes, gsize size)
{
  int before = -1, now = 0;

  for (guint quiet = 0; quiet < 20; quiet = now == before && now > 0 ? quiet + 1 : 0)
    {
      before = now;
      g_usleep (10000);
      ioctl (fd, FIONREAD, &now);
    }
  return (gsize) recv (fd, bytes, size, MSG_PEEK);
}

static void
note_numbers (const char *bytes, gsize length, guint *seen, guint n)
{
  const char *end = bytes + length;

  for (const char *p = bytes; p < end && (p = memmem (p, (gsize) (end - p), "number ", 7)) != NULL; p += 7)
    {
      guint64 number = g_ascii_strtoull (p + 7, NULL, 10);

      /* whole messages only: each ends in a letter of two bytes */
      if (memmem (p, (gsize) (end - p), "\xc3\xbc", 2) != NULL && number >= 1 && number <= n)
        seen[number - 1]++;
    }
}

/* The other side's kernel has taken some when it is reset: what it had not taken comes again, all of it, and not much that
 * it had taken. */
static void
test_broken (Fixture *fixture, gconstpointer data)
{
  const guint n = 600;
  g_autofree guint *seen = g_new0 (guint, n);
  g_autofree char *bytes = g_malloc (1 << 20);
  g_autofree char *endpoint = NULL;
  const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
  g_autoptr (GByteArray) rest = g_byte_array_new ();
  guint16 port = 0;
  guint twice = 0;
  gsize peeked;
  gssize got;
  int listener = listen_somewhere (&port), first, second;

  endpoint = g_strdup_printf ("tcp://127.0.0.1:%u", port);
  start_sender (fixture, endpoint, NULL, NULL);
  send_records (fixture, 1, n / 2, 1000);
  send_records (fixture, n / 2 + 1, n / 2, 1000);
  first = accept (listener, NULL, NULL);
  peeked = peek_full_buffer (first, bytes, 1 << 20);
  g_assert_cmpuint (peeked, >, 1000);
  bytes[peeked] = '\0';
  note_numbers (bytes, peeked, seen, n);
  g_assert_cmpuint (seen[0], ==, 1);
  setsockopt (first, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close (first);
  second = accept (listener, NULL, NULL);
  while ((got = recv (second, bytes, 65536, 0)) > 0)
    {
      g_byte_array_append (rest, (const guint8 *) bytes, (guint) got);
      if (memmem (rest->data, rest->len, "number 600 ", 11) != NULL
          && memcmp (rest->data + rest->len - 2, "\xc3\xbc", 2) == 0)
        break;
    }
  g_byte_array_append (rest, (const guint8 *) "", 1);
  note_numbers ((const char *) rest->data, rest->len - 1, seen, n);
  for (guint i = 0; i < n; i++)
    {
      g_assert_cmpuint (seen[i], >=, 1);
      twice += seen[i] > 1;
    }
  g_test_message ("%" G_GSIZE_FORMAT " bytes were taken before the reset; %u messages came twice", peeked, twice);
  g_assert_cmpuint (twice, <, 5);
  close (second);
  stop_sender (fixture);
  close (listener);
}

/* Nobody is there; then somebody is. */
static void
test_late (Fixture *fixture, gconstpointer data)
{
  g_autofree char *endpoint = g_strdup_printf ("unix:%s/socket", fixture->in.dir);
  MusterTransportCounters counters;
  g_autoptr (GError) error = NULL;

  start_sender (fixture, endpoint, NULL, NULL);
  send_records (fixture, 1, 10, 0);
  do
    muster_transport_get_counters (fixture->transport, &counters);
  while (counters.retries < 3);
  g_assert_true (start_source (fixture, endpoint, 10, FALSE, &error));
  g_assert_no_error (error);
  test_keeper_wait (fixture->in.keeper, 10);
}

/* -- listeners that accept nobody -- */

typedef struct
{
  int listener;
  GArray *waiting; /* of int: connections */
} FullListener;

/* A local stream socket whose queue is full. */
static void
full_listener_init (FullListener *full, const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd;

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  full->waiting = g_array_new (FALSE, FALSE, sizeof (int));
  full->listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (bind (full->listener, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_assert_cmpint (listen (full->listener, 0), ==, 0);
  for (;;)
    {
      fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      g_array_append_val (full->waiting, fd);
      if (connect (fd, (struct sockaddr *) &address, sizeof address) != 0)
        break;
    }
  g_assert_cmpint (errno, ==, EAGAIN);
}

static void
full_listener_clear (FullListener *full)
{
  for (guint i = 0; i < full->waiting->len; i++)
    close (g_array_index (full->waiting, int, i));
  g_array_unref (full->waiting);
  close (full->listener);
}

/* The path is in use: that is an error at once. When its owner is gone, the path is free. */
static void
test_full_path (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->in.dir, "socket", NULL);
  g_autofree char *bind = g_strconcat ("unix-stream:", path, NULL);
  g_autofree char *expected = g_strdup_printf ("source devices: bind %s: ", path);
  g_autoptr (GError) error = NULL;
  FullListener full;

  full_listener_init (&full, path);
  alarm (20); /* where it blocks it does so for ever */
  g_assert_false (start_source (fixture, bind, 10, FALSE, &error));
  alarm (0);
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE);
  g_assert_true (g_str_has_prefix (error->message, expected));
  g_clear_error (&error);
  g_clear_object (&fixture->in.source);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  full_listener_clear (&full);
  g_assert_true (start_source (fixture, bind, 10, FALSE, &error));
  g_assert_no_error (error);
}

/* The transport tries again, and its stop does not wait. */
static void
test_full_receiver (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->in.dir, "socket", NULL);
  g_autofree char *endpoint = g_strconcat ("unix-stream:", path, NULL);
  MusterTransportCounters counters;
  FullListener full;

  full_listener_init (&full, path);
  start_sender (fixture, endpoint, NULL, NULL);
  send_records (fixture, 1, 1, 0);
  alarm (20);
  do
    {
      g_usleep (1000);
      muster_transport_get_counters (fixture->transport, &counters);
    }
  while (counters.retries < 2);
  muster_pipeline_stop (fixture->out, 0);
  alarm (0);
  g_clear_pointer (&fixture->out, muster_pipeline_unref);
  g_clear_object (&fixture->transport);
  full_listener_clear (&full);
  unlink (path);
}

/* -- what is asked for wrongly -- */

static void
assert_refused (const char *property, const char *value, int code, const char *part)
{
  g_autoptr (MusterTransport) transport =
      g_object_new (MUSTER_TYPE_TRANSPORT_SYSLOG, "endpoint", "tls://127.0.0.1:1", NULL);
  g_autoptr (GError) error = NULL;

  g_object_set (transport, property, value, NULL);
  g_assert_false (muster_transport_start (transport, &error));
  g_assert_error (error, MUSTER_ERROR, code);
  g_assert_nonnull (strstr (error->message, part));
}

static void
test_wrong (Fixture *fixture, gconstpointer data)
{
  static const char *const binds[] = { "", "udp:514", "udp://example.org:514", "tls://127.0.0.1:0" };

  if (!have_tls ())
    return;
  assert_refused ("endpoint", NULL, MUSTER_ERROR_INVALID, "endpoint");
  assert_refused ("endpoint", "nowhere", MUSTER_ERROR_INVALID, "'nowhere'");
  assert_refused ("app-name", "{user}", MUSTER_ERROR_INVALID, "{worker}");
  assert_refused ("ca-file", "/nonexistent", MUSTER_ERROR_INVALID, "/nonexistent");
  assert_refused ("certificate-file", "/nonexistent", MUSTER_ERROR_INVALID, "/nonexistent");
  for (guint i = 0; i < G_N_ELEMENTS (binds); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (start_source (fixture, binds[i], 1, FALSE, &error));
      g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
      g_assert_true (g_str_has_prefix (error->message, "source devices: bind: "));
      g_clear_object (&fixture->in.source);
    }
}

int
main (int argc, char **argv)
{
  static const char *const kinds[] = { "udp", "tcp", "tls", "unix", "unix-stream" };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autofree char *name = g_strconcat (g_str_equal (kinds[i], "tls") ? "/syslog-tls/" : "/syslog/", kinds[i], NULL);

      g_test_add (name, Fixture, kinds[i], set_up, test_kind, tear_down);
    }
  g_test_add ("/syslog/broken", Fixture, NULL, set_up, test_broken, tear_down);
  g_test_add ("/syslog/late", Fixture, NULL, set_up, test_late, tear_down);
  g_test_add ("/syslog/full-path", Fixture, NULL, set_up, test_full_path, tear_down);
  g_test_add ("/syslog/full-receiver", Fixture, NULL, set_up, test_full_receiver, tear_down);
  g_test_add ("/syslog-tls/wrong", Fixture, NULL, set_up, test_wrong, tear_down);
  return g_test_run ();
}
