/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/uio.h>

#include "muster-syslog-endpoint.h"
#include "muster-syslog-tls.h"
#include "muster-transport.h"

/*
 * A connected socket of the transport: it sends without blocking, and knows what the other side has surely taken. Of the
 * transport's thread.
 */
typedef struct _MusterSyslogConnection MusterSyslogConnection;

typedef struct
{
  MusterTransport *transport; /* whose stop ends waiting early */
  const MusterSyslogEndpoint *endpoint;
  const MusterSyslogTls *tls; /* of tls endpoints */
  const char *server_name;    /* nullable: the host of the endpoint; what its certificate must be for */
  gint64 timeout_us;
} MusterSyslogConnectionOptions;

/* Connects; waits at most the timeout, at a stop a second. MUSTER_ERROR_UNAVAILABLE. */
MusterSyslogConnection *muster_syslog_connection_new (const MusterSyslogConnectionOptions *options, GError **error);
void muster_syslog_connection_free (MusterSyslogConnection *self);
gboolean muster_syslog_connection_is_datagram (const MusterSyslogConnection *self);

/* A stream: how many of the bytes the kernel took; 0: wait; -1: the connection is broken. After 0 offer the same bytes. */
gssize muster_syslog_connection_send (MusterSyslogConnection *self, const void *bytes, gsize length, GError **error);
/* How many of the bytes that were sent since it was made the other side has surely taken: of tcp and tls its kernel has
 * acknowledged them, of a local stream it has read them. Also of one that is broken. */
guint64 muster_syslog_connection_get_taken (MusterSyslogConnection *self);
/* Whether the other side has closed. */
gboolean muster_syslog_connection_is_closed (MusterSyslogConnection *self);
/* Datagrams from @vectors, as many as the kernel takes: returns their number; 0: wait; -1: errno tells. */
int muster_syslog_connection_send_datagrams (MusterSyslogConnection *self, const struct iovec *vectors, guint n);
/* Waits until something can be sent, a little while. */
void muster_syslog_connection_wait (MusterSyslogConnection *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterSyslogConnection, muster_syslog_connection_free)
