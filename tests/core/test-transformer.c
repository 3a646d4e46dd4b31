/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What transformers make of a process's metrics, and how that travels.
 */
#include "config.h"

#include "metrics-helpers.h"
#include "muster-dataset-struct-private.h"
#include "muster-transformer-private.h"
#include "muster-variant-json-private.h"

static MusterDataset *
make_dataset (void)
{
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (NULL);
  g_autoptr (MusterAggregator) aggregator = muster_aggregator_new ();
  g_autoptr (GPtrArray) datasets = NULL;

  muster_aggregator_add_metrics (aggregator, NULL);
  muster_metrics_set (metrics, NULL, "http", 1);
  muster_metrics_set (metrics, MUSTER_PATH ("http"), "GET", 2);
  muster_metrics_set_text (metrics, MUSTER_PATH ("a.b"), "c", "text");
  muster_metrics_set (metrics, MUSTER_PATH ("a"), "b.c", 3);
  report (aggregator, metrics, "web-1", 7, 1000, 1010, FALSE);
  muster_metrics_timed_sample (metrics, NULL, "time", 2000000);
  report (aggregator, metrics, "web-2", 8, 1000, 1010, FALSE);
  datasets = muster_aggregator_collect (aggregator, G_MAXINT64);
  return muster_dataset_ref (datasets->pdata[0]);
}

static char *
to_json (GVariant *value)
{
  GByteArray *out = g_byte_array_new ();

  muster_variant_append_json (value, out);
  g_byte_array_append (out, (const guint8 *) "", 1);
  return (char *) g_byte_array_free (out, FALSE);
}

static void
assert_has (const char *json, const char *what)
{
  if (strstr (json, what) == NULL)
    g_error ("%s is not in %s", what, json);
}

static char *
apply (MusterTransformer transformer, guint process)
{
  g_autoptr (MusterDataset) dataset = make_dataset ();
  MusterDatasetProcess *of = dataset->processes->pdata[process];
  g_autoptr (GVariant) data = muster_dataset_process_to_variant (dataset, of);
  g_autoptr (GVariant) shape = muster_transformer_apply (transformer, data, of->worker);

  g_assert_true (g_variant_is_of_type (shape, G_VARIANT_TYPE_VARDICT));
  return to_json (shape);
}

static void
test_ids (void)
{
  g_autofree char *json = apply (MUSTER_TRANSFORMER_IDS, 0);

  assert_has (json, "\"values\":{\"web-1\":{");
  g_assert_null (strstr (json, "\"value\":"));
  assert_has (json, "\"type\":\"set\"");
}

static void
test_flat (void)
{
  g_autofree char *json = apply (MUSTER_TRANSFORMER_FLAT, 0);

  assert_has (json, "\"http\":{");
  assert_has (json, "\"http.GET\":{");
  assert_has (json, "\"a.b.c\":{"); /* one of the two */
}

static void
test_values (void)
{
  g_autofree char *first = apply (MUSTER_TRANSFORMER_VALUES, 0);
  g_autofree char *second = apply (MUSTER_TRANSFORMER_VALUES, 1);

  assert_has (first, "\"GET\":2");
  assert_has (first, "\"value\":1"); /* a metric that has others below it */
  assert_has (first, "\"pid\":7");
  assert_has (first, "\"c\":\"text\"");
  assert_has (second, "\"time\":2");
}

static void
test_none (void)
{
  g_autoptr (GVariant) data = g_variant_ref_sink (g_variant_new ("a{sv}", NULL));

  g_assert_null (muster_transformer_apply (MUSTER_TRANSFORMER_NONE, data, "web-1"));
}

/* -- shapes ----------------------------------------------------------------------------------------- */

static MusterDataset *
pass_on (MusterDataset *dataset)
{
  g_autoptr (GPtrArray) entries = muster_dataset_encode (dataset);
  MusterDataset *partial = NULL;
  MusterDataset *complete = NULL;

  for (guint i = 0; i < entries->len; i++)
    {
      MusterEntry entry;

      view_entry (entries->pdata[i], &entry);
      g_assert_null (complete);
      g_assert_true (muster_dataset_assemble (&partial, &entry, &complete));
    }
  return complete;
}

static void
set_shape (MusterDataset *dataset, guint process, GVariant *shape)
{
  g_autoptr (GError) error = NULL;

  muster_dataset_process_set_shape (dataset->processes->pdata[process], shape, &error);
  g_assert_no_error (error);
}

/* It is shown in the metrics' place, here and behind a journal; text and total do not know it. */
static void
test_shape (void)
{
  g_autoptr (MusterDataset) dataset = make_dataset ();
  g_autoptr (MusterDataset) copy = NULL;
  g_autofree char *text = muster_dataset_to_text (dataset);
  g_autofree char *json = NULL;
  g_autofree char *json_of_copy = NULL;
  g_autofree char *text_of_copy = NULL;
  g_autoptr (GVariant) variant = NULL;
  g_autoptr (GVariant) variant_of_copy = NULL;

  set_shape (
      dataset, 0,
      g_variant_new_parsed ("{'b': <true>, 'y': <byte 7>, 'i': <-5>, 'u': <uint64 18446744073709551615>,"
                            " 'd': <0.5>, 's': <'\"'>, 'm': <@mi nothing>, 'j': <just 3>, 't': <(1, 'x')>,"
                            " 'as': <['x', 'y']>, 'n': <{7: 'seven'}>, 'o': <objectpath '/'>, 'h': <handle 4>}"));
  json = muster_dataset_to_json (dataset);
  assert_has (json, "\"workers\":{\"web-1\":{\"b\":true,\"y\":7,\"i\":-5,\"u\":18446744073709551615,\"d\":0.5,"
                    "\"s\":\"\\\"\",\"m\":null,\"j\":3,\"t\":[1,\"x\"],\"as\":[\"x\",\"y\"],\"n\":{\"7\":\"seven\"},"
                    "\"o\":\"/\",\"h\":4},\"web-2\":{\"pid\":{");
  copy = pass_on (dataset);
  json_of_copy = muster_dataset_to_json (copy);
  text_of_copy = muster_dataset_to_text (copy);
  variant = muster_dataset_to_variant (dataset);
  variant_of_copy = muster_dataset_to_variant (copy);
  g_assert_cmpstr (json_of_copy, ==, json);
  g_assert_cmpstr (text_of_copy, ==, text);
  g_assert_true (g_variant_equal (variant, variant_of_copy));
}

/* One that takes many parts. */
static void
test_large_shape (void)
{
  g_autoptr (MusterDataset) dataset = make_dataset ();
  g_autoptr (MusterDataset) copy = NULL;
  g_autofree char *json = NULL;
  g_autofree char *json_of_copy = NULL;

  for (guint process = 0; process < 2; process++)
    {
      GVariantDict dict;

      g_variant_dict_init (&dict, NULL);
      for (guint i = 0; i < 20000; i++)
        {
          g_autofree char *key = g_strdup_printf ("key-%u", i);

          g_variant_dict_insert (&dict, key, "d", i / 3.);
        }
      set_shape (dataset, process, g_variant_dict_end (&dict));
    }
  copy = pass_on (dataset);
  json = muster_dataset_to_json (dataset);
  json_of_copy = muster_dataset_to_json (copy);
  g_assert_cmpstr (json_of_copy, ==, json);
}

static void
test_bad_shape (void)
{
  g_autoptr (MusterDataset) dataset = make_dataset ();
  g_autoptr (GVariant) number = g_variant_ref_sink (g_variant_new_int32 (5));
  g_autofree char *huge = g_strnfill (MUSTER_DATASET_SHAPE_MAX, 'x');
  g_autoptr (GVariant) large = g_variant_ref_sink (g_variant_new_parsed ("{'x': <%s>}", huge));
  g_autoptr (GError) error = NULL;

  g_assert_false (muster_dataset_process_set_shape (dataset->processes->pdata[0], number, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, "web-1"));
  g_clear_error (&error);
  g_assert_false (muster_dataset_process_set_shape (dataset->processes->pdata[0], large, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
}

/* Foreign bytes in the place of a GVariant. */
static void
test_mangled_shape (void)
{
  g_autoptr (MusterDataset) dataset = make_dataset ();
  g_autoptr (GPtrArray) entries = NULL;
  g_autofree guint8 *bytes = NULL;
  MusterEntry entry;

  set_shape (dataset, 0, g_variant_new_parsed ("{'x': <{'y': <[1, 2, 3]>}>, 'z': <'text'>}"));
  entries = muster_dataset_encode (dataset);
  view_entry (entries->pdata[0], &entry);
  bytes = g_memdup2 (entry.body, entry.body_length);
  for (gsize i = 0; i < entry.body_length; i++)
    for (guint bit = 0; bit < 8; bit++)
      {
        MusterEntry mangled = entry;
        MusterDataset *partial = NULL;
        g_autoptr (MusterDataset) complete = NULL;

        bytes[i] ^= (guint8) (1u << bit);
        mangled.body = bytes;
        muster_dataset_assemble (&partial, &mangled, &complete);
        if (complete != NULL)
          {
            g_autofree char *json = muster_dataset_to_json (complete);
            g_autoptr (GVariant) variant = muster_dataset_to_variant (complete);

            g_assert_true (g_utf8_validate (json, -1, NULL));
            g_assert_true (g_variant_is_normal_form (variant));
          }
        g_clear_pointer (&partial, muster_dataset_unref);
        bytes[i] = entry.body[i];
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/transformer/ids", test_ids);
  g_test_add_func ("/transformer/flat", test_flat);
  g_test_add_func ("/transformer/values", test_values);
  g_test_add_func ("/transformer/none", test_none);
  g_test_add_func ("/transformer/shape", test_shape);
  g_test_add_func ("/transformer/shape/large", test_large_shape);
  g_test_add_func ("/transformer/shape/bad", test_bad_shape);
  g_test_add_func ("/transformer/shape/mangled", test_mangled_shape);
  return g_test_run ();
}
