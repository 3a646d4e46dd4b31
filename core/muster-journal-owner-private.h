/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-journal-private.h"

#include <sys/types.h>

/* The process that a journal of an earlier primary names, if it is still that one: a pidfd, the caller's, or -1. The worker
 * could write what it likes into that header: so it must have the journal open, or be of @user, who could do it no more
 * harm than the worker itself; (uid_t) -1: nobody is. */
int muster_journal_owner_open (const MusterJournalIdentity *identity, int journal_fd, uid_t user);
/* SIGKILL. Takes @pidfd over; returns when the process has ended, or after a second. */
void muster_journal_owner_kill (int pidfd);
/* Ends (SIGKILL) every process that has the file mapped for writing, and waits for that; returns how many. For journals
 * whose header does not tell whether its worker lives. */
guint muster_journal_owner_end_writers (int fd);
