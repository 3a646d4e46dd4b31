/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* Files in PEM, as properties name them; all nullable. */
typedef struct
{
  char *ca_file;          /* owned: who may have signed the other side's certificate */
  char *certificate_file; /* owned: our own, followed by those that lead to its root */
  char *key_file;         /* owned: its private key; NULL: it stands in certificate_file */
} MusterSyslogTlsFiles;

void muster_syslog_tls_files_clear (MusterSyslogTlsFiles *files);

/* They as properties of an object: "ca-file", "certificate-file" and "key-file", so many in that order, whose ids are one
 * after the other. The texts are static: what the first two mean to it. */
#define MUSTER_SYSLOG_TLS_N_PROPERTIES 3
void muster_syslog_tls_files_make_properties (GParamSpec **properties, const char *ca_help,
                                              const char *certificate_help);
/* @number: from 0, of that property; FALSE if there is none. */
gboolean muster_syslog_tls_files_set_property (MusterSyslogTlsFiles *files, guint number, const GValue *value);
gboolean muster_syslog_tls_files_get_property (const MusterSyslogTlsFiles *files, guint number, GValue *value);

/* What was read from them. @certificate: NULL if none is named. @authorities: NULL means those of the system. */
typedef struct
{
  GTlsCertificate *certificate; /* owned, nullable */
  GTlsDatabase *authorities;    /* owned, nullable */
} MusterSyslogTls;

/* MUSTER_ERROR_INVALID if a file cannot be read, MUSTER_ERROR_UNAVAILABLE where GLib has no TLS. */
gboolean muster_syslog_tls_load (MusterSyslogTls *tls, const MusterSyslogTlsFiles *files, GError **error);
void muster_syslog_tls_clear (MusterSyslogTls *tls);
