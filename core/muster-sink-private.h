/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdatomic.h>

#include "muster-journal-private.h"
#include "muster-level.h"

/* Where a logger and all its children write: a journal, or text to stderr where @journal is NULL. Loggers share a sink
 * by reference; after fork() without exec the sink of the child is stderr. */
typedef struct _MusterSink MusterSink;

struct _MusterSink
{
  gatomicrefcount references;
  MusterJournal *_Atomic journal; /* owned, nullable: then text goes to stderr; set once */
  _Atomic int forks;              /* before it was set */
  char *worker;                   /* owned, nullable */
  _Atomic int level;              /* of the loggers that have none of their own */
};

MusterSink *muster_sink_new (MusterJournal *journal, const char *worker);
void muster_sink_set_journal (MusterSink *sink, MusterJournal *journal); /* once, where there was none; any thread */
MusterSink *muster_sink_ref (MusterSink *sink);
void muster_sink_unref (MusterSink *sink);
/* For loggers without a level of their own; any thread. */
void muster_sink_set_level (MusterSink *sink, MusterLevel level);

/* Any thread, signal handlers too. A whole record, as muster_encode_record() makes it. FALSE if it was refused. */
gboolean muster_sink_append (MusterSink *sink, MusterLevel level, const guint8 *bytes, gsize length);
gboolean muster_sink_print (MusterSink *sink, const guint8 *bytes, gsize length); /* to stderr, as text */
MusterJournal *muster_sink_get_journal (MusterSink *sink); /* borrowed; NULL where stderr takes its place */
