/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The transformers that a keyfile can name: what a process's metrics look like in JSON and GVariant. An object with `type`
 * and `value` is a metric; what else is in it are metrics below it. Pure functions.
 */
#include "config.h"

#include "muster-transformer-private.h"

#include <string.h>

typedef struct
{
  MusterTransformer transformer;
  const char *worker;
} Transform;

/* A metric's own members. */
static gboolean
is_member (const char *key)
{
  return strcmp (key, "type") == 0 || strcmp (key, "value") == 0 || strcmp (key, "quantiles") == 0;
}

static gboolean
is_metric (GVariant *object)
{
  g_autoptr (GVariant) type = g_variant_lookup_value (object, "type", G_VARIANT_TYPE_STRING);
  g_autoptr (GVariant) value = g_variant_lookup_value (object, "value", G_VARIANT_TYPE_VARDICT);

  return type != NULL && value != NULL;
}

static GVariant *
end_dict (GVariantDict *dict)
{
  return g_variant_ref_sink (g_variant_dict_end (dict));
}

/* What one number says of it: `val`, or of samples their average. */
static GVariant *
get_plain_value (GVariant *metric)
{
  g_autoptr (GVariant) value = g_variant_lookup_value (metric, "value", G_VARIANT_TYPE_VARDICT);
  GVariant *plain = g_variant_lookup_value (value, "val", NULL);

  return plain != NULL ? plain : g_variant_lookup_value (value, "average", NULL);
}

/* panopticon's own example of a transformer: `value` becomes `values`, by process. */
static void
insert_by_id (const Transform *transform, GVariantDict *out, const char *key, GVariant *value)
{
  GVariantDict values;

  if (strcmp (key, "value") != 0)
    {
      g_variant_dict_insert_value (out, key, value);
      return;
    }
  g_variant_dict_init (&values, NULL);
  g_variant_dict_insert_value (&values, transform->worker, value);
  g_variant_dict_insert_value (out, "values", g_variant_dict_end (&values));
}

/* A number stands in the place of its metric; where there are metrics below it, beside them. */
static GVariant *
transform_object (const Transform *transform, GVariant *object)
{
  gboolean inside_metric = is_metric (object);
  gboolean is_plain = inside_metric && transform->transformer == MUSTER_TRANSFORMER_VALUES;
  g_autoptr (GVariant) plain = is_plain ? get_plain_value (object) : NULL;
  guint n_below = 0;
  GVariantDict out;
  GVariantIter iter;
  const char *key;
  GVariant *value;

  g_variant_dict_init (&out, NULL);
  g_variant_iter_init (&iter, object);
  while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
    if (inside_metric && is_member (key))
      {
        if (!is_plain)
          insert_by_id (transform, &out, key, value);
      }
    else if (g_variant_is_of_type (value, G_VARIANT_TYPE_VARDICT))
      {
        g_autoptr (GVariant) below = transform_object (transform, value);

        g_variant_dict_insert_value (&out, key, below);
        n_below++;
      }
  if (plain != NULL && n_below == 0)
    {
      g_variant_dict_clear (&out);
      return g_steal_pointer (&plain);
    }
  if (plain != NULL)
    g_variant_dict_insert_value (&out, "value", plain);
  return end_dict (&out);
}

/* One level: keys with dots between. "a.b" may be one key or two: of those that meet, the last one stays. */
static void
flatten (const char *path, GVariant *object, GVariantDict *out)
{
  gboolean inside_metric = is_metric (object);
  GVariantDict own;
  GVariantIter iter;
  const char *key;
  GVariant *value;

  g_variant_dict_init (&own, NULL);
  g_variant_iter_init (&iter, object);
  while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
    {
      g_autofree char *name = *path != '\0' ? g_strconcat (path, ".", key, NULL) : g_strdup (key);

      if (inside_metric && is_member (key))
        g_variant_dict_insert_value (&own, key, value);
      else if (g_variant_is_of_type (value, G_VARIANT_TYPE_VARDICT))
        flatten (name, value, out);
    }
  if (inside_metric)
    g_variant_dict_insert_value (out, path, g_variant_dict_end (&own));
  else
    g_variant_dict_clear (&own);
}

GVariant *
muster_transformer_apply (MusterTransformer transformer, GVariant *data, const char *worker)
{
  const Transform transform = { transformer, worker };
  GVariantDict flat;

  switch (transformer)
    {
    case MUSTER_TRANSFORMER_IDS:
    case MUSTER_TRANSFORMER_VALUES:
      return transform_object (&transform, data);
    case MUSTER_TRANSFORMER_FLAT:
      g_variant_dict_init (&flat, NULL);
      flatten ("", data, &flat);
      return end_dict (&flat);
    case MUSTER_TRANSFORMER_NONE:
    default:
      return NULL;
    }
}
