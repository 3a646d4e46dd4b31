/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-source.h"
#include "muster-syslog-parse.h"

/* More than so many fields of one message are counted and left out. */
#define MUSTER_SYSLOG_FIELDS_MAX 256

/* A record of a parsed message, with the room that its fields need: 20 KiB, one for each thread. */
typedef struct
{
  MusterSourceRecord record;
  MusterField fields[MUSTER_SYSLOG_FIELDS_MAX];
  GString *text; /* owned: unescaped values, joined keys */
} MusterSyslogRecord;

void muster_syslog_record_init (MusterSyslogRecord *self);
void muster_syslog_record_clear (MusterSyslogRecord *self);
/* Fills self->record from @message, to which it may borrow, and so until the next call. @peer: (nullable): who sent it;
 * its name stands for the host where the message has none. @truncated_from: 0, or the length it had. */
void muster_syslog_record_fill (MusterSyslogRecord *self, const MusterSyslogMessage *message, const char *peer,
                                gsize truncated_from);
