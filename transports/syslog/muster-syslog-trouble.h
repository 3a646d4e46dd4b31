/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-source.h"

/*
 * Something that may go wrong again and again, for strangers can make it so: one line at once, then one in 10 s at most,
 * with the number of those that were not said. One for each kind of trouble, so that none hides another. All zeros to
 * begin with; one thread.
 */
typedef struct
{
  gint64 said_us; /* 0: never */
  guint n_unsaid;
} MusterSyslogTrouble;

void muster_syslog_trouble_report (MusterSyslogTrouble *self, MusterSource *source, const char *format, ...)
    G_GNUC_PRINTF (3, 4);
