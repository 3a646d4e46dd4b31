/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Datasets as JSON. Any thread.
 */
#include "config.h"

#include "muster-dataset-struct-private.h"
#include "muster-json.h"
#include "muster-variant-json-private.h"

typedef struct
{
  GByteArray *out;
  gboolean is_first; /* the next member is its object's first */
} JsonWriter;

static void
put_key (JsonWriter *writer, const char *key)
{
  if (!writer->is_first)
    muster_json_append_raw (writer->out, ",");
  writer->is_first = FALSE;
  if (key == NULL)
    return;
  muster_json_append_string (writer->out, key, -1);
  muster_json_append_raw (writer->out, ":");
}

static void
json_begin (gpointer data, const char *key)
{
  JsonWriter *writer = data;

  put_key (writer, key);
  muster_json_append_raw (writer->out, "{");
  writer->is_first = TRUE;
}

static void
json_end (gpointer data)
{
  JsonWriter *writer = data;

  muster_json_append_raw (writer->out, "}");
  writer->is_first = FALSE;
}

static void
json_number (gpointer data, const char *key, double value)
{
  JsonWriter *writer = data;

  put_key (writer, key);
  muster_json_append_double (writer->out, value);
}

static void
json_natural (gpointer data, const char *key, guint64 value)
{
  JsonWriter *writer = data;

  put_key (writer, key);
  muster_json_append_uint (writer->out, value);
}

static void
json_text (gpointer data, const char *key, const char *value)
{
  JsonWriter *writer = data;

  put_key (writer, key);
  muster_json_append_string (writer->out, value, -1);
}

static void
json_names (gpointer data, const char *key, GPtrArray *names)
{
  JsonWriter *writer = data;

  put_key (writer, key);
  muster_json_append_raw (writer->out, "[");
  for (guint i = 0; i < names->len; i++)
    {
      if (i > 0)
        muster_json_append_raw (writer->out, ",");
      muster_json_append_string (writer->out, names->pdata[i], -1);
    }
  muster_json_append_raw (writer->out, "]");
}

static void
json_value (gpointer data, const char *key, GVariant *value)
{
  JsonWriter *writer = data;

  put_key (writer, key);
  muster_variant_append_json (value, writer->out);
}

static const MusterDatasetVisitor json_visitor = {
  json_begin, json_end, json_number, json_natural, json_text, json_names, json_value,
};

/**
 * muster_dataset_append_json: (skip)
 * @dataset: a dataset
 * @out: bytes so far
 *
 * Appends what muster_dataset_to_json() returns. Any thread.
 *
 * Since: 0.1
 */
void
muster_dataset_append_json (MusterDataset *dataset, GByteArray *out)
{
  JsonWriter writer = { out, TRUE };

  muster_dataset_walk (dataset, &json_visitor, &writer);
}

/**
 * muster_dataset_to_json:
 * @dataset: a dataset
 *
 * The dataset in the shape of panopticon's deliveries, on one line: `id`, `name`, `interval` (ms / scale factor),
 * `start` and `end` (ms since the Unix epoch), `data` with `master` and `workers`, in which each metric is an object
 * with its `type` and `value` below its path; beside that `quantiles` of samples, `total` with what all processes measured
 * together, and `complete`, which says of whom and how much of it is there. docs/metrics.md defines each number. Those that
 * are not finite, and those that an interval without samples does not have, are null. Any thread.
 *
 * Returns: (transfer full): a JSON object
 * Since: 0.1
 */
char *
muster_dataset_to_json (MusterDataset *dataset)
{
  GByteArray *out = g_byte_array_new ();

  muster_dataset_append_json (dataset, out);
  g_byte_array_append (out, (const guint8 *) "", 1);
  return (char *) g_byte_array_free (out, FALSE);
}
