/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "muster-entry.h"

/*
 * MusterJournal: a sender's ring file, behind every hop. DESIGN section 5; the layout is in docs/protocol.md.
 *
 * Many producers (any thread, signal handlers), one reader, in one process; the file outlives them all.
 */
typedef struct _MusterJournal MusterJournal;

#define MUSTER_JOURNAL_HEADER_SIZE 4096
#define MUSTER_JOURNAL_TOKEN_SIZE  32
#define MUSTER_JOURNAL_SIZE_MIN    (64 * 1024 * 4)
#define MUSTER_JOURNAL_SIZE_MAX    ((gsize) 8 << 30)
#define MUSTER_JOURNAL_AREA_MAX    ((gsize) 512 << 20)       /* most of it sparse */
#define MUSTER_JOURNAL_ITEM_MAX    (MUSTER_ENTRY_MAX + 1024) /* an entry, and the origin that may stand before it */

/* Written by the creator, before exec. Strings are cut at their room. */
typedef struct
{
  guint8 stream[MUSTER_STREAM_ID_SIZE];
  guint8 token[MUSTER_JOURNAL_TOKEN_SIZE];
  gint64 start_time_us; /* of the process, CLOCK_REALTIME */
  guint32 pid;          /* 0 until known */
  guint64 start_ticks;  /* of that process, as /proc/PID/stat has it: tells it from a later one with its number */
  gsize area_size;      /* of the metrics area behind the ring, in whole pages; 0: none */
  gboolean is_sparse;   /* the area is not allocated when the file is made: its maker does that */
  char cluster[64];
  char worker[64];
  char group[64];
} MusterJournalIdentity;

typedef enum
{
  MUSTER_JOURNAL_PLAIN = 0,
  MUSTER_JOURNAL_USE_RESERVE = 1 << 0, /* may take the last tenth: error and worse, metrics */
  MUSTER_JOURNAL_NO_WAIT = 1 << 1,     /* never wait for room */
  MUSTER_JOURNAL_FLUSH = 1 << 2,       /* wake the reader at once */
} MusterJournalFlags;

/* Creates the file (O_EXCL, 0600, its whole size allocated); @ring_size is rounded up to a power of two. */
MUSTER_PUBLIC int muster_journal_create_file (const char *path, gsize ring_size, const MusterJournalIdentity *identity,
                                              GError **error);
/* The same in a memfd, for tests and for journals that need not outlive their process. */
int muster_journal_create_memfd (gsize ring_size, const MusterJournalIdentity *identity, GError **error);
/* What a journal of @ring_size takes, with its header, once the ring's size is rounded up. */
MUSTER_PUBLIC gsize muster_journal_get_file_size (gsize ring_size);
/* Records the worker's pid and when it was started, known only after fork. */
gboolean muster_journal_set_pid (int fd, guint32 pid, GError **error);
/* Reads and checks the header's identity, by pread. */
gboolean muster_journal_read_identity (int fd, MusterJournalIdentity *identity, gsize *ring_size, GError **error);

/* Maps the journal for producing and reading; takes @fd over when it succeeds. */
MUSTER_PUBLIC MusterJournal *muster_journal_open (int fd, GError **error);
MusterJournal *muster_journal_ref (MusterJournal *journal);
MUSTER_PUBLIC void muster_journal_unref (MusterJournal *journal);
const MusterJournalIdentity *muster_journal_get_identity (MusterJournal *journal);
MUSTER_PUBLIC gsize muster_journal_get_ring_size (MusterJournal *journal);
int muster_journal_get_fd (MusterJournal *journal);
void muster_journal_set_block_timeout (MusterJournal *journal, gint64 timeout_us); /* 0: never wait */

/* Producers. @bytes is a fragment of a Log with exactly one numbered entry, before which an origin may stand that has
 * only labels (worker, pid): the batch builder completes it. Returns FALSE if it was refused (and counted). */
MUSTER_PUBLIC gboolean muster_journal_append (MusterJournal *journal, const guint8 *bytes, gsize length,
                                              MusterJournalFlags flags);
/* The same; and once the entry has its place, but before anybody can find it there, 1 << 32 | place (mod 2^32) is stored
 * at @mark, which may lie in a file: so whoever reads that after a death knows where to look for the entry. */
gboolean muster_journal_append_marked (MusterJournal *journal, const guint8 *bytes, gsize length,
                                       MusterJournalFlags flags, _Atomic guint64 *mark);
/* Whether an item of @length would find room now; true for as long as nobody else appends. */
gboolean muster_journal_has_room (MusterJournal *journal, gsize length);
guint64 muster_journal_get_drops (MusterJournal *journal); /* refused so far, mod 2^32 */
/* Puts a crash into the header page, over what may be there. One thread at a time; async-signal-safe. */
typedef struct _MusterJournalCrash MusterJournalCrash;
void muster_journal_write_crash (MusterJournal *journal, const MusterJournalCrash *crash);

/* When a process was started, in clock ticks since boot (proc(5), stat, field 22); 0 if it is not there. */
guint64 muster_process_get_start_ticks (guint32 pid);

/* The reader: one thread at a time. */
typedef struct
{
  const guint8 *bytes; /* into the ring; valid until acknowledged */
  gsize length;
  guint64 place;   /* of its numbered entry in the stream, from 1 */
  guint32 drops;   /* refused before it since the journal began, mod 2^32 */
  guint64 refused; /* places right before it that were refused (JOURNAL_FULL) */
  guint64 lost;    /* places right before it that are lost otherwise */
  MusterGapReason lost_reason;
} MusterJournalItem;

typedef enum
{
  MUSTER_JOURNAL_AWAKE = 0,
  MUSTER_JOURNAL_WAKE_ON_ANY = 1,   /* asleep: any entry wakes */
  MUSTER_JOURNAL_WAKE_ON_FLUSH = 2, /* gathering by a timer: FLUSH wakes, and each quarter of the ring that fills */
} MusterJournalWake;

/* An eventfd that becomes readable when what was armed has come. */
int muster_journal_get_event_fd (MusterJournal *journal);
/* Asks to be woken; FALSE if it has come already (then nothing is armed). */
gboolean muster_journal_arm (MusterJournal *journal, MusterJournalWake wake);
gboolean
muster_journal_take_flush (MusterJournal *journal);  /* whether an entry with FLUSH has come since the last call */
void muster_journal_disarm (MusterJournal *journal); /* and clears the eventfd */
MUSTER_PUBLIC gboolean muster_journal_peek (MusterJournal *journal,
                                            MusterJournalItem *item);            /* the next item, not consumed */
MUSTER_PUBLIC void muster_journal_advance (MusterJournal *journal);              /* consumes what peek showed */
MUSTER_PUBLIC guint64 muster_journal_get_read_position (MusterJournal *journal); /* bytes since the start of time */
MUSTER_PUBLIC guint64 muster_journal_get_next_place (MusterJournal *journal); /* of the next item, if none is refused */
guint32 muster_journal_get_next_drops (MusterJournal *journal);               /* refused before the last item read */
gsize muster_journal_get_pending (MusterJournal *journal);                    /* bytes reserved and not yet read */
gboolean muster_journal_is_empty (MusterJournal *journal);                    /* all that was reserved has been read */
MUSTER_PUBLIC void muster_journal_acknowledge (MusterJournal *journal,
                                               guint64 position); /* zeroes, makes room, wakes producers */
/* Goes back to where the reader was: all three as the getters said them there; not before what was acknowledged. */
MUSTER_PUBLIC void muster_journal_rewind (MusterJournal *journal, guint64 position, guint64 place, guint32 drops);

/*
 * A spool: a journal on disk that one process after another goes on with. Private, as all of this, but exported for the
 * transports of this tree; so are the functions above that they need.
 */

/* Goes on with what is between two places in an existing journal: @start is where the first slot is that is not
 * acknowledged, @end where the next one will be written; what is behind is cut off. Positions are in bytes. Nothing has
 * been refused in it, ever. Before anything else is done with it. */
MUSTER_PUBLIC void muster_journal_resume (MusterJournal *journal, guint64 start, guint64 start_place, guint64 end,
                                          guint64 end_place);
/* Bytes that may be appended now, slots' headers included. The producer's thread. */
MUSTER_PUBLIC gsize muster_journal_get_free (MusterJournal *journal);
/* Goes on at the next slot that is whole, where muster_journal_peek() has found none although there must be one. FALSE: no
 * slot that was reserved is. */
MUSTER_PUBLIC gboolean muster_journal_skip_damage (MusterJournal *journal);
/* Makes the kernel write what is between two positions to the disk (again), and the header, at the next sync. The producer's
 * thread. */
MUSTER_PUBLIC void muster_journal_touch (MusterJournal *journal, guint64 start, guint64 end);
/* The reader gives up what is before @position, where @place is next. */
MUSTER_PUBLIC void muster_journal_skip_to (MusterJournal *journal, guint64 position, guint64 place);

/* A dead sender's journal: nothing in it is believed. Items come in order of their places, beginning at @next_place,
 * before which @next_drops had been refused (MUSTER_JOURNAL_DROPS_UNKNOWN: what the slots themselves tell); what is
 * missing between them is shown as in the living journal. @next_place 0: nobody knows; it begins at the first item there
 * is. After the last item the trailing numbers say what is missing behind it. Uses pread only. */
#define MUSTER_JOURNAL_DROPS_UNKNOWN (-1)
typedef struct _MusterJournalScan MusterJournalScan;

MusterJournalScan *muster_journal_scan_new (int fd, const guint8 stream[MUSTER_STREAM_ID_SIZE], gsize ring_size,
                                            guint64 next_place, gint64 next_drops, GError **error);
void muster_journal_scan_free (MusterJournalScan *scan);
/* The place of the next item if nothing is missing before it. */
guint64 muster_journal_scan_get_next_place (const MusterJournalScan *scan);
gboolean muster_journal_scan_next (MusterJournalScan *scan, MusterJournalItem *item);
void muster_journal_scan_get_trailing (MusterJournalScan *scan, guint64 *refused, guint64 *lost,
                                       MusterGapReason *lost_reason);

/* Where the words of whoever drains it begin: behind the last entry of its own. 0: nobody has come that far, or nobody can
 * tell, for it is damaged. A next primary does not say again what of them is stored already. */
guint64 muster_journal_read_drained (int fd, const guint8 stream[MUSTER_STREAM_ID_SIZE]);
void muster_journal_write_drained (int fd, const guint8 stream[MUSTER_STREAM_ID_SIZE], guint64 place);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterJournal, muster_journal_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterJournalScan, muster_journal_scan_free)
