/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reports that cannot flood a log.
 */
#include "config.h"

#include "muster-syslog-trouble.h"

#define INTERVAL_US (10 * G_USEC_PER_SEC)

void
muster_syslog_trouble_report (MusterSyslogTrouble *self, MusterSource *source, const char *format, ...)
{
  gint64 now_us = g_get_monotonic_time ();
  g_autofree char *text = NULL;
  va_list arguments;

  if (self->said_us != 0 && now_us - self->said_us < INTERVAL_US)
    {
      self->n_unsaid++;
      return;
    }
  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  if (self->n_unsaid > 0)
    muster_source_report (source, MUSTER_LEVEL_WARNING, "%s (and %u like it before)", text, self->n_unsaid);
  else
    muster_source_report (source, MUSTER_LEVEL_WARNING, "%s", text);
  self->said_us = now_us;
  self->n_unsaid = 0;
}
