/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdalign.h>
#include <stdatomic.h>

#include "muster-metric-kind-private.h"
#include "muster-metric-private.h"
#include "muster-sketch-live-private.h"

/*
 * One metric of one process: what it is called, and what was measured in the interval in progress.
 *
 * It may lie in a file that outlives its process (muster-metrics-area-private.h), so it is whole at every instruction:
 * there are two values, of which one counts, and an update writes the other one. `sequence` is a lock and tells which:
 *
 *   bit 0  somebody updates, copies or renames the metric: odd while it is locked
 *   bit 1  which of the two values counts
 *
 * Who wants to change a metric makes the word odd with a compare-and-swap (acquire), and stores the number after that
 * when done (release), which makes the other value count; or goes back to the number before, if nothing has changed. So
 * updates of one metric are serial, and an update that death has torn was never made. All plain members are read and
 * written by the holder alone. `hash` is read by anybody who searches; a match is a guess that the holder confirms by
 * comparing the key, because an idle metric may be given to another key at any moment. The sketch of samples is not there
 * twice: muster-sketch-live-private.h says how it is whole.
 *
 * The first cache line is most of what an update through a handle will touch. Pointers mean something to the process
 * alone; who reads the file checks what they say, against the address at which the area lay.
 */

typedef struct
{
  guint64 count;
  double sum; /* of a set: the number */
  double min;
  double max;
  double mean;
  double m2;
} MusterMetricValue;

/* What a set has as text. */
typedef struct
{
  guint32 capacity; /* bytes behind this, the NUL's too */
  guint32 length;
  char bytes[];
} MusterMetricText;

/* What a metric of a registered kind has: two states, of which one counts as with values, then the kind's name and a NUL. */
typedef struct
{
  guint64 kind;        /* address of the MusterMetricKind; the process's own */
  guint32 size;        /* of a state, in whole words */
  guint32 state_size;  /* of these, what the kind uses */
  guint32 name_length; /* without the NUL */
  guint32 reserved;
  guint64 words[];
} MusterMetricState;

typedef struct
{
  alignas (64) _Atomic guint32 sequence;
  guint8 type;          /* MusterMetricType; the first update of an interval decides */
  guint8 is_text;       /* of a set */
  guint16 key_length;   /* bytes; 0 where there is no key */
  _Atomic guint64 hash; /* of the key; 0 where there is none */
  MusterMetricValue values[2];
  guint64 key;  /* address of the path's elements and the id, each with its NUL, valid UTF-8, zeros up to a word */
  guint64 text; /* address of a MusterMetricText, 0 if it never had one */
  MusterSketchLive sketch; /* of samples */
  guint64 state;           /* address of a MusterMetricState, 0 if it never had one */
  guint8 is_pinned;        /* somebody has a handle: it keeps its key for good */
  guint8 reserved[23];
} MusterMetricSlot;

G_STATIC_ASSERT (sizeof (MusterMetricText) == 8);
G_STATIC_ASSERT (sizeof (MusterMetricState) == 24);
G_STATIC_ASSERT (sizeof (MusterMetricSlot) == 192);
G_STATIC_ASSERT (G_STRUCT_OFFSET (MusterMetricSlot, values) == 16);
G_STATIC_ASSERT (G_STRUCT_OFFSET (MusterMetricSlot, key) == 112);
G_STATIC_ASSERT (G_STRUCT_OFFSET (MusterMetricSlot, sketch) == 128);

void muster_metric_slot_wait (MusterMetricSlot *metric);

/* Returns the value that counts. (From what the word was before: so its address is known before the swap is done.) */
static inline const MusterMetricValue *
muster_metric_slot_lock (MusterMetricSlot *metric)
{
  guint32 sequence = atomic_load_explicit (&metric->sequence, memory_order_relaxed) & ~1u;

  while (G_UNLIKELY (!atomic_compare_exchange_weak_explicit (&metric->sequence, &sequence, sequence + 1,
                                                             memory_order_acquire, memory_order_relaxed)))
    {
      if (sequence & 1)
        muster_metric_slot_wait (metric);
      sequence &= ~1u;
    }
  return &metric->values[sequence >> 1 & 1];
}

/* Nothing has changed. */
static inline void
muster_metric_slot_unlock (MusterMetricSlot *metric)
{
  guint32 sequence = atomic_load_explicit (&metric->sequence, memory_order_relaxed);

  atomic_store_explicit (&metric->sequence, sequence - 1, memory_order_release);
}

/* The next value counts from now on. */
static inline void
muster_metric_slot_commit (MusterMetricSlot *metric)
{
  guint32 sequence = atomic_load_explicit (&metric->sequence, memory_order_relaxed);

  atomic_store_explicit (&metric->sequence, sequence + 1, memory_order_release);
}

/* The value that counts, and the one to be written; by the holder of the lock. */
static inline const MusterMetricValue *
muster_metric_slot_get_value (const MusterMetricSlot *metric)
{
  return &metric->values[atomic_load_explicit (&metric->sequence, memory_order_relaxed) >> 1 & 1];
}

static inline MusterMetricValue *
muster_metric_slot_get_other_value (MusterMetricSlot *metric, const MusterMetricValue *value)
{
  return &metric->values[value == metric->values];
}

static inline gboolean
muster_metric_slot_may_be (const MusterMetricSlot *metric, MusterMetricType type)
{
  return metric->type == type || metric->type == MUSTER_METRIC_NONE;
}

/* As muster_metric_slot_lock(), if it is of that type, or of none yet in this interval; else NULL, without the lock. */
static inline const MusterMetricValue *
muster_metric_slot_lock_as (MusterMetricSlot *metric, MusterMetricType type)
{
  const MusterMetricValue *value = muster_metric_slot_lock (metric);

  if (G_LIKELY (muster_metric_slot_may_be (metric, type)))
    return value;
  muster_metric_slot_unlock (metric);
  return NULL;
}

static inline const guint64 *
muster_metric_slot_get_words (const MusterMetricSlot *metric)
{
  return (const guint64 *) (guintptr) metric->key;
}

static inline MusterMetricText *
muster_metric_slot_get_text (const MusterMetricSlot *metric)
{
  return (MusterMetricText *) (guintptr) metric->text;
}

static inline MusterMetricState *
muster_metric_slot_get_state (const MusterMetricSlot *metric)
{
  return (MusterMetricState *) (guintptr) metric->state;
}

static inline guint64 *
muster_metric_state_at (MusterMetricState *state, guint i)
{
  return state->words + i * (state->size / sizeof (guint64));
}

static inline gsize
muster_metric_state_get_block_size (const MusterMetricState *state)
{
  return sizeof *state + 2 * (gsize) state->size + state->name_length + 1;
}

static inline void
muster_metric_value_reset (MusterMetricValue *value)
{
  *value = (MusterMetricValue){ .min = INFINITY, .max = -INFINITY };
}

/* panopticon's StandardDeviation.js and Average.js, in their order of operations. */
static inline void
muster_metric_value_sample (MusterMetricValue *next, const MusterMetricValue *value, double sample)
{
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif
  double delta = sample - value->mean;
  guint64 count = value->count + 1;
  double mean = value->mean + delta / (double) count;

  next->count = count;
  next->sum = value->sum + sample;
  next->min = sample < value->min ? sample : value->min;
  next->max = sample > value->max ? sample : value->max;
  next->mean = mean;
  next->m2 = value->m2 + delta * (sample - mean);
}

/* All of these: by the holder of the lock, who commits. @value is the one that counts. */
static inline void
muster_metric_slot_inc (MusterMetricSlot *metric, const MusterMetricValue *value, double n)
{
  MusterMetricValue *next = muster_metric_slot_get_other_value (metric, value);

  metric->type = MUSTER_METRIC_INC;
  next->count = value->count + 1;
  next->sum = value->sum + (isfinite (n) ? n : 1);
}

static inline void
muster_metric_slot_sample (MusterMetricSlot *metric, const MusterMetricValue *value, MusterMetricType type,
                           MusterSketchArena *sketches, double sample)
{
  metric->type = (guint8) type;
  muster_sketch_live_add (&metric->sketch, sketches, sample);
  muster_metric_value_sample (muster_metric_slot_get_other_value (metric, value), value, sample);
}

/* A time in ms / @scale_factor. Split as process.hrtime() does, or the last digit is another one. */
static inline double
muster_metric_scale_time (gint64 elapsed_ns, double scale_factor)
{
  gint64 seconds = elapsed_ns / G_GINT64_CONSTANT (1000000000);
  gint64 rest = elapsed_ns % G_GINT64_CONSTANT (1000000000);

  if (rest < 0)
    {
      seconds--;
      rest += G_GINT64_CONSTANT (1000000000);
    }
  return ((double) seconds + (double) rest / 1e9) * 1000 / scale_factor;
}

/* FALSE (nothing has changed) if it has no state of that kind. */
gboolean muster_metric_slot_update (MusterMetricSlot *metric, const MusterMetricKind *kind, double value);
void muster_metric_slot_set_number (MusterMetricSlot *metric, double number);
/* @text has @length bytes without a NUL; FALSE (nothing has changed) if the metric has no room for them. */
gboolean muster_metric_slot_set_text (MusterMetricSlot *metric, const char *text, gsize length);
/* Begins a new interval. With @persist the type stays, and a set's value. */
void muster_metric_slot_reset (MusterMetricSlot *metric, gboolean persist, MusterSketchArena *sketches);

/* A metric as muster_metric_report() wants it. */
typedef struct
{
  MusterMetricType type;
  const char *text; /* nullable, NUL-terminated; of a set */
  const MusterMetricValue *value;
  Muster__V1__Sketch *sketch; /* nullable; of samples */
  const char *kind;           /* of a registered kind: its name and state */
  const guint8 *state;
  guint32 state_size;
  const char *key;
  guint32 key_length;
} MusterMetricView;

/* What messages borrow from while they are made: 37 KiB. */
typedef struct
{
  char *path[MUSTER_METRIC_DEPTH_MAX];
  Muster__V1__Sketch sketch;
  MusterSketchBytes bytes;
} MusterMetricScratch;

/* By the holder of the lock, as long as it is held. */
void muster_metric_slot_view (const MusterMetricSlot *metric, MusterMetricView *view, MusterMetricScratch *scratch);

/* As a message that borrows from the view. */
void muster_metric_report (const MusterMetricView *view, Muster__V1__Metric *message, MusterMetricScratch *scratch);
