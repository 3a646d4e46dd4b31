/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The page that the harness owns and the workers count in: a file, mapped by all. It outlives every one of them, so what
 * it says of a process that was killed is what that process had done. chaos.py has the same offsets.
 *
 * Every life of a worker has a slot, every thread of it a lane. A lane belongs to that thread alone:
 *
 *   begun = N          before the log call of record N
 *   returned = N       after it, with release order
 */
#pragma once

#include <stdatomic.h>
#include <string.h>

#include <glib.h>

#define CHAOS_MAGIC "CHAOS001"
#define CHAOS_LIVES 2048
#define CHAOS_LANES 8

typedef struct
{
  _Atomic guint64 begun;
  _Atomic guint64 returned;
  _Atomic guint64 late;       /* calls that took longer than allowed */
  _Atomic guint64 longest_ns; /* the longest call */
  guint64 spare[4];
} ChaosLane;

typedef struct
{
  _Atomic guint32 pid;     /* set first */
  _Atomic guint32 ready;   /* connected, about to log */
  guint32 n_lanes;         /* what of the lanes is used */
  _Atomic guint32 forked;  /* children that logged and ended by themselves */
  char fault[64];          /* by the harness, before: where this life shall end (MUSTER_FAULT), or nothing */
  _Atomic guint32 printed; /* lines written to stdout */
  _Atomic guint32 hung;    /* children that had to be killed */
  guint32 spare[10];
  ChaosLane lanes[CHAOS_LANES];
} ChaosLife;

typedef struct
{
  char magic[8];
  _Atomic guint32 n_lives; /* taken so far */
  _Atomic guint32 quiet;   /* nobody shall log */
  _Atomic guint32 go;      /* what each thread may log at most, 0: no limit */
  guint32 spare[59];
  ChaosLife lives[CHAOS_LIVES];
} ChaosPage;

G_STATIC_ASSERT (sizeof (ChaosLane) == 64);
G_STATIC_ASSERT (G_STRUCT_OFFSET (ChaosLife, lanes) == 128);
G_STATIC_ASSERT (G_STRUCT_OFFSET (ChaosPage, lives) == 256);

/* Record @number of a lane: mostly about 100 bytes, some longer, a few very long. */
static inline gsize
chaos_message_length (guint64 number)
{
  return number % 1999 == 0 ? 9000 : number % 61 == 0 ? 700 : 100;
}

static inline gboolean
chaos_message_is_error (guint64 number)
{
  return number % 1009 == 0;
}
