/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A worker's end in a file of its own. Pure functions but for that file; any thread.
 */
#include "config.h"

#include "muster-end-store-private.h"

#include "muster-error.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define GROUP "end"
/* What can be in it: 20 lines of stderr, and some numbers. */
#define SIZE_MAX_BYTES (256 * 1024)

/* In the file these stand for the values of MusterExitReason. */
static const char *const reasons[] = {
  [MUSTER_EXIT_STATUS] = "status",
  [MUSTER_EXIT_SIGNAL] = "signal",
  [MUSTER_EXIT_UNKNOWN] = "unknown",
};

char *
muster_end_store_path (const char *journal_path)
{
  gsize length = strlen (journal_path);

  if (g_str_has_suffix (journal_path, ".journal"))
    length -= strlen (".journal");
  return g_strdup_printf ("%.*s.end", (int) length, journal_path);
}

/* While it is written it has another name, always the same, so that none of them are left about. */
static char *
unfinished_path (const char *path)
{
  return g_strconcat (path, ".new", NULL);
}

static GKeyFile *
to_key_file (const MusterEnd *end, gint64 ended_us)
{
  GKeyFile *file = g_key_file_new ();

  g_key_file_set_string (file, GROUP, "reason", reasons[end->reason]);
  g_key_file_set_integer (file, GROUP, "status", end->status);
  g_key_file_set_integer (file, GROUP, "signal", end->signal);
  g_key_file_set_boolean (file, GROUP, "core-dumped", end->core_dumped);
  g_key_file_set_boolean (file, GROUP, "wanted", end->wanted);
  g_key_file_set_boolean (file, GROUP, "timed-out", end->timed_out);
  g_key_file_set_int64 (file, GROUP, "run-time-us", end->run_time_us);
  g_key_file_set_uint64 (file, GROUP, "max-rss-kib", end->max_rss_kib);
  g_key_file_set_uint64 (file, GROUP, "pid", end->pid);
  g_key_file_set_uint64 (file, GROUP, "restarts", end->restarts);
  g_key_file_set_int64 (file, GROUP, "ended-us", ended_us);
  if (end->stderr_tail != NULL)
    g_key_file_set_string (file, GROUP, "stderr", end->stderr_tail);
  return file;
}

gboolean
muster_end_store_write (const char *path, const MusterEnd *end, gint64 ended_us, GError **error)
{
  g_autoptr (GKeyFile) file = to_key_file (end, ended_us);
  g_autofree char *unfinished = unfinished_path (path);
  gsize length;
  g_autofree char *text = g_key_file_to_data (file, &length, NULL);
  int code;

  if (!g_file_set_contents_full (unfinished, text, (gssize) length, G_FILE_SET_CONTENTS_NONE, 0600, error))
    {
      g_prefix_error_literal (error, "how it ended cannot be kept for a next primary: ");
      return FALSE;
    }
  if (g_rename (unfinished, path) == 0)
    return TRUE;
  code = errno;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED,
               "how it ended cannot be kept for a next primary: rename to %s: %s", path, g_strerror (code));
  return FALSE;
}

static gboolean
find_reason (const char *text, MusterExitReason *reason)
{
  for (gsize i = 0; text != NULL && i < G_N_ELEMENTS (reasons); i++)
    if (g_strcmp0 (reasons[i], text) == 0)
      {
        *reason = (MusterExitReason) i;
        return TRUE;
      }
  return FALSE;
}

/* What is missing is as if it was never known. FALSE if that is how it ended. */
static gboolean
from_key_file (GKeyFile *file, MusterStoredEnd *stored)
{
  g_autofree char *reason = g_key_file_get_string (file, GROUP, "reason", NULL);
  MusterEnd *end = &stored->end;

  *stored = (MusterStoredEnd){ .ended_us = g_key_file_get_int64 (file, GROUP, "ended-us", NULL) };
  if (!find_reason (reason, &end->reason) || stored->ended_us <= 0)
    return FALSE;
  end->status = g_key_file_get_integer (file, GROUP, "status", NULL);
  end->signal = g_key_file_get_integer (file, GROUP, "signal", NULL);
  end->core_dumped = g_key_file_get_boolean (file, GROUP, "core-dumped", NULL);
  end->wanted = g_key_file_get_boolean (file, GROUP, "wanted", NULL);
  end->timed_out = g_key_file_get_boolean (file, GROUP, "timed-out", NULL);
  end->run_time_us = MAX (g_key_file_get_int64 (file, GROUP, "run-time-us", NULL), -1);
  end->max_rss_kib = g_key_file_get_uint64 (file, GROUP, "max-rss-kib", NULL);
  end->pid = (guint) g_key_file_get_uint64 (file, GROUP, "pid", NULL);
  end->restarts = (guint) g_key_file_get_uint64 (file, GROUP, "restarts", NULL);
  end->stderr_tail = stored->stderr_tail = g_key_file_get_string (file, GROUP, "stderr", NULL);
  return TRUE;
}

gboolean
muster_end_store_parse (const char *text, gsize length, MusterStoredEnd *stored, GError **error)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GError) problem = NULL;

  if (g_key_file_load_from_data (file, text, length, G_KEY_FILE_NONE, &problem) && from_key_file (file, stored))
    return TRUE;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT, "it does not tell how a worker ended%s%s",
               problem != NULL ? ": " : "", problem != NULL ? problem->message : "");
  return FALSE;
}

gboolean
muster_end_store_read (const char *path, MusterStoredEnd *stored, GError **error)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) problem = NULL;
  struct stat status;
  gsize length;

  if (g_lstat (path, &status) != 0)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND, "%s: %s", path, g_strerror (errno));
      return FALSE;
    }
  if (!S_ISREG (status.st_mode) || status.st_size > SIZE_MAX_BYTES
      || !g_file_get_contents (path, &text, &length, &problem))
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT, "%s: %s", path,
                   problem != NULL ? problem->message : "no primary has written this");
      return FALSE;
    }
  if (muster_end_store_parse (text, length, stored, error))
    return TRUE;
  g_prefix_error (error, "%s: ", path);
  return FALSE;
}

void
muster_end_store_remove (const char *path)
{
  g_autofree char *unfinished = unfinished_path (path);

  g_unlink (unfinished);
  g_unlink (path);
}
