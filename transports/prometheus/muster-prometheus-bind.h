/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* A socket that listens at ADDRESS:PORT, and does not block; NULL with the error. */
GSocket *muster_prometheus_bind (const char *bind, GError **error);

/* Where it listens, as one writes it. */
char *muster_prometheus_describe (GSocket *socket);

G_END_DECLS
