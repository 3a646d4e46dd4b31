/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-file-marks.h"
#include "muster-spool.h"
#include "muster-transport.h"

/*
 * MusterNetworkLedger: the checkpoint beside a spool: where the spool ends, and where each stream and each other machine's
 * journal stands in it, committed together. Belongs to the transport's thread, but for the marks as of the start.
 */
typedef struct _MusterNetworkLedger MusterNetworkLedger;

/* In the transport's state-dir, under its name. @note, if set, tells what a person should know (to be freed). Borrows
 * @transport. INVALID: it has no state-dir; or what the checkpoint says. */
MusterNetworkLedger *muster_network_ledger_open (MusterTransport *transport, char **note, GError **error);
/* Gives the file back; the marks as of the start can still be asked for. */
void muster_network_ledger_close (MusterNetworkLedger *ledger);
void muster_network_ledger_free (MusterNetworkLedger *ledger);
/* Where a stream stood at the start. Any thread. */
gboolean muster_network_ledger_get_first (MusterNetworkLedger *ledger, const guint8 stream[MUSTER_STREAM_ID_SIZE],
                                          guint64 *next);
/* How far the spool was committed in an earlier life; FALSE if nobody knows. */
gboolean muster_network_ledger_find_end (MusterNetworkLedger *ledger, MusterSpoolPlace *end);
/* Makes room for the spool at @path, once; after muster_network_ledger_find_end(). */
gboolean muster_network_ledger_add_spool (MusterNetworkLedger *ledger, const char *path, GError **error);
/* Tells the transport what has yet to be declared of each stream. */
void muster_network_ledger_restore (MusterNetworkLedger *ledger);

/* Makes room for what one batch changes, before that is said. */
gboolean muster_network_ledger_reserve (MusterNetworkLedger *ledger, GError **error);
void muster_network_ledger_set_stream (MusterNetworkLedger *ledger, const guint8 stream[MUSTER_STREAM_ID_SIZE],
                                       guint64 next, const MusterPendingRuns *pending);
void muster_network_ledger_set_journal (MusterNetworkLedger *ledger, const guint8 journal[MUSTER_STREAM_ID_SIZE],
                                        guint64 next);
void muster_network_ledger_remove_stream (MusterNetworkLedger *ledger, const guint8 stream[MUSTER_STREAM_ID_SIZE]);
/* Copies the id of a stream that should be removed, and is not @but; FALSE if there is none. */
gboolean muster_network_ledger_find_superfluous (MusterNetworkLedger *ledger, const guint8 but[MUSTER_STREAM_ID_SIZE],
                                                 guint8 stream[MUSTER_STREAM_ID_SIZE]);
/* All that was said, and where the spool ends; NULL: where it ended before. */
void muster_network_ledger_commit (MusterNetworkLedger *ledger, const MusterSpoolPlace *end);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterNetworkLedger, muster_network_ledger_free)
