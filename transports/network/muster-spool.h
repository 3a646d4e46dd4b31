/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-journal-private.h"

/*
 * MusterSpool: a journal on disk whose entries are whole batches, written by one thread and read by another.
 *
 * The writer appends and publishes; the reader takes what is published, and acknowledges. A primary that comes after a
 * kill goes on where the last one was known to be (MusterSpoolPlace, which the writer keeps elsewhere); without that, as
 * after a boot, it is looked for in the file itself, of which nothing is believed but checksums.
 */
typedef struct _MusterSpool MusterSpool;

/* A place between two entries: position in bytes, number of the entry behind it, from 1. */
typedef struct
{
  guint64 position;
  guint64 number;
} MusterSpoolPlace;

/* What the reader gets. */
typedef struct
{
  const guint8 *bytes; /* into the file; valid until acknowledged */
  gsize length;
  guint64 first;        /* number of the first entry that it stands for: those that are damaged, and then itself */
  guint64 count;        /* of those, at least 1 */
  MusterSpoolPlace end; /* behind it */
} MusterSpoolItem;

#define MUSTER_SPOOL_ENTRY_MAX MUSTER_JOURNAL_ITEM_MAX

/* Opens or makes the file. @end: how far it was committed; NULL where nobody knows. @note, if set, tells what a person
 * should know (to be freed). The caller has made sure that nobody else has it. UNAVAILABLE: no room; FAILED. */
MusterSpool *muster_spool_open (const char *path, gsize size, const MusterSpoolPlace *end, char **note, GError **error);
void muster_spool_free (MusterSpool *spool);
/* Names the numbers: another one where they may have been given to other entries before. 16 bytes. */
const guint8 *muster_spool_get_id (MusterSpool *spool);
gsize muster_spool_get_size (MusterSpool *spool);
/* Gives the numbers another name. The reader's thread. */
gboolean muster_spool_renew_id (MusterSpool *spool, GError **error);

/* -- the writer's thread -- */

gsize muster_spool_get_cost (gsize length); /* what an entry of so many bytes takes */
gsize muster_spool_get_free (MusterSpool *spool);
/* There must be room. Nobody reads it, and the next primary does not know of it, until it is published. */
void muster_spool_append (MusterSpool *spool, gconstpointer bytes, gsize length);
MusterSpoolPlace muster_spool_get_end (MusterSpool *spool); /* behind all that was appended */
/* All that was appended may be read. Wakes the reader. */
void muster_spool_publish (MusterSpool *spool);
/* Waits until what was appended so far survives the machine. After FALSE the next call writes all of it again that no call
 * was TRUE for. */
gboolean muster_spool_sync (MusterSpool *spool, GError **error);

/* -- the reader's thread -- */

/* Readable once something has been published since muster_spool_arm() has returned TRUE. */
int muster_spool_get_event_fd (MusterSpool *spool);
/* FALSE: there is something to be read already. */
gboolean muster_spool_arm (MusterSpool *spool);
/* What is published does not make it readable from now on, nor does what has been; one more time it may, if that is just happening. */
void muster_spool_disarm (MusterSpool *spool);
/* FALSE: all that is published has been read. */
gboolean muster_spool_read (MusterSpool *spool, MusterSpoolItem *item);
/* Goes back to the first that is not acknowledged. */
void muster_spool_rewind (MusterSpool *spool);
/* What is before @place, an end that was read, will not be wanted again. */
void muster_spool_acknowledge (MusterSpool *spool, const MusterSpoolPlace *place);
/* All that was read has been acknowledged, and there is no more: what is damaged behind it need not be kept. It is told with
 * what comes next. */
void muster_spool_settle (MusterSpool *spool);
guint64 muster_spool_get_lowest (MusterSpool *spool); /* number of the first that is not acknowledged */

/* -- any thread -- */

guint64 muster_spool_count_bytes (MusterSpool *spool);   /* not acknowledged */
guint64 muster_spool_count_entries (MusterSpool *spool); /* likewise */
/* How long the oldest of them has been there, about (3 % or 0.1 s); since the opening, for what was there then. */
gint64 muster_spool_get_lag_us (MusterSpool *spool);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterSpool, muster_spool_free)
