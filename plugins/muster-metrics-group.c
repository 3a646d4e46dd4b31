/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a `[metrics NAME]` group of a keyfile says. Owned by one thread.
 */
#include "config.h"

#include "muster-metrics-group-private.h"
#include "muster-param.h"

enum
{
  PROP_NAME = 1,
  PROP_INTERVAL,
  PROP_START_TIME,
  PROP_SCALE_FACTOR,
  PROP_PERSIST,
  PROP_MAX_METRICS,
  N_PROPERTIES
};

G_DEFINE_FINAL_TYPE (MusterMetricsGroup, muster_metrics_group, G_TYPE_OBJECT)

static void
muster_metrics_group_set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  MusterMetricsGroup *self = MUSTER_METRICS_GROUP (object);

  switch (id)
    {
    case PROP_NAME:
      g_free (self->name);
      self->name = g_value_dup_string (value);
      break;
    case PROP_INTERVAL:
      self->interval_us = g_value_get_int64 (value);
      break;
    case PROP_START_TIME:
      self->start_time_ms = g_value_get_int64 (value);
      break;
    case PROP_SCALE_FACTOR:
      self->scale_factor = g_value_get_double (value);
      break;
    case PROP_PERSIST:
      self->persist = g_value_get_boolean (value);
      break;
    case PROP_MAX_METRICS:
      self->max_metrics = g_value_get_uint (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
muster_metrics_group_finalize (GObject *object)
{
  g_free (MUSTER_METRICS_GROUP (object)->name);
  G_OBJECT_CLASS (muster_metrics_group_parent_class)->finalize (object);
}

static void
muster_metrics_group_class_init (MusterMetricsGroupClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  const GParamFlags flags = G_PARAM_WRITABLE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS;

  object_class->set_property = muster_metrics_group_set_property;
  object_class->finalize = muster_metrics_group_finalize;
  g_object_class_install_property (object_class, PROP_NAME,
                                   g_param_spec_string ("name", NULL, "Its name", NULL, flags));
  g_object_class_install_property (object_class, PROP_INTERVAL,
                                   muster_param_spec_duration ("interval", NULL, "From one delivery to the next",
                                                               G_TIME_SPAN_MILLISECOND, 366 * G_TIME_SPAN_DAY,
                                                               10 * G_TIME_SPAN_SECOND, flags));
  g_object_class_install_property (
      object_class, PROP_START_TIME,
      g_param_spec_int64 ("start-time", NULL,
                          "Milliseconds since the Unix epoch; intervals begin at whole multiples from here", G_MININT64,
                          G_MAXINT64, 0, flags));
  g_object_class_install_property (
      object_class, PROP_SCALE_FACTOR,
      g_param_spec_double ("scale-factor", NULL,
                           "Milliseconds in the unit of time that rates and times are reported in", G_MINDOUBLE,
                           G_MAXDOUBLE, 1, flags));
  g_object_class_install_property (
      object_class, PROP_PERSIST,
      g_param_spec_boolean ("persist", NULL, "Metrics stay in the deliveries when nothing was measured", FALSE, flags));
  g_object_class_install_property (object_class, PROP_MAX_METRICS,
                                   g_param_spec_uint ("max-metrics", NULL,
                                                      "More than so many are counted, not kept, in each process", 1,
                                                      G_MAXUINT, 10000, flags));
}

static void
muster_metrics_group_init (MusterMetricsGroup *self)
{
}
