/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A primary's directory for what has to survive it: found, made, checked. Any thread.
 */
#include "config.h"

#include "muster-state-dir-private.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODE 0750

char *
muster_state_dir_find (const char *name)
{
  const char *given = g_getenv ("STATE_DIRECTORY"); /* systemd.exec(5): separated by colons where there are several */

  if (given != NULL && given[0] != '\0')
    return g_strndup (given, strcspn (given, ":"));
  if (geteuid () == 0)
    return g_build_filename ("/var/lib/muster", name, NULL);
  return g_build_filename (g_get_user_state_dir (), "muster", name, NULL);
}

static gboolean
set_error (GError **error, const char *what, const char *path, const char *reason)
{
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED,
               "%s the state directory %s: %s; transports keep there where their files stand: name another one with "
               "state-dir, or give this user the right to it",
               what, path, reason);
  return FALSE;
}

/* It may be reached through links (systemd makes one with DynamicUser=). */
static gboolean
ensure_directory (const char *path, GError **error)
{
  struct stat info;

  if (g_mkdir_with_parents (path, MODE) != 0)
    return set_error (error, "cannot make", path, g_strerror (errno));
  if (stat (path, &info) != 0)
    return set_error (error, "cannot look at", path, g_strerror (errno));
  if (info.st_uid != geteuid () || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    {
      g_autofree char *reason = g_strdup_printf (
          "it belongs to user %u with mode %04o, but must belong to user %u, and nobody else may write "
          "to it",
          (guint) info.st_uid, info.st_mode & 07777, (guint) geteuid ());

      return set_error (error, "cannot use", path, reason);
    }
  if (access (path, W_OK | X_OK) != 0)
    return set_error (error, "cannot write to", path, g_strerror (errno));
  return TRUE;
}

char *
muster_state_dir_make (const char *path, GError **error)
{
  g_autofree char *absolute = g_canonicalize_filename (path, NULL);
  g_autofree char *transports = g_build_filename (absolute, "transports", NULL);

  if (!ensure_directory (absolute, error) || !ensure_directory (transports, error))
    return NULL;
  return g_steal_pointer (&transports);
}
