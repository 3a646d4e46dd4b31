/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-logger.h"
#include "muster-pipeline-private.h"
#include "muster-source.h"

/*
 * MusterSourceIntake: a thread, a journal and a stream for what comes from senders that number nothing themselves.
 *
 * The thread runs a main context: the source's sockets are attached to it, it appends what they bring to the journal, and
 * gives the journal's batches to the pipeline. The journal lies beside those of the workers: what was taken in before the
 * primary was killed is delivered by the next one.
 */
typedef struct _MusterSourceIntake MusterSourceIntake;

/* What a source needs to know of its cluster; all borrowed. */
typedef struct
{
  MusterPipeline *pipeline;
  MusterLogger *logger;    /* nullable: then nobody hears what it reports */
  const char *host;        /* nullable */
  const char *cluster;     /* nullable */
  const char *journals;    /* nullable: the directory of journals; without one they end with the process */
  gint64 drain_timeout_us; /* how long a stop may wait until all is delivered */
  void (*merge) (MusterBatch *batch, gpointer data); /* nullable; any thread: takes datasets to be merged */
  gpointer merge_data;
  void (*tap) (MusterBatch *batch, gpointer data); /* nullable; any thread: looks at what goes into the pipeline */
  gpointer tap_data;
} MusterSourceHouse;

/* @room is called in the thread where there is room again after take() had found none. */
MusterSourceIntake *muster_source_intake_new (const MusterSourceHouse *house, const char *name, guint64 journal_size,
                                              void (*room) (gpointer), gpointer user_data, GError **error);
/* Ends the thread if that was not done, and leaves the journal where it is. The pipeline must have been stopped, so that
 * no acknowledgement comes any more. */
void muster_source_intake_free (MusterSourceIntake *intake);
const char *muster_source_intake_get_journal_path (MusterSourceIntake *intake); /* nullable */
GMainContext *muster_source_intake_get_context (MusterSourceIntake *intake);
/* Runs @function in the thread, and waits for it. */
void muster_source_intake_run (MusterSourceIntake *intake, void (*function) (gpointer), gpointer data);
/* In the thread. FALSE if there is no room just now: then nothing has happened. */
gboolean muster_source_intake_take (MusterSourceIntake *intake, const MusterSourceRecord *record);
/* Appends the end of the stream, waits until all is acknowledged, ends the thread, removes the journal. FALSE if not all
 * was acknowledged in time: then the journal stays for the next primary. */
gboolean muster_source_intake_stop (MusterSourceIntake *intake, gint64 timeout_us);
