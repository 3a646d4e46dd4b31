/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "muster-entry.h"

G_BEGIN_DECLS

#define MUSTER_TYPE_DATASET        (muster_dataset_get_type ())
#define MUSTER_TYPE_DATASET_METRIC (muster_dataset_metric_get_type ())

/**
 * MusterDataset:
 *
 * The cluster's metrics over one interval: an immutable, reference-counted value.
 */
typedef struct _MusterDataset MusterDataset;

/**
 * MusterDatasetMetric:
 *
 * What one process measured of one thing over the interval of a #MusterDataset: an immutable value, borrowed from the
 * dataset unless it is a copy.
 */
typedef struct _MusterDatasetMetric MusterDatasetMetric;

/**
 * MUSTER_DATASET_TOTAL:
 *
 * In the place of a process's number: what all processes measured together. Of a set there is the last value.
 *
 * Since: 0.1
 */
#define MUSTER_DATASET_TOTAL G_MAXUINT32

MUSTER_PUBLIC GType muster_dataset_get_type (void) G_GNUC_CONST;
MUSTER_PUBLIC MusterDataset *muster_dataset_ref (MusterDataset *dataset);
MUSTER_PUBLIC void muster_dataset_unref (MusterDataset *dataset);
MUSTER_PUBLIC guint muster_dataset_get_id (MusterDataset *dataset);
MUSTER_PUBLIC const char *muster_dataset_get_name (MusterDataset *dataset);
MUSTER_PUBLIC gint64 muster_dataset_get_start_ns (MusterDataset *dataset);
MUSTER_PUBLIC gint64 muster_dataset_get_end_ns (MusterDataset *dataset);
MUSTER_PUBLIC gint64 muster_dataset_get_interval_ns (MusterDataset *dataset);
MUSTER_PUBLIC guint muster_dataset_get_n_expected (MusterDataset *dataset);
MUSTER_PUBLIC guint muster_dataset_get_n_reported (MusterDataset *dataset);
MUSTER_PUBLIC guint muster_dataset_get_n_merged (MusterDataset *dataset);
MUSTER_PUBLIC gboolean muster_dataset_is_interrupted (MusterDataset *dataset);
MUSTER_PUBLIC char *muster_dataset_to_json (MusterDataset *dataset);
MUSTER_PUBLIC GVariant *muster_dataset_to_variant (MusterDataset *dataset);
MUSTER_PUBLIC char *muster_dataset_to_text (MusterDataset *dataset);
MUSTER_PUBLIC char *muster_dataset_to_text_in_columns (MusterDataset *dataset, guint columns);
MUSTER_PUBLIC void muster_dataset_append_json (MusterDataset *dataset, GByteArray *out);
MUSTER_PUBLIC gboolean muster_dataset_assemble (MusterDataset **partial, const MusterEntry *entry,
                                                MusterDataset **complete);

/* What is in it. */
MUSTER_PUBLIC double muster_dataset_get_scale_factor (MusterDataset *dataset);
MUSTER_PUBLIC char **muster_dataset_list_late (MusterDataset *dataset);
MUSTER_PUBLIC char **muster_dataset_list_partial (MusterDataset *dataset);
MUSTER_PUBLIC guint muster_dataset_get_n_processes (MusterDataset *dataset);
MUSTER_PUBLIC int muster_dataset_find_process (MusterDataset *dataset, const char *worker);
MUSTER_PUBLIC const char *muster_dataset_get_worker (MusterDataset *dataset, guint process);
MUSTER_PUBLIC guint muster_dataset_get_pid (MusterDataset *dataset, guint process);
MUSTER_PUBLIC guint64 muster_dataset_get_overflow (MusterDataset *dataset, guint process);
MUSTER_PUBLIC guint muster_dataset_get_n_metrics (MusterDataset *dataset, guint process);
MUSTER_PUBLIC const MusterDatasetMetric *muster_dataset_get_metric (MusterDataset *dataset, guint process,
                                                                    guint metric);
MUSTER_PUBLIC const MusterDatasetMetric *muster_dataset_find_metric (MusterDataset *dataset, guint process,
                                                                     const char *const *path, const char *id);

MUSTER_PUBLIC GType muster_dataset_metric_get_type (void) G_GNUC_CONST;
MUSTER_PUBLIC MusterDatasetMetric *muster_dataset_metric_copy (const MusterDatasetMetric *metric);
MUSTER_PUBLIC void muster_dataset_metric_free (MusterDatasetMetric *metric);
MUSTER_PUBLIC const char *const *muster_dataset_metric_get_path (const MusterDatasetMetric *metric, gsize *n_path);
MUSTER_PUBLIC const char *muster_dataset_metric_get_id (const MusterDatasetMetric *metric);
MUSTER_PUBLIC const char *muster_dataset_metric_get_kind (const MusterDatasetMetric *metric);
MUSTER_PUBLIC guint64 muster_dataset_metric_get_count (const MusterDatasetMetric *metric);
MUSTER_PUBLIC double muster_dataset_metric_get_sum (const MusterDatasetMetric *metric);
MUSTER_PUBLIC double muster_dataset_metric_get_min (const MusterDatasetMetric *metric);
MUSTER_PUBLIC double muster_dataset_metric_get_max (const MusterDatasetMetric *metric);
MUSTER_PUBLIC double muster_dataset_metric_get_average (const MusterDatasetMetric *metric);
MUSTER_PUBLIC double muster_dataset_metric_get_sigma (const MusterDatasetMetric *metric);
MUSTER_PUBLIC double muster_dataset_metric_get_quantile (const MusterDatasetMetric *metric, double q);
MUSTER_PUBLIC double muster_dataset_metric_get_number (const MusterDatasetMetric *metric);
MUSTER_PUBLIC const char *muster_dataset_metric_get_text (const MusterDatasetMetric *metric);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterDatasetMetric, muster_dataset_metric_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterDataset, muster_dataset_unref)

G_END_DECLS
