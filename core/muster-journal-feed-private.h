/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-batch-builder-private.h"

/*
 * MusterJournalFeed: a living journal as a stream of batches, and what has been sent but not acknowledged.
 *
 * It decides when to send (a full batch at once; what there is after the flush interval; at once for FLUSH), when to
 * sleep, and goes back when asked to. The worker's link and the primary's own journal use the same one. All functions
 * are called in the thread of the context it is attached to.
 */
typedef struct _MusterJournalFeed MusterJournalFeed;

/* Takes a batch (@bytes to be freed with g_free()) and returns TRUE; or FALSE for "not now", and takes nothing: the feed
 * keeps it and offers it again in muster_journal_feed_resume(). */
typedef gboolean (*MusterFeedFunc) (guint8 *bytes, gsize length, guint64 first, guint64 count, guint32 drops,
                                    gpointer user_data);

/* @labels: whose stream it is; its slices must outlive the feed. Disabled until muster_journal_feed_enable(). */
MusterJournalFeed *muster_journal_feed_new (MusterJournal *journal, const MusterOrigin *labels,
                                            gint64 flush_interval_us, GMainContext *context, MusterFeedFunc function,
                                            gpointer user_data);
void muster_journal_feed_free (MusterJournalFeed *feed);
void muster_journal_feed_set_credit (MusterJournalFeed *feed, guint64 bytes);
void muster_journal_feed_enable (MusterJournalFeed *feed, gboolean enabled);
void muster_journal_feed_resume (MusterJournalFeed *feed);
void muster_journal_feed_flush (MusterJournalFeed *feed); /* sends what there is now, whatever the timer says */
/* All before @next is safe with the receiver. */
void muster_journal_feed_acknowledge (MusterJournalFeed *feed, guint64 next);
/* The receiver wants @next again (or what follows it, if that was acknowledged). What is before it has arrived, but is kept
 * until it is acknowledged: the receiver may die before it is safe. */
void muster_journal_feed_rewind (MusterJournalFeed *feed, guint64 next);
guint64 muster_journal_feed_get_lowest (MusterJournalFeed *feed); /* the first that is not acknowledged */
guint64 muster_journal_feed_get_next (MusterJournalFeed *feed);   /* the first that has not been sent */
/* A mark behind all that has been reserved now; and whether all before such a mark is acknowledged. */
guint64 muster_journal_feed_get_mark (MusterJournalFeed *feed);
gboolean muster_journal_feed_is_acknowledged (MusterJournalFeed *feed, guint64 mark);
gboolean muster_journal_feed_is_settled (MusterJournalFeed *feed); /* all that was reserved is acknowledged */
gboolean muster_journal_feed_has_unacknowledged (MusterJournalFeed *feed);
