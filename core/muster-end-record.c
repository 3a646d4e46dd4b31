/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is said of a process that has ended. Pure functions; any thread.
 */
#include "config.h"

#include "muster-end-record-private.h"

#include "muster-encoder-private.h"

#include <signal.h>
#include <string.h>

#define N_SIGNALS 65

const char *
muster_signal_name (int number)
{
  static const char *names[N_SIGNALS]; /* each interned once */
  static GMutex mutex;
  const char *name = "unknown";

  if (number <= 0 || number >= N_SIGNALS)
    return name;
  g_mutex_lock (&mutex);
  if (names[number] == NULL)
    {
      const char *known = sigabbrev_np (number);
      g_autofree char *text = known != NULL        ? g_strconcat ("SIG", known, NULL)
                              : number >= SIGRTMIN ? g_strdup_printf ("SIGRTMIN+%d", number - SIGRTMIN)
                                                   : g_strdup_printf ("SIG%d", number);

      names[number] = g_intern_string (text);
    }
  name = names[number];
  g_mutex_unlock (&mutex);
  return name;
}

MusterLevel
muster_end_get_level (const MusterEnd *end)
{
  if (end->timed_out)
    return MUSTER_LEVEL_WARNING;
  if (end->wanted || (end->reason == MUSTER_EXIT_STATUS && end->status == 0))
    return MUSTER_LEVEL_NOTICE;
  if (end->reason == MUSTER_EXIT_SIGNAL)
    return MUSTER_LEVEL_CRITICAL;
  return end->reason == MUSTER_EXIT_STATUS ? MUSTER_LEVEL_ERROR : MUSTER_LEVEL_WARNING;
}

static char *
run_time_to_string (gint64 run_time_us)
{
  double seconds = (double) run_time_us / G_USEC_PER_SEC;

  if (seconds < 60)
    return g_strdup_printf ("%.1f s", seconds);
  if (seconds < 3600)
    return g_strdup_printf ("%.0f min %02.0f s", (double) (gint64) (seconds / 60), (double) ((gint64) seconds % 60));
  return g_strdup_printf ("%" G_GINT64_FORMAT " h %02" G_GINT64_FORMAT " min", (gint64) seconds / 3600,
                          (gint64) seconds % 3600 / 60);
}

char *
muster_end_to_string (const MusterEnd *end)
{
  g_autoptr (GString) text = g_string_new (NULL);

  if (end->reason == MUSTER_EXIT_STATUS)
    g_string_append_printf (text, "ended with status %d", end->status);
  else if (end->reason == MUSTER_EXIT_SIGNAL)
    g_string_append_printf (text, "ended by signal %d (%s)%s", end->signal, muster_signal_name (end->signal),
                            end->core_dumped ? ", core dumped," : "");
  else
    g_string_append (text, "ended, nobody can tell how,");
  if (end->run_time_us >= 0)
    {
      g_autofree char *run_time = run_time_to_string (end->run_time_us);

      g_string_append_printf (text, " after %s", run_time);
    }
  if (text->str[text->len - 1] == ',')
    g_string_truncate (text, text->len - 1);
  if (end->timed_out)
    g_string_append (text, "; it had not stopped within its stop-timeout");
  return g_string_free (g_steal_pointer (&text), FALSE);
}

#define MAX_FIELDS 12

static gsize
fill_fields (const MusterEnd *end, MusterField fields[MAX_FIELDS])
{
  gsize n = 0;

  fields[n++] = MUSTER_TEXT ("event", "exit");
  fields[n++] = MUSTER_NATURAL ("pid", end->pid);
  if (end->reason == MUSTER_EXIT_STATUS)
    fields[n++] = MUSTER_INTEGER ("status", end->status);
  if (end->reason == MUSTER_EXIT_SIGNAL)
    {
      fields[n++] = MUSTER_INTEGER ("signal", end->signal);
      fields[n++] = MUSTER_TEXT ("signal-name", muster_signal_name (end->signal));
      fields[n++] = MUSTER_FLAG ("core-dumped", end->core_dumped);
    }
  if (end->run_time_us >= 0)
    fields[n++] = MUSTER_NATURAL ("run_time_ms", (guint64) end->run_time_us / 1000);
  if (end->max_rss_kib > 0)
    fields[n++] = MUSTER_NATURAL ("max_rss_kib", end->max_rss_kib);
  fields[n++] = MUSTER_NATURAL ("restarts", end->restarts);
  if (end->backtrace != NULL && end->backtrace[0] != '\0')
    fields[n++] = MUSTER_TEXT ("backtrace", end->backtrace);
  if (end->stderr_tail != NULL && end->stderr_tail[0] != '\0')
    fields[n++] = MUSTER_TEXT ("stderr", end->stderr_tail);
  return n;
}

GBytes *
muster_end_encode (const MusterEnd *end, guint64 time_ns)
{
  g_autofree char *message = muster_end_to_string (end);
  g_autofree guint8 *buffer = g_malloc (MUSTER_ENTRY_MAX);
  MusterField fields[MAX_FIELDS];
  MusterRecordParts parts = {
    .level = muster_end_get_level (end),
    .time_ns = time_ns,
    .domain = muster_slice_from_string ("muster"),
    .message = muster_slice_from_string (message),
    .fields = fields,
    .n_fields = fill_fields (end, fields),
  };
  gsize length = 0;
  const guint8 *start = muster_encode_record (buffer, MUSTER_ENTRY_MAX, &parts, &length);

  return g_bytes_new (start, length);
}

GBytes *
muster_end_encode_primary (guint pid, gboolean source)
{
  guint8 *buffer = g_malloc (MUSTER_ENTRY_MAX);
  const MusterField fields[] = { MUSTER_TEXT ("event", source ? "exit" : "primary-lost"), MUSTER_NATURAL ("pid", pid) };
  const MusterRecordParts parts = { .level = MUSTER_LEVEL_CRITICAL,
                                    .time_ns = (guint64) g_get_real_time () * 1000,
                                    .domain = muster_slice_from_string ("muster"),
                                    .message = muster_slice_from_string (
                                        source ? "the primary of this source ended without a word"
                                               : "this primary ended without a word"),
                                    .fields = fields,
                                    .n_fields = G_N_ELEMENTS (fields) };
  gsize length;
  const guint8 *start = muster_encode_record (buffer, MUSTER_ENTRY_MAX, &parts, &length);
  GBytes *bytes = g_bytes_new (start, length);

  g_free (buffer);
  return bytes;
}
