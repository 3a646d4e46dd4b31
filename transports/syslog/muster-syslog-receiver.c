/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From bytes to the source's journal.
 */
#include "config.h"

#include "muster-syslog-receiver.h"

#define SCRATCH_SIZE 262144

MusterSyslogReceiver *
muster_syslog_receiver_new (MusterSource *source, gsize max_size)
{
  MusterSyslogReceiver *self = g_new0 (MusterSyslogReceiver, 1);

  self->source = source;
  self->max_size = max_size;
  self->scratch_size = SCRATCH_SIZE;
  self->scratch = g_malloc (self->scratch_size);
  muster_syslog_record_init (&self->record);
  return self;
}

void
muster_syslog_receiver_free (MusterSyslogReceiver *self)
{
  muster_syslog_record_clear (&self->record);
  g_free (self->scratch);
  g_free (self);
}

guint64
muster_syslog_receiver_now (void)
{
  return (guint64) g_get_real_time () * 1000;
}

gboolean
muster_syslog_receiver_take (MusterSyslogReceiver *self, const char *bytes, gsize length, const char *peer,
                             gsize truncated_from, guint64 now_ns)
{
  MusterSyslogMessage message;

  muster_syslog_parse (bytes, length, now_ns, &message);
  muster_syslog_record_fill (&self->record, &message, peer, truncated_from);
  if (self->record.record.time_ns == 0)
    self->record.record.time_ns = now_ns;
  if (!muster_source_take (self->source, &self->record.record))
    {
      self->paused = TRUE;
      return FALSE;
    }
  self->n_received++;
  self->n_malformed += message.malformed != NULL;
  return TRUE;
}
