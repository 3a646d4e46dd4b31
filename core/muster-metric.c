/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One metric: update, reset, report. Numbers are panopticon 0.3.0's, to the digit: the order of operations matters.
 * Any thread, by the holder of the metric's lock; reading messages needs none.
 */
#include "config.h"

#include <sched.h>
#include <string.h>

#include "muster-metric-private.h"
#include "muster-sketch-private.h"
#include "muster-wire-private.h"

static const char *const type_names[] = { "", "set", "inc", "sample", "timedSample" };

/* Waits until the lock may be free: the holder is in the middle of some ten instructions, unless it was suspended
 * there. */
void
muster_metric_wait (MusterMetric *metric)
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
muster_metric_set_number (MusterMetric *metric, double number)
{
  const MusterMetricValue *value = muster_metric_get_value (metric);
  MusterMetricValue *next = muster_metric_get_other_value (metric, value);

  next->count = value->count + 1;
  next->sum = number;
  metric->is_text = FALSE;
}

gboolean
muster_metric_set_text (MusterMetric *metric, const char *text, gsize length)
{
  MusterMetricText *own = muster_metric_get_text (metric);
  const MusterMetricValue *value = muster_metric_get_value (metric);

  if (own == NULL || length >= own->capacity)
    return FALSE;
  memcpy (own->bytes, text, length);
  own->bytes[length] = '\0';
  own->length = (guint32) length;
  metric->is_text = TRUE;
  muster_metric_get_other_value (metric, value)->count = value->count + 1;
  return TRUE;
}

void
muster_metric_reset (MusterMetric *metric, gboolean persist)
{
  const MusterMetricValue *value = muster_metric_get_value (metric);
  MusterMetricValue *next = muster_metric_get_other_value (metric, value);

  muster_metric_value_reset (next);
  if (!persist)
    {
      metric->type = MUSTER_METRIC_NONE;
      metric->is_text = FALSE;
    }
  else if (metric->type == MUSTER_METRIC_SET)
    next->sum = value->sum;
}

void
muster_metric_view (const MusterMetric *metric, MusterMetricView *view)
{
  *view = (MusterMetricView){
    .type = (MusterMetricType) metric->type,
    .text = metric->type == MUSTER_METRIC_SET && metric->is_text ? muster_metric_get_text (metric)->bytes : NULL,
    .value = muster_metric_get_value (metric),
    .key = (const char *) muster_metric_get_words (metric),
    .key_length = metric->key_length,
  };
}

static void
report_samples (const MusterMetricValue *value, Muster__V1__Metric *message)
{
  if (value->count == 0)
    return;
  message->min = value->min;
  message->max = value->max;
  message->mean = value->mean;
  message->m2 = value->m2;
}

void
muster_metric_report (const MusterMetricView *view, Muster__V1__Metric *message, char **path)
{
  const char *key = view->key;
  const char *end = view->key + view->key_length;

  muster__v1__metric__init (message);
  for (const char *next = key; (next += strlen (next) + 1) < end; key = next)
    path[message->n_path++] = (char *) key;
  message->path = path;
  message->id = (char *) key;
  message->type = (char *) type_names[view->type];
  message->count = view->value->count;
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
  if (view->type == MUSTER_METRIC_SAMPLE || view->type == MUSTER_METRIC_TIMED_SAMPLE)
    report_samples (view->value, message);
}

MusterMetricType
muster_metric_get_type (const Muster__V1__Metric *message)
{
  for (guint i = MUSTER_METRIC_SET; i < G_N_ELEMENTS (type_names); i++)
    if (strcmp (message->type, type_names[i]) == 0)
      return (MusterMetricType) i;
  return MUSTER_METRIC_NONE;
}

double
muster_metric_get_rate (const Muster__V1__Metric *message, double scale_factor, double interval_ms)
{
  return scale_factor * message->sum / interval_ms;
}

double
muster_metric_get_average (const Muster__V1__Metric *message)
{
  return message->count > 0 ? message->sum / (double) message->count : NAN;
}

double
muster_metric_get_sigma (const Muster__V1__Metric *message)
{
  return message->count > 1 ? sqrt (message->m2 / (double) (message->count - 1)) : NAN;
}

double
muster_metric_get_quantile (const Muster__V1__Metric *message, double q)
{
  guint64 rank;
  double sample;

  if (message->sketch == NULL || message->count == 0 || !(q >= 0 && q <= 1))
    return NAN;
  rank = (guint64) (q * (double) (message->count - 1));
  if (rank == 0)
    return message->min;
  if (rank >= message->count - 1)
    return message->max;
  sample = muster_sketch_get_sample (message->sketch, rank);
  return sample < message->min ? message->min : sample > message->max ? message->max : sample;
}

const char *
muster_metric_get_key (const Muster__V1__Metric *message, guint depth)
{
  if (depth < message->n_path)
    return message->path[depth];
  return depth == message->n_path ? message->id : NULL;
}

/* What is shorter comes first, so that a metric stands before those whose path goes through it. */
int
muster_metric_compare (const Muster__V1__Metric *a, const Muster__V1__Metric *b)
{
  for (guint depth = 0;; depth++)
    {
      const char *key_a = muster_metric_get_key (a, depth);
      const char *key_b = muster_metric_get_key (b, depth);
      int order;

      if (key_a == NULL || key_b == NULL)
        return (key_a != NULL) - (key_b != NULL);
      order = strcmp (key_a, key_b);
      if (order != 0)
        return order;
    }
}

static gboolean
is_text (const char *text, gsize max)
{
  return strlen (text) <= max && g_utf8_validate (text, -1, NULL);
}

/* What is only there in metrics of some kinds. */
static gboolean
are_parts_valid (const Muster__V1__Metric *message)
{
  MusterMetricType type = muster_metric_get_type (message);
  gboolean has_samples = type == MUSTER_METRIC_SAMPLE || type == MUSTER_METRIC_TIMED_SAMPLE;

  return (message->sketch == NULL || (has_samples && muster_sketch_is_valid (message->sketch, message->count)))
         && message->state.len <= (type == MUSTER_METRIC_NONE ? MUSTER_METRIC_STATE_MAX : 0)
         && (message->value_case != MUSTER__V1__METRIC__VALUE_TEXT || is_text (message->text, MUSTER_METRIC_TEXT_MAX));
}

gboolean
muster_metric_is_valid (const Muster__V1__Metric *message)
{
  gsize length = strlen (message->id);

  if (message->n_path > MUSTER_METRIC_DEPTH_MAX || *message->type == '\0'
      || !is_text (message->type, MUSTER_METRIC_KEY_MAX) || !is_text (message->id, MUSTER_METRIC_KEY_MAX))
    return FALSE;
  for (gsize i = 0; i < message->n_path; i++)
    {
      if (!is_text (message->path[i], MUSTER_METRIC_KEY_MAX))
        return FALSE;
      length += strlen (message->path[i]);
    }
  return length <= MUSTER_METRIC_KEY_MAX && are_parts_valid (message);
}

gsize
muster_metric_get_member_size (const Muster__V1__Metric *message)
{
  gsize size = muster__v1__metric__get_packed_size (message);

  return 1 + muster_wire_varint_size (size) + size;
}

guint8 *
muster_metric_put_member (guint8 *out, guint number, const Muster__V1__Metric *message)
{
  *out++ = MUSTER_WIRE_TAG (number, MUSTER_WIRE_BYTES);
  out = muster_wire_put_varint (out, muster__v1__metric__get_packed_size (message));
  return out + muster__v1__metric__pack (message, out);
}

void
muster_metric_append (GByteArray *out, guint number, const Muster__V1__Metric *message)
{
  guint before = out->len;

  g_byte_array_set_size (out, (guint) (before + muster_metric_get_member_size (message)));
  muster_metric_put_member (out->data + before, number, message);
}
