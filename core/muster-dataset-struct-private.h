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
  guint64 overflow;   /* updates refused */
  GPtrArray *metrics; /* owned array of Muster__V1__Metric in the dataset's arena, in order of path and id */
} MusterDatasetProcess;

struct _MusterDataset
{
  gatomicrefcount references;
  guint id;
  char *name; /* owned */
  gint64 start_ns;
  gint64 end_ns;
  gint64 interval_ns;
  double scale_factor;
  guint n_expected;
  guint n_reported;
  GPtrArray *processes;  /* owned MusterDatasetProcess; the primary first, then in natural order of their ids */
  GHashTable *by_worker; /* owned; of the above; NULL once sealed */
  GPtrArray *late;       /* owned strings */
  GPtrArray *partial;    /* owned strings */
  MusterArena *arena;    /* owned */
  guint32 next_part;     /* while it is put together from parts */
};

#define MUSTER_MASTER "master"

MusterDataset *muster_dataset_new (void);
MusterDatasetProcess *muster_dataset_process_new (const char *worker, guint32 pid);
void muster_dataset_process_free (MusterDatasetProcess *process);
/* Brings processes and metrics into their order, after which nothing changes any more. */
void muster_dataset_seal (MusterDataset *dataset);

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
} MusterDatasetVisitor;

void muster_dataset_walk (MusterDataset *dataset, const MusterDatasetVisitor *visitor, gpointer data);
