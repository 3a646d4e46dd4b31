/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-syslog-endpoint.h"
#include "muster-syslog-receiver.h"
#include "muster-syslog-tls.h"

/* One endpoint at which a source listens, with all connections that were made to it. */
typedef struct _MusterSyslogListener MusterSyslogListener;

typedef struct
{
  MusterSyslogReceiver *receiver;
  const MusterSyslogTls *tls; /* of tls endpoints */
  guint max_connections;
  gint64 idle_timeout_us; /* after which a connection over which nothing comes is closed; 0: never */
  gint64 handshake_timeout_us;
  gsize receive_buffer; /* of datagrams */
  mode_t socket_mode;   /* of local sockets */
} MusterSyslogListenerOptions;

/* Binds; in any thread. @options and what it points to must outlive it; @endpoint is taken over in any case. */
MusterSyslogListener *muster_syslog_listener_new (MusterSyslogEndpoint *endpoint,
                                                  const MusterSyslogListenerOptions *options, GError **error);
/* Frees one that was not begun, in any thread. */
void muster_syslog_listener_free (MusterSyslogListener *self);

/* In the intake's thread. */
void muster_syslog_listener_begin (MusterSyslogListener *self);
void muster_syslog_listener_resume (MusterSyslogListener *self);      /* there is room again */
void muster_syslog_listener_end (MusterSyslogListener *self);         /* takes what has come, and closes everything */
guint16 muster_syslog_listener_get_port (MusterSyslogListener *self); /* where it is bound; 0 of local sockets */
