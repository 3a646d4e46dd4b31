/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-error.h"

/* Checks "tcp://HOST:PORT" (@bind: HOST may be *, and PORT too) or "ipc://PATH", and whether only this machine is
 * reached by it: a numeric loopback address, or ipc. INVALID says what was expected. */
gboolean muster_network_address_check (const char *endpoint, gboolean bind, gboolean *is_local, GError **error);
/* Without keys only what is local is allowed, unless a person says `insecure`. */
gboolean muster_network_address_allow_plain (const char *endpoint, gboolean is_local, gboolean insecure,
                                             const char *keys, GError **error);
