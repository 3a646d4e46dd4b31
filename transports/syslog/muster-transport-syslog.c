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

#include <string.h>

#include "muster-param.h"
#include "muster-syslog-encode.h"
#include "muster-syslog-sender.h"
#include "muster-transport-syslog.h"

#define LOOK_US     (200 * G_TIME_SPAN_MILLISECOND) /* while something is not taken and nothing is to be sent */
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

  MusterSyslogTls tls;
  MusterSyslogSender *sender; /* owned; while started */
  MusterBatch *batch;         /* owned; the one in hand: its messages are in the outbox */
  GByteArray *message;        /* owned; one */
  GByteArray *text;           /* owned; what the format made of one */
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
  PROP_TLS_FILES,
  N_PROPERTIES = PROP_TLS_FILES + MUSTER_SYSLOG_TLS_N_PROPERTIES,
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
  return self->framing == MUSTER_SYSLOG_NEWLINE && !muster_syslog_sender_is_datagram (self->sender);
}

static void
set_style (MusterTransportSyslog *self, const MusterSyslogEndpoint *endpoint)
{
  gboolean is_udp = endpoint->kind == MUSTER_SYSLOG_UDP;
  gboolean is_old = self->style.protocol == MUSTER_SYSLOG_RFC3164;

  self->style.app_name = self->app_name;
  self->style.max_size = self->max_size;
  if (self->max_size == 0)
    self->style.max_size = !is_udp ? STREAM_SIZE : is_old ? OLD_SIZE : UDP_SIZE;
  if (is_udp)
    self->style.max_size = MIN (self->style.max_size, UDP_MAX);
  self->style.escape_controls = is_old || self->framing == MUSTER_SYSLOG_NEWLINE;
  self->style.hostname = !muster_syslog_endpoint_is_unix (endpoint);
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
  g_autoptr (MusterSyslogEndpoint) endpoint = muster_syslog_endpoint_parse (self->endpoint_text, "endpoint", error);
  const MusterSyslogConnectionOptions options = {
    .transport = transport, .tls = &self->tls, .server_name = self->server_name, .timeout_us = self->timeout_us
  };

  if (endpoint == NULL || !check_app_name (self->app_name, error))
    return FALSE;
  if (endpoint->kind == MUSTER_SYSLOG_TLS && !muster_syslog_tls_load (&self->tls, &self->files, error))
    return FALSE;
  set_style (self, endpoint);
  self->sender = muster_syslog_sender_new (self->endpoint_text, g_steal_pointer (&endpoint), &options);
  return TRUE;
}

/* -- messages -------------------------------------------------------------------------------------- */

static void
add_message (MusterTransportSyslog *self)
{
  MusterSyslogOutbox *outbox = muster_syslog_sender_get_outbox (self->sender);
  char prefix[24];

  if (!muster_syslog_sender_is_datagram (self->sender) && !uses_newlines (self))
    {
      int length = g_snprintf (prefix, sizeof prefix, "%u ", self->message->len);

      g_byte_array_append (outbox->bytes, (const guint8 *) prefix, (guint) length);
    }
  g_byte_array_append (outbox->bytes, self->message->data, self->message->len);
  if (uses_newlines (self))
    g_byte_array_append (outbox->bytes, (const guint8 *) "\n", 1);
  muster_syslog_outbox_add_end (outbox);
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
  MusterSyslogOutbox *outbox = muster_syslog_sender_get_outbox (self->sender);
  guint before = outbox->bytes->len, ends_before = outbox->ends->len;
  MusterEntryIter iter;
  MusterEntry entry;
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);

  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    if (!add_entry (self, &entry, error))
      {
        g_byte_array_set_size (outbox->bytes, before);
        g_array_set_size (outbox->ends, ends_before);
        return FALSE;
      }
  return TRUE;
}

/* -- writing --------------------------------------------------------------------------------------- */

static MusterWriteResult
muster_transport_syslog_write (MusterTransport *transport, MusterBatch *batch, GError **error)
{
  MusterTransportSyslog *self = MUSTER_TRANSPORT_SYSLOG (transport);

  if (self->batch != batch)
    {
      g_clear_pointer (&self->batch, muster_batch_unref);
      if (!muster_syslog_sender_prepare (self->sender, error))
        return MUSTER_WRITE_RETRY;
      if (!add_batch (self, batch, error))
        return MUSTER_WRITE_FAILED;
      self->batch = muster_batch_ref (batch);
    }
  if (!muster_syslog_sender_send (self->sender, error))
    return MUSTER_WRITE_RETRY;
  g_clear_pointer (&self->batch, muster_batch_unref);
  return MUSTER_WRITE_DONE;
}

static gboolean
muster_transport_syslog_flush (MusterTransport *transport, GError **error)
{
  MusterTransportSyslog *self = MUSTER_TRANSPORT_SYSLOG (transport);
  gboolean good = muster_syslog_sender_look (self->sender, error);

  if (!muster_syslog_outbox_is_empty (muster_syslog_sender_get_outbox (self->sender))
      && !muster_transport_is_stopping (transport))
    muster_transport_schedule_flush (transport, LOOK_US);
  return good;
}

static void
muster_transport_syslog_stop (MusterTransport *transport)
{
  MusterTransportSyslog *self = MUSTER_TRANSPORT_SYSLOG (transport);

  if (self->batch == NULL) /* else its journal keeps it: the next primary sends it again */
    muster_syslog_sender_finish (self->sender);
  g_clear_pointer (&self->sender, muster_syslog_sender_free);
  g_clear_pointer (&self->batch, muster_batch_unref);
  muster_syslog_tls_clear (&self->tls);
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
    default:
      if (!muster_syslog_tls_files_set_property (&self->files, id - PROP_TLS_FILES, value))
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
    default:
      if (!muster_syslog_tls_files_get_property (&self->files, id - PROP_TLS_FILES, value))
        G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
muster_transport_syslog_finalize (GObject *object)
{
  MusterTransportSyslog *self = MUSTER_TRANSPORT_SYSLOG (object);

  g_clear_pointer (&self->sender, muster_syslog_sender_free);
  muster_syslog_tls_clear (&self->tls);
  muster_syslog_tls_files_clear (&self->files);
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
  muster_syslog_tls_files_make_properties (
      &properties[PROP_TLS_FILES],
      "tls: who may have signed that certificate, PEM; unset: those that the system trusts",
      "tls: our own certificate, if the receiver wants one, PEM");
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
  self->message = g_byte_array_new ();
  self->text = g_byte_array_new ();
}
