/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * MusterExpected: which processes report, and did. One thread.
 */
typedef struct
{
  char *worker; /* owned */
  guint pid;
  gint64 since_ns;
  gint64 gone_ns; /* G_MAXINT64 while it is there */
} MusterExpectedProcess;

typedef struct _MusterExpected MusterExpected;

MusterExpected *muster_expected_new (void);
void muster_expected_free (MusterExpected *expected);
void muster_expected_add (MusterExpected *expected, const char *worker, guint pid, gint64 since_ns);
/* It is gone at @now_ns. Those who were gone before @forget_ns are forgotten. */
void muster_expected_remove (MusterExpected *expected, const char *worker, guint pid, gint64 now_ns, gint64 forget_ns);

/* Those who were there in [@start_ns, @end_ns), and of whom @has_reported says no. */
typedef gboolean (*MusterExpectedFunc) (const MusterExpectedProcess *process, gpointer user_data);
guint muster_expected_count_absent (MusterExpected *expected, gint64 start_ns, gint64 end_ns,
                                    MusterExpectedFunc has_reported, gpointer user_data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterExpected, muster_expected_free)
