/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Temporary directories with links to mock modules, for tests of what loads them.
 */
#pragma once

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <glib.h>
#include <glib/gstdio.h>

typedef struct
{
  char *path;       /* owned */
  GPtrArray *files; /* owned, of char *: paths, in the order in which they were made */
} MockDirectory;

static inline void
mock_directory_init (MockDirectory *directory)
{
  directory->path = g_dir_make_tmp ("muster-plugins-XXXXXX", NULL);
  g_assert_nonnull (directory->path);
  directory->files = g_ptr_array_new_with_free_func (g_free);
}

static inline void
mock_directory_clear (MockDirectory *directory)
{
  for (guint i = directory->files->len; i > 0; i--)
    g_assert_cmpint (g_remove (g_ptr_array_index (directory->files, i - 1)), ==, 0);
  g_assert_cmpint (g_rmdir (directory->path), ==, 0);
  g_ptr_array_unref (directory->files);
  g_free (directory->path);
}

/* Makes the path of a file in the directory, which will be removed. */
static inline const char *
mock_directory_path (MockDirectory *directory, const char *name)
{
  char *path = g_build_filename (directory->path, name, NULL);

  g_ptr_array_add (directory->files, path);
  return path;
}

static inline char *
mock_module_path (const char *module)
{
  g_autofree char *file = g_strconcat (module, ".so", NULL);

  return g_build_filename (g_getenv ("MUSTER_MOCKS"), file, NULL);
}

/* The mock @module under the file name @name. */
static inline void
mock_directory_link (MockDirectory *directory, const char *module, const char *name)
{
  g_autofree char *target = mock_module_path (module);

  g_assert_cmpint (symlink (target, mock_directory_path (directory, name)), ==, 0);
}

static inline const char *
mock_directory_write (MockDirectory *directory, const char *name, const char *data, gssize size)
{
  const char *path = mock_directory_path (directory, name);

  g_assert_true (g_file_set_contents (path, data, size, NULL));
  return path;
}
