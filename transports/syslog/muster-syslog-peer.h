/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "muster-syslog-frames.h"
#include "muster-syslog-receiver.h"

/* A connection over which somebody sends messages: tcp, tls or a local stream. Of the intake's thread. */
typedef struct _MusterSyslogPeer MusterSyslogPeer;

typedef void (*MusterSyslogPeerFunc) (MusterSyslogPeer *peer, gpointer user_data);

/* @stream: ready for reading (of TLS: the handshake is behind); its input must be pollable. @name: (nullable): the sender's
 * address. @ended is called once when nothing more will come: free it then. */
MusterSyslogPeer *muster_syslog_peer_new (MusterSyslogReceiver *receiver, GIOStream *stream, const char *name,
                                          MusterSyslogPeerFunc ended, gpointer user_data);
/* Takes what has come, as far as there is room, and closes. */
void muster_syslog_peer_free (MusterSyslogPeer *self);
void muster_syslog_peer_resume (MusterSyslogPeer *self);          /* there is room again; may call @ended */
const char *muster_syslog_peer_get_name (MusterSyslogPeer *self); /* for messages */
