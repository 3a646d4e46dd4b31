/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The syslog transport: to rsyslog, syslog-ng, journald and what else speaks syslog. Its properties are set before the
 * start; all else belongs to the transport's thread.
 *
 * Syslog has no acknowledgements. A batch is done when the kernel has taken all of it. What the other side's kernel has
 * not acknowledged by then is kept, whole messages, and is sent again over the next connection if this one breaks: so what
 * breaks on the way comes once or twice, not never.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "muster-param.h"
#include "muster-syslog-connection.h"
#include "muster-syslog-encode.h"
#include "muster-syslog-outbox.h"
#include "muster-transport-syslog.h"

#define PIECE_SIZE  65536
#define WINDOW_SIZE (4 << 20) /* what is sent and not taken; the kernel's buffer for it is smaller */
#define AT_ONCE     64
#define LOOK_US     (200 * G_TIME_SPAN_MILLISECOND) /* while something is not taken and nothing is to be sent */
#define STOP_US     (2 * G_USEC_PER_SEC)            /* for the last of it to be taken */
#define STREAM_SIZE 65536
#define UDP_SIZE    2048  /* RFC 5426, section 3.2: receivers SHOULD take that */
#define OLD_SIZE    1024  /* RFC 3164, section 4.1 */
#define UDP_MAX     65507 /* what fits into a datagram over IPv4 */

struct _MusterTransportSyslog
{
  MusterTransport parent_instance;

  char *endpoint_text; /* owned, like all strings here */
  char *app_name;
  char *server_name; /* nullable */
  MusterSyslogFraming framing;
  guint64 max_size;
  gint64 timeout_us;
  MusterSyslogStyle style;
  MusterSyslogTlsFiles files;

  MusterSyslogEndpoint *endpoint; /* owned */
  MusterSyslogTls tls;
  MusterSyslogConnection *connection; /* owned; NULL while there is none */
  MusterBatch *batch;                 /* owned; the one in hand: its messages are in the outbox */
  MusterSyslogOutbox outbox;
  GByteArray *message; /* owned; one */
  GByteArray *text;    /* owned; what the format made of one */
  guint too_long;      /* datagrams that the network does not take, since it was said */
};

enum
{
  PROP_ENDPOINT = 1,
  PROP_PROTOCOL,
  PROP_FACILITY,
  PROP_APP_NAME,
  PROP_FRAMING,
  PROP_MAX_SIZE,
  PROP_METADATA,
  PROP_BOM,
  PROP_TIMEOUT,
  PROP_SERVER_NAME,
  PROP_CA_FILE,
  PROP_CERTIFICATE_FILE,
  PROP_KEY_FILE,
  N_PROPERTIES,
};

static GParamSpec *properties[N_PROPERTIES];

G_DEFINE_FINAL_TYPE (MusterTransportSyslog, muster_transport_syslog, MUSTER_TYPE_TRANSPORT)

GType
muster_syslog_framing_get_type (void)
{
  static const GEnumValue values[] = {
    { MUSTER_SYSLOG_OCTET_COUNTING, "MUSTER_SYSLOG_OCTET_COUNTING", "octet-counting" },
    { MUSTER_SYSLOG_NEWLINE, "MUSTER_SYSLOG_NEWLINE", "newline" },
    { 0, NULL, NULL },
  };
  static gsize type = 0;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("MusterSyslogFraming", values));
  return type;
}

/* -- starting -------------------------------------------------------------------------------------- */

static gboolean
uses_newlines (MusterTransportSyslog *self)
{
  return self->framing == MUSTER_SYSLOG_NEWLINE && !muster_syslog_endpoint_is_datagram (self->endpoint);
}

static void
set_style (MusterTransportSyslog *self)
{
  gboolean is_udp = self->endpoint->kind == MUSTER_SYSLOG_UDP;
  gboolean is_old = self->style.protocol == MUSTER_SYSLOG_RFC3164;

  self->style.app_name = self->app_name;
  self->style.max_size = self->max_size;
  if (self->max_size == 0)
    self->style.max_size = !is_udp ? STREAM_SIZE : is_old ? OLD_SIZE : UDP_SIZE;
  if (is_udp)
    self->style.max_size = MIN (self->style.max_size, UDP_MAX);
  self->style.escape_controls = is_old || self->framing == MUSTER_SYSLOG_NEWLINE;
  self->style.hostname = !muster_syslog_endpoint_is_unix (self->endpoint);
}

static gboolean
check_app_name (const char *name, GError **error)
{
  static const char *const known[] = { "{worker}", "{cluster}", "{domain}", "{host}" };

  for (const char *p = name != NULL ? strchr (name, '{') : NULL; p != NULL; p = strchr (p + 1, '{'))
    {
      gboolean good = FALSE;

      for (guint i = 0; i < G_N_ELEMENTS (known); i++)
        good = good || g_str_has_prefix (p, known[i]);
      if (!good)
        {
          g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                       "app-name='%s': expected text with {worker}, {cluster}, {domain} or {host} in it", name);
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
muster_transport_syslog_start (MusterTransport *transport, GError **error)
{
  MusterTransportSyslog *self = MUSTER_TRANSPORT_SYSLOG (transport);

  self->endpoint = muster_syslog_endpoint_parse (self->endpoint_text, "endpoint", error);
  if (self->endpoint == NULL || !check_app_name (self->app_name, error))
    return FALSE;
  if (self->endpoint->kind == MUSTER_SYSLOG_TLS && !muster_syslog_tls_load (&self->tls, &self->files, error))
    return FALSE;
  set_style (self);
  return TRUE;
}

/* -- messages -------------------------------------------------------------------------------------- */

static void
add_message (MusterTransportSyslog *self)
{
  GByteArray *out = self->outbox.bytes;
  char prefix[24];

  if (!muster_syslog_endpoint_is_datagram (self->endpoint) && !uses_newlines (self))
    {
      int length = g_snprintf (prefix, sizeof prefix, "%u ", self->message->len);

      g_byte_array_append (out, (const guint8 *) prefix, (guint) length);
    }
  g_byte_array_append (out, self->message->data, self->message->len);
  if (uses_newlines (self))
    g_byte_array_append (out, (const guint8 *) "\n", 1);
  muster_syslog_outbox_add_end (&self->outbox);
}

/* Nothing of it for entries that the format leaves out. */
static gboolean
format_entry (MusterTransportSyslog *self, const MusterEntry *entry, MusterSlice *text, GError **error)
{
  g_byte_array_set_size (self->text, 0);
  if (!muster_format_format_entry (muster_transport_get_format (MUSTER_TRANSPORT (self)), entry, self->text, error))
    return FALSE;
  *text = (MusterSlice){ (const char *) self->text->data, self->text->len };
  if (text->length > 0 && text->data[text->length - 1] == '\n')
    text->length--;
  return TRUE;
}

static gboolean
add_entry (MusterTransportSyslog *self, const MusterEntry *entry, GError **error)
{
  gboolean has_format = muster_transport_get_format (MUSTER_TRANSPORT (self)) != NULL;
  MusterSlice text = { NULL, 0 };

  if (entry->kind == MUSTER_ENTRY_ORIGIN)
    return TRUE;
  if (has_format && !format_entry (self, entry, &text, error))
    return FALSE;
  g_byte_array_set_size (self->message, 0);
  if ((!has_format || text.length > 0)
      && muster_syslog_encode (&self->style, entry, has_format ? &text : NULL, self->message))
    add_message (self);
  return TRUE;
}

/* All of the batch, or nothing. */
static gboolean
add_batch (MusterTransportSyslog *self, MusterBatch *batch, GError **error)
{
  guint before = self->outbox.bytes->len, ends_before = self->outbox.ends->len;
  MusterEntryIter iter;
  MusterEntry entry;
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);

  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    if (!add_entry (self, &entry, error))
      {
        g_byte_array_set_size (self->outbox.bytes, before);
        g_array_set_size (self->outbox.ends, ends_before);
        return FALSE;
      }
  return TRUE;
}

/* -- the connection -------------------------------------------------------------------------------- */

static gboolean
connect_if_needed (MusterTransportSyslog *self, GError **error)
{
  const MusterSyslogConnectionOptions options = { .transport = MUSTER_TRANSPORT (self),
                                                  .endpoint = self->endpoint,
                                                  .tls = &self->tls,
                                                  .server_name = self->server_name,
                                                  .timeout_us = self->timeout_us };

  if (self->connection != NULL)
    return TRUE;
  self->connection = muster_syslog_connection_new (&options, error);
  if (self->connection != NULL && self->endpoint->kind == MUSTER_SYSLOG_UNIX)
    self->endpoint->kind =
        muster_syslog_connection_is_datagram (self->connection) ? MUSTER_SYSLOG_UNIX_DGRAM : MUSTER_SYSLOG_UNIX_STREAM;
  return self->connection != NULL;
}

static void
forget_taken (MusterTransportSyslog *self)
{
  if (self->connection != NULL && !muster_syslog_connection_is_datagram (self->connection))
    muster_syslog_outbox_note_taken (&self->outbox, muster_syslog_connection_get_taken (self->connection));
}

static void
disconnect (MusterTransportSyslog *self)
{
  guint again = 0;

  if (self->connection == NULL)
    return;
  forget_taken (self);
  if (!muster_syslog_connection_is_datagram (self->connection))
    again = muster_syslog_outbox_rewind (&self->outbox);
  g_clear_pointer (&self->connection, muster_syslog_connection_free);
  if (again > 0)
    muster_transport_report (MUSTER_TRANSPORT (self), MUSTER_LEVEL_NOTICE,
                             "the connection broke; %u messages that may not have been taken are sent again", again);
}

static gboolean
give_up_waiting (MusterTransportSyslog *self, gint64 since_us, GError **error)
{
  if (muster_transport_is_stopping (MUSTER_TRANSPORT (self)))
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "%s takes nothing just now", self->endpoint_text);
      return TRUE;
    }
  if (g_get_monotonic_time () - since_us < self->timeout_us)
    return FALSE;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "%s has taken nothing for %d s", self->endpoint_text,
               (int) (self->timeout_us / G_USEC_PER_SEC));
  disconnect (self);
  return TRUE;
}

/* -- sending --------------------------------------------------------------------------------------- */

static gboolean
send_stream (MusterTransportSyslog *self, GError **error)
{
  MusterSyslogOutbox *outbox = &self->outbox;
  gint64 since_us = g_get_monotonic_time ();
  gsize left;

  while ((left = muster_syslog_outbox_get_unsent (outbox)) > 0)
    {
      gssize n = muster_syslog_connection_send (self->connection, outbox->bytes->data + outbox->sent,
                                                MIN (left, PIECE_SIZE), error);

      if (n < 0)
        {
          disconnect (self);
          return FALSE;
        }
      muster_syslog_outbox_note_sent (outbox, (gsize) n);
      muster_transport_add_bytes (MUSTER_TRANSPORT (self), (gsize) n);
      if (n > 0)
        since_us = g_get_monotonic_time ();
      else if (give_up_waiting (self, since_us, error))
        return FALSE;
      else
        muster_syslog_connection_wait (self->connection);
    }
  return TRUE;
}

static guint
fill_vectors (const MusterSyslogOutbox *outbox, struct iovec *vectors)
{
  guint n = MIN (outbox->ends->len, AT_ONCE);
  gsize start = 0;

  for (guint i = 0; i < n; i++)
    {
      gsize end = g_array_index (outbox->ends, gsize, i);

      vectors[i] = (struct iovec){ outbox->bytes->data + start, end - start };
      start = end;
    }
  return n;
}

/* The first @n are on their way, and nobody will ever say more of them. */
static void
drop_datagrams (MusterSyslogOutbox *outbox, guint n)
{
  gsize bytes = g_array_index (outbox->ends, gsize, n - 1);

  muster_syslog_outbox_note_sent (outbox, bytes);
  muster_syslog_outbox_note_taken (outbox, outbox->base + bytes);
}

/* Longer than the network takes: no try will help. */
static void
drop_too_long (MusterTransportSyslog *self)
{
  if (self->too_long++ == 0)
    muster_transport_report (
        MUSTER_TRANSPORT (self), MUSTER_LEVEL_ERROR,
        "a message of %" G_GSIZE_FORMAT
        " bytes is too long for one datagram here and is lost, and so will be others; lower max-size",
        g_array_index (self->outbox.ends, gsize, 0));
  drop_datagrams (&self->outbox, 1);
}

/* FALSE, with the connection gone, if nobody is there. What ICMP says is about an earlier datagram. */
static gboolean
send_datagrams (MusterTransportSyslog *self, GError **error)
{
  struct iovec vectors[AT_ONCE];
  gint64 since_us = g_get_monotonic_time ();

  while (self->outbox.ends->len > 0)
    {
      guint n = fill_vectors (&self->outbox, vectors);
      int sent = muster_syslog_connection_send_datagrams (self->connection, vectors, n);

      if (sent > 0)
        {
          muster_transport_add_bytes (MUSTER_TRANSPORT (self), g_array_index (self->outbox.ends, gsize, sent - 1));
          drop_datagrams (&self->outbox, (guint) sent);
          since_us = g_get_monotonic_time ();
        }
      else if (sent < 0 && errno == EMSGSIZE)
        drop_too_long (self);
      else if (sent < 0)
        {
          g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "cannot send to %s: %s", self->endpoint_text,
                       g_strerror (errno));
          g_clear_pointer (&self->connection, muster_syslog_connection_free);
          return FALSE;
        }
      else if (give_up_waiting (self, since_us, error))
        return FALSE;
      else
        muster_syslog_connection_wait (self->connection);
    }
  return TRUE;
}

/* One connection that turns out to be broken is replaced at once. */
static gboolean
send_all (MusterTransportSyslog *self, GError **error)
{
  gboolean had_connection = self->connection != NULL;
  g_autoptr (GError) reason = NULL;

  if (had_connection && !muster_syslog_connection_is_datagram (self->connection)
      && muster_syslog_connection_is_closed (self->connection))
    disconnect (self);
  forget_taken (self);
  for (guint i = 0; i < 2; i++)
    {
      g_clear_error (&reason);
      if (!connect_if_needed (self, &reason))
        break;
      if (muster_syslog_connection_is_datagram (self->connection) ? send_datagrams (self, &reason)
                                                                  : send_stream (self, &reason))
        return TRUE;
      if (self->connection != NULL || !had_connection)
        break;
    }
  g_propagate_error (error, g_steal_pointer (&reason));
  return FALSE;
}

/* A receiver that takes connections and then refuses what comes must not fill the memory. */
static gboolean
await_window (MusterTransportSyslog *self, GError **error)
{
  gint64 since_us = g_get_monotonic_time ();

  for (;;)
    {
      forget_taken (self);
      if (self->outbox.bytes->len <= WINDOW_SIZE)
        return TRUE;
      if ((self->connection == NULL || muster_syslog_connection_is_closed (self->connection))
          && !send_all (self, error))
        return FALSE;
      if (give_up_waiting (self, since_us, error))
        return FALSE;
      g_usleep (1000); /* acknowledgements wake nobody */
    }
}

static MusterWriteResult
muster_transport_syslog_write (MusterTransport *transport, MusterBatch *batch, GError **error)
{
  MusterTransportSyslog *self = MUSTER_TRANSPORT_SYSLOG (transport);

  if (self->batch != batch)
    {
      g_clear_pointer (&self->batch, muster_batch_unref);
      if (!await_window (self, error))
        return MUSTER_WRITE_RETRY;
      /* Whether messages need frames is seen by what is there. */
      if (self->endpoint->kind == MUSTER_SYSLOG_UNIX && !connect_if_needed (self, error))
        return MUSTER_WRITE_RETRY;
      if (!add_batch (self, batch, error))
        return MUSTER_WRITE_FAILED;
      self->batch = muster_batch_ref (batch);
    }
  if (!send_all (self, error))
    return MUSTER_WRITE_RETRY;
  g_clear_pointer (&self->batch, muster_batch_unref);
  return MUSTER_WRITE_DONE;
}

/* While something is not taken yet: is the connection still there? */
static gboolean
muster_transport_syslog_flush (MusterTransport *transport, GError **error)
{
  MusterTransportSyslog *self = MUSTER_TRANSPORT_SYSLOG (transport);
  gboolean good = TRUE;

  forget_taken (self);
  if (muster_syslog_outbox_is_empty (&self->outbox))
    return TRUE;
  if (self->connection == NULL || muster_syslog_connection_is_closed (self->connection))
    good = send_all (self, error);
  if (!muster_transport_is_stopping (transport))
    muster_transport_schedule_flush (transport, LOOK_US);
  return good;
}

/* What is on its way has a little time to arrive. */
static void
await_taken (MusterTransportSyslog *self)
{
  gint64 deadline_us = g_get_monotonic_time () + STOP_US;

  for (;;)
    {
      forget_taken (self);
      if (muster_syslog_outbox_is_empty (&self->outbox) || g_get_monotonic_time () >= deadline_us)
        return;
      if ((self->connection == NULL || muster_syslog_connection_is_closed (self->connection)) && !send_all (self, NULL))
        return;
      g_usleep (1000); /* acknowledgements wake nobody */
    }
}

static void
muster_transport_syslog_stop (MusterTransport *transport)
{
  MusterTransportSyslog *self = MUSTER_TRANSPORT_SYSLOG (transport);
  gboolean was_given_up = self->batch != NULL; /* its journal keeps it: the next primary sends it again */

  if (!was_given_up)
    await_taken (self);
  if (!was_given_up && self->outbox.ends->len > 0)
    muster_transport_report (transport, MUSTER_LEVEL_WARNING, "%u messages may not have been taken by %s",
                             self->outbox.ends->len, self->endpoint_text);
  g_clear_pointer (&self->connection, muster_syslog_connection_free);
  g_clear_pointer (&self->batch, muster_batch_unref);
  muster_syslog_tls_clear (&self->tls);
  g_clear_pointer (&self->endpoint, muster_syslog_endpoint_free);
}

/* -- the object ------------------------------------------------------------------------------------ */

static void
replace (char **member, const GValue *value)
{
  g_free (*member);
  *member = g_value_dup_string (value);
}

static void
muster_transport_syslog_set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  MusterTransportSyslog *self = MUSTER_TRANSPORT_SYSLOG (object);

  switch (id)
    {
    case PROP_ENDPOINT:
      replace (&self->endpoint_text, value);
      break;
    case PROP_PROTOCOL:
      self->style.protocol = (MusterSyslogProtocol) g_value_get_enum (value);
      break;
    case PROP_FACILITY:
      self->style.facility = (MusterSyslogFacility) g_value_get_enum (value);
      break;
    case PROP_APP_NAME:
      replace (&self->app_name, value);
      break;
    case PROP_FRAMING:
      self->framing = (MusterSyslogFraming) g_value_get_enum (value);
      break;
    case PROP_MAX_SIZE:
      self->max_size = g_value_get_uint64 (value);
      break;
    case PROP_METADATA:
      self->style.metadata = g_value_get_boolean (value);
      break;
    case PROP_BOM:
      self->style.bom = g_value_get_boolean (value);
      break;
    case PROP_TIMEOUT:
      self->timeout_us = g_value_get_int64 (value);
      break;
    case PROP_SERVER_NAME:
      replace (&self->server_name, value);
      break;
    case PROP_CA_FILE:
      replace (&self->files.ca_file, value);
      break;
    case PROP_CERTIFICATE_FILE:
      replace (&self->files.certificate_file, value);
      break;
    case PROP_KEY_FILE:
      replace (&self->files.key_file, value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
muster_transport_syslog_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  MusterTransportSyslog *self = MUSTER_TRANSPORT_SYSLOG (object);

  switch (id)
    {
    case PROP_ENDPOINT:
      g_value_set_string (value, self->endpoint_text);
      break;
    case PROP_PROTOCOL:
      g_value_set_enum (value, (int) self->style.protocol);
      break;
    case PROP_FACILITY:
      g_value_set_enum (value, (int) self->style.facility);
      break;
    case PROP_APP_NAME:
      g_value_set_string (value, self->app_name);
      break;
    case PROP_FRAMING:
      g_value_set_enum (value, (int) self->framing);
      break;
    case PROP_MAX_SIZE:
      g_value_set_uint64 (value, self->max_size);
      break;
    case PROP_METADATA:
      g_value_set_boolean (value, self->style.metadata);
      break;
    case PROP_BOM:
      g_value_set_boolean (value, self->style.bom);
      break;
    case PROP_TIMEOUT:
      g_value_set_int64 (value, self->timeout_us);
      break;
    case PROP_SERVER_NAME:
      g_value_set_string (value, self->server_name);
      break;
    case PROP_CA_FILE:
      g_value_set_string (value, self->files.ca_file);
      break;
    case PROP_CERTIFICATE_FILE:
      g_value_set_string (value, self->files.certificate_file);
      break;
    case PROP_KEY_FILE:
      g_value_set_string (value, self->files.key_file);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
muster_transport_syslog_finalize (GObject *object)
{
  MusterTransportSyslog *self = MUSTER_TRANSPORT_SYSLOG (object);

  g_clear_pointer (&self->endpoint, muster_syslog_endpoint_free);
  muster_syslog_tls_clear (&self->tls);
  muster_syslog_tls_files_clear (&self->files);
  muster_syslog_outbox_clear (&self->outbox);
  g_byte_array_unref (self->message);
  g_byte_array_unref (self->text);
  g_free (self->endpoint_text);
  g_free (self->app_name);
  g_free (self->server_name);
  G_OBJECT_CLASS (muster_transport_syslog_parent_class)->finalize (object);
}

static void
install_properties (GObjectClass *object_class)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS;

  properties[PROP_ENDPOINT] = g_param_spec_string (
      "endpoint", NULL, "Where to send: udp://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT, unix:/dev/log", NULL, flags);
  properties[PROP_PROTOCOL] = g_param_spec_enum ("protocol", NULL, "How messages look: rfc5424 or rfc3164",
                                                 MUSTER_TYPE_SYSLOG_PROTOCOL, MUSTER_SYSLOG_RFC5424, flags);
  properties[PROP_FACILITY] = g_param_spec_enum ("facility", NULL, "What kind of program speaks",
                                                 MUSTER_TYPE_SYSLOG_FACILITY, MUSTER_SYSLOG_USER, flags);
  properties[PROP_APP_NAME] = g_param_spec_string (
      "app-name", NULL, "The program's name; {worker} {cluster} {domain} {host} are filled in", "{worker}", flags);
  properties[PROP_FRAMING] =
      g_param_spec_enum ("framing", NULL, "In streams: octet-counting, or newline (control characters become #012)",
                         MUSTER_TYPE_SYSLOG_FRAMING, MUSTER_SYSLOG_OCTET_COUNTING, flags);
  properties[PROP_MAX_SIZE] = muster_param_spec_size (
      "max-size", NULL,
      "What is longer of a message is cut off and marked; 0: 2048 for udp (rfc3164: 1024), else 64KiB", 0, 1 << 20, 0,
      flags);
  properties[PROP_METADATA] = g_param_spec_boolean (
      "metadata", NULL, "Whether rfc5424 messages say which cluster, worker, stream, number, file and line", TRUE,
      flags);
  properties[PROP_BOM] =
      g_param_spec_boolean ("bom", NULL, "Whether rfc5424 texts begin with a byte order mark", FALSE, flags);
  properties[PROP_TIMEOUT] = muster_param_spec_duration (
      "timeout", NULL, "How long connecting, or a receiver that takes nothing, is waited for", G_USEC_PER_SEC / 10,
      G_TIME_SPAN_DAY, 10 * G_USEC_PER_SEC, flags);
  properties[PROP_SERVER_NAME] = g_param_spec_string (
      "server-name", NULL, "tls: what the receiver's certificate must be for; unset: the endpoint's host", NULL, flags);
  properties[PROP_CA_FILE] = g_param_spec_string (
      "ca-file", NULL, "tls: who may have signed that certificate, PEM; unset: those that the system trusts", NULL,
      flags);
  properties[PROP_CERTIFICATE_FILE] = g_param_spec_string (
      "certificate-file", NULL, "tls: our own certificate, if the receiver wants one, PEM", NULL, flags);
  properties[PROP_KEY_FILE] =
      g_param_spec_string ("key-file", NULL, "tls: its private key; unset: it is in certificate-file", NULL, flags);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
muster_transport_syslog_class_init (MusterTransportSyslogClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  MusterTransportClass *transport_class = MUSTER_TRANSPORT_CLASS (class);

  object_class->set_property = muster_transport_syslog_set_property;
  object_class->get_property = muster_transport_syslog_get_property;
  object_class->finalize = muster_transport_syslog_finalize;
  transport_class->start = muster_transport_syslog_start;
  transport_class->write = muster_transport_syslog_write;
  transport_class->flush = muster_transport_syslog_flush;
  transport_class->stop = muster_transport_syslog_stop;
  install_properties (object_class);
}

static void
muster_transport_syslog_init (MusterTransportSyslog *self)
{
  muster_syslog_outbox_init (&self->outbox);
  self->message = g_byte_array_new ();
  self->text = g_byte_array_new ();
}
