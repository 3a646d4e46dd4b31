/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Merging what several processes measured. Counts and sums add up, minima and maxima compare; means and sums of squared
 * deviations combine as in Chan, Golub, LeVeque, "Algorithms for Computing the Sample Variance" (1983), formula (2.1).
 * Pure functions.
 */
#include "config.h"

#include <string.h>

#include "muster-metric-kind-private.h"
#include "muster-metric-merge-private.h"
#include "muster-sketch-private.h"

static void
merge_set (Muster__V1__Metric *into, const Muster__V1__Metric *from)
{
  into->value_case = from->value_case;
  if (from->value_case == MUSTER__V1__METRIC__VALUE_TEXT)
    into->text = from->text;
  else
    into->number = from->number;
}

static void
merge_sketches (Muster__V1__Metric *into, const Muster__V1__Metric *from, MusterArena *arena)
{
  Muster__V1__Sketch *merged;

  if (from->count == 0)
    return;
  if (into->count == 0 || into->sketch == NULL || from->sketch == NULL
      || from->count > MUSTER_SKETCH_COUNT_MAX - into->count)
    {
      into->sketch = into->count == 0 ? from->sketch : NULL;
      return;
    }
  merged = muster_arena_alloc (arena, sizeof *merged);
  *merged = *into->sketch;
  muster_sketch_merge (merged, from->sketch, arena);
  into->sketch = merged;
}

static void
merge_samples (Muster__V1__Metric *into, const Muster__V1__Metric *from)
{
  double n_into = (double) into->count;
  double n_from = (double) from->count;
  double delta = from->mean - into->mean;

  if (from->count == 0)
    return;
  if (into->count == 0)
    {
      into->min = from->min;
      into->max = from->max;
      into->mean = from->mean;
      into->m2 = from->m2;
      return;
    }
  into->min = MIN (into->min, from->min);
  into->max = MAX (into->max, from->max);
  into->mean += delta * n_from / (n_into + n_from);
  into->m2 += from->m2 + delta * delta * n_into * n_from / (n_into + n_from);
}

gboolean
muster_metric_can_merge (const Muster__V1__Metric *message)
{
  const MusterMetricKind *kind;

  if (muster_metric_find_type (message) != MUSTER_METRIC_NONE)
    return TRUE;
  kind = muster_metric_kind_find (message->type);
  return kind != NULL && muster_metric_kind_is_valid (kind, &message->state);
}

/* What both measured with a kind that is not known here cannot be told. */
static void
merge_kinds (Muster__V1__Metric *into, const Muster__V1__Metric *from, MusterArena *arena)
{
  if (muster_metric_can_merge (into) && muster_metric_can_merge (from))
    muster_metric_kind_merge (muster_metric_kind_find (into->type), &into->state, &from->state, arena);
  else
    into->state = (ProtobufCBinaryData){ 0, NULL };
  into->count += from->count;
}

void
muster_metric_merge (Muster__V1__Metric *into, const Muster__V1__Metric *from, gboolean is_newer, MusterArena *arena)
{
  MusterMetricType type = muster_metric_find_type (into);

  if (type == MUSTER_METRIC_NONE)
    {
      merge_kinds (into, from, arena);
      return;
    }
  if (type == MUSTER_METRIC_SET && is_newer)
    merge_set (into, from);
  else if (type != MUSTER_METRIC_SET && type != MUSTER_METRIC_INC)
    {
      merge_samples (into, from);
      merge_sketches (into, from, arena);
    }
  into->sum += from->sum;
  into->count += from->count;
}

static guint
metric_hash (gconstpointer metric)
{
  const char *key;
  guint hash = 0;

  for (guint depth = 0; (key = muster_metric_get_key (metric, depth)) != NULL; depth++)
    hash = hash * 31 + g_str_hash (key);
  return hash;
}

static gboolean
metric_equal (gconstpointer a, gconstpointer b)
{
  return muster_metric_compare (a, b) == 0;
}

GHashTable *
muster_metric_index_new (void)
{
  return g_hash_table_new (metric_hash, metric_equal);
}

guint64
muster_metric_index_merge (GHashTable *index, GPtrArray *metrics, Muster__V1__Metric *metric, gboolean is_newer,
                           MusterArena *arena)
{
  Muster__V1__Metric *known = g_hash_table_lookup (index, metric);
  guint64 lost;

  if (known == NULL)
    {
      g_hash_table_add (index, metric);
      if (metrics != NULL)
        g_ptr_array_add (metrics, metric);
      return 0;
    }
  if (strcmp (known->type, metric->type) == 0 && muster_metric_can_merge (known) && muster_metric_can_merge (metric))
    {
      muster_metric_merge (known, metric, is_newer, arena);
      return 0;
    }
  if (!is_newer)
    return metric->count;
  lost = known->count;
  *known = *metric;
  return lost;
}
