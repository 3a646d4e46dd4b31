/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where the whole part of a file ends. Whatever the size of a file, only its end is read. Pure functions; any thread.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "muster-entry.h"
#include "muster-file-tail.h"

/* Enough to find an entry's start in the first quarter and to walk at least twice the longest entry from there. */
#define WINDOW (4 * MUSTER_ENTRY_MAX)

static gboolean
read_at (int fd, const char *path, guint8 *data, gsize size, goffset offset, GError **error)
{
  while (size > 0)
    {
      gssize n = pread (fd, data, size, offset);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        {
          g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "cannot read the end of '%s': %s", path,
                       n < 0 ? g_strerror (errno) : "it became shorter");
          return FALSE;
        }
      data += n;
      size -= (gsize) n;
      offset += n;
    }
  return TRUE;
}

static gsize
walk (const guint8 *data, gsize size)
{
  MusterEntryIter iter;
  MusterEntry entry;

  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    ;
  return muster_entry_iter_get_position (&iter);
}

static gboolean
is_zero (const guint8 *data, gsize size)
{
  return size == 0 || (data[0] == 0 && memcmp (data, data + 1, size - 1) == 0);
}

/* Entry, Origin, its stream of 16 bytes, as far as there are bytes: 0a LENGTH 0a LENGTH 0a 10. */
static gboolean
starts_like_origin (const guint8 *in, const guint8 *end)
{
  for (guint i = 0; i < 2; i++)
    {
      if (in < end && *in++ != 0x0a)
        return FALSE;
      while (in < end && (*in & 0x80) != 0)
        in++;
      if (in < end)
        in++;
    }
  return (in >= end || *in++ == 0x0a) && (in >= end || *in == 0x10);
}

/* Whether what follows the last whole entry may be what a crash left of one: its first bytes, or the zeros of blocks
 * that never reached the disk. @first: there is no whole entry before it, so it has to be the start of an origin. */
static gboolean
is_torn (const guint8 *data, gsize size, gboolean first)
{
  if (is_zero (data, size))
    return TRUE;
  if (size >= MUSTER_ENTRY_MAX || data[0] != 0x0a)
    return FALSE;
  return !first || starts_like_origin (data, data + size);
}

/* Entries are found by trying: from a wrong start the walk breaks off soon, or falls into step at the end of the entry
 * that it began inside of. */
static gboolean
find_last_entry (const guint8 *data, gsize size, gboolean from_start, gsize *end)
{
  if (from_start)
    {
      *end = walk (data, size);
      return is_torn (data + *end, size - *end, *end == 0);
    }
  for (gsize start = 0; start < MUSTER_ENTRY_MAX; start++)
    if (data[start] == 0x0a)
      {
        *end = start + walk (data + start, size - start);
        if (*end - start >= 2 * MUSTER_ENTRY_MAX && is_torn (data + *end, size - *end, FALSE))
          return TRUE;
      }
  return FALSE;
}

gboolean
muster_file_find_tail (int fd, const char *path, MusterFileContent content, goffset size, goffset *keep,
                       gboolean *unended, GError **error)
{
  gsize length = (gsize) MIN (size, WINDOW);
  g_autofree guint8 *data = NULL;
  goffset start = size - (goffset) length;
  gsize end = length;

  *keep = size;
  *unended = FALSE;
  if (content == MUSTER_FILE_OTHER || size == 0)
    return TRUE;
  data = g_malloc (length);
  if (!read_at (fd, path, data, length, start, error))
    return FALSE;
  if (content == MUSTER_FILE_LINES)
    {
      const guint8 *newline = memrchr (data, '\n', length);

      *unended = newline == NULL;
      if (newline != NULL)
        end = (gsize) (newline - data) + 1;
    }
  else if (!find_last_entry (data, length, start == 0, &end))
    {
      g_set_error (
          error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT,
          "'%s' holds something else than entries of Muster near its end: move it away, or choose another path", path);
      return FALSE;
    }
  *keep = start + (goffset) end;
  return TRUE;
}
