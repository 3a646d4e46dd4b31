/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Datasets as GVariant. Any thread.
 */
#include "config.h"

#include "muster-dataset-struct-private.h"

typedef struct
{
  GPtrArray *objects; /* owned GVariantBuilder; those begun, the innermost last */
  GPtrArray *keys;    /* borrowed, nullable; theirs. A name that was made up lives until its object ends */
  GVariant *result;
} VariantWriter;

static void
add (VariantWriter *writer, const char *key, GVariant *value)
{
  g_variant_builder_add (writer->objects->pdata[writer->objects->len - 1], "{sv}", key, value);
}

static void
variant_begin (gpointer data, const char *key)
{
  VariantWriter *writer = data;

  g_ptr_array_add (writer->objects, g_variant_builder_new (G_VARIANT_TYPE_VARDICT));
  g_ptr_array_add (writer->keys, (gpointer) key);
}

static void
variant_end (gpointer data)
{
  VariantWriter *writer = data;
  guint last = writer->objects->len - 1;
  const char *key = writer->keys->pdata[last];
  GVariant *object = g_variant_builder_end (writer->objects->pdata[last]);

  g_ptr_array_set_size (writer->objects, (int) last);
  g_ptr_array_set_size (writer->keys, (int) last);
  if (last == 0)
    writer->result = object;
  else
    add (writer, key, object);
}

static void
variant_number (gpointer data, const char *key, double value)
{
  add (data, key, isfinite (value) ? g_variant_new_double (value) : g_variant_new_maybe (G_VARIANT_TYPE_VARIANT, NULL));
}

static void
variant_natural (gpointer data, const char *key, guint64 value)
{
  add (data, key, g_variant_new_uint64 (value));
}

static void
variant_text (gpointer data, const char *key, const char *value)
{
  add (data, key, g_variant_new_string (value));
}

static void
variant_names (gpointer data, const char *key, GPtrArray *names)
{
  add (data, key, g_variant_new_strv ((const char *const *) names->pdata, names->len));
}

static void
variant_value (gpointer data, const char *key, GVariant *value)
{
  add (data, key, value);
}

static const MusterDatasetVisitor variant_visitor = {
  variant_begin, variant_end, variant_number, variant_natural, variant_text, variant_names, variant_value,
};

static void
writer_init (VariantWriter *writer)
{
  *writer = (VariantWriter){
    .objects = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_builder_unref),
    .keys = g_ptr_array_new (),
  };
}

static GVariant *
writer_finish (VariantWriter *writer)
{
  g_ptr_array_unref (writer->objects);
  g_ptr_array_unref (writer->keys);
  return g_variant_ref_sink (writer->result);
}

GVariant *
muster_dataset_process_to_variant (MusterDataset *dataset, const MusterDatasetProcess *process)
{
  VariantWriter writer;

  writer_init (&writer);
  muster_dataset_walk_process (dataset, process, &variant_visitor, &writer);
  return writer_finish (&writer);
}

/**
 * muster_dataset_to_variant:
 * @dataset: a dataset
 *
 * The dataset in the shape of muster_dataset_to_json(): objects are `a{sv}`, numbers `d`, counts `t`, texts `s`, lists
 * of names `as`; what is null there is nothing (`mv`) here. Any thread.
 *
 * Returns: (transfer full): an `a{sv}`, not floating
 * Since: 0.1
 */
GVariant *
muster_dataset_to_variant (MusterDataset *dataset)
{
  VariantWriter writer;

  writer_init (&writer);
  muster_dataset_walk (dataset, &variant_visitor, &writer);
  return writer_finish (&writer);
}
