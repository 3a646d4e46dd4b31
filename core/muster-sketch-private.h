/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <string.h>

#include <glib.h>

#include "muster-arena-private.h"
#include "muster.pb-c.h"

/*
 * Sketches as messages: how samples are distributed, with a relative error of 1 %. DDSketch (Masson, Rim, Lee: "DDSketch: A
 * Fast and Fully-Mergeable Quantile Sketch with Relative-Error Guarantees", VLDB 2019) with a cubic polynomial in place
 * of the logarithm. 35 bins for each power of two: with these coefficients 35 * log2 (x) is missed by so little, and
 * rises nowhere slower than 50 * ln (x); so a bin's ends differ by no more than a factor of e^0.02, and what is in the
 * middle of it is within tanh (0.01) = 0.99997 % of all in it.
 *
 * A bin's samples are those whose magnitude has its index. At most MUSTER_SKETCH_BINS_MAX bins are kept for each sign, those
 * of the highest one's block of 64 and of the 31 blocks below: what would lie further below counts in the lowest of them
 * (where magnitudes differ by more than 2^56). What is kept is thus a function of the samples alone, in whatever order
 * they came and were merged.
 */
#define MUSTER_SKETCH_BINS_MAX      2048u
#define MUSTER_SKETCH_INDEX_MIN     (-1022 * 35)
#define MUSTER_SKETCH_INDEX_MAX     (1024 * 35)                    /* the last one, if it rounds up */
#define MUSTER_SKETCH_COUNT_MAX     (G_GUINT64_CONSTANT (1) << 62) /* samples of a sketch; what has more has none */
#define MUSTER_SKETCH_MAGNITUDE_MIN 0x1p-1022                      /* less counts as zero */

/* The lowest bin that is kept beside @highest. */
static inline gint32
muster_sketch_get_lowest (gint32 highest)
{
  return (highest & ~63) - (gint32) MUSTER_SKETCH_BINS_MAX + 64;
}

/* The bin of a magnitude that is finite and not less than MUSTER_SKETCH_MAGNITUDE_MIN. */
static inline gint32
muster_sketch_get_index (double magnitude)
{
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif
  guint64 bits;
  guint64 mantissa;
  double s;

  memcpy (&bits, &magnitude, sizeof bits);
  mantissa = (bits & G_GUINT64_CONSTANT (0xFFFFFFFFFFFFF)) | G_GUINT64_CONSTANT (0x3FF0000000000000);
  memcpy (&s, &mantissa, sizeof s);
  s -= 1;
  return ((gint32) (bits >> 52) - 1023) * 35 + (gint32) (((6 * s - 21) * s + 50) * s);
}

/* The least magnitude of a bin, and what stands for all in it. */
double muster_sketch_get_bound (gint32 index);
double muster_sketch_get_middle (gint32 index);

/* How many samples it is of; FALSE if it is not as data/muster.proto says. */
gboolean muster_sketch_get_count (const Muster__V1__Sketch *sketch, guint64 *count);
/* Whether it is a sketch of @count samples. */
gboolean muster_sketch_is_valid (const Muster__V1__Sketch *sketch, guint64 count);

/* Adds the samples of @from, as if @into had counted them itself. What @into refers to afterwards lies in @arena; what
 * it referred to before is left as it is. Both are valid, of together no more than MUSTER_SKETCH_COUNT_MAX samples. */
void muster_sketch_merge (Muster__V1__Sketch *into, const Muster__V1__Sketch *from, MusterArena *arena);

/* The sample at place @rank (from 0, in ascending order): within 1 %. */
double muster_sketch_get_sample (const Muster__V1__Sketch *sketch, guint64 rank);

/* Counts of bins as bytes: @n of them, of which the first and the last are not empty. @out has room for
 * MUSTER_SKETCH_BYTES_MAX; returns what is behind them. */
#define MUSTER_SKETCH_BYTES_MAX (MUSTER_SKETCH_BINS_MAX * 9)
guint8 *muster_sketch_put_bins (guint8 *out, const guint64 *counts, guint n);
