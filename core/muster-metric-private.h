/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <math.h>
#include <stdatomic.h>
#include <stdalign.h>

#include <glib.h>

#include "muster.pb-c.h"

/*
 * One metric of one process: what it is called, and what was measured in the interval in progress.
 *
 * `sequence` is a lock and a sequence number in one word. Who updates, copies or renames a metric makes it odd with a
 * compare-and-swap (acquire) and stores the next even number when done (release): so updates of one metric are serial,
 * and whoever finds the word odd in the memory of a dead process knows that the update was torn. All plain members are
 * read and written by the holder alone. `hash` is read by anybody who searches; a match is a guess that the holder
 * confirms by comparing the key, because an idle metric may be given to another key at any moment.
 *
 * The first cache line is all that an update through a handle will touch, and holds no pointer, so that it may lie in
 * a shared file.
 */

#define MUSTER_METRIC_DEPTH_MAX 32    /* elements of a path; a GVariant nests no deeper than 128 (3 for each) */
#define MUSTER_METRIC_KEY_MAX   2048  /* bytes of a path and an id together, each with its NUL */
#define MUSTER_METRIC_TEXT_MAX  16384 /* bytes of a text that is set; the rest is cut */

typedef enum
{
  MUSTER_METRIC_NONE,
  MUSTER_METRIC_SET,
  MUSTER_METRIC_INC,
  MUSTER_METRIC_SAMPLE,
  MUSTER_METRIC_TIMED_SAMPLE,
} MusterMetricType;

typedef struct
{
  guint64 count;
  double sum; /* of a set: the number */
  double min;
  double max;
  double mean;
  double m2;
} MusterMetricValue;

typedef struct
{
  _Atomic guint32 sequence;
  guint8 type; /* MusterMetricType; the first update of an interval decides */
  guint8 is_text;
  _Atomic guint64 hash; /* of the key; 0 where there is none */
  MusterMetricValue value;
} MusterMetricSlot;

G_STATIC_ASSERT (sizeof (MusterMetricSlot) == 64);

typedef struct _MusterMetric MusterMetric;

struct _MusterMetric
{
  alignas (64) MusterMetricSlot slot;
  guint64 *key;       /* owned; the path's elements and the id, each with its NUL, valid UTF-8, zeros up to a word */
  guint32 key_length; /* bytes; 0 where there is no key */
  guint32 n_path;
  char *text; /* owned, nullable; of a set */
  guint32 text_length;
  guint32 text_capacity;
  MusterMetric *next_free; /* under the table's mutex */
};

G_STATIC_ASSERT (sizeof (MusterMetric) == 128);

void muster_metric_wait (MusterMetric *metric);

static inline void
muster_metric_lock (MusterMetric *metric)
{
  guint32 sequence = atomic_load_explicit (&metric->slot.sequence, memory_order_relaxed) & ~1u;

  while (G_UNLIKELY (!atomic_compare_exchange_weak_explicit (&metric->slot.sequence, &sequence, sequence + 1,
                                                             memory_order_acquire, memory_order_relaxed)))
    {
      if (sequence & 1)
        muster_metric_wait (metric);
      sequence &= ~1u;
    }
}

static inline void
muster_metric_unlock (MusterMetric *metric)
{
  guint32 sequence = atomic_load_explicit (&metric->slot.sequence, memory_order_relaxed);

  atomic_store_explicit (&metric->slot.sequence, sequence + 1, memory_order_release);
}

static inline void
muster_metric_value_reset (MusterMetricValue *value)
{
  *value = (MusterMetricValue){ .min = INFINITY, .max = -INFINITY };
}

/* panopticon's StandardDeviation.js and Average.js, in their order of operations. */
static inline void
muster_metric_value_sample (MusterMetricValue *value, double sample)
{
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif
  double delta = sample - value->mean;

  value->count++;
  value->sum += sample;
  value->mean += delta / (double) value->count;
  value->m2 += delta * (sample - value->mean);
  value->min = sample < value->min ? sample : value->min;
  value->max = sample > value->max ? sample : value->max;
}

/* All below: by the holder of the lock. */
void muster_metric_set_number (MusterMetric *metric, double number);
/* @text has @length bytes without a NUL; FALSE if the metric has no room for them. */
gboolean muster_metric_set_text (MusterMetric *metric, const char *text, gsize length);
/* Begins a new interval. With @persist the type stays, and a set's value. */
void muster_metric_reset (MusterMetric *metric, gboolean persist);

/* A metric that was copied while locked, for muster_metric_report() outside of the lock. */
typedef struct
{
  MusterMetricType type;
  const char *text; /* nullable, NUL-terminated */
  MusterMetricValue value;
  const char *key;
  guint32 n_path;
} MusterMetricCopy;

/* As a message that borrows from the copy; @path has room for MUSTER_METRIC_DEPTH_MAX elements. */
void muster_metric_report (const MusterMetricCopy *copy, Muster__V1__Metric *message, char **path);

/* What a metric of a snapshot or dataset says. */
MusterMetricType muster_metric_get_type (const Muster__V1__Metric *message); /* NONE: a kind that is unknown here */
double muster_metric_get_rate (const Muster__V1__Metric *message, double scale_factor, double interval_ms);
double muster_metric_get_average (const Muster__V1__Metric *message); /* NaN without samples */
double muster_metric_get_sigma (const Muster__V1__Metric *message);   /* NaN with less than two samples */
int muster_metric_compare (const Muster__V1__Metric *a, const Muster__V1__Metric *b); /* by path and id, key by key */
const char *muster_metric_get_key (const Muster__V1__Metric *message, guint depth);   /* path, id, then NULL */
/* Whether path and strings are what a metric may have; foreign ones are checked once, when they are decoded. */
gboolean muster_metric_is_valid (const Muster__V1__Metric *message);

/* Appends the message as field @number of another. */
void muster_metric_append (GByteArray *out, guint number, const Muster__V1__Metric *message);
