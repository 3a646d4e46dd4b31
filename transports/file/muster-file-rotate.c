/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Old files under numbers, as logrotate(8) does by default. Pure functions of the file system; any thread.
 */
#include "config.h"

#include "muster-file-rotate.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY 86400

static char *
numbered (const char *path, guint number)
{
  return number > 0 ? g_strdup_printf ("%s.%u", path, number) : g_strdup (path);
}

static gboolean
is_there (const char *path, guint number)
{
  g_autofree char *name = numbered (path, number);
  struct stat status;

  return lstat (name, &status) == 0;
}

static gboolean
move_up (const char *path, guint number, GError **error)
{
  g_autofree char *from = numbered (path, number);
  g_autofree char *to = numbered (path, number + 1);

  if (rename (from, to) == 0 || (errno == ENOENT && number > 0))
    return TRUE;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "cannot rename '%s' to '%s': %s", from, to,
               g_strerror (errno));
  return FALSE;
}

/* Where fewer are to be kept than before. */
static void
remove_from (const char *path, guint number)
{
  gboolean removed = TRUE;

  for (; removed; number++)
    {
      g_autofree char *name = numbered (path, number);

      removed = unlink (name) == 0;
    }
}

gboolean
muster_file_rotate (const char *path, guint keep, GError **error)
{
  guint room = 1;

  if (keep == 0)
    {
      if (unlink (path) == 0)
        return TRUE;
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "cannot delete '%s': %s", path, g_strerror (errno));
      return FALSE;
    }
  while (room < keep && is_there (path, room))
    room++;
  for (guint number = room; number-- > 0;)
    if (!move_up (path, number, error))
      return FALSE;
  remove_from (path, keep + 1);
  return TRUE;
}

gint64
muster_file_rotate_get_period (time_t time, gint64 interval_us)
{
  gint64 interval = MAX (interval_us / G_USEC_PER_SEC, 1);
  gint64 local_time;
  struct tm local;

  localtime_r (&time, &local);
  local_time = (gint64) time + local.tm_gmtoff;
  if (interval % (7 * DAY) == 0)
    local_time += 3 * DAY; /* the epoch was a Thursday */
  return local_time / interval;
}
