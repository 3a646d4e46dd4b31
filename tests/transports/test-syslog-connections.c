/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is sent to the source by whom it does not know: strangers, too many, too slow, too long, too fast.
 */
#include "config.h"

#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>

#include "syslog-ends.h"

/* -- strangers -- */

static void
test_strangers (Fixture *fixture, gconstpointer data)
{
  /* the authority that the sender trusts; its certificate */
  static const struct
  {
    const char *ca, *client;
  } strangers[] = { { "other-ca.pem", "client.pem" }, { "ca.pem", NULL }, { "ca.pem", "stranger.pem" } };
  g_autofree char *endpoint = NULL;
  MusterTransportCounters counters;

  if (!have_tls ())
    return;
  start_source_somewhere (fixture, "tls", 10, TRUE);
  endpoint = make_endpoint (fixture, "tls", TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (strangers); i++)
    {
      start_sender (fixture, endpoint, strangers[i].ca, strangers[i].client);
      send_records (fixture, 1, 1, 0);
      do
        {
          g_usleep (1000);
          muster_transport_get_counters (fixture->transport, &counters);
        }
      while (counters.retries < 2 && counters.batches == 0);
      muster_pipeline_stop (fixture->out, 0);
      g_clear_pointer (&fixture->out, muster_pipeline_unref);
      g_clear_object (&fixture->transport);
    }
  start_sender (fixture, endpoint, "ca.pem", "client.pem");
  send_records (fixture, 5, 1, 0);
  test_keeper_wait (fixture->in.keeper, 1);
  g_assert_nonnull (strstr (test_keeper_get (fixture->in.keeper, 0), "number 5"));
}

/* Bytes one by one, no end, rubbish, and more connections than are allowed. */
static void
test_connections (Fixture *fixture, gconstpointer data)
{
  const char *slow = "11 <13>x: slow<13>x: line\nno end";
  int fds[3];
  char byte;

  start_source_somewhere (fixture, "tcp", 2, FALSE);
  fds[0] = connect_plain (fixture);
  say (fds[0], "<13>x: first\n");
  test_keeper_wait (fixture->in.keeper, 1);
  fds[1] = connect_plain (fixture);
  say (fds[1], "<13>x: second\n");
  test_keeper_wait (fixture->in.keeper, 2);
  fds[2] = connect_plain (fixture);
  g_assert_cmpint (recv (fds[2], &byte, 1, 0), ==, 0); /* closed at once */
  close (fds[2]);
  fds[2] = connect_plain (fixture);
  g_assert_cmpint (recv (fds[2], &byte, 1, 0), ==, 0);
  test_reports_wait (&fixture->in.reports,
                     "warning: source devices: 127.0.0.1 was refused: there are 2 connections already");
  for (const char *p = slow; *p != '\0'; p++)
    say (fds[0], (char[2]){ *p, '\0' });
  test_keeper_wait (fixture->in.keeper, 4);
  close (fds[0]);
  test_keeper_wait (fixture->in.keeper, 5);
  g_assert_cmpstr (test_keeper_get (fixture->in.keeper, 2), ==, "127.0.0.1 x notice slow facility=user");
  g_assert_cmpstr (test_keeper_get (fixture->in.keeper, 3), ==, "127.0.0.1 x notice line facility=user");
  g_assert_cmpstr (test_keeper_get (fixture->in.keeper, 4), ==,
                   "127.0.0.1  notice no end facility=user malformed=no priority");
  close (fds[1]);
  close (fds[2]);
  g_assert_cmpuint (test_reports_count (&fixture->in.reports, "was refused"), ==, 1);
}

/* Who says nothing is closed, what he had begun is taken; who goes on talking stays. */
static void
test_idle (Fixture *fixture, gconstpointer data)
{
  gint64 deadline_us = g_get_monotonic_time () + TEST_DEADLINE_US;
  guint n = 0;
  int idle, talker;

  fixture->idle_timeout_us = 200 * G_TIME_SPAN_MILLISECOND;
  start_source_somewhere (fixture, data, 10, FALSE);
  idle = connect_source (fixture, data);
  talker = connect_source (fixture, data);
  say (idle, "<13>x: begun");
  for (; !is_closed (idle); n++)
    {
      say (talker, "<13>x: here\n");
      test_keeper_wait (fixture->in.keeper, n + 1);
      g_assert_cmpint (g_get_monotonic_time (), <, deadline_us);
      g_usleep (1000);
    }
  say (talker, "<13>x: still here\n");
  test_keeper_wait (fixture->in.keeper, n + 2);
  g_assert_nonnull (strstr (test_keeper_get (fixture->in.keeper, n + 1), "still here"));
  test_reports_wait (&fixture->in.reports, "nothing came over it for 0.2 s, which is idle-timeout");
  g_assert_cmpuint (n, >, 1);
  close (idle);
  close (talker);
}

/* A handshake that does not come to its end is cut, whatever idle-timeout is: nothing, a part of a record's header, of a
 * record, and a whole one that is the beginning of a message. */
static void
test_handshake (Fixture *fixture, gconstpointer data)
{
  static const char hello[] = "\x16\x03\x01\x00\x05\x01\x00\x02\x00\x03";
  static const gsize lengths[] = { 0, 3, 7, 10 };
  char byte;

  if (!have_tls ())
    return;
  fixture->handshake_timeout_us = 100 * G_TIME_SPAN_MILLISECOND;
  start_source_somewhere (fixture, "tls", 10, FALSE);
  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      gint64 begin_us = g_get_monotonic_time ();
      int fd = connect_plain (fixture);

      g_assert_cmpint (send (fd, hello, lengths[i], MSG_NOSIGNAL), ==, (gssize) lengths[i]);
      g_assert_cmpint (recv (fd, &byte, 1, 0), <=, 0);
      g_assert_cmpint (g_get_monotonic_time () - begin_us, >=, fixture->handshake_timeout_us);
      close (fd);
    }
  test_reports_wait (&fixture->in.reports, "127.0.0.1 was refused: its TLS handshake took longer than 0.1 s");
}

/* The sender is gone in the middle of it: that is seen at once, and does not spin. */
static void
test_handshake_gone (Fixture *fixture, gconstpointer data)
{
  int fd;

  if (!have_tls ())
    return;
  start_source_somewhere (fixture, "tls", 10, FALSE);
  fd = connect_plain (fixture);
  say (fd, "\x16\x03\x01");
  shutdown (fd, SHUT_WR);
  test_reports_wait (&fixture->in.reports, "127.0.0.1 was refused: ");
  g_assert_null (strstr (test_reports_get (&fixture->in.reports), "took longer"));
  close (fd);
}

/* -- who is gone before he is seen -- */

typedef struct
{
  GMutex lock;
  GCond cond;
  gboolean is_held; /* the intake's thread stands in hold() */
  gboolean may_go;
  MusterSource *source;
} Hold;

static void
hold (gpointer data)
{
  Hold *hold = data;

  g_mutex_lock (&hold->lock);
  hold->is_held = TRUE;
  g_cond_broadcast (&hold->cond);
  while (!hold->may_go)
    g_cond_wait (&hold->cond, &hold->lock);
  g_mutex_unlock (&hold->lock);
}

static gpointer
hold_thread (gpointer data)
{
  muster_source_run (((Hold *) data)->source, hold, data);
  return NULL;
}

/* Connects, says something and resets the connection, all before the source can accept it. */
static void
come_and_go (Fixture *fixture, const char *text)
{
  const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
  Hold hold = { .source = fixture->in.source };
  GThread *thread = g_thread_new ("hold", hold_thread, &hold);
  int fd;

  g_mutex_lock (&hold.lock);
  while (!hold.is_held)
    g_cond_wait (&hold.cond, &hold.lock);
  fd = connect_plain (fixture);
  say (fd, text);
  setsockopt (fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close (fd);
  hold.may_go = TRUE;
  g_cond_broadcast (&hold.cond);
  g_mutex_unlock (&hold.lock);
  g_thread_join (thread);
}

/* What he said is his, and not this host's. */
static void
test_gone (Fixture *fixture, gconstpointer data)
{
  start_source_somewhere (fixture, "tcp", 10, FALSE);
  come_and_go (fixture, "<13>x: gone\n");
  test_keeper_wait (fixture->in.keeper, 1);
  g_assert_cmpstr (test_keeper_get (fixture->in.keeper, 0), ==, "127.0.0.1 x notice gone facility=user");
}

/* It is said who was refused. */
static void
test_gone_tls (Fixture *fixture, gconstpointer data)
{
  if (!have_tls ())
    return;
  start_source_somewhere (fixture, "tls", 10, FALSE);
  come_and_go (fixture, "no TLS");
  test_reports_wait (&fixture->in.reports, "warning: source devices: 127.0.0.1 was refused: ");
  g_assert_null (strstr (test_reports_get (&fixture->in.reports), "(null)"));
}

/* Many who begin no handshake do not keep others from theirs. */
static void
test_silent_crowd (Fixture *fixture, gconstpointer data)
{
  g_autofree char *endpoint = NULL;
  gint64 began_us, took_us;
  int fds[60];

  if (!have_tls ())
    return;
  start_source_somewhere (fixture, "tls", 100, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = connect_plain (fixture);
  began_us = g_get_monotonic_time ();
  endpoint = make_endpoint (fixture, "tls", TRUE);
  start_sender (fixture, endpoint, NULL, "client.pem");
  send_records (fixture, 1, 1, 0);
  test_keeper_wait (fixture->in.keeper, 1);
  took_us = g_get_monotonic_time () - began_us;
  g_test_message ("the first record came after %d ms", (int) (took_us / 1000));
  g_assert_cmpint (took_us, <, 5 * G_USEC_PER_SEC); /* half of what a handshake may take */
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
}

static int
get_option (int fd, int level, int option)
{
  int value = 0;
  socklen_t size = sizeof value;

  g_assert_cmpint (getsockopt (fd, level, option, &value, &size), ==, 0);
  return value;
}

/* The source's end of a connection to it: this is one process. */
static int
find_other_end (int fd)
{
  struct sockaddr_in mine, theirs;
  socklen_t size = sizeof mine;

  g_assert_cmpint (getsockname (fd, (struct sockaddr *) &mine, &size), ==, 0);
  for (int other = 3; other < 1024; other++)
    {
      size = sizeof theirs;
      if (getpeername (other, (struct sockaddr *) &theirs, &size) == 0 && theirs.sin_family == AF_INET
          && theirs.sin_port == mine.sin_port)
        return other;
    }
  g_assert_not_reached ();
}

/* The kernel asks whether the other side lives. */
static void
test_keepalive (Fixture *fixture, gconstpointer data)
{
  int fd, other;

  start_source_somewhere (fixture, "tcp", 10, FALSE);
  fd = connect_plain (fixture);
  say (fd, "<13>x: here\n");
  test_keeper_wait (fixture->in.keeper, 1);
  other = find_other_end (fd);
  g_assert_cmpint (get_option (other, SOL_SOCKET, SO_KEEPALIVE), ==, 1);
  g_assert_cmpint (get_option (other, IPPROTO_TCP, TCP_KEEPIDLE), ==, 60);
  g_assert_cmpint (get_option (other, IPPROTO_TCP, TCP_KEEPINTVL), ==, 10);
  g_assert_cmpint (get_option (other, IPPROTO_TCP, TCP_KEEPCNT), ==, 6);
  close (fd);
}

static gint64
get_cpu_us (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * G_USEC_PER_SEC + usage.ru_utime.tv_usec
         + usage.ru_stime.tv_usec;
}

/* No descriptor for a connection: it waits, which is said once and costs nothing; those that are there go on. */
static void
test_exhausted (Fixture *fixture, gconstpointer data)
{
  struct rlimit before, none;
  gint64 cpu_us;
  int first, waiting, lowest;

  start_source_somewhere (fixture, "tcp", 10, FALSE);
  first = connect_plain (fixture);
  say (first, "<13>x: first\n");
  test_keeper_wait (fixture->in.keeper, 1);
  waiting = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  lowest = dup (first);
  close (lowest);
  getrlimit (RLIMIT_NOFILE, &before);
  none = (struct rlimit){ .rlim_cur = (rlim_t) lowest, .rlim_max = before.rlim_max };
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &none), ==, 0);
  connect_socket (fixture, waiting);
  cpu_us = get_cpu_us ();
  test_reports_wait (&fixture->in.reports, "cannot accept a connection: Too many open files");
  say (waiting, "<13>x: waited\n");
  say (first, "<13>x: went on\n");
  test_keeper_wait (fixture->in.keeper, 2);
  g_assert_nonnull (strstr (test_keeper_get (fixture->in.keeper, 1), "went on"));
  g_usleep (1500000); /* it is tried again */
  cpu_us = get_cpu_us () - cpu_us;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &before), ==, 0);
  test_keeper_wait (fixture->in.keeper, 3);
  g_assert_nonnull (strstr (test_keeper_get (fixture->in.keeper, 2), "waited"));
  g_assert_cmpuint (test_reports_count (&fixture->in.reports, "cannot accept"), ==, 1);
  g_test_message ("1.5 s without a descriptor took %d ms of CPU time", (int) (cpu_us / 1000));
  g_assert_cmpint (cpu_us, <, G_USEC_PER_SEC / 2);
  close (first);
  close (waiting);
}

/* What is longer than the source takes is cut, and that is said: of a counted message, a line. What is in the rest is no
 * message. */
static void
test_truncated (Fixture *fixture, gconstpointer data)
{
  g_autofree char *text = g_strnfill (700, 'x');
  g_autofree char *counted = g_strdup_printf ("721 <13>a: %s\n<0>x: hidden\n", text);
  g_autofree char *line = g_strdup_printf ("<13>b: %s 14 <0>x: hidden\n<13>x: last\n", text);
  static const char *const names[] = { "counted", "line" };
  int fd;

  fixture->max_size = 480;
  start_source_somewhere (fixture, "tcp", 2, FALSE);
  fd = connect_plain (fixture);
  say (fd, counted);
  say (fd, line);
  test_keeper_wait (fixture->in.keeper, 3);
  for (guint i = 0; i < 2; i++)
    {
      const char *got = test_keeper_get (fixture->in.keeper, i);

      g_test_message ("%s: %s", names[i], got);
      g_assert_nonnull (strstr (got, i == 0 ? " truncated_from=721" : " truncated_from="));
      g_assert_cmpuint (strcspn (strchr (got, 'x'), " "), ==, 480 - strlen ("<13>a: "));
    }
  g_assert_cmpstr (test_keeper_get (fixture->in.keeper, 2), ==, "127.0.0.1 x notice last facility=user");
  close (fd);
}

static guint64
get_rss_anon (void)
{
  g_autofree char *status = NULL;

  g_assert_true (g_file_get_contents ("/proc/self/status", &status, NULL, NULL));
  return g_ascii_strtoull (strstr (status, "RssAnon:") + strlen ("RssAnon:"), NULL, 10) * 1024;
}

/* A line without an end, however long: one record, and no memory. */
static void
test_endless (Fixture *fixture, gconstpointer data)
{
  const gsize piece = 1 << 20;
  g_autofree char *text = g_strnfill (piece, '7');
  guint64 before;
  int fd;

  start_source_somewhere (fixture, "tcp", 2, FALSE);
  fd = connect_plain (fixture);
  say (fd, "<13>x: begins ");
  say (fd, text);
  test_keeper_wait (fixture->in.keeper, 1);
  before = get_rss_anon ();
  for (guint i = 0; i < 64; i++)
    say (fd, text);
  say (fd, "\n<13>x: last\n");
  test_keeper_wait (fixture->in.keeper, 2);
  g_assert_nonnull (strstr (test_keeper_get (fixture->in.keeper, 0), " truncated_from="));
  g_assert_cmpstr (test_keeper_get (fixture->in.keeper, 1), ==, "127.0.0.1 x notice last facility=user");
  g_assert_cmpuint (get_rss_anon (), <, before + (8 << 20));
  close (fd);
}

/* A count of 100 GB: what is there is kept and marked, the connection is closed, which is said; the next one is as any. */
static void
test_wrong_count (Fixture *fixture, gconstpointer data)
{
  static const char *const wrong[] = { "100000000000 <13>x: big", "0 <13>x: nothing" };
  char byte;

  start_source_somewhere (fixture, "tcp", 2, FALSE);
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autofree char *expected =
          g_strdup_printf ("127.0.0.1  notice %s facility=user malformed=no priority", wrong[i]);
      int fd = connect_plain (fixture);

      say (fd, "11 <13>x: good");
      say (fd, wrong[i]);
      g_assert_cmpint (recv (fd, &byte, 1, 0), <=, 0);
      test_keeper_wait (fixture->in.keeper, 2 * i + 2);
      g_assert_cmpstr (test_keeper_get (fixture->in.keeper, 2 * i), ==, "127.0.0.1 x notice good facility=user");
      g_assert_cmpstr (test_keeper_get (fixture->in.keeper, 2 * i + 1), ==, expected);
      close (fd);
    }
  test_reports_wait (&fixture->in.reports,
                     "warning: source devices: the connection of 127.0.0.1 was closed: a frame counts what no message");
}

static void
test_truncated_datagram (Fixture *fixture, gconstpointer data)
{
  g_autofree char *endpoint = NULL;

  fixture->max_size = 480;
  start_source_somewhere (fixture, "udp", 2, FALSE);
  endpoint = make_endpoint (fixture, "udp", TRUE);
  start_sender (fixture, endpoint, NULL, NULL);
  send_records (fixture, 1, 1, 1000);
  test_keeper_wait (fixture->in.keeper, 1);
  g_assert_nonnull (strstr (test_keeper_get (fixture->in.keeper, 0), "number 1 "));
  g_assert_nonnull (strstr (test_keeper_get (fixture->in.keeper, 0), " truncated_from=1"));
}

/* The journal fills while the pipeline stands still: the sender waits in its socket, and nothing is lost. */
static void
test_back_pressure (Fixture *fixture, gconstpointer data)
{
  const guint n = 8000;
  g_autofree char *endpoint = NULL;

  start_source_somewhere (fixture, "tcp", 2, FALSE);
  endpoint = make_endpoint (fixture, "tcp", TRUE);
  test_keeper_set_closed (fixture->in.keeper, TRUE);
  start_sender (fixture, endpoint, NULL, NULL);
  for (guint i = 0; i < n; i += 50)
    send_records (fixture, i + 1, 50, 1000);
  test_keeper_set_closed (fixture->in.keeper, FALSE);
  test_keeper_wait (fixture->in.keeper, n);
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *number = g_strdup_printf (" number %u ", i + 1);

      g_assert_nonnull (strstr (test_keeper_get (fixture->in.keeper, i), number));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/syslog-connections-tls/strangers", Fixture, NULL, set_up, test_strangers, tear_down);
  g_test_add ("/syslog-connections/connections", Fixture, NULL, set_up, test_connections, tear_down);
  g_test_add ("/syslog-connections/idle", Fixture, "tcp", set_up, test_idle, tear_down);
  g_test_add ("/syslog-connections/idle-local", Fixture, "unix-stream", set_up, test_idle, tear_down);
  g_test_add ("/syslog-connections-tls/handshake", Fixture, NULL, set_up, test_handshake, tear_down);
  g_test_add ("/syslog-connections/gone", Fixture, NULL, set_up, test_gone, tear_down);
  g_test_add ("/syslog-connections-tls/handshake-gone", Fixture, NULL, set_up, test_handshake_gone, tear_down);
  g_test_add ("/syslog-connections-tls/silent-crowd", Fixture, NULL, set_up, test_silent_crowd, tear_down);
  g_test_add ("/syslog-connections-tls/gone", Fixture, NULL, set_up, test_gone_tls, tear_down);
  g_test_add ("/syslog-connections/keepalive", Fixture, NULL, set_up, test_keepalive, tear_down);
  g_test_add ("/syslog-connections/exhausted", Fixture, NULL, set_up, test_exhausted, tear_down);
  g_test_add ("/syslog-connections/truncated", Fixture, NULL, set_up, test_truncated, tear_down);
  g_test_add ("/syslog-connections/endless", Fixture, NULL, set_up, test_endless, tear_down);
  g_test_add ("/syslog-connections/wrong-count", Fixture, NULL, set_up, test_wrong_count, tear_down);
  g_test_add ("/syslog-connections/truncated-datagram", Fixture, NULL, set_up, test_truncated_datagram, tear_down);
  g_test_add ("/syslog-connections/back-pressure", Fixture, NULL, set_up, test_back_pressure, tear_down);
  return g_test_run ();
}
