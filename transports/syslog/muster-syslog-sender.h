/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-syslog-connection.h"
#include "muster-syslog-outbox.h"

/*
 * Messages to one receiver, over one connection after the other: what is in the outbox is sent, and what a connection that
 * broke had not surely taken is sent again over the next one. Of the transport's thread, which may wait here.
 */
typedef struct _MusterSyslogSender MusterSyslogSender;

/* @name: the endpoint, as messages name it. @endpoint is taken over, and stands in @options' place for it; what else
 * @options point to must outlive the sender. */
MusterSyslogSender *muster_syslog_sender_new (const char *name, MusterSyslogEndpoint *endpoint,
                                              const MusterSyslogConnectionOptions *options);
void muster_syslog_sender_free (MusterSyslogSender *self);

/* Before a batch is put into the outbox: waits until the other side has taken enough of what was sent, for a receiver that
 * takes connections and then refuses what comes must not fill the memory; and finds out what a unix: endpoint is. */
gboolean muster_syslog_sender_prepare (MusterSyslogSender *self, GError **error);
/* Where messages go, with their frames. */
MusterSyslogOutbox *muster_syslog_sender_get_outbox (MusterSyslogSender *self);
/* Whether they have none: each is a datagram. */
gboolean muster_syslog_sender_is_datagram (const MusterSyslogSender *self);
/* Gives the kernel all that is in the outbox. FALSE: try again later, there is somebody who takes nothing, or nobody. */
gboolean muster_syslog_sender_send (MusterSyslogSender *self, GError **error);
/* While something is not taken yet: is the connection still there? If not, sends it again. */
gboolean muster_syslog_sender_look (MusterSyslogSender *self, GError **error);
/* What is on its way has a little time to arrive; what has not by then is reported. */
void muster_syslog_sender_finish (MusterSyslogSender *self);
