/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Takes $NOTIFY_SOCKET out of the environment, so that children do not speak in our place. Before any thread. */
void muster_service_manager_init (void);
/* Tells the service manager that started this process, if there is one that wants to know, as sd_notify(3) says:
 * "READY=1". FALSE with a GFileError if there is one and it cannot be told. */
gboolean muster_service_manager_notify (const char *state, GError **error);
