/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One process at a time has a file. Any thread.
 */
#include "config.h"

#include "muster-file-lock.h"

#include <errno.h>
#include <glib.h>
#include <sys/file.h>

#define LOCK_ATTEMPTS 50
#define LOCK_DELAY_US 2000

int
muster_file_lock (int fd)
{
  for (guint i = 0;; i++)
    {
      if (flock (fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
      if (errno != EINTR && (errno != EWOULDBLOCK || i >= LOCK_ATTEMPTS))
        return errno;
      if (errno == EWOULDBLOCK)
        g_usleep (LOCK_DELAY_US);
    }
}
