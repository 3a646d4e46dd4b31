/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who watches a transport: counts what is done, and keeps what is reported. For use as the callbacks' data.
 */
#pragma once

#include "muster-transport-private.h"

#define WITNESS_DEADLINE_US (30 * G_USEC_PER_SEC)

typedef struct
{
  GMutex lock; /* guards the rest */
  GCond cond;
  guint n_done; /* batches */
  guint n_reports;
  GString *reports; /* a line each */
} Witness;

static inline void
witness_done_cb (MusterTransport *transport, MusterBatch *batch, gpointer user_data)
{
  Witness *witness = user_data;

  g_mutex_lock (&witness->lock);
  witness->n_done++;
  g_cond_broadcast (&witness->cond);
  g_mutex_unlock (&witness->lock);
}

static inline void
witness_report_cb (MusterTransport *transport, MusterLevel level, const char *message, gpointer user_data)
{
  Witness *witness = user_data;

  g_mutex_lock (&witness->lock);
  witness->n_reports++;
  g_string_append_printf (witness->reports, "%s: %s\n", muster_level_to_string (level), message);
  g_cond_broadcast (&witness->cond);
  g_mutex_unlock (&witness->lock);
}

static inline void
witness_init (Witness *witness)
{
  g_mutex_init (&witness->lock);
  g_cond_init (&witness->cond);
  witness->n_done = witness->n_reports = 0;
  witness->reports = g_string_new (NULL);
}

static inline void
witness_clear (Witness *witness)
{
  g_string_free (witness->reports, TRUE);
  g_cond_clear (&witness->cond);
  g_mutex_clear (&witness->lock);
}

static inline void
witness_watch (Witness *witness, MusterTransport *transport)
{
  muster_transport_set_callbacks (transport, witness_done_cb, witness_report_cb, witness);
}

/* @counter: one of the witness's own. */
static inline void
witness_wait (Witness *witness, const guint *counter, guint n)
{
  gint64 deadline_us = g_get_monotonic_time () + WITNESS_DEADLINE_US;

  g_mutex_lock (&witness->lock);
  while (*counter < n)
    if (!g_cond_wait_until (&witness->cond, &witness->lock, deadline_us))
      g_error ("%u batches are done; %u reports:\n%s", witness->n_done, witness->n_reports, witness->reports->str);
  g_mutex_unlock (&witness->lock);
}
