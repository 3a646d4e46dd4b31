/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-journal-private.h"
#include "muster-metrics-private.h"

/*
 * MusterSender: the worker's end of the link, in a thread of its own with its own main context. It reads the journal,
 * sends batches, and answers for them until they are acknowledged. It never gives up: a primary that is away is waited
 * for, while the journal fills.
 */
typedef struct _MusterSender MusterSender;

/* All are called in the sender's thread. */
typedef struct
{
  void (*welcomed) (const MusterTimeBase *base, gpointer user_data); /* each time the primary takes us */
  void (*message) (GVariant *message, gpointer user_data);           /* borrowed */
  void (*level) (MusterLevel level, gpointer user_data);
  void (*refused) (const char *reason, gpointer user_data); /* for good */
} MusterSenderCallbacks;

/* Starts the thread, with all signals blocked in it. */
MusterSender *muster_sender_new (MusterJournal *journal, const char *endpoint, gint64 flush_interval_us,
                                 const MusterSenderCallbacks *callbacks, gpointer user_data, GError **error);
GMainContext *muster_sender_get_context (MusterSender *sender);    /* of its thread, for others who need one there */
void muster_sender_send (MusterSender *sender, GVariant *message); /* any thread; in order; sinks a floating one */
/* Waits until everything that is in the journal now has been acknowledged; FALSE if that took longer. Any other thread. */
gboolean muster_sender_flush (MusterSender *sender, gint64 timeout_us);
/* Runs a function in the sender's thread and waits for it. */
void muster_sender_call (MusterSender *sender, void (*function) (gpointer), gpointer data);
/* Ends the thread, whatever is unacknowledged: the journal keeps it. */
void muster_sender_free (MusterSender *sender);
