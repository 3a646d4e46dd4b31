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
gint64 muster_syslog_peer_get_active_us (MusterSyslogPeer *self); /* the monotonic time at which something came last */
/* Ends it if nothing has come since then: what it had begun is taken as far as it goes. Returns whether that was so; may
 * call @ended in any case. Not while there is no room. */
gboolean muster_syslog_peer_end_if_idle (MusterSyslogPeer *self, gint64 since_us);
const char *muster_syslog_peer_get_name (MusterSyslogPeer *self); /* for messages */
