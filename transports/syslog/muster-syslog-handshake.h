/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "muster-syslog-tls.h"

/* A connection that is being encrypted, until both sides know whom they talk to. Of one thread, whose context it runs in. */
typedef struct _MusterSyslogHandshake MusterSyslogHandshake;

/* @stream: encrypted, borrowed; NULL with @error if the other side was refused, or took too long: then it is closed. The
 * handshake is freed behind the call. */
typedef void (*MusterSyslogHandshakeFunc) (MusterSyslogHandshake *handshake, GIOStream *stream, const GError *error,
                                           gpointer user_data);

/* As the server of @base. @tls has a certificate; with authorities, who has none of theirs is refused. @ended is called
 * once, later, at the latest a little after the timeout, unless it is left alone. */
MusterSyslogHandshake *muster_syslog_handshake_new (GSocketConnection *base, const MusterSyslogTls *tls,
                                                    gint64 timeout_us, GMainContext *context,
                                                    MusterSyslogHandshakeFunc ended, gpointer user_data,
                                                    GError **error);
/* Nobody is interested any more: it closes and frees itself, now or as the context runs. */
void muster_syslog_handshake_abandon (MusterSyslogHandshake *self);
