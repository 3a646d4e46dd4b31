/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An fdatasync(2) of the test's own, which takes the C library's place in a program that has the sources linked in: it does
 * what Linux does when a disk fails, on demand. The pages are clean afterwards, and the call has failed.
 */
#pragma once

#include <errno.h>
#include <glib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int sync_fails;           /* atomic */
static int sync_count;           /* atomic; calls so far */
static void (*sync_look) (void); /* called before each */

int
fdatasync (int fd)
{
  int result;

  g_atomic_int_inc (&sync_count);
  if (sync_look != NULL)
    sync_look ();
  result = (int) syscall (SYS_fdatasync, fd);
  if (!g_atomic_int_get (&sync_fails))
    return result;
  errno = EIO;
  return -1;
}
