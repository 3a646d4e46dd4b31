/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Takes an exclusive flock(2). Waits a little (0.1 s) for a process that has just been killed: what it had forked and not
 * executed yet still holds its locks. Returns 0, EWOULDBLOCK if somebody has it, or another errno. */
int muster_file_lock (int fd);
