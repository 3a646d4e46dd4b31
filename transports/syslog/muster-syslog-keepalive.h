/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* Has the kernel ask the other side of a tcp connection whether it is there when nothing was heard of it for a minute; one
 * that is not is gone a minute later. The kernel's own way would take more than two hours. */
void muster_syslog_keepalive_set (GSocket *socket);
