/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All numbers as text: the Prometheus text format 0.0.4, and OpenMetrics 1.0.0, which differ in what a family of
 * counters or texts is called, and in small things. In the thread of the store.
 */
#include "config.h"

#include <math.h>
#include <string.h>

#include "muster-json.h"
#include "muster-level.h"
#include "muster-prometheus-exposition.h"

typedef struct
{
  MusterPrometheusStore *store;
  MusterPrometheusFormat format;
  gint64 now_us;
  GByteArray *out;
} Writer;

/* -- pieces -------------------------------------------------------------------------------------- */

static void
put (Writer *writer, const char *text)
{
  g_byte_array_append (writer->out, (const guint8 *) text, (guint) strlen (text));
}

static void
put_number (Writer *writer, double number)
{
  if (isnan (number))
    put (writer, "NaN");
  else if (isinf (number))
    put (writer, number > 0 ? "+Inf" : "-Inf");
  else
    muster_json_append_double (writer->out, number);
}

/* A sample without its value. Each of the labels may be empty, or absent. */
static void
put_sample (Writer *writer, const char *name, const char *suffix, const char *labels, const char *more,
            const char *still_more)
{
  const char *const all[] = { labels, more, still_more };
  const char *before = "{";

  put (writer, name);
  put (writer, suffix);
  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    if (all[i] != NULL && *all[i] != '\0')
      {
        put (writer, before);
        put (writer, all[i]);
        before = ",";
      }
  put (writer, *before == ',' ? "}" : "");
}

static void
put_value (Writer *writer, double value)
{
  put (writer, " ");
  put_number (writer, value);
  put (writer, "\n");
}

static void
put_natural (Writer *writer, guint64 value)
{
  put (writer, " ");
  muster_json_append_uint (writer->out, value);
  put (writer, "\n");
}

static const char *
get_suffix (MusterPrometheusType type)
{
  if (type == MUSTER_PROMETHEUS_COUNTER)
    return "_total";
  return type == MUSTER_PROMETHEUS_INFO ? "_info" : "";
}

static void
put_line (Writer *writer, const char *what, const char *name, MusterPrometheusType type, const char *text)
{
  put (writer, what);
  put (writer, name);
  /* In the older format there are no families apart from their samples. */
  if (writer->format == MUSTER_PROMETHEUS_TEXT)
    put (writer, get_suffix (type));
  put (writer, " ");
  put (writer, text);
  put (writer, "\n");
}

static void
put_head (Writer *writer, const char *name, MusterPrometheusType type, const char *help)
{
  static const char *const names[MUSTER_PROMETHEUS_N_TYPES] = { "counter", "gauge", "summary", "summary", "info" };
  gboolean is_plain = writer->format == MUSTER_PROMETHEUS_TEXT;

  put_line (writer, "# HELP ", name, type, help);
  put_line (writer, "# TYPE ", name, type, is_plain && type == MUSTER_PROMETHEUS_INFO ? "gauge" : names[type]);
  if (!is_plain && type == MUSTER_PROMETHEUS_SECONDS && g_str_has_suffix (name, "_seconds"))
    put_line (writer, "# UNIT ", name, type, "seconds");
}

/* -- what processes have measured ---------------------------------------------------------------- */

static void
put_of_summary (Writer *writer, const MusterPrometheusSeries *series, const char *suffix, const char *quantile)
{
  put_sample (writer, series->family->name, suffix, series->process->labels, series->labels, quantile);
}

/* The least and the greatest are exact, and so are the quantiles 0 and 1. */
static void
put_quantiles (Writer *writer, const MusterPrometheusSeries *series)
{
  static const char *const names[] = {
    "quantile=\"0.5\"",
    "quantile=\"0.9\"",
    "quantile=\"0.99\"",
    "quantile=\"0.999\"",
  };
  gboolean is_fresh = series->end_ns == series->process->end_ns;

  G_STATIC_ASSERT (G_N_ELEMENTS (names) == MUSTER_PROMETHEUS_N_QUANTILES);
  put_of_summary (writer, series, "", "quantile=\"0\"");
  put_value (writer, is_fresh ? series->value.summary.min : NAN);
  for (guint i = 0; series->value.summary.has_quantiles && i < MUSTER_PROMETHEUS_N_QUANTILES; i++)
    {
      put_of_summary (writer, series, "", names[i]);
      put_value (writer, is_fresh ? series->value.summary.quantiles[i] : NAN);
    }
  put_of_summary (writer, series, "", "quantile=\"1\"");
  put_value (writer, is_fresh ? series->value.summary.max : NAN);
}

static void
put_summary (Writer *writer, const MusterPrometheusSeries *series)
{
  put_quantiles (writer, series);
  /* OpenMetrics: a sum that may fall must not be there. */
  if (writer->format == MUSTER_PROMETHEUS_TEXT || !series->value.summary.has_negative)
    {
      put_of_summary (writer, series, "_sum", NULL);
      put_value (writer, series->value.summary.sum);
    }
  put_of_summary (writer, series, "_count", NULL);
  put_natural (writer, series->value.summary.count);
}

static void
put_info (Writer *writer, const MusterPrometheusSeries *series)
{
  g_autoptr (GString) labels = g_string_new (series->labels);

  muster_prometheus_append_label (labels, "value", series->value.text);
  put_sample (writer, series->family->name, "_info", series->process->labels, labels->str, NULL);
  put (writer, " 1\n");
}

static void
put_series (Writer *writer, const MusterPrometheusSeries *series)
{
  switch (series->family->type)
    {
    case MUSTER_PROMETHEUS_SUMMARY:
    case MUSTER_PROMETHEUS_SECONDS:
      put_summary (writer, series);
      break;
    case MUSTER_PROMETHEUS_INFO:
      put_info (writer, series);
      break;
    default:
      put_sample (writer, series->family->name, get_suffix (series->family->type), series->process->labels,
                  series->labels, NULL);
      put_value (writer, series->value.number);
    }
}

static void
put_family (Writer *writer, const MusterPrometheusFamily *family)
{
  static const char *const helps[MUSTER_PROMETHEUS_N_TYPES] = {
    "What was incremented, in all intervals so far.",
    "What was set last.",
    "What was sampled: quantiles in the last interval, sum and count in all so far.",
    "Times that were sampled: quantiles in the last interval, sum and count in all so far.",
    "The text that was set last.",
  };
  gboolean has_head = FALSE;

  for (guint i = 0; i < family->series->len; i++)
    {
      const MusterPrometheusSeries *series = family->series->pdata[i];

      if (!muster_prometheus_store_has_process (writer->store, series->process, writer->now_us))
        continue;
      if (!has_head)
        put_head (writer, family->name, family->type, helps[family->type]);
      has_head = TRUE;
      put_series (writer, series);
    }
}

/* -- what Muster knows of itself ----------------------------------------------------------------- */

typedef enum
{
  OWN_VERSION,
  OWN_DATASETS,
  OWN_DATASET_END,
  OWN_EXPECTED,
  OWN_REPORTED,
  OWN_LATE,
  OWN_PARTIAL,
  OWN_OVERFLOW,
  OWN_RECORDS,
  OWN_MISSING,
  OWN_REFUSED,
  OWN_UNKNOWN,
  OWN_DECREMENTS,
  N_OWN,
} Own;

static const struct
{
  const char *name;
  MusterPrometheusType type;
  const char *help;
} owns[N_OWN] = {
  [OWN_VERSION] = { "muster_version", MUSTER_PROMETHEUS_INFO, "The version of Muster." },
  [OWN_DATASETS] = { "muster_datasets", MUSTER_PROMETHEUS_COUNTER, "Deliveries of metrics so far." },
  [OWN_DATASET_END] = { "muster_dataset_end_timestamp_seconds", MUSTER_PROMETHEUS_GAUGE,
                        "When the last interval that was delivered had ended." },
  [OWN_EXPECTED] = { "muster_processes_expected", MUSTER_PROMETHEUS_GAUGE,
                     "Processes that should have reported in that interval." },
  [OWN_REPORTED] = { "muster_processes_reported", MUSTER_PROMETHEUS_GAUGE, "Processes that did." },
  [OWN_LATE] = { "muster_late_reports", MUSTER_PROMETHEUS_COUNTER, "Reports that came after their delivery." },
  [OWN_PARTIAL] = { "muster_partial_reports", MUSTER_PROMETHEUS_COUNTER,
                    "Reports that covered less than their interval." },
  [OWN_OVERFLOW] = { "muster_refused_updates", MUSTER_PROMETHEUS_COUNTER,
                     "Updates of metrics that a process refused: too many metrics, or one used as two kinds." },
  [OWN_RECORDS] = { "muster_records", MUSTER_PROMETHEUS_COUNTER, "Log records so far." },
  [OWN_MISSING] = { "muster_missing_entries", MUSTER_PROMETHEUS_COUNTER,
                    "Entries that a gap stands for, by its reason." },
  [OWN_REFUSED] = { "muster_exposition_refused_metrics", MUSTER_PROMETHEUS_COUNTER,
                    "Metrics in deliveries that were left out here, because max-size was reached." },
  [OWN_UNKNOWN] = { "muster_exposition_unknown_metrics", MUSTER_PROMETHEUS_COUNTER,
                    "Metrics in deliveries that were left out here, because they are of another kind." },
  [OWN_DECREMENTS] = { "muster_exposition_decrements", MUSTER_PROMETHEUS_COUNTER,
                       "Intervals in which increments added up to less than 0, and were left out here." },
};

void
muster_prometheus_exposition_reserve (MusterPrometheusFamilies *families)
{
  for (guint i = 0; i < N_OWN; i++)
    muster_prometheus_families_reserve (families, owns[i].name, owns[i].type);
}

static void
put_own_head (Writer *writer, Own own)
{
  put_head (writer, owns[own].name, owns[own].type, owns[own].help);
}

static void
put_own (Writer *writer, Own own, const char *labels, const char *more_labels)
{
  put_sample (writer, owns[own].name, get_suffix (owns[own].type), labels, more_labels, NULL);
}

static void
put_source (Writer *writer, Own own, const MusterPrometheusSource *source)
{
  put_own (writer, own, source->labels, NULL);
  switch (own)
    {
    case OWN_DATASETS:
      put_natural (writer, source->n_datasets);
      break;
    case OWN_DATASET_END:
      put_value (writer, (double) source->end_ns / 1e9);
      break;
    case OWN_EXPECTED:
      put_natural (writer, source->n_expected);
      break;
    case OWN_REPORTED:
      put_natural (writer, source->n_reported);
      break;
    case OWN_LATE:
      put_natural (writer, source->n_late);
      break;
    default:
      put_natural (writer, source->n_partial);
    }
}

static void
put_overflow (Writer *writer, const MusterPrometheusSource *source)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, source->processes);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const MusterPrometheusProcess *process = value;

      if (!muster_prometheus_store_has_process (writer->store, process, writer->now_us))
        continue;
      put_own (writer, OWN_OVERFLOW, process->labels, NULL);
      put_natural (writer, process->overflow);
    }
}

static void
put_sources (Writer *writer)
{
  for (Own own = OWN_DATASETS; own <= OWN_OVERFLOW; own++)
    {
      GHashTableIter iter;
      gpointer source;

      put_own_head (writer, own);
      g_hash_table_iter_init (&iter, writer->store->sources);
      while (g_hash_table_iter_next (&iter, NULL, &source))
        if (!muster_prometheus_store_has_source (writer->store, source, writer->now_us))
          continue;
        else if (own == OWN_OVERFLOW)
          put_overflow (writer, source);
        else
          put_source (writer, own, source);
    }
}

/* One line for each of @n counts that is not 0. */
static void
put_counts (Writer *writer, Own own, const MusterPrometheusStream *stream, const guint64 *counts, guint n,
            const char *label, const char *(*get_name) (guint))
{
  for (guint i = 0; i < n; i++)
    if (counts[i] > 0)
      {
        g_autofree char *more = g_strdup_printf ("%s=\"%s\"", label, get_name (i));

        put_own (writer, own, stream->labels, more);
        put_natural (writer, counts[i]);
      }
}

static const char *
get_level_name (guint level)
{
  return muster_level_to_string ((MusterLevel) level);
}

static const char *
get_reason_name (guint reason)
{
  return muster_gap_reason_to_string ((MusterGapReason) reason);
}

static void
put_streams (Writer *writer, MusterPrometheusStreams *streams)
{
  gint64 since_us = writer->now_us - muster_prometheus_store_get_patience (writer->store);
  g_autoptr (GArray) list = muster_prometheus_streams_list (streams, since_us);

  put_own_head (writer, OWN_RECORDS);
  for (guint i = 0; i < list->len; i++)
    {
      const MusterPrometheusStream *stream = &g_array_index (list, MusterPrometheusStream, i);

      put_counts (writer, OWN_RECORDS, stream, stream->records, MUSTER_PROMETHEUS_N_LEVELS, "level", get_level_name);
    }
  put_own_head (writer, OWN_MISSING);
  for (guint i = 0; i < list->len; i++)
    {
      const MusterPrometheusStream *stream = &g_array_index (list, MusterPrometheusStream, i);

      put_counts (writer, OWN_MISSING, stream, stream->missing, MUSTER_PROMETHEUS_N_REASONS, "reason", get_reason_name);
    }
}

static void
put_loss (Writer *writer, Own own, guint64 count)
{
  put_own_head (writer, own);
  put_own (writer, own, NULL, NULL);
  put_natural (writer, count);
}

static void
put_self (Writer *writer)
{
  put_own_head (writer, OWN_VERSION);
  put_own (writer, OWN_VERSION, "version=\"" MUSTER_VERSION "\"", NULL);
  put (writer, " 1\n");
  put_loss (writer, OWN_REFUSED, writer->store->losses.refused);
  put_loss (writer, OWN_UNKNOWN, writer->store->losses.unknown);
  put_loss (writer, OWN_DECREMENTS, writer->store->losses.decrements);
}

GBytes *
muster_prometheus_exposition_write (MusterPrometheusStore *store, MusterPrometheusStreams *streams,
                                    MusterPrometheusFormat format, gint64 now_us)
{
  Writer writer = { store, format, now_us, g_byte_array_new () };
  GPtrArray *families = muster_prometheus_families_list (store->families);

  put_self (&writer);
  put_sources (&writer);
  put_streams (&writer, streams);
  for (guint i = 0; i < families->len; i++)
    put_family (&writer, families->pdata[i]);
  if (format == MUSTER_PROMETHEUS_OPENMETRICS)
    put (&writer, "# EOF\n");
  return g_byte_array_free_to_bytes (writer.out);
}
