/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config.h"

#include "muster-macros.h"

/*
 * Named points at which a process may be told to kill itself, so that a test can show what is left then.
 *
 *   MUSTER_FAULT ("file.write.before");
 *
 * is nothing at all, unless the build has -Dfault-injection=true. There the variable MUSTER_FAULT=NAME[:N] makes the
 * process end by SIGKILL when it passes that point for the Nth time (the first, without N), whatever thread does. Safe in
 * a signal handler. The names, in the order in which they are passed:
 *
 *   journal.reserve.before  journal.reserve.after  journal.publish.before  journal.publish.after
 *   link.send.before  link.send.after  receiver.accept  receiver.ack.before  receiver.ack.after
 *   spawn.before  spawn.forked  spawn.known  adopt.before  adopt.after
 *   worker.end.before  worker.end.stored  receiver.drain.before  receiver.drain.after
 *   journal.unlink.before  journal.unlink.after
 *   file.rotate.before-rename  file.rotate.after-rename  file.rotate.after-create  file.reopen
 *   file.write.before  file.write.after
 *   file.checkpoint.before  file.checkpoint.between  file.checkpoint.after  file.checkpoint.applying
 *   file.checkpoint.applied  file.checkpoint.replace
 *   network.append.before  network.append.after  network.commit.after  network.send.before  network.send.after
 *   network.acknowledge.before  network.acknowledge.after  network.push.before  network.ack.before  network.ack.after
 */
#ifdef MUSTER_FAULT_INJECTION
MUSTER_PUBLIC void muster_fault_pass (const char *name);
#define MUSTER_FAULT(name) muster_fault_pass (name)
#else
#define MUSTER_FAULT(name)                                                                                             \
  do                                                                                                                   \
    {                                                                                                                  \
    }                                                                                                                  \
  while (0)
#endif
