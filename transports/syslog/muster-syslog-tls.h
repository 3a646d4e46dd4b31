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

/* What was read from them. @certificate: NULL if none is named. @authorities: NULL means those of the system. */
typedef struct
{
  GTlsCertificate *certificate; /* owned, nullable */
  GTlsDatabase *authorities;    /* owned, nullable */
} MusterSyslogTls;

/* MUSTER_ERROR_INVALID if a file cannot be read, MUSTER_ERROR_UNAVAILABLE where GLib has no TLS. */
gboolean muster_syslog_tls_load (MusterSyslogTls *tls, const MusterSyslogTlsFiles *files, GError **error);
void muster_syslog_tls_clear (MusterSyslogTls *tls);
