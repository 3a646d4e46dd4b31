/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is sent to the source by whom it does not know: strangers, too many, too slow, too long, too fast.
 */
#include "config.h"

#include <string.h>

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
}

/* What is longer than the source takes is cut, and that is said: of a datagram, a counted message, a line. */
static void
test_truncated (Fixture *fixture, gconstpointer data)
{
  g_autofree char *text = g_strnfill (700, 'x');
  g_autofree char *counted = g_strdup_printf ("707 <13>a: %s", text);
  g_autofree char *line = g_strdup_printf ("<13>b: %s\n", text);
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
      g_assert_nonnull (strstr (got, i == 0 ? " truncated_from=707" : " truncated_from="));
      g_assert_cmpuint (strcspn (strchr (got, 'x'), " "), ==, 480 - strlen ("<13>a: "));
    }
  g_assert_cmpuint (strcspn (strchr (test_keeper_get (fixture->in.keeper, 2), 'x'), " "), ==, 700 - 473);
  close (fd);
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
  g_test_add ("/syslog-connections/truncated", Fixture, NULL, set_up, test_truncated, tear_down);
  g_test_add ("/syslog-connections/truncated-datagram", Fixture, NULL, set_up, test_truncated_datagram, tear_down);
  g_test_add ("/syslog-connections/back-pressure", Fixture, NULL, set_up, test_back_pressure, tear_down);
  return g_test_run ();
}
