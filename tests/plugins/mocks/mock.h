/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "muster-plugin.h"

/* A file in the directory MUSTER_MOCK_MARKS, for a test in another process. */
static inline void
mock_mark_file (const char *name)
{
  const char *directory = getenv ("MUSTER_MOCK_MARKS");
  char path[4096];

  if (directory == NULL)
    return;
  snprintf (path, sizeof path, "%s/%s", directory, name);
  close (open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

/* Leaves a mark when the module's code runs: MUSTER_MOCK_RAN_NAME in the environment, and a file. */
#define MOCK_MARK(name)                                                                                                \
  __attribute__ ((constructor)) static void mock_mark (void)                                                           \
  {                                                                                                                    \
    setenv ("MUSTER_MOCK_RAN_" name, "1", 1);                                                                          \
    mock_mark_file (name);                                                                                             \
  }
