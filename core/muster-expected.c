/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which processes report, and did, so that a dataset can say who is missing. One thread.
 */
#include "config.h"

#include "muster-expected-private.h"

#include <string.h>

struct _MusterExpected
{
  GPtrArray *processes; /* of MusterExpectedProcess */
};

static void
process_free (gpointer data)
{
  MusterExpectedProcess *process = data;

  g_free (process->worker);
  g_free (process);
}

MusterExpected *
muster_expected_new (void)
{
  MusterExpected *expected = g_new0 (MusterExpected, 1);

  expected->processes = g_ptr_array_new_with_free_func (process_free);
  return expected;
}

void
muster_expected_free (MusterExpected *expected)
{
  g_ptr_array_unref (expected->processes);
  g_free (expected);
}

static MusterExpectedProcess *
find (MusterExpected *expected, const char *worker, guint pid)
{
  for (guint i = 0; i < expected->processes->len; i++)
    {
      MusterExpectedProcess *process = expected->processes->pdata[i];

      if (process->pid == pid && process->gone_ns == G_MAXINT64 && strcmp (process->worker, worker) == 0)
        return process;
    }
  return NULL;
}

void
muster_expected_add (MusterExpected *expected, const char *worker, guint pid, gint64 since_ns)
{
  MusterExpectedProcess *process;

  if (find (expected, worker, pid) != NULL)
    return;
  process = g_new0 (MusterExpectedProcess, 1);
  process->worker = g_strdup (worker);
  process->pid = pid;
  process->since_ns = since_ns;
  process->gone_ns = G_MAXINT64;
  g_ptr_array_add (expected->processes, process);
}

void
muster_expected_remove (MusterExpected *expected, const char *worker, guint pid, gint64 now_ns, gint64 forget_ns)
{
  MusterExpectedProcess *gone = find (expected, worker, pid);

  if (gone != NULL)
    gone->gone_ns = now_ns;
  for (guint i = expected->processes->len; i > 0; i--)
    if (((MusterExpectedProcess *) expected->processes->pdata[i - 1])->gone_ns < forget_ns)
      g_ptr_array_remove_index (expected->processes, i - 1);
}

guint
muster_expected_count_absent (MusterExpected *expected, gint64 start_ns, gint64 end_ns, MusterExpectedFunc has_reported,
                              gpointer user_data)
{
  guint n = 0;

  for (guint i = 0; i < expected->processes->len; i++)
    {
      const MusterExpectedProcess *process = expected->processes->pdata[i];

      if (process->since_ns < end_ns && process->gone_ns >= start_ns && !has_reported (process, user_data))
        n++;
    }
  return n;
}
