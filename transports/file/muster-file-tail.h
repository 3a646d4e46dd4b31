/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* How a file's content shows where its last whole piece ends. */
typedef enum
{
  MUSTER_FILE_LOG,   /* a muster.v1.Log: entries */
  MUSTER_FILE_LINES, /* text */
  MUSTER_FILE_OTHER, /* nobody can tell */
} MusterFileContent;

/*
 * What a crash left at the end of an existing file: @keep bytes of it are whole. Reads the end of the file only.
 * @unended is set where a text does not end in a newline and has none that it might be cut back to.
 * Returns FALSE with CORRUPT if the file is not what it should be: nothing may be cut then, and nothing be appended.
 */
gboolean muster_file_find_tail (int fd, const char *path, MusterFileContent content, goffset size, goffset *keep,
                                gboolean *unended, GError **error);
