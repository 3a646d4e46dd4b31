/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Intervals with values, in a sorted array: numbers come mostly in order, so that mostly the last one grows.
 */
#include "config.h"

#include "interval-map.h"

struct _MusterIntervalMap
{
  GArray *intervals; /* owned; of MusterInterval */
  guint64 count;
};

MusterIntervalMap *
muster_interval_map_new (void)
{
  MusterIntervalMap *self = g_new0 (MusterIntervalMap, 1);

  self->intervals = g_array_new (FALSE, FALSE, sizeof (MusterInterval));
  return self;
}

void
muster_interval_map_free (MusterIntervalMap *self)
{
  g_array_unref (self->intervals);
  g_free (self);
}

static inline MusterInterval *
interval_at (MusterIntervalMap *self, guint index)
{
  return &g_array_index (self->intervals, MusterInterval, index);
}

/* The first interval that ends at or behind @number. */
static guint
find (MusterIntervalMap *self, guint64 number)
{
  guint low = 0, high = self->intervals->len;

  if (high > 0 && interval_at (self, high - 1)->last < number)
    return high;
  while (low < high)
    {
      guint middle = (low + high) / 2;

      if (interval_at (self, middle)->last < number)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

/* Nothing of @first to @last is there, and its place is @index. Returns the place of what follows it. */
static guint
insert (MusterIntervalMap *self, guint index, guint64 first, guint64 last, guint value)
{
  MusterInterval *before = index > 0 ? interval_at (self, index - 1) : NULL;
  MusterInterval *after = index < self->intervals->len ? interval_at (self, index) : NULL;
  gboolean joins_before = before != NULL && before->last + 1 == first && before->value == value;
  gboolean joins_after = after != NULL && last + 1 == after->first && after->value == value;
  MusterInterval interval = { first, last, value };

  self->count += last - first + 1;
  if (joins_before && joins_after)
    {
      before->last = after->last;
      g_array_remove_index (self->intervals, index);
      return index;
    }
  if (joins_before)
    {
      before->last = last;
      return index;
    }
  if (joins_after)
    after->first = first;
  else
    g_array_insert_val (self->intervals, index, interval);
  return index + 1;
}

guint64
muster_interval_map_add (MusterIntervalMap *self, guint64 first, guint64 last, guint value)
{
  guint64 before = self->count;
  guint64 length = last - first + 1;
  guint index = find (self, first);

  while (index < self->intervals->len && interval_at (self, index)->first <= last)
    {
      MusterInterval there = *interval_at (self, index);

      if (first < there.first)
        index = insert (self, index, first, there.first - 1, value);
      else
        index++;
      if (there.last >= last)
        return length - (self->count - before);
      first = MAX (first, there.last + 1);
      index = find (self, first);
    }
  insert (self, index, first, last, value);
  return length - (self->count - before);
}

guint
muster_interval_map_get_length (MusterIntervalMap *self)
{
  return self->intervals->len;
}

const MusterInterval *
muster_interval_map_get (MusterIntervalMap *self, guint index)
{
  return interval_at (self, index);
}

guint64
muster_interval_map_count (MusterIntervalMap *self)
{
  return self->count;
}
