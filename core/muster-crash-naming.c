/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Names for a backtrace, from another thread, with a time limit. The object belongs to the thread of its context.
 */
#include "config.h"

#include <gio/gio.h>

#include "muster-crash-naming-private.h"
#include "muster-crash-report-private.h"

struct _MusterCrashNaming
{
  MusterJournalCrash crash;
  MusterCrashNamedFunc func; /* NULL: it was called, or nobody waits any more */
  gpointer user_data;
  GSource *timer;             /* owned */
  gatomicrefcount references; /* the task's, and that of who waits */
};

static void
unref (gpointer data)
{
  MusterCrashNaming *naming = data;

  if (g_atomic_ref_count_dec (&naming->references))
    g_free (naming);
}

void
muster_crash_naming_cancel (MusterCrashNaming *naming)
{
  naming->func = NULL;
  g_source_destroy (naming->timer);
  g_clear_pointer (&naming->timer, g_source_unref);
  unref (naming);
}

static void
answer (MusterCrashNaming *naming, const char *backtrace)
{
  MusterCrashNamedFunc func = naming->func;
  gpointer user_data = naming->user_data;

  muster_crash_naming_cancel (naming);
  func (backtrace, user_data);
}

static void
name_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  g_task_return_pointer (task, muster_crash_report_name (&((MusterCrashNaming *) data)->crash), g_free);
}

static void
named_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree char *backtrace = g_task_propagate_pointer (G_TASK (result), NULL);
  MusterCrashNaming *naming = g_task_get_task_data (G_TASK (result));

  if (naming->func != NULL)
    answer (naming, backtrace);
}

static gboolean
timeout_cb (gpointer user_data)
{
  MusterCrashNaming *naming = user_data;
  char raw[8192];

  muster_crash_report_print_raw (&naming->crash, raw, sizeof raw);
  answer (naming, raw);
  return G_SOURCE_REMOVE;
}

MusterCrashNaming *
muster_crash_naming_start (const MusterJournalCrash *crash, gint64 timeout_us, GMainContext *context,
                           MusterCrashNamedFunc func, gpointer user_data)
{
  MusterCrashNaming *naming = g_new (MusterCrashNaming, 1);
  g_autoptr (GTask) task = NULL;

  naming->crash = *crash;
  naming->func = func;
  naming->user_data = user_data;
  g_atomic_ref_count_init (&naming->references);
  g_atomic_ref_count_inc (&naming->references);
  naming->timer = g_timeout_source_new ((guint) (timeout_us / 1000));
  g_source_set_static_name (naming->timer, "muster-crash-naming");
  g_source_set_callback (naming->timer, timeout_cb, naming, NULL);
  g_source_attach (naming->timer, context);
  g_main_context_push_thread_default (context);
  task = g_task_new (NULL, NULL, named_cb, NULL);
  g_main_context_pop_thread_default (context);
  g_task_set_task_data (task, naming, unref);
  g_task_run_in_thread (task, name_thread);
  return naming;
}
