/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-prometheus-exposition.h"

G_BEGIN_DECLS

/*
 * A small HTTP server with a thread of its own. Whatever its clients do, it has no more connections than it may, none of
 * them for longer than it may, and waits for none.
 */
typedef struct _MusterPrometheusServer MusterPrometheusServer;

/* What is to be served; called in the server's thread. */
typedef GBytes *(*MusterPrometheusWriteFunc) (MusterPrometheusFormat format, gpointer user_data);

/* @bind is ADDRESS:PORT, of which the address may be `*`, or IPv6 in brackets. @path is what is served: anything else is
 * not found. NULL with the error if it is no address, or is not free. */
MusterPrometheusServer *muster_prometheus_server_new (const char *bind, const char *path, guint max_connections,
                                                      gint64 timeout_us, MusterPrometheusWriteFunc write,
                                                      gpointer user_data, GError **error);
/* Closes all connections, and joins the thread; all that was invoked has been done then. */
void muster_prometheus_server_free (MusterPrometheusServer *server);

/* Calls @func in the server's thread, in order. Any thread. */
void muster_prometheus_server_invoke (MusterPrometheusServer *server, GSourceFunc func, gpointer data,
                                      GDestroyNotify notify);

/* Where it listens, as one writes it: "127.0.0.1:9464". */
const char *muster_prometheus_server_get_address (MusterPrometheusServer *server);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterPrometheusServer, muster_prometheus_server_free)

G_END_DECLS
