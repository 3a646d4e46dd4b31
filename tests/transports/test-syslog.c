/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The transport and the source, with sockets between them: every kind, broken connections, strangers, and what is asked
 * for wrongly.
 */
#include "config.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "muster-source-private.h"
#include "muster-source-syslog.h"
#include "muster-transport-syslog.h"
#include "muster-transport-private.h"
#include "../core/test-batches.h"

#define DEADLINE_US (20 * G_USEC_PER_SEC)
#define N_RECORDS   500

/* -- a transport that keeps what it gets -- */

G_DECLARE_FINAL_TYPE (Keeper, keeper, TEST, KEEPER, MusterTransport)

struct _Keeper
{
  MusterTransport parent_instance;
  GMutex lock;
  GCond cond;
  gboolean closed;
  GPtrArray *texts; /* of char *: "host domain level message key=value" */
};

G_DEFINE_FINAL_TYPE (Keeper, keeper, MUSTER_TYPE_TRANSPORT)

static void
keep (Keeper *self, const MusterEntry *entry)
{
  MusterRecordView record;
  MusterFieldIter iter;
  MusterFieldView field;
  GString *text;

  if (!muster_entry_get_record (entry, &record))
    return;
  text = g_string_new (NULL);
  g_string_append_printf (text, "%.*s %.*s %s %.*s", (int) entry->origin->host.length, entry->origin->host.data,
                          (int) record.domain.length, record.domain.data, muster_level_to_string (record.level),
                          (int) record.message.length, record.message.data);
  muster_field_iter_init (&iter, &record);
  while (muster_field_iter_next (&iter, &field))
    if (field.type == MUSTER_FIELD_TEXT)
      g_string_append_printf (text, " %.*s=%.*s", (int) field.key.length, field.key.data, (int) field.value.text.length,
                              field.value.text.data);
    else if (field.type == MUSTER_FIELD_NATURAL)
      g_string_append_printf (text, " %.*s=%" G_GUINT64_FORMAT, (int) field.key.length, field.key.data,
                              field.value.natural);
  g_ptr_array_add (self->texts, g_string_free (text, FALSE));
}

static MusterWriteResult
keeper_write (MusterTransport *transport, MusterBatch *batch, GError **error)
{
  Keeper *self = TEST_KEEPER (transport);
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  MusterEntryIter iter;
  MusterEntry entry;
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);

  while (self->closed)
    g_cond_wait (&self->cond, &self->lock);
  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    keep (self, &entry);
  g_cond_broadcast (&self->cond);
  return MUSTER_WRITE_DONE;
}

static void
keeper_finalize (GObject *object)
{
  g_ptr_array_unref (TEST_KEEPER (object)->texts);
  G_OBJECT_CLASS (keeper_parent_class)->finalize (object);
}

static void
keeper_class_init (KeeperClass *class)
{
  G_OBJECT_CLASS (class)->finalize = keeper_finalize;
  MUSTER_TRANSPORT_CLASS (class)->write = keeper_write;
}

static void
keeper_init (Keeper *self)
{
  g_mutex_init (&self->lock);
  g_cond_init (&self->cond);
  self->texts = g_ptr_array_new_with_free_func (g_free);
}

static void
keeper_wait (Keeper *self, guint n)
{
  gint64 deadline_us = g_get_monotonic_time () + DEADLINE_US;

  g_mutex_lock (&self->lock);
  while (self->texts->len < n)
    g_assert_true (g_cond_wait_until (&self->cond, &self->lock, deadline_us));
  g_mutex_unlock (&self->lock);
}

static void
keeper_set_closed (Keeper *self, gboolean closed)
{
  g_mutex_lock (&self->lock);
  self->closed = closed;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

static const char *
keeper_get (Keeper *self, guint i)
{
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  g_assert_cmpuint (i, <, self->texts->len);
  return self->texts->pdata[i];
}

/* -- the receiving side -- */

typedef struct
{
  char *dir;
  MusterPipeline *in;
  Keeper *keeper;
  MusterSource *source;
  guint64 max_size;    /* of the source; 0: its own */
  MusterPipeline *out; /* NULL: none yet */
  MusterTransport *transport;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->dir = g_dir_make_tmp ("muster-syslog-XXXXXX", NULL);
  fixture->in = muster_pipeline_new ();
  fixture->keeper = g_object_new (keeper_get_type (), "name", "keeper", NULL);
  muster_pipeline_add (fixture->in, MUSTER_TRANSPORT (fixture->keeper));
  muster_pipeline_start (fixture->in, &error);
  g_assert_no_error (error);
}

static void
stop_sender (Fixture *fixture)
{
  if (fixture->out == NULL)
    return;
  muster_pipeline_stop (fixture->out, DEADLINE_US);
  g_clear_pointer (&fixture->out, muster_pipeline_unref);
  g_assert_finalize_object (fixture->transport);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  stop_sender (fixture);
  if (fixture->source != NULL)
    g_assert_true (muster_source_stop (fixture->source));
  muster_pipeline_stop (fixture->in, DEADLINE_US);
  if (fixture->source != NULL)
    g_assert_finalize_object (fixture->source);
  muster_pipeline_unref (fixture->in);
  g_assert_finalize_object (fixture->keeper);
  g_assert_cmpint (g_rmdir (fixture->dir), ==, 0); /* journals and sockets are gone */
  g_free (fixture->dir);
}

static char *
certificate (const char *name)
{
  return g_test_build_filename (G_TEST_DIST, "transports", "tls", name, NULL);
}

static gboolean
start_source (Fixture *fixture, const char *bind, guint max_connections, gboolean with_ca, GError **error)
{
  const char *const endpoints[] = { bind, NULL };
  g_autofree char *ca = certificate ("ca.pem");
  g_autofree char *server = certificate ("server.pem");
  const MusterSourceHouse house = {
    .pipeline = fixture->in, .host = "here", .journals = fixture->dir, .drain_timeout_us = DEADLINE_US
  };

  fixture->source =
      g_object_new (MUSTER_TYPE_SOURCE_SYSLOG, "name", "devices", "bind", endpoints, "max-connections", max_connections,
                    "certificate-file", server, "ca-file", with_ca ? ca : NULL, "journal-size", (guint64) 262144, NULL);
  if (fixture->max_size > 0)
    g_object_set (fixture->source, "max-size", fixture->max_size, NULL);
  return muster_source_start (fixture->source, &house, error);
}

static guint16
get_port (Fixture *fixture)
{
  return muster_source_syslog_get_port (MUSTER_SOURCE_SYSLOG (fixture->source), 0);
}

/* -- the sending side -- */

static void
report_cb (MusterTransport *transport, MusterLevel level, const char *message, gpointer user_data)
{
  g_test_message ("%s", message);
}

static void
start_sender (Fixture *fixture, const char *endpoint, const char *ca_name, const char *client_name)
{
  g_autofree char *ca = certificate (ca_name != NULL ? ca_name : "ca.pem");
  g_autofree char *client = client_name != NULL ? certificate (client_name) : NULL;
  g_autoptr (GError) error = NULL;

  fixture->out = muster_pipeline_new ();
  fixture->transport =
      g_object_new (MUSTER_TYPE_TRANSPORT_SYSLOG, "name", "away", "endpoint", endpoint, "ca-file", ca,
                    "certificate-file", client, "retry-delay", (gint64) 1000, "retry-delay-max", (gint64) 20000, NULL);
  muster_pipeline_add (fixture->out, fixture->transport);
  muster_pipeline_set_report (fixture->out, report_cb, NULL);
  muster_pipeline_start (fixture->out, &error);
  g_assert_no_error (error);
}

static void
send_records (Fixture *fixture, guint first, guint n, gsize filler)
{
  TestLog log = { .bytes = NULL };
  g_autofree char *text = g_strnfill (filler, 'x');
  MusterBatch *batch;

  test_log_origin (&log, 's', first, "web-1");
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *message = g_strdup_printf ("number %u \"]\\\n%s\xc3\xbc", first + i, text);

      test_log_record (&log, MUSTER_LEVEL_WARNING, message);
    }
  batch = test_log_end (&log);
  muster_pipeline_push (fixture->out, batch, NULL, NULL);
  muster_batch_unref (batch);
}

static char *
make_endpoint (Fixture *fixture, const char *kind, gboolean for_sender)
{
  if (g_str_has_prefix (kind, "unix"))
    return g_strdup_printf ("%s:%s/socket", kind, fixture->dir);
  if (!for_sender)
    return g_strdup_printf ("%s://127.0.0.1:%u", kind, 40000 + g_random_int_range (0, 20000));
  return g_strdup_printf ("%s://127.0.0.1:%u", kind, get_port (fixture));
}

/* A port that nobody has. */
static void
start_source_somewhere (Fixture *fixture, const char *kind, guint max_connections, gboolean with_ca)
{
  for (guint i = 0; i < 20; i++)
    {
      g_autofree char *bind = make_endpoint (fixture, kind, FALSE);
      g_autoptr (GError) error = NULL;

      if (start_source (fixture, bind, max_connections, with_ca, &error))
        return;
      g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE);
      g_clear_object (&fixture->source);
    }
  g_assert_not_reached ();
}

/* -- every kind -- */

static gboolean
have_tls (void)
{
  if (g_tls_backend_supports_tls (g_tls_backend_get_default ()))
    return TRUE;
  g_test_skip ("GLib finds no TLS: glib-networking is not installed");
  return FALSE;
}

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
  keeper_wait (fixture->keeper, N_RECORDS);
  for (guint i = 0; i < N_RECORDS; i++)
    {
      g_autofree char *start = g_strdup_printf ("host  warning number %u \"]\\\nxxxxxxxxxxxxxxxxxxxx\xc3\xbc "
                                                "facility=user cluster=shop worker=web-1 "
                                                "stream=73737373737373737373737373737373 seq=%u app_name=web-1",
                                                i + 1, i + 1);

      if (!g_str_has_prefix (keeper_get (fixture->keeper, i), start))
        g_assert_cmpstr (keeper_get (fixture->keeper, i), ==, start);
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
  g_autofree char *endpoint = g_strdup_printf ("unix:%s/socket", fixture->dir);
  MusterTransportCounters counters;
  g_autoptr (GError) error = NULL;

  start_sender (fixture, endpoint, NULL, NULL);
  send_records (fixture, 1, 10, 0);
  do
    muster_transport_get_counters (fixture->transport, &counters);
  while (counters.retries < 3);
  g_assert_true (start_source (fixture, endpoint, 10, FALSE, &error));
  g_assert_no_error (error);
  keeper_wait (fixture->keeper, 10);
}

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
  keeper_wait (fixture->keeper, 1);
  g_assert_nonnull (strstr (keeper_get (fixture->keeper, 0), "number 5"));
}

static int
connect_plain (Fixture *fixture)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  address.sin_port = htons (get_port (fixture));
  g_assert_cmpint (connect (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  return fd;
}

static void
say (int fd, const char *text)
{
  g_assert_cmpint (send (fd, text, strlen (text), MSG_NOSIGNAL), ==, (gssize) strlen (text));
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
  keeper_wait (fixture->keeper, 1);
  fds[1] = connect_plain (fixture);
  say (fds[1], "<13>x: second\n");
  keeper_wait (fixture->keeper, 2);
  fds[2] = connect_plain (fixture);
  g_assert_cmpint (recv (fds[2], &byte, 1, 0), ==, 0); /* closed at once */
  for (const char *p = slow; *p != '\0'; p++)
    say (fds[0], (char[2]){ *p, '\0' });
  keeper_wait (fixture->keeper, 4);
  close (fds[0]);
  keeper_wait (fixture->keeper, 5);
  g_assert_cmpstr (keeper_get (fixture->keeper, 2), ==, "127.0.0.1 x notice slow facility=user");
  g_assert_cmpstr (keeper_get (fixture->keeper, 3), ==, "127.0.0.1 x notice line facility=user");
  g_assert_cmpstr (keeper_get (fixture->keeper, 4), ==, "127.0.0.1  notice no end facility=user malformed=no priority");
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
  keeper_wait (fixture->keeper, 3);
  for (guint i = 0; i < 2; i++)
    {
      const char *got = keeper_get (fixture->keeper, i);

      g_test_message ("%s: %s", names[i], got);
      g_assert_nonnull (strstr (got, i == 0 ? " truncated_from=707" : " truncated_from="));
      g_assert_cmpuint (strcspn (strchr (got, 'x'), " "), ==, 480 - strlen ("<13>a: "));
    }
  g_assert_cmpuint (strcspn (strchr (keeper_get (fixture->keeper, 2), 'x'), " "), ==, 700 - 473);
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
  keeper_wait (fixture->keeper, 1);
  g_assert_nonnull (strstr (keeper_get (fixture->keeper, 0), "number 1 "));
  g_assert_nonnull (strstr (keeper_get (fixture->keeper, 0), " truncated_from=1"));
}

/* The journal fills while the pipeline stands still: the sender waits in its socket, and nothing is lost. */
static void
test_back_pressure (Fixture *fixture, gconstpointer data)
{
  const guint n = 8000;
  g_autofree char *endpoint = NULL;

  start_source_somewhere (fixture, "tcp", 2, FALSE);
  endpoint = make_endpoint (fixture, "tcp", TRUE);
  keeper_set_closed (fixture->keeper, TRUE);
  start_sender (fixture, endpoint, NULL, NULL);
  for (guint i = 0; i < n; i += 50)
    send_records (fixture, i + 1, 50, 1000);
  keeper_set_closed (fixture->keeper, FALSE);
  keeper_wait (fixture->keeper, n);
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *number = g_strdup_printf (" number %u ", i + 1);

      g_assert_nonnull (strstr (keeper_get (fixture->keeper, i), number));
    }
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
      g_clear_object (&fixture->source);
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
  g_test_add ("/syslog-tls/strangers", Fixture, NULL, set_up, test_strangers, tear_down);
  g_test_add ("/syslog/connections", Fixture, NULL, set_up, test_connections, tear_down);
  g_test_add ("/syslog/truncated", Fixture, NULL, set_up, test_truncated, tear_down);
  g_test_add ("/syslog/truncated-datagram", Fixture, NULL, set_up, test_truncated_datagram, tear_down);
  g_test_add ("/syslog/back-pressure", Fixture, NULL, set_up, test_back_pressure, tear_down);
  g_test_add ("/syslog-tls/wrong", Fixture, NULL, set_up, test_wrong, tear_down);
  return g_test_run ();
}
