/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One metric of this process: update, reset, report. Numbers are panopticon 0.3.0's, to the digit: the order of operations
 * matters. Any thread, by the holder of the slot's lock.
 */
#include "config.h"

#include <sched.h>
#include <string.h>

#include "muster-metric-slot-private.h"

/* Waits until the lock may be free: the holder is in the middle of some ten instructions, unless it was suspended
 * there. */
void
muster_metric_slot_wait (MusterMetricSlot *metric)
{
  for (guint i = 0; atomic_load_explicit (&metric->sequence, memory_order_relaxed) & 1; i++)
    {
      if (i < 64)
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause ();
#else
        atomic_signal_fence (memory_order_seq_cst);
#endif
      else if (i < 1024)
        sched_yield ();
      else
        g_usleep (50);
    }
}

void
muster_metric_slot_set_number (MusterMetricSlot *metric, double number)
{
  const MusterMetricValue *value = muster_metric_slot_get_value (metric);
  MusterMetricValue *next = muster_metric_slot_get_other_value (metric, value);

  next->count = value->count + 1;
  next->sum = number;
  metric->type = MUSTER_METRIC_SET;
  metric->is_text = FALSE;
}

gboolean
muster_metric_slot_set_text (MusterMetricSlot *metric, const char *text, gsize length)
{
  MusterMetricText *own = muster_metric_slot_get_text (metric);
  const MusterMetricValue *value = muster_metric_slot_get_value (metric);

  if (own == NULL || length >= own->capacity)
    return FALSE;
  memcpy (own->bytes, text, length);
  own->bytes[length] = '\0';
  own->length = (guint32) length;
  metric->is_text = TRUE;
  muster_metric_slot_get_other_value (metric, value)->count = value->count + 1;
  return TRUE;
}

gboolean
muster_metric_slot_update (MusterMetricSlot *metric, const MusterMetricKind *kind, double number)
{
  MusterMetricState *state = muster_metric_slot_get_state (metric);
  const MusterMetricValue *value = muster_metric_slot_get_value (metric);
  guint now = value != metric->values;
  guint64 *next;

  if (state == NULL || state->kind != (guint64) (guintptr) kind)
    return FALSE;
  next = muster_metric_state_at (state, !now);
  memcpy (next, muster_metric_state_at (state, now), state->size);
  kind->update (next, number);
  metric->values[!now].count = value->count + 1;
  metric->type = MUSTER_METRIC_CUSTOM;
  return TRUE;
}

/* The state that will count next is one without updates. */
static void
reset_state (MusterMetricSlot *metric)
{
  MusterMetricState *state = muster_metric_slot_get_state (metric);
  guint next = muster_metric_slot_get_value (metric) == metric->values;

  if (state != NULL)
    muster_metric_kind_reset ((const MusterMetricKind *) (guintptr) state->kind, muster_metric_state_at (state, next));
}

static gboolean
has_samples (MusterMetricType type)
{
  return type == MUSTER_METRIC_SAMPLE || type == MUSTER_METRIC_TIMED_SAMPLE;
}

void
muster_metric_slot_reset (MusterMetricSlot *metric, gboolean persist, MusterSketchArena *sketches)
{
  const MusterMetricValue *value = muster_metric_slot_get_value (metric);
  MusterMetricValue *next = muster_metric_slot_get_other_value (metric, value);

  muster_metric_value_reset (next);
  if (has_samples ((MusterMetricType) metric->type))
    muster_sketch_live_reset (&metric->sketch, sketches);
  reset_state (metric);
  if (!persist)
    {
      metric->type = MUSTER_METRIC_NONE;
      metric->is_text = FALSE;
    }
  else if (metric->type == MUSTER_METRIC_SET)
    next->sum = value->sum;
}

static void
view_state (const MusterMetricSlot *metric, MusterMetricView *view)
{
  MusterMetricState *state = muster_metric_slot_get_state (metric);

  view->kind = (const char *) muster_metric_state_at (state, 2);
  view->state = (const guint8 *) muster_metric_state_at (state, view->value != metric->values);
  view->state_size = state->state_size;
}

void
muster_metric_slot_view (const MusterMetricSlot *metric, MusterMetricView *view, MusterMetricScratch *scratch)
{
  MusterMetricType type = (MusterMetricType) metric->type;

  *view = (MusterMetricView){
    .type = type,
    .text = type == MUSTER_METRIC_SET && metric->is_text ? muster_metric_slot_get_text (metric)->bytes : NULL,
    .value = muster_metric_slot_get_value (metric),
    .key = (const char *) muster_metric_slot_get_words (metric),
    .key_length = metric->key_length,
  };
  if (has_samples (type) && view->value->count > 0
      && muster_sketch_live_report (&metric->sketch, &scratch->sketch, &scratch->bytes))
    view->sketch = &scratch->sketch;
  if (type == MUSTER_METRIC_CUSTOM)
    view_state (metric, view);
}

static void
report_samples (const MusterMetricView *view, Muster__V1__Metric *message)
{
  const MusterMetricValue *value = view->value;

  if (value->count == 0)
    return;
  message->sketch = view->sketch;
  message->min = value->min;
  message->max = value->max;
  message->mean = value->mean;
  message->m2 = value->m2;
}

void
muster_metric_report (const MusterMetricView *view, Muster__V1__Metric *message, MusterMetricScratch *scratch)
{
  char **path = scratch->path;
  const char *key = view->key;
  const char *end = view->key + view->key_length;

  muster__v1__metric__init (message);
  for (const char *next = key; (next += strlen (next) + 1) < end; key = next)
    path[message->n_path++] = (char *) key;
  message->path = path;
  message->id = (char *) key;
  message->count = view->value->count;
  if (view->type == MUSTER_METRIC_CUSTOM)
    {
      message->type = (char *) view->kind;
      message->state = (ProtobufCBinaryData){ view->state_size, (guint8 *) view->state };
      return;
    }
  message->type = (char *) muster_metric_type_names[view->type];
  if (view->type == MUSTER_METRIC_SET && view->text != NULL)
    {
      message->value_case = MUSTER__V1__METRIC__VALUE_TEXT;
      message->text = (char *) view->text;
    }
  else if (view->type == MUSTER_METRIC_SET)
    {
      message->value_case = MUSTER__V1__METRIC__VALUE_NUMBER;
      message->number = view->value->sum;
    }
  else
    message->sum = view->value->sum;
  if (has_samples (view->type))
    report_samples (view, message);
}
