/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-source.h"
#include "muster-syslog-record.h"
#include "muster-syslog-trouble.h"

/*
 * What all sockets of a source share: the way into its journal, room to read into, and counts. Of the intake's thread.
 */
typedef struct
{
  MusterSource *source; /* borrowed */
  gsize max_size;       /* of a message */
  MusterSyslogRecord record;
  char *scratch; /* owned; room for one read */
  gsize scratch_size;
  gboolean paused;            /* the journal has no room: nobody reads until it has */
  MusterSyslogTrouble broken; /* connections */
  guint64 n_received;
  guint64 n_malformed;
} MusterSyslogReceiver;

MusterSyslogReceiver *muster_syslog_receiver_new (MusterSource *source, gsize max_size);
void muster_syslog_receiver_free (MusterSyslogReceiver *self);
/* Takes one message. @peer: (nullable). FALSE: there is no room, `paused` is set, and it must be offered again. */
gboolean muster_syslog_receiver_take (MusterSyslogReceiver *self, const char *bytes, gsize length, const char *peer,
                                      gsize truncated_from, guint64 now_ns);
guint64 muster_syslog_receiver_now (void); /* nanoseconds since the Unix epoch */
