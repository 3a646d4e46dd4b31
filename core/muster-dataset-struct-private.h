/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-arena-private.h"
#include "muster-dataset-private.h"
#include "muster-metric-private.h"

/* What one process (or, after a restart, two with one id) measured. */
typedef struct
{
  char *worker; /* owned; "master" for the primary */
  guint32 pid;
  guint64 overflow; /* updates refused */
  gint64 start_ns;  /* from when to when it measured, all its snapshots together; 0: nobody says */
  gint64 end_ns;
  GPtrArray *metrics;      /* owned array of Muster__V1__Metric in the dataset's arena, in order of path and id */
  GVariant *shape;         /* owned, nullable: what a transformer made of them, of type a{sv}; shown in their place */
  GByteArray *shape_bytes; /* owned, nullable: the same while it comes in parts */
} MusterDatasetProcess;

/* All of them together. */
typedef struct
{
  MusterDatasetProcess *process; /* owned; not among the dataset's */
  guint64 unmerged;              /* updates of metrics that are of another type in a process that stands before */
  MusterArena *arena;            /* owned; what is not the processes' */
} MusterDatasetTotal;

struct _MusterDataset
{
  gatomicrefcount references;
  guint id;
  char *name; /* owned */
  gint64 start_ns;
  gint64 end_ns;
  gint64 interval_ns;
  double scale_factor;
  gboolean is_late; /* another dataset of that interval has been delivered before; here only, it does not travel */
  guint n_expected;
  guint n_reported;
  guint n_merged;        /* datasets that were merged into this one; 0: it is one cluster's own */
  gboolean interrupted;  /* merged, and what had come to an earlier collector may be missing */
  GPtrArray *processes;  /* owned MusterDatasetProcess; the primary first, then in natural order of their ids */
  GHashTable *by_worker; /* owned; of the above; NULL once sealed */
  GPtrArray *late;       /* owned strings */
  GPtrArray *partial;    /* owned strings */
  MusterArena *arena;    /* owned */
  guint32 next_part;     /* while it is put together from parts */

  MusterDatasetTotal *total; /* owned, nullable; made when first asked for */
};

#define MUSTER_MASTER "master"

MusterDataset *muster_dataset_new (void);
MusterDatasetProcess *muster_dataset_process_new (const char *worker, guint32 pid);
void muster_dataset_process_free (MusterDatasetProcess *process);
/* How many of its metrics have samples, but no sketch. */
guint muster_dataset_process_count_without_quantiles (const MusterDatasetProcess *process);
void muster_dataset_process_sort (MusterDatasetProcess *process);
/* Brings processes and metrics into their order, after which nothing changes any more. */
void muster_dataset_seal (MusterDataset *dataset);

/* Of a sealed one. Sets have the last value, and in `min`, `max` and `sum` (NaN where no process has a number) those over
 * the processes. Any thread; valid as long as the dataset. */
const MusterDatasetTotal *muster_dataset_get_total (MusterDataset *dataset);
void muster_dataset_total_free (MusterDatasetTotal *total);
/* The time in which the total was really measured: what its rates are over. */
gint64 muster_dataset_get_covered_ns (MusterDataset *dataset);
#define MUSTER_DATASET_COVERED_MIN G_GINT64_CONSTANT (1000000) /* less says nothing: the interval counts then */

/* Nanoseconds as the milliseconds that datasets show, exact where they are whole. */
double muster_dataset_to_ms (gint64 ns);

/* Whether a name (of a worker, of a metrics object) may be in a dataset. */
gboolean muster_dataset_is_name (const char *name);

/*
 * The tree that a dataset is for people and programs, walked member by member, so that JSON and GVariant have one shape.
 * Keys are NULL for the outermost object; within one object no key comes twice. A number that is not finite is none.
 */
typedef struct
{
  void (*begin) (gpointer data, const char *key);
  void (*end) (gpointer data);
  void (*number) (gpointer data, const char *key, double value);
  void (*natural) (gpointer data, const char *key, guint64 value);
  void (*text) (gpointer data, const char *key, const char *value);
  void (*names) (gpointer data, const char *key, GPtrArray *names);
  void (*value) (gpointer data, const char *key, GVariant *value); /* any, whole */
} MusterDatasetVisitor;

void muster_dataset_walk (MusterDataset *dataset, const MusterDatasetVisitor *visitor, gpointer data);
/* One process's part of it, as the outermost object; the metrics, whatever its shape is. */
void muster_dataset_walk_process (MusterDataset *dataset, const MusterDatasetProcess *process,
                                  const MusterDatasetVisitor *visitor, gpointer data);
/* That as an `a{sv}`, not floating. */
GVariant *muster_dataset_process_to_variant (MusterDataset *dataset, const MusterDatasetProcess *process);

/* Gives a process another shape, before anybody else sees the dataset. FALSE with %MUSTER_ERROR_INVALID if it is no
 * `a{sv}`, or too large. */
#define MUSTER_DATASET_SHAPE_MAX ((gsize) 16 << 20)
gboolean muster_dataset_process_set_shape (MusterDatasetProcess *process, GVariant *shape, GError **error);
