/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-dataset.h"
#include "muster-prometheus-family.h"

G_BEGIN_DECLS

/* Quantiles between the least and the greatest. */
#define MUSTER_PROMETHEUS_N_QUANTILES 4
extern const double muster_prometheus_quantiles[MUSTER_PROMETHEUS_N_QUANTILES];

/* One metrics object of one cluster. */
typedef struct
{
  char *labels;          /* owned; escaped: host, cluster, metrics; also its key */
  GHashTable *processes; /* owned; worker -> MusterPrometheusProcess */
  gsize cost;
  gint64 interval_us;
  gint64 seen_us;
  gint64 end_ns; /* of the newest dataset; and of that one: */
  guint n_expected;
  guint n_reported;
  guint64 n_datasets; /* totals */
  guint64 n_late;
  guint64 n_partial;
} MusterPrometheusSource;

/* A process of it, whatever its incarnation. */
typedef struct
{
  MusterPrometheusSource *source; /* borrowed */
  char *worker;                   /* owned */
  char *labels;                   /* owned; escaped: the source's, worker, group */
  GHashTable *series;             /* owned; set of MusterPrometheusSeries, by key */
  gsize cost;
  gint64 seen_us; /* when it reported last */
  gint64 end_ns;  /* of the newest interval that it reported */
  guint64 overflow;
} MusterPrometheusProcess;

typedef struct
{
  MusterPrometheusProcess *process; /* borrowed */
  MusterPrometheusFamily *family;   /* borrowed */
  guint place;                      /* in the family's series */
  char *key;                        /* owned */
  char *labels;                     /* owned; escaped: path, id; may be empty */
  gsize cost;
  gint64 end_ns; /* of the newest interval in which it was measured */
  union
  {
    double number; /* a counter's total, a gauge */
    char *text;    /* owned; of an info */
    struct
    {
      guint64 count; /* totals */
      double sum;
      double min; /* these in the interval that ends at end_ns; NaN where there is none */
      double max;
      double quantiles[MUSTER_PROMETHEUS_N_QUANTILES];
      gboolean has_quantiles;
      gboolean has_negative; /* some sample was: the sum may fall */
    } summary;
  } value;
} MusterPrometheusSeries;

/* Of the store itself, as totals. */
typedef struct
{
  guint64 refused;    /* metrics in datasets for which there was no room */
  guint64 unknown;    /* metrics of a kind that is not known here */
  guint64 decrements; /* intervals in which what should be a counter has fallen */
} MusterPrometheusLosses;

/*
 * What datasets have added up to. It is bounded by what it would be as text; what has not been reported for some time is
 * not shown, and goes when there is no room for something else. Not thread-safe.
 */
typedef struct
{
  char *prefix;                       /* owned */
  gsize max_size;                     /* of all costs together */
  guint stale_after;                  /* intervals */
  GHashTable *sources;                /* owned; labels -> MusterPrometheusSource */
  MusterPrometheusFamilies *families; /* owned */
  MusterPrometheusLosses losses;
  gsize cost;
  GString *scratch; /* owned */
} MusterPrometheusStore;

MusterPrometheusStore *muster_prometheus_store_new (const char *prefix, gsize max_size, guint stale_after);
void muster_prometheus_store_free (MusterPrometheusStore *store);

/* Adds a dataset of the primary of @host and @cluster (valid UTF-8); @now_us is monotonic time. */
void muster_prometheus_store_add (MusterPrometheusStore *store, const char *host, const char *cluster,
                                  MusterDataset *dataset, gint64 now_us);

/* Whether it is shown. */
gboolean muster_prometheus_store_has_source (const MusterPrometheusStore *store, const MusterPrometheusSource *source,
                                             gint64 now_us);
gboolean muster_prometheus_store_has_process (const MusterPrometheusStore *store,
                                              const MusterPrometheusProcess *process, gint64 now_us);

/* How long what is not seen any more stays, at most: by the longest interval of all. */
gint64 muster_prometheus_store_get_patience (const MusterPrometheusStore *store);

/* Appends a worker's labels; those of a group `web` are web-1, web-2, ... */
void muster_prometheus_append_worker (GString *labels, const char *worker);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterPrometheusStore, muster_prometheus_store_free)

G_END_DECLS
