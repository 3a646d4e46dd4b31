/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "muster-macros.h"

G_BEGIN_DECLS

/**
 * MusterMetricType:
 * @MUSTER_METRIC_NONE: not measured yet in this interval
 * @MUSTER_METRIC_SET: the last value counts
 * @MUSTER_METRIC_INC: a sum, reported as a rate
 * @MUSTER_METRIC_SAMPLE: samples of a number
 * @MUSTER_METRIC_TIMED_SAMPLE: samples of a time
 *
 * What is measured.
 *
 * Since: 0.1
 */
typedef enum
{
  MUSTER_METRIC_NONE,
  MUSTER_METRIC_SET,
  MUSTER_METRIC_INC,
  MUSTER_METRIC_SAMPLE,
  MUSTER_METRIC_TIMED_SAMPLE,
} MusterMetricType;

G_END_DECLS
