/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Certificates from files. The thread that starts.
 */
#include "config.h"

#include "muster-error.h"
#include "muster-syslog-tls.h"

void
muster_syslog_tls_files_clear (MusterSyslogTlsFiles *files)
{
  g_clear_pointer (&files->ca_file, g_free);
  g_clear_pointer (&files->certificate_file, g_free);
  g_clear_pointer (&files->key_file, g_free);
}

void
muster_syslog_tls_files_make_properties (GParamSpec **properties, const char *ca_help, const char *certificate_help)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS;

  properties[0] = g_param_spec_string ("ca-file", NULL, ca_help, NULL, flags);
  properties[1] = g_param_spec_string ("certificate-file", NULL, certificate_help, NULL, flags);
  properties[2] =
      g_param_spec_string ("key-file", NULL, "tls: its private key; unset: it is in certificate-file", NULL, flags);
}

static char *const *
find_file (const MusterSyslogTlsFiles *files, guint number)
{
  char *const *const members[MUSTER_SYSLOG_TLS_N_PROPERTIES] = { &files->ca_file, &files->certificate_file,
                                                                 &files->key_file };

  return number < G_N_ELEMENTS (members) ? members[number] : NULL;
}

gboolean
muster_syslog_tls_files_set_property (MusterSyslogTlsFiles *files, guint number, const GValue *value)
{
  char **member = (char **) find_file (files, number);

  if (member == NULL)
    return FALSE;
  g_free (*member);
  *member = g_value_dup_string (value);
  return TRUE;
}

gboolean
muster_syslog_tls_files_get_property (const MusterSyslogTlsFiles *files, guint number, GValue *value)
{
  char *const *member = find_file (files, number);

  if (member != NULL)
    g_value_set_string (value, *member);
  return member != NULL;
}

static gboolean
invalid (GError **error, const char *property, const char *path, GError *reason)
{
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "%s='%s': %s", property, path, reason->message);
  g_error_free (reason);
  return FALSE;
}

static gboolean
load_certificate (MusterSyslogTls *tls, const MusterSyslogTlsFiles *files, GError **error)
{
  const char *key_file = files->key_file != NULL ? files->key_file : files->certificate_file;
  GError *reason = NULL;

  if (files->certificate_file == NULL)
    return TRUE;
  tls->certificate = g_tls_certificate_new_from_files (files->certificate_file, key_file, &reason);
  return tls->certificate != NULL || invalid (error, "certificate-file", files->certificate_file, reason);
}

static gboolean
load_authorities (MusterSyslogTls *tls, const MusterSyslogTlsFiles *files, GError **error)
{
  g_autofree char *path = NULL;
  GError *reason = NULL;

  if (files->ca_file == NULL)
    return TRUE;
  path = g_canonicalize_filename (files->ca_file, NULL); /* GIO wants an absolute one */
  tls->authorities = g_tls_file_database_new (path, &reason);
  return tls->authorities != NULL || invalid (error, "ca-file", files->ca_file, reason);
}

gboolean
muster_syslog_tls_load (MusterSyslogTls *tls, const MusterSyslogTlsFiles *files, GError **error)
{
  *tls = (MusterSyslogTls){ NULL, NULL };
  if (!g_tls_backend_supports_tls (g_tls_backend_get_default ()))
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE,
                           "GLib finds no TLS here; install glib-networking");
      return FALSE;
    }
  if (load_certificate (tls, files, error) && load_authorities (tls, files, error))
    return TRUE;
  muster_syslog_tls_clear (tls);
  return FALSE;
}

void
muster_syslog_tls_clear (MusterSyslogTls *tls)
{
  g_clear_object (&tls->certificate);
  g_clear_object (&tls->authorities);
}
