/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Metrics with an interval of their own, as a `[metrics NAME]` group of a keyfile describes them. Owned by one thread.
 */
#include "config.h"

#include "muster-metrics-group-private.h"

#include "muster-enums.h"
#include "muster-param.h"

enum
{
  PROP_NAME = 1,
  PROP_INTERVAL,
  PROP_START_TIME,
  PROP_SCALE_FACTOR,
  PROP_PERSIST,
  PROP_MAX_METRICS,
  PROP_TRANSFORMER,
  N_PROPERTIES
};

static GParamSpec *properties[N_PROPERTIES];

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
    case PROP_TRANSFORMER:
      self->transformer = g_value_get_enum (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
muster_metrics_group_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  MusterMetricsGroup *self = MUSTER_METRICS_GROUP (object);

  switch (id)
    {
    case PROP_NAME:
      g_value_set_string (value, self->name);
      break;
    case PROP_INTERVAL:
      g_value_set_int64 (value, self->interval_us);
      break;
    case PROP_START_TIME:
      g_value_set_int64 (value, self->start_time_ms);
      break;
    case PROP_SCALE_FACTOR:
      g_value_set_double (value, self->scale_factor);
      break;
    case PROP_PERSIST:
      g_value_set_boolean (value, self->persist);
      break;
    case PROP_MAX_METRICS:
      g_value_set_uint (value, self->max_metrics);
      break;
    case PROP_TRANSFORMER:
      g_value_set_enum (value, self->transformer);
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
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS;

  object_class->set_property = muster_metrics_group_set_property;
  object_class->get_property = muster_metrics_group_get_property;
  object_class->finalize = muster_metrics_group_finalize;
  properties[PROP_NAME] = g_param_spec_string ("name", NULL, "Its name, by which processes match theirs", NULL, flags);
  properties[PROP_INTERVAL] =
      muster_param_spec_duration ("interval", NULL, "From one delivery to the next", G_TIME_SPAN_MILLISECOND,
                                  MUSTER_METRICS_INTERVAL_MAX, MUSTER_METRICS_INTERVAL_DEFAULT, flags);
  properties[PROP_START_TIME] = g_param_spec_int64 (
      "start-time", NULL, "Milliseconds since the Unix epoch; intervals begin at whole multiples from here",
      -MUSTER_METRICS_START_TIME_MAX, MUSTER_METRICS_START_TIME_MAX, 0, flags);
  properties[PROP_SCALE_FACTOR] = g_param_spec_double (
      "scale-factor", NULL, "Milliseconds in the unit of time that rates and times are reported in: 1000 for seconds",
      G_MINDOUBLE, G_MAXDOUBLE, 1, flags);
  properties[PROP_PERSIST] =
      g_param_spec_boolean ("persist", NULL, "Metrics stay in the deliveries when nothing was measured", FALSE, flags);
  properties[PROP_MAX_METRICS] =
      g_param_spec_uint ("max-metrics", NULL, "More than so many are counted, not kept, in each process", 1, G_MAXUINT,
                         MUSTER_METRICS_DEFAULT_MAX, flags);
  properties[PROP_TRANSFORMER] =
      g_param_spec_enum ("transformer", NULL, "What each process's metrics look like in JSON: none, ids, flat, values",
                         MUSTER_TYPE_TRANSFORMER, MUSTER_TRANSFORMER_NONE, flags);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
muster_metrics_group_init (MusterMetricsGroup *self)
{
}

void
muster_metrics_group_get_options (MusterMetricsGroup *self, MusterMetricsOptions *options)
{
  *options = (MusterMetricsOptions){
    .name = self->name != NULL ? self->name : (char *) "",
    .interval_us = self->interval_us,
    .start_time_ns = self->start_time_ms * 1000000,
    .scale_factor = self->scale_factor,
    .persist = self->persist,
    .max_metrics = self->max_metrics,
  };
}

/**
 * muster_metrics_group_new:
 * @name: a name
 * @interval_us: from one delivery to the next, in microseconds; at least 1000
 *
 * Describes metrics that have an interval of their own in a cluster. Everything else is a property.
 *
 * Returns: (transfer full): a group
 * Since: 0.1
 */
MusterMetricsGroup *
muster_metrics_group_new (const char *name, gint64 interval_us)
{
  g_return_val_if_fail (name != NULL, NULL);

  return g_object_new (MUSTER_TYPE_METRICS_GROUP, "name", name, "interval", interval_us, NULL);
}

/**
 * muster_metrics_group_get_name:
 * @self: a group
 *
 * The metrics' name.
 *
 * Returns: (transfer none) (nullable): the name
 * Since: 0.1
 */
const char *
muster_metrics_group_get_name (MusterMetricsGroup *self)
{
  g_return_val_if_fail (MUSTER_IS_METRICS_GROUP (self), NULL);

  return self->name;
}
