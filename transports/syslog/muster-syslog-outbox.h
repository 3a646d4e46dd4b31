/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Messages on their way, whole and in order: those that wait to be sent, and before them those that were sent and that the
 * other side has maybe not taken. One thread.
 */
typedef struct
{
  GByteArray *bytes; /* owned */
  GArray *ends;      /* owned; of gsize: where in bytes each message ends, its frame included */
  gsize sent;        /* bytes of `bytes` that were given to the connection there is */
  guint64 base;      /* bytes given to that connection that are not here any more */
} MusterSyslogOutbox;

void muster_syslog_outbox_init (MusterSyslogOutbox *self);
void muster_syslog_outbox_clear (MusterSyslogOutbox *self);
gboolean muster_syslog_outbox_is_empty (const MusterSyslogOutbox *self);
gsize muster_syslog_outbox_get_unsent (const MusterSyslogOutbox *self);
/* The next message ends where `bytes` ends now. */
void muster_syslog_outbox_add_end (MusterSyslogOutbox *self);
void muster_syslog_outbox_note_sent (MusterSyslogOutbox *self, gsize n);
/* @taken: bytes that the other side has surely taken of what the connection was given. Whole messages of it go. */
void muster_syslog_outbox_note_taken (MusterSyslogOutbox *self, guint64 taken);
/* The connection is gone: all that is here is to be sent over another one. Returns how many messages are sent again. */
guint muster_syslog_outbox_rewind (MusterSyslogOutbox *self);
