/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Replays what panopticon 0.3.0 was told, and compares with what it answered, number by number, to the bit.
 */
#include "config.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "muster-dataset-private.h"

#define START_NS G_GINT64_CONSTANT (1700000000000000000)

static guint n_compared;

static double
parse_value (JsonNode *node)
{
  const char *text;

  if (!JSON_NODE_HOLDS_OBJECT (node))
    return json_node_get_double (node);
  text = json_object_get_string_member (json_node_get_object (node), "nonfinite");
  return strcmp (text, "NaN") == 0 ? NAN : *text == '-' ? -INFINITY : INFINITY;
}

static char **
parse_path (JsonNode *node)
{
  JsonArray *array;
  char **path;

  if (JSON_NODE_HOLDS_NULL (node))
    return NULL;
  array = json_node_get_array (node);
  path = g_new0 (char *, json_array_get_length (array) + 1);
  for (guint i = 0; i < json_array_get_length (array); i++)
    path[i] = g_strdup (json_array_get_string_element (array, i));
  return path;
}

static void
apply (MusterMetrics *metrics, JsonObject *op)
{
  const char *method = json_object_get_string_member (op, "method");
  const char *id = json_object_get_string_member (op, "id");
  JsonNode *value = json_object_get_member (op, "value");
  g_auto (GStrv) owned = parse_path (json_object_get_member (op, "path"));
  const char *const *path = (const char *const *) owned;

  if (strcmp (method, "timedSample") == 0)
    {
      JsonArray *pair = json_node_get_array (value);

      muster_metrics_timed_sample (metrics, path, id,
                                   json_array_get_int_element (pair, 0) * G_GINT64_CONSTANT (1000000000)
                                       + json_array_get_int_element (pair, 1));
    }
  else if (JSON_NODE_HOLDS_VALUE (value) && json_node_get_value_type (value) == G_TYPE_STRING)
    muster_metrics_set_text (metrics, path, id, json_node_get_string (value));
  else if (strcmp (method, "set") == 0)
    muster_metrics_set (metrics, path, id, parse_value (value));
  else if (strcmp (method, "inc") == 0)
    muster_metrics_inc (metrics, path, id, parse_value (value));
  else if (strcmp (method, "sample") == 0)
    muster_metrics_sample (metrics, path, id, parse_value (value));
  else
    g_assert_not_reached ();
}

static void compare (JsonNode *ours, JsonNode *theirs, gint64 end_ms);

static void
compare_objects (JsonObject *ours, JsonObject *theirs, gint64 end_ms)
{
  g_autoptr (GList) names = json_object_get_members (theirs);

  if (json_object_has_member (ours, "timeStamp"))
    {
      g_assert_cmpint (json_object_get_int_member (ours, "timeStamp"), ==, end_ms);
      json_object_remove_member (ours, "timeStamp");
    }
  /* What Muster adds beside it. */
  if (json_object_has_member (ours, "value") && json_object_has_member (ours, "quantiles"))
    json_object_remove_member (ours, "quantiles");
  g_assert_cmpuint (json_object_get_size (ours), ==, json_object_get_size (theirs));
  for (GList *name = names; name != NULL; name = name->next)
    {
      g_assert_true (json_object_has_member (ours, name->data));
      compare (json_object_get_member (ours, name->data), json_object_get_member (theirs, name->data), end_ms);
    }
}

static void
compare (JsonNode *ours, JsonNode *theirs, gint64 end_ms)
{
  double a, b;

  if (JSON_NODE_HOLDS_OBJECT (theirs))
    {
      g_assert_true (JSON_NODE_HOLDS_OBJECT (ours));
      compare_objects (json_node_get_object (ours), json_node_get_object (theirs), end_ms);
      return;
    }
  n_compared++;
  g_assert_cmpint (json_node_get_node_type (ours), ==, json_node_get_node_type (theirs));
  if (JSON_NODE_HOLDS_NULL (theirs))
    return;
  if (json_node_get_value_type (theirs) == G_TYPE_STRING)
    {
      g_assert_cmpstr (json_node_get_string (ours), ==, json_node_get_string (theirs));
      return;
    }
  a = json_node_get_double (ours);
  b = json_node_get_double (theirs);
  g_assert_cmpmem (&a, sizeof a, &b, sizeof b);
}

/* What the cluster would deliver for the interval that ends at @end_ns. */
static void
check_interval (MusterMetrics *metrics, MusterAggregator *aggregator, gint64 end_ns, JsonObject *expected)
{
  gint64 interval_ns = muster_metrics_get_interval (metrics) * 1000;
  g_autoptr (GPtrArray) entries = muster_metrics_take_snapshot (metrics, end_ns - interval_ns, end_ns, FALSE);
  g_autoptr (GPtrArray) datasets = NULL;
  g_autoptr (JsonNode) root = NULL;
  g_autofree char *json = NULL;
  g_autoptr (GError) error = NULL;
  JsonObject *master;

  for (guint i = 0; i < entries->len; i++)
    {
      MusterEntryIter iter;
      MusterEntry entry;
      gsize size;
      gconstpointer data = g_bytes_get_data (entries->pdata[i], &size);

      muster_entry_iter_init (&iter, data, size);
      g_assert_true (muster_entry_iter_next (&iter, &entry));
      muster_aggregator_add (aggregator, "master", 4711, &entry, &error);
      g_assert_no_error (error);
    }
  datasets = muster_aggregator_collect (aggregator, G_MAXINT64);
  g_assert_cmpuint (datasets->len, ==, 1);
  json = muster_dataset_to_json (datasets->pdata[0]);
  root = json_from_string (json, &error);
  g_assert_no_error (error);
  master =
      json_object_get_object_member (json_object_get_object_member (json_node_get_object (root), "data"), "master");
  g_assert_true (json_object_has_member (master, "pid"));
  json_object_remove_member (master, "pid");
  compare_objects (master, expected, end_ns / 1000000);
}

static void
replay (JsonObject *vector)
{
  MusterMetricsOptions options = {
    .name = (char *) "vector",
    .interval_us = json_object_get_int_member (vector, "interval_ms") * 1000,
    .scale_factor = json_object_get_double_member (vector, "scale_factor"),
    .persist = json_object_get_boolean_member (vector, "persist"),
    .start_time_ns = START_NS,
  };
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (&options);
  g_autoptr (MusterAggregator) aggregator = muster_aggregator_new ();
  JsonArray *rounds = json_object_get_array_member (vector, "rounds");
  gint64 end_ns = START_NS;

  muster_aggregator_add_metrics (aggregator, &options);
  for (guint i = 0; i < json_array_get_length (rounds); i++)
    {
      JsonObject *round = json_array_get_object_element (rounds, i);
      JsonArray *ops = json_object_get_array_member (round, "ops");

      for (guint k = 0; k < json_array_get_length (ops); k++)
        apply (metrics, json_array_get_object_element (ops, k));
      end_ns += options.interval_us * 1000;
      check_interval (metrics, aggregator, end_ns, json_object_get_object_member (round, "expected"));
    }
  if (json_object_has_member (vector, "after_reset"))
    check_interval (metrics, aggregator, end_ns + options.interval_us * 1000,
                    json_object_get_object_member (vector, "after_reset"));
}

static void
test_vectors (void)
{
  g_autofree char *file = g_test_build_filename (G_TEST_DIST, "data", "panopticon.json", NULL);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  JsonArray *vectors;

  json_parser_load_from_file (parser, file, &error);
  g_assert_no_error (error);
  vectors = json_node_get_array (json_parser_get_root (parser));
  g_assert_cmpuint (json_array_get_length (vectors), ==, 120);
  for (guint i = 0; i < json_array_get_length (vectors); i++)
    replay (json_array_get_object_element (vectors, i));
  g_test_message ("%u values compared", n_compared);
  g_assert_cmpuint (n_compared, >, 5000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/panopticon/vectors", test_vectors);
  return g_test_run ();
}
