/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "muster-entry.h"
#include "muster-syslog-facility.h"

/* The SD-ID of a record's own fields, and of what Muster says of it. 32473 is the enterprise number for examples (RFC
 * 5612); who has one of his own configures it at the receiver. */
#define MUSTER_SYSLOG_FIELDS_ID "muster@32473"
#define MUSTER_SYSLOG_META_ID   "muster-meta@32473"

typedef enum
{
  MUSTER_SYSLOG_RFC5424,
  MUSTER_SYSLOG_RFC3164,
} MusterSyslogProtocol;

#define MUSTER_TYPE_SYSLOG_PROTOCOL (muster_syslog_protocol_get_type ())
GType muster_syslog_protocol_get_type (void) G_GNUC_CONST;

/* How messages look. */
typedef struct
{
  MusterSyslogProtocol protocol;
  MusterSyslogFacility facility;
  const char *app_name;     /* {worker} {cluster} {domain} {host} are filled in */
  gsize max_size;           /* of a message, without its frame */
  gboolean metadata;        /* whether the element MUSTER_SYSLOG_META_ID is written even if nothing was cut */
  gboolean bom;             /* before the text, as RFC 5424 wants it */
  gboolean escape_controls; /* as #012, where a line feed ends a message */
  gboolean hostname;        /* RFC 3164 only: a local socket's messages have none */
} MusterSyslogStyle;

/* Appends the message of one entry: of a record, or of a gap that says that something is missing. @text: (nullable): what a
 * format made of the entry, instead of the record's message. FALSE, and nothing appended, for what has no message:
 * metrics, what was filtered. One thread for each @style's user; the clock's zone is read. */
gboolean muster_syslog_encode (const MusterSyslogStyle *style, const MusterEntry *entry, const MusterSlice *text,
                               GByteArray *out);
