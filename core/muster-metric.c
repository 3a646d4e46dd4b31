/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Metrics as messages: what they say, whether they are sound, how they are packed. Pure functions, any thread.
 */
#include "config.h"

#include <string.h>

#include "muster-metric-private.h"
#include "muster-sketch-private.h"
#include "muster-wire-private.h"

const char *const muster_metric_type_names[] = { "", "set", "inc", "sample", "timedSample" };

MusterMetricType
muster_metric_find_type (const Muster__V1__Metric *message)
{
  for (guint i = MUSTER_METRIC_SET; i < G_N_ELEMENTS (muster_metric_type_names); i++)
    if (strcmp (message->type, muster_metric_type_names[i]) == 0)
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
  MusterMetricType type = muster_metric_find_type (message);
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
