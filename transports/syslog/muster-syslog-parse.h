/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-entry.h"
#include "muster-syslog-facility.h"

/* What a message says. All slices borrow from its bytes. */
typedef struct
{
  gboolean is_rfc5424;
  MusterSyslogFacility facility;
  MusterLevel level;
  guint64 time_ns;  /* 0 where it says none */
  MusterSlice host; /* empty where it says none; so are the others */
  MusterSlice app_name;
  MusterSlice proc_id;
  MusterSlice msg_id;
  MusterSlice data; /* structured data that is well-formed: "[id a=\"b\"]..." */
  MusterSlice message;
  const char *malformed; /* static; why nothing, or not all of it, was understood; NULL if all was */
} MusterSyslogMessage;

/* Takes any bytes. What is no syslog message becomes the message of one, with `malformed` set. @now_ns tells the year
 * where a time has none. Any thread. */
void muster_syslog_parse (const char *bytes, gsize length, guint64 now_ns, MusterSyslogMessage *message);

/* Walks the parameters of structured data that the parser found well-formed. */
typedef struct
{
  const char *position;
  const char *end;
  MusterSlice id; /* of the element that it is in */
} MusterSyslogDataIter;

void muster_syslog_data_iter_init (MusterSyslogDataIter *iter, MusterSlice data);
/* @name is empty for an element without parameters; @value is escaped as it came. */
gboolean muster_syslog_data_iter_next (MusterSyslogDataIter *iter, MusterSlice *name, MusterSlice *value);
/* Takes the escapes away; @out has room for as many bytes. Returns how many there are. */
gsize muster_syslog_data_unescape (MusterSlice value, char *out);
