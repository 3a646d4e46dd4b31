/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The syslog source: listens, and takes in what rsyslog, logger(1) and devices send. Properties are set before the start;
 * sockets belong to the intake's thread.
 */
#include "config.h"

#include <string.h>

#include "muster-param.h"
#include "muster-source-syslog.h"
#include "muster-syslog-listener.h"

#define MAX_SIZE_DEFAULT    65536
#define BUFFER_SIZE_DEFAULT (8 << 20)

struct _MusterSourceSyslog
{
  MusterSource parent_instance;

  char **bind; /* owned */
  guint max_connections;
  gint64 idle_timeout_us;
  gint64 handshake_timeout_us;
  guint64 max_size;
  guint64 receive_buffer;
  guint64 journal_size;
  char *socket_mode; /* owned */
  MusterSyslogTlsFiles files;

  MusterSyslogTls tls;
  MusterSyslogReceiver *receiver; /* owned; while started */
  MusterSyslogListenerOptions options;
  GPtrArray *listeners; /* owned; of MusterSyslogListener */
};

enum
{
  PROP_BIND = 1,
  PROP_MAX_CONNECTIONS,
  PROP_IDLE_TIMEOUT,
  PROP_HANDSHAKE_TIMEOUT,
  PROP_MAX_SIZE,
  PROP_RECEIVE_BUFFER,
  PROP_JOURNAL_SIZE,
  PROP_SOCKET_MODE,
  PROP_TLS_FILES,
  N_PROPERTIES = PROP_TLS_FILES + MUSTER_SYSLOG_TLS_N_PROPERTIES,
};

static GParamSpec *properties[N_PROPERTIES];

G_DEFINE_FINAL_TYPE (MusterSourceSyslog, muster_source_syslog, MUSTER_TYPE_SOURCE)

/* -- starting -------------------------------------------------------------------------------------- */

static gboolean
set_options (MusterSourceSyslog *self, GError **error)
{
  const char *mode = self->socket_mode;
  guint64 number = 0;

  if (mode == NULL || strspn (mode, "01234567") != strlen (mode)
      || !g_ascii_string_to_unsigned (mode, 8, 0, 0777, &number, NULL))
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "socket-mode='%s' is no octal mode: write it like 0660",
                   mode != NULL ? mode : "");
      return FALSE;
    }
  self->options = (MusterSyslogListenerOptions){ .receiver = self->receiver,
                                                 .tls = &self->tls,
                                                 .max_connections = self->max_connections,
                                                 .idle_timeout_us = self->idle_timeout_us,
                                                 .handshake_timeout_us = self->handshake_timeout_us,
                                                 .receive_buffer = self->receive_buffer,
                                                 .socket_mode = (mode_t) number };
  return TRUE;
}

static gboolean
load_tls (MusterSourceSyslog *self, GError **error)
{
  if (self->tls.certificate != NULL)
    return TRUE;
  if (self->files.certificate_file == NULL)
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                           "certificate-file is missing; a tls:// endpoint needs a certificate and its key");
      return FALSE;
    }
  return muster_syslog_tls_load (&self->tls, &self->files, error);
}

static gboolean
add_listener (MusterSourceSyslog *self, const char *text, GError **error)
{
  MusterSyslogEndpoint *endpoint = muster_syslog_endpoint_parse (text, "bind", error);
  MusterSyslogListener *listener;

  if (endpoint == NULL)
    return FALSE;
  if (endpoint->kind == MUSTER_SYSLOG_TLS && !load_tls (self, error))
    {
      muster_syslog_endpoint_free (endpoint);
      return FALSE;
    }
  listener = muster_syslog_listener_new (endpoint, &self->options, error);
  if (listener != NULL)
    g_ptr_array_add (self->listeners, listener);
  return listener != NULL;
}

static gboolean
bind_all (MusterSourceSyslog *self, GError **error)
{
  if (self->bind == NULL || *self->bind == NULL)
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                           "bind is missing; expected one or more endpoints like udp://0.0.0.0:514");
      return FALSE;
    }
  for (char **text = self->bind; *text != NULL; text++)
    if (!add_listener (self, *text, error))
      return FALSE;
  return TRUE;
}

static void
let_go (MusterSourceSyslog *self)
{
  g_ptr_array_set_size (self->listeners, 0);
  g_clear_pointer (&self->receiver, muster_syslog_receiver_free);
  muster_syslog_tls_clear (&self->tls);
}

static void
begin_in_thread (gpointer data)
{
  MusterSourceSyslog *self = data;

  for (guint i = 0; i < self->listeners->len; i++)
    muster_syslog_listener_begin (g_ptr_array_index (self->listeners, i));
}

static gboolean
muster_source_syslog_start (MusterSource *source, GError **error)
{
  MusterSourceSyslog *self = MUSTER_SOURCE_SYSLOG (source);

  self->receiver = muster_syslog_receiver_new (source, self->max_size);
  if (!set_options (self, error) || !bind_all (self, error)
      || !muster_source_open_intake (source, self->journal_size, error))
    {
      let_go (self);
      return FALSE;
    }
  muster_source_run (source, begin_in_thread, self);
  return TRUE;
}

/* -- running --------------------------------------------------------------------------------------- */

static void
muster_source_syslog_room (MusterSource *source)
{
  MusterSourceSyslog *self = MUSTER_SOURCE_SYSLOG (source);

  if (self->receiver == NULL || !self->receiver->paused)
    return;
  self->receiver->paused = FALSE;
  for (guint i = 0; i < self->listeners->len && !self->receiver->paused; i++)
    muster_syslog_listener_resume (g_ptr_array_index (self->listeners, i));
}

static guint64
muster_source_syslog_get_journal_size (MusterSource *source)
{
  return MUSTER_SOURCE_SYSLOG (source)->journal_size;
}

static void
end_in_thread (gpointer data)
{
  MusterSourceSyslog *self = data;

  for (guint i = 0; i < self->listeners->len; i++)
    muster_syslog_listener_end (g_ptr_array_index (self->listeners, i));
  muster_source_report (MUSTER_SOURCE (self), MUSTER_LEVEL_INFO,
                        "%" G_GUINT64_FORMAT " messages came, %" G_GUINT64_FORMAT " of them were not understood",
                        self->receiver->n_received, self->receiver->n_malformed);
  let_go (self);
}

static void
muster_source_syslog_stop (MusterSource *source)
{
  muster_source_run (source, end_in_thread, source);
}

guint16
muster_source_syslog_get_port (MusterSourceSyslog *self, guint number)
{
  g_return_val_if_fail (number < self->listeners->len, 0);
  return muster_syslog_listener_get_port (g_ptr_array_index (self->listeners, number));
}

/* -- the object ------------------------------------------------------------------------------------ */

static void
replace (char **member, const GValue *value)
{
  g_free (*member);
  *member = g_value_dup_string (value);
}

static void
muster_source_syslog_set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  MusterSourceSyslog *self = MUSTER_SOURCE_SYSLOG (object);

  switch (id)
    {
    case PROP_BIND:
      g_strfreev (self->bind);
      self->bind = g_value_dup_boxed (value);
      break;
    case PROP_MAX_CONNECTIONS:
      self->max_connections = g_value_get_uint (value);
      break;
    case PROP_IDLE_TIMEOUT:
      self->idle_timeout_us = g_value_get_int64 (value);
      break;
    case PROP_HANDSHAKE_TIMEOUT:
      self->handshake_timeout_us = g_value_get_int64 (value);
      break;
    case PROP_MAX_SIZE:
      self->max_size = g_value_get_uint64 (value);
      break;
    case PROP_RECEIVE_BUFFER:
      self->receive_buffer = g_value_get_uint64 (value);
      break;
    case PROP_JOURNAL_SIZE:
      self->journal_size = g_value_get_uint64 (value);
      break;
    case PROP_SOCKET_MODE:
      replace (&self->socket_mode, value);
      break;
    default:
      if (!muster_syslog_tls_files_set_property (&self->files, id - PROP_TLS_FILES, value))
        G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
muster_source_syslog_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  MusterSourceSyslog *self = MUSTER_SOURCE_SYSLOG (object);

  switch (id)
    {
    case PROP_BIND:
      g_value_set_boxed (value, self->bind);
      break;
    case PROP_MAX_CONNECTIONS:
      g_value_set_uint (value, self->max_connections);
      break;
    case PROP_IDLE_TIMEOUT:
      g_value_set_int64 (value, self->idle_timeout_us);
      break;
    case PROP_HANDSHAKE_TIMEOUT:
      g_value_set_int64 (value, self->handshake_timeout_us);
      break;
    case PROP_MAX_SIZE:
      g_value_set_uint64 (value, self->max_size);
      break;
    case PROP_RECEIVE_BUFFER:
      g_value_set_uint64 (value, self->receive_buffer);
      break;
    case PROP_JOURNAL_SIZE:
      g_value_set_uint64 (value, self->journal_size);
      break;
    case PROP_SOCKET_MODE:
      g_value_set_string (value, self->socket_mode);
      break;
    default:
      if (!muster_syslog_tls_files_get_property (&self->files, id - PROP_TLS_FILES, value))
        G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
muster_source_syslog_finalize (GObject *object)
{
  MusterSourceSyslog *self = MUSTER_SOURCE_SYSLOG (object);

  let_go (self);
  g_ptr_array_unref (self->listeners);
  g_strfreev (self->bind);
  g_free (self->socket_mode);
  muster_syslog_tls_files_clear (&self->files);
  G_OBJECT_CLASS (muster_source_syslog_parent_class)->finalize (object);
}

static void
muster_source_syslog_class_init (MusterSourceSyslogClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  MusterSourceClass *source_class = MUSTER_SOURCE_CLASS (class);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS;

  object_class->set_property = muster_source_syslog_set_property;
  object_class->get_property = muster_source_syslog_get_property;
  object_class->finalize = muster_source_syslog_finalize;
  source_class->start = muster_source_syslog_start;
  source_class->stop = muster_source_syslog_stop;
  source_class->room = muster_source_syslog_room;
  source_class->get_journal_size = muster_source_syslog_get_journal_size;

  properties[PROP_BIND] = g_param_spec_boxed (
      "bind", NULL,
      "Where to listen: udp://ADDRESS:PORT, tcp://, tls://, unix:PATH, unix-stream:PATH; several are fine", G_TYPE_STRV,
      flags);
  properties[PROP_MAX_CONNECTIONS] = g_param_spec_uint (
      "max-connections", NULL, "So many at each stream endpoint; more are refused", 1, 100000, 1000, flags);
  properties[PROP_IDLE_TIMEOUT] = muster_param_spec_duration (
      "idle-timeout", NULL, "A connection over which nothing comes for so long is closed; 0: never", 0,
      30 * G_TIME_SPAN_DAY, 0, flags);
  properties[PROP_HANDSHAKE_TIMEOUT] =
      muster_param_spec_duration ("handshake-timeout", NULL, "tls: who has not said who he is after so long is cut off",
                                  10 * G_TIME_SPAN_MILLISECOND, G_TIME_SPAN_HOUR, 10 * G_USEC_PER_SEC, flags);
  properties[PROP_MAX_SIZE] = muster_param_spec_size (
      "max-size", NULL, "What is longer of a message is cut off and marked", 480, 1 << 20, MAX_SIZE_DEFAULT, flags);
  properties[PROP_RECEIVE_BUFFER] =
      muster_param_spec_size ("receive-buffer", NULL, "The kernel's buffer for datagrams that wait to be read", 4096,
                              G_MAXINT / 2, BUFFER_SIZE_DEFAULT, flags);
  properties[PROP_JOURNAL_SIZE] =
      muster_param_spec_size ("journal-size", NULL, "What may wait until it is in every required transport", 262144,
                              G_GUINT64_CONSTANT (8) << 30, 4 << 20, flags);
  properties[PROP_SOCKET_MODE] =
      g_param_spec_string ("socket-mode", NULL, "Mode of local sockets, octal", "0660", flags);
  muster_syslog_tls_files_make_properties (
      &properties[PROP_TLS_FILES], "tls: only who has a certificate signed by one of these may send; unset: everybody",
      "tls: our own certificate, PEM");
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
muster_source_syslog_init (MusterSourceSyslog *self)
{
  self->listeners = g_ptr_array_new_with_free_func ((GDestroyNotify) (void (*) (void)) muster_syslog_listener_free);
}
