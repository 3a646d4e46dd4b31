/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A keyfile and the files that it includes, off the disk. Owned by one thread.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <gio/gio.h>
#include <glib/gstdio.h>

#include "muster-keyfile-private.h"

typedef struct
{
  MusterKeyfile *keyfile;
  GHashTable *seen; /* owned: "device:inode" of every file, to where it was named */
  guint depth;
} Loader;

/* Where a file was named. */
typedef struct
{
  const char *file;
  guint line;
} Place;

/* A pipe may be given too (`<(...)`), but nothing may keep us waiting for a writer that never comes. */
static int
open_file (const char *path, struct stat *status, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

  if (fd < 0 || fstat (fd, status) != 0)
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "cannot be read: %s", g_strerror (errno));
  else if (S_ISDIR (status->st_mode))
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_IS_DIRECTORY, "is a directory; expected a file");
  else
    {
      fcntl (fd, F_SETFL, fcntl (fd, F_GETFL) & ~O_NONBLOCK);
      return fd;
    }
  if (fd >= 0)
    close (fd);
  return -1;
}

/* One byte more than is allowed, so that the parser can refuse it. */
static gboolean
read_all (int fd, GByteArray *out, GError **error)
{
  guint8 buffer[16384];

  while (out->len <= MUSTER_KEYFILE_SIZE_MAX)
    {
      gssize n = read (fd, buffer, sizeof buffer);

      if (n == 0)
        return TRUE;
      if (n < 0 && errno != EINTR)
        {
          g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "cannot be read: %s", g_strerror (errno));
          return FALSE;
        }
      if (n > 0)
        g_byte_array_append (out, buffer, (guint) n);
    }
  return TRUE;
}

static gboolean load_file (Loader *loader, const char *path, const Place *place, GError **error);

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static gboolean
load_directory (Loader *loader, const char *path, const Place *place, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) reason = NULL;
  g_autoptr (GDir) directory = g_dir_open (path, 0, &reason);
  const char *name;

  if (directory == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "cannot be read: %s", reason->message);
      return FALSE;
    }
  while ((name = g_dir_read_name (directory)) != NULL)
    if (*name != '.' && g_str_has_suffix (name, ".conf"))
      g_ptr_array_add (names, g_build_filename (path, name, NULL));
  g_ptr_array_sort (names, compare_names);
  for (guint i = 0; i < names->len; i++)
    {
      g_autoptr (GError) problem = NULL;
      const char *file = g_ptr_array_index (names, i);

      if (!load_file (loader, file, place, &problem))
        muster_problems_add (loader->keyfile->problems, place->file, place->line, "[muster]", "include", "'%s' %s",
                             file, problem->message);
    }
  return TRUE;
}

static void
include (Loader *loader, const MusterKeyfileEntry *entry, const char *element)
{
  const Place place = { entry->file, entry->line };
  g_autofree char *directory = g_path_get_dirname (entry->file);
  g_autofree char *path = g_path_is_absolute (element) || strcmp (directory, ".") == 0
                              ? g_strdup (element)
                              : g_build_filename (directory, element, NULL);
  g_autoptr (GError) problem = NULL;

  if (*element == '\0')
    g_set_error_literal (&problem, G_IO_ERROR, G_IO_ERROR_FAILED, "is empty; expected a file or a directory");
  else if (g_file_test (path, G_FILE_TEST_IS_DIR))
    load_directory (loader, path, &place, &problem);
  else
    load_file (loader, path, &place, &problem);
  if (problem != NULL)
    muster_problems_add (loader->keyfile->problems, entry->file, entry->line, "[muster]", "include", "'%s' %s", path,
                         problem->message);
}

/* What the file just parsed includes: its own entries, which are the last of the group. */
static void
follow_includes (Loader *loader, const char *file)
{
  MusterKeyfileGroup *group = muster_keyfile_find_group (loader->keyfile, "[muster]");
  const MusterKeyfileEntry *entry = group != NULL ? muster_keyfile_group_find (group, "include") : NULL;

  if (entry == NULL || entry->file != file || entry->value == NULL)
    return;
  if (entry->list[0] == NULL)
    include (loader, entry, "");
  for (guint i = 0; entry->list[i] != NULL; i++)
    include (loader, entry, entry->list[i]);
}

/* A file that includes itself, and one that is included twice, are the same mistake. */
static gboolean
check_limits (Loader *loader, const struct stat *status, const Place *place, GError **error)
{
  g_autofree char *identity =
      g_strdup_printf ("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT, (guint64) status->st_dev, (guint64) status->st_ino);
  const char *before = g_hash_table_lookup (loader->seen, identity);

  if (before != NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS, "has been read already, named %s; expected each file once",
                 before);
  else if (loader->depth >= MUSTER_KEYFILE_DEPTH_MAX)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "is included too deep; expected at most %u levels",
                 MUSTER_KEYFILE_DEPTH_MAX);
  else if (loader->keyfile->files->len >= MUSTER_KEYFILE_FILES_MAX)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "is one file too many; expected at most %u",
                 MUSTER_KEYFILE_FILES_MAX);
  else
    {
      g_hash_table_insert (loader->seen, g_steal_pointer (&identity),
                           place->file != NULL ? g_strdup_printf ("at %s:%u", place->file, place->line)
                                               : g_strdup ("on the command line"));
      return TRUE;
    }
  return FALSE;
}

static gboolean
load_file (Loader *loader, const char *path, const Place *place, GError **error)
{
  g_autoptr (GByteArray) data = NULL;
  struct stat status;
  gboolean good;
  int fd = open_file (path, &status, error);

  if (fd < 0)
    return FALSE;
  data = g_byte_array_new ();
  good = check_limits (loader, &status, place, error) && read_all (fd, data, error);
  g_close (fd, NULL);
  if (!good)
    return FALSE;
  muster_keyfile_parse (loader->keyfile, path, data->len > 0 ? (const char *) data->data : "", data->len);
  loader->depth++;
  follow_includes (loader, g_ptr_array_index (loader->keyfile->files, loader->keyfile->files->len - 1));
  loader->depth--;
  return TRUE;
}

void
muster_keyfile_load (MusterKeyfile *keyfile, const char *path)
{
  Loader loader = { .keyfile = keyfile };
  const Place nowhere = { NULL, 0 };
  g_autoptr (GError) error = NULL;

  loader.seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  if (!load_file (&loader, path, &nowhere, &error))
    muster_problems_add (keyfile->problems, path, 0, NULL, NULL, "%s", error->message);
  g_hash_table_unref (loader.seen);
}
