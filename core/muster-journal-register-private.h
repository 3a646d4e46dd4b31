/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-journal-private.h"

/*
 * The directory of journals as the register of workers: a file's name says whose it is, "web-1-STREAM.journal", and only
 * a primary gives names. So what a worker, or somebody else, has done to the file itself does not hide whose words are
 * missing.
 *
 * The journals of sources are among them: "source:NAME-STREAM.journal". A colon is in no worker's name.
 */

/* What stands for the group where a journal is a source's. */
#define MUSTER_JOURNAL_SOURCE_GROUP "source:"

gboolean muster_journal_register_is_primary (const MusterJournalIdentity *identity);
gboolean muster_journal_register_is_source (const MusterJournalIdentity *identity);
/* Whether its entries bring labels of their own: the primary's has the lines of its workers, a source's what others sent. */
gboolean muster_journal_register_has_labels (const MusterJournalIdentity *identity);
/* The name of the file (full), and a stream as it stands there. */
char *muster_journal_register_make_name (const MusterJournalIdentity *identity);
char *muster_journal_register_format_stream (const guint8 stream[MUSTER_STREAM_ID_SIZE]);

/* Reads whose journal the file @name is: stream, worker and group by its name, the rest by its header. Where that cannot be
 * read, *@damage (full) says why, and @identity is without a process. FALSE: the name is none of a journal. */
gboolean muster_journal_register_read (int fd, const char *name, const char *cluster, MusterJournalIdentity *identity,
                                       gsize *ring_size, char **damage, GError **error);
