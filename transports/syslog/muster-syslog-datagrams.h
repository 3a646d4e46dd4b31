/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-syslog-receiver.h"

/* A socket that brings messages in datagrams. Of the intake's thread. */
typedef struct _MusterSyslogDatagrams MusterSyslogDatagrams;

/* Takes @fd over, bound and non-blocking. @is_inet: senders have addresses. */
MusterSyslogDatagrams *muster_syslog_datagrams_new (MusterSyslogReceiver *receiver, int fd, gboolean is_inet);
/* Takes what the kernel still has, as far as there is room, and closes. */
void muster_syslog_datagrams_free (MusterSyslogDatagrams *self);
void muster_syslog_datagrams_resume (MusterSyslogDatagrams *self); /* there is room again */
