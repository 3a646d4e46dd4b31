/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-batch.h"
#include "muster-field.h"

G_BEGIN_DECLS

#define MUSTER_TYPE_SOURCE (muster_source_get_type ())
MUSTER_PUBLIC
G_DECLARE_DERIVABLE_TYPE (MusterSource, muster_source, MUSTER, SOURCE, GObject)

/**
 * MusterSourceRecord: (skip)
 * @level: how bad it is; %MUSTER_LEVEL_NONE where nobody said
 * @time_ns: when, in nanoseconds since the Unix epoch; 0: now
 * @host: whose it is: the label of the origin. Empty: this machine
 * @pid: the process there; 0 where unknown
 * @domain: like a log domain
 * @message: any bytes; what is not UTF-8 is escaped, and kept
 * @fields: (array length=n_fields): values beside the message
 * @n_fields: how many
 * @truncated_from: the message's length before somebody cut it; 0 if nobody did
 *
 * One thing said by a sender that has no stream and no numbers. All is borrowed.
 */
typedef struct
{
  MusterLevel level;
  guint64 time_ns;
  MusterSlice host;
  guint32 pid;
  MusterSlice domain;
  MusterSlice message;
  const MusterField *fields;
  gsize n_fields;
  gsize truncated_from;
} MusterSourceRecord;

/**
 * MusterSourceClass:
 * @start: begins to bring entries in; it may submit at once, also from threads of its own
 * @stop: (nullable): brings no more in
 * @acknowledged: (nullable): a batch given to muster_source_submit() is in every required transport; any thread, also
 *   after @stop, and in the order in which one thread submitted
 * @room: (nullable): for sources with an intake: muster_source_take() had no room, and there may be some now; in the
 *   intake's thread
 * @get_journal_size: (nullable): for sources with an intake: the bytes of journal that @start will ask for, so that `muster
 *   check` knows what is needed; before @start, its properties are set
 *
 * A way in: entries from elsewhere (another machine's Muster, syslog devices) enter the pipeline, their origin kept.
 *
 * There are two kinds. Senders that have streams and numbers of their own, and keep what is not acknowledged, are heard by
 * a source that submits their batches as they are, and hands acknowledgements back. For senders that number nothing there
 * is the *intake*: a thread with a main context for the sockets, and a journal in which each record gets a number and
 * survives the death of this process; see muster_source_open_intake().
 */
struct _MusterSourceClass
{
  GObjectClass parent_class;

  gboolean (*start) (MusterSource *self, GError **error);
  void (*stop) (MusterSource *self);
  void (*acknowledged) (MusterSource *self, MusterBatch *batch);
  void (*room) (MusterSource *self);
  guint64 (*get_journal_size) (MusterSource *self);

  /*< private >*/
  gpointer padding[6];
};

MUSTER_PUBLIC const char *muster_source_get_name (MusterSource *self);

/* For subclasses. */
MUSTER_PUBLIC void muster_source_submit (MusterSource *self, MusterBatch *batch);
MUSTER_PUBLIC void muster_source_report (MusterSource *self, MusterLevel level, const char *format, ...)
    G_GNUC_PRINTF (3, 4);
MUSTER_PUBLIC gboolean muster_source_open_intake (MusterSource *self, guint64 journal_size, GError **error);
MUSTER_PUBLIC GMainContext *muster_source_get_context (MusterSource *self);
MUSTER_PUBLIC void muster_source_run (MusterSource *self, void (*function) (gpointer data), gpointer data);
MUSTER_PUBLIC gboolean muster_source_take (MusterSource *self, const MusterSourceRecord *record);

G_END_DECLS
