/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The bytes of a journal file, shared by those who write it, read it alive, and scan it dead. docs/protocol.md has the
 * same tables for other languages. All integers are in the machine's order: a journal never leaves its machine.
 */
#pragma once

#include <stdatomic.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "muster-journal-private.h"

#define MUSTER_JOURNAL_MAGIC   "MUSTERJ1"
#define MUSTER_JOURNAL_VERSION 1u

/*
 * The header page.
 *
 *   offset  size  meaning
 *        0     8  magic "MUSTERJ1"
 *        8     4  version
 *       12     4  size of this header
 *       16     8  size of the ring in bytes, a power of two
 *       24     4  pid of the sender, 0 until known
 *       32    16  stream id
 *       48    32  token
 *       80     8  start time, microseconds since the Unix epoch
 *       88   3*64  cluster, worker, group: NUL-terminated UTF-8
 *      280     8  start of the process, in clock ticks since boot
 *      512     8  offset of the metrics area (muster-metrics-area-layout-private.h): behind the ring
 *      520     8  size of it in bytes; 0: there is none
 *     1024     8  reserved: number of the last reservation << 32 | position behind it in units of 8 bytes, mod 2^32
 *     1152     8  acknowledged position in bytes since the start of time
 *     1160     4  counts acknowledgements; producers that wait for room sleep on it (futex)
 *     1164     4  how many producers sleep
 *     1280     4  drops: entries refused so far
 *     1284     4  1 while entries are refused without waiting
 *     1288     4  counts entries with FLUSH
 *     1292     4  drops once more, right after: where the two differ by more than calls can be underway, somebody has
 *                 written over the header
 *     1408     4  what the reader wants to be woken by (MusterJournalWake)
 *     1536     8  written by a primary that drains the journal of a dead sender: the place behind its last entry, where the
 *                 primary's own words about it begin; 0 while nobody has come that far
 *     1544     4  checksum: XXH3, low 32 bits, over the 8 bytes before, seeded with the stream: one that is damaged must not
 *                 keep anybody from draining
 *     2048  2048  what the sender's crash handler found out (MusterJournalCrash), for its end record: also where the
 *                 ring was full
 */

/*
 * A crash, from offset 2048. Written once by the handler: zero to `written`, then the rest, then the checksum, then one to
 * `written`. The primary reads it when the process is dead, and believes nothing (muster-crash-report.c).
 *
 *   offset  size  meaning
 *        0     4  1: written
 *        4     4  checksum: XXH3, low 32 bits, over all that follows, seeded with the stream
 *        8     4  signal
 *       12     4  si_code
 *       16     8  si_addr, where flag 1 is set
 *       24     8  time, nanoseconds since the Unix epoch
 *       32     4  thread (tid)
 *       36     4  pid of the process that sent the signal; 0 if none did
 *       40     2  flags: 1 the address means something; 2 the stack overflowed; 4 the application has a handler of its own
 *       42     2  number of frames
 *       44     2  bytes of modules
 *       46    16  name of the thread, NUL-terminated
 *       62     2  0
 *       64  48*16  frames, innermost first: address (8), module (2; 65535 none), 1 if the address is of the instruction
 *                 itself and not a return address (2), how often the same stood there once more (4). An address counts as
 *                 the module's ELF file does (st_value); without a module it is the one in memory
 *      832  1216  modules, one after another: length of the build id (1; 0 none), build id, path, NUL
 */
#define MUSTER_JOURNAL_CRASH_OFFSET    2048
#define MUSTER_JOURNAL_CRASH_FRAMES    48
#define MUSTER_JOURNAL_CRASH_NO_MODULE G_MAXUINT16

typedef enum
{
  MUSTER_JOURNAL_CRASH_HAS_ADDRESS = 1 << 0,
  MUSTER_JOURNAL_CRASH_STACK_OVERFLOW = 1 << 1,
  MUSTER_JOURNAL_CRASH_CHAINED = 1 << 2,
} MusterJournalCrashFlags;

typedef struct
{
  guint64 address;
  guint16 module;
  guint16 is_exact;
  guint32 repeats;
} MusterJournalCrashFrame;

struct _MusterJournalCrash
{
  _Atomic guint32 written;
  guint32 checksum;
  gint32 signal;
  gint32 code;
  guint64 address;
  guint64 time_ns;
  guint32 thread;
  guint32 sender;
  guint16 flags;
  guint16 n_frames;
  guint16 modules_size;
  char thread_name[16];
  guint16 reserved;
  MusterJournalCrashFrame frames[MUSTER_JOURNAL_CRASH_FRAMES];
  guint8 modules[1216];
};

G_STATIC_ASSERT (G_STRUCT_OFFSET (MusterJournalCrash, thread_name) == 46);
G_STATIC_ASSERT (G_STRUCT_OFFSET (MusterJournalCrash, frames) == 64);
G_STATIC_ASSERT (sizeof (MusterJournalCrash) == MUSTER_JOURNAL_HEADER_SIZE - MUSTER_JOURNAL_CRASH_OFFSET);

typedef struct
{
  char magic[8];
  guint32 version;
  guint32 header_size;
  guint64 ring_size;
  guint32 pid;
  guint32 reserved_0;
  guint8 stream[MUSTER_STREAM_ID_SIZE];
  guint8 token[MUSTER_JOURNAL_TOKEN_SIZE];
  gint64 start_time_us;
  char cluster[64];
  char worker[64];
  char group[64];
  guint64 start_ticks;
  guint8 reserved_1[512 - 288];
  guint64 area_offset;
  guint64 area_size;
  guint8 reserved_2[1024 - 528];

  _Atomic guint64 reserved;
  guint8 line_1[120];
  _Atomic guint64 acknowledged;
  _Atomic guint32 acknowledgements;
  _Atomic guint32 waiters;
  guint8 line_2[112];
  _Atomic guint32 drops;
  _Atomic guint32 refusing;
  _Atomic guint32 flushes;
  _Atomic guint32 drops_again;
  guint8 line_3[112];
  _Atomic guint32 wake;
  guint8 line_4[1536 - 1412];
  guint64 drained;
  guint32 drained_checksum;
  guint8 line_5[MUSTER_JOURNAL_CRASH_OFFSET - 1548];

  MusterJournalCrash crash;
} MusterJournalHeader;

G_STATIC_ASSERT (G_STRUCT_OFFSET (MusterJournalHeader, stream) == 32);
G_STATIC_ASSERT (G_STRUCT_OFFSET (MusterJournalHeader, start_time_us) == 80);
G_STATIC_ASSERT (G_STRUCT_OFFSET (MusterJournalHeader, area_offset) == 512);
G_STATIC_ASSERT (G_STRUCT_OFFSET (MusterJournalHeader, reserved) == 1024);
G_STATIC_ASSERT (G_STRUCT_OFFSET (MusterJournalHeader, acknowledged) == 1152);
G_STATIC_ASSERT (G_STRUCT_OFFSET (MusterJournalHeader, drops) == 1280);
G_STATIC_ASSERT (G_STRUCT_OFFSET (MusterJournalHeader, wake) == 1408);
G_STATIC_ASSERT (G_STRUCT_OFFSET (MusterJournalHeader, drained) == 1536);
G_STATIC_ASSERT (G_STRUCT_OFFSET (MusterJournalHeader, drained_checksum) == 1544);
G_STATIC_ASSERT (G_STRUCT_OFFSET (MusterJournalHeader, crash) == MUSTER_JOURNAL_CRASH_OFFSET);
G_STATIC_ASSERT (sizeof (MusterJournalHeader) == MUSTER_JOURNAL_HEADER_SIZE);
G_STATIC_ASSERT (ATOMIC_LLONG_LOCK_FREE == 2);

/*
 * A slot of the ring, 8-byte aligned: 16 bytes, then the item's bytes.
 *
 *   length > 0   published: so many bytes
 *   length < 0   reserved by a call that has not returned; the bytes to come, negated
 *   length == 0  nothing yet: what is acknowledged is zeroed
 */
typedef struct
{
  _Atomic gint32 length;
  guint32 checksum;
  guint32 number;
  guint32 drops;
} MusterJournalSlot;

G_STATIC_ASSERT (sizeof (MusterJournalSlot) == 16);

static inline guint32
muster_journal_units (gsize length)
{
  return (guint32) ((sizeof (MusterJournalSlot) + length + 7) / 8);
}

/* XXH3 (xxhash 0.8, low 32 bits) over number, drops and bytes, seeded with the stream: a stale lap, or another stream's
 * slot, never looks valid. */
static inline guint32
muster_journal_checksum (const MusterJournalSlot *slot, gsize length, guint64 seed)
{
  return (guint32) XXH3_64bits_withSeed (&slot->number, 8 + length, seed);
}

static inline guint64
muster_journal_seed (const guint8 stream[MUSTER_STREAM_ID_SIZE])
{
  guint64 halves[2];

  memcpy (halves, stream, sizeof halves);
  return halves[0] ^ (halves[1] << 1 | halves[1] >> 63);
}

static inline guint32
muster_journal_drained_checksum (guint64 drained, guint64 seed)
{
  return (guint32) XXH3_64bits_withSeed (&drained, sizeof drained, seed);
}

static inline guint32
muster_journal_crash_checksum (const MusterJournalCrash *crash, guint64 seed)
{
  const gsize start = G_STRUCT_OFFSET (MusterJournalCrash, signal);

  return (guint32) XXH3_64bits_withSeed ((const guint8 *) crash + start, sizeof *crash - start, seed);
}
