/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Messages on their way.
 */
#include "config.h"

#include "muster-syslog-outbox.h"

void
muster_syslog_outbox_init (MusterSyslogOutbox *self)
{
  *self = (MusterSyslogOutbox){ .bytes = g_byte_array_new (), .ends = g_array_new (FALSE, FALSE, sizeof (gsize)) };
}

void
muster_syslog_outbox_clear (MusterSyslogOutbox *self)
{
  g_byte_array_unref (self->bytes);
  g_array_unref (self->ends);
}

gboolean
muster_syslog_outbox_is_empty (const MusterSyslogOutbox *self)
{
  return self->bytes->len == 0;
}

gsize
muster_syslog_outbox_get_unsent (const MusterSyslogOutbox *self)
{
  return self->bytes->len - self->sent;
}

void
muster_syslog_outbox_add_end (MusterSyslogOutbox *self)
{
  gsize end = self->bytes->len;

  g_array_append_val (self->ends, end);
}

void
muster_syslog_outbox_note_sent (MusterSyslogOutbox *self, gsize n)
{
  self->sent += n;
}

/* How many whole messages lie before @offset. */
static guint
count_before (const MusterSyslogOutbox *self, gsize offset)
{
  guint low = 0, high = self->ends->len;

  while (low < high)
    {
      guint middle = (low + high) / 2;

      if (g_array_index (self->ends, gsize, middle) <= offset)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

void
muster_syslog_outbox_note_taken (MusterSyslogOutbox *self, guint64 taken)
{
  gsize offset = taken > self->base ? (gsize) MIN (taken - self->base, self->sent) : 0;
  guint n = count_before (self, offset);
  gsize bytes;

  if (n == 0)
    return;
  bytes = g_array_index (self->ends, gsize, n - 1);
  g_byte_array_remove_range (self->bytes, 0, (guint) bytes);
  g_array_remove_range (self->ends, 0, n);
  for (guint i = 0; i < self->ends->len; i++)
    g_array_index (self->ends, gsize, i) -= bytes;
  self->sent -= bytes;
  self->base += bytes;
}

guint
muster_syslog_outbox_rewind (MusterSyslogOutbox *self)
{
  guint again = count_before (self, self->sent);

  self->sent = 0;
  self->base = 0;
  return again;
}
