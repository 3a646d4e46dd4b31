/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The Prometheus transport over HTTP, with clients good and bad.
 */
#include "config.h"

#include <gio/gio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../core/metrics-helpers.h"
#include "../core/test-batches.h"
#include "exposition-check.h"
#include "muster-prometheus-parts.h"
#include "muster-transport-private.h"
#include "muster-transport-prometheus.h"
#include "transport-witness.h"

#define TEST_DEADLINE_US (20 * G_USEC_PER_SEC)
#define COUNTER          "muster_n_total{host=\"host\",cluster=\"shop\",worker=\"web-1\",group=\"web\"}"

typedef struct
{
  MusterTransport *transport;
  gboolean running;
  guint64 next_seq;
  Witness witness;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  witness_init (&fixture->witness);
  fixture->next_seq = 1;
  fixture->transport = g_object_new (MUSTER_TYPE_TRANSPORT_PROMETHEUS, "name", "numbers", "bind", "127.0.0.1:0", NULL);
  witness_watch (&fixture->witness, fixture->transport);
}

static void
start (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;

  fixture->running = muster_transport_start (fixture->transport, &error);
  g_assert_no_error (error);
}

static void
stop (Fixture *fixture)
{
  if (fixture->running)
    muster_transport_stop (fixture->transport, TEST_DEADLINE_US);
  fixture->running = FALSE;
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  stop (fixture);
  g_object_unref (fixture->transport);
  witness_clear (&fixture->witness);
}

/* -- what it is given ----------------------------------------------------------------------------- */

/* @worker has incremented `n`, and @n_more metrics with long names. */
static GPtrArray *
encode_dataset (const char *worker, double n, guint n_more)
{
  MusterMetricsOptions options = { .interval_us = 10 * G_TIME_SPAN_SECOND, .scale_factor = 1, .max_metrics = 100000 };
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (&options);
  g_autoptr (MusterAggregator) aggregator = muster_aggregator_new ();
  g_autoptr (GPtrArray) datasets = NULL;
  gint64 now_s = g_get_real_time () / G_USEC_PER_SEC;

  muster_metrics_inc (metrics, NULL, "n", n);
  for (guint i = 0; i < n_more; i++)
    {
      g_autofree char *id = g_strdup_printf ("a rather long name of a metric, so that all of them are much: %u", i);

      muster_metrics_sample (metrics, MUSTER_PATH ("deep", "down"), id, i);
    }
  muster_aggregator_add_metrics (aggregator, &options);
  report (aggregator, metrics, worker, 7, (double) (now_s - 10), (double) now_s, FALSE);
  datasets = muster_aggregator_collect (aggregator, G_MAXINT64);
  g_assert_cmpuint (datasets->len, ==, 1);
  return muster_dataset_encode (datasets->pdata[0]);
}

static MusterBatch *
make_batch (char stream, guint64 first_seq, GBytes *entry)
{
  TestLog log = { NULL };
  gsize size;
  gconstpointer data = g_bytes_get_data (entry, &size);

  test_log_origin (&log, stream, first_seq, "master");
  g_byte_array_append (log.bytes, data, (guint) size);
  return test_log_end (&log);
}

/* Each part in a batch of its own; returns when the transport has them. */
static void
push_dataset (Fixture *fixture, double n, guint n_more)
{
  g_autoptr (GPtrArray) entries = encode_dataset ("web-1", n, n_more);
  guint n_done = fixture->witness.n_done;

  for (guint i = 0; i < entries->len; i++)
    {
      g_autoptr (MusterBatch) batch = make_batch ('m', fixture->next_seq++, entries->pdata[i]);

      muster_transport_push (fixture->transport, batch);
    }
  witness_wait (&fixture->witness, &fixture->witness.n_done, n_done + entries->len);
}

/* -- clients -------------------------------------------------------------------------------------- */

static GSocket *
connect_client (Fixture *fixture)
{
  g_autoptr (GSocketConnectable) where = NULL;
  g_autoptr (GSocketAddressEnumerator) addresses = NULL;
  g_autoptr (GSocketAddress) address = NULL;
  g_autoptr (GError) error = NULL;
  GSocket *socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, &error);

  g_assert_no_error (error);
  where = g_network_address_parse (
      muster_transport_prometheus_get_address (MUSTER_TRANSPORT_PROMETHEUS (fixture->transport)), 0, &error);
  g_assert_no_error (error);
  addresses = g_socket_connectable_enumerate (where);
  address = g_socket_address_enumerator_next (addresses, NULL, &error);
  g_assert_no_error (error);
  g_socket_set_timeout (socket, TEST_DEADLINE_US / G_USEC_PER_SEC);
  g_socket_connect (socket, address, NULL, &error);
  g_assert_no_error (error);
  return socket;
}

static void
send_text (GSocket *socket, const char *text)
{
  for (gsize length = strlen (text); length > 0;)
    {
      gssize n = g_socket_send (socket, text, length, NULL, NULL);

      if (n <= 0)
        return; /* the server has had enough */
      text += n;
      length -= (gsize) n;
    }
}

/* All that comes until the end of the connection, be it a reset. */
static char *
receive_all (GSocket *socket)
{
  GString *all = g_string_new (NULL);
  char piece[65536];
  gssize n;
  g_autoptr (GError) error = NULL;

  while ((n = g_socket_receive (socket, piece, sizeof piece, NULL, &error)) > 0)
    g_string_append_len (all, piece, n);
  g_assert_false (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT));
  return g_string_free (all, FALSE);
}

static char *
ask (Fixture *fixture, const char *request)
{
  g_autoptr (GSocket) socket = connect_client (fixture);

  send_text (socket, request);
  return receive_all (socket);
}

static Exposition *
scrape (Fixture *fixture, MusterPrometheusFormat format)
{
  g_autofree char *answer =
      ask (fixture, format == MUSTER_PROMETHEUS_TEXT
                        ? "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
                        : "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: application/openmetrics-text\r\n\r\n");
  const char *body = strstr (answer, "\r\n\r\n");

  g_assert_true (g_str_has_prefix (answer, "HTTP/1.1 200 "));
  g_assert_nonnull (body);
  g_assert_nonnull (strstr (answer, muster_prometheus_format_get_content_type (format)));
  return exposition_read (body + 4, strlen (body + 4), format);
}

/* It is well, and has counted so much. */
static void
assert_counts (Fixture *fixture, const char *n)
{
  for (MusterPrometheusFormat format = 0; format < MUSTER_PROMETHEUS_N_FORMATS; format++)
    {
      g_autoptr (Exposition) exposition = scrape (fixture, format);

      g_assert_cmpstr (exposition_get (exposition, COUNTER), ==, n);
    }
}

/* -- tests ---------------------------------------------------------------------------------------- */

static void
test_scrape (Fixture *fixture, gconstpointer data)
{
  start (fixture);
  assert_counts (fixture, NULL);
  push_dataset (fixture, 3, 0);
  assert_counts (fixture, "3");
  push_dataset (fixture, 4, 2000); /* in parts */
  assert_counts (fixture, "7");
  g_assert_nonnull (
      strstr (fixture->witness.reports->str, "info: transport numbers: numbers are at http://127.0.0.1:"));
}

static void
test_requests (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *request;
    const char *status;
  } cases[] = {
    { "GET /metrics?x=y HTTP/1.0\r\n\r\n", " 200 OK\r\n" },
    { "GET / HTTP/1.1\r\nHost: x\r\n\r\n", " 404 Not Found\r\n" },
    { "GET /metrics/ HTTP/1.1\r\nHost: x\r\n\r\n", " 404 Not Found\r\n" },
    { "DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n", " 405 Method Not Allowed\r\n" },
    { "BREW / HTTP/1.1\r\nHost: x\r\n\r\n", " 405 Method Not Allowed\r\n" },
    { "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", " 405 Method Not Allowed\r\n" },
  };

  start (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *answer = ask (fixture, cases[i].request);

      if (strstr (answer, cases[i].status) == NULL)
        g_error ("%s is answered by\n%s", cases[i].request, answer);
      g_assert_nonnull (strstr (answer, "Connection: close\r\n"));
    }
}

static void
test_head (Fixture *fixture, gconstpointer data)
{
  g_autofree char *head = NULL;
  g_autofree char *get = NULL;

  start (fixture);
  head = ask (fixture, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  get = ask (fixture, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  g_assert_true (g_str_has_prefix (head, "HTTP/1.1 200 OK\r\n"));
  g_assert_true (g_str_has_suffix (head, "\r\n\r\n"));
  g_assert_null (strstr (head, "muster_version"));
  g_assert_nonnull (strstr (get, "muster_version"));
}

static void
test_garbage (Fixture *fixture, gconstpointer data)
{
  static const char *const requests[] = {
    "\r\n\r\n\r\n",
    "hello\r\n\r\n",
    "GET\r\n\r\n",
    "GET /metrics\r\n\r\n",
    "GET /metrics%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET  HTTP/1.1\r\n\r\n",
    "\x16\x03\x01\x02\x01\x01\xfc\x03\x03 what TLS says\r\n\r\n",
    "GET http://[::1/ HTTP/1.1\r\nHost: ]\r\n\r\n",
    "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /metrics HTTP/9.9\r\nHost: x\r\n\r\n",
    "GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: \xff;;;q=,,\r\n\r\n",
    "GET /metrics HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  };

  start (fixture);
  push_dataset (fixture, 5, 0);
  for (guint i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      g_autoptr (GSocket) socket = connect_client (fixture);

      send_text (socket, requests[i]);
      g_socket_shutdown (socket, FALSE, TRUE, NULL);
      g_free (receive_all (socket)); /* the connection ends */
    }
  assert_counts (fixture, "5");
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED TRUE
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED TRUE
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED FALSE
#endif

/* Bytes that are memory of this process; clients and server are in one. */
static guint64
get_memory (void)
{
  g_autofree char *text = NULL;

  g_assert_true (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  return g_ascii_strtoull (strchr (text, ' '), NULL, 10) * (guint64) sysconf (_SC_PAGESIZE);
}

/* Headers, and a body, without an end. */
static void
test_endless (Fixture *fixture, gconstpointer data)
{
  g_autofree char *header = g_strnfill (1 << 16, 'x');
  const char *begin[] = { "GET /", "GET /metrics HTTP/1.1\r\nX: ",
                          "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n",
                          "POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3fffffff\r\n" };

  g_object_set (fixture->transport, "timeout", (gint64) 1000 * 1000, NULL);
  start (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (begin); i++)
    {
      g_autoptr (GSocket) socket = connect_client (fixture);
      guint64 before = get_memory ();

      send_text (socket, begin[i]);
      while (g_socket_send (socket, header, 1 << 16, NULL, NULL) > 0)
        ;
      g_free (receive_all (socket));
      if (!IS_SANITIZED) /* which keeps what was freed */
        g_assert_cmpuint (get_memory (), <, before + (32 << 20));
    }
  assert_counts (fixture, NULL);
}

/* Who sends a request byte by byte is cut off in time, and disturbs nobody. */
static void
test_slow_request (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GSocket) socket = NULL;
  g_autofree char *answer = NULL;
  gint64 begin_us;

  g_object_set (fixture->transport, "timeout", (gint64) 1000 * 1000, NULL);
  start (fixture);
  begin_us = g_get_monotonic_time ();
  socket = connect_client (fixture);
  send_text (socket, "GET /metrics HTTP/1.1\r\n");
  while (g_socket_condition_timed_wait (socket, G_IO_IN | G_IO_HUP, 10000, NULL, NULL) == FALSE)
    send_text (socket, "X");
  g_assert_cmpint (g_get_monotonic_time () - begin_us, >=, 900 * 1000);
  answer = receive_all (socket);
  g_assert_cmpstr (answer, ==, "");
  assert_counts (fixture, NULL);
}

/* More connections than there may be, none of which says anything: who asks is answered nevertheless. */
static void
test_many_idle (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) idle = g_ptr_array_new_with_free_func (g_object_unref);

  g_object_set (fixture->transport, "max-connections", 4, NULL);
  start (fixture);
  push_dataset (fixture, 1, 0);
  for (guint i = 0; i < 50; i++)
    g_ptr_array_add (idle, connect_client (fixture));
  assert_counts (fixture, "1");
  /* The oldest are gone. */
  g_free (receive_all (idle->pdata[0]));
  stop (fixture);
  for (guint i = 1; i < idle->len; i++)
    g_free (receive_all (idle->pdata[i]));
}

/* Who does not read a long answer is cut off; in the meantime datasets are taken, and others answered. */
static void
test_slow_reader (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) readers = g_ptr_array_new_with_free_func (g_object_unref);
  gint64 begin_us;

  g_object_set (fixture->transport, "timeout", (gint64) 1500 * 1000, NULL);
  start (fixture);
  push_dataset (fixture, 1, 20000);
  begin_us = g_get_monotonic_time ();
  for (guint i = 0; i < 8; i++)
    {
      GSocket *socket = connect_client (fixture);

      send_text (socket, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
      g_ptr_array_add (readers, socket);
    }
  push_dataset (fixture, 1, 0);
  assert_counts (fixture, "2");
  for (guint i = 0; i < readers->len; i++)
    g_assert_true (g_socket_condition_timed_wait (readers->pdata[i], G_IO_HUP, TEST_DEADLINE_US, NULL, NULL));
  g_assert_cmpint (g_get_monotonic_time () - begin_us, >=, 1000 * 1000);
  for (guint i = 0; i < readers->len; i++)
    {
      g_autofree char *answer = receive_all (readers->pdata[i]);

      g_assert_cmpuint (strlen (answer), <, 6 << 20); /* what lay in socket buffers */
    }
  assert_counts (fixture, "2");
}

static gpointer
scrape_thread (gpointer data)
{
  for (guint i = 0; i < 50; i++)
    {
      g_autoptr (Exposition) exposition = scrape (data, i % MUSTER_PROMETHEUS_N_FORMATS);

      g_assert_nonnull (exposition_get (exposition, COUNTER));
    }
  return NULL;
}

/* Many at once, while datasets come. */
static void
test_many_scrapes (Fixture *fixture, gconstpointer data)
{
  GThread *threads[8];

  start (fixture);
  push_dataset (fixture, 1, 0);
  g_free (ask (fixture, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"));
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("scrape", scrape_thread, fixture);
  for (guint i = 0; i < 200; i++)
    push_dataset (fixture, 1, 10);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  assert_counts (fixture, "201");
}

static gint64
get_cpu_us (void)
{
  struct rusage usage;

  g_assert_cmpint (getrusage (RUSAGE_SELF, &usage), ==, 0);
  return usage.ru_utime.tv_sec * G_USEC_PER_SEC + usage.ru_utime.tv_usec + usage.ru_stime.tv_sec * G_USEC_PER_SEC
         + usage.ru_stime.tv_usec;
}

/* A process that has no descriptor left does not spin, and goes on when there are some. */
static void
test_no_descriptors (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GSocket) socket = NULL;
  g_autoptr (GSocket) other = NULL;
  g_autoptr (GSocketAddress) address = NULL;
  g_autofree char *answer = NULL;
  struct rlimit limit;
  struct rlimit tight;
  gint64 cpu_us;
  int next_fd;

  start (fixture);
  g_free (ask (fixture, "GET / HTTP/1.0\r\n\r\n"));
  other = connect_client (fixture);
  address = g_socket_get_remote_address (other, NULL);
  socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL);
  g_socket_set_timeout (socket, TEST_DEADLINE_US / G_USEC_PER_SEC);
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  next_fd = dup (g_socket_get_fd (socket)); /* all below it are in use */
  close (next_fd);
  tight = (struct rlimit){ .rlim_cur = (rlim_t) next_fd, .rlim_max = limit.rlim_max };
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &tight), ==, 0);
  g_assert_true (g_socket_connect (socket, address, NULL, NULL)); /* into the backlog */
  send_text (socket, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  cpu_us = get_cpu_us ();
  g_assert_false (g_socket_condition_timed_wait (socket, G_IO_IN, G_USEC_PER_SEC, NULL, NULL));
  cpu_us = get_cpu_us () - cpu_us;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  g_assert_cmpint (cpu_us, <, G_USEC_PER_SEC / 3);
  answer = receive_all (socket);
  g_assert_nonnull (strstr (answer, " 200 OK"));
}

static void
assert_does_not_start (Fixture *fixture, const char *property, const char *value, int code, const char *part)
{
  g_autoptr (MusterTransport) transport =
      g_object_new (MUSTER_TYPE_TRANSPORT_PROMETHEUS, "name", "x", "bind", "127.0.0.1:0", NULL);
  g_autoptr (GError) error = NULL;

  g_object_set (transport, property, value, NULL);
  g_assert_false (muster_transport_start (transport, &error));
  if (code >= 0)
    g_assert_error (error, MUSTER_ERROR, code);
  if (strstr (error->message, part) == NULL)
    g_error ("%s", error->message);
}

static void
test_settings (Fixture *fixture, gconstpointer data)
{
  static const char *const binds[] = { "",       "127.0.0.1", "example.org:80", "127.0.0.1:x", "127.0.0.1:65536",
                                       "::1:80", "[::1]",     "[127.0.0.1:80",  ":",           "-1:80" };

  for (guint i = 0; i < G_N_ELEMENTS (binds); i++)
    assert_does_not_start (fixture, "bind", binds[i], MUSTER_ERROR_INVALID, "is not where one can listen");
  assert_does_not_start (fixture, "prefix", "1x", MUSTER_ERROR_INVALID, "prefix='1x'");
  assert_does_not_start (fixture, "path", "metrics", MUSTER_ERROR_INVALID, "path='metrics'");
  start (fixture);
  assert_does_not_start (fixture, "bind",
                         muster_transport_prometheus_get_address (MUSTER_TRANSPORT_PROMETHEUS (fixture->transport)), -1,
                         "cannot listen at 127.0.0.1:");
}

/* The same port again at once, and all counted anew. */
static void
test_restart (Fixture *fixture, gconstpointer data)
{
  g_autofree char *address = NULL;
  g_autoptr (GSocket) open = NULL;

  start (fixture);
  address = g_strdup (muster_transport_prometheus_get_address (MUSTER_TRANSPORT_PROMETHEUS (fixture->transport)));
  push_dataset (fixture, 3, 0);
  assert_counts (fixture, "3");
  open = connect_client (fixture);
  stop (fixture);
  g_free (receive_all (open));
  g_object_set (fixture->transport, "bind", address, NULL);
  start (fixture);
  assert_counts (fixture, NULL);
  push_dataset (fixture, 4, 0);
  assert_counts (fixture, "4");
}

static void
test_max_size (Fixture *fixture, gconstpointer data)
{
  g_object_set (fixture->transport, "max-size", (guint64) 100000, NULL);
  start (fixture);
  push_dataset (fixture, 1, 90); /* more would be too long a delivery */
  push_dataset (fixture, 1, 90);
  assert_counts (fixture, "2");
  stop (fixture);
  g_assert_nonnull (
      strstr (fixture->witness.reports->str, "warning: transport numbers: there are more metrics than max-size"));
  g_assert_null (strstr (strstr (fixture->witness.reports->str, "max-size") + 1, "max-size")); /* once */
}

/* -- parts ---------------------------------------------------------------------------------------- */

static void
view_batch (MusterBatch *batch, MusterEntryIter *iter, MusterEntry *entry)
{
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);

  muster_entry_iter_init (iter, data, size);
  g_assert_true (muster_entry_iter_next (iter, entry));
  g_assert_true (muster_entry_iter_next (iter, entry));
  g_assert_cmpint (entry->kind, ==, MUSTER_ENTRY_DATASET);
}

static MusterDataset *
add_part (MusterPrometheusParts *parts, char stream, GBytes *bytes)
{
  g_autoptr (MusterBatch) batch = make_batch (stream, 1, bytes);
  MusterEntryIter iter;
  MusterEntry entry;

  view_batch (batch, &iter, &entry);
  return muster_prometheus_parts_add (parts, &entry);
}

/* Two streams at once, part by part; and one that never ends. */
static void
test_parts (void)
{
  g_autoptr (MusterPrometheusParts) parts = muster_prometheus_parts_new (4 << 20);
  g_autoptr (GPtrArray) entries = encode_dataset ("web-1", 1, 3000);
  guint n_complete = 0;

  g_assert_cmpuint (entries->len, >, 3);
  for (guint i = 0; i < entries->len; i++)
    for (char stream = 'a'; stream <= 'b'; stream++)
      {
        g_autoptr (MusterDataset) dataset = add_part (parts, stream, entries->pdata[i]);

        g_assert_true ((dataset != NULL) == (i + 1 == entries->len));
        n_complete += dataset != NULL;
      }
  g_assert_cmpuint (n_complete, ==, 2);
  for (guint i = 0; i < 1000; i++) /* the first parts, of many streams */
    g_assert_null (add_part (parts, (char) i, entries->pdata[0]));
  g_assert_null (add_part (parts, 'c', entries->pdata[1])); /* its predecessor is absent */
}

/* What does not fit is given up; what comes after it is taken. */
static void
test_parts_bounded (void)
{
  g_autoptr (MusterPrometheusParts) parts = muster_prometheus_parts_new (100000);
  g_autoptr (GPtrArray) entries = encode_dataset ("web-1", 1, 3000);
  g_autoptr (GPtrArray) small = encode_dataset ("web-1", 1, 0);
  g_autoptr (MusterDataset) dataset = NULL;

  for (guint i = 0; i < entries->len; i++)
    g_assert_null (add_part (parts, 'a', entries->pdata[i]));
  dataset = add_part (parts, 'a', small->pdata[0]);
  g_assert_nonnull (dataset);
}

#define ADD(name, function) g_test_add (name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/transport-prometheus/scrape", test_scrape);
  ADD ("/transport-prometheus/requests", test_requests);
  ADD ("/transport-prometheus/head", test_head);
  ADD ("/transport-prometheus/garbage", test_garbage);
  ADD ("/transport-prometheus/endless", test_endless);
  ADD ("/transport-prometheus/slow-request", test_slow_request);
  ADD ("/transport-prometheus/many-idle", test_many_idle);
  ADD ("/transport-prometheus/slow-reader", test_slow_reader);
  ADD ("/transport-prometheus/many-scrapes", test_many_scrapes);
  ADD ("/transport-prometheus/no-descriptors", test_no_descriptors);
  ADD ("/transport-prometheus/settings", test_settings);
  ADD ("/transport-prometheus/restart", test_restart);
  ADD ("/transport-prometheus/max-size", test_max_size);
  g_test_add_func ("/transport-prometheus/parts", test_parts);
  g_test_add_func ("/transport-prometheus/parts-bounded", test_parts_bounded);
  return g_test_run ();
}
