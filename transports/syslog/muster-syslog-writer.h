/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-entry.h"

/* One message that is being written. One thread. */
typedef struct
{
  GByteArray *out;          /* borrowed */
  guint start;              /* of this message in out */
  gboolean escape_controls; /* as #012, in texts and values */
} MusterSyslogWriter;

static inline void
muster_syslog_writer_put (MusterSyslogWriter *self, const void *bytes, gsize length)
{
  g_byte_array_append (self->out, bytes, (guint) length);
}

/* The bytes that the message has. */
static inline gsize
muster_syslog_writer_get_used (const MusterSyslogWriter *self)
{
  return self->out->len - self->start;
}

void muster_syslog_writer_put_string (MusterSyslogWriter *self, const char *text);
/* At most 127 bytes. */
void muster_syslog_writer_put_printf (MusterSyslogWriter *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* @digits: at least so many. */
void muster_syslog_writer_put_number (MusterSyslogWriter *self, guint64 number, guint digits);
/* Text, of which no more than @room bytes go out, cut between characters; returns how much of it is there. */
gsize muster_syslog_writer_put_text (MusterSyslogWriter *self, const char *text, gsize length, gsize room);
/* What the text takes. */
gsize muster_syslog_writer_get_cost (const MusterSyslogWriter *self, MusterSlice text);
/* A name of PRINTUSASCII: what is something else, or in @forbidden, becomes '_'; nothing at all "-". Returns whether it is
 * as it was. */
gboolean muster_syslog_writer_put_name (MusterSyslogWriter *self, const char *name, gsize length, gsize max,
                                        const char *forbidden);

/* Structured data: a value, escaped; ` name="value"`, of a slice only if it is not empty. */
void muster_syslog_writer_put_value (MusterSyslogWriter *self, const char *text, gsize length);
void muster_syslog_writer_put_param (MusterSyslogWriter *self, const char *name, const char *text, gsize length);
void muster_syslog_writer_put_slice_param (MusterSyslogWriter *self, const char *name, MusterSlice text);
void muster_syslog_writer_put_natural_param (MusterSyslogWriter *self, const char *name, guint64 value);
