/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Two ends of syslog in one process: the source before a pipeline that keeps what arrives, and a pipeline with the
 * transport, or plain sockets, that send to it.
 */
#pragma once

#include <gio/gio.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "muster-source-syslog.h"
#include "muster-transport-syslog.h"
#include "../core/test-batches.h"
#include "../core/test-intake-ends.h"

/* -- the receiving side -- */

typedef struct
{
  TestIntakeEnds in;
  guint64 max_size; /* of the source, like the next two; 0: its own */
  gint64 idle_timeout_us;
  gint64 handshake_timeout_us;
  MusterPipeline *out; /* NULL: none yet */
  MusterTransport *transport;
} Fixture;

/* "host domain level message key=value". */
static inline char *
describe_record (const MusterEntry *entry)
{
  MusterRecordView record;
  MusterFieldIter iter;
  MusterFieldView field;
  GString *text;

  if (!muster_entry_get_record (entry, &record))
    return NULL;
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
  return g_string_free (text, FALSE);
}

static inline void
set_up (Fixture *fixture, gconstpointer data)
{
  test_intake_ends_set_up (&fixture->in, describe_record);
}

static inline void
stop_sender (Fixture *fixture)
{
  if (fixture->out == NULL)
    return;
  muster_pipeline_stop (fixture->out, TEST_DEADLINE_US);
  g_clear_pointer (&fixture->out, muster_pipeline_unref);
  g_assert_finalize_object (fixture->transport);
}

static inline void
tear_down (Fixture *fixture, gconstpointer data)
{
  stop_sender (fixture);
  if (fixture->in.source != NULL)
    g_assert_true (muster_source_stop (fixture->in.source));
  test_intake_ends_tear_down (&fixture->in); /* journals and sockets are gone */
}

static inline char *
certificate (const char *name)
{
  return g_test_build_filename (G_TEST_DIST, "transports", "tls", name, NULL);
}

static inline gboolean
start_source (Fixture *fixture, const char *bind, guint max_connections, gboolean with_ca, GError **error)
{
  const char *const endpoints[] = { bind, NULL };
  g_autofree char *ca = certificate ("ca.pem");
  g_autofree char *server = certificate ("server.pem");

  fixture->in.source =
      g_object_new (MUSTER_TYPE_SOURCE_SYSLOG, "name", "devices", "bind", endpoints, "max-connections", max_connections,
                    "certificate-file", server, "ca-file", with_ca ? ca : NULL, "journal-size", (guint64) 262144, NULL);
  if (fixture->max_size > 0)
    g_object_set (fixture->in.source, "max-size", fixture->max_size, NULL);
  if (fixture->idle_timeout_us > 0)
    g_object_set (fixture->in.source, "idle-timeout", fixture->idle_timeout_us, NULL);
  if (fixture->handshake_timeout_us > 0)
    g_object_set (fixture->in.source, "handshake-timeout", fixture->handshake_timeout_us, NULL);
  return muster_source_start (fixture->in.source, &fixture->in.house, error);
}

static inline guint16
get_port (Fixture *fixture)
{
  return muster_source_syslog_get_port (MUSTER_SOURCE_SYSLOG (fixture->in.source), 0);
}

/* -- the sending side -- */

static inline void
report_cb (MusterTransport *transport, MusterLevel level, const char *message, gpointer user_data)
{
  g_test_message ("%s", message);
}

static inline void
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

static inline void
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

static inline char *
make_endpoint (Fixture *fixture, const char *kind, gboolean for_sender)
{
  if (g_str_has_prefix (kind, "unix"))
    return g_strdup_printf ("%s:%s/socket", kind, fixture->in.dir);
  if (!for_sender)
    return g_strdup_printf ("%s://127.0.0.1:%u", kind, 40000 + g_random_int_range (0, 20000));
  return g_strdup_printf ("%s://127.0.0.1:%u", kind, get_port (fixture));
}

/* A port that nobody has. */
static inline void
start_source_somewhere (Fixture *fixture, const char *kind, guint max_connections, gboolean with_ca)
{
  for (guint i = 0; i < 20; i++)
    {
      g_autofree char *bind = make_endpoint (fixture, kind, FALSE);
      g_autoptr (GError) error = NULL;

      if (start_source (fixture, bind, max_connections, with_ca, &error))
        return;
      g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE);
      g_clear_object (&fixture->in.source);
    }
  g_assert_not_reached ();
}

static inline gboolean
have_tls (void)
{
  if (g_tls_backend_supports_tls (g_tls_backend_get_default ()))
    return TRUE;
  g_test_skip ("GLib finds no TLS: glib-networking is not installed");
  return FALSE;
}

static inline void
connect_socket (Fixture *fixture, int fd)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };

  address.sin_port = htons (get_port (fixture));
  g_assert_cmpint (connect (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
}

static inline int
connect_plain (Fixture *fixture)
{
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  connect_socket (fixture, fd);
  return fd;
}

static inline int
connect_local (Fixture *fixture)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_snprintf (address.sun_path, sizeof address.sun_path, "%s/socket", fixture->in.dir);
  g_assert_cmpint (connect (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  return fd;
}

/* To a source of that kind of streams. */
static inline int
connect_source (Fixture *fixture, const char *kind)
{
  return g_str_has_prefix (kind, "unix") ? connect_local (fixture) : connect_plain (fixture);
}

static inline gboolean
is_closed (int fd)
{
  char byte;

  return recv (fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static inline void
say (int fd, const char *text)
{
  g_assert_cmpint (send (fd, text, strlen (text), MSG_NOSIGNAL), ==, (gssize) strlen (text));
}
