/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * For tests that run the command: its runtime directory is theirs, and goes with them.
 */
#pragma once

#include <glib/gstdio.h>

#include "run-muster.h"

static inline void
remove_tree (const char *path)
{
  GDir *directory = g_file_test (path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open (path, 0, NULL);
  const char *name;

  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      remove_tree (child);
    }
  g_clear_pointer (&directory, g_dir_close);
  g_remove (path);
}

/* A directory for the command's files, and one for its sockets below. */
static inline void
tree_set_up (Muster *fixture, gconstpointer data)
{
  muster_set_up (fixture, data);
  g_setenv ("XDG_RUNTIME_DIR", muster_path (fixture, "run"), TRUE);
  g_unsetenv ("RUNTIME_DIRECTORY");
}

static inline void
tree_tear_down (Muster *fixture, gconstpointer data)
{
  remove_tree (muster_path (fixture, "run"));
  muster_tear_down (fixture, data);
}

/* All of a file that the command left. */
static inline GBytes *
tree_read (Muster *fixture, const char *name)
{
  g_autoptr (GError) error = NULL;
  char *content = NULL;
  gsize length;

  g_file_get_contents (muster_path (fixture, name), &content, &length, &error);
  g_assert_no_error (error);
  return g_bytes_new_take (content, length);
}
